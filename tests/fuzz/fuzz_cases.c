/*
 * Files of cases for `weir test`, and records as JSON: what is refused is refused in one line
 * that names the file; records that are taken are printed so that they read back the same.
 *
 * Input: the file; then records.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <testing/test_private.h>
#include <weir/json.h>

#include "apps/weir/test_cases.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS                                                                           \
	(WEIR_TEST_KEY | WEIR_TEST_VALUE | WEIR_TEST_HEADERS | WEIR_TEST_PARTITION |     \
	 WEIR_TEST_TIMESTAMP | WEIR_TEST_REASON | WEIR_TEST_STEP)

/* ---- files ---- */

static bool
check_file(struct weir_bytes text, bool update)
{
	struct weir_cases cases = {0};
	struct weir_error error = {0};
	int code = weir__cases_parse(&cases, "f.json", text.data, text.size, update, &error);

	if (code) {
		fuzz_check_error(code, &error);
		FUZZ_CHECK(strncmp(error.message, "f.json:", 7) == 0, "%s", error.message);
	} else {
		FUZZ_CHECK(cases.count > 0, "no cases");
		for (size_t index = 0; index < cases.count; index++)
			FUZZ_CHECK(*weir__case_name(&cases, index), "no name");
	}
	weir__cases_fini(&cases);
	return code == 0;
}

/* ---- records ---- */

static bool
same(const struct weir_test_pattern *a, const struct weir_test_pattern *b)
{
	const struct weir_test_record *one = &a->record, *other = &b->record;

	return a->fields == b->fields && !a->key == !b->key && !a->value == !b->value &&
	       (!a->key || json_equal(a->key, b->key)) &&
	       (!a->value || json_equal(a->value, b->value)) && fuzz_same(one->key, other->key) &&
	       fuzz_same(one->value, other->value) && one->partition == other->partition &&
	       one->timestamp_ms == other->timestamp_ms &&
	       one->header_count == other->header_count && fuzz_same(a->reason, b->reason) &&
	       fuzz_same(a->step, b->step);
}

/* Text that is JSON is printed as JSON, so twice gives what once does. */
static void
check_printed(const struct weir_test_pattern *pattern, struct weir_arena *arena)
{
	struct weir_buffer once = {0}, twice = {0};
	struct weir_test_pattern *back;
	struct weir_error error = {0};
	json_t *json;
	size_t count;

	weir__test_pattern_print(pattern, &once);
	FUZZ_CHECK(weir__test_patterns_read(once.data, FIELDS, arena, &json, &back, &count,
					    &error) == 0,
		   "%s: %s", once.data, error.message);
	weir__test_pattern_print(back, &twice);
	FUZZ_CHECK(strcmp(once.data, twice.data) == 0, "%s: %s", once.data, twice.data);
	FUZZ_CHECK(back->fields == pattern->fields, "%s", once.data);
	FUZZ_CHECK(!pattern->value || same(pattern, back) || !pattern->key, "%s", once.data);
	json_decref(json);
	weir__buffer_fini(&once);
	weir__buffer_fini(&twice);
}

static void
check_records(const char *text)
{
	struct weir_test_pattern *patterns;
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	json_t *json;
	size_t count;
	int code = weir__test_patterns_read(text, FIELDS, &arena, &json, &patterns, &count, &error);

	if (code) {
		fuzz_check_error(code, &error);
	} else {
		for (size_t index = 0; index < count; index++)
			check_printed(&patterns[index], &arena);
		json_decref(json);
	}
	weir__arena_fini(&arena);
}

/* ---- edits ---- */

/* What is put there is found there; a text of its own length more or less, no other byte. */
static void
check_edit(struct weir_bytes text)
{
	static const char pointer[] = "/cases/0/expect/outputs/out", value[] = "[\n  {\"key\": 1}\n]";
	struct weir_case_edits edits = {0};
	struct weir_buffer changed = {0};
	struct weir_bytes found;

	if (weir_json_check(text, NULL) != 0)
		return;
	weir__case_edits_add(&edits, pointer, value);
	weir__buffer_add(&changed, text.data, text.size);
	if (weir__case_edits_apply(&edits, &changed, NULL)) {
		struct weir_bytes all = {changed.data, changed.size};

		FUZZ_CHECK(weir_json_check(all, NULL) == 0, "%s", changed.data);
		FUZZ_CHECK(weir_json_find(all, pointer, &found) == 0 &&
				   *(const char *)found.data == '[',
			   "%s", changed.data);
	}
	weir__buffer_fini(&changed);
	weir__case_edits_fini(&edits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size};
	struct weir_bytes text = fuzz_part(&input);
	char *records = fuzz_part_text(&input);
	bool is_whole;

	if (!text.data)
		text.data = "";
	is_whole = check_file(text, false);
	FUZZ_CHECK(check_file(text, true) || !is_whole, "an update wants more");
	if (is_whole)
		check_edit(text);
	check_records(records);
	free(records);
	return 0;
}
