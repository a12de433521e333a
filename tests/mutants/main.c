/*
 * Mutants: each deliberate fault of lib/base/mutation.h in turn, and how many runs of the
 * simulation it takes to see it. One that survives is a hole in the oracle or the
 * simulation.
 *
 * Seeds whose plan cannot show a mutant (no stores, another guarantee) are passed over, so that
 * the bound is one of runs that could have. The rarest takes some 2 000 of them: that it
 * survives 30 000 by bad luck will not happen.
 *
 * lib/run and lib/processor are compiled once more for this program, with all the faults
 * in it and one of them at work: that takes seconds where a build for each takes minutes.
 *
 *   mutants [--runs N] [--seed FIRST] [NAME]
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

/* Does the plan come to the line that is wrong at all? */
static bool
can_show(const struct sim_plan *plan, enum weir_mutation mutation)
{
	switch (mutation) {
	case WEIR_MUTATION_OFFSETS_OUTSIDE:
		return plan->guarantee == WEIR_EXACTLY_ONCE;
	case WEIR_MUTATION_FAILED_COMMITTED:
		return plan->guarantee == WEIR_AT_LEAST_ONCE;
	case WEIR_MUTATION_PROCESSED_FIRST:
		return plan->guarantee == WEIR_AT_MOST_ONCE;
	case WEIR_MUTATION_NO_OFFSETS:
	case WEIR_MUTATION_MARK_IGNORED:
		return plan->tick_ms > 0;
	case WEIR_MUTATION_STATE_KEPT:
	case WEIR_MUTATION_REJECTED_KEPT:
	case WEIR_MUTATION_CHANGELOG_OUTSIDE:
	case WEIR_MUTATION_STORE_FIRST:
	case WEIR_MUTATION_PLACE_AHEAD:
		return plan->stores;
	case WEIR_MUTATION_CHANGELOG_WITH_OUTPUTS:
		return plan->stores && plan->guarantee == WEIR_AT_LEAST_ONCE;
	case WEIR_MUTATION_RESTORE_UNCOMMITTED:
	case WEIR_MUTATION_RESTORE_TO_STABLE:
		return plan->stores && plan->guarantee == WEIR_EXACTLY_ONCE;
	case WEIR_MUTATION_TABLE_NOT_AWAITED:
	case WEIR_MUTATION_TABLE_UNCOMMITTED:
		return plan->table;
	default:
		return true;
	}
}

/* The runs it took, or 0: it survived all of them. `seed` is the first, then the last. */
static unsigned
hunt(enum weir_mutation mutation, uint64_t *seed, unsigned runs, struct sim_result *result)
{
	static struct sim_hits unused;
	struct sim_cut cut;
	struct sim_plan plan;

	weir__mutation = mutation;
	sim_cut_none(&cut);
	for (unsigned run = 0; run < runs; ++*seed) {
		sim_plan_make(&plan, *seed, &cut);
		if (!can_show(&plan, mutation))
			continue;
		run++;
		sim_run(&plan, &unused, false, result);
		if (result->failure != SIM_HOLDS)
			return run;
	}
	return 0;
}

static bool
report(int index, uint64_t seed, unsigned runs)
{
	struct sim_result result;
	unsigned needed = hunt(mutants[index].mutation, &seed, runs, &result);

	if (needed)
		printf("%-24s %6u  %-16" PRIu64 " %-27s %s\n", mutants[index].name, needed, seed,
		       result.failure == SIM_WRONG
			       ? weir__oracle_finding_title(result.finding)
		       : result.failure == SIM_STUCK ? "stuck"
						     : "stopped",
		       mutants[index].what);
	else
		printf("%-24s %6s  %-16s %-27s %s\n", mutants[index].name, "-", "-", "SURVIVED",
		       mutants[index].what);
	fflush(stdout);
	return needed > 0;
}

static int
usage(void)
{
	fprintf(stderr, "usage: mutants [--runs N] [--seed FIRST] [NAME]; names:\n");
	for (int index = 0; index < MUTANTS; index++)
		fprintf(stderr, "  %-24s %s\n", mutants[index].name, mutants[index].what);
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"runs", required_argument, NULL, 'n'},
						{"seed", required_argument, NULL, 's'},
						{NULL, 0, NULL, 0}};
	uint64_t first = (uint64_t)time(NULL) % 100000000 * 1000000;
	unsigned runs = 30000;
	int option, survivors = 0, tried = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'n')
			runs = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			first = strtoull(optarg, NULL, 10);
		else
			return usage();
	}
	printf("seeds from %" PRIu64 ", at most %u runs each\n", first, runs);
	printf("%-24s %6s  %-16s %-27s %s\n", "mutant", "runs", "seed", "seen as",
	       "what it does");
	for (int index = 0; index < MUTANTS; index++) {
		if (argv[optind] && strcmp(argv[optind], mutants[index].name) != 0)
			continue;
		survivors += !report(index, first, runs);
		tried++;
	}
	return tried ? survivors > 0 : usage();
}
