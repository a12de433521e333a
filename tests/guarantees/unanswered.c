/*
 * The case "unanswered": a commit has no answer for so long that the app gives it up, and
 * has to find out what became of it.
 *
 * Two ways lead there. The broker's transaction timeout is over before the EndTxn arrives:
 * then it was not committed. Or the commit is that of a revoke, which waits half a session
 * for it: then it was committed or not. The assignment is cooperative, so the instance
 * keeps some partitions, and goes on with them from where it believes to be. The main
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tests/guarantees/trial.h"

#define CATCH_MS 15000
#define YOUNG_MS (UNANSWERED_COMMIT_MS / 4)
#define GIVEN_UP_MS (TRIAL_SESSION_MS / 2 + 500)
/* In which messages are sent that nobody gets, before their sender learns of the revoke. */
#define LEARNS_LATE_MS 150
/* Behind a message's timeout: librdkafka looks once a second which are too old. */
#define UNDELIVERED_MS 2000

static struct instance *
victim_of(struct trial *trial)
{
	return &trial->instances[trial->round / 2 % 2];
}

/* ---- beyond the transaction timeout ---- */

/* Nobody has revoked anything: without transactions it is waited for, and that is all. */
static void
kept(struct trial *trial)
{
	struct instance *victim = victim_of(trial);
	int64_t give_up_ms;
	int code = 0;

	aim_at(trial, victim, AIM_COMMIT);
	proxy_go_on(trial->proxy);
	trial_pass(trial, TRIAL_TRANSACTION_MS + 2000);
	proxy_release(trial->proxy);
	give_up_ms = trial_now_ms() + 5000;
	while (!proxy_answered(trial->proxy, &code) && trial_now_ms() < give_up_ms)
		trial_pass(trial, 1);
	trial->hits.unknown += code != 0;
	trial_say(trial, "%s: its commit came too late, answered with %d", victim->id,
		  code);
	/* without transactions it was kept among heartbeats, and the group forgot a member */
	trial_pass(trial,
		   trial->guarantee == WEIR_EXACTLY_ONCE ? 1000 : TRIAL_SESSION_MS);
}

/* ---- in a revoke ---- */

/* Of a batch that is young, so that no commit is due but that of the revoke. */
static bool
wait_young_batch(struct trial *trial, const struct instance *victim)
{
	unsigned ended = proxy_client(trial->proxy, victim->id).transactions;

	if (trial->guarantee != WEIR_EXACTLY_ONCE)
		return true;
	if (!aim_next_transaction(trial, victim, ended))
		return false;
	proxy_go_on(trial->proxy);
	trial_pass(trial, YOUNG_MS);
	return true;
}

/*
 * What the instance asks for when it learns that something is taken from it: which the
 * answer to its SyncGroup says.
 */
static bool
catch_in_revoke(struct trial *trial, const struct instance *victim, enum proxy_api api,
		enum proxy_way way)
{
	/* who is only joining has nothing to give up */
	for (int index = 0; index < 2; index++) {
		if (!aim_wait_sent(trial, &trial->instances[index],
				   aim_commit_api(trial)))
			return false;
	}
	proxy_catch(trial->proxy, PROXY_SYNC_GROUP, victim->id, PROXY_KEEP);
	instance_start(trial, &trial->instances[2]);
	if (!aim_wait_caught(trial, CATCH_MS) || !wait_young_batch(trial, victim))
		return false;
	proxy_hold(trial->proxy);
	if (api == PROXY_PRODUCE)
		proxy_delay(trial->proxy, aim_broker(trial, victim, PROXY_SYNC_GROUP),
			    LEARNS_LATE_MS);
	proxy_release(trial->proxy);
	proxy_catch(trial->proxy, api, victim->id, way);
	proxy_go_on(trial->proxy);
	return aim_wait_caught(trial, CATCH_MS);
}

/*
 * It has given up when its next producer is ready, and nobody has answered the last one
 * (who is told at his second try also replaces it). Without producers' ids nothing shows
 * it, but its time is over; and that of its messages, which would arrive when what is held
 * back is released.
 */
static bool
has_given_up(struct trial *trial, const struct instance *victim, enum proxy_api api)
{
	int64_t give_up_ms = trial_now_ms() + 2 * TRIAL_SESSION_MS;
	struct proxy_client before = proxy_client(trial->proxy, victim->id), now = before;

	if (trial->guarantee != WEIR_EXACTLY_ONCE) {
		trial_pass(trial, api == PROXY_PRODUCE
					  ? trial->options->message_ms + UNDELIVERED_MS
					  : GIVEN_UP_MS);
		return false;
	}
	while (now.inits == before.inits && trial_now_ms() < give_up_ms) {
		trial_pass(trial, 10);
		now = proxy_client(trial->proxy, victim->id);
	}
	return now.inits != before.inits && now.transactions == before.transactions;
}

void
unanswered_in_revoke(struct trial *trial, struct instance *victim, enum proxy_api api,
		     enum proxy_way way)
{
	bool unknown;
	int code = -1;

	if (catch_in_revoke(trial, victim, api, way)) {
		trial->hits.faults++;
		trial->hits.transaction++;
		trial->hits.commit++;
		trial->hits.rebalance++;
		unknown = has_given_up(trial, victim, api) && api == PROXY_COMMIT_TXN;
		proxy_answered(trial->proxy, &code);
		trial->hits.unknown += unknown;
		trial->hits.unknown_done += unknown && way == PROXY_LOSE_ANSWER && !code;
		trial_say(trial, "%s: request %d of a revoke, %s: outcome unknown: %s",
			  victim->id, api,
			  way == PROXY_DROP ? "dropped" : "its answer lost",
			  unknown ? "yes" : "no");
	}
	proxy_heal(trial->proxy);
	/* below 2.3.0 librdkafka asserts when it is closed before its first assignment */
	aim_wait_sent(trial, &trial->instances[2], aim_commit_api(trial));
	instance_stop(trial, &trial->instances[2]);
	/* until the group has forgotten it: then the next one takes something away again */
	trial_pass(trial, TRIAL_SESSION_MS + 1500);
}

/* ---- the rounds ---- */

static void
answer_is_lost(struct trial *trial)
{
	unanswered_in_revoke(trial, victim_of(trial), aim_commit_api(trial), PROXY_LOSE_ANSWER);
}

static void
commit_is_lost(struct trial *trial)
{
	unanswered_in_revoke(trial, victim_of(trial), aim_commit_api(trial), PROXY_DROP);
}

/* What stands beside the commit in its batch. */
static void
batch_is_lost(struct trial *trial)
{
	unanswered_in_revoke(trial, victim_of(trial),
			     trial->guarantee == WEIR_EXACTLY_ONCE ? PROXY_TXN_OFFSET_COMMIT
								   : PROXY_PRODUCE,
			     PROXY_DROP);
}

/*
 * Without transactions nothing shows how old a batch is, and one that was due is not given up
 * in the revoke: so its messages are lost first, while the feed is at its fastest, and twice.
 */
void
unanswered(struct trial *trial)
{
	static const fault_fn transactional[] = {answer_is_lost, commit_is_lost, batch_is_lost,
						 kept};
	static const fault_fn plain[] = {batch_is_lost, answer_is_lost, batch_is_lost,
					 commit_is_lost, kept};

	if (trial->guarantee == WEIR_EXACTLY_ONCE)
		transactional[trial->round % 4](trial);
	else
		plain[trial->round % 5](trial);
}
