/*
 * A record against what JSON says of it: the first difference, with its place. Knows that text
 * is compared byte by byte, and JSON as JSON. Pure functions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <testing/test_private.h>

static bool
same(struct weir_bytes a, struct weir_bytes b)
{
	return !a.data == !b.data && a.size == b.size &&
	       (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- JSON: where it differs ---- */

static void
print_json(const json_t *json, struct weir_buffer *out)
{
	char *text = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;

	weir__buffer_add_text(out, text ? text : "nothing");
	free(text);
}

static bool
differ_here(const json_t *expected, const json_t *got, struct weir_buffer *where,
            struct weir_buffer *out)
{
	weir__buffer_printf(out, "%s: expected ", where->data);
	print_json(expected, out);
	weir__buffer_add_text(out, ", got ");
	print_json(got, out);
	return true;
}

static bool json_differs(const json_t *expected, const json_t *got, struct weir_buffer *where,
                         struct weir_buffer *out);

static bool
member_differs(const char *name, const json_t *expected, const json_t *got,
               struct weir_buffer *where, struct weir_buffer *out)
{
	size_t size = where->size;
	bool differs;

	weir__buffer_printf(where, "/%s", name);
	differs = json_differs(expected, got, where, out);
	where->size = size;
	where->data[size] = '\0';
	return differs;
}

static bool
object_differs(const json_t *expected, const json_t *got, struct weir_buffer *where,
               struct weir_buffer *out)
{
	const char *name;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)expected, name, value) {
		if (member_differs(name, value, json_object_get(got, name), where, out))
			return true;
	}
	json_object_foreach ((json_t *)(uintptr_t)got, name, value) {
		if (!json_object_get(expected, name))
			return member_differs(name, NULL, value, where, out);
	}
	return false;
}

static bool
array_differs(const json_t *expected, const json_t *got, struct weir_buffer *where,
              struct weir_buffer *out)
{
	size_t count = json_array_size(expected) > json_array_size(got) ? json_array_size(expected)
	                                                                : json_array_size(got);

	for (size_t index = 0; index < count; index++) {
		char name[24];

		snprintf(name, sizeof(name), "%zu", index);
		if (member_differs(name, json_array_get(expected, index),
		                   json_array_get(got, index), where, out))
			return true;
	}
	return false;
}

/* Adds the first difference, with its place. */
static bool
json_differs(const json_t *expected, const json_t *got, struct weir_buffer *where,
             struct weir_buffer *out)
{
	if (json_is_object(expected) && json_is_object(got))
		return object_differs(expected, got, where, out);
	if (json_is_array(expected) && json_is_array(got))
		return array_differs(expected, got, where, out);
	if (expected && got && json_equal(expected, got))
		return false;
	return differ_here(expected, got, where, out);
}

/* ---- a record ---- */

static bool
text_differs(const char *name, struct weir_bytes expected, struct weir_bytes got,
             struct weir_buffer *out)
{
	if (same(expected, got))
		return false;
	weir__buffer_printf(out, "%s differs", name);
	if (!expected.data != !got.data)
		weir__buffer_printf(out, ": expected %s", expected.data ? "bytes, got null" : "null, got bytes");
	else if (expected.size != got.size)
		weir__buffer_printf(out, ": expected %zu bytes, got %zu", expected.size, got.size);
	return true;
}

static bool
bytes_differ(const char *name, const json_t *json, struct weir_bytes expected,
             struct weir_bytes got, struct weir_buffer *out)
{
	struct weir_buffer where = {0};
	json_t *value;
	bool differs;

	if (!json)
		return text_differs(name, expected, got, out);
	value = weir__test_json_of(got);
	if (!value) {
		weir__buffer_printf(out, "%s is not JSON", name);
		return true;
	}
	weir__buffer_printf(&where, "/%s", name);
	differs = json_differs(json, value, &where, out);
	weir__buffer_fini(&where);
	json_decref(value);
	return differs;
}

static bool
number_differs(const char *name, int64_t expected, int64_t got, struct weir_buffer *out)
{
	if (expected == got)
		return false;
	weir__buffer_printf(out, "%s: expected %" PRId64 ", got %" PRId64, name, expected, got);
	return true;
}

/* Its headers without ours, if it is a dead letter. */
static bool
headers_differ(const struct weir_test_record *expected, const struct weir_test_record *got,
               bool but_ours, struct weir_buffer *out)
{
	size_t at = 0, count = 0;
	bool differ = false;

	for (size_t index = 0; index < got->header_count; index++) {
		const struct weir_header *header = &got->headers[index];

		if (but_ours && weir__test_header_is_ours(header->name))
			continue;
		count++;
		if (at < expected->header_count) {
			differ |= strcmp(expected->headers[at].name, header->name) != 0 ||
			          !same(expected->headers[at].value, header->value);
			at++;
		}
	}
	if (differ || count != expected->header_count)
		weir__buffer_printf(out, "headers differ: expected %zu, got %zu",
		                    expected->header_count, count);
	return differ || count != expected->header_count;
}

bool
weir__test_differs(const struct weir_test_pattern *pattern, const struct weir_test_record *got,
                   bool is_dead, struct weir_buffer *out)
{
	const struct weir_test_record *expected = &pattern->record;
	unsigned fields = pattern->fields;

	return ((fields & WEIR_TEST_PARTITION) &&
	        number_differs("partition", expected->partition, got->partition, out)) ||
	       ((fields & WEIR_TEST_KEY) &&
	        bytes_differ("key", pattern->key, expected->key, got->key, out)) ||
	       ((fields & WEIR_TEST_VALUE) &&
	        bytes_differ("value", pattern->value, expected->value, got->value, out)) ||
	       ((fields & WEIR_TEST_HEADERS) && headers_differ(expected, got, is_dead, out)) ||
	       ((fields & WEIR_TEST_TIMESTAMP) &&
	        number_differs("timestamp", expected->timestamp_ms, got->timestamp_ms, out)) ||
	       ((fields & WEIR_TEST_STEP) &&
	        text_differs("step", pattern->step, weir__test_header(got, "weir.step"), out)) ||
	       ((fields & WEIR_TEST_REASON) &&
	        text_differs("reason", pattern->reason, weir__test_header(got, "weir.reason"),
	                     out));
}
