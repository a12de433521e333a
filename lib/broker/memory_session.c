/*
 * Sessions of the embedded broker: the consumer's side, and the table of all calls.
 *
 * A session is only a client: what it believes (member, generation, partitions) may be
 * outdated, and it finds out when it polls. A rebalance event, once given, stays until it
 * is answered, whatever the group does meanwhile; after the answer the next poll tells
 * the rest.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

enum { DEFAULT_REBALANCE_TIMEOUT_MS = 300000 }; /* Kafka's max.poll.interval.ms */

struct weir_memory_session *
weir__memory_session_enter(struct weir_session *base)
{
	struct weir_memory_session *session = (struct weir_memory_session *)base;
	struct weir_memory_member *member;

	weir__memory_enter(session->memory);
	if (session->member == 0)
		return session;
	member = weir__memory_group_find(session->group, session->member);
	if (member)
		member->seen_ms = session->memory->now_ms;
	return session;
}

enum weir_outcome
weir__memory_misuse(struct weir_error *error, const char *why)
{
	weir_error_set(error, WEIR_ESTATE, "%s", why);
	return WEIR_FATAL;
}

static enum weir_outcome
fenced(const struct weir_memory_session *session, struct weir_error *error)
{
	weir_error_set(error, WEIR_EFENCED, "group %s: another member took the name %s",
		       session->group->name, session->instance);
	return WEIR_FENCED;
}

enum weir_outcome
weir__memory_check_member(const struct weir_memory_session *session,
			  struct weir_error *error)
{
	if (session->input_count == 0) /* the transactional id alone fences */
		return WEIR_SUCCESS;
	switch (weir__memory_group_standing(session)) {
	case WEIR_MEMBER_CURRENT:
		return WEIR_SUCCESS;
	case WEIR_MEMBER_FENCED:
		return fenced(session, error);
	default:
		weir_error_set(error, WEIR_EBROKER, "group %s has moved on",
			       session->group->name);
		return WEIR_ABORT;
	}
}

/* ---- joining ---- */

static enum weir_outcome
subscribe(struct weir_session *base, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_outcome outcome;

	if (weir__memory_fault_stops(
		    weir__memory_fault_ask(session, WEIR_MEMORY_SUBSCRIBE), &outcome,
		    error))
		return outcome;
	if (session->input_count == 0 || !session->group)
		return weir__memory_misuse(error, "subscribing needs inputs and a group");
	if (session->subscribed)
		return WEIR_SUCCESS;
	for (size_t i = 0; i < session->input_count; i++) {
		session->topics[i] =
			weir__memory_topic(session->memory, session->inputs[i]);
		if (session->topics[i])
			continue;
		weir_error_set(error, WEIR_ENOTFOUND, "%s: no such topic",
			       session->inputs[i]);
		return WEIR_FATAL;
	}
	session->subscribed = true;
	session->member = weir__memory_group_join(session->memory, session);
	return WEIR_SUCCESS;
}

/* ---- polling ---- */

static void
set_record(struct weir_memory_session *session, struct weir_event *event,
	   struct weir_memory_record *record)
{
	session->held = record;
	record->refs++;
	event->message = record->message;
}

/* A record, end or gap of the partition whose turn it is, or of the next that has one. */
static void
read_partitions(struct weir_memory_session *session, struct weir_event *event)
{
	for (size_t i = 0; i < session->partition_count; i++) {
		size_t index = (session->turn + i) % session->partition_count;
		struct weir_memory_partition *handle =
			(struct weir_memory_partition *)session->partitions[index];
		struct weir_memory_record *record = NULL;

		if (handle->paused)
			continue;
		event->type =
			weir__memory_cursor_next(&handle->cursor, session->read_committed,
						 &record, &event->offset);
		if (event->type == WEIR_EVENT_IDLE)
			continue;
		event->partition = &handle->partition;
		if (event->type == WEIR_EVENT_RECORD)
			set_record(session, event, record);
		session->turn = index + 1;
		return;
	}
}

static void
fail_event(struct weir_memory_session *session, struct weir_event *event,
	   enum weir_outcome outcome)
{
	event->type = WEIR_EVENT_FAILED;
	event->outcome = outcome;
	event->error = &session->failure;
}

static void
poll_group(struct weir_memory_session *session, struct weir_event *event)
{
	enum weir_event_type due = session->pending;

	if (due == WEIR_EVENT_IDLE)
		due = weir__memory_rebalance_due(session);
	if (due == WEIR_EVENT_FAILED) {
		fail_event(session, event, fenced(session, &session->failure));
	} else if (due == WEIR_EVENT_IDLE) {
		read_partitions(session, event);
	} else {
		session->pending = event->type = due;
		event->partitions = session->concerned;
		event->partition_count = session->concerned_count;
	}
}

static void
poll(struct weir_session *base, int timeout_ms, struct weir_event *event)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_outcome outcome;

	(void)timeout_ms;
	*event = (struct weir_event){.type = WEIR_EVENT_IDLE};
	session->failure = (struct weir_error){.code = 0};
	weir__memory_record_release(session->held);
	session->held = NULL;
	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_POLL),
				     &outcome, &session->failure)) {
		if (outcome == WEIR_FATAL)
			fail_event(session, event, outcome);
		return;
	}
	weir__memory_producer_drain(session);
	if (session->subscribed)
		poll_group(session, event);
}

static void
pause_partition(struct weir_session *base, struct weir_partition *partition)
{
	weir__memory_session_enter(base);
	((struct weir_memory_partition *)partition)->paused = true;
}

static void
resume_partition(struct weir_session *base, struct weir_partition *partition)
{
	weir__memory_session_enter(base);
	((struct weir_memory_partition *)partition)->paused = false;
}

static enum weir_outcome
rewind_partition(struct weir_session *base, struct weir_partition *partition,
		 int64_t offset, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_REWIND),
				     &outcome, error))
		return outcome;
	weir__memory_cursor_seek(&((struct weir_memory_partition *)partition)->cursor,
				 offset);
	return WEIR_SUCCESS;
}

/* ---- offsets ---- */

/* Offsets alone, without a member, are taken while the group has none. */
static enum weir_outcome
may_commit_offsets(const struct weir_memory_session *session, struct weir_error *error)
{
	if (!session->group)
		return weir__memory_misuse(error, "offsets need a group");
	if (session->input_count == 0 && session->group->member_count > 0) {
		weir_error_set(error, WEIR_EBROKER, "group %s has members",
			       session->group->name);
		return WEIR_ABORT;
	}
	return weir__memory_check_member(session, error);
}

static enum weir_outcome
commit_offsets(struct weir_session *base, const struct weir_offset *offsets, size_t count,
	       int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	struct weir_memory *memory = session->memory;
	enum weir_memory_fault fault =
		weir__memory_fault_ask(session, WEIR_MEMORY_COMMIT_OFFSETS);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(fault, &outcome, error))
		return outcome;
	outcome = may_commit_offsets(session, error);
	if (outcome != WEIR_SUCCESS)
		return outcome;
	for (size_t i = 0; i < count; i++) {
		const struct weir_memory_log *log = weir__memory_find(
			memory, offsets[i].topic, offsets[i].partition, error);

		if (!log)
			return WEIR_FATAL;
		weir__memory_group_commit(memory, session->group, log, offsets[i].offset,
					  offsets[i].metadata,
					  ++session->group->sequence);
	}
	return fault == WEIR_MEMORY_UNKNOWN_DONE ? WEIR_AGAIN : WEIR_SUCCESS;
}

static enum weir_outcome
committed(struct weir_session *base, struct weir_offset *offsets, size_t count,
	  int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(
		    weir__memory_fault_ask(session, WEIR_MEMORY_COMMITTED), &outcome,
		    error))
		return outcome;
	if (!session->group)
		return weir__memory_misuse(error, "committed offsets need a group");
	return weir__memory_group_read(session->memory, session->group, offsets, count,
				       &session->arena, error);
}

static enum weir_outcome
range(struct weir_session *base, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	const struct weir_memory_log *log;
	enum weir_outcome outcome;

	(void)timeout_ms;
	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_RANGE),
				     &outcome, error))
		return outcome;
	log = weir__memory_find(session->memory, topic, partition, error);
	if (!log)
		return WEIR_FATAL;
	*low = log->low;
	*high = log->high;
	return WEIR_SUCCESS;
}

/* ---- its life ---- */

void
weir__memory_session_crash(struct weir_session *base)
{
	struct weir_memory_session *session = (struct weir_memory_session *)base;

	weir__memory_producer_close(session);
	for (size_t i = 0; i < session->partition_count; i++)
		free(session->partitions[i]);
	weir__memory_record_release(session->held);
	for (size_t i = 0; i < session->input_count; i++)
		free(session->inputs[i]);
	free(session->inputs);
	free(session->topics);
	free(session->partitions);
	free(session->concerned);
	free(session->instance);
	free(session->name);
	weir__arena_fini(&session->arena);
	free(session);
}

static void
close_session(struct weir_session *base)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);

	if (session->member != 0 && !session->instance)
		weir__memory_group_leave(session->memory, session->group,
					 session->member);
	weir__memory_session_crash(base);
}

static const struct weir_session_ops session_ops = {
	.init = weir__memory_init,
	.subscribe = subscribe,
	.poll = poll,
	.answer = weir__memory_answer,
	.pause = pause_partition,
	.resume = resume_partition,
	.rewind = rewind_partition,
	.begin = weir__memory_begin,
	.send = weir__memory_send,
	.commit = weir__memory_commit,
	.abort = weir__memory_abort,
	.flush = weir__memory_flush,
	.failures = weir__memory_failures,
	.commit_offsets = commit_offsets,
	.committed = committed,
	.range = range,
	.delivered = weir__memory_delivered,
	.max_message_bytes = weir__memory_max_message_bytes,
	.replace = weir__memory_replace,
	.close = close_session,
};

/* The properties of librdkafka that mean something here. */
static void
apply_properties(struct weir_memory_session *session,
		 const struct weir_properties *properties)
{
	session->read_committed = true;
	session->rebalance_timeout_ms = DEFAULT_REBALANCE_TIMEOUT_MS;
	for (size_t i = 0; properties && i < properties->count; i++) {
		const struct weir_property *property = &properties->items[i];

		if (strcmp(property->name, "isolation.level") == 0)
			session->read_committed =
				strcmp(property->value, "read_uncommitted") != 0;
		else if (strcmp(property->name, "max.poll.interval.ms") == 0)
			session->rebalance_timeout_ms =
				strtoll(property->value, NULL, 10);
		else if (strcmp(property->name, "partition.assignment.strategy") == 0)
			session->cooperative =
				strcmp(property->value, "cooperative-sticky") == 0;
	}
}

struct weir_session *
weir__memory_session_open(struct weir_broker *broker,
			  const struct weir_session_config *config,
			  struct weir_error *error)
{
	struct weir_memory_session *session;

	if (config->input_count > 0 && !config->group) {
		weir_error_set(error, WEIR_EINVALID, "inputs need a group");
		return NULL;
	}
	session = weir__calloc(1, sizeof(*session));
	session->session.ops = &session_ops;
	session->memory = (struct weir_memory *)broker;
	weir__memory_enter(session->memory);
	session->name = weir__strdup(config->name ? config->name : "session");
	session->generation = -1;
	session->session_timeout_ms = config->session_timeout_ms;
	apply_properties(session, config->consumer);
	if (config->group)
		session->group = weir__memory_group_get(session->memory, config->group);
	if (config->group_instance)
		session->instance = weir__strdup(config->group_instance);
	session->input_count = config->input_count;
	session->inputs = weir__calloc(config->input_count + 1, sizeof(*session->inputs));
	session->topics = weir__calloc(config->input_count + 1, sizeof(*session->topics));
	for (size_t i = 0; i < config->input_count; i++)
		session->inputs[i] = weir__strdup(config->inputs[i]);
	weir__memory_producer_open(session, config);
	return &session->session;
}
