/*
 * The subject.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/testing/subjects.h"

struct subject_options {
	bool sum;
	int64_t tick;
};

static const struct weir_option rows[] = {
	WEIR_OPT_BOOL(struct subject_options, sum, "false", "emit how many records a batch had"),
	WEIR_OPT_DURATION(struct subject_options, tick, NULL, 0, 3600000, "emit at this interval"),
	WEIR_OPT_END
};

static const struct weir_store_row stores[] = {
	{"counts", NULL, "how often each value came"},
	WEIR_STORE_END
};

struct memory {
	int sum;
};

static int retries; /* one test a process */

static void
emit_text(struct weir_context *ctx, const char *text)
{
	weir_emit_value(ctx, (struct weir_bytes){text, strlen(text)});
}

static enum weir_verdict
look(struct weir_context *ctx, const char *key)
{
	struct weir_table *table = weir_table_find(ctx, "names");
	struct weir_bytes value = {"nothing", 7};

	weir_table_get(table, (struct weir_bytes){key, strlen(key)}, &value);
	weir_emit_value(ctx, value);
	return WEIR_DONE;
}

static enum weir_verdict
count(struct weir_context *ctx, struct weir_bytes key)
{
	struct weir_store *store = weir_store_find(ctx, "counts");
	struct weir_bytes before;
	char text[96];
	int number = 1;

	if (weir_store_get(store, key, &before) == 0) {
		snprintf(text, sizeof(text), "%.*s", (int)before.size, (const char *)before.data);
		number += atoi(text);
	}
	snprintf(text, sizeof(text), "%d", number);
	weir_store_put(store, key, (struct weir_bytes){text, strlen(text)});
	snprintf(text, sizeof(text), "%.*s=%d", (int)key.size, (const char *)key.data, number);
	emit_text(ctx, text);
	return WEIR_DONE;
}

static enum weir_verdict
subject_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct subject_options *options = weir_options(ctx);
	struct weir_bytes value = weir_record_value(record);
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)value.size,
	         value.data ? (const char *)value.data : "");
	if (options->sum) {
		((struct memory *)memory)->sum++;
		return WEIR_DONE;
	}
	if (strncmp(text, "reject ", 7) == 0)
		return weir_reject(ctx, "%s", text + 7);
	if (strcmp(text, "stop") == 0)
		return weir_stop(ctx, "as told");
	if (strncmp(text, "retry ", 6) == 0 && retries++ < atoi(text + 6))
		return weir_retry(ctx, "not yet");
	if (strncmp(text, "look ", 5) == 0)
		return look(ctx, text + 5);
	return count(ctx, (struct weir_bytes){text, strlen(text)});
}

static enum weir_verdict
subject_batch_end(struct weir_context *ctx, void *memory)
{
	const struct subject_options *options = weir_options(ctx);
	struct memory *own = memory;
	char text[32];

	if (!options->sum || !own->sum)
		return WEIR_DONE;
	snprintf(text, sizeof(text), "sum=%d", own->sum);
	own->sum = 0;
	emit_text(ctx, text);
	return WEIR_DONE;
}

static enum weir_verdict
subject_tick(struct weir_context *ctx, void *memory, int64_t now_ms)
{
	char text[64];

	(void)memory, (void)now_ms;
	snprintf(text, sizeof(text), "tick %" PRId64, weir_now_ms(ctx) % 100000);
	emit_text(ctx, text);
	return WEIR_DONE;
}

static int
subject_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct subject_options *options = weir_options(ctx);

	(void)memory, (void)error;
	return options->tick ? weir_tick_every(ctx, options->tick) : 0;
}

const struct weir_processor subject = {
	WEIR_PROCESSOR_HEADER,
	.name = "subject",
	.summary = "do what the record says",
	.options = rows,
	.options_size = sizeof(struct subject_options),
	.memory_size = sizeof(struct memory),
	.open = subject_open,
	.record = subject_record,
	.batch_end = subject_batch_end,
	.tick = subject_tick,
	WEIR_STORES(stores),
};

void
subject_ok(const char *file, int line, const struct weir_test *test, bool is_ok)
{
	if (!is_ok)
		ck_abort_msg("%s:%d: %s", file, line, weir_test_message(test));
}

struct weir_test *
subject_test(const char *with)
{
	struct weir_test *test = weir_test_new();

	OK(weir_test_add_processor(test, &subject));
	OK(weir_test_load_step(test, "subject", with));
	return test;
}

struct weir_test *
subject_pipeline(const char *settings, int partitions)
{
	struct weir_test *test = weir_test_new();
	char text[2000];

	OK(weir_test_add_processor(test, &subject));
	weir_test_set_partitions(test, NULL, partitions);
	snprintf(text, sizeof(text),
	         "{\"name\": \"app\", \"inputs\": [\"in\"], \"outputs\": {\"default\": \"out\"}, "
	         "\"tables\": {\"names\": {\"topic\": \"names\"}}, "
	         "\"steps\": [{\"use\": \"subject\"}]%s%s}",
	         *settings ? ", " : "", settings);
	OK(weir_test_load_text(test, text, "app.json", NULL));
	return test;
}
