# SPDX-License-Identifier: BSD-2-Clause
# weir test: cases that pass and fail, --update, TAP, files that are wrong, the bundled
# processors' examples, and the guide.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

source=$(cd "${srcdir:-.}" && pwd)
file=$tmp/t.json
step='"step": {"use": "dedup", "with": {"id": "/id"}}'

# cases CASE...: a file of them
cases() {
    list=$(printf ', %s' "$@")
    printf '{%s, "cases": [%s]}\n' "$step" "${list#, }" >"$file"
}

given='"given": [{"key": "k", "value": {"id": 1, "price": 2}}, {"value": {"id": 1}}]'
right='{"name": "right", '$given', "expect": {"outputs": {"out": [{"value": {"price": 2, "id": 1}}]}}}'
wrong='{"name": "wrong", '$given', "expect": {"outputs": {"out": [{"value": {"id": 1, "price": 3}}]}}}'

passes() {
    cases "$right"
    run_weir test "$file"
    [ "$status" = 0 ] && [ "$(cat "$tmp/out")" = "ok     $file: right
1 case" ] && [ ! -s "$tmp/err" ] || show
}

shows_the_difference() {
    cases "$wrong" "$right"
    run_weir test "$file" -q
    [ "$status" = 1 ] && [ "$(cat "$tmp/out")" = "FAILED $file: wrong
       /cases/0/expect/outputs/out: out: expected 1 record, got 1
         record 1
           expected {\"value\": {\"id\": 1, \"price\": 3}}
           got      {\"value\": {\"id\": 1, \"price\": 2}}
           /value/price: expected 3, got 2
2 cases, 1 failed" ] || show
}

speaks_tap() {
    cases "$right" "$wrong"
    run_weir test "$file" --tap
    [ "$status" = 1 ] && [ "$(head -n 3 "$tmp/out")" = "1..2
ok 1 - $file: right
not ok 2 - $file: wrong" ] && ! tail -n +4 "$tmp/out" | grep -v '^# ' || show
}

# fails PATTERN CASE: it does, with such a line
fails() {
    cases "$2"
    run_weir test "$file"
    [ "$status" = 1 ] && grep -q -e "$1" "$tmp/out" || show
}

# bad PATTERN CASE: such a file cannot be used, which one line says
bad() {
    cases "$2"
    refuses 2 "$1" test "$file"
}

# cannot_run PATTERN CASE: nor can this case; the line is the same, and the others are run
cannot_run() {
    cases "$2" "$right"
    run_weir test "$file"
    [ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -q -e "$1" "$tmp/err" &&
        grep -q '^ok .*right' "$tmp/out" || show
}

update_writes_what_came() {
    cat >"$file" <<END
{ $step, "cases": [
    {
      "name": "new",   "about": "the blanks stay, and 1.50",
      "given": [{"value": {"id": 1.50}}, {"value": "x"}]
    },
    $right
  ] }
END
    run_weir test "$file" --update
    [ "$status" = 0 ] && grep -q '2 cases, 1 updated' "$tmp/out" || show || return 1
    cat >"$tmp/wanted" <<END
{ $step, "cases": [
    {
      "name": "new",   "about": "the blanks stay, and 1.50",
      "given": [{"value": {"id": 1.50}}, {"value": "x"}],
      "expect": {
        "dead_letters": [
          {"value": "x", "step": "dedup", "reason": "value is not JSON: line 1 column 1: expected a value but found x"}
        ],
        "outputs": {
          "out": [
            {"value": {"id": 1.5}}
          ]
        }
      }
    },
    $right
  ] }
END
    diff "$tmp/wanted" "$file" || return 1
    run_weir test "$file" && [ "$status" = 0 ] || show || return 1
    run_weir test "$file" --update && diff "$tmp/wanted" "$file"
}

update_replaces_what_is_wrong() {
    cases "$wrong"
    run_weir test "$file" --update
    [ "$status" = 0 ] || show || return 1
    run_weir test "$file"
    [ "$status" = 0 ] && grep -q '"price": 2' "$file" || show
}

garbage() {
    head -c 1048576 /dev/urandom >"$file"
    refuses 2 "t.json:1:" test "$file"
}

too_deep() {
    awk 'BEGIN { for (i = 0; i < 200000; i++) printf "[" }' >"$file"
    refuses 2 "t.json:1:" test "$file"
}

pipeline_is_missing() {
    echo '{"pipeline": "none.json", "cases": [{"name": "a", "expect": {"outputs": {"x": []}}}]}' >"$file"
    run_weir test "$file"
    [ "$status" = 2 ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
        grep -q 't.json: case "a": /cases/0: .*none.json: No such file' "$tmp/err" || show
}

# paths are taken from the file's folder
pipeline_is_found_beside() {
    mkdir -p "$tmp/sub"
    pipeline "$tmp/sub/p.json" '[]' '{"default": "o"}'
    echo '{"pipeline": "p.json", "cases": [{"name": "a", "given": [{"value": "x"}],
        "expect": {"outputs": {"o": [{"value": "x"}]}}}]}' >"$tmp/sub/t.json"
    run_weir test "$tmp/sub/t.json"
    [ "$status" = 0 ] || show
}

example() { # NAME
    run_weir test "$source/docs/examples/$1.test.json"
    [ "$status" = 0 ] && ! grep -q -v '^ok\|^[0-9]* cases$' "$tmp/out" || show
}

# blocks LANGUAGE: those of the guide
blocks() {
    awk -v begin="\`\`\`$1" '$0 == begin { on = 1; next } /^```/ { on = 0 } on' \
        "$source/docs/testing.md"
}

guide_file_is_as_it_says() {
    blocks json >"$tmp/orders.test.json"
    (cd "$tmp" && "$weir" test orders.test.json) >"$tmp/out" 2>"$tmp/err"
    status=$?
    [ "$status" = 0 ] || show || return 1
    blocks console | awk '/weir test/ { on = 1; next } /^\$/ { on = 0 } on' | diff - "$tmp/out"
}

guide_program_passes() {
    blocks c >"$tmp/shout_test.c"
    # shellcheck disable=SC2086  # lists of words
    ${CC:-cc} -Wall -Wextra -Werror ${JANSSON_CFLAGS:-} -I"$source/lib" -o "$tmp/shout_test" \
        "$tmp/shout_test.c" -L.libs -lweir &&
        LD_LIBRARY_PATH=$PWD/.libs "$tmp/shout_test"
}

# each member and action that the command knows is in the guide
guide_is_whole() {
    for name in $(sed -n '/^static const char \*const [a-z_]*\[\] = {/,/};/p' "$source/apps/weir/test_check.c" |
        grep -o '"[a-z_-]*"' | tr -d '"'); do
        grep -q "\`\"*$name" "$source/docs/testing.md" || { echo "$name is not in docs/testing.md"; return 1; }
    done
}

claim "what is as expected passes" passes
claim "what is not is shown with its place, expected and got" shows_the_difference
claim "TAP" speaks_tap
claim "a dead letter that nobody expected fails" fails 'nobody expected this: dead: expected 0 records, got 1' \
    '{"name": "n", "given": [{"value": 1}], "expect": {"outputs": {"out": []}}}'
claim "so does a record in an output" fails 'nobody expected this: out' \
    '{"name": "n", '"$given"', "expect": {"stores": {"dedup.ids": [{"key": "1"}]}}}'
claim "so does a commit that was to fail and never came" fails 'none came behind fail_commit' \
    '{"name": "n", "do": [{"expect": {"outputs": {"out": []}}}, {"fail_commit": "aborted"}]}'
claim "so does an app that stops" fails 'stops: expected that it stops' \
    '{"name": "n", "expect": {"stops": "fenced", "outputs": {"out": []}}}'
claim "and one that stops for another reason" fails 'another reason' \
    '{"name": "n", "do": [{"fail_commit": "fenced"}, {"given": [{"value": {"id": 1}}]}, {"expect": {"stops": "disk"}}]}'
claim "fewer records than are to be processed fail" fails '0 of 3 records' \
    '{"name": "n", "do": [{"process": 3}, {"expect": {"outputs": {"out": []}}}]}'
claim "--update writes what came out, and leaves the rest" update_writes_what_came
claim "--update replaces what was wrong" update_replaces_what_is_wrong

claim "no file" refuses 2 'FILE' test
claim "a file that is not there" refuses 2 'none.json: No such file' test "$tmp/none.json"
claim "1 MiB of garbage" garbage
claim "nesting without end" too_deep
claim "a pipeline file that is missing" pipeline_is_missing
claim "a pipeline file beside the file" pipeline_is_found_beside
claim "a case that expects nothing" bad 'case "n": /cases/0: nothing is expected' '{"name": "n", '"$given"'}'
claim "an empty expect" bad 'case "n": /cases/0/expect: nothing is expected' '{"name": "n", "expect": {}}'
claim "no topic in outputs" bad '/cases/0/expect/outputs: expected an object, not empty' \
    '{"name": "n", "expect": {"outputs": {}}}'
claim "a member that is misspelt" bad 'case "n": /cases/0/expcet: unknown member; did you mean "expect"?' \
    '{"name": "n", "expcet": {}}'
claim "an action that is misspelt" bad '/cases/0/do/0/crahs: unknown member; did you mean "crash"?' \
    '{"name": "n", "do": [{"crahs": true}]}'
claim "two actions in one" bad '/cases/0/do/0: expected one action' \
    '{"name": "n", "do": [{"crash": true, "settle": true}]}'
claim "a wrong type" bad '/cases/0/given: expected a list' '{"name": "n", "given": 3, "expect": {"stops": "x"}}'
claim "no duration" bad '/cases/0/do/0/advance: expected a duration' '{"name": "n", "do": [{"advance": 3}]}'
claim "a case without a name" bad '/cases/0/name: a case needs a name' '{"expect": {"stops": "x"}}'
claim "a case that is there twice" bad '/cases/1/name: an earlier case' "$right, $right"
claim "do and given" bad 'takes the place of' '{"name": "n", "given": [{}], "do": [{"crash": true}]}'
claim "a member of a record that is misspelt" cannot_run 'case "n": /cases/0/given/0/vlaue: .*did you mean value?' \
    '{"name": "n", "given": [{"vlaue": 1}], "expect": {"outputs": {"out": []}}}'
claim "a record of which nothing is expected" cannot_run '/cases/0/expect/outputs/out/0: nothing is expected' \
    '{"name": "n", "expect": {"outputs": {"out": [{}]}}}'
claim "an output that is not there" cannot_run '/cases/0/expect/outputs/uot: no output goes to the topic uot' \
    '{"name": "n", "expect": {"outputs": {"uot": []}}}'
claim "a store that is not there" cannot_run '/cases/0/expect/stores/dedup.isd: there is no store' \
    '{"name": "n", "expect": {"stores": {"dedup.isd": []}}}'
claim "options that are wrong" cannot_run '/cases/0: .*unknown key' \
    '{"name": "n", "step": {"use": "dedup", "with": {"di": "/id"}}, "expect": {"outputs": {"out": []}}}'

for name in dedup enrich route; do
    claim "the examples of $name pass" example "$name"
done
if have_jq; then
    claim "the examples of jq pass" example jq
else
    skip "the examples of jq pass" "built without jq"
fi
claim "the guide's file does what the guide says" guide_file_is_as_it_says
claim "the guide has each member and action" guide_is_whole
case ${WEIR_SANITIZER:-no} in
no) claim "the guide's program builds and passes" guide_program_passes ;;
*) skip "the guide's program builds and passes" "it has no sanitizer" ;;
esac
finish
