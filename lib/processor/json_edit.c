/*
 * JSON texts as bytes: where in one a value stands, and a text with another value there.
 *
 * For processors that change one thing and leave the rest as it came, which no library that
 * parses and prints does (19.990 becomes 19.99). Knows where a value ends without looking
 * into it. A text that is no JSON gives no sense, but no byte outside it is read. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <processor/json_text.h>

/* ---- over a text ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t
skip_blanks(struct weir_bytes text, size_t at)
{
	const char *bytes = text.data;

	while (at < text.size && is_blank(bytes[at]))
		at++;
	return at;
}

static bool
is_at(struct weir_bytes text, size_t at, char c)
{
	return at < text.size && ((const char *)text.data)[at] == c;
}

/* The next quote or backslash, or the text's end. */
static size_t
skip_plain(struct weir_bytes text, size_t at)
{
	const char *bytes = text.data;

	while (text.size - at >= 16) {
		weir_sixteen next = weir__sixteen(bytes + at);
		size_t plain = weir__sixteen_first((next == '"') | (next == '\\'));

		at += plain;
		if (plain < 16)
			return at;
	}
	while (at < text.size && bytes[at] != '"' && bytes[at] != '\\')
		at++;
	return at;
}

/* Behind the string that begins at `at`. */
static size_t
string_end(struct weir_bytes text, size_t at)
{
	for (at = skip_plain(text, at + 1); at < text.size; at = skip_plain(text, at)) {
		if (is_at(text, at, '"'))
			return at + 1;
		at = at + 2 < text.size ? at + 2 : text.size; /* it escapes what follows */
	}
	return text.size;
}

/* Behind the object or array that begins at `at`: brackets are known to match. */
static size_t
brackets_end(struct weir_bytes text, size_t at)
{
	const char *bytes = text.data;
	size_t depth = 0;

	while (at < text.size) {
		char c = bytes[at];

		if (c == '"') {
			at = string_end(text, at);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return at;
	}
	return text.size;
}

/* Behind the value that begins at `at`. */
static size_t
value_end(struct weir_bytes text, size_t at)
{
	const char *bytes = text.data;

	if (at >= text.size)
		return text.size;
	if (bytes[at] == '"')
		return string_end(text, at);
	if (bytes[at] == '{' || bytes[at] == '[')
		return brackets_end(text, at);
	while (at < text.size && !is_blank(bytes[at]) && bytes[at] != ',' && bytes[at] != '}' &&
	       bytes[at] != ']')
		at++;
	return at;
}

/* ---- names ---- */

/* One step of a pointer: `size` bytes, with their ~0 and ~1. */
struct token {
	const char *text;
	size_t size;
	bool has_escapes;
};

static struct token
token_at(const char *pointer)
{
	struct token token = {pointer + 1, strcspn(pointer + 1, "/"), false};

	token.has_escapes = memchr(token.text, '~', token.size) != NULL;
	return token;
}

/* The member's name that it stands for; heap. */
static char *
plain_name(const struct token *token, size_t *size)
{
	char *name = weir__strndup(token->text, token->size);

	*size = weir__json_token_unescape(name, token->size);
	return name;
}

/* Where one of them has escapes. `name` has its quotes. */
static bool
is_named_slowly(struct weir_bytes name, const struct token *token)
{
	size_t size;
	char *wanted = plain_name(token, &size);
	json_t *string = json_loadb(name.data, name.size, JSON_DECODE_ANY | JSON_ALLOW_NUL,
	                            NULL);
	bool same = json_is_string(string) && json_string_length(string) == size &&
	            memcmp(json_string_value(string), wanted, size) == 0;

	json_decref(string);
	free(wanted);
	return same;
}

static bool
is_named(struct weir_bytes name, const struct token *token)
{
	const char *bytes = name.data;

	if (name.size < 2)
		return false;
	if (token->has_escapes)
		return is_named_slowly(name, token);
	if (name.size < token->size + 2) /* escapes make it no shorter */
		return false;
	if (memchr(bytes, '\\', name.size))
		return is_named_slowly(name, token);
	return name.size == token->size + 2 && memcmp(bytes + 1, token->text, token->size) == 0;
}

/* ---- to a place ---- */

/* How far a pointer leads: the last value on the way that is there. */
struct spot {
	size_t begin, end; /* end 0: not known yet, since it may take a look at all of it */
	const char *rest; /* of the pointer: what is not there; "": the value is the named one */
};

/* Of members with one name the last counts, as for those who parse. */
static bool
enter_object(struct weir_bytes text, struct spot *spot, const struct token *token)
{
	size_t at = skip_blanks(text, spot->begin + 1);
	bool found = false;

	while (is_at(text, at, '"')) {
		size_t name = at, end = string_end(text, at);
		bool same = is_named((struct weir_bytes){(const char *)text.data + name,
		                                         end - name},
		                     token);

		at = skip_blanks(text, end);
		if (!is_at(text, at, ':'))
			break;
		at = skip_blanks(text, at + 1);
		end = value_end(text, at);
		if (same) {
			spot->begin = at;
			spot->end = end;
			found = true;
		}
		at = skip_blanks(text, end);
		if (!is_at(text, at, ','))
			break;
		at = skip_blanks(text, at + 1);
	}
	if (!found && is_at(text, at, '}'))
		spot->end = at + 1;
	return found;
}

static bool
enter_array(struct weir_bytes text, struct spot *spot, const struct token *token)
{
	size_t at = skip_blanks(text, spot->begin + 1);
	size_t index;

	if (!weir__json_token_index(token->text, token->size, &index) || is_at(text, at, ']'))
		return false;
	for (; at < text.size; index--) {
		size_t end = value_end(text, at);

		if (index == 0) {
			spot->begin = at;
			spot->end = end;
			return true;
		}
		at = skip_blanks(text, end);
		if (!is_at(text, at, ','))
			return false;
		at = skip_blanks(text, at + 1);
	}
	return false;
}

static struct spot
go(struct weir_bytes text, const char *pointer)
{
	struct spot spot = {skip_blanks(text, 0), 0, pointer};

	while (*spot.rest == '/') {
		struct token token = token_at(spot.rest);
		bool entered = is_at(text, spot.begin, '{') ? enter_object(text, &spot, &token)
		               : is_at(text, spot.begin, '[') ? enter_array(text, &spot, &token)
		                                              : false;

		if (!entered)
			break;
		spot.rest = token.text + token.size;
	}
	if (spot.end == 0)
		spot.end = value_end(text, spot.begin);
	return spot;
}

/* ---- changing it ---- */

static void
add_name(struct weir_buffer *out, const struct token *token)
{
	size_t size = token->size;
	char *name = token->has_escapes ? plain_name(token, &size) : NULL;

	weir__json_add_string(out, name ? name : token->text, size);
	weir__buffer_add_text(out, ":");
	free(name);
}

/* The value as a member, in objects of its own where the pointer goes on. */
static void
add_member(struct weir_buffer *out, const char *rest, struct weir_bytes value)
{
	size_t objects = 0;

	for (;;) {
		struct token token = token_at(rest);

		add_name(out, &token);
		rest = token.text + token.size;
		if (*rest != '/')
			break;
		weir__buffer_add_text(out, "{");
		objects++;
	}
	weir__buffer_add(out, value.data, value.size);
	while (objects-- > 0)
		weir__buffer_add_text(out, "}");
}

/* The next two bytes, or the text's end but one: like memmem(), which is slow to begin. */
static size_t
find_pair(struct weir_bytes text, size_t at, signed char first, signed char second)
{
	const char *bytes = text.data;

	while (text.size - at > 16) {
		size_t other = weir__sixteen_first((weir__sixteen(bytes + at) == first) &
		                                   (weir__sixteen(bytes + at + 1) == second));

		at += other;
		if (other < 16)
			return at;
	}
	while (at + 1 < text.size &&
	       ((signed char)bytes[at] != first || (signed char)bytes[at + 1] != second))
		at++;
	return at;
}

/*
 * Does plainly no object of the text have the member that comes first in the pointer? Without
 * escapes its name would be there as it is: two fast searches instead of a way from value to
 * value. Most often what is put somewhere is new there.
 */
static bool
lacks_first(struct weir_bytes text, const char *pointer)
{
	const char *bytes = text.data;
	struct token token;

	if (*pointer != '/')
		return false;
	token = token_at(pointer);
	if (token.has_escapes || token.size == 0 || memchr(bytes, '\\', text.size))
		return false;
	for (size_t at = 0;; at++) {
		at = find_pair(text, at, '"', (signed char)token.text[0]);
		if (text.size - at < token.size + 2)
			return true;
		if (bytes[at + 1 + token.size] == '"' &&
		    memcmp(bytes + at + 1, token.text, token.size) == 0)
			return false;
	}
}

/* Where it would have to go: as by go(), which also knows what is there. */
static struct spot
go_to_set(struct weir_bytes text, const char *pointer)
{
	size_t begin = skip_blanks(text, 0), end = text.size;

	if (!is_at(text, begin, '{') || !lacks_first(text, pointer))
		return go(text, pointer);
	while (is_blank(((const char *)text.data)[end - 1]))
		end--;
	return (struct spot){begin, end, pointer};
}

/* Behind the last member of the object, or behind its brace. */
static size_t
members_end(struct weir_bytes text, const struct spot *object)
{
	const char *bytes = text.data;
	size_t at = object->end - 1;

	while (at > object->begin + 1 && is_blank(bytes[at - 1]))
		at--;
	return at;
}

char *
weir_json_set(struct weir_bytes text, const char *pointer, struct weir_bytes value,
              size_t *size)
{
	struct spot spot = go_to_set(text, pointer);
	struct weir_buffer out = {0};
	const char *bytes = text.data;
	size_t begin = spot.begin, end = spot.end;

	if (*spot.rest != '\0' &&
	    (*spot.rest != '/' || !is_at(text, begin, '{') || end < begin + 2))
		return NULL;
	if (*spot.rest)
		begin = end = members_end(text, &spot);
	out.capacity = text.size + value.size + strlen(spot.rest) + 16; /* mostly enough */
	out.data = weir__alloc(out.capacity);
	weir__buffer_add(&out, bytes, begin);
	if (*spot.rest) {
		if (begin > spot.begin + 1)
			weir__buffer_add_text(&out, ",");
		add_member(&out, spot.rest, value);
	} else {
		weir__buffer_add(&out, value.data, value.size);
	}
	if (end < text.size)
		weir__buffer_add(&out, bytes + end, text.size - end);
	*size = out.size;
	return out.data;
}

/* ---- reading it ---- */

int
weir_json_find(struct weir_bytes text, const char *pointer, struct weir_bytes *found)
{
	struct spot spot = go(text, pointer);

	if (*spot.rest || spot.begin >= text.size)
		return WEIR_ENOTFOUND;
	found->data = (const char *)text.data + spot.begin;
	found->size = spot.end - spot.begin;
	return 0;
}

int
weir_json_check(struct weir_bytes text, struct weir_error *error)
{
	struct weir_json_fault fault = {0};
	char reason[512];

	if (!text.data || text.size == 0)
		return weir_error_set(error, WEIR_EJSON, "value is %s, not JSON",
		                      text.data ? "empty" : "null");
	if (weir__json_scan(text, WEIR_JSON_ANY_NUMBER, &fault))
		return 0;
	weir__json_explain(text, &fault, WEIR_JSON_ANY_NUMBER, reason, sizeof(reason));
	return weir_error_set(error, WEIR_EJSON, "%s", reason);
}
