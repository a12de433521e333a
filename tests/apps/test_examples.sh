# SPDX-License-Identifier: BSD-2-Clause
# The programs of examples/, on a real Kafka.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
kafka="${srcdir:-.}/tests/kafka/kafka"
examples=$PWD/examples

says_its_usage() {
    for name in hello counter join built loop logger upper; do
        "$examples/$name" >"$tmp/out" 2>"$tmp/err"
        [ $? = 2 ] && grep -q "^usage: $name " "$tmp/err" || show || return 1
    done
}

claim "each says how it is called" says_its_usage
why=$("$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap '"$kafka" stop "$tmp/kafka" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
brokers=$("$kafka" start "$tmp/kafka" --owner $$) || exit 1
tests/apps/topics "$brokers" 2 names greetings words counts loud orders bills once copied prices || exit 1
STATE_DIR=$tmp/state
export STATE_DIR

produce() { # TOPIC: lines KEY:VALUE
    "$weir" produce -q -b "$brokers" -K : "$1"
}

consumed() { # TOPIC: its lines KEY:VALUE in order of their text
    "$weir" consume -q "$1" -b "$brokers" -e -K : | LC_ALL=C sort | tr '\n' ' '
}

gives() { # TOPIC TEXT PROGRAM ARGUMENT...
    topic=$1 text=$2 program=$3
    shift 3
    "$examples/$program" "$@" >"$tmp/out" 2>"$tmp/err" || show || return 1
    [ "$(consumed "$topic")" = "$text" ] || { consumed "$topic"; return 1; }
}

cat >"$tmp/copy.json" <<END
{ "name": "copy", "kafka": { "bootstrap.servers": "$brokers" }, "inputs": ["words"],
  "outputs": { "default": "copied" }, "state_dir": "$tmp/state" }
END

# Until it is seen to be committed, and the loop to go on beside it.
runs_in_a_loop() {
    "$examples/loop" "$tmp/copy.json" >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    tries=0
    until [ "$(consumed copied)" = "1:so 2:be 3:so " ] && grep -q "the loop is alive" "$tmp/out"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { kill "$pid"; show; return 1; }
        sleep 0.2
    done
    kill "$pid" && wait "$pid" || show
}

logs_as_the_program_does() {
    sed 's/"copy"/"copy-again"/; s/copied/loud/' "$tmp/copy.json" >"$tmp/again.json"
    "$examples/logger" "$tmp/again.json" >"$tmp/out" 2>"$tmp/err" || show || return 1
    [ ! -s "$tmp/err" ] && grep -q '^{"time":[0-9]*,"level":"info","program":"logger","text":"' "$tmp/out" &&
        ! grep -qv '^{"time"' "$tmp/out" || show
}

printf '1:Ann\n2:Bob\n3:\n' | produce names
printf '1:so\n2:be\n3:so\n' | produce words
printf 'pear:2.50\nplum:1.00\npear:3.00\n' | produce prices
printf '1:pear\n2:kiwi\n' | produce orders
claim "hello greets, and leaves out whom it cannot" \
    gives greetings "1:hello, Ann 2:hello, Bob " hello "$brokers" --end
claim "counter counts" gives counts "be:1 so:1 so:2 " counter "$brokers" --end
claim "join finds the last price" gives bills "1:pear: 3.00 " join "$brokers" --end
claim "upper, in C++, shouts" gives loud "1:SO 2:BE 3:SO " upper "$brokers"
claim "loop runs beside a main loop, and drains by a signal" runs_in_a_loop
claim "logger has its lines in its own form" logs_as_the_program_does
printf '1:{"id":7}\n1:{"id":7}\n1:{"id":8}\n' | produce once
tests/apps/topics "$brokers" 2 unique || exit 1
claim "built puts a pipeline together" \
    gives unique '1:{"id":7} 1:{"id":8} ' built "$brokers" once unique /id 24h
finish
