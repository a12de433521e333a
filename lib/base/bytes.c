/*
 * Bytes as text: what is UTF-8 and what is not, and base64 for what is not. Pure
 * functions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <base/bytes.h>

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bytes behind a lead byte, and the range of the first of them; -1: no lead byte. */
static int
utf8_following(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (lead < 0x80)
		return 0;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 1;
	if (lead >= 0xe0 && lead <= 0xef) {
		if (lead == 0xe0)
			*low = 0xa0; /* below: longer than needed */
		if (lead == 0xed)
			*high = 0x9f; /* above: surrogates */
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		if (lead == 0xf0)
			*low = 0x90;
		if (lead == 0xf4)
			*high = 0x8f; /* above: beyond U+10FFFF */
		return 3;
	}
	return -1;
}

bool
weir__utf8_valid(const void *data, size_t size)
{
	const unsigned char *at = data;
	const unsigned char *end = at + size;

	while (at < end) {
		unsigned char low;
		unsigned char high;
		int following = utf8_following(*at++, &low, &high);

		if (following < 0 || end - at < following)
			return false;
		for (; following > 0; following--, at++) {
			if (*at < low || *at > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}

void
weir__base64_write(struct weir_bytes bytes, struct weir_buffer *out)
{
	const unsigned char *at = bytes.data;
	size_t left = bytes.size;

	while (left > 0) {
		size_t size = left < 3 ? left : 3;
		unsigned int group = (unsigned int)at[0] << 16;
		char text[4];

		if (size > 1)
			group |= (unsigned int)at[1] << 8;
		if (size > 2)
			group |= at[2];
		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = size > 1 ? digits[group >> 6 & 63] : '=';
		text[3] = size > 2 ? digits[group & 63] : '=';
		weir__buffer_add(out, text, sizeof(text));
		at += size;
		left -= size;
	}
}

/* Four characters to at most three bytes; returns their number, 0 when it is no base64.
 */
static size_t
base64_group(const char *text, bool last, unsigned char *bytes)
{
	unsigned int group = 0;
	size_t size = 3;
	size_t i;

	if (last && text[3] == '=')
		size = text[2] == '=' ? 1 : 2;
	for (i = 0; i < size + 1; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return 0;
		group |= (unsigned int)(digit - digits) << (18 - 6 * i);
	}
	/* bits behind the last byte must be 0: one spelling for one value */
	if (group & ((1u << (24 - 8 * size)) - 1))
		return 0;
	for (i = 0; i < size; i++)
		bytes[i] = (unsigned char)(group >> (16 - 8 * i));
	return size;
}

int
weir__base64_read(const char *text, size_t size, struct weir_arena *arena,
		  struct weir_bytes *bytes)
{
	unsigned char *data;
	size_t used = 0;
	size_t at;

	if (size % 4 != 0)
		return WEIR_EINVALID;
	data = weir__arena_alloc(arena, size / 4 * 3);
	for (at = 0; at < size; at += 4) {
		size_t got = base64_group(text + at, at + 4 == size, data + used);

		if (got == 0)
			return WEIR_EINVALID;
		used += got;
	}
	bytes->data = data;
	bytes->size = used;
	return 0;
}
