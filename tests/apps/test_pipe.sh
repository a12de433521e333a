# SPDX-License-Identifier: BSD-2-Clause
# weir pipe: lines through a real worker on the embedded broker.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

flights=$data/flights.jsonl
copy=$tmp/copy.json
by_kind=$tmp/route.json
late=$tmp/late.json
dead='"dead_letter": {"topic": "flights-dead"}'
pipeline "$copy" '[]'
pipeline "$by_kind" '[{"use": "route", "with": {"by": "/origin", "unknown": "default"}}]' \
    '{ "default": "rest", "DTW": "detroit", "LAS": "las-vegas" }' "$dead"
pipeline "$late" '[{"use": "jq", "with": {"program": "if .delay > 15 then .late = true else . end"}}]' \
    '' "$dead"

sed 's/localhost:1/${WEIR_TEST_NOT_SET}/' "$copy" >"$tmp/secret.json"

# gives INPUT OUTPUT ARGUMENT...: printf formats of what goes in and must come out
gives() {
    input=$1 output=$2
    shift 2
    printf "$output" >"$tmp/wanted"
    printf "$input" >"$tmp/in"
    run_weir pipe "$@" <"$tmp/in"
    [ "$status" = 0 ] && cmp "$tmp/out" "$tmp/wanted" || show
}

copies() {
    run_weir pipe "$copy" --set "/guarantee=$1" <"$flights"
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && cmp "$tmp/out" "$flights" || show
}

# The same by another path: what jq adds stands before the last brace, and nothing else changes.
equals_awk() {
    awk -F'"delay":' '{ split($2, rest, ","); if (rest[1] > 15) sub(/}$/, ",\"late\":true}"); print }' \
        "$flights" >"$tmp/wanted"
    run_weir pipe "$late" <"$flights"
    [ "$status" = 0 ] && [ "$(wc -l <"$tmp/out")" = 20000 ] && cmp "$tmp/out" "$tmp/wanted" || show
}

routes_to_files() {
    run_weir pipe "$by_kind" --output "DTW=$tmp/dtw" --output "LAS=$tmp/las" <"$flights"
    [ "$status" = 0 ] || show || return 1
    grep '"origin":"DTW"' "$flights" | cmp - "$tmp/dtw" &&
        grep '"origin":"LAS"' "$flights" | cmp - "$tmp/las" &&
        grep -v -e '"origin":"DTW"' -e '"origin":"LAS"' "$flights" | cmp - "$tmp/out"
}

two_outputs_share_a_file() {
    run_weir pipe "$by_kind" --output "DTW=$tmp/both" --output "LAS=$tmp/both" <"$flights"
    [ "$status" = 0 ] && [ "$(wc -l <"$tmp/both")" = \
        "$(grep -c -e '"origin":"DTW"' -e '"origin":"LAS"' "$flights")" ] || show
}

rejects_bad_lines() {
    printf '{"delay":20}\n\n{bro\n"text"\n{"delay":1}\n' | "$weir" pipe "$late" >"$tmp/out" 2>"$tmp/err"
    printf '{"delay":20,"late":true}\n{"delay":1}\n' | cmp - "$tmp/out" || return 1
    [ "$(wc -l <"$tmp/err")" = 3 ] || { cat "$tmp/err"; return 1; }
    for line in 2 3 4; do
        grep -q "^weir pipe: line $line: jq: rejected: " "$tmp/err" || return 1
    done
    grep -q "{bro$" "$tmp/err"
}

dead_letters_to_file() {
    printf 'a\tb\n1\n{"x":\n' | "$weir" pipe "$late" --dead-letters "$tmp/dead" >"$tmp/out" 2>"$tmp/err"
    [ ! -s "$tmp/err" ] && printf 'a\tb\n1\n{"x":\n' | cmp - "$tmp/dead"
}

stops_without_dead_letters() {
    status=0
    printf '1\n{bro\n2\n' | "$weir" pipe "$late" --set /dead_letter=null \
        >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -q "flights\[0\]@0" "$tmp/err" || show
}

# Whoever stops reading is not told; the pipe ends soon, not at the end of its input.
reader_goes_away() {
    yes '{"delay":99}' | {
        "$weir" pipe "$copy" 2>"$tmp/err"
        echo $? >"$tmp/status"
    } | head -2 >"$tmp/out"
    [ "$(wc -l <"$tmp/out")" = 2 ] && [ "$(cat "$tmp/status")" = 1 ] && [ ! -s "$tmp/err" ]
}

full_disk() {
    [ -c /dev/full ] || return 0
    status=0
    "$weir" pipe "$copy" <"$flights" >/dev/full 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -q "standard output: " "$tmp/err"
}

closed_input() {
    status=0
    "$weir" pipe "$copy" <&- >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -q "standard input" "$tmp/err" || show
}

long_lines() {
    awk 'BEGIN { for (i = 0; i < 1048576; i++) printf "x"; print ""; print "short" }' >"$tmp/in"
    run_weir pipe "$copy" <"$tmp/in"
    [ "$status" = 0 ] && cmp "$tmp/in" "$tmp/out"
}

longest_line() {
    status=0
    { echo first; head -c 70000000 /dev/zero | tr '\0' x; } |
        "$weir" pipe "$copy" >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -q "line 2 is longer than 64 MiB" "$tmp/err" || show
}

# What was typed is answered although more may come.
answers_while_input_is_open() {
    mkfifo "$tmp/fifo"
    "$weir" pipe "$copy" <"$tmp/fifo" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    exec 9>"$tmp/fifo"
    echo hello >&9
    tries=0
    until grep -q hello "$tmp/out" || [ $tries -ge 200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    answered=$(cat "$tmp/out")
    exec 9>&-
    wait "$pid"
    [ "$answered" = hello ]
}

# 60 MB through an address space that could not hold them
bounded_memory() {
    yes "$(head -c 500 "$flights" | tr -d '\n')" | head -n 600000 >"$tmp/big"
    before=$(cksum <"$tmp/big")
    after=$("$weir" pipe "$copy" --set /commit/bytes=1MiB <"$tmp/big" 2>"$tmp/err" | cksum)
    rss=$(sh -c '"$0" pipe "$1" --set /commit/bytes=1MiB <"$2" >/dev/null & pid=$!
        peak=0
        while [ -r /proc/$pid/status ] && kill -0 $pid 2>/dev/null; do
            now=$(sed -n "s/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p" /proc/$pid/status 2>/dev/null)
            [ -z "$now" ] || peak=$now
            sleep 0.02
        done
        echo $peak' "$weir" "$copy" "$tmp/big")
    rm -f "$tmp/big"
    echo "$before, $after, $rss KiB"
    [ "$before" = "$after" ] && [ "$rss" -lt 100000 ]
}

# ---- tables ----

full=$tmp/enrich.json
two=$tmp/two.json
airports='"airports": {"topic": "all-airports"}'
to_from='{"use": "enrich", "with": {"table": "airports", "on": "/origin", "into": "/from", "missing": "keep"}}'
to_by='{"use": "enrich", "with": {"table": "carriers", "on": "/by", "into": "/carrier", "missing": "keep"}}'
pipeline "$full" "[$to_from]" '' "\"tables\": {$airports}"
pipeline "$two" "[$to_from, $to_by]" '' "\"tables\": {$airports, \"carriers\": {\"topic\": \"c\"}}"
printf 'DTW\t"Detroit"\nLAS\t{ "n": 1.50 }\nDTW\t"Wayne"\n' >"$tmp/keyed"
printf '{"id":7,"n":"seven"}\n{"id":"LAS"}\n{"id":7.0}\n' >"$tmp/lines"

# The same by another path: each flight's line, its last brace away, and the airport's line.
flights_get_airports() {
    sed 's/.*"iata":"\([^"]*\)".*/\1 &/' "$data/airports.jsonl" >"$tmp/by-iata"
    awk 'FNR == NR { airport[$1] = substr($0, length($1) + 2); next }
        { split($0, part, "\"origin\":\""); origin = part[2]; sub(/".*/, "", origin)
          if (origin in airport) print substr($0, 1, length($0) - 1) ",\"from\":" airport[origin] "}"
          else print }' "$tmp/by-iata" "$flights" >"$tmp/wanted"
    run_weir pipe "$full" --table "airports=$data/airports.jsonl" --table-key /iata "$@" <"$flights"
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && [ "$(grep -c '"from":' "$tmp/out")" = 20000 ] &&
        cmp "$tmp/out" "$tmp/wanted" || show
}

leaves_no_folder() {
    mkdir "$tmp/folders" &&
        TMPDIR=$tmp/folders gives '{}\n' '{}\n' "$full" --table "airports=$tmp/keyed" &&
        [ -z "$(ls "$tmp/folders")" ]
}

table_refused() { # PATTERN ARGUMENT...
    pattern=$1
    shift
    refuses 2 "$pattern" pipe "$full" "$@"
}

for guarantee in exactly-once at-least-once at-most-once; do
    claim "20 000 flights get their airports, $guarantee" \
        flights_get_airports --set "/guarantee=$guarantee"
done
claim "a table's line is a key, a tab and a value; the last one counts" \
    gives '{"origin":"DTW"}\n{"origin":"LAS"}\n{"origin":"X"}\n' \
    '{"origin":"DTW","from":"Wayne"}\n{"origin":"LAS","from":{ "n": 1.50 }}\n{"origin":"X"}\n' \
    "$full" --table "airports=$tmp/keyed"
claim "or JSON with the key in it, a number as it is written" \
    gives '{"origin":7}\n{"origin":"LAS"}\n{"origin":"7.0"}\n{"origin":7.00}\n' \
    '{"origin":7,"from":{"id":7,"n":"seven"}}\n{"origin":"LAS","from":{"id":"LAS"}}\n{"origin":"7.0","from":{"id":7.0}}\n{"origin":7.00}\n' \
    "$full" --table "airports=$tmp/lines" --table-key /id
claim "each table has its own file and key" \
    gives '{"origin":"LAS","by":7}\n' \
    '{"origin":"LAS","by":7,"from":{ "n": 1.50 },"carrier":{"id":7,"n":"seven"}}\n' \
    "$two" --table "airports=$tmp/keyed" --table "carriers=$tmp/lines" --table-key carriers=/id
claim "an empty file is an empty table" \
    gives '{"origin":"LAS"}\n' '{"origin":"LAS"}\n' "$full" --table airports=/dev/null
claim "its folder is gone at the end" leaves_no_folder
claim "a table without a file is named, with the option" \
    table_refused 'table airports has no records here.*--table airports=FILE'
claim "a table that the pipeline does not have is named" \
    table_refused 'has no table "airport"' --table "airport=$tmp/keyed"
claim "so is one of --table-key" \
    table_refused 'has no table "x"' --table "airports=$tmp/keyed" --table-key x=/id
claim "a file that is not there is named" \
    table_refused 'table airports: .*/none: No such file' --table "airports=$tmp/none"
claim "a folder is no file of lines" table_refused 'table airports: .*directory' --table "airports=$tmp"
claim "a line without a key is named" \
    table_refused 'table airports: .*/lines: line 1: no key' --table "airports=$tmp/lines"
claim "a line without a key in it is named" \
    table_refused 'table airports: .*/lines: line 1: no key at /name' \
    --table "airports=$tmp/lines" --table-key /name
claim "a line that is no JSON has no key in it" \
    table_refused 'table airports: .*/keyed: line 1: no key at /id' \
    --table "airports=$tmp/keyed" --table-key /id
claim "a key that is no pointer is named" \
    table_refused '--table-key: id is no JSON pointer' --table "airports=$tmp/lines" --table-key airports=id
claim "a table's topic that is also an input is refused" \
    table_refused 'topic flights is read or written by the pipeline too' \
    --table "airports=$tmp/keyed" --set /tables/airports/topic=flights

# ---- lines ----

for guarantee in exactly-once at-least-once at-most-once; do
    claim "20 000 flights are copied byte for byte, $guarantee" copies "$guarantee"
done
claim "the last line may lack its newline" gives 'a\nb' 'a\nb\n' "$copy"
claim "empty lines are empty values" gives '\n\na\n\n' '\n\na\n\n' "$copy"
claim "no input gives no output" gives '' '' "$copy"
claim "carriage returns and zero bytes are kept" gives 'a\r\n\0b\n' 'a\r\n\0b\n' "$copy"
claim "a commit interval is not waited out at the end" \
    gives 'a\n' 'a\n' "$copy" --set /commit/interval=5s
claim "batches of one record give the same" gives '1\n2\n3\n' '1\n2\n3\n' "$copy" --set /commit/records=1
claim "what was typed is answered at once" answers_while_input_is_open
claim "a line of 1 MiB goes through" long_lines
claim "a line over 64 MiB is refused by its number" longest_line
claim "other outputs carry their name" \
    gives '{"origin":"DTW"}\n{"origin":"X"}\n' '{"origin":"X"}\nDTW\t{"origin":"DTW"}\n' "$by_kind"
claim "--output NAME=- is the bare value" \
    gives '{"origin":"DTW"}\n' '{"origin":"DTW"}\n' "$by_kind" --output DTW=-
claim "outputs go to the files that --output names" routes_to_files
claim "two outputs may share a file" two_outputs_share_a_file
claim "an output that is not in the file is refused" \
    refuses 2 "no output DTV (did you mean DTW?)" pipe "$by_kind" --output DTV=x
claim "a file that cannot be written is named" \
    refuses 2 "nowhere/x: " pipe "$by_kind" --output "DTW=$tmp/nowhere/x"
claim "an input that is also an output is refused" \
    refuses 2 "/outputs/default" pipe "$copy" --set /outputs/default=flights
claim "--input must be one" refuses 2 "--input: other is no input" pipe "$copy" --input other
claim "a bad pipeline is refused before input is read" \
    refuses 2 "/workers" pipe "$copy" --set /workers=0
claim "secrets of the file are not needed" \
    gives 'a\n' 'a\n' "$tmp/secret.json"
claim "a reader that goes away ends it quietly" reader_goes_away
claim "a full disk is named" full_disk
claim "closed standard input is named" closed_input
case ${WEIR_SANITIZER:-no} in
no) claim "memory stays bounded" bounded_memory ;;
*) skip "memory stays bounded" "a sanitizer keeps what is freed" ;;
esac
if have_jq; then
    claim "jq over 20 000 flights equals the same by awk" equals_awk
    claim "bad lines are rejected with their number and reason" rejects_bad_lines
    claim "rejected values go to the file of --dead-letters" dead_letters_to_file
    claim "without a dead-letter topic a bad line ends it" stops_without_dead_letters
else
    skip "jq over 20 000 flights equals the same by awk" "the processor jq is not built"
fi
finish
