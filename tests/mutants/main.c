/*
 * Mutants: each deliberate fault of lib/base/mutation.h in turn, and how many seeds the
 * simulation needs to see it. One that survives is a hole in the oracle or the
 * simulation.
 *
 * lib/run and lib/processor are compiled once more for this program, with all the faults
 * in it and one of them at work: that takes seconds where a build for each takes minutes.
 *
 *   mutants [--seeds N] [--seed FIRST] [NAME]
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/mutation.h>

#include "tests/sim/sim.h"

enum weir_mutation weir__mutation;

static const struct {
	enum weir_mutation mutation;
	const char *name, *what;
} mutants[] = {
#define MUTANT(name, what) {WEIR_MUTATION_##name, #name, what},
	WEIR_MUTATION_MAP(MUTANT)
#undef MUTANT
};

enum { MUTANTS = sizeof(mutants) / sizeof(*mutants) };

static void
run_seed(uint64_t seed, struct sim_result *result)
{
	static struct sim_hits unused;
	struct sim_cut cut;
	struct sim_plan plan;

	sim_cut_none(&cut);
	sim_plan_make(&plan, seed, &cut);
	sim_run(&plan, &unused, false, result);
}

/* The seeds it took, or 0: it survived all of them. */
static unsigned
hunt(int index, uint64_t first, unsigned seeds, struct sim_result *result)
{
	weir__mutation = mutants[index].mutation;
	for (unsigned tried = 0; tried < seeds; tried++) {
		run_seed(first + tried, result);
		if (result->failure != SIM_HOLDS)
			return tried + 1;
	}
	return 0;
}

static bool
report(int index, uint64_t first, unsigned seeds)
{
	struct sim_result result;
	unsigned needed = hunt(index, first, seeds, &result);

	if (needed)
		printf("%-24s %7u  %-27s %s\n", mutants[index].name, needed,
		       result.failure == SIM_WRONG
			       ? weir__oracle_finding_title(result.finding)
		       : result.failure == SIM_STUCK ? "stuck"
						     : "stopped",
		       mutants[index].what);
	else
		printf("%-24s %7s  %-27s %s\n", mutants[index].name, "-", "SURVIVED",
		       mutants[index].what);
	fflush(stdout);
	return needed > 0;
}

static int
usage(void)
{
	fprintf(stderr, "usage: mutants [--seeds N] [--seed FIRST] [NAME]; names:\n");
	for (int index = 0; index < MUTANTS; index++)
		fprintf(stderr, "  %-24s %s\n", mutants[index].name, mutants[index].what);
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"seeds", required_argument, NULL, 'n'},
						{"seed", required_argument, NULL, 's'},
						{NULL, 0, NULL, 0}};
	uint64_t first = (uint64_t)time(NULL) % 100000000 * 1000000;
	unsigned seeds = 30000;
	int option, survivors = 0, tried = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			seeds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			first = strtoull(optarg, NULL, 10);
		else
			return usage();
	}
	printf("seeds from %" PRIu64 ", at most %u each\n", first, seeds);
	printf("%-24s %7s  %-27s %s\n", "mutant", "seeds", "seen as", "what it does");
	for (int index = 0; index < MUTANTS; index++) {
		if (argv[optind] && strcmp(argv[optind], mutants[index].name) != 0)
			continue;
		survivors += !report(index, first, seeds);
		tried++;
	}
	return tried ? survivors > 0 : usage();
}
