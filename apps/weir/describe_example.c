/*
 * An example of a processor that brings none: a pipeline file with all that its tables
 * require, and a value of the right kind for each. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <config/option_value.h>

#include "describe.h"

#define TABLE "table"

static json_t *
example_number(const struct weir_option *row)
{
	int64_t min, max;
	char text[40];

	weir__option_range(row, &min, &max);
	if (row->type == WEIR_OPTION_INT)
		return json_integer(min);
	return json_string(weir__option_number_print(row->type, min, text, sizeof(text)));
}

static json_t *
example_value(const struct weir_option *row)
{
	switch (row->type) {
	case WEIR_OPTION_BOOL:
		return json_true();
	case WEIR_OPTION_INT:
	case WEIR_OPTION_DURATION:
	case WEIR_OPTION_SIZE:
		return example_number(row);
	case WEIR_OPTION_CHOICE:
		return json_stringn(row->choices, strcspn(row->choices, "|"));
	case WEIR_OPTION_POINTER:
		return json_string("/id");
	case WEIR_OPTION_TABLE:
		return json_string(TABLE);
	default:
		return json_string("...");
	}
}

static json_t *
example_options(const struct weir_option_table *table, bool *needs_table)
{
	json_t *with = json_object();
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++) {
		if (!(row.flags & WEIR_OPTION_REQUIRED))
			continue;
		json_object_set_new(with, row.name, example_value(&row));
		*needs_table = *needs_table || row.type == WEIR_OPTION_TABLE;
	}
	return with;
}

static json_t *
example_outputs(const struct weir_registered *processor)
{
	json_t *outputs = json_pack("{s:s}", "default", "output");
	struct weir_output output;

	for (size_t i = 0; weir__registered_output(processor, i, &output); i++)
		json_object_set_new(outputs, output.name, json_string(output.name));
	return outputs;
}

static json_t *
make_example(const struct weir_registered *processor)
{
	const char *name = processor->descriptor.name;
	bool needs_table = false;
	json_t *with = example_options(&processor->options, &needs_table);
	json_t *step = json_pack("{s:s}", "use", name);
	json_t *root = json_pack("{s:s, s:{s:s}, s:[s]}", "name", name, "kafka",
				 "bootstrap.servers", "localhost:9092", "inputs", "input");

	if (json_object_size(with) > 0)
		json_object_set(step, "with", with);
	if (needs_table)
		json_object_set_new(root, "tables",
				    json_pack("{s:{s:s}}", TABLE, "topic", TABLE));
	json_object_set_new(root, "steps", json_pack("[o]", step));
	json_object_set_new(root, "outputs", example_outputs(processor));
	json_decref(with);
	return root;
}

char *
weir__describe_example(const struct weir_registered *processor)
{
	json_t *made;
	char *text;

	if (processor->descriptor.example)
		return weir__strdup(processor->descriptor.example);
	made = make_example(processor);
	text = json_dumps(made, JSON_INDENT(2));
	json_decref(made);
	return text;
}
