/*
 * The one translation of librdkafka's errors into what to do.
 *
 * Knows which codes mean a twin, a missing right, a missing topic, a group that moved on;
 * for the rest asks, in this order: fatal? abort? retriable? else it counts as fatal. The
 * step an error came from decides what that is: once a commit was called, whatever is not
 * plainly an abort leaves the outcome unknown. Pure functions, any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/kafka_private.h>

struct right {
	rd_kafka_resp_err_t code;
	const char *name;
};

/* What the broker's administrator has to grant, in the words of its ACL tool. */
static const struct right rights[] = {
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
         "the right READ (input) or WRITE (output) on the topic"},
	{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "the right READ on the consumer group"},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
         "the right WRITE on the transactional id"},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
         "the right IDEMPOTENT_WRITE (or CREATE) on the cluster"},
	{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, "valid credentials"},
	{RD_KAFKA_RESP_ERR__AUTHENTICATION, "valid credentials"},
	{RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, "a SASL mechanism that the broker offers"},
};

const char *
weir__kafka_missing_right(rd_kafka_resp_err_t code)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		if (rights[i].code == code)
			return rights[i].name;
	}
	return NULL;
}

const char *
weir__kafka_object(const struct weir_session_config *config, rd_kafka_resp_err_t code,
                   const char *otherwise)
{
	if (code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
		return config->transactional_id;
	if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		return config->group;
	return otherwise;
}

static bool
is_unknown_topic(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	       code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	       code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* The broker knows this consumer no more, or not in this generation: its partitions may be
 * another member's by now. */
static bool
is_group_moved_on(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	       code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
	       code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
	       code == RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST ||
	       code == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED;
}

/* Another producer of the same transactional id was initialised, or the broker's
 * transaction timeout bumped the epoch: librdkafka cannot tell these apart (no KIP-588). */
static bool
is_producer_fenced(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
	       code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* Codes that come without flags: those that time or another broker can cure. */
static bool
is_passing(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR__WAIT_CACHE:
	case RD_KAFKA_RESP_ERR__IN_PROGRESS:
	case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
	case RD_KAFKA_RESP_ERR__RETRY:
	case RD_KAFKA_RESP_ERR__OUTDATED:
	case RD_KAFKA_RESP_ERR__INTR:
	case RD_KAFKA_RESP_ERR__BAD_MSG: /* a reply cut short by a lost connection */
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
	case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
	case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
	case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
	case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
	case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
	case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
		return true;
	default:
		return false;
	}
}

struct kafka_fault
weir__kafka_fault_code(rd_kafka_resp_err_t code)
{
	return (struct kafka_fault){.code = code,
	                            .is_fatal = code == RD_KAFKA_RESP_ERR__FATAL,
	                            .is_retriable = is_passing(code)};
}

struct kafka_fault
weir__kafka_fault(const rd_kafka_error_t *error)
{
	return (struct kafka_fault){
		.code = rd_kafka_error_code(error),
		.is_fatal = rd_kafka_error_is_fatal(error),
		.requires_abort = rd_kafka_error_txn_requires_abort(error),
		.is_retriable = rd_kafka_error_is_retriable(error),
	};
}

/* Until a commit was called a producer can be thrown away and nothing has happened. */
static enum weir_outcome
outcome_before_commit(enum kafka_step step, struct kafka_fault fault)
{
	if (fault.is_fatal || is_producer_fenced(fault.code))
		return step == KAFKA_STEP_INIT && !is_producer_fenced(fault.code)
		               ? WEIR_FATAL
		               : WEIR_UNKNOWN;
	if (is_group_moved_on(fault.code) || fault.requires_abort)
		return WEIR_ABORT;
	if (fault.is_retriable || is_passing(fault.code))
		return WEIR_AGAIN;
	if (step == KAFKA_STEP_INIT)
		return WEIR_FATAL;
	return step == KAFKA_STEP_SEND ? WEIR_ABORT : WEIR_UNKNOWN;
}

/* After it: an abort that librdkafka itself asks for, or waiting on, or not knowing. The
 * answer to a different call than the one under way (__CONFLICT: abort after an unfinished
 * commit) is called retriable by librdkafka and would be for ever. */
static enum weir_outcome
outcome_of_end(enum kafka_step step, struct kafka_fault fault)
{
	if (fault.is_fatal || is_producer_fenced(fault.code))
		return WEIR_UNKNOWN;
	if (fault.requires_abort)
		return step == KAFKA_STEP_COMMIT ? WEIR_ABORT : WEIR_UNKNOWN;
	if (fault.is_retriable && fault.code != RD_KAFKA_RESP_ERR__CONFLICT)
		return WEIR_AGAIN;
	return WEIR_UNKNOWN;
}

static bool
is_end(enum kafka_step step)
{
	return step == KAFKA_STEP_COMMIT || step == KAFKA_STEP_ABORT;
}

enum weir_outcome
weir__kafka_outcome(enum kafka_step step, struct kafka_fault fault)
{
	if (fault.code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return WEIR_SUCCESS;
	/* The only proof of a twin: the group gave our static name to another process. */
	if (fault.code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
		return WEIR_FENCED;
	/* Never a record's fault, and no repetition helps. Within a commit only where
	 * nothing can have been committed. */
	if (weir__kafka_missing_right(fault.code) &&
	    (!is_end(step) || (step == KAFKA_STEP_COMMIT && fault.requires_abort)))
		return WEIR_FATAL;
	if (is_unknown_topic(fault.code) && !is_end(step))
		return WEIR_FATAL;
	if (is_end(step))
		return outcome_of_end(step, fault);
	if (step == KAFKA_STEP_GROUP_COMMIT || step == KAFKA_STEP_POLL ||
	    step == KAFKA_STEP_QUERY) {
		if (is_group_moved_on(fault.code))
			return WEIR_ABORT;
		if (fault.is_fatal)
			return WEIR_FATAL;
		return fault.is_retriable || is_passing(fault.code) ? WEIR_AGAIN : WEIR_FATAL;
	}
	return outcome_before_commit(step, fault);
}

int
weir__kafka_error_code(rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID || is_producer_fenced(code))
		return WEIR_EFENCED;
	if (weir__kafka_missing_right(code))
		return WEIR_EDENIED;
	if (is_unknown_topic(code))
		return WEIR_ENOTFOUND;
	if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return WEIR_EEXISTS;
	if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	    code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE)
		return WEIR_ELIMIT;
	return is_passing(code) ? WEIR_ETIMEOUT : WEIR_EBROKER;
}

void
weir__kafka_error_set(struct weir_error *error, rd_kafka_resp_err_t code, const char *what,
                      const char *text)
{
	weir__kafka_chore_error_set(error, code, what, text, NULL);
}

void
weir__kafka_chore_error_set(struct weir_error *error, rd_kafka_resp_err_t code,
                            const char *what, const char *text, const char *right)
{
	bool is_named = code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	                code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;

	if (!right || !is_named)
		right = weir__kafka_missing_right(code);
	if (!text || !*text)
		text = rd_kafka_err2str(code);
	weir_error_set(error, weir__kafka_error_code(code), "%s%s%s%s%s", what ? what : "",
	               what ? ": " : "", text, right ? "; missing: " : "", right ? right : "");
}

enum weir_outcome
weir__kafka_take_error(enum kafka_step step, rd_kafka_error_t *failure, const char *what,
                       struct weir_error *error)
{
	enum weir_outcome outcome;

	if (!failure)
		return WEIR_SUCCESS;
	outcome = weir__kafka_outcome(step, weir__kafka_fault(failure));
	if (outcome != WEIR_AGAIN)
		weir__kafka_error_set(error, rd_kafka_error_code(failure), what,
		                      rd_kafka_error_string(failure));
	rd_kafka_error_destroy(failure);
	return outcome;
}

enum weir_outcome
weir__kafka_take_code(enum kafka_step step, rd_kafka_resp_err_t code, const char *what,
                      struct weir_error *error)
{
	enum weir_outcome outcome = weir__kafka_outcome(step, weir__kafka_fault_code(code));

	if (outcome != WEIR_SUCCESS && outcome != WEIR_AGAIN)
		weir__kafka_error_set(error, code, what, NULL);
	return outcome;
}
