/*
 * The names of the guarantees, as people write them.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <config/guarantee.h>
#include <weir/error.h>

static const char *const names[] = {
	[WEIR_EXACTLY_ONCE] = "exactly-once",
	[WEIR_AT_LEAST_ONCE] = "at-least-once",
	[WEIR_AT_MOST_ONCE] = "at-most-once",
};

const char *
weir__guarantee_name(enum weir_guarantee guarantee)
{
	return names[guarantee];
}

int
weir__guarantee_parse(const char *text, enum weir_guarantee *guarantee)
{
	for (int i = WEIR_EXACTLY_ONCE; i <= WEIR_AT_MOST_ONCE; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*guarantee = (enum weir_guarantee)i;
		return 0;
	}
	return WEIR_EINVALID;
}
