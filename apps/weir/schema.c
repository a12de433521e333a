/*
 * weir schema: a JSON Schema of the pipeline file, with the options of the processors that
 * are found here. Knows how a step's options hang on what it uses; the rest is made of the
 * tables that parse the file. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>

#include <config/option_schema.h>

#include "describe.h"
#include "options.h"
#include "plugins.h"

enum schema_key { KEY_PLUGINS = WEIR_OWN };

static const struct weir_flag schema_flags[] = {
	{KEY_PLUGINS, "plugins", "PATH",
	 "with the processors there, too: a plugin file or a folder; may be repeated"},
	WEIR_FLAG_END,
};

static json_t *
with_ref(const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/with-%s", name));
}

/* Where a step uses this processor, `with` is its options; needed where one is required. */
static json_t *
step_rule(const struct weir_registered *processor, const json_t *options)
{
	const char *name = processor->descriptor.name;
	json_t *then = json_object(), *with = with_ref(name);

	if (json_object_get(options, "required"))
		json_object_set_new(then, "required", json_pack("[s]", "with"));
	else
		with = weir__schema_any(with, json_pack("{s:s}", "type", "null"));
	json_object_set_new(then, "properties", json_pack("{s:o}", "with", with));
	return json_pack("{s:{s:[s], s:{s:{s:s}}}, s:o}", "if", "required", "use", "properties",
			 "use", "const", name, "then", then);
}

/*
 * A file that names no plugins uses what is known here. In one that does, a processor's name
 * may be any; editors offer the known ones.
 */
static void
add_names(json_t *schema, json_t *names)
{
	json_t *step = json_object_get(json_object_get(schema, "$defs"), "step");
	json_t *use = json_object_get(json_object_get(step, "properties"), "use");
	json_t *known = weir__schema_any(json_pack("{s:O}", "enum", names),
					 weir__schema_ref("variable"));
	json_t *rule = json_pack("{s:{s:{s:[s]}}, s:{s:{s:{s:{s:{s:o}}}}}}", "if", "not",
				 "required", "plugins", "then", "properties", "steps", "items",
				 "properties", "use", known);

	json_array_insert_new(json_object_get(use, "anyOf"), 0,
			      json_pack("{s:o}", "enum", names));
	json_array_append_new(json_object_get(schema, "allOf"), rule);
}

static void
add_processors(json_t *schema, const struct weir_registry *registry)
{
	json_t *definitions = json_object_get(schema, "$defs");
	json_t *rules = json_array(), *names = json_array();
	const struct weir_registered *processor;

	for (size_t i = 0; (processor = weir__registry_at(registry, i)); i++) {
		const char *name = processor->descriptor.name;
		json_t *options = weir__schema_object(&processor->options);
		char *key = weir__format("with-%s", name);

		json_object_set_new(
			options, "description",
			json_string(weir__describe_summary(&processor->descriptor)));
		json_array_append_new(rules, step_rule(processor, options));
		json_array_append_new(names, json_string(name));
		json_object_set_new(definitions, key, options);
		free(key);
	}
	json_object_set_new(json_object_get(definitions, "step"), "allOf", rules);
	add_names(schema, names);
}

static void
print_schema(const struct weir_registry *registry)
{
	json_t *pipeline = weir__schema_pipeline();
	json_t *schema = json_pack("{s:s, s:s}", "$schema",
				   "https://json-schema.org/draft/2020-12/schema", "title",
				   "pipeline file of weir " PACKAGE_VERSION);

	add_processors(pipeline, registry);
	json_object_update(schema, pipeline);
	weir__json_dump(schema);
	json_decref(pipeline);
	json_decref(schema);
}

static int
run_schema(const struct weir_command *command, int argc, char **argv)
{
	struct weir_arguments args;
	struct weir_registry *registry;
	struct weir_plugin_paths plugins = {0};
	const char *value;

	weir__arguments_init(&args, command, argc, argv);
	while (weir__arguments_next(&args, &value) > 0)
		weir__plugin_paths_add(&plugins, value);
	weir__arguments_operands(&args, 0, 0, NULL);
	registry = weir__plugins_load(&args, &plugins);
	if (registry)
		print_schema(registry);
	weir__registry_free(registry);
	weir__plugin_paths_fini(&plugins);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_schema = {
	.name = "schema",
	.summary = "print a JSON Schema of the pipeline file, for editors",
	.usage = "[--plugins PATH]...",
	.text = "Prints a JSON Schema (draft 2020-12) of the pipeline file, with the options of "
		"all processors found, so that editors complete and check it. A pipeline file "
		"names it in \"$schema\", which weir itself does not look at. What the schema "
		"refuses weir refuses, too; weir check also finds what no schema can tell.",
	.flags = schema_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir schema >weir.schema.json\n"
		   "weir schema --plugins ./my-processors >weir.schema.json",
	.run = run_schema,
};
