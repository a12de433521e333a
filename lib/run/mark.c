/*
 * How marks are written: "weir/1 N". The number after the slash is that of the format; what
 * a later one writes is nobody's here, as is what other tools write. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <run/mark.h>

static const char prefix[] = "weir/1 ";

int64_t
weir__mark_parse(const char *metadata)
{
	const char *digits;
	char *end;
	long long mark;

	if (!metadata || strncmp(metadata, prefix, sizeof(prefix) - 1) != 0)
		return 0;
	digits = metadata + sizeof(prefix) - 1;
	if (*digits < '1' || *digits > '9')
		return 0;
	errno = 0;
	mark = strtoll(digits, &end, 10);
	/* the next one has to be greater still */
	return errno || *end || mark == INT64_MAX ? 0 : mark;
}

const char *
weir__mark_print(int64_t mark, char *text)
{
	if (!mark)
		return NULL;
	snprintf(text, WEIR_MARK_SIZE, "%s%" PRId64, prefix, mark);
	return text;
}

bool
weir__mark_is_reset(const char *metadata)
{
	return metadata && strcmp(metadata, WEIR_MARK_RESET) == 0;
}
