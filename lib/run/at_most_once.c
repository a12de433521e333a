/*
 * At-most-once: commit, then process. A record whose offset is committed is never read
 * again, so what fails from there on is lost, and counted.
 *
 * A commit waits for the deliveries of the batch before it, and a revoke for all of them: so
 * a crash loses one batch at most, and nothing comes after what the next owner writes. No
 * processor's memory is rolled back: it is of records that are not read again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/mutation.h>
#include <run/at_most_once.h>

/* A record kept until it is processed: one allocation with all its bytes. */
struct kept {
	struct kept *next;
	int64_t offset;
	struct weir_message message;
};

struct weir_pending {
	struct kept *first;
	struct kept **end;
	size_t count;
	size_t ready; /* of them, from the first: committed */
};

static struct weir_bytes
copy_bytes(char **to, struct weir_bytes bytes)
{
	struct weir_bytes copy = {bytes.data ? *to : NULL, bytes.size};

	if (bytes.size)
		memcpy(*to, bytes.data, bytes.size);
	*to += bytes.size;
	return copy;
}

static size_t
message_size(const struct weir_message *message)
{
	size_t size = message->key.size + message->value.size;

	for (size_t index = 0; index < message->header_count; index++)
		size += sizeof(struct weir_header) + strlen(message->headers[index].name) + 1 +
		        message->headers[index].value.size;
	return size;
}

static struct kept *
keep(const struct weir_current *current)
{
	const struct weir_message *message = current->message;
	struct kept *kept = weir__alloc(sizeof(*kept) + message_size(message) + 1);
	struct weir_header *headers = (struct weir_header *)(kept + 1);
	char *to = (char *)(headers + message->header_count);

	kept->next = NULL;
	kept->offset = current->offset;
	kept->message = *message;
	kept->message.headers = headers;
	for (size_t index = 0; index < message->header_count; index++) {
		size_t length = strlen(message->headers[index].name) + 1;

		memcpy(to, message->headers[index].name, length);
		headers[index].name = to;
		to += length;
		headers[index].value = copy_bytes(&to, message->headers[index].value);
	}
	kept->message.key = copy_bytes(&to, message->key);
	kept->message.value = copy_bytes(&to, message->value);
	return kept;
}

void
weir__gather_current(struct weir_worker *worker)
{
	struct weir_task *task = worker->current.task;
	struct weir_pending *pending = task->pending;
	const struct weir_message *message = worker->current.message;

	worker->current.task = NULL;
	if (!pending) {
		pending = task->pending = weir__calloc(1, sizeof(*pending));
		pending->end = &pending->first;
	}
	*pending->end = keep(&worker->current);
	pending->end = &(*pending->end)->next;
	pending->count++;
	weir__batch_touch(worker, task, worker->current.offset);
	task->next = worker->current.offset + 1;
	worker->batch.records++;
	worker->batch.bytes += sizeof(struct weir_held) + message_size(message);
	if (WEIR_MUTANT(PROCESSED_FIRST))
		weir__pending_ready(worker);
}

void
weir__pending_ready(struct weir_worker *worker)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_pending *pending =
			worker->tasks[slot] ? worker->tasks[slot]->pending : NULL;

		if (!pending)
			continue;
		worker->pending += pending->count - pending->ready;
		pending->ready = pending->count;
	}
}

static struct kept *
pop(struct weir_pending *pending)
{
	struct kept *kept = pending->first;

	pending->first = kept->next;
	if (!pending->first)
		pending->end = &pending->first;
	pending->count--;
	return kept;
}

/* Free `count` records from the front; they were ready. */
static void
discard_ready(struct weir_worker *worker, struct weir_pending *pending, size_t count)
{
	for (size_t index = 0; index < count; index++)
		free(pop(pending));
	pending->ready -= count;
	worker->pending -= count;
}

/*
 * All ready records are processed, or those that were are as many bytes as a batch may have
 * (`early`): batch_end of the tasks that worked.
 */
static void
end_tasks(struct weir_worker *worker, bool early)
{
	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->dirty || (!early && task->pending && task->pending->ready))
			continue;
		task->dirty = false;
		if (!weir__task_end_batch(worker, task))
			return;
		weir__send_other(worker, task, WEIR_PHASE_RUN);
		if (worker->phase != WEIR_PHASE_RUN) {
			worker->end_due = true; /* the others' when this one's is out */
			return;
		}
	}
	worker->end_bytes = 0;
}

/* A task whose first record is committed and may be processed now. */
static struct weir_task *
runnable(struct weir_worker *worker)
{
	for (size_t slot = 0; worker->pending && slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (task && !task->waiting && task->pending && task->pending->ready)
			return task;
	}
	return NULL;
}

/* Nothing is left to do: what stores were given need not wait for the next batch. */
static void
keep_stores(struct weir_worker *worker)
{
	if (worker->idle && worker->config.stores &&
	    weir__session_flush(worker->session, 0, NULL) == WEIR_SUCCESS)
		weir__stores_commit(worker);
}

bool
weir__process_pending(struct weir_worker *worker)
{
	struct weir_task *task = runnable(worker);
	bool early = worker->end_bytes >= (size_t)worker->pipeline->commit_bytes;

	if (worker->end_due && (!task || early)) {
		worker->end_due = false;
		end_tasks(worker, early);
		return true;
	}
	if (!task) {
		keep_stores(worker);
		return false;
	}
	worker->current.task = task;
	worker->current.offset = task->pending->first->offset;
	worker->current.message = &task->pending->first->message;
	worker->end_due = !worker->stateless || worker->config.stores;
	weir__process_current(worker);
	return true;
}

void
weir__pending_done(struct weir_worker *worker)
{
	struct weir_pending *pending = worker->current.task->pending;

	worker->current.task = NULL;
	worker->end_bytes += worker->held.taken_bytes;
	assert(pending->ready > 0);
	discard_ready(worker, pending, 1);
}

static void
lose(struct weir_worker *worker, const struct weir_task *task, size_t count, const char *why)
{
	char place[320];

	if (!count)
		return;
	weir__count(&worker->counts.lost, count);
	weir__log(worker->config.logger, WEIR_LOG_WARNING, "records lost from=%s count=%zu reason=\"%s\"",
	          weir__task_place(task, task->pending->first->offset, place, sizeof(place)),
	          count, why);
}

void
weir__pending_drop(struct weir_worker *worker, struct weir_task *task)
{
	lose(worker, task, 1, "its outputs could not be sent");
	discard_ready(worker, task->pending, 1);
}

void
weir__pending_forget(struct weir_worker *worker, struct weir_task *task)
{
	struct weir_pending *pending = task->pending;
	struct kept **from;

	(void)worker;
	if (!pending)
		return;
	from = &pending->first;
	for (size_t index = 0; index < pending->ready; index++)
		from = &(*from)->next;
	while (*from) {
		struct kept *kept = *from;

		*from = kept->next;
		free(kept);
	}
	pending->end = from;
	pending->count = pending->ready;
}

void
weir__pending_lose(struct weir_worker *worker, struct weir_task *task)
{
	if (!task->pending)
		return;
	weir__pending_forget(worker, task);
	lose(worker, task, task->pending->ready, "the partition went away before they were processed");
	discard_ready(worker, task->pending, task->pending->ready);
}

void
weir__pending_free(struct weir_pending *pending)
{
	if (!pending)
		return;
	while (pending->first)
		free(pop(pending));
	free(pending);
}

void
weir__sending_lost(struct weir_worker *worker)
{
	const struct weir_sending *sending = &worker->sending;
	size_t count = worker->held.count - sending->sent;

	if (!worker->guarantee->commits_first || !sending->task || !count)
		return;
	weir__count(&worker->counts.lost, count);
	weir__log(worker->config.logger, WEIR_LOG_WARNING,
	          "records lost from=%s[%" PRId32 "] count=%zu reason=\"what a tick or the end of a "
	          "batch emitted could not be sent\"",
	          sending->task->partition->topic, sending->task->partition->id, count);
}

/* Wait for the deliveries, a slice; those that failed are the losses that are allowed. */
static enum weir_outcome
await_deliveries(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome = weir__session_flush(worker->session, WEIR_SLICE_MS, error);
	size_t failures;

	if (outcome == WEIR_SUCCESS && !weir__note_failures(worker, &failures))
		outcome = WEIR_FATAL;
	if (outcome == WEIR_SUCCESS)
		weir__stores_commit(worker);
	return outcome;
}

bool
weir__deliveries_pending(struct weir_worker *worker)
{
	struct weir_error error = {0};
	enum weir_outcome outcome;

	if (!worker->guarantee->commits_first)
		return false;
	outcome = await_deliveries(worker, &error);
	return outcome == WEIR_AGAIN || weir__worker_failed(worker, outcome, &error);
}

bool
weir__at_most_once_drained(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome;

	for (size_t slot = 0; slot < worker->slot_count; slot++) {
		struct weir_task *task = worker->tasks[slot];

		if (!task || !task->pending || !task->pending->ready)
			continue;
		lose(worker, task, task->pending->ready, "they waited to be tried again");
		discard_ready(worker, task->pending, task->pending->ready);
		worker->end_due = !worker->stateless; /* of those before them */
	}
	if (worker->end_due)
		return false;
	outcome = await_deliveries(worker, error);
	return outcome != WEIR_AGAIN && !weir__worker_failed(worker, outcome, error);
}

enum stage { STAGE_FLUSH, STAGE_OFFSETS };

static enum weir_outcome
commit(struct weir_worker *worker, struct weir_error *error)
{
	enum weir_outcome outcome;

	if (worker->batch.stage == STAGE_FLUSH) {
		outcome = await_deliveries(worker, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
		worker->batch.stage = STAGE_OFFSETS;
	}
	return weir__session_commit_offsets(worker->session, worker->batch.offsets,
	                                    worker->batch.offset_count, WEIR_SLICE_MS, error);
}

/* What was sent stays sent. */
static enum weir_outcome
leave(struct weir_worker *worker, struct weir_error *error)
{
	(void)worker;
	(void)error;
	return WEIR_SUCCESS;
}

const struct weir_guarantee_ops weir__at_most_once = {
	.commits_first = true,
	.commit = commit,
	.abort = leave,
};
