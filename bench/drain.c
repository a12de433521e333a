/*
 * A program that reads a topic to its end: run until its group has committed all of it, then
 * ended in good order, or killed. Meanwhile its memory is looked at, by kind: a store's file is mapped,
 * and its pages count as resident, but they are the system's to take back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <bench/meter.h>

#define LOOK_MS 50
#define TIMEOUT_MS 900000
#define CALL_TIMEOUT_MS 10000

struct memory {
	long anon_kib; /* most that was seen */
	long file_kib;
};

static void
keep_most(const char *line, const char *name, long *most)
{
	size_t length = strlen(name);
	long kib;

	if (strncmp(line, name, length) == 0 && sscanf(line + length, "%ld", &kib) == 1 &&
	    kib > *most)
		*most = kib;
}

static void
look(pid_t pid, struct memory *memory)
{
	char path[64], line[256];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "r");
	while (status && fgets(line, sizeof(line), status)) {
		keep_most(line, "RssAnon:", &memory->anon_kib);
		keep_most(line, "RssFile:", &memory->file_kib);
	}
	if (status)
		fclose(status);
}

/* What the group has still to commit: 0 at the end. */
static int64_t
records_left(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *committed,
	     const rd_kafka_topic_partition_list_t *ends)
{
	rd_kafka_resp_err_t code = rd_kafka_committed(rk, committed, CALL_TIMEOUT_MS);
	int64_t left = 0;

	for (int i = 0; i < ends->cnt; i++) {
		int64_t offset = committed->elems[i].offset;

		left += ends->elems[i].offset - (offset > 0 ? offset : 0);
	}
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? left : INT64_MAX;
}

static void
stop(pid_t pid, bool kill_hard, struct rusage *usage, const char *name)
{
	int status;

	kill(pid, kill_hard ? SIGKILL : SIGTERM);
	while (wait4(pid, &status, 0, usage) < 0)
		if (errno != EINTR)
			meter_fail("wait: %s", strerror(errno));
	if (kill_hard)
		return;
	/* Java says 128 + 15 when it has ended in good order */
	if (!WIFEXITED(status) ||
	    (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 128 + SIGTERM))
		meter_fail("%s failed (status %d)", name, status);
}

/* Until all is committed; the program's memory is looked at all the while. */
static void
watch(pid_t pid, rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *ends,
      struct memory *memory)
{
	rd_kafka_topic_partition_list_t *committed =
		rd_kafka_topic_partition_list_copy(ends);
	int64_t deadline_us = meter_now_us() + TIMEOUT_MS * 1000LL;
	struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};

	while (records_left(rk, committed, ends) > 0) {
		siginfo_t info = {0};

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == pid)
			meter_fail("the program ended by itself");
		if (meter_now_us() > deadline_us)
			meter_fail("not at the end within %d s", TIMEOUT_MS / 1000);
		look(pid, memory);
		nanosleep(&pause, NULL);
	}
	look(pid, memory);
	rd_kafka_topic_partition_list_destroy(committed);
}

int
meter_drain(const char *brokers, const char *input, const char *group, bool kill_hard,
	    char **command)
{
	rd_kafka_t *rk = meter_client(RD_KAFKA_CONSUMER, brokers, "group.id", group,
				      "isolation.level", "read_uncommitted", NULL);
	rd_kafka_topic_partition_list_t *ends = meter_topic_ends(rk, input);
	int64_t started_us = meter_now_us(), drained_us;
	struct memory memory = {0};
	struct rusage usage;
	pid_t pid = meter_spawn(command);

	watch(pid, rk, ends, &memory);
	drained_us = meter_now_us();
	stop(pid, kill_hard, &usage, command[0]);
	printf("cpu_us=%lld rss_kib=%ld anon_kib=%ld file_kib=%ld drained_us=%lld\n",
	       meter_cpu_us(&usage), usage.ru_maxrss, memory.anon_kib, memory.file_kib,
	       (long long)(drained_us - started_us));
	rd_kafka_topic_partition_list_destroy(ends);
	rd_kafka_destroy(rk);
	return 0;
}
