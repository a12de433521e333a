/*
 * Offsets of a group: the member's metadata for transactions, commits without one, and
 * reading what is committed. The session's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/kafka_private.h>

rd_kafka_topic_partition_list_t *
weir__kafka_offset_list(const struct weir_offset *offsets, size_t count)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);

	for (size_t i = 0; i < count; i++) {
		rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(
			list, offsets[i].topic, offsets[i].partition);

		place->offset = offsets[i].offset;
		if (!offsets[i].metadata)
			continue;
		place->metadata_size = strlen(offsets[i].metadata);
		/* librdkafka frees it with the list, by free(). */
		place->metadata = weir__strdup(offsets[i].metadata);
	}
	return list;
}

/*
 * Has the metadata a member id and a generation? Without these the broker takes offsets
 * *unfenced*, from anybody. There are no accessors before 2.4, so its written form is read:
 * "CGMDv2:", the generation as an int32, the group's name and the member's, each with a
 * NUL. (librdkafka 2.0.2 to 2.12.1: rd_kafka_consumer_group_metadata_write.)
 */
static bool
is_of_member(const rd_kafka_consumer_group_metadata_t *metadata)
{
	static const char magic[] = "CGMDv2:";
	const size_t start = sizeof(magic) - 1 + sizeof(int32_t);
	int32_t generation = -1;
	bool has_member = false;
	rd_kafka_error_t *failure;
	const char *group_end;
	void *text = NULL;
	size_t size = 0;

	failure = rd_kafka_consumer_group_metadata_write(metadata, &text, &size);
	if (failure) {
		rd_kafka_error_destroy(failure);
		return false;
	}
	if (size > start && memcmp(text, magic, sizeof(magic) - 1) == 0) {
		memcpy(&generation, (char *)text + sizeof(magic) - 1, sizeof(generation));
		group_end = memchr((char *)text + start, '\0', size - start);
		has_member = group_end && group_end + 1 < (char *)text + size && group_end[1];
	}
	rd_kafka_mem_free(NULL, text);
	return has_member && generation >= 0;
}

rd_kafka_consumer_group_metadata_t *
weir__kafka_member_metadata(struct kafka_consumer *consumer)
{
	rd_kafka_consumer_group_metadata_t *metadata;

	/* A lost assignment still has the old member's name: another has its partitions. */
	if (consumer->is_forgotten || rd_kafka_assignment_lost(consumer->client->rk))
		return NULL;
	metadata = rd_kafka_consumer_group_metadata(consumer->client->rk);
	if (!metadata || is_of_member(metadata))
		return metadata;
	rd_kafka_consumer_group_metadata_destroy(metadata);
	return NULL;
}

void
weir__kafka_note_committed(struct kafka_consumer *consumer, const struct weir_offset *offsets,
                           size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct kafka_partition *partition = weir__kafka_partition_find(
			consumer, offsets[i].topic, offsets[i].partition);

		if (partition && offsets[i].offset >= 0)
			partition->is_committed = true;
	}
}

/* The answer to the commit in flight: its own error, else its first partition's; named after
 * the first partition that has it. */
static enum weir_outcome
take_commit(struct kafka_consumer *consumer, rd_kafka_event_t *answer, struct weir_error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(answer);
	const rd_kafka_topic_partition_list_t *list =
		rd_kafka_event_topic_partition_list(answer);
	const char *what = "cannot commit offsets";
	enum weir_outcome outcome;

	for (int i = 0; list && i < list->cnt; i++) {
		if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
			continue;
		code = code == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[i].err : code;
		what = list->elems[i].topic;
		break;
	}
	what = weir__kafka_object(&consumer->session->config, code, what);
	outcome = weir__kafka_take_code(KAFKA_STEP_GROUP_COMMIT, code, what, error);
	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		enum weir_outcome check = weir__kafka_consumer_check(consumer, error);

		outcome = check != WEIR_SUCCESS ? check : outcome;
	}
	/* Fenced, or only forgotten while the broker was away? The next poll knows. */
	if (consumer->is_forgotten || outcome == WEIR_FENCED)
		outcome = WEIR_ABORT;
	return outcome;
}

static bool
is_in_flight(const struct kafka_consumer *consumer, const struct weir_offset *offsets,
             size_t count)
{
	const rd_kafka_topic_partition_list_t *list = consumer->commit_list;

	if ((size_t)list->cnt != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (list->elems[i].offset != offsets[i].offset ||
		    list->elems[i].partition != offsets[i].partition ||
		    strcmp(list->elems[i].topic, offsets[i].topic) != 0)
			return false;
	}
	return true;
}

static rd_kafka_resp_err_t
send_commit(struct kafka_consumer *consumer, const struct weir_offset *offsets, size_t count)
{
	rd_kafka_topic_partition_list_t *list = weir__kafka_offset_list(offsets, count);
	rd_kafka_resp_err_t code;

	if (!consumer->commit_queue)
		consumer->commit_queue = rd_kafka_queue_new(consumer->client->rk);
	code = rd_kafka_commit_queue(consumer->client->rk, list, consumer->commit_queue, NULL,
	                             NULL);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		consumer->commit_list = list;
	else
		rd_kafka_topic_partition_list_destroy(list);
	return code;
}

/* The answer to what is in flight; NULL: none yet. */
static rd_kafka_event_t *
await_commit(struct kafka_consumer *consumer, int timeout_ms)
{
	rd_kafka_event_t *answer = rd_kafka_queue_poll(consumer->commit_queue, timeout_ms);

	if (answer) {
		rd_kafka_topic_partition_list_destroy(consumer->commit_list);
		consumer->commit_list = NULL;
	} else {
		weir__kafka_client_watch(consumer->client);
	}
	return answer;
}

/*
 * Asynchronous underneath, so that a slice can end: the next call goes on waiting for the
 * same request and sends no other. The answer to one that was given up (its batch was
 * aborted meanwhile) says nothing of these offsets; it is waited for all the same, or the
 * broker could take the two in the wrong order.
 */
enum weir_outcome
weir__kafka_commit_offsets(struct kafka_consumer *consumer, const struct weir_offset *offsets,
                           size_t count, int timeout_ms, struct weir_error *error)
{
	rd_kafka_event_t *answer;
	rd_kafka_resp_err_t code;
	enum weir_outcome outcome = weir__kafka_consumer_check(consumer, error);

	if (outcome != WEIR_SUCCESS)
		return outcome;
	if (count == 0)
		return WEIR_SUCCESS;
	if (consumer->commit_list && !is_in_flight(consumer, offsets, count)) {
		answer = await_commit(consumer, timeout_ms);
		if (!answer)
			return WEIR_AGAIN;
		rd_kafka_event_destroy(answer);
	}
	if (!consumer->commit_list) {
		if (weir__kafka_missing_holds(consumer, timeout_ms))
			return WEIR_AGAIN;
		outcome = weir__kafka_consumer_check(consumer, error);
		if (outcome != WEIR_SUCCESS)
			return outcome;
		if (consumer->is_forgotten || rd_kafka_assignment_lost(consumer->client->rk)) {
			weir_error_set(error, WEIR_EBROKER, "the partitions were lost");
			return WEIR_ABORT;
		}
		code = send_commit(consumer, offsets, count);
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
			return weir__kafka_take_code(
				KAFKA_STEP_GROUP_COMMIT, code,
				weir__kafka_object(&consumer->session->config, code,
			                           "cannot commit offsets"),
				error);
	}
	answer = await_commit(consumer, timeout_ms);
	if (!answer)
		return WEIR_AGAIN;
	outcome = take_commit(consumer, answer, error);
	rd_kafka_event_destroy(answer);
	if (outcome == WEIR_SUCCESS)
		weir__kafka_note_committed(consumer, offsets, count);
	return outcome;
}

static void
take_offset(const rd_kafka_topic_partition_t *place, struct weir_offset *offset,
            struct weir_arena *arena)
{
	char *metadata;

	offset->offset = place->offset >= 0 ? place->offset : WEIR_OFFSET_NONE;
	offset->metadata = NULL;
	if (!place->metadata || place->metadata_size == 0)
		return;
	metadata = weir__arena_alloc(arena, place->metadata_size + 1);
	memcpy(metadata, place->metadata, place->metadata_size);
	metadata[place->metadata_size] = '\0';
	offset->metadata = metadata;
}

/*
 * librdkafka asks again by itself while the broker answers "unstable", and then says only that
 * the time is over. So answers that came meanwhile tell it from a broker that is silent.
 */
static bool
is_held_back(rd_kafka_resp_err_t code, const struct kafka_client *client, unsigned long answers)
{
	return code == RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT ||
	       (code == RD_KAFKA_RESP_ERR__TIMED_OUT &&
	        atomic_load(&client->offset_answers) != answers);
}

/* The code of the question or of one of its partitions; *what is what it is about. */
static rd_kafka_resp_err_t
ask_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms,
              const char **what)
{
	rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, timeout_ms);

	*what = "cannot read committed offsets";
	for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
		code = list->elems[i].err;
		*what = list->elems[i].topic;
	}
	return code;
}

static int
count_without(const rd_kafka_topic_partition_list_t *list)
{
	int count = 0;

	for (int i = 0; i < list->cnt; i++)
		count += list->elems[i].offset < 0;
	return count;
}

/*
 * A coordinator that is just giving its groups away can say of each offset that there is none,
 * without an error; its successor knows better, and it says itself who that is when it is asked
 * again. So "none" is believed when it is said twice. (The Java client believes it at once, and
 * reads from auto.offset.reset.)
 */
static rd_kafka_resp_err_t
ask_until_sure(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms,
               const char **what)
{
	rd_kafka_resp_err_t code = ask_committed(rk, list, timeout_ms, what);
	int without = count_without(list);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR || without == 0)
		return code;
	code = ask_committed(rk, list, timeout_ms, what);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count_without(list) > without)
		code = RD_KAFKA_RESP_ERR_NOT_COORDINATOR; /* the second says it for the first time */
	return code;
}

/* Does not need a member: reads with a handle of the group's name. Its isolation level is
 * read_committed, which makes the broker hold back offsets of open transactions. */
enum weir_outcome
weir__kafka_committed(rd_kafka_t *rk, const char *group, struct weir_offset *offsets,
                      size_t count, struct weir_arena *arena, int timeout_ms,
                      struct weir_error *error)
{
	const struct kafka_client *client = rd_kafka_opaque(rk);
	unsigned long answers = atomic_load(&client->offset_answers);
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;
	const char *what;

	if (count == 0)
		return WEIR_SUCCESS;
	list = weir__kafka_offset_list(offsets, count);
	weir__arena_reset(arena); /* the offsets may hold the metadata of the last answer */
	if (timeout_ms < KAFKA_SHORTEST_WAIT_MS)
		timeout_ms = KAFKA_SHORTEST_WAIT_MS;
	code = ask_until_sure(rk, list, timeout_ms, &what);
	for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
		take_offset(&list->elems[i], &offsets[i], arena);
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		what = group;
	if (is_held_back(code, client, answers))
		weir_error_set(error, WEIR_ETIMEOUT, "%s", WEIR_HELD_BACK);
	return weir__kafka_take_code(KAFKA_STEP_QUERY, code, what, error);
}
