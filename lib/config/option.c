/*
 * Option tables: rows of any size, parsing an object by them, checking the table itself.
 *
 * Knows that a plugin's rows may be longer or shorter than ours. What a value of each
 * type may look like is in option_value.c.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <config/json_pointer.h>
#include <config/option.h>
#include <config/option_value.h>

#define MOST_ROWS 1000 /* a table without an end would be read on and on */

bool
weir__option_row(const struct weir_option_table *table, size_t index,
		 struct weir_option *row)
{
	size_t size = table->row_size < sizeof(*row) ? table->row_size : sizeof(*row);

	memset(row, 0, sizeof(*row));
	if (!table->rows)
		return false;
	assert(table->row_size >= sizeof(row->name));
	memcpy(row, (const char *)table->rows + index * table->row_size, size);
	return row->name != NULL;
}

bool
weir__option_find(const struct weir_option_table *table, const char *name,
		  struct weir_option *row)
{
	for (size_t i = 0; weir__option_row(table, i, row); i++) {
		if (strcmp(row->name, name) == 0)
			return true;
	}
	return false;
}

/* ---- parsing ---- */

static int
unknown_key(const struct weir_option_table *table, const char *place, const char *key,
	    struct weir_error *error)
{
	const char *names[MOST_ROWS + 1];
	struct weir_buffer known = {0};
	struct weir_option row;
	const char *nearest;
	size_t count = 0;
	int code;

	for (; count < MOST_ROWS && weir__option_row(table, count, &row); count++) {
		names[count] = row.name;
		weir__buffer_printf(&known, "%s%s", count ? ", " : "", row.name);
	}
	names[count] = NULL;
	nearest = weir__nearest(key, names);
	if (nearest)
		code = weir_error_set(error, WEIR_EINVALID,
				      "%s: unknown key; did you mean \"%s\"?", place,
				      nearest);
	else if (count == 0)
		code = weir_error_set(error, WEIR_EINVALID,
				      "%s: unknown key; there are no options here",
				      place);
	else
		code = weir_error_set(error, WEIR_EINVALID,
				      "%s: unknown key; known are %s", place, known.data);
	weir__buffer_fini(&known);
	return code;
}

static char *
place_of(const char *where, const char *key)
{
	struct weir_buffer place = {0};

	weir__buffer_add_text(&place, where);
	weir__json_pointer_add(&place, key);
	return place.data;
}

static int
check_keys(const struct weir_option_table *table, const json_t *object, const char *where,
	   struct weir_error *error)
{
	struct weir_option row;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		if (!weir__option_find(table, key, &row)) {
			char *place = place_of(where, key);
			int code = unknown_key(table, place, key, error);

			free(place);
			return code;
		}
	}
	return 0;
}

static int
parse_row(const struct weir_option *row, const json_t *object, const char *where,
	  void *target, size_t target_size, struct weir_arena *arena,
	  struct weir_error *error)
{
	const json_t *value = json_object_get(object, row->name);
	json_t *standard = NULL;
	char *place;
	int code = 0;

	assert(row->offset + weir__option_size(row->type) <= target_size);
	if (!value || json_is_null(value))
		value = standard = weir__option_standard(row);
	place = place_of(where, row->name);
	if (value)
		code = weir__option_set(row, value, place, target, arena, error);
	else if (row->flags & WEIR_OPTION_REQUIRED)
		code = weir_error_set(error, WEIR_EINVALID, "%s: missing; expected: %s",
				      place, row->help);
	free(place);
	json_decref(standard);
	return code;
}

int
weir__options_parse(const struct weir_option_table *table, const json_t *object,
		    const char *where, void *target, size_t target_size,
		    struct weir_arena *arena, struct weir_error *error)
{
	struct weir_option row;
	int code;

	if (object && !json_is_object(object))
		return weir_error_set(error, WEIR_EINVALID, "%s: expected an object",
				      *where ? where : "/");
	code = check_keys(table, object, where, error);
	for (size_t i = 0; code == 0 && weir__option_row(table, i, &row); i++)
		code = parse_row(&row, object, where, target, target_size, arena, error);
	return code;
}

/* ---- checking a table ---- */

static size_t
alignment_of(int32_t type)
{
	switch (type) {
	case WEIR_OPTION_BOOL:
		return alignof(bool);
	case WEIR_OPTION_CHOICE:
		return alignof(int);
	case WEIR_OPTION_INT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_SIZE:
		return alignof(int64_t);
	default:
		return alignof(void *);
	}
}

static int
check_standard(const struct weir_option *row, size_t target_size,
	       struct weir_error *error)
{
	struct weir_error reason = {0};
	struct weir_arena arena = {0};
	json_t *standard;
	void *target;
	int code = 0;

	if (!row->standard)
		return 0;
	standard = weir__option_standard(row);
	target = weir__calloc(1, target_size);
	if (!standard)
		code = weir_error_set(&reason, WEIR_EINVALID, "%s: not JSON", row->name);
	else
		code = weir__option_set(row, standard, row->name, target, &arena,
					&reason);
	if (code)
		weir_error_set(error, code, "option %s: its default does not fit: %s",
			       row->name, reason.message);
	json_decref(standard);
	weir__arena_fini(&arena);
	free(target);
	return code;
}

static const char *
row_fault(const struct weir_option *row, size_t target_size)
{
	size_t size = weir__option_size(row->type);

	if (row->name[0] == '\0')
		return "has an empty name";
	if (size == 0)
		return "is of a type that this weir does not know";
	if (row->offset > target_size || target_size - row->offset < size)
		return "lies outside its struct";
	if (row->offset % alignment_of(row->type) != 0)
		return "is not aligned in its struct";
	if (row->type == WEIR_OPTION_CHOICE && (!row->choices || !*row->choices))
		return "has no choices";
	if (row->min > row->max)
		return "has a least value above its greatest";
	if ((row->flags & WEIR_OPTION_REQUIRED) && row->standard)
		return "is required and has a default";
	if (!row->help)
		return "has no help text";
	return NULL;
}

static bool
is_there_before(const struct weir_option_table *table, size_t index, const char *name)
{
	struct weir_option row;

	for (size_t i = 0; i < index && weir__option_row(table, i, &row); i++) {
		if (strcmp(row.name, name) == 0)
			return true;
	}
	return false;
}

int
weir__options_check_table(const struct weir_option_table *table, size_t target_size,
			  struct weir_error *error)
{
	struct weir_option row;
	int code = 0;

	if (table->rows &&
	    table->row_size < offsetof(struct weir_option, help) + sizeof(row.help))
		return weir_error_set(error, WEIR_EINVALID,
				      "option rows of %zu bytes are too short",
				      table->row_size);
	for (size_t i = 0; code == 0 && weir__option_row(table, i, &row); i++) {
		const char *fault = row_fault(&row, target_size);

		if (i == MOST_ROWS)
			return weir_error_set(error, WEIR_EINVALID,
					      "more than %d option rows", MOST_ROWS);
		if (is_there_before(table, i, row.name))
			fault = "is there twice";
		if (fault)
			return weir_error_set(error, WEIR_EINVALID,
					      "option %zu, \"%s\", %s", i, row.name,
					      fault);
		code = check_standard(&row, target_size, error);
	}
	return code;
}
