# SPDX-License-Identifier: BSD-2-Clause
# TAP for shell tests; to be sourced: . "${srcdir:-.}/tests/tap.sh"
#
#   claim "what holds" command argument...   a test: passes if the command does, else shows
#                                            what it printed
#   skip "what" "why"                        a test that cannot run here
#   skip_all "why"                           none of them can: ends the script
#   finish                                   the plan; last

tap_count=0

claim() {
    tap_claim=$1
    shift
    tap_count=$((tap_count + 1))
    if tap_output=$("$@" 2>&1); then
        echo "ok $tap_count - $tap_claim"
    else
        echo "not ok $tap_count - $tap_claim"
        printf '%s\n' "$tap_output" | sed 's/^/# /'
    fi
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $1 # SKIP $2"
}

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() {
    echo "1..$tap_count"
}
