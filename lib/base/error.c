/*
 * The error record: first error wins, one line, never longer than its buffer.
 *
 * Any thread; a record belongs to its caller.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdarg.h>

#include <base/words.h>

int
weir_error_set(struct weir_error *error, int code, const char *format, ...)
{
	va_list args;

	assert(code != WEIR_OK);
	if (!error || error->code != WEIR_OK)
		return code;
	error->code = code;
	va_start(args, format);
	weir__words_print(error->message, sizeof(error->message), format, args);
	va_end(args);
	return code;
}

const char *
weir_strerror(int code)
{
	switch (code) {
	case WEIR_OK:
		return "no error";
#define TEXT_OF(value, name, text)                                                       \
	case value:                                                                      \
		return text;
		WEIR_ERROR_MAP(TEXT_OF)
#undef TEXT_OF
	default:
		return "unknown error";
	}
}
