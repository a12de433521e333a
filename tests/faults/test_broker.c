/*
 * Faults of the broker: not there at start, restarted, killed, silent for a while.
 *
 * Each test has a cluster of its own, since a test that fails leaves it in pieces.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>

#include "tests/faults/rig.h"

static void
terminate(struct rig *rig, struct rig_child *child)
{
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
}

START_TEST(without_a_broker_it_keeps_trying_until_told_to_stop)
{
	struct rig *rig = rig_open_offline("nobody", "exactly-once");
	struct rig_child *child;

	rig_set(rig, "/kafka/bootstrap.servers=127.0.0.1:1");
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_says(child, "cluster does not answer") || rig_ended(child));
	RIG_EXPECT(rig, rig_says(child, "127.0.0.1:1"));
	RIG_EXPECT(rig, !rig_ended(child));
	terminate(rig, child);
	rig_close(rig);
}
END_TEST

START_TEST(broker_that_comes_late_is_found)
{
	struct rig *rig = rig_open("late", "exactly-once");
	struct rig_child *child;

	rig_produce(rig, 500);
	cluster_kill(rig_cluster(), 1);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_says(child, "cluster does not answer"));
	cluster_restart(rig_cluster(), 1);
	RIG_WAIT(rig, rig_committed_to_end(rig));
	terminate(rig, child);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

static const struct {
	const char *name;
	const char *guarantee;
} cases[] = {
	{"broker-exactly", "exactly-once"},
	{"broker-least", "at-least-once"},
	{"broker-most", "at-most-once"},
};

/* A slow step keeps it at work while the broker goes. */
static struct rig_child *
run_slowly(struct rig *rig)
{
	struct rig_child *child;

	rig_set(rig, "/plugins=[\"%s\"]", WEIR_FAULTY);
	rig_set(rig, "/steps=[{\"use\": \"faulty\", \"with\": {\"ms\": 1}}]");
	rig_set(rig, "/commit/records=100"); /* at-most-once drains no more than that */
	rig_produce(rig, 2000);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_size(rig, rig->out) > 0);
	return child;
}

/* The fault counts when there is input left to process. */
static void
hit(struct rig *rig)
{
	for (int attempt = 0; attempt < 100; attempt++) {
		rig_produce(rig, 1000);
		if (!rig_committed_to_end(rig))
			return;
	}
	rig_fail(rig, "there was never input left to process");
}

static void
finish(struct rig *rig, struct rig_child *child)
{
	rig_produce(rig, 500);
	RIG_WAIT(rig, rig_committed_to_end(rig) || rig_ended(child));
	terminate(rig, child);
	rig_expect_guarantee(rig);
	rig_close(rig);
}

START_TEST(restarted_broker_is_waited_for)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child = run_slowly(rig);

	hit(rig);
	cluster_restart(rig_cluster(), 1);
	finish(rig, child);
}
END_TEST

/*
 * Stand still with input left and no marker of a transaction due: Apache Kafka 4.3.1 would
 * lose it (docs/guarantees.md, "When every copy of a partition dies at once").
 */
static void
stop_between_transactions(struct rig *rig, struct rig_child *child)
{
	for (int attempt = 0; attempt < 200; attempt++) {
		if (rig_committed_to_end(rig))
			rig_produce(rig, 1000);
		rig_signal(child, SIGSTOP);
		if (rig_committed(rig) >= 0 && !rig_transaction_open(rig, rig->out) &&
		    !rig_committed_to_end(rig))
			return;
		rig_signal(child, SIGCONT);
		rig_pass(rig_random(20));
	}
	rig_fail(rig, "it never stood still between two transactions");
}

START_TEST(killed_broker_that_is_alone_is_waited_for)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child = run_slowly(rig);

	stop_between_transactions(rig, child);
	cluster_kill(rig_cluster(), 1);
	rig_signal(child, SIGCONT); /* it goes on, and finds nobody */
	cluster_restart(rig_cluster(), 1);
	finish(rig, child);
}
END_TEST

/* One of three after the other, so that each coordinator is hit, and at any moment. */
START_TEST(killed_broker_is_done_without)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child = run_slowly(rig);

	for (int broker = 1; broker <= 3; broker++) {
		hit(rig);
		cluster_kill(rig_cluster(), broker);
		cluster_restart(rig_cluster(), broker);
	}
	finish(rig, child);
}
END_TEST

START_TEST(silent_broker_is_waited_for)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child = run_slowly(rig);

	hit(rig);
	cluster_pause(rig_cluster(), 1);
	rig_pass(10000);
	cluster_resume(rig_cluster(), 1);
	finish(rig, child);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *broker = tcase_create("broker"), *three = tcase_create("three brokers");
	int count = sizeof(cases) / sizeof(cases[0]);

	tcase_add_unchecked_fixture(broker, rig_folder_setup, rig_folder_teardown);
	tcase_add_checked_fixture(broker, rig_cluster_setup, rig_cluster_teardown);
	tcase_set_timeout(broker, RIG_TEST_TIMEOUT_S);
	tcase_add_test(broker, without_a_broker_it_keeps_trying_until_told_to_stop);
	tcase_add_test(broker, broker_that_comes_late_is_found);
	tcase_add_loop_test(broker, restarted_broker_is_waited_for, 0, count);
	tcase_add_loop_test(broker, killed_broker_that_is_alone_is_waited_for, 0, count);
	tcase_add_loop_test(broker, silent_broker_is_waited_for, 0, count);
	suite_add_tcase(suite, broker);
	tcase_add_unchecked_fixture(three, rig_folder_setup, rig_folder_teardown);
	tcase_add_checked_fixture(three, rig_cluster_setup_three, rig_cluster_teardown);
	tcase_set_timeout(three, RIG_TEST_TIMEOUT_S);
	tcase_add_loop_test(three, killed_broker_is_done_without, 0, count);
	suite_add_tcase(suite, three);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
