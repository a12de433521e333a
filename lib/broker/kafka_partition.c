/*
 * The partitions a consumer owns: rebalances and their answers, pause, rewind.
 *
 * What is relied on, read in librdkafka 2.0.2 and 2.12.1 (rdkafka_partition.c):
 *
 * - Each assign, seek, pause and resume raises the partition's version at the call itself;
 *   what was fetched under a lower version is thrown away when the queue is read. So nothing
 *   fetched before a seek is given after it, whatever a broker thread still delivers.
 * - Pause throws the queue away and remembers "behind the last record given" as the place to
 *   go on from; a seek forgets that, so that seek and pause in either order go on from
 *   where the seek said.
 * - Resume of a partition that is *not* paused raises the version too, but sets no place:
 *   it would read again from the last seek. So the state is kept here and librdkafka is
 *   only ever told changes.
 * - The paused flag outlives unassign: a partition that comes back would stay paused. So a
 *   partition is resumed before it is given back.
 *
 * The session's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

struct kafka_partition *
weir__kafka_partition_find(struct kafka_consumer *consumer, const char *topic, int32_t id)
{
	for (size_t i = 0; i < consumer->partition_count; i++) {
		struct kafka_partition *partition = consumer->partitions[i];

		if (partition->base.id == id && strcmp(partition->base.topic, topic) == 0)
			return partition;
	}
	return NULL;
}

static const char *
input_name(struct kafka_consumer *consumer, const char *topic)
{
	for (size_t i = 0; i < consumer->topic_count; i++) {
		const char *name = rd_kafka_topic_name(consumer->topics[i]);

		if (strcmp(name, topic) == 0)
			return name;
	}
	return NULL;
}

static struct kafka_partition *
add_partition(struct kafka_consumer *consumer, const char *topic, int32_t id)
{
	struct kafka_partition *partition = weir__kafka_partition_find(consumer, topic, id);

	if (partition)
		return partition;
	partition = weir__calloc(1, sizeof(*partition));
	partition->base.topic = input_name(consumer, topic);
	assert(partition->base.topic);
	partition->base.id = id;
	partition->base.start = WEIR_OFFSET_NONE;
	consumer->partitions =
		weir__realloc(consumer->partitions,
	                      (consumer->partition_count + 1) * sizeof(*consumer->partitions));
	consumer->partitions[consumer->partition_count++] = partition;
	return partition;
}

static void
remove_partition(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
	for (size_t i = 0; i < consumer->partition_count; i++) {
		if (consumer->partitions[i] != partition)
			continue;
		consumer->partitions[i] = consumer->partitions[--consumer->partition_count];
		free(partition);
		break;
	}
	consumer->last_topic = NULL;
	consumer->last = NULL;
}

static void
forget_rebalance(struct kafka_consumer *consumer)
{
	if (consumer->rebalance_list)
		rd_kafka_topic_partition_list_destroy(consumer->rebalance_list);
	free(consumer->rebalance_partitions);
	consumer->rebalance_list = NULL;
	consumer->rebalance_partitions = NULL;
	consumer->rebalance = WEIR_EVENT_IDLE;
}

void
weir__kafka_partitions_free(struct kafka_consumer *consumer)
{
	forget_rebalance(consumer);
	for (size_t i = 0; i < consumer->partition_count; i++)
		free(consumer->partitions[i]);
	free(consumer->partitions);
	consumer->partitions = NULL;
	consumer->partition_count = 0;
	consumer->last_topic = NULL;
	consumer->last = NULL;
}

/*
 * Puts the rebalance down and returns without assigning: the worker must commit first.
 * Without the yield rd_kafka_consumer_poll() could return a record in the same call.
 */
void
weir__kafka_rebalance_cb(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct kafka_client *client = opaque;
	struct kafka_consumer *consumer = client->owner;

	if (consumer->is_closing) {
		rd_kafka_assign(rk, NULL);
		return;
	}
	forget_rebalance(consumer);
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		consumer->rebalance = WEIR_EVENT_ASSIGNED;
	else
		consumer->rebalance = rd_kafka_assignment_lost(rk) ? WEIR_EVENT_LOST
		                                                   : WEIR_EVENT_REVOKED;
	consumer->rebalance_list = rd_kafka_topic_partition_list_copy(list);
	rd_kafka_yield(rk);
}

void
weir__kafka_rebalance_lose_all(struct kafka_consumer *consumer)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)consumer->partition_count);

	for (size_t i = 0; i < consumer->partition_count; i++)
		rd_kafka_topic_partition_list_add(list, consumer->partitions[i]->base.topic,
		                                  consumer->partitions[i]->base.id);
	forget_rebalance(consumer);
	consumer->rebalance = WEIR_EVENT_LOST;
	consumer->rebalance_list = list;
}

/* The event's array, made once: the same event comes until it is answered. */
static void
list_partitions(struct kafka_consumer *consumer)
{
	const rd_kafka_topic_partition_list_t *list = consumer->rebalance_list;
	size_t count = 0;

	consumer->rebalance_partitions =
		weir__calloc((size_t)list->cnt + 1, sizeof(*consumer->rebalance_partitions));
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *place = &list->elems[i];
		struct kafka_partition *partition =
			add_partition(consumer, place->topic, place->partition);

		consumer->rebalance_partitions[count++] = &partition->base;
	}
}

void
weir__kafka_rebalance_event(struct kafka_consumer *consumer, struct weir_event *event)
{
	if (!consumer->rebalance_partitions)
		list_partitions(consumer);
	event->type = consumer->rebalance;
	event->partitions = consumer->rebalance_partitions;
	event->partition_count = (size_t)consumer->rebalance_list->cnt;
}

static bool
is_cooperative(struct kafka_consumer *consumer)
{
	const char *protocol = rd_kafka_rebalance_protocol(consumer->client->rk);

	return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void
place_partition(struct kafka_partition *partition, int64_t offset)
{
	partition->position = offset;
	partition->assigned_at = offset;
	partition->is_consumed = false;
	partition->is_stopped = false;
}

static enum weir_outcome
fail_assign(struct kafka_consumer *consumer, rd_kafka_resp_err_t code, struct weir_error *error)
{
	enum weir_outcome outcome = weir__kafka_consumer_check(consumer, error);

	/* forgotten: the next poll takes all partitions away */
	if (outcome != WEIR_SUCCESS || consumer->is_forgotten)
		return outcome;
	weir__kafka_error_set(error, code, "cannot change the assignment", NULL);
	return WEIR_FATAL;
}

static enum weir_outcome
assign(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list, bool add,
       struct weir_error *error)
{
	rd_kafka_t *rk = consumer->client->rk;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_error_t *failure = NULL;

	if (!is_cooperative(consumer))
		code = rd_kafka_assign(rk, add ? list : NULL);
	else if (add)
		failure = rd_kafka_incremental_assign(rk, list);
	else
		failure = rd_kafka_incremental_unassign(rk, list);
	if (failure) {
		code = rd_kafka_error_code(failure);
		rd_kafka_error_destroy(failure);
	}
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ? WEIR_SUCCESS
	                                          : fail_assign(consumer, code, error);
}

/* With explicit offsets always: where to read from is the worker's to know. */
static enum weir_outcome
take_over(struct kafka_consumer *consumer, struct weir_error *error)
{
	rd_kafka_topic_partition_list_t *list = consumer->rebalance_list;

	for (int i = 0; i < list->cnt; i++) {
		struct weir_partition *partition = consumer->rebalance_partitions[i];

		assert(partition->start >= 0);
		list->elems[i].offset = partition->start;
		place_partition((struct kafka_partition *)partition, partition->start);
	}
	return assign(consumer, list, true, error);
}

static enum weir_outcome
let_go(struct kafka_consumer *consumer, struct weir_error *error)
{
	rd_kafka_topic_partition_list_t *list = consumer->rebalance_list;
	enum weir_outcome outcome;

	for (int i = 0; i < list->cnt; i++)
		weir__kafka_pause(consumer,
		                  (struct kafka_partition *)consumer->rebalance_partitions[i],
		                  false);
	outcome = assign(consumer, list, false, error);
	for (int i = 0; i < list->cnt; i++)
		remove_partition(consumer,
		                 (struct kafka_partition *)consumer->rebalance_partitions[i]);
	return outcome;
}

enum weir_outcome
weir__kafka_rebalance_answer(struct kafka_consumer *consumer, struct weir_error *error)
{
	enum weir_outcome outcome;

	if (consumer->rebalance == WEIR_EVENT_IDLE)
		return WEIR_SUCCESS;
	if (!consumer->rebalance_partitions)
		list_partitions(consumer);
	if (consumer->rebalance == WEIR_EVENT_ASSIGNED)
		outcome = take_over(consumer, error);
	else
		outcome = let_go(consumer, error);
	forget_rebalance(consumer);
	return outcome;
}

static rd_kafka_topic_partition_list_t *
list_of_one(const struct kafka_partition *partition, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, partition->base.topic, partition->base.id)
		->offset = offset;
	return list;
}

void
weir__kafka_pause(struct kafka_consumer *consumer, struct kafka_partition *partition,
                  bool pause)
{
	rd_kafka_topic_partition_list_t *list;

	if (partition->is_paused == pause)
		return;
	list = list_of_one(partition, RD_KAFKA_OFFSET_INVALID);
	if (pause)
		rd_kafka_pause_partitions(consumer->client->rk, list);
	else
		rd_kafka_resume_partitions(consumer->client->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	partition->is_paused = pause;
}

/*
 * librdkafka does not fetch this partition, so it cannot seek: assign anew. An eager
 * assignment is one whole, so each of the others goes on from behind its last record.
 * Paused ones stay paused.
 */
static enum weir_outcome
restart(struct kafka_consumer *consumer, struct kafka_partition *partition, int64_t offset,
        struct weir_error *error)
{
	rd_kafka_topic_partition_list_t *list;
	enum weir_outcome outcome = WEIR_SUCCESS;

	place_partition(partition, offset);
	if (is_cooperative(consumer)) {
		list = list_of_one(partition, offset);
		outcome = assign(consumer, list, false, error);
	} else {
		list = rd_kafka_topic_partition_list_new((int)consumer->partition_count);
		for (size_t i = 0; i < consumer->partition_count; i++) {
			struct kafka_partition *each = consumer->partitions[i];

			rd_kafka_topic_partition_list_add(list, each->base.topic, each->base.id)
				->offset = each->position;
			place_partition(each, each->position);
		}
	}
	if (outcome == WEIR_SUCCESS)
		outcome = assign(consumer, list, true, error);
	rd_kafka_topic_partition_list_destroy(list);
	return outcome;
}

static rd_kafka_resp_err_t
seek(struct kafka_consumer *consumer, const struct kafka_partition *partition, int64_t offset,
     int timeout_ms)
{
	rd_kafka_topic_partition_list_t *list = list_of_one(partition, offset);
	rd_kafka_resp_err_t code;
	rd_kafka_error_t *failure;

	/* Below 2.1 the timeout is taken 1000 times too small, and 0 would not wait for the
	 * partition's own answer. That answer comes from librdkafka's main thread, at once. */
	if (rd_kafka_version() < 0x02010000 || timeout_ms < KAFKA_SHORTEST_WAIT_MS)
		timeout_ms = -1;
	failure = rd_kafka_seek_partitions(consumer->client->rk, list, timeout_ms);
	code = failure ? rd_kafka_error_code(failure) : list->elems[0].err;
	if (failure)
		rd_kafka_error_destroy(failure);
	rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/*
 * A resume does not wake the broker's thread, which sleeps for up to a second when it has
 * nothing to fetch; a seek does (rd_kafka_toppar_pause_resume(), rd_kafka_toppar_seek()). It
 * goes to where the partition goes on anyway. A fetcher that has not started yet refuses it,
 * and wakes the thread when it does.
 */
void
weir__kafka_resume(struct kafka_consumer *consumer, struct kafka_partition *partition)
{
	if (!partition->is_paused)
		return;
	weir__kafka_pause(consumer, partition, false);
	if (!partition->is_stopped && !consumer->is_forgotten)
		seek(consumer, partition, partition->position, -1);
}

enum weir_outcome
weir__kafka_rewind(struct kafka_consumer *consumer, struct kafka_partition *partition,
                   int64_t offset, int timeout_ms, struct weir_error *error)
{
	rd_kafka_resp_err_t code;
	enum weir_outcome outcome = weir__kafka_consumer_check(consumer, error);

	if (outcome != WEIR_SUCCESS || consumer->is_forgotten)
		return outcome;
	assert(offset >= 0);
	if (partition->is_stopped)
		return restart(consumer, partition, offset, error);
	code = seek(consumer, partition, offset, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
		partition->position = offset;
		return WEIR_SUCCESS;
	}
	/* Its fetcher has not started yet. Harmless where it will start at the right place;
	 * otherwise the start has to be changed. */
	if (code == RD_KAFKA_RESP_ERR__STATE) {
		if (!partition->is_consumed && partition->assigned_at == offset)
			return WEIR_SUCCESS;
		return restart(consumer, partition, offset, error);
	}
	if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
		return WEIR_AGAIN; /* librdkafka has not set it up yet */
	return weir__kafka_take_code(KAFKA_STEP_QUERY, code, partition->base.topic, error);
}
