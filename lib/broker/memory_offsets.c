/*
 * Committed offsets of the embedded broker's groups. Each commit has a number from its
 * group's sequence: a transaction's offsets count from when they were sent, so a marker
 * that comes late does not undo what was committed after them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <broker/memory_private.h>

static void
grow(struct weir_memory *memory, struct weir_memory_group *group)
{
	size_t count = memory->log_count;

	group->offsets = weir__realloc(group->offsets, count * sizeof(*group->offsets));
	for (size_t i = group->offset_count; i < count; i++)
		group->offsets[i] =
			(struct weir_memory_group_offset){.offset = WEIR_OFFSET_NONE};
	group->offset_count = count;
}

struct weir_memory_group_offset *
weir__memory_group_offset(struct weir_memory *memory, struct weir_memory_group *group,
			  const struct weir_memory_log *log)
{
	if (log->index >= group->offset_count)
		grow(memory, group);
	return &group->offsets[log->index];
}

void
weir__memory_group_commit(struct weir_memory *memory, struct weir_memory_group *group,
			  const struct weir_memory_log *log, int64_t offset,
			  const char *metadata, uint64_t sequence)
{
	struct weir_memory_group_offset *committed =
		weir__memory_group_offset(memory, group, log);

	if (sequence < committed->sequence)
		return;
	free(committed->metadata);
	committed->metadata = metadata ? weir__strdup(metadata) : NULL;
	committed->offset = offset;
	committed->sequence = sequence;
}

static const char *
copy_metadata(const char *metadata, struct weir_arena *arena)
{
	return metadata && metadata[0] != '\0' ? weir__arena_strdup(arena, metadata)
					       : NULL;
}

enum weir_outcome
weir__memory_group_read(struct weir_memory *memory, struct weir_memory_group *group,
			struct weir_offset *offsets, size_t count,
			struct weir_arena *arena, struct weir_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct weir_memory_log *log = weir__memory_find(
			memory, offsets[i].topic, offsets[i].partition, error);

		if (!log)
			return WEIR_FATAL;
		if (weir__memory_group_offset(memory, group, log)->pending > 0) {
			weir_error_set(error, WEIR_ETIMEOUT, "%s", WEIR_HELD_BACK);
			return WEIR_AGAIN;
		}
	}
	weir__arena_reset(arena);
	for (size_t i = 0; i < count; i++) {
		const struct weir_memory_log *log = weir__memory_find(
			memory, offsets[i].topic, offsets[i].partition, error);
		const struct weir_memory_group_offset *committed =
			weir__memory_group_offset(memory, group, log);

		offsets[i].offset = committed->offset;
		offsets[i].metadata = copy_metadata(committed->metadata, arena);
	}
	return WEIR_SUCCESS;
}

void
weir__memory_forget_group(struct weir_memory *memory, const char *group)
{
	struct weir_memory_group *forgotten = weir__memory_group_get(memory, group);

	for (size_t i = 0; i < forgotten->offset_count; i++) {
		free(forgotten->offsets[i].metadata);
		forgotten->offsets[i].metadata = NULL;
		forgotten->offsets[i].offset = WEIR_OFFSET_NONE;
	}
}

/* ---- the interface's calls ---- */

int
weir__memory_offsets_set(struct weir_broker *broker, const char *name,
			 const struct weir_offset *offsets, size_t count, int timeout_ms,
			 struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	struct weir_memory_group *group;

	(void)timeout_ms;
	weir__memory_enter(memory);
	group = weir__memory_group_get(memory, name);
	if (group->member_count > 0)
		return weir_error_set(error, WEIR_ESTATE, "group %s has members", name);
	for (size_t i = 0; i < count; i++)
		if (!weir__memory_find(memory, offsets[i].topic, offsets[i].partition, error))
			return WEIR_ENOTFOUND;
	for (size_t i = 0; i < count; i++) {
		const struct weir_memory_log *log = weir__memory_find(
			memory, offsets[i].topic, offsets[i].partition, error);

		weir__memory_group_commit(memory, group, log, offsets[i].offset,
					  offsets[i].metadata, ++group->sequence);
	}
	return 0;
}

static bool
has_offsets(const struct weir_memory_group *group)
{
	for (size_t i = 0; i < group->offset_count; i++)
		if (group->offsets[i].offset != WEIR_OFFSET_NONE)
			return true;
	return false;
}

int
weir__memory_group_describe(struct weir_broker *broker, const char *name,
			    struct weir_group_info *info, int timeout_ms,
			    struct weir_error *error)
{
	struct weir_memory *memory = (struct weir_memory *)broker;
	const struct weir_memory_group *group;

	(void)timeout_ms;
	(void)error;
	weir__memory_enter(memory);
	group = weir__memory_group_get(memory, name);
	info->member_count = group->member_count;
	info->members = weir__arena_alloc(&info->arena, (group->member_count + 1) *
								sizeof(*info->members));
	for (size_t i = 0; i < group->member_count; i++) {
		const char *instance = group->members[i]->instance;

		info->members[i] = (struct weir_group_member){
			.instance = instance ? weir__arena_strdup(&info->arena, instance)
					     : NULL,
			.client = "",
			.host = "embedded",
		};
	}
	if (group->member_count == 0)
		info->state = has_offsets(group) ? WEIR_GROUP_EMPTY : WEIR_GROUP_NONE;
	else
		info->state = group->preparing || group->withholds ? WEIR_GROUP_REBALANCING
								   : WEIR_GROUP_STABLE;
	return 0;
}
