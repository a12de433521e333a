/*
 * weir list: the processors there are. Knows how the registry is filled for commands
 * without a pipeline file; everything printed comes from the descriptors. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>

#include "options.h"
#include "plugins.h"

enum list_key { KEY_PLUGINS = WEIR_OWN, KEY_JSON };

static const struct weir_flag list_flags[] = {
	{KEY_PLUGINS, "plugins", "PATH",
	 "look there too: a plugin file or a folder; may be repeated"},
	{KEY_JSON, "json", NULL, "print JSON, for programs"},
	WEIR_FLAG_END,
};

static int
print_json(const struct weir_registry *registry)
{
	json_t *list = json_array();
	const struct weir_registered *processor;
	size_t i;

	for (i = 0; (processor = weir__registry_at(registry, i)); i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s?}", "name",
						processor->descriptor.name, "summary",
						processor->descriptor.summary, "plugin",
						processor->path));
	weir__json_dump(list);
	json_decref(list);
	return WEIR_EXIT_OK;
}

static int
print_rows(const struct weir_registry *registry)
{
	const struct weir_registered *processor;
	size_t i;

	for (i = 0; (processor = weir__registry_at(registry, i)); i++)
		printf("%-16s %s (%s)\n", processor->descriptor.name,
		       processor->descriptor.summary ? processor->descriptor.summary : "-",
		       processor->path ? processor->path : "linked in");
	if (i == 0)
		fprintf(stderr,
			"weir list: no processors found (looked in WEIR_PLUGIN_PATH and "
			"in %s)\n",
			WEIR_PROCESSOR_DIR);
	return WEIR_EXIT_OK;
}

static int
run_list(const struct weir_command *command, int argc, char **argv)
{
	struct weir_arguments args;
	struct weir_registry *registry;
	struct weir_plugin_paths plugins = {0};
	const char *value;
	bool json = false;
	int key;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0) {
		if (key == KEY_PLUGINS)
			weir__plugin_paths_add(&plugins, value);
		else
			json = true;
	}
	weir__arguments_operands(&args, 0, 0, NULL);
	registry = weir__plugins_load(&args, &plugins);
	if (registry)
		args.status = json ? print_json(registry) : print_rows(registry);
	weir__registry_free(registry);
	weir__plugin_paths_fini(&plugins);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_list = {
	.name = "list",
	.summary = "list the processors that can be used",
	.usage = "[--plugins PATH]... [--json]",
	.text = "Lists the processors that a pipeline can use, and the file that each comes "
		"from. They are looked for in this order, and where a name comes twice the "
		"first one counts: --plugins (in a pipeline file: \"plugins\"), the folders in "
		"WEIR_PLUGIN_PATH (colons between), those built beside a weir that is not "
		"installed, those that are installed. Files and folders are refused that "
		"others than root and you may write to; -v says what was passed over.",
	.flags = list_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir list\nweir list --plugins ./my-processors",
	.run = run_list,
};
