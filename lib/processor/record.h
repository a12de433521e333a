/*
 * The record as the chain sees it: its place, and views of its parts.
 *
 * The value is a view that records further down the chain share while it is unchanged, so
 * that it is parsed once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_RECORD_H
#define WEIR_PROCESSOR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <broker/message.h>
#include <weir/processor.h>

struct json_t;

/*
 * A value and, once asked for, its parsed form. Made with bytes and lasting set and the
 * rest zero; freed with weir__value_fini().
 */
struct weir_value {
	struct weir_bytes bytes;
	bool lasting;        /* the bytes live until the record is done: no copy when held */
	bool unprinted;      /* there is only json yet: ask weir__value_bytes() */
	struct json_t *json; /* owned; NULL: not parsed, or not JSON */
	char *printed;       /* owned; the bytes, once they were printed from json */
};

struct weir_record {
	const char *topic; /* of the input, as partition and offset */
	int32_t partition;
	int64_t offset;              /* -1 in batch_end and tick */
	struct weir_message message; /* but its value, which `value` has */
	bool key_lasting;
	bool headers_lasting;
	struct weir_value *value;
};

/* The value's bytes, printed first when there is only JSON. As long as the value lives. */
struct weir_bytes weir__value_bytes(struct weir_value *value);

/* Free what was parsed and printed. */
void weir__value_fini(struct weir_value *value);

#endif
