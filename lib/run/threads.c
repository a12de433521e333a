/*
 * The threads of workers. Each calls its worker's step in a loop, until the worker has
 * ended or is abandoned.
 *
 * Workers share nothing but the two flags here, their counters and their places. All calls
 * but that for the counts are of the app's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <processor/chain.h>
#include <run/threads.h>

#define STEP_WAIT_MS 100

struct runner {
	struct weir_threads *threads;
	struct weir_worker *worker;
	pthread_t thread;
	bool started;
	atomic_bool ended;
	enum weir_worker_status status; /* meant when ended */
	const struct weir_place *place; /* of the thread, while it steps; by `placing` */

	/* of the app's thread */
	char stuck_at[512]; /* where it was last seen; "": in no processor */
	int64_t stuck_since_ms;
	int64_t warn_at_ms;
};

struct weir_threads {
	struct runner *runners;
	size_t count;
	pthread_mutex_t counting; /* other threads may count while workers come and go */
	struct weir_app_counts gone; /* of workers that are gone */
	pthread_mutex_t placing;     /* a thread's place is read, or goes with the thread */
	atomic_bool draining;        /* workers: finish and leave */
	atomic_bool abandoned;       /* workers: leave at once */
	int wake;
};

struct weir_threads *
weir__threads_new(int wake)
{
	struct weir_threads *threads = weir__calloc(1, sizeof(*threads));

	threads->wake = wake;
	pthread_mutex_init(&threads->counting, NULL);
	pthread_mutex_init(&threads->placing, NULL);
	return threads;
}

void
weir__threads_free(struct weir_threads *threads)
{
	if (!threads)
		return;
	free(threads->runners);
	pthread_mutex_destroy(&threads->counting);
	pthread_mutex_destroy(&threads->placing);
	free(threads);
}

/* ---- a thread ---- */

void
weir__wake(int fd)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t written = write(fd, &one, sizeof(one));

	(void)written; /* full means awake already */
	errno = saved;
}

static void *
run(void *opaque)
{
	struct runner *runner = opaque;
	struct weir_threads *threads = runner->threads;
	enum weir_worker_status status = WEIR_WORKER_RUNS;
	bool told = false;

	pthread_mutex_lock(&threads->placing);
	runner->place = weir__chain_place();
	pthread_mutex_unlock(&threads->placing);
	while (status == WEIR_WORKER_RUNS && !atomic_load(&threads->abandoned)) {
		if (!told &&
		    atomic_load_explicit(&threads->draining, memory_order_relaxed)) {
			weir__worker_drain(runner->worker);
			told = true;
		}
		status = weir__worker_step(runner->worker, STEP_WAIT_MS);
	}
	pthread_mutex_lock(&threads->placing);
	runner->place = NULL;
	pthread_mutex_unlock(&threads->placing);
	weir__worker_close_tasks(runner->worker);
	runner->status = status;
	atomic_store(&runner->ended, true);
	weir__wake(threads->wake);
	return NULL;
}

/* Signals are the program's: none is delivered to a worker's thread. */
int
weir__thread_start(pthread_t *thread, void *(*run_it)(void *opaque), void *opaque)
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
	code = pthread_create(thread, NULL, run_it, opaque);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

int
weir__threads_start(struct weir_threads *threads, const struct weir_worker_config *config,
		    int count, struct weir_error *error)
{
	struct weir_worker_config own = *config;

	free(threads->runners); /* of an earlier start */
	threads->runners = weir__calloc((size_t)count, sizeof(*threads->runners));
	atomic_store(&threads->draining, false);
	atomic_store(&threads->abandoned, false);
	for (own.index = 0; own.index < count; own.index++) {
		struct runner *runner = &threads->runners[own.index];

		runner->threads = threads;
		runner->worker = weir__worker_new(&own, error);
		if (!runner->worker)
			return error->code;
		pthread_mutex_lock(&threads->counting);
		threads->count++;
		pthread_mutex_unlock(&threads->counting);
		runner->started = weir__thread_start(&runner->thread, run, runner) == 0;
		if (!runner->started)
			return weir_error_set(error, WEIR_EIO, "cannot start a thread");
	}
	return 0;
}

/* ---- processors that do not return ---- */

static bool
where(struct weir_threads *threads, const struct runner *runner, char *text, size_t size)
{
	bool in_step = false;

	pthread_mutex_lock(&threads->placing);
	if (runner->place)
		in_step = weir__chain_place_print(runner->place, text, size);
	pthread_mutex_unlock(&threads->placing);
	return in_step;
}

void
weir__threads_warn_stuck(struct weir_threads *threads, const struct weir_logger *logger,
			 int64_t now_ms, int64_t limit_ms)
{
	for (size_t index = 0; index < threads->count; index++) {
		struct runner *runner = &threads->runners[index];
		char at[sizeof(runner->stuck_at)] = "";

		if (!where(threads, runner, at, sizeof(at)) ||
		    strcmp(at, runner->stuck_at) != 0) {
			strcpy(runner->stuck_at, at);
			runner->stuck_since_ms = now_ms;
			runner->warn_at_ms = now_ms + limit_ms;
		} else if (now_ms >= runner->warn_at_ms) {
			int64_t for_ms = now_ms - runner->stuck_since_ms;

			weir__log(logger, WEIR_LOG_WARNING,
				  "a processor has not returned worker=%zu at=\"%s\" "
				  "seconds=%" PRId64,
				  index, at, for_ms / 1000);
			runner->warn_at_ms = now_ms + for_ms;
		}
	}
}

/* ---- their ends ---- */

void
weir__threads_drain(struct weir_threads *threads)
{
	atomic_store(&threads->draining, true);
}

void
weir__threads_abandon(struct weir_threads *threads)
{
	atomic_store(&threads->abandoned, true);
}

bool
weir__threads_all_ended(const struct weir_threads *threads)
{
	for (size_t index = 0; index < threads->count; index++) {
		if (threads->runners[index].started &&
		    !atomic_load(&threads->runners[index].ended))
			return false;
	}
	return true;
}

bool
weir__threads_any_ended(const struct weir_threads *threads)
{
	for (size_t index = 0; index < threads->count; index++) {
		if (atomic_load(&threads->runners[index].ended))
			return true;
	}
	return false;
}

static int
join(struct weir_threads *threads, struct weir_error *error)
{
	bool abandoned = false;
	int code = 0;

	for (size_t index = 0; index < threads->count; index++) {
		struct runner *runner = &threads->runners[index];
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
sum_counts(const struct weir_threads *threads, struct weir_app_counts *counts)
{
	*counts = threads->gone;
	for (size_t index = 0; index < threads->count; index++)
		add_counts(counts, weir__worker_counts(threads->runners[index].worker));
}

void
weir__threads_counts(struct weir_threads *threads, struct weir_app_counts *counts)
{
	pthread_mutex_lock(&threads->counting);
	sum_counts(threads, counts);
	pthread_mutex_unlock(&threads->counting);
}

static void
free_workers(struct weir_threads *threads)
{
	size_t count = threads->count;

	pthread_mutex_lock(&threads->counting);
	sum_counts(threads, &threads->gone);
	threads->count = 0;
	pthread_mutex_unlock(&threads->counting);
	for (size_t index = 0; index < count; index++) {
		weir__worker_free(threads->runners[index].worker);
		threads->runners[index].worker = NULL;
	}
}

int
weir__threads_join(struct weir_threads *threads, struct weir_error *error)
{
	int code = join(threads, error);

	free_workers(threads);
	return code;
}
