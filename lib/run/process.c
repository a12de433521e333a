/*
 * One record: through the chain, then what it emitted to the producer, all or nothing.
 *
 * Nothing of a record is sent before its last processor has returned, so a rejected one
 * leaves nothing behind. Runs on the worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>

#include <base/fault_point.h>
#include <base/mutation.h>
#include <run/at_most_once.h>
#include <run/worker_private.h>

static void
reason_set(struct weir_worker *worker, const char *text)
{
	worker->reason.step = NULL;
	snprintf(worker->reason.text, sizeof(worker->reason.text), "%s", text);
}

static void
refuse_large(struct weir_worker *worker, const struct weir_held *held, size_t max)
{
	worker->reason.step = NULL;
	snprintf(worker->reason.text, sizeof(worker->reason.text),
	         "emitted %zu bytes, topic %s takes %zu (max.message.bytes)", held->bytes,
	         worker->pipeline->outputs[held->output].topic, max);
}

/*
 * Is everything that is held small enough for its topic? Asked before anything is sent: the
 * broker refuses whole record batches, and with them other records' messages.
 */
static inline bool
held_fits(struct weir_worker *worker)
{
	for (size_t index = 0; index < worker->held.count; index++) {
		const struct weir_held *held = &worker->held.items[index];
		size_t max = weir__session_max_message_bytes(worker->session, held->output);

		if (held->bytes <= max)
			continue;
		refuse_large(worker, held, max);
		return false;
	}
	return true;
}

static void
stop_at(struct weir_worker *worker, struct weir_task *task, int64_t offset)
{
	struct weir_error error = {0};
	char place[320];

	if (offset >= 0)
		weir__task_place(task, offset, place, sizeof(place));
	else
		snprintf(place, sizeof(place), "%s[%" PRId32 "]", task->partition->topic,
		         task->partition->id);
	weir_error_set(&error, WEIR_EPROCESSOR, "%s: step %s: %s", place,
	               worker->reason.step ? worker->reason.step : "-", worker->reason.text);
	weir__worker_fail(worker, &error);
}

/*
 * Set the record aside until its time comes. Its partition waits; what came before it is
 * committed as usual, so that no transaction stays open meanwhile.
 */
static void
retry_later(struct weir_worker *worker)
{
	const struct weir_pipeline *pipeline = worker->pipeline;
	struct weir_task *task = worker->current.task;
	int64_t backoff_ms = pipeline->retry_backoff_ms;
	int64_t attempt;
	char place[320];

	if (task->retry_offset != worker->current.offset)
		task->retry_attempts = 0;
	task->retry_offset = worker->current.offset;
	weir__count(&worker->counts.retries, 1);
	if (pipeline->retry_attempts && task->retry_attempts >= pipeline->retry_attempts) {
		weir__reject_current(worker, false);
		return;
	}
	for (attempt = 0; attempt < task->retry_attempts; attempt++) {
		backoff_ms *= 2;
		if (backoff_ms >= pipeline->retry_backoff_max_ms)
			break;
	}
	if (backoff_ms > pipeline->retry_backoff_max_ms)
		backoff_ms = pipeline->retry_backoff_max_ms;
	task->retry_attempts++;
	task->retry_due_ms = weir__worker_now(worker) + backoff_ms;
	task->waiting = true;
	worker->waiting++;
	if (task->retry_due_ms < worker->next_retry_ms)
		worker->next_retry_ms = task->retry_due_ms;
	if (!WEIR_MUTANT(RETRY_NOT_PAUSED))
		weir__session_pause(worker->session, task->partition);
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "trying again later record=%s step=%s attempt=%" PRId64 " in_ms=%" PRId64
	          " reason=\"%s\"",
	          weir__task_place(task, task->retry_offset, place, sizeof(place)),
	          worker->reason.step ? worker->reason.step : "-", task->retry_attempts,
	          backoff_ms, worker->reason.text);
	worker->current.task = NULL;
	if (!weir__batch_in_hand(worker))
		worker->batch.alone = false;
}

void
weir__stop_waiting(struct weir_worker *worker, struct weir_task *task)
{
	if (!task->waiting)
		return;
	task->waiting = false;
	worker->waiting--;
	if (!task->restoring)
		weir__session_resume(worker->session, task->partition);
}

/* The record alone in its batch still took longer than a batch may. */
static bool
too_slow(struct weir_worker *worker)
{
	int64_t limit_ms = weir__batch_deadline_ms(worker);
	int64_t took_ms = weir__worker_now(worker) - worker->now_ms;

	if (took_ms <= limit_ms)
		return false;
	snprintf(worker->reason.text, sizeof(worker->reason.text),
	         "took %" PRId64 " ms, alone in its batch: more than %" PRId64
	         " ms, 60 %% of transaction.timeout.ms",
	         took_ms, limit_ms);
	worker->reason.step = NULL;
	/* it may have cost the partition, too: when the record comes back, do not run it */
	weir__suspects_add(&worker->current.task->suspects, worker->current.offset,
	                   WEIR_SUSPECT_GUILTY, worker->reason.text);
	return true;
}

static void
settle_verdict(struct weir_worker *worker, enum weir_verdict verdict)
{
	struct weir_task *task = worker->current.task;

	switch (verdict) {
	case WEIR_DONE:
		weir__send_record(worker);
		break;
	case WEIR_REJECT:
		if (WEIR_MUTANT(REJECTED_SENT))
			weir__send_record(worker);
		else
			weir__reject_current(worker, false);
		break;
	case WEIR_RETRY:
		retry_later(worker);
		break;
	case WEIR_STOP:
		stop_at(worker, task, worker->current.offset);
		break;
	}
}

/*
 * A suspect is processed alone: what is in hand is committed first, and the record stays
 * current meanwhile. True: go on with its chain.
 */
static bool
admit_suspect(struct weir_worker *worker, const struct weir_suspect *suspect)
{
	if (weir__batch_in_hand(worker)) {
		weir__batch_commit(worker, INT64_MAX);
		return false;
	}
	worker->batch.alone = true;
	if (suspect->suspicion < WEIR_SUSPECT_GUILTY)
		return true;
	reason_set(worker, suspect->reason);
	weir__reject_current(worker, suspect->suspicion == WEIR_SUSPECT_HOPELESS);
	return false;
}

void
weir__process_current(struct weir_worker *worker)
{
	struct weir_task *task = worker->current.task;
	int64_t offset = worker->current.offset;
	const struct weir_suspect *suspect;
	enum weir_verdict verdict;

	if (task->suspects.count && !worker->guarantee->commits_first) {
		suspect = weir__suspects_find(&task->suspects, offset);
		if (suspect && !admit_suspect(worker, suspect))
			return;
	}
	task->dirty = true;
	worker->last_task = task;
	worker->last_offset = offset;
	weir__task_enter(task, worker->current.message);
	verdict = weir__chain_record(task->chain, worker->current.message, offset, &worker->held,
	                             &worker->reason);
	if (worker->ticks)
		weir__next_tick_update(worker);
	if (verdict == WEIR_DONE &&
	    (!held_fits(worker) || (worker->batch.alone && too_slow(worker))))
		verdict = WEIR_REJECT;
	switch (weir__task_leave(worker, task, verdict == WEIR_DONE)) {
	case WEIR_LEFT:
		settle_verdict(worker, verdict);
		break;
	case WEIR_LEFT_TOO_BIG:
		weir__reject_current(worker, false);
		break;
	case WEIR_LEFT_FAILED:
		break;
	}
}

void
weir__record_done(struct weir_worker *worker)
{
	struct weir_task *task = worker->current.task;
	const struct weir_message *message = worker->current.message;
	size_t bytes;

	weir__count(&worker->counts.records, 1);
	if (worker->guarantee->commits_first) {
		weir__pending_done(worker);
		return;
	}
	weir__batch_touch(worker, task, worker->current.offset);
	bytes = message->key.size + message->value.size + worker->held.bytes;
	task->next = worker->current.offset + 1;
	worker->batch.records++;
	/* what a step was given it may emit at the batch's end */
	worker->batch.bytes +=
		bytes > worker->held.taken_bytes ? bytes : worker->held.taken_bytes;
	worker->current.task = NULL;
}

void
weir__drop_current(struct weir_worker *worker)
{
	struct weir_task *task = worker->current.task;

	if (!task)
		return;
	worker->current.task = NULL;
	if (worker->guarantee->commits_first) {
		weir__pending_drop(worker, task);
		return;
	}
	if (!task->touched && task->rewind_to == WEIR_OFFSET_NONE)
		weir__task_rewind(worker, task, worker->current.offset);
}

/* ---- sending ---- */

void
weir__send_record(struct weir_worker *worker)
{
	const struct weir_current *current = &worker->current;

	worker->sending = (struct weir_sending){
		.tag = weir__tag(current->task, current->offset),
		.after = WEIR_PHASE_RUN,
	};
	weir__send(worker);
}

void
weir__send_other(struct weir_worker *worker, struct weir_task *task, enum weir_phase after)
{
	if (!held_fits(worker)) {
		stop_at(worker, task, -1);
		return;
	}
	worker->sending = (struct weir_sending){
		.tag = weir__tag(task, -1),
		.task = task,
		.after = after,
	};
	weir__send(worker);
}

/* It is all that a rejected record leaves, and no output of the pipeline. */
static bool
is_dead_letter(const struct weir_worker *worker)
{
	const struct weir_held_list *held = &worker->held;

	return held->count && held->items[0].output == worker->dead_letter_output;
}

static void
sending_done(struct weir_worker *worker)
{
	struct weir_sending *sending = &worker->sending;

	if (worker->held_changes)
		WEIR_FAULT_POINT(CHANGES_QUEUED);
	if (!is_dead_letter(worker))
		weir__count(&worker->counts.emitted, worker->held.count - worker->held_changes);
	worker->phase = sending->after;
	if (!sending->task) {
		weir__record_done(worker);
		return;
	}
	/* a tick, or the end of a batch: the task's offset goes with what it emitted */
	if ((worker->held.count || weir__task_wrote(sending->task)) &&
	    !worker->guarantee->commits_first)
		weir__batch_touch(worker, sending->task, sending->task->next);
	worker->batch.bytes += worker->held.bytes;
}

static enum weir_outcome
send_next(struct weir_worker *worker, struct weir_error *error)
{
	const struct weir_sending *sending = &worker->sending;
	const struct weir_held *held = &worker->held.items[sending->sent];
	enum weir_outcome outcome;

	if (worker->guarantee->begin && !worker->batch.transaction) {
		outcome = worker->guarantee->begin(worker, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
	}
	/* waits only when the queue is full; deliveries are served meanwhile */
	return weir__session_send(worker->session, held->output, &held->message, sending->tag,
	                          worker->phase == WEIR_PHASE_SEND ? WEIR_SLICE_MS / 10 : 0,
	                          error);
}

void
weir__send(struct weir_worker *worker)
{
	struct weir_sending *sending = &worker->sending;
	struct weir_error error;
	enum weir_outcome outcome;

	while (sending->sent < worker->held.count) {
		error.code = 0;
		error.message[0] = '\0';
		outcome = send_next(worker, &error);
		switch (outcome) {
		case WEIR_SUCCESS:
		case WEIR_TAINTED:
			sending->sent++;
			continue;
		case WEIR_AGAIN:
			sending->sent *= !WEIR_MUTANT(SENT_AGAIN);
			worker->phase = WEIR_PHASE_SEND;
			return;
		case WEIR_ABORT:
			weir__log(worker->config.logger, WEIR_LOG_WARNING,
			          "batch cannot go on worker=%d reason=\"%s\"",
			          worker->config.index, error.message);
			weir__sending_lost(worker);
			weir__batch_abort(worker);
			return;
		default:
			weir__sending_lost(worker);
			weir__worker_failed(worker, outcome, &error);
			return;
		}
	}
	sending_done(worker);
}

/* ---- ticks and second tries ---- */

void
weir__next_tick_update(struct weir_worker *worker)
{
	size_t slot;
	int64_t next_ms;

	worker->next_tick_ms = INT64_MAX;
	for (slot = 0; slot < worker->slot_count; slot++) {
		if (!worker->tasks[slot] || worker->tasks[slot]->restoring)
			continue;
		next_ms = weir__chain_next_tick_ms(worker->tasks[slot]->chain);
		if (next_ms < worker->next_tick_ms)
			worker->next_tick_ms = next_ms;
	}
}

static void
run_tick(struct weir_worker *worker, struct weir_task *task)
{
	enum weir_verdict verdict;

	enum weir_left left;

	task->dirty = true;
	weir__task_enter(task, NULL);
	verdict = weir__chain_tick(task->chain, worker->now_ms, &worker->held, &worker->reason);
	left = weir__task_leave(worker, task, verdict == WEIR_DONE);
	weir__next_tick_update(worker);
	if (left == WEIR_LEFT_FAILED)
		return;
	if (verdict == WEIR_STOP || left == WEIR_LEFT_TOO_BIG)
		stop_at(worker, task, -1);
	else
		weir__send_other(worker, task, WEIR_PHASE_RUN);
}

bool
weir__run_ticks(struct weir_worker *worker)
{
	struct weir_task *longest = NULL;
	int64_t due_ms, longest_ms = worker->now_ms + 1;

	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		due_ms = task && !task->restoring ? weir__chain_next_tick_ms(task->chain) : INT64_MAX;
		if (due_ms < longest_ms) {
			longest_ms = due_ms;
			longest = task;
		}
	}
	if (longest)
		run_tick(worker, longest);
	else
		weir__next_tick_update(worker);
	return longest != NULL;
}

void
weir__run_retries(struct weir_worker *worker)
{
	size_t slot;

	worker->next_retry_ms = INT64_MAX;
	for (slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->waiting)
			continue;
		if (task->retry_due_ms <= worker->now_ms) {
			weir__stop_waiting(worker, task);
			if (!worker->guarantee->commits_first)
				weir__task_rewind(worker, task, task->retry_offset);
		} else if (task->retry_due_ms < worker->next_retry_ms) {
			worker->next_retry_ms = task->retry_due_ms;
		}
	}
}
