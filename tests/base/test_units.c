/*
 * Durations, sizes, names, and the nearest known name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <base/units.h>
#include <weir/error.h>

#include "tests/harness.h"

struct unit_case {
	const char *text;
	int code;
	int64_t value;
};

START_TEST(durations_are_read_with_their_unit)
{
	static const struct unit_case cases[] = {
		{"0", 0, 0},
		{"00", 0, 0},
		{"0s", 0, 0},
		{"100ms", 0, 100},
		{"90s", 0, 90000},
		{"5m", 0, 300000},
		{"24h", 0, 86400000},
		{"30d", 0, INT64_C(2592000000)},
		{"9223372036854775807ms", 0, INT64_MAX},
		{"9223372036854775808ms", WEIR_EINVALID, -7},
		{"106751991168d", WEIR_EINVALID, -7},
		{"", WEIR_EINVALID, -7},
		{"5", WEIR_EINVALID, -7},
		{"s", WEIR_EINVALID, -7},
		{"-5s", WEIR_EINVALID, -7},
		{"+5s", WEIR_EINVALID, -7},
		{" 5s", WEIR_EINVALID, -7},
		{"5 s", WEIR_EINVALID, -7},
		{"1.5s", WEIR_EINVALID, -7},
		{"5sec", WEIR_EINVALID, -7},
		{"5S", WEIR_EINVALID, -7},
		{"5MiB", WEIR_EINVALID, -7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -7;
		int code = weir__duration_parse(cases[i].text, &ms);

		ck_assert_msg(code == cases[i].code && ms == cases[i].value,
			      "\"%s\": %d, %lld", cases[i].text, code, (long long)ms);
	}
}
END_TEST

START_TEST(sizes_are_read_with_their_unit)
{
	static const struct unit_case cases[] = {
		{"0", 0, 0},
		{"7B", 0, 7},
		{"4KiB", 0, 4096},
		{"64MiB", 0, 67108864},
		{"2GiB", 0, INT64_C(2147483648)},
		{"1TiB", 0, INT64_C(1099511627776)},
		{"8388607TiB", 0, INT64_C(8388607) << 40},
		{"8388608TiB", WEIR_EINVALID, -7},
		{"64MB", WEIR_EINVALID, -7},
		{"64", WEIR_EINVALID, -7},
		{"64s", WEIR_EINVALID, -7},
		{"MiB", WEIR_EINVALID, -7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t bytes = -7;
		int code = weir__size_parse(cases[i].text, &bytes);

		ck_assert_msg(code == cases[i].code && bytes == cases[i].value,
			      "\"%s\": %d, %lld", cases[i].text, code, (long long)bytes);
	}
}
END_TEST

START_TEST(printing_takes_the_largest_unit_that_divides)
{
	char text[40];

	ck_assert_str_eq(weir__duration_print(0, text, sizeof(text)), "0");
	ck_assert_str_eq(weir__duration_print(90000, text, sizeof(text)), "90s");
	ck_assert_str_eq(weir__duration_print(86400000, text, sizeof(text)), "1d");
	ck_assert_str_eq(weir__duration_print(1001, text, sizeof(text)), "1001ms");
	ck_assert_str_eq(weir__duration_print(-5000, text, sizeof(text)), "-5s");
	ck_assert_str_eq(weir__size_print(67108864, text, sizeof(text)), "64MiB");
	ck_assert_str_eq(weir__size_print(1025, text, sizeof(text)), "1025B");
	ck_assert_str_eq(weir__size_print(INT64_MAX, text, sizeof(text)),
			 "9223372036854775807B");
}
END_TEST

START_TEST(names_hold_nothing_that_a_path_or_topic_could_not)
{
	static const char *const good[] = {"a", "orders", "Orders-2", "0_x", "a--_"};
	static const char *const bad[] = {"",    "-a",  "_a", ".",   "..",   "a/b", "a.b",
					  "a b", "a\n", "é",  "a:b", "../x", "a\\b"};
	char longest[65];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(weir__name_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__name_valid(bad[i]), "%s", bad[i]);
	memset(longest, 'x', sizeof(longest));
	longest[63] = '\0';
	ck_assert(weir__name_valid(longest));
	longest[63] = 'x';
	longest[64] = '\0';
	ck_assert(!weir__name_valid(longest));
}
END_TEST

START_TEST(topics_are_what_kafka_takes)
{
	static const char *const good[] = {"a", ".a", "a.b_c-D9", "...", "_"};
	static const char *const bad[] = {"",  ".",   "..", "a/b", "a b",
					  "ä", "a,b", "^a", "a*"};
	char longest[251];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(weir__topic_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!weir__topic_valid(bad[i]), "%s", bad[i]);
	memset(longest, 'x', sizeof(longest));
	longest[249] = '\0';
	ck_assert(weir__topic_valid(longest));
	longest[249] = 'x';
	longest[250] = '\0';
	ck_assert(!weir__topic_valid(longest));
}
END_TEST

START_TEST(a_slip_finds_the_name_that_was_meant)
{
	static const char *const names[] = {"name",        "inputs",  "outputs",
					    "dead_letter", "workers", "commit",
					    "state_dir",   NULL};
	static const struct {
		const char *text;
		const char *nearest;
	} cases[] = {
		{"input", "inputs"},
		{"inptus", "inputs"},
		{"outptu", "outputs"},
		{"Name", "name"},
		{"dead-letter", "dead_letter"},
		{"deadletter", "dead_letter"},
		{"worker", "workers"},
		{"comit", "commit"},
		{"statedir", "state_dir"},
		{"frobnicate", NULL},
		{"", NULL},
		{"x", NULL},
		{"zzzzzzzzzzzzzz", NULL},
	};
	char endless[2000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_pstr_eq(weir__nearest(cases[i].text, names), cases[i].nearest);
	memset(endless, 'n', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	ck_assert_ptr_null(weir__nearest(endless, names));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("units");
	TCase *tcase = tcase_create("units");

	tcase_add_test(tcase, durations_are_read_with_their_unit);
	tcase_add_test(tcase, sizes_are_read_with_their_unit);
	tcase_add_test(tcase, printing_takes_the_largest_unit_that_divides);
	tcase_add_test(tcase, names_hold_nothing_that_a_path_or_topic_could_not);
	tcase_add_test(tcase, topics_are_what_kafka_takes);
	tcase_add_test(tcase, a_slip_finds_the_name_that_was_meant);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
