/*
 * The pipeline file's own keys, from the tables that parse it. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>

#include <base/alloc.h>
#include <config/pipeline.h>

#include "describe.h"
#include "plugins.h"

static void
print_section(const struct weir_section *section)
{
	struct weir_buffer rows = {0};

	printf("%s: %s\n", section->path[0] ? section->path : "(top)", section->help);
	weir__options_help(&section->table, &rows);
	if (rows.size)
		fputs(rows.data, stdout);
	if (section->other_keys)
		printf("  (%s)\n", section->other_keys);
	weir__buffer_fini(&rows);
}

static json_t *
section_json(const struct weir_section *section)
{
	return json_pack("{s:s, s:s, s:o, s:s*}", "path", section->path, "help",
			 section->help, "options", weir__options_json(&section->table),
			 "other_keys", section->other_keys);
}

void
weir__describe_pipeline(bool json)
{
	const struct weir_section *section;
	json_t *list = json_array();

	for (section = weir__pipeline_sections(); section->path; section++) {
		if (json) {
			json_array_append_new(list, section_json(section));
			continue;
		}
		if (section->path[0])
			putchar('\n');
		print_section(section);
	}
	if (json)
		weir__json_dump(list);
	json_decref(list);
}
