/*
 * One value of an option table: from JSON into a struct member, with type and range.
 *
 * Knows what people may write for each type, and says what was expected when they wrote
 * something else. A value whose row is secret is never quoted.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <config/json_pointer.h>
#include <config/option_value.h>

#define MOST_STRINGS 10000

size_t
weir__option_size(int32_t type)
{
	switch (type) {
	case WEIR_OPTION_STRING:
	case WEIR_OPTION_POINTER:
	case WEIR_OPTION_TABLE:
		return sizeof(const char *);
	case WEIR_OPTION_BOOL:
		return sizeof(bool);
	case WEIR_OPTION_INT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_SIZE:
		return sizeof(int64_t);
	case WEIR_OPTION_CHOICE:
		return sizeof(int);
	case WEIR_OPTION_STRINGS:
		return sizeof(struct weir_strings);
	case WEIR_OPTION_OBJECT:
	case WEIR_OPTION_ARRAY:
		return sizeof(const json_t *);
	default:
		return 0;
	}
}

void
weir__option_range(const struct weir_option *row, int64_t *min, int64_t *max)
{
	bool is_open = row->min == 0 && row->max == 0;

	*min = row->min;
	*max = is_open ? INT64_MAX : row->max;
}

char *
weir__option_number_print(int32_t type, int64_t number, char *text, size_t size)
{
	if (type == WEIR_OPTION_DURATION)
		return weir__duration_print(number, text, size);
	if (type == WEIR_OPTION_SIZE)
		return weir__size_print(number, text, size);
	snprintf(text, size, "%" PRId64, number);
	return text;
}

/* What was found instead, for messages. */
static const char *
describe(const struct weir_option *row, const json_t *value, char *text, size_t size)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	case JSON_REAL:
		return "a number with a fraction or exponent";
	case JSON_INTEGER:
		if (row->flags & WEIR_OPTION_SECRET)
			return "a number";
		snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return text;
	case JSON_STRING:
		if (row->flags & WEIR_OPTION_SECRET)
			return "a string";
		snprintf(text, size, "\"%.60s%s\"", json_string_value(value),
			 json_string_length(value) > 60 ? "..." : "");
		return text;
	}
	return "something else";
}

static int
expected(const struct weir_option *row, const json_t *value, const char *place,
	 const char *what, struct weir_error *error)
{
	char text[80];

	return weir_error_set(error, WEIR_EINVALID, "%s: expected %s, found %s", place,
			      what, describe(row, value, text, sizeof(text)));
}

static int
set_string(const struct weir_option *row, const json_t *value, const char *place,
	   void *member, struct weir_arena *arena, struct weir_error *error)
{
	const char *copy;

	if (!json_is_string(value))
		return expected(row, value, place, "a string", error);
	copy = weir__arena_strdup(arena, json_string_value(value));
	memcpy(member, &copy, sizeof(copy));
	return 0;
}

static int
set_pointer(const struct weir_option *row, const json_t *value, const char *place,
	    void *member, struct weir_arena *arena, struct weir_error *error)
{
	if (!json_is_string(value) || !weir__json_pointer_valid(json_string_value(value)))
		return expected(row, value, place, "a JSON pointer like \"/order/id\"",
				error);
	return set_string(row, value, place, member, arena, error);
}

static int
set_bool(const struct weir_option *row, const json_t *value, const char *place,
	 void *member, struct weir_error *error)
{
	const char *text = json_string_value(value);
	bool truth = json_is_true(value) || (text && strcmp(text, "true") == 0);
	bool known =
		truth || json_is_false(value) || (text && strcmp(text, "false") == 0);

	if (!known)
		return expected(row, value, place, "true or false", error);
	memcpy(member, &truth, sizeof(truth));
	return 0;
}

static bool
read_integer(const json_t *value, int64_t *number)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_integer(value)) {
		*number = json_integer_value(value);
		return true;
	}
	if (!text || !(*text == '-' || (*text >= '0' && *text <= '9')))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return end != text && *end == '\0' && errno == 0;
}

/* Durations and sizes are strings with a unit; only zero may go without. */
static bool
read_number(int32_t type, const json_t *value, int64_t *number)
{
	const char *text = json_string_value(value);

	if (type == WEIR_OPTION_INT)
		return read_integer(value, number);
	if (json_is_integer(value) && json_integer_value(value) == 0) {
		*number = 0;
		return true;
	}
	if (!text)
		return false;
	if (type == WEIR_OPTION_DURATION)
		return weir__duration_parse(text, number) == 0;
	return weir__size_parse(text, number) == 0;
}

static int
set_number(const struct weir_option *row, const json_t *value, const char *place,
	   void *member, struct weir_error *error)
{
	static const char *const wanted[] = {
		[WEIR_OPTION_INT] = "a whole number",
		[WEIR_OPTION_DURATION] =
			"a duration with its unit, like \"100ms\" or \"24h\"",
		[WEIR_OPTION_SIZE] = "a size with its unit, like \"64MiB\"",
	};
	int64_t number = 0, min, max;
	char found[40], low[40], high[40];

	if (!read_number(row->type, value, &number))
		return expected(row, value, place, wanted[row->type], error);
	weir__option_range(row, &min, &max);
	if (number >= min && number <= max) {
		memcpy(member, &number, sizeof(number));
		return 0;
	}
	if (row->flags & WEIR_OPTION_SECRET)
		snprintf(found, sizeof(found), "the number");
	else
		weir__option_number_print(row->type, number, found, sizeof(found));
	weir__option_number_print(row->type, min, low, sizeof(low));
	weir__option_number_print(row->type, max, high, sizeof(high));
	if (max == INT64_MAX)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: %s is below the least, %s", place, found, low);
	return weir_error_set(error, WEIR_EINVALID, "%s: %s is out of range (%s to %s)",
			      place, found, low, high);
}

/* Index of `text` in "a|b|c"; -1: none. */
static int
choice_index(const char *choices, const char *text)
{
	size_t length = strlen(text);

	for (int index = 0;; index++) {
		size_t size = strcspn(choices, "|");

		if (size == length && strncmp(choices, text, size) == 0)
			return index;
		if (choices[size] == '\0')
			return -1;
		choices += size + 1;
	}
}

static int
set_choice(const struct weir_option *row, const json_t *value, const char *place,
	   void *member, struct weir_error *error)
{
	const char *text = json_string_value(value);
	int index = text ? choice_index(row->choices, text) : -1;
	char wanted[256];

	if (index < 0) {
		snprintf(wanted, sizeof(wanted), "one of %s", row->choices);
		return expected(row, value, place, wanted, error);
	}
	memcpy(member, &index, sizeof(index));
	return 0;
}

static int
set_strings(const struct weir_option *row, const json_t *value, const char *place,
	    void *member, struct weir_arena *arena, struct weir_error *error)
{
	size_t count = json_is_string(value) ? 1 : json_array_size(value);
	struct weir_strings strings = {NULL, count};
	const char **items;

	if (!json_is_string(value) && !json_is_array(value))
		return expected(row, value, place, "a string or a list of strings",
				error);
	if (count > MOST_STRINGS)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: has %zu elements, at most %d", place, count,
				      MOST_STRINGS);
	items = weir__arena_alloc(arena, count * sizeof(*items));
	for (size_t i = 0; i < count; i++) {
		const json_t *item =
			json_is_string(value) ? value : json_array_get(value, i);
		char text[80];

		if (!json_is_string(item))
			return weir_error_set(error, WEIR_EINVALID,
					      "%s/%zu: expected a string, found %s",
					      place, i,
					      describe(row, item, text, sizeof(text)));
		items[i] = weir__arena_strdup(arena, json_string_value(item));
	}
	strings.items = items;
	memcpy(member, &strings, sizeof(strings));
	return 0;
}

static int
set_json(const struct weir_option *row, const json_t *value, const char *place,
	 void *member, struct weir_error *error)
{
	if (row->type == WEIR_OPTION_OBJECT && !json_is_object(value))
		return expected(row, value, place, "an object", error);
	if (row->type == WEIR_OPTION_ARRAY && !json_is_array(value))
		return expected(row, value, place, "a list", error);
	memcpy(member, &value, sizeof(value));
	return 0;
}

int
weir__option_set(const struct weir_option *row, const json_t *value, const char *place,
		 void *target, struct weir_arena *arena, struct weir_error *error)
{
	void *member = (char *)target + row->offset;

	switch (row->type) {
	case WEIR_OPTION_STRING:
	case WEIR_OPTION_TABLE:
		return set_string(row, value, place, member, arena, error);
	case WEIR_OPTION_POINTER:
		return set_pointer(row, value, place, member, arena, error);
	case WEIR_OPTION_BOOL:
		return set_bool(row, value, place, member, error);
	case WEIR_OPTION_INT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_SIZE:
		return set_number(row, value, place, member, error);
	case WEIR_OPTION_CHOICE:
		return set_choice(row, value, place, member, error);
	case WEIR_OPTION_STRINGS:
		return set_strings(row, value, place, member, arena, error);
	case WEIR_OPTION_OBJECT:
	case WEIR_OPTION_ARRAY:
		return set_json(row, value, place, member, error);
	default:
		assert(!"row type, see weir__options_check_table()");
		return WEIR_EINVALID;
	}
}

json_t *
weir__option_standard(const struct weir_option *row)
{
	bool is_list = row->type == WEIR_OPTION_STRINGS && row->standard &&
		       *row->standard == '[';

	if (!row->standard)
		return NULL;
	if (row->type == WEIR_OPTION_OBJECT || row->type == WEIR_OPTION_ARRAY || is_list)
		return json_loads(row->standard, 0, NULL);
	return json_string(row->standard);
}
