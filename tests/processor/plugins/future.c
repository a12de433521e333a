/*
 * A plugin that wants a function which no weir has.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

static enum weir_verdict
copy_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	weir_emit_same(ctx);
	return WEIR_DONE;
}

int weir_from_the_future(void);

static int
future_check(const void *options, struct weir_error *error)
{
	(void)options;
	(void)error;
	return weir_from_the_future();
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "future",
	.check = future_check,
	.record = copy_record,
};

WEIR_PLUGIN(processor);
