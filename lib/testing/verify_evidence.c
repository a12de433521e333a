/*
 * The end of a verification: the oracle's check, and what shows in the topics of each
 * kill.
 *
 * Each output bears the number of the run that wrote it. What a run has left, committed
 * or not, is compared with what it said in its log to have settled before it died: what
 * is there beyond that is of the batch that it died with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <testing/verify_private.h>

/* Records that an instance left without having learnt what became of them. */
static bool
left_unsettled(const struct verify_run *run, const struct weir_oracle_tally *all)
{
	return (int64_t)all->outputs > run->committed + run->aborted;
}

/* Records of a transaction that was aborted behind its back. */
static bool
left_aborted(const struct verify_run *run, const struct weir_oracle_tally *all,
	     const struct weir_oracle_tally *committed)
{
	return (int64_t)all->outputs - (int64_t)committed->outputs > run->aborted;
}

static bool
is_proven(const struct weir_verify *verify, const struct verify_run *run,
	  const struct weir_oracle_tally *all, const struct weir_oracle_tally *committed)
{
	switch (verify->guarantee) {
	case WEIR_EXACTLY_ONCE:
		if (run->uncertain)
			return false;
		return run->aim == WEIR_VERIFY_OPEN ? left_aborted(run, all, committed)
						    : left_unsettled(run, all);
	case WEIR_AT_LEAST_ONCE:
		return !run->uncertain && left_unsettled(run, all);
	default:
		return committed->lost > 0;
	}
}

static void
count_hits(struct weir_verify *verify, const struct weir_oracle_tally *all,
	   const struct weir_oracle_tally *committed)
{
	for (size_t index = 0; index < verify->run_count; index++) {
		const struct verify_run *run = &verify->runs[index];

		weir__verify_say(verify,
				 "run=%zu aim=%d outputs=%llu committed=%llu lost=%llu",
				 index, run->aim, (unsigned long long)all[index].outputs,
				 (unsigned long long)committed[index].outputs,
				 (unsigned long long)committed[index].lost);
		if ((run->aim == WEIR_VERIFY_OPEN || run->aim == WEIR_VERIFY_COMMIT) &&
		    is_proven(verify, run, &all[index], &committed[index]))
			verify->counts.hit[run->aim]++;
	}
}

int
weir__verify_judge(struct weir_verify *verify, struct weir_error *error)
{
	struct weir_oracle_tally *all = weir__calloc(verify->run_count, sizeof(*all));
	struct weir_oracle_tally *committed =
		weir__calloc(verify->run_count, sizeof(*committed));
	struct weir_oracle_verdict unused = {0};
	struct weir_oracle_config config = verify->oracle;
	int code;

	config.tally_count = verify->run_count;
	config.tallies = committed;
	code = weir__oracle_check(&config, &verify->verdict, error);
	config.tallies = all;
	config.uncommitted = true;
	if (!code)
		code = weir__oracle_check(&config, &unused, error);
	if (!code)
		count_hits(verify, all, committed);
	free(all);
	free(committed);
	return code;
}
