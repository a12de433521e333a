/*
 * A right that is taken away shows in whichever request comes next. Each of a transaction's
 * requests is refused in turn by librdkafka's mock cluster: what stops the app always names
 * both the right and what it is missing to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <broker/kafka.h>
#include <broker/kafka_private.h>

#include "tests/harness.h"

#define SLICE_MS 200
#define REFUSALS 20 /* more than anybody asks */
#define OF_ID RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
#define OF_GROUP RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
#define OF_TOPIC RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED
#define TO_ID "WRITE on the transactional id"
#define TO_GROUP "READ on the consumer group"
#define TO_TOPIC "READ (input) or WRITE (output) on the topic"

/* Request kinds of the Kafka protocol. */
enum api {
	PRODUCE = 0,
	OFFSET_FETCH = 9,
	FIND_COORDINATOR = 10,
	INIT_PRODUCER_ID = 22,
	ADD_PARTITIONS = 24,
	ADD_OFFSETS = 25,
	END_TXN = 26,
	TXN_OFFSET_COMMIT = 28
};

static rd_kafka_t *client; /* whose only use is the mock cluster */
static rd_kafka_mock_cluster_t *mock;
static struct weir_broker *broker;
static const struct weir_logger logger = {.level = WEIR_LOG_ERROR};

static void
set_up(void)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	char text[256];

	client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	ck_assert_ptr_nonnull(client);
	mock = rd_kafka_mock_cluster_new(client, 1);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "bills", 1, 1), 0);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "orders", 1, 1), 0);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "returns", 1, 1), 0);
	weir__properties_set(&properties, "bootstrap.servers",
	                     rd_kafka_mock_cluster_bootstraps(mock));
	broker = weir__kafka_open(&properties, &logger, NULL, &error);
	weir__properties_fini(&properties);
	ck_assert_msg(broker != NULL, "%s", error.message);
}

static void
tear_down(void)
{
	weir__broker_close(broker);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(client);
}

static void
refuse(enum api api, rd_kafka_resp_err_t code)
{
	for (int count = 0; count < REFUSALS; count++)
		rd_kafka_mock_push_request_errors(mock, (int16_t)api, 1, code);
}

static struct weir_session *
open_session(void)
{
	static const char *const output = "bills";
	const struct weir_session_config config = {
		.name = "rights",
		.guarantee = WEIR_EXACTLY_ONCE,
		.group = "the-group",
		.transactional_id = "the-id",
		.outputs = &output,
		.output_count = 1,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = 10000,
	};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	/* the mock knows no settings of topics */
	((struct kafka_session *)session)->producer->knows_limits = true;
	return session;
}

/* Each call again while it says so; the test case's timeout ends this. */
#define REPEAT(call)                                                                           \
	({                                                                                     \
		enum weir_outcome outcome_;                                                    \
		while ((outcome_ = (call)) == WEIR_AGAIN)                                      \
			;                                                                      \
		outcome_;                                                                      \
	})

/* A transaction as the worker makes it, up to what stops it; that is in *error. */
static enum weir_outcome
run_transaction(struct weir_session *session, bool flushes, struct weir_error *error)
{
	static const struct weir_offset offsets[] = {{"orders", 0, 1, NULL},
	                                             {"returns", 0, 1, NULL}};
	const struct weir_message message = {
		.value = {"v", 1}, .timestamp_ms = -1, .partition = WEIR_BY_KEY};
	struct weir_delivery_failure failure = {0};
	enum weir_outcome outcome = weir__session_begin(session, error);

	if (outcome == WEIR_SUCCESS)
		outcome = REPEAT(weir__session_send(session, 0, &message, 1, SLICE_MS, error));
	if (outcome == WEIR_SUCCESS && flushes)
		outcome = REPEAT(weir__session_flush(session, SLICE_MS, error));
	if (outcome == WEIR_SUCCESS && weir__session_failures(session, &failure, 1)) {
		weir_error_set(error, WEIR_EBROKER, "%s", failure.reason);
		return failure.outcome;
	}
	if (outcome == WEIR_SUCCESS && flushes) /* refused before a second one is sent? */
		outcome = REPEAT(weir__session_send(session, 0, &message, 1, SLICE_MS, error));
	if (outcome == WEIR_SUCCESS)
		outcome = REPEAT(weir__session_commit(session, offsets, 2, SLICE_MS, error));
	return outcome;
}

static const struct row {
	enum api api;
	bool flushes;
	rd_kafka_resp_err_t code;
	const char *what, *right;
} rows[] = {
	{ADD_PARTITIONS, false, OF_ID, "the-id", TO_ID},
	{ADD_PARTITIONS, true, OF_ID, "the-id", TO_ID},
	{PRODUCE, false, OF_ID, "the-id", TO_ID},
	{PRODUCE, true, OF_ID, "the-id", TO_ID},
	{ADD_OFFSETS, false, OF_ID, "the-id", TO_ID},
	{TXN_OFFSET_COMMIT, false, OF_ID, "the-id", TO_ID},
	{END_TXN, false, OF_ID, "the-id", TO_ID},
	{ADD_OFFSETS, false, OF_GROUP, "the-group", TO_GROUP},
	{TXN_OFFSET_COMMIT, false, OF_GROUP, "the-group", TO_GROUP},
	{ADD_PARTITIONS, false, OF_TOPIC, "bills", TO_TOPIC},
	{ADD_PARTITIONS, true, OF_TOPIC, "bills", TO_TOPIC},
	{PRODUCE, false, OF_TOPIC, "bills", TO_TOPIC},
	{PRODUCE, true, OF_TOPIC, "bills", TO_TOPIC},
	/* which of the two is not said */
	{TXN_OFFSET_COMMIT, false, OF_TOPIC, "orders or returns", TO_TOPIC},
};

START_TEST(right_that_is_missing_to_a_request_is_named)
{
	const struct row *row = &rows[_i];
	struct weir_session *session = open_session();
	struct weir_error error = {0};
	enum weir_outcome outcome;

	ck_assert_int_eq(REPEAT(weir__session_init(session, SLICE_MS, &error)), WEIR_SUCCESS);
	refuse(row->api, row->code);
	outcome = run_transaction(session, row->flushes, &error);
	if (outcome == WEIR_UNKNOWN) { /* where the next producer meets it */
		refuse(FIND_COORDINATOR, row->code);
		ck_assert_int_eq(weir__session_replace(session, &error), WEIR_SUCCESS);
		error = (struct weir_error){0};
		outcome = REPEAT(weir__session_init(session, SLICE_MS, &error));
	}
	ck_assert_msg(outcome == WEIR_FATAL, "%d: %s", outcome, error.message);
	ck_assert_msg(strstr(error.message, row->what) && strstr(error.message, row->right),
	              "request %d: \"%s\" does not say \"%s\" and \"%s\"", row->api,
	              error.message, row->what, row->right);
	weir__session_close(session);
}
END_TEST

static const enum api at_start[] = {FIND_COORDINATOR, INIT_PRODUCER_ID};

START_TEST(right_to_the_transactional_id_that_is_missing_at_start_is_named)
{
	struct weir_session *session = open_session();
	struct weir_error error = {0};

	refuse(at_start[_i], OF_ID);
	ck_assert_int_eq(REPEAT(weir__session_init(session, SLICE_MS, &error)), WEIR_FATAL);
	ck_assert_msg(strstr(error.message, "the-id") && strstr(error.message, TO_ID), "%s",
	              error.message);
	weir__session_close(session);
}
END_TEST

static const enum api of_places[] = {FIND_COORDINATOR, OFFSET_FETCH};

START_TEST(right_to_the_group_that_is_missing_for_its_offsets_is_named)
{
	struct weir_offset place = {"orders", 0, WEIR_OFFSET_NONE, NULL};
	struct weir_session *session = open_session();
	struct weir_error error = {0};

	refuse(of_places[_i], OF_GROUP);
	ck_assert_int_eq(REPEAT(weir__session_committed(session, &place, 1, SLICE_MS, &error)),
	                 WEIR_FATAL);
	ck_assert_msg(strstr(error.message, "the-group") && strstr(error.message, TO_GROUP), "%s",
	              error.message);
	weir__session_close(session);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("rights that are missing");
	TCase *cases = tcase_create("mock");

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_loop_test(cases, right_that_is_missing_to_a_request_is_named, 0,
	                    sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(cases, right_to_the_transactional_id_that_is_missing_at_start_is_named,
	                    0, 2);
	tcase_add_loop_test(cases, right_to_the_group_that_is_missing_for_its_offsets_is_named, 0,
	                    2);
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	return weir_test_run(suite());
}
