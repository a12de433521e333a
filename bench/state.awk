# SPDX-License-Identifier: BSD-2-Clause
# The tables of state, behind the one of table.awk, whose functions they use.

function mib(key) { return sprintf("%.0f MiB", median(key)) }

function three(what, k, figure, relation, wanted) {
    printf "| %s | %s | %s | %s | %s | %s |\n", what, figure[1], figure[2], figure[3],
           relation, wanted
}

function dash(text, key) { return key in runs ? text : "-" }

function rate_row(k, factor,    f, i, p) {
    for (i = 1; i <= 3; i++) {
        p = k program[i] " rate"
        f[i] = dash(number(median(p)), p)
    }
    three("records/s", k, f, ratio(k "weir rate", k "streams rate"), factor " or more")
}

function cpu_row(k,    f, i, p) {
    for (i = 1; i <= 3; i++) {
        p = k program[i] " cpu"
        f[i] = dash(sprintf("%.2f µs", median(p)), p)
    }
    three("CPU a record", k, f, ratio(k "weir cpu", k "streams cpu"), "")
}

function memory_row(k, what, name,    f, i, p) {
    for (i = 1; i <= 3; i++) {
        p = k program[i] " " name
        f[i] = dash(mib(p), p)
    }
    three(what, k, f, ratio(k "weir " name, k "streams " name), "")
}

# What is weir's own: the mapped file is the system's to take back.
function added_row(k,    f, added, whole) {
    added = median(k "weir anon") - median(k "bare anon")
    whole = median(k "streams rss")
    f[1] = f[3] = "-"
    f[2] = sprintf("%.0f MiB", added)
    three("anonymous memory over the bare loop, to all of Kafka Streams", k, f,
          whole ? sprintf("%.2f", added / whole) : "-", "0.33 or less")
}

function drain_table(task, factor,    k) {
    k = task " exactly-once "
    if (!any[task]) return
    head(task ": bare loop,weir," streams ",weir to Kafka Streams (all runs),wanted")
    rate_row(k, factor)
    cpu_row(k)
    memory_row(k, "peak memory", "rss")
    memory_row(k, "of it anonymous", "anon")
    memory_row(k, "of it mapped files", "file")
    if (task == "dedup") added_row(k)
}

# One line for each size or tail, as they came.
function series(task, what, title,    i, k, part) {
    if (!any[task]) return
    head(title)
    for (i = 1; i <= order[task]; i++) {
        k = task " " nth[task, i]
        split(nth[task, i], part, " ")
        printf "| %s, %s %s | %s | %s |\n", full[part[2]], number(part[1]), what,
               spread(k " first"), spread(k " committed")
    }
}

BEGIN {
    program[1] = "bare"; program[2] = "weir"; program[3] = "streams"
    full["weir"] = "weir"; full["streams"] = streams
}
$1 == "dedup" || $1 == "enrich" {
    add(key "rate", per_second(figure["input"]))
    add(key "cpu", figure["cpu_us"] / figure["input"])
    add(key "rss", figure["rss_kib"] / 1024)
    add(key "anon", figure["anon_kib"] / 1024)
    add(key "file", figure["file_kib"] / 1024)
}
$1 == "size" || $1 == "tail" {
    k = $3 " " $2
    if (!($1 " " k " first" in runs)) nth[$1, ++order[$1]] = k
    add(key "first", figure["first_ms"])
    add(key "committed", figure["committed_ms"])
}

END {
    drain_table("dedup", 5)
    drain_table("enrich", 4)
    series("size", "ids",
           "kill -9 under 10 000 records/s: restart to first new record,to first committed one")
    series("tail", "ids behind",
           "a store that is behind: start to first new record,to first committed one")
}
