/*
 * The watch: a reader that follows the outputs while faults go on, on a thread of its
 * own.
 *
 * A look that fails (a partition without a leader) is tried again: it may not see for a
 * while, but what it saw stays seen.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <unistd.h>

#include "tests/guarantees/trial.h"

#define LOOK_MS 300

static void
look(struct trial *trial, struct oracle_watch *watch)
{
	struct weir_error error = {0};

	if (oracle_watch_look(watch, LOOK_MS, &error)) {
		usleep(LOOK_MS * 1000);
		return;
	}
	atomic_store(&trial->committed, oracle_watch_committed(watch));
	atomic_store(&trial->watch_done, trial->feed_done && oracle_watch_is_done(watch));
}

void *
watch_run(void *opaque)
{
	struct trial *trial = opaque;
	struct weir_error error = {0};
	struct oracle_watch *watch = NULL;

	while (!watch && !trial->watch_stop) {
		error = (struct weir_error){0};
		watch = oracle_watch_open(&trial->oracle, &error);
	}
	while (!trial->watch_stop)
		look(trial, watch);
	if (watch && oracle_watch_finish(watch, &trial->verdict, &error))
		atomic_store(&trial->watch_failed, true);
	oracle_watch_close(watch);
	return NULL;
}
