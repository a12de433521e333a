/*
 * JSON pointers (RFC 6901), as text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_JSON_POINTER_H
#define WEIR_CONFIG_JSON_POINTER_H

#include <stdbool.h>

#include <base/alloc.h>

/* Is it "" or /TOKEN/TOKEN..., with ~ only as ~0 or ~1? */
bool weir__json_pointer_valid(const char *pointer);

/* Add "/TOKEN", escaped, to a pointer that is being written. */
void weir__json_pointer_add(struct weir_buffer *pointer, const char *token);

/*
 * Into a member or an item, for a walk that knows where it is. Returns what leave() takes to
 * come back out.
 */
size_t weir__json_pointer_enter(struct weir_buffer *pointer, const char *token);
size_t weir__json_pointer_enter_index(struct weir_buffer *pointer, size_t index);
void weir__json_pointer_leave(struct weir_buffer *pointer, size_t size);

/*
 * Take the next token, unescaped, from *pointer, which moves behind it.
 *
 * Returns heap memory to free, or NULL at the end. The pointer is a valid one.
 */
char *weir__json_pointer_next(const char **pointer);

#endif
