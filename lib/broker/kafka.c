/*
 * The broker over librdkafka: opens sessions and readers, and answers questions that need
 * neither, through one plain client that is made when it is first needed.
 *
 * That client reads uncommitted: the end of a partition is then the high watermark, also
 * where transactions are open (a read_committed one answers the last stable offset).
 * Sessions of several threads ask through it; the lock guards its making.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

#define PLACE_TEXT 272 /* a topic's name has at most 249 bytes */
#define METADATA_WAIT_MS 500

const char *
weir__kafka_version(void)
{
	return rd_kafka_version_str();
}

struct kafka_client *
weir__kafka_broker_client(struct kafka_broker *broker, struct weir_error *error)
{
	struct kafka_client *client;
	rd_kafka_conf_t *conf;

	pthread_mutex_lock(&broker->lock);
	if (!broker->client) {
		conf = weir__kafka_conf_plain(broker, NULL, false, error);
		if (conf)
			broker->client = weir__kafka_client_new(
				RD_KAFKA_CONSUMER, conf, NULL, "questions", broker->logger,
				broker->clock, NULL, error);
	}
	client = broker->client;
	pthread_mutex_unlock(&broker->lock);
	return client;
}

/* With no answer in time: what is known of the way there. */
static enum weir_outcome
explain(struct kafka_client *client, enum weir_outcome outcome, const char *what,
        struct weir_error *error)
{
	if (outcome != WEIR_AGAIN)
		return outcome;
	return weir__kafka_client_explain(client, what, error);
}

enum leader { LEADER_UNTOLD, LEADER_NONE, LEADER_THERE };

/* What the cluster says now, if it answers; librdkafka knows it then, too. */
static enum leader
ask_leader(struct kafka_client *client, const char *topic, int32_t partition)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(client->rk, topic, NULL);
	const struct rd_kafka_metadata *metadata;
	enum leader leader = LEADER_UNTOLD;
	rd_kafka_resp_err_t code =
		rd_kafka_metadata(client->rk, 0, handle, &metadata, METADATA_WAIT_MS);

	rd_kafka_topic_destroy(handle);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return LEADER_UNTOLD;
	for (int i = 0; metadata->topic_cnt == 1 && i < metadata->topics[0].partition_cnt; i++) {
		const struct rd_kafka_metadata_partition *found =
			&metadata->topics[0].partitions[i];

		if (found->id == partition)
			leader = found->leader < 0 ? LEADER_NONE : LEADER_THERE;
	}
	rd_kafka_metadata_destroy(metadata);
	return leader;
}

/*
 * The result of a question about one partition. librdkafka waits for a leader as for an
 * answer and then says that time is up, or that it does not know the partition.
 */
static enum weir_outcome
explain_place(struct kafka_client *client, rd_kafka_resp_err_t code, const char *topic,
              int32_t partition, struct weir_error *error)
{
	char place[PLACE_TEXT];
	enum weir_outcome outcome;

	snprintf(place, sizeof(place), "%s[%" PRId32 "]", topic, partition);
	outcome = weir__kafka_outcome(KAFKA_STEP_QUERY, weir__kafka_fault_code(code));
	if ((outcome == WEIR_AGAIN || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) &&
	    ask_leader(client, topic, partition) == LEADER_NONE) {
		weir_error_set(error, WEIR_ETIMEOUT,
		               "%s has no leader: its brokers are down, or it was just made",
		               place);
		return WEIR_AGAIN;
	}
	outcome = weir__kafka_take_code(KAFKA_STEP_QUERY, code, place, error);
	return explain(client, outcome, place, error);
}

static int
code_of(enum weir_outcome outcome, const struct weir_error *error)
{
	if (outcome == WEIR_SUCCESS)
		return 0;
	if (outcome == WEIR_AGAIN)
		return WEIR_ETIMEOUT;
	return error->code ? error->code : WEIR_EBROKER;
}

static int
patient(int timeout_ms)
{
	return timeout_ms < KAFKA_SHORTEST_WAIT_MS ? KAFKA_SHORTEST_WAIT_MS : timeout_ms;
}

enum weir_outcome
weir__kafka_query_range(struct kafka_broker *broker, const char *topic, int32_t partition,
                        int64_t *low, int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client = weir__kafka_broker_client(broker, error);
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_FATAL;
	code = rd_kafka_query_watermark_offsets(client->rk, topic, partition, low, high,
	                                        patient(timeout_ms));
	/* It may remember of a topic that is there again that it was gone. */
	if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION &&
	    ask_leader(client, topic, partition) == LEADER_THERE)
		code = rd_kafka_query_watermark_offsets(client->rk, topic, partition, low, high,
		                                        patient(timeout_ms));
	return explain_place(client, code, topic, partition, error);
}

static int
range(struct weir_broker *base, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct weir_error own = {0};
	enum weir_outcome outcome = weir__kafka_query_range(
		(struct kafka_broker *)base, topic, partition, low, high, timeout_ms, &own);

	if (outcome != WEIR_SUCCESS)
		weir_error_set(error, own.code, "%s", own.message);
	return code_of(outcome, &own);
}

static int
offset_at(struct weir_broker *base, const char *topic, int32_t partition, int64_t timestamp_ms,
          int64_t *offset, int timeout_ms, struct weir_error *error)
{
	struct kafka_broker *broker = (struct kafka_broker *)base;
	struct kafka_client *client = weir__kafka_broker_client(broker, error);
	rd_kafka_topic_partition_list_t *list;
	struct weir_error own = {0};
	enum weir_outcome outcome;
	rd_kafka_resp_err_t code;
	int64_t low;

	if (!client)
		return WEIR_EINVALID;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = timestamp_ms;
	code = rd_kafka_offsets_for_times(client->rk, list, patient(timeout_ms));
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = list->elems[0].err;
	*offset = list->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(list);
	outcome = explain_place(client, code, topic, partition, &own);
	/* No record is that young: librdkafka gives a logical offset. */
	if (outcome == WEIR_SUCCESS && *offset < 0)
		outcome = weir__kafka_query_range(broker, topic, partition, &low, offset,
		                                  timeout_ms, &own);
	if (outcome != WEIR_SUCCESS)
		weir_error_set(error, own.code, "%s", own.message);
	return code_of(outcome, &own);
}

/* A client of the group's name for this once; the group is not joined. */
static int
committed(struct weir_broker *base, const char *group, struct weir_offset *offsets,
          size_t count, int timeout_ms, struct weir_error *error)
{
	struct kafka_broker *broker = (struct kafka_broker *)base;
	rd_kafka_conf_t *conf = weir__kafka_conf_plain(broker, group, true, error);
	struct weir_error own = {0};
	struct kafka_client *client;
	enum weir_outcome outcome;

	if (!conf)
		return WEIR_EINVALID;
	client = weir__kafka_client_new(RD_KAFKA_CONSUMER, conf, group, "offsets",
	                                broker->logger, broker->clock, NULL, error);
	if (!client)
		return WEIR_EINVALID;
	outcome = weir__kafka_committed(client->rk, group, offsets, count,
	                                &broker->committed_arena, timeout_ms, &own);
	outcome = explain(client, outcome, group, &own);
	weir__kafka_client_free(client);
	if (outcome != WEIR_SUCCESS)
		weir_error_set(error, own.code, "%s", own.message);
	return code_of(outcome, &own);
}

static void
close_broker(struct weir_broker *base)
{
	struct kafka_broker *broker = (struct kafka_broker *)base;

	weir__kafka_client_free(broker->client);
	weir__properties_fini(&broker->properties);
	weir__arena_fini(&broker->committed_arena);
	pthread_mutex_destroy(&broker->lock);
	free(broker);
}

static const struct weir_broker_ops ops = {
	.describe = weir__kafka_describe,
	.topic_create = weir__kafka_topic_create,
	.topic_grow = weir__kafka_topic_grow,
	.topic_delete = weir__kafka_topic_delete,
	.range = range,
	.offset_at = offset_at,
	.committed = committed,
	.offsets_set = weir__kafka_offsets_set,
	.group_describe = weir__kafka_group_describe,
	.session_open = weir__kafka_session_open,
	.reader_open = weir__kafka_reader_open,
	.close = close_broker,
};

struct weir_broker *
weir__kafka_open(const struct weir_properties *properties, const struct weir_logger *logger,
                 const struct weir_clock *clock, struct weir_error *error)
{
	struct kafka_broker *broker = weir__calloc(1, sizeof(*broker));
	rd_kafka_conf_t *conf;

	broker->base.ops = &ops;
	broker->logger = logger;
	broker->clock = clock ? clock : weir__clock_system();
	pthread_mutex_init(&broker->lock, NULL);
	if (properties)
		weir__properties_copy(&broker->properties, properties);
	/* Names and values are checked now, connections are made later. */
	conf = weir__kafka_conf_plain(broker, NULL, false, error);
	if (!conf) {
		close_broker(&broker->base);
		return NULL;
	}
	rd_kafka_conf_destroy(conf);
	return &broker->base;
}
