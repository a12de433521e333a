/*
 * Chores on a real cluster: what state a group is in, and taking away topics and groups
 * that were made for a while.
 *
 * Apart from the broker interface, since nothing that runs a pipeline needs them. Any
 * thread; no state.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/kafka_private.h>

static int
patient(int timeout_ms)
{
	return timeout_ms < KAFKA_SHORTEST_WAIT_MS ? KAFKA_SHORTEST_WAIT_MS : timeout_ms;
}

static int
fail(rd_kafka_resp_err_t code, const char *what, const char *text,
     struct weir_error *error)
{
	weir__kafka_error_set(error, code, what, text);
	return weir__kafka_error_code(code);
}

/* ---- groups ---- */

static enum weir_group_state
state_of(const struct rd_kafka_group_info *group)
{
	if (strcmp(group->state, "Stable") == 0)
		return WEIR_GROUP_STABLE;
	if (strcmp(group->state, "Empty") == 0)
		return WEIR_GROUP_EMPTY;
	if (strcmp(group->state, "Dead") == 0)
		return WEIR_GROUP_NONE;
	return WEIR_GROUP_REBALANCING; /* PreparingRebalance, CompletingRebalance */
}

static int
count_members(const struct rd_kafka_group_info *group, const char *member)
{
	int count = 0;

	for (int i = 0; i < group->member_cnt; i++)
		count += !strncmp(group->members[i].member_id, member, strlen(member));
	return count;
}

int
weir__kafka_group_describe(struct weir_broker *base, const char *group,
			   const char *member, enum weir_group_state *state, int *members,
			   int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	const struct rd_kafka_group_list *list = NULL;
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_EINVALID;
	*state = WEIR_GROUP_NONE;
	*members = 0;
	code = rd_kafka_list_groups(client->rk, group, &list, patient(timeout_ms));
	for (int i = 0; list && i < list->group_cnt; i++) {
		const struct rd_kafka_group_info *found = &list->groups[i];

		if (strcmp(found->group, group) != 0)
			continue;
		/* another broker's answer: it does not coordinate this group */
		if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			code = found->err;
			continue;
		}
		*state = state_of(found);
		*members = count_members(found, member);
	}
	if (list)
		rd_kafka_group_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || *state != WEIR_GROUP_NONE)
		return 0;
	return fail(code, group, "the group cannot be described", error);
}

/* ---- removing ---- */

static rd_kafka_AdminOptions_t *
options_for(rd_kafka_t *rk, rd_kafka_admin_op_t operation, int timeout_ms)
{
	rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, operation);
	char ignored[128];

	rd_kafka_AdminOptions_set_request_timeout(options, patient(timeout_ms), ignored,
						  sizeof(ignored));
	return options;
}

/* Wait for the answer; its own timeout ends it. *event is NULL, or to be destroyed. */
static rd_kafka_resp_err_t
wait_for(rd_kafka_queue_t *queue, rd_kafka_event_t **event)
{
	*event = rd_kafka_queue_poll(queue, -1);
	return *event ? rd_kafka_event_error(*event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static rd_kafka_resp_err_t
topic_result(rd_kafka_event_t *event)
{
	const rd_kafka_topic_result_t **results;
	size_t count;

	results = rd_kafka_DeleteTopics_result_topics(
		rd_kafka_event_DeleteTopics_result(event), &count);
	return count == 1 ? rd_kafka_topic_result_error(results[0])
			  : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
group_result(rd_kafka_event_t *event)
{
	const rd_kafka_group_result_t **results;
	const rd_kafka_error_t *failure = NULL;
	size_t count;

	results = rd_kafka_DeleteGroups_result_groups(
		rd_kafka_event_DeleteGroups_result(event), &count);
	if (count == 1)
		failure = rd_kafka_group_result_error(results[0]);
	return failure ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void
ask_topic(rd_kafka_t *rk, const char *topic, const rd_kafka_AdminOptions_t *options,
	  rd_kafka_queue_t *queue)
{
	rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(topic);

	rd_kafka_DeleteTopics(rk, &request, 1, options, queue); /* copies it */
	rd_kafka_DeleteTopic_destroy(request);
}

static void
ask_group(rd_kafka_t *rk, const char *group, const rd_kafka_AdminOptions_t *options,
	  rd_kafka_queue_t *queue)
{
	rd_kafka_DeleteGroup_t *request = rd_kafka_DeleteGroup_new(group);

	rd_kafka_DeleteGroups(rk, &request, 1, options, queue); /* copies it */
	rd_kafka_DeleteGroup_destroy(request);
}

/* Removing one thing: what is gone already counts as removed. */
struct removal {
	rd_kafka_admin_op_t op;
	void (*ask)(rd_kafka_t *, const char *name, const rd_kafka_AdminOptions_t *,
		    rd_kafka_queue_t *);
	rd_kafka_resp_err_t (*result)(rd_kafka_event_t *);
	rd_kafka_resp_err_t gone;
	const char *failed;
};

static int
remove_one(const struct removal *removal, struct weir_broker *base, const char *name,
	   int timeout_ms, struct weir_error *error)
{
	struct kafka_client *client =
		weir__kafka_broker_client((struct kafka_broker *)base, error);
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event;
	rd_kafka_resp_err_t code;

	if (!client)
		return WEIR_EINVALID;
	options = options_for(client->rk, removal->op, timeout_ms);
	queue = rd_kafka_queue_new(client->rk);
	removal->ask(client->rk, name, options, queue);
	code = wait_for(queue, &event);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = removal->result(event);
	if (event)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	rd_kafka_AdminOptions_destroy(options);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == removal->gone)
		return 0;
	return fail(code, name, removal->failed, error);
}

int
weir__kafka_topic_delete(struct weir_broker *base, const char *topic, int timeout_ms,
			 struct weir_error *error)
{
	static const struct removal removal = {
		RD_KAFKA_ADMIN_OP_DELETETOPICS, ask_topic, topic_result,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "the topic cannot be removed"};

	return remove_one(&removal, base, topic, timeout_ms, error);
}

int
weir__kafka_group_delete(struct weir_broker *base, const char *group, int timeout_ms,
			 struct weir_error *error)
{
	static const struct removal removal = {
		RD_KAFKA_ADMIN_OP_DELETEGROUPS, ask_group, group_result,
		RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND, "the group cannot be removed"};

	return remove_one(&removal, base, group, timeout_ms, error);
}
