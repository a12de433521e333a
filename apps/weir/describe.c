/*
 * weir describe: one processor, or the pipeline file itself, from the tables that they are
 * made of. Knows which form was asked for. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <config/option.h>

#include "describe.h"
#include "man.h"
#include "options.h"
#include "plugins.h"

enum describe_key {
	KEY_TEXT = 0, /* none of the following */
	KEY_PLUGINS = WEIR_OWN,
	KEY_PIPELINE,
	KEY_JSON,
	KEY_EXAMPLE,
	KEY_MAN
};

static const struct weir_flag describe_flags[] = {
	{KEY_PIPELINE, "pipeline", NULL,
	 "describe the keys of the pipeline file instead"},
	{KEY_PLUGINS, "plugins", "PATH",
	 "look there too: a plugin file or a folder; may be repeated"},
	{KEY_JSON, "json", NULL, "print JSON, for programs"},
	{KEY_EXAMPLE, "example", NULL, "print the example alone, a pipeline file"},
	{KEY_MAN, "man", NULL, "print a man page, weir-PROCESSOR(7)"},
	WEIR_FLAG_END,
};

static void
print(const struct weir_registered *processor, enum describe_key form)
{
	char *example;

	switch (form) {
	case KEY_JSON:
		weir__describe_json(processor);
		break;
	case KEY_EXAMPLE:
		example = weir__describe_example(processor);
		puts(example);
		free(example);
		break;
	case KEY_MAN:
		weir__man_processor(stdout, processor);
		break;
	default:
		weir__describe_text(processor);
	}
}

static void
describe_processor(struct weir_arguments *args, const struct weir_registry *registry,
		   enum describe_key form)
{
	const struct weir_registered *processor =
		weir__registry_find(registry, args->operands[0]);
	struct weir_buffer suggestion = {0};

	if (processor) {
		print(processor, form);
		return;
	}
	weir__registry_suggest(registry, args->operands[0], &suggestion);
	weir__arguments_bad(args, "there is no processor %s; %s", args->operands[0],
			    suggestion.data);
	weir__buffer_fini(&suggestion);
}

/* One form of one thing. */
static void
check_forms(struct weir_arguments *args, bool pipeline, int forms, enum describe_key form)
{
	if (args->done)
		return;
	if (forms > 1)
		weir__arguments_bad(args, "only one of --json, --example and --man");
	else if (pipeline && form == KEY_EXAMPLE)
		weir__arguments_bad(args, "--example is of a processor");
	else if (pipeline && form == KEY_MAN)
		weir__arguments_bad(args, "--man is of a processor (see weir-pipeline(5))");
}

static int
run_describe(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"PROCESSOR"};
	struct weir_arguments args;
	struct weir_registry *registry = NULL;
	struct weir_plugin_paths plugins = {0};
	enum describe_key form = KEY_TEXT;
	const char *value;
	bool pipeline = false;
	int key, forms = 0;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0) {
		if (key == KEY_PLUGINS) {
			weir__plugin_paths_add(&plugins, value);
		} else if (key == KEY_PIPELINE) {
			pipeline = true;
		} else {
			forms += form != (enum describe_key)key;
			form = (enum describe_key)key;
		}
	}
	weir__arguments_operands(&args, pipeline ? 0 : 1, pipeline ? 0 : 1, names);
	check_forms(&args, pipeline, forms, form);
	if (!args.done && pipeline)
		weir__describe_pipeline(form == KEY_JSON);
	else if ((registry = weir__plugins_load(&args, &plugins)))
		describe_processor(&args, registry, form);
	weir__registry_free(registry);
	weir__plugin_paths_fini(&plugins);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_describe = {
	.name = "describe",
	.summary = "describe a processor: options, outputs, stores, an example",
	.usage = "PROCESSOR [--plugins PATH]... [--json|--example|--man]",
	.text = "Describes a processor: its options with type, default and range, its "
		"outputs, stores and tables, an example, and where it was loaded from. "
		"With --pipeline it describes the pipeline file's own keys.",
	.flags = describe_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir describe dedup\nweir describe dedup --example >orders.json\n"
		   "weir describe --pipeline",
	.run = run_describe,
};
