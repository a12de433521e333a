/*
 * A task's stores around callbacks and commits.
 *
 * Knows the order that keeps stores right: Kafka first, then LMDB, with the changelog's place
 * behind what was delivered. Under at-least-once what was written waits until all outputs of
 * the batch are delivered: a changelog that said "seen" of an output that died with the
 * process would drop its repetition. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>

#include <base/fault_point.h>
#include <base/mutation.h>
#include <run/instance.h>
#include <run/worker_private.h>

/* Entries that a batch's end looks at for what has expired: so many, and for each write. */
#define SWEEP_FEWEST 256
#define SWEEP_PER_WRITE 2
#define REFRESH_MS 600000

struct weir_stores *
weir__stores_of(const struct weir_pipeline *pipeline, const struct weir_chain *chain,
                const struct weir_clock *clock, const struct weir_logger *logger,
                struct weir_error *error)
{
	size_t count;
	const struct weir_chain_store *declared = weir__chain_stores(chain, &count);
	struct weir_store_config *configs;
	struct weir_stores *stores;
	char *folder;

	if (count == 0)
		return NULL;
	configs = weir__calloc(count, sizeof(*configs));
	for (size_t index = 0; index < count; index++)
		configs[index] = (struct weir_store_config){declared[index].name,
		                                            declared[index].ttl_ms};
	folder = weir__instance_folder(pipeline);
	stores = weir__stores_new(
		&(struct weir_stores_config){
			.app = pipeline->name,
			.folder = folder,
			.stores = configs,
			.store_count = count,
			.inputs = pipeline->inputs,
			.input_count = pipeline->input_count,
			.batch_bytes = pipeline->commit_bytes,
			.keeps_changes = pipeline->guarantee == WEIR_AT_LEAST_ONCE,
			.clock = clock,
			.logger = logger,
		},
		error);
	free(folder);
	free(configs);
	return stores;
}

/* ---- callbacks ---- */

void
weir__task_enter(struct weir_task *task, const struct weir_message *record)
{
	if (!task->state)
		return;
	if (record)
		weir__state_enter_record(task->state, record->timestamp_ms);
	else
		weir__state_enter(task->state);
}

void
weir__task_undo(struct weir_task *task)
{
	if (task->state && !WEIR_MUTANT(REJECTED_KEPT))
		weir__state_undo(task->state);
}

bool
weir__task_wrote(const struct weir_task *task)
{
	return task->state && weir__state_has_writes(task->state);
}

void
weir__task_sweep(struct weir_task *task)
{
	if (task->state)
		weir__state_sweep(task->state, SWEEP_FEWEST + SWEEP_PER_WRITE * task->writes);
	task->writes = 0;
}

static int
changelog_output(const struct weir_worker *worker, const struct weir_task *task,
                 const struct weir_change *change)
{
	return worker->changelog_output + (int)(task->first_changelog + change->index);
}

static struct weir_message
change_message(const struct weir_task *task, const struct weir_change *change)
{
	return (struct weir_message){
		.key = change->key,
		.value = change->value,
		.timestamp_ms = change->time_ms > 0 ? change->time_ms : 1,
		.partition = task->partition->id,
	};
}

/* Does its changelog take it? The broker would refuse others' messages with it. */
static bool
change_fits(struct weir_worker *worker, const struct weir_task *task,
            const struct weir_change *change)
{
	size_t bytes = change->key.size + change->value.size;
	size_t max = weir__session_max_message_bytes(worker->session,
	                                             changelog_output(worker, task, change));

	if (bytes <= max)
		return true;
	worker->reason.step = NULL;
	snprintf(worker->reason.text, sizeof(worker->reason.text),
	         "wrote %zu bytes to store %s, whose changelog takes %zu (max.message.bytes)",
	         bytes, weir__state_store_name(task->state, change->index), max);
	return false;
}

static void
take_change(struct weir_worker *worker, struct weir_task *task,
            const struct weir_change *change)
{
	struct weir_message message = change_message(task, change);

	task->writes++;
	if (WEIR_MUTANT(CHANGELOG_OUTSIDE) && !weir__batch_in_hand(worker))
		return;
	if (worker->guarantee->stores_later && !WEIR_MUTANT(CHANGELOG_WITH_OUTPUTS))
		worker->batch.bytes += sizeof(*change) + weir__message_bytes(&message);
	else if (weir__held_add(&worker->held, SIZE_MAX,
	                        changelog_output(worker, task, change), &message))
		worker->held_changes++;
}

static void
store_failed(struct weir_worker *worker, const struct weir_error *error)
{
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "batch cannot go on worker=%d reason=\"%s\"", worker->config.index,
	          error->message);
	weir__batch_abort(worker);
}

static enum weir_left
leave_stores(struct weir_worker *worker, struct weir_task *task, bool done)
{
	const struct weir_change *changes;
	struct weir_error error;
	size_t count;

	/* not all of it: clearing a kilobyte for each record shows */
	error.code = 0;
	error.message[0] = '\0';
	if (weir__state_leave(task->state, &error)) {
		store_failed(worker, &error);
		return WEIR_LEFT_FAILED;
	}
	if (!done) {
		weir__task_undo(task);
		return WEIR_LEFT;
	}
	changes = weir__state_changes(task->state, &count);
	for (size_t index = 0; index < count; index++) {
		if (change_fits(worker, task, &changes[index]))
			continue;
		weir__task_undo(task);
		return WEIR_LEFT_TOO_BIG;
	}
	for (size_t index = 0; index < count; index++)
		take_change(worker, task, &changes[index]);
	weir__state_keep(task->state);
	if (count)
		WEIR_FAULT_POINT(CHANGES_HELD);
	return WEIR_LEFT;
}

enum weir_left
weir__task_leave(struct weir_worker *worker, struct weir_task *task, bool done)
{
	worker->held_changes = 0;
	if (weir__lookup_failed(worker))
		return WEIR_LEFT_FAILED;
	return task->state ? leave_stores(worker, task, done) : WEIR_LEFT;
}

/* ---- the batch ---- */

static enum weir_outcome
send_changes(struct weir_worker *worker, struct weir_task *task, struct weir_error *error)
{
	size_t count;
	const struct weir_change *changes = weir__state_all_changes(task->state, &count);

	while (task->sent_changes < count) {
		const struct weir_change *change = &changes[task->sent_changes];
		struct weir_message message = change_message(task, change);
		enum weir_outcome outcome = weir__session_send(
			worker->session, changelog_output(worker, task, change), &message,
			weir__tag(task, -1), WEIR_SLICE_MS / 10, error);

		if (outcome != WEIR_SUCCESS)
			return outcome;
		task->sent_changes++;
	}
	return WEIR_SUCCESS;
}

enum weir_outcome
weir__stores_send(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome = WEIR_SUCCESS;

	for (size_t slot = 0; slot < worker->slot_count && outcome == WEIR_SUCCESS; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (task && task->state && task->touched && !task->restoring)
			outcome = send_changes(worker, task, error);
	}
	return outcome;
}

/* The changelogs' places behind what this producer delivered. */
static void
find_positions(struct weir_worker *worker, const struct weir_task *task, int64_t *positions)
{
	size_t stores = weir__stores_count(worker->config.stores);

	for (size_t store = 0; store < stores; store++) {
		int output = worker->changelog_output + (int)(task->first_changelog + store);

		positions[store] = -1;
		if (weir__state_wrote(task->state, store))
			positions[store] = weir__session_delivered(worker->session, output,
			                                           task->partition->id) + 1;
	}
}

/* Kafka has all batches of it, so nothing is read again: the store catches up by itself. */
static void
restore_failed(struct weir_worker *worker, struct weir_task *task,
               const struct weir_error *error)
{
	weir__log(worker->config.logger, WEIR_LOG_ERROR,
	          "store cannot commit, it is restored worker=%d reason=\"%s\"",
	          worker->config.index, error->message);
	weir__task_restore(worker, task);
}

/* What it committed before may go to LMDB; `all` of it, with the time until which it is true. */
static void
rest_task(struct weir_worker *worker, struct weir_task *task, bool all)
{
	struct weir_error error = {0};

	if (all ? weir__state_commit(task->state, NULL, &error)
	        : weir__state_merge(task->state, &error))
		restore_failed(worker, task, &error);
}

static void
commit_task(struct weir_worker *worker, struct weir_task *task, int64_t *positions)
{
	struct weir_error error = {0};

	find_positions(worker, task, positions);
	task->sent_changes = 0;
	if (weir__state_commit(task->state, positions, &error) == 0)
		WEIR_FAULT_POINT(TASK_COMMITTED);
	else
		restore_failed(worker, task, &error);
}

void
weir__stores_commit(struct weir_worker *worker)
{
	int64_t *positions;

	if (!worker->config.stores)
		return;
	positions = weir__calloc(weir__stores_count(worker->config.stores) + 1,
	                         sizeof(*positions));
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->state || task->restoring)
			continue;
		if (weir__task_wrote(task) ||
		    (task->touched && !worker->guarantee->commits_first))
			commit_task(worker, task, positions);
		else
			rest_task(worker, task, false);
	}
	free(positions);
	WEIR_FAULT_POINT(STORES_COMMITTED);
}

void
weir__stores_rest(struct weir_worker *worker)
{
	bool refreshes = worker->now_ms >= worker->refresh_ms;

	if (refreshes)
		worker->refresh_ms = worker->now_ms + REFRESH_MS;
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (task && task->state && !task->restoring && !weir__task_wrote(task))
			rest_task(worker, task, refreshes);
	}
}

void
weir__task_forget(struct weir_worker *worker, struct weir_task *task)
{
	if (!task->state || task->restoring || WEIR_MUTANT(STATE_KEPT))
		return;
	/* at-most-once reads nothing again, so what was written stays */
	if (worker->guarantee->commits_first && !weir__state_has_failed(task->state))
		return;
	weir__state_abort(task->state);
	task->sent_changes = 0;
	if (weir__state_is_broken(task->state))
		weir__task_restore(worker, task);
}
