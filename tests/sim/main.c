/*
 * The simulation's command: a campaign over many seeds, or one seed in words.
 *
 *   sim --seeds N [--seed FIRST]   a campaign; without FIRST, of seeds never run before
 *   sim --seed N [-v]              one run; -v prints each event
 *   --faults MASK --records N ...  as a failing run prints them: a smaller schedule
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/sim.h"

#define ENOUGH 5000 /* runs, for a fault that never hit to be a fault of the campaign */

static struct sim_hits hits;

struct options {
	uint64_t seed;
	bool seed_given, verbose, tables;
	unsigned seeds;
	struct sim_cut cut;
};

static const struct option long_options[] = {
	{"seed", required_argument, NULL, 's'},
	{"seeds", required_argument, NULL, 'n'},
	{"verbose", no_argument, NULL, 'v'},
	{"faults", required_argument, NULL, 'f'},
	{"records", required_argument, NULL, 'r'},
	{"processes", required_argument, NULL, 'p'},
	{"workers", required_argument, NULL, 'w'},
	{"partitions", required_argument, NULL, 'a'},
	{"inputs", required_argument, NULL, 'i'},
	{"outputs", required_argument, NULL, 'o'},
	{"no-transactions", no_argument, NULL, 'T'},
	{"no-retries", no_argument, NULL, 'R'},
	{"no-slow", no_argument, NULL, 'S'},
	{"no-rejects", no_argument, NULL, 'J'},
	{"no-tick", no_argument, NULL, 'K'},
	{NULL, 0, NULL, 0},
};

static bool
parse_options(int argc, char **argv, struct options *options)
{
	struct sim_cut *cut = &options->cut;
	int option;

	sim_cut_none(cut);
	while ((option = getopt_long(argc, argv, "v", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options->seed = strtoull(optarg, NULL, 10);
			options->seed_given = true;
			break;
		case 'n':
			options->seeds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'f':
			cut->faults = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			cut->records = atoi(optarg);
			break;
		case 'p':
			cut->processes = atoi(optarg);
			break;
		case 'w':
			cut->workers = atoi(optarg);
			break;
		case 'a':
			cut->partitions = atoi(optarg);
			break;
		case 'i':
			cut->inputs = atoi(optarg);
			break;
		case 'o':
			cut->outputs = atoi(optarg);
			break;
		case 'T':
			cut->no_transactions = true;
			break;
		case 'R':
			cut->no_retries = true;
			break;
		case 'S':
			cut->no_slow = true;
			break;
		case 'J':
			cut->no_rejects = true;
			break;
		case 'K':
			cut->no_tick = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

/* ---- failures ---- */

static void
show_failure(uint64_t seed, const struct sim_cut *cut, const struct sim_result *result)
{
	struct sim_cut smallest = *cut;
	struct sim_plan plan;
	int runs = sim_shrink(seed, &smallest, result);

	printf("FAILED: seed %" PRIu64 ": %s\n", seed, result->reason);
	printf("smallest schedule that fails alike (%d runs):\n", runs);
	sim_plan_make(&plan, seed, &smallest);
	sim_plan_print(stdout, &plan);
	printf("again: tests/sim/sim -v --seed %" PRIu64, seed);
	sim_cut_print(stdout, &smallest);
	printf("\n");
}

static int
run_one(const struct options *options)
{
	struct sim_plan plan;
	struct sim_result result;

	sim_plan_make(&plan, options->seed, &options->cut);
	sim_plan_print(stdout, &plan);
	sim_run(&plan, &hits, options->verbose, &result);
	weir__oracle_print(stdout, &result.verdict, plan.guarantee);
	if (result.failure == SIM_HOLDS) {
		printf("%s holds\n", weir__guarantee_name(plan.guarantee));
		return 0;
	}
	show_failure(options->seed, &options->cut, &result);
	return 1;
}

/* ---- campaigns ---- */

static void
print_kinds(void)
{
	printf("%-14s %8s %8s %8s %8s  %s\n", "fault", "idle", "open", "commit", "rebal.",
	       "what it is");
	for (int kind = 0; kind < SIM_FAULT_KINDS; kind++)
		printf("%-14s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "  %s\n",
		       sim_fault_name(kind), hits.kinds[kind][0], hits.kinds[kind][1],
		       hits.kinds[kind][2], hits.kinds[kind][3], sim_fault_title(kind));
}

static void
print_operations(void)
{
	printf("%-14s %9s", "operation", "calls");
	for (int kind = SIM_FIRST_IN_CALL; kind < SIM_FAULT_KINDS; kind++)
		printf(" %6.6s", sim_fault_name(kind));
	for (int operation = 0; operation < SIM_OPERATIONS; operation++) {
		printf("\n%-14s %9" PRIu64, sim_operation_name(operation),
		       hits.calls[operation]);
		for (int kind = SIM_FIRST_IN_CALL; kind < SIM_FAULT_KINDS; kind++) {
			if (sim_operation_shows(operation, kind))
				printf(" %6" PRIu64, hits.operations[operation][kind]);
			else
				printf(" %6s", "-");
		}
	}
	printf("\n");
}

/* Everything that a campaign must have hit to count. */
static int
missed(void)
{
	static const char *const situations[] = {"nothing in hand", "an open transaction",
						 "a commit in flight", "a rebalance"};
	int misses = 0;

	for (int kind = 0; kind < SIM_FAULT_KINDS; kind++) {
		for (int bit = 0; bit < SIM_SITUATIONS; bit++) {
			if (!(sim_fault_meant(kind) >> bit & 1) || hits.kinds[kind][bit])
				continue;
			printf("MISSED: %s never hit %s\n", sim_fault_name(kind),
			       situations[bit]);
			misses++;
		}
	}
	for (int operation = 0; operation < SIM_OPERATIONS; operation++) {
		for (int kind = SIM_AGAIN; kind < SIM_FAULT_KINDS; kind++) {
			if (!sim_operation_shows(operation, kind) ||
			    hits.operations[operation][kind])
				continue;
			printf("MISSED: %s in %s\n", sim_fault_name(kind),
			       sim_operation_name(operation));
			misses++;
		}
	}
	if (!hits.late_ends_hit || !hits.disordered_marks || !hits.fenced ||
	    !hits.expired || !hits.looks) {
		printf("MISSED: a late EndTxn, a marker out of order, a twin, a "
		       "transaction timeout or a look\n");
		misses++;
	}
	return misses;
}

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
run_campaign(const struct options *options)
{
	uint64_t first = options->seed;
	double start = seconds_now(), took;

	if (!options->seed_given)
		first = (uint64_t)time(NULL) % 100000000 * 1000000;
	printf("seeds %" PRIu64 " to %" PRIu64 "\n", first, first + options->seeds - 1);
	for (unsigned index = 0; index < options->seeds; index++) {
		struct sim_plan plan;
		struct sim_result result;

		sim_plan_make(&plan, first + index, &options->cut);
		sim_run(&plan, &hits, false, &result);
		if (result.failure == SIM_HOLDS)
			continue;
		show_failure(first + index, &options->cut, &result);
		return 1;
	}
	took = seconds_now() - start;
	printf("%u runs hold: %" PRIu64 " records, %" PRIu64
	       " steps, %.1f s of one core, "
	       "%.0f runs a minute\n",
	       options->seeds, hits.records, hits.steps, took,
	       options->seeds * 60 / took);
	print_kinds();
	print_operations();
	printf("late EndTxn requests %" PRIu64 ", in the next transaction %" PRIu64
	       "; markers out of order %" PRIu64 "; fenced by a twin %" PRIu64
	       "; transactions timed out %" PRIu64 "; looks at rest %" PRIu64 "\n",
	       hits.late_ends, hits.late_ends_hit, hits.disordered_marks, hits.fenced,
	       hits.expired, hits.looks);
	return missed() && options->seeds >= ENOUGH ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct options options = {0};

	if (!parse_options(argc, argv, &options) ||
	    (!options.seeds && !options.seed_given)) {
		fprintf(stderr, "usage: sim --seeds N [--seed FIRST] | --seed N [-v]\n");
		return 2;
	}
	return options.seeds ? run_campaign(&options) : run_one(&options);
}
