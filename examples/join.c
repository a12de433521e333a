/*
 * Join: the price of each order's article, looked up in a table. A table is a compacted topic
 * that is kept here in whole: the last value of each key counts.
 *
 *   join localhost:9092 [--end]     reads topics "orders" (value: an article) and, as the
 *                                   table, "prices" (key: an article); writes topic "bills"
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <weir/app.h>

/* Which table is an option, so that the pipeline can be seen to have it. */
struct join_options {
	const char *table;
};

static const struct weir_option options[] = {
	WEIR_OPT_TABLE_REQUIRED(struct join_options, table, "where prices are"),
	WEIR_OPT_END,
};

static enum weir_verdict
join(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct join_options *opts = weir_options(ctx);
	struct weir_bytes article = weir_record_value(record), price;
	char text[300];
	int length;

	(void)memory;
	if (weir_table_get(weir_table_find(ctx, opts->table), article, &price) != 0)
		return weir_reject(ctx, "no price for %.*s", (int)article.size,
				   (const char *)article.data);
	length = snprintf(text, sizeof(text), "%.*s: %.*s", (int)article.size,
			  (const char *)article.data, (int)price.size, (const char *)price.data);
	if (length >= (int)sizeof(text))
		return weir_reject(ctx, "a bill of %d bytes", length);
	weir_emit_value(ctx, (struct weir_bytes){text, (size_t)length});
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "join",
	.summary = "put a price to each order",
	.options = options,
	.options_size = sizeof(struct join_options),
	.record = join,
};

static const char pipeline[] = "{"
	"  \"name\": \"join\","
	"  \"inputs\": [\"orders\"],"
	"  \"tables\": { \"prices\": { \"topic\": \"prices\" } },"
	"  \"steps\": [ { \"use\": \"join\", \"with\": { \"table\": \"prices\" } } ],"
	"  \"outputs\": { \"default\": \"bills\" },"
	"  \"errors\": { \"on_reject\": \"drop\" },"
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
		return fprintf(stderr, "usage: join BROKERS [--end]\n"), 2;
	app = weir_app_new();
	weir_app_set(app, "/kafka/bootstrap.servers", argv[1]);
	weir_app_set_until_end(app, argc > 2 && strcmp(argv[2], "--end") == 0);
	code = weir_app_add_processor(app, &processor, &error);
	if (!code)
		code = weir_app_load_text(app, pipeline, "join", &error);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	if (!code)
		code = weir_app_run(app, &error);
	if (code)
		fprintf(stderr, "join: %s\n", error.message);
	weir_app_free(app);
	return code ? 1 : 0;
}
