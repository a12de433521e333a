# SPDX-License-Identifier: BSD-2-Clause
# weir reset: what it refuses, and over a real Kafka that offsets, changelogs and stores go back
# together, also when it is killed between its steps.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

kafka="${srcdir:-.}/tests/kafka/kafka"
dying=$PWD/tests/faults/weir_fault_point
file=$tmp/dedup.json
plain=$tmp/plain.json
here=$tmp/state/flights/here
there=$tmp/state/flights/there
pipeline "$plain" '[]'
pipeline "$file" '[{"use": "dedup", "with": {"id": "key"}}]' '' \
    "\"dead_letter\": {\"topic\": \"flights-dead\"}, \"state_dir\": \"$tmp/state\""

claim "a place is needed" refuses 2 "--to is missing" reset "$plain"
claim "a word is no place" refuses 2 "soon is not earliest, latest or a time" reset "$plain" --to soon
claim "a day that does not exist is none" refuses 2 "not earliest" reset "$plain" --to 2026-02-30
claim "an offset is none: partitions have their own" refuses 2 "not earliest" reset "$plain" --to 17
claim "a file is needed" refuses 2 "no FILE" reset --to earliest
claim "a bad file is refused" refuses 2 "/workers" reset "$plain" --to earliest --set /workers=0
claim "a cluster that does not answer ends it with 1" refuses 1 "" \
    reset "$plain" --to earliest --timeout 1s -q
claim "looking makes no folder" [ ! -e "$tmp/state" ]

why=$(sh "$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap '[ -z "${pid:-}" ] || kill "$pid"; sh "$kafka" stop "$tmp/kafka"; rm -rf "$tmp"' EXIT
sh "$kafka" start "$tmp/kafka" --owner $$ >"$tmp/kafka.log" 2>&1 || { cat "$tmp/kafka.log"; exit 1; }
brokers=$(cat "$tmp/kafka/bootstrap")
pid=
# of the first records; the topic keeps none that are days old
base=$(($(date +%s) - 1000))

at() { # SECONDS: milliseconds of then
    echo $((base + $1))000
}

# with the settings of all runs
on() { # COMMAND FILE ARGUMENT...
    name=$1 what=$2
    shift 2
    run_weir "$name" "$what" --set "/kafka/bootstrap.servers=$brokers" \
        --set /kafka/session.timeout.ms=6000 "$@"
}

reset() { # ARGUMENT...
    on reset "$file" "$@"
}

# A member that has ended in good order counts until its session is over.
until_no_member() {
    tries=0
    while on reset "$@" --to earliest; [ "$status" = 1 ] && grep -q "session timeout" "$tmp/err"; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { show; return 1; }
        sleep 0.1
    done
    [ "$status" = 0 ] || show
}

process() { # ARGUMENT...: all that there is, and then the group is empty
    on run "$file" --until-end -q "$@"
    [ "$status" = 0 ] || show || return 1
    until_no_member "$file"
}

produce() { # SECONDS KEY-VALUE...: records of that time
    time=$(at "$1")
    shift
    for record; do
        echo "{\"timestamp\":$time,\"key\":\"${record%-*}\",\"value\":\"$record\"}"
    done | "$weir" produce -q -b "$brokers" --format json flights
}

out() { # what came out so far, in order of text
    "$weir" consume -q -b "$brokers" -e flights-out | LC_ALL=C sort | tr '\n' ' '
}

out_is() { # VALUE...
    [ "$(out)" = "$* " ] || { out; return 1; }
}

# the offsets of all partitions, in order, of the plan that was printed last
froms() {
    sed -n 's/.*"from": \([0-9a-z]*\),/\1/p' "$tmp/out" | tr '\n' ' '
}

total() { # KEY: over all partitions
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$tmp/out" | awk '{ n += $1 } END { print n + 0 }'
}

has_changelog() {
    "$weir" consume -q -b "$brokers" -e flights.dedup.ids.changelog.flights >/dev/null 2>"$tmp/err"
}

has_stores() {
    ls "$here"/flights-[01]/data.mdb >/dev/null
}

is_processed() {
    produce 0 a-1 b-1 a-2 c-1 && produce 100 d-1 a-3 e-1 &&
        process && out_is a-1 b-1 c-1 d-1 e-1 && has_stores && has_changelog
}

plans_only() {
    reset --to earliest --json && [ "$status" = 0 ] || show || return 1
    before=$(froms)
    [ "$(total again)" = 7 ] && [ "$(total skipped)" = 0 ] && grep -q '"done": false' "$tmp/out" || show || return 1
    [ "$(grep -c '"folder": ' "$tmp/out")" = 2 ] || show || return 1
    reset --to earliest
    [ "$status" = 0 ] && grep -q '^flights\[0\]  *[0-9]*  *0  *[0-9]* again$' "$tmp/out" || show || return 1
    grep -q "^$here/flights-1  *[0-9]*$" "$tmp/out" || show || return 1
    grep -q '^flights.dedup.[a-z]*.changelog.flights  *[0-9]*$' "$tmp/out" || show || return 1
    grep -q '^nothing was changed: --yes does it$' "$tmp/out" || show || return 1
    reset --to earliest --json
    [ "$(froms)" = "$before" ] && has_stores && has_changelog && process && out_is a-1 b-1 c-1 d-1 e-1
}

start() {
    "$weir" run "$file" --set "/kafka/bootstrap.servers=$brokers" \
        --set /kafka/session.timeout.ms=6000 >"$tmp/run.out" 2>"$tmp/run.err" &
    pid=$!
}

refused_with_its_lock() {
    tries=0
    until grep -q "partitions assigned" "$tmp/run.err"; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] && kill -0 "$pid" || { cat "$tmp/run.err"; return 1; }
        sleep 0.1
    done
    refuses 2 "stop it first: .*(pid $pid)" reset "$file" --to earliest --yes \
        --set "/kafka/bootstrap.servers=$brokers"
}

refused_from_elsewhere() {
    refuses 1 'group flights has 1 member (here.0): stop the app first' reset "$file" --to earliest \
        --yes --set "/kafka/bootstrap.servers=$brokers" --set "/state_dir=$tmp/elsewhere" &&
        has_stores && [ ! -e "$tmp/elsewhere" ]
}

refused_while_offsets_are_pending() {
    mkfifo "$tmp/end"
    tests/apps/pending "$brokers" flights flights <"$tmp/end" >"$tmp/held" 2>&1 &
    holder=$!
    exec 9>"$tmp/end"
    tries=0
    until grep -q held "$tmp/held"; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] && kill -0 $holder || { cat "$tmp/held"; return 1; }
        sleep 0.1
    done
    refuses 1 "not settled: a transaction that has not ended holds them back" reset "$file" \
        --to earliest --yes --timeout 2s --set "/kafka/bootstrap.servers=$brokers"
    refused=$?
    exec 9>&-
    wait $holder && has_stores && return $refused
}

# also the stores of an instance that was here once; nothing else that lies there
begins_anew() {
    mkdir -p "$there/flights-0" "$there/tables/flights" "$there/flights-more-0" &&
        touch "$there/flights-0/data.mdb" || return 1
    reset --to earliest --yes
    [ "$status" = 0 ] && [ "$(tail -n 1 "$tmp/out")" = "done" ] || show || return 1
    ! has_stores 2>&1 && ! has_changelog && [ ! -e "$there/flights-0" ] || return 1
    [ -d "$there/tables/flights" ] && [ -d "$there/flights-more-0" ] || return 1
    process && out_is a-1 a-1 b-1 b-1 c-1 c-1 d-1 d-1 e-1 e-1 && has_changelog
}

skips_to_the_latest() {
    produce 200 f-1 g-1 || return 1
    reset --to latest --json --yes
    [ "$status" = 0 ] && [ "$(total skipped)" = 2 ] && grep -q '"done": true' "$tmp/out" || show || return 1
    produce 300 a-4 && process &&
        out_is a-1 a-1 a-4 b-1 b-1 c-1 c-1 d-1 d-1 e-1 e-1
}

goes_to_a_time() {
    reset --to "$(date -u -d "@$((base + 1))" +%FT%TZ)" --yes # behind the first
    [ "$status" = 0 ] || show || return 1
    process && out_is a-1 a-1 a-3 a-4 b-1 b-1 c-1 c-1 d-1 d-1 d-1 e-1 e-1 e-1 f-1 g-1
}

# After it the app reads the last three again: f, g and the fourth a.
dies_at() { # POINT
    WEIR_DIE_AT=$1:1 "$dying" reset "$file" --to "@$(at 200)" --yes \
        --set "/kafka/bootstrap.servers=$brokers" >"$tmp/out" 2>"$tmp/err"
    grep -q "^dies at $1" "$tmp/err" || { cat "$tmp/out" "$tmp/err"; return 1; }
    "$weir" run "$file" --until-end -q --set "/kafka/bootstrap.servers=$brokers" \
        --set /kafka/session.timeout.ms=6000 --set /instance=other >"$tmp/out" 2>"$tmp/err"
    status=$?
    [ "$status" = 1 ] && grep -q 'the app "flights" is being reset' "$tmp/err" || show || return 1
    until_no_member "$file" && grep -q "was not finished" "$tmp/out" || show || return 1
    produced=$(out)
    reset --to "@$(at 200)" --yes
    [ "$status" = 0 ] && [ "$(tail -n 1 "$tmp/out")" = "done" ] || show || return 1
    ! has_stores 2>&1 && ! has_changelog && process || return 1
    [ "$(out)" = "$(echo "$produced a-4 f-1 g-1" | tr ' ' '\n' | LC_ALL=C sort | sed '/^$/d' | tr '\n' ' ')" ] ||
        { echo "was: $produced"; out; return 1; }
}

moves_offsets_only() {
    on run "$plain" --until-end -q --set /name=copies --set "/state_dir=$tmp/state"
    [ "$status" = 0 ] || show || return 1
    until_no_member "$plain" --set /name=copies --set "/state_dir=$tmp/state" || return 1
    on reset "$plain" --to earliest --yes --set /name=copies --set "/state_dir=$tmp/state"
    [ "$status" = 0 ] && ! grep -q STORES "$tmp/out" && grep -q "^done$" "$tmp/out" || show || return 1
    on reset "$plain" --to latest --json --set /name=copies --set "/state_dir=$tmp/state"
    [ "$(froms)" = "0 0 " ] && [ "$(total skipped)" = 10 ] || show
}

sets_a_group_that_has_none() {
    on reset "$plain" --to latest --yes --set /name=unborn --set "/state_dir=$tmp/none"
    [ "$status" = 0 ] && [ "$(grep -c ' none .* skipped$' "$tmp/out")" = 2 ] || show || return 1
    on reset "$plain" --to latest --json --set /name=unborn --set "/state_dir=$tmp/none"
    [ "$(total skipped)" = 0 ] && ! grep -q '"from": null' "$tmp/out" && [ ! -e "$tmp/none" ] || show
}

far() { # COMMAND ARGUMENT...
    command=$1
    shift
    on "$command" "$file" --set /name=far "$@"
    [ "$status" = 0 ] || show
}

# Its changelog is as long again, so that its place looks good.
store_of_before_is_rebuilt() {
    far run --until-end -q && cp -r "$tmp/state/far" "$tmp/kept" && until_no_member "$file" --set /name=far || return 1
    far reset --to earliest --yes && far run --until-end -q || return 1
    rm -rf "$tmp/state/far" && mv "$tmp/kept" "$tmp/state/far" && produce 400 y-1 z-1 && far run --until-end || return 1
    grep -q 'store is rebuilt from its changelogs .*reason="the changelog was made anew' "$tmp/err" || show
}

claim "topics can be made" tests/apps/topics "$brokers" 2 flights flights-out flights-dead
claim "an input that is missing is named" refuses 1 "input nowhere: no such topic" reset "$plain" \
    --to earliest --yes --set "/kafka/bootstrap.servers=$brokers" --set '/inputs=["nowhere"]'
claim "all is processed" is_processed
claim "without --yes it says what it would do, and does nothing" plans_only
start
claim "it is refused while an instance runs here" refused_with_its_lock
claim "and from elsewhere, with the members' names" refused_from_elsewhere
kill "$pid"
wait "$pid"
pid=
claim "the group has no members when they are gone" until_no_member "$file"
claim "it is refused while offsets are pending" refused_while_offsets_are_pending
claim "earliest: all is processed again, with empty stores" begins_anew
claim "latest: what is not processed is skipped" skips_to_the_latest
claim "a time: its records and later ones are processed again" goes_to_a_time
if [ -x "$dying" ]; then
    claim "killed when the offsets are marked, no app starts until it was finished" dies_at RESET_MARKED
    claim "killed when a changelog is deleted, likewise" dies_at RESET_TOPIC_DELETED
    claim "killed when stores are deleted, likewise" dies_at RESET_FOLDER_DELETED
else
    skip "killed between its steps" "tests/faults/weir_fault_point is not built"
fi
claim "a pipeline without stores: only its offsets move" moves_offsets_only
claim "a group that never committed is set" sets_a_group_that_has_none
claim "a store of before that comes back from another machine is rebuilt" store_of_before_is_rebuilt
finish
