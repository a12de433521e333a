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
finish
