/*
 * Rebalances as an embedded session goes through them.
 *
 * Eager: all partitions are given back before the session joins the next generation.
 * Cooperative: the session joins with what it has, and goes on reading it; what is to be
 * another's is withheld from all until the session has given it back, and then a
 * generation follows in which the other one gets it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

static struct weir_memory_log *
log_of(const struct weir_partition *partition)
{
	return ((const struct weir_memory_partition *)partition)->cursor.log;
}

/* ---- what an event is about ---- */

static void
concern(struct weir_memory_session *session, struct weir_partition *partition)
{
	session->concerned[session->concerned_count++] = partition;
}

static void
concern_none(struct weir_memory_session *session, size_t at_most)
{
	session->concerned = weir__realloc(session->concerned,
					   (at_most + 1) * sizeof(*session->concerned));
	session->concerned_count = 0;
}

static enum weir_event_type
concern_all(struct weir_memory_session *session, enum weir_event_type type)
{
	concern_none(session, session->partition_count);
	for (size_t i = 0; i < session->partition_count; i++)
		concern(session, session->partitions[i]);
	return type;
}

/* ---- what the group has assigned ---- */

static bool
is_assigned(const struct weir_memory_member *member, const struct weir_memory_log *log)
{
	for (size_t i = 0; i < member->assigned_count; i++) {
		if (member->assigned[i] == log)
			return true;
	}
	return false;
}

static bool
has(const struct weir_memory_session *session, const struct weir_memory_log *log)
{
	for (size_t i = 0; i < session->partition_count; i++) {
		if (log_of(session->partitions[i]) == log)
			return true;
	}
	return false;
}

static struct weir_partition *
add_partition(struct weir_memory_session *session, struct weir_memory_log *log)
{
	struct weir_memory_partition *handle = weir__calloc(1, sizeof(*handle));

	handle->cursor.log = log;
	handle->partition.topic = log->topic->name;
	handle->partition.id = log->id;
	handle->partition.start = WEIR_OFFSET_NONE;
	session->partitions[session->partition_count++] = &handle->partition;
	return &handle->partition;
}

/* What is the session's no longer has to go first; what is new comes when that is done.
 */
static enum weir_event_type
take_assignment(struct weir_memory_session *session,
		const struct weir_memory_member *member)
{
	size_t count = session->partition_count + member->assigned_count;

	session->generation = session->group->generation;
	concern_none(session, count);
	for (size_t i = 0; i < session->partition_count; i++) {
		if (!is_assigned(member, log_of(session->partitions[i])))
			concern(session, session->partitions[i]);
	}
	if (session->concerned_count > 0)
		return WEIR_EVENT_REVOKED;
	session->partitions = weir__realloc(session->partitions,
					    (count + 1) * sizeof(*session->partitions));
	for (size_t i = 0; i < member->assigned_count; i++) {
		if (!has(session, member->assigned[i]))
			concern(session, add_partition(session, member->assigned[i]));
	}
	return WEIR_EVENT_ASSIGNED;
}

static void
rejoin(struct weir_memory_session *session, struct weir_memory_member *member)
{
	member->owned = weir__realloc(member->owned, (session->partition_count + 1) *
							     sizeof(*member->owned));
	member->owned_count = session->partition_count;
	for (size_t i = 0; i < session->partition_count; i++)
		member->owned[i] = log_of(session->partitions[i]);
	weir__memory_group_rejoin(session->memory, session->group, member);
}

/* Not a member (any longer): join anew, once nothing is held. */
static enum weir_event_type
come_back(struct weir_memory_session *session)
{
	if (session->partition_count > 0)
		return concern_all(session, WEIR_EVENT_LOST);
	session->generation = -1;
	session->member = weir__memory_group_join(session->memory, session);
	return WEIR_EVENT_IDLE;
}

enum weir_event_type
weir__memory_rebalance_due(struct weir_memory_session *session)
{
	struct weir_memory_group *group = session->group;
	enum weir_memory_standing standing = weir__memory_group_standing(session);
	struct weir_memory_member *member;

	if (standing == WEIR_MEMBER_FENCED)
		return WEIR_EVENT_FAILED;
	if (standing == WEIR_MEMBER_UNKNOWN) {
		if (come_back(session) == WEIR_EVENT_LOST)
			return WEIR_EVENT_LOST;
		standing = WEIR_MEMBER_STALE;
	}
	member = weir__memory_group_find(group, session->member);
	if (group->preparing && !member->joined) {
		if (session->partition_count > 0 && !session->cooperative)
			return concern_all(session, WEIR_EVENT_REVOKED);
		rejoin(session, member);
		standing = weir__memory_group_standing(session);
	}
	if (group->preparing || standing == WEIR_MEMBER_CURRENT)
		return WEIR_EVENT_IDLE;
	return take_assignment(session, member);
}

/* ---- answers ---- */

static bool
is_concerned(const struct weir_memory_session *session,
	     const struct weir_partition *partition)
{
	for (size_t i = 0; i < session->concerned_count; i++) {
		if (session->concerned[i] == partition)
			return true;
	}
	return false;
}

static void
let_go(struct weir_memory_session *session)
{
	size_t kept = 0;

	for (size_t i = 0; i < session->partition_count; i++) {
		struct weir_partition *partition = session->partitions[i];

		if (is_concerned(session, partition))
			free(partition);
		else
			session->partitions[kept++] = partition;
	}
	session->partition_count = kept;
	session->turn = 0;
}

static void
take_over(struct weir_memory_session *session)
{
	for (size_t i = 0; i < session->concerned_count; i++) {
		struct weir_memory_partition *handle =
			(struct weir_memory_partition *)session->concerned[i];

		weir__memory_cursor_seek(&handle->cursor, handle->partition.start);
	}
}

/* The event's list of partitions ends with its answer: who still reads it shall fall. */
static void
forget_event(struct weir_memory_session *session)
{
	memset(session->concerned, 0,
	       session->concerned_count * sizeof(*session->concerned));
	session->concerned_count = 0;
}

enum weir_outcome
weir__memory_answer(struct weir_session *base, struct weir_error *error)
{
	struct weir_memory_session *session = weir__memory_session_enter(base);
	enum weir_event_type pending = session->pending;
	struct weir_memory_member *member;
	enum weir_outcome outcome;

	if (weir__memory_fault_stops(weir__memory_fault_ask(session, WEIR_MEMORY_ANSWER),
				     &outcome, error))
		return outcome;
	if (pending == WEIR_EVENT_IDLE)
		return weir__memory_misuse(error,
					   "there is no rebalance event to answer");
	session->pending = WEIR_EVENT_IDLE;
	if (pending == WEIR_EVENT_ASSIGNED) {
		take_over(session);
		forget_event(session);
		return WEIR_SUCCESS;
	}
	let_go(session);
	forget_event(session);
	member = weir__memory_group_find(session->group, session->member);
	if (pending != WEIR_EVENT_REVOKED || !member)
		return WEIR_SUCCESS;
	if (session->cooperative) /* what was withheld can be assigned now */
		weir__memory_group_rebalance(session->memory, session->group);
	else if (session->group->preparing)
		rejoin(session, member);
	return WEIR_SUCCESS;
}
