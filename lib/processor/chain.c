/*
 * Building the chain of a pipeline: processors found, options parsed, outputs mapped.
 *
 * Knows how a step's `use`, `with` and `outputs` become a struct weir_step; everything
 * that can be wrong with them is said here, with file and place. Runs once, before any
 * worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <processor/debug.h>
#include <processor/step.h>

static int
fail(const struct weir_chain *chain, const struct weir_step_config *config,
     const char *key, struct weir_error *error, const char *message)
{
	return weir_error_set(error, WEIR_EINVALID, "%s: %s%s: %s", chain->pipeline->path,
			      config->where, key, message);
}

static int
find_processor(const struct weir_chain *chain, struct weir_step *step,
	       const struct weir_step_config *config,
	       const struct weir_registry *registry, struct weir_error *error)
{
	struct weir_buffer text = {0};

	step->registered = weir__registry_find(registry, config->use);
	if (step->registered)
		return 0;
	weir__buffer_printf(&text, "there is no processor \"%.80s\"; ", config->use);
	weir__registry_suggest(registry, config->use, &text);
	fail(chain, config, "/use", error, text.data);
	weir__buffer_fini(&text);
	return WEIR_EINVALID;
}

/* The tables that options name have to be the pipeline's. */
static int
check_tables(const struct weir_chain *chain, const struct weir_step *step,
	     const struct weir_step_config *config, struct weir_error *error)
{
	const struct weir_option_table *table = &step->registered->options;
	struct weir_option row;

	for (size_t i = 0; weir__option_row(table, i, &row); i++) {
		const char *name = NULL;

		if (row.type == WEIR_OPTION_TABLE)
			memcpy(&name, (const char *)step->options + row.offset, sizeof(name));
		if (name && weir__pipeline_table(chain->pipeline, name) < 0)
			return weir_error_set(error, WEIR_EINVALID,
			                      "%s: %s/with/%s: there is no table \"%.80s\" in "
			                      "/tables",
			                      chain->pipeline->path, config->where, row.name,
			                      name);
	}
	return 0;
}

static int
parse_options(struct weir_chain *chain, struct weir_step *step,
	      const struct weir_step_config *config, struct weir_error *error)
{
	const struct weir_registered *registered = step->registered;
	size_t size = registered->descriptor.options_size;
	struct weir_error inner = {0};
	char where[64];
	int code;

	snprintf(where, sizeof(where), "%s/with", config->where);
	step->options = weir__arena_alloc(&chain->arena, size);
	memset(step->options, 0, size);
	code = weir__options_parse(&registered->options, config->with, where,
				   step->options, size, &chain->arena, &inner);
	if (code)
		return weir_error_set(error, code, "%s: %s", chain->pipeline->path,
				      inner.message);
	code = check_tables(chain, step, config, error);
	if (code || !registered->descriptor.check)
		return code;
	weir__place_step(step->name);
	code = registered->descriptor.check(step->options, &inner);
	weir__place_step(NULL);
	if (!code)
		return 0;
	return fail(chain, config, "/with", error,
		    inner.code ? inner.message : "the processor refuses these options");
}

static void
add_output(struct weir_step *step, const char *name, int output)
{
	step->outputs = weir__realloc(step->outputs,
				      (step->output_count + 1) * sizeof(*step->outputs));
	step->outputs[step->output_count].name = name;
	step->outputs[step->output_count].output = output;
	step->output_count++;
}

static bool
is_own_output(const struct weir_registered *registered, const char *name)
{
	struct weir_output output;

	for (size_t i = 0; weir__registered_output(registered, i, &output); i++)
		if (strcmp(output.name, name) == 0)
			return true;
	return false;
}

static bool
is_mapped(const struct weir_step *step, const char *name)
{
	for (size_t i = 0; i < step->output_count; i++)
		if (strcmp(step->outputs[i].name, name) == 0)
			return true;
	return false;
}

/* One member of the step's `outputs`: {"its output": "name in the pipeline's outputs"}.
 */
static int
map_output(struct weir_chain *chain, struct weir_step *step,
	   const struct weir_step_config *config, const char *name, const json_t *to,
	   struct weir_error *error)
{
	const struct weir_processor *processor = &step->registered->descriptor;
	char message[400];
	int output;

	if (!is_own_output(step->registered, name) &&
	    !(processor->flags & WEIR_ANY_OUTPUT)) {
		snprintf(message, sizeof(message),
			 "processor \"%s\" has no output \"%.80s\"", processor->name,
			 name);
		return fail(chain, config, "/outputs", error, message);
	}
	if (!json_is_string(to)) {
		snprintf(message, sizeof(message),
			 "\"%.80s\" must be mapped to a name of \"outputs\", a string",
			 name);
		return fail(chain, config, "/outputs", error, message);
	}
	output = weir__pipeline_output(chain->pipeline, json_string_value(to));
	if (output < 0) {
		snprintf(message, sizeof(message),
			 "output \"%.80s\" is mapped to \"%.80s\", which \"outputs\" "
			 "lacks",
			 name, json_string_value(to));
		return fail(chain, config, "/outputs", error, message);
	}
	add_output(step, name, output);
	return 0;
}

/* The processor's own outputs that the step does not map go to the name they bear. */
static int
add_own_outputs(struct weir_chain *chain, struct weir_step *step,
		const struct weir_step_config *config, struct weir_error *error)
{
	struct weir_output own;
	char message[300];

	for (size_t i = 0; weir__registered_output(step->registered, i, &own); i++) {
		int output = weir__pipeline_output(chain->pipeline, own.name);

		if (is_mapped(step, own.name))
			continue;
		if (output < 0) {
			snprintf(message, sizeof(message),
				 "output \"%.80s\" of processor \"%s\" goes nowhere: "
				 "name it in "
				 "\"outputs\", or map it in the step's \"outputs\"",
				 own.name, step->registered->descriptor.name);
			return fail(chain, config, "", error, message);
		}
		add_output(step, own.name, output);
	}
	return 0;
}

static int
map_outputs(struct weir_chain *chain, struct weir_step *step,
	    const struct weir_step_config *config, struct weir_error *error)
{
	const char *name;
	json_t *to;

	if (config->outputs && !json_is_object(config->outputs))
		return fail(chain, config, "/outputs", error, "must be an object");
	json_object_foreach ((json_t *)config->outputs, name, to) {
		int code = map_output(chain, step, config, name, to, error);

		if (code)
			return code;
	}
	return add_own_outputs(chain, step, config, error);
}

/* The value of the DURATION option `name`. */
static int64_t
duration_of(const struct weir_step *step, const char *name)
{
	struct weir_option row;
	int64_t value = 0;

	if (name && weir__option_find(&step->registered->options, name, &row))
		memcpy(&value, (const char *)step->options + row.offset, sizeof(value));
	return value;
}

static void
add_stores(struct weir_chain *chain, struct weir_step *step)
{
	struct weir_store_row row;
	char *name;

	step->first_store = chain->store_count;
	for (size_t i = 0; weir__registered_store(step->registered, i, &row); i++) {
		chain->stores = weir__realloc(chain->stores, (chain->store_count + 1) *
								     sizeof(*chain->stores));
		name = weir__format("%s.%s", step->name, row.name);
		chain->stores[chain->store_count++] = (struct weir_chain_store){
			.name = weir__arena_strdup(&chain->arena, name),
			.ttl_ms = duration_of(step, row.ttl),
		};
		free(name);
	}
}

static int
build_step(struct weir_chain *chain, size_t index, const struct weir_registry *registry,
	   struct weir_error *error)
{
	const struct weir_step_config *config = &chain->pipeline->steps[index];
	struct weir_step *step = &chain->steps[index];
	int code;

	step->name = config->name;
	code = find_processor(chain, step, config, registry, error);
	if (!code)
		code = map_outputs(chain, step, config, error);
	if (!code)
		code = parse_options(chain, step, config, error);
	if (!code)
		add_stores(chain, step);
	return code;
}

/*
 * Without "default" the last step's plain emits would go nowhere. A processor with
 * outputs of its own, or that chooses among all, may never emit plainly: it is trusted,
 * and stopped when it does.
 */
static int
check_default(const struct weir_chain *chain, struct weir_error *error)
{
	const struct weir_step *last;

	if (chain->default_output >= 0)
		return 0;
	if (chain->step_count > 0) {
		last = &chain->steps[chain->step_count - 1];
		if (last->output_count > 0 ||
		    (last->registered->descriptor.flags & WEIR_ANY_OUTPUT))
			return 0;
	}
	return weir_error_set(error, WEIR_EINVALID,
			      "%s: /outputs: \"default\" is missing: it is where %s",
			      chain->pipeline->path,
			      chain->step_count > 0 ? "the last step's records go"
						    : "records are copied without steps");
}

static bool
keeps_nothing(const struct weir_chain *chain)
{
	for (size_t i = 0; i < chain->step_count; i++) {
		const struct weir_processor *processor =
			&chain->steps[i].registered->descriptor;

		if (processor->memory_size > 0 || processor->batch_end || processor->tick)
			return false;
	}
	return true;
}

struct weir_chain *
weir__chain_new(const struct weir_pipeline *pipeline,
		const struct weir_registry *registry, const struct weir_clock *clock,
		const struct weir_logger *logger, struct weir_error *error)
{
	struct weir_chain *chain = weir__calloc(1, sizeof(*chain));

	chain->pipeline = pipeline;
	chain->clock = clock;
	chain->logger = logger;
	chain->default_output = weir__pipeline_output(pipeline, "default");
	chain->steps = weir__calloc(pipeline->step_count + 1, sizeof(*chain->steps));
	for (size_t i = 0; i < pipeline->step_count; i++) {
		chain->step_count = i + 1;
		if (build_step(chain, i, registry, error) != 0)
			goto failed;
	}
	if (check_default(chain, error) != 0)
		goto failed;
	chain->is_stateless = keeps_nothing(chain);
	for (size_t i = 0; i < chain->step_count; i++)
		chain->ticks |= chain->steps[i].registered->descriptor.tick != NULL;
	if (pipeline->debug_plugins)
		weir__debug_chain(chain);
	return chain;
failed:
	weir__chain_free(chain);
	return NULL;
}

void
weir__chain_free(struct weir_chain *chain)
{
	if (!chain)
		return;
	for (size_t i = 0; i < chain->step_count; i++)
		free(chain->steps[i].outputs);
	free(chain->steps);
	free(chain->stores);
	weir__arena_fini(&chain->arena);
	free(chain);
}

const struct weir_registered *
weir__chain_processor(const struct weir_chain *chain, size_t index)
{
	return index < chain->step_count ? chain->steps[index].registered : NULL;
}

bool
weir__chain_doubt(const struct weir_chain *chain, size_t index, char *text, size_t size)
{
	const struct weir_step *step = &chain->steps[index];

	text[0] = '\0';
	if (!step->registered->descriptor.doubt)
		return false;
	weir__place_step(step->name);
	step->registered->descriptor.doubt(step->options, text, size);
	weir__place_step(NULL);
	return text[0] != '\0';
}

const struct weir_chain_store *
weir__chain_stores(const struct weir_chain *chain, size_t *count)
{
	*count = chain->store_count;
	return chain->stores;
}

bool
weir__chain_is_stateless(const struct weir_chain *chain)
{
	return chain->is_stateless;
}

bool
weir__chain_ticks(const struct weir_chain *chain)
{
	return chain->ticks;
}
