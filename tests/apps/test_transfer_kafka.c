/*
 * produce and consume as processes over a real Kafka: what goes in comes out, signals are
 * heard, and refusals are named. (Kills: test_transfer_killed.c.)
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

#include <librdkafka/rdkafka.h>

#include "tests/apps/transfer_kafka.h"

START_TEST(an_interrupted_whole_input_leaves_nothing)
{
	FILE *in;
	pid_t pid;

	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", it.topic, "in", "--guarantee", "exactly-once");
	in = fopen("in", "w");
	fputs("0\n1\n2\n", in);
	fflush(in);
	wait_for_records(pid);
	kill(pid, SIGTERM);
	must_fail(pid, "stopped by a signal: nothing was committed");
	fclose(in);
	ck_assert_int_eq(transfer_count(it.broker, it.topic), 0);
}
END_TEST

START_TEST(a_whole_input_that_takes_too_long_names_source)
{
	FILE *in;
	pid_t pid;

	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", it.topic, "in", "--guarantee", "exactly-once", "-X",
		    "transaction.timeout.ms=2000");
	in = fopen("in", "w");
	fputs("0\n1\n2\n", in);
	fflush(in);
	must_fail(pid, "--source NAME produces it in many");
	fclose(in);
	ck_assert_int_eq(transfer_count(it.broker, it.topic), 0);
}
END_TEST

/* Give the topic that many partitions. */
static void
grow_topic(int partitions)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_NewPartitions_t *wanted;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;
	rd_kafka_t *rk;
	char text[512];

	rd_kafka_conf_set(conf, "bootstrap.servers", cluster_bootstrap(it.cluster), text,
			  sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	ck_assert_ptr_nonnull(rk);
	queue = rd_kafka_queue_new(rk);
	wanted = rd_kafka_NewPartitions_new(it.topic, (size_t)partitions, text,
					    sizeof(text));
	rd_kafka_CreatePartitions(rk, &wanted, 1, NULL, queue);
	event = rd_kafka_queue_poll(queue, 20000);
	ck_assert_ptr_nonnull(event);
	ck_assert_int_eq(rd_kafka_event_error(event), 0);
	rd_kafka_event_destroy(event);
	rd_kafka_NewPartitions_destroy(wanted);
	rd_kafka_queue_destroy(queue);
	rd_kafka_destroy(rk);
}

START_TEST(partitions_that_come_later_are_read_from_their_first_record)
{
	static const char *const ways[][4] = {
		{"--to", "out", "-X", "topic.metadata.refresh.interval.ms=200"},
		{"-G", "late", "-X", "topic.metadata.refresh.interval.ms=200"},
	};
	pid_t pid;

	transfer_numbers("in", 0, 99);
	must_succeed(START("produce", it.topic, "in", "--source", "s"));
	pid = START("consume", it.topic, "-c", "2000", ways[_i][0], ways[_i][1],
		    ways[_i][2], ways[_i][3], "-o", "beginning");
	wait_for_output(pid, _i ? "stdout" : "out");
	grow_topic(9);
	transfer_numbers("in", 100, 1999);
	/* small transactions: each may go to another partition */
	must_succeed(START("produce", it.topic, "in", "--source", "s", "--commit-records",
			   "10"));
	must_succeed(pid);
	check_lines(_i ? "stdout" : "out", 2000);
}
END_TEST

START_TEST(refusals_of_a_source)
{
	char path[64];
	char other[64];

	transfer_numbers("in", 0, 99);
	must_succeed(START("produce", it.topic, "in", "--source", "one"));
	/* another group has no offset, and the position file says that there was one */
	snprintf(path, sizeof(path), "in.one.%s.weir", it.topic);
	snprintf(other, sizeof(other), "in.two.%s.weir", it.topic);
	ck_assert_int_eq(link(path, other), 0);
	must_fail(START("produce", it.topic, "in", "--source", "two"),
		  "no longer knows the position");
	ck_assert_int_eq(unlink("in"), 0);
	transfer_numbers("in", 1, 200);
	must_fail(START("produce", it.topic, "in", "--source", "one"),
		  "is not the file that");
	check_topic(100);
}
END_TEST

START_TEST(json_of_a_topic_makes_the_same_topic)
{
	static const char text[] =
		"{\"key\":null,\"value\":\"a\",\"timestamp\":1700000000000}\n"
		"{\"key\":\"\",\"value\":null,\"headers\":[[\"h\",\"1\"],[\"h\",null],["
		"\"h\",\"1\"]]}\n"
		"{\"key\":\"k\\u0000k\",\"value_base64\":\"/wD+\",\"timestamp\":1}\n"
		"{\"key_base64\":\"gA==\",\"value\":\"\",\"headers\":[[\"b\",{\"base64\":"
		"\"/w==\"}]]}\n";
	char *first;
	char *second;
	char copy[48];

	snprintf(copy, sizeof(copy), "%s-copy", it.topic);
	ck_assert_int_eq(
		weir__broker_topic_create(it.broker, copy, 1, 1, NULL, 20000, NULL), 0);
	transfer_write("in", text);
	must_succeed(START("produce", copy, "in", "--format", "json"));
	must_succeed(START("consume", copy, "-e", "--format", "json"));
	first = transfer_read("stdout");
	ck_assert_int_eq(rename("stdout", "again"), 0);
	/* the second four records must print as the first, but for their offsets */
	must_succeed(START("produce", copy, "again", "--format", "json"));
	must_succeed(START("consume", copy, "-o", "4", "-e", "--format", "json"));
	second = transfer_read("stdout");
	ck_assert_int_eq(strlen(first), strlen(second));
	for (char *at = second; (at = strstr(at, "\"offset\":")) != NULL; at += 10)
		at[9] = (char)(at[9] - 4);
	ck_assert_str_eq(first, second);
	ck_assert_ptr_nonnull(strstr(first, "\"timestamp\":1700000000000,\"key\":null,"));
	ck_assert_ptr_nonnull(
		strstr(first, "[[\"h\",\"1\"],[\"h\",null],[\"h\",\"1\"]]"));
	ck_assert_ptr_nonnull(strstr(first, "\"key\":\"k\\u0000k\""));
	ck_assert_ptr_nonnull(strstr(first, "\"value_base64\":\"/wD+\""));
	free(first);
	free(second);
}
END_TEST

START_TEST(a_group_reads_each_record_once_when_nothing_fails)
{
	transfer_numbers("in", 0, 4999);
	must_succeed(START("produce", it.topic, "in"));
	must_succeed(START("consume", it.topic, "-G", it.topic, "-c", "1700",
			   "--guarantee", _i ? "at-least-once" : "at-most-once"));
	must_succeed(START("consume", it.topic, "-G", it.topic, "-e", "--guarantee",
			   _i ? "at-least-once" : "at-most-once"));
	check_lines("stdout", 5000);
	/* another run finds nothing left */
	must_succeed(START("consume", it.topic, "-G", it.topic, "-e"));
	check_lines("stdout", 5000);
}
END_TEST

START_TEST(a_consumer_that_is_told_to_stop_commits_what_it_printed)
{
	pid_t pid;

	transfer_numbers("in", 0, 999);
	must_succeed(START("produce", it.topic, "in", "--guarantee", "at-most-once"));
	pid = START("consume", it.topic, "-G", it.topic);
	wait_for_output(pid, "stdout");
	kill(pid, SIGTERM);
	must_succeed(pid);
	must_succeed(START("consume", it.topic, "-G", it.topic, "-e"));
	check_lines("stdout", 1000);
}
END_TEST

START_TEST(a_record_beyond_the_topics_limit_is_named)
{
	FILE *in = fopen("in", "w");

	fprintf(in, "0\n%02000000d\n", 1);
	fclose(in);
	must_fail(START("produce", it.topic, "in", "--guarantee", "exactly-once"),
		  "in:2: ");
	ck_assert_int_eq(transfer_count(it.broker, it.topic), 0);
}
END_TEST

START_TEST(an_unknown_topic_is_named)
{
	must_fail(START("produce", "nowhere", "/dev/null"), "no topic nowhere");
	must_fail(START("consume", "nowhere", "-e"), "no topic nowhere");
}
END_TEST

START_TEST(a_cluster_that_is_not_there_is_given_up)
{
	must_fail(START("produce", it.topic, "/dev/null", "-b", "127.0.0.1:1",
			"--timeout", "2s"),
		  "127.0.0.1:1");
	must_fail(
		START("consume", it.topic, "-e", "-b", "127.0.0.1:1", "--timeout", "2s"),
		"127.0.0.1:1");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("transfer over Kafka");
	TCase *cases = transfer_case(all, "kafka");

	tcase_add_test(cases, json_of_a_topic_makes_the_same_topic);
	tcase_add_loop_test(cases, a_group_reads_each_record_once_when_nothing_fails, 0,
			    2);
	tcase_add_test(cases, a_consumer_that_is_told_to_stop_commits_what_it_printed);
	tcase_add_test(cases, a_record_beyond_the_topics_limit_is_named);
	tcase_add_test(cases, an_unknown_topic_is_named);
	tcase_add_test(cases, a_cluster_that_is_not_there_is_given_up);
	tcase_add_test(cases, refusals_of_a_source);
	tcase_add_test(cases, an_interrupted_whole_input_leaves_nothing);
	tcase_add_test(cases, a_whole_input_that_takes_too_long_names_source);
	tcase_add_loop_test(
		cases, partitions_that_come_later_are_read_from_their_first_record, 0, 2);
	return all;
}

int
main(void)
{
	return transfer_kafka_run(suite);
}
