/*
 * Memory: allocation that cannot fail, and an arena for what lives and dies together.
 *
 * Out of memory ends the process: restart is the tested path. Sizes that come from input
 * are bounded by the caller before they get here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_ALLOC_H
#define WEIR_BASE_ALLOC_H

#include <stddef.h>

#include <weir/processor.h>

/* As malloc, calloc, realloc, strdup, asprintf; they abort instead of returning NULL. */
void *weir__alloc(size_t size);
void *weir__calloc(size_t count, size_t size);
void *weir__realloc(void *memory, size_t size);
char *weir__strdup(const char *text);
char *weir__strndup(const char *text, size_t size);
char *weir__format(const char *format, ...) WEIR_PRINTF(1, 2);

/*
 * Memory given out in pieces and freed at once. Zero-initialised is valid and empty.
 * Pieces do not move. Reset keeps the first blocks for the next round.
 */
struct weir_arena_block;
struct weir_arena {
	struct weir_arena_block *first;
	struct weir_arena_block *current;
	size_t used_bytes; /* given out since init or reset */
};

/* `size` bytes, aligned for anything, not zeroed. size 0 gives a valid pointer. */
void *weir__arena_alloc(struct weir_arena *arena, size_t size);
char *weir__arena_strdup(struct weir_arena *arena, const char *text);
/* A copy of `bytes`; null stays null, empty stays empty (not null). */
struct weir_bytes weir__arena_copy(struct weir_arena *arena, struct weir_bytes bytes);
void weir__arena_reset(struct weir_arena *arena);
/* Give back what was given out since the mark; marks behind it are void. */
struct weir_arena_mark {
	struct weir_arena_block *block;
	size_t block_used, used_bytes;
};
struct weir_arena_mark weir__arena_mark(const struct weir_arena *arena);
void weir__arena_back(struct weir_arena *arena, struct weir_arena_mark mark);
void weir__arena_fini(struct weir_arena *arena);

/* A growing string of bytes, NUL kept behind it. Zero-initialised is valid and empty. */
struct weir_buffer {
	char *data; /* NULL while nothing was added */
	size_t size;
	size_t capacity;
};

void weir__buffer_add(struct weir_buffer *buffer, const void *data, size_t size);
void weir__buffer_add_text(struct weir_buffer *buffer, const char *text);
void weir__buffer_printf(struct weir_buffer *buffer, const char *format, ...)
	WEIR_PRINTF(2, 3);
void weir__buffer_fini(struct weir_buffer *buffer);

#endif
