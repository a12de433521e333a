/*
 * Topics of the benchmark: made, deleted, read to their end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
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

rd_kafka_topic_partition_list_t *
meter_topic_ends(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
	int partitions = meter_topic_partitions(rk, topic);

	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
			end_offset(rk, topic, i);
	return list;
}

rd_kafka_t *
meter_reader(const char *brokers, const char *topic, bool read_committed, bool from_end)
{
	rd_kafka_t *rk = meter_client(
		RD_KAFKA_CONSUMER, brokers, "group.id", "meter", "enable.auto.commit",
		"false", "enable.partition.eof", "true", "isolation.level",
		read_committed ? "read_committed" : "read_uncommitted",
		"queued.min.messages", "1000000", "check.crcs", "false", NULL);
	rd_kafka_topic_partition_list_t *list = meter_topic_ends(rk, topic);

	rd_kafka_poll_set_consumer(rk);
	for (int i = 0; i < list->cnt && !from_end; i++)
		list->elems[i].offset = 0;
	if (rd_kafka_assign(rk, list))
		meter_fail("%s: cannot be read", topic);
	rd_kafka_topic_partition_list_destroy(list);
	return rk;
}

/* Of a record's key and value: FNV-1a. */
static uint64_t
hash(uint64_t seed, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		seed = (seed ^ bytes[i]) * UINT64_C(0x100000001b3);
	return seed;
}

/*
 * The ends as one who reads uncommitted sees them. A program that has committed is done before
 * the marker of its transaction has reached each partition, and who reads committed meets the
 * end before it.
 */
static rd_kafka_topic_partition_list_t *
uncommitted_ends(const char *brokers, const char *topic)
{
	rd_kafka_t *rk = meter_client(RD_KAFKA_CONSUMER, brokers, "group.id", "meter",
				      "isolation.level", "read_uncommitted", NULL);
	rd_kafka_topic_partition_list_t *ends = meter_topic_ends(rk, topic);

	rd_kafka_destroy(rk);
	return ends;
}

int
meter_span(const char *brokers, const char *topic)
{
	rd_kafka_t *rk = meter_reader(brokers, topic, true, false);
	rd_kafka_topic_partition_list_t *ends = uncommitted_ends(brokers, topic);
	int open = ends->cnt;
	int64_t first_ms = INT64_MAX, last_ms = 0;
	uint64_t sum = 0; /* of all records, whatever their order */
	long records = 0;

	while (open > 0) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, TIMEOUT_MS);

		if (!message)
			meter_fail("%s: nothing came for %d s", topic, TIMEOUT_MS / 1000);
		if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			int64_t *end = &ends->elems[message->partition].offset;

			open -= *end >= 0 && message->offset >= *end;
			*end = message->offset >= *end ? -1 : *end; /* told once */
		} else if (message->err) {
			meter_fail("%s: %s", topic, rd_kafka_message_errstr(message));
		} else {
			int64_t time_ms = rd_kafka_message_timestamp(message, NULL);

			records++;
			sum += hash(hash(UINT64_C(0xcbf29ce484222325), message->key,
			                 message->key_len),
			            message->payload, message->len);
			first_ms = time_ms < first_ms ? time_ms : first_ms;
			last_ms = time_ms > last_ms ? time_ms : last_ms;
		}
		rd_kafka_message_destroy(message);
	}
	rd_kafka_topic_partition_list_destroy(ends);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	printf("records=%ld first_ms=%lld last_ms=%lld sum=%016" PRIx64 "\n", records,
	       (long long)first_ms, (long long)last_ms, sum);
	return 0;
}
