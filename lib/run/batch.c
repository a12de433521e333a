/*
 * What is in hand: how it grows, when it is due, and how it ends: committed, aborted, or
 * with nobody knowing (kafka: "outcome unknown").
 *
 * The whole batch or nothing: when one of its partitions is gone it is aborted, never
 * committed in part, since its outputs would then be committed without that partition's
 * offset. Runs on the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <string.h>

#include <base/alloc.h>
#include <base/fault_point.h>
#include <base/mutation.h>
#include <run/at_most_once.h>
#include <run/worker_private.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 5000

int64_t
weir__batch_deadline_ms(const struct weir_worker *worker)
{
	return worker->pipeline->transaction_timeout_ms * 6 / 10;
}

static void
batch_start(struct weir_worker *worker)
{
	int64_t interval_ms = worker->pipeline->commit_interval_ms;
	int64_t deadline_ms = weir__batch_deadline_ms(worker);

	worker->batch.started_ms = worker->now_ms;
	worker->batch.due_ms =
		worker->now_ms + (interval_ms < deadline_ms ? interval_ms : deadline_ms);
	weir__log(worker->config.logger, WEIR_LOG_DEBUG, "batch begins worker=%d",
	          worker->config.index);
}

/* How a batch ended, with all that the worker has ever emitted; `weir verify` reads it. */
static void
log_end(const struct weir_worker *worker, const char *how)
{
	const struct weir_worker_counts *counts = &worker->counts;

	weir__log(worker->config.logger, WEIR_LOG_DEBUG,
	          "batch %s worker=%d records=%zu emitted=%llu dead_letters=%llu", how,
	          worker->config.index, worker->batch.records,
	          atomic_load_explicit(&counts->emitted, memory_order_relaxed),
	          atomic_load_explicit(&counts->dead_letters, memory_order_relaxed));
}

void
weir__batch_join(struct weir_worker *worker, struct weir_task *task, int64_t offset)
{
	task->touched = true;
	task->base = offset;
	if (worker->batch.touched++ == 0)
		batch_start(worker);
}

static void
batch_reset(struct weir_worker *worker)
{
	struct weir_batch *batch = &worker->batch;

	batch->touched = 0;
	batch->records = 0;
	batch->bytes = 0;
	batch->transaction = false;
	batch->alone = false;
	batch->blamed = false;
	batch->stage = 0;
	batch->due_ms = INT64_MAX;
	batch->give_up_ms = INT64_MAX;
	batch->offset_count = 0;
	weir__lookups_let_go(worker);
}

/* ---- commit ---- */

/*
 * The batch outran its deadline: the record that was processed last is the likely reason.
 * If this batch does not make it, that record is tried alone.
 */
static void
suspect_slow(struct weir_worker *worker)
{
	char reason[128];

	if (worker->now_ms - worker->batch.started_ms <= weir__batch_deadline_ms(worker) ||
	    !worker->last_task || worker->batch.alone)
		return;
	weir__suspects_add(&worker->last_task->suspects, worker->last_offset, WEIR_SUSPECT_SLOW,
	                   "its batch outran 60 % of transaction.timeout.ms");
	weir__log(worker->config.logger, WEIR_LOG_WARNING, "batch outran its deadline record=%s",
	          weir__task_place(worker->last_task, worker->last_offset, reason,
	                           sizeof(reason)));
}

void
weir__batch_commit(struct weir_worker *worker, int64_t budget_ms)
{
	suspect_slow(worker);
	worker->batch.give_up_ms = INT64_MAX;
	if (budget_ms != INT64_MAX)
		worker->batch.give_up_ms = worker->now_ms + budget_ms;
	worker->batch.end_cursor = 0;
	worker->phase = WEIR_PHASE_END_BATCH;
}

static void
collect_offsets(struct weir_worker *worker)
{
	struct weir_batch *batch = &worker->batch;

	if (batch->offset_capacity < batch->touched) {
		batch->offset_capacity = batch->touched;
		batch->offsets = weir__realloc(batch->offsets,
		                               batch->touched * sizeof(*batch->offsets));
	}
	batch->offset_count = 0;
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->touched)
			continue;
		if (WEIR_MUTANT(NO_OFFSETS) && task->next == task->committed)
			continue;
		/* an offset that stays where it was could not tell this batch from none */
		task->next_mark = task->next == task->committed ? task->mark + 1 : 0;
		batch->offsets[batch->offset_count++] = (struct weir_offset){
			.topic = task->partition->topic,
			.partition = task->partition->id,
			.offset = task->next,
			.metadata = weir__mark_print(task->next_mark, task->mark_text),
		};
	}
	/* a transaction without offsets would be fenced by nobody: it is never committed */
	assert(batch->offset_count > 0 || WEIR_MUTANT(NO_OFFSETS));
}

bool
weir__task_end_batch(struct weir_worker *worker, struct weir_task *task)
{
	struct weir_error error = {0};
	enum weir_verdict verdict;
	enum weir_left left;

	weir__task_enter(task, NULL);
	verdict = weir__chain_batch_end(task->chain, &worker->held, &worker->reason);
	if (verdict == WEIR_DONE)
		weir__task_sweep(task);
	left = weir__task_leave(worker, task, verdict == WEIR_DONE);
	if (verdict == WEIR_DONE && left == WEIR_LEFT)
		return true;
	if (left == WEIR_LEFT_FAILED)
		return false;
	weir_error_set(&error, WEIR_EPROCESSOR, "step %s, at the end of a batch: %s",
	               worker->reason.step ? worker->reason.step : "-", worker->reason.text);
	weir__worker_fail(worker, &error);
	return false;
}

/* batch_end of one task; false: wait, or it ended the batch. */
static bool
end_task(struct weir_worker *worker, struct weir_task *task)
{
	if (!weir__task_end_batch(worker, task))
		return false;
	weir__send_other(worker, task, WEIR_PHASE_END_BATCH);
	return worker->phase == WEIR_PHASE_END_BATCH;
}

void
weir__step_end_batch(struct weir_worker *worker)
{
	struct weir_batch *batch = &worker->batch;
	bool ends = (!worker->stateless || worker->config.stores) &&
	            !worker->guarantee->commits_first;

	/* a record that waits as current is not part of this batch */
	while (ends && batch->end_cursor < worker->slot_count) {
		struct weir_task *task = worker->tasks[batch->end_cursor++];

		if (task && task->touched && task->dirty && !end_task(worker, task))
			return;
	}
	WEIR_FAULT_POINT(BATCH_ENDED);
	collect_offsets(worker);
	weir__log(worker->config.logger, WEIR_LOG_DEBUG, "batch commits worker=%d records=%zu",
	          worker->config.index, batch->records);
	batch->stage = 0;
	worker->phase = WEIR_PHASE_COMMIT;
	weir__step_commit(worker);
}

static void
settle_committed(struct weir_worker *worker)
{
	WEIR_FAULT_POINT(COMMIT_ANSWERED);
	log_end(worker, "committed");
	if (!worker->guarantee->stores_later && !worker->guarantee->commits_first)
		weir__stores_commit(worker);
	weir__count(&worker->counts.committed, worker->batch.records);
	weir__count(&worker->counts.batches, 1);
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task)
			continue;
		if (task->touched) {
			task->committed = task->next;
			task->mark = task->next_mark;
			task->touched = false;
			weir__suspects_forget(&task->suspects, task->next);
		}
		if (!worker->guarantee->commits_first)
			task->dirty = false;
	}
	if (worker->guarantee->commits_first)
		weir__pending_ready(worker);
	worker->failures_in_a_row = 0;
	batch_reset(worker);
	worker->phase = WEIR_PHASE_RUN;
}

void
weir__step_commit(struct weir_worker *worker)
{
	struct weir_error error = {0};
	enum weir_outcome outcome = worker->guarantee->commit(worker, &error);

	switch (outcome) {
	case WEIR_SUCCESS:
		settle_committed(worker);
		break;
	case WEIR_TAINTED:
		settle_committed(worker);
		if (!WEIR_MUTANT(KEEP_TAINTED))
			weir__recover(worker, true, false, 0);
		break;
	case WEIR_AGAIN:
		if (weir__worker_now(worker) > worker->batch.give_up_ms)
			weir__batch_abort(worker);
		break;
	case WEIR_ABORT:
		weir__log(worker->config.logger, WEIR_LOG_WARNING,
		          "batch not committed worker=%d reason=\"%s\"", worker->config.index,
		          error.message);
		weir__batch_abort(worker);
		break;
	default:
		weir__worker_failed(worker, outcome, &error);
		break;
	}
}

/* ---- abort ---- */

void
weir__batch_abort(struct weir_worker *worker)
{
	weir__drop_current(worker);
	worker->phase = WEIR_PHASE_ABORT;
}

/*
 * The broker refused a message for what it is: how far has that record got? All messages of
 * a batch are refused together, so one that is alone is blamed once, however many it sent.
 */
static void
suspect_refused(struct weir_worker *worker, struct weir_task *task, int64_t offset,
                const char *reason)
{
	const struct weir_suspect *suspect = weir__suspects_find(&task->suspects, offset);
	enum weir_suspicion suspicion = WEIR_SUSPECT_REFUSED;

	if (suspect && worker->batch.alone && suspect->suspicion != WEIR_SUSPECT_SLOW)
		suspicion = suspect->suspicion + 1;
	if (suspicion > WEIR_SUSPECT_HOPELESS)
		suspicion = WEIR_SUSPECT_HOPELESS;
	weir__suspects_add(&task->suspects, offset, suspicion, reason);
	worker->batch.blamed = worker->batch.alone;
}

static void
fail_refused(struct weir_worker *worker, const char *reason)
{
	struct weir_error error = {0};

	weir_error_set(&error, WEIR_ELIMIT, "a message that its topic does not take: %s", reason);
	weir__worker_fail(worker, &error);
}

static bool
note_failure(struct weir_worker *worker, const struct weir_delivery_failure *failure)
{
	size_t slot = (size_t)(failure->tag >> 48);
	struct weir_task *task = slot < worker->slot_count ? worker->tasks[slot] : NULL;
	uint64_t offset = failure->tag & WEIR_TAG_OFFSET_MASK;
	const struct weir_suspect *suspect;
	struct weir_error error = {0};

	if (failure->outcome == WEIR_FATAL) {
		weir_error_set(&error, WEIR_EBROKER, "%s", failure->reason);
		weir__worker_fail(worker, &error);
		return false;
	}
	if (!failure->refused || !task || worker->guarantee->commits_first ||
	    offset == WEIR_TAG_OFFSET_MASK || worker->batch.blamed)
		return true;
	suspect = weir__suspects_find(&task->suspects, (int64_t)offset);
	if (suspect && suspect->suspicion == WEIR_SUSPECT_HOPELESS && worker->batch.alone) {
		fail_refused(worker, failure->reason); /* not even its dead letter goes */
		return false;
	}
	suspect_refused(worker, task, (int64_t)offset, failure->reason);
	return true;
}

/*
 * Under at-most-once each of them is a loss.
 *
 * Refused together: a message of a tick or a batch's end stops the app only when there is no
 * record's message beside it that may be the one to blame.
 */
bool
weir__note_failures(struct weir_worker *worker, size_t *count)
{
	struct weir_delivery_failure failures[16];
	char of_none[sizeof(failures[0].reason)] = "";
	bool of_record = worker->guarantee->commits_first;
	size_t got;

	*count = 0;
	while ((got = weir__session_failures(worker->session, failures, 16)) > 0) {
		if (*count == 0)
			weir__log(worker->config.logger, WEIR_LOG_WARNING,
			          "delivery failed worker=%d reason=\"%s\"",
			          worker->config.index, failures[0].reason);
		*count += got;
		if (worker->guarantee->commits_first)
			weir__count(&worker->counts.lost, got);
		for (size_t index = 0; index < got; index++) {
			const struct weir_delivery_failure *failure = &failures[index];

			if (!note_failure(worker, failure))
				return false;
			if (!failure->refused)
				continue;
			if ((failure->tag & WEIR_TAG_OFFSET_MASK) == WEIR_TAG_OFFSET_MASK)
				memcpy(of_none, failure->reason, sizeof(of_none));
			else
				of_record = true;
		}
	}
	if (!*of_none || of_record)
		return true;
	fail_refused(worker, of_none);
	return false;
}

/*
 * An abort never moves the consumer back by itself: each touched task is rewound to the
 * first offset of the batch, and its processors forget what they learned in it.
 */
static void
settle_aborted(struct weir_worker *worker)
{
	log_end(worker, "aborted");
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || (!task->touched && !task->dirty))
			continue;
		if (task->touched) {
			if (!worker->guarantee->commits_first)
				weir__stop_waiting(worker, task);
			task->next = task->base;
			task->touched = false;
			if (!WEIR_MUTANT(NO_REWIND) &&
			    !(WEIR_MUTANT(RETAINED_NOT_REWOUND) && worker->yielding))
				weir__task_rewind(worker, task,
				                  task->base + WEIR_MUTANT(WRONG_REWIND));
			weir__pending_forget(worker, task);
		}
		if (task->dirty && !weir__task_rollback(worker, task))
			return;
	}
	batch_reset(worker);
	weir__count(&worker->counts.aborts, 1);
	worker->phase = WEIR_PHASE_RUN;
}

static int64_t
next_backoff(struct weir_worker *worker)
{
	int64_t backoff_ms = BACKOFF_FIRST_MS;

	/* the first try again is at once: most aborts are rebalances */
	if (worker->failures_in_a_row++ == 0)
		return 0;
	for (int count = 2; count < worker->failures_in_a_row && backoff_ms < BACKOFF_MAX_MS;
	     count++)
		backoff_ms *= 2;
	return backoff_ms < BACKOFF_MAX_MS ? backoff_ms : BACKOFF_MAX_MS;
}

void
weir__step_abort(struct weir_worker *worker)
{
	struct weir_error error = {0};
	enum weir_outcome outcome = worker->guarantee->abort(worker, &error);
	int64_t backoff_ms;
	size_t failures;

	if (outcome == WEIR_AGAIN)
		return;
	if (!weir__note_failures(worker, &failures) ||
	    weir__worker_failed(worker, outcome, &error))
		return;
	settle_aborted(worker);
	backoff_ms = next_backoff(worker);
	if (worker->phase == WEIR_PHASE_RUN && (outcome == WEIR_TAINTED || backoff_ms))
		weir__recover(worker, outcome == WEIR_TAINTED, false, backoff_ms);
}

void
weir__batch_unknown(struct weir_worker *worker, const struct weir_error *error)
{
	int64_t wait_ms;
	size_t failures;

	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "outcome unknown, replacing the producer worker=%d reason=\"%s\"",
	          worker->config.index, error->message);
	log_end(worker, "unknown");
	weir__drop_current(worker);
	/* what the old producer has under way may be lost with it, and shall be counted */
	if (worker->guarantee->commits_first)
		weir__session_flush(worker->session, WEIR_SLICE_MS, NULL);
	if (!weir__note_failures(worker, &failures))
		return;
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task)
			continue;
		if (task->touched) {
			task->touched = false;
			task->unresolved = true; /* and its processors' memory with it */
			weir__stop_waiting(worker, task);
			weir__pending_forget(worker, task);
		} else if (task->dirty && !weir__task_rollback(worker, task)) {
			return;
		}
	}
	batch_reset(worker);
	weir__count(&worker->counts.aborts, 1);
	wait_ms = next_backoff(worker);
	/*
	 * A fenced producer: the broker's transaction timeout, or a twin. Within a heartbeat
	 * the consumer learns which it was.
	 */
	if (error->code == WEIR_EFENCED)
		wait_ms += worker->pipeline->session_timeout_ms / 3;
	weir__recover(worker, true, true, wait_ms);
}
