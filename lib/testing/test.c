/*
 * A test's life: new, settings, a pipeline loaded, its topics made on an embedded broker.
 * Hides how a pipeline of one step is put together. The caller's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/folder.h>
#include <processor/registry.h>
#include <testing/test_private.h>

#define START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define MESSAGE_BYTES_MAX ((size_t)64 << 20)

/* ---- messages ---- */

void
weir__test_begin(struct weir_test *test)
{
	weir__buffer_fini(&test->message);
	weir__arena_reset(&test->passing);
}

int
weir__test_fail(struct weir_test *test, int code, const char *format, ...)
{
	char text[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	weir__buffer_fini(&test->message);
	weir__buffer_add_text(&test->message, text);
	return code;
}

const char *
weir_test_message(const struct weir_test *test)
{
	return test->message.data ? test->message.data : "";
}

int
weir__test_loaded(struct weir_test *test)
{
	weir__test_begin(test);
	if (test->pipeline)
		return 0;
	return weir__test_fail(test, WEIR_ESTATE, "no pipeline is loaded: weir_test_load() or "
	                                          "weir_test_load_step() comes first");
}

/* ---- life ---- */

static void
drop_line(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level, (void)line;
}

static void
make_folder(struct weir_test *test)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || !*parent || strlen(parent) > 50)
		parent = "/tmp";
	snprintf(test->folder, sizeof(test->folder), "%s/weir-test-XXXXXX", parent);
	if (!mkdtemp(test->folder))
		test->folder[0] = '\0';
}

struct weir_test *
weir_test_new(void)
{
	struct weir_test *test = weir__calloc(1, sizeof(*test));

	weir__virtual_clock_init(&test->clock, START_MS);
	test->logger = (struct weir_logger){
		.level = WEIR_LOG_ERROR, .write = drop_line, .clock = &test->clock.clock};
	test->registry = weir__registry_new(&test->logger);
	return test;
}

static void
free_settings(struct weir_test *test)
{
	for (size_t index = 0; index < test->override_count; index++) {
		free((char *)test->overrides[index].pointer);
		free((char *)test->overrides[index].value);
	}
	free(test->overrides);
	for (size_t index = 0; index < test->partition_count; index++)
		free(test->partitions[index].topic);
	free(test->partitions);
}

void
weir_test_free(struct weir_test *test)
{
	if (!test)
		return;
	weir__driven_end(&test->driven);
	for (size_t index = 0; index < test->topic_count; index++) {
		weir__reader_close(test->topics[index]->reader);
		free(test->topics[index]->records);
		free(test->topics[index]->name);
		free(test->topics[index]);
	}
	free(test->topics);
	weir__chain_free(test->chain);
	weir__pipeline_free(test->pipeline);
	weir__registry_free(test->registry);
	if (test->memory)
		weir__broker_close(weir__test_broker(test));
	if (test->folder[0])
		weir__folder_remove(test->folder);
	free_settings(test);
	weir__buffer_fini(&test->message);
	weir__arena_fini(&test->arena);
	weir__arena_fini(&test->passing);
	free(test->got);
	free(test);
}

/* ---- settings ---- */

void
weir_test_set_log(struct weir_test *test, enum weir_log_level level,
                  void (*write)(void *opaque, enum weir_log_level level, const char *line),
                  void *opaque)
{
	test->logger.level = level;
	test->logger.write = write;
	test->logger.opaque = opaque;
}

int
weir_test_add_processor(struct weir_test *test, const struct weir_processor *processor)
{
	struct weir_error error = {0};

	weir__test_begin(test);
	if (weir__registry_add(test->registry, processor, &error) == 0)
		return 0;
	return weir__test_fail(test, error.code, "%s", error.message);
}

int
weir_test_add_plugins(struct weir_test *test, const char *path)
{
	struct weir_error error = {0};

	weir__test_begin(test);
	if (weir__registry_load(test->registry, path, &error) == 0)
		return 0;
	return weir__test_fail(test, error.code, "%s", error.message);
}

void
weir_test_set(struct weir_test *test, const char *pointer, const char *value)
{
	test->overrides = weir__realloc(test->overrides, (test->override_count + 1) *
	                                                         sizeof(*test->overrides));
	test->overrides[test->override_count++] =
		(struct weir_override){weir__strdup(pointer), weir__strdup(value)};
}

void
weir_test_set_partitions(struct weir_test *test, const char *topic, int32_t partitions)
{
	test->partitions = weir__realloc(test->partitions, (test->partition_count + 1) *
	                                                           sizeof(*test->partitions));
	test->partitions[test->partition_count++] = (struct weir_test_partitions){
		topic ? weir__strdup(topic) : NULL, partitions > 0 ? partitions : 1};
}

int32_t
weir__test_partitions_of(const struct weir_test *test, const char *topic)
{
	int32_t count = 1;
	bool is_own = false;

	for (size_t index = 0; index < test->partition_count; index++) {
		const struct weir_test_partitions *set = &test->partitions[index];

		if (set->topic ? strcmp(set->topic, topic) != 0 : is_own)
			continue;
		is_own = set->topic != NULL;
		count = set->count;
	}
	return count;
}

/* ---- topics ---- */

struct weir_broker *
weir__test_broker(const struct weir_test *test)
{
	return weir__memory_broker(test->memory);
}

static int32_t
partitions_of(const void *opaque, const char *topic)
{
	return weir__test_partitions_of(opaque, topic);
}

/* ---- loading ---- */

/* Those of the environment and the installation only when they are needed: it takes a while. */
static int
find_processors(struct weir_test *test, const struct weir_pipeline *pipeline,
                struct weir_error *error)
{
	bool is_missing = false;
	int code = 0;

	for (size_t index = 0; code == 0 && index < pipeline->plugin_count; index++)
		code = weir__registry_load(test->registry, pipeline->plugins[index], error);
	for (size_t index = 0; index < pipeline->step_count; index++)
		is_missing |= !weir__registry_find(test->registry, pipeline->steps[index].use);
	if (code == 0 && is_missing)
		weir__registry_load_standard(test->registry);
	return code;
}

/* Takes `pipeline`. */
static int
take(struct weir_test *test, struct weir_pipeline *pipeline, struct weir_error *error)
{
	if (!pipeline)
		return error->code;
	test->pipeline = pipeline;
	if (find_processors(test, pipeline, error) != 0)
		return error->code;
	test->chain = weir__chain_new(pipeline, test->registry, &test->clock.clock,
	                              &test->logger, error);
	if (!test->chain)
		return error->code ? error->code : WEIR_EINVALID;
	test->memory = weir__memory_open(&test->clock.clock, &test->logger);
	/* whoever tests moves the clock by days: that is no reason to be thrown out */
	weir__memory_set_expiry(test->memory, false);
	weir__driven_topics(pipeline, test->memory, partitions_of, test, MESSAGE_BYTES_MAX);
	return 0;
}

static int
prepare(struct weir_test *test)
{
	weir__test_begin(test);
	if (test->pipeline)
		return weir__test_fail(test, WEIR_ESTATE, "a pipeline is loaded already");
	weir_test_set(test, "/kafka", "{\"bootstrap.servers\": \"embedded\"}");
	if (!test->folder[0])
		make_folder(test);
	if (!test->folder[0])
		return weir__test_fail(test, WEIR_EIO,
		                       "cannot make a folder for stores in TMPDIR or /tmp");
	weir_test_set(test, "/state_dir", test->folder);
	return 0;
}

/* As if nothing had been loaded; the test can only be freed. */
static int
loaded(struct weir_test *test, struct weir_pipeline *pipeline, struct weir_error *error)
{
	int code = take(test, pipeline, error);

	if (code == 0)
		return 0;
	weir__chain_free(test->chain);
	weir__pipeline_free(test->pipeline);
	test->chain = NULL;
	test->pipeline = NULL;
	return weir__test_fail(test, code, "%s", error->message);
}

int
weir_test_load(struct weir_test *test, const char *path)
{
	struct weir_error error = {0};
	int code = prepare(test);

	return code ? code
	            : loaded(test,
	                     weir__pipeline_load(path, test->overrides, test->override_count,
	                                         &error),
	                     &error);
}

int
weir_test_load_text(struct weir_test *test, const char *text, const char *name,
                    const char *folder)
{
	struct weir_error error = {0};
	int code = prepare(test);

	return code ? code
	            : loaded(test,
	                     weir__pipeline_parse(text, strlen(text), name,
	                                          folder ? folder : ".", test->overrides,
	                                          test->override_count, &error),
	                     &error);
}

/* ---- a pipeline of one step ---- */

static void
add_outputs(const struct weir_registered *registered, json_t *pipeline)
{
	json_t *outputs = json_object_get(pipeline, "outputs");
	struct weir_output output;

	for (size_t index = 0; weir__registered_output(registered, index, &output); index++)
		json_object_set_new(outputs, output.name, json_string(output.name));
}

/* The tables that its options name. */
static void
add_tables(const struct weir_registered *registered, const json_t *with, json_t *pipeline)
{
	json_t *tables = json_object();
	struct weir_option row;

	for (size_t index = 0; weir__option_row(&registered->options, index, &row); index++) {
		const char *name = json_string_value(json_object_get(with, row.name));

		if (row.type == WEIR_OPTION_TABLE && name)
			json_object_set_new(tables, name, json_pack("{s:s}", "topic", name));
	}
	if (json_object_size(tables) > 0)
		json_object_set(pipeline, "tables", tables);
	json_decref(tables);
}

/* Takes `with`, which may be NULL. */
static json_t *
one_step(const struct weir_test *test, const char *use, json_t *with)
{
	const struct weir_registered *registered = weir__registry_find(test->registry, use);
	json_t *pipeline = json_pack("{s:s, s:s, s:[s], s:{s:s}, s:{s:s}}", "name", "test",
	                             "instance", "test", "inputs", "in", "outputs", "default",
	                             "out", "dead_letter", "topic", "dead");
	json_t *step = json_pack("{s:s}", "use", use);

	if (!pipeline || !step) { /* `use` is not UTF-8 */
		json_decref(pipeline);
		json_decref(step);
		json_decref(with);
		return NULL;
	}
	if (registered) {
		add_outputs(registered, pipeline);
		add_tables(registered, with, pipeline);
	}
	if (with)
		json_object_set_new(step, "with", with);
	json_object_set_new(pipeline, "steps", json_pack("[o]", step));
	return pipeline;
}

int
weir_test_load_step(struct weir_test *test, const char *use, const char *with)
{
	json_error_t reason;
	json_t *options = NULL, *pipeline;
	char *text;
	int code;

	weir__test_begin(test);
	if (with) {
		options = json_loads(with, JSON_REJECT_DUPLICATES, &reason);
		if (!json_is_object(options)) {
			code = weir__test_fail(test, WEIR_EJSON,
			                       "the options of %s are no JSON object: %s", use,
			                       options ? with : reason.text);
			json_decref(options);
			return code;
		}
	}
	if (!weir__registry_find(test->registry, use))
		weir__registry_load_standard(test->registry);
	pipeline = one_step(test, use, options);
	text = pipeline ? json_dumps(pipeline, 0) : NULL;
	json_decref(pipeline);
	if (!text)
		return weir__test_fail(test, WEIR_EINVALID, "no processor has such a name");
	code = weir_test_load_text(test, text, use, NULL);
	free(text);
	return code;
}
