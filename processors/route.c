/*
 * The processor `route`: the value at a JSON pointer names the output of each record.
 *
 * Knows what counts as a name: a string, or the JSON text of a number, true or false. The
 * record itself goes on as it came. Keeps nothing; the thread of the task's worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

enum on_unknown { UNKNOWN_REJECT = 0, UNKNOWN_DEFAULT = 1, UNKNOWN_DROP = 2 };

struct route_options {
	const char *by;
	int unknown; /* enum on_unknown */
};

static const struct weir_option options[] = {
	WEIR_OPT_POINTER_REQUIRED(struct route_options, by,
				  "where in the value the name of the output is"),
	WEIR_OPT_CHOICE(struct route_options, unknown, "reject", "reject|default|drop",
			"what to do when nothing is there, or no output has that name"),
	WEIR_OPT_END};

/* The text of a value that may be a name; NULL: none. *owned is to be freed. */
static const char *
name_of(const json_t *value, char **owned)
{
	size_t size;

	*owned = NULL;
	if (!value || json_is_null(value) || json_is_object(value) ||
	    json_is_array(value))
		return NULL;
	if (json_is_string(value)) /* a NUL inside would cut it to another name */
		return strlen(json_string_value(value)) == json_string_length(value)
			       ? json_string_value(value)
			       : NULL;
	*owned = weir_json_print(value, &size);
	return *owned;
}

static enum weir_verdict
unknown(struct weir_context *ctx, const json_t *value, const char *name)
{
	const struct route_options *opts = weir_options(ctx);

	if (opts->unknown == UNKNOWN_DROP)
		return WEIR_DONE;
	if (opts->unknown == UNKNOWN_DEFAULT) {
		struct weir_emit emit = {.size = sizeof(emit)};

		emit.output = weir_output_find(ctx, "default");
		weir_emit(ctx, &emit);
		return WEIR_DONE;
	}
	if (name)
		return weir_reject(ctx, "no output is named \"%.80s\" (at %.80s)", name,
				   opts->by);
	return weir_reject(ctx,
			   value ? "the value at \"%.80s\" names no output"
				 : "nothing at \"%.80s\" to choose the output by",
			   opts->by);
}

static enum weir_verdict
route_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct route_options *opts = weir_options(ctx);
	const json_t *json = weir_record_json(ctx, record);
	struct weir_emit emit = {.size = sizeof(emit)};
	enum weir_verdict verdict = WEIR_DONE;
	const json_t *value;
	const char *name;
	char *owned;

	(void)memory;
	if (!json)
		return WEIR_REJECT;
	value = weir_json_at(json, opts->by);
	name = name_of(value, &owned);
	emit.output = name ? weir_output_find(ctx, name) : WEIR_ENOTFOUND;
	if (emit.output >= 0)
		weir_emit(ctx, &emit);
	else
		verdict = unknown(ctx, value, name);
	free(owned);
	return verdict;
}

static int
route_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct route_options *opts = weir_options(ctx);

	(void)memory;
	if (opts->unknown != UNKNOWN_DEFAULT || weir_output_find(ctx, "default") >= 0)
		return 0;
	return weir_error_set(error, WEIR_EINVALID,
			      "unknown: \"default\" needs an output named \"default\"");
}

static const char description[] =
	"Sends each record as it came to the output that a value in it names: a string, or a "
	"number, true or false as JSON writes them. Any name of the pipeline's outputs will do; "
	"the step's `outputs` may map what stands in the records to other names.";

static const char example[] =
	"{\n"
	"  \"name\": \"orders-by-country\",\n"
	"  \"kafka\": { \"bootstrap.servers\": \"localhost:9092\" },\n"
	"  \"inputs\": [\"orders\"],\n"
	"  \"steps\": [ { \"use\": \"route\", \"with\": { \"by\": \"/country\", \"unknown\": "
	"\"default\" } } ],\n"
	"  \"outputs\": { \"de\": \"orders-de\", \"fr\": \"orders-fr\", \"default\": "
	"\"orders-elsewhere\" }\n"
	"}";

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "route",
	.summary = "choose the output of a record by a value in it",
	.options = options,
	.options_size = sizeof(struct route_options),
	.flags = WEIR_ANY_OUTPUT,
	.open = route_open,
	.record = route_record,
	.text = description,
	.example = example,
};

WEIR_PLUGIN(processor);
