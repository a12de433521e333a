/*
 * The tests' own Kafka: it starts, answers, obeys, and leaves nothing behind.
 *
 * Brokers are asked by plain connections here, so that this says something also when the
 * broker room is at fault.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <base/folder.h>

#include "tests/harness.h"
#include "tests/kafka/cluster.h"

/* Does something listen at the `index`th address of a bootstrap.servers? */
static int
listens(const char *bootstrap, int index)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char host[64];
	int port, fd, result;

	while (index-- > 0)
		bootstrap = strchr(bootstrap, ',') + 1;
	ck_assert_int_eq(sscanf(bootstrap, "%63[^:]:%d", host, &port), 2);
	ck_assert_int_eq(inet_pton(AF_INET, host, &address.sin_addr), 1);
	address.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	result = connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return result == 0;
}

static void
wait_until_silent(const char *bootstrap)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};

	while (listens(bootstrap, 0)) /* the test case's timeout ends this */
		nanosleep(&pause, NULL);
}

START_TEST(killed_broker_is_gone_and_comes_back_at_its_address)
{
	struct cluster *cluster = cluster_open(3, NULL);

	for (int i = 0; i < 3; i++)
		ck_assert(listens(cluster_bootstrap(cluster), i));
	cluster_kill(cluster, 2);
	ck_assert(!listens(cluster_bootstrap(cluster), 1));
	ck_assert(listens(cluster_bootstrap(cluster), 2));
	cluster_restart(cluster, 2);
	ck_assert(listens(cluster_bootstrap(cluster), 1));
	cluster_close(cluster);
}
END_TEST

START_TEST(two_clusters_at_once_have_their_own_addresses)
{
	struct cluster *one = cluster_open(1, NULL);
	struct cluster *two = cluster_open(1, NULL);
	char address[64];

	ck_assert_str_ne(cluster_bootstrap(one), cluster_bootstrap(two));
	snprintf(address, sizeof(address), "%s", cluster_bootstrap(one));
	cluster_close(one);
	ck_assert(!listens(address, 0));
	ck_assert(listens(cluster_bootstrap(two), 0));
	cluster_close(two);
}
END_TEST

START_TEST(paused_broker_can_be_resumed)
{
	struct cluster *cluster = cluster_open(1, NULL);

	cluster_pause(cluster, 1);
	cluster_resume(cluster, 1);
	cluster_restart(cluster, 1); /* needs a broker that is awake */
	ck_assert(listens(cluster_bootstrap(cluster), 0));
	cluster_close(cluster);
}
END_TEST

/* The child opens a cluster, tells its address and is killed. */
START_TEST(cluster_ends_when_its_owner_is_killed)
{
	char bootstrap[1024] = "";
	int fds[2];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct cluster *cluster = cluster_open(1, NULL);

		cluster_pause(cluster, 1); /* a stopped process must go as well */
		dprintf(fds[1], "%s", cluster_bootstrap(cluster));
		close(fds[1]);
		pause();
	}
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], bootstrap, sizeof(bootstrap) - 1), 0);
	close(fds[0]);
	ck_assert(listens(bootstrap, 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	wait_until_silent(bootstrap);
}
END_TEST

static void
expect_file(const char *folder, const char *name)
{
	char path[512];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_msg(stat(path, &status) == 0 && status.st_size > 0, "%s", path);
}

START_TEST(what_was_kept_can_be_read_when_all_brokers_are_gone)
{
	struct cluster *cluster = cluster_open(1, NULL);
	char address[64];
	char *folder;

	snprintf(address, sizeof(address), "%s", cluster_bootstrap(cluster));
	cluster_kill(cluster, 1);
	cluster_restart(cluster, 1);
	folder = cluster_close_keeping(cluster);
	ck_assert(!listens(address, 0));
	expect_file(folder, "1/log");
	expect_file(folder, "1/log.1"); /* of the run that was killed */
	expect_file(folder, "1/data/meta.properties");
	weir__folder_remove(folder);
	free(folder);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kafka");
	TCase *tcase = tcase_create("cluster");
	const char *why = cluster_missing();

	if (why)
		return weir_test_skip(why);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, killed_broker_is_gone_and_comes_back_at_its_address);
	tcase_add_test(tcase, two_clusters_at_once_have_their_own_addresses);
	tcase_add_test(tcase, paused_broker_can_be_resumed);
	tcase_add_test(tcase, cluster_ends_when_its_owner_is_killed);
	tcase_add_test(tcase, what_was_kept_can_be_read_when_all_brokers_are_gone);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
