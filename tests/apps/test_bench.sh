# SPDX-License-Identifier: BSD-2-Clause
# bench/bench with few records: that its programs still work and find what they shall find, not
# what it measures. Without Kafka Streams, which takes long to start.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
srcdir=$(cd "${srcdir:-.}" && pwd)
why=$("$srcdir/tests/kafka/kafka" check 2>&1) || skip_all "$why"
WEIR_STREAMS_LIBS=$tmp/nowhere
export WEIR_STREAMS_LIBS

status=0
sh "$srcdir/bench/bench" --build "$(pwd)" --no-pin --records 5000 --pairs 1 --ids 3000 \
    --state-pairs 1 --only copy --only dedup --only enrich --out "$tmp/figures" \
    >"$tmp/out" 2>"$tmp/err" || status=$?

it_ends_well() {
    [ "$status" = 0 ] && grep -q 'without Kafka Streams: .*no Kafka Streams' "$tmp/err" || show
}

# has PART PROGRAM RECORDS: so many records are in the program's output
has() {
    grep -q "^$1 $2 exactly-once 1 .* records=$3 " "$tmp/figures" || cat "$tmp/figures"
}

each_output_has_its_records() {
    lines=$(wc -l <"$tmp/figures")
    left=$(has copy bare 5000; has copy weir 5000; has dedup bare 6000; has dedup weir 3000
        has enrich bare 6000; has enrich weir 6000)
    [ "$lines" = 8 ] && [ -z "$left" ] || { echo "$left"; return 1; }
}

tables_are_printed() {
    for row in '| exactly-once, records/s | ' '| | dedup: bare loop |' '| | enrich: bare loop |'; do
        grep -qF "$row" "$tmp/out" || { echo "no $row"; cat "$tmp/out"; return 1; }
    done
}

claim "bench runs, and says what it goes on without" it_ends_well
claim "each output has its records" each_output_has_its_records
claim "its tables are printed" tables_are_printed
finish
