/*
 * Pipeline files that are not even JSON, too large, too deep, or not there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <config/pipeline.h>

#include "tests/config/expect_fault.h"
#include "tests/harness.h"

START_TEST(broken_json_is_named_by_line_and_column)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{"", "p.json:1:1: not JSON: ..."},
		{"{\n  \"name\": \"a\",\n}",
		 "p.json:3:1: not JSON: string or '}' expected"},
		{"{\"name\": \"a\"", "p.json:1:12: not JSON: '}' expected"},
		{"{\"name\": \"a", "p.json:1:11: not JSON: premature end of input"},
		{"{\"kafka\": {\"sasl.password\": \"hunter2\" \"x\"}}",
		 "p.json:1:41: not JSON: ..."},
		{"{\"kafka\": {\"sasl.password\": \"hunter2",
		 "p.json:1:36: not JSON: premature end of input"},
		{"{\"kafka\": {\"sasl.password\": hunter2}}",
		 "p.json:1:34: not JSON: invalid token"},
		{"{\"a\": 1, \"a\": 2}", "p.json:1:12: not JSON: duplicate object key"},
		{"{\"a\": \"\\u0000\"}",
		 "p.json:1:14: not JSON: \\u0000 is not allowed without JSON_ALLOW_NUL"},
		{"{\"workers\": 99999999999999999999}",
		 "p.json:1:32: not JSON: too big integer"},
		{"{} {}", "p.json:1:4: not JSON: end of file expected"},
		{"{\"a\": \"\xff\"}", "p.json:1:..."},
		{"[]", "p.json: expected a JSON object"},
		{"7", "p.json: expected a JSON object"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_fault(cases[i].text, strlen(cases[i].text), NULL, 0,
			     cases[i].message);
}
END_TEST

START_TEST(a_zero_byte_is_refused_where_it_stands)
{
	static const char text[] = "{\"name\": \"a\",\n\"workers\": 1\0}";

	expect_fault(text, sizeof(text) - 1, NULL, 0, "p.json:2:13: not JSON: a zero byte");
}
END_TEST

#define MIB ((size_t)1024 * 1024)

START_TEST(a_mebibyte_of_garbage_is_refused)
{
	unsigned char *text = malloc(MIB + 1);
	unsigned random = 12345;

	for (size_t i = 0; i <= MIB; i++) {
		random = random * 1103515245 + 12345;
		text[i] = (unsigned char)(random >> 16);
	}
	text[0] = 0xfe;
	expect_fault((char *)text, MIB, NULL, 0, "p.json:1:...");
	expect_fault((char *)text, MIB + 1, NULL, 0, "p.json: larger than 1024 KiB");
	memset(text, ' ', MIB);
	expect_fault((char *)text, MIB, NULL, 0, "p.json:1:...");
	memset(text, 0, MIB);
	expect_fault((char *)text, MIB, NULL, 0, "p.json:1:...");
	memset(text, '"', MIB);
	expect_fault((char *)text, MIB, NULL, 0, "p.json:1:...");
	memset(text, '-', MIB);
	expect_fault((char *)text, MIB, NULL, 0, "p.json:1:...");
	free(text);
}
END_TEST

START_TEST(deep_nesting_is_refused_where_it_begins)
{
	char *text = malloc(MIB + 1);

	memset(text, '[', MIB);
	expect_fault(text, MIB, NULL, 0, "p.json:1:65: nested deeper than 64 levels");
	for (size_t i = 0; i + 5 <= MIB; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	expect_fault(text, MIB / 5 * 5, NULL, 0,
		     "p.json:1:321: nested deeper than 64 levels");
	strcpy(text, "{\"[[[[\\\"[[[\": "
		     "\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{"
		     "{{{{{{{{\"}");
	expect_fault(text, strlen(text), NULL, 0, "p.json: /[[[[\"[[[: unknown key; ...");
	free(text);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_named)
{
	static const struct {
		const char *path;
		int code;
		const char *message;
	} cases[] = {
		{"/none/p.json", WEIR_ENOTFOUND,
		 "/none/p.json: No such file or directory"},
		{"/tmp", WEIR_EIO, "/tmp: Is a directory"},
		{"/dev/zero", WEIR_ELIMIT, "/dev/zero: larger than 1024 KiB"},
		{"/dev/null", WEIR_EJSON, "/dev/null:1:1: not JSON: '[' or '{' expected"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_error error = {0};

		ck_assert_ptr_null(weir__pipeline_load(cases[i].path, NULL, 0, &error));
		ck_assert_int_eq(error.code, cases[i].code);
		if (i < 3)
			ck_assert_str_eq(error.message, cases[i].message);
		else
			ck_assert_int_eq(strncmp(error.message, cases[i].message, 13), 0);
	}
}
END_TEST

#define SMALL                                                                            \
	"{\"name\": \"orders\", \"instance\": \"i\", \"inputs\": [\"in\", \"in2\"],"     \
	" \"outputs\": {\"default\": \"out\"}}"

START_TEST(a_truncated_file_never_loads)
{
	for (size_t size = 0; size < strlen(SMALL); size++) {
		struct weir_error error = {0};

		ck_assert_ptr_null(weir__pipeline_parse(SMALL, size, "p.json", ".", NULL,
							0, &error));
		ck_assert_int_eq(error.code, WEIR_EJSON);
		ck_assert_int_eq(strncmp(error.message, "p.json:1:", 9), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pipeline text");
	TCase *tcase = tcase_create("pipeline text");

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, broken_json_is_named_by_line_and_column);
	tcase_add_test(tcase, a_zero_byte_is_refused_where_it_stands);
	tcase_add_test(tcase, a_mebibyte_of_garbage_is_refused);
	tcase_add_test(tcase, deep_nesting_is_refused_where_it_begins);
	tcase_add_test(tcase, files_that_cannot_be_read_are_named);
	tcase_add_test(tcase, a_truncated_file_never_loads);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
