/*
 * Two workers of one app over a real Kafka, in this process.
 *
 * The one run on a real Kafka that ThreadSanitizer watches: threads of workers and of
 * librdkafka, their logs, their start and their end. Elsewhere it shows that a program can
 * run a pipeline by <weir/app.h>.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <broker/broker.h>
#include <broker/kafka.h>
#include <weir/app.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

#define RECORDS 8000
#define PARTITIONS 4
#define SLICE_MS 5000

static const char *const topics[] = {"in", "out"};

static struct weir_broker *
connect_to(struct cluster *cluster)
{
	static const struct weir_logger logger = {.level = WEIR_LOG_WARNING};
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", cluster_bootstrap(cluster));
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	ck_assert_msg(broker != NULL, "%s", error.message);
	weir__properties_fini(&properties);
	for (size_t i = 0; i < 2; i++)
		ck_assert_msg(weir__broker_topic_create(broker, topics[i], PARTITIONS, 1, NULL,
		                                        30000, &error) == 0,
		              "%s", error.message);
	return broker;
}

/* Put RECORDS numbers into topic "in"; each is its own key. */
static void
fill(struct weir_broker *broker)
{
	struct weir_session_config config = {
		.name = "fill",
		.guarantee = WEIR_AT_LEAST_ONCE,
		.outputs = topics,
		.output_count = 1,
	};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);
	enum weir_outcome outcome;
	char text[16];

	ck_assert_msg(session != NULL, "%s", error.message);
	while ((outcome = weir__session_init(session, SLICE_MS, &error)) == WEIR_AGAIN)
		;
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	for (int i = 0; i < RECORDS; i++) {
		struct weir_message message = {.timestamp_ms = -1,
					       .partition = WEIR_BY_KEY};

		message.value.data = text;
		message.value.size = (size_t)snprintf(text, sizeof(text), "%d", i);
		message.key = message.value;
		while ((outcome = weir__session_send(session, 0, &message, (uint64_t)i, SLICE_MS,
		                                     &error)) == WEIR_AGAIN)
			;
		ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	}
	while ((outcome = weir__session_flush(session, SLICE_MS, &error)) == WEIR_AGAIN)
		;
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
	weir__session_close(session);
}

static void
run_app(struct cluster *cluster, const char *guarantee, const char *state_dir)
{
	struct weir_error error = {0};
	struct weir_app *app = weir_app_new();
	char *pipeline = weir__format("{\"name\": \"two\", \"instance\": \"one\", \"workers\": 2, "
	                              "\"guarantee\": \"%s\", \"inputs\": [\"in\"], \"steps\": [], "
	                              "\"outputs\": {\"default\": \"out\"}, "
	                              "\"kafka\": {\"bootstrap.servers\": \"%s\"}, "
	                              "\"state_dir\": \"%s\"}",
	                              guarantee, cluster_bootstrap(cluster), state_dir);

	ck_assert_msg(weir_app_load_text(app, pipeline, "two.json", &error) == 0, "%s",
	              error.message);
	weir_app_set_until_end(app, true);
	ck_assert_msg(weir_app_run(app, &error) == 0, "%s", error.message);
	weir_app_free(app);
	free(pipeline);
}

/* Read topic "out" to its end; each number must be there once. */
static void
check_output(struct weir_broker *broker)
{
	static unsigned char seen[RECORDS];
	struct weir_offset places[PARTITIONS], place;
	struct weir_message message;
	struct weir_error error = {0};
	struct weir_reader *reader;
	int ends = 0, records = 0;

	for (int i = 0; i < PARTITIONS; i++)
		places[i] = (struct weir_offset){.topic = "out", .partition = i};
	reader = weir__broker_reader_open(broker, places, PARTITIONS, true, &error);
	ck_assert_msg(reader != NULL, "%s", error.message);
	while (ends < PARTITIONS) {
		enum weir_event_type type =
			weir__reader_poll(reader, SLICE_MS, &place, &message, &error);
		char text[16] = "";

		ck_assert_msg(type != WEIR_EVENT_FAILED, "%s", error.message);
		if (type == WEIR_EVENT_END)
			ends++;
		if (type != WEIR_EVENT_RECORD)
			continue;
		ck_assert_uint_lt(message.value.size, sizeof(text));
		memcpy(text, message.value.data, message.value.size);
		ck_assert_int_lt(atoi(text), RECORDS);
		ck_assert_msg(!seen[atoi(text)]++, "%s is there twice", text);
		records++;
	}
	ck_assert_int_eq(records, RECORDS);
	weir__reader_close(reader);
}

static const char *const guarantees[] = {"exactly-once", "at-least-once", "at-most-once"};

START_TEST(two_workers_copy_every_record_once)
{
	char state_dir[] = "/tmp/weir-two-workers-XXXXXX", *remove;
	struct cluster *cluster = cluster_open(1, NULL);
	struct weir_broker *broker = connect_to(cluster);

	ck_assert_ptr_nonnull(mkdtemp(state_dir));
	fill(broker);
	run_app(cluster, guarantees[_i], state_dir);
	check_output(broker);
	weir__broker_close(broker);
	cluster_close(cluster);
	remove = weir__format("rm -rf %s", state_dir);
	ck_assert_int_eq(system(remove), 0);
	free(remove);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("app");
	TCase *tcase = tcase_create("two workers");
	const char *why = cluster_missing();

	if (why)
		return weir_test_skip(why);
	tcase_set_timeout(tcase, 180);
	tcase_add_loop_test(tcase, two_workers_copy_every_record_once, 0, 3);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
