/*
 * Words for people, printed into a buffer: one line, of whole characters, whatever input
 * they quote.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_WORDS_H
#define WEIR_BASE_WORDS_H

#include <stdarg.h>
#include <stddef.h>

#include <weir/error.h>

/*
 * As vsnprintf, but that control bytes become ?, and a text that is too long is cut
 * between characters.
 */
void weir__words_print(char *text, size_t size, const char *format, va_list args)
	WEIR_PRINTF(3, 0);

#endif
