/*
 * Descriptions of the cluster and of topics, and making topics: librdkafka's admin calls,
 * each with a queue of its own to wait on. Any thread; no state.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>

#include <broker/kafka_private.h>

static int
patient(int timeout_ms)
{
	return timeout_ms < KAFKA_SHORTEST_WAIT_MS ? KAFKA_SHORTEST_WAIT_MS : timeout_ms;
}

static rd_kafka_AdminOptions_t *
admin_options(rd_kafka_t *rk, rd_kafka_admin_op_t operation, int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, operation);
	char text[128];

	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
	return options;
}

static void
read_settings(const rd_kafka_ConfigResource_t *resource, struct kafka_topic_settings *settings)
{
	const rd_kafka_ConfigEntry_t **entries;
	size_t count;

	entries = rd_kafka_ConfigResource_configs(resource, &count);
	for (size_t i = 0; i < count; i++) {
		const char *name = rd_kafka_ConfigEntry_name(entries[i]);
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		if (!value)
			continue;
		if (strcmp(name, "max.message.bytes") == 0)
			settings->max_message_bytes = strtoll(value, NULL, 10);
		else if (strcmp(name, "min.insync.replicas") == 0)
			settings->min_insync = strtoll(value, NULL, 10);
		else if (strcmp(name, "delete.retention.ms") == 0)
			settings->delete_retention_ms = strtoll(value, NULL, 10);
		else if (strcmp(name, "cleanup.policy") == 0)
			settings->is_compacted = strcmp(value, "compact") == 0;
		else if (strcmp(name, "message.timestamp.type") == 0)
			settings->stamps_arrival = strcmp(value, "LogAppendTime") == 0;
	}
}

/* The answer's resources are matched by name: a topic asked for twice is one resource. */
static void
take_settings(rd_kafka_event_t *event, const char *const *topics, size_t count,
              struct kafka_topic_settings *settings)
{
	const rd_kafka_DescribeConfigs_result_t *result =
		rd_kafka_event_DescribeConfigs_result(event);
	const rd_kafka_ConfigResource_t **resources;
	size_t resource_count;

	resources = rd_kafka_DescribeConfigs_result_resources(result, &resource_count);
	for (size_t i = 0; i < resource_count; i++) {
		for (size_t j = 0; j < count; j++) {
			if (strcmp(topics[j], rd_kafka_ConfigResource_name(resources[i])) != 0)
				continue;
			settings[j].code = rd_kafka_ConfigResource_error(resources[i]);
			read_settings(resources[i], &settings[j]);
		}
	}
}

static bool
is_repeated(const char *const *topics, size_t index)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(topics[i], topics[index]) == 0)
			return true;
	}
	return false;
}

rd_kafka_resp_err_t
weir__kafka_topic_settings(rd_kafka_t *rk, const char *const *topics, size_t count,
                           struct kafka_topic_settings *settings, int timeout_ms)
{
	rd_kafka_ConfigResource_t **resources = weir__calloc(count + 1, sizeof(*resources));
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_AdminOptions_t *options = admin_options(
		rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, patient(timeout_ms));
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	rd_kafka_event_t *event;
	size_t asked = 0;

	for (size_t i = 0; i < count; i++) {
		settings[i] = (struct kafka_topic_settings){
			.max_message_bytes = -1,
			.min_insync = -1,
			.delete_retention_ms = -1};
		if (!is_repeated(topics, i))
			resources[asked++] = rd_kafka_ConfigResource_new(
				RD_KAFKA_RESOURCE_TOPIC, topics[i]);
	}
	if (asked > 0) {
		rd_kafka_DescribeConfigs(rk, resources, asked, options, queue);
		/* The request ends by its own timeout, so this does too. */
		event = rd_kafka_queue_poll(queue, -1);
		code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_settings(event, topics, count, settings);
		if (event)
			rd_kafka_event_destroy(event);
		rd_kafka_ConfigResource_destroy_array(resources, asked);
	}
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	free(resources);
	return code;
}

static rd_kafka_resp_err_t
describe_topic(rd_kafka_t *rk, const char *name, struct weir_cluster_info *info,
               struct weir_topic_info *topic, int timeout_ms)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, name, NULL);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code =
		rd_kafka_metadata(rk, 0, handle, &metadata, patient(timeout_ms));

	rd_kafka_topic_destroy(handle);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	info->broker_count = metadata->broker_cnt;
	topic->error = WEIR_ENOTFOUND;
	if (metadata->topic_cnt == 1) {
		const struct rd_kafka_metadata_topic *found = &metadata->topics[0];

		topic->error = weir__kafka_error_code(found->err);
		topic->partitions = found->partition_cnt;
		if (found->partition_cnt > 0)
			topic->replication = found->partitions[0].replica_cnt;
	}
	rd_kafka_metadata_destroy(metadata);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
describe_cluster(rd_kafka_t *rk, struct weir_cluster_info *info, int timeout_ms)
{
	const struct rd_kafka_metadata *metadata;
	char *id = rd_kafka_clusterid(rk, patient(timeout_ms));
	rd_kafka_resp_err_t code;

	if (!id)
		return RD_KAFKA_RESP_ERR__TIMED_OUT;
	snprintf(info->cluster_id, sizeof(info->cluster_id), "%s", id);
	rd_kafka_mem_free(rk, id);
	code = rd_kafka_metadata(rk, 0, NULL, &metadata, patient(timeout_ms));
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return code;
	info->broker_count = metadata->broker_cnt;
	rd_kafka_metadata_destroy(metadata);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
describe_settings(rd_kafka_t *rk, const char *const *topics, size_t count,
                  struct weir_cluster_info *info, int timeout_ms)
{
	struct kafka_topic_settings *settings = weir__calloc(count + 1, sizeof(*settings));
	rd_kafka_resp_err_t code =
		weir__kafka_topic_settings(rk, topics, count, settings, timeout_ms);

	for (size_t i = 0; i < count; i++) {
		info->topics[i].max_message_bytes = settings[i].max_message_bytes;
		info->topics[i].min_insync = settings[i].min_insync;
		info->topics[i].delete_retention_ms = settings[i].delete_retention_ms;
		info->topics[i].is_compacted = settings[i].is_compacted;
		info->topics[i].stamps_arrival = settings[i].stamps_arrival;
	}
	free(settings);
	return code;
}

/* A broker that answers nothing has told its client why, maybe. */
static int
fail(struct kafka_client *client, rd_kafka_resp_err_t code, const char *what,
     struct weir_error *error)
{
	struct weir_error own = {0};
	int cause = weir__kafka_error_code(code);

	if (cause == WEIR_ETIMEOUT) {
		if (weir__kafka_client_explain(client, what, &own) == WEIR_FATAL)
			cause = WEIR_EDENIED;
		return weir_error_set(error, cause, "%s", own.message);
	}
	weir__kafka_error_set(error, code, what, NULL);
	return cause;
}

int
weir__kafka_describe(struct weir_broker *base, const char *const *topics, size_t count,
                     struct weir_cluster_info *info, int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_EINVALID;
	info->topics = weir__arena_alloc(&info->arena, count * sizeof(*info->topics));
	for (size_t i = 0; i < count; i++)
		info->topics[i] = (struct weir_topic_info){
			.name = weir__arena_strdup(&info->arena, topics[i]),
			.max_message_bytes = -1,
			.min_insync = -1,
			.delete_retention_ms = -1};
	code = describe_cluster(client->rk, info, timeout_ms);
	for (size_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		code = describe_topic(client->rk, topics[i], info, &info->topics[i], timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0)
		code = describe_settings(client->rk, topics, count, info, timeout_ms);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	return fail(client, code, "cannot describe the cluster", error);
}

/*
 * Make a topic, or give one (`grown`) more partitions; what the controller says to it. `only_ask`:
 * would it?
 */
static rd_kafka_resp_err_t
make(rd_kafka_t *rk, rd_kafka_NewTopic_t *topic, rd_kafka_NewPartitions_t *grown,
     bool only_ask, int timeout_ms, char *text, size_t size)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_AdminOptions_t *options =
		admin_options(rk, grown ? RD_KAFKA_ADMIN_OP_CREATEPARTITIONS
	                                : RD_KAFKA_ADMIN_OP_CREATETOPICS,
	                      patient(timeout_ms));
	const rd_kafka_topic_result_t **results;
	rd_kafka_resp_err_t code;
	rd_kafka_event_t *event;
	char ignored[128];
	size_t count = 0;

	/* Wait until the controller has made it. */
	rd_kafka_AdminOptions_set_operation_timeout(options, patient(timeout_ms), ignored,
	                                            sizeof(ignored));
	if (only_ask)
		rd_kafka_AdminOptions_set_validate_only(options, 1, ignored, sizeof(ignored));
	if (grown)
		rd_kafka_CreatePartitions(rk, &grown, 1, options, queue);
	else
		rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
	event = rd_kafka_queue_poll(queue, -1);
	code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
		snprintf(text, size, "%s", event ? rd_kafka_event_error_string(event) : "");
	} else {
		results = grown ? rd_kafka_CreatePartitions_result_topics(
					  rd_kafka_event_CreatePartitions_result(event), &count)
		                : rd_kafka_CreateTopics_result_topics(
					  rd_kafka_event_CreateTopics_result(event), &count);
		if (count == 1) {
			const char *reason = rd_kafka_topic_result_error_string(results[0]);

			code = rd_kafka_topic_result_error(results[0]);
			snprintf(text, size, "%s", reason ? reason : "");
		}
	}
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_queue_destroy(queue);
	return code;
}

static int
made(struct kafka_client *client, rd_kafka_resp_err_t code, const char *name, const char *text,
     const char *right, struct weir_error *error)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	if (weir__kafka_error_code(code) == WEIR_ETIMEOUT)
		return fail(client, code, name, error);
	weir__kafka_chore_error_set(error, code, name, text, right);
	return weir__kafka_error_code(code);
}

static int
create(struct weir_broker *base, const char *name, int32_t partitions, int32_t replication,
       const struct weir_properties *settings, bool only_ask, int timeout_ms,
       struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_NewTopic_t *topic;
	rd_kafka_resp_err_t code;
	char text[512] = "";

	if (!client)
		return WEIR_EINVALID;
	topic = rd_kafka_NewTopic_new(name, partitions, replication, text, sizeof(text));
	if (!topic)
		return weir_error_set(error, WEIR_EINVALID, "%s: %s", name, text);
	for (size_t i = 0; settings && i < settings->count; i++)
		rd_kafka_NewTopic_set_config(topic, settings->items[i].name,
		                             settings->items[i].value);
	code = make(client->rk, topic, NULL, only_ask, timeout_ms, text, sizeof(text));
	rd_kafka_NewTopic_destroy(topic);
	return made(client, code, name, text, "the right CREATE on the topic or on the cluster",
	            error);
}

int
weir__kafka_topic_create(struct weir_broker *base, const char *name, int32_t partitions,
                         int32_t replication, const struct weir_properties *settings,
                         int timeout_ms, struct weir_error *error)
{
	return create(base, name, partitions, replication, settings, false, timeout_ms, error);
}

int
weir__kafka_topic_try(struct weir_broker *base, const char *name, int32_t partitions,
                      int32_t replication, int timeout_ms, struct weir_error *error)
{
	return create(base, name, partitions, replication, NULL, true, timeout_ms, error);
}

int
weir__kafka_topic_grow(struct weir_broker *base, const char *name, int32_t partitions,
                       int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_NewPartitions_t *grown;
	struct weir_cluster_info info = {0};
	rd_kafka_resp_err_t code;
	char text[512] = "";

	if (!client)
		return WEIR_EINVALID;
	grown = rd_kafka_NewPartitions_new(name, (size_t)partitions, text, sizeof(text));
	if (!grown)
		return weir_error_set(error, WEIR_EINVALID, "%s: %s", name, text);
	code = make(client->rk, NULL, grown, false, timeout_ms, text, sizeof(text));
	rd_kafka_NewPartitions_destroy(grown);
	/* a controller refuses to give a topic what it has, or fewer: another one was first */
	if (code == RD_KAFKA_RESP_ERR_INVALID_PARTITIONS &&
	    weir__kafka_describe(base, &name, 1, &info, timeout_ms, NULL) == 0 &&
	    info.topics[0].partitions >= partitions)
		code = RD_KAFKA_RESP_ERR_NO_ERROR;
	weir__cluster_info_fini(&info);
	return made(client, code, name, text, "the right ALTER on the topic", error);
}
