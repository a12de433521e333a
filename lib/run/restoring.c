/*
 * Tasks whose stores are being restored: opened, read together by a reader for all that came
 * at the same time, and let go on when they are whole.
 *
 * Nothing here waits: a piece of it is done at each step, and records of other tasks are
 * processed in between. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>

#include <base/alloc.h>
#include <run/worker_private.h>

#define LOCKED_MS 50
#define READING_MS 5
#define BROKEN_MS 1000
#define BROKEN_MAX_MS 30000

struct weir_restoring {
	struct weir_restoring *next;
	struct weir_restore *restore;
};

bool
weir__restores_any(const struct weir_worker *worker)
{
	return worker->restoring > 0 || worker->restores; /* a reader may be left over */
}

void
weir__task_restore(struct weir_worker *worker, struct weir_task *task)
{
	if (task->restoring)
		return;
	task->restoring = true;
	task->restore_at_ms = 0;
	worker->restoring++;
	weir__session_pause(worker->session, task->partition);
}

void
weir__task_restore_end(struct weir_worker *worker, struct weir_task *task)
{
	if (!task->restoring)
		return;
	worker->restoring--;
	task->restoring = false;
	for (struct weir_restoring *one = worker->restores; one; one = one->next)
		weir__restore_remove(one->restore, task->state);
}

void
weir__restores_free(struct weir_worker *worker)
{
	while (worker->restores) {
		struct weir_restoring *one = worker->restores;

		worker->restores = one->next;
		weir__restore_free(one->restore);
		free(one);
	}
}

/* ---- opening ---- */

/* A disk may have room again later; that a folder cannot be made is said at once. */
static void
open_failed(struct weir_worker *worker, struct weir_task *task, const struct weir_error *error)
{
	if (error->code == WEIR_ELOCKED) {
		task->restore_at_ms = worker->now_ms + LOCKED_MS;
		return;
	}
	if (!task->state) {
		weir__worker_fail(worker, error);
		return;
	}
	task->broken_ms = task->broken_ms ? 2 * task->broken_ms : BROKEN_MS;
	if (task->broken_ms > BROKEN_MAX_MS)
		task->broken_ms = BROKEN_MAX_MS;
	task->restore_at_ms = worker->now_ms + task->broken_ms;
	weir__log(worker->config.logger, WEIR_LOG_ERROR,
	          "store cannot be used, trying on partition=%s[%" PRId32 "] in_ms=%" PRId64
	          " reason=\"%s\"",
	          task->partition->topic, task->partition->id, task->broken_ms, error->message);
}

/* False: not yet. */
static bool
open_state(struct weir_worker *worker, struct weir_task *task)
{
	struct weir_error error = {0};

	if (!task->state)
		task->state = weir__stores_open(worker->config.stores, task->partition->topic,
		                                task->partition->id, &error);
	else
		weir__state_reopen(task->state, &error);
	if (!error.code)
		return true;
	open_failed(worker, task, &error);
	return false;
}

/* One reader for all that wait to be restored now. */
static void
begin_restores(struct weir_worker *worker)
{
	struct weir_restoring *one = NULL;

	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->restoring || task->restore_at_ms > worker->now_ms ||
		    !open_state(worker, task))
			continue;
		if (!one) {
			one = weir__calloc(1, sizeof(*one));
			one->restore = weir__restore_new(worker->config.broker,
			                                 worker->config.stores,
			                                 worker->config.clock,
			                                 worker->config.logger);
			one->next = worker->restores;
			worker->restores = one;
		}
		weir__restore_add(one->restore, task->state, task->partition->topic,
		                  task->partition->id);
		task->restore_at_ms = INT64_MAX; /* by that one */
	}
}

/* ---- ready ---- */

static struct weir_task *
task_of(struct weir_worker *worker, const struct weir_state *state)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++)
		if (worker->tasks[slot] && worker->tasks[slot]->state == state)
			return worker->tasks[slot];
	return NULL;
}

static void
ready(struct weir_worker *worker, struct weir_task *task)
{
	struct weir_error error = {0};

	task->restoring = false;
	task->broken_ms = 0;
	worker->restoring--;
	if (!task->chain &&
	    weir__task_open_chain(task, worker->config.chain, worker->tables, &error)) {
		weir__worker_fail(worker, &error);
		return;
	}
	if (!task->waiting)
		weir__session_resume(worker->session, task->partition);
	weir__next_tick_update(worker);
}

static void
step_one(struct weir_worker *worker, struct weir_restore *restore)
{
	struct weir_error error = {0};
	struct weir_state *state;
	struct weir_task *task;

	switch (weir__restore_step(restore, &state, &error)) {
	case WEIR_RESTORE_GOES_ON:
		break;
	case WEIR_RESTORE_READY:
		ready(worker, task_of(worker, state));
		break;
	case WEIR_RESTORE_BROKEN:
		task = task_of(worker, state);
		weir__state_abort(state);
		open_failed(worker, task, &error);
		break;
	case WEIR_RESTORE_DENIED:
		weir__worker_fail(worker, &error);
		break;
	}
}

int
weir__restores_step(struct weir_worker *worker, int wait_ms)
{
	struct weir_restoring **link = &worker->restores;
	int longest_ms = worker->restores ? READING_MS : LOCKED_MS;

	begin_restores(worker);
	while (*link && worker->phase == WEIR_PHASE_RUN) {
		struct weir_restoring *one = *link;

		step_one(worker, one->restore);
		if (weir__restore_is_busy(one->restore))
			longest_ms = 0;
		if (!weir__restore_is_empty(one->restore)) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		weir__restore_free(one->restore);
		free(one);
		longest_ms = 0;
	}
	return wait_ms < longest_ms ? wait_ms : longest_ms;
}
