# SPDX-License-Identifier: BSD-2-Clause
# Runs the built command; to be sourced after tap.sh. Leaves a folder of its own in $tmp,
# and what `run_weir` got in $tmp/out, $tmp/err and $status.
weir=$PWD/weir
WEIR_PLUGIN_PATH=$PWD/processors/.libs
export WEIR_PLUGIN_PATH
data=$(cd "${srcdir:-.}" && pwd)/demo/data
[ -x "$weir" ] || skip_all "weir is not built"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# the embedded broker and most errors need no input
run_weir() {
    status=0
    "$weir" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
}

show() {
    echo "status $status"
    sed 's/^/out: /' "$tmp/out" | head -20
    sed 's/^/err: /' "$tmp/err" | head -20
    return 1
}

# refuses STATUS PATTERN ARGUMENT...: exits so, says one line that matches, prints nothing
refuses() {
    wanted=$1 pattern=$2
    shift 2
    run_weir "$@" </dev/null
    [ "$status" = "$wanted" ] || show || return 1
    [ "$(wc -l <"$tmp/err")" = 1 ] || show || return 1
    grep -q -e "$pattern" "$tmp/err" || show || return 1
    [ ! -s "$tmp/out" ] || show
}

# prints PATTERN ARGUMENT...: exits with 0 and has such a line on standard output
prints() {
    pattern=$1
    shift
    run_weir "$@" </dev/null
    [ "$status" = 0 ] || show || return 1
    grep -q -e "$pattern" "$tmp/out" || show
}

# A pipeline file: `pipeline FILE STEPS [OUTPUTS [MORE]]`, JSON each.
pipeline() {
    cat >"$1" <<END
{ "name": "flights", "instance": "here", "inputs": ["flights"], "steps": $2,
  "kafka": { "bootstrap.servers": "localhost:1" },
  "outputs": ${3:-{ \"default\": \"flights-out\" \}}${4:+, $4} }
END
}
have_jq() {
    [ -e "$WEIR_PLUGIN_PATH/jq.so" ]
}
