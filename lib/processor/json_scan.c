/*
 * Reads a JSON text strictly, without keeping anything, and says where it is wrong.
 *
 * Used before libraries that are lenient (libjq takes `nan`, and mends bad UTF-8 in
 * silence) and after jansson has refused a text, so that both give the same reasons. Any
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <processor/json_text.h>

struct scanner {
	const unsigned char *text;
	const unsigned char *at;
	const unsigned char *end;
	int64_t limit;
	struct weir_json_fault *fault;
	size_t depth;
	uint8_t is_object[WEIR_JSON_MAX_DEPTH / 8]; /* a bit a level */
};

static bool
fault_at(struct scanner *s, const unsigned char *at, const char *what, bool says_found)
{
	s->fault->type = WEIR_JSON_SYNTAX;
	s->fault->at = (size_t)(at - s->text);
	s->fault->size = 0;
	s->fault->what = what;
	s->fault->says_found = says_found;
	return false;
}

static bool
expected(struct scanner *s, const char *what)
{
	return fault_at(s, s->at, what, true);
}

static void
skip_space(struct scanner *s)
{
	while (s->at < s->end &&
	       (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

/* ---- strings ---- */

/* Length of the UTF-8 character at `at` (Unicode 15, table 3-7); 0: none. */
static size_t
utf8_size(const unsigned char *at, const unsigned char *end)
{
	size_t size = *at < 0xc2   ? 0
		      : *at < 0xe0 ? 2
		      : *at < 0xf0 ? 3
		      : *at < 0xf5 ? 4
				   : 0;

	if (size == 0 || (size_t)(end - at) < size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
	    (*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

/* Four hex digits at `at`; -1: not so. */
static int
hex4(const struct scanner *s, const unsigned char *at)
{
	int number = 0;

	if (s->end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		number = number * 16 + digit;
	}
	return number;
}

/* At the `u` of an escape. No library can hold half a surrogate pair. */
static bool
scan_unicode(struct scanner *s)
{
	const unsigned char *start = s->at - 1;
	int number = hex4(s, s->at + 1);
	int low;

	if (number < 0)
		return fault_at(s, start, "\\u needs four hex digits", false);
	s->at += 5;
	if (number < 0xd800 || number > 0xdfff)
		return true;
	low = number < 0xdc00 && s->end - s->at >= 6 && s->at[0] == '\\' &&
			      s->at[1] == 'u'
		      ? hex4(s, s->at + 2)
		      : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return fault_at(s, start, "half of a surrogate pair", false);
	s->at += 6;
	return true;
}

static bool
scan_escape(struct scanner *s)
{
	s->at++;
	if (s->at == s->end)
		return expected(s, "expected the rest of a string");
	if (*s->at == 'u')
		return scan_unicode(s);
	if (!strchr("\"\\/bfnrt", *s->at) || *s->at == '\0')
		return fault_at(s, s->at - 1, "an escape that JSON does not have", false);
	s->at++;
	return true;
}

/* Over bytes that stand for themselves, sixteen at once, up to one that may not. */
static void
skip_plain(struct scanner *s)
{
	while (s->end - s->at >= 16) {
		weir_sixteen bytes = weir__sixteen(s->at);
		/* what is not ASCII is below 0 */
		size_t plain = weir__sixteen_first((bytes == '"') | (bytes == '\\') |
		                                   (bytes < 0x20));

		s->at += plain;
		if (plain < 16)
			return;
	}
}

/* At a byte that is neither quote nor escape. */
static bool
scan_character(struct scanner *s)
{
	size_t size;

	if (*s->at < 0x20)
		return fault_at(s, s->at, "a control character in a string", true);
	size = *s->at < 0x80 ? 1 : utf8_size(s->at, s->end);
	if (size == 0)
		return fault_at(s, s->at, "invalid UTF-8", true);
	s->at += size;
	return true;
}

/* At the opening quote. */
static bool
scan_string(struct scanner *s)
{
	s->at++;
	for (skip_plain(s); s->at < s->end; skip_plain(s)) {
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\' ? !scan_escape(s) : !scan_character(s))
			return false;
	}
	return expected(s, "expected the rest of a string");
}

/* ---- the rest ---- */

static bool
scan_number(struct scanner *s)
{
	struct weir_bytes rest = {s->at, (size_t)(s->end - s->at)};
	bool is_integer;
	size_t size = weir__json_number_size(rest, &is_integer);
	enum weir_json_fault_type type;

	if (size == 0)
		return expected(s, "expected a number");
	rest.size = size;
	type = s->limit == WEIR_JSON_ANY_NUMBER
		       ? 0
		       : weir__json_number_check(rest, is_integer, s->limit);
	if (type) {
		s->fault->type = type;
		s->fault->at = (size_t)(s->at - s->text);
		s->fault->size = size;
		return false;
	}
	s->at += size;
	return true;
}

static bool
scan_word(struct scanner *s, const char *word)
{
	size_t size = strlen(word);

	if ((size_t)(s->end - s->at) < size || memcmp(s->at, word, size) != 0)
		return expected(s, "expected a value");
	s->at += size;
	return true;
}

/* "name": */
static bool
scan_name(struct scanner *s)
{
	skip_space(s);
	if (s->at == s->end || *s->at != '"')
		return expected(s, "expected a member's name");
	if (!scan_string(s))
		return false;
	skip_space(s);
	if (s->at == s->end || *s->at != ':')
		return expected(s, "expected :");
	s->at++;
	return true;
}

static bool
in_object(const struct scanner *s)
{
	size_t level = s->depth - 1;

	return s->is_object[level / 8] & (1u << level % 8);
}

/* At { or [: one level down, unless it is closed at once. *opened: a value comes next. */
static bool
scan_open(struct scanner *s, bool *opened)
{
	bool object = *s->at == '{';

	if (s->depth == WEIR_JSON_MAX_DEPTH)
		return fault_at(s, s->at, "nested deeper than 2048 levels", false);
	s->at++;
	skip_space(s);
	*opened = s->at == s->end || *s->at != (object ? '}' : ']');
	if (!*opened) {
		s->at++;
		return true;
	}
	if (object)
		s->is_object[s->depth / 8] |= (uint8_t)(1u << s->depth % 8);
	else
		s->is_object[s->depth / 8] &= (uint8_t) ~(1u << s->depth % 8);
	s->depth++;
	return !object || scan_name(s);
}

/* A value, or the beginning of one. *opened: what comes next is a value inside it. */
static bool
scan_value(struct scanner *s, bool *opened)
{
	*opened = false;
	skip_space(s);
	if (s->at == s->end)
		return expected(s, "expected a value");
	switch (*s->at) {
	case '{':
	case '[':
		return scan_open(s, opened);
	case '"':
		return scan_string(s);
	case 't':
		return scan_word(s, "true");
	case 'f':
		return scan_word(s, "false");
	case 'n':
		return scan_word(s, "null");
	default:
		if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
			return scan_number(s);
		return expected(s, "expected a value");
	}
}

/* Behind a value: close what ends here. *more: a value comes next. */
static bool
scan_behind(struct scanner *s, bool *more)
{
	*more = false;
	while (s->depth > 0) {
		bool object = in_object(s);

		skip_space(s);
		if (s->at < s->end && *s->at == ',') {
			s->at++;
			*more = true;
			return !object || scan_name(s);
		}
		if (s->at == s->end || *s->at != (object ? '}' : ']'))
			return expected(s,
					object ? "expected , or }" : "expected , or ]");
		s->at++;
		s->depth--;
	}
	skip_space(s);
	return s->at == s->end || expected(s, "expected nothing more");
}

bool
weir__json_scan(struct weir_bytes text, int64_t limit, struct weir_json_fault *fault)
{
	struct scanner s;
	bool more = true, opened;

	s.text = s.at = text.data;
	s.end = s.text + text.size;
	s.limit = limit;
	s.fault = fault;
	s.depth = 0;
	while (more) {
		if (!scan_value(&s, &opened))
			return false;
		if (!opened && !scan_behind(&s, &more))
			return false;
	}
	return true;
}

/* ---- words ---- */

static void
explain_number(struct weir_bytes text, const struct weir_json_fault *fault, int64_t limit,
	       char *reason, size_t size)
{
	struct weir_buffer place = {0};
	char bound[64];
	int shown = fault->size > 60 ? 60 : (int)fault->size;

	weir__json_place(text, fault->at, &place);
	if (fault->type == WEIR_JSON_REAL)
		snprintf(bound, sizeof(bound), "beyond a double");
	else if (fault->type == WEIR_JSON_REAL_SMALL)
		snprintf(bound, sizeof(bound), "too small for a double");
	else if (limit == INT64_MAX)
		snprintf(bound, sizeof(bound), "beyond 64 bits");
	else if (limit == INT64_C(1) << 53)
		snprintf(bound, sizeof(bound), "beyond 2^53");
	else
		snprintf(bound, sizeof(bound), "beyond %" PRId64, limit);
	snprintf(reason, size, "number%s%.200s is %s: %.*s%s", place.size ? " at " : "",
		 place.size ? place.data : "", bound, shown,
		 (const char *)text.data + fault->at,
		 (size_t)shown < fault->size ? "..." : "");
	weir__buffer_fini(&place);
}

static void
found(struct weir_bytes text, size_t at, char *words, size_t size)
{
	unsigned char c;

	if (at >= text.size) {
		snprintf(words, size, " but the value ends");
		return;
	}
	c = ((const unsigned char *)text.data)[at];
	if (c > 0x20 && c < 0x7f)
		snprintf(words, size, " but found %c", c);
	else
		snprintf(words, size, " but found byte 0x%02x", c);
}

void
weir__json_explain(struct weir_bytes text, const struct weir_json_fault *fault,
		   int64_t limit, char *reason, size_t size)
{
	const unsigned char *bytes = text.data;
	size_t line = 1, column = 1;
	char instead[40] = "";

	if (fault->type != WEIR_JSON_SYNTAX) {
		explain_number(text, fault, limit, reason, size);
		return;
	}
	for (size_t i = 0; i < fault->at; i++) {
		if (bytes[i] == '\n')
			line++, column = 1;
		else if ((bytes[i] & 0xc0) != 0x80) /* columns are characters */
			column++;
	}
	if (fault->says_found && strncmp(fault->what, "expected", 8) == 0)
		found(text, fault->at, instead, sizeof(instead));
	else if (fault->says_found)
		snprintf(instead, sizeof(instead), " (byte 0x%02x)", bytes[fault->at]);
	snprintf(reason, size, "value is not JSON: line %zu column %zu: %s%s", line,
		 column, fault->what, instead);
}
