/*
 * Where a build with fault points dies: WEIR_DIE_AT="NAME:N" in the environment, by the names
 * of lib/base/fault_point.h. Linked with the command itself; any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/fault_point.h>

static const char *const names[] = {
#define WEIR_FAULT_POINT_NAME(name, what) #name,
	WEIR_FAULT_POINT_MAP(WEIR_FAULT_POINT_NAME)
#undef WEIR_FAULT_POINT_NAME
};

static enum weir_fault_point chosen = WEIR_FAULT_POINTS_END;
static atomic_long passes_left;

__attribute__((constructor)) static void
choose(void)
{
	const char *wanted = getenv("WEIR_DIE_AT");
	const char *colon = wanted ? strchr(wanted, ':') : NULL;
	long nth = colon ? strtol(colon + 1, NULL, 10) : 0;

	if (!wanted)
		return;
	for (int index = 0; colon && nth > 0 && index < WEIR_FAULT_POINTS_END; index++) {
		size_t length = strlen(names[index]);

		if ((size_t)(colon - wanted) != length || strncmp(wanted, names[index], length))
			continue;
		chosen = (enum weir_fault_point)index;
		atomic_store(&passes_left, nth);
		return;
	}
	fprintf(stderr, "WEIR_DIE_AT=%s: no such point\n", wanted);
	exit(2);
}

void
weir__fault_point(enum weir_fault_point point)
{
	if (point != chosen || atomic_fetch_sub(&passes_left, 1) != 1)
		return;
	fprintf(stderr, "dies at %s\n", names[point]);
	kill(getpid(), SIGKILL);
	for (;;)
		pause(); /* the signal may take another thread first */
}
