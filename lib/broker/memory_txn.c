/*
 * The transaction coordinator of the embedded broker: producer ids and epochs, the state
 * of each transactional id, offsets that wait for their marker, and the markers
 * themselves.
 *
 * As Kafka does for clients without KIP-890 (librdkafka among them): the epoch rises with
 * init and with a timeout only, so an EndTxn that was under way for long can end the next
 * transaction of its producer (KAFKA-17754); ending is answered once it is decided, and
 * the markers are written after that, one partition and one group at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

struct weir_memory_txn *
weir__memory_txn_get(struct weir_memory *memory, const char *id)
{
	struct weir_memory_txn *txn;

	for (size_t i = 0; i < memory->txn_count; i++) {
		if (strcmp(memory->txns[i]->id, id) == 0)
			return memory->txns[i];
	}
	txn = weir__calloc(1, sizeof(*txn));
	txn->id = weir__strdup(id);
	txn->producer_id = (int64_t)memory->txn_count + 1;
	txn->epoch = -1;
	memory->txns = weir__realloc(memory->txns,
				     (memory->txn_count + 1) * sizeof(*memory->txns));
	memory->txns[memory->txn_count++] = txn;
	return txn;
}

static void
forget_contents(struct weir_memory_txn *txn)
{
	for (size_t i = 0; i < txn->pending_count; i++)
		free(txn->pending[i].metadata);
	txn->log_count = txn->group_count = txn->pending_count = 0;
}

void
weir__memory_txn_free(struct weir_memory_txn *txn)
{
	forget_contents(txn);
	free(txn->logs);
	free(txn->groups);
	free(txn->pending);
	free(txn->id);
	free(txn);
}

static bool
is_preparing(const struct weir_memory_txn *txn)
{
	return txn->state == WEIR_TXN_PREPARE_COMMIT ||
	       txn->state == WEIR_TXN_PREPARE_ABORT;
}

bool
weir__memory_txn_is_open(const struct weir_memory_txn *txn)
{
	return txn->state == WEIR_TXN_ONGOING || is_preparing(txn);
}

/* ---- ending ---- */

/* All markers are written. */
static void
complete(struct weir_memory_txn *txn)
{
	txn->state = txn->state == WEIR_TXN_PREPARE_COMMIT ? WEIR_TXN_COMPLETE_COMMIT
							   : WEIR_TXN_COMPLETE_ABORT;
	forget_contents(txn);
}

/* The outcome is decided; what remains are the markers. */
static void
decide(struct weir_memory *memory, struct weir_memory_txn *txn, bool commit)
{
	struct weir_memory_step step = {
		.txn = txn, .epoch = txn->epoch, .commit = commit};
	size_t log_count = txn->log_count, group_count = txn->group_count;

	txn->state = commit ? WEIR_TXN_PREPARE_COMMIT : WEIR_TXN_PREPARE_ABORT;
	txn->markers_left = log_count + group_count;
	step.type = WEIR_STEP_MARK_LOG;
	for (size_t i = 0; i < log_count; i++) {
		step.log = txn->logs[i];
		weir__memory_step_add(memory, &step);
	}
	step.type = WEIR_STEP_MARK_GROUP;
	for (size_t i = 0; i < group_count; i++) {
		step.group = txn->groups[i];
		weir__memory_step_add(memory, &step);
	}
	if (log_count + group_count == 0)
		complete(txn);
}

static void
mark_group(struct weir_memory *memory, struct weir_memory_txn *txn,
	   struct weir_memory_group *group, bool commit)
{
	for (size_t i = 0; i < txn->pending_count; i++) {
		struct weir_memory_pending *pending = &txn->pending[i];

		if (pending->group != group)
			continue;
		weir__memory_group_offset(memory, group, pending->log)->pending--;
		if (commit)
			weir__memory_group_commit(memory, group, pending->log,
						  pending->offset, pending->metadata,
						  pending->sequence);
	}
}

static void
mark_log(struct weir_memory_log *log, struct weir_memory_txn *txn, int32_t epoch,
	 bool commit)
{
	struct weir_memory_writer *writer =
		weir__memory_log_writer(log, txn->producer_id);

	writer->epoch = epoch;
	weir__memory_log_mark(log, writer, commit);
}

static void
late_send(struct weir_memory_step *step)
{
	enum weir_memory_answer answer = WEIR_ANSWER_OK;
	int64_t offset;

	/* of the next transaction its sequence numbers would not fit */
	if (step->txn && step->serial != step->txn->serial)
		answer = WEIR_ANSWER_INVALID;
	else if (step->txn)
		answer = weir__memory_txn_write(step->txn, step->epoch, step->log,
						step->record, &offset);
	else
		weir__memory_log_append(step->log, step->record);
	if (answer != WEIR_ANSWER_OK)
		weir__memory_record_release(step->record);
}

void
weir__memory_txn_step(struct weir_memory *memory, struct weir_memory_step *step)
{
	switch (step->type) {
	case WEIR_STEP_LATE_END:
		weir__memory_txn_end(memory, step->txn, step->epoch, step->commit);
		return;
	case WEIR_STEP_LATE_SEND:
		late_send(step);
		return;
	case WEIR_STEP_MARK_LOG:
		mark_log(step->log, step->txn, step->epoch, step->commit);
		break;
	case WEIR_STEP_MARK_GROUP:
		mark_group(memory, step->txn, step->group, step->commit);
		break;
	}
	assert(step->txn->markers_left > 0);
	if (--step->txn->markers_left == 0)
		complete(step->txn);
}

enum weir_memory_answer
weir__memory_txn_end(struct weir_memory *memory, struct weir_memory_txn *txn,
		     int32_t epoch, bool commit)
{
	if (epoch != txn->epoch)
		return WEIR_ANSWER_FENCED;
	switch (txn->state) {
	case WEIR_TXN_ONGOING:
		decide(memory, txn, commit);
		return WEIR_ANSWER_OK;
	case WEIR_TXN_PREPARE_COMMIT:
		return commit ? WEIR_ANSWER_CONCURRENT : WEIR_ANSWER_INVALID;
	case WEIR_TXN_PREPARE_ABORT:
		return commit ? WEIR_ANSWER_INVALID : WEIR_ANSWER_CONCURRENT;
	case WEIR_TXN_COMPLETE_COMMIT: /* the same request again is fine */
		return commit ? WEIR_ANSWER_OK : WEIR_ANSWER_INVALID;
	case WEIR_TXN_COMPLETE_ABORT:
		return commit ? WEIR_ANSWER_INVALID : WEIR_ANSWER_OK;
	case WEIR_TXN_EMPTY:
		break;
	}
	return WEIR_ANSWER_INVALID;
}

/* The epoch rises first: whoever began this transaction can do nothing more. */
static void
abort_fenced(struct weir_memory *memory, struct weir_memory_txn *txn)
{
	txn->epoch++;
	decide(memory, txn, false);
}

void
weir__memory_txn_expire(struct weir_memory *memory, struct weir_memory_txn *txn)
{
	if (txn->state != WEIR_TXN_ONGOING || txn->timeout_ms <= 0 ||
	    memory->now_ms - txn->started_ms < txn->timeout_ms)
		return;
	if (memory->logger)
		weir__log(memory->logger, WEIR_LOG_INFO,
			  "transaction timed out transactional_id=%s timeout_ms=%lld",
			  txn->id, (long long)txn->timeout_ms);
	memory->timed_out++;
	abort_fenced(memory, txn);
}

/* ---- beginning ---- */

enum weir_memory_answer
weir__memory_txn_init(struct weir_memory *memory, struct weir_memory_txn *txn,
		      int64_t timeout_ms, int32_t *epoch)
{
	if (txn->state == WEIR_TXN_ONGOING)
		abort_fenced(memory, txn);
	if (is_preparing(txn))
		return WEIR_ANSWER_CONCURRENT;
	txn->state = WEIR_TXN_EMPTY;
	txn->timeout_ms = timeout_ms;
	*epoch = ++txn->epoch;
	return WEIR_ANSWER_OK;
}

/* The first partition or group that is added starts the transaction. */
static enum weir_memory_answer
start(struct weir_memory *memory, struct weir_memory_txn *txn, int32_t epoch)
{
	if (epoch != txn->epoch)
		return WEIR_ANSWER_FENCED;
	if (is_preparing(txn))
		return WEIR_ANSWER_CONCURRENT;
	if (txn->state == WEIR_TXN_ONGOING)
		return WEIR_ANSWER_OK;
	txn->state = WEIR_TXN_ONGOING;
	txn->started_ms = memory->now_ms;
	txn->serial++;
	return WEIR_ANSWER_OK;
}

static bool
has_log(const struct weir_memory_txn *txn, const struct weir_memory_log *log)
{
	for (size_t i = 0; i < txn->log_count; i++) {
		if (txn->logs[i] == log)
			return true;
	}
	return false;
}

enum weir_memory_answer
weir__memory_txn_add_log(struct weir_memory *memory, struct weir_memory_txn *txn,
			 int32_t epoch, struct weir_memory_log *log)
{
	enum weir_memory_answer answer = start(memory, txn, epoch);

	if (answer != WEIR_ANSWER_OK || has_log(txn, log))
		return answer;
	txn->logs = weir__realloc(txn->logs, (txn->log_count + 1) *
						     sizeof(struct weir_memory_log *));
	txn->logs[txn->log_count++] = log;
	return WEIR_ANSWER_OK;
}

enum weir_memory_answer
weir__memory_txn_add_group(struct weir_memory *memory, struct weir_memory_txn *txn,
			   int32_t epoch, struct weir_memory_group *group)
{
	enum weir_memory_answer answer = start(memory, txn, epoch);

	if (answer != WEIR_ANSWER_OK)
		return answer;
	for (size_t i = 0; i < txn->group_count; i++) {
		if (txn->groups[i] == group)
			return WEIR_ANSWER_OK;
	}
	txn->groups = weir__realloc(
		txn->groups, (txn->group_count + 1) * sizeof(struct weir_memory_group *));
	txn->groups[txn->group_count++] = group;
	return WEIR_ANSWER_OK;
}

static struct weir_memory_pending *
find_pending(struct weir_memory_txn *txn, const struct weir_memory_group *group,
	     const struct weir_memory_log *log)
{
	for (size_t i = 0; i < txn->pending_count; i++) {
		if (txn->pending[i].group == group && txn->pending[i].log == log)
			return &txn->pending[i];
	}
	return NULL;
}

void
weir__memory_txn_hold(struct weir_memory *memory, struct weir_memory_txn *txn,
		      struct weir_memory_group *group, struct weir_memory_log *log,
		      const struct weir_offset *offset)
{
	struct weir_memory_pending *pending = find_pending(txn, group, log);

	if (!pending) {
		txn->pending = weir__realloc(txn->pending, (txn->pending_count + 1) *
								   sizeof(*txn->pending));
		pending = &txn->pending[txn->pending_count++];
		*pending = (struct weir_memory_pending){.group = group, .log = log};
		weir__memory_group_offset(memory, group, log)->pending++;
	}
	free(pending->metadata);
	pending->offset = offset->offset;
	pending->metadata = offset->metadata ? weir__strdup(offset->metadata) : NULL;
	pending->sequence = ++group->sequence;
}

enum weir_memory_answer
weir__memory_txn_write(struct weir_memory_txn *txn, int32_t epoch,
		       struct weir_memory_log *log, struct weir_memory_record *record,
		       int64_t *offset)
{
	struct weir_memory_writer *writer =
		weir__memory_log_writer(log, txn->producer_id);

	/* the partition learns of a newer epoch by a marker or by the newer producer's
	 * records */
	if (epoch < writer->epoch)
		return WEIR_ANSWER_FENCED;
	if (!writer->span) {
		if (epoch != txn->epoch)
			return WEIR_ANSWER_FENCED;
		if (txn->state != WEIR_TXN_ONGOING || !has_log(txn, log))
			return WEIR_ANSWER_INVALID;
	}
	writer->epoch = epoch;
	*offset = weir__memory_log_write(log, writer, record);
	return WEIR_ANSWER_OK;
}
