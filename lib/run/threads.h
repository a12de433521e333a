/*
 * The workers of an instance, a thread each: start them, tell them to leave, wait for
 * them, count what they did.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_THREADS_H
#define WEIR_RUN_THREADS_H

#include <pthread.h>

#include <run/worker.h>

/* A thread to which no signal of the program is delivered. Returns 0 or an errno. */
int weir__thread_start(pthread_t *thread, void *(*run_it)(void *opaque), void *opaque);

/* Wake who polls this eventfd. From any thread, and from a signal handler. */
void weir__wake(int fd);

/* Sum of all workers' counters. */
struct weir_app_counts {
	unsigned long long records, committed, emitted, dead_letters, dropped, retries, batches,
		aborts, replacements, lost;
	unsigned tasks;
};

struct weir_threads;

/* `wake` is an eventfd, borrowed: it is written to when a worker ends. */
struct weir_threads *weir__threads_new(int wake);

/* Not while any runs. NULL is fine. */
void weir__threads_free(struct weir_threads *threads);

/*
 * Start `count` workers; `config` is for all of them but for the index. Again only after
 * a join. On an error some may run: abandon and join them.
 */
int weir__threads_start(struct weir_threads *threads, const struct weir_worker_config *config,
                        int count, struct weir_error *error);

/* Each worker shall commit what is in hand, and leave; or leave as it is, at once. */
void weir__threads_drain(struct weir_threads *threads);
void weir__threads_abandon(struct weir_threads *threads);

/* A worker that was not started counts as ended in the first, and not in the second. */
bool weir__threads_all_ended(const struct weir_threads *threads);
bool weir__threads_any_ended(const struct weir_threads *threads);

/*
 * Log which workers have been in one processor, at one record, for `limit_ms` and longer: a
 * line each time that doubles. Asked every so often.
 */
void weir__threads_warn_stuck(struct weir_threads *threads, const struct weir_logger *logger,
                              int64_t now_ms, int64_t limit_ms);

/*
 * Wait for all, then close and free the workers; their counts stay. Returns the first
 * worker's error, WEIR_ETIMEOUT when one was abandoned before it had drained, or 0.
 */
int weir__threads_join(struct weir_threads *threads, struct weir_error *error);

/* From any thread, also while they run: then not all of one moment. */
void weir__threads_counts(struct weir_threads *threads, struct weir_app_counts *counts);

#endif
