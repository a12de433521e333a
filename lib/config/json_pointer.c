/*
 * JSON pointers as text: check, build, take apart.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <config/json_pointer.h>

bool
weir__json_pointer_valid(const char *pointer)
{
	if (*pointer == '\0')
		return true;
	if (*pointer != '/')
		return false;
	for (const char *at = pointer; *at; at++) {
		if (*at == '~' && at[1] != '0' && at[1] != '1')
			return false;
	}
	return true;
}

void
weir__json_pointer_add(struct weir_buffer *pointer, const char *token)
{
	weir__buffer_add(pointer, "/", 1);
	for (; *token; token++) {
		if (*token == '~')
			weir__buffer_add(pointer, "~0", 2);
		else if (*token == '/')
			weir__buffer_add(pointer, "~1", 2);
		else
			weir__buffer_add(pointer, token, 1);
	}
}

size_t
weir__json_pointer_enter(struct weir_buffer *pointer, const char *token)
{
	size_t size = pointer->size;

	weir__json_pointer_add(pointer, token);
	return size;
}

size_t
weir__json_pointer_enter_index(struct weir_buffer *pointer, size_t index)
{
	char token[24];

	snprintf(token, sizeof(token), "%zu", index);
	return weir__json_pointer_enter(pointer, token);
}

void
weir__json_pointer_leave(struct weir_buffer *pointer, size_t size)
{
	pointer->size = size;
	if (pointer->data)
		pointer->data[size] = '\0';
}

char *
weir__json_pointer_next(const char **pointer)
{
	const char *from = *pointer;
	char *token, *to;

	if (*from == '\0')
		return NULL;
	assert(*from == '/');
	from++;
	token = to = weir__alloc(strcspn(from, "/") + 1);
	for (; *from && *from != '/'; from++) {
		if (*from == '~') {
			from++;
			*to++ = *from == '0' ? '~' : '/';
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	*pointer = from;
	return token;
}
