/*
 * Records at a steady pace: every millisecond its share, each with the time at which it
 * was sent in its value. A thread of its own produces them; the caller starts and stops
 * it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bench/meter.h>

#define VALUE_BYTES 160
#define PREFIX "{\"sent_us\":"

struct meter_feed {
	pthread_t thread;
	atomic_bool stopped;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	int per_second;
	int64_t begin_us; /* also in the keys: no two feeds have the same */
};

static void
send_one(struct meter_feed *feed, long number)
{
	char value[VALUE_BYTES + 1], key[32];
	int length = snprintf(value, sizeof(value), PREFIX "%" PRId64 ",\"note\":\"",
			      meter_now_us());
	int key_size = snprintf(key, sizeof(key), "%08ld-%" PRId64, number, feed->begin_us);

	memset(value + length, 'x', (size_t)(VALUE_BYTES - length));
	memcpy(value + VALUE_BYTES - 2, "\"}", 2);
	while (rd_kafka_produce(feed->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
				value, VALUE_BYTES, key, (size_t)key_size, NULL)) {
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			meter_fail("feed: %s", rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(feed->rk, 10);
	}
}

static void *
feed_main(void *opaque)
{
	struct meter_feed *feed = opaque;
	struct timespec pause = {.tv_nsec = 1000000};
	long sent = 0;

	while (!atomic_load(&feed->stopped)) {
		long due =
			(long)((meter_now_us() - feed->begin_us) * feed->per_second / 1000000);

		while (sent < due)
			send_one(feed, sent++);
		rd_kafka_poll(feed->rk, 0);
		nanosleep(&pause, NULL);
	}
	rd_kafka_flush(feed->rk, 5000);
	return NULL;
}

struct meter_feed *
meter_feed_start(const char *brokers, const char *topic, int per_second)
{
	struct meter_feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		meter_fail("out of memory");
	feed->rk = meter_client(RD_KAFKA_PRODUCER, brokers, "linger.ms", "1",
				"partitioner", "murmur2_random", NULL);
	feed->topic = rd_kafka_topic_new(feed->rk, topic, NULL);
	meter_topic_partitions(feed->rk, topic);
	feed->per_second = per_second;
	feed->begin_us = meter_now_us();
	if (pthread_create(&feed->thread, NULL, feed_main, feed))
		meter_fail("no thread");
	return feed;
}

void
meter_feed_stop(struct meter_feed *feed)
{
	atomic_store(&feed->stopped, true);
	pthread_join(feed->thread, NULL);
	rd_kafka_topic_destroy(feed->topic);
	rd_kafka_destroy(feed->rk);
	free(feed);
}

int64_t
meter_feed_sent_us(const void *value, size_t size)
{
	size_t length = strlen(PREFIX);

	if (size != VALUE_BYTES || memcmp(value, PREFIX, length) != 0)
		return -1;
	return strtoll((const char *)value + length, NULL, 10);
}
