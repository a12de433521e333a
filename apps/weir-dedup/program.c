/*
 * What weir-dedup is: its options, and what they are in the pipeline that it stands for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>

#include "program.h"

static const struct ready_option options[] = {
	{0, "id", "ID",
	 "what makes records the same: key, header:NAME, or a JSON pointer (/order_id); "
	 "repeated: all of them",
	 READY_STEP_LIST, "id", true, NULL},
	{0, "window", "DURATION", "how long an id is remembered (default: for ever)", READY_STEP,
	 "window", false, NULL},
	{0, "missing", "WHAT", "a record without id: reject (default), pass, drop", READY_STEP,
	 "missing", false, NULL},
	{0, "late", "WHAT", "a record whose id may be forgotten: pass (default), drop, reject",
	 READY_STEP, "late", false, NULL},
	{0, "duplicates", "TOPIC", "write duplicates here, instead of nowhere", READY_OUTPUT,
	 "duplicates", false, NULL},
	READY_END,
};

const struct ready_program ready_dedup = {
	.name = "weir-dedup",
	.use = "dedup",
	.summary = "copies Kafka topics without their duplicates",
	.usage = "--brokers LIST --input TOPIC --output TOPIC --id ID",
	.text = "Copies topics without their duplicates: of the records with one id, the first "
		"of its partition. What it remembers is committed with the records.",
	.example = "  weir-dedup --brokers localhost:9092 --input orders --output orders-once \\\n"
		   "      --id /order_id --window 24h --dead-letter orders-dead",
	.options = options,
};
