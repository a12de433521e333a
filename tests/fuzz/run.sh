# SPDX-License-Identifier: BSD-2-Clause
# Run one fuzz target: run.sh SOURCE BUILD TARGET SECONDS. What it learns is kept in
# BUILD/corpus/TARGET for the next time, what breaks it in BUILD/crashes.
source=$(cd "$1" && pwd) target=$3 seconds=$4
cd "$2" || exit 1
mkdir -p "corpus/$target" crashes
log=$target.log
[ -w /dev/shm ] && : "${TMPDIR:=/dev/shm}" && export TMPDIR

echo "=== $target for $seconds s"
"./fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
    -print_final_stats=1 -dict="$source/tests/fuzz/fuzz.dict" \
    -artifact_prefix="crashes/$target-" \
    "corpus/$target" "$source/tests/fuzz/corpus/$target" >"$log" 2>&1 </dev/null
status=$?
if [ $status -ne 0 ]; then
    grep -avE '^#[0-9]+.*(NEW|REDUCE|pulse)' "$log" | tail -n 60
    echo "=== $target: FAILED; the input is in $PWD/crashes"
    exit 1
fi
awk '
    /INITED/ { for (i = 1; i < NF; i++) if ($i == "cov:") first = $(i + 1) }
    / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") last = $(i + 1) }
    /number_of_executed_units/ { runs = $2 }
    END { printf "=== %s: %d executions, edges %d -> %d\n", target, runs, first, last }
' target="$target" "$log"
