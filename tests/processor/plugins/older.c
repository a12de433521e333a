/*
 * A plugin built against shorter structs: nothing behind `record`, output rows without
 * help.
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

/* an output row before help */
static const char *const outputs[] = {"left", "right", NULL};

static const struct weir_processor processor = {
	.abi = WEIR_PROCESSOR_ABI,
	.size = offsetof(struct weir_processor, batch_end),
	.option_row_size = sizeof(struct weir_option),
	.output_row_size = sizeof(outputs[0]),
	.name = "older",
	.summary = "a descriptor that ends early",
	.outputs = (const struct weir_output *)(const void *)outputs,
	.record = copy_record,
	/* must not be read, as `size` ends before it */
	.batch_end = (weir_batch_end_fn)(intptr_t)16,
	.text = "must not be read",
	.example = "nor this",
};

WEIR_PLUGIN(processor);
