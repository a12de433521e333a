/*
 * librdkafka's errors and what they come to, step by step; and what taints a producer, in
 * the table and through an injected fault.
 *
 * librdkafka's mock cluster proves nothing about exactly-once; here it only breaks
 * connections at the right moment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <broker/kafka_private.h>

#include "tests/harness.h"

enum { PLAIN = 0, FATAL = 1, ABORT = 2, RETRIABLE = 4 };

#define E(name) RD_KAFKA_RESP_ERR_##name

static const struct row {
	enum kafka_step step;
	rd_kafka_resp_err_t code;
	int flags;
	enum weir_outcome outcome;
} rows[] = {
	/* no error */
	{KAFKA_STEP_COMMIT, E(NO_ERROR), PLAIN, WEIR_SUCCESS},
	/* a twin, whatever else is said */
	{KAFKA_STEP_OFFSETS, E(FENCED_INSTANCE_ID), ABORT, WEIR_FENCED},
	{KAFKA_STEP_OFFSETS, E(FENCED_INSTANCE_ID), FATAL, WEIR_FENCED},
	{KAFKA_STEP_COMMIT, E(FENCED_INSTANCE_ID), ABORT, WEIR_FENCED},
	{KAFKA_STEP_GROUP_COMMIT, E(FENCED_INSTANCE_ID), PLAIN, WEIR_FENCED},
	{KAFKA_STEP_POLL, E(FENCED_INSTANCE_ID), PLAIN, WEIR_FENCED},
	/* rights and topics that are missing */
	{KAFKA_STEP_INIT, E(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), FATAL, WEIR_FATAL},
	{KAFKA_STEP_INIT, E(CLUSTER_AUTHORIZATION_FAILED), FATAL, WEIR_FATAL},
	{KAFKA_STEP_SEND, E(TOPIC_AUTHORIZATION_FAILED), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_SEND, E(UNKNOWN_TOPIC_OR_PART), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_SEND, E(_UNKNOWN_TOPIC), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_OFFSETS, E(GROUP_AUTHORIZATION_FAILED), ABORT, WEIR_FATAL},
	{KAFKA_STEP_COMMIT, E(TOPIC_AUTHORIZATION_FAILED), ABORT, WEIR_FATAL},
	{KAFKA_STEP_POLL, E(GROUP_AUTHORIZATION_FAILED), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_POLL, E(_AUTHENTICATION), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_QUERY, E(UNKNOWN_TOPIC_OR_PART), PLAIN, WEIR_FATAL},
	/* the group moved on */
	{KAFKA_STEP_OFFSETS, E(ILLEGAL_GENERATION), ABORT, WEIR_ABORT},
	{KAFKA_STEP_OFFSETS, E(UNKNOWN_MEMBER_ID), ABORT, WEIR_ABORT},
	{KAFKA_STEP_OFFSETS, E(REBALANCE_IN_PROGRESS), ABORT, WEIR_ABORT},
	{KAFKA_STEP_GROUP_COMMIT, E(ILLEGAL_GENERATION), PLAIN, WEIR_ABORT},
	{KAFKA_STEP_GROUP_COMMIT, E(UNKNOWN_MEMBER_ID), PLAIN, WEIR_ABORT},
	{KAFKA_STEP_GROUP_COMMIT, E(REBALANCE_IN_PROGRESS), PLAIN, WEIR_ABORT},
	{KAFKA_STEP_GROUP_COMMIT, E(_ASSIGNMENT_LOST), PLAIN, WEIR_ABORT},
	/* fenced producers: a timeout at the broker, or a successor */
	{KAFKA_STEP_INIT, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_BEGIN, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_SEND, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_OFFSETS, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_ABORT, E(_FENCED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(INVALID_PRODUCER_EPOCH), ABORT, WEIR_UNKNOWN},
	/* other fatal errors: 2.0.2 calls OUT_OF_ORDER_SEQUENCE one */
	{KAFKA_STEP_OFFSETS, E(OUT_OF_ORDER_SEQUENCE_NUMBER), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(OUT_OF_ORDER_SEQUENCE_NUMBER), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_INIT, E(UNSUPPORTED_VERSION), FATAL, WEIR_FATAL},
	{KAFKA_STEP_INIT, E(INVALID_TRANSACTION_TIMEOUT), FATAL, WEIR_FATAL},
	/* fatal comes before abort, abort before retriable */
	{KAFKA_STEP_COMMIT, E(_TIMED_OUT), FATAL | ABORT | RETRIABLE, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(_TIMED_OUT), ABORT | RETRIABLE, WEIR_ABORT},
	{KAFKA_STEP_COMMIT, E(_TIMED_OUT), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_OFFSETS, E(_TIMED_OUT), ABORT | RETRIABLE, WEIR_ABORT},
	{KAFKA_STEP_OFFSETS, E(_TIMED_OUT), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_INIT, E(_TIMED_OUT), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_ABORT, E(_TIMED_OUT), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_SEND, E(_QUEUE_FULL), RETRIABLE, WEIR_AGAIN},
	/* after the commit call nothing else is certain */
	{KAFKA_STEP_COMMIT, E(_STATE), PLAIN, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(UNKNOWN), PLAIN, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(TRANSACTIONAL_ID_AUTHORIZATION_FAILED), FATAL, WEIR_UNKNOWN},
	{KAFKA_STEP_COMMIT, E(_CONFLICT), RETRIABLE, WEIR_UNKNOWN},
	{KAFKA_STEP_ABORT, E(_CONFLICT), RETRIABLE, WEIR_UNKNOWN},
	{KAFKA_STEP_ABORT, E(_STATE), PLAIN, WEIR_UNKNOWN},
	/* what is left counts as fatal, for the producer or for the app */
	{KAFKA_STEP_BEGIN, E(_STATE), PLAIN, WEIR_UNKNOWN},
	{KAFKA_STEP_OFFSETS, E(_INVALID_ARG), PLAIN, WEIR_UNKNOWN},
	{KAFKA_STEP_INIT, E(_INVALID_ARG), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_SEND, E(MSG_SIZE_TOO_LARGE), PLAIN, WEIR_ABORT},
	{KAFKA_STEP_SEND, E(_MSG_TIMED_OUT), PLAIN, WEIR_ABORT},
	{KAFKA_STEP_GROUP_COMMIT, E(OFFSET_METADATA_TOO_LARGE), PLAIN, WEIR_FATAL},
	{KAFKA_STEP_GROUP_COMMIT, E(NOT_COORDINATOR), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_QUERY, E(LEADER_NOT_AVAILABLE), RETRIABLE, WEIR_AGAIN},
	{KAFKA_STEP_QUERY, E(UNSTABLE_OFFSET_COMMIT), RETRIABLE, WEIR_AGAIN},
};

START_TEST(error_comes_to_its_outcome)
{
	const struct row *row = &rows[_i];
	const struct kafka_fault fault = {
		.code = row->code,
		.is_fatal = row->flags & FATAL,
		.requires_abort = row->flags & ABORT,
		.is_retriable = row->flags & RETRIABLE,
	};
	enum weir_outcome got = weir__kafka_outcome(row->step, fault);

	ck_assert_msg(got == row->outcome, "step %d, %s, flags %d: %s, not %s", (int)row->step,
	              rd_kafka_err2name(row->code), row->flags, weir__outcome_name(got),
	              weir__outcome_name(row->outcome));
}
END_TEST

START_TEST(bare_codes_know_whether_to_try_again)
{
	ck_assert(weir__kafka_fault_code(E(_TRANSPORT)).is_retriable);
	ck_assert(weir__kafka_fault_code(E(NOT_LEADER_FOR_PARTITION)).is_retriable);
	ck_assert(!weir__kafka_fault_code(E(_INVALID_ARG)).is_retriable);
	ck_assert(weir__kafka_fault_code(E(_FATAL)).is_fatal);
}
END_TEST

START_TEST(missing_rights_are_named)
{
	struct weir_error error = {0};

	weir__kafka_error_set(&error, E(GROUP_AUTHORIZATION_FAILED), "orders", NULL);
	ck_assert_int_eq(error.code, WEIR_EDENIED);
	ck_assert_ptr_nonnull(strstr(error.message, "orders"));
	ck_assert_ptr_nonnull(strstr(error.message, "READ on the consumer group"));
}
END_TEST

static const struct taint_row {
	int16_t api_key;
	rd_kafka_resp_err_t code;
	bool taints;
} taint_rows[] = {
	{26, E(_TIMED_OUT), true},    /* EndTxn */
	{26, E(_TRANSPORT), true},
	{26, E(NO_ERROR), false},
	{24, E(_TIMED_OUT), true},    /* AddPartitionsToTxn */
	{25, E(_TRANSPORT), true},    /* AddOffsetsToTxn */
	{28, E(_TIMED_OUT), true},    /* TxnOffsetCommit */
	{0, E(_TRANSPORT), true},     /* Produce */
	{22, E(_TIMED_OUT), false},   /* InitProducerId: fences what was before */
	{3, E(_TRANSPORT), false},    /* Metadata */
	{26, E(_DESTROY), false},     /* our own end */
};

START_TEST(lost_requests_of_a_transaction_taint)
{
	const struct taint_row *row = &taint_rows[_i];

	ck_assert_int_eq(weir__kafka_taints(row->api_key, row->code), row->taints);
}
END_TEST

/* ---- through an injected fault ---- */

static const struct weir_logger logger = {.level = WEIR_LOG_WARNING};

struct mock {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	struct weir_broker *broker;
	struct weir_session *session;
	struct weir_error error;
};

#define REPEAT(mock, call)                                                                 \
	({                                                                                 \
		enum weir_outcome outcome_;                                                \
		do                                                                         \
			outcome_ = (call);                                                 \
		while (outcome_ == WEIR_AGAIN); /* the test case's timeout ends this */    \
		ck_assert_msg(outcome_ != WEIR_FATAL, "%s", (mock)->error.message);        \
		outcome_;                                                                  \
	})

static void
mock_open(struct mock *mock)
{
	static const char *const output = "out";
	struct weir_properties properties = {0};
	struct weir_session_config config = {
		.name = "mocked",
		.guarantee = WEIR_EXACTLY_ONCE,
		.transactional_id = "id",
		.outputs = &output,
		.output_count = 1,
	};
	char text[256];

	*mock = (struct mock){0};
	mock->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	mock->cluster = rd_kafka_mock_cluster_new(mock->rk, 1);
	rd_kafka_mock_topic_create(mock->cluster, output, 1, 1);
	weir__properties_set(&properties, "bootstrap.servers",
	                     rd_kafka_mock_cluster_bootstraps(mock->cluster));
	mock->broker = weir__kafka_open(&properties, &logger, NULL, &mock->error);
	weir__properties_fini(&properties);
	ck_assert_msg(mock->broker != NULL, "%s", mock->error.message);
	mock->session = weir__broker_session_open(mock->broker, &config, &mock->error);
	ck_assert_msg(mock->session != NULL, "%s", mock->error.message);
	/* the mock knows no settings of topics */
	((struct kafka_session *)mock->session)->producer->knows_limits = true;
	ck_assert_int_eq(REPEAT(mock, weir__session_init(mock->session, 1000, &mock->error)),
	                 WEIR_SUCCESS);
}

static void
mock_close(struct mock *mock)
{
	weir__session_close(mock->session);
	weir__broker_close(mock->broker);
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->rk);
}

static enum weir_outcome
transact(struct mock *mock)
{
	const struct weir_message message = {.value = {"value", 5}, .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	enum weir_outcome outcome = weir__session_begin(mock->session, &mock->error);

	if (outcome != WEIR_SUCCESS)
		return outcome;
	ck_assert_int_eq(
		REPEAT(mock, weir__session_send(mock->session, 0, &message, 1, 100, &mock->error)),
		WEIR_SUCCESS);
	return REPEAT(mock,
	              weir__session_commit(mock->session, NULL, 0, 1000, &mock->error));
}

START_TEST(commit_whose_first_try_was_lost_is_done_but_tainted)
{
	struct mock mock;

	mock_open(&mock);
	ck_assert_int_eq(transact(&mock), WEIR_SUCCESS);
	rd_kafka_mock_push_request_errors(mock.cluster, 26 /* EndTxn */, 1,
	                                  RD_KAFKA_RESP_ERR__TRANSPORT);
	ck_assert_int_eq(transact(&mock), WEIR_TAINTED);
	/* it is of no more use until it is replaced */
	ck_assert_int_eq(transact(&mock), WEIR_UNKNOWN);
	ck_assert_int_eq(weir__session_replace(mock.session, &mock.error), WEIR_SUCCESS);
	ck_assert_int_eq(
		REPEAT(&mock, weir__session_init(mock.session, 1000, &mock.error)), WEIR_SUCCESS);
	ck_assert_int_eq(transact(&mock), WEIR_SUCCESS);
	mock_close(&mock);
}
END_TEST

START_TEST(producer_fenced_within_a_commit_leaves_it_unknown)
{
	struct mock mock;

	mock_open(&mock);
	rd_kafka_mock_push_request_errors(mock.cluster, 26, 1,
	                                  RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
	ck_assert_int_eq(transact(&mock), WEIR_UNKNOWN);
	ck_assert_int_eq(weir__session_abort(mock.session, 100, &mock.error), WEIR_UNKNOWN);
	mock_close(&mock);
}
END_TEST

START_TEST(abort_within_an_unfinished_commit_does_not_spin)
{
	const struct weir_message message = {.value = {"value", 5}, .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct mock mock;

	mock_open(&mock);
	ck_assert_int_eq(weir__session_begin(mock.session, &mock.error), WEIR_SUCCESS);
	ck_assert_int_eq(
		REPEAT(&mock, weir__session_send(mock.session, 0, &message, 1, 100, &mock.error)),
		WEIR_SUCCESS);
	rd_kafka_mock_broker_set_rtt(mock.cluster, 1, 5000);
	ck_assert_int_eq(weir__session_commit(mock.session, NULL, 0, 200, &mock.error), WEIR_AGAIN);
	ck_assert_int_eq(weir__session_abort(mock.session, 200, &mock.error), WEIR_UNKNOWN);
	rd_kafka_mock_broker_set_rtt(mock.cluster, 1, 0);
	mock_close(&mock);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("errors of librdkafka");
	TCase *table = tcase_create("table");
	TCase *mocked = tcase_create("mocked");

	tcase_add_loop_test(table, error_comes_to_its_outcome, 0,
	                    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(table, bare_codes_know_whether_to_try_again);
	tcase_add_test(table, missing_rights_are_named);
	tcase_add_loop_test(table, lost_requests_of_a_transaction_taint, 0,
	                    sizeof(taint_rows) / sizeof(taint_rows[0]));
	suite_add_tcase(suite, table);
	tcase_set_timeout(mocked, 60);
	tcase_add_test(mocked, commit_whose_first_try_was_lost_is_done_but_tainted);
	tcase_add_test(mocked, producer_fenced_within_a_commit_leaves_it_unknown);
	tcase_add_test(mocked, abort_within_an_unfinished_commit_does_not_spin);
	suite_add_tcase(suite, mocked);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
