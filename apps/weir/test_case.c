/*
 * Running one case for `weir test`, by <weir/testing.h> alone: what is tested is loaded, then
 * the actions are done in their order. Knows what each action means; hides nothing of how a
 * pipeline is driven, since it does not know it. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/units.h>
#include <config/json_pointer.h>

#include "test_cases.h"

struct run {
	const struct weir_cases *cases;
	const json_t *json; /* the case */
	struct weir_test *test;
	struct weir_buffer pointer; /* of what is being done */
	struct weir_buffer last_expect; /* of the last expectation so far */
	uint64_t failures; /* commits that are to fail, so far */
	bool is_stopped;   /* as was expected */
	struct weir_case_edits *edits; /* NULL: nothing is updated */
	struct weir_buffer *message;
};

/* ---- messages ---- */

static enum weir_case_result
bad(struct run *run, const char *reason)
{
	weir__buffer_printf(run->message, "%s: %s", run->pointer.data, reason);
	return WEIR_CASE_BAD;
}

/* Of what is said of records: where it begins with a pointer, that goes on from ours. */
static enum weir_case_result
bad_records(struct run *run)
{
	const char *reason = weir_test_message(run->test);

	if (*reason != '/')
		return bad(run, reason);
	weir__buffer_printf(run->message, "%s%s", run->pointer.data, reason);
	return WEIR_CASE_BAD;
}

static enum weir_case_result
failed(struct run *run, const char *format, ...) WEIR_PRINTF(2, 3);

static enum weir_case_result
failed(struct run *run, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	weir__buffer_printf(run->message, "%s%s: %s", run->message->size ? "\n" : "",
			    run->pointer.size ? run->pointer.data : "/", text);
	free(text);
	return WEIR_CASE_FAILED;
}

/* ---- feeding ---- */

static enum weir_case_result
feed(struct run *run, const char *topic, const json_t *records)
{
	char *text = weir__case_text(records);
	int code = weir_test_feed_json(run->test, topic, text);

	free(text);
	return code ? bad_records(run) : WEIR_CASE_PASSED;
}

static enum weir_case_result
feed_tables(struct run *run)
{
	enum weir_case_result result = WEIR_CASE_PASSED;
	json_t *tables = json_object_get(run->json, "tables");
	size_t size = weir__json_pointer_enter(&run->pointer, "tables");
	const char *name;
	json_t *records;

	json_object_foreach (tables, name, records) {
		size_t inner = weir__json_pointer_enter(&run->pointer, name);

		result = feed(run, name, records);
		if (result)
			return result;
		weir__json_pointer_leave(&run->pointer, inner);
	}
	weir__json_pointer_leave(&run->pointer, size);
	return result;
}

/* ---- expectations ---- */

/* What came instead, where nothing is updated; else it is written down. */
static enum weir_case_result
not_met(struct run *run)
{
	const char *got = weir_test_got(run->test);

	if (!got)
		return bad_records(run);
	if (!run->edits)
		return failed(run, "%s", weir_test_message(run->test));
	weir__case_edits_add(run->edits, run->pointer.data, got);
	return WEIR_CASE_PASSED;
}

static bool
expect_dead_letters(struct weir_test *test, const char *name, const char *json)
{
	(void)name;
	return weir_test_expect(test, WEIR_TEST_DEAD_LETTERS, json);
}

/* One list of records, or all those of an object. */
static enum weir_case_result
expect_part(struct run *run, const json_t *expect, const char *part,
	    bool (*expect_one)(struct weir_test *test, const char *name, const char *json))
{
	json_t *json = json_object_get(expect, part), *records;
	enum weir_case_result result = WEIR_CASE_PASSED, worst = WEIR_CASE_PASSED;
	size_t size = weir__json_pointer_enter(&run->pointer, part);
	const char *name;
	char *text;

	if (json_is_array(json)) {
		text = weir__case_text(json);
		worst = expect_one(run->test, NULL, text) ? worst : not_met(run);
		free(text);
	}
	json_object_foreach (json, name, records) {
		size_t inner = weir__json_pointer_enter(&run->pointer, name);

		text = weir__case_text(records);
		result = expect_one(run->test, name, text) ? WEIR_CASE_PASSED : not_met(run);
		free(text);
		if (result == WEIR_CASE_BAD)
			return result;
		worst = result ? result : worst;
		weir__json_pointer_leave(&run->pointer, inner);
	}
	if (worst != WEIR_CASE_BAD)
		weir__json_pointer_leave(&run->pointer, size);
	return worst;
}

/* Did it stop with these words, if that is expected, and not otherwise? */
static enum weir_case_result
expect_stop(struct run *run, const json_t *expect)
{
	const char *stops = json_string_value(json_object_get(expect, "stops"));
	int code = weir_test_settle(run->test);
	const char *message = weir_test_message(run->test);
	size_t size = weir__json_pointer_enter(&run->pointer, "stops");
	enum weir_case_result result = WEIR_CASE_PASSED;

	run->is_stopped = code != 0;
	if (run->edits && code && (!stops || !strstr(message, stops))) {
		json_t *text = json_string(message);
		char *value = weir__case_text(text);

		weir__case_edits_add(run->edits, run->pointer.data, value);
		free(value);
		json_decref(text);
	} else if (stops && !code) {
		result = failed(run, "expected that it stops, which it did not");
	} else if (stops && !strstr(message, stops)) {
		result = failed(run, "it stopped for another reason\n    expected %s\n    got      %s",
				stops, message);
	} else if (code && !stops) {
		weir__json_pointer_leave(&run->pointer, size);
		return failed(run, "it stopped: %s", message);
	}
	weir__json_pointer_leave(&run->pointer, size);
	return result;
}

static enum weir_case_result
expect(struct run *run, const json_t *json)
{
	static const struct {
		const char *name;
		bool (*expect_one)(struct weir_test *test, const char *name, const char *json);
	} parts[] = {
		{"outputs", weir_test_expect},
		{"dead_letters", expect_dead_letters},
		{"stores", weir_test_expect_store},
		{"tables", weir_test_expect_table},
	};
	enum weir_case_result result = expect_stop(run, json), worst = result;

	weir__buffer_fini(&run->last_expect);
	weir__buffer_add_text(&run->last_expect, run->pointer.data);
	for (size_t index = 0; index < sizeof(parts) / sizeof(parts[0]); index++) {
		result = expect_part(run, json, parts[index].name, parts[index].expect_one);
		if (result == WEIR_CASE_BAD)
			return result;
		worst = result ? result : worst;
	}
	return worst;
}

/* ---- actions ---- */

static enum weir_case_result
worked(struct run *run, int code)
{
	return code ? failed(run, "%s", weir_test_message(run->test)) : WEIR_CASE_PASSED;
}

static enum weir_case_result
fail_commit(struct run *run, const char *how)
{
	static const struct {
		const char *name;
		enum weir_test_failure failure;
	} failures[] = {
		{"aborted", WEIR_TEST_ABORTED},
		{"fenced", WEIR_TEST_FENCED},
		{"unknown-done", WEIR_TEST_UNKNOWN_DONE},
		{"unknown-not-done", WEIR_TEST_UNKNOWN_NOT_DONE},
	};

	for (size_t index = 0; index < sizeof(failures) / sizeof(failures[0]); index++)
		if (strcmp(failures[index].name, how) == 0)
			weir_test_fail_commit(run->test, failures[index].failure);
	run->failures++;
	return WEIR_CASE_PASSED;
}

static enum weir_case_result
advance(struct run *run, const char *duration)
{
	int64_t ms = 0;

	weir__duration_parse(duration, &ms);
	return worked(run, weir_test_advance(run->test, ms));
}

static enum weir_case_result
act(struct run *run, const char *name, const json_t *value)
{
	if (strcmp(name, "given") == 0)
		return feed(run, WEIR_TEST_INPUT, value);
	if (strcmp(name, "expect") == 0)
		return expect(run, value);
	if (strcmp(name, "process") == 0)
		return worked(run, weir_test_process(run->test,
						     (uint64_t)json_integer_value(value)));
	if (strcmp(name, "advance") == 0)
		return advance(run, json_string_value(value));
	if (strcmp(name, "fail_commit") == 0)
		return fail_commit(run, json_string_value(value));
	if (strcmp(name, "settle") == 0)
		return worked(run, weir_test_settle(run->test));
	if (strcmp(name, "stop") == 0)
		return worked(run, weir_test_stop(run->test));
	if (strcmp(name, "crash") == 0)
		weir_test_crash(run->test);
	else
		weir_test_lose_disk(run->test);
	return WEIR_CASE_PASSED;
}

/* What is not as expected does not keep the rest from being looked at, or updated. */
static enum weir_case_result
act_all(struct run *run, const json_t *list)
{
	enum weir_case_result worst = WEIR_CASE_PASSED;
	size_t size = weir__json_pointer_enter(&run->pointer, "do"), index;
	json_t *action;

	json_array_foreach (list, index, action) {
		size_t of_list = weir__json_pointer_enter_index(&run->pointer, index);
		const char *name = json_object_iter_key(json_object_iter(action));
		enum weir_case_result result;

		weir__json_pointer_enter(&run->pointer, name);
		result = act(run, name, json_object_get(action, name));
		if (result == WEIR_CASE_BAD)
			return result;
		if (result && strcmp(name, "expect") != 0)
			return result;
		worst = result ? result : worst;
		weir__json_pointer_leave(&run->pointer, of_list);
	}
	weir__json_pointer_leave(&run->pointer, size);
	return worst;
}

static enum weir_case_result
give_and_expect(struct run *run)
{
	const json_t *given = json_object_get(run->json, "given");
	enum weir_case_result result = WEIR_CASE_PASSED;
	size_t size = weir__json_pointer_enter(&run->pointer, "given");

	if (given)
		result = feed(run, WEIR_TEST_INPUT, given);
	if (result)
		return result;
	weir__json_pointer_leave(&run->pointer, size);
	weir__json_pointer_enter(&run->pointer, "expect");
	result = expect(run, json_object_get(run->json, "expect"));
	if (result != WEIR_CASE_BAD)
		weir__json_pointer_leave(&run->pointer, size);
	return result;
}

/* ---- the end ---- */

/* Where records that nobody spoke of belong in the last expectation. */
static enum weir_case_result
look_at_rest(struct run *run, const char *topic)
{
	enum weir_case_result result;
	bool of_outputs = topic != WEIR_TEST_DEAD_LETTERS;

	if (weir_test_expect(run->test, topic, "[]"))
		return WEIR_CASE_PASSED;
	if (!of_outputs && !weir_test_got(run->test))
		return WEIR_CASE_PASSED; /* the pipeline has no dead letters */
	if (!run->edits)
		return failed(run, "nobody expected this: %s", weir_test_message(run->test));
	weir__buffer_fini(&run->pointer);
	weir__buffer_add_text(&run->pointer, run->last_expect.data);
	weir__json_pointer_enter(&run->pointer, of_outputs ? "outputs" : "dead_letters");
	if (of_outputs)
		weir__json_pointer_enter(&run->pointer, topic);
	result = not_met(run);
	return result;
}

static enum weir_case_result
look_at_rests(struct run *run)
{
	enum weir_case_result worst = WEIR_CASE_PASSED;
	const char *topic;

	if (!run->is_stopped && weir_test_settle(run->test) != 0)
		return failed(run, "it stopped: %s", weir_test_message(run->test));
	if (look_at_rest(run, WEIR_TEST_DEAD_LETTERS) != WEIR_CASE_PASSED)
		worst = WEIR_CASE_FAILED;
	for (size_t index = 0; (topic = weir_test_output(run->test, index)); index++)
		if (look_at_rest(run, topic) != WEIR_CASE_PASSED)
			worst = WEIR_CASE_FAILED;
	if (weir_test_failures(run->test) < run->failures)
		return failed(run, "a commit was to fail, and none came behind fail_commit");
	return worst;
}

static enum weir_case_result
run_all(struct run *run)
{
	const json_t *list = json_object_get(run->json, "do");
	enum weir_case_result result;

	if (weir__case_load(run->cases, run->json, run->test) != 0)
		return bad(run, weir_test_message(run->test));
	result = feed_tables(run);
	if (result == WEIR_CASE_PASSED)
		result = list ? act_all(run, list) : give_and_expect(run);
	return result == WEIR_CASE_PASSED ? look_at_rests(run) : result;
}

enum weir_case_result
weir__case_run(const struct weir_cases *cases, size_t index, enum weir_log_level level,
	       struct weir_case_edits *edits, struct weir_buffer *message)
{
	struct run run = {
		.cases = cases,
		.json = json_array_get(cases->cases, index),
		.test = weir_test_new(),
		.edits = edits,
		.message = message,
	};
	enum weir_case_result result;

	weir_test_set_log(run.test, level, NULL, NULL);
	weir__json_pointer_enter(&run.pointer, "cases");
	weir__json_pointer_enter_index(&run.pointer, index);
	result = run_all(&run);
	weir_test_free(run.test);
	weir__buffer_fini(&run.pointer);
	weir__buffer_fini(&run.last_expect);
	return result;
}
