/*
 * A processor as text for people and as JSON for programs, from its descriptor. Rows are
 * read through the registry, which knows how long a plugin's are. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "describe.h"
#include "options.h"
#include "plugins.h"

const char *
weir__describe_summary(const struct weir_processor *descriptor)
{
	return descriptor->summary ? descriptor->summary : "(no summary)";
}

char *
weir__describe_store(const struct weir_store_row *store)
{
	const char *help = store->help ? store->help : "(no help)";

	if (store->ttl)
		return weir__format("%s; an entry lives as long as %s says", help, store->ttl);
	return weir__format("%s; an entry lives until it is deleted", help);
}

static const char *
or_empty(const char *text)
{
	return text ? text : "";
}

/* ---- text ---- */

static void
print_options(const struct weir_option_table *table)
{
	struct weir_buffer options = {0};

	printf("\nOptions (the step's \"with\"):\n");
	weir__options_help(table, &options);
	fputs(options.size ? options.data : "  none\n", stdout);
	weir__buffer_fini(&options);
}

static void
print_outputs(const struct weir_registered *processor)
{
	struct weir_output output;

	printf("\nOutputs:\n");
	weir__help_row(stdout, "(next)", WEIR_DESCRIBE_NEXT);
	for (size_t i = 0; weir__registered_output(processor, i, &output); i++)
		weir__help_row(stdout, output.name, or_empty(output.help));
	if (processor->descriptor.flags & WEIR_ANY_OUTPUT)
		weir__help_row(stdout, "(any)", WEIR_DESCRIBE_ANY);
}

static void
print_stores(const struct weir_registered *processor)
{
	struct weir_store_row store;

	for (size_t i = 0; weir__registered_store(processor, i, &store); i++) {
		char *help = weir__describe_store(&store);

		if (i == 0)
			printf("\nStores (of each partition, with a changelog topic):\n");
		weir__help_row(stdout, store.name, help);
		free(help);
	}
}

static void
print_tables(const struct weir_option_table *table)
{
	struct weir_option row;
	bool is_first = true;

	for (size_t i = 0; weir__option_row(table, i, &row); i++) {
		if (row.type != WEIR_OPTION_TABLE)
			continue;
		if (is_first)
			printf("\nTables (the pipeline's, by the option that names them):\n");
		weir__help_row(stdout, row.name, row.help);
		is_first = false;
	}
}

/* Each line behind two blanks. */
static void
print_example(const char *lines)
{
	printf("\nExample (a pipeline file):\n");
	while (*lines) {
		size_t size = strcspn(lines, "\n");

		printf("  %.*s\n", (int)size, lines);
		lines += size;
		lines += *lines == '\n';
	}
}

void
weir__describe_text(const struct weir_registered *processor)
{
	const struct weir_processor *descriptor = &processor->descriptor;
	char *example = weir__describe_example(processor);

	printf("%s: %s\n", descriptor->name, weir__describe_summary(descriptor));
	if (descriptor->text) {
		putchar('\n');
		weir__help_wrap(stdout, descriptor->text, 0);
	}
	print_options(&processor->options);
	print_outputs(processor);
	print_stores(processor);
	print_tables(&processor->options);
	print_example(example);
	printf("\nFrom: %s\n", processor->path ? processor->path : "weir itself");
	free(example);
}

/* ---- JSON ---- */

static json_t *
outputs_json(const struct weir_registered *processor)
{
	json_t *list = json_array();
	struct weir_output output;

	for (size_t i = 0; weir__registered_output(processor, i, &output); i++)
		json_array_append_new(list, json_pack("{s:s, s:s?}", "name", output.name, "help",
						      output.help));
	return list;
}

static json_t *
stores_json(const struct weir_registered *processor)
{
	json_t *list = json_array();
	struct weir_store_row store;

	for (size_t i = 0; weir__registered_store(processor, i, &store); i++)
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s?}", "name", store.name,
						      "ttl", store.ttl, "help", store.help));
	return list;
}

static json_t *
tables_json(const struct weir_option_table *table)
{
	json_t *list = json_array();
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++)
		if (row.type == WEIR_OPTION_TABLE)
			json_array_append_new(list, json_pack("{s:s, s:s}", "option", row.name,
							      "help", row.help));
	return list;
}

/* An example that is no JSON is a string then. */
static json_t *
example_json(const struct weir_registered *processor)
{
	char *text = weir__describe_example(processor);
	json_t *json = json_loads(text, 0, NULL);

	if (!json)
		json = json_string(text);
	free(text);
	return json;
}

void
weir__describe_json(const struct weir_registered *processor)
{
	const struct weir_processor *descriptor = &processor->descriptor;
	json_t *json = json_pack("{s:s, s:s?, s:s?, s:s?, s:i}", "name", descriptor->name,
				 "summary", descriptor->summary, "text", descriptor->text,
				 "plugin", processor->path, "abi", (int)descriptor->abi);

	json_object_set_new(json, "options", weir__options_json(&processor->options));
	json_object_set_new(json, "outputs", outputs_json(processor));
	json_object_set_new(json, "any_output",
			    json_boolean(descriptor->flags & WEIR_ANY_OUTPUT));
	json_object_set_new(json, "stores", stores_json(processor));
	json_object_set_new(json, "tables", tables_json(&processor->options));
	json_object_set_new(json, "example", example_json(processor));
	weir__json_dump(json);
	json_decref(json);
}
