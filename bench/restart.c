/*
 * Restart after kill -9: the time from starting the program again to its first record in
 * the output topic, as the broker stamped it, and until that record can be read
 * committed. The input never pauses, so there is always work waiting.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <bench/meter.h>

#define RECORDS_BEFORE_KILL 5000
#define TIMEOUT_MS 300000

static rd_kafka_message_t *
next_record(rd_kafka_t *reader, const char *what)
{
	int64_t deadline_us = meter_now_us() + TIMEOUT_MS * 1000LL;

	while (meter_now_us() < deadline_us) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);

		if (message && !message->err)
			return message;
		if (message)
			rd_kafka_message_destroy(message);
	}
	meter_fail("%s: no record within %d s", what, TIMEOUT_MS / 1000);
}

static void
close_reader(rd_kafka_t *reader)
{
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
}

/* Until it is well on its way, and a transaction is probably open. */
static void
wait_for_records(const char *brokers, const char *output)
{
	rd_kafka_t *reader = meter_reader(brokers, output, false, true);

	for (int i = 0; i < RECORDS_BEFORE_KILL; i++)
		rd_kafka_message_destroy(next_record(reader, "before the kill"));
	close_reader(reader);
}

static void
kill_hard(pid_t pid)
{
	/* what it sent shall be in the topic before its end is asked for */
	struct timespec settle = {.tv_nsec = 100000000};

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	nanosleep(&settle, NULL);
}

static pid_t
restart_once(const char *brokers, const char *output, char **command)
{
	rd_kafka_t *written = meter_reader(brokers, output, false, true);
	rd_kafka_t *committed = meter_reader(brokers, output, true, true);
	int64_t started_us = meter_now_us(), first_ms, visible_us;
	rd_kafka_message_t *message;
	pid_t pid = meter_spawn(command);

	message = next_record(written, "after the restart");
	first_ms = rd_kafka_message_timestamp(message, NULL);
	rd_kafka_message_destroy(message);
	message = next_record(committed, "committed after the restart");
	visible_us = meter_now_us();
	rd_kafka_message_destroy(message);
	printf("first_ms=%lld committed_ms=%lld\n",
	       (long long)(first_ms - started_us / 1000),
	       (long long)((visible_us - started_us) / 1000));
	fflush(stdout);
	close_reader(written);
	close_reader(committed);
	return pid;
}

int
meter_restart(const char *brokers, const char *input, const char *output, int per_second,
	      int rounds, char **command)
{
	struct meter_feed *feed = meter_feed_start(brokers, input, per_second);
	pid_t pid = meter_spawn(command);

	for (int i = 0; i < rounds; i++) {
		wait_for_records(brokers, output);
		kill_hard(pid);
		pid = restart_once(brokers, output, command);
	}
	kill_hard(pid);
	meter_feed_stop(feed);
	return 0;
}

int
meter_start(const char *brokers, const char *input, const char *output, int per_second,
	    char **command)
{
	struct meter_feed *feed = meter_feed_start(brokers, input, per_second);

	kill_hard(restart_once(brokers, output, command));
	meter_feed_stop(feed);
	return 0;
}
