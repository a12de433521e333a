/*
 * A plugin built against longer structs, as a later minor version may have them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <weir/processor.h>

struct newer_options {
	const char *first;
	const char *second;
};

struct newer_option {
	struct weir_option known;
	const char *more[3];
};

struct newer_output {
	struct weir_output known;
	int64_t more;
};

static const struct newer_option options[] = {
	{WEIR_OPT_STRING(struct newer_options, first, NULL, "first"), {"x", "y", "z"}},
	{WEIR_OPT_STRING(struct newer_options, second, NULL, "second"), {"x", "y", "z"}},
	{WEIR_OPT_END, {"x", "y", "z"}},
};

static const struct newer_output outputs[] = {
	{{"left", ""}, -1},
	{{"right", ""}, -1},
	{WEIR_OUTPUT_END, -1},
};

static void
emit(struct weir_context *ctx, const char *output, const char *text)
{
	struct {
		struct weir_emit known;
		int64_t more;
	} longer = {.known = {.size = sizeof(longer), .set = WEIR_EMIT_VALUE},
		    .more = -1};

	longer.known.output = weir_output_find(ctx, output);
	longer.known.value = (struct weir_bytes){text, strlen(text)};
	weir_emit(ctx, &longer.known);
}

static enum weir_verdict
newer_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct newer_options *opts = weir_options(ctx);

	(void)memory;
	(void)record;
	emit(ctx, "left", opts->first);
	emit(ctx, "right", opts->second);
	return WEIR_DONE;
}

static const struct {
	struct weir_processor known;
	void (*more)(void);
} processor = {
	.known =
		{
			.abi = WEIR_PROCESSOR_ABI,
			.size = sizeof(processor),
			.option_row_size = sizeof(struct newer_option),
			.output_row_size = sizeof(struct newer_output),
			.name = "newer",
			.options = &options[0].known,
			.options_size = sizeof(struct newer_options),
			.outputs = &outputs[0].known,
			.record = newer_record,
		},
};

WEIR_PLUGIN(processor.known);
