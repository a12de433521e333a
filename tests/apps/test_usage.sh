# SPDX-License-Identifier: BSD-2-Clause
# What every command has in common: help, versions, and bad usage in one line.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

commands="run check pipe produce consume list describe verify state"

lists_all() {
    run_weir "$@"
    for command in $commands; do
        grep -q "^  $command " "$tmp/out" || show || return 1
    done
    [ "$status" = 0 ]
}

# Help fits a terminal; the example is a line that may be copied as it is.
help_fits() {
    run_weir "$1" --help
    [ "$status" = 0 ] || show || return 1
    head -1 "$tmp/out" | grep -q "^Usage: weir $1 " || show || return 1
    sed '/^Example/,$d' "$tmp/out" | awk 'length > 80 { print; bad = 1 } END { exit bad }'
}

# Of two letters or names for one thing one would be out of reach.
help_names_once() {
    run_weir "$1" --help
    twice=$(grep -oE '^  (-[A-Za-z]|   ),? --[a-z-]+' "$tmp/out" | grep -oE -e '--[a-z-]+' |
        sort | uniq -d)
    letters=$(grep -oE '^  -[A-Za-z]' "$tmp/out" | sort | uniq -d)
    [ -z "$twice$letters" ] || { echo "$twice $letters"; return 1; }
}

closed_output_fails() {
    status=0
    "$weir" list >&- 2>"$tmp/err" || status=$?
    [ "$status" = 1 ] && grep -q "standard output" "$tmp/err"
}

claim "weir alone lists the commands" lists_all
claim "so does weir help" lists_all help
claim "-V names weir and librdkafka" prints "^weir [0-9.]*, librdkafka [0-9.]*$" -V
claim "an unknown command names the nearest" refuses 2 "chekc (did you mean check?)" chekc
claim "a command that is like none points to the list" refuses 2 "weir --help" frobnicate
claim "an option before the command is refused" refuses 2 "a command comes first" --brokers
claim "output that cannot be written is a failure" closed_output_fails
for command in $commands; do
    claim "$command --help fits 80 columns" help_fits "$command"
    claim "$command has no option twice" help_names_once "$command"
    claim "$command --version prints versions" prints "^weir .*librdkafka" "$command" --version
    claim "$command names the option that is nearest" \
        refuses 2 "^weir $command: unknown option --hepl (did you mean --help?)$" "$command" --hepl
    claim "$command refuses an unknown letter" refuses 2 "unknown option -Y" "$command" -Y
done
claim "an option without its value is refused" refuses 2 "needs a value" run --set
claim "a value where none belongs is refused" refuses 2 "takes no value" list --json=yes
claim "an option cut short that may mean several names them" \
    refuses 2 "may mean --v" list --ver
claim "run without FILE shows the usage" refuses 2 "no FILE given (usage: weir run FILE" run
claim "an argument too many is named" refuses 2 "too many: two" check one two
claim "--set needs a pointer" refuses 2 "JSON pointer" run --set name=x x.json
claim "--set needs a value" refuses 2 "NAME=VALUE" run --set /name x.json
claim "--timeout needs a duration" refuses 2 "no duration" check --timeout soon x.json
claim "no brokers is said before anything is read" refuses 2 "brokers" produce topic
claim "a property without a value is refused" refuses 2 "NAME=VALUE" consume t -X linger.ms
claim "a property that librdkafka does not know is refused" \
    refuses 2 "no.such" consume t -b localhost:1 -X no.such=1 -e
claim "a missing file of properties is named" refuses 2 "nowhere.conf" consume t -F nowhere.conf
finish
