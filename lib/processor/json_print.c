/*
 * Printing JSON: compactly, members in their order, reals as the shortest text that reads
 * back equal (jansson would print 19.99 as 19.989999999999998).
 *
 * Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/json.h>

#include <processor/json_text.h>

/* ---- strings ---- */

static const char *
short_escape(unsigned char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

/* UTF-8 goes as it is; what must be escaped is. */
void
weir__json_add_string(struct weir_buffer *out, const char *text, size_t size)
{
	size_t start = 0;

	weir__buffer_add(out, "\"", 1);
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *escape;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		weir__buffer_add(out, text + start, i - start);
		start = i + 1;
		escape = short_escape(c);
		if (escape)
			weir__buffer_add(out, escape, 2);
		else
			weir__buffer_printf(out, "\\u%04x", c);
	}
	weir__buffer_add(out, text + start, size - start);
	weir__buffer_add(out, "\"", 1);
}

/* ---- numbers ---- */

/* The next larger decimal of as many digits: from "1.299e-5" to "1.300e-5". */
static bool
next_decimal(char *text)
{
	char *at = strchr(text, 'e');

	while (--at >= text) {
		if (*at < '0' || *at > '9')
			continue;
		if (*at != '9') {
			++*at;
			return true;
		}
		*at = '0';
	}
	return false;
}

/*
 * The decimal of `digits` digits that reads back as `real`, if there is one. The nearest
 * one does, but at powers of two: the doubles below are closer together than those above,
 * so that a decimal a little further up may do where the nearest, below, does not.
 */
static bool
try_digits(double real, int digits, char *text, size_t size)
{
	snprintf(text, size, "%.*e", digits - 1, real);
	if (strtod(text, NULL) == real)
		return true;
	return fabs(frexp(real, &(int){0})) == 0.5 && next_decimal(text) &&
	       strtod(text, NULL) == real;
}

/* From "-1.2345e+02" (of any locale) to digits and the power of ten of the first one. */
static int
split(const char *text, char *digits, size_t *count)
{
	*count = 0;
	for (; *text != 'e'; text++)
		if (*text >= '0' && *text <= '9')
			digits[(*count)++] = *text;
	while (*count > 1 && digits[*count - 1] == '0')
		--*count;
	return atoi(text + 1);
}

static void
add_zeros(struct weir_buffer *out, int count)
{
	while (count-- > 0)
		weir__buffer_add(out, "0", 1);
}

/* Always with a point or an exponent, so that it is read as a real again. */
static void
add_decimal(struct weir_buffer *out, const char *digits, size_t count, int exponent)
{
	int point = exponent + 1; /* digits before it */

	if (exponent < -5 || exponent >= 17) {
		weir__buffer_add(out, digits, 1);
		if (count > 1)
			weir__buffer_add(out, ".", 1);
		weir__buffer_add(out, digits + 1, count - 1);
		weir__buffer_printf(out, "e%d", exponent);
	} else if (point <= 0) {
		weir__buffer_add(out, "0.", 2);
		add_zeros(out, -point);
		weir__buffer_add(out, digits, count);
	} else if ((size_t)point >= count) {
		weir__buffer_add(out, digits, count);
		add_zeros(out, point - (int)count);
		weir__buffer_add(out, ".0", 2);
	} else {
		weir__buffer_add(out, digits, (size_t)point);
		weir__buffer_add(out, ".", 1);
		weir__buffer_add(out, digits + point, count - (size_t)point);
	}
}

static void
add_real(struct weir_buffer *out, double real)
{
	/* 15 digits always survive the way to a double and back, so fewer need no try of
	 * their own but for subnormal numbers; 17 always suffice */
	int digits = fabs(real) < 2.2250738585072014e-308 ? 1 : 15;
	char text[40], figures[40];
	size_t count;
	int exponent;

	while (digits < 17 && !try_digits(real, digits, text, sizeof(text)))
		digits++;
	if (digits == 17)
		snprintf(text, sizeof(text), "%.16e", real);
	exponent = split(text, figures, &count);
	if (signbit(real))
		weir__buffer_add(out, "-", 1);
	add_decimal(out, figures, count, exponent);
}

/* ---- values ---- */

static void
add_array(struct weir_buffer *out, const json_t *array)
{
	weir__buffer_add(out, "[", 1);
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			weir__buffer_add(out, ",", 1);
		weir__json_add(out, json_array_get(array, i));
	}
	weir__buffer_add(out, "]", 1);
}

static void
add_object(struct weir_buffer *out, const json_t *object)
{
	void *at = json_object_iter((json_t *)object); /* reads only */
	const char *separator = "";

	weir__buffer_add(out, "{", 1);
	for (; at; at = json_object_iter_next((json_t *)object, at)) {
		weir__buffer_add_text(out, separator);
		weir__json_add_string(out, json_object_iter_key(at), json_object_iter_key_len(at));
		weir__buffer_add(out, ":", 1);
		weir__json_add(out, json_object_iter_value(at));
		separator = ",";
	}
	weir__buffer_add(out, "}", 1);
}

void
weir__json_add(struct weir_buffer *out, const json_t *json)
{
	char digits[24];
	int size;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		add_object(out, json);
		break;
	case JSON_ARRAY:
		add_array(out, json);
		break;
	case JSON_STRING:
		weir__json_add_string(out, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER:
		size = snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT,
				json_integer_value(json));
		weir__buffer_add(out, digits, (size_t)size);
		break;
	case JSON_REAL:
		add_real(out, json_real_value(json));
		break;
	case JSON_TRUE:
		weir__buffer_add(out, "true", 4);
		break;
	case JSON_FALSE:
		weir__buffer_add(out, "false", 5);
		break;
	case JSON_NULL:
		weir__buffer_add(out, "null", 4);
		break;
	}
}

char *
weir_json_print(const json_t *json, size_t *size)
{
	struct weir_buffer out = {0};

	weir__json_add(&out, json);
	*size = out.size;
	return out.data;
}
