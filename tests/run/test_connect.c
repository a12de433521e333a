/*
 * Reaching the cluster at start, on a broker that answers as told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <run/connect.h>

#include "tests/harness.h"

static const struct weir_logger logger = {.level = WEIR_LOG_ERROR};

/* What each describe answers for the topic, and how many partitions there are. */
struct answer {
	int error;
	int32_t partitions;
};

static const struct answer *answers;
static int asked;

static int
describe(struct weir_broker *broker, const char *const *topics, size_t count,
         struct weir_cluster_info *info, int timeout_ms, struct weir_error *error)
{
	const struct answer *answer = &answers[asked++];

	(void)broker, (void)timeout_ms, (void)error;
	info->topics = weir__arena_alloc(&info->arena, count * sizeof(*info->topics));
	for (size_t i = 0; i < count; i++)
		info->topics[i] = (struct weir_topic_info){
			.name = topics[i],
			.error = answer->error,
			.partitions = answer->partitions,
		};
	return 0;
}

static int
range(struct weir_broker *broker, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	(void)broker, (void)topic, (void)partition, (void)timeout_ms, (void)error;
	*low = 0;
	*high = 10;
	return 0;
}

static const struct weir_broker_ops ops = {.describe = describe, .range = range};
static struct weir_broker broker = {&ops};

static bool
twice_more(void *opaque)
{
	return ++*(int *)opaque < 3;
}

static int
connect(const struct answer *told, struct weir_until_end **end, struct weir_error *error)
{
	const char *inputs[] = {"in"};
	struct weir_pipeline pipeline = {.name = "app", .inputs = (void *)inputs, .input_count = 1};
	int tries = 0;

	answers = told;
	asked = 0;
	return weir__connect(&broker, &pipeline, NULL, &logger, end, twice_more, &tries, error);
}

START_TEST(topic_that_cannot_be_used_stops)
{
	static const struct answer told[][1] = {{{WEIR_EDENIED, 0}}, {{WEIR_EBROKER, 0}}};
	struct weir_error error = {0};

	ck_assert_int_eq(connect(told[_i], NULL, &error), told[_i][0].error);
	ck_assert_int_eq(asked, 1);
	ck_assert_ptr_nonnull(strstr(error.message, "topic in"));
}
END_TEST

/* Taken for a topic without partitions, it would end a run until the end at once. */
START_TEST(topic_without_a_leader_yet_is_asked_for_again)
{
	static const struct answer told[] = {{WEIR_ETIMEOUT, 0}, {0, 2}};
	struct weir_until_end *end = NULL;
	struct weir_error error = {0};
	int64_t total, left;

	ck_assert_int_eq(connect(told, &end, &error), 0);
	ck_assert_int_eq(asked, 2);
	ck_assert_ptr_nonnull(end);
	weir__until_end_progress(end, &total, &left);
	ck_assert_int_eq(left, 20);
	weir__until_end_free(end);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("connect");
	TCase *tcase = tcase_create("connect");

	tcase_add_loop_test(tcase, topic_that_cannot_be_used_stops, 0, 2);
	tcase_add_test(tcase, topic_without_a_leader_yet_is_asked_for_again);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
