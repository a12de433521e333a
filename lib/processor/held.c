/*
 * Records on hold, from the emit until the worker sends them.
 *
 * Knows what must be copied: parts that came with the input record last until it is done
 * and are only pointed to, so that copying a record through an empty chain copies
 * nothing. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <processor/step.h>

static size_t
header_bytes(const struct weir_header *headers, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(headers[i].name) + headers[i].value.size;
	return bytes;
}

size_t
weir__held_bytes(const struct weir_held *held)
{
	return held->key.size + held->value.size +
	       header_bytes(held->headers, held->header_count);
}

size_t
weir__record_bytes(const struct weir_record *record)
{
	size_t bytes = sizeof(struct weir_held) + record->key.size;

	if (record->value->unprinted)
		weir__value_bytes(record->value);
	bytes += record->value->bytes.size;
	return bytes + header_bytes(record->headers, record->header_count);
}

static const struct weir_header *
copy_headers(struct weir_arena *arena, const struct weir_record *record)
{
	struct weir_header *copy;

	if (record->header_count == 0)
		return NULL;
	copy = weir__arena_alloc(arena, record->header_count * sizeof(*copy));
	for (size_t i = 0; i < record->header_count; i++) {
		copy[i].name = weir__arena_strdup(arena, record->headers[i].name);
		copy[i].value = weir__arena_copy(arena, record->headers[i].value);
	}
	return copy;
}

static void
grow(struct weir_held_list *held)
{
	held->capacity = held->capacity ? held->capacity * 2 : 16;
	held->items = weir__realloc(held->items, held->capacity * sizeof(*held->items));
}

int
weir__held_add(struct weir_held_list *held, size_t max_bytes, int output,
	       const struct weir_record *record)
{
	size_t bytes = weir__record_bytes(record);
	struct weir_value *value = record->value;
	struct weir_held *item;

	if (held->bytes + bytes > max_bytes)
		return WEIR_ELIMIT;
	if (held->count == held->capacity)
		grow(held);
	if (!value->lasting) {
		value->bytes = weir__arena_copy(&held->arena, weir__value_bytes(value));
		value->lasting = true;
	}
	item = &held->items[held->count++];
	item->output = output;
	item->key = record->key_lasting ? record->key
					: weir__arena_copy(&held->arena, record->key);
	item->value = value->bytes;
	item->headers = record->headers_lasting ? record->headers
						: copy_headers(&held->arena, record);
	item->header_count = record->header_count;
	item->timestamp_ms = record->timestamp_ms;
	item->bytes = bytes - sizeof(*item);
	held->bytes += bytes;
	return 0;
}

void
weir__held_reset(struct weir_held_list *held)
{
	held->count = 0;
	held->bytes = 0;
	held->taken_bytes = 0;
	if (held->arena.used_bytes > 0)
		weir__arena_reset(&held->arena);
}

void
weir__held_fini(struct weir_held_list *held)
{
	free(held->items);
	weir__arena_fini(&held->arena);
	memset(held, 0, sizeof(*held));
}
