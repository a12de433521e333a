/*
 * Logger: what weir has to say, in the words of another program's log. This one writes JSON
 * lines to standard output; syslog() or a library's logger go into its place as they are.
 *
 *   logger PIPELINE     runs it until all input that was there at start is done
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <weir/app.h>

/* The program's own logger, which is not made for several threads. */
struct logger {
	pthread_mutex_t lock;
	FILE *file;
	const char *program;
};

/* Called from any thread of the app, for one line at a time; weir adds no time. */
static void
write_line(void *opaque, enum weir_log_level level, const char *line)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	struct logger *logger = opaque;
	json_t *entry = json_pack("{s:I, s:s, s:s, s:s}", "time", (json_int_t)time(NULL),
				  "level", names[level], "program", logger->program, "text",
				  line);
	char *text = entry ? json_dumps(entry, JSON_COMPACT) : NULL; /* NULL: no UTF-8 */

	pthread_mutex_lock(&logger->lock);
	fprintf(logger->file, "%s\n", text ? text : line);
	pthread_mutex_unlock(&logger->lock);
	free(text);
	json_decref(entry);
}

int
main(int argc, char **argv)
{
	struct logger logger = {PTHREAD_MUTEX_INITIALIZER, stdout, "logger"};
	struct weir_error error = {0};
	struct weir_app *app;
	int code;

	if (argc != 2)
		return fprintf(stderr, "usage: logger PIPELINE\n"), 2;
	app = weir_app_new();
	weir_app_set_log(app, WEIR_LOG_DEBUG, write_line, &logger);
	weir_app_set_until_end(app, true);
	code = weir_app_load(app, argv[1], &error);
	if (!code)
		code = weir_app_run(app, &error);
	if (code)
		write_line(&logger, WEIR_LOG_ERROR, error.message);
	weir_app_free(app);
	return code ? 1 : 0;
}
