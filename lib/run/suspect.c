/*
 * A sorted array of suspects: there are few, and mostly none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <run/suspect.h>

/* Index of the first suspect at or after `offset`. */
static size_t
lower_bound(const struct weir_suspects *suspects, int64_t offset)
{
	size_t low = 0, high = suspects->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (suspects->items[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct weir_suspect *
weir__suspects_find(struct weir_suspects *suspects, int64_t offset)
{
	size_t index = lower_bound(suspects, offset);

	if (index == suspects->count || suspects->items[index].offset != offset)
		return NULL;
	return &suspects->items[index];
}

static struct weir_suspect *
insert(struct weir_suspects *suspects, int64_t offset)
{
	size_t index = lower_bound(suspects, offset);
	struct weir_suspect *suspect;

	if (suspects->count == suspects->capacity) {
		suspects->capacity = suspects->capacity ? 2 * suspects->capacity : 8;
		suspects->items = weir__realloc(
			suspects->items, suspects->capacity * sizeof(*suspects->items));
	}
	suspect = &suspects->items[index];
	memmove(suspect + 1, suspect, (suspects->count - index) * sizeof(*suspect));
	suspects->count++;
	memset(suspect, 0, sizeof(*suspect));
	suspect->offset = offset;
	return suspect;
}

void
weir__suspects_add(struct weir_suspects *suspects, int64_t offset,
                   enum weir_suspicion suspicion, const char *reason)
{
	struct weir_suspect *suspect = weir__suspects_find(suspects, offset);

	if (suspect && suspect->suspicion >= suspicion)
		return;
	if (!suspect)
		suspect = insert(suspects, offset);
	suspect->suspicion = suspicion;
	snprintf(suspect->reason, sizeof(suspect->reason), "%s", reason);
}

void
weir__suspects_forget(struct weir_suspects *suspects, int64_t offset)
{
	size_t count = suspects->count ? lower_bound(suspects, offset) : 0;

	if (!count)
		return;
	suspects->count -= count;
	memmove(suspects->items, suspects->items + count,
	        suspects->count * sizeof(*suspects->items));
}

void
weir__suspects_fini(struct weir_suspects *suspects)
{
	free(suspects->items);
	memset(suspects, 0, sizeof(*suspects));
}

/* ---- partitions that are elsewhere ---- */

struct weir_remembered_suspects {
	char *topic;
	int32_t partition;
	struct weir_suspects suspects;
};

void
weir__remember(struct weir_remembered *remembered, const char *topic, int32_t partition,
               struct weir_suspects *suspects)
{
	struct weir_remembered_suspects *item;

	if (!suspects->count)
		return;
	remembered->items = weir__realloc(remembered->items,
	                                  (remembered->count + 1) * sizeof(*item));
	item = &remembered->items[remembered->count++];
	item->topic = weir__strdup(topic);
	item->partition = partition;
	item->suspects = *suspects;
	memset(suspects, 0, sizeof(*suspects));
}

void
weir__recall(struct weir_remembered *remembered, const char *topic, int32_t partition,
             int64_t offset, struct weir_suspects *suspects)
{
	for (size_t index = 0; index < remembered->count; index++) {
		struct weir_remembered_suspects *item = &remembered->items[index];

		if (item->partition != partition || strcmp(item->topic, topic))
			continue;
		*suspects = item->suspects;
		weir__suspects_forget(suspects, offset);
		free(item->topic);
		*item = remembered->items[--remembered->count];
		return;
	}
}

void
weir__remembered_fini(struct weir_remembered *remembered)
{
	for (size_t index = 0; index < remembered->count; index++) {
		free(remembered->items[index].topic);
		weir__suspects_fini(&remembered->items[index].suspects);
	}
	free(remembered->items);
	memset(remembered, 0, sizeof(*remembered));
}
