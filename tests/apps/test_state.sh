# SPDX-License-Identifier: BSD-2-Clause
# weir state: what it refuses, and over a real Kafka what it shows, while the app runs and after.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

kafka="${srcdir:-.}/tests/kafka/kafka"
topics=$PWD/tests/apps/topics
WEIR_PLUGIN_PATH=$WEIR_PLUGIN_PATH:$PWD/tests/apps/.libs
file=$tmp/tally.json
plain=$tmp/plain.json
folder=$tmp/state/flights/here
pipeline "$plain" '[]'
pipeline "$file" '[{"use": "tally"}]' '' "\"state_dir\": \"$tmp/state\""

claim "a file without stores is refused" refuses 2 "keep no stores" state "$plain"
claim "no state is said in one line" refuses 1 "no state in .*/flights/here" state "$file"
claim "asking for it makes nothing" [ ! -e "$tmp/state" ]
claim "an unknown action names the nearest" refuses 2 "did you mean dump" state "$file" dum
claim "dump needs a store" refuses 2 "no STORE given" state "$file" dump
claim "get needs a key" refuses 2 "no KEY given" state "$file" get tally.seen
claim "list takes no more" refuses 2 "too many: x" state "$file" list x
claim "a partition is a number" refuses 2 "--partition" state "$file" -p one

why=$(sh "$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap '[ -z "${pid:-}" ] || kill "$pid"; sh "$kafka" stop "$tmp/kafka"; rm -rf "$tmp"' EXIT
sh "$kafka" start "$tmp/kafka" --owner $$ >"$tmp/kafka.log" 2>&1 || { cat "$tmp/kafka.log"; exit 1; }
brokers=$(cat "$tmp/kafka/bootstrap")
at="/kafka/bootstrap.servers=$brokers"
pid=

start() {
    "$weir" run "$file" --set "$at" >"$tmp/run.out" 2>"$tmp/run.err" &
    pid=$!
}

stop() {
    ended=0
    kill "$pid"
    wait "$pid" || ended=$?
    pid=
}

# Bounded, but by far more than it takes: no test is about time.
until_it_holds() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] && kill -0 "$pid" || { "$@"; cat "$tmp/run.err"; return 1; }
        sleep 0.1
    done
}

# Lines of keys, each a value too: equal ones meet in one partition.
produce() {
    LC_ALL=C sed 's/.*/&:&/' | "$weir" produce flights -b "$brokers" -K : 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
}

counts() { # KEY COUNT
    [ "$("$weir" state "$file" get tally.seen "$1" 2>&1)" = "$2" ]
}

# what is there of a partition, but for what LMDB's readers write into the lock file
sums() {
    (cd "$folder" && find . -type f ! -name lock.mdb -exec cksum {} + | sort)
    (cd "$folder" && find . | sort)
}

sees_commits_while_it_runs() {
    printf 'a\nb\na\n' | produce || return 1
    until_it_holds counts a 2 && until_it_holds counts b 1
}

# the same process holds the stores while others look
runs_on_after_a_look() {
    printf 'a\n' | produce || return 1
    until_it_holds counts a 3
}

refuses_to_delete() {
    refuses 2 "stop it first: .*(pid $pid)" state "$file" delete --yes && counts a 3
}

lists() {
    run_weir state "$file" --set "$at" --timeout 30s
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] || show || return 1
    rows=$(awk '$2 == "tally.seen" && $5 == "flights.tally.seen.changelog.flights"' "$tmp/out")
    [ "$(echo "$rows" | wc -l)" = 2 ] || show || return 1
    # keys of all partitions; the marks of transactions lie behind the last record
    [ "$(echo "$rows" | awk '{ n += $3 } END { print n }')" = 2 ] || show || return 1
    echo "$rows" | awk '$4 < 1 || $6 !~ /^[0-9]+$/ || $7 !~ /^[0-9]+$/ || $7 > 1 ||
        $8 !~ /^20[0-9-]*T[0-9:]*Z$/ { bad = 1 } END { exit bad }' || show
}

lists_as_json() {
    run_weir state "$file" list --json --set "$at" --timeout 30s
    [ "$status" = 0 ] && [ "$(grep -c '"name": "tally.seen"' "$tmp/out")" = 2 ] &&
        [ "$(grep -c '"lag": [01]' "$tmp/out")" = 2 ] || show
}

lists_without_cluster() {
    run_weir state "$file" list --timeout 1s
    [ "$status" = 0 ] && [ "$(awk '$7 == "-"' "$tmp/out" | wc -l)" = 2 ] || show || return 1
    [ "$(wc -l <"$tmp/err")" = 1 ] || show
}

dumps() {
    run_weir state "$file" dump tally.seen
    [ "$status" = 0 ] && [ "$(sort "$tmp/out")" = "$(printf 'a\t3\nb\t1\n\377x\t1\n' | sort)" ] || show
}

dumps_json() {
    run_weir state "$file" dump tally.seen --format json
    [ "$status" = 0 ] && [ "$(wc -l <"$tmp/out")" = 3 ] || show || return 1
    grep -q '^{"topic":"flights.tally.seen.changelog.flights","partition":[01],"timestamp":[0-9]*,"key":"a","value":"3"}$' \
        "$tmp/out" && grep -q '"key_base64":"/3g=","value":"1"}$' "$tmp/out" || show
}

one_partition() {
    both=0
    for partition in 0 1; do
        run_weir state "$file" dump tally.seen -p $partition
        [ "$status" = 0 ] || show || return 1
        both=$((both + $(wc -l <"$tmp/out")))
    done
    [ "$both" = 3 ]
}

leaves_files_alone() {
    sums >"$tmp/before"
    run_weir state "$file"
    run_weir state "$file" dump tally.seen
    sums >"$tmp/after"
    diff "$tmp/before" "$tmp/after"
}

makes_no_lock() {
    rm "$folder"/flights-*/lock.mdb
    leaves_files_alone && counts a 3
}

asks() {
    echo n >"$tmp/answer"
    run_weir state "$file" delete <"$tmp/answer"
    [ "$status" = 1 ] && grep -q "rebuilt from the changelogs.*nothing deleted" "$tmp/err" || show || return 1
    counts a 3 && echo y | "$weir" state "$file" delete -p 0 >"$tmp/out" 2>"$tmp/err" &&
        [ ! -e "$folder/flights-0" ] && [ -e "$folder/flights-1/data.mdb" ]
}

deletes() {
    run_weir state "$file" delete --yes
    [ "$status" = 0 ] && grep -q "deleted $folder/flights-1$" "$tmp/out" || show || return 1
    [ -z "$(ls -d "$folder"/flights-* 2>/dev/null)" ]
}

comes_back() {
    start
    until_it_holds counts a 3 && until_it_holds counts b 1
    back=$?
    stop
    return $((back + ended))
}

claim "topics can be made" "$topics" "$brokers" 2 flights flights-out
start
claim "get sees what was committed while the app runs" sees_commits_while_it_runs
claim "the app goes on after a look" runs_on_after_a_look
claim "list shows keys, places and lags while it runs" lists
claim "so does its JSON" lists_as_json
claim "delete is refused while it runs" refuses_to_delete
printf '\377x\n' | produce
claim "bytes that are no text arrive" until_it_holds prints '^1$' state "$file" get tally.seen /3g= --base64
stop # not in a claim, whose shell is another one's child
claim "the app ends in good order" [ "$ended" = 0 ]
claim "without a cluster there is no lag, and all else" lists_without_cluster
claim "dump prints keys and values" dumps
claim "dump prints JSON, with base64 where it is needed" dumps_json
claim "dump takes one partition" one_partition
claim "an unknown store names the known ones" refuses 1 "no store or table tally.sen (there is: tally.seen)" \
    state "$file" dump tally.sen
claim "a key that is not there is one line" refuses 1 "no key nowhere in tally.seen" \
    state "$file" get tally.seen nowhere
claim "a partition without state is named" refuses 1 "no state of partition 7" state "$file" -p 7
claim "KEY that is no base64 is refused" refuses 2 "not base64" state "$file" get tally.seen '#' --base64
claim "looking changes no file and makes none" leaves_files_alone
claim "not even LMDB's lock file" makes_no_lock
claim "delete asks, and takes one partition" asks
claim "delete removes all" deletes
claim "the next start rebuilds it" comes_back

# --- Tables --------------------------------------------------------------------------------

tabled=$tmp/tabled.json
pipeline "$tabled" '[{"use": "enrich", "with": {"table": "people", "on": "key", "into": "/x", "missing": "keep"}}]' \
    '' "\"state_dir\": \"$tmp/tabled\", \"errors\": {\"on_reject\": \"drop\"}, \"tables\": {\"people\": {\"topic\": \"people-of\"}}"

fills_a_table() {
    "$topics" "$brokers" 2 people-of || return 1
    printf 'ann\t{"n":1}\nbob\t{"n":2}\nann\t{"n":3}\nold\t{}\n' |
        "$weir" produce people-of -b "$brokers" -K "$(printf '\t')" 2>"$tmp/err" || show || return 1
    printf 'old\t\n' | "$weir" produce people-of -b "$brokers" -K "$(printf '\t')" -Z 2>"$tmp/err" || show || return 1
    run_weir run "$tabled" --until-end --set "$at" --set /name=tabled -q
    [ "$status" = 0 ] || show
}

lists_tables() { # two keys, all five records read
    run_weir state "$tabled" --set "$at" --set /name=tabled --timeout 30s
    [ "$status" = 0 ] && grep -qE '^TABLE +KEYS +BYTES +TOPIC +POSITION +LAG +CAUGHT UP$' "$tmp/out" &&
        grep -qE '^people +2 +[1-9][0-9]* +people-of +5 +0 +2[0-9]{3}-' "$tmp/out" || show
}

lists_tables_as_json() {
    run_weir state "$tabled" list --json --set "$at" --set /name=tabled --timeout 30s
    [ "$status" = 0 ] && tr -d ' \n' <"$tmp/out" |
        grep -q '"tables":\[{"name":"people","topic":"people-of",.*"keys":2,.*"position":5,"lag":0,' || show
}

dumps_a_table() {
    run_weir state "$tabled" dump people --set /name=tabled
    printf 'ann\t{"n":3}\nbob\t{"n":2}\n' | cmp - "$tmp/out" || show
}

claim "a table without files is told from one that is not known" refuses 1 "table people is not in .* yet" \
    state "$tabled" get people ann --set "/state_dir=$tmp/state" --set /name=flights --set /instance=here
claim "a table can be read" fills_a_table
claim "list shows it, and how far it is behind" lists_tables
claim "so does its JSON" lists_tables_as_json
claim "dump prints its keys and values" dumps_a_table
claim "get prints one" prints '^{"n":3}$' state "$tabled" get people ann --set /name=tabled
claim "a key that was deleted is not there" refuses 1 "no key old in people" state "$tabled" get people old --set /name=tabled
claim "delete leaves tables alone" refuses 1 "no stores in" state "$tabled" delete --yes --set /name=tabled
finish
