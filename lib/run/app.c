/*
 * The app: one pipeline, a worker a thread, and the thread of weir_app_run() that starts,
 * watches and stops them.
 *
 * Workers share nothing but their counters. weir_app_stop() only counts and wakes, so a
 * signal handler can call it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <base/alloc.h>
#include <broker/kafka.h>
#include <run/app.h>
#include <run/connect.h>
#include <run/instance.h>
#include <run/until_end.h>

#define STEP_WAIT_MS 100
#define WATCH_MS 200
/* An abandoned worker leaves within this (calls to the broker are slices of a second), or it
 * is in a processor that does not return. */
#define LEAVE_MS 3000

struct runner {
	struct weir_app *app;
	struct weir_worker *worker;
	pthread_t thread;
	bool started;
	bool joined;
	atomic_bool ended;
	enum weir_worker_status status; /* meant when ended */
};

struct weir_app {
	struct weir_logger logger;
	struct weir_registry *registry;
	struct weir_override *overrides;
	size_t override_count;
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	bool until_end;

	struct weir_broker *broker;
	pthread_mutex_t counting; /* other threads may count while workers come and go */
	struct runner *runners;
	size_t runner_count;
	struct weir_app_counts counts; /* of workers that are gone */
	atomic_int stops;              /* calls of weir_app_stop() */
	atomic_bool draining;          /* workers: finish and leave */
	atomic_bool abandoned;         /* workers: leave at once */
	bool hung;                     /* a worker did not: what it uses is never freed */
	int wake;                      /* eventfd: a stop, or the end of a worker */
};

/* ---- loading ---- */

struct weir_app *
weir_app_new(void)
{
	struct weir_app *app = weir__calloc(1, sizeof(*app));

	app->logger.level = WEIR_LOG_INFO;
	app->registry = weir__registry_new(&app->logger);
	pthread_mutex_init(&app->counting, NULL);
	app->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
	free(app->runners);
	weir__chain_free(app->chain);
	weir__pipeline_free(app->pipeline);
	weir__registry_free(app->registry);
	if (app->wake >= 0)
		close(app->wake);
	pthread_mutex_destroy(&app->counting);
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
	return app->chain ? 0 : (error && error->code ? error->code : WEIR_EINVALID);
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

static void
wake(const struct weir_app *app)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t written = write(app->wake, &one, sizeof(one));

	(void)written; /* full means awake already */
	errno = saved;
}

void
weir_app_stop(struct weir_app *app)
{
	atomic_fetch_add(&app->stops, 1);
	wake(app);
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

static void *
worker_thread(void *opaque)
{
	struct runner *runner = opaque;
	struct weir_app *app = runner->app;
	enum weir_worker_status status = WEIR_WORKER_RUNS;
	bool told = false;

	while (status == WEIR_WORKER_RUNS && !atomic_load(&app->abandoned)) {
		if (!told && atomic_load_explicit(&app->draining, memory_order_relaxed)) {
			weir__worker_drain(runner->worker);
			told = true;
		}
		status = weir__worker_step(runner->worker, STEP_WAIT_MS);
	}
	runner->status = status;
	atomic_store(&runner->ended, true);
	wake(app);
	return NULL;
}

/* Signals are the program's: none is delivered to a worker's thread. */
static int
start_thread(struct runner *runner)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGABRT);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&runner->thread, NULL, worker_thread, runner);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

static int
start_workers(struct weir_app *app, struct weir_error *error)
{
	struct weir_worker_config config = {
		.pipeline = app->pipeline,
		.chain = app->chain,
		.broker = app->broker,
		.clock = weir__clock_system(),
		.logger = &app->logger,
	};

	free(app->runners); /* of an earlier run */
	app->runners =
		weir__calloc((size_t)app->pipeline->workers, sizeof(*app->runners));
	for (int index = 0; index < app->pipeline->workers; index++) {
		struct runner *runner = &app->runners[index];

		config.index = index;
		runner->app = app;
		runner->worker = weir__worker_new(&config, error);
		if (!runner->worker)
			return error->code;
		pthread_mutex_lock(&app->counting);
		app->runner_count++;
		pthread_mutex_unlock(&app->counting);
		runner->started = start_thread(runner) == 0;
		if (!runner->started)
			return weir_error_set(error, WEIR_EIO, "cannot start a thread");
	}
	return 0;
}

static bool
all_ended(const struct weir_app *app)
{
	for (size_t index = 0; index < app->runner_count; index++) {
		if (app->runners[index].started &&
		    !atomic_load(&app->runners[index].ended))
			return false;
	}
	return true;
}

/* A worker that ended by itself ends the app: its partitions would be nobody's. */
static bool
any_ended(const struct weir_app *app)
{
	for (size_t index = 0; index < app->runner_count; index++) {
		if (atomic_load(&app->runners[index].ended))
			return true;
	}
	return false;
}

static void
watch(struct weir_app *app, struct weir_until_end *end)
{
	const struct weir_clock *clock = weir__clock_system();
	int64_t give_up_ms = INT64_MAX, leave_ms = INT64_MAX;

	while (!all_ended(app) && !app->hung) {
		bool drain = atomic_load(&app->stops) || any_ended(app);
		int64_t now_ms = clock->monotonic_ms(clock);

		if (!drain && end && weir__until_end_reached(end, app->broker))
			drain = true;
		if (drain && !atomic_load(&app->draining)) {
			atomic_store(&app->draining, true);
			give_up_ms = now_ms + app->pipeline->drain_ms;
		}
		if (atomic_load(&app->stops) > 1 || now_ms >= give_up_ms)
			atomic_store(&app->abandoned, true);
		if (atomic_load(&app->abandoned) && leave_ms == INT64_MAX)
			leave_ms = now_ms + LEAVE_MS;
		app->hung = now_ms >= leave_ms;
		wait_for_wake(app, WATCH_MS);
	}
}

static int
join_workers(struct weir_app *app, struct weir_error *error)
{
	bool abandoned = false;
	int code = 0;

	for (size_t index = 0; index < app->runner_count; index++) {
		struct runner *runner = &app->runners[index];
		const struct weir_error *why = weir__worker_error(runner->worker);

		if (!runner->started)
			continue;
		pthread_join(runner->thread, NULL);
		abandoned = abandoned || runner->status == WEIR_WORKER_RUNS;
		if (!code && (runner->status == WEIR_WORKER_FAILED ||
			      runner->status == WEIR_WORKER_FENCED))
			code = weir_error_set(error, why->code, "%s", why->message);
	}
	/* a worker that did not end in time may be another's fault: that is said instead */
	if (!code && abandoned)
		code = weir_error_set(error, WEIR_ETIMEOUT,
				      "stopped before all was committed; what was not is "
				      "taken up at the next start");
	return code;
}

/* ---- counters ---- */

static void
add_counts(struct weir_app_counts *sum, const struct weir_worker_counts *counts)
{
	sum->records += atomic_load_explicit(&counts->records, memory_order_relaxed);
	sum->committed += atomic_load_explicit(&counts->committed, memory_order_relaxed);
	sum->emitted += atomic_load_explicit(&counts->emitted, memory_order_relaxed);
	sum->dead_letters +=
		atomic_load_explicit(&counts->dead_letters, memory_order_relaxed);
	sum->dropped += atomic_load_explicit(&counts->dropped, memory_order_relaxed);
	sum->retries += atomic_load_explicit(&counts->retries, memory_order_relaxed);
	sum->batches += atomic_load_explicit(&counts->batches, memory_order_relaxed);
	sum->aborts += atomic_load_explicit(&counts->aborts, memory_order_relaxed);
	sum->replacements +=
		atomic_load_explicit(&counts->replacements, memory_order_relaxed);
	sum->lost += atomic_load_explicit(&counts->lost, memory_order_relaxed);
	sum->tasks += atomic_load_explicit(&counts->tasks, memory_order_relaxed);
}

static void
sum_counts(const struct weir_app *app, struct weir_app_counts *counts)
{
	*counts = app->counts;
	for (size_t index = 0; index < app->runner_count; index++)
		add_counts(counts, weir__worker_counts(app->runners[index].worker));
}

void
weir__app_counts(const struct weir_app *app, struct weir_app_counts *counts)
{
	pthread_mutex_t *counting = &((struct weir_app *)(uintptr_t)app)->counting;

	pthread_mutex_lock(counting);
	sum_counts(app, counts);
	pthread_mutex_unlock(counting);
}

static void
free_workers(struct weir_app *app)
{
	size_t count = app->runner_count;

	pthread_mutex_lock(&app->counting);
	sum_counts(app, &app->counts);
	app->runner_count = 0;
	pthread_mutex_unlock(&app->counting);
	for (size_t index = 0; index < count; index++) {
		weir__worker_free(app->runners[index].worker);
		app->runners[index].worker = NULL;
	}
}

/* ---- running ---- */

static int
run_workers(struct weir_app *app, struct weir_until_end *end, struct weir_error *error)
{
	int code = start_workers(app, error);
	int joined;

	if (code)
		atomic_store(&app->abandoned, true);
	watch(app, end);
	if (app->hung)
		return weir_error_set(error, WEIR_ETIMEOUT,
		                      "stopped before all was committed, since a processor did "
		                      "not return; what was not is taken up at the next start");
	joined = join_workers(app, error);
	free_workers(app);
	return code ? code : joined;
}

/* Between two tries to connect: wait a little; false: a stop was asked for. */
static bool
keep_trying(void *opaque)
{
	struct weir_app *app = opaque;

	if (!atomic_load(&app->stops))
		wait_for_wake(app, WATCH_MS);
	return !atomic_load(&app->stops);
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
	code = weir__connect(app->broker, app->pipeline, &app->logger,
			     app->until_end ? &end : NULL, keep_trying, app, error);
	if (!code && !atomic_load(&app->stops))
		code = run_workers(app, end, error);
	if (app->hung)
		return code;
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
	code = run_connected(app, error);
	if (!app->hung)
		close(lock);
	return code;
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
