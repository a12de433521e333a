/*
 * The processor `jq`: a jq program makes 0, 1 or more records of each one.
 *
 * Knows libjq 1.6 to 1.8. The program's input is the record's value, each result becomes
 * the value of an emitted record; `empty` filters, `.[]` splits. A result equal to the
 * input passes the original bytes on. What libjq would change in silence rejects the
 * record: integers beyond 2^53 (1.6 holds doubles alone; 1.7 keeps the digits of what it
 * does not compute with), numbers beyond a double, invalid UTF-8, results that are no
 * finite number.
 *
 * The program may use $key and $headers (strings; headers as an object, the last of a
 * name counts), $topic, $partition, $offset and $timestamp (ms since 1970); what a record
 * lacks is null. `halt` ends the work on the record, `halt_error` rejects it. `env` and
 * $ENV show the environment of the process: keep secrets out of what such a program
 * emits. `import` finds no modules.
 *
 * A program that loops without a result (`def f: f; f`) is not interrupted: libjq has no
 * way to stop within jq_next(), and leaving it by a signal's longjmp would leave its memory
 * half changed. The worker stands still in it; docs/guarantees.md says what comes of that.
 *
 * Hides jq_state: one a task, on the thread of its worker.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jq.h>

#include <weir/json.h>

#include "processors/jq_value.h"

enum on_null { NULL_REJECT = 0, NULL_PASS = 1, NULL_DROP = 2 };

struct jq_options {
	const char *program;
	int null; /* enum on_null */
};

static const struct weir_option options[] = {
	WEIR_OPT_STRING_REQUIRED(struct jq_options, program,
				 "the jq program; its input is the record's value"),
	WEIR_OPT_CHOICE(struct jq_options, null, "reject", "reject|pass|drop",
			"what to do with a record whose value is null (a tombstone)"),
	WEIR_OPT_END};

struct jq_memory {
	jq_state *jq;
	struct weir_context *ctx; /* for `debug` */
	bool uses_record;         /* $key, $topic, ... */
	bool keeps_digits; /* libjq 1.7: numbers it does not compute with stay as they are
			    */
};

/* What the program may use besides the value; in the order of the array it gets. */
static const char *const variables[] = {"key",    "topic",     "partition",
					"offset", "timestamp", "headers"};
#define VARIABLE_COUNT (sizeof(variables) / sizeof(variables[0]))

/* ---- compiling ---- */

static jq_state *
compile(const char *program, jv arguments, struct weir_error *error)
{
	struct weir_error inner = {0};
	jq_state *jq = jq_init();

	if (!jq) {
		jv_free(arguments);
		weir_error_set(error, WEIR_EINVALID, "libjq cannot be started");
		return NULL;
	}
	jq_set_error_cb(jq, jq_note_complaint, &inner);
	/* without this list libjq 1.6 aborts the process at `import` */
	jq_set_attr(jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	if (jq_compile_args(jq, program, arguments)) {
		jq_set_error_cb(jq, NULL, NULL);
		return jq;
	}
	weir_error_set(
		error, WEIR_EINVALID, "%s",
		inner.code ? inner.message
			   : "program: does not compile (modules cannot be imported)");
	jq_teardown(&jq);
	return NULL;
}

static bool
uses_record(const char *program)
{
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		for (const char *at = program; (at = strchr(at, '$')); at++)
			if (strncmp(at + 1, variables[i], strlen(variables[i])) == 0)
				return true;
	return false;
}

/*
 * Arguments of a program are constants for libjq, so what differs from record to record
 * comes with the input: `. as [$key, ..., $value] | $value | (PROGRAM)`. All before the
 * program stays on its first line, so that line numbers are right.
 */
static char *
wrap(const char *program)
{
	static const char begin[] =
		". as [$key,$topic,$partition,$offset,$timestamp,$headers,"
		"$__value__] | $__value__ | (";
	size_t size = sizeof(begin) + strlen(program) + 3;
	char *text = malloc(size);

	if (text)
		snprintf(text, size, "%s%s\n)", begin, program);
	return text;
}

/* Compile for use; what is wrong with a wrapped program is better said of the bare one.
 */
static jq_state *
compile_for_use(const char *program, struct weir_error *error)
{
	jq_state *jq;
	char *text;

	if (!uses_record(program))
		return compile(program, jv_object(), error);
	text = wrap(program);
	jq = compile(text ? text : "error", jv_object(), error);
	free(text);
	return jq;
}

static int
jq_check(const void *opaque, struct weir_error *error)
{
	const struct jq_options *opts = opaque;
	jv arguments = jv_object();
	jq_state *jq;

	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		arguments = jv_object_set(arguments, jv_string(variables[i]), jv_null());
	jq = compile(opts->program, arguments, error);
	if (jq && uses_record(opts->program)) {
		jq_teardown(&jq);
		jq = compile_for_use(opts->program, error);
	}
	if (!jq)
		return WEIR_EINVALID;
	jq_teardown(&jq);
	return 0;
}

/* ---- a task ---- */

static jv
refuse_input(jq_state *jq, void *opaque)
{
	(void)jq;
	(void)opaque;
	return jv_invalid_with_msg(
		jv_string("input: a program sees one record at a time"));
}

static void
log_debug(void *opaque, jv message)
{
	struct jq_memory *memory = opaque;
	jv text = jv_dump_string(message, 0);

	weir_log(memory->ctx, WEIR_LOG_DEBUG, "%s", jv_string_value(text));
	jv_free(text);
}

static int
jq_open(struct weir_context *ctx, void *opaque, struct weir_error *error)
{
	const struct jq_options *opts = weir_options(ctx);
	struct jq_memory *memory = opaque;

	memory->jq = compile_for_use(opts->program, error);
	if (!memory->jq)
		return WEIR_EINVALID;
	memory->ctx = ctx;
	memory->uses_record = uses_record(opts->program);
	memory->keeps_digits = jq_keeps_digits();
	jq_set_input_cb(memory->jq, refuse_input, NULL);
	jq_set_debug_cb(memory->jq, log_debug, memory);
	return 0;
}

static void
jq_close(struct weir_context *ctx, void *opaque)
{
	struct jq_memory *memory = opaque;

	(void)ctx;
	jq_teardown(&memory->jq);
}

/* Nothing is remembered from record to record. */
static int
jq_rollback(struct weir_context *ctx, void *opaque)
{
	(void)ctx;
	(void)opaque;
	return 0;
}

/* ---- the input ---- */

static jv
headers_of(struct weir_context *ctx, const struct weir_record *record)
{
	jv headers = jv_object();

	for (size_t i = 0; i < weir_record_header_count(record); i++) {
		const struct weir_header *header = weir_record_header(record, i);
		struct weir_bytes name = {header->name, strlen(header->name)};
		jv key = jq_text(name), value = jq_text(header->value);

		if (jv_is_valid(key) && jv_is_valid(value)) {
			headers = jv_object_set(headers, key, value);
			continue;
		}
		jv_free(key);
		jv_free(value);
		jv_free(headers);
		weir_reject(ctx, "header %.80s is not UTF-8, which $headers needs",
			    header->name);
		return jv_invalid();
	}
	return headers;
}

static jv
number_or_null(int64_t number)
{
	return number < 0 ? jv_null() : jv_number((double)number);
}

/* The array that a wrapped program takes apart; takes `value`. Invalid: a reason is set.
 */
static jv
with_record(struct weir_context *ctx, const struct weir_record *record, jv value)
{
	jv key = jq_text(weir_record_key(record));
	jv headers = headers_of(ctx, record);
	jv input = jv_array();

	if (!jv_is_valid(key))
		weir_reject(ctx,
			    "key is not UTF-8, which a program with $variables needs");
	if (!jv_is_valid(key) || !jv_is_valid(headers)) {
		jv_free(key);
		jv_free(headers);
		jv_free(value);
		jv_free(input);
		return jv_invalid();
	}
	input = jv_array_append(input, key);
	input = jv_array_append(input, jv_string(weir_record_topic(record)));
	input = jv_array_append(input, number_or_null(weir_record_partition(record)));
	input = jv_array_append(input, number_or_null(weir_record_offset(record)));
	input = jv_array_append(input, number_or_null(weir_record_timestamp_ms(record)));
	input = jv_array_append(input, headers);
	return jv_array_append(input, value);
}

/* The record's value, parsed. Invalid: a reason is set. */
static jv
parse_value(struct weir_context *ctx, const struct jq_memory *memory,
	    const struct weir_record *record)
{
	int64_t limit = memory->keeps_digits ? INT64_MAX : INT64_C(1) << 53;
	struct weir_bytes bytes = weir_record_value(record);
	jv value, message;

	if (!bytes.data)
		weir_reject(
			ctx,
			"value is null (option \"null\" can pass or drop such records)");
	if (!bytes.data || weir_json_precheck(ctx, record, limit) != WEIR_DONE)
		return jv_invalid();
	if (bytes.size > INT_MAX) {
		weir_reject(ctx, "value of %zu bytes is too large for libjq", bytes.size);
		return jv_invalid();
	}
	value = jv_parse_sized(bytes.data, (int)bytes.size);
	if (jv_is_valid(value))
		return value;
	message = jv_invalid_get_msg(value);
	weir_reject(ctx, "value cannot be read by libjq: %s",
		    jv_get_kind(message) == JV_KIND_STRING ? jv_string_value(message)
							   : "?");
	jv_free(message);
	return jv_invalid();
}

/* ---- results ---- */

/* Has the program left the value as it was? Where digits are kept, they count too. */
static bool
is_unchanged(const struct jq_memory *memory, jv value, jv result, jv text)
{
	bool same;
	jv value_text;

	if (jv_identical(jv_copy(value), jv_copy(result)))
		return true;
	if (!jv_equal(jv_copy(value), jv_copy(result)))
		return false;
	if (!memory->keeps_digits)
		return true;
	value_text = jv_dump_string(jv_copy(value), 0);
	same = jv_equal(value_text, jv_copy(text));
	return same;
}

/* Takes `result`. False: go no further with this record. */
static bool
emit_result(struct weir_context *ctx, const struct jq_memory *memory, jv value, jv result,
	    enum weir_verdict *verdict)
{
	jv text = jv_dump_string(jv_copy(result), 0);
	struct weir_bytes bytes = {jv_string_value(text),
				   (size_t)jv_string_length_bytes(jv_copy(text))};
	char *marked = NULL;
	int code;

	if (!jq_is_finite(result, bytes)) {
		*verdict = weir_reject(
			ctx, "the program's result has a number that is not finite");
		code = -1;
	} else if (!jq_is_whole(result, bytes)) {
		*verdict = weir_reject(
			ctx, "the program's result is nested too deep for libjq");
		code = -1;
	} else if (is_unchanged(memory, value, result, text)) {
		code = weir_emit_same(ctx);
	} else {
		marked = jq_mark_reals(bytes, &bytes.size);
		if (marked)
			bytes.data = marked;
		code = weir_emit_value(ctx, bytes);
	}
	free(marked);
	jv_free(text);
	jv_free(result);
	return code == 0;
}

/* An error's value in words; takes `message`. */
static enum weir_verdict
reject_with(struct weir_context *ctx, const char *what, jv message)
{
	jv words = jv_get_kind(message) == JV_KIND_STRING ? message
							  : jv_dump_string(message, 0);
	char text[480];

	snprintf(text, sizeof(text), "%s", jv_string_value(words));
	jv_free(words);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return weir_reject(ctx, "%s: %s", what, text);
}

/* The program has no more results. Takes `last`, which is not valid. */
static enum weir_verdict
finish(struct weir_context *ctx, const struct jq_memory *memory, jv last)
{
	jv message;

	if (jv_invalid_has_msg(jv_copy(last)))
		return reject_with(ctx, "the program failed", jv_invalid_get_msg(last));
	jv_free(last);
	if (!jq_halted(memory->jq))
		return WEIR_DONE;
	message = jq_get_error_message(memory->jq);
	if (jv_is_valid(message))
		return reject_with(ctx, "the program halted", message);
	jv_free(message);
	return WEIR_DONE;
}

/* Takes `input`; `value` is what its results are compared with. */
static enum weir_verdict
run(struct weir_context *ctx, const struct jq_memory *memory, jv value, jv input)
{
	enum weir_verdict verdict = WEIR_DONE;
	jv result;

	jq_start(memory->jq, input, 0);
	for (;;) {
		result = jq_next(memory->jq);
		if (!jv_is_valid(result))
			return finish(ctx, memory, result);
		if (!emit_result(ctx, memory, value, result, &verdict))
			return verdict;
	}
}

static enum weir_verdict
jq_record(struct weir_context *ctx, void *opaque, const struct weir_record *record)
{
	const struct jq_options *opts = weir_options(ctx);
	const struct jq_memory *memory = opaque;
	enum weir_verdict verdict = WEIR_REJECT;
	jv value, input;

	if (!weir_record_value(record).data && opts->null != NULL_REJECT) {
		if (opts->null == NULL_PASS)
			weir_emit_same(ctx);
		return WEIR_DONE;
	}
	value = parse_value(ctx, memory, record);
	if (!jv_is_valid(value)) {
		jv_free(value);
		return WEIR_REJECT;
	}
	input = jv_copy(value);
	if (memory->uses_record)
		input = with_record(ctx, record, input);
	if (jv_is_valid(input))
		verdict = run(ctx, memory, value, input);
	else
		jv_free(input);
	jv_free(value);
	return verdict;
}

static const char description[] =
	"Runs a program of the language jq over each record's value, which is JSON. Each result "
	"becomes the value of a record that goes on, with the key, headers and time of its "
	"source: `empty` filters, `.[]` splits. A result that equals the input goes on byte for "
	"byte as it came.\n\n"
	"The program may use $key and $headers (strings; headers as an object, the last of a name "
	"counts), $topic, $partition, $offset and $timestamp (milliseconds since 1970); what a "
	"record lacks is null. `halt` ends the work on the record, `halt_error` and any error "
	"reject it. `import` finds no modules. `env` shows the environment of the process: keep "
	"secrets out of what such a program emits.\n\n"
	"What libjq would change in silence rejects the record: integers beyond 2^53 (from libjq "
	"1.7 on only those that the program computes with), numbers beyond a double, bytes that "
	"are no UTF-8. A program that loops without a result is not interrupted.";

static const char example[] =
	"{\n"
	"  \"name\": \"late\",\n"
	"  \"kafka\": { \"bootstrap.servers\": \"localhost:9092\" },\n"
	"  \"inputs\": [\"flights\"],\n"
	"  \"steps\": [\n"
	"    { \"use\": \"jq\", \"with\": { \"program\": \"select(.delay > 15) | .late = true\" } }\n"
	"  ],\n"
	"  \"outputs\": { \"default\": \"flights-late\" },\n"
	"  \"dead_letter\": { \"topic\": \"flights-dead\" }\n"
	"}";

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "jq",
	.summary = "run a jq program: filter, map or split records",
	.options = options,
	.options_size = sizeof(struct jq_options),
	.memory_size = sizeof(struct jq_memory),
	.check = jq_check,
	.open = jq_open,
	.close = jq_close,
	.record = jq_record,
	.rollback = jq_rollback,
	.text = description,
	.example = example,
};

WEIR_PLUGIN(processor);
