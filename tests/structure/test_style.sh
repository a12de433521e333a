# SPDX-License-Identifier: BSD-2-Clause
# What every source file keeps to, as far as a shell can tell.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
cd "$srcdir" || exit 1

code() {
    find lib apps processors examples tests demo bench \( -name '*.[ch]' -o -name '*.cc' \) -print
}

sources() {
    code
    find m4 -name 'weir_*.m4'
    find lib apps processors examples tests demo bench docs -name '*.sh' -o -name 'Makefile.inc'
    echo configure.ac Makefile.am bootstrap .ci/run tests/kafka/kafka | tr ' ' '\n'
}

none() { # prints what was found, and fails, if there is anything
    found=$(cat)
    [ -z "$found" ] || { echo "$found"; return 1; }
}

each_has_spdx() {
    sources | while read -r file; do
        [ ! -f "$file" ] || head -n 40 "$file" | grep -q 'SPDX-License-Identifier: BSD-2-Clause' ||
            echo "$file has no SPDX line"
    done | none
}

no_trailing_space() {
    sources | while read -r file; do
        [ ! -f "$file" ] || grep -Hn '[[:space:]]$' "$file"
    done | none
}

# Tests are longer lists.
none_too_long() {
    code | xargs wc -l | awk '
        { limit = $2 ~ /^tests\// ? 700 : 500 }
        $2 != "total" && $1 > limit { print $2 " has " $1 " lines" }' | none
}

no_typedefs_in_t() {
    code | xargs grep -HnE '^typedef.*[a-z]_t;|^} [a-z_]+_t;' | none
}

guards_in_every_header() {
    code | grep '\.h$' | xargs grep -L '^#ifndef WEIR_' | none
}

opens_with_a_comment() {
    code | grep '\.c$' | while read -r file; do
        [ "$(head -c 2 "$file")" = '/*' ] || echo "$file does not open with a comment"
    done | none
}

no_tabs_in_json() {
    find docs demo -name '*.json' -exec grep -Hn "$(printf '\t')" {} + | none
}

claim "every source has its SPDX line" each_has_spdx
claim "no line ends in a space" no_trailing_space
claim "no file is over 500 lines, none of tests over 700" none_too_long
claim "no type is named _t" no_typedefs_in_t
claim "every header has its guard" guards_in_every_header
claim "every .c file opens with a comment on what it knows" opens_with_a_comment
claim "JSON files have no tabs" no_tabs_in_json
finish
