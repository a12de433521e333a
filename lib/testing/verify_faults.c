/*
 * Faults of a verification, and their aim.
 *
 * An instance is stopped while its log says that it is in the middle of the thing; then
 * its log is read to the end, and if that still says so it dies as it stands. If not, it
 * goes on and is tried again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <string.h>

#include <testing/verify_private.h>

#define AIM_MS 15000
#define LONGEST_DWELL_MS 1000

/* ---- aiming ---- */

/*
 * Under at-most-once a batch is committed before it is processed: "open" is right behind
 * the commit.
 */
static bool
is_open(const struct weir_verify *verify, const struct verify_instance *instance,
	int64_t batches_before)
{
	if (verify->guarantee == WEIR_AT_MOST_ONCE)
		return instance->journal.batches > batches_before;
	return weir__journal_has_open(&instance->journal);
}

static bool
is_in(const struct weir_verify *verify, const struct verify_instance *instance,
      enum weir_verify_hit aim, int64_t batches_before)
{
	if (aim == WEIR_VERIFY_COMMIT)
		return weir__journal_is_committing(&instance->journal);
	return is_open(verify, instance, batches_before);
}

/* A batch that has just begun has nothing at the broker yet. */
static void
dwell(struct weir_verify *verify, enum weir_verify_hit aim)
{
	int64_t interval_ms = verify->config.pipeline->commit_interval_ms;

	if (aim == WEIR_VERIFY_COMMIT || verify->guarantee == WEIR_AT_MOST_ONCE)
		return;
	if (interval_ms > LONGEST_DWELL_MS)
		interval_ms = LONGEST_DWELL_MS;
	poll(NULL, 0,
	     (int)interval_ms * 2 / 5 +
		     weir__verify_random(verify, 1 + (int)interval_ms / 2));
}

/* Stop it if it is in the middle of that now. */
static bool catch (struct weir_verify *verify, struct verify_instance *instance,
		   enum weir_verify_hit aim)
{
	int64_t before;

	weir__journal_read(&instance->journal);
	before = instance->journal.batches;
	poll(NULL, 0, 1);
	weir__journal_read(&instance->journal);
	if (!is_in(verify, instance, aim, before))
		return false;
	dwell(verify, aim);
	if (!weir__child_freeze(&instance->child))
		return false;
	weir__journal_read(&instance->journal);
	if (is_in(verify, instance, aim, before))
		return true;
	weir__child_thaw(&instance->child);
	return false;
}

/* Any that runs; it is frozen then. NULL: in vain. */
static struct verify_instance *
catch_any(struct weir_verify *verify, enum weir_verify_hit aim)
{
	int64_t give_up_ms = weir__verify_now_ms(verify) + AIM_MS;
	int turn = weir__verify_random(verify, VERIFY_INSTANCES);

	while (weir__verify_now_ms(verify) < give_up_ms && !verify->is_over) {
		struct verify_instance *instance =
			&verify->instances[++turn % VERIFY_INSTANCES];

		if (instance->child.state == WEIR_CHILD_RUNNING &&
		    instance->journal.assigned && catch (verify, instance, aim))
			return instance;
		weir__verify_pass(verify, 1);
	}
	return NULL;
}

/* ---- the faults ---- */

static void
kill_in(struct weir_verify *verify, enum weir_verify_hit aim)
{
	struct verify_instance *instance = catch_any(verify, aim);

	if (!instance)
		return;
	weir__verify_kill(verify, instance, (int)aim);
	weir__verify_start(verify, instance);
}

static void
kill_open(struct weir_verify *verify)
{
	kill_in(verify, WEIR_VERIFY_OPEN);
}

static void
kill_committing(struct weir_verify *verify)
{
	kill_in(verify, WEIR_VERIFY_COMMIT);
}

static bool
is_rebalancing(struct weir_verify *verify)
{
	struct weir_group_info info = {0};
	bool answer = !weir__broker_group_describe(verify->broker, verify->scratch.app, &info,
						   verify->config.timeout_ms, NULL) &&
		      info.state == WEIR_GROUP_REBALANCING;

	weir__group_info_fini(&info);
	return answer;
}

/* Does the coordinator count this one among the members? -1: it does not say. */
static int
is_member(struct weir_verify *verify, const struct verify_instance *instance)
{
	struct weir_group_info info = {0};
	char id[sizeof(instance->name) + 1];
	int answer = 0;

	snprintf(id, sizeof(id), "%s.", instance->name); /* INSTANCE.WORKER */
	if (weir__broker_group_describe(verify->broker, verify->scratch.app, &info,
					verify->config.timeout_ms, NULL) ||
	    info.state == WEIR_GROUP_NONE)
		answer = -1;
	for (size_t i = 0; answer == 0 && i < info.member_count; i++)
		answer = info.members[i].instance &&
			 strncmp(info.members[i].instance, id, strlen(id)) == 0;
	weir__group_info_fini(&info);
	return answer;
}

/* The coordinator says so while the victim stands still: it dies in the middle of it. */
static bool
kill_rebalancing(struct weir_verify *verify, struct verify_instance *victim)
{
	if (!is_rebalancing(verify) || !weir__child_freeze(&victim->child))
		return false;
	if (!is_rebalancing(verify)) {
		weir__child_thaw(&victim->child);
		return false;
	}
	weir__verify_kill(verify, victim, WEIR_VERIFY_REBALANCE);
	verify->counts.hit[WEIR_VERIFY_REBALANCE]++;
	weir__verify_start(verify, victim);
	return true;
}

static bool
guest_is_in(struct weir_verify *verify)
{
	return verify->instances[VERIFY_GUEST].journal.assigned;
}

/* A guest joins; one of the members, or the guest itself, dies meanwhile; the guest
 * leaves. */
static void
come_and_go(struct weir_verify *verify)
{
	struct verify_instance *guest = &verify->instances[VERIFY_GUEST];
	struct verify_instance *victim =
		&verify->instances[verify->guests % VERIFY_INSTANCES];
	int64_t give_up_ms = weir__verify_now_ms(verify) + AIM_MS;
	bool is_killed = false;

	weir__verify_start(verify, guest);
	verify->counts.joins++;
	while (!is_killed && !guest_is_in(verify) && !verify->is_over &&
	       weir__verify_now_ms(verify) < give_up_ms) {
		is_killed = kill_rebalancing(verify, victim);
		weir__verify_pass(verify, 5);
	}
	give_up_ms += AIM_MS;
	while (!guest_is_in(verify) && !verify->is_over &&
	       weir__verify_now_ms(verify) < give_up_ms)
		weir__verify_pass(verify, 20);
	weir__verify_pass(verify, 500 + weir__verify_random(verify, 1500));
	weir__verify_stop(verify, guest);
	verify->counts.stops++;
}

/* Beyond the timeouts: others take over, then a zombie comes back with its batch. */
static void
freeze(struct weir_verify *verify)
{
	int64_t frozen_ms = weir__verify_frozen_ms(verify->config.pipeline), end_ms;
	struct verify_instance *instance;
	bool was_member, is_given_up = false;

	if (weir__verify_left_ms(verify) < weir__verify_zombie_ms(verify->config.pipeline))
		return;
	instance = catch_any(verify, WEIR_VERIFY_OPEN);
	if (!instance)
		return;
	was_member = is_member(verify, instance) == 1;
	weir__verify_say(verify, "stopped instance=%s", instance->name);
	verify->counts.freezes++;
	verify->counts.aimed[WEIR_VERIFY_ZOMBIE]++;
	end_ms = weir__verify_now_ms(verify) + frozen_ms;
	while (weir__verify_now_ms(verify) < end_ms && !verify->is_over) {
		weir__verify_pass(verify, 500);
		is_given_up |= was_member && is_member(verify, instance) == 0;
	}
	weir__child_thaw(&instance->child);
	weir__verify_say(verify, "continued instance=%s given_up=%d", instance->name,
			 is_given_up);
	verify->counts.hit[WEIR_VERIFY_ZOMBIE] += is_given_up;
	weir__verify_pass(verify, VERIFY_TAKE_OVER_MS);
}

static void
stop_one(struct weir_verify *verify)
{
	struct verify_instance *instance =
		&verify->instances[weir__verify_random(verify, VERIFY_GUEST)];

	weir__verify_stop(verify, instance);
	verify->counts.stops++;
	weir__verify_start(verify, instance);
}

void
weir__verify_faults(struct weir_verify *verify)
{
	/* the longest early, while there is time for it */
	static void (*const faults[])(struct weir_verify *) = {
		kill_committing, freeze,    kill_open, kill_committing, come_and_go,
		kill_committing, kill_open, stop_one,  kill_open,
	};
	size_t count = sizeof(faults) / sizeof(faults[0]);

	for (size_t turn = 0; !verify->is_over && weir__verify_left_ms(verify) > 0;
	     turn++) {
		faults[turn % count](verify);
		weir__verify_pass(verify, 300 + weir__verify_random(verify, 1000));
	}
}
