/*
 * Error codes and the error record that set-up calls fill.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef WEIR_API
#define WEIR_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define WEIR_PRINTF(format_index, first_arg) \
	__attribute__((format(printf, format_index, first_arg)))
#else
#define WEIR_PRINTF(format_index, first_arg)
#endif

/* Every error code: value, name, text. Values are never reused. */
#define WEIR_ERROR_MAP(X)                                                   \
	X(-1, WEIR_EINVALID, "invalid argument or setting")                 \
	X(-2, WEIR_ENOTFOUND, "not found")                                  \
	X(-3, WEIR_EEXISTS, "exists already")                               \
	X(-4, WEIR_EIO, "input or output failed")                           \
	X(-5, WEIR_ELIMIT, "beyond a limit")                                \
	X(-6, WEIR_EJSON, "not valid JSON")                                 \
	X(-7, WEIR_EPLUGIN, "plugin cannot be used")                        \
	X(-8, WEIR_EBROKER, "the Kafka cluster refused or failed")          \
	X(-9, WEIR_EFENCED, "fenced by another instance of the same name")  \
	X(-10, WEIR_ETIMEOUT, "no answer in time")                          \
	X(-11, WEIR_ESTATE, "not allowed at this point")                    \
	X(-12, WEIR_ELOCKED, "in use by another process")                   \
	X(-13, WEIR_EDENIED, "not authorized")                              \
	X(-14, WEIR_EPROCESSOR, "a processor asked to stop")

enum weir_error_code {
	WEIR_OK = 0,
#define WEIR_ERROR_ENUM(value, name, text) name = value,
	WEIR_ERROR_MAP(WEIR_ERROR_ENUM)
#undef WEIR_ERROR_ENUM
};

/*
 * What went wrong in a set-up call: a code and one line for people.
 *
 * Callers zero it first (`struct weir_error error = {0};`); functions that take
 * one accept NULL. The first error wins: setting one that is set changes nothing.
 */
struct weir_error {
	int code;
	char message[1024];
};

/*
 * Set *error (may be NULL), unless it is set already; cut at its size.
 *
 * Returns `code`, so that a function can end with it.
 */
WEIR_API int weir_error_set(struct weir_error *error, int code, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* A code's text: static, never NULL, also for a code that is not known. */
WEIR_API const char *weir_strerror(int code);

#ifdef __cplusplus
}
#endif

#endif
