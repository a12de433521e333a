/*
 * A plugin built against the first headers of ABI 1, which are kept here as they were: what
 * was compiled then has these layouts for ever. Nothing in this file changes with the headers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>
#include <stdint.h>

struct weir_bytes {
	const void *data;
	size_t size;
};

struct weir_header {
	const char *name;
	struct weir_bytes value;
};

struct weir_option {
	const char *name;
	int32_t type;
	uint32_t flags;
	size_t offset;
	const char *standard;
	int64_t min, max;
	const char *choices;
	const char *help;
};

struct weir_output {
	const char *name;
	const char *help;
};

struct weir_store_row {
	const char *name;
	const char *ttl;
	const char *help;
};

struct weir_emit {
	uint32_t size;
	uint32_t set;
	int output;
	struct weir_bytes key;
	struct weir_bytes value;
	const struct weir_header *headers;
	size_t header_count;
	int64_t timestamp_ms;
};

struct weir_context;
struct weir_record;

struct weir_processor {
	uint32_t abi;
	uint32_t size;
	uint32_t option_row_size;
	uint32_t output_row_size;
	const char *name;
	const char *summary;
	const struct weir_option *options;
	size_t options_size;
	const struct weir_output *outputs;
	uint32_t flags;
	size_t memory_size;
	int (*check)(const void *options, void *error);
	int (*open)(struct weir_context *ctx, void *memory, void *error);
	void (*close)(struct weir_context *ctx, void *memory);
	int (*record)(struct weir_context *ctx, void *memory, const struct weir_record *record);
	int (*batch_end)(struct weir_context *ctx, void *memory);
	int (*tick)(struct weir_context *ctx, void *memory, int64_t now_ms);
	int (*rollback)(struct weir_context *ctx, void *memory);
	uint32_t store_row_size;
	const struct weir_store_row *stores;
	void (*doubt)(const void *options, char *text, size_t size);
};

int weir_emit(struct weir_context *ctx, const struct weir_emit *emit);
int weir_output_find(const struct weir_context *ctx, const char *name);
const void *weir_options(const struct weir_context *ctx);
struct weir_bytes weir_record_key(const struct weir_record *record);

struct first_options {
	const char *text;
	int64_t times;
	int64_t ttl;
};

enum { INT = 3, DURATION = 4, STRING = 1, EMIT_VALUE = 2, EMIT_TIMESTAMP = 8 };

static const struct weir_option options[] = {
	{"text", STRING, 0, offsetof(struct first_options, text), "first", 0, 0, NULL, "what"},
	{"times", INT, 0, offsetof(struct first_options, times), "1", 0, 10, NULL, "how often"},
	{"ttl", DURATION, 0, offsetof(struct first_options, ttl), "1h", 0, 0, NULL, "how long"},
	{NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL}};

static const struct weir_output outputs[] = {{"left", "here"}, {"right", "there"}, {NULL, NULL}};

static const struct weir_store_row stores[] = {
	{"seen", "ttl", "what was seen"}, {"kept", NULL, "what is kept"}, {NULL, NULL, NULL}};

static int
emit_all(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct first_options *opts = weir_options(ctx);
	struct weir_emit emit = {sizeof(emit), EMIT_VALUE | EMIT_TIMESTAMP, 0, {NULL, 0},
				 {opts->text, 0}, NULL, 0, 77};

	++*(int *)memory;
	emit.output = weir_output_find(ctx, "right");
	while (opts->text[emit.value.size])
		emit.value.size++;
	for (int64_t i = 0; i < opts->times; i++)
		if (weir_emit(ctx, &emit))
			break;
	emit.value = weir_record_key(record);
	weir_emit(ctx, &emit);
	return 0;
}

static int
emit_last(struct weir_context *ctx, void *memory)
{
	const struct weir_emit emit = {sizeof(emit), EMIT_VALUE,
				       weir_output_find(ctx, "left"), {NULL, 0},
				       {"last", *(int *)memory == 1 ? 4 : 0}, NULL, 0, 0};

	weir_emit(ctx, &emit);
	return 0;
}

static const struct weir_processor first = {
	1,
	sizeof(struct weir_processor),
	sizeof(struct weir_option),
	sizeof(struct weir_output),
	"first",
	"as plugins were at first",
	options,
	sizeof(struct first_options),
	outputs,
	0,
	sizeof(int),
	NULL,
	NULL,
	NULL,
	emit_all,
	emit_last,
	NULL,
	NULL,
	sizeof(struct weir_store_row),
	stores,
	NULL,
};

extern const struct weir_processor *const weir_plugin;
__attribute__((visibility("default"))) const struct weir_processor *const weir_plugin = &first;
