/*
 * The worker: its lifecycle, and the step that everything else hangs on.
 *
 * A step does one bounded piece of work in the phase that the worker is in. Rebalances need
 * no phase of their own: poll gives the same event until it is answered, so they wait while
 * what is in hand is committed or aborted. Runs on the worker's thread, but for the counters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <broker/memory.h>
#include <run/at_most_once.h>
#include <run/worker_private.h>

#define COPIES_A_STEP 64

static const struct weir_guarantee_ops *const guarantees[] = {
	[WEIR_EXACTLY_ONCE] = &weir__exactly_once,
	[WEIR_AT_LEAST_ONCE] = &weir__at_least_once,
	[WEIR_AT_MOST_ONCE] = &weir__at_most_once,
};

int64_t
weir__worker_now(const struct weir_worker *worker)
{
	return worker->config.clock->monotonic_ms(worker->config.clock);
}

struct weir_worker *
weir__worker_new(const struct weir_worker_config *config, struct weir_error *error)
{
	struct weir_worker *worker = weir__calloc(1, sizeof(*worker));

	worker->config = *config;
	worker->pipeline = config->pipeline;
	worker->guarantee = guarantees[config->pipeline->guarantee];
	worker->stateless = weir__chain_is_stateless(config->chain);
	worker->ticks = weir__chain_ticks(config->chain);
	worker->held.max_bytes = (size_t)config->pipeline->commit_bytes;
	worker->next_tick_ms = INT64_MAX;
	worker->next_retry_ms = INT64_MAX;
	worker->batch.due_ms = INT64_MAX;
	worker->batch.give_up_ms = INT64_MAX;
	worker->now_ms = weir__worker_now(worker);
	worker->session = weir__worker_open_session(worker, error);
	if (!worker->session) {
		free(worker);
		return NULL;
	}
	weir__lookups_open(worker);
	return worker;
}

/* Before their partitions go with the session. */
static void
end_tasks(struct weir_worker *worker, void (*close_state)(struct weir_state *state))
{
	weir__restores_free(worker);
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		weir__task_close(worker->tasks[slot], close_state);
		worker->tasks[slot] = NULL;
	}
	weir__lookups_let_go(worker);
}

void
weir__worker_close_tasks(struct weir_worker *worker)
{
	end_tasks(worker, weir__state_close);
}

static void
free_memory(struct weir_worker *worker)
{
	weir__lookups_close(worker);
	free(worker->late.partitions);
	weir__held_fini(&worker->held);
	weir__remembered_fini(&worker->remembered);
	free(worker->batch.offsets);
	free(worker->tasks);
	free(worker);
}

void
weir__worker_free(struct weir_worker *worker)
{
	if (!worker)
		return;
	weir__worker_close_tasks(worker);
	weir__session_close(worker->session);
	free_memory(worker);
}

void
weir__worker_crash_tasks(struct weir_worker *worker)
{
	end_tasks(worker, weir__state_crash);
}

void
weir__worker_crash(struct weir_worker *worker)
{
	weir__worker_crash_tasks(worker);
	weir__memory_session_crash(worker->session);
	free_memory(worker);
}

static void
stop(struct weir_worker *worker, enum weir_worker_status status)
{
	worker->phase = WEIR_PHASE_STOPPED;
	worker->status = status;
}

void
weir__worker_fail(struct weir_worker *worker, const struct weir_error *error)
{
	weir_error_set(&worker->error, error->code ? error->code : WEIR_EBROKER, "%s",
	               error->message);
	/* for people the error is returned; several workers may have one each */
	weir__log(worker->config.logger, WEIR_LOG_DEBUG, "stopping worker=%d reason=\"%s\"",
	          worker->config.index, worker->error.message);
	/* readers of the outputs would wait for this transaction until it times out */
	if (worker->batch.transaction)
		weir__session_abort(worker->session, WEIR_SLICE_MS, NULL);
	stop(worker, WEIR_WORKER_FAILED);
}

void
weir__worker_fenced(struct weir_worker *worker, const struct weir_error *error)
{
	weir_error_set(&worker->error, WEIR_EFENCED,
	               "app \"%s\", instance \"%s\": %s (give each instance a name of its "
	               "own, --set /instance=...)",
	               worker->pipeline->name, worker->pipeline->instance, error->message);
	weir__log(worker->config.logger, WEIR_LOG_DEBUG, "fenced worker=%d reason=\"%s\"",
	          worker->config.index, worker->error.message);
	stop(worker, WEIR_WORKER_FENCED);
}

bool
weir__worker_failed(struct weir_worker *worker, enum weir_outcome outcome,
                    const struct weir_error *error)
{
	switch (outcome) {
	case WEIR_FENCED:
		weir__worker_fenced(worker, error);
		return true;
	case WEIR_FATAL:
		weir__worker_fail(worker, error);
		return true;
	case WEIR_UNKNOWN:
		weir__batch_unknown(worker, error);
		return true;
	default:
		return false;
	}
}

/*
 * The producer first: its init ends the transaction of a dead predecessor, whose offsets
 * would otherwise be pending when partitions are assigned.
 */
static void
step_start(struct weir_worker *worker)
{
	struct weir_error error = {0};
	enum weir_outcome outcome =
		weir__session_init(worker->session, WEIR_SLICE_MS, &error);

	if (outcome == WEIR_AGAIN)
		return;
	if (outcome == WEIR_SUCCESS)
		outcome = weir__session_subscribe(worker->session, &error);
	if (outcome == WEIR_SUCCESS) {
		worker->phase = WEIR_PHASE_RUN;
		worker->joined = true;
		return;
	}
	if (outcome == WEIR_FENCED)
		weir__worker_fenced(worker, &error);
	else
		weir__worker_fail(worker, &error);
}

static void
record_event(struct weir_worker *worker, const struct weir_event *event)
{
	struct weir_task *task = event->partition->task;

	assert(task);
	/* a record from before a rewind: the broker interface promises that there is none */
	if (event->offset < task->next)
		return;
	if (worker->phase == WEIR_PHASE_RECOVER || task->restoring) {
		/* it is paused; what slipped through is read again */
		weir__read_again(worker, task, event->offset);
		return;
	}
	worker->current.task = task;
	worker->current.offset = event->offset;
	worker->current.message = &event->message;
	if (worker->guarantee->commits_first)
		weir__gather_current(worker);
	else
		weir__process_current(worker);
}

/*
 * A group that starts with the latest record and has nothing to commit yet: what comes while
 * it is down would be skipped by its next start.
 */
static bool
pins_start(const struct weir_worker *worker, const struct weir_task *task)
{
	return task->committed == WEIR_OFFSET_NONE &&
	       worker->pipeline->offset_reset == WEIR_RESET_LATEST;
}

/*
 * Read to the end: the position there counts control markers, which `next` cannot know.
 * Committing it keeps the lag at 0 (kafka: markers take offsets).
 */
static void
end_event(struct weir_worker *worker, const struct weir_event *event)
{
	struct weir_task *task = event->partition->task;

	if (worker->phase == WEIR_PHASE_RECOVER || task->waiting || task->restoring ||
	    task->rewind_to != WEIR_OFFSET_NONE || event->offset < task->next ||
	    (event->offset == task->next && !pins_start(worker, task)))
		return;
	weir__batch_touch(worker, task, task->next);
	task->next = event->offset;
}

static bool
is_of_partition(const struct weir_event *event)
{
	return event->type == WEIR_EVENT_RECORD || event->type == WEIR_EVENT_END ||
	       event->type == WEIR_EVENT_GAP;
}

void
weir__worker_poll(struct weir_worker *worker, int wait_ms)
{
	const struct weir_event *event = &worker->event;

	weir__session_poll(worker->session, wait_ms, &worker->event);
	worker->idle = event->type == WEIR_EVENT_IDLE;
	worker->busy = event->type == WEIR_EVENT_RECORD;
	/* of a partition that was paused a moment too late for it */
	if (is_of_partition(event) && !event->partition->task)
		return;
	switch (event->type) {
	case WEIR_EVENT_RECORD:
		record_event(worker, event);
		break;
	case WEIR_EVENT_IDLE:
		weir__lookups_let_go(worker);
		if (worker->config.stores && !weir__batch_in_hand(worker))
			weir__stores_rest(worker);
		break;
	case WEIR_EVENT_END:
		end_event(worker, event);
		break;
	case WEIR_EVENT_ASSIGNED:
		weir__assigned(worker, event);
		break;
	case WEIR_EVENT_REVOKED:
	case WEIR_EVENT_LOST:
		weir__revoked(worker, event);
		break;
	case WEIR_EVENT_GAP:
		weir__gap(worker, event);
		break;
	case WEIR_EVENT_FAILED:
		weir__worker_failed(worker, event->outcome, event->error);
		break;
	}
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long a poll may wait without missing what is due by time. */
static int
poll_wait(const struct weir_worker *worker, int wait_ms)
{
	int64_t due = earlier(earlier(worker->batch.due_ms, worker->next_tick_ms),
	                      worker->next_retry_ms);

	if (due == INT64_MAX || due - worker->now_ms >= wait_ms)
		return wait_ms;
	return due > worker->now_ms ? (int)(due - worker->now_ms) : 0;
}

void
weir__leave(struct weir_worker *worker)
{
	struct weir_error error = {0};

	if (!worker->guarantee->commits_first || weir__at_most_once_drained(worker, &error))
		stop(worker, WEIR_WORKER_DRAINED);
}

/*
 * Without processors a record takes a microsecond, and looking at the clock and at all that
 * may be due a good part of it: so a step takes some more, while they stream.
 */
static void
step_copies(struct weir_worker *worker)
{
	for (int more = COPIES_A_STEP - 1; more > 0 && worker->busy; more--) {
		if (worker->phase != WEIR_PHASE_RUN || worker->current.task ||
		    worker->rewinds || weir__batch_due(worker))
			break;
		weir__worker_poll(worker, 0);
	}
}

static void
step_run(struct weir_worker *worker, int wait_ms)
{
	if (worker->rewinds && !weir__rewind_tasks(worker))
		return;
	if (worker->current.task) {
		weir__process_current(worker);
		return;
	}
	if (worker->guarantee->commits_first && weir__process_pending(worker))
		return;
	if (weir__batch_due(worker)) {
		weir__batch_commit(worker, INT64_MAX);
		return;
	}
	if (worker->draining && !weir__batch_in_hand(worker)) {
		weir__leave(worker);
		return;
	}
	/* a poll after each tick: short intervals must not keep records waiting for ever */
	worker->ticked = worker->next_tick_ms <= worker->now_ms && !worker->ticked &&
	                 !worker->yielding && weir__run_ticks(worker);
	if (worker->ticked)
		return;
	if (worker->next_retry_ms <= worker->now_ms) {
		weir__run_retries(worker);
		return;
	}
	if (weir__late_due(worker)) {
		weir__late_ask(worker);
		return;
	}
	if (weir__restores_any(worker)) {
		wait_ms = weir__restores_step(worker, wait_ms);
		if (worker->phase != WEIR_PHASE_RUN)
			return;
	}
	/*
	 * A poll that may wait reads the clock, so ask first for what is there already. A revoke
	 * that waited for what was in hand is answered at once.
	 */
	weir__worker_poll(worker,
	                  worker->busy || worker->yielding ? 0 : poll_wait(worker, wait_ms));
	if (!worker->pipeline->step_count)
		step_copies(worker);
}

/*
 * Reading the clock costs as much as all the rest of a step. While records stream it may
 * be a few milliseconds behind.
 */
static void
read_clock(struct weir_worker *worker)
{
	const struct weir_clock *clock = worker->config.clock;
	int64_t now_ms = worker->busy && clock->coarse_ms ? clock->coarse_ms(clock)
	                                                  : clock->monotonic_ms(clock);

	if (now_ms > worker->now_ms)
		worker->now_ms = now_ms;
}

enum weir_worker_status
weir__worker_step(struct weir_worker *worker, int wait_ms)
{
	read_clock(worker);
	switch (worker->phase) {
	case WEIR_PHASE_START:
		if (worker->draining)
			stop(worker, WEIR_WORKER_DRAINED);
		else
			step_start(worker);
		break;
	case WEIR_PHASE_RUN:
		step_run(worker, wait_ms);
		break;
	case WEIR_PHASE_SEND:
		weir__send(worker);
		break;
	case WEIR_PHASE_END_BATCH:
		weir__step_end_batch(worker);
		break;
	case WEIR_PHASE_COMMIT:
		weir__step_commit(worker);
		break;
	case WEIR_PHASE_ABORT:
		weir__step_abort(worker);
		break;
	case WEIR_PHASE_RECOVER:
		weir__step_recover(worker, wait_ms);
		break;
	case WEIR_PHASE_STOPPED:
		break;
	}
	return worker->status;
}

void
weir__worker_drain(struct weir_worker *worker)
{
	worker->draining = true;
}

bool
weir__worker_is_idle(const struct weir_worker *worker)
{
	return worker->phase == WEIR_PHASE_RUN && !weir__batch_in_hand(worker) &&
	       !worker->current.task && !worker->pending && !worker->rewinds;
}

const struct weir_error *
weir__worker_error(const struct weir_worker *worker)
{
	return &worker->error;
}

const struct weir_worker_counts *
weir__worker_counts(const struct weir_worker *worker)
{
	return &worker->counts;
}

struct weir_session *
weir__worker_session(struct weir_worker *worker)
{
	return worker->session;
}
