# SPDX-License-Identifier: BSD-2-Clause
# weir list and weir describe.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

is_json() {
    run_weir "$@"
    [ "$status" = 0 ] || show || return 1
    if command -v python3 >/dev/null; then
        python3 -c 'import json, sys; json.load(sys.stdin)' <"$tmp/out" || show
    else
        head -c 1 "$tmp/out" | grep -q '[[{]' || show
    fi
}

no_processors_is_said() {
    WEIR_PLUGIN_PATH=$tmp run_weir list
    # an installed weir of the same prefix may have some
    [ "$status" = 0 ] && { [ -s "$tmp/out" ] || grep -q "no processors found" "$tmp/err"; }
}

# Both have the processor route; $1 is asked for by name, $2 stands in WEIR_PLUGIN_PATH.
earlier_counts() {
    mkdir -p "$tmp/named" "$tmp/path" && cp processors/.libs/route.so "$tmp/named" &&
        cp processors/.libs/route.so "$tmp/path" || return 1
    WEIR_PLUGIN_PATH=$tmp/path prints "($tmp/path/route.so)" list &&
        WEIR_PLUGIN_PATH=$tmp/path prints "($tmp/named/route.so)" list --plugins "$tmp/named"
}

open_to_all_is_refused() {
    mkdir -p "$tmp/open" && cp processors/.libs/route.so "$tmp/open" &&
        chmod 666 "$tmp/open/route.so" || return 1
    refuses 2 "route.so: refused: everybody may write to it (mode 0666; chmod o-w)" \
        list --plugins "$tmp/open"
}

prints_no() {
    pattern=$1
    shift
    run_weir "$@"
    [ "$status" = 0 ] && ! grep -q -e "$pattern" "$tmp/out" || show
}

example_is_taken() { # PROCESSOR [PLUGIN]
    run_weir describe "$1" --example ${2:+--plugins "$2"}
    [ "$status" = 0 ] || show || return 1
    cp "$tmp/out" "$tmp/example.json"
    run_weir check "$tmp/example.json" ${2:+--set "/plugins=[\"$2\"]"}
    [ "$status" = 0 ] || show
}

made_example_is_taken() { # PROCESSOR PATTERN
    example_is_taken "$1" "$PWD/tests/processor/.libs/$1.so" &&
        grep -q -e "$2" "$tmp/example.json" && ! grep -q warning "$tmp/out" "$tmp/err" && return
    cat "$tmp/example.json"
    return 1
}

describe_json_is_whole() {
    prints '"stores": \[' describe dedup --json && grep -q '"ttl": "window"' "$tmp/out" &&
        grep -q '"inputs": \[' "$tmp/out" && prints '"option": "table"' describe enrich --json
}

echo "not a plugin" >"$tmp/text.so"
claim "route is listed" prints "^route  *choose" list
claim "the file it comes from is named" prints "^route .*(/.*/route.so)$" list
claim "list --json is JSON" is_json list --json
claim "no processors at all is no error" no_processors_is_said
claim "a plugin asked for by name must load" refuses 2 "text.so" list --plugins "$tmp/text.so"
claim "a plugin that is not there is named" refuses 2 "none.so" list --plugins "$tmp/none.so"
claim "describe shows the options" prints "^  by " describe route
claim "describe shows the text, wrapped" prints '^Of the records with one id' describe dedup
claim "describe shows the stores, and what their entries' life hangs on" \
    prints "^  ids .*the ids that came; an entry lives" describe dedup
claim "describe shows the tables" prints "^Tables " describe enrich
claim "describe of one that keeps nothing names no store" prints_no "^Stores" describe route
for name in $(cd "$WEIR_PLUGIN_PATH" && ls *.so); do
    name=${name%.so}
    claim "the example of $name is a pipeline file that weir takes" example_is_taken "$name"
done
if [ -e tests/processor/.libs/newer.so ]; then
    claim "one without an example gets one that weir takes" made_example_is_taken good \
        '"copies": "copies"'
    claim "its options have values that say what they are for" made_example_is_taken demanding \
        '"amount": "/amount"'
    claim "rows of another size are read by their own" \
        prints '^  right ' describe newer --plugins tests/processor/.libs/newer.so
fi
claim "describe --json has stores, tables and the example" describe_json_is_whole
claim "describe gives one form" refuses 2 "only one of --json, --example and --man" \
    describe dedup --json --man
claim "describe shows what a step looks like" prints '"use": "route"' describe route
claim "describe --json is JSON" is_json describe route --json
claim "an unknown processor names the nearest" refuses 2 'did you mean "route"' describe rout
claim "describe --pipeline shows the file's keys" prints "^  guarantee " describe --pipeline
claim "describe --pipeline --json is JSON" is_json describe --pipeline --json
claim "describe without a processor shows the usage" refuses 2 "no PROCESSOR given" describe
claim "--plugins comes before WEIR_PLUGIN_PATH, and that before what is built or installed" earlier_counts
claim "a plugin that everybody may write to is refused" open_to_all_is_refused
finish
