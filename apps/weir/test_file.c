/*
 * Files of cases for `weir test`: reading one, and its life. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_cases.h"

#define FILE_BYTES_MAX ((size_t)64 << 20)

int
weir__cases_parse(struct weir_cases *cases, const char *path, const char *text, size_t size,
		  bool update, struct weir_error *error)
{
	const char *slash = strrchr(path, '/');
	json_error_t reason;

	cases->path = path;
	cases->folder = slash ? weir__strndup(path, (size_t)(slash - path) + (slash == path))
			      : weir__strdup(".");
	cases->root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
	if (!cases->root)
		return weir_error_set(error, WEIR_EJSON, "%s:%d:%d: %s", path, reason.line,
				      reason.column, reason.text);
	cases->cases = json_object_get(cases->root, "cases");
	cases->count = json_array_size(cases->cases);
	return weir__cases_check(cases, update, error);
}

static int
read_file(const char *path, struct weir_buffer *text, struct weir_error *error)
{
	FILE *file = fopen(path, "re");
	char block[65536];
	size_t size;
	int code = 0;

	if (!file)
		return weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	weir__buffer_add(text, "", 0);
	while ((size = fread(block, 1, sizeof(block), file)) > 0 && text->size <= FILE_BYTES_MAX)
		weir__buffer_add(text, block, size);
	if (ferror(file))
		code = weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	else if (text->size > FILE_BYTES_MAX)
		code = weir_error_set(error, WEIR_ELIMIT, "%s: larger than 64 MiB", path);
	fclose(file);
	return code;
}

int
weir__cases_load(struct weir_cases *cases, const char *path, bool update,
		 struct weir_error *error)
{
	int code = read_file(path, &cases->text, error);

	return code ? code
		    : weir__cases_parse(cases, path, cases->text.data ? cases->text.data : "",
					cases->text.size, update, error);
}

void
weir__cases_fini(struct weir_cases *cases)
{
	json_decref(cases->root);
	free(cases->folder);
	weir__buffer_fini(&cases->text);
	memset(cases, 0, sizeof(*cases));
}

const char *
weir__case_name(const struct weir_cases *cases, size_t index)
{
	return json_string_value(json_object_get(json_array_get(cases->cases, index), "name"));
}
