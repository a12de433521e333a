/*
 * Running a pipeline from a program of your own.
 *
 *   struct weir_error error = {0};
 *   struct weir_app *app = weir_app_new();
 *   weir_app_add_processor(app, &my_processor, &error);
 *   if (weir_app_load(app, "pipeline.json", &error) == 0)
 *           weir_app_run(app, &error);
 *   weir_app_free(app);
 *
 * The folder examples/ has whole programs. docs/plugins.md is about processors that are not
 * linked in.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APP_H
#define WEIR_APP_H

#include <weir/processor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One app: a pipeline, its processors, its threads while it runs. */
struct weir_app;

/* Never NULL; free with weir_app_free(). */
WEIR_API struct weir_app *weir_app_new(void);
WEIR_API void weir_app_free(struct weir_app *app); /* NULL is fine; not while it runs */

/*
 * Where log lines go, and up to which level. `write` is called from any thread of the app;
 * `line` has neither time nor newline. NULL: to stderr, which is the default.
 */
WEIR_API void weir_app_set_log(struct weir_app *app, enum weir_log_level level,
                               void (*write)(void *opaque, enum weir_log_level level,
                                             const char *line),
                               void *opaque);

/*
 * Override one setting of the pipeline file, before it is loaded: a JSON pointer, and JSON
 * or else a string ("/kafka/bootstrap.servers", "localhost:9092"). Both are copied.
 */
WEIR_API void weir_app_set(struct weir_app *app, const char *pointer, const char *value);

/*
 * Make a processor of the program known, before loading. The descriptor outlives the app.
 * Returns 0, WEIR_EEXISTS or WEIR_EPLUGIN.
 */
WEIR_API int weir_app_add_processor(struct weir_app *app, const struct weir_processor *processor,
                                    struct weir_error *error);

/*
 * Load and check a pipeline: the file, its plugins, its steps and their options. Nothing is
 * connected. Once an app. The text variant takes the pipeline itself; `name` stands for the
 * file in messages.
 *
 * Returns 0, or a WEIR_E* with "FILE: place: reason".
 */
WEIR_API int weir_app_load(struct weir_app *app, const char *path, struct weir_error *error);
WEIR_API int weir_app_load_text(struct weir_app *app, const char *text, const char *name,
                                struct weir_error *error);

/* Stop by itself when all input that was there at start is committed. Before run. */
WEIR_API void weir_app_set_until_end(struct weir_app *app, bool until_end);

/*
 * Run until weir_app_stop(), the end of input (if so set), or an error. Blocks; the workers
 * are threads of its own. Installs no signal handlers. Where a processor does not return, its
 * thread is left behind when the drain's time is over: end the process then (WEIR_ETIMEOUT).
 *
 * Returns 0 when drained, WEIR_EFENCED when another instance of the same name took over,
 * WEIR_ELOCKED when one runs on this machine, or another WEIR_E*.
 */
WEIR_API int weir_app_run(struct weir_app *app, struct weir_error *error);

/*
 * Ask a running app to drain: finish what is in hand, commit, leave. A second call makes it
 * stop at once, without committing. From any thread, and from a signal handler.
 */
WEIR_API void weir_app_stop(struct weir_app *app);

/*
 * For a program with a main loop of its own: run on a thread, and return at once. No signal
 * is delivered to weir's threads. Once an app; weir_app_wait() is needed before
 * weir_app_free().
 *
 * Returns 0 or a WEIR_E*: it was not started. What fails later weir_app_wait() tells.
 */
WEIR_API int weir_app_start(struct weir_app *app, struct weir_error *error);

/*
 * A descriptor for poll, epoll or select: readable from when the app has ended, by itself or
 * by weir_app_stop(). Do not read from it; it is closed by weir_app_free(). -1 before
 * weir_app_start().
 */
WEIR_API int weir_app_fd(const struct weir_app *app);

/* Wait until an app that was started has ended. Returns what weir_app_run() would have. */
WEIR_API int weir_app_wait(struct weir_app *app, struct weir_error *error);

#ifdef __cplusplus
}
#endif

#endif
