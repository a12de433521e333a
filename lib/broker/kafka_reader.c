/*
 * A reader: partitions read from given offsets, without a group.
 *
 * Uses librdkafka's consumer of single partitions, all of them onto one queue, so that no
 * group is asked for and no right on one is needed. The thread that opened it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <broker/kafka_private.h>

#define READER_FETCH_WAIT_MS "50"

struct reader_place {
	rd_kafka_topic_t *handle;
	int32_t partition;
};

struct kafka_reader {
	struct weir_reader base;
	struct kafka_client *client;
	rd_kafka_queue_t *queue;
	struct reader_place *places;
	size_t count;
	rd_kafka_message_t *held;
	struct kafka_headers headers;
	rd_kafka_topic_t *missing_topic; /* one of the places', NULL: none is */
	int64_t unknown_since_ms;
};

/* ---- topics that are missing: new ones may be, for a moment ---- */

static void
note_missing(struct kafka_reader *reader, const char *name, size_t size)
{
	for (size_t i = 0; i < reader->count && !reader->missing_topic; i++) {
		const char *topic = rd_kafka_topic_name(reader->places[i].handle);

		if (strlen(topic) != size || memcmp(topic, name, size) != 0)
			continue;
		reader->missing_topic = reader->places[i].handle;
		reader->unknown_since_ms = 0;
		weir__kafka_may_be_new(&reader->unknown_since_ms, reader->client->clock);
	}
}

/* What librdkafka tells of its partitions without a message: "orders [3]: reason". */
static void
on_error(void *owner, int code, const char *reason)
{
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		note_missing(owner, reason, strcspn(reason, " "));
}

/* librdkafka need not tell it again: ask, until there is an answer. */
static bool
is_gone(struct kafka_reader *reader, struct weir_error *error)
{
	const rd_kafka_resp_err_t unknown = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;

	if (!reader->missing_topic ||
	    weir__kafka_may_be_new(&reader->unknown_since_ms, reader->client->clock) ||
	    rd_kafka_metadata(reader->client->rk, 0, reader->missing_topic, &metadata,
	                      KAFKA_SHORTEST_WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err : unknown;
	rd_kafka_metadata_destroy(metadata);
	if (code == unknown)
		weir__kafka_error_set(error, code, rd_kafka_topic_name(reader->missing_topic),
		                      NULL);
	else
		reader->missing_topic = NULL;
	return code == unknown;
}

/* ---- what comes ---- */

static enum weir_event_type
take_error(struct kafka_reader *reader, const rd_kafka_message_t *record,
           struct weir_error *error)
{
	const char *topic = record->rkt ? rd_kafka_topic_name(record->rkt) : NULL;
	enum weir_outcome outcome =
		weir__kafka_outcome(KAFKA_STEP_POLL, weir__kafka_fault_code(record->err));

	if (outcome != WEIR_FATAL)
		return WEIR_EVENT_IDLE; /* librdkafka goes on by itself */
	if (topic && weir__kafka_error_code(record->err) == WEIR_ENOTFOUND) {
		note_missing(reader, topic, strlen(topic));
		return WEIR_EVENT_IDLE;
	}
	weir__kafka_error_set(error, record->err, topic, rd_kafka_message_errstr(record));
	return WEIR_EVENT_FAILED;
}

static enum weir_event_type
take(struct kafka_reader *reader, const rd_kafka_message_t *record, struct weir_offset *place,
     struct weir_message *message, struct weir_error *error)
{
	place->topic = record->rkt ? rd_kafka_topic_name(record->rkt) : NULL;
	place->partition = record->partition;
	place->offset = record->offset;
	place->metadata = NULL;
	if (record->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		return WEIR_EVENT_END;
	if (record->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
		return WEIR_EVENT_GAP;
	if (record->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return take_error(reader, record, error);
	weir__kafka_record_take(record, &reader->headers, message);
	return WEIR_EVENT_RECORD;
}

static enum weir_event_type
reader_poll(struct weir_reader *base, int timeout_ms, struct weir_offset *place,
            struct weir_message *message, struct weir_error *error)
{
	struct kafka_reader *reader = (struct kafka_reader *)base;

	if (reader->held)
		rd_kafka_message_destroy(reader->held);
	reader->held = rd_kafka_consume_queue(reader->queue, timeout_ms);
	if (reader->held)
		return take(reader, reader->held, place, message, error);
	rd_kafka_poll(reader->client->rk, 0);
	weir__kafka_client_watch(reader->client);
	return weir__kafka_client_refused(reader->client, error) || is_gone(reader, error)
	               ? WEIR_EVENT_FAILED
	               : WEIR_EVENT_IDLE;
}

static void
reader_close(struct weir_reader *base)
{
	struct kafka_reader *reader = (struct kafka_reader *)base;

	if (reader->held)
		rd_kafka_message_destroy(reader->held);
	for (size_t i = 0; i < reader->count; i++) {
		rd_kafka_consume_stop(reader->places[i].handle, reader->places[i].partition);
		rd_kafka_topic_destroy(reader->places[i].handle);
	}
	if (reader->queue)
		rd_kafka_queue_destroy(reader->queue);
	if (reader->client)
		weir__kafka_client_end(reader->client, KAFKA_END_MS);
	free(reader->places);
	free(reader->headers.items);
	free(reader);
}

static const struct weir_reader_ops ops = {.poll = reader_poll, .close = reader_close};

static int
start(struct kafka_reader *reader, const struct weir_offset *place, struct weir_error *error)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(reader->client->rk, place->topic, NULL);

	if (!handle || rd_kafka_consume_start_queue(handle, place->partition, place->offset,
	                                            reader->queue) != 0) {
		weir__kafka_error_set(error, rd_kafka_last_error(), place->topic, NULL);
		if (handle)
			rd_kafka_topic_destroy(handle);
		return WEIR_EBROKER;
	}
	reader->places[reader->count++] =
		(struct reader_place){.handle = handle, .partition = place->partition};
	return 0;
}

struct weir_reader *
weir__kafka_reader_open(struct weir_broker *base, const struct weir_offset *places,
                        size_t count, bool read_committed, struct weir_error *error)
{
	struct kafka_broker *broker = (struct kafka_broker *)base;
	rd_kafka_conf_t *conf = weir__kafka_conf_plain(broker, NULL, read_committed, error);
	struct kafka_reader *reader;
	int code = 0;

	if (!conf)
		return NULL;
	/* an end is only told by an empty fetch, and who reads to an end waits for it */
	rd_kafka_conf_set(conf, "fetch.wait.max.ms", READER_FETCH_WAIT_MS, NULL, 0);
	reader = weir__calloc(1, sizeof(*reader));
	reader->base.ops = &ops;
	reader->places = weir__calloc(count + 1, sizeof(*reader->places));
	reader->client = weir__kafka_client_new(RD_KAFKA_CONSUMER, conf, NULL, "reader",
	                                        broker->logger, broker->clock, NULL, error);
	if (reader->client) {
		reader->client->owner = reader;
		reader->client->on_error = on_error;
		reader->queue = rd_kafka_queue_new(reader->client->rk);
		for (size_t i = 0; i < count && code == 0; i++)
			code = start(reader, &places[i], error);
	}
	if (reader->client && code == 0)
		return &reader->base;
	reader_close(&reader->base);
	return NULL;
}
