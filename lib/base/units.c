/*
 * Durations, sizes and names as people write them, and which known name is nearest.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include <base/units.h>
#include <weir/error.h>

#define LONGEST_NAME 63
#define LONGEST_TOPIC 249
#define LONGEST_NEAREST 64 /* names longer than this are near to none */

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, for printing. */
static const struct unit durations[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0},
};
static const struct unit sizes[] = {
	{"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
	{"KiB", 1 << 10},          {"B", 1},         {NULL, 0},
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alphanumeric(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
unit_parse(const char *text, const struct unit *units, int64_t *result)
{
	const char *at = text;
	int64_t number = 0;

	while (is_digit(*at)) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *at - '0', &number))
			return WEIR_EINVALID;
		at++;
	}
	if (at == text)
		return WEIR_EINVALID;
	if (*at == '\0' && number == 0) {
		*result = 0;
		return 0;
	}
	for (; units->name; units++) {
		if (strcmp(at, units->name) != 0)
			continue;
		if (__builtin_mul_overflow(number, units->factor, &number))
			return WEIR_EINVALID;
		*result = number;
		return 0;
	}
	return WEIR_EINVALID;
}

static char *
unit_print(int64_t value, const struct unit *units, char *text, size_t size)
{
	if (value == 0) {
		snprintf(text, size, "0");
		return text;
	}
	while (value % units->factor != 0)
		units++;
	snprintf(text, size, "%lld%s", (long long)(value / units->factor), units->name);
	return text;
}

int
weir__duration_parse(const char *text, int64_t *ms)
{
	return unit_parse(text, durations, ms);
}

int
weir__size_parse(const char *text, int64_t *bytes)
{
	return unit_parse(text, sizes, bytes);
}

char *
weir__duration_print(int64_t ms, char *text, size_t size)
{
	return unit_print(ms, durations, text, size);
}

char *
weir__size_print(int64_t bytes, char *text, size_t size)
{
	return unit_print(bytes, sizes, text, size);
}

bool
weir__name_valid(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > LONGEST_NAME || !is_alphanumeric(text[0]))
		return false;
	for (size_t i = 1; i < length; i++) {
		if (!is_alphanumeric(text[i]) && text[i] != '_' && text[i] != '-')
			return false;
	}
	return true;
}

bool
weir__topic_valid(const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length > LONGEST_TOPIC)
		return false;
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (!is_alphanumeric(text[i]) && !strchr("._-", text[i]))
			return false;
	}
	return true;
}

/* Case and the choice of - or _ are slips that cost nothing. */
static char
fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c == '-' ? '_' : c;
}

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edit distance, where two neighbours swapped count as one edit. */
static size_t
distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][LONGEST_NEAREST + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_size; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			bool same = fold(a[i - 1]) == fold(b[j - 1]);

			row[j] = smallest(last[j] + 1, row[j - 1] + 1,
					  last[j - 1] + !same);
			if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			    fold(a[i - 2]) == fold(b[j - 1]) &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_size];
}

const char *
weir__nearest(const char *text, const char *const *names)
{
	size_t size = strlen(text);
	const char *nearest = NULL;
	size_t least = size / 3 + 1; /* a third of it may be wrong, one edit always */

	if (size == 0 || size > LONGEST_NEAREST)
		return NULL;
	for (; *names; names++) {
		size_t name_size = strlen(*names);
		size_t edits;

		if (name_size > LONGEST_NEAREST)
			continue;
		edits = distance(text, size, *names, name_size);
		if (edits < name_size &&
		    (edits < least || (edits == least && !nearest))) {
			least = edits;
			nearest = *names;
		}
	}
	return nearest;
}
