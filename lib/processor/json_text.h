/*
 * JSON texts: what is wrong with one, and where.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_JSON_TEXT_H
#define WEIR_PROCESSOR_JSON_TEXT_H

#include <endian.h>
#include <string.h>

#include <jansson.h>

#include <base/alloc.h>
#include <weir/json.h>

/* Deeper nesting is refused; jansson's own bound. */
#define WEIR_JSON_MAX_DEPTH 2048

enum weir_json_fault_type {
	WEIR_JSON_SYNTAX = 1,
	WEIR_JSON_INTEGER,   /* beyond the limit */
	WEIR_JSON_REAL,      /* beyond a double */
	WEIR_JSON_REAL_SMALL /* not zero, but zero as a double */
};

/* The first thing that is wrong with a text. */
struct weir_json_fault {
	enum weir_json_fault_type type;
	size_t at;        /* byte it is seen at; of a number: its first */
	size_t size;      /* of the number */
	const char *what; /* static: what was expected there */
	bool says_found;  /* what stands there instead is worth saying */
};

/*
 * Read a whole text by RFC 8259, strictly: grammar, UTF-8, whole surrogate pairs, depth,
 * integers within -limit..limit, reals that a double holds; with WEIR_JSON_ANY_NUMBER any
 * numbers.
 *
 * Returns true, or false with the first fault. Allocates only for numbers near the bounds
 * of a double.
 */
bool weir__json_scan(struct weir_bytes text, int64_t limit, struct weir_json_fault *fault);

/* The fault as a reason for people: "value is not JSON: line 1 column 7: ...". */
void weir__json_explain(struct weir_bytes text, const struct weir_json_fault *fault,
                        int64_t limit, char *reason, size_t size);

/* The number that starts `text`: size of it, 0 when it is none. */
size_t weir__json_number_size(struct weir_bytes text, bool *is_integer);

/* Can it be held: an integer within -limit..limit, a real by a double? 0, or the fault. */
enum weir_json_fault_type weir__json_number_check(struct weir_bytes number, bool is_integer,
                                                  int64_t limit);

/* Add the JSON pointer of the value that starts at byte `at` of `text`, which is JSON so far. */
void weir__json_place(struct weir_bytes text, size_t at, struct weir_buffer *out);

/* Is this token of a pointer an array's index? Sets *index. */
bool weir__json_token_index(const char *token, size_t size, size_t *index);
/* ~1 to /, ~0 to ~, in place. Returns the new size. */
size_t weir__json_token_unescape(char *token, size_t size);

/*
 * Sixteen bytes at once, as the compiler's vectors (GCC and Clang; without such registers they
 * do it in pieces). Comparing two gives lanes of all ones where it holds.
 */
typedef signed char weir_sixteen __attribute__((vector_size(16)));
static inline weir_sixteen
weir__sixteen(const void *at)
{
	weir_sixteen bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}
/* The first lane that is set; 16: none is. */
static inline size_t
weir__sixteen_first(weir_sixteen lanes)
{
	uint64_t halves[2];

	memcpy(halves, &lanes, sizeof(halves));
	if (halves[0])
		return (size_t)__builtin_ctzll(le64toh(halves[0])) / 8;
	return halves[1] ? 8 + (size_t)__builtin_ctzll(le64toh(halves[1])) / 8 : 16;
}

/* Add a string, in quotes. */
void weir__json_add_string(struct weir_buffer *out, const char *text, size_t size);
/* Add `json`, printed compactly. */
void weir__json_add(struct weir_buffer *out, const json_t *json);

#endif
