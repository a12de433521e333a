/*
 * A plugin as it should be, with options and an output of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

struct good_options {
	const char *text;
	int64_t times;
};

static const struct weir_option options[] = {
	WEIR_OPT_STRING(struct good_options, text, "good", "what to emit"),
	WEIR_OPT_INT(struct good_options, times, "1", 0, 10, "how often"), WEIR_OPT_END};

static const struct weir_output outputs[] = {{"copies", "where the records go as well"},
					     WEIR_OUTPUT_END};

static enum weir_verdict
good_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct good_options *opts = weir_options(ctx);
	struct weir_emit emit = {.size = sizeof(emit)};

	(void)memory;
	(void)record;
	emit.output = weir_output_find(ctx, "copies");
	weir_emit(ctx, &emit);
	emit.output = WEIR_NEXT;
	emit.set = WEIR_EMIT_VALUE;
	emit.value.data = opts->text;
	for (emit.value.size = 0; opts->text[emit.value.size]; emit.value.size++)
		;
	for (int64_t i = 0; i < opts->times; i++)
		if (weir_emit(ctx, &emit))
			break;
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "good",
	.summary = "emit a text",
	.options = options,
	.options_size = sizeof(struct good_options),
	.outputs = outputs,
	.record = good_record,
};

WEIR_PLUGIN(processor);
