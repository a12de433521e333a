/*
 * The plan of `weir reset` for people, as tables, and for programs, as JSON. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plugins.h"
#include "reset.h"

static char *
place_name(const struct reset_input *input)
{
	return weir__format("%s[%" PRId32 "]", input->topic, input->partition);
}

static int
wider(int width, const char *text)
{
	return (int)strlen(text) > width ? (int)strlen(text) : width;
}

static void
print_input(const struct reset_input *input, int width)
{
	int64_t moves = weir__reset_moves(input);
	char *name = place_name(input);
	char from[24] = "none";

	if (input->committed != WEIR_OFFSET_NONE)
		snprintf(from, sizeof(from), "%" PRId64, input->committed);
	printf("%-*s  %12s  %12" PRId64 "  %12" PRId64 "%s\n", width, name, from, input->to,
	       moves < 0 ? -moves : moves,
	       moves < 0 ? " again" : moves > 0 ? " skipped" : "");
	free(name);
}

static void
print_inputs(const struct reset *reset)
{
	int width = 5;

	for (size_t index = 0; index < reset->input_count; index++) {
		char *name = place_name(&reset->inputs[index]);

		width = wider(width, name);
		free(name);
	}
	printf("%-*s  %12s  %12s  %12s\n", width, "INPUT", "FROM", "TO", "RECORDS");
	for (size_t index = 0; index < reset->input_count; index++)
		print_input(&reset->inputs[index], width);
}

static void
print_stores(const struct reset *reset)
{
	int width = 9;

	for (size_t index = 0; index < reset->folder_count; index++)
		width = wider(width, reset->folders[index].path);
	for (size_t index = 0; index < reset->changelog_count; index++)
		width = wider(width, reset->changelogs[index].name);
	printf("\n%-*s  %12s\n", width, "CHANGELOG", "RECORDS");
	for (size_t index = 0; index < reset->changelog_count; index++) {
		const struct reset_changelog *changelog = &reset->changelogs[index];

		if (changelog->is_there)
			printf("%-*s  %12" PRId64 "\n", width, changelog->name,
			       changelog->records);
		else
			printf("%-*s  %12s\n", width, changelog->name, "none");
	}
	printf("\n%-*s  %12s\n", width, "STORES", "BYTES");
	for (size_t index = 0; index < reset->folder_count; index++)
		printf("%-*s  %12" PRId64 "\n", width, reset->folders[index].path,
		       reset->folders[index].bytes);
}

void
weir__reset_print(const struct reset *reset)
{
	printf("%s to %s%s\n", reset->pipeline->name, reset->to_text,
	       reset->unfinished ? "; a reset before this one was not finished" : "");
	print_inputs(reset);
	if (reset->stores)
		print_stores(reset);
	fflush(stdout);
}

static json_t *
inputs_json(const struct reset *reset)
{
	json_t *list = json_array();

	for (size_t index = 0; index < reset->input_count; index++) {
		const struct reset_input *input = &reset->inputs[index];
		int64_t moves = weir__reset_moves(input);

		json_array_append_new(
			list,
			json_pack("{s:s, s:i, s:o, s:I, s:I, s:I}", "topic", input->topic,
				  "partition", (int)input->partition, "from",
				  input->committed == WEIR_OFFSET_NONE
					  ? json_null()
					  : json_integer(input->committed),
				  "to", (json_int_t)input->to, "again",
				  (json_int_t)(moves < 0 ? -moves : 0), "skipped",
				  (json_int_t)(moves > 0 ? moves : 0)));
	}
	return list;
}

static json_t *
changelogs_json(const struct reset *reset)
{
	json_t *list = json_array();

	for (size_t index = 0; index < reset->changelog_count; index++) {
		const struct reset_changelog *changelog = &reset->changelogs[index];

		json_array_append_new(list, json_pack("{s:s, s:o}", "topic", changelog->name,
						      "records",
						      changelog->is_there
							      ? json_integer(changelog->records)
							      : json_null()));
	}
	return list;
}

void
weir__reset_print_json(const struct reset *reset, bool done)
{
	json_t *stores = json_array();
	json_t *json;

	for (size_t index = 0; index < reset->folder_count; index++)
		json_array_append_new(stores, json_pack("{s:s, s:I}", "folder",
							reset->folders[index].path, "bytes",
							(json_int_t)reset->folders[index].bytes));
	json = json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:b}", "name", reset->pipeline->name,
			 "to", reset->to_text, "inputs", inputs_json(reset), "changelogs",
			 changelogs_json(reset), "stores", stores, "unfinished",
			 (int)reset->unfinished, "done", (int)done);
	weir__json_dump(json);
	json_decref(json);
}
