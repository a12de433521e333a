# SPDX-License-Identifier: BSD-2-Clause
# What libweir.so exports: the public names, all of them and nothing else. The list is kept,
# so that a name comes or goes on purpose: `make update-symbols` writes it anew.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

library=.libs/libweir.so
[ -f "$library" ] || skip_all "libweir.so is not built"
case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a sanitizer adds names of its own" ;;
esac

# Without the names of versions, which nm calls absolute (A).
exported() {
    nm -D --defined-only "$1" | awk '$2 ~ /^[B-Z]$/ { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort
}

none() {
    found=$(cat)
    [ -z "$found" ] || { echo "$found"; return 1; }
}

public_names_only() {
    exported "$library" | grep -v '^weir_[a-z]' | none
}

equals_the_list() {
    exported "$library" | diff "$srcdir/lib/libweir.symbols" -
}

# A name that no installed header declares cannot be used by anyone.
each_is_declared() {
    exported "$library" | while read -r name; do
        grep -qw "$name" "$srcdir"/lib/weir/*.h || echo "$name is in no installed header"
    done | none
}

# The reverse: what the headers promise to link is there.
each_declared_is_exported() {
    exported "$library" >symbols.$$
    cat "$srcdir"/lib/weir/*.h | tr '\n' ' ' | tr ';{}' '\n\n\n' |
        sed -n 's/.*WEIR_API[^(]*[ *]\(weir_[a-z0-9_]*\) *(.*/\1/p' |
        while read -r name; do
            grep -qx "$name" symbols.$$ || echo "$name is declared and not exported"
        done | none
    result=$?
    rm -f symbols.$$
    return $result
}

each_has_its_version() {
    nm -D --defined-only "$library" | awk '$2 ~ /^[B-Z]$/ && $3 !~ /@@WEIR_0$/ { print $3 }' | none
}

claim "libweir.so exports weir_ names only, none of the inner weir__" public_names_only
claim "libweir.so exports what lib/libweir.symbols lists" equals_the_list
claim "each has the version of the soname" each_has_its_version
claim "every exported name is declared in an installed header" each_is_declared
claim "every WEIR_API function of an installed header is exported" each_declared_is_exported

# Plugins find weir_* in the process: the command must hold and export the same names.
command=.libs/weir
[ -f "$command" ] || command=weir
command_exports_the_same() {
    exported "$command" | grep '^weir_[a-z]' | diff "$srcdir/lib/libweir.symbols" -
}
if [ -f "$command" ]; then
    claim "the command weir exports the same names to plugins" command_exports_the_same
fi
finish
