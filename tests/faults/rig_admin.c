/*
 * What weir itself never does to a cluster: delete records and topics, change a topic's
 * settings. By librdkafka's admin calls, each waited for. Rights are rig_acl.c's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "tests/faults/rig.h"

struct admin {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
};

static struct admin
admin_open(void)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct weir_properties properties = {0};
	struct admin admin;
	char text[256];

	rig_properties(&properties);
	for (size_t index = 0; index < properties.count; index++)
		rd_kafka_conf_set(conf, properties.items[index].name,
		                  properties.items[index].value, text, sizeof(text));
	weir__properties_fini(&properties);
	admin.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	ck_assert_msg(admin.rk != NULL, "%s", text);
	admin.queue = rd_kafka_queue_new(admin.rk);
	return admin;
}

/* Wait for the answer, which must be good. The caller destroys it. */
static rd_kafka_event_t *
admin_answer(const struct admin *admin)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(admin->queue, RIG_PATIENCE_MS);

	ck_assert_ptr_nonnull(event);
	ck_assert_msg(!rd_kafka_event_error(event), "%s", rd_kafka_event_error_string(event));
	return event;
}

static void
admin_close(struct admin *admin)
{
	rd_kafka_queue_destroy(admin->queue);
	rd_kafka_destroy(admin->rk);
}

void
rig_delete_records(const char *topic, int32_t partition, int64_t before)
{
	struct admin admin = admin_open();
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	const rd_kafka_topic_partition_list_t *done;
	rd_kafka_DeleteRecords_t *request;
	rd_kafka_event_t *event;

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = before;
	request = rd_kafka_DeleteRecords_new(list);
	rd_kafka_DeleteRecords(admin.rk, &request, 1, NULL, admin.queue);
	event = admin_answer(&admin);
	done = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
	ck_assert_int_eq(done->elems[0].err, RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteRecords_destroy(request);
	rd_kafka_topic_partition_list_destroy(list);
	admin_close(&admin);
}

void
rig_topic_set(const char *topic, const char *name, const char *value)
{
	struct admin admin = admin_open();
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	const rd_kafka_ConfigResource_t **done;
	rd_kafka_event_t *event;
	size_t count;

	rd_kafka_ConfigResource_set_config(resource, name, value);
	rd_kafka_AlterConfigs(admin.rk, &resource, 1, NULL, admin.queue);
	event = admin_answer(&admin);
	done = rd_kafka_AlterConfigs_result_resources(
		rd_kafka_event_AlterConfigs_result(event), &count);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(rd_kafka_ConfigResource_error(done[0]), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_event_destroy(event);
	rd_kafka_ConfigResource_destroy(resource);
	admin_close(&admin);
}

void
rig_topic_delete(const char *topic)
{
	struct admin admin = admin_open();
	rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);
	const rd_kafka_topic_result_t **done;
	rd_kafka_event_t *event;
	size_t count;

	rd_kafka_DeleteTopics(admin.rk, &request, 1, NULL, admin.queue);
	event = admin_answer(&admin);
	done = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event),
	                                           &count);
	ck_assert_int_eq(count, 1);
	ck_assert_int_eq(rd_kafka_topic_result_error(done[0]), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_event_destroy(event);
	rd_kafka_DeleteTopic_destroy(request);
	admin_close(&admin);
}
