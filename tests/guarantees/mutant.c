/*
 * Which deliberate fault a build with mutations has: that of WEIR_MUTANT in the
 * environment, by its name in lib/base/mutation.h. Linked with the command itself.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/mutation.h>

enum weir_mutation weir__mutation;

__attribute__((constructor)) static void
choose(void)
{
	static const char *const names[] = {"NONE",
#define WEIR_MUTATION_NAME(name, what) #name,
					    WEIR_MUTATION_MAP(WEIR_MUTATION_NAME)
#undef WEIR_MUTATION_NAME
	};
	const char *wanted = getenv("WEIR_MUTANT");

	for (size_t index = 0; wanted && index < sizeof(names) / sizeof(names[0]);
	     index++) {
		if (strcmp(names[index], wanted))
			continue;
		weir__mutation = (enum weir_mutation)index;
		return;
	}
	fprintf(stderr, "WEIR_MUTANT=%s: no such mutation\n", wanted ? wanted : "");
	exit(2);
}
