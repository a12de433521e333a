/*
 * A consumer whose session times out while nobody polls it, as in a commit that waits for a
 * crashed coordinator. librdkafka drops its member id then, and its heartbeats are fenced.
 *
 * With several brokers the next coordinator still has the old member, and no other process
 * is in play. With one, the member has to be there some other way: here another joins.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <broker/kafka.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"
#include "tests/proxy/proxy.h"

#define PATIENCE_MS 60000

static atomic_bool has_timed_out, is_fenced, joins_anew;

static void
hear(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level;
	if (strstr(line, "facility=SESSTMOUT"))
		has_timed_out = true;
	if (strstr(line, "facility=FATAL") && strstr(line, "Static consumer fenced"))
		is_fenced = true;
	if (strstr(line, "joining the group anew"))
		joins_anew = true;
}

static const struct weir_logger logger = {.level = WEIR_LOG_DEBUG, .write = hear};

static int64_t
now_ms(void)
{
	return weir__clock_system()->monotonic_ms(weir__clock_system());
}

static struct weir_broker *
open_broker(const char *bootstrap)
{
	struct weir_properties properties = {0};
	struct weir_error error = {0};
	struct weir_broker *broker;

	weir__properties_set(&properties, "bootstrap.servers", bootstrap);
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	weir__properties_fini(&properties);
	ck_assert_msg(broker != NULL, "%s", error.message);
	return broker;
}

/* And nobody polls. */
static void
wait_for(atomic_bool *what)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;

	while (!*what) {
		ck_assert(now_ms() < end_ms);
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	}
}

static struct weir_session *
join(struct weir_broker *broker)
{
	const char *input = "in";
	const struct weir_session_config config = {
		.name = "rejoin",
		.guarantee = WEIR_AT_LEAST_ONCE,
		.group = "group",
		.group_instance = "one.0",
		.inputs = &input,
		.input_count = 1,
		.session_timeout_ms = 6000,
	};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	ck_assert_int_eq(weir__session_subscribe(session, &error), WEIR_SUCCESS);
	return session;
}

/* Poll until there is such an event, and answer it; it must be the next rebalance. */
static void
expect_rebalance(struct weir_session *session, enum weir_event_type wanted)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	struct weir_error error = {0};
	struct weir_event event;

	do {
		weir__session_poll(session, 100, &event);
		ck_assert_msg(event.type != WEIR_EVENT_FAILED, "%s",
			      event.type == WEIR_EVENT_FAILED ? event.error->message
							      : "");
		ck_assert(now_ms() < end_ms);
	} while (event.type != WEIR_EVENT_ASSIGNED && event.type != WEIR_EVENT_REVOKED &&
		 event.type != WEIR_EVENT_LOST);
	ck_assert_int_eq(event.type, wanted);
	ck_assert_uint_eq(event.partition_count, 1);
	event.partitions[0]->start = 0;
	ck_assert_int_eq(weir__session_answer(session, &error), WEIR_SUCCESS);
}

static void
expect_end(struct weir_session *session)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	struct weir_event event;

	do {
		weir__session_poll(session, 100, &event);
		ck_assert(now_ms() < end_ms);
	} while (event.type != WEIR_EVENT_END);
}

/* Nothing but the failure may come. */
static void
expect_fenced(struct weir_session *session)
{
	int64_t end_ms = now_ms() + PATIENCE_MS;
	struct weir_error error = {0};
	struct weir_event event;

	do {
		weir__session_poll(session, 100, &event);
		ck_assert(now_ms() < end_ms);
		if (event.type == WEIR_EVENT_LOST)
			weir__session_answer(session, &error);
	} while (event.type != WEIR_EVENT_FAILED);
	ck_assert_int_eq(event.outcome, WEIR_FENCED);
}

START_TEST(fenced_after_its_session_timed_out_it_joins_anew)
{
	static const char *const options[] = {"--proxied", NULL};
	struct cluster *cluster = cluster_open(1, options);
	struct proxy *proxy = proxy_open(cluster_bootstrap(cluster));
	struct weir_broker *far = open_broker(cluster_bootstrap(cluster));
	struct weir_broker *near = open_broker(cluster_direct(cluster));
	struct weir_session *first, *second;
	struct weir_error error = {0};

	ck_assert_int_eq(
		weir__broker_topic_create(near, "in", 1, 1, NULL, PATIENCE_MS, &error), 0);
	first = join(far);
	expect_rebalance(first, WEIR_EVENT_ASSIGNED);
	expect_end(first);
	proxy_stall(proxy, PROXY_ALL, true);
	wait_for(&has_timed_out);
	second = join(near);
	expect_rebalance(second, WEIR_EVENT_ASSIGNED);
	proxy_heal(proxy);
	wait_for(&is_fenced);
	expect_rebalance(first, WEIR_EVENT_LOST);
	expect_rebalance(first, WEIR_EVENT_ASSIGNED);
	expect_end(first);
	ck_assert(joins_anew);
	expect_fenced(second); /* it still had its member id: that is a twin's doing */
	weir__session_close(first);
	weir__session_close(second);
	weir__broker_close(far);
	weir__broker_close(near);
	proxy_close(proxy);
	cluster_close(cluster);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("rejoin");
	TCase *cases = tcase_create("rejoin");

	tcase_set_timeout(cases, 240);
	tcase_add_test(cases, fenced_after_its_session_timed_out_it_joins_anew);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
