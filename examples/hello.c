/*
 * Hello: a program with one processor in it, which greets whoever a record names.
 *
 *   hello localhost:9092          reads topic "names", writes topic "greetings", until Ctrl-C
 *   hello localhost:9092 --end    until all input that was there at start is done
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <weir/app.h>

static enum weir_verdict
greet(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_bytes name = weir_record_value(record);
	char text[200];
	int length;

	(void)memory;
	if (!name.data || name.size == 0)
		return weir_reject(ctx, "nobody to greet");
	length = snprintf(text, sizeof(text), "hello, %.*s", (int)name.size,
			  (const char *)name.data);
	if (length >= (int)sizeof(text))
		return weir_reject(ctx, "a name of %zu bytes", name.size);
	weir_emit_value(ctx, (struct weir_bytes){text, (size_t)length});
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "greet",
	.summary = "say hello to each name",
	.record = greet,
};

static const char pipeline[] = "{"
	"  \"name\": \"hello\","
	"  \"inputs\": [\"names\"],"
	"  \"steps\": [ { \"use\": \"greet\" } ],"
	"  \"outputs\": { \"default\": \"greetings\" },"
	"  \"errors\": { \"on_reject\": \"drop\" },"
	"  \"state_dir\": \"${STATE_DIR:-./state}\""
	"}";

static struct weir_app *app;

static void
stop(int number)
{
	(void)number;
	weir_app_stop(app); /* drains and commits; a second one stops at once */
}

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	int code;

	if (argc < 2)
		return fprintf(stderr, "usage: hello BROKERS [--end]\n"), 2;
	app = weir_app_new();
	weir_app_set(app, "/kafka/bootstrap.servers", argv[1]);
	weir_app_set_until_end(app, argc > 2 && strcmp(argv[2], "--end") == 0);
	code = weir_app_add_processor(app, &processor, &error);
	if (!code)
		code = weir_app_load_text(app, pipeline, "hello", &error);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	if (!code)
		code = weir_app_run(app, &error);
	if (code)
		fprintf(stderr, "hello: %s\n", error.message);
	weir_app_free(app);
	return code ? 1 : 0;
}
