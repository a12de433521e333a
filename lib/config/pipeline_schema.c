/*
 * The pipeline file as JSON Schema: its sections by their tables, and what no single row can
 * say (names, topics, what belongs to what). Does not know processors.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <string.h>

#include <config/option_schema.h>
#include <config/pipeline_file.h>

#define NAME_PATTERN "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"
#define TOPIC_PATTERN "^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,249}$"
#define VARIABLE_PATTERN "\\$|^@file:"

/* Any string may come from elsewhere. */
static json_t *
or_variable(const char *name)
{
	return weir__schema_any(weir__schema_ref(name), weir__schema_ref("variable"));
}

static json_t *
or_null(json_t *schema)
{
	return weir__schema_any(schema, json_pack("{s:s}", "type", "null"));
}

/* A key's value in the schema of its section. */
static void
set_value(json_t *section, const struct weir_section *rows, const char *key, json_t *value)
{
	struct weir_option row;
	bool is_there = weir__option_find(&rows->table, key, &row);

	assert(is_there);
	json_object_set_new(json_object_get(section, "properties"), key,
			    weir__schema_row(&row, value));
}

static json_t *
section_schema(const char *path)
{
	const struct weir_section *section = weir__pipeline_section(path);
	json_t *schema = weir__schema_object(&section->table);

	json_object_set_new(schema, "description", json_string(section->help));
	return schema;
}

/* An object of names, each with such a value. */
static json_t *
named(json_t *value)
{
	return json_pack("{s:s, s:o, s:o}", "type", "object", "propertyNames",
			 weir__schema_ref("name"), "additionalProperties", value);
}

/* ---- sections ---- */

static json_t *
property_values(void)
{
	return json_pack("{s:[s, s, s, s]}", "type", "string", "number", "boolean", "null");
}

/* What is weir's own in /kafka has no place in the object of one client. */
static json_t *
client_schema(const struct weir_section *kafka)
{
	json_t *own = json_object();
	struct weir_option row;

	for (size_t i = 0; weir__option_row(&kafka->table, i, &row); i++)
		json_object_set_new(own, row.name, json_false());
	return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", own,
			 "additionalProperties", property_values());
}

static json_t *
kafka_schema(void)
{
	const struct weir_section *section = weir__pipeline_section("/kafka");
	json_t *schema = section_schema("/kafka");

	json_object_set_new(schema, "additionalProperties", property_values());
	set_value(schema, section, "consumer", client_schema(section));
	set_value(schema, section, "producer", client_schema(section));
	return schema;
}

static json_t *
step_schema(void)
{
	const struct weir_section *section = weir__pipeline_section("/steps/...");
	json_t *schema = section_schema("/steps/...");

	set_value(schema, section, "name", weir__schema_ref("name"));
	set_value(schema, section, "use", weir__schema_ref("name"));
	set_value(schema, section, "outputs",
		  json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
			    or_variable("name")));
	return schema;
}

static json_t *
topic_section(const char *path)
{
	json_t *schema = section_schema(path);

	set_value(schema, weir__pipeline_section(path), "topic", weir__schema_ref("topic"));
	return schema;
}

static json_t *
inputs_schema(void)
{
	json_t *list = json_pack("{s:s, s:o, s:i, s:b}", "type", "array", "items",
				 or_variable("topic"), "minItems", 1, "uniqueItems", 1);

	return weir__schema_any(weir__schema_ref("topic"), list);
}

static json_t *
outputs_schema(void)
{
	json_t *schema = named(or_null(or_variable("topic")));

	json_object_set_new(schema, "minProperties", json_integer(1));
	return schema;
}

/* Without steps records are copied to "default"; dead letters need a topic. */
static json_t *
rules(void)
{
	json_t *copies = json_pack("{s:{s:{s:{s:i}}}, s:{s:{s:{s:[s]}}}}", "if", "properties",
				   "steps", "maxItems", 0, "then", "properties", "outputs",
				   "required", "default");
	json_t *letters = json_pack("{s:{s:[s], s:{s:{s:[s], s:{s:{s:s}}}}}, s:{s:[s], s:{s:{s:s}}}}",
				    "if", "required", "errors", "properties", "errors", "required",
				    "on_reject", "properties", "on_reject", "const", "dead-letter",
				    "then", "required", "dead_letter", "properties",
				    "dead_letter", "type", "object");

	return json_pack("[o, o]", copies, letters);
}

static json_t *
definitions(void)
{
	json_t *variable = weir__schema_pattern(VARIABLE_PATTERN);

	json_object_set_new(variable, "description",
			    json_string("with ${NAME}, ${NAME:-otherwise} or $$ in it, or "
					"@file:PATH: known where the app runs"));
	return json_pack("{s:o, s:o, s:o, s:o}", "variable", variable, "name",
			 weir__schema_pattern(NAME_PATTERN), "topic",
			 weir__schema_pattern(TOPIC_PATTERN), "step", step_schema());
}

json_t *
weir__schema_pipeline(void)
{
	const struct weir_section *root = weir__pipeline_section("");
	json_t *schema = section_schema("");
	json_t *paths = weir__schema_strings(weir__schema_pattern("."));

	set_value(schema, root, "name", weir__schema_ref("name"));
	set_value(schema, root, "instance", weir__schema_ref("name"));
	set_value(schema, root, "inputs", inputs_schema());
	set_value(schema, root, "outputs", outputs_schema());
	set_value(schema, root, "kafka", kafka_schema());
	set_value(schema, root, "steps",
		  json_pack("{s:s, s:o}", "type", "array", "items", weir__schema_ref("step")));
	set_value(schema, root, "tables", named(or_null(topic_section("/tables/..."))));
	set_value(schema, root, "dead_letter", topic_section("/dead_letter"));
	set_value(schema, root, "errors", section_schema("/errors"));
	set_value(schema, root, "commit", section_schema("/commit"));
	set_value(schema, root, "plugins", paths);
	set_value(schema, root, "state_dir", weir__schema_pattern("."));
	json_object_set_new(schema, "allOf", rules());
	json_object_set_new(schema, "$defs", definitions());
	return schema;
}
