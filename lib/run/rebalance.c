/*
 * Partitions come and go.
 *
 * poll gives a rebalance event again until it is answered. So a revoke that finds something
 * in hand starts its commit and returns; the event comes back when that has ended. Runs on
 * the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/mutation.h>
#include <run/at_most_once.h>
#include <run/worker_private.h>

/* ---- the table of tasks ---- */

static unsigned
free_slot(struct weir_worker *worker)
{
	size_t slot;

	for (slot = 0; slot < worker->slot_count; slot++) {
		if (!worker->tasks[slot])
			return (unsigned)slot;
	}
	worker->slot_count = worker->slot_count ? 2 * worker->slot_count : 8;
	worker->tasks = weir__realloc(worker->tasks, worker->slot_count * sizeof(*worker->tasks));
	memset(worker->tasks + slot, 0, (worker->slot_count - slot) * sizeof(*worker->tasks));
	return (unsigned)slot;
}

static bool
task_add(struct weir_worker *worker, struct weir_partition *partition, int64_t committed,
         int64_t mark)
{
	struct weir_error error = {0};
	unsigned slot = free_slot(worker);
	struct weir_task *task = weir__task_new(partition, slot, committed, mark);

	if (!worker->config.stores &&
	    weir__task_open_chain(task, worker->config.chain, worker->tables, &error)) {
		weir__task_close(task, weir__state_close);
		weir__worker_fail(worker, &error);
		return false;
	}
	weir__recall(&worker->remembered, partition->topic, partition->id, partition->start,
	             &task->suspects);
	partition->task = task;
	worker->tasks[slot] = task;
	worker->task_count++;
	atomic_store_explicit(&worker->counts.tasks, (unsigned)worker->task_count,
	                      memory_order_relaxed);
	return true;
}

void
weir__task_remove(struct weir_worker *worker, struct weir_task *task)
{
	worker->batch.touched -= WEIR_MUTANT(SUBSET_COMMITTED) && task->touched;
	weir__pending_lose(worker, task);
	weir__remember(&worker->remembered, task->partition->topic, task->partition->id,
	               &task->suspects);
	weir__task_restore_end(worker, task);
	if (task->waiting)
		worker->waiting--;
	if (task->rewind_to != WEIR_OFFSET_NONE)
		worker->rewinds--;
	if (worker->last_task == task)
		worker->last_task = NULL;
	task->partition->task = NULL;
	worker->tasks[task->slot] = NULL;
	worker->task_count--;
	atomic_store_explicit(&worker->counts.tasks, (unsigned)worker->task_count,
	                      memory_order_relaxed);
	weir__task_close(task, weir__state_release);
}

/* ---- assigned ---- */

/* A partition without a committed offset starts where kafka.auto.offset.reset says. */
static enum weir_outcome
first_start(struct weir_worker *worker, struct weir_partition *partition,
            struct weir_error *error)
{
	int64_t low, high;
	enum weir_outcome outcome = weir__session_range(worker->session, partition->topic,
	                                                partition->id, &low, &high,
	                                                WEIR_SLICE_MS, error);

	if (outcome != WEIR_SUCCESS)
		return outcome;
	switch (worker->pipeline->offset_reset) {
	case WEIR_RESET_EARLIEST:
		partition->start = low;
		break;
	case WEIR_RESET_LATEST:
		partition->start = high;
		break;
	case WEIR_RESET_ERROR:
		weir_error_set(error, WEIR_ENOTFOUND,
		               "%s[%" PRId32 "]: group %s has no committed offset, and "
		               "auto.offset.reset is \"error\"",
		               partition->topic, partition->id, worker->pipeline->name);
		return WEIR_FATAL;
	}
	return WEIR_SUCCESS;
}

/* `weir reset` was killed between its steps: stores may know more than is read again. */
static enum weir_outcome
refuse_half_reset(const struct weir_worker *worker, const struct weir_offset *offset,
                  struct weir_error *error)
{
	weir_error_set(error, WEIR_ESTATE,
	               "%s[%" PRId32 "]: the app \"%s\" is being reset, or a reset of it was not "
	               "finished: run weir reset again, until it says done",
	               offset->topic, offset->partition, worker->pipeline->name);
	return WEIR_FATAL;
}

/* What is known of a partition that comes: what is committed, and beside it. */
struct arrival {
	int64_t committed, mark;
	bool is_late; /* nothing, yet */
};

/* Where each partition starts, into partition->start; what is committed, into arrivals[]. */
static enum weir_outcome
find_starts(struct weir_worker *worker, struct weir_partition *const *partitions, size_t count,
            struct arrival *arrivals, struct weir_error *error)
{
	struct weir_offset *offsets = weir__calloc(count + 1, sizeof(*offsets));
	enum weir_outcome outcome;
	size_t index;

	for (index = 0; index < count; index++)
		offsets[index] = (struct weir_offset){
			.topic = partitions[index]->topic,
			.partition = partitions[index]->id,
		};
	outcome = weir__session_committed(worker->session, offsets, count, WEIR_SLICE_MS, error);
	weir__offsets_asked(worker, outcome, offsets, count, error);
	/* the next call to the session ends the metadata's life */
	for (index = 0; index < count && outcome == WEIR_SUCCESS; index++) {
		arrivals[index].committed = offsets[index].offset;
		arrivals[index].mark = weir__mark_parse(offsets[index].metadata);
		if (weir__mark_is_reset(offsets[index].metadata))
			outcome = refuse_half_reset(worker, &offsets[index], error);
	}
	for (index = 0; index < count && outcome == WEIR_SUCCESS; index++) {
		partitions[index]->start = offsets[index].offset;
		if (offsets[index].offset == WEIR_OFFSET_NONE)
			outcome = first_start(worker, partitions[index], error);
	}
	free(offsets);
	return outcome;
}

/*
 * A transaction that does not end must not hold up all of them, nor the group, which waits for
 * the answer: each by itself, and those that are held back start later.
 */
static enum weir_outcome
find_each_start(struct weir_worker *worker, const struct weir_event *event,
                struct arrival *arrivals, struct weir_error *error)
{
	enum weir_outcome outcome = WEIR_SUCCESS;

	for (size_t index = 0; index < event->partition_count; index++) {
		*error = (struct weir_error){0};
		outcome = find_starts(worker, &event->partitions[index], 1, &arrivals[index],
		                      error);
		/* without an answer nothing is known of any of them */
		if (outcome != WEIR_SUCCESS && (outcome != WEIR_AGAIN || !error->code))
			return outcome;
		arrivals[index].is_late = outcome == WEIR_AGAIN;
		if (arrivals[index].is_late)
			event->partitions[index]->start = 0; /* it is paused, and rewound */
	}
	return WEIR_SUCCESS;
}

/*
 * The stores of what came may be behind what is committed, which was read before their
 * changelogs' ends are asked for.
 */
static void
restore_stores(struct weir_worker *worker)
{
	for (size_t slot = 0; worker->config.stores && slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || task->chain || task->restoring)
			continue;
		task->first_changelog =
			weir__stores_first(worker->config.stores, task->partition->topic);
		weir__task_restore(worker, task);
	}
}

static void
take_over(struct weir_worker *worker, const struct weir_event *event,
          const struct arrival *arrivals)
{
	struct weir_error error = {0};
	size_t index;

	for (index = 0; index < event->partition_count; index++) {
		if (arrivals[index].is_late)
			weir__late_add(worker, event->partitions[index]);
		else if (!task_add(worker, event->partitions[index], arrivals[index].committed,
		                   arrivals[index].mark))
			return;
	}
	if (weir__worker_failed(worker, weir__session_answer(worker->session, &error), &error))
		return;
	weir__late_pause(worker);
	worker->recovery.paused = false; /* RECOVER pauses those that came, too */
	restore_stores(worker);
	weir__next_tick_update(worker);
	weir__log(worker->config.logger, WEIR_LOG_INFO,
	          "partitions assigned worker=%d count=%zu owned=%zu", worker->config.index,
	          event->partition_count, worker->task_count);
}

void
weir__assigned(struct weir_worker *worker, const struct weir_event *event)
{
	struct weir_error error = {0};
	struct arrival *arrivals = weir__calloc(event->partition_count + 1, sizeof(*arrivals));
	enum weir_outcome outcome = WEIR_SUCCESS;

	/*
	 * Not before the new producer is ready: until then a transaction of the old one could
	 * still be committed, and move the offsets that are read here.
	 */
	if (worker->recovery.replace || worker->recovery.init)
		outcome = WEIR_AGAIN;
	else if (event->partition_count)
		outcome = find_starts(worker, event->partitions, event->partition_count,
		                      arrivals, &error);
	if (outcome == WEIR_AGAIN && weir__offsets_wait_long(worker))
		outcome = find_each_start(worker, event, arrivals, &error);
	if (outcome == WEIR_SUCCESS)
		take_over(worker, event, arrivals);
	else if (outcome != WEIR_AGAIN)
		weir__worker_failed(worker, outcome, &error);
	free(arrivals);
}

enum weir_outcome
weir__start_late(struct weir_worker *worker, struct weir_partition *partition,
                 struct weir_error *error)
{
	struct arrival arrival = {0};
	enum weir_outcome outcome = find_starts(worker, &partition, 1, &arrival, error);

	if (outcome != WEIR_SUCCESS ||
	    !task_add(worker, partition, arrival.committed, arrival.mark))
		return outcome;
	weir__task_rewind(worker, partition->task, partition->start);
	weir__session_resume(worker->session, partition);
	restore_stores(worker);
	weir__next_tick_update(worker);
	return WEIR_SUCCESS;
}

/* ---- revoked and lost ---- */

/*
 * Is anything in hand that belongs to these partitions or shares a batch with them? Under
 * at-most-once also what is still under way: it would arrive behind what the next owner
 * sends. All of it within half the session timeout.
 */
static bool
finish_first(struct weir_worker *worker, const struct weir_event *event)
{
	if (!worker->yielding)
		worker->yield_by_ms = worker->now_ms + worker->pipeline->session_timeout_ms / 2;
	if (WEIR_MUTANT(SUBSET_COMMITTED))
		return false;
	if (!weir__batch_in_hand(worker))
		return event->type == WEIR_EVENT_REVOKED &&
		       weir__worker_now(worker) < worker->yield_by_ms &&
		       weir__deliveries_pending(worker);
	if (event->type == WEIR_EVENT_LOST)
		weir__batch_abort(worker); /* they are another's by now */
	else
		weir__batch_commit(worker, worker->yield_by_ms - worker->now_ms);
	return true;
}

void
weir__revoked(struct weir_worker *worker, const struct weir_event *event)
{
	struct weir_error error = {0};
	size_t index;

	if (WEIR_MUTANT(REVOKED_PROCESSED) && worker->guarantee->commits_first &&
	    (weir__pending_ready(worker), worker->pending))
		return;
	worker->yielding = finish_first(worker, event);
	if (worker->yielding)
		return;
	for (index = 0; index < event->partition_count; index++) {
		if (event->partitions[index]->task)
			weir__task_remove(worker, event->partitions[index]->task);
		else
			weir__late_remove(worker, event->partitions[index]);
	}
	weir__log(worker->config.logger, WEIR_LOG_INFO, "partitions %s worker=%d count=%zu owned=%zu",
	          event->type == WEIR_EVENT_LOST ? "lost" : "revoked", worker->config.index,
	          event->partition_count, worker->task_count);
	weir__worker_failed(worker, weir__session_answer(worker->session, &error), &error);
	weir__next_tick_update(worker);
}

/* ---- offsets that are gone ---- */

static void
gap_stop(struct weir_worker *worker, const struct weir_task *task, int64_t low, int64_t high)
{
	struct weir_error error = {0};
	const struct weir_partition *partition = task->partition;

	if (task->next < low)
		weir_error_set(&error, WEIR_ELIMIT,
		               "%s[%" PRId32 "]: committed %" PRId64 ", log starts at %" PRId64
		               ": %" PRId64 " records lost to retention (errors/on_gap "
		               "\"continue\" goes on)",
		               partition->topic, partition->id, task->next, low,
		               low - task->next);
	else
		weir_error_set(&error, WEIR_ELIMIT,
		               "%s[%" PRId32 "]: committed %" PRId64 ", log ends at %" PRId64
		               ": the topic was created anew or truncated (errors/on_gap "
		               "\"continue\" starts at its beginning)",
		               partition->topic, partition->id, task->next, high);
	weir__worker_fail(worker, &error);
}

/*
 * Where the task goes on is what counts, not what the event says: an answer to a request of
 * before a rewind may come after it. The partition has stopped all the same, and is started
 * again where the task goes on.
 */
void
weir__gap(struct weir_worker *worker, const struct weir_event *event)
{
	struct weir_error error = {0};
	struct weir_task *task = event->partition->task;
	int64_t low, high;
	enum weir_outcome outcome = WEIR_AGAIN;

	/* in recovery where the task goes on may not be settled yet */
	if (worker->phase != WEIR_PHASE_RECOVER)
		outcome = weir__session_range(worker->session, event->partition->topic,
		                              event->partition->id, &low, &high,
		                              WEIR_SLICE_MS, &error);
	if (outcome == WEIR_AGAIN ||
	    (outcome == WEIR_SUCCESS && low <= task->next && task->next <= high)) {
		weir__read_again(worker, task, task->next); /* a true gap is met again */
		return;
	}
	if (weir__worker_failed(worker, outcome, &error))
		return;
	if (worker->pipeline->on_gap == WEIR_ON_GAP_STOP) {
		gap_stop(worker, task, low, high);
		return;
	}
	weir__count(&worker->counts.lost, low > task->next ? (uint64_t)(low - task->next) : 0);
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "offsets are gone, going on partition=%s[%" PRId32 "] committed=%" PRId64
	          " log_start=%" PRId64 " log_end=%" PRId64,
	          event->partition->topic, event->partition->id, task->next, low, high);
	weir__batch_touch(worker, task, task->next);
	task->next = low;
	weir__task_rewind(worker, task, low);
}
