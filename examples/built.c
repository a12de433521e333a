/*
 * Built: a pipeline that is put together in code, of the processors that are installed. It is
 * the same JSON as a pipeline file, so all its keys are there; jansson makes it.
 *
 *   built BROKERS INPUT OUTPUT ID WINDOW     copies a topic without duplicates of the value at
 *                                            ID (like /order_id) within WINDOW (like 24h)
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/app.h>

/* Heap memory that the caller frees. */
static char *
build_pipeline(char **argv)
{
	json_t *step = json_pack("{s:s, s:{s:s, s:s}}", "use", "dedup", "with", "id", argv[4],
				 "window", argv[5]);
	json_t *pipeline = json_pack(
		"{s:s, s:{s:s}, s:[s], s:[o], s:{s:s}, s:{s:s}, s:s}", "name", "built", "kafka",
		"bootstrap.servers", argv[1], "inputs", argv[2], "steps", step, "outputs",
		"default", argv[3], "errors", "on_reject", "drop", "state_dir",
		"${STATE_DIR:-./state}");
	char *text = json_dumps(pipeline, JSON_INDENT(2));

	json_decref(pipeline);
	return text;
}

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	struct weir_app *app;
	char *text;
	int code;

	if (argc != 6)
		return fprintf(stderr, "usage: built BROKERS INPUT OUTPUT ID WINDOW\n"), 2;
	app = weir_app_new();
	text = build_pipeline(argv);
	weir_app_set_until_end(app, true);
	code = weir_app_load_text(app, text, "built", &error);
	if (!code)
		code = weir_app_run(app, &error);
	if (code)
		fprintf(stderr, "built: %s\n%s\n", error.message, text);
	weir_app_free(app);
	free(text);
	return code ? 1 : 0;
}
