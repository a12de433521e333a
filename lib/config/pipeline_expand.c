/*
 * ${NAME}, ${NAME:-otherwise}, $$ and @file:PATH inside the strings of the pipeline file.
 *
 * Runs after parsing, so that no value of the environment can change the file's shape.
 * What was put in is not looked at again. A dollar before anything else stays (jq
 * programs are full of them). Messages name variables and files, never what they hold.
 *
 * Any thread, but reads the environment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config/json_pointer.h>
#include <config/pipeline_file.h>

#define FILE_PREFIX "@file:"
#define MOST_EXPANDED_BYTES (16 * WEIR_PIPELINE_MOST_BYTES) /* of all strings together   \
							     */

struct expander {
	const char *folder;
	size_t expanded_bytes;
	struct weir_buffer place; /* of the string at hand */
	struct weir_error *error;
};

static const char *
place_text(const struct expander *expander)
{
	return expander->place.size > 0 ? expander->place.data : "/";
}

static bool
is_variable_name(const char *text, size_t size)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (size == 0 || size > 255 || !strchr(letters, text[0]))
		return false;
	for (size_t i = 1; i < size; i++) {
		if (!strchr(letters, text[i]) && !(text[i] >= '0' && text[i] <= '9'))
			return false;
	}
	return true;
}

/* `text` is what stands between the braces. */
static int
add_variable(struct expander *expander, const char *text, size_t size,
	     struct weir_buffer *out)
{
	const char *otherwise = memmem(text, size, ":-", 2);
	size_t name_size = otherwise ? (size_t)(otherwise - text) : size;
	const char *value;
	char *name;

	if (!is_variable_name(text, name_size))
		return weir_error_set(expander->error, WEIR_EINVALID,
				      "%s: ${%.*s}: not the name of a variable",
				      place_text(expander),
				      (int)(name_size > 60 ? 60 : name_size), text);
	name = weir__strndup(text, name_size);
	value = getenv(name);
	free(name);
	if (otherwise && (!value || !*value)) {
		weir__buffer_add(out, otherwise + 2, size - name_size - 2);
		return 0;
	}
	if (!value)
		return weir_error_set(
			expander->error, WEIR_EINVALID,
			"%s: the environment variable %.*s is not set (a default "
			"is written ${%.*s:-...})",
			place_text(expander), (int)name_size, text, (int)name_size, text);
	weir__buffer_add_text(out, value);
	return 0;
}

static int
expand_text(struct expander *expander, const char *text, struct weir_buffer *out)
{
	while (*text) {
		const char *dollar = strchrnul(text, '$');
		const char *end;
		int code;

		weir__buffer_add(out, text, (size_t)(dollar - text));
		if (*dollar == '\0')
			break;
		text = dollar + 1;
		if (*text != '{') {
			weir__buffer_add(out, "$", 1);
			text += *text == '$';
			continue;
		}
		end = strchr(text, '}');
		if (!end)
			return weir_error_set(expander->error, WEIR_EINVALID,
					      "%s: ${ without its }",
					      place_text(expander));
		code = add_variable(expander, text + 1, (size_t)(end - text - 1), out);
		if (code)
			return code;
		if (out->size > WEIR_PIPELINE_MOST_BYTES)
			return weir_error_set(expander->error, WEIR_ELIMIT,
					      "%s: larger than 1 MiB with its variables",
					      place_text(expander));
		text = end + 1;
	}
	return 0;
}

/*
 * `reason` begins with the path. Where variables made it, it is told as it is written: a
 * password may stand there, where the name of its file was meant.
 */
static int
file_error(struct expander *expander, const char *name, const char *path,
	   const struct weir_error *reason)
{
	size_t size = strlen(path);
	const char *words = strlen(reason->message) > size ? reason->message + size
							   : ": cannot be read";

	if (!strchr(name, '$'))
		return weir_error_set(expander->error, reason->code, "%s: %s",
				      place_text(expander), reason->message);
	return weir_error_set(expander->error, reason->code, "%s: " FILE_PREFIX "%s%s",
			      place_text(expander), name, words);
}

/* The file's contents without the newline that editors put behind them. */
static int
expand_file(struct expander *expander, const char *name, struct weir_buffer *out)
{
	struct weir_error reason = {0};
	struct weir_buffer expanded = {0};
	char *path = NULL, *text = NULL;
	size_t size = 0;
	int code;

	code = expand_text(expander, name, &expanded);
	if (code)
		goto out;
	path = weir__pipeline_path(expander->folder, expanded.size ? expanded.data : "");
	code = weir__pipeline_read(path, WEIR_PIPELINE_MOST_BYTES, &text, &size, &reason);
	if (code == 0 && memchr(text, '\0', size))
		code = weir_error_set(&reason, WEIR_EINVALID, "%s: holds a zero byte",
				      path);
	if (code) {
		file_error(expander, name, path, &reason);
		goto out;
	}
	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size > 0 && text[size - 1] == '\r')
		size--;
	weir__buffer_add(out, text, size);
out:
	free(text);
	free(path);
	weir__buffer_fini(&expanded);
	return code;
}

static int
expand_string(struct expander *expander, json_t *string)
{
	const char *text = json_string_value(string);
	struct weir_buffer out = {0};
	int code;

	if (strncmp(text, FILE_PREFIX, strlen(FILE_PREFIX)) == 0)
		code = expand_file(expander, text + strlen(FILE_PREFIX), &out);
	else if (strchr(text, '$'))
		code = expand_text(expander, text, &out);
	else
		return 0;
	expander->expanded_bytes += out.size;
	if (code == 0 && expander->expanded_bytes > MOST_EXPANDED_BYTES)
		code = weir_error_set(expander->error, WEIR_ELIMIT,
				      "%s: variables and files come to more than 16 MiB",
				      place_text(expander));
	if (code == 0 &&
	    json_string_setn(string, out.size ? out.data : "", out.size) != 0)
		code = weir_error_set(expander->error, WEIR_EINVALID,
				      "%s: what was put in is not valid UTF-8",
				      place_text(expander));
	weir__buffer_fini(&out);
	return code;
}

static int expand_value(struct expander *expander, json_t *value);

static int
expand_child(struct expander *expander, const char *token, json_t *value)
{
	size_t size = weir__json_pointer_enter(&expander->place, token);
	int code = expand_value(expander, value);

	weir__json_pointer_leave(&expander->place, size);
	return code;
}

static int
expand_value(struct expander *expander, json_t *value)
{
	const char *key;
	json_t *child;
	size_t index;
	int code = 0;

	if (json_is_string(value))
		return expand_string(expander, value);
	json_object_foreach (value, key, child) {
		code = expand_child(expander, key, child);
		if (code)
			return code;
	}
	json_array_foreach (value, index, child) {
		char token[24];

		snprintf(token, sizeof(token), "%zu", index);
		code = expand_child(expander, token, child);
		if (code)
			return code;
	}
	return 0;
}

int
weir__pipeline_expand(json_t *root, const char *folder, struct weir_error *error)
{
	struct expander expander = {.folder = folder, .error = error};
	int code = expand_value(&expander, root);

	weir__buffer_fini(&expander.place);
	return code;
}
