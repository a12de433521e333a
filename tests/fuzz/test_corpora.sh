# SPDX-License-Identifier: BSD-2-Clause
# Each fuzz target over the inputs that were kept: seeds, and what once broke it.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

# All inputs were run, and nothing was wrong with any.
replays() { # TARGET
    set -- "$1" "$srcdir/tests/fuzz/corpus/$1"/*
    target=$1
    shift
    [ -f "$1" ] || { echo "no corpus"; return 1; }
    output=$("tests/fuzz/replay_$target" "$@" 2>&1)
    status=$?
    printf '%s\n' "$output" | tail -n 40
    [ $status -eq 0 ] && printf '%s\n' "$output" | grep -qx "$# inputs"
}

for folder in "$srcdir"/tests/fuzz/corpus/*/; do
    target=$(basename "$folder")
    claim "what was kept of $target holds" replays "$target"
done

# A check that fails ends a replay, or the claims above would say nothing.
a_missing_file_fails() {
    ! tests/fuzz/replay_json "$srcdir/tests/fuzz/corpus/none" 2>/dev/null
}
claim "a replay that fails is seen" a_missing_file_fails
finish
