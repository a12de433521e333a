/*
 * Loading a pipeline file: read, bound, parse, override, expand; then pipeline_build.c.
 *
 * Knows the order of these and puts the file's name before every message. jansson's words
 * are cut before they quote the input, which may hold a password.
 *
 * Any thread; a pipeline is read-only once loaded.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config/pipeline_file.h>

int
weir__pipeline_read(const char *path, size_t most_bytes, char **text, size_t *size,
		    struct weir_error *error)
{
	FILE *file = fopen(path, "re");
	int code = 0;

	if (!file)
		return weir_error_set(error, errno == ENOENT ? WEIR_ENOTFOUND : WEIR_EIO,
				      "%s: %s", path, strerror(errno));
	*text = weir__alloc(most_bytes + 1);
	*size = fread(*text, 1, most_bytes + 1, file);
	if (ferror(file))
		code = weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	else if (*size > most_bytes)
		code = weir_error_set(error, WEIR_ELIMIT, "%s: larger than %zu KiB", path,
				      most_bytes / 1024);
	else
		(*text)[*size] = '\0';
	fclose(file);
	if (code) {
		free(*text);
		*text = NULL;
	}
	return code;
}

char *
weir__pipeline_path(const char *folder, const char *path)
{
	if (*path == '/')
		return weir__strdup(path);
	return weir__format("%s/%s", folder && *folder ? folder : ".", path);
}

bool
weir__pipeline_too_deep(const char *text, size_t size, size_t *line, size_t *column)
{
	int levels = 0;
	bool in_string = false;

	*line = 1;
	*column = 0;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];

		*column += ((unsigned char)c & 0xc0) != 0x80; /* characters, not bytes */
		if (c == '\n') {
			++*line;
			*column = 0;
			in_string = false; /* no string goes on here; a fault for the
					      parser */
		} else if (in_string && c == '\\') {
			*column += 1;
			i++;
		} else if (c == '"') {
			in_string = !in_string;
		} else if (!in_string && (c == '{' || c == '[')) {
			if (++levels > WEIR_PIPELINE_MOST_LEVELS)
				return true;
		} else if (!in_string && (c == '}' || c == ']')) {
			levels--;
		}
	}
	return false;
}

/* jansson passes over a zero byte behind a number or a word: JSON has none anywhere. */
static int
check_zero_bytes(const char *text, size_t size, const char *name,
		 struct weir_error *error)
{
	const char *zero = memchr(text, '\0', size);
	size_t line = 1, column = 1;

	if (!zero)
		return 0;
	for (; text < zero; text++) {
		column += ((unsigned char)*text & 0xc0) != 0x80;
		if (*text == '\n') {
			line++;
			column = 1;
		}
	}
	return weir_error_set(error, WEIR_EJSON, "%s:%zu:%zu: not JSON: a zero byte",
			      name, line, column);
}

/*
 * The text as JSON, new reference; NULL with "NAME:LINE:COLUMN: reason". The first fault
 * is named, be it of grammar or of depth (jansson itself goes 2048 levels deep, which is
 * safe).
 */
static json_t *
parse_text(const char *text, size_t size, const char *name, struct weir_error *error)
{
	size_t line, column;
	bool is_too_deep = weir__pipeline_too_deep(text, size, &line, &column);
	json_error_t fault;
	json_t *root =
		json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
	size_t fault_line = fault.line > 0 ? (size_t)fault.line : 1;
	size_t fault_column = fault.column > 0 ? (size_t)fault.column : 1;
	char *quote;

	if (root && !is_too_deep) {
		if (check_zero_bytes(text, size, name, error) == 0)
			return root;
		json_decref(root);
		return NULL;
	}
	if (root || (is_too_deep && (line < fault_line ||
				     (line == fault_line && column <= fault_column)))) {
		json_decref(root);
		weir_error_set(error, WEIR_ELIMIT,
			       "%s:%zu:%zu: nested deeper than %d levels", name, line,
			       column, WEIR_PIPELINE_MOST_LEVELS);
		return NULL;
	}
	quote = strstr(fault.text, " near ");
	if (quote)
		*quote = '\0';
	weir_error_set(error, WEIR_EJSON, "%s:%zu:%zu: not JSON: %s", name, fault_line,
		       fault_column, fault.text);
	return NULL;
}

static int
fill(struct weir_pipeline *pipeline, const char *folder,
     const struct weir_override *overrides, size_t override_count,
     struct weir_error *error)
{
	int code;

	if (!json_is_object(pipeline->root))
		return weir_error_set(error, WEIR_EINVALID, "expected a JSON object");
	code = weir__pipeline_override(pipeline->root, overrides, override_count, error);
	if (code == 0)
		code = weir__pipeline_expand(pipeline->root, folder, error);
	if (code == 0)
		code = weir__pipeline_build(pipeline, folder, error);
	return code;
}

struct weir_pipeline *
weir__pipeline_parse(const char *text, size_t size, const char *name, const char *folder,
		     const struct weir_override *overrides, size_t override_count,
		     struct weir_error *error)
{
	struct weir_pipeline *pipeline;
	struct weir_error reason = {0};
	json_t *root;
	int code;

	if (size > WEIR_PIPELINE_MOST_BYTES) {
		weir_error_set(error, WEIR_ELIMIT, "%s: larger than 1024 KiB", name);
		return NULL;
	}
	root = parse_text(text, size, name, error);
	if (!root)
		return NULL;
	pipeline = weir__calloc(1, sizeof(*pipeline));
	pipeline->root = root;
	pipeline->path = weir__arena_strdup(&pipeline->arena, name);
	code = fill(pipeline, folder, overrides, override_count, &reason);
	if (code == 0)
		return pipeline;
	weir_error_set(error, code, "%s: %s", name, reason.message);
	weir__pipeline_free(pipeline);
	return NULL;
}

struct weir_pipeline *
weir__pipeline_load(const char *path, const struct weir_override *overrides,
		    size_t override_count, struct weir_error *error)
{
	const char *slash = strrchr(path, '/');
	struct weir_pipeline *pipeline;
	char *folder, *text;
	size_t size;

	if (weir__pipeline_read(path, WEIR_PIPELINE_MOST_BYTES, &text, &size, error) != 0)
		return NULL;
	if (!slash)
		folder = weir__strdup(".");
	else
		folder = weir__strndup(path, slash == path ? 1 : (size_t)(slash - path));
	pipeline = weir__pipeline_parse(text, size, path, folder, overrides,
					override_count, error);
	explicit_bzero(text, size); /* it may hold passwords */
	free(text);
	free(folder);
	return pipeline;
}

void
weir__pipeline_free(struct weir_pipeline *pipeline)
{
	if (!pipeline)
		return;
	weir__properties_fini(&pipeline->consumer);
	weir__properties_fini(&pipeline->producer);
	weir__properties_fini(&pipeline->client);
	weir__arena_fini(&pipeline->arena);
	json_decref(pipeline->root);
	free(pipeline);
}

int
weir__pipeline_output(const struct weir_pipeline *pipeline, const char *name)
{
	for (size_t i = 0; i < pipeline->output_count; i++) {
		if (strcmp(pipeline->outputs[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}
