# SPDX-License-Identifier: BSD-2-Clause
# A campaign of seeds never run before; its table is printed, a failing seed replays.
. "${srcdir:-.}/tests/tap.sh"

seeds=${WEIR_SIM_SEEDS:-10000}
table=$(mktemp) || exit 1
trap 'rm -f "$table"' EXIT

campaign() {
    tests/sim/sim --seeds "$seeds" >"$table" 2>&1 || { cat "$table"; return 1; }
}

replays() { # the same seed twice, with all its events
    tests/sim/sim -v --seed 7 >"$table.1" && tests/sim/sim -v --seed 7 >"$table.2"
    cmp "$table.1" "$table.2"
    same=$?
    rm -f "$table.1" "$table.2"
    return $same
}

crowd_comes_to_rest() { # 24 workers, and steps so long that many are taken for dead
    tests/sim/sim --seed 95424862063566 --faults 0x90481 --records 8 --partitions 1 \
        --outputs 1 --no-transactions --no-retries --no-slow --no-rejects >"$table" 2>&1 ||
        { sed 's/^/# /' "$table"; return 1; }
}

claim "every guarantee holds in $seeds simulated runs, and every fault hit what it was meant to" campaign
sed 's/^/# /' "$table"
claim "a seed replays exactly" replays
claim "members that threw each other out come to rest once the faults are over" crowd_comes_to_rest
finish
