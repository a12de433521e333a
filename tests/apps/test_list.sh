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

echo "not a plugin" >"$tmp/text.so"
claim "route is listed" prints "^route  *choose" list
claim "the file it comes from is named" prints "^route .*(/.*/route.so)$" list
claim "list --json is JSON" is_json list --json
claim "no processors at all is no error" no_processors_is_said
claim "a plugin asked for by name must load" refuses 2 "text.so" list --plugins "$tmp/text.so"
claim "a plugin that is not there is named" refuses 2 "none.so" list --plugins "$tmp/none.so"
claim "describe shows the options" prints "^  by " describe route
claim "describe shows what a step looks like" prints '"use": "route"' describe route
claim "describe --json is JSON" is_json describe route --json
claim "an unknown processor names the nearest" refuses 2 'did you mean "route"' describe rout
claim "describe --pipeline shows the file's keys" prints "^  guarantee " describe --pipeline
claim "describe --pipeline --json is JSON" is_json describe --pipeline --json
claim "describe without a processor shows the usage" refuses 2 "no PROCESSOR given" describe
claim "--plugins comes before WEIR_PLUGIN_PATH, and that before what is built or installed" earlier_counts
claim "a plugin that everybody may write to is refused" open_to_all_is_refused
finish
