/*
 * --set POINTER=VALUE: put values into the parsed file, before it is checked.
 *
 * Objects on the way are made where they are missing; lists are only extended at their
 * end.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <config/json_pointer.h>
#include <config/pipeline_file.h>

/* Does a section's path, where "..." is any one token, name this place? */
static bool
path_matches(const char *path, const char *place, size_t size)
{
	const char *dots = strstr(path, "/...");
	size_t fixed = dots ? (size_t)(dots - path) + 1 : strlen(path);

	if (!dots)
		return size == fixed && strncmp(path, place, size) == 0;
	return size > fixed && strncmp(path, place, fixed) == 0 &&
	       !memchr(place + fixed, '/', size - fixed);
}

/* The row of the key that the pointer names, if its place is known to the tables. */
static bool
find_row(const char *pointer, struct weir_option *row)
{
	const char *key = strrchr(pointer, '/');
	const struct weir_section *section = weir__pipeline_sections();

	for (; key && section->path; section++) {
		if (path_matches(section->path, pointer, (size_t)(key - pointer)))
			return weir__option_find(&section->table, key + 1, row);
	}
	return false;
}

static bool
is_text_row(const struct weir_option *row)
{
	switch (row->type) {
	case WEIR_OPTION_STRING:
	case WEIR_OPTION_POINTER:
	case WEIR_OPTION_TABLE:
	case WEIR_OPTION_CHOICE:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_SIZE:
		return true;
	default:
		return false;
	}
}

/*
 * The value is JSON, else a string. Where a string is wanted a bare 7 or true is one too:
 * --set /instance=7.
 */
static json_t *
read_value(const struct weir_override *override, struct weir_error *error)
{
	struct weir_option row;
	size_t line, column;
	json_t *value;

	if (weir__pipeline_too_deep(override->value, strlen(override->value), &line,
				    &column)) {
		weir_error_set(error, WEIR_ELIMIT,
			       "--set %s: nested deeper than %d levels",
			       override->pointer, WEIR_PIPELINE_MOST_LEVELS);
		return NULL;
	}
	value = json_loads(override->value, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
			   NULL);
	if ((json_is_number(value) || json_is_boolean(value)) &&
	    find_row(override->pointer, &row) && is_text_row(&row)) {
		json_decref(value);
		value = NULL;
	}
	if (!value)
		value = json_string(override->value);
	if (!value)
		weir_error_set(error, WEIR_EINVALID,
			       "--set %s: the value is not valid UTF-8",
			       override->pointer);
	return value;
}

/* The index a token names in a list; "-" is the one behind the last. */
static bool
read_index(const json_t *list, const char *token, size_t *index)
{
	char *end;

	if (strcmp(token, "-") == 0) {
		*index = json_array_size(list);
		return true;
	}
	if (*token < '0' || *token > '9' || strlen(token) > 6)
		return false;
	*index = strtoul(token, &end, 10);
	return *end == '\0' && *index <= json_array_size(list);
}

/* One step down; an object that is missing on the way is made. Borrowed, NULL: no way. */
static json_t *
step_down(json_t *node, const char *token)
{
	json_t *child = NULL;
	size_t index;

	if (json_is_array(node) && read_index(node, token, &index)) {
		if (index == json_array_size(node))
			json_array_append_new(node, json_object());
		child = json_array_get(node, index);
	}
	if (json_is_object(node)) {
		child = json_object_get(node, token);
		if (!child || json_is_null(child)) {
			json_object_set_new(node, token, json_object());
			child = json_object_get(node, token);
		}
	}
	return child;
}

/* Takes `value`. */
static bool
put(json_t *node, const char *token, json_t *value)
{
	size_t index;

	if (json_is_object(node))
		return json_object_set_new(node, token, value) == 0;
	if (!json_is_array(node) || !read_index(node, token, &index)) {
		json_decref(value);
		return false;
	}
	if (index == json_array_size(node))
		return json_array_append_new(node, value) == 0;
	return json_array_set_new(node, index, value) == 0;
}

static int
no_way(const struct weir_override *override, const json_t *node, const char *token,
       struct weir_error *error)
{
	if (json_is_array(node))
		return weir_error_set(
			error, WEIR_EINVALID,
			"--set %s: \"%s\" is no place in a list of %zu (0 to %zu, "
			"or - to append)",
			override->pointer, token, json_array_size(node),
			json_array_size(node));
	return weir_error_set(
		error, WEIR_EINVALID,
		"--set %s: \"%s\" would stand in what is neither an object nor a "
		"list, or is not valid UTF-8",
		override->pointer, token);
}

static int
apply(json_t *root, const struct weir_override *override, struct weir_error *error)
{
	const char *rest = override->pointer;
	json_t *value = read_value(override, error);
	json_t *node = root;
	int code = 0;

	if (!value)
		return WEIR_EINVALID;
	for (;;) {
		char *token = weir__json_pointer_next(&rest);
		json_t *child = NULL;
		bool is_done;

		if (*rest == '\0')
			is_done = put(node, token, value);
		else
			is_done = (child = step_down(node, token)) != NULL;
		if (!is_done)
			code = no_way(override, node, token, error);
		free(token);
		if (*rest == '\0')
			return code;
		if (!is_done) {
			json_decref(value);
			return code;
		}
		node = child;
	}
}

static size_t
levels_of(const char *pointer)
{
	size_t levels = 0;

	for (; *pointer; pointer++)
		levels += *pointer == '/';
	return levels;
}

int
weir__pipeline_override(json_t *root, const struct weir_override *overrides, size_t count,
			struct weir_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const char *pointer = overrides[i].pointer;
		int code;

		if (*pointer != '/' || !weir__json_pointer_valid(pointer))
			return weir_error_set(error, WEIR_EINVALID,
					      "--set %s: expected a JSON pointer like "
					      "/commit/interval",
					      pointer);
		if (levels_of(pointer) > WEIR_PIPELINE_MOST_LEVELS)
			return weir_error_set(error, WEIR_ELIMIT,
					      "--set: a pointer of more than %d levels",
					      WEIR_PIPELINE_MOST_LEVELS);
		code = apply(root, &overrides[i], error);
		if (code)
			return code;
	}
	return 0;
}
