# SPDX-License-Identifier: BSD-2-Clause
# `make demo` where there is no Java: it says so, runs the small demo, and counts right.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
srcdir=$(cd "${srcdir:-.}" && pwd)
have_jq || skip_all "the processor jq is not built"
unset MAKEFLAGS MAKELEVEL JAVA_HOME DEMO_DIR

# All that PATH has, but for Java.
mkdir "$tmp/bin" || exit 1
echo "$PATH" | tr : '\n' | while read -r folder; do
    find "$folder/" -maxdepth 1 ! -type d ! -name 'java*' -exec ln -s {} "$tmp/bin" \; 2>/dev/null
done
PATH=$tmp/bin
export PATH

make_demo() {
    status=0
    "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

it_ends_well() {
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] || show
}

says() { # PATTERN...
    for pattern in "$@"; do
        grep -q -e "$pattern" "$tmp/out" || { echo "no $pattern"; cat "$tmp/out"; return 1; }
    done
}

nothing_left() {
    left=$(ls -A "$tmp/tmp") && [ -z "$left" ] || { echo "$left"; return 1; }
}

# A weir that gets its output wrong, in a build folder of its own.
counts() { # SED-SCRIPT PATTERN: what happens to the output, what the table then has
    mkdir -p "$tmp/build/demo"
    printf '#!/bin/sh\n"%s" "$@" | sed "%s"\n' "$weir" "$1" >"$tmp/build/weir"
    : >"$tmp/build/demo/witness"
    chmod 755 "$tmp/build/weir" "$tmp/build/demo/witness"
    make_demo sh "$srcdir/demo/demo" "$tmp/build"
    [ "$status" = 1 ] || show || return 1
    says "$2" && grep -q -e "$3" "$tmp/err" || show
}

mkdir "$tmp/tmp" || exit 1
TMPDIR=$tmp/tmp
export TMPDIR
make_demo "${MAKE:-make}" -s demo
claim "make demo without Java ends with success" it_ends_well
claim "it says that there is no Java, and what it does instead" says 'no Java found (java)' \
    'on the broker that weir has inside' './bootstrap demo installs Java'
claim "its table is right" says \
    '^| exactly-once  |   20 020 |   20 000 |     0 |        0 |   20 |$' '4 349 of them late'
claim "each flight that was sent twice came out once, with its airports" says \
    '^Out, with both airports: {.*"from":{"iata":"DTW"' '0 missing, 0 strange' \
    'each of the 19 998 different ones pass once (19 998 came out)'
claim "nothing of it is left behind" nothing_left
JAVA_HOME=$tmp/nowhere
export JAVA_HOME
make_demo sh "$srcdir/demo/demo"
claim "a JAVA_HOME without Java is named" says "no Java found ($tmp/nowhere/bin/java)"
unset JAVA_HOME
claim "a record that is missing is counted, and the demo fails" \
    counts 5000d '|   20 020 |   19 999 |     1 |        0 |   20 |' 'NOT KEPT: exactly-once'
claim "so is one that comes twice" \
    counts 5000p '|   20 020 |   20 001 |     0 |        1 |   20 |' 'NOT KEPT: exactly-once'
claim "and a wrong value" \
    counts '5,9s/,.late.:true}/}/' '|   20 020 |   20 000 |     0 |        0 |   20 |' \
    'records have a wrong value'
claim "and a flight with a wrong airport" \
    counts '5000s/.from.:/\"fro\":/' '|   20 020 |   20 000 |     0 |        0 |   20 |' \
    'NOT KEPT: 1 flights are not as they should be, 1 should not be there'
finish
