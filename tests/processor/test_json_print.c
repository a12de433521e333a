/*
 * Printing JSON: order, escapes, and reals that read back equal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>
#include <weir/json.h>

#include "tests/harness.h"

static const struct {
	double real;
	const char *text;
} reals[] = {
	{19.99, "19.99"},
	{0.1, "0.1"},
	{1.0, "1.0"},
	{0.0, "0.0"},
	{-0.0, "-0.0"},
	{-2.5, "-2.5"},
	{100000.0, "100000.0"},
	{1e16, "10000000000000000.0"},
	{1e17, "1e17"},
	{1.5e300, "1.5e300"},
	{0.00001, "0.00001"},
	{0.000001, "1e-6"},
	{1.25e-7, "1.25e-7"},
	{5e-324, "5e-324"},
	{2.2250738585072014e-308, "2.2250738585072014e-308"},
	{1.7976931348623157e308, "1.7976931348623157e308"},
	{0.30000000000000004, "0.30000000000000004"},
	{9007199254740993.0, "9007199254740992.0"},
	{5e-323, "5e-323"},
	{9.5367431640625e-07, "9.5367431640625e-7"},
	{1.1754943508222875e-38, "1.1754943508222875e-38"},
	{7.120236347223045e-307, "7.120236347223045e-307"}, /* 2^-1017: nearest 16 fail */
};

static char *
print_real(double real)
{
	json_t *json = json_real(real);
	size_t size;
	char *text = weir_json_print(json, &size);

	ck_assert_uint_eq(strlen(text), size);
	json_decref(json);
	return text;
}

START_TEST(reals_are_printed_shortly_and_stay_reals)
{
	char *text = print_real(reals[_i].real);

	ck_assert_str_eq(text, reals[_i].text);
	free(text);
}
END_TEST

static size_t
significant_digits(const char *text)
{
	char digits[64];
	size_t count = 0, first = 0;

	for (; *text && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9')
			digits[count++] = *text;
	while (count > 1 && digits[count - 1] == '0')
		count--;
	while (first < count - 1 && digits[first] == '0')
		first++;
	return count - first;
}

/* The fewest digits of a decimal next to `real` that reads back equal. */
static size_t
fewest_digits(double real)
{
	char text[64];

	for (int digits = 1; digits < 17; digits++) {
		snprintf(text, sizeof(text), "%.*e", digits - 1, real);
		if (strtod(text, NULL) == real)
			return significant_digits(text);
	}
	return 17;
}

static double
random_real(int kind)
{
	uint64_t bits =
		(uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
	double real;

	if (kind == 0) /* as prices and coordinates are */
		return (double)(random() % 2000000 - 1000000) / 1000.0;
	if (kind == 1) /* near a power of two */
		return nextafter(ldexp(1, (int)(random() % 2000) - 1000),
				 random() % 2 ? 1e308 : 0);
	if (kind == 2) /* subnormal */
		bits &= (UINT64_C(1) << 52) - 1;
	memcpy(&real, &bits, sizeof(real));
	return isfinite(real) ? real : 1;
}

START_TEST(random_reals_read_back_equal_with_the_fewest_digits)
{
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;

	printf("# seed %u\n", seed);
	srandom(seed);
	for (int round = 0; round < 20000; round++) {
		double real = random_real(round % 4);
		char *text = print_real(real);
		json_t *back = json_loads(text, JSON_DECODE_ANY, NULL);

		ck_assert_msg(json_is_real(back) && json_real_value(back) == real,
			      "%.17g: %s", real, text);
		ck_assert_msg(significant_digits(text) <= fewest_digits(real),
			      "%.17g: %s", real, text);
		json_decref(back);
		free(text);
	}
}
END_TEST

START_TEST(powers_of_two_read_back_equal)
{
	for (int power = -1074; power < 1024; power++) {
		double real = ldexp(1, power);
		char *text = print_real(real);

		ck_assert_msg(strtod(text, NULL) == real, "2^%d: %s", power, text);
		ck_assert_uint_le(significant_digits(text), fewest_digits(real));
		free(text);
	}
}
END_TEST

START_TEST(members_keep_their_order_and_strings_are_escaped_as_needed)
{
	static const char *const text =
		"{\"z\":1,\"a\":[true,false,null,{}],"
		"\"\\u0000\\u0001\\u001f\\\"\\\\\\b\\f\\n\\r\\t/"
		"\x7f\xc3\xa9\xf0\x9f\x98\x80\":"
		"\"\\u0000\\u0001\\u001f\\\"\\\\\\b\\f\\n\\r\\t/"
		"\x7f\xc3\xa9\xf0\x9f\x98\x80\",\"m\":-9223372036854775808,\"e\":[]}";
	json_t *json;
	size_t size;
	char *printed, *nul_free = weir__strdup(text);
	char *key_nul = strstr(nul_free, "\\u0000");

	memmove(key_nul, key_nul + 6,
		strlen(key_nul + 6) + 1); /* jansson has no NUL in keys */
	json = json_loads(nul_free, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(json);
	printed = weir_json_print(json, &size);
	ck_assert_str_eq(printed, nul_free);
	free(printed);
	json_decref(json);
	free(nul_free);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

int
main(void)
{
	Suite *suite = suite_create("json_print");
	TCase *cases = tcase_create("json_print");

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, reals_are_printed_shortly_and_stay_reals, 0,
			    ROWS(reals));
	tcase_add_loop_test(cases, random_reals_read_back_equal_with_the_fewest_digits, 0,
			    2);
	tcase_add_test(cases, powers_of_two_read_back_equal);
	tcase_add_test(cases, members_keep_their_order_and_strings_are_escaped_as_needed);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
