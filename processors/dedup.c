/*
 * The processor `dedup`: of the records with one id, the first goes on.
 *
 * Knows where an id is in a record, and how its parts become one store key; that it lasts,
 * and is as old as the committed offsets, is the store's matter. The store's values are
 * empty: an id is there or it is not. The thread of the task's worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include "dedup.h"
#include "place.h"

#define SIZE_BYTES 4 /* before each part of an id that has several */

enum missing { MISSING_REJECT = 0, MISSING_PASS = 1, MISSING_DROP = 2 };
enum late { LATE_PASS = 0, LATE_DROP = 1, LATE_REJECT = 2 };

struct dedup_options {
	struct weir_strings id;
	int64_t window; /* ms; 0: for ever */
	int missing;    /* enum missing */
	int late;       /* enum late */
};

static const struct weir_option options[] = {
	WEIR_OPT_ROW(struct dedup_options, id, WEIR_OPTION_STRINGS, WEIR_OPTION_REQUIRED,
		     NULL, 0, 0, NULL,
		     "what makes records the same: key, header:NAME, a JSON pointer into the "
		     "value, or a list of these"),
	WEIR_OPT_DURATION(struct dedup_options, window, "0", 0, 0,
			  "how long an id is remembered, by the records' time; 0: for ever"),
	WEIR_OPT_CHOICE(struct dedup_options, missing, "reject", "reject|pass|drop",
			"what to do with a record that has no id"),
	WEIR_OPT_CHOICE(struct dedup_options, late, "pass", "pass|drop|reject",
			"what to do with a new id that is later than the window, and may be "
			"forgotten"),
	WEIR_OPT_END};

static const struct weir_store_row stores[] = {
	{"ids", "window", "the ids that came"},
	WEIR_STORE_END,
};

struct dedup {
	struct weir_store *ids;
	int duplicates; /* output; below 0: they are dropped */
	char *id;       /* of the record at hand */
	size_t size, capacity;
};

/* ---- the id ---- */

enum found {
	FOUND,
	NONE,  /* the record has no id */
	FAILED /* rejected, with the reason */
};

static void
add(struct dedup *dedup, const void *data, size_t size)
{
	if (size > dedup->capacity - dedup->size) {
		dedup->capacity = 2 * (dedup->size + size) + 64;
		dedup->id = realloc(dedup->id, dedup->capacity);
		if (!dedup->id)
			abort(); /* out of memory ends the process */
	}
	if (size > 0)
		memcpy(dedup->id + dedup->size, data, size);
	dedup->size += size;
}

/* JSON text that equal values have in common, whatever the order of their members. */
static char *
text_of(const json_t *value, size_t *size)
{
	char *text;

	if (!json_is_object(value) && !json_is_array(value))
		return weir_json_print(value, size);
	text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
	*size = text ? strlen(text) : 0;
	return text;
}

/*
 * A string in quotes as it is, anything else as JSON text, which never begins with a quote:
 * so the string "1" and the number 1 are two ids.
 */
static enum found
add_json(struct weir_context *ctx, struct dedup *dedup, const json_t *value,
	 const char *pointer)
{
	char number[24];
	size_t size;
	char *text;

	if (json_is_string(value)) {
		add(dedup, "\"", 1);
		add(dedup, json_string_value(value), json_string_length(value));
		add(dedup, "\"", 1);
		return FOUND;
	}
	if (json_is_integer(value)) {
		add(dedup, number,
		    (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				     json_integer_value(value)));
		return FOUND;
	}
	text = text_of(value, &size);
	if (!text) {
		weir_reject(ctx, "the value at \"%.80s\" cannot be an id", pointer);
		return FAILED;
	}
	add(dedup, text, size);
	free(text);
	return FOUND;
}

static enum found
add_pointer(struct weir_context *ctx, struct dedup *dedup,
	    const struct weir_record *record, const char *pointer)
{
	const json_t *json, *value;

	if (!weir_record_value(record).data)
		return NONE;
	json = weir_record_json(ctx, record);
	if (!json)
		return FAILED;
	value = weir_json_at(json, pointer);
	if (!value || json_is_null(value))
		return NONE;
	return add_json(ctx, dedup, value, pointer);
}

static enum found
add_part(struct weir_context *ctx, struct dedup *dedup, const struct weir_record *record,
	 const char *part)
{
	struct weir_bytes bytes;

	if (place_is_pointer(part))
		return add_pointer(ctx, dedup, record, part);
	bytes = place_bytes(record, part);
	if (!bytes.data)
		return NONE;
	add(dedup, bytes.data, bytes.size);
	return FOUND;
}

/* Each part with its size before it: so "a", "bc" and "ab", "c" are two ids. */
static enum found
add_sized_part(struct weir_context *ctx, struct dedup *dedup,
	       const struct weir_record *record, const char *part)
{
	static const char space[SIZE_BYTES];
	size_t begin = dedup->size;
	enum found found;
	size_t size;

	add(dedup, space, SIZE_BYTES);
	found = add_part(ctx, dedup, record, part);
	size = dedup->size - begin - SIZE_BYTES;
	for (int i = 0; i < SIZE_BYTES; i++)
		dedup->id[begin + i] = (char)(size >> (8 * (SIZE_BYTES - 1 - i)));
	return found;
}

/* The record's id into dedup->id. NONE: without *part there is none. */
static enum found
find_id(struct weir_context *ctx, struct dedup *dedup, const struct weir_record *record,
	const char **part)
{
	const struct dedup_options *opts = weir_options(ctx);
	enum found found = FOUND;

	dedup->size = 0;
	if (opts->id.count == 1) {
		*part = opts->id.items[0];
		return add_part(ctx, dedup, record, *part);
	}
	for (size_t i = 0; found == FOUND && i < opts->id.count; i++) {
		*part = opts->id.items[i];
		found = add_sized_part(ctx, dedup, record, *part);
	}
	return found;
}

/* ---- the record ---- */

static enum weir_verdict
pass(struct weir_context *ctx)
{
	weir_emit_same(ctx);
	return WEIR_DONE;
}

static enum weir_verdict
no_id(struct weir_context *ctx, const struct weir_record *record, const char *part)
{
	const struct dedup_options *opts = weir_options(ctx);

	if (opts->missing == MISSING_PASS)
		return pass(ctx);
	if (opts->missing == MISSING_DROP)
		return WEIR_DONE;
	return place_reject(ctx, record, "no id", part);
}

static enum weir_verdict
duplicate(struct weir_context *ctx, const struct dedup *dedup)
{
	struct weir_emit emit = {.size = sizeof(emit), .output = dedup->duplicates};

	if (emit.output >= 0)
		weir_emit(ctx, &emit);
	return WEIR_DONE;
}

/* How far the record is behind the task's time, where that is the window or more; else 0. */
static int64_t
lateness(const struct dedup_options *opts, const struct dedup *dedup,
	 const struct weir_record *record)
{
	int64_t time_ms = weir_record_timestamp_ms(record);
	int64_t behind_ms = weir_store_time_ms(dedup->ids) - time_ms;

	if (opts->window == 0 || time_ms < 0 || behind_ms < opts->window)
		return 0; /* one without a time, or with one in the future, is of now */
	return behind_ms;
}

/* The id is new, as far as is known: remember it. */
static enum weir_verdict
remember(struct weir_context *ctx, const struct dedup *dedup, struct weir_bytes id)
{
	static const struct weir_bytes nothing = {"", 0};

	switch (weir_store_put_new(dedup->ids, id, nothing)) {
	case 0:
		return pass(ctx);
	case WEIR_EEXISTS:
		return duplicate(ctx, dedup);
	case WEIR_ELIMIT:
		return weir_reject(ctx, "the id cannot be stored");
	default:
		return weir_retry(ctx, "the store failed"); /* the batch is aborted */
	}
}

static enum weir_verdict
dedup_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct dedup_options *opts = weir_options(ctx);
	struct dedup *dedup = memory;
	struct weir_bytes id, value;
	const char *part = NULL;
	enum found found = find_id(ctx, dedup, record, &part);
	int64_t late_ms;

	if (found == FAILED)
		return WEIR_REJECT;
	if (found == NONE)
		return no_id(ctx, record, part);
	if (dedup->size > WEIR_STORE_KEY_MAX)
		return weir_reject(ctx, "the id has %zu bytes, more than %d", dedup->size,
				   WEIR_STORE_KEY_MAX);
	id = (struct weir_bytes){dedup->id ? dedup->id : "", dedup->size};
	late_ms = opts->late == LATE_PASS ? 0 : lateness(opts, dedup, record);
	if (late_ms > 0 && weir_store_get(dedup->ids, id, &value) == WEIR_ENOTFOUND) {
		if (opts->late == LATE_DROP)
			return WEIR_DONE;
		return weir_reject(ctx,
				   "late by %" PRId64 " ms, and window is %" PRId64 " ms: "
				   "its id may be forgotten",
				   late_ms, opts->window);
	}
	return remember(ctx, dedup, id);
}

static int
dedup_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	struct dedup *dedup = memory;

	(void)error;
	dedup->ids = weir_store_find(ctx, "ids");
	dedup->duplicates = weir_output_find(ctx, "duplicates");
	return 0;
}

static void
dedup_close(struct weir_context *ctx, void *memory)
{
	struct dedup *dedup = memory;

	(void)ctx;
	free(dedup->id);
}

/* ---- options ---- */

static int
dedup_check(const void *memory, struct weir_error *error)
{
	const struct dedup_options *opts = memory;
	int code = 0;

	if (opts->id.count == 0)
		return weir_error_set(error, WEIR_EINVALID, "id: the list is empty");
	for (size_t i = 0; !code && i < opts->id.count; i++)
		code = place_check("id", opts->id.items[i], error);
	return code;
}

/* Where the key is a part of it, equal ids have equal keys. */
static void
dedup_doubt(const void *memory, char *text, size_t size)
{
	const struct dedup_options *opts = memory;

	for (size_t i = 0; i < opts->id.count; i++)
		if (strcmp(opts->id.items[i], "key") == 0)
			return;
	snprintf(text, size,
		 "id is not the record key: duplicates are found within a partition, so "
		 "records of one id must have one key, or they go to several partitions and "
		 "all pass");
}

static const char description[] =
	"Of the records with one id the first goes on, and the others are dropped, or go to the "
	"output \"duplicates\" where the pipeline or the step has one of that name. The first is "
	"the first in the order of its partition; a record that a later step rejects is not "
	"remembered.\n\n"
	"Duplicates are found within a partition: records of one id must have one key. Values in "
	"the record are compared as JSON, so 1 and \"1\" are two ids; keys and headers byte by "
	"byte. Of a list all parts together are the id.\n\n"
	"Time is that of the records, so reading old ones again gives the same result. An id is "
	"forgotten when a record comes that is `window` later. Without a window the store grows "
	"with each new id.";

static const char example[] =
	"{\n"
	"  \"name\": \"orders-once\",\n"
	"  \"kafka\": { \"bootstrap.servers\": \"localhost:9092\" },\n"
	"  \"inputs\": [\"orders\"],\n"
	"  \"steps\": [ { \"use\": \"dedup\", \"with\": { \"id\": \"/order_id\", \"window\": "
	"\"24h\" } } ],\n"
	"  \"outputs\": { \"default\": \"orders-once\", \"duplicates\": \"orders-twice\" },\n"
	"  \"dead_letter\": { \"topic\": \"orders-dead\" }\n"
	"}";

const struct weir_processor weir_dedup = {
	WEIR_PROCESSOR_HEADER,
	.name = "dedup",
	.summary = "let the first record of each id pass, and drop its duplicates or send them "
		   "to the output \"duplicates\"",
	.options = options,
	.options_size = sizeof(struct dedup_options),
	.flags = WEIR_ANY_OUTPUT, /* "duplicates", which a pipeline may do without */
	.memory_size = sizeof(struct dedup),
	.check = dedup_check,
	.open = dedup_open,
	.close = dedup_close,
	.record = dedup_record,
	WEIR_STORES(stores),
	.doubt = dedup_doubt,
	.text = description,
	.example = example,
};

WEIR_PLUGIN(weir_dedup);
