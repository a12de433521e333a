/*
 * The producer of an embedded session: its outputs and the queue of messages sent.
 *
 * What is sent waits in a queue and reaches its partition when the queue is drained: at
 * poll, flush, commit, and whenever BATCH messages wait. What is drained for one
 * partition at once is one batch: if the broker finds one message of it too large, it
 * refuses all of them. While markers of the producer's last transaction are still being
 * written the coordinator takes no partition for the next one, so the queue stays, and
 * commit and flush answer AGAIN. Transactions are in memory_commit.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

enum { BATCH = 64 };

/* ---- outputs ---- */

/* Find the output's topic, once it is there. */
static bool
resolve(const struct weir_memory *memory, struct weir_memory_output *output)
{
	if (output->topic && output->target_count == output->topic->partition_count)
		return true;
	if (!output->topic) {
		output->topic = weir__memory_topic(memory, output->name);
		if (!output->topic)
			return false;
		output->known_max_bytes = output->topic->max_message_bytes;
	}
	output->targets = weir__realloc(output->targets,
					(size_t)output->topic->partition_count *
						sizeof(*output->targets));
	while (output->target_count < output->topic->partition_count)
		output->targets[output->target_count++] =
			(struct weir_memory_target){.delivered = WEIR_OFFSET_NONE};
	return true;
}

/* A hash that Java producers share, so that a key's partition is the same whoever sends.
 */
uint32_t
weir__memory_murmur2(const void *data, size_t size)
{
	const uint32_t multiplier = 0x5bd1e995;
	const unsigned char *bytes = data;
	uint32_t hash = 0x9747b28c ^ (uint32_t)size;
	size_t i;

	for (i = 0; i + 4 <= size; i += 4) {
		uint32_t word = bytes[i] | (uint32_t)bytes[i + 1] << 8 |
				(uint32_t)bytes[i + 2] << 16 |
				(uint32_t)bytes[i + 3] << 24;

		word *= multiplier;
		word ^= word >> 24;
		hash = hash * multiplier ^ word * multiplier;
	}
	for (size_t left = size - i; left-- > 0;) {
		hash ^= (uint32_t)bytes[i + left] << (8 * left);
		if (left == 0)
			hash *= multiplier;
	}
	hash ^= hash >> 13;
	hash *= multiplier;
	return hash ^ hash >> 15;
}

int32_t
weir__memory_partition_of(const struct weir_memory_topic *topic, const struct weir_bytes *key,
			  uint32_t without_key)
{
	uint32_t number =
		key->data ? weir__memory_murmur2(key->data, key->size) : without_key;

	return (int32_t)((number & 0x7fffffff) % (uint32_t)topic->partition_count);
}

static int32_t
choose_partition(struct weir_memory_output *output, const struct weir_message *message)
{
	uint32_t turn = message->key.data ? 0 : output->turn;

	if (message->partition != WEIR_BY_KEY)
		return message->partition;
	output->turn += !message->key.data;
	return weir__memory_partition_of(output->topic, &message->key, turn);
}

/* ---- the queue ---- */

static void
queued_free(struct weir_memory_queued *queued)
{
	weir__memory_record_release(queued->record);
	free(queued);
}

static struct weir_memory_queued *
take_first(struct weir_memory_producer *producer)
{
	struct weir_memory_queued *queued = producer->first;

	producer->first = queued->next;
	if (!producer->first)
		producer->last = &producer->first;
	producer->queued--;
	return queued;
}

void
weir__memory_producer_purge(struct weir_memory_producer *producer)
{
	while (producer->first)
		queued_free(take_first(producer));
}

static void
add_failure(struct weir_memory_producer *producer,
	    const struct weir_memory_queued *queued, bool refused, const char *reason)
{
	struct weir_delivery_failure *failure;

	producer->must_abort = producer->txn != NULL;
	if (producer->failure_count == WEIR_MEMORY_FAILURES)
		return;
	if (producer->failure_count == producer->failure_capacity) {
		producer->failure_capacity =
			producer->failure_capacity ? producer->failure_capacity * 2 : 8;
		producer->failures =
			weir__realloc(producer->failures,
				      producer->failure_capacity * sizeof(*failure));
	}
	failure = &producer->failures[producer->failure_count++];
	*failure = (struct weir_delivery_failure){.tag = queued->tag,
						  .output = queued->output,
						  .refused = refused,
						  .outcome = WEIR_ABORT};
	snprintf(failure->reason, sizeof(failure->reason), "%s[%d]: %s",
		 producer->outputs[queued->output].name, (int)queued->partition, reason);
}

static struct weir_memory_log *
log_of(const struct weir_memory_producer *producer,
       const struct weir_memory_queued *queued)
{
	return producer->outputs[queued->output].topic->logs[queued->partition];
}

/* One message that is too large makes its partition refuse all of this drain. */
static void
find_refused(struct weir_memory_session *session, uint64_t drain)
{
	const struct weir_memory_producer *producer = &session->producer;

	for (const struct weir_memory_queued *queued = producer->first; queued;
	     queued = queued->next) {
		struct weir_memory_log *log = log_of(producer, queued);

		if (queued->refuse ||
		    queued->record->size > log->topic->max_message_bytes)
			log->refused = drain;
	}
}

/* The partition must be part of the transaction before anything is written to it. */
static enum weir_memory_answer
register_target(struct weir_memory_session *session, struct weir_memory_target *target,
		struct weir_memory_log *log)
{
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_answer answer;

	if (!producer->txn || target->added == producer->serial)
		return WEIR_ANSWER_OK;
	answer = weir__memory_txn_add_log(session->memory, producer->txn, producer->epoch,
					  log);
	if (answer == WEIR_ANSWER_OK) {
		target->added = producer->serial;
		producer->registered = true;
	}
	return answer;
}

/* The first message of the queue reaches its partition, or fails. */
static enum weir_memory_answer
deliver(struct weir_memory_session *session, struct weir_memory_queued *queued,
	uint64_t drain)
{
	struct weir_memory_producer *producer = &session->producer;
	struct weir_memory_log *log = log_of(producer, queued);
	struct weir_memory_target *target =
		&producer->outputs[queued->output].targets[queued->partition];
	enum weir_memory_answer answer = WEIR_ANSWER_OK;
	int64_t offset;

	if (log->refused == drain) {
		add_failure(producer, queued, true, "batch refused: message too large");
	} else if (queued->lose) {
		add_failure(producer, queued, false, "delivery timed out");
	} else if (!producer->txn) {
		target->delivered = weir__memory_log_append(log, queued->record);
		queued->record = NULL;
	} else {
		answer = weir__memory_txn_write(producer->txn, producer->epoch, log,
						queued->record, &offset);
		if (answer == WEIR_ANSWER_OK) {
			target->delivered = offset;
			queued->record = NULL;
		} else {
			add_failure(producer, queued, false,
				    "transaction ended or fenced");
		}
	}
	queued_free(queued);
	return answer;
}

/* A newer producer of this id is at work, or the transaction timed out. */
static enum weir_outcome
fenced(struct weir_memory_producer *producer)
{
	producer->broken = true;
	while (producer->first) {
		struct weir_memory_queued *queued = take_first(producer);

		add_failure(producer, queued, false, "producer fenced");
		queued_free(queued);
	}
	return WEIR_UNKNOWN;
}

enum weir_outcome
weir__memory_producer_drain(struct weir_memory_session *session)
{
	struct weir_memory_producer *producer = &session->producer;
	uint64_t drain;

	if (!producer->first)
		return WEIR_SUCCESS;
	drain = ++session->memory->drains;
	find_refused(session, drain);
	while (producer->first) {
		struct weir_memory_queued *queued = producer->first;
		struct weir_memory_target *target =
			&producer->outputs[queued->output].targets[queued->partition];
		enum weir_memory_answer answer =
			register_target(session, target, log_of(producer, queued));

		if (answer == WEIR_ANSWER_CONCURRENT)
			return WEIR_AGAIN;
		if (answer == WEIR_ANSWER_OK)
			answer = deliver(session, take_first(producer), drain);
		if (answer == WEIR_ANSWER_FENCED)
			return fenced(producer);
	}
	return WEIR_SUCCESS;
}

/* ---- sending ---- */

static struct weir_memory_queued *
queued_new(struct weir_memory_session *session, int output,
	   const struct weir_message *message, uint64_t tag)
{
	const struct weir_clock *clock = session->memory->clock;
	struct weir_memory_queued *queued = weir__calloc(1, sizeof(*queued));

	queued->record = weir__memory_record_new(message, clock->wall_ms(clock));
	queued->tag = tag;
	queued->output = output;
	queued->partition =
		choose_partition(&session->producer.outputs[output], message);
	if (log_of(&session->producer, queued)->topic->stamps_arrival)
		queued->record->message.timestamp_ms = clock->wall_ms(clock);
	return queued;
}

static void
enqueue(struct weir_memory_session *session, struct weir_memory_queued *queued)
{
	struct weir_memory_producer *producer = &session->producer;

	*producer->last = queued;
	producer->last = &queued->next;
	if (++producer->queued % BATCH == 0)
		weir__memory_producer_drain(session);
}

/* The request is under way for long: its partition may get it after all. */
static void
send_late(struct weir_memory_session *session, struct weir_memory_queued *queued)
{
	struct weir_memory_producer *producer = &session->producer;
	struct weir_memory_output *to = &producer->outputs[queued->output];
	struct weir_memory_step step = {.type = WEIR_STEP_LATE_SEND,
					.txn = producer->txn,
					.epoch = producer->epoch,
					.log = log_of(producer, queued),
					.record = queued->record};

	if (register_target(session, &to->targets[queued->partition], step.log) ==
	    WEIR_ANSWER_OK) {
		step.serial = step.txn ? step.txn->serial : 0;
		weir__memory_step_add(session->memory, &step);
		queued->record = NULL;
	}
	queued_free(queued);
}

static enum weir_outcome
send_with_fault(struct weir_memory_session *session, struct weir_memory_queued *queued,
		enum weir_memory_fault fault, struct weir_error *error)
{
	struct weir_memory_producer *producer = &session->producer;

	queued->refuse = fault == WEIR_MEMORY_REFUSE_SIZE;
	queued->lose = fault == WEIR_MEMORY_LOSE_DELIVERY;
	switch (fault) {
	case WEIR_MEMORY_UNKNOWN_LATE:
		send_late(session, queued);
		break;
	case WEIR_MEMORY_UNKNOWN_NOT:
		queued_free(queued);
		break;
	case WEIR_MEMORY_UNKNOWN_DONE:
		enqueue(session, queued);
		weir__memory_producer_drain(session);
		break;
	case WEIR_MEMORY_TAINT:
		producer->tainted = true;
		/* fall through */
	default:
		enqueue(session, queued);
		return WEIR_SUCCESS;
	}
	return weir__memory_give_up(producer, error,
				    "fault: no answer to a produce request");
}

/* May this producer send now? */
static enum weir_outcome
may_send(struct weir_memory_session *session, int output, int32_t partition,
	 struct weir_error *error)
{
	struct weir_memory_producer *producer = &session->producer;

	if (output < 0 || (size_t)output >= producer->output_count)
		return weir__memory_misuse(error, "no such output");
	if (producer->broken)
		return weir__memory_give_up(producer, error,
					    "the producer must be replaced");
	if (producer->txn && !producer->in_transaction)
		return weir__memory_misuse(error, "no transaction is open");
	if (!resolve(session->memory, &producer->outputs[output])) {
		weir_error_set(error, WEIR_ENOTFOUND, "%s: no such topic",
			       producer->outputs[output].name);
		return WEIR_FATAL;
	}
	if (partition >= producer->outputs[output].topic->partition_count)
		return weir__memory_misuse(error, "no such partition");
	if (producer->must_abort) {
		weir_error_set(error, WEIR_EBROKER, "the transaction must be aborted");
		return WEIR_ABORT;
	}
	if (producer->queued >= session->memory->queue_messages)
		weir__memory_producer_drain(session);
	return producer->queued < session->memory->queue_messages ? WEIR_SUCCESS : WEIR_AGAIN;
}

enum weir_outcome
weir__memory_send(struct weir_session *base, int output,
		  const struct weir_message *message, uint64_t tag, int timeout_ms,
		  struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_memory_fault fault = weir__memory_fault_ask(session, WEIR_MEMORY_SEND);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(fault, &outcome, error)) {
		session->producer.must_abort |=
			session->producer.txn && outcome == WEIR_ABORT;
		return outcome;
	}
	outcome = may_send(session, output, message->partition, error);
	if (outcome != WEIR_SUCCESS)
		return outcome;
	return send_with_fault(session, queued_new(session, output, message, tag), fault,
			       error);
}

enum weir_outcome
weir__memory_flush(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_FLUSH),
				     &outcome, error))
		return outcome;
	outcome = weir__memory_producer_drain(session);
	/* fenced: all of the queue has failed, so nothing is left to wait for */
	return outcome == WEIR_UNKNOWN ? WEIR_SUCCESS : outcome;
}

size_t
weir__memory_failures(struct weir_session *base, struct weir_delivery_failure *failures,
		      size_t max)
{
	struct weir_memory_producer *producer =
		&weir__memory_session_enter(base)->producer;
	size_t count = producer->failure_count < max ? producer->failure_count : max;

	if (count == 0)
		return 0;
	memcpy(failures, producer->failures, count * sizeof(*failures));
	producer->failure_count -= count;
	memmove(producer->failures, producer->failures + count,
		producer->failure_count * sizeof(*failures));
	return count;
}

int64_t
weir__memory_delivered(struct weir_session *base, int output, int32_t partition)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_output *to = &session->producer.outputs[output];

	if (!resolve(session->memory, to) || partition < 0 ||
	    partition >= to->target_count)
		return WEIR_OFFSET_NONE;
	return to->targets[partition].delivered;
}

size_t
weir__memory_max_message_bytes(struct weir_session *base, int output)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);

	resolve(session->memory, &session->producer.outputs[output]);
	return session->producer.outputs[output].known_max_bytes;
}

/* ---- its life ---- */

void
weir__memory_producer_open(struct weir_memory_session *session,
			   const struct weir_session_config *config)
{
	struct weir_memory_producer *producer = &session->producer;

	producer->last = &producer->first;
	producer->timeout_ms = config->transaction_timeout_ms;
	if (config->transactional_id)
		producer->txn =
			weir__memory_txn_get(session->memory, config->transactional_id);
	producer->output_count = config->output_count;
	producer->outputs =
		weir__calloc(config->output_count + 1, sizeof(*producer->outputs));
	for (size_t i = 0; i < config->output_count; i++) {
		producer->outputs[i].name = weir__strdup(config->outputs[i]);
		resolve(session->memory, &producer->outputs[i]);
	}
}

void
weir__memory_producer_close(struct weir_memory_session *session)
{
	struct weir_memory_producer *producer = &session->producer;

	weir__memory_producer_purge(producer);
	for (size_t i = 0; i < producer->output_count; i++) {
		free(producer->outputs[i].name);
		free(producer->outputs[i].targets);
	}
	free(producer->outputs);
	free(producer->failures);
}
