/*
 * Allocation that ends the process when memory is out, the arena, and the growing buffer.
 *
 * An arena is a list of blocks, each larger than the last up to a bound. Pieces that do
 * not fit a block's rest get a new block behind the current one; reset keeps the blocks
 * up to a total and frees what one huge record left behind.
 *
 * Allocation: any thread. An arena or a buffer belongs to one thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>

#define FIRST_BLOCK_BYTES ((size_t)4096)
#define LARGEST_BLOCK_BYTES ((size_t)256 * 1024) /* blocks grow to this by themselves */
#define KEPT_BYTES ((size_t)1024 * 1024)         /* reset frees what is beyond */
#define PIECE_ALIGN alignof(max_align_t)

struct weir_arena_block {
	struct weir_arena_block *next;
	size_t capacity;
	size_t used;
	alignas(max_align_t) char data[];
};

/* By write(2): stdio may itself want memory. */
static void
end_out_of_memory(void)
{
	static const char text[] = "weir: out of memory\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)written;
	abort();
}

void *
weir__alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory)
		end_out_of_memory();
	return memory;
}

void *
weir__calloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size ? size : 1);

	if (!memory)
		end_out_of_memory();
	return memory;
}

void *
weir__realloc(void *memory, size_t size)
{
	void *moved = realloc(memory, size ? size : 1);

	if (!moved)
		end_out_of_memory();
	return moved;
}

char *
weir__strdup(const char *text)
{
	return weir__strndup(text, strlen(text));
}

char *
weir__strndup(const char *text, size_t size)
{
	size_t length = strnlen(text, size);
	char *copy = weir__alloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *
weir__format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0)
		end_out_of_memory();
	return text;
}

/* ---- arena ---- */

static struct weir_arena_block *
block_new(size_t capacity)
{
	struct weir_arena_block *block;

	assert(capacity < SIZE_MAX / 2);
	block = weir__alloc(sizeof(*block) + capacity);
	block->next = NULL;
	block->capacity = capacity;
	block->used = 0;
	return block;
}

static bool
block_fits(const struct weir_arena_block *block, size_t size)
{
	return block->capacity - block->used >= size;
}

/* Make a block current that has room for `size`: the next kept one, or a new one. */
static struct weir_arena_block *
arena_next_block(struct weir_arena *arena, size_t size)
{
	struct weir_arena_block *current = arena->current;
	struct weir_arena_block *block;
	size_t capacity = FIRST_BLOCK_BYTES;

	if (current && current->next && block_fits(current->next, size)) {
		arena->current = current->next;
		return arena->current;
	}
	if (current && current->capacity < LARGEST_BLOCK_BYTES)
		capacity = current->capacity * 2;
	else if (current)
		capacity = LARGEST_BLOCK_BYTES;
	block = block_new(size > capacity ? size : capacity);
	if (current) {
		block->next = current->next;
		current->next = block;
	} else {
		arena->first = block;
	}
	arena->current = block;
	return block;
}

void *
weir__arena_alloc(struct weir_arena *arena, size_t size)
{
	struct weir_arena_block *block = arena->current;
	void *piece;

	assert(size < SIZE_MAX / 4);
	size = (size + PIECE_ALIGN - 1) & ~(PIECE_ALIGN - 1);
	if (size == 0)
		size = PIECE_ALIGN;
	if (!block || !block_fits(block, size))
		block = arena_next_block(arena, size);
	piece = block->data + block->used;
	block->used += size;
	arena->used_bytes += size;
	return piece;
}

char *
weir__arena_strdup(struct weir_arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(weir__arena_alloc(arena, size), text, size);
}

struct weir_bytes
weir__arena_copy(struct weir_arena *arena, struct weir_bytes bytes)
{
	void *copy;

	if (!bytes.data)
		return bytes;
	copy = weir__arena_alloc(arena, bytes.size);
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	return (struct weir_bytes){copy, bytes.size};
}

struct weir_arena_mark
weir__arena_mark(const struct weir_arena *arena)
{
	struct weir_arena_block *block = arena->current;

	return (struct weir_arena_mark){block, block ? block->used : 0, arena->used_bytes};
}

void
weir__arena_back(struct weir_arena *arena, struct weir_arena_mark mark)
{
	struct weir_arena_block *block = mark.block ? mark.block->next : arena->first;

	for (; block; block = block->next)
		block->used = 0;
	if (mark.block)
		mark.block->used = mark.block_used;
	arena->current = mark.block ? mark.block : arena->first;
	arena->used_bytes = mark.used_bytes;
}

void
weir__arena_reset(struct weir_arena *arena)
{
	struct weir_arena_block **link = &arena->first;
	size_t kept_bytes = 0;

	if (arena->used_bytes == 0)
		return;
	while (*link) {
		struct weir_arena_block *block = *link;

		if (kept_bytes + block->capacity > KEPT_BYTES) {
			*link = block->next;
			free(block);
			continue;
		}
		kept_bytes += block->capacity;
		block->used = 0;
		link = &block->next;
	}
	arena->current = arena->first;
	arena->used_bytes = 0;
}

void
weir__arena_fini(struct weir_arena *arena)
{
	struct weir_arena_block *block = arena->first;

	while (block) {
		struct weir_arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct weir_arena){0};
}

/* ---- buffer ---- */

/* Room for `size` more bytes and the NUL. */
static void
buffer_reserve(struct weir_buffer *buffer, size_t size)
{
	size_t wanted;

	assert(size < SIZE_MAX / 2 - buffer->size);
	wanted = buffer->size + size + 1;
	if (wanted <= buffer->capacity)
		return;
	if (wanted < buffer->capacity * 2)
		wanted = buffer->capacity * 2;
	if (wanted < 64)
		wanted = 64;
	buffer->data = weir__realloc(buffer->data, wanted);
	buffer->capacity = wanted;
}

void
weir__buffer_add(struct weir_buffer *buffer, const void *data, size_t size)
{
	buffer_reserve(buffer, size);
	if (size > 0)
		memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
}

void
weir__buffer_add_text(struct weir_buffer *buffer, const char *text)
{
	weir__buffer_add(buffer, text, strlen(text));
}

void
weir__buffer_printf(struct weir_buffer *buffer, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(size >= 0);
	buffer_reserve(buffer, (size_t)size);
	va_start(args, format);
	vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, args);
	va_end(args);
	buffer->size += (size_t)size;
}

void
weir__buffer_fini(struct weir_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct weir_buffer){0};
}
