/*
 * What a session bounds, on a real Kafka: the size of a message where its topic takes any,
 * and its own end where the broker does not answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

#define POLLS 200
#define SLICE_MS 200
#define LONGEST_CLOSE_MS 15000

static struct cluster *cluster;
static const struct weir_logger logger = {.level = WEIR_LOG_WARNING};

static int64_t
now_ms(void)
{
	return weir__clock_system()->monotonic_ms(weir__clock_system());
}

static struct weir_broker *
open_with_topic(const char *topic, const struct weir_properties *settings)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", cluster_bootstrap(cluster));
	broker = weir__kafka_open(&properties, &logger, NULL, &error);
	weir__properties_fini(&properties);
	ck_assert_msg(broker != NULL, "%s", error.message);
	ck_assert_msg(weir__broker_topic_create(broker, topic, 1, 1, settings, 20000,
	                                        &error) == 0,
	              "%s", error.message);
	return broker;
}

/* As a topic is set whose owner wants no limit; librdkafka cannot be set to it. */
START_TEST(topic_that_takes_any_size_is_bounded_by_what_the_producer_holds)
{
	const char *output = "any-size";
	const struct weir_session_config config = {.name = "bounds", .outputs = &output,
		                                   .output_count = 1};
	struct weir_properties settings = {0};
	struct weir_error error = {0};
	struct weir_session *session;
	struct weir_broker *broker;
	enum weir_outcome outcome;

	weir__properties_set(&settings, "max.message.bytes", "2147483647");
	broker = open_with_topic(output, &settings);
	weir__properties_fini(&settings);
	session = weir__broker_session_open(broker, &config, &error);
	ck_assert_msg(session != NULL, "%s", error.message);
	do
		outcome = weir__session_init(session, SLICE_MS, &error);
	while (outcome == WEIR_AGAIN);
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	ck_assert_uint_gt(weir__session_max_message_bytes(session, 0), 100 << 20);
	ck_assert_uint_lt(weir__session_max_message_bytes(session, 0), 128 << 20);
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

static struct weir_session *
join(struct weir_broker *broker, const char *input)
{
	const struct weir_session_config config = {
		.name = "bounds", .guarantee = WEIR_AT_LEAST_ONCE, .group = input,
		.inputs = &input, .input_count = 1, .session_timeout_ms = 10000};
	struct weir_session *session = weir__broker_session_open(broker, &config, NULL);
	struct weir_event event = {0};

	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(weir__session_subscribe(session, NULL), WEIR_SUCCESS);
	for (int i = 0; i < POLLS && event.type != WEIR_EVENT_ASSIGNED; i++)
		weir__session_poll(session, SLICE_MS, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_ASSIGNED);
	event.partitions[0]->start = 0;
	ck_assert_int_eq(weir__session_answer(session, NULL), WEIR_SUCCESS);
	return session;
}

/* librdkafka's own end waits for the answer: minutes. */
START_TEST(member_closes_while_its_commit_has_no_answer)
{
	const struct weir_offset offset = {.topic = "no-answer", .offset = 1};
	struct weir_broker *broker = open_with_topic(offset.topic, NULL);
	struct weir_session *session = join(broker, offset.topic);
	int64_t start_ms;

	cluster_pause(cluster, 1);
	ck_assert_int_eq(weir__session_commit_offsets(session, &offset, 1, SLICE_MS, NULL),
	                 WEIR_AGAIN);
	start_ms = now_ms();
	weir__session_close(session);
	ck_assert_int_lt(now_ms() - start_ms, LONGEST_CLOSE_MS);
	cluster_resume(cluster, 1);
	weir__broker_close(broker);
}
END_TEST

/* A paused broker would outlive its test. */
static void
resume(void)
{
	cluster_resume(cluster, 1);
}

static Suite *
suite(void)
{
	Suite *suite = suite_create("bounds of Kafka sessions");
	TCase *tcase = tcase_create("bounds");

	tcase_set_timeout(tcase, 90);
	tcase_add_unchecked_fixture(tcase, NULL, resume);
	tcase_add_test(tcase, topic_that_takes_any_size_is_bounded_by_what_the_producer_holds);
	tcase_add_test(tcase, member_closes_while_its_commit_has_no_answer);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	if (why)
		return weir_test_skip(why);
	cluster = cluster_open(1, NULL);
	weir_test_run(suite());
	cluster_close(cluster);
	return 0;
}
