/*
 * Faults: which is due, where it strikes, and the count of what it hit. A fault that hit
 * nothing it was meant to hit proves nothing, so situations are counted with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>
#include <string.h>

#include "tests/sim/world.h"

const char *
sim_fault_name(enum sim_fault_kind kind)
{
	static const char *const names[] = {
#define SIM_FAULT_NAME(name, title, meant) #name,
		SIM_FAULT_MAP(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
	};

	return names[kind];
}

const char *
sim_fault_title(enum sim_fault_kind kind)
{
	static const char *const titles[] = {
#define SIM_FAULT_TITLE(name, title, meant) title,
		SIM_FAULT_MAP(SIM_FAULT_TITLE)
#undef SIM_FAULT_TITLE
	};

	return titles[kind];
}

unsigned
sim_fault_meant(enum sim_fault_kind kind)
{
	static const unsigned meant[] = {
#define SIM_FAULT_MEANT(name, title, meant) meant,
		SIM_FAULT_MAP(SIM_FAULT_MEANT)
#undef SIM_FAULT_MEANT
	};

	return meant[kind];
}

const char *
sim_operation_name(enum weir_memory_op operation)
{
	static const char *const names[SIM_OPERATIONS] = {
		"init",           "subscribe", "poll",   "answer",  "rewind",
		"begin",          "send",      "commit", "abort",   "flush",
		"commit_offsets", "committed", "range",  "replace",
	};

	return names[operation];
}

#define BIT(kind) (1u << SIM_##kind)
#define UNKNOWN (BIT(UNKNOWN_DONE) | BIT(UNKNOWN_NOT) | BIT(UNKNOWN_LATE))

bool
sim_operation_shows(enum weir_memory_op operation, enum sim_fault_kind kind)
{
	static const unsigned shown[SIM_OPERATIONS] = {
		[WEIR_MEMORY_INIT] = BIT(AGAIN) | BIT(FATAL) | BIT(UNKNOWN_DONE),
		[WEIR_MEMORY_SUBSCRIBE] = BIT(FATAL),
		[WEIR_MEMORY_POLL] = BIT(AGAIN) | BIT(FATAL),
		[WEIR_MEMORY_ANSWER] = BIT(FATAL),
		[WEIR_MEMORY_REWIND] = BIT(AGAIN) | BIT(FATAL),
		[WEIR_MEMORY_BEGIN] = BIT(FATAL) | BIT(UNKNOWN_NOT),
		[WEIR_MEMORY_SEND] = BIT(AGAIN) | BIT(ABORT) | BIT(FATAL) | UNKNOWN |
				     BIT(TAINT) | BIT(LOSE_DELIVERY) | BIT(REFUSE_SIZE),
		[WEIR_MEMORY_COMMIT] =
			BIT(AGAIN) | BIT(ABORT) | BIT(FATAL) | UNKNOWN | BIT(TAINT),
		[WEIR_MEMORY_ABORT] = BIT(AGAIN) | BIT(FATAL) | UNKNOWN | BIT(TAINT),
		[WEIR_MEMORY_FLUSH] = BIT(AGAIN) | BIT(FATAL),
		[WEIR_MEMORY_COMMIT_OFFSETS] =
			BIT(AGAIN) | BIT(ABORT) | BIT(FATAL) | BIT(UNKNOWN_DONE),
		[WEIR_MEMORY_COMMITTED] = BIT(AGAIN) | BIT(FATAL),
		[WEIR_MEMORY_RANGE] = BIT(AGAIN) | BIT(FATAL),
		[WEIR_MEMORY_REPLACE] = BIT(FATAL),
	};

	return kind < SIM_AGAIN || (shown[operation] & 1u << kind);
}

/* ---- striking ---- */

void
sim_fault_hit(struct sim_world *world, enum sim_fault_kind kind, unsigned situation)
{
	for (int bit = 0; bit < SIM_SITUATIONS; bit++)
		world->hits->kinds[kind][bit] += situation >> bit & 1;
}

static unsigned
situation_of_proxy(const struct sim_proxy *proxy)
{
	unsigned situation = (proxy->in_hand ? SIM_OPEN : 0) |
			     (proxy->committing ? SIM_COMMIT : 0) |
			     (proxy->rebalancing ? SIM_IN_REBALANCE : 0);

	return situation ? situation : SIM_IDLE;
}

struct sim_fault *
sim_fault_in_call(struct sim_world *world, enum weir_memory_op operation,
		  const struct sim_proxy *proxy)
{
	unsigned call = world->calls[operation]++, in_rebalance = UINT_MAX;

	if (proxy->rebalancing)
		in_rebalance = world->rebalance_calls[operation]++;
	world->hits->calls[operation]++;
	for (int index = 0;
	     index < world->plan->fault_count && world->phase == SIM_FAULTY; index++) {
		struct sim_fault *fault = &world->faults[index];

		if (fault->used || fault->kind < SIM_FIRST_IN_CALL ||
		    fault->operation != operation ||
		    fault->nth != (fault->in_rebalance ? in_rebalance : call))
			continue;
		fault->used = true;
		sim_fault_hit(world, fault->kind, situation_of_proxy(proxy));
		world->hits->operations[operation][fault->kind]++;
		return fault;
	}
	return NULL;
}

/* Process number `target`, of those that can run. */
static struct sim_process *
choose(struct sim_world *world, unsigned target)
{
	struct sim_process *able[SIM_PROCESSES];
	unsigned count = 0;

	for (int index = 0; index < SIM_PROCESSES; index++) {
		if (sim_process_can_run(world->processes[index]))
			able[count++] = world->processes[index];
	}
	return count ? able[target % count] : NULL;
}

static unsigned
situation_of_all(const struct sim_world *world)
{
	unsigned situation = 0;

	for (int index = 0; index < SIM_PROCESSES; index++) {
		if (world->processes[index] && !world->processes[index]->dead)
			situation |= sim_process_situation(world->processes[index]);
	}
	return situation ? situation : SIM_IDLE;
}

static void
join(struct sim_world *world)
{
	char name[16];

	snprintf(name, sizeof(name), "p%d", world->names++);
	sim_process_start(world, name);
}

static void
strike_process(struct sim_world *world, const struct sim_fault *fault,
	       struct sim_process *process)
{
	switch (fault->kind) {
	case SIM_CRASH:
		sim_process_kill(process);
		break;
	case SIM_TWIN:
		world->twins = true;
		sim_process_start(world, process->name);
		/* fall through */
	case SIM_PAUSE:
		process->paused_to = world->clock.now_ms + fault->ms;
		break;
	case SIM_LEAVE:
		sim_process_leave(process);
		sim_restart_later(world, process->name, fault->ms);
		break;
	default:
		break;
	}
}

static void
strike(struct sim_world *world, const struct sim_fault *fault)
{
	struct sim_process *process = choose(world, fault->target);
	bool of_process = fault->kind == SIM_CRASH || fault->kind == SIM_PAUSE ||
			  fault->kind == SIM_TWIN || fault->kind == SIM_LEAVE;

	if (of_process && (!process || process->leaving))
		return;
	sim_log(world, "%s %s", of_process ? process->name : "world",
		sim_fault_name(fault->kind));
	sim_fault_hit(world, fault->kind,
		      of_process ? sim_process_situation(process)
				 : situation_of_all(world));
	if (of_process)
		strike_process(world, fault, process);
	else if (fault->kind == SIM_REBALANCE)
		weir__memory_rebalance(world->memory);
	else if (fault->kind == SIM_JOIN)
		join(world);
	else if (fault->kind == SIM_BROKER_SLOW)
		world->slow_to = world->clock.now_ms + fault->ms;
}

void
sim_faults_between_steps(struct sim_world *world)
{
	for (int index = 0; index < world->plan->fault_count; index++) {
		struct sim_fault *fault = &world->faults[index];

		if (fault->used || fault->kind >= SIM_FIRST_IN_CALL ||
		    fault->nth > world->step)
			continue;
		fault->used = true;
		strike(world, fault);
	}
}
