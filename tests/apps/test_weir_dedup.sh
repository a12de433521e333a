# SPDX-License-Identifier: BSD-2-Clause
# weir-dedup: its command line, then over a real Kafka.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
kafka="${srcdir:-.}/tests/kafka/kafka"
weir_itself=$weir
weir=$PWD/weir-dedup # run_weir runs this one

orders="--brokers localhost:1 --input orders --output orders-once --id /order_id"

# shellcheck disable=SC2086  # lists of words
stands_for() { # WEIR-CHECK-LINE ARGUMENT...
    line=$1
    shift
    run_weir $orders --print-pipeline "$@"
    [ "$status" = 0 ] || show || return 1
    cp "$tmp/out" "$tmp/printed.json"
    "$weir_itself" check "$tmp/printed.json" >"$tmp/out" 2>"$tmp/err" &&
        grep -q -e "$line" "$tmp/out" || show
}

# shellcheck disable=SC2086
bad() { # PATTERN ARGUMENT...
    pattern=$1
    shift
    refuses 2 "$pattern" $orders "$@"
}

claim "--help names the options" prints '--print-pipeline' --help
claim "--version is a version" prints '^weir-dedup [0-9]' --version
claim "what is printed is a pipeline file" stands_for '^app  *dedup-orders,'
claim "it has the id" stands_for 'id = "/order_id"'
claim "it has all ids" stands_for 'id = \["/order_id","key"\]' --id key
claim "it has the window" stands_for 'window = "24h"' --window 24h
claim "it has the guarantee" stands_for '^guarantee  *at-least-once' --guarantee at-least-once
claim "it has the topic of duplicates" stands_for 'duplicates -> twice' --duplicates twice
claim "it has the dead letters" stands_for '^dead letters  *dead ' --dead-letter dead
claim "it has the folder of the state" stands_for '^state  */some/where' --state-dir /some/where
claim "it has properties" stands_for 'linger.ms = 7' -X linger.ms=7
claim "no option is named" refuses 2 '--brokers is missing' --input a --output b --id key
claim "no id is named" refuses 2 '--id is missing' -b c --input a --output b
claim "an unknown option is named" bad 'nope' --nope
claim "an operand is named" bad '"more" is no option' more
claim "a bad id is named" bad 'id: "foo" is not' --id foo
claim "a bad window is named" bad '/steps/0/with/window' --window soon
claim "a bad guarantee is named" bad '/guarantee' --guarantee twice
claim "a property without a value is named" bad 'NAME=VALUE' -X linger.ms
claim "several inputs need a name" bad '--name' --input more
claim "a topic that makes no name needs one" \
    refuses 2 'a.b makes no name' -b c --input a.b --output b --id key

why=$("$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap '"$kafka" stop "$tmp/kafka" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
brokers=$("$kafka" start "$tmp/kafka" --owner $$) || exit 1
tests/apps/topics "$brokers" 2 orders orders-once orders-twice || exit 1

produce() {
    "$weir_itself" produce -q -b "$brokers" -K : orders
}

consumed() { # TOPIC: its lines in order of their text
    "$weir_itself" consume -q "$1" -b "$brokers" -e | LC_ALL=C sort | tr '\n' ' '
}

dedup() {
    run_weir --brokers "$brokers" --input orders --output orders-once --id key \
        --duplicates orders-twice --state-dir "$tmp/state" --instance here --until-end -q
    [ "$status" = 0 ] || show
}

each_id_once() {
    printf 'a:1\nb:2\na:3\nc:4\nb:5\n' | produce && dedup || return 1
    [ "$(consumed orders-once)" = "1 2 4 " ] || { consumed orders-once; return 1; }
    [ "$(consumed orders-twice)" = "3 5 " ]
}

also_after_a_restart() {
    printf 'c:6\nd:7\n' | produce && dedup || return 1
    [ "$(consumed orders-once)" = "1 2 4 7 " ] || { consumed orders-once; return 1; }
    [ "$(consumed orders-twice)" = "3 5 6 " ]
}

also_without_its_folder() {
    rm -rf "$tmp/state"
    printf 'd:8\ne:9\n' | produce && dedup || return 1
    [ "$(consumed orders-once)" = "1 2 4 7 9 " ] || { consumed orders-once; return 1; }
    [ "$(consumed orders-twice)" = "3 5 6 8 " ]
}

claim "each id comes once" each_id_once
claim "and after a restart" also_after_a_restart
claim "and with the state rebuilt from its changelog" also_without_its_folder
finish
