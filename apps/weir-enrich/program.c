/*
 * What weir-enrich is: its options, and what they are in the pipeline that it stands for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>

#include "program.h"

static const struct ready_option options[] = {
	{0, "table", "TOPIC", "the compacted topic to look records up in", READY_TABLE, "table",
	 true, NULL},
	{0, "on", "PLACE",
	 "what to look up: key, header:NAME, or a JSON pointer into the value (/customer)",
	 READY_STEP, "on", true, NULL},
	{0, "into", "POINTER",
	 "where in the value to put what was found: a JSON pointer (/customer_info); \"\" puts "
	 "each of --fields into the value itself",
	 READY_STEP, "into", true, NULL},
	{0, "fields", "NAME,...",
	 "take only these members of what was found: names or JSON pointers; may be repeated",
	 READY_STEP_WORDS, "fields", false, NULL},
	{0, "missing", "WHAT", "a record that the table does not know: reject (default), keep, drop",
	 READY_STEP, "missing", false, NULL},
	{0, "missing-to", "TOPIC", "write records that the table does not know here", READY_OUTPUT,
	 "missing", false, "missing"},
	READY_END,
};

const struct ready_program ready_enrich = {
	.name = "weir-enrich",
	.use = "enrich",
	.summary = "looks Kafka records up in a table and puts what stands there into them",
	.usage = "--brokers LIST --input TOPIC --output TOPIC --table TOPIC --on PLACE "
		 "--into POINTER",
	.text = "Looks each record up in a table, which is a topic that is kept here in whole, and "
		"puts what stands there into the record's value. Every other byte of the value "
		"stays as it came.",
	.example = "  weir-enrich --brokers localhost:9092 --input orders --output orders-full \\\n"
		   "      --table customers --on /customer --into /customer_info --missing keep",
	.options = options,
};
