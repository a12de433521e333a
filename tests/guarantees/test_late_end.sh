#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# KAFKA-17754 happens on this Kafka to a weir that keeps a tainted producer, and the oracle
# sees it. That it does not happen to weir is a trial of test_short.sh.
. "${srcdir:-.}/tests/tap.sh"

why=$("${srcdir:-.}/tests/kafka/kafka" check 2>&1) || {
    echo "1..0 # SKIP $why"
    exit 0
}

unshielded_repeats() {
    # it goes on until the broker has taken three: one that it refused proves nothing
    table=$(WEIR_MUTANT=KEEP_TAINTED tests/guarantees/faults --seconds 12 --records 3000 \
        --taken 3 \
        --weir "$PWD/tests/guarantees/weir_mutant" late-end 2>&1)
    # which half it is decides whether records come again or batches are seen in part
    [ $? = 1 ] && echo "$table" | grep -qE '(repeated|torn) +[1-9][0-9]* +WRONG'
    status=$?
    echo "$table" | sed 's/^/# /'
    return $status
}

claim "a late EndTxn commits half of the next transaction of a producer that is kept" unshielded_repeats
finish
