# SPDX-License-Identifier: BSD-2-Clause
# The README's commands, word for word, in a folder of their own: on a real Kafka where the
# README has it, or, where another server is there, elsewhere, and so say the commands then.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
srcdir=$(cd "${srcdir:-.}" && pwd)
kafka=$srcdir/tests/kafka/kafka
readme_at=localhost:9092 at=$readme_at
build=$PWD
have_jq || skip_all "the processor jq is not built"

# blocks LANGUAGE: all of that language, one after the other
blocks() {
    awk -v language="$1" '/^```/ { inside = $0 == "```" language; next } inside' "$srcdir/README.md"
}

# readme PATTERN: the command that begins so; exactly one does
readme() {
    command=$(blocks sh | sed "s/$readme_at/$at/g" | grep -e "^$1")
    [ "$(printf '%s\n' "$command" | grep -c .)" = 1 ] ||
        { echo "the README has no, or several: $1: $command"; return 1; }
}

# does PATTERN: run that command as it stands
does() {
    readme "$1" || return 1
    status=0
    (cd "$tmp/folder" && sh -c "$command") >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    [ "$status" = 0 ] || show
}

# --- What a reader of it has: a clone, weir in the path, Kafka's tools ---------------------

mkdir "$tmp/bin" "$tmp/folder" "$tmp/home" || exit 1
ln -s "$srcdir/demo" "$tmp/folder/demo"
ln -s "$weir" "$tmp/bin/weir"
chmod 755 "$tmp/bin/"*
PATH=$tmp/bin:$PATH:$srcdir/tests/kafka XDG_STATE_HOME=$tmp/home
export PATH XDG_STATE_HOME
blocks json >"$tmp/folder/late.json"

# --- Without Kafka -------------------------------------------------------------------------

pipe_marks_late_flights() {
    does 'weir pipe' || return 1
    mv "$tmp/out" "$tmp/piped"
    [ "$(wc -l <"$tmp/piped")" = 20000 ] &&
        [ "$(grep -c '"late":true' "$tmp/piped")" = 4349 ] &&
        [ "$(grep -c '"late":false' "$tmp/piped")" = 15651 ] || head -n 3 "$tmp/piped"
}

claim "its pipeline file and its input are there" does 'cp demo/data/flights.jsonl'
claim "weir pipe marks late flights" pipe_marks_late_flights
claim "weir new makes a project" does 'weir new'

# --- With Kafka ----------------------------------------------------------------------------

why=$("$kafka" check 2>&1) || { skip "the commands on a real Kafka" "$why"; finish; exit 0; }

# root's state is not below its home
state=/var/lib/weir/late
[ ! -e "$state" ] || state=$tmp/home
clean_up() {
    "$kafka" stop "$tmp/kafka" >/dev/null 2>&1
    rm -rf "$tmp" "$state"
    [ ! -d "${state%/*}" ] || rmdir --ignore-fail-on-non-empty "${state%/*}"
}
trap clean_up EXIT
# Not within a claim: that is another shell, and $at would stay there.
"$kafka" start "$tmp/kafka" --at "$at" --owner $$ >/dev/null 2>"$tmp/err" || {
    grep -q 'is taken' "$tmp/err" || cat "$tmp/err"
    rm -rf "$tmp/kafka"
    at=$("$kafka" start "$tmp/kafka" --owner $$)
    sed -i "s/$readme_at/$at/" "$tmp/folder/late.json"
}
claim "a Kafka is there" [ -s "$tmp/kafka/bootstrap" ]

records_late() {
    "$weir" consume -b "$at" flights-late -e -q 2>/dev/null | wc -l
}

# It runs until SIGTERM, which it gets when all is done.
run_drains() {
    readme 'weir run' || return 1
    (cd "$tmp/folder" && exec sh -c "exec $command") >"$tmp/out" 2>"$tmp/err" &
    child=$! waited=0
    until [ "$(records_late)" -ge 20000 ] || [ "$waited" -gt 60 ]; do
        waited=$((waited + 1))
        sleep 0.5
    done
    kill -TERM "$child"
    status=0
    wait "$child" || status=$?
    [ "$status" = 0 ] && grep -q ' drained app=late records=20000 ' "$tmp/err" || show
}

consumed_is_what_pipe_printed() {
    does 'weir consume .*--to late.jsonl' || return 1
    LC_ALL=C sort "$tmp/piped" >"$tmp/expected"
    LC_ALL=C sort "$tmp/folder/late.jsonl" | cmp - "$tmp/expected"
}

produced_once() {
    [ "$("$weir" consume -b "$at" flights -e -q | wc -l)" = 20000 ]
}

claim "the README starts it" readme 'tests/kafka/kafka start kafka --at '
claim "topics are made" does 'for topic in'
claim "weir check --connect finds all well" does 'weir check'
claim "weir produce fills the input" does 'weir produce'
claim "when it is run again, nothing comes twice" does 'weir produce'
claim "each record is there once" produced_once
claim "weir run does the work, and drains on SIGTERM" run_drains
claim "weir consume writes what weir pipe had printed" consumed_is_what_pipe_printed
# weir verify takes a minute and has a test of its own: here that there is such a command
claim "weir verify is there" readme 'weir verify late.json'
finish
