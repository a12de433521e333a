/*
 * Tables for `weir pipe`: each file's lines are put into a topic of the embedded broker, and
 * the tables are read from there to their ends before the first line of the input is taken.
 * Nothing is put there later, so they are not fed again. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <config/json_pointer.h>
#include <weir/json.h>

#include "lines.h"
#include "pipe_tables.h"

/* ---- arguments ---- */

static void
add(struct pipe_table_option **options, size_t *count, struct pipe_table_option option)
{
	*options = weir__realloc(*options, (*count + 1) * sizeof(**options));
	(*options)[(*count)++] = option;
}

/* What is said of this table, else of all; NULL: nothing. The last one counts. */
static const char *
find(const struct pipe_table_option *options, size_t count, const char *name)
{
	const char *of_all = NULL;

	for (size_t i = count; i-- > 0;) {
		if (options[i].name && strcmp(options[i].name, name) == 0)
			return options[i].text;
		if (!options[i].name && !of_all)
			of_all = options[i].text;
	}
	return of_all;
}

int
weir__pipe_tables_take(struct pipe_tables *tables, struct weir_arguments *args,
		       const char *value)
{
	struct pipe_table_option option;

	if (weir__arguments_pair(args, "--table", value, &option.name, &option.text) != 0)
		return -1;
	add(&tables->files, &tables->file_count, option);
	return 0;
}

int
weir__pipe_tables_take_key(struct pipe_tables *tables, struct weir_arguments *args,
			   const char *value)
{
	struct pipe_table_option option = {NULL, value};

	if (value[0] != '/' && weir__arguments_pair(args, "--table-key", value, &option.name,
						    &option.text) != 0)
		return -1;
	add(&tables->keys, &tables->key_count, option);
	if (option.text[0] == '/' && weir__json_pointer_valid(option.text))
		return 0;
	return weir__arguments_bad(args, "--table-key: %s is no JSON pointer (like /id)",
				   option.text);
}

static int
check_names(const struct pipe_table_option *options, size_t count, const char *what,
	    const struct weir_pipeline *pipeline, struct weir_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (options[i].name && weir__pipeline_table(pipeline, options[i].name) < 0)
			return weir_error_set(error, WEIR_EINVALID, "%s: %s has no table \"%s\"",
					      what, pipeline->path, options[i].name);
	return 0;
}

/* On the embedded broker a topic that has another role too would get both's records. */
static int
check_topic(const struct weir_table_topic *table, const struct weir_pipeline *pipeline,
	    struct weir_error *error)
{
	bool shared = pipeline->dead_letter_topic &&
		      strcmp(pipeline->dead_letter_topic, table->topic) == 0;

	for (size_t i = 0; i < pipeline->input_count; i++)
		shared |= strcmp(pipeline->inputs[i], table->topic) == 0;
	for (size_t i = 0; i < pipeline->output_count; i++)
		shared |= strcmp(pipeline->outputs[i].topic, table->topic) == 0;
	if (!shared)
		return 0;
	return weir_error_set(error, WEIR_EINVALID,
			      "table %s: its topic %s is read or written by the pipeline too, "
			      "which a pipe cannot do",
			      table->name, table->topic);
}

/* ---- keys ---- */

char *
weir__pipe_line_key(struct weir_bytes line, const char *pointer, size_t *size)
{
	struct weir_bytes found;
	json_t *string;
	char *key = NULL;

	if (weir_json_check(line, NULL) != 0 || weir_json_find(line, pointer, &found) != 0 ||
	    *(const char *)found.data == 'n')
		return NULL;
	*size = found.size;
	if (*(const char *)found.data != '"')
		return weir__strndup(found.data, found.size);
	string = json_loadb(found.data, found.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (string) {
		*size = json_string_length(string);
		key = weir__strndup(json_string_value(string), *size);
	}
	json_decref(string);
	return key;
}

/* Into the message. *owned is to be freed. False: it has none. */
static bool
split(struct weir_bytes line, const char *pointer, struct weir_message *message, char **owned)
{
	const char *tab;

	*owned = NULL;
	message->value = line;
	if (pointer) {
		*owned = weir__pipe_line_key(line, pointer, &message->key.size);
		message->key.data = *owned;
		return *owned != NULL;
	}
	tab = memchr(line.data, '\t', line.size);
	if (!tab)
		return false;
	message->key = (struct weir_bytes){line.data, (size_t)(tab - (const char *)line.data)};
	message->value.data = tab + 1;
	message->value.size = line.size - message->key.size - 1;
	return true;
}

/* ---- files ---- */

static int
append(struct weir_memory *memory, const char *topic, struct weir_bytes line,
       const char *pointer, struct weir_error *error)
{
	struct weir_message message = {.timestamp_ms = -1};
	char *owned;
	int code;

	if (!split(line, pointer, &message, &owned))
		return weir_error_set(error, WEIR_EINVALID,
				      pointer ? "no key at %s (--table-key)"
					      : "no key: a tab behind it, or --table-key%s",
				      pointer ? pointer : " POINTER for lines of JSON");
	code = weir__memory_append(memory, topic, 0, &message);
	free(owned);
	return code ? weir_error_set(error, code, "%s", weir_strerror(code)) : 0;
}

static int
load_file(FILE *file, const struct weir_table_topic *table, const char *path,
	  const char *pointer, struct weir_memory *memory, struct weir_error *error)
{
	unsigned long long number = 0;
	struct weir_error inner = {0};
	size_t capacity = 0;
	char *line = NULL;
	ssize_t size;
	int code = 0;

	errno = 0;
	while (code == 0 && (size = getline(&line, &capacity, file)) >= 0) {
		struct weir_bytes bytes = {line, (size_t)size};

		number++;
		bytes.size -= size > 0 && line[size - 1] == '\n';
		code = append(memory, table->topic, bytes, pointer, &inner);
	}
	if (code)
		weir_error_set(error, code, "table %s: %s: line %llu: %s", table->name, path,
			       number, inner.message);
	else if (ferror(file))
		code = weir_error_set(error, WEIR_EIO, "table %s: %s: %s", table->name, path,
				      strerror(errno));
	free(line);
	return code;
}

static int
load(const struct pipe_tables *tables, const struct weir_table_topic *table,
     struct weir_memory *memory, struct weir_error *error)
{
	const char *path = find(tables->files, tables->file_count, table->name);
	const char *pointer = find(tables->keys, tables->key_count, table->name);
	FILE *file;
	int code;

	if (!path)
		return weir_error_set(error, WEIR_EINVALID,
				      "table %s has no records here: name a file of them with "
				      "--table %s=FILE",
				      table->name, table->name);
	file = fopen(path, "re");
	if (!file)
		return weir_error_set(error, WEIR_EIO, "table %s: %s: %s", table->name, path,
				      strerror(errno));
	code = load_file(file, table, path, pointer, memory, error);
	fclose(file);
	return code;
}

/* ---- the tables ---- */

void
weir__pipe_tables_forget(const struct weir_pipeline *pipeline, struct weir_memory *memory)
{
	int64_t low, high;

	for (size_t i = 0; i < pipeline->table_count; i++)
		if (weir__broker_range(weir__memory_broker(memory), pipeline->tables[i].topic, 0,
				       &low, &high, 0, NULL) == 0)
			weir__memory_delete_records(memory, pipeline->tables[i].topic, 0, high);
}

int
weir__pipe_tables_fill(const struct pipe_tables *tables, const struct weir_pipeline *pipeline,
		       const char *folder, struct weir_memory *memory, struct weir_error *error)
{
	int code = check_names(tables->files, tables->file_count, "--table", pipeline, error);

	if (code == 0)
		code = check_names(tables->keys, tables->key_count, "--table-key", pipeline,
				   error);
	if (code != 0 || pipeline->table_count == 0)
		return code;
	if (!folder[0])
		return weir_error_set(error, WEIR_EIO,
				      "cannot make a folder for tables in TMPDIR or /tmp");
	for (size_t i = 0; code == 0 && i < pipeline->table_count; i++) {
		code = check_topic(&pipeline->tables[i], pipeline, error);
		if (code == 0)
			code = load(tables, &pipeline->tables[i], memory, error);
	}
	return code;
}

static void
free_options(struct pipe_table_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(options[i].name);
	free(options);
}

void
weir__pipe_tables_fini(struct pipe_tables *tables)
{
	free_options(tables->files, tables->file_count);
	free_options(tables->keys, tables->key_count);
}
