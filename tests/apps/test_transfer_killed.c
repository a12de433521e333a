/*
 * produce and consume as processes over a real Kafka: killed with -9 at random moments
 * many times, stopped and overtaken, run two at a time, and with a broker that dies. What
 * is true is counted in the topic and in the file, never taken from what the command
 * says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/transfer_kafka.h"

#define ROUNDS 25

/* Kill it after a random time. Was it still running? */
static bool
kill_some_time(pid_t pid, int max_ms)
{
	int status;

	usleep((useconds_t)(random() % max_ms) * 1000);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "status %d",
		      WEXITSTATUS(status));
	return WIFSIGNALED(status);
}

START_TEST(a_source_killed_at_random_is_in_the_topic_once)
{
	int count = 20000;
	int kills = 0;
	pid_t pid;

	transfer_numbers("in", 0, count - 1);
	while (kills < ROUNDS) {
		pid = START("produce", it.topic, "in", "--source", "numbers",
			    "--commit-records", "20");
		if (kill_some_time(pid, 1500)) {
			kills++;
			continue;
		}
		/* it was done: the file grows, so that the next kill has something to hit
		 */
		transfer_numbers("in", count, count + 19999);
		count += 20000;
	}
	pid = START("produce", it.topic, "in", "--source", "numbers");
	must_succeed(pid);
	check_topic(count);
}
END_TEST

START_TEST(a_file_filled_by_killed_runs_holds_each_record_once)
{
	int count = 20000;
	int kills = 0;
	pid_t pid;

	transfer_numbers("in", 0, count - 1);
	must_succeed(START("produce", it.topic, "in", "--source", "numbers",
			   "--commit-records", "3000"));
	while (kills < ROUNDS) {
		pid = START("consume", it.topic, "-e", "--to", "out", "--commit-records",
			    "50");
		if (kill_some_time(pid, 1000)) {
			kills++;
			continue;
		}
		transfer_numbers("in", count, count + 9999);
		count += 10000;
		must_succeed(START("produce", it.topic, "in", "--source", "numbers"));
	}
	must_succeed(START("consume", it.topic, "-e", "--to", "out"));
	check_lines("out", count);
}
END_TEST

START_TEST(a_killed_whole_input_leaves_nothing)
{
	FILE *in;
	pid_t pid;

	/* a pipe that stays open: the one transaction cannot end before the kill */
	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", it.topic, "in", "--guarantee", "exactly-once");
	in = fopen("in", "w");
	fputs("0\n1\n2\n", in);
	fflush(in);
	wait_for_records(pid);
	kill(pid, SIGKILL);
	ck_assert_int_eq(status_of(pid), -1);
	fclose(in);
	ck_assert_int_eq(unlink("in"), 0);
	/* the same command again ends what the killed run left open */
	transfer_numbers("in", 0, 999);
	must_succeed(START("produce", it.topic, "in", "--guarantee", "exactly-once"));
	check_topic(1000);
}
END_TEST

START_TEST(a_source_that_was_overtaken_stops)
{
	pid_t pid;

	transfer_numbers("in", 0, 49999);
	pid = START("produce", it.topic, "in", "--source", "slow", "--commit-records",
		    "10");
	wait_for_position(pid, "slow");
	kill(pid, SIGSTOP);
	must_succeed(START("produce", it.topic, "in", "--source", "slow"));
	check_topic(50000);
	kill(pid, SIGCONT);
	ck_assert_int_eq(status_of(pid), 1);
	check_topic(50000);
}
END_TEST

START_TEST(two_runs_of_a_source_at_once_put_the_file_in_once)
{
	int first;
	int second;
	pid_t pids[2];

	transfer_numbers("in", 0, 9999);
	pids[0] = START("produce", it.topic, "in", "--source", "twin", "--commit-records",
			"50");
	pids[1] = START("produce", it.topic, "in", "--source", "twin", "--commit-records",
			"50");
	first = status_of(pids[0]);
	second = status_of(pids[1]);
	ck_assert_msg(first == 0 || second == 0, "%d, %d", first, second);
	ck_assert_msg(first <= 1 && second <= 1, "%d, %d", first, second);
	check_topic(10000);
}
END_TEST

START_TEST(a_source_goes_on_over_a_broker_that_was_killed)
{
	pid_t pid;

	transfer_numbers("in", 0, 49999);
	pid = START("produce", it.topic, "in", "--source", "steady", "--commit-records",
		    "20", "--timeout", "60s");
	wait_for_position(pid, "steady");
	cluster_kill(it.cluster, 1);
	cluster_restart(it.cluster, 1);
	must_succeed(pid);
	check_topic(50000);
}
END_TEST

START_TEST(a_file_goes_on_over_a_broker_that_was_killed)
{
	pid_t pid;

	transfer_numbers("in", 0, 999);
	must_succeed(START("produce", it.topic, "in", "--source", "steady"));
	pid = START("consume", it.topic, "--to", "out", "--commit-records", "50", "-c",
		    "2000");
	wait_for_output(pid, "out");
	cluster_kill(it.cluster, 1);
	cluster_restart(it.cluster, 1);
	transfer_numbers("in", 1000, 1999);
	must_succeed(START("produce", it.topic, "in", "--source", "steady", "--timeout",
			   "60s"));
	must_succeed(pid);
	check_lines("out", 2000);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("transfer over Kafka, killed");
	TCase *cases = transfer_case(all, "kafka");

	tcase_add_test(cases, a_killed_whole_input_leaves_nothing);
	tcase_add_test(cases, a_source_that_was_overtaken_stops);
	tcase_add_test(cases, two_runs_of_a_source_at_once_put_the_file_in_once);
	tcase_add_test(cases, a_source_goes_on_over_a_broker_that_was_killed);
	tcase_add_test(cases, a_file_goes_on_over_a_broker_that_was_killed);
	tcase_add_test(cases, a_source_killed_at_random_is_in_the_topic_once);
	tcase_add_test(cases, a_file_filled_by_killed_runs_holds_each_record_once);
	return all;
}

int
main(void)
{
	return transfer_kafka_run(suite);
}
