/*
 * Records as lines of text, and back: the value alone, key and value, or JSON with
 * everything. Shared by produce and consume, so that one reads what the other writes.
 *
 * The JSON form keeps a record byte for byte: null is null (and not empty), text is a
 * string (U+0000 as \u0000), and bytes that are not UTF-8 become a base64 member:
 *
 *   {"topic":"t","partition":0,"offset":7,"timestamp":1700000000000,"key":null,
 *    "headers":[["name","value"],["name",null],["raw",{"base64":"/w=="}]],
 *    "value_base64":"/wA="}
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_FORMAT_H
#define WEIR_APPS_FORMAT_H

#include <jansson.h>

#include <base/alloc.h>
#include <base/bytes.h>
#include <broker/broker.h>

enum weir_format_kind {
	WEIR_FORMAT_VALUE = 0, /* a line is the value */
	WEIR_FORMAT_KEY_VALUE, /* key, separator, value */
	WEIR_FORMAT_JSON
};

/* All borrowed. */
struct weir_line_format {
	enum weir_format_kind kind;
	const char *separator;   /* KEY_VALUE: the first one in a line ends the key */
	bool null;               /* reading: empty is null; writing: null is "NULL" */
	const char *key_pointer; /* reading VALUE: JSON pointer to the key; NULL: none */
	const struct weir_header *headers; /* reading: added to every record */
	size_t header_count;
};

/* Add the record as one line, with its newline. */
void weir__line_write(const struct weir_line_format *format,
		      const struct weir_offset *place, const struct weir_message *message,
		      struct weir_buffer *out);

/*
 * Read a record from a line (without its newline). The message borrows from `line` and
 * `arena`.
 *
 * Returns 0, or a WEIR_E* with the reason; the caller knows the place.
 */
int weir__line_read(const struct weir_line_format *format, struct weir_bytes line,
		    struct weir_arena *arena, struct weir_message *message,
		    struct weir_error *error);

/*
 * A line as JSON, new reference; NULL with *reason. Stricter than jansson, which passes over
 * a zero byte behind a number or a word.
 */
json_t *weir__line_json(struct weir_bytes line, size_t flags, json_error_t *reason);

/* The JSON form alone; format_json.c. */
void weir__line_write_json(const struct weir_offset *place,
			   const struct weir_message *message, struct weir_buffer *out);
/* A member of an object, with a comma before it: "key":"text", "key":null or
 * "key_base64":"...". */
void weir__line_write_member(const char *name, struct weir_bytes bytes,
			     struct weir_buffer *out);
int weir__line_read_json(struct weir_bytes line, struct weir_arena *arena,
			 struct weir_message *message, struct weir_error *error);

#endif
