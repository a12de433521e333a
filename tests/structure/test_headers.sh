# SPDX-License-Identifier: BSD-2-Clause
# Each installed header compiles alone, as C11 and as C++, without a warning.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
warnings='-Wall -Wextra -Wpedantic -Werror'

compiles() { # COMPILER STANDARD SUFFIX HEADER
    # shellcheck disable=SC2086  # lists of words
    {
        echo "#include <weir/$4>"
        echo "#include <weir/$4>"
        echo "int weir_header_test(void);"
        echo "int weir_header_test(void) { return 0; }"
    } >"$folder/header.$3" &&
        $1 "-std=$2" $warnings -I"$srcdir/lib" ${JANSSON_CFLAGS:-} -c "$folder/header.$3" \
            -o "$folder/header.o"
}

for header in "$srcdir"/lib/weir/*.h; do
    header=${header##*/}
    claim "$header compiles alone as C11" compiles "${CC:-cc}" c11 c "$header"
    if command -v "${CXX%% *}" >/dev/null 2>&1; then
        claim "$header compiles alone as C++11" compiles "$CXX" c++11 cc "$header"
        claim "$header compiles alone as C++20" compiles "$CXX" c++20 cc "$header"
    else
        skip "$header compiles alone as C++" "no C++ compiler"
    fi
done
finish
