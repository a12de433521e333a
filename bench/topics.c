/*
 * Topics of the benchmark: made, filled with JSON records, read to their end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bench/meter.h>

#define TIMEOUT_MS 30000

rd_kafka_t *
meter_client(rd_kafka_type_t type, const char *brokers, ...)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	const char *name;
	char text[512];
	va_list args;

	va_start(args, brokers);
	rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
	rd_kafka_conf_set(conf, "socket.nagle.disable", "true", NULL, 0);
	while ((name = va_arg(args, const char *)))
		if (rd_kafka_conf_set(conf, name, va_arg(args, const char *), text,
				      sizeof(text)) != RD_KAFKA_CONF_OK)
			meter_fail("%s", text);
	va_end(args);
	rk = rd_kafka_new(type, conf, text, sizeof(text));
	if (!rk)
		meter_fail("%s", text);
	return rk;
}

/* ---- made and deleted ---- */

static void
wait_admin(rd_kafka_queue_t *queue, const char *what)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);

	if (!event || rd_kafka_event_error(event))
		meter_fail("%s: %s", what,
			   event ? rd_kafka_event_error_string(event) : "no answer");
	rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
}

void
meter_topic_create(const char *brokers, const char *topic, int partitions,
		   bool append_time)
{
	rd_kafka_t *rk = meter_client(RD_KAFKA_PRODUCER, brokers, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_NewTopic_t *new = rd_kafka_NewTopic_new(topic, partitions, -1, NULL, 0);

	if (append_time)
		rd_kafka_NewTopic_set_config(new, "message.timestamp.type",
					     "LogAppendTime");
	rd_kafka_CreateTopics(rk, &new, 1, NULL, queue);
	rd_kafka_NewTopic_destroy(new);
	wait_admin(queue, topic);
	meter_topic_partitions(rk, topic); /* waits until the broker knows it */
	rd_kafka_destroy(rk);
}

void
meter_topic_delete(const char *brokers, const char *topic)
{
	rd_kafka_t *rk = meter_client(RD_KAFKA_PRODUCER, brokers, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_DeleteTopic_t *old = rd_kafka_DeleteTopic_new(topic);

	rd_kafka_DeleteTopics(rk, &old, 1, NULL, queue);
	rd_kafka_DeleteTopic_destroy(old);
	wait_admin(queue, topic);
	rd_kafka_destroy(rk);
}

int
meter_topic_partitions(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	int partitions = 0;

	/* a topic that was just made is not known at once */
	for (int tries = 0; tries < 100 && partitions == 0; tries++) {
		if (rd_kafka_metadata(rk, 0, handle, &metadata, TIMEOUT_MS))
			continue;
		if (metadata->topic_cnt == 1)
			partitions = metadata->topics[0].partition_cnt;
		rd_kafka_metadata_destroy(metadata);
		if (partitions == 0)
			rd_kafka_poll(rk, 20);
	}
	rd_kafka_topic_destroy(handle);
	if (partitions == 0 || partitions > METER_MAX_PARTITIONS)
		meter_fail("%s: %d partitions", topic, partitions);
	return partitions;
}

/* ---- filled ---- */

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

int
meter_fill(const char *brokers, const char *topic, long records, int value_bytes)
{
	rd_kafka_t *rk = filling_producer(brokers);
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
	char value[65536], key[32];

	if (value_bytes >= (int)sizeof(value))
		meter_fail("fill: values of %d bytes are too large", value_bytes);
	for (long i = 0; i < records; i++) {
		int size = make_value(value, i, value_bytes);
		int key_size = snprintf(key, sizeof(key), "%08ld", i);

		while (rd_kafka_produce(handle, RD_KAFKA_PARTITION_UA,
					RD_KAFKA_MSG_F_COPY, value, (size_t)size, key,
					(size_t)key_size, NULL)) {
			if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
				meter_fail("fill: %s",
					   rd_kafka_err2str(rd_kafka_last_error()));
			rd_kafka_poll(rk, 10);
		}
		if (i % 1000 == 0)
			rd_kafka_poll(rk, 0);
	}
	if (rd_kafka_flush(rk, 60000))
		meter_fail("fill: records were not taken within 60 s");
	rd_kafka_topic_destroy(handle);
	rd_kafka_destroy(rk);
	return 0;
}

/* ---- read ---- */

/* The end of a partition; one that was just made may not have its leader yet. */
static int64_t
end_offset(rd_kafka_t *rk, const char *topic, int partition)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	int64_t low, high;

	for (int tries = 0; tries < 100; tries++) {
		code = rd_kafka_query_watermark_offsets(rk, topic, partition, &low, &high,
							TIMEOUT_MS);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			return high;
		rd_kafka_poll(rk, 50);
	}
	meter_fail("%s[%d]: no end offset: %s", topic, partition, rd_kafka_err2str(code));
}

rd_kafka_t *
meter_reader(const char *brokers, const char *topic, bool read_committed, bool from_end)
{
	rd_kafka_t *rk = meter_client(
		RD_KAFKA_CONSUMER, brokers, "group.id", "meter", "enable.auto.commit",
		"false", "enable.partition.eof", "true", "isolation.level",
		read_committed ? "read_committed" : "read_uncommitted",
		"queued.min.messages", "1000000", "check.crcs", "false", NULL);
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	int partitions = meter_topic_partitions(rk, topic);

	rd_kafka_poll_set_consumer(rk);
	for (int i = 0; i < partitions; i++) {
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
			from_end ? end_offset(rk, topic, i) : 0;
	}
	if (rd_kafka_assign(rk, list))
		meter_fail("%s: cannot be read", topic);
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

int
meter_span(const char *brokers, const char *topic)
{
	rd_kafka_t *rk = meter_reader(brokers, topic, true, false);
	int open = meter_topic_partitions(rk, topic);
	int64_t first_ms = INT64_MAX, last_ms = 0;
	long records = 0;

	while (open > 0) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, TIMEOUT_MS);

		if (!message)
			meter_fail("%s: nothing came for %d s", topic, TIMEOUT_MS / 1000);
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			open--;
		} else if (message->err) {
			meter_fail("%s: %s", topic, rd_kafka_message_errstr(message));
		} else {
			int64_t time_ms = rd_kafka_message_timestamp(message, NULL);

			records++;
			first_ms = time_ms < first_ms ? time_ms : first_ms;
			last_ms = time_ms > last_ms ? time_ms : last_ms;
		}
		rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	printf("records=%ld first_ms=%lld last_ms=%lld\n", records, (long long)first_ms,
	       (long long)last_ms);
	return 0;
}
