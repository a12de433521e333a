/*
 * Topics filled with JSON records: numbered ones, or ids that come again and again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bench/meter.h>

#define VALUE_MAX 65536

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	(void)rk;
	(void)opaque;
	if (message->err)
		meter_fail("fill: %s", rd_kafka_err2str(message->err));
}

/* A JSON object of exactly that size, where it can be so small. */
static int
make_value(char *value, long number, int bytes)
{
	int length =
		snprintf(value, (size_t)bytes + 1,
			 "{\"order_id\":%ld,\"customer\":\"c%05ld\",\"amount\":%ld.%02ld,"
			 "\"currency\":\"EUR\",\"note\":\"",
			 number, number % 10007, number % 997, number % 100);

	if (length > bytes - 2)
		meter_fail("fill: values of %d bytes are too small", bytes);
	for (long i = length; i < bytes - 2; i++)
		value[i] = (char)('a' + (number * 31 + i * 7) % 26);
	memcpy(value + bytes - 2, "\"}", 2);
	return bytes;
}

static rd_kafka_t *
filling_producer(const char *brokers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[256];
	rd_kafka_t *rk;

	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "compression.type", "lz4", NULL, 0);
	rd_kafka_conf_set(conf, "linger.ms", "20", NULL, 0);
	rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!rk)
		meter_fail("%s", text);
	return rk;
}

/* ---- a topic being filled ---- */

struct filler {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	int value_bytes;
};

static void
filler_open(struct filler *filler, const char *brokers, const char *topic, int value_bytes)
{
	if (value_bytes >= VALUE_MAX)
		meter_fail("fill: values of %d bytes are too large", value_bytes);
	filler->rk = filling_producer(brokers);
	filler->topic = rd_kafka_topic_new(filler->rk, topic, NULL);
	filler->value_bytes = value_bytes;
}

static void
filler_add(struct filler *filler, long number, const char *key)
{
	char value[VALUE_MAX];
	int size = make_value(value, number, filler->value_bytes);

	while (rd_kafka_produce(filler->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
				value, (size_t)size, key, strlen(key), NULL)) {
		if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			meter_fail("fill: %s", rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(filler->rk, 10);
	}
	if (number % 1000 == 0)
		rd_kafka_poll(filler->rk, 0);
}

static void
filler_close(struct filler *filler)
{
	if (rd_kafka_flush(filler->rk, 60000))
		meter_fail("fill: records were not taken within 60 s");
	rd_kafka_topic_destroy(filler->topic);
	rd_kafka_destroy(filler->rk);
}

int
meter_fill(const char *brokers, const char *topic, long records, int value_bytes)
{
	struct filler filler;
	char key[32];

	filler_open(&filler, brokers, topic, value_bytes);
	for (long i = 0; i < records; i++) {
		snprintf(key, sizeof(key), "%08ld", i);
		filler_add(&filler, i, key);
	}
	filler_close(&filler);
	return 0;
}

/* ---- ids ---- */

/* splitmix64: another number for each, and they look like random ones. */
static uint64_t
mix(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

/* 0 to count - 1, shuffled; the same ones each time. */
static uint32_t *
shuffled(long count)
{
	uint32_t *numbers = malloc((size_t)count * sizeof(*numbers));

	if (!numbers)
		meter_fail("out of memory");
	for (long i = 0; i < count; i++) {
		long other = (long)(mix((uint64_t)i) % (uint64_t)(i + 1));

		numbers[i] = numbers[other];
		numbers[other] = (uint32_t)i;
	}
	return numbers;
}

int
meter_fill_ids(const char *brokers, const char *topic, long first, long ids, int times,
	       int value_bytes)
{
	uint32_t *order = shuffled(ids * times);
	struct filler filler;
	char key[32];

	filler_open(&filler, brokers, topic, value_bytes);
	for (long i = 0; i < ids * times; i++) {
		snprintf(key, sizeof(key), "%016" PRIx64,
			 mix((uint64_t)(first + order[i] % ids)));
		filler_add(&filler, i, key);
	}
	filler_close(&filler);
	free(order);
	return 0;
}
