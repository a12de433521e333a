/*
 * Numbers as they stand in a JSON text: where they end, and whether an integer of 64 bits
 * (or less) or a double can hold them.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <processor/json_text.h>

static bool
is_digit(const char *text, size_t size, size_t at)
{
	return at < size && text[at] >= '0' && text[at] <= '9';
}

static size_t
skip_digits(const char *text, size_t size, size_t at)
{
	while (is_digit(text, size, at))
		at++;
	return at;
}

size_t
weir__json_number_size(struct weir_bytes number, bool *is_integer)
{
	const char *text = number.data;
	size_t size = number.size, at = 0;

	*is_integer = true;
	if (at < size && text[at] == '-')
		at++;
	if (!is_digit(text, size, at))
		return 0;
	at = text[at] == '0' ? at + 1 : skip_digits(text, size, at);
	if (at < size && text[at] == '.') {
		*is_integer = false;
		if (!is_digit(text, size, at + 1))
			return 0;
		at = skip_digits(text, size, at + 1);
	}
	if (at < size && (text[at] == 'e' || text[at] == 'E')) {
		*is_integer = false;
		at++;
		if (at < size && (text[at] == '+' || text[at] == '-'))
			at++;
		if (!is_digit(text, size, at))
			return 0;
		at = skip_digits(text, size, at);
	}
	return at;
}

static bool
integer_fits(struct weir_bytes number, int64_t limit)
{
	const char *text = number.data;
	bool negative = text[0] == '-';
	uint64_t bound = (uint64_t)limit, amount = 0;

	if (negative && limit == INT64_MAX)
		bound++; /* two's complement has one more */
	for (size_t i = negative; i < number.size; i++) {
		unsigned digit = (unsigned)(text[i] - '0');

		if (amount > (UINT64_MAX - digit) / 10)
			return false;
		amount = amount * 10 + digit;
	}
	return amount <= bound;
}

/* A real in pieces: the power of ten of its first digit that is not 0. */
struct magnitude {
	bool is_zero;
	int64_t exponent;
};

static int64_t
read_exponent(const char *text, size_t size)
{
	bool negative = size > 0 && text[0] == '-';
	int64_t exponent = 0;

	for (size_t i = size > 0 && (text[0] == '-' || text[0] == '+'); i < size; i++)
		if (exponent < INT64_C(1000000000000))
			exponent = exponent * 10 + (text[i] - '0');
	return negative ? -exponent : exponent;
}

static struct magnitude
measure(struct weir_bytes number)
{
	struct magnitude magnitude = {true, 0};
	const char *text = number.data;
	int64_t whole = 0, zeros = 0;
	bool behind_point = false;
	size_t i;

	for (i = text[0] == '-'; i < number.size && text[i] != 'e' && text[i] != 'E';
	     i++) {
		if (text[i] == '.') {
			behind_point = true;
			continue;
		}
		magnitude.is_zero = magnitude.is_zero && text[i] == '0';
		if (!behind_point && !magnitude.is_zero)
			whole++;
		if (behind_point && magnitude.is_zero)
			zeros++;
	}
	magnitude.exponent = whole > 0 ? whole - 1 : -zeros - 1;
	if (i < number.size)
		magnitude.exponent += read_exponent(text + i + 1, number.size - i - 1);
	return magnitude;
}

static double
to_double(struct weir_bytes number)
{
	char *text = weir__strndup(number.data, number.size);
	char *point = strchr(text, '.');
	double real;

	if (point)
		*point = localeconv()->decimal_point[0]; /* strtod goes by the locale */
	real = strtod(text, NULL);
	free(text);
	return real;
}

static enum weir_json_fault_type
check_real(struct weir_bytes number)
{
	struct magnitude magnitude = measure(number);
	double real;

	if (magnitude.is_zero || (magnitude.exponent > -300 && magnitude.exponent < 300))
		return 0;
	if (magnitude.exponent > 309)
		return WEIR_JSON_REAL;
	if (magnitude.exponent < -330)
		return WEIR_JSON_REAL_SMALL;
	real = to_double(number);
	return isinf(real) ? WEIR_JSON_REAL : real == 0 ? WEIR_JSON_REAL_SMALL : 0;
}

enum weir_json_fault_type
weir__json_number_check(struct weir_bytes number, bool is_integer, int64_t limit)
{
	if (!is_integer)
		return check_real(number);
	return integer_fits(number, limit) ? 0 : WEIR_JSON_INTEGER;
}
