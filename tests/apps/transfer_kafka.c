/*
 * The fixture of tests of produce and consume over a real Kafka; see transfer_kafka.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <broker/kafka.h>

#include "apps/weir/topic.h"
#include "tests/apps/transfer_kafka.h"

#define MAX_ARGS 24

struct transfer_fixture it;
static const struct weir_logger logger = {.level = WEIR_LOG_ERROR};

static void
start_cluster(void)
{
	it.cluster = cluster_open(1, NULL);
}

static void
stop_cluster(void)
{
	cluster_close(it.cluster);
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
			     cluster_bootstrap(it.cluster));
	it.broker = weir__kafka_open(&properties, &logger, weir__clock_system(), &error);
	ck_assert_msg(it.broker != NULL, "%s", error.message);
	weir__properties_fini(&properties);
	snprintf(it.topic, sizeof(it.topic), "t%d", (int)getpid());
	ck_assert_msg(weir__broker_topic_create(it.broker, it.topic, 3, 1, NULL, 20000,
						&error) == 0,
		      "%s", error.message);
}

static void
tear_down(void)
{
	weir__broker_close(it.broker);
}

TCase *
transfer_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_unchecked_fixture(tcase, start_cluster, stop_cluster);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 300);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int
transfer_kafka_run(Suite *(*suite)(void))
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : transfer_run(suite());
}

/* ---- processes ---- */

pid_t
start(const char *command, const char *const *arguments)
{
	const char *argv[MAX_ARGS] = {"weir", command, "-b",
				      cluster_bootstrap(it.cluster)};
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

int
status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
must_succeed(pid_t pid)
{
	int status = status_of(pid);
	char *text = transfer_read("stderr");

	ck_assert_msg(status == 0, "status %d: %s", status, text);
	free(text);
}

void
must_fail(pid_t pid, const char *reason)
{
	int status = status_of(pid);
	char *text = transfer_read("stderr");

	ck_assert_msg(status == 1, "status %d: %s", status, text);
	ck_assert_msg(strstr(text, reason) != NULL, "%s", text);
	free(text);
}

void
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

			ck_assert_int_eq(weir__topic_range(it.broker, it.topic, partition,
							   &low, &high, 20000, NULL),
					 0);
			total += high;
		}
		usleep(20000);
	}
}

void
wait_for_position(pid_t pid, const char *source)
{
	struct weir_offset offset = {it.topic, 0, WEIR_OFFSET_NONE, NULL};

	while (offset.offset <= 0) {
		struct weir_error error = {0};

		usleep(20000);
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		weir__broker_committed(it.broker, source, &offset, 1, 20000, &error);
	}
}

void
wait_for_output(pid_t pid, const char *path)
{
	struct stat status;

	while (stat(path, &status) != 0 || status.st_size == 0) {
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		usleep(20000);
	}
}

void
check_topic(int count)
{
	const char *wrong = transfer_check_numbers(it.broker, it.topic, count);

	ck_assert_msg(wrong == NULL, "%s", wrong);
}

void
check_lines(const char *path, int count)
{
	char *text = transfer_read(path);
	const char *wrong = text ? transfer_check_lines(text, count) : "no file";

	ck_assert_msg(wrong == NULL, "%s", wrong);
	free(text);
}
