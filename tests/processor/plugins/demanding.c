/*
 * A plugin without an example, all of whose options are required, and that refuses options
 * which are of the right types and yet make no sense together.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <weir/processor.h>

struct demanding_options {
	const char *amount, *at, *into;
	struct weir_strings id;
	const char *topic, *text, *rates;
	int64_t times, delay_ms, room;
	int how;
};

#define NEEDS(member, type, min, max, choices)                                                \
	WEIR_OPT_ROW(struct demanding_options, member, type, WEIR_OPTION_REQUIRED, NULL, min, \
		     max, choices, #member)

static const struct weir_option options[] = {
	NEEDS(amount, WEIR_OPTION_POINTER, 0, 0, NULL),
	NEEDS(at, WEIR_OPTION_POINTER, 0, 0, NULL),
	NEEDS(into, WEIR_OPTION_POINTER, 0, 0, NULL),
	NEEDS(id, WEIR_OPTION_STRINGS, 0, 0, NULL),
	NEEDS(topic, WEIR_OPTION_STRING, 0, 0, NULL),
	NEEDS(text, WEIR_OPTION_STRING, 0, 0, NULL),
	NEEDS(rates, WEIR_OPTION_TABLE, 0, 0, NULL),
	NEEDS(times, WEIR_OPTION_INT, 20, 30, NULL),
	NEEDS(delay_ms, WEIR_OPTION_DURATION, 0, 1000, NULL),
	NEEDS(room, WEIR_OPTION_SIZE, 0, 0, NULL),
	NEEDS(how, WEIR_OPTION_CHOICE, 0, 0, "well|badly"),
	WEIR_OPT_END};

static int
demanding_check(const void *opts, struct weir_error *error)
{
	const struct demanding_options *demanding = opts;

	if (strcmp(demanding->amount, demanding->into) == 0 ||
	    strcmp(demanding->amount, demanding->at) == 0)
		return weir_error_set(error, WEIR_EINVALID, "amount: its place is another's");
	if (demanding->id.count != 1 || strcmp(demanding->id.items[0], "key") != 0)
		return weir_error_set(error, WEIR_EINVALID, "id: no place in a record");
	if (strcmp(demanding->topic, "default") != 0)
		return weir_error_set(error, WEIR_EINVALID, "topic: no output of this name");
	if (demanding->room == 0)
		return weir_error_set(error, WEIR_EINVALID, "room: there is none");
	return 0;
}

static enum weir_verdict
demanding_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	weir_emit_same(ctx);
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "demanding",
	.summary = "demand much",
	.options = options,
	.options_size = sizeof(struct demanding_options),
	.check = demanding_check,
	.record = demanding_record,
};

WEIR_PLUGIN(processor);
