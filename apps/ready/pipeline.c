/*
 * From the options of a ready program to a pipeline file. Knows where in the file each kind
 * stands. What is given on the command line is meant as it stands there, so that a dollar in
 * it is written as two.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ready.h"

#define NAME_MAX_SIZE 63

/* ---- strings ---- */

/* The file's ${NAME} is not the command line's. NULL: not UTF-8. */
static json_t *
literal(const char *value)
{
	char *text = malloc(2 * strlen(value) + 1), *to = text;
	json_t *string;

	if (!text)
		abort(); /* out of memory ends the process */
	for (; *value; value++) {
		*to++ = *value;
		if (*value == '$')
			*to++ = '$';
	}
	*to = '\0';
	string = json_string(text);
	free(text);
	return string;
}

static char *
trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r\n");
	for (end = text + strlen(text); end > text && strchr(" \t\r\n", end[-1]); end--)
		;
	*end = '\0';
	return text;
}

/* ---- properties ---- */

/* "NAME=VALUE". Secrets are not in messages. */
static int
take_property(struct ready_pipeline *pipeline, char *text, const char *where)
{
	char *equals = strchr(text, '='), *name;

	if (equals)
		*equals = '\0';
	name = trim(text);
	if (!equals || !*name)
		return ready_fail(pipeline->program, READY_USAGE, "%s: expected NAME=VALUE",
				  where);
	json_object_set_new(pipeline->kafka, name, literal(trim(equals + 1)));
	return READY_FINE;
}

static int
take_property_copy(struct ready_pipeline *pipeline, const char *value)
{
	char *text = strdup(value);
	int status;

	if (!text)
		abort();
	status = take_property(pipeline, text, "-X");
	free(text);
	return status;
}

static int
take_file(struct ready_pipeline *pipeline, const char *path)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0, number = 0;
	int status = READY_FINE;
	char *line = NULL, where[300];

	if (!file)
		return ready_fail(pipeline->program, READY_USAGE, "-F %s: %s", path,
				  strerror(errno));
	errno = 0;
	while (status == READY_FINE && getline(&line, &capacity, file) >= 0) {
		char *text = trim(line);

		snprintf(where, sizeof(where), "%.250s:%zu", path, ++number);
		if (*text && *text != '#')
			status = take_property(pipeline, text, where);
	}
	if (status == READY_FINE && ferror(file))
		status = ready_fail(pipeline->program, READY_USAGE, "-F %s: %s", path,
				    strerror(errno));
	free(line);
	fclose(file);
	return status;
}

/* ---- the rest ---- */

static void
take_words(struct ready_pipeline *pipeline, const char *member, const char *value, bool several)
{
	json_t *list = json_object_get(pipeline->with, member);
	size_t size;

	if (!list) {
		list = json_array();
		json_object_set_new(pipeline->with, member, list);
	}
	if (!several) {
		json_array_append_new(list, literal(value));
		return;
	}
	for (;; value += size + 1) {
		char *word;

		size = strcspn(value, ",");
		word = strndup(value, size);
		if (!word)
			abort();
		if (size > 0)
			json_array_append_new(list, literal(word));
		free(word);
		if (!value[size])
			break;
	}
}

/* Names of apps, tables and the like; topics may have dots, and be longer. */
static bool
is_name(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > NAME_MAX_SIZE || !isalnum((unsigned char)text[0]))
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
			return false;
	return true;
}

static void
take_table(struct ready_pipeline *pipeline, const char *member, const char *topic)
{
	const char *name = is_name(topic) ? topic : "table";
	json_t *tables = json_object();

	json_object_set_new(tables, name, json_pack("{s:o}", "topic", literal(topic)));
	json_object_set_new(pipeline->root, "tables", tables);
	json_object_set_new(pipeline->with, member, json_string(name));
}

static void
take_output(struct ready_pipeline *pipeline, const struct ready_option *option,
	    const char *topic)
{
	json_object_set_new(pipeline->outputs, option->member, literal(topic));
	if (option->implies)
		json_object_set_new(pipeline->with, option->implies,
				    json_sprintf("output:%s", option->member));
}

int
ready_pipeline_take(struct ready_pipeline *pipeline, const struct ready_option *option,
		    const char *value)
{
	switch (option->kind) {
	case READY_SETTING:
		json_object_set_new(pipeline->root, option->member, literal(value));
		break;
	case READY_KAFKA:
		json_object_set_new(pipeline->kafka, option->member, literal(value));
		break;
	case READY_PROPERTY:
		return take_property_copy(pipeline, value);
	case READY_PROPERTIES:
		return take_file(pipeline, value);
	case READY_INPUT:
		json_array_append_new(pipeline->inputs, literal(value));
		break;
	case READY_OUTPUT:
		take_output(pipeline, option, value);
		break;
	case READY_DEAD_LETTER:
		json_object_set_new(pipeline->root, "dead_letter",
				    json_pack("{s:o}", "topic", literal(value)));
		break;
	case READY_TABLE:
		take_table(pipeline, option->member, value);
		break;
	case READY_STEP:
		json_object_set_new(pipeline->with, option->member, literal(value));
		break;
	case READY_STEP_LIST:
	case READY_STEP_WORDS:
		take_words(pipeline, option->member, value, option->kind == READY_STEP_WORDS);
		break;
	case READY_ACTION:
		break;
	}
	return READY_FINE;
}

/* ---- the whole ---- */

void
ready_pipeline_init(struct ready_pipeline *pipeline, const struct ready_program *program)
{
	*pipeline = (struct ready_pipeline){
		.program = program,
		.root = json_object(),
		.kafka = json_object(),
		.inputs = json_array(),
		.with = json_object(),
		.outputs = json_object(),
	};
	/* in the order in which a person would write them */
	json_object_set_new(pipeline->root, "name", json_null());
	json_object_set_new(pipeline->root, "kafka", pipeline->kafka);
	json_object_set_new(pipeline->root, "inputs", pipeline->inputs);
	json_object_set_new(pipeline->root, "steps",
			    json_pack("[{s:s, s:o}]", "use", program->use, "with",
				      pipeline->with));
	for (size_t index = 0; ready_option(program, index); index++)
		if (ready_option(program, index)->kind == READY_TABLE)
			json_object_set_new(pipeline->root, "tables", json_object());
	json_object_set_new(pipeline->root, "outputs", pipeline->outputs);
}

void
ready_pipeline_fini(struct ready_pipeline *pipeline)
{
	json_decref(pipeline->root);
}

/* An app's name: of the input, when that is one. */
static int
choose_name(struct ready_pipeline *pipeline)
{
	const struct ready_program *program = pipeline->program;
	const char *input = json_string_value(json_array_get(pipeline->inputs, 0));
	char name[300];

	if (!json_is_null(json_object_get(pipeline->root, "name")))
		return READY_FINE;
	if (json_array_size(pipeline->inputs) > 1)
		return ready_fail(program, READY_USAGE,
				  "with several inputs the app needs a --name");
	snprintf(name, sizeof(name), "%s-%s", program->use, input ? input : "");
	if (!is_name(name))
		return ready_fail(program, READY_USAGE,
				  "topic %s makes no name for the app: give it a --name",
				  input ? input : "");
	json_object_set_new(pipeline->root, "name", json_string(name));
	return READY_FINE;
}

int
ready_pipeline_complete(struct ready_pipeline *pipeline)
{
	const struct ready_option *option;

	for (size_t index = 0; (option = ready_option(pipeline->program, index)); index++) {
		json_t *list = option->kind == READY_STEP_LIST || option->kind == READY_STEP_WORDS
				       ? json_object_get(pipeline->with, option->member)
				       : NULL;

		if (json_array_size(list) == 1) /* a person would write no list */
			json_object_set(pipeline->with, option->member,
					json_array_get(list, 0));
	}
	return choose_name(pipeline);
}

/* ---- printing ---- */

static bool
is_secret(const char *property)
{
	static const char *const parts[] = {"password", "secret",   "token",
					    "credential", "jaas", ".pem",
					    "oauthbearer.config"};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcasestr(property, parts[i]))
			return true;
	return false;
}

/* "sasl.password" becomes "${SASL_PASSWORD}". */
static json_t *
variable_of(const char *property)
{
	char name[200];
	size_t size = 0;

	for (; property[size] && size + 1 < sizeof(name); size++)
		name[size] = isalnum((unsigned char)property[size])
				     ? (char)toupper((unsigned char)property[size])
				     : '_';
	name[size] = '\0';
	return json_sprintf("${%s}", name);
}

char *
ready_pipeline_print(const struct ready_pipeline *pipeline, bool shown)
{
	json_t *copy = json_deep_copy(pipeline->root);
	json_t *kafka = json_object_get(copy, "kafka"), *value;
	const char *name;
	char *text;

	json_object_foreach (kafka, name, value) {
		const char *words = json_string_value(value);

		/* a name of a file with it is no secret */
		if (shown && is_secret(name) && words && strncmp(words, "@file:", 6) != 0)
			json_object_set_new(kafka, name, variable_of(name));
	}
	text = json_dumps(copy, JSON_INDENT(2));
	json_decref(copy);
	return text;
}
