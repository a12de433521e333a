/*
 * What librdkafka's handles are made with: the settings that a guarantee rests on, those that
 * were measured to be fast, and which of them a user's win over.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <broker/kafka_private.h>

#include "tests/harness.h"

static char last_line[512];

static void
keep_line(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static const struct weir_logger logger = {.level = WEIR_LOG_INFO, .write = keep_line};

/* The library at work; tests pretend another. */
static int version;

int
rd_kafka_version(void)
{
	return version;
}

static void
use_library(void)
{
	int (*its_version)(void) = (int (*)(void))dlsym(RTLD_NEXT, "rd_kafka_version");

	ck_assert_ptr_nonnull((void *)its_version);
	version = its_version();
}

struct made {
	struct weir_broker *broker;
	rd_kafka_conf_t *conf;
	struct weir_error error;
};

static void
make(struct made *made, bool is_consumer, enum weir_guarantee guarantee, const char *name,
     const char *value)
{
	struct weir_properties common = {0}, own = {0};
	struct weir_session_config config = {
		.name = "worker 0",
		.guarantee = guarantee,
		.group = "app",
		.group_instance = "one.0",
		.transactional_id = guarantee == WEIR_EXACTLY_ONCE ? "app/one/0" : NULL,
		.transaction_timeout_ms = 15000,
		.session_timeout_ms = 10000,
		.consumer = is_consumer ? &own : NULL,
		.producer = is_consumer ? NULL : &own,
	};
	const struct kafka_broker *broker;
	int pretended = version;

	*made = (struct made){0};
	weir__properties_set(&common, "bootstrap.servers", "127.0.0.1:1");
	use_library();
	made->broker = weir__kafka_open(&common, &logger, weir__clock_system(), &made->error);
	version = pretended;
	ck_assert_msg(made->broker != NULL, "%s", made->error.message);
	if (name)
		weir__properties_set(&own, name, value);
	broker = (struct kafka_broker *)made->broker;
	made->conf = is_consumer ? weir__kafka_conf_consumer(broker, &config, &made->error)
	                         : weir__kafka_conf_producer(broker, &config, 5000, 9000,
	                                                     &made->error);
	weir__properties_fini(&common);
	weir__properties_fini(&own);
}

static void
drop(struct made *made)
{
	if (made->conf)
		rd_kafka_conf_destroy(made->conf);
	weir__broker_close(made->broker);
}

static void
expect(const struct made *made, const char *name, const char *wanted)
{
	char text[256] = "";
	size_t size = sizeof(text);

	ck_assert_msg(made->conf != NULL, "%s", made->error.message);
	rd_kafka_conf_get(made->conf, name, text, &size);
	ck_assert_msg(strcmp(text, wanted) == 0, "%s is \"%s\", not \"%s\"", name, text, wanted);
}

#define CONSUMER true
#define PRODUCER false
#define E WEIR_EXACTLY_ONCE
#define L WEIR_AT_LEAST_ONCE
#define M WEIR_AT_MOST_ONCE

static const struct {
	bool is_consumer;
	enum weir_guarantee guarantee;
	const char *name, *wanted;
} settings[] = {
	/* offsets are weir's alone, and it never guesses where to read */
	{CONSUMER, E, "enable.auto.commit", "false"},
	{CONSUMER, M, "enable.auto.commit", "false"},
	{CONSUMER, E, "enable.auto.offset.store", "false"},
	{CONSUMER, E, "auto.offset.reset", "error"},
	{CONSUMER, E, "enable.partition.eof", "true"},
	/* else offset fetches do not wait for pending offsets, either */
	{CONSUMER, E, "isolation.level", "read_committed"},
	{CONSUMER, L, "isolation.level", "read_committed"},
	{CONSUMER, M, "isolation.level", "read_committed"},
	/* cooperative-sticky can loop below librdkafka 2.6.1 */
	{CONSUMER, E, "partition.assignment.strategy", "range"},
	{CONSUMER, E, "group.id", "app"},
	{CONSUMER, E, "group.instance.id", "one.0"},
	{CONSUMER, E, "session.timeout.ms", "10000"},
	{CONSUMER, E, "heartbeat.interval.ms", "3000"},
	{CONSUMER, E, "socket.nagle.disable", "true"},
	{CONSUMER, E, "allow.auto.create.topics", "false"},
	/* the producers of the guarantees */
	{PRODUCER, E, "transactional.id", "app/one/0"},
	{PRODUCER, E, "transaction.timeout.ms", "15000"},
	{PRODUCER, E, "enable.idempotence", "true"},
	{PRODUCER, E, "acks", "-1"},
	{PRODUCER, L, "transactional.id", ""},
	{PRODUCER, L, "enable.idempotence", "true"},
	{PRODUCER, L, "acks", "-1"},
	{PRODUCER, M, "enable.idempotence", "false"},
	{PRODUCER, M, "acks", "1"},
	{PRODUCER, M, "message.send.max.retries", "0"},
	/* measured */
	{PRODUCER, E, "linger.ms", "5"},
	{PRODUCER, E, "compression.codec", "lz4"},
	{PRODUCER, E, "socket.nagle.disable", "true"},
	{PRODUCER, E, "retry.backoff.ms", "10"},
	/* keys land where Java producers put them */
	{PRODUCER, E, "partitioner", "murmur2_random"},
	/* what make() says the topics take */
	{PRODUCER, E, "batch.size", "5000"},
	{PRODUCER, E, "message.max.bytes", "9000"},
};

START_TEST(handle_is_made_with_what_its_guarantee_needs)
{
	struct made made;

	make(&made, settings[_i].is_consumer, settings[_i].guarantee, NULL, NULL);
	expect(&made, settings[_i].name, settings[_i].wanted);
	drop(&made);
}
END_TEST

static const struct {
	bool is_consumer;
	const char *name, *value;
} users[] = {
	{PRODUCER, "linger.ms", "50"},
	{PRODUCER, "compression.codec", "zstd"},
	{PRODUCER, "batch.size", "100"},
	{CONSUMER, "partition.assignment.strategy", "cooperative-sticky"},
	{CONSUMER, "queued.max.messages.kbytes", "77"},
};

START_TEST(setting_of_the_user_wins_where_the_guarantee_allows_it)
{
	struct made made;

	make(&made, users[_i].is_consumer, E, users[_i].name, users[_i].value);
	expect(&made, users[_i].name, users[_i].value);
	drop(&made);
}
END_TEST

/* Without it flush and commit wait in slices of 10 ms. */
START_TEST(producer_asks_for_delivery_reports)
{
	char text[64] = "";
	size_t size = sizeof(text);
	struct made made;

	make(&made, PRODUCER, E, NULL, NULL);
	ck_assert_int_eq(rd_kafka_conf_get(made.conf, "dr_msg_cb", text, &size),
	                 RD_KAFKA_CONF_OK);
	ck_assert_msg(strtoull(text, NULL, 16) != 0, "%s", text);
	drop(&made);
}
END_TEST

/* ---- how much input waits in memory ---- */

START_TEST(old_library_queues_a_second_of_input)
{
	struct made made;

	version = 0x020002ff;
	make(&made, CONSUMER, E, NULL, NULL);
	expect(&made, "queued.min.messages", "1000000");
	expect(&made, "queued.max.messages.kbytes", "65536");
	drop(&made);
}
END_TEST

START_TEST(library_with_a_fetch_backoff_of_its_own_queues_little)
{
	struct made made;

	use_library();
	if (version < 0x02020000) { /* it does not know the property: then that is said */
		version = 0x020200ff;
		make(&made, CONSUMER, E, NULL, NULL);
		ck_assert_ptr_null(made.conf);
		ck_assert_msg(strstr(made.error.message, "fetch.queue.backoff.ms=5"), "%s",
		              made.error.message);
		drop(&made);
		return;
	}
	make(&made, CONSUMER, E, NULL, NULL);
	expect(&made, "fetch.queue.backoff.ms", "5");
	expect(&made, "queued.min.messages", "30000");
	expect(&made, "queued.max.messages.kbytes", "16384");
	drop(&made);
}
END_TEST

START_TEST(old_library_says_at_start_what_its_queue_costs)
{
	const char *input = "in";
	struct weir_session_config config = {
		.name = "worker 0", .group = "app", .inputs = &input, .input_count = 1,
	};
	struct weir_session *session;
	struct made made;

	version = 0x020002ff;
	make(&made, CONSUMER, E, NULL, NULL);
	session = weir__broker_session_open(made.broker, &config, &made.error);
	ck_assert_msg(session != NULL, "%s", made.error.message);
	ck_assert_msg(strstr(last_line, "200 MiB a worker"), "%s", last_line);
	weir__session_close(session);
	drop(&made);
}
END_TEST

START_TEST(doubts_about_a_strategy_depend_on_the_library)
{
	static const struct {
		int version;
		const char *strategy, *doubt; /* NULL: none */
	} rows[] = {
		{0x020002ff, "cooperative-sticky", "ends the process"},
		{0x020300ff, "cooperative-sticky", "below 2.6.1 can rebalance without end"},
		{0x020600ff, "cooperative-sticky", "below 2.6.1 can rebalance without end"},
		{0x020601ff, "cooperative-sticky", NULL},
		{0x020002ff, "roundrobin", NULL},
		{0x020002ff, NULL, NULL},
	};
	struct weir_properties properties = {0};
	const char *doubt;

	version = rows[_i].version;
	if (rows[_i].strategy)
		weir__properties_set(&properties, "partition.assignment.strategy",
		                     rows[_i].strategy);
	doubt = weir__kafka_doubt(&properties);
	weir__properties_fini(&properties);
	if (!rows[_i].doubt)
		ck_assert_msg(doubt == NULL, "%s", doubt);
	else
		ck_assert_msg(doubt && strstr(doubt, rows[_i].doubt), "%s", doubt ? doubt : "none");
}
END_TEST

START_TEST(doubtful_strategy_is_told_at_start)
{
	const char *input = "in";
	struct weir_properties consumer = {0};
	struct weir_session_config config = {.name = "worker 0", .group = "app", .inputs = &input,
	                                     .input_count = 1, .consumer = &consumer};
	struct weir_session *session;
	struct made made;

	version = 0x020002ff;
	weir__properties_set(&consumer, "partition.assignment.strategy", "cooperative-sticky");
	make(&made, CONSUMER, E, NULL, NULL);
	session = weir__broker_session_open(made.broker, &config, &made.error);
	ck_assert_msg(session != NULL, "%s", made.error.message);
	ck_assert_msg(strstr(last_line, "doubtful setting"), "%s", last_line);
	weir__session_close(session);
	weir__properties_fini(&consumer);
	drop(&made);
}
END_TEST

/* A commit that waits for its deliveries does not poll meanwhile. */
START_TEST(deliveries_end_before_the_group_loses_patience)
{
	static const struct {
		enum weir_guarantee guarantee;
		size_t inputs;
		const char *interval, *own, *wanted;
	} rows[] = {
		{L, 1, NULL, NULL, "180000"},  {M, 1, NULL, NULL, "180000"},
		{L, 1, "60000", NULL, "36000"}, {L, 1, "60000", "90000", "90000"},
		{L, 0, NULL, NULL, "300000"}, /* weir produce is no member */
		{E, 1, "60000", NULL, "300000"}, /* librdkafka makes its transaction's of it */
	};
	struct weir_properties consumer = {0}, producer = {0};
	struct weir_session_config config = {
		.name = "worker 0",
		.guarantee = rows[_i].guarantee,
		.group = "app",
		.transactional_id = rows[_i].guarantee == E ? "app/one/0" : NULL,
		.transaction_timeout_ms = 15000,
		.session_timeout_ms = 10000,
		.input_count = rows[_i].inputs,
		.consumer = &consumer,
		.producer = &producer,
	};
	struct made made;

	make(&made, PRODUCER, L, NULL, NULL);
	rd_kafka_conf_destroy(made.conf);
	if (rows[_i].interval)
		weir__properties_set(&consumer, "max.poll.interval.ms", rows[_i].interval);
	if (rows[_i].own)
		weir__properties_set(&producer, "delivery.timeout.ms", rows[_i].own);
	made.conf = weir__kafka_conf_producer((struct kafka_broker *)made.broker, &config, 0, 0,
	                                      &made.error);
	expect(&made, "message.timeout.ms", rows[_i].wanted);
	weir__properties_fini(&consumer);
	weir__properties_fini(&producer);
	drop(&made);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("settings of librdkafka");
	TCase *tcase = tcase_create("settings");

	tcase_add_checked_fixture(tcase, use_library, NULL);
	tcase_add_loop_test(tcase, handle_is_made_with_what_its_guarantee_needs, 0,
	                    sizeof(settings) / sizeof(settings[0]));
	tcase_add_loop_test(tcase, setting_of_the_user_wins_where_the_guarantee_allows_it, 0,
	                    sizeof(users) / sizeof(users[0]));
	tcase_add_test(tcase, producer_asks_for_delivery_reports);
	tcase_add_test(tcase, old_library_queues_a_second_of_input);
	tcase_add_test(tcase, library_with_a_fetch_backoff_of_its_own_queues_little);
	tcase_add_test(tcase, old_library_says_at_start_what_its_queue_costs);
	tcase_add_loop_test(tcase, doubts_about_a_strategy_depend_on_the_library, 0, 6);
	tcase_add_test(tcase, doubtful_strategy_is_told_at_start);
	tcase_add_loop_test(tcase, deliveries_end_before_the_group_loses_patience, 0, 6);
	suite_add_tcase(suite, tcase);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
