#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds with deliberate faults (lib/base/mutation.h) on a real cluster: the oracle has to see
# each of them. Run by `make check-fault-mutants`, from the folder of the build.
#
#   mutants.sh [MUTANT]...     these alone
#
# A mutant that has no line below is one that this cluster's faults, or this pipeline, cannot
# show: the simulation does. NONE has no fault, and must pass. One that stops the app, or
# leaves it stuck, does not count as seen: it has to be what the line says.
set -u

seconds=${FAULT_MUTANT_SECONDS:-30} records=${FAULT_MUTANT_RECORDS:-20000}
export WEIR_MUTANT
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT
survivors=0

survived() {
    seen="SURVIVED${seen:+, although: $seen}" survivors=$((survivors + 1))
}

hunt() { # MUTANT CASE/GUARANTEE[+stores] EXPECTED
    stores=
    case $2 in *+stores) stores=--stores ;; esac
    WEIR_MUTANT=$1 taken=0
    # a late EndTxn that the broker refuses says nothing of who sent it
    [ "$1" != KEEP_TAINTED ] || taken=3
    tests/guarantees/faults --seconds "$seconds" --records "$records" --taken "$taken" \
        $stores --weir "$PWD/tests/guarantees/weir_mutant" "${2%+stores}" >"$report" 2>&1
    status=$?
    seen=$(sed -n 's/^  \([a-z ]*[a-z]\) *\([0-9]*\)  WRONG$/\2 \1/p' "$report" |
        paste -s -d , | sed 's/,/, /g')
    case $1/$status in
    NONE/0) seen='nothing, as it should be' ;;
    NONE/*) survived ;;
    *) echo "$seen" | grep -qE "$3" || survived ;;
    esac
    printf '%-24s %-34s %s\n' "$1" "$2" "$seen"
    case $seen in SURVIVED*) sed 's/^/# /' "$report" ;; esac
}

printf '%-24s %-34s %s\n' mutant case 'seen as'
while read -r mutant case expected; do
    case " ${*:-$mutant} " in *" $mutant "*) hunt "$mutant" "$case" "$expected" </dev/null ;; esac
done <<'END'
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
CHANGELOG_WITH_OUTPUTS brokers-killed/at-least-once+stores lost|torn
CHANGELOG_OUTSIDE come-and-go/exactly-once+stores wrong state|repeated
STORE_FIRST clients-killed/exactly-once+stores lost|wrong state
RESTORE_UNCOMMITTED clients-killed/exactly-once+stores lost|wrong state
END
exit $((survivors > 0))
