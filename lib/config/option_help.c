/*
 * Option tables as text for people and as JSON for programs.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <config/option.h>
#include <config/option_value.h>

const char *
weir__option_type_name(int32_t type)
{
	switch (type) {
	case WEIR_OPTION_STRING:
		return "string";
	case WEIR_OPTION_BOOL:
		return "boolean";
	case WEIR_OPTION_INT:
		return "integer";
	case WEIR_OPTION_DURATION:
		return "duration";
	case WEIR_OPTION_SIZE:
		return "size";
	case WEIR_OPTION_CHOICE:
		return "choice";
	case WEIR_OPTION_STRINGS:
		return "strings";
	case WEIR_OPTION_POINTER:
		return "pointer";
	case WEIR_OPTION_TABLE:
		return "table";
	case WEIR_OPTION_OBJECT:
		return "object";
	case WEIR_OPTION_ARRAY:
		return "list";
	default:
		return "unknown";
	}
}

static const char *
type_words(const struct weir_option *row)
{
	switch (row->type) {
	case WEIR_OPTION_BOOL:
		return "true|false";
	case WEIR_OPTION_CHOICE:
		return row->choices;
	case WEIR_OPTION_STRINGS:
		return "string or list of strings";
	case WEIR_OPTION_POINTER:
		return "JSON pointer";
	case WEIR_OPTION_TABLE:
		return "name of a table";
	default:
		return weir__option_type_name(row->type);
	}
}

static bool
has_range(const struct weir_option *row)
{
	bool is_number = row->type == WEIR_OPTION_INT ||
			 row->type == WEIR_OPTION_DURATION ||
			 row->type == WEIR_OPTION_SIZE;

	return is_number && (row->min != 0 || row->max != 0);
}

void
weir__option_words(const struct weir_option *row, struct weir_buffer *out)
{
	char low[40], high[40];

	weir__buffer_add_text(out, type_words(row));
	if (row->flags & WEIR_OPTION_REQUIRED)
		weir__buffer_add_text(out, ", required");
	if (row->flags & WEIR_OPTION_SECRET)
		weir__buffer_add_text(out, ", secret");
	else if (row->standard)
		weir__buffer_printf(out, ", default %s",
				    *row->standard ? row->standard : "\"\"");
	if (has_range(row) && row->max == INT64_MAX) {
		weir__option_number_print(row->type, row->min, low, sizeof(low));
		weir__buffer_printf(out, ", %s or more", low);
	} else if (has_range(row)) {
		weir__option_number_print(row->type, row->min, low, sizeof(low));
		weir__option_number_print(row->type, row->max, high, sizeof(high));
		weir__buffer_printf(out, ", %s to %s", low, high);
	}
}

static void
help_row(const struct weir_option *row, struct weir_buffer *out)
{
	weir__buffer_printf(out, "  %s  ", row->name);
	weir__option_words(row, out);
	weir__buffer_printf(out, "\n      %s\n", row->help);
}

void
weir__options_help(const struct weir_option_table *table, struct weir_buffer *out)
{
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++)
		help_row(&row, out);
}

static json_t *
choices_json(const char *choices)
{
	json_t *list = json_array();

	for (;;) {
		size_t size = strcspn(choices, "|");

		json_array_append_new(list, json_stringn(choices, size));
		if (choices[size] == '\0')
			return list;
		choices += size + 1;
	}
}

static json_t *
row_json(const struct weir_option *row)
{
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(row->name));
	json_object_set_new(object, "type",
			    json_string(weir__option_type_name(row->type)));
	json_object_set_new(object, "required",
			    json_boolean(row->flags & WEIR_OPTION_REQUIRED));
	if (row->flags & WEIR_OPTION_SECRET)
		json_object_set_new(object, "secret", json_true());
	else if (row->standard)
		json_object_set_new(object, "default", json_string(row->standard));
	if (has_range(row)) {
		json_object_set_new(object, "min", json_integer(row->min));
		if (row->max != INT64_MAX)
			json_object_set_new(object, "max", json_integer(row->max));
	}
	if (row->type == WEIR_OPTION_CHOICE)
		json_object_set_new(object, "choices", choices_json(row->choices));
	json_object_set_new(object, "help", json_string(row->help));
	return object;
}

json_t *
weir__options_json(const struct weir_option_table *table)
{
	json_t *list = json_array();
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++)
		json_array_append_new(list, row_json(&row));
	return list;
}
