/*
 * Counter: how often each word came so far, kept in a store. A store commits with the
 * records, so the counts are right also after a crash.
 *
 *   counter localhost:9092 [--end]     reads topic "words", writes topic "counts"
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <weir/app.h>

static const struct weir_store_row stores[] = {
	{.name = "counts", .help = "how often each word came"},
	WEIR_STORE_END,
};

static enum weir_verdict
count(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_store *store = weir_store_find(ctx, "counts");
	struct weir_bytes word = weir_record_value(record), kept;
	struct weir_emit emit = {.size = sizeof(emit), .output = WEIR_NEXT};
	uint64_t times = 0;
	char text[32];

	(void)memory;
	if (weir_store_get(store, word, &kept) == 0 && kept.size == sizeof(times))
		memcpy(&times, kept.data, sizeof(times));
	times++;
	if (weir_store_put(store, word, (struct weir_bytes){&times, sizeof(times)}) != 0)
		return weir_reject(ctx, "a word of %zu bytes", word.size);
	emit.set = WEIR_EMIT_KEY | WEIR_EMIT_VALUE;
	emit.key = word;
	emit.value.data = text;
	emit.value.size = (size_t)snprintf(text, sizeof(text), "%" PRIu64, times);
	weir_emit(ctx, &emit);
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "count",
	.summary = "count equal values",
	.record = count,
	WEIR_STORES(stores),
};

static const char pipeline[] = "{"
	"  \"name\": \"counter\","
	"  \"inputs\": [\"words\"],"
	"  \"steps\": [ { \"use\": \"count\" } ],"
	"  \"outputs\": { \"default\": \"counts\" },"
	"  \"state_dir\": \"${STATE_DIR:-./state}\""
	"}";

static struct weir_app *app;

static void
stop(int number)
{
	(void)number;
	weir_app_stop(app);
}

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	int code;

	if (argc < 2)
		return fprintf(stderr, "usage: counter BROKERS [--end]\n"), 2;
	app = weir_app_new();
	weir_app_set(app, "/kafka/bootstrap.servers", argv[1]);
	weir_app_set_until_end(app, argc > 2 && strcmp(argv[2], "--end") == 0);
	code = weir_app_add_processor(app, &processor, &error);
	if (!code)
		code = weir_app_load_text(app, pipeline, "counter", &error);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	if (!code)
		code = weir_app_run(app, &error);
	if (code)
		fprintf(stderr, "counter: %s\n", error.message);
	weir_app_free(app);
	return code ? 1 : 0;
}
