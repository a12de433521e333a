/*
 * Words for people: log lines, errors, reasons. They quote input, which must neither
 * forge lines nor steer a terminal, nor leave half a character.
 *
 * Any thread; nothing is kept.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include <base/words.h>

static void
replace_control_bytes(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
	}
}

/* A cut between the bytes of one UTF-8 character would leave a broken one: drop it. */
static void
trim_cut_character(char *text, size_t length)
{
	size_t start = length;

	while (start > 0 && length - start < 4 &&
	       ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0xc0)
		text[start - 1] = '\0';
}

void
weir__words_print(char *text, size_t size, const char *format, va_list args)
{
	int length = vsnprintf(text, size, format, args);

	if (length >= 0 && (size_t)length >= size)
		trim_cut_character(text, size - 1);
	replace_control_bytes(text);
}
