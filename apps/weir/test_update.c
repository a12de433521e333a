/*
 * `weir test --update`: what came out into the file, and no other byte of it changed. Knows
 * how a list of records is laid out where it goes: one a line, two blanks further in than the
 * line it begins in. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <config/json_pointer.h>
#include <weir/json.h>

#include "test_cases.h"

#define INDENT 2

void
weir__case_edits_add(struct weir_case_edits *edits, const char *pointer, const char *value)
{
	edits->items =
		weir__realloc(edits->items, (edits->count + 1) * sizeof(*edits->items));
	edits->items[edits->count++] =
		(struct weir_case_edit){weir__strdup(pointer), weir__strdup(value)};
}

void
weir__case_edits_fini(struct weir_case_edits *edits)
{
	for (size_t index = 0; index < edits->count; index++) {
		free(edits->items[index].pointer);
		free(edits->items[index].value);
	}
	free(edits->items);
	memset(edits, 0, sizeof(*edits));
}

/* The blanks that the line begins with in which this place is. */
static size_t
indent_at(const char *text, const char *place)
{
	const char *line = place;
	size_t indent = 0;

	while (line > text && line[-1] != '\n')
		line--;
	while (line[indent] == ' ')
		indent++;
	return indent;
}

/* A list as weir_test_got() prints it, laid out for its place. */
static void
lay_out(const char *value, size_t indent, struct weir_buffer *out)
{
	for (; *value; value++) {
		weir__buffer_add(out, value, 1);
		if (*value == '\n')
			weir__buffer_printf(out, "%*s", (int)indent, "");
	}
}

/* In place of what is at the pointer. False: nothing is. */
static bool
put(struct weir_buffer *text, const struct weir_case_edit *edit)
{
	struct weir_bytes bytes = {text->data, text->size}, found;
	struct weir_buffer changed = {0};
	const char *end;

	if (weir_json_find(bytes, edit->pointer, &found) != 0)
		return false;
	end = (const char *)found.data + found.size;
	weir__buffer_add(&changed, text->data, (size_t)((const char *)found.data - text->data));
	lay_out(edit->value, indent_at(text->data, found.data), &changed);
	weir__buffer_add(&changed, end, (size_t)(text->data + text->size - end));
	weir__buffer_fini(text);
	*text = changed;
	return true;
}

/* "NAME": and the value, in as many objects as the pointer has tokens more, each on a line. */
static void
add_member(const char *pointer, const char *value, size_t indent, struct weir_buffer *out)
{
	char *name = weir__json_pointer_next(&pointer);
	json_t *string = json_string(name);
	char *quoted = json_dumps(string, JSON_ENCODE_ANY);

	weir__buffer_printf(out, "\n%*s%s: ", (int)indent, "", quoted);
	free(quoted);
	json_decref(string);
	free(name);
	if (!*pointer) {
		lay_out(value, indent, out);
		return;
	}
	weir__buffer_add_text(out, "{");
	add_member(pointer, value, indent + INDENT, out);
	weir__buffer_printf(out, "\n%*s}", (int)indent, "");
}

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* As the last member of the object that is there. False: it is none. */
static bool
insert(struct weir_buffer *text, const struct weir_case_edit *edit)
{
	char *around = weir__strdup(edit->pointer), *slash;
	struct weir_bytes bytes = {text->data, text->size}, found = {NULL, 0};
	struct weir_buffer changed = {0};
	size_t indent, at, end;

	while ((slash = strrchr(around, '/'))) {
		*slash = '\0';
		if (weir_json_find(bytes, around, &found) == 0)
			break;
	}
	at = strlen(around);
	free(around);
	if (!found.data || *(const char *)found.data != '{')
		return false;
	indent = indent_at(text->data, found.data);
	end = (size_t)((const char *)found.data - text->data) + found.size - 1; /* the } */
	bytes.size = end;
	while (is_blank(text->data[bytes.size - 1]))
		bytes.size--;
	weir__buffer_add(&changed, text->data, bytes.size);
	if (text->data[bytes.size - 1] != '{')
		weir__buffer_add_text(&changed, ",");
	add_member(edit->pointer + at, edit->value, indent + INDENT, &changed);
	weir__buffer_printf(&changed, "\n%*s", (int)indent, "");
	weir__buffer_add(&changed, text->data + end, text->size - end);
	weir__buffer_fini(text);
	*text = changed;
	return true;
}

/* Into the file's place at once, so that it is never half a file. */
static int
replace_file(const char *path, const struct weir_buffer *text, struct weir_error *error)
{
	char *real = realpath(path, NULL);
	char *new = weir__format("%s.new", real ? real : path);
	FILE *file = real ? fopen(new, "wxe") : NULL;
	struct stat status;
	int code = 0;

	if (file && stat(real, &status) == 0)
		fchmod(fileno(file), status.st_mode & 07777);
	if (!file || fwrite(text->data, 1, text->size, file) != text->size ||
	    fflush(file) != 0 || rename(new, real) != 0) {
		code = weir_error_set(error, WEIR_EIO, "%s: cannot be updated: %s", path,
				      strerror(errno));
		if (file)
			unlink(new);
	}
	if (file)
		fclose(file);
	free(new);
	free(real);
	return code;
}

bool
weir__case_edits_apply(const struct weir_case_edits *edits, struct weir_buffer *text,
		       struct weir_error *error)
{
	for (size_t index = 0; index < edits->count; index++) {
		const struct weir_case_edit *edit = &edits->items[index];

		if (put(text, edit) || insert(text, edit))
			continue;
		weir_error_set(error, WEIR_EINVALID, "%s has no place there", edit->pointer);
		return false;
	}
	return true;
}

int
weir__cases_update(struct weir_cases *cases, const struct weir_case_edits *edits,
		   struct weir_error *error)
{
	struct weir_error inner = {0};
	struct weir_buffer text = {0};
	int code;

	weir__buffer_add(&text, cases->text.data, cases->text.size);
	if (weir__case_edits_apply(edits, &text, &inner))
		code = replace_file(cases->path, &text, error);
	else
		code = weir_error_set(error, WEIR_EINVALID, "%s: %s", cases->path, inner.message);
	weir__buffer_fini(&text);
	return code;
}
