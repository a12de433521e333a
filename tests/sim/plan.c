/*
 * What a seed means. Everything is drawn from one stream of numbers before the run, so
 * the schedule is a list that can be cut down: a cut never changes what is drawn.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/sim.h"

uint64_t
sim_random_next(struct sim_random *random)
{
	uint64_t value = (random->state += UINT64_C(0x9e3779b97f4a7c15));

	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

unsigned
sim_random_below(struct sim_random *random, unsigned limit)
{
	return (unsigned)(sim_random_next(random) % limit);
}

bool
sim_random_chance(struct sim_random *random, unsigned percent)
{
	return sim_random_below(random, 100) < percent;
}

#define PICK(random, values)                                                             \
	(values)[sim_random_below(random, (unsigned)(sizeof(values) / sizeof(*(values))))]

/* ---- faults ---- */

/* How often an operation is called in a run, about: faults are spread over that. */
static const unsigned usual_calls[SIM_OPERATIONS] = {
	[WEIR_MEMORY_INIT] = 6,
	[WEIR_MEMORY_SUBSCRIBE] = 4,
	[WEIR_MEMORY_POLL] = 150,
	[WEIR_MEMORY_ANSWER] = 8,
	[WEIR_MEMORY_REWIND] = 4,
	[WEIR_MEMORY_BEGIN] = 20,
	[WEIR_MEMORY_SEND] = 40,
	[WEIR_MEMORY_COMMIT] = 20,
	[WEIR_MEMORY_ABORT] = 3,
	[WEIR_MEMORY_FLUSH] = 10,
	[WEIR_MEMORY_COMMIT_OFFSETS] = 20,
	[WEIR_MEMORY_COMMITTED] = 6,
	[WEIR_MEMORY_RANGE] = 6,
	[WEIR_MEMORY_REPLACE] = 2,
};

/* Where things go wrong more interestingly comes up more often. */
static const enum weir_memory_op operations[] = {
	WEIR_MEMORY_COMMIT,         WEIR_MEMORY_COMMIT,         WEIR_MEMORY_COMMIT,
	WEIR_MEMORY_COMMIT,         WEIR_MEMORY_SEND,           WEIR_MEMORY_SEND,
	WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_COMMIT_OFFSETS, WEIR_MEMORY_ABORT,
	WEIR_MEMORY_ABORT,          WEIR_MEMORY_INIT,           WEIR_MEMORY_SUBSCRIBE,
	WEIR_MEMORY_POLL,           WEIR_MEMORY_ANSWER,         WEIR_MEMORY_ANSWER,
	WEIR_MEMORY_REWIND,         WEIR_MEMORY_REWIND,         WEIR_MEMORY_BEGIN,
	WEIR_MEMORY_FLUSH,          WEIR_MEMORY_FLUSH,          WEIR_MEMORY_FLUSH,
	WEIR_MEMORY_COMMITTED,      WEIR_MEMORY_COMMITTED,      WEIR_MEMORY_RANGE,
	WEIR_MEMORY_REPLACE,
};

/* Operations that a guarantee never calls would only waste faults. */
static bool
is_called(enum weir_memory_op operation, enum weir_guarantee guarantee)
{
	switch (operation) {
	case WEIR_MEMORY_BEGIN:
	case WEIR_MEMORY_COMMIT:
	case WEIR_MEMORY_ABORT:
		return guarantee == WEIR_EXACTLY_ONCE;
	case WEIR_MEMORY_FLUSH:
	case WEIR_MEMORY_COMMIT_OFFSETS:
		return guarantee != WEIR_EXACTLY_ONCE;
	default:
		return true;
	}
}

static int64_t
draw_pause(const struct sim_plan *plan, struct sim_random *random)
{
	int64_t lengths[] = {plan->session_ms / 2, plan->session_ms * 5 / 4,
			     plan->session_ms * 2, plan->transaction_ms * 3 / 4,
			     plan->transaction_ms * 5 / 4};

	return PICK(random, lengths);
}

static void
draw_fault(struct sim_plan *plan, struct sim_random *random, struct sim_fault *fault)
{
	memset(fault, 0, sizeof(*fault));
	fault->ms = draw_pause(plan, random);
	fault->target = sim_random_below(random, 64);
	if (sim_random_chance(random, 35)) {
		fault->kind =
			(enum sim_fault_kind)sim_random_below(random, SIM_FIRST_IN_CALL);
		fault->nth = sim_random_below(random, plan->world_steps);
		return;
	}
	do {
		fault->operation = PICK(random, operations);
		fault->kind = (enum sim_fault_kind)(
			SIM_FIRST_IN_CALL +
			sim_random_below(random, SIM_FAULT_KINDS - SIM_FIRST_IN_CALL));
	} while (!is_called(fault->operation, plan->guarantee) ||
		 !sim_operation_shows(fault->operation, fault->kind));
	fault->nth = sim_random_below(random, usual_calls[fault->operation]);
}

/* A commit that fails while partitions are to be given back, and a rebalance for it. */
static int
draw_pair(struct sim_plan *plan, struct sim_random *random, struct sim_fault *pair)
{
	static const enum sim_fault_kind failures[] = {
		SIM_ABORT,        SIM_ABORT,       SIM_ABORT,        SIM_AGAIN,
		SIM_UNKNOWN_DONE, SIM_UNKNOWN_NOT, SIM_CRASH_BEFORE, SIM_CRASH_AFTER,
		SIM_PAUSE_BEFORE, SIM_PAUSE_AFTER};
	static const enum sim_fault_kind reasons[] = {SIM_REBALANCE, SIM_JOIN, SIM_LEAVE};

	draw_fault(plan, random, &pair[0]);
	draw_fault(plan, random, &pair[1]);
	pair[0].kind = PICK(random, reasons);
	pair[0].nth = sim_random_below(random, plan->world_steps);
	pair[1].kind = PICK(random, failures);
	pair[1].operation = plan->guarantee == WEIR_EXACTLY_ONCE
				    ? WEIR_MEMORY_COMMIT
				    : WEIR_MEMORY_COMMIT_OFFSETS;
	pair[1].nth = sim_random_below(random, 2);
	pair[1].in_rebalance = true;
	if (!sim_operation_shows(pair[1].operation, pair[1].kind))
		pair[1].kind = SIM_ABORT;
	return 2;
}

static void
draw_faults(struct sim_plan *plan, struct sim_random *random)
{
	static const int limits[] = {1, 4, 4, 8, 14, SIM_FAULTS};

	plan->fault_count = (int)sim_random_below(random, (unsigned)PICK(random, limits));
	for (int index = 0; index < plan->fault_count;) {
		struct sim_fault *fault = &plan->faults[index];

		if (index + 2 <= plan->fault_count && sim_random_chance(random, 15)) {
			index += draw_pair(plan, random, fault);
		} else {
			draw_fault(plan, random, fault);
			index++;
		}
	}
}

/* Partitions move on and on, and come back to folders of all ages. */
static void
draw_moves(struct sim_plan *plan, struct sim_random *random)
{
	static const enum sim_fault_kind kinds[] = {SIM_REBALANCE, SIM_REBALANCE, SIM_JOIN,
						    SIM_LEAVE, SIM_CRASH};

	plan->moves = plan->stores && sim_random_chance(random, 25);
	while (plan->moves && plan->fault_count < SIM_FAULTS) {
		struct sim_fault *fault = &plan->faults[plan->fault_count++];

		draw_fault(plan, random, fault);
		fault->kind = PICK(random, kinds);
		fault->nth = sim_random_below(random, plan->world_steps);
	}
}

/* ---- topology ---- */

static void
draw_steps(struct sim_plan *plan, struct sim_random *random)
{
	plan->steps = (int)sim_random_below(random, 4);
	if (plan->steps)
		plan->roles[plan->steps - 1] = SIM_ROLE_COPY;
	if (plan->steps == 2) {
		plan->roles[0] = SIM_ROLE_PASS + sim_random_below(random, 3);
	} else if (plan->steps == 3) {
		/* what is held is not counted behind it: sums come first */
		plan->roles[0] =
			sim_random_chance(random, 50) ? SIM_ROLE_SUM : SIM_ROLE_PASS;
		plan->roles[1] =
			sim_random_chance(random, 70) ? SIM_ROLE_HOLD : SIM_ROLE_PASS;
	}
	if (plan->steps && sim_random_chance(random, 25))
		plan->tick_ms = 20 + sim_random_below(random, 2000);
	/* a tick in a batch of its own matters where memory outlives batches */
	if (plan->steps > 1 && sim_random_chance(random, 25)) {
		plan->roles[0] = SIM_ROLE_TALLY;
		plan->tick_ms = 20 + sim_random_below(random, 500);
	}
}

static void
draw_topology(struct sim_plan *plan, struct sim_random *random)
{
	plan->guarantee = (enum weir_guarantee)(sim_random_chance(random, 50)
							? (unsigned)WEIR_EXACTLY_ONCE
							: sim_random_below(random, 3));
	plan->processes = 1 + (int)sim_random_below(random, 3);
	plan->workers = 1 + (int)sim_random_below(random, plan->processes == 1 ? 4 : 2);
	plan->inputs = 1 + (int)sim_random_below(random, 2);
	for (int index = 0; index < 2; index++)
		plan->input_partitions[index] =
			1 + (int)sim_random_below(random, plan->inputs == 2 ? 4 : 8);
	plan->outputs = 1 + (int)sim_random_below(random, 3);
	plan->output_partitions = 1 + (int)sim_random_below(random, 3);
	plan->dead_letter = sim_random_chance(random, 70);
	plan->cooperative = sim_random_chance(random, 40);
}

static void
draw_limits(struct sim_plan *plan, struct sim_random *random)
{
	static const int64_t intervals[] = {1, 10, 20, 50, 100, 400};
	static const int64_t counts[] = {1, 2, 3, 7, 30, 200000, 200000};
	static const int64_t sizes[] = {2048, 16384, 67108864};
	static const int64_t sessions[] = {1000, 3000, 6000, 10000};
	static const int64_t transactions[] = {2000, 5000, 15000};
	static const unsigned paces[] = {1, 3, 10, 30};
	static const unsigned biases[] = {0, 30, 90}, lates[] = {1, 4, 50};

	plan->commit_ms = PICK(random, intervals);
	plan->commit_records = PICK(random, counts);
	plan->commit_bytes = PICK(random, sizes);
	plan->session_ms = PICK(random, sessions);
	plan->transaction_ms = PICK(random, transactions);
	plan->pace_ms = PICK(random, paces);
	plan->newest_first = PICK(random, biases);
	plan->late = PICK(random, lates);
	plan->world_steps = 100 + sim_random_below(random, 500);
}

static void
draw_load(struct sim_plan *plan, struct sim_random *random)
{
	plan->records = 1 + (int)sim_random_below(
				    random, sim_random_chance(random, 80) ? 40 : 120);
	plan->rejects = sim_random_chance(random, 50);
	plan->retries = sim_random_chance(random, 30);
	plan->slow = sim_random_chance(random, 10);
	plan->transactions = sim_random_chance(random, 40);
	plan->retry_attempts = sim_random_chance(random, 30) ? 3 : 0;
}

/* ---- what a cut leaves ---- */

void
sim_cut_none(struct sim_cut *cut)
{
	*cut = (struct sim_cut){.faults = UINT64_MAX,
				.records = -1,
				.processes = -1,
				.workers = -1,
				.partitions = -1,
				.inputs = -1,
				.outputs = -1};
}

static void
cut_to(int *value, int limit)
{
	if (limit >= 0 && *value > limit)
		*value = limit;
}

static void
apply_cut(struct sim_plan *plan, const struct sim_cut *cut)
{
	for (int index = 0; index < plan->fault_count; index++)
		plan->faults[index].used = !(cut->faults >> index & 1);
	cut_to(&plan->records, cut->records);
	cut_to(&plan->processes, cut->processes);
	cut_to(&plan->workers, cut->workers);
	cut_to(&plan->input_partitions[0], cut->partitions);
	cut_to(&plan->input_partitions[1], cut->partitions);
	cut_to(&plan->output_partitions, cut->partitions);
	cut_to(&plan->inputs, cut->inputs);
	cut_to(&plan->outputs, cut->outputs);
	plan->transactions &= !cut->no_transactions;
	plan->retries &= !cut->no_retries;
	plan->slow &= !cut->no_slow;
	plan->rejects &= !cut->no_rejects;
	if (cut->no_tick)
		plan->tick_ms = 0;
}

/* Can a record become a dead letter that does not ask for it? Of the whole plan, uncut.
 */
static bool
find_may_reject(const struct sim_plan *plan)
{
	bool may = plan->slow || (plan->retries && plan->retry_attempts);

	for (int index = 0; index < plan->fault_count; index++) {
		switch (plan->faults[index].kind) {
		case SIM_PAUSE: /* a batch outruns its deadline, and the record its second
				   try */
		case SIM_TWIN:
		case SIM_BROKER_SLOW:
		case SIM_PAUSE_BEFORE:
		case SIM_PAUSE_AFTER:
		case SIM_REFUSE_SIZE:
			may = true;
			break;
		default:
			break;
		}
	}
	return may;
}

void
sim_plan_make(struct sim_plan *plan, uint64_t seed, const struct sim_cut *cut)
{
	struct sim_random random = {seed * 2 + 1};

	memset(plan, 0, sizeof(*plan));
	plan->seed = seed;
	draw_topology(plan, &random);
	draw_steps(plan, &random);
	draw_limits(plan, &random);
	draw_load(plan, &random);
	draw_faults(plan, &random);
	plan->stores = plan->steps > 0 && sim_random_chance(&random, 40);
	plan->table = plan->steps > 0 && sim_random_chance(&random, 25);
	draw_moves(plan, &random);
	plan->may_reject = find_may_reject(plan);
	plan->dead_letter |= plan->may_reject;
	apply_cut(plan, cut);
}

/* ---- in words ---- */

static void
print_fault(FILE *to, const struct sim_fault *fault, int index)
{
	if (fault->kind < SIM_FIRST_IN_CALL)
		fprintf(to, "  fault %d: at step %u: %s (%s)", index, fault->nth,
			sim_fault_title(fault->kind), sim_fault_name(fault->kind));
	else
		fprintf(to, "  fault %d: at call %u of %s%s: %s (%s)", index, fault->nth,
			sim_operation_name(fault->operation),
			fault->in_rebalance ? " in a rebalance" : "",
			sim_fault_title(fault->kind), sim_fault_name(fault->kind));
	if (fault->kind == SIM_PAUSE || fault->kind == SIM_TWIN ||
	    fault->kind == SIM_BROKER_SLOW || fault->kind == SIM_PAUSE_BEFORE ||
	    fault->kind == SIM_PAUSE_AFTER)
		fprintf(to, ", %" PRId64 " ms", fault->ms);
	fprintf(to, "\n");
}

void
sim_plan_print(FILE *to, const struct sim_plan *plan)
{
	static const char *const roles[] = {"copy", "pass", "sum", "hold", "tally"};

	fprintf(to, "seed %" PRIu64 ": %s, %d processes with %d workers each, %s\n",
		plan->seed, weir__guarantee_name(plan->guarantee), plan->processes,
		plan->workers, plan->cooperative ? "cooperative" : "eager");
	fprintf(to,
		"  %d inputs (%d and %d partitions), %d outputs of %d partitions%s, %d "
		"records%s%s%s%s\n",
		plan->inputs, plan->input_partitions[0],
		plan->inputs > 1 ? plan->input_partitions[1] : 0, plan->outputs,
		plan->output_partitions, plan->dead_letter ? ", dead letters" : "",
		plan->records, plan->rejects ? ", rejects" : "",
		plan->retries ? ", retries" : "", plan->slow ? ", slow ones" : "",
		plan->transactions ? ", in transactions" : "");
	fprintf(to, "  steps:");
	for (int index = 0; index < plan->steps; index++)
		fprintf(to, " %s", roles[plan->roles[index]]);
	fprintf(to, "%s%s%s, tick %" PRId64 " ms\n", plan->steps ? "" : " none",
		plan->moves ? " with stores that move" : plan->stores ? " with stores" : "", plan->table ? " behind a table" : "",
		plan->tick_ms);
	fprintf(to,
		"  commit after %" PRId64 " ms, %" PRId64 " records, %" PRId64
		" bytes; session %" PRId64 " ms, transaction %" PRId64
		" ms, attempts %" PRId64 "\n",
		plan->commit_ms, plan->commit_records, plan->commit_bytes,
		plan->session_ms, plan->transaction_ms, plan->retry_attempts);
	for (int index = 0; index < plan->fault_count; index++) {
		if (!plan->faults[index].used)
			print_fault(to, &plan->faults[index], index);
	}
}

void
sim_cut_print(FILE *to, const struct sim_cut *cut)
{
	const struct {
		const char *name;
		int value;
	} numbers[] = {{"records", cut->records}, {"processes", cut->processes},
		       {"workers", cut->workers}, {"partitions", cut->partitions},
		       {"inputs", cut->inputs},   {"outputs", cut->outputs}};

	if (cut->faults != UINT64_MAX)
		fprintf(to, " --faults 0x%" PRIx64, cut->faults);
	for (size_t index = 0; index < sizeof(numbers) / sizeof(*numbers); index++) {
		if (numbers[index].value >= 0)
			fprintf(to, " --%s %d", numbers[index].name,
				numbers[index].value);
	}
	fprintf(to, "%s%s%s%s%s", cut->no_transactions ? " --no-transactions" : "",
		cut->no_retries ? " --no-retries" : "", cut->no_slow ? " --no-slow" : "",
		cut->no_rejects ? " --no-rejects" : "", cut->no_tick ? " --no-tick" : "");
}
