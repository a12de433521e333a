/*
 * Places in a record: what names one, and what stands in the key or a header.
 *
 * What stands at a pointer is for the processor to read, since each reads JSON in its own
 * way. Keeps nothing; any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "place.h"

#define HEADER "header:"
#define HEADER_SIZE (sizeof(HEADER) - 1)

bool
place_is_pointer(const char *place)
{
	return place[0] == '/';
}

static bool
is_valid_pointer(const char *text)
{
	for (; *text; text++)
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return false;
	return true;
}

int
place_check(const char *option, const char *place, struct weir_error *error)
{
	if (strcmp(place, "key") == 0)
		return 0;
	if (place_is_pointer(place)) {
		if (is_valid_pointer(place))
			return 0;
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: \"%.80s\" is no JSON pointer: behind ~ comes 0 or 1",
				      option, place);
	}
	if (strncmp(place, HEADER, HEADER_SIZE) != 0)
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: \"%.80s\" is not \"key\", \"header:NAME\" or a JSON "
				      "pointer, which begins with /",
				      option, place);
	if (place[HEADER_SIZE] == '\0')
		return weir_error_set(error, WEIR_EINVALID,
				      "%s: \"%s\" lacks the header's name", option, place);
	return 0;
}

struct weir_bytes
place_bytes(const struct weir_record *record, const char *place)
{
	struct weir_bytes bytes = {NULL, 0};

	if (strncmp(place, HEADER, HEADER_SIZE) == 0)
		weir_record_header_find(record, place + HEADER_SIZE, &bytes);
	else
		bytes = weir_record_key(record);
	return bytes;
}

enum weir_verdict
place_reject(struct weir_context *ctx, const struct weir_record *record, const char *what,
	     const char *place)
{
	if (!place_is_pointer(place))
		return weir_reject(ctx, "%s: the %.80s is missing or null", what, place);
	if (!weir_record_value(record).data)
		return weir_reject(ctx, "%s: the value is null", what);
	return weir_reject(ctx, "%s: nothing at \"%.80s\", or null", what, place);
}
