/*
 * Records as JSON, and back. Knows the members and what they may be; hides the two ways to
 * write a key or a value (text, or JSON). Pure functions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/bytes.h>
#include <base/units.h>
#include <testing/test_private.h>
#include <weir/json.h>

#define HEADERS_MAX 10000
#define OUR_HEADERS "weir."

static const struct {
	const char *name;
	unsigned field;
} members[] = {
	{"key", WEIR_TEST_KEY},
	{"key_base64", WEIR_TEST_KEY},
	{"value", WEIR_TEST_VALUE},
	{"value_base64", WEIR_TEST_VALUE},
	{"headers", WEIR_TEST_HEADERS},
	{"partition", WEIR_TEST_PARTITION},
	{"timestamp", WEIR_TEST_TIMESTAMP},
	{"reason", WEIR_TEST_REASON},
	{"step", WEIR_TEST_STEP},
	{"topic", WEIR_TEST_TOPIC},
};
#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

/* ---- reading ---- */

/* Where in the text, for messages. */
struct place {
	size_t index;
	bool in_list;
	struct weir_error *error;
};

static int
fault(const struct place *place, const char *member, const char *reason)
{
	char index[24] = "";

	if (place->in_list)
		snprintf(index, sizeof(index), "/%zu", place->index);
	return weir_error_set(place->error, WEIR_EINVALID, "%s%s%.64s: %s", index,
	                      *member ? "/" : "", member, reason);
}

static struct weir_bytes
string_bytes(const json_t *json, struct weir_arena *arena)
{
	return weir__arena_copy(arena, (struct weir_bytes){json_string_value(json),
	                                                   json_string_length(json)});
}

static int
read_base64(const struct place *place, const char *name, const json_t *json,
            struct weir_arena *arena, struct weir_bytes *bytes)
{
	if (json_is_string(json) &&
	    weir__base64_read(json_string_value(json), json_string_length(json), arena, bytes) == 0)
		return 0;
	return fault(place, name, "expected a string of base64");
}

/* A string is bytes, null is null; anything else stays JSON. */
static json_t *
read_bytes(json_t *json, struct weir_arena *arena, struct weir_bytes *bytes)
{
	*bytes = (struct weir_bytes){NULL, 0};
	if (json_is_null(json))
		return NULL;
	if (!json_is_string(json))
		return json;
	*bytes = string_bytes(json, arena);
	return NULL;
}

static int
read_header(const struct place *place, const json_t *pair, struct weir_arena *arena,
            struct weir_header *header)
{
	const json_t *name = json_array_get(pair, 0);
	json_t *value = json_array_get(pair, 1);

	if (json_array_size(pair) != 2 || !json_is_string(name) ||
	    strlen(json_string_value(name)) != json_string_length(name))
		return fault(place, "headers", "expected pairs of a name and a value");
	header->name = weir__arena_strdup(arena, json_string_value(name));
	if (json_object_size(value) == 1 && json_object_get(value, "base64"))
		return read_base64(place, "headers", json_object_get(value, "base64"), arena,
		                   &header->value);
	if (read_bytes(value, arena, &header->value))
		return fault(place, "headers", "a header's value is a string, null, or "
		                               "{\"base64\": ...}");
	return 0;
}

static int
read_headers(const struct place *place, const json_t *list, struct weir_arena *arena,
             struct weir_test_record *record)
{
	size_t count = json_array_size(list);
	struct weir_header *headers;
	int code = 0;

	if (!json_is_array(list) || count > HEADERS_MAX)
		return fault(place, "headers", "expected a list of pairs: "
		                               "[[\"name\", \"value\"], ...]");
	headers = weir__arena_alloc(arena, count * sizeof(*headers));
	for (size_t index = 0; code == 0 && index < count; index++)
		code = read_header(place, json_array_get(list, index), arena, &headers[index]);
	record->headers = headers;
	record->header_count = count;
	return code;
}

static int
read_number(const struct place *place, const char *name, const json_t *json, int64_t max,
            int64_t *number)
{
	if (!json_is_integer(json) || json_integer_value(json) < 0 ||
	    json_integer_value(json) > max)
		return fault(place, name, "expected a whole number, 0 or more");
	*number = json_integer_value(json);
	return 0;
}

static int
read_text(const struct place *place, const char *name, const json_t *json,
          struct weir_arena *arena, struct weir_bytes *text)
{
	if (!json_is_string(json) || strlen(json_string_value(json)) != json_string_length(json))
		return fault(place, name, "expected a string");
	*text = string_bytes(json, arena);
	return 0;
}

static int
read_member(const struct place *place, const char *name, json_t *json, struct weir_arena *arena,
            struct weir_test_pattern *pattern)
{
	struct weir_test_record *record = &pattern->record;
	struct weir_bytes topic;
	int64_t number = 0;
	int code = 0;

	if (strcmp(name, "key") == 0)
		pattern->key = read_bytes(json, arena, &record->key);
	else if (strcmp(name, "value") == 0)
		pattern->value = read_bytes(json, arena, &record->value);
	else if (strcmp(name, "key_base64") == 0)
		code = read_base64(place, name, json, arena, &record->key);
	else if (strcmp(name, "value_base64") == 0)
		code = read_base64(place, name, json, arena, &record->value);
	else if (strcmp(name, "headers") == 0)
		code = read_headers(place, json, arena, record);
	else if (strcmp(name, "reason") == 0)
		code = read_text(place, name, json, arena, &pattern->reason);
	else if (strcmp(name, "step") == 0)
		code = read_text(place, name, json, arena, &pattern->step);
	else if (strcmp(name, "partition") == 0)
		code = read_number(place, name, json, INT32_MAX, &number);
	else if (strcmp(name, "timestamp") == 0)
		code = read_number(place, name, json, INT64_MAX, &record->timestamp_ms);
	else if ((code = read_text(place, name, json, arena, &topic)) == 0)
		record->topic = weir__arena_strdup(arena, json_string_value(json));
	if (strcmp(name, "partition") == 0)
		record->partition = (int32_t)number;
	return code;
}

static int
unknown_member(const struct place *place, const char *name, unsigned fields)
{
	const char *names[MEMBER_COUNT + 1], *nearest;
	char reason[128];
	size_t count = 0;

	for (size_t index = 0; index < MEMBER_COUNT; index++)
		if (members[index].field & fields)
			names[count++] = members[index].name;
	names[count] = NULL;
	nearest = weir__nearest(name, names);
	snprintf(reason, sizeof(reason), "a record has no such member here%s%s%s",
	         nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
	return fault(place, name, reason);
}

static int
read_pattern(const struct place *place, json_t *object, unsigned fields,
             struct weir_arena *arena, struct weir_test_pattern *pattern)
{
	const char *name;
	json_t *json;

	*pattern = (struct weir_test_pattern){.record = {.size = sizeof(pattern->record)}};
	if (!json_is_object(object))
		return fault(place, "", "expected a record: {\"key\": ..., \"value\": ...}");
	json_object_foreach (object, name, json) {
		size_t index = 0;

		while (index < MEMBER_COUNT && strcmp(members[index].name, name) != 0)
			index++;
		if (index == MEMBER_COUNT || !(members[index].field & fields))
			return unknown_member(place, name, fields);
		if (pattern->fields & members[index].field)
			return fault(place, name, "there as text and as base64");
		pattern->fields |= members[index].field;
		if (read_member(place, name, json, arena, pattern) != 0)
			return place->error->code;
	}
	return 0;
}

int
weir__test_patterns_read(const char *text, unsigned fields, struct weir_arena *arena,
                         json_t **json, struct weir_test_pattern **patterns, size_t *count,
                         struct weir_error *error)
{
	struct weir_error own = {0};
	struct place place = {.error = error ? error : &own};
	json_error_t reason;
	int code = 0;

	*json = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &reason);
	if (!*json)
		return weir_error_set(error, WEIR_EJSON, "not JSON: line %d column %d: %s",
		                      reason.line, reason.column, reason.text);
	place.in_list = json_is_array(*json);
	*count = place.in_list ? json_array_size(*json) : 1;
	*patterns = weir__arena_alloc(arena, *count * sizeof(**patterns));
	for (; code == 0 && place.index < *count; place.index++)
		code = read_pattern(&place,
		                    place.in_list ? json_array_get(*json, place.index) : *json,
		                    fields, arena, &(*patterns)[place.index]);
	if (code)
		json_decref(*json);
	return code;
}

/* ---- printing ---- */

struct weir_bytes
weir__test_header(const struct weir_test_record *record, const char *name)
{
	for (size_t index = record->header_count; index-- > 0;)
		if (strcmp(record->headers[index].name, name) == 0)
			return record->headers[index].value;
	return (struct weir_bytes){NULL, 0};
}

bool
weir__test_header_is_ours(const char *name)
{
	return strncmp(name, OUR_HEADERS, strlen(OUR_HEADERS)) == 0;
}

json_t *
weir__test_json_of(struct weir_bytes bytes)
{
	return bytes.data ? json_loadb(bytes.data, bytes.size,
	                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	                               NULL)
	                  : NULL;
}

/* Spaces between members, as people write them. */
static void
print_json(const json_t *json, struct weir_buffer *out)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	json_t *back = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
	size_t size;

	/* 15 digits are what people wrote, 17 are what a double may need */
	if (!back || !json_equal(back, json)) {
		free(text);
		text = weir_json_print(json, &size);
	}
	json_decref(back);
	weir__buffer_add_text(out, text);
	free(text);
}

static void
print_string(struct weir_bytes bytes, struct weir_buffer *out)
{
	json_t *string = json_stringn(bytes.size ? bytes.data : "", bytes.size);

	print_json(string, out);
	json_decref(string);
}

void
weir__test_bytes_print(struct weir_bytes bytes, struct weir_buffer *out)
{
	json_t *json = weir__test_json_of(bytes);

	if (!bytes.data)
		weir__buffer_add_text(out, "null");
	else if (json_is_object(json) || json_is_array(json))
		print_json(json, out);
	else
		print_string(bytes, out);
	json_decref(json);
}

static void
add_name(const char *name, struct weir_buffer *out)
{
	const char *before = out->size && out->data[out->size - 1] != '{' ? ", " : "";

	weir__buffer_printf(out, "%s\"%s\": ", before, name);
}

static void
print_bytes(const char *name, struct weir_bytes bytes, struct weir_buffer *out)
{
	if (!bytes.data || weir__utf8_valid(bytes.data, bytes.size)) {
		add_name(name, out);
		weir__test_bytes_print(bytes, out);
		return;
	}
	add_name(name, out);
	out->size -= 3; /* the name goes on */
	weir__buffer_add_text(out, "_base64\": \"");
	weir__base64_write(bytes, out);
	weir__buffer_add_text(out, "\"");
}

/* A reason may quote bytes of any kind. */
static void
print_text(const char *name, struct weir_bytes text, struct weir_buffer *out)
{
	if (text.data && !weir__utf8_valid(text.data, text.size)) {
		print_bytes(name, text, out);
		return;
	}
	add_name(name, out);
	print_string(text, out);
}

static void
print_header(const struct weir_header *header, struct weir_buffer *out)
{
	weir__buffer_add_text(out, "[");
	print_string((struct weir_bytes){header->name, strlen(header->name)}, out);
	weir__buffer_add_text(out, ", ");
	if (!header->value.data) {
		weir__buffer_add_text(out, "null");
	} else if (weir__utf8_valid(header->value.data, header->value.size)) {
		print_string(header->value, out);
	} else {
		weir__buffer_add_text(out, "{\"base64\": \"");
		weir__base64_write(header->value, out);
		weir__buffer_add_text(out, "\"}");
	}
	weir__buffer_add_text(out, "]");
}

static void
print_headers(const struct weir_test_record *record, bool but_ours, struct weir_buffer *out)
{
	bool any = false;

	add_name("headers", out);
	weir__buffer_add_text(out, "[");
	for (size_t index = 0; index < record->header_count; index++) {
		if (but_ours && weir__test_header_is_ours(record->headers[index].name))
			continue;
		weir__buffer_add_text(out, any ? ", " : "");
		print_header(&record->headers[index], out);
		any = true;
	}
	weir__buffer_add_text(out, "]");
}

static void
print_number(const char *name, int64_t number, struct weir_buffer *out)
{
	add_name(name, out);
	weir__buffer_printf(out, "%" PRId64, number);
}

void
weir__test_record_print(const struct weir_test_record *record, unsigned fields,
                        struct weir_buffer *out)
{
	weir__buffer_add_text(out, "{");
	if (fields & WEIR_TEST_PARTITION)
		print_number("partition", record->partition, out);
	if (fields & WEIR_TEST_TIMESTAMP)
		print_number("timestamp", record->timestamp_ms, out);
	if (fields & WEIR_TEST_KEY)
		print_bytes("key", record->key, out);
	if (fields & WEIR_TEST_HEADERS)
		print_headers(record, fields & WEIR_TEST_DEAD, out);
	if (fields & WEIR_TEST_VALUE)
		print_bytes("value", record->value, out);
	if (fields & WEIR_TEST_STEP)
		print_text("step", weir__test_header(record, "weir.step"), out);
	if (fields & WEIR_TEST_REASON)
		print_text("reason", weir__test_header(record, "weir.reason"), out);
	weir__buffer_add_text(out, "}");
}

static void
print_pattern_bytes(const char *name, const json_t *json, struct weir_bytes bytes,
                    struct weir_buffer *out)
{
	if (!json) {
		print_bytes(name, bytes, out);
		return;
	}
	add_name(name, out);
	print_json(json, out);
}

void
weir__test_pattern_print(const struct weir_test_pattern *pattern, struct weir_buffer *out)
{
	const struct weir_test_record *record = &pattern->record;
	unsigned fields = pattern->fields;

	weir__buffer_add_text(out, "{");
	if (fields & WEIR_TEST_PARTITION)
		print_number("partition", record->partition, out);
	if (fields & WEIR_TEST_TIMESTAMP)
		print_number("timestamp", record->timestamp_ms, out);
	if (fields & WEIR_TEST_KEY)
		print_pattern_bytes("key", pattern->key, record->key, out);
	if (fields & WEIR_TEST_HEADERS)
		print_headers(record, false, out);
	if (fields & WEIR_TEST_VALUE)
		print_pattern_bytes("value", pattern->value, record->value, out);
	if (fields & WEIR_TEST_STEP)
		print_text("step", pattern->step, out);
	if (fields & WEIR_TEST_REASON)
		print_text("reason", pattern->reason, out);
	weir__buffer_add_text(out, "}");
}
