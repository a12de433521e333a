# SPDX-License-Identifier: BSD-2-Clause
# Long work shows progress on a terminal, and nothing of it anywhere else; over a real Kafka.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
kafka=${srcdir:-.}/tests/kafka/kafka

command -v script >/dev/null 2>&1 || skip_all "no script(1) to make a terminal with"
why=$("$kafka" check 2>&1) || skip_all "$why"
trap '"$kafka" stop "$tmp/kafka" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
brokers=$("$kafka" start "$tmp/kafka" --owner $$) || exit 1
tests/apps/topics "$brokers" 2 lines || exit 1

# Input that takes longer than the time between two drawings.
slowly() {
    for i in 1 2 3 4 5; do
        echo "$i"
        sleep 0.2
    done
}

# on_terminal FILE COMMAND: standard error is a terminal, what it shows is in FILE
on_terminal() {
    script -qec "$2" /dev/null </dev/null >"$1" || { cat "$1"; return 1; }
}

produce_shows_it() {
    slowly >"$tmp/fifo" &
    on_terminal "$tmp/shown" "$weir produce -b $brokers lines $tmp/fifo" || return 1
    grep -q 'lines: [0-9]* records, ' "$tmp/shown" || { cat "$tmp/shown"; return 1; }
}

quiet_shows_none() {
    slowly >"$tmp/fifo" &
    on_terminal "$tmp/shown" "$weir produce -q -b $brokers lines $tmp/fifo" || return 1
    [ ! -s "$tmp/shown" ] || { cat "$tmp/shown"; return 1; }
}

consume_shows_it() {
    # until it is interrupted, after which it exits with 0
    on_terminal "$tmp/shown" \
        "timeout --preserve-status -s INT 2 $weir consume -b $brokers lines --to $tmp/file" ||
        return 1
    grep -q 'lines: [0-9]* records' "$tmp/shown" || { cat "$tmp/shown"; return 1; }
}

no_terminal_no_progress() {
    slowly >"$tmp/fifo" &
    run_weir produce -b "$brokers" lines "$tmp/fifo"
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] || show
}

# run_copy NAME ARGUMENT...: the command that copies 2000 lines in many small commits
run_copy() {
    name=$1
    shift
    echo "$weir run $tmp/copy.json --until-end --set /name=$name --set /commit/records=5" \
        "--set /kafka/bootstrap.servers=$brokers --set /state_dir=$tmp/state $*"
}

prepare_run() {
    pipeline "$tmp/copy.json" '[]' '{ "default": "copies" }'
    tests/apps/topics "$brokers" 2 flights copies &&
        seq 2000 | "$weir" produce -q -b "$brokers" flights
}

# Log lines begin where the progress was taken away, and nothing of it is left.
run_shows_it() {
    prepare_run || return 1
    on_terminal "$tmp/shown" "$(run_copy shown)" || return 1
    grep -q '[1-9][0-9]* records committed, [0-9]*/s, 0 dead letters' "$tmp/shown" ||
        { cat "$tmp/shown"; return 1; }
    # as the terminal shows it in the end
    tr -d '\r' <"$tmp/shown" | sed "s/.*$(printf '\033')\[K//" >"$tmp/left"
    ! grep -v '^\(error\|warn\|info\|[0-9]\)' "$tmp/left" || return 1
    grep -q ' drained app=shown records=2000 ' "$tmp/left" || { cat "$tmp/left"; return 1; }
    ! grep 'records committed' "$tmp/left"
}

run_without_end_shows_none() {
    on_terminal "$tmp/shown" "timeout --foreground --preserve-status -s TERM 3 $(run_copy forever |
        sed 's/--until-end//')" || return 1
    ! grep 'records committed' "$tmp/shown"
}

quiet_run_shows_none() {
    on_terminal "$tmp/shown" "$(run_copy quiet -q)" || return 1
    ! grep 'records committed' "$tmp/shown"
}

run_elsewhere_shows_none() {
    $(run_copy elsewhere) >"$tmp/out" 2>"$tmp/err" || return 1
    ! grep 'records committed' "$tmp/err" && grep -q ' drained app=elsewhere' "$tmp/err"
}

mkfifo "$tmp/fifo" || exit 1
claim "produce shows progress on a terminal" produce_shows_it
claim "with -q it does not" quiet_shows_none
claim "consume shows progress where its lines go elsewhere" consume_shows_it
claim "nothing is shown where standard error is no terminal" no_terminal_no_progress
claim "run --until-end shows progress, and log lines take it away" run_shows_it
claim "a run without end shows none" run_without_end_shows_none
claim "nor does a quiet one" quiet_run_shows_none
claim "nor one whose standard error is no terminal" run_elsewhere_shows_none
finish
