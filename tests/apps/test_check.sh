# SPDX-License-Identifier: BSD-2-Clause
# weir check without a cluster: the plan, warnings, and files that are wrong.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

file=$tmp/p.json
route='[{"use": "route", "with": {"by": "/origin"}}]'
dead='"dead_letter": {"topic": "flights-dead"}'
pipeline "$file" "$route" '{ "DTW": "detroit" }' "$dead"

hides_secrets() {
    run_weir check "$file" --set /kafka/sasl.password=hunter2 "$@"
    [ "$status" = 0 ] || show || return 1
    grep -q "sasl.password" "$tmp/out" || show || return 1
    ! grep -q hunter2 "$tmp/out" "$tmp/err" || show
}

says_ok() {
    run_weir check "$file" --json
    [ "$status" = 0 ] && grep -q '"ok": true' "$tmp/out" || show
}

# broken NAME TEXT PATTERN: a file of this text is refused, in one line that has its name
broken() {
    printf '%s' "$1" >"$tmp/bad.json"
    refuses 2 "bad.json:.*$2" check "$tmp/bad.json"
}

garbage() {
    head -c 1048576 /dev/urandom >"$tmp/bad.json"
    refuses 2 "bad.json" check "$tmp/bad.json"
}

too_deep() {
    awk 'BEGIN { for (i = 0; i < 200000; i++) printf "[" }' >"$tmp/bad.json"
    refuses 2 "bad.json" check "$tmp/bad.json"
}

truncated() {
    head -c 100 "$file" >"$tmp/bad.json"
    refuses 2 "bad.json" check "$tmp/bad.json"
}

gives_up() {
    run_weir check "$file" --connect --timeout 300ms
    [ "$status" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] || show
}

# deduplicates WITH PATTERN: the plan of this step has such a line
deduplicates() {
    pipeline "$tmp/dedup.json" "[{\"use\": \"dedup\", \"with\": {$1}}]"
    shift
    prints "$1" check "$tmp/dedup.json"
}

# dedup_refused ID PATTERN: as its id this is refused
dedup_refused() {
    pipeline "$tmp/dedup.json" "[{\"use\": \"dedup\", \"with\": {\"id\": $1}}]"
    refuses 2 "dedup.json: /steps/0/with: $2" check "$tmp/dedup.json"
}

id_with_key_is_not_warned_of() {
    deduplicates '"id": ["/a", "key"]' '' || return 1
    ! grep 'not the record key' "$tmp/out"
}

lists_stores_as_json() {
    run_weir check "$tmp/dedup.json" --json
    grep -q '"flights.dedup.ids.changelog.flights"' "$tmp/out" || show
}

fine='{"name": "a", "inputs": ["i"], "outputs": {"default": "o"}'
claim "the plan names the guarantee" prints "^guarantee  *exactly-once" check "$file"
claim "the plan names inputs and where they start" prints "earliest" check "$file"
claim "the plan names steps with their options" prints 'by = "/origin"' check "$file"
claim "the plan tells defaults apart" prints 'unknown = "reject" (default)' check "$file"
claim "the plan names outputs" prints "DTW -> detroit" check "$file"
claim "the plan names the transactional id" prints "flights/here/0" check "$file"
claim "with several workers it names the first and last id" \
    prints "flights/here/0 to 3" check "$file" --set /workers=4
claim "at-least-once has no transactional id" \
    prints "at-least-once" check "$file" --set /guarantee=at-least-once
claim "the plan hides secrets" hides_secrets
claim "so does the plan as JSON" hides_secrets --json
claim "--json says whether it is fine" says_ok
claim "one bad record that would stop the app is warned of" \
    prints "warning.*one bad record" check "$file" --set /dead_letter=null
claim "at-most-once is warned of" \
    prints "warning.*at-most-once" check "$file" --set /guarantee=at-most-once
# librdkafka VERSION or later?
librdkafka_has() {
    have=$("$weir" --version | sed -n 's/.*librdkafka \([0-9.]*\).*/\1/p')
    [ "$(printf '%s\n' "$1" "$have" | sort -V | head -n 1)" = "$1" ]
}
librdkafka_has 2.6.1 ||
    claim "a strategy that this librdkafka does not master is warned of" \
        prints "warning  *cooperative-sticky" check "$file" \
        --set /kafka/partition.assignment.strategy=cooperative-sticky
claim "the plan names stores and how long entries live" \
    deduplicates '"id": "key", "window": "36h"' '^stores  *dedup.ids: entries live for 36h'
claim "the plan names changelog topics" \
    deduplicates '"id": "key"' 'changelog topic flights.dedup.ids.changelog.flights '
claim "so does the plan as JSON" lists_stores_as_json
claim "an id that is not the key is warned of" \
    deduplicates '"id": "/a"' 'warning  *step dedup: id is not the record key'
claim "an id that has the key in it is not" id_with_key_is_not_warned_of
claim "stores under at-most-once are warned of" \
    prints "warning  *under at-most-once stores" check "$tmp/dedup.json" --set /guarantee=at-most-once
claim "dedup refuses an empty list" dedup_refused '[]' 'id: the list is empty'
claim "dedup refuses an id of no kind" dedup_refused '"order_id"' 'id: "order_id" is not "key", "header:NAME" or a'
claim "dedup refuses an empty id" dedup_refused '["key", ""]' 'id: "" is not'
claim "dedup refuses a header without a name" dedup_refused '"header:"' 'id: "header:" lacks'
claim "dedup refuses a bad pointer" dedup_refused '"/a~2"' 'id: "/a~2" is no JSON pointer'
claim "a cluster that does not answer is given up" gives_up

claim "a missing file is named" refuses 2 "nowhere.json" check "$tmp/nowhere.json"
claim "a folder is no file" refuses 2 "$tmp" check "$tmp"
claim "an empty file is refused" broken "" ""
claim "1 MiB of garbage is refused" garbage
claim "deep nesting is refused" too_deep
claim "a truncated file is refused" truncated
claim "an unknown key names the nearest" broken "$fine, \"stpes\": []}" 'steps'
claim "a wrong type names its place" broken "$fine, \"workers\": \"many\"}" '/workers'
claim "out of range names its place" broken "$fine, \"workers\": 1000}" '/workers'
claim "a name with / is refused" broken '{"name": "a/b", "inputs": ["i"], "outputs": {"default": "o"}}' '/name'
claim "a topic .. is refused" broken '{"name": "a", "inputs": [".."], "outputs": {"default": "o"}}' '/inputs'
claim "an unknown processor names what there is" \
    broken "$fine, \"steps\": [{\"use\": \"rout\"}]}" 'did you mean "route"'
claim "a missing option is named" broken "$fine, \"steps\": [{\"use\": \"route\"}]}" '/steps/0/with/by'
claim "a property that breaks the guarantee is refused" \
    broken "$fine, \"kafka\": {\"bootstrap.servers\": \"b\", \"enable.auto.commit\": true}}" "enable.auto.commit"
claim "what run would refuse, run refuses in the same words" \
    refuses 2 "/workers" run "$file" --set /workers=1000
pipeline "$tmp/enrich.json" \
    '[{"use": "enrich", "with": {"table": "airports", "on": "/origin", "into": "/from"}}]' '' \
    '"tables": {"airports": {"topic": "all-airports"}}'
claim "a table is in the plan" prints '^tables  *airports <- all-airports ' check "$tmp/enrich.json"
claim "a table is in the plan as JSON" prints '"airports": "all-airports"' check "$tmp/enrich.json" --json
claim "a table that is not there is named" refuses 2 'enrich.json: /steps/0/with.*airports' \
    check "$tmp/enrich.json" --set /tables=null
finish
