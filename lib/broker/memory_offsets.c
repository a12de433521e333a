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
