/*
 * A record as one line of JSON, and back, byte for byte. Knows the members and their
 * shapes; prints by hand (fast, and no JSON library then stands between the bytes and the
 * line), parses with jansson.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include <base/units.h>

#include "format.h"

#define MAX_HEADERS 10000

static const char *const members[] = {
	"topic",      "partition", "offset", "timestamp",    "key",
	"key_base64", "headers",   "value",  "value_base64", NULL};

/* ---- writing ---- */

static void
add_escape(struct weir_buffer *out, unsigned char byte)
{
	switch (byte) {
	case '"':
		weir__buffer_add(out, "\\\"", 2);
		break;
	case '\\':
		weir__buffer_add(out, "\\\\", 2);
		break;
	case '\n':
		weir__buffer_add(out, "\\n", 2);
		break;
	case '\r':
		weir__buffer_add(out, "\\r", 2);
		break;
	case '\t':
		weir__buffer_add(out, "\\t", 2);
		break;
	default:
		weir__buffer_printf(out, "\\u%04x", byte);
	}
}

static void
add_string(struct weir_buffer *out, const void *data, size_t size)
{
	const unsigned char *at = data;
	size_t start = 0;
	size_t i;

	weir__buffer_add(out, "\"", 1);
	for (i = 0; i < size; i++) {
		if (at[i] >= 0x20 && at[i] != '"' && at[i] != '\\')
			continue;
		if (i > start)
			weir__buffer_add(out, at + start, i - start);
		add_escape(out, at[i]);
		start = i + 1;
	}
	if (size > start)
		weir__buffer_add(out, at + start, size - start);
	weir__buffer_add(out, "\"", 1);
}

void
weir__line_write_member(const char *name, struct weir_bytes bytes, struct weir_buffer *out)
{
	if (!bytes.data) {
		weir__buffer_printf(out, ",\"%s\":null", name);
	} else if (weir__utf8_valid(bytes.data, bytes.size)) {
		weir__buffer_printf(out, ",\"%s\":", name);
		add_string(out, bytes.data, bytes.size);
	} else {
		weir__buffer_printf(out, ",\"%s_base64\":\"", name);
		weir__base64_write(bytes, out);
		weir__buffer_add(out, "\"", 1);
	}
}

/* An element of a list, where there is no name to vary: "text", null or {"base64":"..."}.
 */
static void
add_element(struct weir_buffer *out, struct weir_bytes bytes)
{
	if (!bytes.data) {
		weir__buffer_add_text(out, "null");
	} else if (weir__utf8_valid(bytes.data, bytes.size)) {
		add_string(out, bytes.data, bytes.size);
	} else {
		weir__buffer_add_text(out, "{\"base64\":\"");
		weir__base64_write(bytes, out);
		weir__buffer_add_text(out, "\"}");
	}
}

static void
add_headers(struct weir_buffer *out, const struct weir_message *message)
{
	size_t i;

	weir__buffer_add_text(out, ",\"headers\":[");
	for (i = 0; i < message->header_count; i++) {
		const struct weir_header *header = &message->headers[i];

		weir__buffer_add_text(out, i ? ",[" : "[");
		add_element(out, (struct weir_bytes){header->name, strlen(header->name)});
		weir__buffer_add_text(out, ",");
		add_element(out, header->value);
		weir__buffer_add_text(out, "]");
	}
	weir__buffer_add_text(out, "]");
}

void
weir__line_write_json(const struct weir_offset *place, const struct weir_message *message,
		      struct weir_buffer *out)
{
	weir__buffer_add_text(out, "{\"topic\":");
	add_string(out, place->topic, strlen(place->topic));
	weir__buffer_printf(out, ",\"partition\":%" PRId32 ",\"offset\":%" PRId64,
			    place->partition, place->offset);
	if (message->timestamp_ms < 0)
		weir__buffer_add_text(out, ",\"timestamp\":null");
	else
		weir__buffer_printf(out, ",\"timestamp\":%" PRId64,
				    message->timestamp_ms);
	weir__line_write_member("key", message->key, out);
	add_headers(out, message);
	weir__line_write_member("value", message->value, out);
	weir__buffer_add_text(out, "}\n");
}

/* ---- reading ---- */

static const char *
type_name(const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "a list";
	case JSON_STRING:
		return "a string";
	case JSON_NULL:
		return "null";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	default:
		return "a number";
	}
}

/* A string to bytes; never null. */
static struct weir_bytes
string_bytes(const json_t *json, struct weir_arena *arena)
{
	struct weir_bytes bytes = {json_string_value(json), json_string_length(json)};

	return weir__arena_copy(arena, bytes);
}

static int
base64_bytes(const json_t *json, const char *where, struct weir_arena *arena,
	     struct weir_bytes *bytes, struct weir_error *error)
{
	if (!json_is_string(json))
		return weir_error_set(error, WEIR_EINVALID, "%s is %s: expected a string",
				      where, type_name(json));
	if (weir__base64_read(json_string_value(json), json_string_length(json), arena,
			      bytes) != 0)
		return weir_error_set(error, WEIR_EINVALID, "%s is not base64", where);
	return 0;
}

/* NAME or NAME_base64; both absent is null, but for the value, which must be there. */
static int
read_member(const json_t *object, const char *name, const char *base64_name,
	    bool required, struct weir_arena *arena, struct weir_bytes *bytes,
	    struct weir_error *error)
{
	const json_t *text = json_object_get(object, name);
	const json_t *raw = json_object_get(object, base64_name);

	*bytes = (struct weir_bytes){NULL, 0};
	if (text && raw)
		return weir_error_set(error, WEIR_EINVALID, "both %s and %s", name,
				      base64_name);
	if (raw)
		return base64_bytes(raw, base64_name, arena, bytes, error);
	if (!text && required)
		return weir_error_set(error, WEIR_EINVALID, "no %s (nor %s)", name,
				      base64_name);
	if (!text || json_is_null(text))
		return 0;
	if (!json_is_string(text))
		return weir_error_set(error, WEIR_EINVALID,
				      "%s is %s: expected a string or null", name,
				      type_name(text));
	*bytes = string_bytes(text, arena);
	return 0;
}

/* "text", {"base64": "..."}, or null where a header's value may be. */
static int
read_element(const json_t *json, size_t header, struct weir_arena *arena,
	     struct weir_bytes *bytes, struct weir_error *error)
{
	char where[48];

	*bytes = (struct weir_bytes){NULL, 0};
	snprintf(where, sizeof(where), "headers[%zu]", header);
	if (json_is_null(json))
		return 0;
	if (json_is_string(json)) {
		*bytes = string_bytes(json, arena);
		return 0;
	}
	if (json_object_size(json) == 1 && json_object_get(json, "base64"))
		return base64_bytes(json_object_get(json, "base64"), where, arena, bytes,
				    error);
	return weir_error_set(error, WEIR_EINVALID,
			      "%s holds %s: expected a string, null or {\"base64\": ...}",
			      where, type_name(json));
}

static int
read_header(const json_t *pair, size_t index, struct weir_arena *arena,
	    struct weir_header *header, struct weir_error *error)
{
	struct weir_bytes name;
	char *text;
	int code;

	if (!json_is_array(pair) || json_array_size(pair) != 2)
		return weir_error_set(error, WEIR_EINVALID,
				      "headers[%zu] is no pair: expected [name, value]",
				      index);
	code = read_element(json_array_get(pair, 0), index, arena, &name, error);
	if (code != 0)
		return code;
	if (!name.data || memchr(name.data, 0, name.size))
		return weir_error_set(error, WEIR_EINVALID, "headers[%zu] has %s", index,
				      name.data ? "U+0000 in its name" : "no name");
	text = weir__arena_alloc(arena, name.size + 1);
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	header->name = text;
	return read_element(json_array_get(pair, 1), index, arena, &header->value, error);
}

static int
read_headers(const json_t *list, struct weir_arena *arena, struct weir_message *message,
	     struct weir_error *error)
{
	size_t count = json_array_size(list);
	struct weir_header *headers;
	size_t i;
	int code;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return weir_error_set(error, WEIR_EINVALID,
				      "headers is %s: expected a list", type_name(list));
	if (count > MAX_HEADERS)
		return weir_error_set(error, WEIR_ELIMIT,
				      "%zu headers: at most %d are taken", count,
				      MAX_HEADERS);
	headers = weir__arena_alloc(arena, count * sizeof(*headers));
	for (i = 0; i < count; i++) {
		code = read_header(json_array_get(list, i), i, arena, &headers[i], error);
		if (code != 0)
			return code;
	}
	message->headers = headers;
	message->header_count = count;
	return 0;
}

static int
read_timestamp(const json_t *json, struct weir_message *message, struct weir_error *error)
{
	message->timestamp_ms = -1;
	if (!json || json_is_null(json))
		return 0;
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return weir_error_set(
			error, WEIR_EINVALID,
			"timestamp: expected milliseconds since 1970, or null");
	message->timestamp_ms = json_integer_value(json);
	return 0;
}

/* A misspelt member would lose its data in silence. */
static int
check_members(json_t *object, struct weir_error *error)
{
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value) {
		const char *const *known = members;
		const char *nearest;

		while (*known && strcmp(*known, name) != 0)
			known++;
		if (*known)
			continue;
		nearest = weir__nearest(name, members);
		return weir_error_set(error, WEIR_EINVALID,
				      "unknown member \"%.64s\"%s%s%s", name,
				      nearest ? " (did you mean " : "",
				      nearest ? nearest : "", nearest ? "?)" : "");
	}
	return 0;
}

static int
read_record(json_t *object, struct weir_arena *arena, struct weir_message *message,
	    struct weir_error *error)
{
	int code;

	if (!json_is_object(object))
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: expected an object with the record",
				      type_name(object));
	code = check_members(object, error);
	if (code == 0)
		code = read_timestamp(json_object_get(object, "timestamp"), message,
				      error);
	if (code == 0)
		code = read_member(object, "key", "key_base64", false, arena,
				   &message->key, error);
	if (code == 0)
		code = read_member(object, "value", "value_base64", true, arena,
				   &message->value, error);
	if (code == 0)
		code = read_headers(json_object_get(object, "headers"), arena, message,
				    error);
	return code;
}

json_t *
weir__line_json(struct weir_bytes line, size_t flags, json_error_t *reason)
{
	const char *text = line.size ? line.data : "";
	const char *zero = memchr(text, '\0', line.size);
	json_t *json = json_loadb(text, line.size, flags, reason);

	if (!json || !zero)
		return json;
	json_decref(json);
	snprintf(reason->text, sizeof(reason->text), "a zero byte");
	reason->column = (int)(zero - text) + 1;
	return NULL;
}

int
weir__line_read_json(struct weir_bytes line, struct weir_arena *arena,
		     struct weir_message *message, struct weir_error *error)
{
	json_error_t reason;
	json_t *object;
	int code;

	*message = (struct weir_message){.timestamp_ms = -1, .partition = WEIR_BY_KEY};
	object = weir__line_json(
		line, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
	if (!object)
		return weir_error_set(error, WEIR_EJSON, "not JSON: %s, column %d",
				      reason.text, reason.column);
	code = read_record(object, arena, message, error);
	json_decref(object);
	return code;
}
