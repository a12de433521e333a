/*
 * Option tables as JSON Schema (draft 2020-12): what a person may write for each row, so that
 * editors complete and check it.
 *
 * A schema never refuses what the rows take: any string may hold ${NAME} or @file:PATH, whose
 * value is known only where the app runs, and null takes a setting back. It cannot tell all
 * that they refuse, the range of a duration for one. Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <config/option_schema.h>
#include <config/option_value.h>

#define DURATION_PATTERN "^(0+|[0-9]+(ms|s|m|h|d))$"
#define SIZE_PATTERN "^(0+|[0-9]+([KMGT]i)?B)$"
#define POINTER_PATTERN "^(/([^~]|~[01])*)?$"
#define INTEGER_PATTERN "^-?[0-9]+$"

json_t *
weir__schema_ref(const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

json_t *
weir__schema_pattern(const char *pattern)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

json_t *
weir__schema_any(json_t *first, json_t *second)
{
	return json_pack("{s:[o, o]}", "anyOf", first, second);
}

/* ---- values ---- */

static json_t *
integer_schema(const struct weir_option *row)
{
	json_t *number = json_pack("{s:s}", "type", "integer");
	int64_t min, max;

	weir__option_range(row, &min, &max);
	json_object_set_new(number, "minimum", json_integer(min));
	if (max != INT64_MAX)
		json_object_set_new(number, "maximum", json_integer(max));
	return weir__schema_any(number, weir__schema_pattern(INTEGER_PATTERN));
}

/* "100ms", or 0 without a unit. */
static json_t *
unit_schema(const char *pattern)
{
	return weir__schema_any(weir__schema_pattern(pattern), json_pack("{s:i}", "const", 0));
}

static json_t *
choice_schema(const char *choices)
{
	json_t *list = json_array();

	for (;;) {
		size_t size = strcspn(choices, "|");

		json_array_append_new(list, json_stringn(choices, size));
		if (choices[size] == '\0')
			return json_pack("{s:o}", "enum", list);
		choices += size + 1;
	}
}

json_t *
weir__schema_strings(json_t *item)
{
	json_t *list = json_pack("{s:s, s:O}", "type", "array", "items", item);

	return weir__schema_any(item, list);
}

static json_t *
value_schema(const struct weir_option *row)
{
	switch (row->type) {
	case WEIR_OPTION_BOOL:
		return json_pack("{s:[b, b, s, s]}", "enum", 1, 0, "true", "false");
	case WEIR_OPTION_INT:
		return integer_schema(row);
	case WEIR_OPTION_DURATION:
		return unit_schema(DURATION_PATTERN);
	case WEIR_OPTION_SIZE:
		return unit_schema(SIZE_PATTERN);
	case WEIR_OPTION_CHOICE:
		return choice_schema(row->choices);
	case WEIR_OPTION_STRINGS:
		return weir__schema_strings(json_pack("{s:s}", "type", "string"));
	case WEIR_OPTION_POINTER:
		return weir__schema_pattern(POINTER_PATTERN);
	case WEIR_OPTION_OBJECT:
		return json_pack("{s:s}", "type", "object");
	case WEIR_OPTION_ARRAY:
		return json_pack("{s:s}", "type", "array");
	default:
		return json_pack("{s:s}", "type", "string");
	}
}

/* ---- rows ---- */

static json_t *
standard_json(const struct weir_option *row)
{
	bool is_plain = row->type == WEIR_OPTION_INT || row->type == WEIR_OPTION_BOOL;

	if (!row->standard || (row->flags & WEIR_OPTION_SECRET))
		return NULL;
	return is_plain ? json_loads(row->standard, JSON_DECODE_ANY, NULL)
			: weir__option_standard(row);
}

json_t *
weir__schema_row(const struct weir_option *row, json_t *value)
{
	json_t *any = json_pack("[o]", value);
	struct weir_buffer words = {0};
	json_t *schema;

	if (row->type != WEIR_OPTION_OBJECT && row->type != WEIR_OPTION_ARRAY)
		json_array_append_new(any, weir__schema_ref("variable"));
	if (!(row->flags & WEIR_OPTION_REQUIRED))
		json_array_append_new(any, json_pack("{s:s}", "type", "null"));
	weir__option_words(row, &words);
	schema = json_pack("{s:o, s:o*, s:o}", "description",
			   json_sprintf("%s (%s)", row->help, words.data), "default",
			   standard_json(row), "anyOf", any);
	weir__buffer_fini(&words);
	return schema;
}

json_t *
weir__schema_object(const struct weir_option_table *table)
{
	json_t *properties = json_object(), *required = json_array();
	struct weir_option row;
	json_t *schema;

	for (size_t i = 0; weir__option_row(table, i, &row); i++) {
		json_object_set_new(properties, row.name,
				    weir__schema_row(&row, value_schema(&row)));
		if (row.flags & WEIR_OPTION_REQUIRED)
			json_array_append_new(required, json_string(row.name));
	}
	schema = json_pack("{s:s, s:o, s:b}", "type", "object", "properties", properties,
			   "additionalProperties", 0);
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	json_decref(required);
	return schema;
}
