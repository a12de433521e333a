/*
 * The case "ticks": input stands still, so batches hold nothing but what ticks emit. Their
 * offsets stay where they were, which is what makes them hard.
 *
 * Two things go wrong with them, in turn. A commit of a revoke has no answer, although it was
 * done: an offset that did not move cannot tell, so weir leaves a mark beside it. And an instance
 * stands still in the midst of a commit until another has its partitions, and goes on: only
 * the offsets that go with the batch can fence it. The main thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tests/guarantees/trial.h"

#define CATCH_MS 15000
#define STILL_MS (2 * UNANSWERED_COMMIT_MS + 500) /* whatever was read is committed then */
#define STILL_PATIENCE_MS 60000
#define TAKEN_OVER_MS (TRIAL_SESSION_MS + 4000)

/* No record comes any more, and all are committed. */
static void
stop_input(struct trial *trial)
{
	int64_t give_up_ms = trial_now_ms() + STILL_PATIENCE_MS, before = -1, since_ms = 0;

	atomic_store(&trial->feed_pause, true);
	while (trial_now_ms() < give_up_ms) {
		int64_t committed = weir__watcher_committed(trial->watcher);

		if (committed != before)
			since_ms = trial_now_ms();
		else if (trial_now_ms() - since_ms > STILL_MS)
			return;
		before = committed;
		trial_pass(trial, 50);
	}
}

static void
start_input(struct trial *trial)
{
	atomic_store(&trial->feed_pause, false);
}

/*
 * Its messages are held back, so that its commit waits for them; then it is frozen until the
 * other one has its partitions and new records, and ticks itself.
 */
static void
overtaken(struct trial *trial, struct instance *victim)
{
	proxy_catch(trial->proxy, PROXY_PRODUCE, victim->id, PROXY_KEEP);
	if (!aim_wait_caught(trial, CATCH_MS)) {
		proxy_release(trial->proxy);
		return;
	}
	trial_pass(trial, UNANSWERED_COMMIT_MS + 1000);
	trial->hits.faults++;
	trial->hits.transaction += proxy_client(trial->proxy, victim->id).transaction;
	trial->hits.late++;
	trial_say(trial, "%s is frozen in the commit of its ticks", victim->id);
	instance_freeze(victim);
	start_input(trial);
	trial_pass(trial, TAKEN_OVER_MS);
	instance_thaw(victim);
	proxy_release(trial->proxy);
	trial_pass(trial, TRIAL_SESSION_MS);
}

void
ticks(struct trial *trial)
{
	struct instance *victim = &trial->instances[trial->round / 2 % 2];

	trial_pass(trial, 1000);
	stop_input(trial);
	if (trial->round % 2)
		overtaken(trial, victim);
	else
		unanswered_in_revoke(trial, victim, PROXY_COMMIT_TXN, PROXY_LOSE_ANSWER);
	start_input(trial);
}
