/*
 * The smallest schedule that still fails: faults are left out one by one, then records,
 * processes, workers, partitions and kinds of load are made fewer, as long as a run fails
 * in the same way.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/sim/sim.h"

struct shrinking {
	uint64_t seed;
	struct sim_cut *cut;
	const struct sim_result *wanted;
	int runs;
};

static bool
fails_alike(struct shrinking *shrinking, const struct sim_cut *cut)
{
	static struct sim_hits unused;
	static struct sim_plan plan;
	static struct sim_result result;

	shrinking->runs++;
	sim_plan_make(&plan, shrinking->seed, cut);
	sim_run(&plan, &unused, false, &result);
	return result.failure == shrinking->wanted->failure &&
	       (result.failure != SIM_WRONG ||
		result.finding == shrinking->wanted->finding);
}

static bool
keep_if_fails(struct shrinking *shrinking, const struct sim_cut *smaller)
{
	if (!memcmp(smaller, shrinking->cut, sizeof(*smaller)) ||
	    !fails_alike(shrinking, smaller))
		return false;
	*shrinking->cut = *smaller;
	return true;
}

static bool
fewer_faults(struct shrinking *shrinking, int count)
{
	bool any = false;

	if (shrinking->cut->faults == UINT64_MAX)
		shrinking->cut->faults = (UINT64_C(1) << count) - 1;
	for (int index = 0; index < count; index++) {
		struct sim_cut smaller = *shrinking->cut;

		smaller.faults &= ~(UINT64_C(1) << index);
		any |= keep_if_fails(shrinking, &smaller);
	}
	return any;
}

/* Halve while that fails, then one less at a time. */
static bool
fewer(struct shrinking *shrinking, size_t member, int now, int least)
{
	bool any = false;

	for (int step = now / 2; step > 0 && now > least;) {
		struct sim_cut smaller = *shrinking->cut;
		int less = now - step < least ? least : now - step;

		memcpy((char *)&smaller + member, &less, sizeof(less));
		if (keep_if_fails(shrinking, &smaller)) {
			now = less;
			any = true;
		} else {
			step /= 2;
		}
	}
	return any;
}

static bool
without(struct shrinking *shrinking, size_t member)
{
	struct sim_cut smaller = *shrinking->cut;

	*((bool *)((char *)&smaller + member)) = true;
	return keep_if_fails(shrinking, &smaller);
}

#define MEMBER(name) offsetof(struct sim_cut, name)

static bool
round_of_cuts(struct shrinking *shrinking)
{
	static const size_t flags[] = {MEMBER(no_transactions), MEMBER(no_retries),
				       MEMBER(no_slow), MEMBER(no_rejects),
				       MEMBER(no_tick)};
	struct sim_plan plan;
	bool any;

	sim_plan_make(&plan, shrinking->seed, shrinking->cut);
	any = fewer_faults(shrinking, plan.fault_count);
	any |= fewer(shrinking, MEMBER(records), plan.records, 0);
	any |= fewer(shrinking, MEMBER(processes), plan.processes, 1);
	any |= fewer(shrinking, MEMBER(workers), plan.workers, 1);
	any |= fewer(shrinking, MEMBER(inputs), plan.inputs, 1);
	any |= fewer(shrinking, MEMBER(partitions),
		     shrinking->cut->partitions < 0 ? 8 : shrinking->cut->partitions, 1);
	any |= fewer(shrinking, MEMBER(outputs), plan.outputs, 1);
	for (size_t index = 0; index < sizeof(flags) / sizeof(*flags); index++)
		any |= without(shrinking, flags[index]);
	return any;
}

int
sim_shrink(uint64_t seed, struct sim_cut *cut, const struct sim_result *result)
{
	struct shrinking shrinking = {seed, cut, result, 0};

	while (round_of_cuts(&shrinking) && shrinking.runs < 2000)
		continue;
	return shrinking.runs;
}
