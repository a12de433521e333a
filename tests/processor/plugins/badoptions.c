/*
 * A plugin with a default that its own option table does not allow.
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

struct badoptions_options {
	int64_t count;
};

static const struct weir_option options[] = {
	WEIR_OPT_INT(struct badoptions_options, count, "many", 1, 5, "how many"),
	WEIR_OPT_END};

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER, .name = "badoptions",
	.options = options,    .options_size = sizeof(struct badoptions_options),
	.record = copy_record,
};

WEIR_PLUGIN(processor);
