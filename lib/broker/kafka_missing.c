/*
 * Input topics that are missing: new ones that are not yet known to every broker, and ones that
 * were deleted while they were read.
 *
 * A topic that is missing for longer than a new one may be is the end. One that is there again
 * may be another of the same name: its offsets then start anew, and positions of the old one
 * would skip its records. The broker deletes the group's offsets with the topic, so they
 * tell; until they were asked no offset is committed, or it would tell nothing.
 *
 * What cannot be noticed: a topic that is deleted, made anew and filled beyond the old position
 * before librdkafka looks again, a quarter of a second later. It fetches by name, not by topic
 * id. (librdkafka 2.0.2: rd_kafka_toppar_leader_unavailable.)
 *
 * The session's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include <broker/kafka_private.h>

static rd_kafka_topic_t *
input_of(const struct kafka_consumer *consumer, const char *name, size_t size)
{
	for (size_t i = 0; i < consumer->topic_count; i++) {
		const char *input = rd_kafka_topic_name(consumer->topics[i]);

		if (strlen(input) == size && memcmp(input, name, size) == 0)
			return consumer->topics[i];
	}
	return NULL;
}

/* So long "unknown topic" is not believed. */
#define NEW_TOPIC_MS 5000

bool
weir__kafka_may_be_new(int64_t *since_ms, const struct weir_clock *clock)
{
	int64_t now_ms = clock->monotonic_ms(clock);

	if (*since_ms == 0)
		*since_ms = now_ms;
	return now_ms - *since_ms < NEW_TOPIC_MS;
}

void
weir__kafka_missing_note(struct kafka_consumer *consumer, const char *name, size_t size)
{
	if (consumer->missing_topic || !(consumer->missing_topic = input_of(consumer, name, size)))
		return;
	consumer->unknown_since_ms = 0;
	weir__kafka_may_be_new(&consumer->unknown_since_ms, consumer->client->clock);
	/* rd_kafka_destroy() waits for ever for partitions of a topic that is gone: seen with
	 * librdkafka 2.0.2 whenever a topic was deleted while it was fetched. */
	consumer->was_missing = consumer->was_missing || consumer->partition_count > 0;
	weir__log(consumer->client->logger, WEIR_LOG_WARNING,
	          "input topic is missing client=\"%s\" topic=%s", consumer->client->name,
	          rd_kafka_topic_name(consumer->missing_topic));
}

/* Positions of it that would mean something else in another topic. */
static rd_kafka_topic_partition_list_t *
positions_of(const struct kafka_consumer *consumer, const char *topic)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);

	for (size_t i = 0; i < consumer->partition_count; i++) {
		const struct kafka_partition *partition = consumer->partitions[i];

		if ((partition->is_committed || partition->is_consumed) &&
		    strcmp(partition->base.topic, topic) == 0)
			rd_kafka_topic_partition_list_add(list, topic, partition->base.id);
	}
	return list;
}

/* Has the group kept its offsets? */
static enum weir_outcome
is_the_same(struct kafka_consumer *consumer, const char *topic, bool *is_same)
{
	rd_kafka_topic_partition_list_t *list = positions_of(consumer, topic);
	enum weir_outcome outcome = WEIR_SUCCESS;

	*is_same = true;
	if (list->cnt > 0 &&
	    rd_kafka_committed(consumer->client->rk, list, KAFKA_SHORTEST_WAIT_MS) !=
	            RD_KAFKA_RESP_ERR_NO_ERROR)
		outcome = WEIR_AGAIN;
	for (int i = 0; i < list->cnt && outcome == WEIR_SUCCESS; i++) {
		if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			outcome = WEIR_AGAIN;
		else if (list->elems[i].offset < 0)
			*is_same = false;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return outcome;
}

void
weir__kafka_missing_check(struct kafka_consumer *consumer)
{
	const rd_kafka_resp_err_t unknown = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;
	const char *topic;
	bool is_same;

	if (!consumer->missing_topic ||
	    weir__kafka_may_be_new(&consumer->unknown_since_ms, consumer->client->clock))
		return;
	/* librdkafka need not tell it again: ask until there is an answer. */
	topic = rd_kafka_topic_name(consumer->missing_topic);
	if (rd_kafka_metadata(consumer->client->rk, 0, consumer->missing_topic, &metadata,
	                      KAFKA_SHORTEST_WAIT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err : unknown;
	rd_kafka_metadata_destroy(metadata);
	if (code == unknown) {
		weir__kafka_consumer_fail(consumer, WEIR_FATAL, topic, code,
		                          "this input topic does not exist");
	} else if (is_the_same(consumer, topic, &is_same) == WEIR_SUCCESS) {
		consumer->missing_topic = NULL;
		if (!is_same)
			weir__kafka_consumer_fail(
				consumer, WEIR_FATAL, topic, unknown,
				"this input topic was deleted and created anew: none of its records "
				"was skipped, start again to read them");
	}
}

bool
weir__kafka_missing_holds(struct kafka_consumer *consumer, int timeout_ms)
{
	if (!consumer->missing_topic || consumer->failure != WEIR_SUCCESS)
		return false;
	weir__kafka_missing_check(consumer);
	if (!consumer->missing_topic || consumer->failure != WEIR_SUCCESS)
		return false;
	weir__kafka_wait(timeout_ms < 100 ? timeout_ms : 100);
	return true;
}

/* What librdkafka tells of its partitions without a message: "orders [3]: reason". */
void
weir__kafka_consumer_error(void *owner, int code, const char *reason)
{
	struct kafka_consumer *consumer = owner;

	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		weir__kafka_missing_note(consumer, reason, strcspn(reason, " "));
	else if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	         code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		weir__kafka_consumer_fail(
			consumer, WEIR_FATAL,
			weir__kafka_object(&consumer->session->config,
			                   (rd_kafka_resp_err_t)code, NULL),
			(rd_kafka_resp_err_t)code, reason);
}
