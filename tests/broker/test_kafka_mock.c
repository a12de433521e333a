/*
 * What needs no real Kafka but librdkafka's mock cluster: questions about a partition that
 * has no leader, a timestamp that librdkafka cannot send, calls of a transaction that it takes
 * for done, and a handle that it does not end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <broker/kafka.h>
#include <broker/kafka_private.h>

#include "tests/harness.h"

#define NO_LEADER (-1)
#define PATIENCE_MS 1000

static int line_count; /* that speak of a timestamp */
static void
count_line(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level;
	line_count += strstr(line, "timestamp=0") != NULL;
}

static const struct weir_logger logger = {.level = WEIR_LOG_WARNING, .write = count_line};
static rd_kafka_t *mock_client; /* whose only use is the mock cluster */
static rd_kafka_mock_cluster_t *mock;
static struct weir_broker *broker;
static struct weir_error error;

static void
set_up(void)
{
	struct weir_properties properties = {0};
	char text[256];

	memset(&error, 0, sizeof(error));
	mock_client = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
	ck_assert_ptr_nonnull(mock_client);
	mock = rd_kafka_mock_cluster_new(mock_client, 1);
	ck_assert_int_eq(rd_kafka_mock_topic_create(mock, "orders", 2, 1), 0);
	weir__properties_set(&properties, "bootstrap.servers",
	                     rd_kafka_mock_cluster_bootstraps(mock));
	broker = weir__kafka_open(&properties, &logger, NULL, &error);
	weir__properties_fini(&properties);
	ck_assert_msg(broker != NULL, "%s", error.message);
	ck_assert_int_eq(rd_kafka_mock_partition_set_leader(mock, "orders", 1, NO_LEADER), 0);
}

static void
tear_down(void)
{
	weir__broker_close(broker);
	rd_kafka_mock_cluster_destroy(mock);
	rd_kafka_destroy(mock_client);
}

START_TEST(range_of_a_partition_without_leader_says_so)
{
	int64_t low, high;

	int code = weir__broker_range(broker, "orders", 1, &low, &high, PATIENCE_MS, &error);

	ck_assert_msg(code == WEIR_ETIMEOUT, "%d: %s", code, error.message);
	ck_assert_msg(strstr(error.message, "orders[1] has no leader") != NULL, "%s",
	              error.message);
}
END_TEST

START_TEST(offset_of_a_time_in_a_partition_without_leader_says_so)
{
	int64_t offset;
	int code =
		weir__broker_offset_at(broker, "orders", 1, 1000, &offset, PATIENCE_MS, &error);

	ck_assert_msg(code == WEIR_ETIMEOUT, "%d: %s", code, error.message);
	ck_assert_msg(strstr(error.message, "orders[1] has no leader") != NULL, "%s",
	              error.message);
}
END_TEST

START_TEST(a_partition_beside_it_answers)
{
	int64_t low, high;

	ck_assert_int_eq(
		weir__broker_range(broker, "orders", 0, &low, &high, PATIENCE_MS, &error), 0);
	ck_assert_int_eq(high, 0);
}
END_TEST

START_TEST(a_broker_that_is_gone_is_not_called_a_missing_leader)
{
	int64_t low, high;

	ck_assert_int_eq(rd_kafka_mock_broker_set_down(mock, 1), 0);
	ck_assert_int_eq(
		weir__broker_range(broker, "orders", 0, &low, &high, PATIENCE_MS, &error),
		WEIR_ETIMEOUT);
	ck_assert_msg(strstr(error.message, "orders[0]: no answer in time") != NULL, "%s",
	              error.message);
}
END_TEST

static int forgotten; /* so many questions librdkafka answers by itself */

/* In place of librdkafka's: what it remembers is old for some milliseconds only. */
rd_kafka_resp_err_t
rd_kafka_query_watermark_offsets(rd_kafka_t *rk, const char *topic, int32_t partition,
                                 int64_t *low, int64_t *high, int timeout_ms)
{
	rd_kafka_resp_err_t (*real)(rd_kafka_t *, const char *, int32_t, int64_t *, int64_t *,
	                            int);

	if (forgotten-- > 0)
		return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_query_watermark_offsets");
	return real(rk, topic, partition, low, high, timeout_ms);
}

START_TEST(a_partition_that_librdkafka_believes_gone_is_asked_for)
{
	int64_t low, high;

	forgotten = 1;
	ck_assert_int_eq(
		weir__broker_range(broker, "orders", 0, &low, &high, PATIENCE_MS, &error), 0);
	ck_assert_int_eq(high, 0);
}
END_TEST

static void *
describe_in_vain(void *opaque)
{
	static const char *const topic = "orders";
	struct weir_cluster_info info = {0};
	struct weir_error own = {0};

	*(int *)opaque = weir__broker_describe(broker, &topic, 1, &info, PATIENCE_MS, &own);
	if (strstr(own.message, "no answer in time") == NULL)
		*(int *)opaque = WEIR_EBROKER;
	weir__cluster_info_fini(&info);
	return NULL;
}

/* What they are told they are told through one client; ThreadSanitizer looks on. */
START_TEST(threads_that_ask_a_broker_that_is_gone_are_all_told_so)
{
	pthread_t threads[3];
	int codes[3];

	ck_assert_int_eq(rd_kafka_mock_broker_set_down(mock, 1), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, describe_in_vain, &codes[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(codes[i], WEIR_ETIMEOUT);
	}
}
END_TEST

/* ---- timestamps ---- */

static void
send_at(struct weir_session *session, int64_t timestamp_ms)
{
	const struct weir_message message = {.value = {"v", 1}, .timestamp_ms = timestamp_ms,
					     .partition = WEIR_BY_KEY};
	enum weir_outcome outcome;

	do
		outcome = weir__session_send(session, 0, &message, 1, PATIENCE_MS, &error);
	while (outcome == WEIR_AGAIN);
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
}

static struct weir_session *
open_session(void)
{
	static const char *const output = "orders";
	const struct weir_session_config config = {.name = "times",
	                                           .guarantee = WEIR_AT_LEAST_ONCE,
	                                           .outputs = &output,
	                                           .output_count = 1};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	/* the mock knows no settings of topics */
	((struct kafka_session *)session)->producer->knows_limits = true;
	ck_assert_int_eq(rd_kafka_mock_partition_set_leader(mock, "orders", 1, 1), 0);
	return session;
}

/* The times of the first `count` records, partition after partition. */
static void
read_times(int64_t *times, int count)
{
	const struct weir_offset places[] = {{"orders", 0, 0, NULL}, {"orders", 1, 0, NULL}};
	struct weir_reader *reader = weir__broker_reader_open(broker, places, 2, false, &error);
	int polls = 0;

	ck_assert_msg(reader != NULL, "%s", error.message);
	for (int got = 0; got < count && polls < 200; polls++) {
		struct weir_offset place;
		struct weir_message message;

		if (weir__reader_poll(reader, 100, &place, &message, &error) ==
		    WEIR_EVENT_RECORD)
			times[got++] = message.timestamp_ms;
	}
	weir__reader_close(reader);
	ck_assert_int_lt(polls, 200);
}

START_TEST(timestamp_0_is_sent_as_1_and_said_once)
{
	struct weir_session *session = open_session();
	int64_t times[2];

	send_at(session, 0);
	send_at(session, 0);
	ck_assert_int_eq(weir__session_flush(session, 20 * PATIENCE_MS, &error), WEIR_SUCCESS);
	weir__session_close(session);
	ck_assert_int_eq(line_count, 1);
	read_times(times, 2);
	ck_assert_int_eq(times[0], 1);
	ck_assert_int_eq(times[1], 1);
}
END_TEST

START_TEST(a_record_without_timestamp_gets_the_time_and_no_word)
{
	struct weir_session *session = open_session();
	int64_t begin_ms = weir__clock_system()->wall_ms(weir__clock_system());
	int64_t time_ms;

	send_at(session, -1);
	ck_assert_int_eq(weir__session_flush(session, 20 * PATIENCE_MS, &error), WEIR_SUCCESS);
	weir__session_close(session);
	ck_assert_int_eq(line_count, 0);
	read_times(&time_ms, 1);
	ck_assert_int_ge(time_ms, begin_ms);
}
END_TEST

/* ---- calls of a transaction that librdkafka takes for done ---- */

static bool takes_for_done, takes_for_begun, takes_for_sent;
static pthread_t late_thread;

/* In place of librdkafka's: a stall of its main thread cannot be had at will. */
static void *
begin_late(void *rk)
{
	rd_kafka_error_t *(*real)(rd_kafka_t *);

	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_begin_transaction");
	usleep(200 * 1000);
	rd_kafka_error_destroy(real(rk));
	return NULL;
}

rd_kafka_error_t *
rd_kafka_begin_transaction(rd_kafka_t *rk)
{
	rd_kafka_error_t *(*real)(rd_kafka_t *);

	if (takes_for_begun) {
		takes_for_begun = false;
		pthread_create(&late_thread, NULL, begin_late, rk);
		return NULL;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_begin_transaction");
	return real(rk);
}

rd_kafka_error_t *
rd_kafka_send_offsets_to_transaction(rd_kafka_t *rk,
                                     const rd_kafka_topic_partition_list_t *offsets,
                                     const rd_kafka_consumer_group_metadata_t *metadata,
                                     int timeout_ms)
{
	rd_kafka_error_t *(*real)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *,
	                          const rd_kafka_consumer_group_metadata_t *, int);

	if (takes_for_sent)
		return NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_send_offsets_to_transaction");
	return real(rk, offsets, metadata, timeout_ms);
}

rd_kafka_error_t *
rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
	rd_kafka_error_t *(*real)(rd_kafka_t *, int);

	if (takes_for_done)
		return NULL;
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_commit_transaction");
	return real(rk, timeout_ms);
}

static struct weir_session *
begin_transaction(void)
{
	static const char *const output = "orders";
	const struct weir_session_config config = {
		.name = "commits",
		.guarantee = WEIR_EXACTLY_ONCE,
		.group = "app",
		.transactional_id = "app/one/0",
		.outputs = &output,
		.output_count = 1,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = 10000,
	};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);
	enum weir_outcome outcome;

	ck_assert_msg(session != NULL, "%s", error.message);
	((struct kafka_session *)session)->producer->knows_limits = true;
	do
		outcome = weir__session_init(session, PATIENCE_MS, &error);
	while (outcome == WEIR_AGAIN);
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	ck_assert_int_eq(weir__session_begin(session, &error), WEIR_SUCCESS);
	return session;
}

static enum weir_outcome
commit(struct weir_session *session)
{
	const struct weir_offset place = {"orders", 0, 1, NULL};
	enum weir_outcome outcome;

	do
		outcome = weir__session_commit(session, &place, 1, PATIENCE_MS, &error);
	while (outcome == WEIR_AGAIN);
	return outcome;
}

START_TEST(a_commit_that_no_broker_answered_is_unknown)
{
	struct weir_session *session = begin_transaction();

	takes_for_done = true;
	ck_assert_int_eq(commit(session), WEIR_UNKNOWN);
	ck_assert_msg(strstr(error.message, "no broker answered") != NULL, "%s", error.message);
	weir__session_close(session);
}
END_TEST

START_TEST(a_commit_that_was_answered_is_done)
{
	struct weir_session *session = begin_transaction();
	enum weir_outcome outcome = commit(session);

	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	weir__session_close(session);
}
END_TEST

START_TEST(a_transaction_that_begins_late_is_waited_for)
{
	struct weir_session *session;
	enum weir_outcome outcome;

	ck_assert_int_eq(rd_kafka_mock_partition_set_leader(mock, "orders", 1, 1), 0);
	takes_for_begun = true;
	session = begin_transaction();
	send_at(session, -1);
	pthread_join(late_thread, NULL);
	outcome = commit(session);
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	weir__session_close(session);
}
END_TEST

START_TEST(a_commit_whose_offsets_no_broker_answered_is_unknown)
{
	struct weir_session *session;

	ck_assert_int_eq(rd_kafka_mock_partition_set_leader(mock, "orders", 1, 1), 0);
	session = begin_transaction();
	send_at(session, -1);
	takes_for_sent = true;
	ck_assert_int_eq(commit(session), WEIR_UNKNOWN);
	ck_assert_msg(strstr(error.message, "no broker answered") != NULL, "%s", error.message);
	weir__session_close(session);
}
END_TEST

START_TEST(a_transaction_with_nothing_in_it_needs_no_answer)
{
	struct weir_session *session = begin_transaction();
	enum weir_outcome outcome = weir__session_commit(session, NULL, 0, PATIENCE_MS, &error);

	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	weir__session_close(session);
}
END_TEST

/* ---- offsets of which a coordinator says that there are none ---- */

static int denials; /* so many questions are answered with "none" */

/* In place of librdkafka's: of a coordinator that gives its groups away just then. */
rd_kafka_resp_err_t
rd_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
	(void)rk, (void)timeout_ms;
	for (int i = 0; i < list->cnt; i++) {
		list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
		list->elems[i].offset = denials > 0 ? RD_KAFKA_OFFSET_INVALID : 42;
	}
	denials--;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int64_t
committed_after(int count)
{
	static const char *const input = "orders";
	const struct weir_session_config config = {
		.name = "offsets", .group = "app", .inputs = &input, .input_count = 1};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);
	struct weir_offset place = {"orders", 0, 0, NULL};
	enum weir_outcome outcome;

	ck_assert_msg(session != NULL, "%s", error.message);
	denials = count;
	outcome = weir__session_committed(session, &place, 1, PATIENCE_MS, &error);
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	weir__session_close(session);
	return place.offset;
}

START_TEST(no_offset_is_not_believed_at_once)
{
	ck_assert_int_eq(committed_after(1), 42);
}
END_TEST

START_TEST(no_offset_is_believed_when_it_is_said_twice)
{
	ck_assert_int_eq(committed_after(2), WEIR_OFFSET_NONE);
}
END_TEST

/* ---- a resume ---- */

static struct {
	int count;
	int64_t offset; /* of the last */
} seeks;

rd_kafka_error_t *
rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
	rd_kafka_error_t *(*real)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);

	seeks.count++;
	seeks.offset = list->elems[0].offset;
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_seek_partitions");
	return real(rk, list, timeout_ms);
}

/* How long its fetching thread would sleep otherwise is not to be had without a clock. */
START_TEST(a_resume_seeks_to_where_the_partition_goes_on)
{
	static const char *const input = "orders";
	const struct weir_session_config config = {
		.name = "reader", .group = "app", .inputs = &input, .input_count = 1};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);
	struct kafka_partition partition = {.base = {.topic = "orders"}, .position = 7};
	struct kafka_consumer *consumer;

	ck_assert_msg(session != NULL, "%s", error.message);
	consumer = ((struct kafka_session *)session)->consumer;
	weir__kafka_resume(consumer, &partition); /* it is not paused */
	ck_assert_int_eq(seeks.count, 0);
	weir__kafka_pause(consumer, &partition, true);
	weir__kafka_resume(consumer, &partition);
	ck_assert_int_eq(seeks.count, 1);
	ck_assert_int_eq(seeks.offset, 7);
	weir__session_close(session);
}
END_TEST

/* ---- a handle that does not end ---- */

static atomic_bool never_ends;

/* In place of librdkafka's: what makes it wait for ever is a race of its threads. */
void
rd_kafka_destroy_flags(rd_kafka_t *rk, int flags)
{
	void (*real)(rd_kafka_t *, int);

	while (never_ends)
		pause();
	*(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_destroy_flags");
	real(rk, flags);
}

void
rd_kafka_destroy(rd_kafka_t *rk)
{
	rd_kafka_destroy_flags(rk, 0);
}

START_TEST(a_handle_that_does_not_end_is_left_behind)
{
	static const char *const input = "orders";
	const struct weir_session_config config = {
		.name = "reader", .group = "app", .inputs = &input, .input_count = 1};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	ck_assert_int_eq(weir__session_subscribe(session, &error), WEIR_SUCCESS);
	never_ends = true;
	weir__session_close(session); /* the test case's timeout ends this */
	never_ends = false;           /* those of the fixture; the one of before waits on */
}
END_TEST

START_TEST(a_producer_that_does_not_end_is_left_behind)
{
	struct weir_session *session = open_session();

	send_at(session, -1);
	never_ends = true;
	ck_assert_int_eq(weir__session_replace(session, &error), WEIR_SUCCESS);
	never_ends = false;
	((struct kafka_session *)session)->producer->knows_limits = true;
	send_at(session, -1);
	ck_assert_int_eq(weir__session_flush(session, 20 * PATIENCE_MS, &error), WEIR_SUCCESS);
	weir__session_close(session);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("over a mock cluster");
	TCase *cases = tcase_create("mock");

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, range_of_a_partition_without_leader_says_so);
	tcase_add_test(cases, offset_of_a_time_in_a_partition_without_leader_says_so);
	tcase_add_test(cases, a_partition_beside_it_answers);
	tcase_add_test(cases, a_partition_that_librdkafka_believes_gone_is_asked_for);
	tcase_add_test(cases, a_broker_that_is_gone_is_not_called_a_missing_leader);
	tcase_add_test(cases, threads_that_ask_a_broker_that_is_gone_are_all_told_so);
	tcase_add_test(cases, a_commit_that_no_broker_answered_is_unknown);
	tcase_add_test(cases, a_commit_that_was_answered_is_done);
	tcase_add_test(cases, a_transaction_that_begins_late_is_waited_for);
	tcase_add_test(cases, a_commit_whose_offsets_no_broker_answered_is_unknown);
	tcase_add_test(cases, a_transaction_with_nothing_in_it_needs_no_answer);
	tcase_add_test(cases, timestamp_0_is_sent_as_1_and_said_once);
	tcase_add_test(cases, a_record_without_timestamp_gets_the_time_and_no_word);
	tcase_add_test(cases, no_offset_is_not_believed_at_once);
	tcase_add_test(cases, no_offset_is_believed_when_it_is_said_twice);
	tcase_add_test(cases, a_resume_seeks_to_where_the_partition_goes_on);
	tcase_add_test(cases, a_handle_that_does_not_end_is_left_behind);
	tcase_add_test(cases, a_producer_that_does_not_end_is_left_behind);
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	return weir_test_run(suite());
}
