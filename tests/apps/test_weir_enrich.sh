# SPDX-License-Identifier: BSD-2-Clause
# weir-enrich: its command line, then over a real Kafka, killed with -9 in between.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
kafka="${srcdir:-.}/tests/kafka/kafka"
weir_itself=$weir
weir=$PWD/weir-enrich # run_weir runs this one

flights="--brokers localhost:1 --input flights --output flights-full --table airports \
    --on /origin --into /from"

# shellcheck disable=SC2086  # lists of words
stands_for() { # WEIR-CHECK-LINE ARGUMENT...
    line=$1
    shift
    run_weir $flights --print-pipeline "$@"
    [ "$status" = 0 ] || show || return 1
    cp "$tmp/out" "$tmp/printed.json"
    SASL_PASSWORD=of-the-environment "$weir_itself" check "$tmp/printed.json" \
        >"$tmp/out" 2>"$tmp/err" && grep -q -e "$line" "$tmp/out" || show
}

# shellcheck disable=SC2086
bad() { # PATTERN ARGUMENT...
    pattern=$1
    shift
    refuses 2 "$pattern" $flights "$@"
}

# shellcheck disable=SC2086
without() { # OPTION: it is named as the missing one
    refuses 2 "^weir-enrich: $1 is missing" $(echo "$flights" | sed "s, *$1 [^ ]*,,")
}

hides_secrets() {
    printf '# of the cluster\n\nlinger.ms = 7\nsasl.password=in$ide\n' >"$tmp/properties"
    stands_for 'linger.ms = 7' -F "$tmp/properties" || return 1
    # shellcheck disable=SC2016  # it is printed so
    grep -qF '"sasl.password": "${SASL_PASSWORD}"' "$tmp/printed.json" &&
        ! grep -q 'in.ide' "$tmp/printed.json"
}

claim "--help names the options" prints '--print-pipeline' --help
claim "--version is a version" prints '^weir-enrich [0-9]' --version
claim "what is printed is a pipeline file" stands_for '^app  *enrich-flights,'
claim "it has the table" stands_for 'table = "airports"'
claim "it has the place of the key" stands_for 'on = "/origin"'
claim "it has where to put it" stands_for 'into = "/from"'
claim "it has one field" stands_for 'fields = "name"' --fields name
claim "it has all fields" stands_for 'fields = \["name","city","state"\]' --fields name,city --fields state
claim "it has what to do with what is missing" stands_for 'missing = "keep"' --missing keep
claim "it has the topic of what is missing" stands_for 'missing -> unknown' --missing-to unknown
claim "a table's topic may have dots" stands_for 'table = "table"' --table air.ports
claim "properties come from a file, and secrets are not printed" hides_secrets
claim "a dollar is a dollar" stands_for "on = \"/\\\$\\\${x}\"" --on '/$${x}'
for option in --brokers --input --output --table --on --into; do
    claim "$option is required" without "$option"
done
claim "an unknown option is named" bad 'nope' --nope
claim "an operand is named" bad '"more" is no option' more
claim "a bad place is named" bad 'on: "foo" is not' --on foo
claim "a bad pointer is named" bad '/steps/0/with/into' --into foo
claim "all of the value needs fields" bad 'into: "" is all of the value' --into ''
claim "what --missing does not know is named" bad 'missing: "pass" is not' --missing pass
claim "a property without a value is named" bad '-X: expected NAME=VALUE' -X linger.ms
claim "a line that is no property is named" bad 'weir_enrich.sh:3: expected' -F "$0"
claim "a file that is not there is named" bad 'none: No such file' -F "$tmp/none"

why=$("$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap '"$kafka" stop "$tmp/kafka" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
brokers=$("$kafka" start "$tmp/kafka" --owner $$) || exit 1
tests/apps/topics "$brokers" 2 flights flights-full airports:compact unknown || exit 1

produce() {
    "$weir_itself" produce -q -b "$brokers" "$@"
}

consumed() { # TOPIC: its lines in order of their text
    "$weir_itself" consume -q "$1" -b "$brokers" -e | LC_ALL=C sort
}

# In place of its shell, so that the shell's id is the one to kill.
enrich() {
    exec "$weir" --brokers "$brokers" --input flights --output flights-full --table airports --on /origin \
        --into /from --missing-to unknown --state-dir "$tmp/state" --instance here -q "$@"
}

to_the_end() {
    (enrich --until-end) >"$tmp/out" 2>"$tmp/err"
    status=$?
    [ "$status" = 0 ] || show
}

# Lines "IATA airport" beside flights; what no airport is known for stays as it is.
answer() { # ENRICHED UNKNOWN
    sed 's/.*"iata":"\([^"]*\)".*/\1 &/' "$data/airports.jsonl" | grep -v '^LAS ' >"$tmp/airports"
    awk -v full="$1" -v unknown="$2" '
        FNR == NR { airport[$1] = substr($0, length($1) + 2); next }
        { split($0, part, "\"origin\":\""); origin = part[2]; sub(/".*/, "", origin)
          if (origin in airport) print substr($0, 1, length($0) - 1) ",\"from\":" airport[origin] "}" >full
          else print >unknown }' "$tmp/airports" "$data/flights.jsonl"
    LC_ALL=C sort -o "$1" "$1"
    LC_ALL=C sort -o "$2" "$2"
}

# The feed goes on while it is killed, so that it is in the middle of its work.
each_flight_once_over_kills() {
    sed 's/ /:/' "$tmp/airports" | produce -K : airports || return 1
    split -l 2000 "$data/flights.jsonl" "$tmp/part." || return 1
    count=0
    enrich 2>"$tmp/log" &
    pid=$!
    for part in "$tmp"/part.*; do
        produce flights <"$part" || return 1
        count=$((count + 1))
        case $count in
        3 | 6)
            kill -KILL "$pid" && wait "$pid"
            [ $? = 137 ] || { echo "it had ended before it was killed"; cat "$tmp/log"; return 1; }
            enrich 2>>"$tmp/log" &
            pid=$!
            ;;
        esac
    done
    kill -KILL "$pid" && wait "$pid"
    to_the_end || return 1
    consumed flights-full | cmp - "$tmp/full" && consumed unknown | cmp - "$tmp/missing"
}

# Its state is there still, and the new airport is behind it.
a_new_airport_is_known_after_a_restart() {
    grep '"iata":"LAS"' "$data/airports.jsonl" | sed 's/^/LAS:/' | produce -K : airports || return 1
    printf '{"origin":"LAS","n":19.990}\n' | produce flights || return 1
    to_the_end || return 1
    consumed flights-full | grep -q '^{"origin":"LAS","n":19.990,"from":{"iata":"LAS"'
}

# What weir check says of the pipeline that it stands for, with the table in this topic.
checked() { # TABLE
    run_weir -b "$brokers" --input flights --output flights-full --table "$1" --on /origin \
        --into /from --print-pipeline
    cp "$tmp/out" "$tmp/printed.json"
    "$weir_itself" check "$tmp/printed.json" --connect >"$tmp/out" 2>"$tmp/err"
    status=$?
}

check_shows_the_table() {
    checked airports
    [ "$status" = 0 ] && grep -q '^tables  *airports <- airports' "$tmp/out" &&
        grep -q 'airports (table airports): 2 partitions' "$tmp/out" &&
        ! grep -q 'not compacted' "$tmp/out" || show
}

check_warns_of_retention() {
    checked unknown
    [ "$status" = 0 ] && grep -q 'table unknown: topic unknown is not compacted' "$tmp/out" || show
}

check_misses_the_table() {
    checked nowhere
    [ "$status" = 2 ] && grep -q 'topic nowhere (table nowhere) does not exist' "$tmp/err" || show
}

claim "weir check --connect shows the table's topic" check_shows_the_table
claim "weir check --connect warns of one that is not compacted" check_warns_of_retention
claim "weir check --connect names one that is missing" check_misses_the_table
answer "$tmp/full" "$tmp/missing"
claim "the answer has both kinds" test -s "$tmp/full" -a -s "$tmp/missing"
claim "each flight gets its airport once, over kill -9" each_flight_once_over_kills
claim "what is new in the table is known after a restart" a_new_airport_is_known_after_a_restart
finish
