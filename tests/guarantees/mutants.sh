#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds with deliberate faults (lib/base/mutation.h) on a real cluster: the oracle has to see
# each of them. Run by `make check-fault-mutants`, from the folder of the build.
#
#   mutants.sh [MUTANT]...     these alone
#
# NONE has no fault, and must pass. A mutant that stops the app, or leaves it stuck, does not
# count as seen: it has to be what its line says. Ends with 0: all were seen, 1: some were not,
# 2: bad usage, or a mutant that has no line here, 77: no Kafka.
set -u

here=$(cd "$(dirname "$0")" && pwd)
seconds=${FAULT_MUTANT_SECONDS:-30} records=${FAULT_MUTANT_RECORDS:-20000}
export WEIR_MUTANT
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT

# MUTANT CASE/GUARANTEE[+stores] EXPECTED
tried='
NONE network/exactly-once -
OFFSETS_OUTSIDE clients-killed/exactly-once lost
READ_UNCOMMITTED come-and-go/exactly-once uncommitted input
KEEP_TAINTED late-end/exactly-once repeated|torn
REJECTED_SENT come-and-go/exactly-once unexpected
NO_REWIND brokers-killed/at-least-once lost
FAILED_COMMITTED brokers-killed/at-least-once lost
ABORTED_AFTER_TIMEOUT unanswered/exactly-once repeated|offset went back
COMMITTED_AFTER_TIMEOUT unanswered/exactly-once lost
MEMORY_KEPT unanswered/exactly-once miscounted
RETAINED_NOT_REWOUND unanswered/at-least-once lost
SUBSET_COMMITTED unanswered/exactly-once repeated
WRONG_REWIND brokers-killed/at-least-once lost
PROCESSED_FIRST clients-killed/at-most-once repeated
MARK_IGNORED ticks/exactly-once miscounted
NO_OFFSETS ticks/exactly-once out of order
RETRY_NOT_PAUSED come-and-go/exactly-once lost|repeated
SENT_AGAIN network/exactly-once repeated
STATE_KEPT brokers-killed/at-least-once+stores lost
REJECTED_KEPT come-and-go/exactly-once+stores lost|wrong state
CHANGELOG_WITH_OUTPUTS unanswered/at-least-once+stores lost|torn
CHANGELOG_OUTSIDE come-and-go/exactly-once+stores wrong state|repeated
STORE_FIRST unanswered/exactly-once+stores lost|wrong state
RESTORE_UNCOMMITTED clients-killed/exactly-once+stores lost|wrong state
'

# Those that these cases cannot show, and why. The simulation sees each.
untried='
REVOKED_PROCESSED a revoke has to come within the milliseconds in which at-most-once has records in hand, and nothing can hold it there
RESTORE_TO_STABLE another instance has to ask between two markers of one commit, and nothing can hold them apart
PLACE_AHEAD a process has to die between two parts of one merge of a store, which no case aims at
TABLE_NOT_AWAITED these pipelines have no tables
TABLE_UNCOMMITTED these pipelines have no tables
'

# Is it one of those that were asked for?
is_asked() { # MUTANT ASKED...
    one=$1
    shift
    [ $# -gt 0 ] || return 0
    for asked; do
        [ "$asked" != "$one" ] || return 0
    done
    return 1
}

names_of() {
    echo "$1" | cut -d ' ' -f 1 | grep .
}

demand_lines() {
    for name in $(sed -n 's/^	X(\([A-Z_]*\),.*/\1/p' "$here/../../lib/base/mutation.h"); do
        names_of "$tried$untried" | grep -qx "$name" && continue
        echo "mutants.sh: $name has no line, neither tried nor untried" >&2
        exit 2
    done
}

demand_known() { # ASKED...
    for name; do
        names_of "$tried" | grep -qx "$name" && continue
        why=$(echo "$untried" | sed -n "s/^$name //p")
        echo "mutants.sh: $name ${why:+cannot be seen here: }${why:-is no mutant}" >&2
        exit 2
    done
}

run_case() { # MUTANT CASE/GUARANTEE[+stores]
    stores= taken=0 message_ms=3000 load=$records
    case $2 in *+stores) stores=--stores ;; esac
    # a late EndTxn that the broker refuses says nothing of who sent it
    [ "$1" != KEEP_TAINTED ] || taken=3
    # so that batches fail that began without the broker: their first records are not delivered
    [ "$1" != WRONG_REWIND ] || message_ms=1000
    # so that much is on its way when it is taken away
    case $1 in RETAINED_NOT_REWOUND | CHANGELOG_WITH_OUTPUTS) load=$((3 * records)) ;; esac
    WEIR_MUTANT=$1 tests/guarantees/faults --seconds "$seconds" --records "$load" \
        --taken "$taken" --message-timeout "$message_ms" $stores \
        --weir "$PWD/tests/guarantees/weir_mutant" "${2%+stores}" >"$report" 2>&1
}

hunt() { # MUTANT CASE/GUARANTEE[+stores] EXPECTED
    run_case "$1" "$2"
    status=$?
    [ "$status" -ne 77 ] || { cat "$report" >&2; exit 77; }
    found=$(sed -n 's/^  \([a-z ]*[a-z]\) *\([0-9]*\)  WRONG$/\2 \1/p' "$report" |
        paste -s -d , | sed 's/,/, /g')
    verdict=$(sed -n '$s/.* \([A-Z]*\)$/\1/p' "$report")
    is_seen=no
    case $1/$status in
    NONE/0) is_seen=yes found='nothing, as it should be' ;;
    NONE/*) ;;
    *) ! echo "$found" | grep -qE "$3" || is_seen=yes ;;
    esac
    if [ "$is_seen" = yes ]; then
        seen="$seen $1"
    else
        found="NOT SEEN (${verdict:-no verdict})${found:+, but: $found}"
        unseen="$unseen $1"
    fi
    printf '%-24s %-34s %s\n' "$1" "$2" "$found"
    [ "$is_seen" = yes ] || sed 's/^/# /' "$report"
}

summarize() {
    echo
    echo "as it should be: $(echo "$seen" | wc -w) of $(echo "$seen$unseen" | wc -w)"
    [ -z "$unseen" ] || echo "not seen:$unseen"
    echo "cannot be seen here (make check-mutants: the simulation sees each):"
    echo "$untried" | sed -n 's/^\([A-Z_]*\) \(.*\)/  \1: \2/p'
}

demand_lines
demand_known "$@"
seen= unseen=
printf '%-24s %-34s %s\n' mutant case 'seen as'
while read -r mutant case expected; do
    [ -n "$mutant" ] && is_asked "$mutant" "$@" || continue
    hunt "$mutant" "$case" "$expected" </dev/null
done <<END
$tried
END
summarize
[ -z "$unseen" ]
