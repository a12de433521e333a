/*
 * What a real Kafka refuses, and what is not there: credentials, rights, brokers. Each
 * ends in an error that says what is missing, or, where only time is, in trying on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <broker/kafka.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

#define PATIENCE_MS 40000
#define SLICE_MS 200

static const char *bootstrap;
static char lines[16][256];
static int line_count;

static void
keep_line(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level;
	if (line_count < 16)
		snprintf(lines[line_count++], sizeof(lines[0]), "%s", line);
}

static const struct weir_logger logger = {.level = WEIR_LOG_WARNING, .write = keep_line};

/* libcheck's assertions do not work in main(), where some of this is called. */
static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

static struct weir_broker *
connect_as(const char *user, const char *password)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", bootstrap);
	weir__properties_set(&properties, "security.protocol", "SASL_PLAINTEXT");
	weir__properties_set(&properties, "sasl.mechanisms", "PLAIN");
	weir__properties_set(&properties, "sasl.username", user);
	weir__properties_set(&properties, "sasl.password", password);
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	demand(broker != NULL, error.message);
	weir__properties_fini(&properties);
	return broker;
}

static void
make_topic(const char *topic)
{
	struct weir_broker *broker = connect_as("admin", "admin-secret");
	struct weir_error error = {0};
	int code = weir__broker_topic_create(broker, topic, 1, 1, NULL, 20000, &error);

	demand(code == 0, error.message);
	weir__broker_close(broker);
}

static struct weir_session *
open_session(struct weir_broker *broker, const char *input, const char *output, const char *id)
{
	const struct weir_session_config config = {
		.name = "denied",
		.guarantee = id ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.group = "the-group",
		.transactional_id = id,
		.inputs = &input,
		.input_count = input != NULL,
		.outputs = &output,
		.output_count = output != NULL,
	};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	return session;
}

static enum weir_outcome
init(struct weir_session *session, struct weir_error *error)
{
	enum weir_outcome outcome = WEIR_AGAIN;

	for (int waited = 0; outcome == WEIR_AGAIN && waited < PATIENCE_MS; waited += SLICE_MS)
		outcome = weir__session_init(session, SLICE_MS, error);
	return outcome;
}

/* Subscribe and poll until it fails. */
static void
poll_until_failed(struct weir_session *session, struct weir_error *error)
{
	struct weir_event event = {.type = WEIR_EVENT_IDLE};

	ck_assert_int_eq(weir__session_subscribe(session, error), WEIR_SUCCESS);
	for (int waited = 0; event.type != WEIR_EVENT_FAILED && waited < PATIENCE_MS;
	     waited += SLICE_MS)
		weir__session_poll(session, SLICE_MS, &event);
	ck_assert_int_eq(event.type, WEIR_EVENT_FAILED);
	ck_assert_int_eq(event.outcome, WEIR_FATAL);
	*error = *event.error;
}

static void
expect_denied(const struct weir_error *error, const char *what)
{
	ck_assert_msg(error->code == WEIR_EDENIED, "%d: %s", error->code, error->message);
	ck_assert_msg(strstr(error->message, what) != NULL, "%s", error->message);
}

START_TEST(wrong_password_stops_a_producer)
{
	struct weir_broker *broker = connect_as("admin", "wrong");
	struct weir_session *session = open_session(broker, NULL, "out", "id");
	struct weir_error error = {0};

	ck_assert_int_eq(init(session, &error), WEIR_FATAL);
	expect_denied(&error, "credentials");
	ck_assert_ptr_null(strstr(error.message, "wrong"));
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

START_TEST(wrong_password_stops_a_consumer)
{
	struct weir_broker *broker = connect_as("admin", "wrong");
	struct weir_session *session = open_session(broker, "in", NULL, NULL);
	struct weir_error error = {0};

	poll_until_failed(session, &error);
	expect_denied(&error, "credentials");
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

START_TEST(wrong_password_fails_questions)
{
	struct weir_broker *broker = connect_as("admin", "wrong");
	struct weir_cluster_info info = {0};
	struct weir_error error = {0};

	ck_assert_int_eq(weir__broker_describe(broker, NULL, 0, &info, 5000, &error),
	                 WEIR_EDENIED);
	expect_denied(&error, "credentials");
	weir__cluster_info_fini(&info);
	weir__broker_close(broker);
}
END_TEST

START_TEST(consumer_without_rights_names_them)
{
	struct weir_broker *broker = connect_as("guest", "guest-secret");
	struct weir_session *session = open_session(broker, "in", NULL, NULL);
	struct weir_error error = {0};

	poll_until_failed(session, &error);
	expect_denied(&error, "READ");
	ck_assert(strstr(error.message, "in:") || strstr(error.message, "the-group"));
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

START_TEST(transactional_id_without_rights_is_named)
{
	struct weir_broker *broker = connect_as("guest", "guest-secret");
	struct weir_session *session = open_session(broker, NULL, "out", "the-id");
	struct weir_error error = {0};

	ck_assert_int_eq(init(session, &error), WEIR_FATAL);
	expect_denied(&error, "the-id");
	expect_denied(&error, "WRITE on the transactional id");
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

START_TEST(output_without_rights_is_named)
{
	const struct weir_message message = {.value = {"a", 1}, .timestamp_ms = -1,
					     .partition = WEIR_BY_KEY};
	struct weir_broker *broker = connect_as("guest", "guest-secret");
	struct weir_session *session = open_session(broker, NULL, "out", NULL);
	struct weir_delivery_failure failure = {0};
	struct weir_error error = {0};
	enum weir_outcome outcome;

	ck_assert_int_eq(init(session, &error), WEIR_SUCCESS);
	outcome = weir__session_send(session, 0, &message, 1, SLICE_MS, &error);
	for (int waited = 0; outcome == WEIR_SUCCESS && waited < PATIENCE_MS &&
	                     weir__session_flush(session, SLICE_MS, &error) == WEIR_AGAIN;
	     waited += SLICE_MS)
		;
	if (outcome == WEIR_SUCCESS) {
		ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 1);
		outcome = failure.outcome;
	} else {
		snprintf(failure.reason, sizeof(failure.reason), "%.200s", error.message);
	}
	ck_assert_int_eq(outcome, WEIR_FATAL);
	ck_assert_msg(strstr(failure.reason, "WRITE") != NULL, "%s", failure.reason);
	weir__session_close(session);
	weir__broker_close(broker);
}
END_TEST

START_TEST(description_names_the_topic_that_may_not_be_seen)
{
	const char *const topics[] = {"in"};
	struct weir_broker *broker = connect_as("guest", "guest-secret");
	struct weir_cluster_info info = {0};
	struct weir_error error = {0};

	ck_assert_int_eq(weir__broker_describe(broker, topics, 1, &info, 10000, &error), 0);
	ck_assert_int_eq(info.topics[0].error, WEIR_EDENIED);
	weir__cluster_info_fini(&info);
	weir__broker_close(broker);
}
END_TEST

START_TEST(brokers_out_of_reach_are_waited_for)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;
	struct weir_session *session;
	int64_t low, high;
	int said = 0;

	weir__properties_set(&properties, "bootstrap.servers", "127.0.0.1:9"); /* discard */
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	session = open_session(broker, NULL, "out", "id");
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(weir__session_init(session, 500, &error), WEIR_AGAIN);
	for (int i = 0; i < line_count; i++)
		said += strstr(lines[i], "no broker reachable") != NULL;
	ck_assert_msg(said == 1, "said %d times", said);
	ck_assert_int_eq(weir__broker_range(broker, "out", 0, &low, &high, 1000, &error),
	                 WEIR_ETIMEOUT);
	ck_assert_msg(strstr(error.message, "refused") != NULL, "%s", error.message);
	weir__session_close(session);
	weir__broker_close(broker);
	weir__properties_fini(&properties);
}
END_TEST

START_TEST(refused_property_is_named)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};

	weir__properties_set(&properties, "no.such.thing", "1");
	ck_assert_ptr_null(
		weir__kafka_open(&properties, &logger, weir__clock_system(), &error));
	ck_assert_int_eq(error.code, WEIR_EINVALID);
	ck_assert_ptr_nonnull(strstr(error.message, "no.such.thing"));
	weir__properties_fini(&properties);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("what Kafka refuses");
	TCase *tcase = tcase_create("denied");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, wrong_password_stops_a_producer);
	tcase_add_test(tcase, wrong_password_stops_a_consumer);
	tcase_add_test(tcase, wrong_password_fails_questions);
	tcase_add_test(tcase, consumer_without_rights_names_them);
	tcase_add_test(tcase, transactional_id_without_rights_is_named);
	tcase_add_test(tcase, output_without_rights_is_named);
	tcase_add_test(tcase, description_names_the_topic_that_may_not_be_seen);
	tcase_add_test(tcase, brokers_out_of_reach_are_waited_for);
	tcase_add_test(tcase, refused_property_is_named);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	static const char *const options[] = {"--secure", NULL};
	const char *why = cluster_missing();
	struct cluster *cluster;

	if (why)
		return weir_test_skip(why);
	cluster = cluster_open(1, options);
	bootstrap = cluster_bootstrap(cluster);
	make_topic("in");
	make_topic("out");
	weir_test_run(suite());
	cluster_close(cluster);
	return 0;
}
