/*
 * The embedded broker's test fixture.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "tests/broker/memory_fixture.h"

struct memory_fixture it;

static enum weir_memory_fault
ask(void *opaque, const char *session_name, enum weir_memory_op op)
{
	enum weir_memory_fault fault = it.fault;

	(void)opaque;
	(void)session_name;
	if (op != it.fault_op)
		return WEIR_MEMORY_NO_FAULT;
	it.fault = WEIR_MEMORY_NO_FAULT;
	return fault;
}

static void
create(const char *topic, int32_t partitions)
{
	ck_assert_int_eq(weir__broker_topic_create(it.broker, topic, partitions, -1, NULL,
						   0, &it.error),
			 0);
}

void
memory_set_up(void)
{
	memset(&it, 0, sizeof(it));
	weir__virtual_clock_init(&it.clock, 1000000);
	it.memory = weir__memory_open(&it.clock.clock, NULL);
	it.broker = weir__memory_broker(it.memory);
	weir__memory_set_fault(it.memory, ask, NULL);
	create("in", 4);
	create("out", 1);
	create("out2", 1);
}

void
memory_tear_down(void)
{
	weir__broker_close(it.broker);
}

TCase *
memory_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, memory_set_up, memory_tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

void
memory_fault(enum weir_memory_op op, enum weir_memory_fault fault)
{
	it.fault_op = op;
	it.fault = fault;
}

void
memory_pass(int64_t ms)
{
	weir__virtual_clock_advance(&it.clock, ms);
}

struct weir_session *
memory_producer(const char *id, const char *group)
{
	static const char *const outputs[] = {"out", "out2"};
	struct weir_session_config config = {
		.name = "producer",
		.group = group,
		.transactional_id = id,
		.outputs = outputs,
		.output_count = 2,
		.transaction_timeout_ms = TRANSACTION_TIMEOUT_MS,
	};

	return weir__broker_session_open(it.broker, &config, &it.error);
}

static struct weir_session *
member(const char *instance, const char *id, char *strategy)
{
	static const char *const topics[] = {"in", "out"};
	char name[] = "max.poll.interval.ms", value[] = "30000";
	char strategy_name[] = "partition.assignment.strategy";
	struct weir_property properties[] = {{name, value}, {strategy_name, strategy}};
	struct weir_properties consumer = {properties, 2};
	struct weir_session_config config = {
		.name = instance ? instance : "member",
		.group = "group",
		.group_instance = instance,
		.transactional_id = id,
		.inputs = topics,
		.input_count = 1,
		.outputs = topics + 1,
		.output_count = 1,
		.transaction_timeout_ms = TRANSACTION_TIMEOUT_MS,
		.session_timeout_ms = SESSION_TIMEOUT_MS,
		.consumer = &consumer,
	};
	struct weir_session *session =
		weir__broker_session_open(it.broker, &config, &it.error);

	OUTCOME(WEIR_SUCCESS, weir__session_init(session, 0, &it.error));
	OUTCOME(WEIR_SUCCESS, weir__session_subscribe(session, &it.error));
	return session;
}

struct weir_session *
memory_member(const char *instance, const char *id)
{
	char range[] = "range";

	return member(instance, id, range);
}

struct weir_session *
memory_cooperative_member(const char *instance, const char *id)
{
	char cooperative[] = "cooperative-sticky";

	return member(instance, id, cooperative);
}

struct weir_event
memory_turn(struct weir_session *session)
{
	static struct weir_partition *assigned[16]; /* the event's array goes with the answer */
	struct weir_event event;

	weir__session_poll(session, 0, &event);
	for (size_t i = 0; event.type == WEIR_EVENT_ASSIGNED && i < event.partition_count;
	     i++) {
		event.partitions[i]->start = 0;
		assigned[i] = event.partitions[i];
	}
	if (event.type == WEIR_EVENT_ASSIGNED || event.type == WEIR_EVENT_REVOKED ||
	    event.type == WEIR_EVENT_LOST)
		OUTCOME(WEIR_SUCCESS, weir__session_answer(session, &it.error));
	event.partitions = assigned;
	return event;
}

void
memory_send(struct weir_session *session, int output, const char *value)
{
	struct weir_message message = {.value = {value, strlen(value)},
				       .timestamp_ms = -1, .partition = WEIR_BY_KEY};

	OUTCOME(WEIR_SUCCESS,
		weir__session_send(session, output, &message, 0, 0, &it.error));
}

void
memory_begin(struct weir_session *session, const char *value)
{
	OUTCOME(WEIR_SUCCESS, weir__session_begin(session, &it.error));
	memory_send(session, 0, value);
}

const char *
memory_values(const char *topic, bool committed)
{
	static char list[256];
	struct weir_offset place = {.topic = topic};
	struct weir_reader *reader;
	struct weir_message message;

	weir__broker_range(it.broker, topic, 0, &place.offset, &(int64_t){0}, 0,
			   &it.error);
	reader = weir__broker_reader_open(it.broker, &place, 1, committed, &it.error);
	list[0] = '\0';
	while (weir__reader_poll(reader, 0, &place, &message, &it.error) ==
	       WEIR_EVENT_RECORD) {
		strncat(list, message.value.data, message.value.size);
		strcat(list, ",");
	}
	weir__reader_close(reader);
	return list;
}

int64_t
memory_committed(const char *group)
{
	struct weir_offset offset = {.topic = "in"};
	int code = weir__broker_committed(it.broker, group, &offset, 1, 0, &it.error);

	ck_assert_msg(code == 0, "%s", it.error.message);
	return offset.offset;
}
