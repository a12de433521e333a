/*
 * The cases: what goes wrong, round after round.
 *
 * Each round leaves everything running and whole again. The main thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>

#include "tests/guarantees/trial.h"

/* One after the other, round by round. */
#define IN_TURN(trial, list) (list)[(trial)->round % (sizeof(list) / sizeof((list)[0]))]

/* ---- clients ---- */

static void
kill_one(struct trial *trial, struct instance *victim, enum aim aim)
{
	aim_at(trial, victim, aim);
	trial_say(trial, "%s is killed", victim->id);
	instance_kill(trial, victim);
	aim_over(trial);
	instance_start(trial, victim);
}

/* It dies while it joins: its second SyncGroup is held back until then. */
static void
kill_joining(struct trial *trial, struct instance *victim)
{
	instance_kill(trial, victim);
	proxy_catch(trial->proxy, PROXY_SYNC_GROUP, victim->id, PROXY_KEEP);
	instance_start(trial, victim);
	aim_wait_caught(trial, 15000);
	kill_one(trial, victim, AIM_REBALANCE);
}

static void
clients_killed(struct trial *trial)
{
	static const enum aim aims[] = {AIM_TRANSACTION, AIM_COMMIT,      AIM_COMMIT_DONE,
					AIM_REBALANCE,   AIM_COMMIT_LOST, AIM_ANY};
	struct instance *victim = aim_instance(trial);
	enum aim aim = IN_TURN(trial, aims);

	if (aim == AIM_REBALANCE)
		kill_joining(trial, victim);
	else
		kill_one(trial, victim, aim);
	trial_pass(trial, 300 + trial_random(1500));
}

/* Beyond session and transaction timeout: others take over, then a zombie comes back. */
static void
clients_frozen(struct trial *trial)
{
	static const enum aim aims[] = {AIM_TRANSACTION, AIM_COMMIT, AIM_COMMIT_DONE};
	struct instance *victim = aim_instance(trial);

	aim_at(trial, victim, IN_TURN(trial, aims));
	trial_say(trial, "%s is frozen", victim->id);
	instance_freeze(victim);
	proxy_go_on(trial->proxy);
	trial_pass(trial, TRIAL_TRANSACTION_MS + 2000);
	instance_thaw(victim);
	proxy_release(trial->proxy); /* its commit arrives now, if it was held back */
	trial_pass(trial, 2000);
}

/* ---- brokers ---- */

static void
broker_kill(struct trial *trial, int broker)
{
	trial_say(trial, "broker %d is killed", broker);
	trial->broker_dead[broker] = true;
	cluster_kill(trial->cluster, broker);
}

static void
broker_restart(struct trial *trial, int broker)
{
	cluster_restart(trial->cluster, broker);
	trial->broker_dead[broker] = false;
	feed_wait_in_sync(trial);
}

static void
brokers_killed(struct trial *trial)
{
	int broker = 1 + (int)(trial->round % TRIAL_BROKERS);

	aim_at(trial, NULL, trial->round % 2 ? AIM_COMMIT : AIM_TRANSACTION);
	broker_kill(trial, broker);
	aim_over(trial);
	trial_pass(trial, 1000 + trial_random(3000));
	broker_restart(trial, broker);
}

/* Who is asked to commit, who keeps the group, who takes the outputs: each by its turn.
 */
static void
leaders_killed(struct trial *trial)
{
	static const enum proxy_api transactional[] = {PROXY_END_TXN, PROXY_HEARTBEAT,
						       PROXY_PRODUCE};
	static const enum proxy_api plain[] = {PROXY_HEARTBEAT, PROXY_PRODUCE};
	struct instance *instance = aim_instance(trial);
	enum proxy_api api = trial->guarantee == WEIR_EXACTLY_ONCE
				     ? IN_TURN(trial, transactional)
				     : IN_TURN(trial, plain);
	int broker;

	if (!aim_wait_sent(trial, instance, api))
		return;
	aim_at(trial, instance, trial->round % 2 ? AIM_TRANSACTION : AIM_COMMIT);
	broker = aim_broker(trial, instance, api);
	trial_say(trial, "broker %d leads what %s asks with api %d", broker, instance->id,
		  api);
	broker_kill(trial, broker);
	aim_over(trial);
	trial_pass(trial, 1000 + trial_random(3000));
	broker_restart(trial, broker);
}

static void
rolling_restart(struct trial *trial)
{
	for (int broker = 1; broker <= TRIAL_BROKERS; broker++) {
		aim_at(trial, NULL, AIM_TRANSACTION);
		aim_over(trial);
		trial_say(trial, "broker %d is restarted", broker);
		broker_restart(trial, broker);
	}
}

/* ---- the network ---- */

static void
cut(struct trial *trial)
{
	static const enum aim aims[] = {AIM_TRANSACTION, AIM_COMMIT, AIM_COMMIT_DONE};
	int broker = trial_random(TRIAL_BROKERS + 1);

	/* its turn comes each third round */
	aim_at(trial, NULL, aims[trial->round / 3 % 3]);
	trial_say(trial, "connections to %d (0: all) are cut", broker);
	proxy_cut(trial->proxy, broker);
	aim_over(trial);
}

static void
refuse(struct trial *trial)
{
	int broker = trial_random(TRIAL_BROKERS + 1);

	aim_at(trial, NULL, AIM_TRANSACTION);
	trial_say(trial, "connections to %d (0: all) are refused", broker);
	proxy_refuse(trial->proxy, broker, true);
	proxy_cut(trial->proxy, broker);
	aim_over(trial);
	trial_pass(trial, 500 + trial_random(2500));
	proxy_heal(trial->proxy);
}

static void
stall(struct trial *trial)
{
	int broker = trial_random(TRIAL_BROKERS + 1);

	aim_at(trial, NULL, AIM_TRANSACTION);
	trial_say(trial, "connections to %d (0: all) stall", broker);
	proxy_stall(trial->proxy, broker, true);
	aim_over(trial);
	trial_pass(trial, 500 + trial_random(5500));
	proxy_heal(trial->proxy);
}

static void
delay(struct trial *trial)
{
	aim_at(trial, NULL, AIM_TRANSACTION);
	proxy_delay(trial->proxy, trial_random(TRIAL_BROKERS + 1),
		    20 + trial_random(200));
	aim_over(trial);
	trial_pass(trial, 1000 + trial_random(2000));
	proxy_heal(trial->proxy);
}

/* Nobody knows what became of one request of the ways to a commit. */
static void
cut_behind(struct trial *trial)
{
	static const enum proxy_api transactional[] = {
		PROXY_END_TXN, PROXY_TXN_OFFSET_COMMIT, PROXY_ADD_PARTITIONS_TO_TXN,
		PROXY_ADD_OFFSETS_TO_TXN, PROXY_PRODUCE};
	static const enum proxy_api plain[] = {PROXY_OFFSET_COMMIT, PROXY_PRODUCE};

	proxy_catch(trial->proxy,
		    trial->guarantee == WEIR_EXACTLY_ONCE ? transactional[trial_random(5)]
							  : plain[trial_random(2)],
		    NULL, PROXY_CUT_BEHIND);
	trial->hits.faults++;
	aim_wait_caught(trial, 5000);
	proxy_release(trial->proxy);
}

static void
network(struct trial *trial)
{
	static const fault_fn faults[] = {cut, cut_behind, refuse, cut, delay, stall};

	IN_TURN(trial, faults)(trial);
	trial_pass(trial, 300 + trial_random(700));
}

/*
 * A request is held back while the client, cut off, asks again and goes on; it reaches
 * the broker when the client's next transaction is open. For EndTxn that is KAFKA-17754.
 * Whether the broker takes it depends on the epoch: a producer that was replaced
 * meanwhile, by weir or since the broker timed it out, has a new one.
 */
static void
late(struct trial *trial, enum proxy_api api)
{
	struct instance *victim = aim_instance(trial);
	int64_t give_up_ms;
	unsigned ended;
	int code = -1;
	bool open;

	proxy_catch(trial->proxy, api, victim->id, PROXY_KEEP_AND_CUT);
	if (!aim_wait_caught(trial, 15000))
		return;
	/* not before: the caught one may be of a later transaction than the one of then */
	ended = proxy_client(trial->proxy, victim->id).transactions;
	/* what was caught is late then: it is of a transaction that has ended */
	open = aim_next_transaction(trial, victim, ended);
	trial->hits.faults++;
	trial->hits.transaction += open;
	trial->hits.late += open;
	proxy_release(trial->proxy);
	if (open)
		proxy_go_on(trial->proxy);
	give_up_ms = trial_now_ms() + 5000;
	while (!proxy_answered(trial->proxy, &code) && trial_now_ms() < give_up_ms)
		trial_pass(trial, 1);
	trial->hits.late_taken += open && api == PROXY_END_TXN && code == 0;
	trial_say(trial, "late request %d of %s: answered with %d, transaction open: %s",
		  api, victim->id, code, open ? "yes" : "no");
	trial_pass(trial, trial_random(300));
}

static void
late_end(struct trial *trial)
{
	late(trial, PROXY_END_TXN);
}

static void
late_others(struct trial *trial)
{
	static const enum proxy_api apis[] = {PROXY_TXN_OFFSET_COMMIT, PROXY_PRODUCE,
					      PROXY_ADD_PARTITIONS_TO_TXN,
					      PROXY_ADD_OFFSETS_TO_TXN};

	late(trial, IN_TURN(trial, apis));
}

/* ---- instances ---- */

/* Another of the same name, as on another machine: one of the two has to give way. */
static void
twins(struct trial *trial)
{
	struct instance *first = &trial->instances[0], *second = &trial->instances[3];
	struct instance *old = first->child.state == WEIR_CHILD_RUNNING ? first : second;
	struct instance *young = old == first ? second : first;
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;
	int status = 0;

	young->name = old->name;
	aim_at(trial, old, AIM_TRANSACTION);
	aim_over(trial);
	old->child.state = young->child.state = WEIR_CHILD_LEAVING;
	instance_start(trial, young);
	young->child.state = WEIR_CHILD_LEAVING;
	while (!instance_ended(trial, old, &status) &&
	       !instance_ended(trial, young, &status) && trial_now_ms() < give_up_ms)
		trial_pass(trial, 5);
	if (old->child.state != WEIR_CHILD_OFF)
		old->child.state = WEIR_CHILD_RUNNING;
	if (young->child.state != WEIR_CHILD_OFF)
		young->child.state = WEIR_CHILD_RUNNING;
	if (status != 3)
		trial_trouble(trial, "twins: one of them ends with status %d", status);
	trial_pass(trial, 500 + trial_random(1500));
}

static void
come_and_go(struct trial *trial)
{
	struct instance *guest = &trial->instances[2];

	trial_say(trial, "a guest comes");
	instance_start(trial, guest);
	aim_at(trial, NULL, AIM_REBALANCE);
	aim_over(trial);
	trial_pass(trial, 1000 + trial_random(2000));
	if (trial->round % 2) {
		instance_stop(trial, guest);
	} else {
		aim_at(trial, guest, AIM_ANY);
		instance_kill(trial, guest);
		aim_over(trial);
	}
	trial_pass(trial, 500 + trial_random(2000));
}

/* ---- all of it ---- */

/* Something else goes wrong while a broker is away. */
static void
two_at_once(struct trial *trial)
{
	static const fault_fn faults[] = {clients_killed, clients_frozen, network,
					  come_and_go};
	int broker = 1 + trial_random(TRIAL_BROKERS);

	broker_kill(trial, broker);
	faults[trial_random(4)](trial);
	broker_restart(trial, broker);
}

/* Each of them in a pass, and each pass in another order. */
static void
everything(struct trial *trial)
{
	static const fault_fn faults[] = {
		clients_killed, clients_frozen, brokers_killed, leaders_killed,
		network,        two_at_once,    twins,          come_and_go,
		clients_killed, network,        rolling_restart, late_end,
		late_others};
	enum { ALL = sizeof(faults) / sizeof(faults[0]), OF_TRANSACTIONS = 2 };
	int count = trial->guarantee == WEIR_EXACTLY_ONCE ? ALL : ALL - OF_TRANSACTIONS;
	int place = (int)trial->round % count, other, next;

	for (int index = 0; place == 0 && index < count; index++)
		trial->pass[index] = index;
	other = place + trial_random(count - place);
	next = trial->pass[other];
	trial->pass[other] = trial->pass[place];
	trial->pass[place] = next;
	faults[next](trial);
}

const struct trial_case *
trial_cases(size_t *count)
{
	static const struct trial_case cases[] = {
		{"clients-killed",
		 "instances die by kill -9, and start again",
		 clients_killed,
		 2,
		 false,
		 {.transaction = 1, .commit = 1, .rebalance = 1}},
		{"clients-frozen",
		 "stopped beyond the transaction timeout, then continued",
		 clients_frozen,
		 2,
		 false,
		 {.transaction = 1, .commit = 1}},
		{"brokers-killed",
		 "brokers die by kill -9 and start again, one by one",
		 brokers_killed,
		 2,
		 false,
		 {.faults = TRIAL_BROKERS, .transaction = 1}},
		{"leaders-killed",
		 "who coordinates or leads a batch dies by kill -9",
		 leaders_killed,
		 2,
		 false,
		 {.faults = 3, .transaction = 1, .commit = 1}},
		{"rolling-restart",
		 "brokers stop in good order and start again",
		 rolling_restart,
		 2,
		 false,
		 {.faults = TRIAL_BROKERS, .transaction = 1}},
		{"network",
		 "connections are cut, refused, delayed and stalled",
		 network,
		 2,
		 false,
		 {.transaction = 1, .commit = 1},
		 .small_queue = true},
		{"late-end",
		 "an EndTxn arrives in the next transaction (KAFKA-17754)",
		 late_end,
		 1,
		 true,
		 {.late = 1},
		 1000},
		{"late-others",
		 "offsets, messages and partitions of a transaction arrive in the next",
		 late_others,
		 1,
		 true,
		 {.late = 4},
		 1000},
		{"unanswered",
		 "a commit has no answer, and the app finds out what became of it",
		 unanswered,
		 2,
		 false,
		 {.faults = 4,
		  .commit = 4,
		  .rebalance = 3,
		  .unknown = 2,
		  .unknown_done = 1},
		 UNANSWERED_COMMIT_MS,
		 .cooperative = true,
		 .tally = true},
		{"ticks",
		 "input stands still, and what ticks emit is committed by who should not",
		 ticks,
		 2,
		 true,
		 {.faults = 2, .rebalance = 1, .late = 1, .unknown = 1, .unknown_done = 1},
		 UNANSWERED_COMMIT_MS,
		 2,
		 .cooperative = true,
		 .tally = true,
		 .ticking = true,
		 .transaction_ms = TICKS_TRANSACTION_MS},
		{"twins",
		 "two instances with one name",
		 twins,
		 1,
		 false,
		 {.transaction = 1}},
		{"come-and-go",
		 "an instance joins and leaves",
		 come_and_go,
		 2,
		 false,
		 {.rebalance = 1}},
		{"everything",
		 "all of these, in any order",
		 everything,
		 2,
		 false,
		 {.faults = 13, .transaction = 1, .commit = 1, .rebalance = 1},
		 0,
		 5},
	};

	*count = sizeof(cases) / sizeof(cases[0]);
	return cases;
}
