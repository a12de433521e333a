/*
 * What a session answers while a real broker stands still, and after it timed a transaction
 * out: calls stay bounded, and each ends as session.h says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include <broker/kafka.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

#define PATIENCE_MS 40000
#define SLICE_MS 200

static struct cluster *cluster;
static const struct weir_logger logger = {.level = WEIR_LOG_WARNING};

struct bench {
	struct weir_broker *broker;
	struct weir_session *session;
	struct weir_error error;
	char topic[64];
};

static int64_t
now_ms(void)
{
	return weir__clock_system()->monotonic_ms(weir__clock_system());
}

/* Repeat while AGAIN. */
#define WAIT(call)                                                                         \
	({                                                                                 \
		int64_t end_ = now_ms() + PATIENCE_MS;                                     \
		enum weir_outcome outcome_;                                                \
		do                                                                         \
			outcome_ = (call);                                                 \
		while (outcome_ == WEIR_AGAIN && now_ms() < end_);                         \
		outcome_;                                                                  \
	})
#define EXPECT(wanted, call)                                                               \
	do {                                                                               \
		enum weir_outcome got_ = WAIT(call);                                       \
		ck_assert_msg(got_ == (wanted), "%s: %s (%s)", #call,                      \
		              weir__outcome_name(got_), bench->error.message);             \
	} while (0)

static void
bench_open_with(struct bench *bench, const char *topic, int64_t transaction_timeout_ms,
                const struct weir_properties *settings)
{
	struct weir_properties properties = {0};
	const char *output = bench->topic;
	struct weir_session_config config = {
		.name = "faults",
		.guarantee = WEIR_EXACTLY_ONCE,
		.transactional_id = topic,
		.outputs = &output,
		.output_count = 1,
		.transaction_timeout_ms = transaction_timeout_ms,
	};

	*bench = (struct bench){0};
	snprintf(bench->topic, sizeof(bench->topic), "%s", topic);
	weir__properties_set(&properties, "bootstrap.servers", cluster_bootstrap(cluster));
	bench->broker = weir__kafka_open(&properties, &logger, NULL, &bench->error);
	weir__properties_fini(&properties);
	ck_assert_msg(bench->broker != NULL, "%s", bench->error.message);
	ck_assert_int_eq(weir__broker_topic_create(bench->broker, topic, 1, 1, settings, 20000,
	                                           &bench->error),
	                 0);
	bench->session = weir__broker_session_open(bench->broker, &config, &bench->error);
	ck_assert_msg(bench->session != NULL, "%s", bench->error.message);
	EXPECT(WEIR_SUCCESS, weir__session_init(bench->session, SLICE_MS, &bench->error));
}

static void
bench_open(struct bench *bench, const char *topic, int64_t transaction_timeout_ms)
{
	bench_open_with(bench, topic, transaction_timeout_ms, NULL);
}

static void
bench_close(struct bench *bench)
{
	weir__session_close(bench->session);
	weir__broker_close(bench->broker);
}

static void
begin_and_send(struct bench *bench, const char *value)
{
	const struct weir_message message = {.value = {value, strlen(value)},
	                                     .timestamp_ms = -1,
	                                     .partition = WEIR_BY_KEY};

	EXPECT(WEIR_SUCCESS, weir__session_begin(bench->session, &bench->error));
	EXPECT(WEIR_SUCCESS, weir__session_send(bench->session, 0, &message, 1, SLICE_MS,
	                                        &bench->error));
}

/* All committed values in order, each with a comma; one of two lists. */
static void
expect_values(struct bench *bench, const char *wanted, const char *or_wanted)
{
	const struct weir_offset place = {.topic = bench->topic};
	struct weir_reader *reader =
		weir__broker_reader_open(bench->broker, &place, 1, true, &bench->error);
	struct weir_message message;
	struct weir_offset at;
	char got[256] = "";
	int64_t low, high, end_ms = now_ms() + PATIENCE_MS;
	enum weir_event_type type;

	ck_assert_int_eq(weir__broker_range(bench->broker, bench->topic, 0, &low, &high, 5000,
	                                    &bench->error),
	                 0);
	do {
		type = weir__reader_poll(reader, SLICE_MS, &at, &message, &bench->error);
		if (type == WEIR_EVENT_RECORD)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s,",
			         (int)message.value.size, (const char *)message.value.data);
	} while (!(type == WEIR_EVENT_END && at.offset >= high) && now_ms() < end_ms);
	weir__reader_close(reader);
	ck_assert_msg(strcmp(got, wanted) == 0 || strcmp(got, or_wanted) == 0, "%s", got);
}

START_TEST(commit_waits_in_slices_while_the_broker_stands_still)
{
	struct bench here, *bench = &here;
	enum weir_outcome outcome;
	int64_t start_ms;

	bench_open(bench, "still", 15000);
	begin_and_send(bench, "a");
	cluster_pause(cluster, 1);
	start_ms = now_ms();
	for (int i = 0; i < 5; i++) {
		outcome = weir__session_commit(bench->session, NULL, 0, SLICE_MS,
		                               &bench->error);
		ck_assert_int_eq(outcome, WEIR_AGAIN);
	}
	ck_assert_int_lt(now_ms() - start_ms, 10 * SLICE_MS + 2000);
	cluster_resume(cluster, 1);
	EXPECT(WEIR_SUCCESS, weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                          &bench->error));
	expect_values(bench, "a,", "a,");
	bench_close(bench);
}
END_TEST

START_TEST(producer_is_replaced_while_the_broker_stands_still)
{
	struct bench here, *bench = &here;
	int64_t start_ms;

	bench_open(bench, "replaced", 15000);
	begin_and_send(bench, "a");
	cluster_pause(cluster, 1);
	ck_assert_int_eq(weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                      &bench->error),
	                 WEIR_AGAIN);
	ck_assert_int_eq(weir__session_abort(bench->session, SLICE_MS, &bench->error),
	                 WEIR_UNKNOWN);
	start_ms = now_ms();
	ck_assert_int_eq(weir__session_replace(bench->session, &bench->error), WEIR_SUCCESS);
	ck_assert_int_lt(now_ms() - start_ms, 3000);
	ck_assert_int_eq(weir__session_init(bench->session, SLICE_MS, &bench->error),
	                 WEIR_AGAIN);
	cluster_resume(cluster, 1);
	EXPECT(WEIR_SUCCESS, weir__session_init(bench->session, SLICE_MS, &bench->error));
	begin_and_send(bench, "b");
	EXPECT(WEIR_SUCCESS, weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                          &bench->error));
	/* the commit of "a" was on its way: that is what UNKNOWN means */
	expect_values(bench, "b,", "a,b,");
	bench_close(bench);
}
END_TEST

START_TEST(transaction_that_the_broker_timed_out_is_unknown_and_gone)
{
	const struct timespec pause = {.tv_sec = 5};
	struct bench here, *bench = &here;

	bench_open(bench, "timed-out", 1000);
	begin_and_send(bench, "a");
	while (weir__session_flush(bench->session, SLICE_MS, &bench->error) == WEIR_AGAIN)
		;
	nanosleep(&pause, NULL); /* the broker looks once a second */
	EXPECT(WEIR_UNKNOWN, weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                          &bench->error));
	bench->error = (struct weir_error){0};
	EXPECT(WEIR_SUCCESS, weir__session_replace(bench->session, &bench->error));
	EXPECT(WEIR_SUCCESS, weir__session_init(bench->session, SLICE_MS, &bench->error));
	begin_and_send(bench, "b");
	EXPECT(WEIR_SUCCESS, weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                          &bench->error));
	expect_values(bench, "b,", "b,");
	bench_close(bench);
}
END_TEST

START_TEST(session_closes_while_the_broker_is_gone)
{
	struct bench here, *bench = &here;
	int64_t start_ms;

	bench_open(bench, "gone", 15000);
	begin_and_send(bench, "a");
	cluster_pause(cluster, 1);
	start_ms = now_ms();
	bench_close(bench);
	ck_assert_int_lt(now_ms() - start_ms, 5000);
	cluster_resume(cluster, 1);
}
END_TEST

/*
 * What a topic takes of a record is more than its size; the broker refuses the whole batch,
 * and repeating it does not help.
 */
START_TEST(record_that_its_topic_does_not_take_is_refused)
{
	static const char *const settings[][2] = {{"cleanup.policy", "compact"},
	                                          {"message.timestamp.after.max.ms", "1000"}};
	struct weir_message message = {.value = {"v", 1}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	struct weir_properties properties = {0};
	struct bench here, *bench = &here;
	struct weir_delivery_failure failure = {0};
	char topic[32];

	snprintf(topic, sizeof(topic), "refuses-%d", _i);
	weir__properties_set(&properties, settings[_i][0], settings[_i][1]);
	bench_open_with(bench, topic, 15000, &properties);
	weir__properties_fini(&properties);
	if (_i == 1)
		message.timestamp_ms = weir__clock_system()->wall_ms(weir__clock_system()) +
		                       3600000;
	EXPECT(WEIR_SUCCESS, weir__session_begin(bench->session, &bench->error));
	EXPECT(WEIR_SUCCESS, weir__session_send(bench->session, 0, &message, 7, SLICE_MS,
	                                        &bench->error));
	EXPECT(WEIR_ABORT, weir__session_commit(bench->session, NULL, 0, SLICE_MS,
	                                        &bench->error));
	ck_assert_uint_eq(weir__session_failures(bench->session, &failure, 1), 1);
	ck_assert_uint_eq(failure.tag, 7);
	ck_assert_msg(failure.refused, "%s", failure.reason);
	bench_close(bench);
}
END_TEST

static struct weir_session *
member_open(struct bench *bench, const char *input)
{
	struct weir_session_config config = {
		.name = "member", .guarantee = WEIR_AT_MOST_ONCE, .group = input,
		.inputs = &input, .input_count = 1, .session_timeout_ms = 10000,
	};
	struct weir_session *session =
		weir__broker_session_open(bench->broker, &config, &bench->error);

	ck_assert_msg(session != NULL, "%s", bench->error.message);
	EXPECT(WEIR_SUCCESS, weir__session_subscribe(session, &bench->error));
	return session;
}

static void
poll_until_assigned(struct weir_session *session, struct weir_event *event)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;

	do
		weir__session_poll(session, SLICE_MS, event);
	while (event->type != WEIR_EVENT_ASSIGNED && now_ms() < end_ms);
	ck_assert_int_eq(event->type, WEIR_EVENT_ASSIGNED);
}

/* A worker that waits for its new producer cannot answer, and polls on. */
START_TEST(event_without_an_answer_comes_again_no_sooner_than_asked)
{
	struct bench here, *bench = &here;
	struct weir_session *session;
	struct weir_event event;
	int64_t start_ms;

	bench_open(bench, "unanswered", 15000);
	session = member_open(bench, "unanswered");
	poll_until_assigned(session, &event);
	start_ms = now_ms();
	for (int polls = 0; polls < 5; polls++) {
		weir__session_poll(session, SLICE_MS, &event);
		ck_assert_int_eq(event.type, WEIR_EVENT_ASSIGNED);
	}
	ck_assert_int_ge(now_ms() - start_ms, 5 * SLICE_MS);
	weir__session_close(session);
	bench_close(bench);
}
END_TEST

/*
 * A commit that was given up (its batch was aborted while the broker stood still) is answered
 * later: that answer is not the next commit's.
 */
START_TEST(answer_to_a_commit_given_up_is_not_taken_for_the_next)
{
	const char *input = "given-up";
	struct weir_offset offset = {.topic = input, .offset = 1};
	struct bench here, *bench = &here;
	struct weir_session *session;
	struct weir_event event;

	bench_open(bench, input, 15000);
	session = member_open(bench, input);
	poll_until_assigned(session, &event);
	event.partitions[0]->start = 0;
	EXPECT(WEIR_SUCCESS, weir__session_answer(session, &bench->error));
	cluster_pause(cluster, 1);
	ck_assert_int_eq(weir__session_commit_offsets(session, &offset, 1, SLICE_MS,
	                                              &bench->error),
	                 WEIR_AGAIN);
	cluster_resume(cluster, 1);
	offset.offset = 2;
	EXPECT(WEIR_SUCCESS, weir__session_commit_offsets(session, &offset, 1, SLICE_MS,
	                                                  &bench->error));
	EXPECT(WEIR_SUCCESS, weir__session_committed(session, &offset, 1, SLICE_MS,
	                                             &bench->error));
	ck_assert_int_eq(offset.offset, 2);
	weir__session_close(session);
	bench_close(bench);
}
END_TEST

START_TEST(full_queue_only_delays)
{
	struct weir_properties own = {0};
	const char *output = "full-queue";
	const struct weir_message message = {.value = {"v", 1}, .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct weir_session_config config = {
		.name = "full", .outputs = &output, .output_count = 1, .producer = &own,
	};
	struct bench here, *bench = &here;
	struct weir_session *session;
	enum weir_outcome outcome;
	int64_t low, high;
	int delays = 0;

	bench_open(bench, output, 15000);
	weir__properties_set(&own, "queue.buffering.max.messages", "5");
	session = weir__broker_session_open(bench->broker, &config, &bench->error);
	ck_assert_msg(session != NULL, "%s", bench->error.message);
	EXPECT(WEIR_SUCCESS, weir__session_init(session, SLICE_MS, &bench->error));
	for (int sent = 0; sent < 100;) {
		outcome = weir__session_send(session, 0, &message, 0, SLICE_MS, &bench->error);
		ck_assert(outcome == WEIR_SUCCESS || outcome == WEIR_AGAIN);
		sent += outcome == WEIR_SUCCESS;
		delays += outcome == WEIR_AGAIN;
	}
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE_MS, &bench->error));
	ck_assert_int_gt(delays, 0);
	ck_assert_int_eq(weir__broker_range(bench->broker, output, 0, &low, &high, 5000,
	                                    &bench->error),
	                 0);
	ck_assert_int_eq(high, 100);
	weir__session_close(session);
	weir__properties_fini(&own);
	bench_close(bench);
}
END_TEST

/* Otherwise it would wait for room in the queue for ever. */
START_TEST(message_larger_than_the_whole_queue_is_known_to_be_too_large)
{
	struct weir_properties own = {0};
	const char *output = "small-queue";
	struct weir_session_config config = {
		.name = "small", .outputs = &output, .output_count = 1, .producer = &own,
	};
	struct bench here, *bench = &here;
	struct weir_session *session;

	bench_open(bench, output, 15000);
	weir__properties_set(&own, "queue.buffering.max.kbytes", "10");
	session = weir__broker_session_open(bench->broker, &config, &bench->error);
	ck_assert_msg(session != NULL, "%s", bench->error.message);
	EXPECT(WEIR_SUCCESS, weir__session_init(session, SLICE_MS, &bench->error));
	ck_assert_uint_lt(weir__session_max_message_bytes(session, 0), 10240);
	weir__session_close(session);
	weir__properties_fini(&own);
	bench_close(bench);
}
END_TEST

static void
demand(rd_kafka_error_t *error)
{
	ck_assert_msg(!error, "%s", rd_kafka_error_string(error));
}

/* A producer of no member, whose open transaction has an offset of the group "held". */
static rd_kafka_t *
hold_back(const struct bench *bench)
{
	const char *const settings[][2] = {{"bootstrap.servers", cluster_bootstrap(cluster)},
	                                   {"transactional.id", "holder"},
	                                   {"transaction.timeout.ms", "60000"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(1);
	rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new("held");
	char text[256];
	rd_kafka_t *rk;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		ck_assert_msg(!rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text,
		                                 sizeof(text)), "%s", text);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	ck_assert_msg(rk != NULL, "%s", text);
	rd_kafka_topic_partition_list_add(offsets, bench->topic, 0)->offset = 1;
	demand(rd_kafka_init_transactions(rk, PATIENCE_MS));
	demand(rd_kafka_begin_transaction(rk));
	demand(rd_kafka_send_offsets_to_transaction(rk, offsets, group, PATIENCE_MS));
	rd_kafka_consumer_group_metadata_destroy(group);
	rd_kafka_topic_partition_list_destroy(offsets);
	return rk;
}

START_TEST(offsets_that_a_transaction_holds_back_are_told_from_no_answer)
{
	struct bench here, *bench = &here;
	struct weir_offset offset = {.topic = here.topic};
	struct weir_error why = {0};
	int64_t end_ms = now_ms() + PATIENCE_MS;
	rd_kafka_t *holder;

	bench_open(bench, "held-back", 15000);
	holder = hold_back(bench);
	do { /* it also has to find its broker in that second */
		why.code = 0;
		ck_assert_int_eq(weir__broker_committed(bench->broker, "held", &offset, 1, 1000,
		                                        &why), WEIR_ETIMEOUT);
	} while (strcmp(why.message, WEIR_HELD_BACK) != 0 && now_ms() < end_ms);
	ck_assert_str_eq(why.message, WEIR_HELD_BACK);
	cluster_pause(cluster, 1);
	why.code = 0;
	ck_assert_int_eq(weir__broker_committed(bench->broker, "held", &offset, 1, 1000, &why),
	                 WEIR_ETIMEOUT);
	ck_assert_msg(strstr(why.message, "no answer") != NULL, "%s", why.message);
	cluster_resume(cluster, 1);
	demand(rd_kafka_abort_transaction(holder, PATIENCE_MS));
	rd_kafka_destroy(holder);
	bench_close(bench);
}
END_TEST

START_TEST(transaction_timeout_beyond_the_brokers_is_refused)
{
	const char *output = "long-transactions";
	struct weir_session_config config = {
		.name = "long", .guarantee = WEIR_EXACTLY_ONCE, .transactional_id = "long",
		.outputs = &output, .output_count = 1, .transaction_timeout_ms = 16 * 60000,
	};
	struct bench here, *bench = &here;
	struct weir_session *session;

	bench_open(bench, output, 15000);
	session = weir__broker_session_open(bench->broker, &config, &bench->error);
	ck_assert_msg(session != NULL, "%s", bench->error.message);
	EXPECT(WEIR_FATAL, weir__session_init(session, SLICE_MS, &bench->error));
	ck_assert_msg(strstr(bench->error.message, "timeout"), "%s", bench->error.message);
	weir__session_close(session);
	bench_close(bench);
}
END_TEST

/* A broker that a failed test left paused would keep the following ones waiting. */
static void
resume(void)
{
	cluster_resume(cluster, 1);
}

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults of Kafka");
	TCase *tcase = tcase_create("faults");

	tcase_set_timeout(tcase, 90);
	tcase_add_checked_fixture(tcase, resume, NULL);
	tcase_add_test(tcase, commit_waits_in_slices_while_the_broker_stands_still);
	tcase_add_test(tcase, producer_is_replaced_while_the_broker_stands_still);
	tcase_add_test(tcase, transaction_that_the_broker_timed_out_is_unknown_and_gone);
	tcase_add_test(tcase, event_without_an_answer_comes_again_no_sooner_than_asked);
	tcase_add_test(tcase, answer_to_a_commit_given_up_is_not_taken_for_the_next);
	tcase_add_test(tcase, full_queue_only_delays);
	tcase_add_test(tcase, message_larger_than_the_whole_queue_is_known_to_be_too_large);
	tcase_add_loop_test(tcase, record_that_its_topic_does_not_take_is_refused, 0, 2);
	tcase_add_test(tcase, transaction_timeout_beyond_the_brokers_is_refused);
	tcase_add_test(tcase, session_closes_while_the_broker_is_gone);
	tcase_add_test(tcase, offsets_that_a_transaction_holds_back_are_told_from_no_answer);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	static const char *const options[] = {
		"-p", "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000", NULL};
	const char *why = cluster_missing();

	if (why)
		return weir_test_skip(why);
	cluster = cluster_open(1, options);
	weir_test_run(suite());
	cluster_close(cluster);
	return 0;
}
