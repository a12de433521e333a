/*
 * produce and consume as processes over a real Kafka: killed with -9 at random moments
 * many times, stopped and overtaken, and run two at a time. What is true is counted in
 * the topic and in the file, never taken from what the command says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include <broker/kafka.h>

#include "apps/weir/topic.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"
#include "tests/kafka/cluster.h"

#define ROUNDS 25
#define MAX_ARGS 24

static struct cluster *cluster;
static const struct weir_logger logger = {.level = WEIR_LOG_ERROR};
static struct weir_broker *broker;
static char topic[32];

static void
start_cluster(void)
{
	cluster = cluster_open(1, NULL);
}

static void
stop_cluster(void)
{
	cluster_close(cluster);
}

/* Each test has a folder, a topic of its own, and a handle to look into it. */
static void
set_up(void)
{
	const char *given = getenv("WEIR_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	struct weir_properties properties = {0};
	struct weir_error error = {0};

	fprintf(stderr, "# WEIR_SEED=%u\n", seed);
	srandom(seed);
	transfer_folder_enter();
	weir__properties_set(&properties, "bootstrap.servers",
			     cluster_bootstrap(cluster));
	broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	ck_assert_msg(broker != NULL, "%s", error.message);
	weir__properties_fini(&properties);
	snprintf(topic, sizeof(topic), "t%d", (int)getpid());
	ck_assert_msg(
		weir__broker_topic_create(broker, topic, 3, 1, NULL, 20000, &error) == 0,
		"%s", error.message);
}

static void
tear_down(void)
{
	weir__broker_close(broker);
}

/* ---- processes ---- */

/* Start `weir COMMAND -b ... ARGUMENT...`; its output goes to files "stdout" and
 * "stderr". */
static pid_t
start(const char *command, const char *const *arguments)
{
	const char *argv[MAX_ARGS] = {"weir", command, "-b", cluster_bootstrap(cluster)};
	int count = 4;
	pid_t pid;

	while (*arguments && count < MAX_ARGS - 1)
		argv[count++] = *arguments++;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	dup2(open("stdout", O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
	dup2(open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
	execv(WEIR_COMMAND, (char *const *)argv);
	_exit(127);
}

#define START(command, ...) start(command, (const char *const[]){__VA_ARGS__, NULL})

/* Its exit status, or -1 when a signal ended it. */
static int
status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
must_succeed(pid_t pid)
{
	int status = status_of(pid);
	char *text = transfer_read("stderr");

	ck_assert_msg(status == 0, "status %d: %s", status, text);
	free(text);
}

static void
must_fail(pid_t pid, const char *reason)
{
	int status = status_of(pid);
	char *text = transfer_read("stderr");

	ck_assert_msg(status == 1, "status %d: %s", status, text);
	ck_assert_msg(strstr(text, reason) != NULL, "%s", text);
	free(text);
}

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

/* Wait until something of the topic is in its log, committed or not. */
static void
wait_for_records(pid_t pid)
{
	int64_t total = 0;

	while (total == 0) {
		int32_t partition;
		char *text = transfer_read("stderr");

		ck_assert_msg(waitpid(pid, NULL, WNOHANG) == 0, "%s", text);
		free(text);

		for (partition = 0; partition < 3; partition++) {
			int64_t low;
			int64_t high;

			ck_assert_int_eq(weir__topic_range(broker, topic, partition, &low,
							   &high, 20000, NULL),
					 0);
			total += high;
		}
		usleep(20000);
	}
}

/* Wait until the run has committed a position of its source. */
static void
wait_for_position(pid_t pid, const char *source)
{
	struct weir_offset offset = {topic, 0, WEIR_OFFSET_NONE, NULL};

	while (offset.offset <= 0) {
		struct weir_error error = {0};

		usleep(20000);
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		weir__broker_committed(broker, source, &offset, 1, 20000, &error);
	}
}

static void
check_topic(int count)
{
	const char *wrong = transfer_check_numbers(broker, topic, count);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

static void
check_lines(const char *path, int count)
{
	char *text = transfer_read(path);
	const char *wrong = text ? transfer_check_lines(text, count) : "no file";

	ck_assert_msg(wrong == NULL, "%s", wrong);
	free(text);
}

/* ---- tests ---- */

START_TEST(a_source_killed_at_random_is_in_the_topic_once)
{
	int count = 20000;
	int kills = 0;
	pid_t pid;

	transfer_numbers("in", 0, count - 1);
	while (kills < ROUNDS) {
		pid = START("produce", topic, "in", "--source", "numbers",
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
	pid = START("produce", topic, "in", "--source", "numbers");
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
	must_succeed(START("produce", topic, "in", "--source", "numbers",
			   "--commit-records", "3000"));
	while (kills < ROUNDS) {
		pid = START("consume", topic, "-e", "--to", "out", "--commit-records",
			    "50");
		if (kill_some_time(pid, 1000)) {
			kills++;
			continue;
		}
		transfer_numbers("in", count, count + 9999);
		count += 10000;
		must_succeed(START("produce", topic, "in", "--source", "numbers"));
	}
	must_succeed(START("consume", topic, "-e", "--to", "out"));
	check_lines("out", count);
}
END_TEST

START_TEST(a_killed_whole_input_leaves_nothing)
{
	FILE *in;
	pid_t pid;

	/* a pipe that stays open: the one transaction cannot end before the kill */
	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", topic, "in", "--guarantee", "exactly-once");
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
	must_succeed(START("produce", topic, "in", "--guarantee", "exactly-once"));
	check_topic(1000);
}
END_TEST

START_TEST(an_interrupted_whole_input_leaves_nothing)
{
	FILE *in;
	pid_t pid;

	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", topic, "in", "--guarantee", "exactly-once");
	in = fopen("in", "w");
	fputs("0\n1\n2\n", in);
	fflush(in);
	wait_for_records(pid);
	kill(pid, SIGTERM);
	must_fail(pid, "stopped by a signal: nothing was committed");
	fclose(in);
	ck_assert_int_eq(transfer_count(broker, topic), 0);
}
END_TEST

START_TEST(a_whole_input_that_takes_too_long_names_source)
{
	FILE *in;
	pid_t pid;

	ck_assert_int_eq(mkfifo("in", 0600), 0);
	pid = START("produce", topic, "in", "--guarantee", "exactly-once", "-X",
		    "transaction.timeout.ms=2000");
	in = fopen("in", "w");
	fputs("0\n1\n2\n", in);
	fflush(in);
	must_fail(pid, "--source NAME produces it in many");
	fclose(in);
	ck_assert_int_eq(transfer_count(broker, topic), 0);
}
END_TEST

START_TEST(a_source_that_was_overtaken_stops)
{
	pid_t pid;

	transfer_numbers("in", 0, 49999);
	pid = START("produce", topic, "in", "--source", "slow", "--commit-records", "10");
	wait_for_position(pid, "slow");
	kill(pid, SIGSTOP);
	must_succeed(START("produce", topic, "in", "--source", "slow"));
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
	pids[0] = START("produce", topic, "in", "--source", "twin", "--commit-records",
			"50");
	pids[1] = START("produce", topic, "in", "--source", "twin", "--commit-records",
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
	pid = START("produce", topic, "in", "--source", "steady", "--commit-records",
		    "20", "--timeout", "60s");
	wait_for_position(pid, "steady");
	cluster_kill(cluster, 1);
	cluster_restart(cluster, 1);
	must_succeed(pid);
	check_topic(50000);
}
END_TEST

START_TEST(a_file_goes_on_over_a_broker_that_was_killed)
{
	struct stat status;
	pid_t pid;

	transfer_numbers("in", 0, 999);
	must_succeed(START("produce", topic, "in", "--source", "steady"));
	pid = START("consume", topic, "--to", "out", "--commit-records", "50", "-c",
		    "2000");
	while (stat("out", &status) != 0 || status.st_size == 0) {
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		usleep(20000);
	}
	cluster_kill(cluster, 1);
	cluster_restart(cluster, 1);
	transfer_numbers("in", 1000, 1999);
	must_succeed(
		START("produce", topic, "in", "--source", "steady", "--timeout", "60s"));
	must_succeed(pid);
	check_lines("out", 2000);
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

	rd_kafka_conf_set(conf, "bootstrap.servers", cluster_bootstrap(cluster), text,
			  sizeof(text));
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	ck_assert_ptr_nonnull(rk);
	queue = rd_kafka_queue_new(rk);
	wanted =
		rd_kafka_NewPartitions_new(topic, (size_t)partitions, text, sizeof(text));
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
	struct stat status;
	pid_t pid;

	transfer_numbers("in", 0, 99);
	must_succeed(START("produce", topic, "in", "--source", "s"));
	pid = START("consume", topic, "-c", "2000", ways[_i][0], ways[_i][1], ways[_i][2],
		    ways[_i][3], "-o", "beginning");
	while (stat(_i ? "stdout" : "out", &status) != 0 || status.st_size == 0) {
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		usleep(20000);
	}
	grow_topic(9);
	transfer_numbers("in", 100, 1999);
	/* small transactions: each may go to another partition */
	must_succeed(
		START("produce", topic, "in", "--source", "s", "--commit-records", "10"));
	must_succeed(pid);
	check_lines(_i ? "stdout" : "out", 2000);
}
END_TEST

START_TEST(refusals_of_a_source)
{
	char path[64];
	char other[64];

	transfer_numbers("in", 0, 99);
	must_succeed(START("produce", topic, "in", "--source", "one"));
	/* another group has no offset, and the position file says that there was one */
	snprintf(path, sizeof(path), "in.one.%s.weir", topic);
	snprintf(other, sizeof(other), "in.two.%s.weir", topic);
	ck_assert_int_eq(link(path, other), 0);
	must_fail(START("produce", topic, "in", "--source", "two"),
		  "no longer knows the position");
	ck_assert_int_eq(unlink("in"), 0);
	transfer_numbers("in", 1, 200);
	must_fail(START("produce", topic, "in", "--source", "one"),
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

	snprintf(copy, sizeof(copy), "%s-copy", topic);
	ck_assert_int_eq(weir__broker_topic_create(broker, copy, 1, 1, NULL, 20000, NULL),
			 0);
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
	must_succeed(START("produce", topic, "in"));
	must_succeed(START("consume", topic, "-G", topic, "-c", "1700", "--guarantee",
			   _i ? "at-least-once" : "at-most-once"));
	must_succeed(START("consume", topic, "-G", topic, "-e", "--guarantee",
			   _i ? "at-least-once" : "at-most-once"));
	check_lines("stdout", 5000);
	/* another run finds nothing left */
	must_succeed(START("consume", topic, "-G", topic, "-e"));
	check_lines("stdout", 5000);
}
END_TEST

START_TEST(a_consumer_that_is_told_to_stop_commits_what_it_printed)
{
	pid_t pid;

	transfer_numbers("in", 0, 999);
	must_succeed(START("produce", topic, "in", "--guarantee", "at-most-once"));
	pid = START("consume", topic, "-G", topic);
	for (;;) {
		struct stat status;

		if (stat("stdout", &status) == 0 && status.st_size > 0)
			break;
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		usleep(20000);
	}
	kill(pid, SIGTERM);
	must_succeed(pid);
	must_succeed(START("consume", topic, "-G", topic, "-e"));
	check_lines("stdout", 1000);
}
END_TEST

START_TEST(a_record_beyond_the_topics_limit_is_named)
{
	FILE *in = fopen("in", "w");

	fprintf(in, "0\n%02000000d\n", 1);
	fclose(in);
	must_fail(START("produce", topic, "in", "--guarantee", "exactly-once"), "in:2: ");
	ck_assert_int_eq(transfer_count(broker, topic), 0);
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
	must_fail(START("produce", topic, "/dev/null", "-b", "127.0.0.1:1", "--timeout",
			"2s"),
		  "127.0.0.1:1");
	must_fail(START("consume", topic, "-e", "-b", "127.0.0.1:1", "--timeout", "2s"),
		  "127.0.0.1:1");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("transfer over Kafka");
	TCase *cases = tcase_create("kafka");

	tcase_add_unchecked_fixture(cases, start_cluster, stop_cluster);
	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_set_timeout(cases, 300);
	tcase_add_test(cases, json_of_a_topic_makes_the_same_topic);
	tcase_add_loop_test(cases, a_group_reads_each_record_once_when_nothing_fails, 0,
			    2);
	tcase_add_test(cases, a_consumer_that_is_told_to_stop_commits_what_it_printed);
	tcase_add_test(cases, a_record_beyond_the_topics_limit_is_named);
	tcase_add_test(cases, an_unknown_topic_is_named);
	tcase_add_test(cases, a_cluster_that_is_not_there_is_given_up);
	tcase_add_test(cases, refusals_of_a_source);
	tcase_add_test(cases, a_killed_whole_input_leaves_nothing);
	tcase_add_test(cases, an_interrupted_whole_input_leaves_nothing);
	tcase_add_test(cases, a_whole_input_that_takes_too_long_names_source);
	tcase_add_test(cases, a_source_that_was_overtaken_stops);
	tcase_add_test(cases, two_runs_of_a_source_at_once_put_the_file_in_once);
	tcase_add_test(cases, a_source_goes_on_over_a_broker_that_was_killed);
	tcase_add_test(cases, a_file_goes_on_over_a_broker_that_was_killed);
	tcase_add_loop_test(
		cases, partitions_that_come_later_are_read_from_their_first_record, 0, 2);
	tcase_add_test(cases, a_source_killed_at_random_is_in_the_topic_once);
	tcase_add_test(cases, a_file_filled_by_killed_runs_holds_each_record_once);
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	const char *why = cluster_missing();

	if (why)
		return weir_test_skip(why);
	return transfer_run(suite());
}
