/*
 * Transactions of an embedded session, as the client sees them: init, begin, commit,
 * abort, replace. The broker's side is memory_txn.c.
 *
 * A producer whose EndTxn had no answer, or that was fenced, is broken: all it can be
 * told is to be replaced. Where Kafka's client would retry inside a call, AGAIN is
 * answered.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/memory_private.h>

enum weir_outcome
weir__memory_give_up(struct weir_memory_producer *producer, struct weir_error *error,
		     const char *why)
{
	producer->broken = true;
	weir_error_set(error, WEIR_EBROKER, "%s", why);
	return WEIR_UNKNOWN;
}

/* Who is fenced is told so: whoever learns it waits for a heartbeat. */
static enum weir_outcome
refused(struct weir_memory_producer *producer, enum weir_memory_answer answer,
	struct weir_error *error)
{
	if (answer == WEIR_ANSWER_FENCED)
		weir_error_set(error, WEIR_EFENCED, "the producer is fenced");
	return weir__memory_give_up(producer, error, "the producer is out of step");
}

enum weir_outcome
weir__memory_init(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_fault fault = weir__memory_fault_ask(session, WEIR_MEMORY_INIT);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(fault, &outcome, error))
		return outcome;
	if (producer->txn && !producer->ready &&
	    weir__memory_txn_init(session->memory, producer->txn, producer->timeout_ms,
				  &producer->epoch) != WEIR_ANSWER_OK)
		return WEIR_AGAIN;
	if (fault == WEIR_MEMORY_UNKNOWN_DONE)
		return WEIR_AGAIN;
	producer->ready = true;
	return WEIR_SUCCESS;
}

enum weir_outcome
weir__memory_begin(struct weir_session *base, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_fault fault = weir__memory_fault_ask(session, WEIR_MEMORY_BEGIN);
	enum weir_outcome outcome;

	if (weir__memory_fault_stops(fault, &outcome, error))
		return outcome;
	if (!producer->txn)
		return weir__memory_misuse(error, "the producer is not transactional");
	if (fault == WEIR_MEMORY_UNKNOWN_NOT || producer->broken)
		return weir__memory_give_up(producer, error,
					    "the producer must be replaced");
	if (!producer->ready)
		return weir__memory_misuse(error,
					   "the producer is not ready: init comes first");
	if (producer->in_transaction)
		return weir__memory_misuse(error, "a transaction is open already");
	producer->in_transaction = true;
	producer->registered = producer->must_abort = producer->offsets_sent = false;
	producer->serial++;
	return WEIR_SUCCESS;
}

static enum weir_outcome
send_offsets(struct weir_memory_session *session, const struct weir_offset *offsets,
	     size_t count, struct weir_error *error)
{
	struct weir_memory_producer *producer = &session->producer;
	struct weir_memory *memory = session->memory;
	enum weir_memory_answer answer;
	enum weir_outcome outcome;

	if (!session->group)
		return weir__memory_misuse(error, "offsets need a group");
	answer = weir__memory_txn_add_group(memory, producer->txn, producer->epoch,
					    session->group);
	if (answer == WEIR_ANSWER_CONCURRENT)
		return WEIR_AGAIN;
	if (answer != WEIR_ANSWER_OK)
		return refused(producer, answer, error);
	producer->registered = true;
	outcome = weir__memory_check_member(session, error);
	if (outcome != WEIR_SUCCESS) {
		producer->must_abort = true;
		return outcome;
	}
	for (size_t i = 0; i < count; i++) {
		struct weir_memory_log *log = weir__memory_find(
			memory, offsets[i].topic, offsets[i].partition, error);

		if (!log)
			return WEIR_FATAL;
		weir__memory_txn_hold(memory, producer->txn, session->group, log,
				      &offsets[i]);
	}
	producer->offsets_sent = true;
	return WEIR_SUCCESS;
}

static void
add_late_end(struct weir_memory_session *session, bool commit)
{
	const struct weir_memory_producer *producer = &session->producer;
	struct weir_memory_step step = {.type = WEIR_STEP_LATE_END,
					.txn = producer->txn,
					.epoch = producer->epoch,
					.commit = commit};

	if (producer->registered)
		weir__memory_step_add(session->memory, &step);
}

/* Send EndTxn, as far as the fault lets it through. */
static enum weir_outcome
end(struct weir_memory_session *session, bool commit, enum weir_memory_fault fault,
    struct weir_error *error)
{
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_answer answer = WEIR_ANSWER_OK;

	if (fault == WEIR_MEMORY_UNKNOWN_LATE)
		add_late_end(session, commit);
	if (fault == WEIR_MEMORY_UNKNOWN_LATE || fault == WEIR_MEMORY_UNKNOWN_NOT)
		return weir__memory_give_up(producer, error,
					    "fault: no answer to EndTxn");
	if (producer->registered)
		answer = weir__memory_txn_end(session->memory, producer->txn,
					      producer->epoch, commit);
	if (answer == WEIR_ANSWER_CONCURRENT)
		return WEIR_AGAIN;
	if (answer != WEIR_ANSWER_OK)
		return refused(producer, answer, error);
	producer->in_transaction = false;
	if (fault == WEIR_MEMORY_UNKNOWN_DONE)
		return weir__memory_give_up(producer, error,
					    "fault: no answer to EndTxn");
	if (fault == WEIR_MEMORY_TAINT) {
		/* the attempt before the one that was answered is still under way */
		add_late_end(session, commit);
		producer->tainted = true;
	}
	return producer->tainted ? WEIR_TAINTED : WEIR_SUCCESS;
}

/* What commit and abort ask first. */
static enum weir_outcome
may_end(struct weir_memory_producer *producer, struct weir_error *error)
{
	if (!producer->txn)
		return weir__memory_misuse(error, "the producer is not transactional");
	if (producer->broken)
		return weir__memory_give_up(producer, error,
					    "the producer must be replaced");
	if (!producer->in_transaction)
		return weir__memory_misuse(error, "no transaction is open");
	return WEIR_SUCCESS;
}

enum weir_outcome
weir__memory_commit(struct weir_session *base, const struct weir_offset *offsets,
		    size_t count, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_fault fault =
		weir__memory_fault_ask(session, WEIR_MEMORY_COMMIT);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(fault, &outcome, error)) {
		producer->must_abort |= outcome == WEIR_ABORT;
		return outcome;
	}
	outcome = may_end(producer, error);
	if (outcome == WEIR_SUCCESS)
		outcome = weir__memory_producer_drain(session);
	if (outcome == WEIR_SUCCESS && producer->must_abort) {
		weir_error_set(error, WEIR_EBROKER, "the transaction must be aborted");
		return WEIR_ABORT;
	}
	if (outcome == WEIR_SUCCESS && count > 0 && !producer->offsets_sent)
		outcome = send_offsets(session, offsets, count, error);
	if (outcome == WEIR_SUCCESS)
		return end(session, true, fault, error);
	if (outcome == WEIR_UNKNOWN)
		weir_error_set(error, WEIR_EFENCED, "the producer is fenced");
	return outcome;
}

enum weir_outcome
weir__memory_abort(struct weir_session *base, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_producer *producer = &session->producer;
	enum weir_memory_fault fault = weir__memory_fault_ask(session, WEIR_MEMORY_ABORT);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(fault, &outcome, error))
		return outcome;
	outcome = may_end(producer, error);
	if (outcome != WEIR_SUCCESS)
		return outcome;
	weir__memory_producer_purge(producer);
	return end(session, false, fault, error);
}

enum weir_outcome
weir__memory_replace(struct weir_session *base, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory_producer *producer = &session->producer;
	enum weir_outcome outcome;

	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_REPLACE),
				     &outcome, error))
		return outcome;
	weir__memory_producer_purge(producer);
	producer->failure_count = 0;
	producer->ready = producer->in_transaction = producer->registered = false;
	producer->must_abort = producer->broken = producer->tainted = false;
	for (size_t i = 0; i < producer->output_count; i++) {
		struct weir_memory_output *output = &producer->outputs[i];

		for (int32_t j = 0; output->topic && j < output->topic->partition_count;
		     j++)
			output->targets[j].delivered = WEIR_OFFSET_NONE;
	}
	return WEIR_SUCCESS;
}
