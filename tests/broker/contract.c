/*
 * The contract suite's helpers: names and topics of one test, sessions, reading back, and
 * a group member that is driven turn by turn. Loops count time by the fixture's slices,
 * so that they end the same under a virtual clock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/broker/contract.h"

struct contract contract;

void
contract_idle(void)
{
	if (contract.fixture->idle)
		contract.fixture->idle(SLICE);
}

static char *
keep(const char *text)
{
	return weir__arena_strdup(&contract.arena, text);
}

const char *
contract_name(const char *what)
{
	char name[200];

	snprintf(name, sizeof(name), "%s-%d-%d", what, (int)getpid(), ++contract.names);
	return keep(name);
}

static bool
is_known(const char *topic)
{
	struct weir_cluster_info info = {0};
	bool known = weir__broker_describe(contract.broker, &topic, 1, &info,
					   contract.fixture->patience_ms, NULL) == 0 &&
		     info.topics[0].error == 0;

	weir__cluster_info_fini(&info);
	return known;
}

/* The broker that made it may say for a moment yet that it is not there. */
void
contract_create(const char *topic, int32_t partitions)
{
	struct weir_error error = {0};

	if (weir__broker_topic_create(contract.broker, topic, partitions, 1, NULL,
				      contract.fixture->patience_ms, &error) != 0)
		ck_abort_msg("%s: %s", topic, error.message);
	while (!is_known(topic)) /* the test's own timeout ends it */
		contract_idle();
}

const char *
contract_topic(int32_t partitions)
{
	const char *topic = contract_name("topic");

	contract_create(topic, partitions);
	return topic;
}

/* ---- producing ---- */

static struct weir_session *
open_session(const struct weir_session_config *config)
{
	struct weir_error error = {0};
	struct weir_session *session =
		weir__broker_session_open(contract.broker, config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	return session;
}

struct weir_session *
contract_producer(const char *id, const char *group, const char *topic)
{
	struct weir_session_config config = {
		.name = "producer",
		.guarantee = id ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.group = group,
		.transactional_id = id,
		.outputs = &topic,
		.output_count = 1,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = contract.fixture->session_timeout_ms,
	};
	struct weir_session *session = open_session(&config);

	EXPECT(WEIR_SUCCESS, weir__session_init(session, SLICE, ERROR));
	return session;
}

void
contract_send_key(struct weir_session *session, const char *key, const char *value)
{
	struct weir_message message = {.timestamp_ms = -1, .partition = WEIR_BY_KEY};

	if (key)
		message.key = (struct weir_bytes){key, strlen(key)};
	if (value)
		message.value = (struct weir_bytes){value, strlen(value)};
	EXPECT(WEIR_SUCCESS, weir__session_send(session, 0, &message, 0, SLICE, ERROR));
}

void
contract_send(struct weir_session *session, const char *value)
{
	contract_send_key(session, NULL, value);
}

static void
send_list(struct weir_session *session, const char *values)
{
	char *list = keep(values), *place = NULL;

	for (char *value = strtok_r(list, ",", &place); value;
	     value = strtok_r(NULL, ",", &place))
		contract_send(session, value);
}

void
contract_produce(struct weir_session *session, const char *values)
{
	EXPECT(WEIR_SUCCESS, weir__session_begin(session, ERROR));
	send_list(session, values);
	EXPECT(WEIR_SUCCESS, weir__session_commit(session, NULL, 0, SLICE, ERROR));
}

void
contract_fill(const char *topic, const char *values)
{
	struct weir_session *session = contract_producer(NULL, NULL, topic);
	struct weir_delivery_failure failure;

	send_list(session, values);
	EXPECT(WEIR_SUCCESS, weir__session_flush(session, SLICE, ERROR));
	ck_assert_uint_eq(weir__session_failures(session, &failure, 1), 0);
	weir__session_close(session);
}

/* ---- reading back ---- */

static void
add_value(struct weir_buffer *list, const struct weir_message *message)
{
	weir__buffer_add(list, message->value.data, message->value.size);
	weir__buffer_add_text(list, ",");
}

enum weir_event_type
contract_reader_until(struct weir_reader *reader, struct weir_offset *place,
		      struct weir_message *message)
{
	struct weir_error error = {0};

	for (int waited = 0; waited < contract.fixture->patience_ms; waited += SLICE) {
		enum weir_event_type type =
			weir__reader_poll(reader, SLICE, place, message, &error);

		ck_assert_msg(type != WEIR_EVENT_FAILED, "%s", error.message);
		if (type != WEIR_EVENT_IDLE)
			return type;
		contract_idle();
	}
	ck_abort_msg("the reader stays idle");
}

const char *
contract_read(const char *topic, int32_t partition, int64_t from, bool committed,
	      int64_t *end)
{
	struct weir_offset place = {
		.topic = topic, .partition = partition, .offset = from};
	struct weir_error error = {0};
	struct weir_reader *reader =
		weir__broker_reader_open(contract.broker, &place, 1, committed, &error);
	struct weir_buffer list = {0};
	struct weir_message message;
	char *values;

	ck_assert_msg(reader != NULL, "%s", error.message);
	while (contract_reader_until(reader, &place, &message) == WEIR_EVENT_RECORD)
		add_value(&list, &message);
	if (end)
		*end = place.offset;
	values = keep(list.size > 0 ? list.data : "");
	if (list.size > 0)
		values[list.size - 1] = '\0';
	weir__buffer_fini(&list);
	weir__reader_close(reader);
	return values;
}

int64_t
contract_high(const char *topic, int32_t partition)
{
	struct weir_error error = {0};
	int64_t low, high;
	int code = weir__broker_range(contract.broker, topic, partition, &low, &high,
				      contract.fixture->patience_ms, &error);

	ck_assert_msg(code == 0, "%s", error.message);
	return high;
}

void
contract_expect(const char *topic, int32_t partition, bool committed, const char *values)
{
	const char *got = "";
	int64_t end = -1, high = 0;

	/* a commit is answered before its markers are written */
	for (int waited = 0; waited < contract.fixture->patience_ms; waited += SLICE) {
		high = contract_high(topic, partition);
		got = contract_read(topic, partition, 0, committed, &end);
		if (strcmp(got, values) == 0 && end >= high)
			return;
		contract_idle();
	}
	ck_abort_msg("%s[%d]: \"%s\" up to %lld of %lld, not \"%s\"", topic,
		     (int)partition, got, (long long)end, (long long)high, values);
}

int64_t
contract_committed(const char *group, const char *topic, int32_t partition)
{
	struct weir_offset offset = {.topic = topic, .partition = partition};
	struct weir_error error = {0};
	int code = WEIR_ETIMEOUT;

	for (int waited = 0;
	     code == WEIR_ETIMEOUT && waited < contract.fixture->patience_ms;
	     waited += SLICE) {
		error = (struct weir_error){0};
		code = weir__broker_committed(contract.broker, group, &offset, 1, SLICE,
					      &error);
		if (code != 0)
			contract_idle();
	}
	ck_assert_msg(code == 0, "%s", error.message);
	return offset.offset;
}

/* ---- members ---- */

void
contract_member_open(struct contract_member *member, const char *group,
		     const char *instance, const char *id, const char *input,
		     const char *output)
{
	struct weir_session_config config = {
		.name = instance ? instance : "member",
		.guarantee = id ? WEIR_EXACTLY_ONCE : WEIR_AT_LEAST_ONCE,
		.group = group,
		.group_instance = instance,
		.transactional_id = id,
		.inputs = &input,
		.input_count = 1,
		.outputs = &output,
		.output_count = output ? 1 : 0,
		.transaction_timeout_ms = 60000,
		.session_timeout_ms = contract.fixture->session_timeout_ms,
	};

	*member = (struct contract_member){.input = input};
	member->session = open_session(&config);
	if (output)
		EXPECT(WEIR_SUCCESS, weir__session_init(member->session, SLICE, ERROR));
	EXPECT(WEIR_SUCCESS, weir__session_subscribe(member->session, ERROR));
}

static void
take_partitions(struct contract_member *member)
{
	struct weir_event *event = &member->event;

	ck_assert_uint_le(member->partition_count + event->partition_count, 16);
	for (size_t i = 0; i < event->partition_count; i++) {
		struct weir_partition *partition = event->partitions[i];
		struct weir_offset offset = {.topic = partition->topic,
					     .partition = partition->id};

		EXPECT(WEIR_SUCCESS, weir__session_committed(member->session, &offset, 1,
							     SLICE, ERROR));
		partition->start = offset.offset == WEIR_OFFSET_NONE ? 0 : offset.offset;
		member->partitions[member->partition_count++] = partition;
		member->next[partition->id] = partition->start;
	}
	member->assigned++;
}

/* Of a cooperative rebalance only some are named. */
static void
drop_partitions(struct contract_member *member)
{
	for (size_t i = 0; i < member->event.partition_count; i++) {
		for (size_t j = 0; j < member->partition_count; j++) {
			if (member->partitions[j] != member->event.partitions[i])
				continue;
			member->partitions[j] = member->partitions[--member->partition_count];
			break;
		}
	}
}

static void
give_partitions(struct contract_member *member)
{
	if (member->commit_on_revoke) {
		for (size_t i = 0; i < member->partition_count; i++) {
			int32_t id = member->partitions[i]->id;
			struct weir_offset offset = {.topic = member->input,
						     .partition = id,
						     .offset = member->next[id]};

			EXPECT(WEIR_SUCCESS,
			       weir__session_commit_offsets(member->session, &offset, 1,
							    SLICE, ERROR));
		}
	}
	drop_partitions(member);
	member->revoked++;
}

enum weir_event_type
contract_member_turn(struct contract_member *member)
{
	struct weir_event *event = &member->event;

	weir__session_poll(member->session, SLICE, event);
	switch (event->type) {
	case WEIR_EVENT_IDLE:
		contract_idle();
		return event->type;
	case WEIR_EVENT_RECORD:
		member->records++;
		member->next[event->partition->id] = event->offset + 1;
		add_value(&member->values, &event->message);
		return event->type;
	case WEIR_EVENT_END:
		member->ends++;
		member->ended_at = event->offset;
		return event->type;
	case WEIR_EVENT_ASSIGNED:
		take_partitions(member);
		break;
	case WEIR_EVENT_REVOKED:
		if (member->hold)
			return event->type;
		give_partitions(member);
		break;
	case WEIR_EVENT_LOST:
		drop_partitions(member);
		member->lost++;
		break;
	default:
		return event->type;
	}
	EXPECT(WEIR_SUCCESS, weir__session_answer(member->session, ERROR));
	return event->type;
}

void
contract_member_until(struct contract_member *member, enum weir_event_type type)
{
	for (int waited = 0; waited < contract.fixture->patience_ms;) {
		enum weir_event_type got = contract_member_turn(member);

		if (got == type)
			return;
		if (got == WEIR_EVENT_FAILED)
			ck_abort_msg("%s", member->event.error->message);
		waited += got == WEIR_EVENT_IDLE ? SLICE : 1;
	}
	ck_abort_msg("event %d did not come", (int)type);
}

const char *
contract_member_next(struct contract_member *member)
{
	struct weir_buffer value = {0};
	const char *kept;

	contract_member_until(member, WEIR_EVENT_RECORD);
	add_value(&value, &member->event.message);
	value.data[value.size - 1] = '\0';
	kept = keep(value.data);
	weir__buffer_fini(&value);
	return kept;
}

void
contract_member_close(struct contract_member *member)
{
	weir__session_close(member->session);
	weir__buffer_fini(&member->values);
}

/* ---- the suite ---- */

static void
set_up(void)
{
	contract.broker = contract.fixture->open();
	ck_assert_ptr_nonnull(contract.broker);
}

static void
tear_down(void)
{
	contract.fixture->close(contract.broker);
	weir__arena_fini(&contract.arena);
}

static TCase *
new_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	if (contract.fixture->case_timeout_s > 0)
		tcase_set_timeout(tcase, contract.fixture->case_timeout_s);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *
weir_contract_suite(const struct weir_contract_fixture *fixture)
{
	Suite *suite = suite_create(fixture->name);

	contract.fixture = fixture;
	contract_add_transactions(suite, new_case);
	contract_add_groups(suite, new_case);
	contract_add_records(suite, new_case);
	contract_add_places(suite, new_case);
	return suite;
}
