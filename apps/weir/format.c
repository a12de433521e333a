/*
 * A record as a line, and back: knows the plain forms (value; key and value), where the
 * key comes from, and the headers that are added to each record. The JSON form is in
 * format_json.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include <weir/json.h>

#include "format.h"

static void
add_bytes(const struct weir_line_format *format, struct weir_bytes bytes,
	  struct weir_buffer *out)
{
	if (!bytes.data && format->null)
		weir__buffer_add(out, "NULL", 4);
	else if (bytes.size > 0)
		weir__buffer_add(out, bytes.data, bytes.size);
}

void
weir__line_write(const struct weir_line_format *format, const struct weir_offset *place,
		 const struct weir_message *message, struct weir_buffer *out)
{
	if (format->kind == WEIR_FORMAT_JSON) {
		weir__line_write_json(place, message, out);
		return;
	}
	if (format->kind == WEIR_FORMAT_KEY_VALUE) {
		add_bytes(format, message->key, out);
		weir__buffer_add_text(out, format->separator);
	}
	add_bytes(format, message->value, out);
	weir__buffer_add(out, "\n", 1);
}

/* `data` NULL would be null: an empty line is an empty value, unless asked otherwise. */
static struct weir_bytes
part(const struct weir_line_format *format, const char *data, size_t size)
{
	if (size == 0)
		data = format->null ? NULL : "";
	return (struct weir_bytes){data, size};
}

static int
split(const struct weir_line_format *format, struct weir_bytes line,
      struct weir_message *message, struct weir_error *error)
{
	size_t size = strlen(format->separator);
	const char *start = line.data;
	const char *at =
		line.size ? memmem(start, line.size, format->separator, size) : NULL;

	if (!at)
		return weir_error_set(error, WEIR_EINVALID,
				      "no key separator in the line");
	message->key = part(format, start, (size_t)(at - start));
	message->value = part(format, at + size, line.size - (size_t)(at - start) - size);
	return 0;
}

static int
key_from_json(const json_t *json, const char *pointer, struct weir_arena *arena,
	      struct weir_bytes *key, struct weir_error *error)
{
	const json_t *found = weir_json_at(json, pointer);
	struct weir_bytes text = {NULL, 0};
	char number[24];

	if (!found)
		return weir_error_set(error, WEIR_ENOTFOUND,
				      "nothing at %s to take as the key", pointer);
	switch (json_typeof(found)) {
	case JSON_STRING:
		text.data = json_string_value(found);
		text.size = json_string_length(found);
		break;
	case JSON_INTEGER:
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(found));
		text.data = number;
		text.size = strlen(number);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		text.data = json_is_true(found) ? "true" : "false";
		text.size = strlen(text.data);
		break;
	case JSON_NULL:
		break;
	default:
		return weir_error_set(
			error, WEIR_EINVALID,
			"%s cannot be the key: expected a string, an integer, a "
			"boolean or null",
			pointer);
	}
	*key = weir__arena_copy(arena, text);
	return 0;
}

static int
key_at_pointer(const struct weir_line_format *format, struct weir_bytes line,
	       struct weir_arena *arena, struct weir_bytes *key, struct weir_error *error)
{
	json_error_t reason;
	json_t *json;
	int code;

	json = weir__line_json(line, JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
	if (!json)
		return weir_error_set(error, WEIR_EJSON,
				      "not JSON, so no key at %s: %s, column %d",
				      format->key_pointer, reason.text, reason.column);
	code = key_from_json(json, format->key_pointer, arena, key, error);
	json_decref(json);
	return code;
}

static void
add_headers(const struct weir_line_format *format, struct weir_arena *arena,
	    struct weir_message *message)
{
	size_t count = message->header_count + format->header_count;
	struct weir_header *headers;

	if (format->header_count == 0)
		return;
	if (message->header_count == 0) {
		message->headers = format->headers;
		message->header_count = format->header_count;
		return;
	}
	headers = weir__arena_alloc(arena, count * sizeof(*headers));
	memcpy(headers, message->headers, message->header_count * sizeof(*headers));
	memcpy(headers + message->header_count, format->headers,
	       format->header_count * sizeof(*headers));
	message->headers = headers;
	message->header_count = count;
}

int
weir__line_read(const struct weir_line_format *format, struct weir_bytes line,
		struct weir_arena *arena, struct weir_message *message,
		struct weir_error *error)
{
	int code = 0;

	*message = (struct weir_message){.timestamp_ms = -1, .partition = WEIR_BY_KEY};
	if (format->kind == WEIR_FORMAT_JSON)
		code = weir__line_read_json(line, arena, message, error);
	else if (format->kind == WEIR_FORMAT_KEY_VALUE)
		code = split(format, line, message, error);
	else
		message->value = part(format, line.data, line.size);
	if (code == 0 && format->key_pointer)
		code = key_at_pointer(format, message->value, arena, &message->key,
				      error);
	if (code == 0)
		add_headers(format, arena, message);
	return code;
}
