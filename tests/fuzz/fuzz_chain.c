/*
 * Records of any bytes through jq and route: all of a record or none; a verdict other
 * than done comes with its reason in one line; `.` and route pass the bytes on as they
 * came, and what jq makes is JSON and, where the program only wraps it, the same value.
 *
 * Input: value, key, a header's name, its value.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <processor/chain.h>
#include <processor/json_text.h>

#include "tests/fuzz/fuzz.h"

#define PLUGINS "processors/.libs"
#define MOST_BYTES 65536

enum result {
	ANY = 0,
	SAME,    /* the bytes that came */
	WRAPPED, /* [value] */
	ROUTED   /* the bytes that came, to the output of the name at /id */
};

static struct {
	const char *steps;
	enum result result;
	struct weir_pipeline *pipeline;
	struct weir_chain *chain;
	struct weir_chain_task *task;
} chains[] = {
	{"", SAME},
	{"{'use':'route','with':{'by':'/id'}}", ROUTED},
	{"{'use':'route','with':{'by':'/a~1b/0/~0','unknown':'default'}}", SAME},
	{"{'use':'route','with':{'by':'','unknown':'drop'}}", SAME},
	{"{'use':'jq','with':{'program':'.'}}", SAME},
	{"{'use':'jq','with':{'program':'[.]'}}", WRAPPED},
	{"{'use':'jq','with':{'program':'.[]?','null':'drop'}},"
	 "{'use':'route','with':{'by':'/id','unknown':'drop'}}",
	 ANY},
	{"{'use':'jq','with':{'program':'{v: ., k: $key, h: $headers, o: $offset}',"
	 "'null':'pass'}},{'use':'jq','with':{'program':'.v'}}",
	 ANY},
	{"{'use':'jq','with':{'program':'tojson, (tostring | fromjson? // error(.)),"
	 " keys?, length, (.. | numbers | . * 10), (.. | strings | explode | implode)'}}",
	 ANY},
};
#define CHAINS (sizeof(chains) / sizeof(chains[0]))

static const struct weir_logger silent = {.level = (enum weir_log_level) - 1};
static struct weir_registry *registry;
static struct weir_held_list held = {.max_bytes = MOST_BYTES};

/* ---- chains, once a process ---- */

static struct weir_pipeline *
pipeline_of(const char *steps)
{
	char *text = weir__format("{'name':'f','inputs':'in','state_dir':'/nowhere',"
				  "'outputs':{'default':'d','a':'ta','7':'t7'},"
				  "'steps':[%s]}",
				  steps);
	struct weir_error error = {0};
	struct weir_pipeline *pipeline;

	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	pipeline =
		weir__pipeline_parse(text, strlen(text), "f.json", ".", NULL, 0, &error);
	FUZZ_CHECK(pipeline, "%s", error.message);
	free(text);
	return pipeline;
}

static bool
is_built(const char *steps)
{
	return !strstr(steps, "'jq'") || weir__registry_find(registry, "jq");
}

/* libjq keeps the ends of its blocks only, which would look like leaks. */
static void
tear_down(void)
{
	for (size_t i = 0; i < CHAINS; i++) {
		weir__chain_close(chains[i].task);
		weir__chain_free(chains[i].chain);
		weir__pipeline_free(chains[i].pipeline);
	}
	weir__registry_free(registry);
	weir__held_fini(&held);
}

static void
set_up(void)
{
	struct weir_error error = {0};

	atexit(tear_down);
	registry = weir__registry_new(&silent);
	FUZZ_CHECK(weir__registry_load(registry, PLUGINS, &error) == 0, "%s",
		   error.message);
	for (size_t i = 0; i < CHAINS; i++) {
		if (!is_built(chains[i].steps))
			continue;
		chains[i].pipeline = pipeline_of(chains[i].steps);
		chains[i].chain = weir__chain_new(chains[i].pipeline, registry,
						  weir__clock_system(), &silent, &error);
		FUZZ_CHECK(chains[i].chain, "%s", error.message);
		chains[i].task = weir__chain_open(chains[i].chain, "in", 3, NULL, NULL, &error);
		FUZZ_CHECK(chains[i].task, "%s", error.message);
	}
}

/* ---- what comes out ---- */

/* Equal, where numbers count by their value: libjq knows doubles only. */
static bool
equal(const json_t *a, const json_t *b)
{
	const char *name;
	json_t *value;

	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_object(a)) {
		json_object_foreach ((json_t *)a, name, value)
			if (!json_object_get(b, name) ||
			    !equal(value, json_object_get(b, name)))
				return false;
		return json_object_size(a) == json_object_size(b);
	}
	if (json_is_array(a)) {
		for (size_t i = 0; i < json_array_size(a); i++)
			if (i >= json_array_size(b) ||
			    !equal(json_array_get(a, i), json_array_get(b, i)))
				return false;
		return json_array_size(a) == json_array_size(b);
	}
	return json_equal(a, b);
}

static json_t *
load(struct weir_bytes bytes)
{
	return json_loadb(bytes.data ? bytes.data : "", bytes.size,
			  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static void
check_wrapped(struct weir_bytes value, struct weir_bytes result)
{
	json_t *before = load(value), *after = load(result);

	/* jansson takes no NUL in a name */
	if (before && after)
		FUZZ_CHECK(json_array_size(after) == 1 &&
				   equal(before, json_array_get(after, 0)),
			   "%.*s", (int)result.size, (const char *)result.data);
	json_decref(before);
	json_decref(after);
}

static void
check_routed(struct weir_bytes value, int output, const struct weir_pipeline *pipeline)
{
	json_t *json = load(value);
	const json_t *id = json_object_get(json, "id");
	const char *name = pipeline->outputs[output].name;

	FUZZ_CHECK(json_is_string(id)
			   ? strcmp(json_string_value(id), name) == 0
			   : json_is_integer(id) && json_integer_value(id) == atoi(name),
		   "went to %s", name);
	json_decref(json);
}

static void
check_held(const struct weir_held *item, size_t chain, struct weir_bytes value)
{
	struct weir_bytes held_value = item->message.value;
	struct weir_json_fault fault;

	FUZZ_CHECK(item->output >= 0 && item->output < 3, "output %d", item->output);
	if (held_value.data && *chains[chain].steps)
		FUZZ_CHECK(weir__json_scan(held_value, INT64_MAX, &fault), "%.*s",
			   (int)held_value.size, (const char *)held_value.data);
	if (chains[chain].result == SAME || chains[chain].result == ROUTED)
		FUZZ_CHECK(fuzz_same(held_value, value), "another value");
	if (chains[chain].result == WRAPPED)
		check_wrapped(value, held_value);
	if (chains[chain].result == ROUTED)
		check_routed(value, item->output, chains[chain].pipeline);
}

static void
run(size_t chain, const struct weir_message *message)
{
	struct weir_reason reason = {0};
	enum weir_verdict verdict =
		weir__chain_record(chains[chain].task, message, 1042, &held, &reason);

	FUZZ_CHECK(verdict == WEIR_DONE || verdict == WEIR_REJECT, "verdict %d", verdict);
	if (verdict == WEIR_REJECT) {
		FUZZ_CHECK(held.count == 0, "rejected, and %zu held", held.count);
		FUZZ_CHECK(reason.step, "no step");
		fuzz_check_words(reason.text);
	}
	FUZZ_CHECK(held.bytes <= MOST_BYTES, "%zu bytes", held.bytes);
	for (size_t i = 0; i < held.count; i++)
		check_held(&held.items[i], chain, message->value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size};
	struct weir_bytes value = fuzz_part(&input), key = fuzz_part(&input);
	char *name = fuzz_part_text(&input);
	const struct weir_header headers[] = {{name, fuzz_part(&input)}};
	const struct weir_message full = {.key = key,
					  .value = value,
					  .headers = headers,
					  .header_count = 1,
					  .timestamp_ms = 1000,
					  .partition = WEIR_BY_KEY};
	struct weir_message empty = full;

	empty.value = (struct weir_bytes){NULL, 0};
	if (!registry)
		set_up();
	for (size_t i = 0; i < CHAINS; i++) {
		if (!chains[i].task)
			continue;
		run(i, &full);
		run(i, &empty);
	}
	free(name);
	return 0;
}
