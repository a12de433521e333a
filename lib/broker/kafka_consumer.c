/*
 * A session's consumer: records and errors from rd_kafka_consumer_poll() become events.
 *
 * The hot path is poll → record: no allocation, no string compared; the partition of the
 * last record is remembered by librdkafka's own topic pointer. One record at a time and
 * never the batch call: below librdkafka 2.1 that loses records in a cooperative rebalance.
 * The session's thread; librdkafka's callbacks run on it too, within the poll.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

#define ERROR_LOG_INTERVAL_MS 10000
#define LAST_ANSWER_MS 2000 /* to a commit, before the handle goes */

/* The first failure stays: what follows from it would hide it. */
void
weir__kafka_consumer_fail(struct kafka_consumer *consumer, enum weir_outcome outcome,
                          const char *what, rd_kafka_resp_err_t code, const char *text)
{
	if (consumer->failure != WEIR_SUCCESS)
		return;
	consumer->failure = outcome;
	weir__kafka_error_set(&consumer->error, code, what, text);
}

/*
 * When the session times out (the brokers are silent or away) librdkafka forgets its member
 * id, but goes on sending heartbeats until the rebalance is answered: with the static
 * member's name and an empty id. The broker takes that for a twin, and the handle is fatal.
 * So a fence proves a twin only where we have an id; without one the member is simply
 * forgotten. (librdkafka 2.0.2, rd_kafka_cgrp_session_timeout_check().)
 */
static bool
has_no_member_id(const struct kafka_consumer *consumer)
{
	char *id = rd_kafka_memberid(consumer->client->rk);
	bool is_empty = !id || id[0] == '\0';

	if (id)
		rd_kafka_mem_free(consumer->client->rk, id);
	return is_empty;
}

enum weir_outcome
weir__kafka_consumer_check(struct kafka_consumer *consumer, struct weir_error *error)
{
	char text[256];
	rd_kafka_resp_err_t code;

	if (consumer->failure == WEIR_SUCCESS && !consumer->is_forgotten) {
		code = rd_kafka_fatal_error(consumer->client->rk, text, sizeof(text));
		if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && has_no_member_id(consumer))
			consumer->is_forgotten = true;
		else if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
			weir__kafka_consumer_fail(
				consumer, WEIR_FENCED, "another instance of the same name took over",
				code, text);
		else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			weir__kafka_consumer_fail(
				consumer, WEIR_FATAL,
				weir__kafka_object(&consumer->session->config, code, "consumer"),
				code, text);
	}
	if (consumer->failure != WEIR_SUCCESS)
		weir_error_set(error, consumer->error.code, "%s", consumer->error.message);
	return consumer->failure;
}

static void
give_failure(struct kafka_consumer *consumer, struct weir_event *event)
{
	event->type = WEIR_EVENT_FAILED;
	event->outcome = consumer->failure;
	event->error = &consumer->error;
}

static void
release_held(struct kafka_consumer *consumer)
{
	if (!consumer->held)
		return;
	rd_kafka_message_destroy(consumer->held);
	consumer->held = NULL;
}

/*
 * Which partition is it? `consumer->topics` keeps a reference to each input's topic for as
 * long as the consumer lives, so its pointer cannot come to mean another topic; handles of
 * partitions are forgotten here (`last`) when they go.
 */
static struct kafka_partition *
find_partition(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
	struct kafka_partition *partition;

	if (!message->rkt)
		return NULL;
	partition = weir__kafka_partition_find(consumer, rd_kafka_topic_name(message->rkt),
	                                       message->partition);
	if (!partition)
		return NULL;
	consumer->last_topic = message->rkt;
	consumer->last_id = message->partition;
	consumer->last = partition;
	return partition;
}

/* The record becomes the event, which borrows it until the next poll. */
static void
give_record(struct kafka_consumer *consumer, rd_kafka_message_t *record,
            struct weir_event *event)
{
	struct kafka_partition *partition = consumer->last;

	if (record->rkt != consumer->last_topic || record->partition != consumer->last_id)
		partition = find_partition(consumer, record);
	if (!partition) { /* not ours any more */
		rd_kafka_message_destroy(record);
		return;
	}
	consumer->held = record;
	partition->position = record->offset + 1;
	partition->is_consumed = true;
	event->type = WEIR_EVENT_RECORD;
	event->partition = &partition->base;
	event->offset = record->offset;
	weir__kafka_record_take(record, &consumer->headers, &event->message);
}

/*
 * The position that librdkafka asked for was not in the log. This error carries no version in
 * librdkafka, so one of before a rewind can come after it, and stops the partition also then
 * (rdkafka_offset.c, rd_kafka_offset_reset()).
 */
static void
give_gap(struct kafka_partition *partition, int64_t offset, struct weir_event *event)
{
	partition->is_stopped = true;
	event->type = WEIR_EVENT_GAP;
	event->partition = &partition->base;
	event->offset = offset;
}

static void
take_error(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
	const struct weir_clock *clock = consumer->client->clock;
	const char *topic = message->rkt ? rd_kafka_topic_name(message->rkt) : NULL;
	const char *text = rd_kafka_message_errstr(message);
	enum weir_outcome outcome;

	if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
		weir__kafka_consumer_check(consumer, NULL);
		return;
	}
	if (message->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		if (topic)
			weir__kafka_missing_note(consumer, topic, strlen(topic));
		return;
	}
	outcome = weir__kafka_outcome(KAFKA_STEP_POLL, weir__kafka_fault_code(message->err));
	/* What librdkafka does not call fatal it goes on with by itself; only what no
	 * repetition cures stops us. */
	if (outcome == WEIR_FENCED || weir__kafka_missing_right(message->err)) {
		weir__kafka_consumer_fail(
			consumer, outcome,
			weir__kafka_object(&consumer->session->config, message->err, topic),
			message->err, text);
		return;
	}
	if (clock->monotonic_ms(clock) < consumer->next_error_log_ms)
		return;
	consumer->next_error_log_ms = clock->monotonic_ms(clock) + ERROR_LOG_INTERVAL_MS;
	weir__log(consumer->client->logger, WEIR_LOG_WARNING,
	          "consumer error client=\"%s\" topic=%s reason=\"%s\"", consumer->client->name,
	          topic ? topic : "-", text);
}

/* What is no record: ends and gaps of partitions, and errors. */
static void
take_notice(struct kafka_consumer *consumer, rd_kafka_message_t *message,
            struct weir_event *event)
{
	struct kafka_partition *partition = find_partition(consumer, message);

	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if (partition) {
			event->type = WEIR_EVENT_END;
			event->partition = &partition->base;
			event->offset = message->offset;
		}
	} else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
		if (partition)
			give_gap(partition, message->offset, event);
	} else {
		take_error(consumer, message);
	}
	rd_kafka_message_destroy(message);
}

/* Nothing came: time for what need not be done a million times a second. */
static void
idle(struct kafka_consumer *consumer)
{
	weir__kafka_client_watch(consumer->client);
	if (weir__kafka_client_refused(consumer->client, &consumer->error) &&
	    consumer->failure == WEIR_SUCCESS)
		consumer->failure = WEIR_FATAL;
}

static void
log_queue_cost(const struct kafka_consumer *consumer)
{
	if (rd_kafka_version() >= 0x02020000)
		return;
	weir__log(consumer->client->logger, WEIR_LOG_INFO,
	          "librdkafka %s keeps a second of input in memory, about 200 MiB a worker at "
	          "most; from 2.2 on it needs less, or set queued.max.messages.kbytes client=\"%s\"",
	          rd_kafka_version_str(), consumer->client->name);
}

static void
log_doubt(const struct kafka_consumer *consumer)
{
	const char *doubt = weir__kafka_doubt(consumer->session->config.consumer);

	if (doubt)
		weir__log(consumer->client->logger, WEIR_LOG_WARNING,
		          "doubtful setting client=\"%s\" librdkafka=%s reason=\"%s\"",
		          consumer->client->name, rd_kafka_version_str(), doubt);
}

static bool
open_client(struct kafka_consumer *consumer, struct weir_error *error)
{
	const struct weir_session_config *config = &consumer->session->config;
	struct kafka_broker *broker = consumer->session->broker;
	rd_kafka_conf_t *conf = weir__kafka_conf_consumer(broker, config, error);

	if (!conf)
		return false;
	consumer->client =
		weir__kafka_client_new(RD_KAFKA_CONSUMER, conf, config->name, "consumer",
	                               broker->logger, broker->clock, consumer, error);
	if (!consumer->client)
		return false;
	consumer->client->on_error = weir__kafka_consumer_error;
	/* One queue for all: rebalances and errors come from the one poll. */
	rd_kafka_poll_set_consumer(consumer->client->rk);
	consumer->topics = weir__calloc(config->input_count, sizeof(*consumer->topics));
	for (size_t i = 0; i < config->input_count; i++)
		consumer->topics[i] =
			rd_kafka_topic_new(consumer->client->rk, config->inputs[i], NULL);
	consumer->topic_count = config->input_count;
	return true;
}

/*
 * librdkafka's close waits for each commit in flight, as long as its request may last and
 * again for its retries: minutes. Where none is answered nobody would hear that we leave.
 */
static bool
is_commit_stuck(struct kafka_consumer *consumer)
{
	rd_kafka_event_t *answer;

	if (!consumer->commit_list)
		return false;
	answer = rd_kafka_queue_poll(consumer->commit_queue, LAST_ANSWER_MS);
	if (answer)
		rd_kafka_event_destroy(answer);
	return !answer;
}

/* Leaves `consumer` without a client. */
static void
close_client(struct kafka_consumer *consumer)
{
	bool is_stuck = is_commit_stuck(consumer);

	release_held(consumer);
	/* Its last rebalance is answered by the callback itself. */
	consumer->is_closing = true;
	if (!is_stuck)
		rd_kafka_consumer_close(consumer->client->rk);
	consumer->is_closing = false;
	if (consumer->commit_queue)
		rd_kafka_queue_destroy(consumer->commit_queue);
	if (consumer->commit_list)
		rd_kafka_topic_partition_list_destroy(consumer->commit_list);
	consumer->commit_queue = NULL;
	consumer->commit_list = NULL;
	weir__kafka_partitions_free(consumer);
	for (size_t i = 0; i < consumer->topic_count; i++)
		rd_kafka_topic_destroy(consumer->topics[i]);
	free(consumer->topics);
	consumer->topics = NULL;
	consumer->topic_count = 0;
	consumer->missing_topic = NULL;
	weir__kafka_client_end(consumer->client,
	                       is_stuck || consumer->was_missing ? 0 : KAFKA_END_MS);
	consumer->was_missing = false;
	consumer->client = NULL;
}

struct kafka_consumer *
weir__kafka_consumer_open(struct kafka_session *session, struct weir_error *error)
{
	struct kafka_consumer *consumer = weir__calloc(1, sizeof(*consumer));

	consumer->session = session;
	if (open_client(consumer, error)) {
		log_queue_cost(consumer);
		log_doubt(consumer);
		return consumer;
	}
	free(consumer);
	return NULL;
}

enum weir_outcome
weir__kafka_consumer_subscribe(struct kafka_consumer *consumer, struct weir_error *error)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)consumer->topic_count);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < consumer->topic_count; i++)
		rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(consumer->topics[i]),
		                                  RD_KAFKA_PARTITION_UA);
	code = rd_kafka_subscribe(consumer->client->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return WEIR_SUCCESS;
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		return weir__kafka_consumer_check(consumer, error);
	weir__kafka_error_set(error, code, "cannot subscribe", NULL);
	return WEIR_FATAL;
}

void
weir__kafka_consumer_close(struct kafka_consumer *consumer)
{
	if (!consumer)
		return;
	if (consumer->client)
		close_client(consumer);
	free(consumer->headers.items);
	free(consumer);
}

/*
 * The group has forgotten this member: first its partitions are lost, then, when that was
 * answered, another handle joins anew.
 */
static void
come_back(struct kafka_consumer *consumer)
{
	if (consumer->partition_count > 0) {
		if (consumer->rebalance != WEIR_EVENT_LOST)
			weir__kafka_rebalance_lose_all(consumer);
		return;
	}
	weir__log(consumer->client->logger, WEIR_LOG_WARNING,
	          "the session timed out, joining the group anew client=\"%s\"",
	          consumer->client->name);
	close_client(consumer);
	consumer->is_forgotten = false;
	if (!open_client(consumer, &consumer->error) ||
	    weir__kafka_consumer_subscribe(consumer, &consumer->error) != WEIR_SUCCESS)
		consumer->failure = WEIR_FATAL;
}

/* A failure or a rebalance, which comes before anything that librdkafka has for us. */
static bool
give_news(struct kafka_consumer *consumer, struct weir_event *event)
{
	if (consumer->rebalance != WEIR_EVENT_IDLE)
		weir__kafka_rebalance_event(consumer, event);
	else if (consumer->failure != WEIR_SUCCESS)
		give_failure(consumer, event);
	else
		return false;
	return true;
}

/* What was known before the poll; false: nothing that it has to wait for. */
static bool
give_old_news(struct kafka_consumer *consumer, int timeout_ms, struct weir_event *event)
{
	if (consumer->failure != WEIR_SUCCESS) {
		give_failure(consumer, event);
		return true;
	}
	if (consumer->missing_topic)
		weir__kafka_missing_check(consumer);
	if (consumer->is_forgotten)
		come_back(consumer);
	/* told before: whoever cannot answer it yet shall not spin */
	if (consumer->rebalance != WEIR_EVENT_IDLE && consumer->rebalance_partitions)
		weir__kafka_wait(timeout_ms);
	return give_news(consumer, event);
}

static bool
is_plain(const struct kafka_consumer *consumer)
{
	return consumer->failure == WEIR_SUCCESS && consumer->rebalance == WEIR_EVENT_IDLE &&
	       !consumer->missing_topic && !consumer->is_forgotten;
}

void
weir__kafka_consumer_poll(struct kafka_consumer *consumer, int timeout_ms,
                          struct weir_event *event)
{
	rd_kafka_message_t *message;

	release_held(consumer);
	event->type = WEIR_EVENT_IDLE;
	if (!is_plain(consumer) && give_old_news(consumer, timeout_ms, event))
		return;
	message = rd_kafka_consumer_poll(consumer->client->rk, timeout_ms);
	if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		give_record(consumer, message, event);
		return;
	}
	if (message)
		take_notice(consumer, message, event);
	else
		idle(consumer);
	/* A rebalance was put down by its callback within the poll. */
	give_news(consumer, event);
}
