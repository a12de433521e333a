/*
 * What a case of `weir test` is about: plugins, settings, a pipeline or a step, into a
 * struct weir_test. Knows where paths in the file are taken from. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "test_cases.h"

char *
weir__case_text(const json_t *json)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);

	if (!text)
		abort();
	return text;
}

static char *
path_of(const struct weir_cases *cases, const char *path)
{
	return *path == '/' || strcmp(cases->folder, ".") == 0
		       ? weir__strdup(path)
		       : weir__format("%s/%s", cases->folder, path);
}

static int
add_plugins(const struct weir_cases *cases, struct weir_test *test)
{
	const json_t *list = json_object_get(cases->root, "plugins");
	size_t index;
	json_t *path;

	json_array_foreach (list, index, path) {
		char *full = path_of(cases, json_string_value(path));
		int code = weir_test_add_plugins(test, full);

		free(full);
		if (code)
			return code;
	}
	return 0;
}

static void
set_all(const json_t *json, struct weir_test *test)
{
	json_t *settings = json_object_get(json, "set");
	json_t *partitions = json_object_get(json, "partitions");
	const char *name;
	json_t *value;

	json_object_foreach (settings, name, value) {
		char *text = weir__case_text(value);

		weir_test_set(test, name, text);
		free(text);
	}
	if (json_is_integer(partitions))
		weir_test_set_partitions(test, NULL,
					 (int32_t)json_integer_value(partitions));
	json_object_foreach (partitions, name, value)
		weir_test_set_partitions(test, name, (int32_t)json_integer_value(value));
}

static int
load_step(const json_t *step, struct weir_test *test)
{
	const json_t *with = json_object_get(step, "with");
	char *options = with ? weir__case_text(with) : NULL;
	int code = weir_test_load_step(test, json_string_value(json_object_get(step, "use")),
				       options);

	free(options);
	return code;
}

static int
load_pipeline(const struct weir_cases *cases, const json_t *pipeline, struct weir_test *test)
{
	char *text;
	int code;

	if (json_is_string(pipeline)) {
		text = path_of(cases, json_string_value(pipeline));
		code = weir_test_load(test, text);
	} else {
		text = weir__case_text(pipeline);
		code = weir_test_load_text(test, text, "pipeline", cases->folder);
	}
	free(text);
	return code;
}

int
weir__case_load(const struct weir_cases *cases, const json_t *json, struct weir_test *test)
{
	const json_t *pipeline = json_object_get(json, "pipeline");
	const json_t *step = json_object_get(json, "step");
	int code = add_plugins(cases, test);

	if (code)
		return code;
	/* what the case itself says goes before what the file says */
	if (!pipeline && !step) {
		pipeline = json_object_get(cases->root, "pipeline");
		step = json_object_get(cases->root, "step");
	}
	set_all(json, test);
	return step ? load_step(step, test) : load_pipeline(cases, pipeline, test);
}
