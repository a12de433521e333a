/*
 * Recovery: all partitions paused, the consumer still polled (it stays in the group), until
 * the producer is a new one and every offset in doubt is known.
 *
 * After an unknown outcome only the broker can tell: the committed offset of a task, or the
 * mark beside it where the batch moved no offset, is either what it was before the batch,
 * or what the batch would have made it. Runs on the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>

#include <base/alloc.h>
#include <base/mutation.h>
#include <run/worker_private.h>

/* A resigning coordinator can answer nonsense for a moment: ask this often. */
#define ASKS_MAX 20
#define ASK_AGAIN_MS 250

/* Longer than a dead instance's transaction usually lasts; then at this interval. */
#define HELD_BACK_FIRST_MS 20000
#define HELD_BACK_AGAIN_MS 60000

/* ---- rewinds and rollbacks ---- */

void
weir__task_rewind(struct weir_worker *worker, struct weir_task *task, int64_t offset)
{
	if (task->rewind_to == WEIR_OFFSET_NONE)
		worker->rewinds++;
	task->rewind_to = offset;
}

void
weir__read_again(struct weir_worker *worker, struct weir_task *task, int64_t offset)
{
	if (task->rewind_to == WEIR_OFFSET_NONE && !task->unresolved)
		weir__task_rewind(worker, task, offset);
}

bool
weir__rewind_tasks(struct weir_worker *worker)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];
		struct weir_error error = {0};
		enum weir_outcome outcome;

		if (!task || task->rewind_to == WEIR_OFFSET_NONE)
			continue;
		outcome = weir__session_rewind(worker->session, task->partition, task->rewind_to,
		                               WEIR_SLICE_MS, &error);
		if (outcome != WEIR_SUCCESS) {
			weir__worker_failed(worker, outcome, &error);
			return false;
		}
		task->rewind_to = WEIR_OFFSET_NONE;
		worker->rewinds--;
	}
	return true;
}

bool
weir__task_rollback(struct weir_worker *worker, struct weir_task *task)
{
	struct weir_error error = {0};

	weir__task_forget(worker, task);
	/* of records that are not read again */
	if (worker->guarantee->commits_first)
		return true;
	task->dirty = false;
	if (WEIR_MUTANT(MEMORY_KEPT))
		return true;
	if (worker->stateless || weir__chain_rollback(task->chain, &error) == 0)
		return true;
	weir__worker_fail(worker, &error);
	return false;
}

/* ---- the phase ---- */

void
weir__recover(struct weir_worker *worker, bool replace, bool resolve, int64_t wait_ms)
{
	struct weir_recovery *recovery = &worker->recovery;

	/* polls follow, and they end the life of the record in hand */
	weir__drop_current(worker);
	recovery->replace = recovery->replace || replace;
	recovery->resolve = recovery->resolve || resolve;
	recovery->not_before_ms = weir__worker_now(worker) + wait_ms;
	recovery->asks = 0;
	worker->phase = WEIR_PHASE_RECOVER;
}

static void
pause_all(struct weir_worker *worker)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		if (worker->tasks[slot])
			weir__session_pause(worker->session, worker->tasks[slot]->partition);
	}
	worker->recovery.paused = true;
}

static void
resume_all(struct weir_worker *worker)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (task && !task->waiting && !task->restoring)
			weir__session_resume(worker->session, task->partition);
	}
	worker->recovery.paused = false;
	worker->phase = WEIR_PHASE_RUN;
}

/* One slice of making the producer anew. */
static void
step_replace(struct weir_worker *worker)
{
	struct weir_recovery *recovery = &worker->recovery;
	struct weir_error error = {0};
	enum weir_outcome outcome;

	if (recovery->replace) {
		outcome = weir__session_replace(worker->session, &error);
		recovery->replace = false;
		recovery->init = true;
		weir__count(&worker->counts.replacements, 1);
	} else {
		outcome = weir__session_init(worker->session, WEIR_SLICE_MS, &error);
		recovery->init = outcome != WEIR_SUCCESS;
	}
	if (outcome == WEIR_FENCED)
		weir__worker_fenced(worker, &error);
	else if (outcome == WEIR_FATAL)
		weir__worker_fail(worker, &error);
	else if (outcome == WEIR_UNKNOWN)
		recovery->replace = true; /* fenced while it was made ready */
}

static struct weir_task **
unresolved_tasks(struct weir_worker *worker, size_t *count)
{
	struct weir_task **tasks = weir__calloc(worker->task_count + 1, sizeof(struct weir_task *));

	*count = 0;
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		if (worker->tasks[slot] && worker->tasks[slot]->unresolved)
			tasks[(*count)++] = worker->tasks[slot];
	}
	return tasks;
}

enum fate { FATE_OPEN, FATE_COMMITTED, FATE_NOT_COMMITTED };

/* What became of the task's batch; OPEN: what the broker says makes no sense. */
static enum fate
fate_of(const struct weir_task *task, int64_t committed, int64_t mark)
{
	if (WEIR_MUTANT(ABORTED_AFTER_TIMEOUT))
		return FATE_NOT_COMMITTED;
	if (WEIR_MUTANT(COMMITTED_AFTER_TIMEOUT))
		return FATE_COMMITTED;
	if (committed != task->next)
		return committed == task->committed ? FATE_NOT_COMMITTED : FATE_OPEN;
	if (committed != task->committed)
		return FATE_COMMITTED;
	if (mark == task->mark || WEIR_MUTANT(MARK_IGNORED))
		return FATE_NOT_COMMITTED;
	return mark == task->next_mark ? FATE_COMMITTED : FATE_OPEN;
}

/* Its processors' memory follows: kept when the batch was committed, else rolled back. */
static bool
resolve_task(struct weir_worker *worker, struct weir_task *task, int64_t committed, int64_t mark)
{
	enum fate fate = fate_of(task, committed, mark);

	if (fate == FATE_OPEN)
		return false;
	if (fate == FATE_COMMITTED) {
		task->committed = task->next;
		task->mark = task->next_mark;
		if (task->state)
			weir__task_restore(worker, task); /* it is behind by that batch */
	} else {
		task->next = task->base;
		if (task->dirty)
			weir__task_rollback(worker, task);
	}
	if (!worker->guarantee->commits_first)
		task->dirty = false;
	weir__suspects_forget(&task->suspects, task->next);
	weir__task_rewind(worker, task, task->next);
	task->unresolved = false;
	return true;
}

static void
ask_again(struct weir_worker *worker, const struct weir_task *task, int64_t committed)
{
	struct weir_recovery *recovery = &worker->recovery;
	struct weir_error error = {0};

	recovery->not_before_ms = weir__worker_now(worker) + ASK_AGAIN_MS;
	if (++recovery->asks < ASKS_MAX)
		return;
	weir_error_set(&error, WEIR_EBROKER,
	               "%s[%" PRId32 "]: after an unknown outcome the committed offset is %" PRId64
	               ", but it was %" PRId64 " before the batch and would be %" PRId64
	               " after it (-1: none), or what stands beside it is neither of the two; "
	               "does something else commit for group %s?",
	               task->partition->topic, task->partition->id, committed, task->committed,
	               task->next, worker->pipeline->name);
	weir__worker_fail(worker, &error);
}

/*
 * A transaction of a dead instance holds offsets back until it times out. One whose markers
 * the cluster lost does so for ever, and nothing else would say why no record is processed.
 */
void
weir__offsets_asked(struct weir_worker *worker, enum weir_outcome outcome,
                    const struct weir_offset *offsets, size_t count,
                    const struct weir_error *error)
{
	struct weir_held_back *held_back = &worker->held_back;
	int64_t now_ms = weir__worker_now(worker);

	if (outcome != WEIR_AGAIN)
		held_back->since_ms = 0;
	if (outcome != WEIR_AGAIN || !error->code)
		return; /* without an answer the broker says so itself */
	if (held_back->since_ms == 0) {
		held_back->since_ms = now_ms;
		held_back->next_log_ms = now_ms + HELD_BACK_FIRST_MS;
	}
	if (now_ms < held_back->next_log_ms)
		return;
	held_back->next_log_ms = now_ms + HELD_BACK_AGAIN_MS;
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "waiting for committed offsets worker=%d count=%zu first=%s[%" PRId32
	          "] for_ms=%" PRId64 " reason=\"%s\"",
	          worker->config.index, count, offsets[0].topic, offsets[0].partition,
	          now_ms - held_back->since_ms, error->message);
}

bool
weir__offsets_wait_long(const struct weir_worker *worker)
{
	const struct weir_held_back *held_back = &worker->held_back;

	return held_back->since_ms &&
	       weir__worker_now(worker) - held_back->since_ms >= HELD_BACK_FIRST_MS;
}

/* Ask the broker what became of the batch. */
static void
step_resolve(struct weir_worker *worker)
{
	struct weir_error error = {0};
	size_t count;
	struct weir_task **tasks = unresolved_tasks(worker, &count);
	struct weir_offset *offsets = weir__calloc(count + 1, sizeof(*offsets));
	enum weir_outcome outcome = WEIR_SUCCESS;
	size_t index;

	for (index = 0; index < count; index++) {
		offsets[index].topic = tasks[index]->partition->topic;
		offsets[index].partition = tasks[index]->partition->id;
	}
	if (count)
		outcome = weir__session_committed(worker->session, offsets, count, WEIR_SLICE_MS,
		                                  &error);
	weir__offsets_asked(worker, outcome, offsets, count, &error);
	if (outcome == WEIR_SUCCESS) {
		for (index = 0; index < count; index++) {
			if (!resolve_task(worker, tasks[index], offsets[index].offset,
			                  weir__mark_parse(offsets[index].metadata)))
				break;
		}
		if (index == count)
			worker->recovery.resolve = false;
		else
			ask_again(worker, tasks[index], offsets[index].offset);
	} else if (outcome != WEIR_AGAIN) {
		weir__worker_fail(worker, &error);
	}
	free(offsets);
	free(tasks);
}

/*
 * A drain needs no new producer once nothing is in hand and nothing undecided: what a late
 * request of the old one could still do ends with the next init of this id.
 */
static bool
may_leave(const struct weir_worker *worker)
{
	if (!worker->draining || worker->pending || worker->end_due)
		return false;
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		if (worker->tasks[slot] && worker->tasks[slot]->unresolved)
			return false;
	}
	return true;
}

void
weir__step_recover(struct weir_worker *worker, int wait_ms)
{
	struct weir_recovery *recovery = &worker->recovery;
	int64_t left_ms = recovery->not_before_ms - worker->now_ms;

	if (may_leave(worker)) {
		weir__leave(worker);
		return;
	}
	if (!recovery->paused)
		pause_all(worker);
	if (left_ms < 0)
		left_ms = 0;
	if (worker->yielding)
		wait_ms = 0; /* a revoke waited for this */
	weir__worker_poll(worker, left_ms < wait_ms ? (int)left_ms : wait_ms);
	if (worker->phase != WEIR_PHASE_RECOVER || left_ms > 0)
		return;
	if (recovery->replace || recovery->init)
		step_replace(worker);
	else if (recovery->resolve)
		step_resolve(worker);
	else
		resume_all(worker);
}
