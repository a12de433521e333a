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

/* Small, but within its bounds: the least of them is seldom what anybody would write. */
static json_t *
example_number(const struct weir_option *row)
{
	int64_t min, max, number = 10;
	char text[40];

	if (row->type == WEIR_OPTION_DURATION)
		number = 60 * 1000;
	else if (row->type == WEIR_OPTION_SIZE)
		number = 1024 * 1024;
	weir__option_range(row, &min, &max);
	number = number < min ? min : number > max ? max : number;
	if (row->type == WEIR_OPTION_INT)
		return json_integer(number);
	return json_string(weir__option_number_print(row->type, number, text, sizeof(text)));
}

static bool
is_word_of(const char *words, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = words; (at = strstr(at, name)); at += size)
		if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
			return true;
	return false;
}

/* An option "amount" is where the amount is; some names say nothing of what is there. */
static json_t *
example_pointer(const char *name)
{
	if (is_word_of("as into out result target to", name))
		return json_string("/result");
	if (is_word_of("at by from in of on path place pointer where", name))
		return json_string("/id");
	return json_sprintf("/%s", name);
}

/* What a processor may refuse, where its own check knows more than the type. */
static json_t *
example_string(const char *name)
{
	if (is_word_of("by id ids key on place", name))
		return json_string("key");
	if (is_word_of("output topic", name))
		return json_string("default");
	return json_string("...");
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
		return example_pointer(row->name);
	case WEIR_OPTION_TABLE:
		return json_string(TABLE);
	default:
		return example_string(row->name);
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
	json_object_set_new(root, "dead_letter", json_pack("{s:s}", "topic", "dead"));
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
