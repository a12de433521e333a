/*
 * Chores on a real cluster: what state a group is in, setting its offsets, and taking away
 * topics and groups. librdkafka's admin calls, each with a queue of its own to wait on.
 *
 * Knows which answers mean that a group has members. Any thread; no state.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka_private.h>

static int
patient(int timeout_ms)
{
	return timeout_ms < KAFKA_SHORTEST_WAIT_MS ? KAFKA_SHORTEST_WAIT_MS : timeout_ms;
}

static int
fail(rd_kafka_resp_err_t code, const char *what, const char *text, const char *right,
     struct weir_error *error)
{
	weir__kafka_chore_error_set(error, code, what, text, right);
	return weir__kafka_error_code(code);
}

/* ---- one admin call ---- */

/*
 * A call about one thing: the code that means "so it is already" counts as done.
 */
struct chore {
	rd_kafka_admin_op_t op;
	void (*ask)(rd_kafka_t *, const void *argument, const rd_kafka_AdminOptions_t *,
		    rd_kafka_queue_t *);
	rd_kafka_resp_err_t (*take)(rd_kafka_event_t *, void *result);
	rd_kafka_resp_err_t done;
	const char *failed;
	const char *right; /* that it needs; NULL: reading or writing */
};

static rd_kafka_AdminOptions_t *
options_for(rd_kafka_t *rk, rd_kafka_admin_op_t operation, int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, operation);
	char ignored[128];

	rd_kafka_AdminOptions_set_request_timeout(options, patient(timeout_ms), ignored,
						  sizeof(ignored));
	return options;
}

/* Its own timeout ends it. */
static rd_kafka_resp_err_t
ask_and_wait(const struct chore *chore, rd_kafka_t *rk, const void *argument, void *result,
	     int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = options_for(rk, chore->op, timeout_ms);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_event_t *event;
	rd_kafka_resp_err_t code;

	chore->ask(rk, argument, options, queue);
	event = rd_kafka_queue_poll(queue, -1);
	code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = chore->take(event, result);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	return code == chore->done ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

static int
do_chore(const struct chore *chore, struct weir_broker *base, const char *name,
	 const void *argument, void *result, int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_EINVALID;
	code = ask_and_wait(chore, client->rk, argument, result, timeout_ms);
	return code ? fail(code, name, chore->failed, chore->right, error) : 0;
}

static rd_kafka_resp_err_t
group_result(const rd_kafka_group_result_t *const *results, size_t count)
{
	const rd_kafka_error_t *failure =
		count == 1 ? rd_kafka_group_result_error(results[0]) : NULL;

	return failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- describing a group ---- */

static enum weir_group_state
state_of(const rd_kafka_ConsumerGroupDescription_t *group)
{
	switch (rd_kafka_ConsumerGroupDescription_state(group)) {
	case RD_KAFKA_CONSUMER_GROUP_STATE_STABLE:
		return WEIR_GROUP_STABLE;
	case RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY:
		return WEIR_GROUP_EMPTY;
	case RD_KAFKA_CONSUMER_GROUP_STATE_DEAD:
		return WEIR_GROUP_NONE;
	default:
		return WEIR_GROUP_REBALANCING;
	}
}

static const char *
copy_text(struct weir_arena *arena, const char *text)
{
	return weir__arena_strdup(arena, text ? text : "");
}

static void
take_members(const rd_kafka_ConsumerGroupDescription_t *group, struct weir_group_info *info)
{
	info->member_count = rd_kafka_ConsumerGroupDescription_member_count(group);
	info->members = weir__arena_alloc(&info->arena, (info->member_count + 1) *
								sizeof(*info->members));
	for (size_t i = 0; i < info->member_count; i++) {
		const rd_kafka_MemberDescription_t *member =
			rd_kafka_ConsumerGroupDescription_member(group, i);
		const char *instance = rd_kafka_MemberDescription_group_instance_id(member);

		info->members[i] = (struct weir_group_member){
			.instance = instance ? copy_text(&info->arena, instance) : NULL,
			.client = copy_text(&info->arena,
					    rd_kafka_MemberDescription_client_id(member)),
			.host = copy_text(&info->arena,
					  rd_kafka_MemberDescription_host(member)),
		};
	}
}

static void
ask_description(rd_kafka_t *rk, const void *group, const rd_kafka_AdminOptions_t *options,
		rd_kafka_queue_t *queue)
{
	const char *name = group;

	rd_kafka_DescribeConsumerGroups(rk, &name, 1, options, queue);
}

static rd_kafka_resp_err_t
take_description(rd_kafka_event_t *event, void *result)
{
	struct weir_group_info *info = result;
	const rd_kafka_ConsumerGroupDescription_t **groups;
	const rd_kafka_error_t *failure;
	size_t count;

	groups = rd_kafka_DescribeConsumerGroups_result_groups(
		rd_kafka_event_DescribeConsumerGroups_result(event), &count);
	if (count != 1)
		return RD_KAFKA_RESP_ERR__BAD_MSG;
	failure = rd_kafka_ConsumerGroupDescription_error(groups[0]);
	if (failure)
		return rd_kafka_error_code(failure);
	info->state = state_of(groups[0]);
	take_members(groups[0], info);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
weir__kafka_group_describe(struct weir_broker *base, const char *group,
			   struct weir_group_info *info, int timeout_ms,
			   struct weir_error *error)
{
	static const struct chore chore = {
		RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, ask_description, take_description,
		RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, "the group cannot be described", NULL};

	return do_chore(&chore, base, group, group, info, timeout_ms, error);
}

/* ---- setting offsets ---- */

static void
ask_offsets(rd_kafka_t *rk, const void *argument, const rd_kafka_AdminOptions_t *options,
	    rd_kafka_queue_t *queue)
{
	rd_kafka_AlterConsumerGroupOffsets_t *request =
		(rd_kafka_AlterConsumerGroupOffsets_t *)argument;

	rd_kafka_AlterConsumerGroupOffsets(rk, &request, 1, options, queue); /* copies it */
}

/* The broker takes all partitions of a request or none, but for what only one can have. */
static rd_kafka_resp_err_t
take_offsets(rd_kafka_event_t *event, void *result)
{
	const rd_kafka_topic_partition_list_t *partitions;
	const rd_kafka_group_result_t **groups;
	rd_kafka_resp_err_t code;
	size_t count;

	(void)result;
	groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
		rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
	code = group_result(groups, count);
	if (code || count != 1)
		return code;
	partitions = rd_kafka_group_result_partitions(groups[0]);
	for (int i = 0; partitions && i < partitions->cnt && !code; i++)
		code = partitions->elems[i].err;
	return code;
}

int
weir__kafka_offsets_set(struct weir_broker *base, const char *group,
			const struct weir_offset *offsets, size_t count, int timeout_ms,
			struct weir_error *error)
{
	static const struct chore chore = {
		RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, ask_offsets, take_offsets,
		RD_KAFKA_RESP_ERR_NO_ERROR, "the group's offsets cannot be set", NULL};
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_AlterConsumerGroupOffsets_t *request;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_EINVALID;
	list = weir__kafka_offset_list(offsets, count);
	request = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
	rd_kafka_topic_partition_list_destroy(list);
	code = ask_and_wait(&chore, client->rk, request, NULL, timeout_ms);
	rd_kafka_AlterConsumerGroupOffsets_destroy(request);
	/* offsets without a member id are taken from nobody while there are members */
	if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
	    code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
		return weir_error_set(error, WEIR_ESTATE, "group %s has members", group);
	return code ? fail(code, group, chore.failed, chore.right, error) : 0;
}

/* ---- removing ---- */

static void
ask_topic(rd_kafka_t *rk, const void *topic, const rd_kafka_AdminOptions_t *options,
	  rd_kafka_queue_t *queue)
{
	rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);

	rd_kafka_DeleteTopics(rk, &request, 1, options, queue); /* copies it */
	rd_kafka_DeleteTopic_destroy(request);
}

static rd_kafka_resp_err_t
take_topic(rd_kafka_event_t *event, void *result)
{
	const rd_kafka_topic_result_t **results;
	size_t count;

	(void)result;
	results = rd_kafka_DeleteTopics_result_topics(
		rd_kafka_event_DeleteTopics_result(event), &count);
	return count == 1 ? rd_kafka_topic_result_error(results[0])
			  : RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
weir__kafka_topic_delete(struct weir_broker *base, const char *topic, int timeout_ms,
			 struct weir_error *error)
{
	static const struct chore chore = {
		RD_KAFKA_ADMIN_OP_DELETETOPICS, ask_topic, take_topic,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "the topic cannot be removed",
		"the right DELETE on the topic"};

	return do_chore(&chore, base, topic, topic, NULL, timeout_ms, error);
}

static void
ask_group(rd_kafka_t *rk, const void *group, const rd_kafka_AdminOptions_t *options,
	  rd_kafka_queue_t *queue)
{
	rd_kafka_DeleteGroup_t *request = rd_kafka_DeleteGroup_new(group);

	rd_kafka_DeleteGroups(rk, &request, 1, options, queue); /* copies it */
	rd_kafka_DeleteGroup_destroy(request);
}

static rd_kafka_resp_err_t
take_group(rd_kafka_event_t *event, void *result)
{
	const rd_kafka_group_result_t **results;
	size_t count;

	(void)result;
	results = rd_kafka_DeleteGroups_result_groups(
		rd_kafka_event_DeleteGroups_result(event), &count);
	return group_result(results, count);
}

int
weir__kafka_group_delete(struct weir_broker *base, const char *group, int timeout_ms,
			 struct weir_error *error)
{
	static const struct chore chore = {
		RD_KAFKA_ADMIN_OP_DELETEGROUPS, ask_group, take_group,
		RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, "the group cannot be removed",
		"the right DELETE on the consumer group"};

	return do_chore(&chore, base, group, group, NULL, timeout_ms, error);
}
