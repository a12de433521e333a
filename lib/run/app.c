/*
 * The app: one pipeline, and the thread of weir_app_run() that connects, has workers
 * started (run/threads.h), watches and stops them.
 *
 * weir_app_stop() only counts and wakes, so a signal handler can call it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <base/alloc.h>
#include <broker/kafka.h>
#include <run/app.h>
#include <run/connect.h>
#include <run/instance.h>
#include <run/stateful.h>
#include <run/table_feed.h>
#include <run/threads.h>
#include <run/until_end.h>

#define WATCH_MS 200
/* An abandoned worker leaves within this (calls to the broker are slices of a second), or it
 * is in a processor that does not return. */
#define LEAVE_MS 3000

struct weir_app {
	struct weir_logger logger;
	struct weir_registry *registry;
	struct weir_override *overrides;
	size_t override_count;
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_stores *stores; /* NULL: no step has any */
	bool until_end;

	struct weir_broker *broker;
	struct weir_tables *tables;   /* while it runs; NULL: it has none */
	struct weir_table_feed *feed;
	struct weir_threads *threads;
	atomic_int stops; /* calls of weir_app_stop() */
	bool hung;        /* a worker did not leave: what it uses is never freed */
	int wake;         /* eventfd: a stop, or the end of a worker */

	bool in_background; /* weir_app_start(): the members below are meant */
	pthread_t thread;
	struct weir_error outcome;
	int outcome_code;
	int ended; /* eventfd */
};

/* ---- loading ---- */

struct weir_app *
weir_app_new(void)
{
	struct weir_app *app = weir__calloc(1, sizeof(*app));

	app->logger.level = WEIR_LOG_INFO;
	app->registry = weir__registry_new(&app->logger);
	app->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	app->ended = -1;
	app->threads = weir__threads_new(app->wake);
	return app;
}

void
weir_app_free(struct weir_app *app)
{
	if (!app || app->hung)
		return;
	for (size_t index = 0; index < app->override_count; index++) {
		free((char *)app->overrides[index].pointer);
		free((char *)app->overrides[index].value);
	}
	free(app->overrides);
	weir__threads_free(app->threads);
	weir__stores_free(app->stores);
	weir__chain_free(app->chain);
	weir__pipeline_free(app->pipeline);
	weir__registry_free(app->registry);
	if (app->wake >= 0)
		close(app->wake);
	if (app->ended >= 0)
		close(app->ended);
	free(app);
}

void
weir_app_set_log(struct weir_app *app, enum weir_log_level level,
		 void (*write)(void *opaque, enum weir_log_level level, const char *line),
		 void *opaque)
{
	app->logger.level = level;
	app->logger.write = write;
	app->logger.opaque = opaque;
}

void
weir_app_set(struct weir_app *app, const char *pointer, const char *value)
{
	app->overrides = weir__realloc(app->overrides, (app->override_count + 1) *
							       sizeof(*app->overrides));
	app->overrides[app->override_count++] =
		(struct weir_override){weir__strdup(pointer), weir__strdup(value)};
}

int
weir_app_add_processor(struct weir_app *app, const struct weir_processor *processor,
		       struct weir_error *error)
{
	return weir__registry_add(app->registry, processor, error);
}

static int
load_steps(struct weir_app *app, struct weir_error *error)
{
	int code;

	for (size_t index = 0; index < app->pipeline->plugin_count; index++) {
		code = weir__registry_load(app->registry, app->pipeline->plugins[index],
					   error);
		if (code)
			return code;
	}
	if (app->pipeline->step_count)
		weir__registry_load_standard(app->registry);
	app->chain = weir__chain_new(app->pipeline, app->registry, weir__clock_system(),
				     &app->logger, error);
	if (!app->chain)
		return error->code ? error->code : WEIR_EINVALID;
	app->stores = weir__stores_of(app->pipeline, app->chain, weir__clock_system(),
				      &app->logger, error);
	return error->code;
}

static int
loaded(struct weir_app *app, struct weir_pipeline *pipeline, struct weir_error *error)
{
	if (!pipeline)
		return error->code;
	app->pipeline = pipeline;
	return load_steps(app, error);
}

int
weir_app_load(struct weir_app *app, const char *path, struct weir_error *error)
{
	struct weir_error own = {0};

	error = error ? error : &own;
	if (app->pipeline)
		return weir_error_set(error, WEIR_ESTATE,
				      "this app has a pipeline already");
	return loaded(
		app,
		weir__pipeline_load(path, app->overrides, app->override_count, error),
		error);
}

int
weir_app_load_text(struct weir_app *app, const char *text, const char *name,
		   struct weir_error *error)
{
	struct weir_error own = {0};

	error = error ? error : &own;
	if (app->pipeline)
		return weir_error_set(error, WEIR_ESTATE,
				      "this app has a pipeline already");
	return loaded(app,
		      weir__pipeline_parse(text, strlen(text), name, ".", app->overrides,
					   app->override_count, error),
		      error);
}

void
weir_app_set_until_end(struct weir_app *app, bool until_end)
{
	app->until_end = until_end;
}

/* ---- stopping ---- */

void
weir_app_stop(struct weir_app *app)
{
	atomic_fetch_add(&app->stops, 1);
	weir__wake(app->wake);
}

static void
wait_for_wake(const struct weir_app *app, int timeout_ms)
{
	struct pollfd fd = {.fd = app->wake, .events = POLLIN};
	uint64_t count;
	ssize_t size;

	poll(&fd, 1, timeout_ms);
	size = read(app->wake, &count, sizeof(count));
	(void)size;
}

/* ---- workers ---- */

/*
 * Until all have left, or one hangs. A worker that ended by itself ends the app: its
 * partitions would be nobody's.
 */
static void
watch(struct weir_app *app, struct weir_until_end *end, bool abandon)
{
	const struct weir_clock *clock = weir__clock_system();
	int64_t give_up_ms = INT64_MAX, leave_ms = INT64_MAX;
	bool draining = false;

	while (!weir__threads_all_ended(app->threads) && !app->hung) {
		bool drain = atomic_load(&app->stops) ||
			     weir__threads_any_ended(app->threads) ||
			     weir__table_feed_has_failed(app->feed);
		int64_t now_ms = clock->monotonic_ms(clock);

		if (end && weir__until_end_reached(end))
			drain = true;
		if (drain && !draining) {
			draining = true;
			weir__threads_drain(app->threads);
			give_up_ms = now_ms + app->pipeline->drain_ms;
		}
		abandon = abandon || atomic_load(&app->stops) > 1 || now_ms >= give_up_ms;
		if (abandon && leave_ms == INT64_MAX) {
			weir__threads_abandon(app->threads);
			leave_ms = now_ms + LEAVE_MS;
		}
		weir__threads_warn_stuck(app->threads, &app->logger, now_ms,
		                         app->pipeline->transaction_timeout_ms * 6 / 10);
		app->hung = now_ms >= leave_ms;
		wait_for_wake(app, WATCH_MS);
	}
}

static int
run_workers(struct weir_app *app, struct weir_until_end *end, struct weir_error *error)
{
	const struct weir_worker_config config = {
		.pipeline = app->pipeline,
		.chain = app->chain,
		.broker = app->broker,
		.stores = app->stores,
		.tables = app->tables,
		.clock = weir__clock_system(),
		.logger = &app->logger,
	};
	int code = end ? weir__until_end_watch(end, app->broker, app->wake, error) : 0;
	int joined;

	if (code)
		return code;
	code = weir__threads_start(app->threads, &config, app->pipeline->workers, error);
	watch(app, end, code != 0);
	if (app->hung)
		return weir_error_set(error, WEIR_ETIMEOUT,
		                      "stopped before all was committed, since a processor did "
		                      "not return; what was not is taken up at the next start");
	joined = weir__threads_join(app->threads, error);
	return code ? code : joined;
}

/* ---- running ---- */

/* Between two tries to connect: wait a little; false: a stop was asked for. */
static bool
keep_trying(void *opaque)
{
	struct weir_app *app = opaque;

	if (!atomic_load(&app->stops))
		wait_for_wake(app, WATCH_MS);
	return !atomic_load(&app->stops);
}

/* Wait until they are read, they fail, or a stop is asked for. */
static int
read_tables(struct weir_app *app, struct weir_error *error)
{
	char *folder = weir__instance_folder(app->pipeline);

	app->tables = weir__tables_new(&(struct weir_tables_config){
		.folder = folder,
		.topics = app->pipeline->tables,
		.count = app->pipeline->table_count,
		.broker = app->broker,
		.clock = weir__clock_system(),
		.logger = &app->logger,
	});
	free(folder);
	app->feed = weir__table_feed_start(app->tables, app->wake, error);
	if (!app->feed)
		return error->code;
	while (!weir__tables_are_read(app->tables) && !atomic_load(&app->stops) &&
	       !weir__table_feed_has_failed(app->feed))
		wait_for_wake(app, WATCH_MS);
	return 0;
}

/* Workers are gone. What made the tables fail also ended them. */
static int
end_tables(struct weir_app *app, int code, struct weir_error *error)
{
	int fed = weir__table_feed_end(app->feed, error);

	weir__tables_free(app->tables);
	app->feed = NULL;
	app->tables = NULL;
	return code ? code : fed;
}

static int
run_connected(struct weir_app *app, struct weir_error *error)
{
	struct weir_until_end *end = NULL;
	int code;

	app->broker = weir__kafka_open(&app->pipeline->client, &app->logger,
				       weir__clock_system(), error);
	if (!app->broker)
		return error->code;
	code = weir__connect(app->broker, app->pipeline, app->stores, &app->logger,
			     app->until_end ? &end : NULL, keep_trying, app, error);
	if (!code && app->pipeline->table_count)
		code = read_tables(app, error);
	if (!code && !atomic_load(&app->stops) && !weir__table_feed_has_failed(app->feed))
		code = run_workers(app, end, error);
	if (app->hung)
		return code;
	code = end_tables(app, code, error);
	weir__until_end_free(end);
	weir__broker_close(app->broker);
	app->broker = NULL;
	return code;
}

int
weir_app_run(struct weir_app *app, struct weir_error *error)
{
	struct weir_error own = {0};
	int lock, code;

	error = error ? error : &own;
	if (!app->chain)
		return weir_error_set(error, WEIR_ESTATE, "no pipeline is loaded");
	if (!weir__properties_get(&app->pipeline->client, "bootstrap.servers"))
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: /kafka/bootstrap.servers: not set (--set "
				      "/kafka/bootstrap.servers=host:9092)",
				      app->pipeline->path);
	if (app->wake < 0)
		return weir_error_set(error, WEIR_EIO, "cannot make an eventfd");
	lock = weir__instance_lock(app->pipeline, error);
	if (lock < 0)
		return lock;
	if (app->stores)
		weir__stores_clean(app->stores);
	code = run_connected(app, error);
	if (!app->hung)
		close(lock);
	return code;
}

/* ---- in the background ---- */

static void *
run_in_background(void *opaque)
{
	struct weir_app *app = opaque;

	app->outcome_code = weir_app_run(app, &app->outcome);
	weir__wake(app->ended);
	return NULL;
}

int
weir_app_start(struct weir_app *app, struct weir_error *error)
{
	if (!app->chain || app->in_background)
		return weir_error_set(error, WEIR_ESTATE,
				      app->chain ? "the app was started already"
						 : "no pipeline is loaded");
	if (app->ended < 0)
		app->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (app->ended < 0)
		return weir_error_set(error, WEIR_EIO, "cannot make an eventfd");
	if (weir__thread_start(&app->thread, run_in_background, app) != 0)
		return weir_error_set(error, WEIR_EIO, "cannot start a thread");
	app->in_background = true;
	return 0;
}

int
weir_app_fd(const struct weir_app *app)
{
	return app->ended;
}

int
weir_app_wait(struct weir_app *app, struct weir_error *error)
{
	if (!app->in_background)
		return weir_error_set(error, WEIR_ESTATE, "the app was not started");
	pthread_join(app->thread, NULL);
	app->in_background = false;
	if (app->outcome_code)
		weir_error_set(error, app->outcome_code, "%s", app->outcome.message);
	return app->outcome_code;
}

/* ---- for the command ---- */

const struct weir_pipeline *
weir__app_pipeline(const struct weir_app *app)
{
	return app->pipeline;
}

struct weir_chain *
weir__app_chain(const struct weir_app *app)
{
	return app->chain;
}

struct weir_registry *
weir__app_registry(const struct weir_app *app)
{
	return app->registry;
}

const struct weir_logger *
weir__app_logger(const struct weir_app *app)
{
	return &app->logger;
}

void
weir__app_counts(const struct weir_app *app, struct weir_app_counts *counts)
{
	weir__threads_counts(app->threads, counts);
}

int
weir__app_exit_status(int code)
{
	switch (code) {
	case WEIR_OK:
		return 0;
	case WEIR_EFENCED:
		return 3;
	case WEIR_ELOCKED:
	case WEIR_EINVALID:
		return 2;
	default:
		return 1;
	}
}
