/*
 * What the processor `jq` has to know of libjq's values and words, apart from records.
 *
 * Guards what libjq would change in silence: bytes that are no UTF-8, numbers that JSON
 * does not have. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "processors/jq_value.h"

/* So many levels libjq prints at least. */
#define PRINTED_DEPTH 256

void
jq_note_complaint(void *opaque, jv message)
{
	static const char prefix[] = "jq: error: ";
	static const char aside[] = " (Unix shell quoting issues?)";
	static const char place[] = "<top-level>, ";
	struct weir_error *error = opaque;
	jv words = jq_format_error(message);
	char text[512];
	char *cut;

	snprintf(text, sizeof(text), "%s", jv_string_value(words));
	jv_free(words);
	text[strcspn(text, "\n")] = '\0';
	if ((cut = strstr(text, aside)))
		memmove(cut, cut + sizeof(aside) - 1,
			strlen(cut + sizeof(aside) - 1) + 1);
	if ((cut = strstr(text, place)))
		memmove(cut, cut + sizeof(place) - 1,
			strlen(cut + sizeof(place) - 1) + 1);
	if (*text && text[strlen(text) - 1] == ':')
		text[strlen(text) - 1] = '\0';
	cut = strncmp(text, prefix, sizeof(prefix) - 1) == 0 ? text + sizeof(prefix) - 1
							     : text;
	weir_error_set(error, WEIR_EINVALID, "program: %s", cut);
}

bool
jq_keeps_digits(void)
{
	static const char digits[] = "100000000000000000001";
	jv text = jv_dump_string(jv_parse(digits), 0);
	bool kept = strcmp(jv_string_value(text), digits) == 0;

	jv_free(text);
	return kept;
}

jv
jq_text(struct weir_bytes bytes)
{
	jv text;

	if (!bytes.data)
		return jv_null();
	if (bytes.size > INT_MAX)
		return jv_invalid();
	text = jv_string_sized(bytes.data, (int)bytes.size);
	if ((size_t)jv_string_length_bytes(jv_copy(text)) == bytes.size &&
	    memcmp(jv_string_value(text), bytes.data, bytes.size) == 0)
		return text;
	jv_free(text);
	return jv_invalid();
}

static bool is_finite(jv value);

static bool
object_is_finite(jv object)
{
	bool all = true;

	for (int at = jv_object_iter(object); all && jv_object_iter_valid(object, at);
	     at = jv_object_iter_next(object, at))
		all = is_finite(jv_object_iter_value(object, at));
	return all;
}

static bool
array_is_finite(jv array)
{
	int length = jv_array_length(jv_copy(array));
	bool all = true;

	for (int i = 0; all && i < length; i++)
		all = is_finite(jv_array_get(jv_copy(array), i));
	return all;
}

/* Takes `value`. */
static bool
is_finite(jv value)
{
	bool all = true;

	if (jv_get_kind(value) == JV_KIND_NUMBER)
		all = isfinite(jv_number_value(value));
	else if (jv_get_kind(value) == JV_KIND_ARRAY)
		all = array_is_finite(value);
	else if (jv_get_kind(value) == JV_KIND_OBJECT)
		all = object_is_finite(value);
	jv_free(value);
	return all;
}

/* libjq prints nan as null, and infinity as the largest double: only such need a look. */
bool
jq_is_finite(jv value, struct weir_bytes text)
{
	if (!memmem(text.data, text.size, "null", 4) &&
	    !memmem(text.data, text.size, "1.797693134", 11))
		return true;
	return is_finite(jv_copy(value));
}

/* Levels of nesting, as far as `most`. Takes `value`. */
static int
depth_of(jv value, int most)
{
	bool is_object = jv_get_kind(value) == JV_KIND_OBJECT;
	int deepest = 0;

	if (most > 0 && is_object)
		jv_object_foreach(value, key, member)
		{
			int depth = depth_of(member, most - 1) + 1;

			deepest = depth > deepest ? depth : deepest;
			jv_free(key);
		}
	if (most > 0 && jv_get_kind(value) == JV_KIND_ARRAY)
		jv_array_foreach(value, i, element)
		{
			int depth = depth_of(element, most - 1) + 1;

			deepest = depth > deepest ? depth : deepest;
		}
	jv_free(value);
	return deepest;
}

/* What libjq puts for the rest is <words>, which differ from version to version. */
static bool
may_lack_rest(struct weir_bytes text)
{
	return memmem(text.data, text.size, "[<", 2) ||
	       memmem(text.data, text.size, ",<", 2) ||
	       memmem(text.data, text.size, ":<", 2);
}

bool
jq_is_whole(jv value, struct weir_bytes text)
{
	return !may_lack_rest(text) ||
	       depth_of(jv_copy(value), PRINTED_DEPTH) < PRINTED_DEPTH;
}

/* ---- large reals ---- */

#define INT64_DIGITS 19

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind the string that begins at `at`. */
static const char *
skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		at += *at == '\\';
	return at < end ? at + 1 : end;
}

/* At a digit: behind the number, and is it an integer beyond 64 bits? */
static const char *
skip_number(const char *at, const char *end, bool is_negative, bool *is_beyond)
{
	const char *largest = is_negative ? "9223372036854775808" : "9223372036854775807";
	const char *digits = at;
	size_t size;

	while (at < end && is_digit(*at))
		at++;
	size = (size_t)(at - digits);
	*is_beyond = size > INT64_DIGITS ||
		     (size == INT64_DIGITS && memcmp(digits, largest, size) > 0);
	if (at == end || !strchr(".eE", *at))
		return at;
	*is_beyond = false;
	while (at < end && (is_digit(*at) || strchr(".eE+-", *at)))
		at++;
	return at;
}

/* Is there a digit in each stretch that so many in a row would cover? Most texts end
 * here. */
static bool
may_have_long_number(struct weir_bytes text)
{
	const char *chars = text.data;

	for (size_t i = INT64_DIGITS - 1; i < text.size; i += INT64_DIGITS)
		if (is_digit(chars[i]))
			return true;
	return false;
}

char *
jq_mark_reals(struct weir_bytes text, size_t *size)
{
	const char *start = text.data, *end = start + text.size, *at = start, *next;
	char *marked = NULL, *to = NULL;

	if (!may_have_long_number(text))
		return NULL;
	for (; at < end; at = next) {
		bool is_beyond = false;

		next = at + 1;
		if (*at == '"')
			next = skip_string(at, end);
		else if (is_digit(*at))
			next = skip_number(at, end, at > start && at[-1] == '-',
					   &is_beyond);
		if (is_beyond && !marked) {
			marked = malloc(text.size + text.size / INT64_DIGITS * 2);
			if (!marked)
				abort();
			memcpy(marked, start, (size_t)(at - start));
			to = marked + (at - start);
		}
		if (!marked)
			continue;
		memcpy(to, at, (size_t)(next - at));
		to += next - at;
		if (is_beyond) {
			*to++ = '.';
			*to++ = '0';
		}
	}
	if (marked)
		*size = (size_t)(to - marked);
	return marked;
}
