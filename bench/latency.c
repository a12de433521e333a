/*
 * End-to-end latency: from the moment a record is handed to the feeding producer to the
 * moment a read_committed consumer has its copy. Both are in this process, so one clock
 * counts. The first seconds, in which the measured program starts, do not count.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <bench/meter.h>

#define WARM_UP_US 3000000
#define START_TIMEOUT_US 30000000

struct samples {
	int64_t *us;
	size_t count;
	size_t capacity;
};

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
percentile_ms(const struct samples *samples, double part)
{
	size_t at = (size_t)(part * (double)samples->count);

	return (double)samples->us[at < samples->count ? at : samples->count - 1] / 1000;
}

/* Take copies until `seconds` after the first one and the warm-up. */
static void
collect(rd_kafka_t *reader, int seconds, struct samples *samples)
{
	int64_t begin_us = meter_now_us(), from_us = 0;

	for (;;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
		int64_t now_us = meter_now_us(), sent_us = -1;

		if (message && !message->err)
			sent_us = meter_feed_sent_us(message->payload, message->len);
		if (message)
			rd_kafka_message_destroy(message);
		if (from_us == 0 && sent_us > 0)
			from_us = now_us + WARM_UP_US;
		if (from_us == 0 && now_us > begin_us + START_TIMEOUT_US)
			meter_fail("no record came out within %d s",
				   START_TIMEOUT_US / 1000000);
		if (from_us != 0 && now_us > from_us + seconds * 1000000LL)
			return;
		if (sent_us > 0 && sent_us >= from_us && from_us != 0 &&
		    samples->count < samples->capacity)
			samples->us[samples->count++] = now_us - sent_us;
	}
}

int
meter_latency(const char *brokers, const char *input, const char *output, int per_second,
	      int seconds, char **command)
{
	struct samples samples = {.capacity =
					  (size_t)per_second * (size_t)(seconds + 10)};
	rd_kafka_t *reader = meter_reader(brokers, output, true, true);
	struct meter_feed *feed;
	pid_t pid;

	samples.us = calloc(samples.capacity, sizeof(*samples.us));
	if (!samples.us)
		meter_fail("out of memory");
	feed = meter_feed_start(brokers, input, per_second);
	pid = meter_spawn(command);
	collect(reader, seconds, &samples);
	meter_feed_stop(feed);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	if (samples.count == 0)
		meter_fail("no record came out");
	qsort(samples.us, samples.count, sizeof(*samples.us), compare);
	printf("records=%zu p50_ms=%.2f p90_ms=%.2f p99_ms=%.2f max_ms=%.2f\n",
	       samples.count, percentile_ms(&samples, 0.5), percentile_ms(&samples, 0.9),
	       percentile_ms(&samples, 0.99), percentile_ms(&samples, 1));
	free(samples.us);
	return 0;
}
