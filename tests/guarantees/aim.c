/*
 * Aiming: a fault shall meet an open transaction, a commit in flight, a rebalance.
 *
 * The proxy knows what clients are in the middle of, and can hold them there; so no fault
 * has to hope for its moment. The main thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "tests/guarantees/trial.h"

#define AIM_MS 15000

static bool
is_open(const struct trial *trial, const struct proxy_client *client)
{
	switch (trial->guarantee) {
	case WEIR_EXACTLY_ONCE:
		return client->transaction;
	case WEIR_AT_LEAST_ONCE:
		return client->uncommitted;
	default:
		return client->producing > 0;
	}
}

static bool
meets(const struct trial *trial, const struct proxy_client *client, enum aim aim)
{
	switch (aim) {
	case AIM_TRANSACTION:
		return is_open(trial, client);
	case AIM_COMMIT:
	case AIM_COMMIT_LOST:
	case AIM_COMMIT_DONE:
		return client->commit;
	case AIM_REBALANCE:
		return client->rebalance;
	default:
		return true;
	}
}

/* Does this instance, or any that runs? */
static bool
some_meets(struct trial *trial, const struct instance *instance, enum aim aim)
{
	for (size_t index = 0; index < TRIAL_MAX_INSTANCES; index++) {
		const struct instance *one = &trial->instances[index];
		struct proxy_client client;

		if (one->child.state != WEIR_CHILD_RUNNING || (instance && one != instance))
			continue;
		client = proxy_client(trial->proxy, one->id);
		if (meets(trial, &client, aim))
			return true;
	}
	return false;
}

bool
aim_wait_caught(struct trial *trial, int64_t ms)
{
	int64_t give_up_ms = trial_now_ms() + ms;

	while (!proxy_caught(trial->proxy)) {
		if (trial_now_ms() > give_up_ms)
			return false;
		trial_pass(trial, 1);
	}
	return true;
}

static void
wait_answered(struct trial *trial)
{
	int64_t give_up_ms = trial_now_ms() + 5000;
	int code;

	while (!proxy_answered(trial->proxy, &code) && trial_now_ms() < give_up_ms)
		trial_pass(trial, 1);
}

enum proxy_api
aim_commit_api(const struct trial *trial)
{
	return trial->guarantee == WEIR_EXACTLY_ONCE ? PROXY_COMMIT_TXN
						     : PROXY_OFFSET_COMMIT;
}

static void
count_hits(struct trial *trial, const struct instance *instance)
{
	trial->hits.faults++;
	trial->hits.transaction += some_meets(trial, instance, AIM_TRANSACTION);
	trial->hits.commit += some_meets(trial, instance, AIM_COMMIT);
	trial->hits.rebalance += some_meets(trial, instance, AIM_REBALANCE);
}

static bool
is_commit(enum aim aim)
{
	return aim == AIM_COMMIT || aim == AIM_COMMIT_LOST || aim == AIM_COMMIT_DONE;
}

static void
catch_commit(struct trial *trial, const struct instance *instance, enum aim aim)
{
	enum proxy_way way = aim == AIM_COMMIT        ? PROXY_KEEP
			     : aim == AIM_COMMIT_LOST ? PROXY_DROP
						      : PROXY_LOSE_ANSWER;

	proxy_catch(trial->proxy, aim_commit_api(trial), instance ? instance->id : NULL, way);
	if (!aim_wait_caught(trial, AIM_MS))
		return;
	if (aim == AIM_COMMIT_DONE)
		wait_answered(trial);
	else /* what it sends elsewhere, too early maybe, arrives */
		trial_pass(trial, trial_random(200));
}

void
aim_at(struct trial *trial, struct instance *instance, enum aim aim)
{
	int64_t give_up_ms = trial_now_ms() + AIM_MS;

	if (is_commit(aim))
		catch_commit(trial, instance, aim);
	else if (aim == AIM_ANY)
		trial_pass(trial, trial_random(500));
	proxy_hold(trial->proxy);
	while ((aim == AIM_TRANSACTION || aim == AIM_REBALANCE) &&
	       !some_meets(trial, instance, aim) && trial_now_ms() < give_up_ms) {
		proxy_go_on(trial->proxy);
		trial_pass(trial, 1);
		proxy_hold(trial->proxy);
	}
	count_hits(trial, instance);
}

void
aim_over(struct trial *trial)
{
	proxy_go_on(trial->proxy);
	proxy_release(trial->proxy);
}

struct instance *
aim_instance(struct trial *trial)
{
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;

	while (trial_now_ms() < give_up_ms) {
		struct instance *instance =
			&trial->instances[trial_random(TRIAL_MAX_INSTANCES)];

		if (instance->child.state == WEIR_CHILD_RUNNING)
			return instance;
		if (trial->stops >= TRIAL_MAX_STOPS)
			return &trial->instances[0];
		trial_pass(trial, 1);
	}
	abort(); /* the supervisor keeps some running */
}

bool
aim_wait_sent(struct trial *trial, const struct instance *instance, enum proxy_api api)
{
	int64_t give_up_ms = trial_now_ms() + AIM_MS;

	while (!proxy_client(trial->proxy, instance->id).broker[api]) {
		if (trial_now_ms() > give_up_ms)
			return false;
		trial_pass(trial, 1);
	}
	return true;
}

int
aim_broker(struct trial *trial, const struct instance *instance, enum proxy_api api)
{
	struct proxy_client client = proxy_client(trial->proxy, instance->id);

	return client.broker[api] ? client.broker[api] : 1;
}

bool
aim_next_transaction(struct trial *trial, const struct instance *instance, unsigned ended)
{
	int64_t give_up_ms = trial_now_ms() + AIM_MS;
	struct proxy_client client;

	while (trial_now_ms() < give_up_ms) {
		trial_pass(trial, 1);
		proxy_hold(trial->proxy);
		client = proxy_client(trial->proxy, instance->id);
		if (client.transactions > ended && client.transaction &&
		    client.produced && !client.commit)
			return true;
		proxy_go_on(trial->proxy);
	}
	return false;
}
