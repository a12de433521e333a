/*
 * JSON pointers (RFC 6901): from a pointer to a value, and from a byte of a text to its
 * pointer.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <config/json_pointer.h>
#include <processor/json_text.h>

/* ---- from pointer to value ---- */

/* Digits, no leading 0. "-" names what is behind the last: nothing. */
bool
weir__json_token_index(const char *token, size_t size, size_t *index)
{
	*index = 0;
	if (size == 0 || size > 18 || (size > 1 && token[0] == '0'))
		return false;
	for (size_t i = 0; i < size; i++) {
		if (token[i] < '0' || token[i] > '9')
			return false;
		*index = *index * 10 + (size_t)(token[i] - '0');
	}
	return true;
}

static const json_t *
element_at(const json_t *array, const char *token, size_t size)
{
	size_t index;

	return weir__json_token_index(token, size, &index) ? json_array_get(array, index)
							    : NULL;
}

/* In one pass, so that ~01 is ~1. */
size_t
weir__json_token_unescape(char *step, size_t size)
{
	size_t to = 0;

	for (size_t from = 0; from < size; from++) {
		char c = step[from];

		if (c == '~' && from + 1 < size &&
		    (step[from + 1] == '0' || step[from + 1] == '1'))
			c = step[++from] == '0' ? '~' : '/';
		step[to++] = c;
	}
	return to;
}

static const json_t *
member_at(const json_t *object, const char *step, size_t size)
{
	const json_t *member;
	char *plain;

	if (!memchr(step, '~', size))
		return json_object_getn(object, step, size);
	plain = weir__strndup(step, size);
	member = json_object_getn(object, plain,
				  weir__json_token_unescape(plain, size));
	free(plain);
	return member;
}

const json_t *
weir_json_at(const json_t *json, const char *pointer)
{
	while (json && *pointer) {
		size_t size;

		if (*pointer++ != '/')
			return NULL;
		size = strcspn(pointer, "/");
		if (json_is_object(json))
			json = member_at(json, pointer, size);
		else if (json_is_array(json))
			json = element_at(json, pointer, size);
		else
			return NULL;
		pointer += size;
	}
	return json;
}

/* ---- from byte to pointer ---- */

/* One level of nesting: the element or member that is being read. */
struct level {
	bool is_array;
	size_t index;
	struct weir_bytes name; /* with its quotes, as it stands in the text */
};

struct walk {
	const char *text;
	size_t end;
	struct level *levels;
	size_t depth;
};

static size_t
string_end(const struct walk *walk, size_t at)
{
	for (at++; at < walk->end && walk->text[at] != '"'; at++)
		if (walk->text[at] == '\\')
			at++;
	return at < walk->end ? at + 1 : walk->end;
}

static void
push(struct walk *walk, bool is_array)
{
	walk->levels =
		weir__realloc(walk->levels, (walk->depth + 1) * sizeof(*walk->levels));
	memset(&walk->levels[walk->depth], 0, sizeof(*walk->levels));
	walk->levels[walk->depth++].is_array = is_array;
}

/* Read to the end; the levels that are open then lead to what comes next. */
static void
walk_text(struct walk *walk)
{
	bool name_next = false;

	for (size_t at = 0, next; at < walk->end; at = next) {
		char c = walk->text[at];
		struct level *level =
			walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;

		next = c == '"' ? string_end(walk, at) : at + 1;
		if (c == '"' && name_next && level) {
			level->name = (struct weir_bytes){walk->text + at, next - at};
			name_next = false;
		} else if (c == '{' || c == '[') {
			push(walk, c == '[');
			name_next = c == '{';
		} else if ((c == '}' || c == ']') && level) {
			walk->depth--;
			name_next = false;
		} else if (c == ',' && level) {
			level->index++;
			name_next = !level->is_array;
		}
	}
}

static void
add_level(struct weir_buffer *out, const struct level *level)
{
	char digits[24];
	json_t *name;

	if (level->is_array) {
		snprintf(digits, sizeof(digits), "%zu", level->index);
		weir__json_pointer_add(out, digits);
		return;
	}
	name = json_loadb(level->name.data, level->name.size,
			  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	weir__json_pointer_add(out, json_is_string(name) ? json_string_value(name) : "?");
	json_decref(name);
}

void
weir__json_place(struct weir_bytes text, size_t at, struct weir_buffer *out)
{
	struct walk walk = {text.data, at, NULL, 0};

	walk_text(&walk);
	for (size_t i = 0; i < walk.depth; i++)
		add_level(out, &walk.levels[i]);
	free(walk.levels);
}
