/*
 * JSON texts, values and pointers: the scanner and jansson agree on what is JSON; what is
 * printed reads back equal, and prints the same again; a pointer that was made from a
 * value's place leads to that value; a value put into a text by a pointer is found there by
 * it, and all other bytes are as they were.
 *
 * Input: a text, then a pointer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <config/json_pointer.h>
#include <processor/json_text.h>

#include "tests/fuzz/fuzz.h"

/* json_equal() holds 1 and 1.0 apart, as it should here, and -0.0 and 0.0 together. */
static void
check_prints_as_it_was(const json_t *json)
{
	size_t size, again_size;
	char *text = weir_json_print(json, &size);
	struct weir_json_fault fault;
	json_error_t reason;
	json_t *back;
	char *again;

	FUZZ_CHECK(weir__json_scan((struct weir_bytes){text, size}, INT64_MAX, &fault),
		   "printed what is no JSON: %.*s", (int)size, text);
	FUZZ_CHECK(!memchr(text, '\n', size), "printed a newline");
	back = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
	FUZZ_CHECK(back, "%s: %.*s", reason.text, (int)size, text);
	FUZZ_CHECK(json_equal(back, json), "reads back as another: %.*s", (int)size,
		   text);
	again = weir_json_print(back, &again_size);
	FUZZ_CHECK(size == again_size && memcmp(text, again, size) == 0,
		   "printed %s, then %s", text, again);
	free(again);
	json_decref(back);
	free(text);
}

/* ---- the scanner beside jansson ---- */

/*
 * Where they differ: jansson takes no NUL in a member's name, passes over zero bytes
 * behind numbers and words, and reads a real that is too small for a double as 0.
 */
static bool
may_differ(struct weir_bytes text, const struct weir_json_fault *fault, bool scanned,
	   const json_error_t *reason)
{
	if (scanned)
		return strstr(reason->text, "NUL byte in object key") != NULL;
	return fault->type == WEIR_JSON_REAL_SMALL || memchr(text.data, 0, text.size);
}

static void
check_fault(struct weir_bytes text, const struct weir_json_fault *fault)
{
	char reason[512];

	FUZZ_CHECK(fault->type != 0, "a fault without its type");
	FUZZ_CHECK(fault->at <= text.size && fault->size <= text.size - fault->at,
		   "at %zu of %zu", fault->at, text.size);
	FUZZ_CHECK(!fault->says_found || fault->at < text.size ||
			   strncmp(fault->what, "expected", 8) == 0,
		   "says what it found behind the end");
	weir__json_explain(text, fault, INT64_MAX, reason, sizeof(reason));
	FUZZ_CHECK(*reason, "no reason");
}

static json_t *
parse(struct weir_bytes text)
{
	struct weir_json_fault fault = {0};
	bool scanned = weir__json_scan(text, INT64_MAX, &fault);
	json_error_t reason;
	json_t *json = json_loadb(text.data, text.size, JSON_DECODE_ANY | JSON_ALLOW_NUL,
				  &reason);

	FUZZ_CHECK(
		scanned == (json != NULL) || may_differ(text, &fault, scanned, &reason),
		"jansson says \"%s\", the scanner \"%s\" at %zu", json ? "" : reason.text,
		scanned      ? ""
		: fault.what ? fault.what
			     : "number",
		fault.at);
	if (!scanned)
		check_fault(text, &fault);
	return json;
}

/* ---- numbers ---- */

static void
check_number(struct weir_bytes text)
{
	bool is_integer;
	size_t size = weir__json_number_size(text, &is_integer);
	char *number, *end;

	FUZZ_CHECK(size <= text.size, "%zu of %zu", size, text.size);
	if (size == 0)
		return;
	number = weir__strndup(text.data, size);
	FUZZ_CHECK(is_integer == (strpbrk(number, ".eE") == NULL), "%s", number);
	strtod(number, &end);
	FUZZ_CHECK(*end == '\0', "%s is longer than the number", number);
	text.size = size;
	for (int bits = 0; bits < 63; bits += 9)
		weir__json_number_check(text, is_integer, INT64_C(1) << bits);
	free(number);
}

/* ---- pointers ---- */

static void check_places(const json_t *root, const json_t *json,
			 struct weir_buffer *pointer);

static void
check_child(const json_t *root, const json_t *json, struct weir_buffer *pointer,
	    const char *token)
{
	size_t size = pointer->size;

	weir__json_pointer_add(pointer, token);
	check_places(root, json, pointer);
	pointer->size = size;
	pointer->data[size] = '\0';
}

/* The token comes out as it went in. */
static void
check_token(const char *pointer, const char *token)
{
	const char *rest = pointer;
	char *last = NULL, *next;

	while ((next = weir__json_pointer_next(&rest))) {
		free(last);
		last = next;
	}
	FUZZ_CHECK(last && strcmp(last, token) == 0, "%s: %s", pointer, token);
	free(last);
}

static void
check_places(const json_t *root, const json_t *json, struct weir_buffer *pointer)
{
	const char *name;
	const json_t *child;
	json_t *member;
	size_t i;

	FUZZ_CHECK(weir__json_pointer_valid(pointer->data), "%s", pointer->data);
	FUZZ_CHECK(weir_json_at(root, pointer->data) == json, "%s", pointer->data);
	if (pointer->size > 2000) /* deep texts would take quadratic time */
		return;
	json_object_foreach ((json_t *)json, name, member) {
		check_child(root, member, pointer, name);
		weir__json_pointer_add(pointer, name);
		check_token(pointer->data, name);
		pointer->size = (size_t)(strrchr(pointer->data, '/') - pointer->data);
		pointer->data[pointer->size] = '\0';
	}
	for (i = 0; (child = json_array_get(json, i)); i++) {
		char token[24];

		snprintf(token, sizeof(token), "%zu", i);
		check_child(root, child, pointer, token);
	}
}

/* Any text may be given as a pointer, also what is none. */
static void
check_pointer(const json_t *json, const char *pointer)
{
	bool is_valid = weir__json_pointer_valid(pointer);
	const json_t *found = weir_json_at(json, pointer);
	struct weir_buffer again = {0};
	const char *rest = pointer;
	char *token;

	FUZZ_CHECK(!found || *pointer == '\0' || *pointer == '/', "%s", pointer);
	while (is_valid && (token = weir__json_pointer_next(&rest))) {
		weir__json_pointer_add(&again, token);
		free(token);
	}
	FUZZ_CHECK(!is_valid || strcmp(again.data ? again.data : "", pointer) == 0,
		   "%s became %s", pointer, again.data);
	weir__buffer_fini(&again);
}

/* ---- texts that are changed in one place ---- */

/* As all options are: they come from JSON. */
static bool
is_utf8(const char *text)
{
	json_t *string = json_string(text);

	json_decref(string);
	return string != NULL;
}

static const char put[] = "[1.50]";

/* Of what is no JSON nothing is asked, but that no byte outside it is touched. */
static void
check_set(struct weir_bytes text, const char *pointer, bool is_json)
{
	struct weir_bytes value = {put, sizeof(put) - 1}, gone = {NULL, 0}, found;
	char *copy = weir__calloc(1, text.size); /* no byte more: a sanitizer looks on */
	struct weir_error error = {0};
	size_t size, before, behind;
	char *result;

	memcpy(copy, text.data, text.size);
	text.data = copy;
	weir_json_find(text, pointer, &gone);
	result = weir_json_set(text, pointer, value, &size);
	if (is_json && result) {
		struct weir_bytes changed = {result, size};

		FUZZ_CHECK(weir_json_check(changed, &error) == 0, "%s", error.message);
		FUZZ_CHECK(weir_json_find(changed, pointer, &found) == 0, "%s", pointer);
		FUZZ_CHECK(fuzz_same(found, value), "%.*s", (int)found.size,
			   (const char *)found.data);
		before = (size_t)((const char *)found.data - result);
		behind = size - before - found.size;
		FUZZ_CHECK(gone.data ? before + gone.size + behind == text.size
				     : size > text.size + value.size,
			   "%s: %zu became %zu", pointer, text.size, size);
		FUZZ_CHECK(!gone.data || (memcmp(copy, result, before) == 0 &&
					  memcmp(copy + before + gone.size,
						 result + size - behind, behind) == 0),
			   "%s", pointer);
	}
	free(result);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size};
	struct weir_bytes text = fuzz_part(&input);
	char *pointer = fuzz_part_text(&input);
	struct weir_buffer place = {0};
	json_t *json = parse(text);

	check_number(text);
	if (text.size && weir__json_pointer_valid(pointer) && is_utf8(pointer))
		check_set(text, pointer, weir_json_check(text, NULL) == 0);
	if (json) {
		check_prints_as_it_was(json);
		weir__buffer_add_text(&place, "");
		check_places(json, json, &place);
		check_pointer(json, pointer);
	}
	weir__buffer_fini(&place);
	json_decref(json);
	free(pointer);
	return 0;
}
