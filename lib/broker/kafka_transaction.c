/*
 * Transactions: begin, commit in slices, abort.
 *
 * Remembers how far a commit has come, so that the caller repeats one call. The order is:
 * offsets, then commit, which flushes by itself (flushing first costs a round trip). Once
 * rd_kafka_commit_transaction() was called, whatever is neither success nor an abort that
 * librdkafka asks for is UNKNOWN: the EndTxn may be on its way. The session's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>

#include <broker/kafka_private.h>

/* With less, librdkafka's calls return before its main thread has looked at them. */
#define SHORTEST_SLICE_MS 100

/* librdkafka does not wait shorter than the request takes, whatever is given; when this
 * time is over it asks for an abort rather than for patience. */
#define SEND_OFFSETS_MS 5000

/* librdkafka's main thread is that late only when its machine stands still. */
#define BEGIN_MS 5000

static int
slice_of(int timeout_ms)
{
	return timeout_ms < SHORTEST_SLICE_MS ? SHORTEST_SLICE_MS : timeout_ms;
}

static bool
is_tainted(const struct kafka_producer *producer)
{
	return atomic_load(&producer->client->is_tainted);
}

/* The producer is of no more use. Its error, or why not. */
static enum weir_outcome
give_up(struct kafka_producer *producer, const char *why, struct weir_error *error)
{
	producer->phase = KAFKA_PHASE_UNKNOWN;
	weir_error_set(error, WEIR_EBROKER, "%s", why);
	return WEIR_UNKNOWN;
}

/*
 * Is a transaction open, for librdkafka's own part? What is no message is refused for that
 * first, and only then for having no topic.
 */
static bool
takes_messages(const struct kafka_producer *producer)
{
	rd_kafka_error_t *failure = rd_kafka_produceva(producer->client->rk, NULL, 0);
	bool takes = rd_kafka_error_code(failure) != RD_KAFKA_RESP_ERR__STATE;

	rd_kafka_error_destroy(failure);
	return takes;
}

/*
 * librdkafka keeps one place for the result of a call, and a call takes whatever it finds
 * there. A commit or abort that timed out, and was answered just as it was called again, leaves
 * one result too many; the next begin takes it for its own, before librdkafka's main thread has
 * begun anything (rdkafka_txnmgr.c, rd_kafka_txn_op_req0() and the COMMIT_NOT_ACKED of
 * rd_kafka_txn_op_commit_transaction(), 2.0.2 to 2.12.1). It does a moment later; what that
 * results in is thrown away, for no call waits by then.
 */
static bool
wait_begun(const struct kafka_producer *producer)
{
	const struct weir_clock *clock = producer->client->clock;
	int64_t give_up_ms = clock->monotonic_ms(clock) + BEGIN_MS;

	while (!takes_messages(producer)) {
		if (clock->monotonic_ms(clock) > give_up_ms)
			return false;
		weir__kafka_wait(1);
	}
	return true;
}

enum weir_outcome
weir__kafka_begin(struct kafka_producer *producer, struct weir_error *error)
{
	enum weir_outcome outcome;

	assert(producer->is_transactional && producer->phase != KAFKA_PHASE_OPEN);
	if (producer->is_dead || producer->phase != KAFKA_PHASE_NONE)
		return give_up(producer, "the producer has to be replaced", error);
	/* The taint may have come after the last commit was answered. */
	if (is_tainted(producer) || producer->has_gap)
		return give_up(producer, "a late request could still act: replace the producer",
		               error);
	outcome = weir__kafka_take_error(
		KAFKA_STEP_BEGIN, rd_kafka_begin_transaction(producer->client->rk),
		producer->session->config.transactional_id, error);
	if (outcome == WEIR_SUCCESS && !wait_begun(producer))
		return give_up(producer, "a transaction that was begun is not open", error);
	if (outcome == WEIR_SUCCESS) {
		producer->phase = KAFKA_PHASE_OPEN;
		producer->must_abort = false;
		producer->is_used = false;
		return WEIR_SUCCESS;
	}
	if (outcome == WEIR_FATAL)
		return WEIR_FATAL;
	return give_up(producer, "cannot begin a transaction", error);
}

/* After an error of commit or send_offsets: what the producer is now. */
static enum weir_outcome
settle(struct kafka_producer *producer, enum weir_outcome outcome, struct weir_error *error)
{
	switch (outcome) {
	case WEIR_ABORT:
		producer->phase = KAFKA_PHASE_OPEN;
		producer->must_abort = true;
		break;
	case WEIR_UNKNOWN:
		producer->phase = KAFKA_PHASE_UNKNOWN;
		break;
	case WEIR_FATAL:
		weir__kafka_client_add_complaint(producer->client, error);
		break;
	default:
		break;
	}
	return outcome;
}

static rd_kafka_resp_err_t
code_of(const rd_kafka_error_t *failure)
{
	return failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * librdkafka takes nothing more then, and its code for that says nothing; the reason it tells
 * to whoever asks for what is not to be had now. Without it a right that is missing would be
 * met again in each transaction to come, and never told.
 */
enum weir_outcome
weir__kafka_transaction_failed(struct kafka_producer *producer, enum kafka_step step,
                               struct weir_error *error)
{
	rd_kafka_error_t *failure = rd_kafka_begin_transaction(producer->client->rk);
	const char *what = weir__kafka_object(&producer->session->config, code_of(failure),
	                                      "the transaction failed");

	enum weir_outcome outcome = weir__kafka_take_error(step, failure, what, error);

	if (outcome != WEIR_SUCCESS && outcome != WEIR_AGAIN)
		return outcome;
	weir_error_set(error, WEIR_EBROKER, "librdkafka does not say why the transaction failed");
	return WEIR_ABORT;
}

/*
 * What an error of sending offsets is about. Which of several topics it is librdkafka does
 * not say; and what befell the messages before can come back here, then its text tells.
 */
static const char *
object_of_offsets(const struct kafka_session *session, rd_kafka_resp_err_t code,
                  const struct weir_offset *offsets, size_t count, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "cannot send offsets");

	if (code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED &&
	    code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return weir__kafka_object(&session->config, code, text);
	for (size_t i = 0; i < count && used < size; i++) {
		size_t first = 0;

		while (strcmp(offsets[first].topic, offsets[i].topic) != 0)
			first++;
		if (first == i)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
			                         i == 0 ? " of " : " or ", offsets[i].topic);
	}
	return text;
}

/* librdkafka sends nothing where no offset is one. */
static bool
has_places(const struct weir_offset *offsets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (offsets[i].offset >= 0)
			return true;
	}
	return false;
}

/*
 * The group's metadata comes from the live consumer alone, and only while it is a member
 * that has not lost its partitions: the broker takes offsets that carry no member from
 * anybody. Without a consumer the transactional id alone fences (weir produce --source).
 */
static enum weir_outcome
send_offsets(struct kafka_producer *producer, const struct weir_offset *offsets, size_t count,
             struct weir_error *error)
{
	struct kafka_session *session = producer->session;
	rd_kafka_consumer_group_metadata_t *metadata;
	rd_kafka_topic_partition_list_t *list;
	unsigned long answers = atomic_load(&producer->client->txn_offset_answers);
	rd_kafka_error_t *failure;
	rd_kafka_resp_err_t code;
	enum weir_outcome outcome;
	char text[256];

	if (session->consumer) {
		outcome = weir__kafka_consumer_check(session->consumer, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
		metadata = weir__kafka_member_metadata(session->consumer);
	} else {
		metadata = rd_kafka_consumer_group_metadata_new(session->config.group);
	}
	if (!metadata) {
		weir_error_set(error, WEIR_EBROKER, "%s: not a member of the group right now",
		               session->config.group);
		return WEIR_ABORT;
	}
	list = weir__kafka_offset_list(offsets, count);
	failure = rd_kafka_send_offsets_to_transaction(producer->client->rk, list, metadata,
	                                               SEND_OFFSETS_MS);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_consumer_group_metadata_destroy(metadata);
	producer->is_used = true;
	code = code_of(failure);
	if (code == RD_KAFKA_RESP_ERR__STATE) {
		rd_kafka_error_destroy(failure);
		return weir__kafka_transaction_failed(producer, KAFKA_STEP_OFFSETS, error);
	}
	outcome = weir__kafka_take_error(KAFKA_STEP_OFFSETS, failure,
	                                 object_of_offsets(session, code, offsets, count, text,
	                                                   sizeof(text)),
	                                 error);
	/* a result that was another's, see wait_begun(): these may still be on their way */
	if (outcome == WEIR_SUCCESS && has_places(offsets, count) &&
	    atomic_load(&producer->client->txn_offset_answers) == answers)
		return give_up(producer,
		               "librdkafka took offsets for sent that no broker answered", error);
	/* Fenced, or only forgotten while the broker was away? The next poll knows. */
	return outcome == WEIR_FENCED ? WEIR_ABORT : outcome;
}

/*
 * After a refused message the broker waits for its sequence number, and librdkafka (2.0.2)
 * goes on with the next: the following transaction would fail as "skipped". A new producer
 * starts anew.
 */
static enum weir_outcome
finish(struct kafka_producer *producer)
{
	producer->phase = KAFKA_PHASE_NONE;
	producer->must_abort = false;
	return is_tainted(producer) || producer->has_gap ? WEIR_TAINTED : WEIR_SUCCESS;
}

/*
 * A call that timed out before librdkafka's main thread saw it leaves its first phase queued
 * there; the results of two such count, one after the other, for the later phases of the next
 * call, which then says success although no EndTxn was answered (rdkafka_txnmgr.c,
 * rd_kafka_txn_op_req0(), 2.0.2 to 2.12.1).
 */
static bool
was_answered(const struct kafka_producer *producer)
{
	return !producer->is_used ||
	       atomic_load(&producer->client->end_answers) != producer->end_answers;
}

/* What the messages of a transaction met on their way comes back from its end. */
static enum weir_outcome
take_end(const struct kafka_producer *producer, enum kafka_step step, rd_kafka_error_t *failure,
         const char *what, struct weir_error *error)
{
	return weir__kafka_take_error(
		step, failure,
		weir__kafka_object(&producer->session->config, code_of(failure), what), error);
}

enum weir_outcome
weir__kafka_commit(struct kafka_producer *producer, const struct weir_offset *offsets,
                   size_t count, int timeout_ms, struct weir_error *error)
{
	enum weir_outcome outcome;

	assert(producer->phase != KAFKA_PHASE_NONE);
	if (producer->is_dead || producer->phase == KAFKA_PHASE_UNKNOWN)
		return give_up(producer, "the producer has to be replaced", error);
	if (producer->must_abort || producer->phase == KAFKA_PHASE_ABORT) {
		weir_error_set(error, WEIR_EBROKER, "the transaction has to be aborted");
		return WEIR_ABORT;
	}
	if (producer->phase == KAFKA_PHASE_OPEN && count > 0 && producer->session->consumer &&
	    weir__kafka_missing_holds(producer->session->consumer, timeout_ms))
		return WEIR_AGAIN;
	if (producer->phase == KAFKA_PHASE_OPEN && count > 0) {
		outcome = send_offsets(producer, offsets, count, error);
		if (outcome != WEIR_SUCCESS)
			return settle(producer, outcome, error);
	}
	if (producer->phase == KAFKA_PHASE_OPEN)
		producer->end_answers = atomic_load(&producer->client->end_answers);
	producer->phase = KAFKA_PHASE_COMMIT;
	outcome = take_end(producer, KAFKA_STEP_COMMIT,
	                   rd_kafka_commit_transaction(producer->client->rk,
	                                               slice_of(timeout_ms)),
	                   "cannot commit", error);
	if (outcome == WEIR_SUCCESS && !was_answered(producer))
		return give_up(producer, "librdkafka took a commit for done that no broker answered",
		               error);
	if (outcome == WEIR_SUCCESS) {
		if (producer->session->consumer)
			weir__kafka_note_committed(producer->session->consumer, offsets, count);
		return finish(producer);
	}
	weir__kafka_client_watch(producer->client);
	return settle(producer, outcome, error);
}

enum weir_outcome
weir__kafka_abort(struct kafka_producer *producer, int timeout_ms, struct weir_error *error)
{
	enum weir_outcome outcome;

	if (producer->phase == KAFKA_PHASE_NONE)
		return WEIR_SUCCESS;
	if (producer->is_dead || producer->phase == KAFKA_PHASE_UNKNOWN)
		return give_up(producer, "the producer has to be replaced", error);
	/* librdkafka would answer __CONFLICT, call that retriable, and go on so for ever. */
	if (producer->phase == KAFKA_PHASE_COMMIT)
		return give_up(producer, "a commit is under way", error);
	producer->phase = KAFKA_PHASE_ABORT;
	outcome = take_end(producer, KAFKA_STEP_ABORT,
	                   rd_kafka_abort_transaction(producer->client->rk,
	                                              slice_of(timeout_ms)),
	                   "cannot abort", error);
	if (outcome == WEIR_SUCCESS)
		return finish(producer);
	weir__kafka_client_watch(producer->client);
	if (outcome == WEIR_UNKNOWN)
		producer->phase = KAFKA_PHASE_UNKNOWN;
	return outcome;
}
