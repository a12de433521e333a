# SPDX-License-Identifier: BSD-2-Clause
# The figures of all runs (lines of words, then NAME=VALUE) to one table: medians, and the
# ratio of weir to the bare loop pair by pair.

function number(text) { # 1234567 to 1 234 567
    text = sprintf("%.0f", text)
    while (match(text, /[0-9][0-9][0-9][0-9]( |$)/))
        text = substr(text, 1, RSTART) " " substr(text, RSTART + 1)
    return text
}

function sort(list, n,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && list[j] < list[j - 1]; j--) {
            t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
        }
}

function median_of(list, n) {
    sort(list, n)
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# All runs of a program's figure: values[1..count]
function take(key,    i, parts) {
    count = split(runs[key], parts, " ")
    for (i = 1; i <= count; i++) values[i] = parts[i] + 0
}

function median(key) {
    take(key)
    return count ? median_of(values, count) : 0
}

# "0.97 (0.95 to 1.02)": of the pairs' ratios
function ratio(key_a, key_b,    a, b, n, i, r) {
    n = split(runs[key_a], a, " ")
    if (split(runs[key_b], b, " ") < n) n = split(runs[key_b], b, " ")
    for (i = 1; i <= n; i++) r[i] = a[i] / b[i]
    if (!n) return "-"
    sort(r, n)
    return sprintf("%.3f (%.2f to %.2f)", median_of(r, n), r[1], r[n])
}

# The head of a table, before its first row.
function head(names,    i, n, list, line) {
    n = split(names, list, ",")
    for (i = 1; i <= n; i++) line = line " " list[i] " |"
    print "\n| |" line
    line = "|---|"
    for (i = 1; i <= n; i++) line = line "---|"
    print line
}

function row(what, bare, weir, relation, wanted) {
    printf "| %s | %s | %s | %s | %s |\n", what, bare, weir, relation, wanted
}

function copy_rows(g,    k) {
    k = "copy " g
    if (!((k " weir rate") in runs)) return
    row(g ", records/s", number(median(k " bare rate")), number(median(k " weir rate")),
        ratio(k " weir rate", k " bare rate"), "0.95 or more")
    row(g ", CPU a record", sprintf("%.3f µs", median(k " bare cpu")),
        sprintf("%.3f µs", median(k " weir cpu")),
        ratio(k " weir cpu", k " bare cpu"), "1.10 or less")
    row(g ", peak memory", sprintf("%.0f MiB", median(k " bare rss")),
        sprintf("%.0f MiB", median(k " weir rss")),
        ratio(k " weir rss", k " bare rss"), "1.20 or less")
}

function cost_rows() {
    if (!("copy at-least-once weir rate" in runs)) return
    row("exactly-once to at-least-once, records/s",
        ratio("copy exactly-once bare rate", "copy at-least-once bare rate"),
        ratio("copy exactly-once weir rate", "copy at-least-once weir rate"), "",
        "as the bare loop")
    row("exactly-once to at-least-once, CPU a record",
        ratio("copy exactly-once bare cpu", "copy at-least-once bare cpu"),
        ratio("copy exactly-once weir cpu", "copy at-least-once weir cpu"), "",
        "as the bare loop")
}

# "0.62 s (0.55 to 0.71)"
function spread(key,    m) {
    m = median(key)
    return count ? sprintf("%.2f s (%.2f to %.2f)", m / 1000, values[1] / 1000,
                           values[count] / 1000) : "-"
}

function restart_rows() {
    if (!("restart exactly-once weir first" in runs)) return
    row("kill -9, restart to first record", spread("restart exactly-once bare first"),
        spread("restart exactly-once weir first"), "", "1 s or less")
    row("kill -9, restart to first committed record",
        spread("restart exactly-once bare committed"),
        spread("restart exactly-once weir committed"), "", "")
}

function latency_rows(g,    k, i, p) {
    k = "latency " g
    if (!((k " weir p50") in runs)) return
    for (i = 1; i <= 3; i++) {
        p = i == 1 ? "p50" : i == 2 ? "p90" : "p99"
        row(g ", latency at 10 000/s, commits each 10 ms, " p,
            sprintf("%.1f ms", median(k " bare " p)), sprintf("%.1f ms", median(k " weir " p)),
            ratio(k " weir " p, k " bare " p), "no worse")
    }
}

function per_second(records,    ms) {
    ms = figure["last_ms"] - figure["first_ms"]
    return records * 1000 / (ms ? ms : 1)
}

function add(key, value) { runs[key] = runs[key] " " value }

{
    delete figure
    for (i = 5; i <= NF; i++) {
        split($i, pair, "=")
        figure[pair[1]] = pair[2]
    }
    key = $1 " " $3 " " $2 " "
    any[$1] = 1
}
$1 == "copy" {
    add(key "rate", per_second(figure["records"]))
    add(key "cpu", figure["cpu_us"] / figure["records"])
    add(key "rss", figure["rss_kib"] / 1024)
}
$1 == "restart" {
    add(key "first", figure["first_ms"])
    add(key "committed", figure["committed_ms"])
}
$1 == "latency" {
    add(key "p50", figure["p50_ms"])
    add(key "p90", figure["p90_ms"])
    add(key "p99", figure["p99_ms"])
}

END {
    if (any["copy"] || any["restart"] || any["latency"])
        head("bare loop,weir,weir to bare (all pairs),wanted")
    copy_rows("exactly-once")
    copy_rows("at-least-once")
    cost_rows()
    restart_rows()
    latency_rows("exactly-once")
    latency_rows("at-least-once")
}
