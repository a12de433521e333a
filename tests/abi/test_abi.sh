# SPDX-License-Identifier: BSD-2-Clause
# The binary interface is that of the last kept description (libweir.abi), and functions that
# were added since. Where a struct that says its own size has grown at its end on purpose, and
# the ABI log in processor.h says so: `make update-abi`.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
abi=$srcdir/tests/abi
library=.libs/libweir.so

case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a sanitizer adds names of its own" ;;
esac
command -v abidiff >/dev/null 2>&1 || skip_all "abidiff (abigail-tools) not found"
[ "$(uname -m)" = x86_64 ] || skip_all "the kept description is of x86_64"
readelf -S "$library" | grep -q '\.debug_info' || skip_all "built without debug information (-g)"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

compares() { # DESCRIPTION
    sh "$abi/abi" compare "$1" "$library" "$srcdir/lib/weir"
}

# As if the description had been kept when something else was there: SED-SCRIPT
complains() {
    sed "$1" "$abi/libweir.abi" >"$tmp/other.abi"
    cmp -s "$abi/libweir.abi" "$tmp/other.abi" && { echo "nothing was edited"; return 1; }
    ! compares "$tmp/other.abi"
}

claim "the binary interface is as it was" compares "$abi/libweir.abi"
claim "a function that is gone is found" \
    complains 's/weir_json_find/weir_json_lost/g'
claim "a member that moved is found" \
    complains "/<class-decl name='weir_emit'/,/class-decl>/s/layout-offset-in-bits='128'/layout-offset-in-bits='192'/"
claim "a struct that is passed by value and grew is found" \
    complains "s/<class-decl name='weir_bytes' size-in-bits='128'/<class-decl name='weir_bytes' size-in-bits='192'/"
finish
