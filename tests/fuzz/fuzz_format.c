/*
 * Lines of produce and consume: a record that was read from any line is written, and read
 * back, byte for byte; a record made of any bytes survives JSON, and the plain forms
 * where they can hold it; a line that is refused is refused in one line.
 *
 * Input: key, value, a header's name, its value; the whole of it is a line, too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "apps/weir/format.h"
#include "tests/fuzz/fuzz.h"

static const struct weir_offset place = {"t", 3, 42, NULL};

/* ---- from a line ---- */

static void
check_same(const struct weir_message *a, const struct weir_message *b)
{
	FUZZ_CHECK(fuzz_same(a->key, b->key), "key");
	FUZZ_CHECK(fuzz_same(a->value, b->value), "value");
	FUZZ_CHECK(a->timestamp_ms == b->timestamp_ms, "timestamp");
	FUZZ_CHECK(a->header_count == b->header_count, "headers");
	for (size_t i = 0; i < a->header_count; i++) {
		FUZZ_CHECK(strcmp(a->headers[i].name, b->headers[i].name) == 0, "header");
		FUZZ_CHECK(fuzz_same(a->headers[i].value, b->headers[i].value),
			   "header %s", a->headers[i].name);
	}
}

/* Write by `format`, read by it; *line is without its newline. False: not read. */
static bool
round_trip(const struct weir_line_format *format, const struct weir_message *message,
	   struct weir_buffer *line, struct weir_arena *arena, struct weir_message *back)
{
	struct weir_error error = {0};
	int code;

	weir__line_write(format, &place, message, line);
	FUZZ_CHECK(line->size > 0 && line->data[line->size - 1] == '\n', "no newline");
	line->size--;
	code = weir__line_read(format, (struct weir_bytes){line->data, line->size}, arena,
			       back, &error);
	if (code)
		fuzz_check_error(code, &error);
	return code == 0;
}

static void
check_json_keeps(const struct weir_message *message)
{
	const struct weir_line_format json = {.kind = WEIR_FORMAT_JSON};
	struct weir_buffer line = {0};
	struct weir_arena arena = {0};
	struct weir_message back;

	FUZZ_CHECK(round_trip(&json, message, &line, &arena, &back), "not read: %s",
		   line.data);
	FUZZ_CHECK(!memchr(line.data, '\n', line.size), "more than a line: %s",
		   line.data);
	FUZZ_CHECK(weir__utf8_valid(line.data, line.size), "not UTF-8");
	check_same(message, &back);
	weir__buffer_fini(&line);
	weir__arena_fini(&arena);
}

static void
check_line(const struct weir_line_format *format, struct weir_bytes line)
{
	struct weir_arena arena = {0};
	struct weir_error error = {0};
	struct weir_message message;
	int code = weir__line_read(format, line, &arena, &message, &error);

	FUZZ_CHECK(code || !memchr(line.data, 0, line.size) ||
			   (format->kind != WEIR_FORMAT_JSON && !format->key_pointer),
		   "JSON with a zero byte");
	if (code)
		fuzz_check_error(code, &error);
	else
		check_json_keeps(&message);
	weir__arena_fini(&arena);
}

static void
check_as_line(struct weir_bytes line)
{
	static const struct weir_header added[] = {{"h", {"v", 1}}, {"", {NULL, 0}}};
	static const struct weir_line_format formats[] = {
		{.kind = WEIR_FORMAT_JSON},
		{.kind = WEIR_FORMAT_JSON, .headers = added, .header_count = 2},
		{.kind = WEIR_FORMAT_VALUE, .null = true},
		{.kind = WEIR_FORMAT_VALUE, .key_pointer = "/id"},
		{.kind = WEIR_FORMAT_VALUE, .key_pointer = ""},
		{.kind = WEIR_FORMAT_KEY_VALUE, .separator = "\t"},
		{.kind = WEIR_FORMAT_KEY_VALUE, .separator = "::", .null = true},
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		check_line(&formats[i], line);
}

/* ---- from bytes ---- */

static bool
ends_at(struct weir_bytes key, const char *separator)
{
	struct weir_buffer joined = {0};
	const char *at;
	bool is_first;

	weir__buffer_add(&joined, key.data, key.size);
	weir__buffer_add_text(&joined, separator);
	at = memmem(joined.data, joined.size, separator, strlen(separator));
	is_first = at == joined.data + key.size;
	weir__buffer_fini(&joined);
	return is_first;
}

static void
check_plain_keeps(const struct weir_message *message, const char *separator)
{
	const struct weir_line_format format = {.kind = separator ? WEIR_FORMAT_KEY_VALUE
								  : WEIR_FORMAT_VALUE,
						.separator = separator};
	struct weir_buffer line = {0};
	struct weir_arena arena = {0};
	struct weir_message back;

	FUZZ_CHECK(round_trip(&format, message, &line, &arena, &back), "not read: %s",
		   line.data);
	FUZZ_CHECK(fuzz_same(back.value, message->value), "value: %s", line.data);
	FUZZ_CHECK(separator ? fuzz_same(back.key, message->key) : !back.key.data,
		   "key: %s", line.data);
	weir__buffer_fini(&line);
	weir__arena_fini(&arena);
}

static void
check_base64(struct weir_bytes bytes)
{
	struct weir_buffer text = {0};
	struct weir_arena arena = {0};
	struct weir_bytes back;

	weir__buffer_add_text(&text, "");
	weir__base64_write(bytes, &text);
	FUZZ_CHECK(weir__base64_read(text.data, text.size, &arena, &back) == 0 &&
			   fuzz_same(bytes, back),
		   "%s", text.data);
	text.size = 0;
	if (weir__base64_read(bytes.data, bytes.size, &arena, &back) == 0) {
		weir__base64_write(back, &text);
		FUZZ_CHECK(text.size == bytes.size &&
				   memcmp(text.data, bytes.data, text.size) == 0,
			   "two spellings of one value: %s", text.data);
	}
	weir__buffer_fini(&text);
	weir__arena_fini(&arena);
}

static void
check_as_record(struct weir_bytes input)
{
	struct weir_bytes key = fuzz_part(&input), value = fuzz_part(&input);
	char *name = fuzz_part_text(&input);
	const struct weir_header headers[] = {{name, fuzz_part(&input)},
					      {name, {NULL, 0}}};
	struct weir_message message = {.key = key,
				       .value = value,
				       .headers = headers,
				       .header_count = 2,
				       .timestamp_ms = (int64_t)key.size - 1};

	check_json_keeps(&message);
	check_base64(value);
	if (!memchr(value.data, '\n', value.size)) {
		check_plain_keeps(&message, NULL);
		if (!memchr(key.data, '\n', key.size) && ends_at(key, "\t"))
			check_plain_keeps(&message, "\t");
		if (!memchr(key.data, '\n', key.size) && ends_at(key, "::"))
			check_plain_keeps(&message, "::");
	}
	message.value = (struct weir_bytes){NULL, 0};
	message.key = message.value;
	check_json_keeps(&message);
	free(name);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {size ? (const char *)data : "", size};

	check_as_line(input);
	check_as_record(input);
	return 0;
}
