# SPDX-License-Identifier: BSD-2-Clause
# weir run and weir check --connect: without a cluster, then over a real Kafka.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

kafka="${srcdir:-.}/tests/kafka/kafka"
topics=$PWD/tests/apps/topics
flights=$data/flights.jsonl
copy=$tmp/copy.json
by_origin=$tmp/route.json
pipeline "$copy" '[]'
pipeline "$by_origin" '[{"use": "route", "with": {"by": "/origin", "unknown": "default"}}]' \
    '{ "default": "rest", "DTW": "detroit" }' '"dead_letter": {"topic": "dead"}'

# start ARGUMENT...: weir run in the background, its pid in $pid
start() {
    : >"$tmp/run.err" # what waits for a line must not find that of the one before
    "$weir" run --set "/state_dir=$tmp/state" "$@" >"$tmp/run.out" 2>"$tmp/run.err" &
    pid=$!
}

# Bounded, but by far more than it takes: no test is about time.
wait_for() {
    tries=0
    until grep -q -e "$1" "$tmp/run.err"; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] && kill -0 "$pid" 2>/dev/null || { cat "$tmp/run.err"; return 1; }
        sleep 0.05
    done
}

# ends STATUS: the process in the background does so
ends() {
    status=0
    wait "$pid" || status=$?
    [ "$status" = "$1" ] || { echo "status $status"; cat "$tmp/run.err"; return 1; }
}

keeps_trying() {
    start "$copy"
    wait_for "does not answer" || return 1
    kill -TERM "$pid"
    ends 0
}

count() {
    "$weir" consume "$1" -b "$brokers" -e 2>"$tmp/consume.err" | wc -l
}

runs_to_the_end() {
    "$weir" produce flights "$flights" -b "$brokers" 2>"$tmp/err" || { cat "$tmp/err"; return 1; }
    printf '{bro\n' | "$weir" produce flights -b "$brokers" 2>"$tmp/err" || return 1
    start "$by_origin" --set "/kafka/bootstrap.servers=$brokers" --until-end
    ends 0 || return 1
    detroit=$(grep -c '"origin":"DTW"' "$flights")
    [ "$(count detroit)" = "$detroit" ] && [ "$(count rest)" = $((20000 - detroit)) ] &&
        [ "$(count dead)" = 1 ] && grep -q "drained .* records=20001 .* dead_letters=1" "$tmp/run.err"
}

nothing_twice() {
    start "$by_origin" --set "/kafka/bootstrap.servers=$brokers" --until-end
    ends 0 && [ "$(count dead)" = 1 ] && grep -q "drained .* records=0 " "$tmp/run.err"
}

drains() {
    start "$copy" --set "/kafka/bootstrap.servers=$brokers" --set /name=drains
    wait_for "partitions assigned" || return 1
    kill "-$1" "$pid"
    ends 0 && grep -q "drained app=drains" "$tmp/run.err"
}

one_instance_a_machine() {
    start "$copy" --set "/kafka/bootstrap.servers=$brokers" --set /name=one
    wait_for "partitions assigned" || return 1
    refuses 2 "(pid $pid).*--set /instance=" run "$copy" --set /name=one \
        --set "/kafka/bootstrap.servers=$brokers" --set "/state_dir=$tmp/state"
    refused=$?
    kill "$pid"
    ends 0 && return $refused
}

twin_takes_over() {
    start "$copy" --set "/kafka/bootstrap.servers=$brokers" --set /name=twin
    wait_for "partitions assigned" || return 1
    "$weir" run "$copy" --set "/kafka/bootstrap.servers=$brokers" --set /name=twin \
        --set "/state_dir=$tmp/elsewhere" >"$tmp/twin.out" 2>"$tmp/twin.err" &
    twin=$!
    ends 3
    fenced=$?
    kill "$twin"
    wait "$twin"
    return $fenced
}

missing_topic_stops() {
    status=0
    "$weir" run "$copy" --set "/kafka/bootstrap.servers=$brokers" --set "/state_dir=$tmp/state" \
        --set /outputs/default=nowhere >"$tmp/out" 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -q nowhere "$tmp/err" || show
}

names_missing_topics() {
    run_weir check "$copy" --connect --set "/kafka/bootstrap.servers=$brokers" \
        --set /outputs/default=nowhere
    [ "$status" = 2 ] && grep -q "topic nowhere (output default) does not exist" "$tmp/err" || show
}

dedup=$tmp/dedup.json
pipeline "$dedup" '[{"use": "dedup", "with": {"id": "key"}}]' '' \
    "\"dead_letter\": {\"topic\": \"dead\"}, \"state_dir\": \"$tmp/state\""
changelog=dedup.ids.changelog.flights

# what it says of changelogs, in one line each: status, topics, warnings
checks_changelog() { # NAME ARGUMENT...
    run_weir check "$dedup" --connect --json --set "/kafka/bootstrap.servers=$brokers" --set "/name=$1"
    [ "$status" = 0 ] || show || return 1
    sed -n "/\"name\": \"$1.$changelog\"/,/}/p" "$tmp/out" | tr -d '\n'
    echo
    grep "changelog $1.$changelog" "$tmp/out" || true
}

changelog_is_made_later() {
    checks_changelog late >"$tmp/said" && grep -q '"made_at_start": true' "$tmp/said" &&
        [ "$(wc -l <"$tmp/said")" = 1 ] || { cat "$tmp/said"; return 1; }
    prints "^  *late.$changelog (changelog of dedup.ids): is made when the app starts" \
        check "$dedup" --connect --set "/kafka/bootstrap.servers=$brokers" --set /name=late
    ! "$weir" consume "late.$changelog" -b "$brokers" -e >"$tmp/out" 2>"$tmp/err"
}

changelog_is_good() {
    run_weir run "$dedup" --until-end -q --set "/kafka/bootstrap.servers=$brokers"
    [ "$status" = 0 ] || show || return 1
    checks_changelog flights >"$tmp/said"
    grep -q '"partitions": 4,.*"compacted": true, *"delete_retention_ms": 60[4-8][0-9]*' "$tmp/said" &&
        [ "$(wc -l <"$tmp/said")" = 1 ] || { cat "$tmp/said"; return 1; }
    prints ": 4 partitions, .*, compacted, deletions stay 7d$" \
        check "$dedup" --connect --set "/kafka/bootstrap.servers=$brokers"
}

changelog_is_doubtful() {
    "$topics" "$brokers" 1 "odd.$changelog" || return 1
    checks_changelog odd >"$tmp/said"
    grep -q "odd.$changelog has 1 partition, its input 4: it grows when the app starts" "$tmp/said" &&
        grep -q "odd.$changelog is not compacted only" "$tmp/said" || { cat "$tmp/said"; return 1; }
}

claim "without a cluster run keeps trying, says so, and ends on SIGTERM" keeps_trying
claim "a bad file ends it with 2" refuses 2 "/workers" run "$copy" --set /workers=0

why=$(sh "$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap 'sh "$kafka" stop "$tmp/kafka"; rm -rf "$tmp"' EXIT
sh "$kafka" start "$tmp/kafka" --owner $$ >"$tmp/kafka.log" 2>&1 || { cat "$tmp/kafka.log"; exit 1; }
brokers=$(cat "$tmp/kafka/bootstrap")
claim "topics can be made" "$topics" "$brokers" 4 flights flights-out rest detroit dead

claim "check --connect shows topics and partitions" prints "flights (input): 4 partitions" \
    check "$copy" --connect --set "/kafka/bootstrap.servers=$brokers"
claim "check --connect warns of replication 1" prints "warning.*replication 1" \
    check "$copy" --connect --set "/kafka/bootstrap.servers=$brokers"
claim "check --connect warns of workers without partitions" prints "stay$\|stay idle" \
    check "$copy" --connect --set "/kafka/bootstrap.servers=$brokers" --set /workers=8
claim "check --connect names topics that are missing" names_missing_topics
claim "a changelog that is missing is no fault: the app makes it" changelog_is_made_later
claim "run --until-end commits all input, rejected records too" runs_to_the_end
claim "a second run finds nothing to do" nothing_twice
claim "run stops over a topic that is missing" missing_topic_stops
claim "SIGTERM drains" drains TERM
claim "SIGINT drains" drains INT
claim "a second process of the same instance is refused" one_instance_a_machine
claim "a twin on another machine takes over: exit 3" twin_takes_over
claim "check --connect shows what a changelog is like" changelog_is_good
claim "and warns of one that is not as it should be" changelog_is_doubtful
finish
