/*
 * A plugin that emits on and on; it looks at errors, or ignores three million of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

struct endless_options {
	bool stubborn;
};

static const struct weir_option options[] = {
	WEIR_OPT_BOOL(struct endless_options, stubborn, "false", "go on when emits fail"),
	WEIR_OPT_END};

static enum weir_verdict
endless_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct endless_options *opts = weir_options(ctx);
	long failures = 0;

	(void)memory;
	(void)record;
	while (failures < 3000000)
		if (weir_emit_same(ctx) != 0) {
			failures++;
			if (!opts->stubborn)
				break;
		}
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "endless",
	.summary = "never stop emitting",
	.options = options,
	.options_size = sizeof(struct endless_options),
	.record = endless_record,
};

WEIR_PLUGIN(processor);
