/*
 * A plugin whose name is no name.
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

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "../evil",
	.record = copy_record,
};

WEIR_PLUGIN(processor);
