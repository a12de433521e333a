# SPDX-License-Identifier: BSD-2-Clause
# weir verify: what it refuses, and over a real Kafka what it finds. A run whose faults did not
# hit is UNKNOWN, and on a loaded machine that is no failure of weir: only WRONG is.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"

kafka="${srcdir:-.}/tests/kafka/kafka"
mutant=$PWD/tests/guarantees/weir_mutant
file=$tmp/pipeline.json
TMPDIR=$tmp
export TMPDIR
stores=$tmp/stores.json
WEIR_PLUGIN_PATH=$WEIR_PLUGIN_PATH:$PWD/tests/apps/.libs
# the copy looks nothing up: that topic is not there
pipeline "$stores" '[{"use": "tally"}]' '' \
    '"dead_letter": { "topic": "flights-dead" }, "tables": { "airports": { "topic": "nowhere" } }'
pipeline "$file" '[{"use": "route", "with": {"by": "/a", "unknown": "default"}}]' '' \
    '"dead_letter": { "topic": "flights-dead" }'

claim "a bad file ends it with 2" refuses 2 "/workers" verify "$file" --set /workers=0
claim "a time too short is refused" refuses 2 "--for" verify "$file" --for 10ms
claim "a prefix that is no name is refused" refuses 2 "--prefix" verify "$file" --prefix a.b
claim "an unreachable cluster ends it with 1" refuses 1 "" verify "$file" --timeout 2s -q
claim "its processor is not listed" sh -c '! "$1" list | grep -q oracle' sh "$weir"
claim "nor known to weir run" refuses 2 "oracle" run "$file" --set '/steps=[{"use":"oracle"}]'

why=$(sh "$kafka" check 2>&1) || { skip "over a real Kafka" "$why"; finish; exit 0; }
trap 'sh "$kafka" stop "$tmp/kafka"; sh "$kafka" stop "$tmp/secure"; rm -rf "$tmp"' EXIT
sh "$kafka" start "$tmp/kafka" --owner $$ >"$tmp/kafka.log" 2>&1 || { cat "$tmp/kafka.log"; exit 1; }
brokers=$(cat "$tmp/kafka/bootstrap")

# verify PROGRAM NAME ARGUMENT...: status, output and errors into files of that name
verify() {
    program=$1 name=$2
    shift 2
    status=0
    "$program" verify "$file" --json --set "/kafka/bootstrap.servers=$brokers" \
        --set /kafka/session.timeout.ms=6000 --set /kafka/transaction.timeout.ms=6000 \
        "$@" >"$tmp/$name.out" 2>"$tmp/$name.err" || status=$?
    echo $status >"$tmp/$name.status"
}

# ends NAME STATUS VERDICT
ends() {
    if [ "$(cat "$tmp/$1.status")" = "$2" ] && grep -q "\"verdict\": \"$3\"" "$tmp/$1.out"; then
        return 0
    fi
    cat "$tmp/$1.status" "$tmp/$1.out" "$tmp/$1.err"
    return 1
}

# number NAME KEY: the first of that name in the verdict
number() {
    sed -n "s/.*\"$2\": \([0-9]*\),*/\1/p" "$tmp/$1.out" | head -n 1
}

is_held() { # NAME
    ends "$1" 0 PASS >/dev/null || ends "$1" 4 UNKNOWN || return 1
    [ "$(number "$1" sent)" -gt 0 ] && [ "$(number "$1" kills)" -gt 0 ]
}

all_is_delivered() {
    [ "$(number "$1" sent)" = "$(number "$1" delivered)" ]
}

nothing_is_left() { # NAME: topics are gone, folder too
    # the app's name too: it is one of no topic
    topics=$(sed -n 's/.*"\(weir-verify[.-][A-Za-z0-9._-]*\)".*/\1/p' "$tmp/$1.out")
    [ -n "$topics" ] || { echo "no topics named"; return 1; }
    for topic in $topics; do
        run_weir consume "$topic" -b "$brokers" -e
        grep -q "no topic $topic" "$tmp/err" || { show; return 1; }
    done
    [ -z "$(find "$tmp" -maxdepth 1 -name 'weir-verify-*')" ]
}

# All records below the committed offset but for the few that are held or rejected: an entry
# each, whether their outputs tell of it or not.
has_compared() {
    [ "$(number "$1" states)" -gt "$(($(number "$1" sent) * 8 / 10))" ] || { cat "$tmp/$1.out"; return 1; }
    grep -q 'copy.seen.changelog.weir-verify' "$tmp/$1.out"
}

# One that shows without a fault in the right place.
sees_it() { # MUTANT
    WEIR_MUTANT=$1 verify "$mutant" "$1" --for 3s
    ends "$1" 1 WRONG || return 1
    [ "$(sed -n '/"wrong state"/,/}/s/.*"count": \([0-9]*\),*/\1/p' "$tmp/$1.out")" -gt 0 ]
}

# A kill has to come between two requests of one commit: tried more often.
sees_the_mutant() {
    for attempt in 1 2 3; do
        # it exports less than weir: no plugins
        WEIR_MUTANT=$1 verify "$mutant" mutant --for 30s --set /steps=[]
        grep -q '"verdict": "WRONG"' "$tmp/mutant.out" && break
    done
    ends mutant 1 WRONG
}

interrupted() {
    "$weir" verify "$stores" --json --set "/kafka/bootstrap.servers=$brokers" --for 10m \
        >"$tmp/interrupted.out" 2>"$tmp/interrupted.err" &
    pid=$!
    tries=0
    until [ -n "$(find "$tmp" -path '*weir-verify-*' -name '*.log' -size +0)" ]; do
        tries=$((tries + 1))
        [ $tries -lt 1200 ] || return 1
        sleep 0.05
    done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    echo $status >"$tmp/interrupted.status"
    ends interrupted 1 FAILED && grep -q interrupted "$tmp/interrupted.out"
}

claim "SIGTERM ends it" interrupted
claim "and what it made is removed" nothing_is_left interrupted
verify "$weir" short --for 1s
claim "a run too short for a zombie is UNKNOWN: 4" ends short 4 UNKNOWN
claim "says why" grep -q '"zombie": "not tried: it takes 11s, and --for was 1s"' "$tmp/short.out"
claim "and what to pass" [ "$(number short advised_ms)" = 60000 ]
claim "its topics are removed" nothing_is_left short
for guarantee in exactly-once at-least-once at-most-once; do
    verify "$weir" $guarantee --for 25s --set /guarantee=$guarantee
    claim "$guarantee holds under faults" is_held $guarantee
done
plain=$file file=$stores
for guarantee in exactly-once at-least-once; do
    verify "$weir" stores-$guarantee --for 20s --set /guarantee=$guarantee
    claim "$guarantee holds with stores" is_held stores-$guarantee
    claim "what they hold was compared" has_compared stores-$guarantee
    claim "and their changelogs are removed" nothing_is_left stores-$guarantee
done
verify "$weir" stores-at-most-once --for 1s --set /guarantee=at-most-once
claim "at-most-once promises nothing of stores" [ "$(number stores-at-most-once states)" = 0 ]
if [ -x "$mutant" ]; then
    claim "a changelog that lacks records is WRONG: 1" sees_it CHANGELOG_OUTSIDE
    claim "a store that has what was rejected is WRONG: 1" sees_it REJECTED_KEPT
fi
file=$plain
claim "exactly-once delivers all" all_is_delivered exactly-once
claim "at-least-once delivers all" all_is_delivered at-least-once
if [ -x "$mutant" ]; then
    claim "offsets outside the transaction are WRONG: 1" sees_the_mutant OFFSETS_OUTSIDE
fi

sh "$kafka" start "$tmp/secure" --secure --owner $$ >"$tmp/kafka.log" 2>&1 || { cat "$tmp/kafka.log"; exit 1; }
claim "without rights it says which are missing" refuses 1 "rights to create.*--prefix" \
    verify "$file" --set "/kafka/bootstrap.servers=$(cat "$tmp/secure/bootstrap")" \
    --set /kafka/security.protocol=SASL_PLAINTEXT --set /kafka/sasl.mechanisms=PLAIN \
    --set /kafka/sasl.username=guest --set /kafka/sasl.password=guest-secret
finish
