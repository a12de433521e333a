/*
 * Consumer groups of the embedded broker: members, generations, rebalances.
 *
 * The classic protocol: a rebalance waits until every member has joined (or was thrown
 * out for being late), then the generation rises and all partitions are assigned anew, by
 * ranges. Eager members have given up their partitions before they join; what cooperative
 * ones still have is assigned to nobody else. A static member that joins again takes the
 * place of its predecessor, without a rebalance when nothing else changed; the
 * predecessor is fenced. Members know nothing of sessions: a session asks for its
 * standing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <broker/memory_private.h>

struct weir_memory_group *
weir__memory_group_get(struct weir_memory *memory, const char *name)
{
	struct weir_memory_group *group;

	for (size_t i = 0; i < memory->group_count; i++) {
		if (strcmp(memory->groups[i]->name, name) == 0)
			return memory->groups[i];
	}
	group = weir__calloc(1, sizeof(*group));
	group->name = weir__strdup(name);
	memory->groups = weir__realloc(memory->groups, (memory->group_count + 1) *
							       sizeof(*memory->groups));
	memory->groups[memory->group_count++] = group;
	return group;
}

static void
member_free(struct weir_memory_member *member)
{
	free(member->instance);
	free(member->topics);
	free(member->assigned);
	free(member->owned);
	free(member);
}

void
weir__memory_group_free(struct weir_memory_group *group)
{
	for (size_t i = 0; i < group->member_count; i++)
		member_free(group->members[i]);
	for (size_t i = 0; i < group->offset_count; i++)
		free(group->offsets[i].metadata);
	free(group->members);
	free(group->offsets);
	free(group->name);
	free(group);
}

struct weir_memory_member *
weir__memory_group_find(const struct weir_memory_group *group, uint64_t id)
{
	for (size_t i = 0; i < group->member_count; i++) {
		if (group->members[i]->id == id)
			return group->members[i];
	}
	return NULL;
}

static struct weir_memory_member *
find_instance(const struct weir_memory_group *group, const char *instance)
{
	for (size_t i = 0; instance && i < group->member_count; i++) {
		const char *other = group->members[i]->instance;

		if (other && strcmp(other, instance) == 0)
			return group->members[i];
	}
	return NULL;
}

enum weir_memory_standing
weir__memory_group_standing(const struct weir_memory_session *session)
{
	const struct weir_memory_group *group = session->group;
	const struct weir_memory_member *member = find_instance(group, session->instance);

	if (session->member != 0 && member && member->id != session->member)
		return WEIR_MEMBER_FENCED;
	if (!weir__memory_group_find(group, session->member))
		return WEIR_MEMBER_UNKNOWN;
	return session->generation == group->generation ? WEIR_MEMBER_CURRENT
							: WEIR_MEMBER_STALE;
}

/* ---- assignment by ranges ---- */

/* Static members by name, so that places last over restarts; then the others by age. */
static int
compare_members(const void *a, const void *b)
{
	const struct weir_memory_member *left = *(struct weir_memory_member *const *)a;
	const struct weir_memory_member *right = *(struct weir_memory_member *const *)b;

	if (left->instance && right->instance)
		return strcmp(left->instance, right->instance);
	if (left->instance || right->instance)
		return left->instance ? -1 : 1;
	return left->id < right->id ? -1 : 1;
}

static bool
wants(const struct weir_memory_member *member, const struct weir_memory_topic *topic)
{
	for (size_t i = 0; i < member->topic_count; i++) {
		if (member->topics[i] == topic)
			return true;
	}
	return false;
}

static void
assign_range(struct weir_memory_member *member, struct weir_memory_topic *topic,
	     int32_t first, int32_t count)
{
	if (count <= 0)
		return;
	member->assigned =
		weir__realloc(member->assigned, (member->assigned_count + (size_t)count) *
							sizeof(struct weir_memory_log *));
	for (int32_t i = 0; i < count; i++)
		member->assigned[member->assigned_count++] = topic->logs[first + i];
}

static void
assign_topic(struct weir_memory_group *group, struct weir_memory_topic *topic)
{
	int32_t takers = 0, each, more, first = 0;

	for (size_t i = 0; i < group->member_count; i++)
		takers += wants(group->members[i], topic);
	if (takers == 0)
		return;
	each = topic->partition_count / takers;
	more = topic->partition_count % takers;
	for (size_t i = 0; i < group->member_count; i++) {
		int32_t count = each + (more > 0);

		if (!wants(group->members[i], topic))
			continue;
		assign_range(group->members[i], topic, first, count);
		first += count;
		more -= more > 0;
	}
}

/* Does another member still have it? */
static bool
is_owned_elsewhere(const struct weir_memory_group *group,
		   const struct weir_memory_member *member,
		   const struct weir_memory_log *log)
{
	for (size_t i = 0; i < group->member_count; i++) {
		const struct weir_memory_member *other = group->members[i];

		for (size_t j = 0; other != member && j < other->owned_count; j++) {
			if (other->owned[j] == log)
				return true;
		}
	}
	return false;
}

/* What a member joined with is nobody else's before it has given it back. */
static void
withhold(struct weir_memory_group *group, struct weir_memory_member *member)
{
	size_t kept = 0;

	for (size_t i = 0; i < member->assigned_count; i++) {
		if (is_owned_elsewhere(group, member, member->assigned[i]))
			group->withholds = true;
		else
			member->assigned[kept++] = member->assigned[i];
	}
	member->assigned_count = kept;
}

/* ---- rebalances ---- */

static bool
all_joined(const struct weir_memory_group *group)
{
	for (size_t i = 0; i < group->member_count; i++) {
		if (!group->members[i]->joined)
			return false;
	}
	return true;
}

/* When all have joined: the next generation. */
static void
complete(struct weir_memory *memory, struct weir_memory_group *group)
{
	if (!group->preparing || !all_joined(group))
		return;
	group->preparing = false;
	group->generation++;
	if (group->member_count > 0)
		qsort(group->members, group->member_count, sizeof(*group->members),
		      compare_members);
	for (size_t i = 0; i < group->member_count; i++) {
		group->members[i]->joined = false;
		group->members[i]->assigned_count = 0;
	}
	for (size_t i = 0; i < memory->topic_count; i++)
		assign_topic(group, memory->topics[i]);
	group->withholds = false;
	for (size_t i = 0; i < group->member_count; i++)
		withhold(group, group->members[i]);
}

static void
prepare(struct weir_memory *memory, struct weir_memory_group *group)
{
	int64_t timeout_ms = 0;

	if (group->preparing)
		return;
	for (size_t i = 0; i < group->member_count; i++) {
		if (group->members[i]->rebalance_timeout_ms > timeout_ms)
			timeout_ms = group->members[i]->rebalance_timeout_ms;
	}
	group->preparing = true;
	group->deadline_ms = memory->now_ms + timeout_ms;
}

void
weir__memory_group_rebalance(struct weir_memory *memory, struct weir_memory_group *group)
{
	if (group->member_count > 0)
		prepare(memory, group);
}

static void
remove_member(struct weir_memory_group *group, size_t index)
{
	member_free(group->members[index]);
	group->member_count--;
	memmove(&group->members[index], &group->members[index + 1],
		(group->member_count - index) * sizeof(*group->members));
}

void
weir__memory_group_leave(struct weir_memory *memory, struct weir_memory_group *group,
			 uint64_t id)
{
	for (size_t i = 0; i < group->member_count; i++) {
		if (group->members[i]->id != id)
			continue;
		remove_member(group, i);
		prepare(memory, group);
		complete(memory, group);
		return;
	}
}

void
weir__memory_group_rejoin(struct weir_memory *memory, struct weir_memory_group *group,
			  struct weir_memory_member *member)
{
	member->joined = true;
	complete(memory, group);
}

static bool
same_topics(const struct weir_memory_member *member,
	    const struct weir_memory_session *session)
{
	if (member->topic_count != session->input_count)
		return false;
	for (size_t i = 0; i < session->input_count; i++) {
		if (!wants(member, session->topics[i]))
			return false;
	}
	return true;
}

static void
member_set(struct weir_memory *memory, struct weir_memory_member *member,
	   const struct weir_memory_session *session)
{
	size_t size = session->input_count * sizeof(struct weir_memory_topic *);

	member->id = ++memory->member_ids;
	member->topics = weir__realloc(member->topics, size);
	memcpy(member->topics, session->topics, size);
	member->topic_count = session->input_count;
	member->owned_count = 0;
	member->session_timeout_ms = session->session_timeout_ms;
	member->rebalance_timeout_ms = session->rebalance_timeout_ms;
	member->seen_ms = memory->now_ms;
}

static struct weir_memory_member *
add_member(struct weir_memory_group *group, const char *instance)
{
	struct weir_memory_member *member = weir__calloc(1, sizeof(*member));

	member->instance = instance ? weir__strdup(instance) : NULL;
	group->members = weir__realloc(group->members, (group->member_count + 1) *
							       sizeof(*group->members));
	group->members[group->member_count++] = member;
	return member;
}

uint64_t
weir__memory_group_join(struct weir_memory *memory,
			const struct weir_memory_session *session)
{
	struct weir_memory_group *group = session->group;
	struct weir_memory_member *member = find_instance(group, session->instance);
	bool unchanged = member && !group->preparing && !group->withholds &&
			 same_topics(member, session);
	uint64_t id;

	if (!member)
		member = add_member(group, session->instance);
	member_set(memory, member, session);
	id = member->id;
	if (unchanged)
		return id;
	prepare(memory, group);
	member->joined = true;
	complete(memory, group);
	return id;
}

/* Throw out who has not been heard of, and who keeps a rebalance waiting for too long. */
void
weir__memory_group_expire(struct weir_memory *memory, struct weir_memory_group *group)
{
	bool late = group->preparing && memory->now_ms >= group->deadline_ms;
	bool removed = false;

	for (size_t i = group->member_count; i-- > 0;) {
		const struct weir_memory_member *member = group->members[i];
		bool silent =
			member->session_timeout_ms > 0 &&
			memory->now_ms - member->seen_ms >= member->session_timeout_ms;

		if (!silent && !(late && !member->joined))
			continue;
		if (memory->logger)
			weir__log(memory->logger, WEIR_LOG_INFO,
				  "member thrown out group=%s member=%llu", group->name,
				  (unsigned long long)member->id);
		remove_member(group, i);
		removed = true;
	}
	if (!removed)
		return;
	prepare(memory, group);
	complete(memory, group);
}
