/*
 * The embedded broker itself: topics, the broker's own calls, time, and the steps that it
 * has yet to do. Everything below it (logs, groups, transactions) moves only in calls,
 * and each call first lets time pass: nothing happens in between, there is no thread and
 * no chance.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

enum { DEFAULT_MAX_MESSAGE = 1048588 }; /* Kafka's max.message.bytes */
enum { DEFAULT_DELETE_RETENTION_MS = 86400000 }; /* and delete.retention.ms */
enum { DEFAULT_QUEUE = 100000 };

/* ---- time and steps ---- */

static void
expire(struct weir_memory *memory)
{
	int64_t now_ms = memory->clock->monotonic_ms(memory->clock);

	if (now_ms == memory->now_ms)
		return;
	memory->now_ms = now_ms;
	if (memory->no_expiry)
		return;
	for (size_t i = 0; i < memory->txn_count; i++)
		weir__memory_txn_expire(memory, memory->txns[i]);
	for (size_t i = 0; i < memory->group_count; i++)
		weir__memory_group_expire(memory, memory->groups[i]);
}

static void
do_step(struct weir_memory *memory, size_t index)
{
	struct weir_memory_step step = memory->steps[index];

	memory->step_count--;
	memmove(&memory->steps[index], &memory->steps[index + 1],
		(memory->step_count - index) * sizeof(*memory->steps));
	weir__memory_txn_step(memory, &step);
}

void
weir__memory_enter(struct weir_memory *memory)
{
	expire(memory);
	while (!memory->manual && memory->step_count > 0)
		do_step(memory, 0);
}

void
weir__memory_step_add(struct weir_memory *memory, const struct weir_memory_step *step)
{
	struct weir_memory_step now = *step;
	bool late = step->type == WEIR_STEP_LATE_END || step->type == WEIR_STEP_LATE_SEND;

	if (!memory->manual && !late) {
		weir__memory_txn_step(memory, &now);
		return;
	}
	if (memory->step_count == memory->step_capacity) {
		memory->step_capacity =
			memory->step_capacity ? memory->step_capacity * 2 : 16;
		memory->steps = weir__realloc(
			memory->steps, memory->step_capacity * sizeof(*memory->steps));
	}
	memory->steps[memory->step_count++] = now;
}

void
weir__memory_set_manual(struct weir_memory *memory, bool manual)
{
	memory->manual = manual;
}

size_t
weir__memory_steps(const struct weir_memory *memory)
{
	return memory->step_count;
}

void
weir__memory_step(struct weir_memory *memory, size_t index)
{
	assert(index < memory->step_count);
	expire(memory);
	do_step(memory, index);
}

void
weir__memory_set_expiry(struct weir_memory *memory, bool expiry)
{
	memory->no_expiry = !expiry;
}

void
weir__memory_set_stamping(struct weir_memory *memory, bool stamps)
{
	memory->stamps_arrival = stamps;
}

void
weir__memory_set_fault(struct weir_memory *memory, weir_memory_fault_fn fault,
		       void *opaque)
{
	memory->fault = fault;
	memory->fault_opaque = opaque;
}

/* ---- topics ---- */

struct weir_memory_topic *
weir__memory_topic(const struct weir_memory *memory, const char *name)
{
	for (size_t i = 0; i < memory->topic_count; i++) {
		if (strcmp(memory->topics[i]->name, name) == 0)
			return memory->topics[i];
	}
	return NULL;
}

struct weir_memory_log *
weir__memory_find(const struct weir_memory *memory, const char *topic, int32_t partition,
		  struct weir_error *error)
{
	const struct weir_memory_topic *found = weir__memory_topic(memory, topic);

	if (!found) {
		weir_error_set(error, WEIR_ENOTFOUND, "%s: no such topic", topic);
		return NULL;
	}
	if (partition < 0 || partition >= found->partition_count) {
		weir_error_set(error, WEIR_ENOTFOUND,
			       "%s[%d]: the topic has %d partitions", topic,
			       (int)partition, (int)found->partition_count);
		return NULL;
	}
	return found->logs[partition];
}

static void
apply_settings(struct weir_memory_topic *topic, const struct weir_properties *settings)
{
	for (size_t i = 0; settings && i < settings->count; i++) {
		const struct weir_property *setting = &settings->items[i];

		if (strcmp(setting->name, "max.message.bytes") == 0)
			topic->max_message_bytes =
				(size_t)strtoull(setting->value, NULL, 10);
		else if (strcmp(setting->name, "min.insync.replicas") == 0)
			topic->min_insync = strtoll(setting->value, NULL, 10);
		else if (strcmp(setting->name, "delete.retention.ms") == 0)
			topic->delete_retention_ms = strtoll(setting->value, NULL, 10);
		else if (strcmp(setting->name, "cleanup.policy") == 0)
			topic->is_compacted = strcmp(setting->value, "compact") == 0;
		else if (strcmp(setting->name, "message.timestamp.type") == 0)
			topic->stamps_arrival = strcmp(setting->value, "LogAppendTime") == 0;
	}
}

/* A log never moves: sessions and readers hold on to it. */
static void
grow_topic(struct weir_memory *memory, struct weir_memory_topic *topic, int32_t partitions)
{
	topic->logs =
		weir__realloc(topic->logs, (size_t)partitions * sizeof(*topic->logs));
	for (int32_t i = topic->partition_count; i < partitions; i++)
		topic->logs[i] = weir__memory_log_new(topic, i, memory->log_count++);
	topic->partition_count = partitions;
}

static void
add_topic(struct weir_memory *memory, struct weir_memory_topic *topic, int32_t partitions)
{
	grow_topic(memory, topic, partitions);
	memory->topics = weir__realloc(memory->topics, (memory->topic_count + 1) *
							       sizeof(*memory->topics));
	memory->topics[memory->topic_count++] = topic;
}

static int
topic_create(struct weir_broker *broker, const char *name, int32_t partitions,
	     int32_t replication, const struct weir_properties *settings, int timeout_ms,
	     struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	struct weir_memory_topic *topic;

	(void)timeout_ms;
	weir__memory_enter(memory);
	if (!weir__topic_valid(name))
		return weir_error_set(error, WEIR_EINVALID, "%s: not a topic's name",
				      name);
	if (partitions < 1)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: a topic needs a partition", name);
	if (replication > 1)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: replication %d, but there is one broker", name,
				      (int)replication);
	if (weir__memory_topic(memory, name))
		return weir_error_set(error, WEIR_EEXISTS, "%s: the topic exists already",
				      name);
	topic = weir__calloc(1, sizeof(*topic));
	topic->name = weir__strdup(name);
	topic->replication = 1;
	topic->min_insync = 1;
	topic->max_message_bytes = DEFAULT_MAX_MESSAGE;
	topic->delete_retention_ms = DEFAULT_DELETE_RETENTION_MS;
	topic->stamps_arrival = memory->stamps_arrival;
	apply_settings(topic, settings);
	add_topic(memory, topic, partitions);
	return 0;
}

static int
topic_grow(struct weir_broker *broker, const char *name, int32_t partitions, int timeout_ms,
	   struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	struct weir_memory_topic *topic;

	(void)timeout_ms;
	weir__memory_enter(memory);
	topic = weir__memory_topic(memory, name);
	if (!topic)
		return weir_error_set(error, WEIR_ENOTFOUND, "%s: no such topic", name);
	if (partitions > topic->partition_count)
		grow_topic(memory, topic, partitions);
	return 0;
}

static void
topic_free(struct weir_memory_topic *topic)
{
	for (int32_t i = 0; i < topic->partition_count; i++)
		weir__memory_log_free(topic->logs[i]);
	free(topic->logs);
	free(topic->name);
	free(topic);
}

static int
topic_delete(struct weir_broker *broker, const char *name, int timeout_ms,
	     struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;

	(void)timeout_ms;
	(void)error;
	weir__memory_enter(memory);
	weir__memory_delete_topic(memory, name);
	return 0;
}

/* ---- the broker's calls ---- */

static void
describe_topic(const struct weir_memory *memory, const char *name,
	       struct weir_topic_info *info, struct weir_arena *arena)
{
	const struct weir_memory_topic *topic = weir__memory_topic(memory, name);

	*info = (struct weir_topic_info){.name = weir__arena_strdup(arena, name),
					 .max_message_bytes = -1,
					 .min_insync = -1,
					 .delete_retention_ms = -1};
	if (!topic) {
		info->error = WEIR_ENOTFOUND;
		return;
	}
	info->partitions = topic->partition_count;
	info->replication = topic->replication;
	info->max_message_bytes = (int64_t)topic->max_message_bytes;
	info->min_insync = topic->min_insync;
	info->delete_retention_ms = topic->delete_retention_ms;
	info->is_compacted = topic->is_compacted;
	info->stamps_arrival = topic->stamps_arrival;
}

static int
describe(struct weir_broker *broker, const char *const *topics, size_t count,
	 struct weir_cluster_info *info, int timeout_ms, struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;

	(void)timeout_ms;
	(void)error;
	weir__memory_enter(memory);
	strcpy(info->cluster_id, "embedded");
	info->broker_count = 1;
	info->topics = weir__arena_alloc(&info->arena, count * sizeof(*info->topics));
	for (size_t i = 0; i < count; i++)
		describe_topic(memory, topics[i], &info->topics[i], &info->arena);
	return 0;
}

static int
range(struct weir_broker *broker, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	const struct weir_memory_log *log;

	(void)timeout_ms;
	weir__memory_enter(memory);
	log = weir__memory_find(memory, topic, partition, error);
	if (!log)
		return WEIR_ENOTFOUND;
	*low = log->low;
	*high = log->high;
	return 0;
}

static int
offset_at(struct weir_broker *broker, const char *topic, int32_t partition,
	  int64_t timestamp_ms, int64_t *offset, int timeout_ms, struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	const struct weir_memory_log *log;

	(void)timeout_ms;
	weir__memory_enter(memory);
	log = weir__memory_find(memory, topic, partition, error);
	if (!log)
		return WEIR_ENOTFOUND;
	*offset = weir__memory_log_offset_at(log, timestamp_ms);
	return 0;
}

static int
committed(struct weir_broker *broker, const char *group, struct weir_offset *offsets,
	  size_t count, int timeout_ms, struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;

	(void)timeout_ms;
	weir__memory_enter(memory);
	switch (weir__memory_group_read(memory, weir__memory_group_get(memory, group),
					offsets, count, &memory->arena, error)) {
	case WEIR_SUCCESS:
		return 0;
	case WEIR_AGAIN:
		return weir_error_set(error, WEIR_ETIMEOUT,
				      "group %s: a transaction holds offsets pending",
				      group);
	default:
		return WEIR_ENOTFOUND;
	}
}

static void
memory_close(struct weir_broker *broker)
{
	struct weir_memory *memory = (struct weir_memory *)broker;

	for (size_t i = 0; i < memory->step_count; i++)
		weir__memory_record_release(memory->steps[i].record);
	for (size_t i = 0; i < memory->txn_count; i++)
		weir__memory_txn_free(memory->txns[i]);
	for (size_t i = 0; i < memory->group_count; i++)
		weir__memory_group_free(memory->groups[i]);
	for (size_t i = 0; i < memory->topic_count; i++)
		topic_free(memory->topics[i]);
	weir__arena_fini(&memory->arena);
	free(memory->steps);
	free(memory->txns);
	free(memory->groups);
	free(memory->topics);
	free(memory);
}

static const struct weir_broker_ops broker_ops = {
	.describe = describe,
	.topic_create = topic_create,
	.topic_grow = topic_grow,
	.topic_delete = topic_delete,
	.range = range,
	.offset_at = offset_at,
	.committed = committed,
	.offsets_set = weir__memory_offsets_set,
	.group_describe = weir__memory_group_describe,
	.session_open = weir__memory_session_open,
	.reader_open = weir__memory_reader_open,
	.close = memory_close,
};

struct weir_memory *
weir__memory_open(const struct weir_clock *clock, const struct weir_logger *logger)
{
	struct weir_memory *memory = weir__calloc(1, sizeof(*memory));

	memory->broker.ops = &broker_ops;
	memory->clock = clock;
	memory->logger = logger;
	memory->queue_messages = DEFAULT_QUEUE;
	memory->now_ms = clock->monotonic_ms(clock);
	return memory;
}

struct weir_broker *
weir__memory_broker(struct weir_memory *memory)
{
	return &memory->broker;
}

/* ---- what a test or simulation does to it ---- */

void
weir__memory_delete_topic(struct weir_memory *memory, const char *topic)
{
	size_t index = 0;

	while (index < memory->topic_count && strcmp(memory->topics[index]->name, topic) != 0)
		index++;
	if (index == memory->topic_count)
		return;
	topic_free(memory->topics[index]);
	memmove(&memory->topics[index], &memory->topics[index + 1],
		(memory->topic_count - index - 1) * sizeof(*memory->topics));
	memory->topic_count--;
	memory->deletions++;
}

void
weir__memory_rebalance(struct weir_memory *memory)
{
	weir__memory_enter(memory);
	for (size_t i = 0; i < memory->group_count; i++)
		weir__memory_group_rebalance(memory, memory->groups[i]);
}

void
weir__memory_delete_records(struct weir_memory *memory, const char *topic,
			    int32_t partition, int64_t offset)
{
	struct weir_memory_log *log = weir__memory_find(memory, topic, partition, NULL);

	if (log)
		weir__memory_log_delete(log, offset);
}

void
weir__memory_set_max_message(struct weir_memory *memory, const char *topic, size_t bytes)
{
	struct weir_memory_topic *found = weir__memory_topic(memory, topic);

	if (found)
		found->max_message_bytes = bytes;
}

void
weir__memory_set_queue(struct weir_memory *memory, size_t messages)
{
	memory->queue_messages = messages;
}

int
weir__memory_append(struct weir_memory *memory, const char *topic, int32_t partition,
		    const struct weir_message *message)
{
	const struct weir_memory_topic *found = weir__memory_topic(memory, topic);
	struct weir_memory_log *log;

	weir__memory_enter(memory);
	if (found && partition == WEIR_BY_KEY)
		partition = weir__memory_partition_of(found, &message->key, 0);
	log = weir__memory_find(memory, topic, partition, NULL);
	if (!log)
		return WEIR_ENOTFOUND;
	weir__memory_log_append(
		log,
		weir__memory_record_new(message, memory->clock->wall_ms(memory->clock)));
	return 0;
}

size_t
weir__memory_open_transactions(const struct weir_memory *memory)
{
	size_t count = 0;

	for (size_t i = 0; i < memory->txn_count; i++)
		count += weir__memory_txn_is_open(memory->txns[i]);
	return count;
}
