# SPDX-License-Identifier: BSD-2-Clause
# weir new: what it refuses, and that what it makes builds without warnings, passes its own
# tests and runs, with an installed weir in a prefix of its own.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
build=$PWD
umask 022
mkdir "$tmp/here" && cd "$tmp/here" || exit 1

left() { # what there is in the folder, sorted
    find . -mindepth 1 -maxdepth 1 | LC_ALL=C sort | tr '\n' ' '
}

leaves() { # TEXT
    [ "$(left)" = "$1" ] || { echo "there is: $(left)"; return 1; }
}

# --- What it refuses -----------------------------------------------------------------------

refuses_names() {
    for name in a/b .. . ../x /x '' 9lives _x 'a b' a.b -- 'é' \
        "$(printf '%064d' 0 | tr 0 a)"; do
        refuses 2 '^weir new: ' new -- "$name" || { echo "name: $name"; return 1; }
    done
    refuses 2 '^weir new: no NAME given' new && leaves ""
}

refuses_what_is_there() {
    mkdir folder && touch file && ln -s nowhere link || return 1
    for name in folder file link; do
        refuses 1 "^weir new: $name exists already\$" new "$name" || return 1
    done
    leaves "./file ./folder ./link " && rm -r folder file link
}

# Its first file is larger than that, and a write beyond the limit fails. What counts lines
# would be cut off there, too: elsewhere then.
leaves_nothing_half_made() {
    status=0
    (trap '' XFSZ; GCOV_PREFIX=$tmp/gcov; export GCOV_PREFIX; ulimit -f 1; exec "$weir" new half) >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -qx 'weir new: half cannot be written: File too large' "$tmp/err" || show || return 1
    leaves ""
}

is_as_mkdir_makes_it() {
    (umask 027 && "$weir" new -q modes && mkdir other) || return 1
    [ "$(stat -c %a modes)" = "$(stat -c %a other)" ] && leaves "./modes ./other " && rm -r modes other
}

# All words are replaced, and nothing is there twice.
has_no_template_left() {
    for flags in --make --autotools --meson '--state --make' '--state --autotools' '--state --meson'; do
        # shellcheck disable=SC2086  # a list of words
        "$weir" new -q late-orders $flags || return 1
        ! grep -rnE '@[a-z]+@' late-orders || return 1
        rm -r late-orders
    done
}

claim "names that are none, or lead elsewhere, are refused" refuses_names
claim "what exists is left alone" refuses_what_is_there
claim "one build" refuses 2 'one of --make, --autotools and --meson' new x --make --meson
claim "when a write fails nothing is left" leaves_nothing_half_made
claim "the folder is as mkdir makes it" is_as_mkdir_makes_it
claim "no word of a template is left" has_no_template_left
case ${WEIR_SANITIZER:-no} in
no) ;;
*)
    skip "what it makes builds" "a plugin of its own has no sanitizer"
    finish
    exit 0
    ;;
esac
command -v pkg-config >/dev/null 2>&1 || { skip "what it makes builds" "pkg-config not found"; finish; exit 0; }

# --- An installed weir ---------------------------------------------------------------------

unset MAKEFLAGS MAKELEVEL CFLAGS
prefix=$(sed -n 's/^prefix *= *//p' "$build/Makefile")
home=$tmp/root$prefix
install_weir() {
    (cd "$build" && ${MAKE:-make} -s DESTDIR="$tmp/root" install) || return 1
    sed -i "s|^prefix=.*|prefix=$home|" "$(find "$home" -name weir.pc)"
}
claim "weir is installed" install_weir
pc=$(find "$home" -name weir.pc)
PATH=$home/bin:$PATH PKG_CONFIG_PATH=${pc%/*}
export PATH PKG_CONFIG_PATH
unset WEIR_PLUGIN_PATH

# makes NAME FLAG...: the project, and what it says to do next in it (the lines of two blanks)
makes() {
    weir new "$@" >next || return 1
    sed -n 's/^  //p' next >"$1.sh"
    [ "$(wc -l <"$1.sh")" = 3 ] || { cat next; return 1; }
}

# follows NAME: do just that; -Werror comes from the environment of configure, meson and make
follows() {
    (set -e; . "./$1.sh") >"$tmp/out" 2>"$tmp/err" </dev/null || { status=$?; tail -40 "$tmp/out"; show; return 1; }
    ! grep -E 'warning:' "$tmp/out" "$tmp/err" || return 1
    grep -qx "${2:-\{\"amount\": 120\}}" "$tmp/out" || show
}

by_make() { # CC NAME FLAG...
    compiler=$1 name=$2
    shift
    makes "$@" && sed -i "s|^make check\$|make check CC='$compiler' CFLAGS='-g -O2 -Werror'|" "$name.sh" || return 1
    case $* in
    *--state*) follows "$name" 5 ;;
    *) follows "$name" ;;
    esac
}

state_by_make() {
    by_make "${CC:-cc}" totals --state && weir check totals/totals.json | grep -q 'totals'
}

by_autotools() {
    makes auto-built --autotools && CFLAGS='-g -O2 -Werror' follows auto-built &&
        (cd auto-built && ${MAKE:-make} -s install DESTDIR="$tmp/installed") >"$tmp/out" 2>&1 &&
        find "$tmp/installed" -path '*/weir/processors/auto-built.so' | grep .
}

# The macro where it is installed, for projects that do not carry a copy.
by_installed_macro() {
    cp -R auto-built by-macro && cd by-macro && rm weir.m4 aclocal.m4 && sed -i /m4_include/d configure.ac || return 1
    ACLOCAL_PATH=$home/share/aclocal aclocal >"$tmp/out" 2>"$tmp/err" && grep -q '^AC_DEFUN(\[WEIR_PROCESSOR\]' aclocal.m4 || show
}

# "install" is a word of meson's own.
by_meson() {
    makes install --meson --state && CFLAGS='-Werror' follows install 5 &&
        (cd install && DESTDIR=$tmp/by-meson meson install -C build) >"$tmp/out" 2>&1 &&
        find "$tmp/by-meson" -path '*/weir/processors/install-processor.so' | grep .
}

# A case that fails makes the build's own check fail.
a_wrong_case_fails() {
    by_make "${CC:-cc}" wrong && sed -i 's/"amount": 99.5/"amount": 199.5/' wrong/wrong.test.json &&
        ! ${MAKE:-make} -C wrong check >"$tmp/out" 2>&1 && grep -q 'FAILED' "$tmp/out"
}

# make install, and then weir finds it by its name
is_installed() {
    ${MAKE:-make} -s -C totals install &&
        [ -x "$(pkg-config --variable=processordir weir)/totals.so" ] &&
        WEIR_PLUGIN_PATH=$(pkg-config --variable=processordir weir) weir list | grep '^totals '
}

# shellcheck disable=SC2046  # a list of words
header_in_cxx() { # CXX
    printf '%s\n' '#include <weir/processor.h>' '#include <weir/json.h>' '#include <weir/testing.h>' \
        'static weir_verdict record(weir_context *ctx, void *, const weir_record *)' \
        '{ return weir_emit_same(ctx) == 0 ? WEIR_DONE : WEIR_REJECT; }' \
        'static weir_processor make() { weir_processor made = {}; made.abi = WEIR_PROCESSOR_ABI;' \
        'made.size = sizeof(made); made.name = "cxx"; made.record = record; return made; }' \
        'static const weir_processor processor = make();' 'WEIR_PLUGIN(processor);' >cxx.cc
    $1 -Wall -Wextra -Werror -fPIC -shared $(pkg-config --cflags weir) -o cxx.so cxx.cc &&
        weir describe cxx --plugins ./cxx.so | grep -q cxx
}

claim "make: builds without warnings, its test passes, it runs" by_make "${CC:-cc}" orders
claim "a name that is a word of C, and the longest one" \
    eval 'by_make "${CC:-cc}" int && by_make "${CC:-cc}" "$(printf "%063d" 0 | tr 0 a)"'
claim "with state" state_by_make
claim "a wrong case fails" a_wrong_case_fails
claim "make install puts it where weir looks" is_installed
claim "headers and a processor in C++ with ${CXX:-c++}" header_in_cxx "${CXX:-c++}"
if command -v clang >/dev/null 2>&1; then
    claim "with clang" by_make clang by-clang
    claim "with clang and state" by_make clang state-by-clang --state
    claim "in C++ with clang++" header_in_cxx clang++
else
    skip "with clang" "clang not found"
fi
if command -v autoreconf >/dev/null 2>&1 && command -v libtoolize >/dev/null 2>&1; then
    claim "autotools, by WEIR_PROCESSOR" by_autotools
    claim "the macro that is installed" by_installed_macro
else
    skip "autotools" "autoconf, automake or libtool not found"
fi
if command -v meson >/dev/null 2>&1 && command -v ninja >/dev/null 2>&1; then
    claim "meson" by_meson
else
    skip "meson" "meson not found: apt-get install meson"
fi
cd "$build" || exit 1
finish
