/*
 * weir describe: one processor, or the pipeline file itself, from the option tables.
 * Knows how it is laid out; what it says comes from the rows. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <config/option.h>

#include "describe.h"
#include "options.h"
#include "plugins.h"

enum describe_key { KEY_PLUGINS = WEIR_OWN, KEY_JSON, KEY_PIPELINE };

static const struct weir_flag describe_flags[] = {
	{KEY_PIPELINE, "pipeline", NULL,
	 "describe the keys of the pipeline file instead"},
	{KEY_PLUGINS, "plugins", "PATH",
	 "look there too: a plugin file or a folder; may be repeated"},
	{KEY_JSON, "json", NULL, "print JSON, for programs"},
	WEIR_FLAG_END,
};

/* What a person would have to write at least, as an example. */
static json_t *
example_options(const struct weir_option_table *table)
{
	json_t *with = json_object();
	struct weir_option row;
	size_t i;

	for (i = 0; weir__option_row(table, i, &row); i++)
		if (row.flags & WEIR_OPTION_REQUIRED)
			json_object_set_new(with, row.name, json_string("..."));
	return with;
}

static void
print_example(const struct weir_registered *processor)
{
	json_t *step = json_pack("{s:s}", "use", processor->descriptor.name);
	json_t *with = example_options(&processor->options);

	if (json_object_size(with) > 0)
		json_object_set(step, "with", with);
	printf("\nAs a step:\n  ");
	json_dumpf(step, stdout, 0);
	putchar('\n');
	json_decref(with);
	json_decref(step);
}

static void
print_outputs(const struct weir_processor *descriptor)
{
	const struct weir_output *output;

	printf("\nOutputs:\n");
	weir__help_row(stdout, "(next)",
		       "the next step; behind the last one, the output \"default\"");
	for (output = descriptor->outputs; output && output->name; output++)
		weir__help_row(stdout, output->name, output->help);
	if (descriptor->flags & WEIR_ANY_OUTPUT)
		weir__help_row(stdout, "(any)", "every name in the pipeline's outputs");
}

static void
print_text(const struct weir_registered *processor)
{
	struct weir_buffer options = {0};

	printf("%s: %s\n", processor->descriptor.name, processor->descriptor.summary);
	printf("\nOptions (the step's \"with\"):\n");
	weir__options_help(&processor->options, &options);
	fputs(options.size ? options.data : "  none\n", stdout);
	weir__buffer_fini(&options);
	print_outputs(&processor->descriptor);
	print_example(processor);
	printf("\nFrom: %s\n", processor->path ? processor->path : "weir itself");
}

static void
print_json(const struct weir_registered *processor)
{
	const struct weir_processor *descriptor = &processor->descriptor;
	const struct weir_output *output;
	json_t *outputs = json_array();
	json_t *json;

	for (output = descriptor->outputs; output && output->name; output++)
		json_array_append_new(outputs,
				      json_pack("{s:s, s:s?}", "name", output->name,
						"help", output->help));
	json = json_pack("{s:s, s:s, s:s?, s:i, s:o, s:o, s:b}", "name", descriptor->name,
			 "summary", descriptor->summary, "plugin", processor->path, "abi",
			 (int)descriptor->abi, "options",
			 weir__options_json(&processor->options), "outputs", outputs,
			 "any_output", (descriptor->flags & WEIR_ANY_OUTPUT) != 0);
	weir__json_dump(json);
	json_decref(json);
}

static void
describe_processor(struct weir_arguments *args, const struct weir_registry *registry,
		   bool json)
{
	const struct weir_registered *processor =
		weir__registry_find(registry, args->operands[0]);
	struct weir_buffer suggestion = {0};

	if (processor && json) {
		print_json(processor);
	} else if (processor) {
		print_text(processor);
	} else {
		weir__registry_suggest(registry, args->operands[0], &suggestion);
		weir__arguments_bad(args, "there is no processor %s; %s",
				    args->operands[0],
				    suggestion.data ? suggestion.data : "");
	}
	weir__buffer_fini(&suggestion);
}

static int
run_describe(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"PROCESSOR"};
	struct weir_arguments args;
	struct weir_registry *registry = NULL;
	struct weir_plugin_paths plugins = {0};
	const char *value;
	bool json = false;
	bool pipeline = false;
	int key;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0) {
		if (key == KEY_PLUGINS)
			weir__plugin_paths_add(&plugins, value);
		else if (key == KEY_JSON)
			json = true;
		else
			pipeline = true;
	}
	weir__arguments_operands(&args, pipeline ? 0 : 1, pipeline ? 0 : 1, names);
	if (!args.done && pipeline)
		weir__describe_pipeline(json);
	else if ((registry = weir__plugins_load(&args, &plugins)))
		describe_processor(&args, registry, json);
	weir__registry_free(registry);
	weir__plugin_paths_fini(&plugins);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_describe = {
	.name = "describe",
	.summary = "describe a processor: its options and outputs",
	.usage = "PROCESSOR [--plugins PATH]... [--json]",
	.text = "Describes a processor: its options with type, default and range, its "
		"outputs, and where it was loaded from. With --pipeline it describes "
		"the pipeline file's own keys.",
	.flags = describe_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir describe jq\nweir describe --pipeline",
	.run = run_describe,
};
