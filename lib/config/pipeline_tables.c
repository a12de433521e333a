/*
 * The tables of a pipeline file: names, topics, and what they must not be.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include <config/json_pointer.h>
#include <config/pipeline_file.h>

#define MOST_TABLES 100

static int
parse_table(struct weir_pipeline *pipeline, const char *place, const char *name,
            const json_t *object, struct weir_error *error)
{
	const struct weir_section *section = weir__pipeline_section("/tables/...");
	struct weir_file_table file = {0};
	char topic_place[200];
	int code = weir__pipeline_check_name(place, name, error);

	if (code == 0 && !json_is_object(object))
		code = weir_error_set(error, WEIR_EINVALID,
		                      "%s: expected an object with the table's topic: "
		                      "{\"topic\": \"...\"}",
		                      place);
	if (code == 0)
		code = weir__options_parse(&section->table, object, place, &file, sizeof(file),
		                           &pipeline->arena, error);
	if (code)
		return code;
	snprintf(topic_place, sizeof(topic_place), "%s/topic", place);
	code = weir__pipeline_check_topic(topic_place, file.topic, error);
	for (size_t index = 0; !code && index < pipeline->table_count; index++)
		if (strcmp(pipeline->tables[index].topic, file.topic) == 0)
			code = weir_error_set(error, WEIR_EINVALID,
			                      "%s: \"%s\" is the topic of table %s already",
			                      topic_place, file.topic,
			                      pipeline->tables[index].name);
	if (code)
		return code;
	pipeline->tables[pipeline->table_count++] = (struct weir_table_topic){
		.name = weir__arena_strdup(&pipeline->arena, name),
		.topic = file.topic,
	};
	return 0;
}

int
weir__pipeline_build_tables(struct weir_pipeline *pipeline, const struct weir_file_root *root,
                            struct weir_error *error)
{
	size_t count = json_object_size(root->tables);
	const char *name;
	json_t *object;

	if (count > MOST_TABLES)
		return weir_error_set(error, WEIR_ELIMIT, "/tables: %zu are more than %d", count,
		                      MOST_TABLES);
	pipeline->tables =
		weir__arena_alloc(&pipeline->arena, (count + 1) * sizeof(*pipeline->tables));
	json_object_foreach ((json_t *)root->tables, name, object) {
		struct weir_buffer place = {0};
		int code;

		if (json_is_null(object)) /* taken back by --set */
			continue;
		weir__buffer_add_text(&place, "/tables");
		weir__json_pointer_add(&place, name);
		code = parse_table(pipeline, place.data, name, object, error);
		weir__buffer_fini(&place);
		if (code)
			return code;
	}
	return 0;
}

int
weir__pipeline_table(const struct weir_pipeline *pipeline, const char *name)
{
	for (size_t index = 0; index < pipeline->table_count; index++)
		if (strcmp(pipeline->tables[index].name, name) == 0)
			return (int)index;
	return -1;
}
