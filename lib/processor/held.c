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

/* The record's message, with its value printed when there was only JSON. */
static struct weir_message
message_of(const struct weir_record *record)
{
	struct weir_message message = record->message;

	message.value = weir__value_bytes(record->value);
	return message;
}

size_t
weir__record_bytes(const struct weir_record *record)
{
	const struct weir_message message = message_of(record);

	return sizeof(struct weir_held) + weir__message_bytes(&message);
}

static const struct weir_header *
copy_headers(struct weir_arena *arena, const struct weir_message *message)
{
	struct weir_header *copy;

	if (message->header_count == 0)
		return NULL;
	copy = weir__arena_alloc(arena, message->header_count * sizeof(*copy));
	for (size_t i = 0; i < message->header_count; i++) {
		copy[i].name = weir__arena_strdup(arena, message->headers[i].name);
		copy[i].value = weir__arena_copy(arena, message->headers[i].value);
	}
	return copy;
}

static void
grow(struct weir_held_list *held)
{
	held->capacity = held->capacity ? held->capacity * 2 : 16;
	held->items = weir__realloc(held->items, held->capacity * sizeof(*held->items));
}

struct weir_held *
weir__held_add(struct weir_held_list *held, size_t max_bytes, int output,
	       const struct weir_message *message)
{
	size_t bytes = weir__message_bytes(message);
	struct weir_held *item;

	if (held->bytes + sizeof(*item) + bytes > max_bytes)
		return NULL;
	if (held->count == held->capacity)
		grow(held);
	item = &held->items[held->count++];
	item->message = *message;
	item->output = output;
	item->bytes = bytes;
	held->bytes += sizeof(*item) + bytes;
	return item;
}

int
weir__held_record(struct weir_held_list *held, size_t max_bytes, int output,
		  const struct weir_record *record)
{
	const struct weir_message message = message_of(record);
	struct weir_held *item = weir__held_add(held, max_bytes, output, &message);
	struct weir_value *value = record->value;

	if (!item)
		return WEIR_ELIMIT;
	if (!value->lasting) {
		value->bytes = weir__arena_copy(&held->arena, value->bytes);
		value->lasting = true;
		item->message.value = value->bytes;
	}
	if (!record->key_lasting)
		item->message.key = weir__arena_copy(&held->arena, message.key);
	if (!record->headers_lasting)
		item->message.headers = copy_headers(&held->arena, &message);
	return 0;
}

void
weir__held_fini(struct weir_held_list *held)
{
	free(held->items);
	weir__arena_fini(&held->arena);
	memset(held, 0, sizeof(*held));
}
