/*
 * The world: time, the broker's own steps, processes, one step after the other. What
 * comes next is drawn from the run's stream of numbers, and from nothing else.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/folder.h>
#include <broker/memory_private.h> /* only to count what was hit */

#include "tests/sim/world.h"

#define DEPTH_MAX 2
#define LOOK_EVERY 12 /* steps */
#define SETTLE_STEPS 60000
#define SETTLE_MS (30 * 60 * 1000)

void
sim_log(const struct sim_world *world, const char *format, ...)
{
	va_list arguments;

	if (!world->verbose)
		return;
	printf("%8" PRId64 " %5u %*s", world->clock.now_ms - 1000000, world->step,
	       2 * world->depth, "");
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
}

void
sim_fail(struct sim_world *world, enum sim_failure failure, const char *format, ...)
{
	va_list arguments;

	if (world->result->failure)
		return;
	world->result->failure = failure;
	va_start(arguments, format);
	vsnprintf(world->result->reason, sizeof(world->result->reason), format,
		  arguments);
	va_end(arguments);
	sim_log(world, "FAILED: %s", world->result->reason);
}

bool
sim_has_failed(const struct sim_world *world)
{
	return world->result->failure != SIM_HOLDS;
}

/* ---- the broker ---- */

static enum weir_memory_fault
armed_fault(void *opaque, const char *session_name, enum weir_memory_op operation)
{
	struct sim_world *world = opaque;
	enum weir_memory_fault fault = world->armed;

	if (fault == WEIR_MEMORY_NO_FAULT || world->armed_for != operation ||
	    !strcmp(session_name, "loader"))
		return WEIR_MEMORY_NO_FAULT;
	world->armed = WEIR_MEMORY_NO_FAULT;
	return fault;
}

static bool
is_late(const struct sim_world *world, size_t index)
{
	enum weir_memory_step_type type = world->memory->steps[index].type;

	return type == WEIR_STEP_LATE_END || type == WEIR_STEP_LATE_SEND;
}

static void
count_step(struct sim_world *world, size_t index)
{
	const struct weir_memory_step *step = &world->memory->steps[index];

	if (step->type == WEIR_STEP_LATE_END) {
		world->hits->late_ends++;
		world->hits->late_ends_hit += step->txn->state == WEIR_TXN_ONGOING;
	} else if (index > 0 && world->memory->steps[index - 1].txn == step->txn) {
		world->hits->disordered_marks++;
	}
}

/* Markers to write, late requests to receive: in any order, or not yet. */
static void
broker_steps(struct sim_world *world)
{
	size_t count, index;

	while ((count = weir__memory_steps(world->memory)) > 0 &&
	       sim_random_chance(&world->random, world->phase ? 80 : 50)) {
		index = sim_random_chance(&world->random, world->plan->newest_first)
				? count - 1
				: sim_random_below(&world->random, (unsigned)count);
		if (is_late(world, index) && world->phase != SIM_DRAINING &&
		    !sim_random_chance(&world->random, world->plan->late))
			continue;
		count_step(world, index);
		weir__memory_step(world->memory, index);
	}
}

/* ---- time ---- */

static int
live_workers(const struct sim_world *world)
{
	int count = 0;

	for (int index = 0; index < SIM_PROCESSES; index++)
		count += world->processes[index] ? world->processes[index]->worker_count
						 : 0;
	return count;
}

static bool
somebody_waits(const struct sim_world *world)
{
	if (world->phase || world->depth > 0 || world->restart_count > 0 ||
	    world->clock.now_ms < world->slow_to)
		return true;
	for (int index = 0; index < SIM_PROCESSES; index++) {
		const struct sim_process *process = world->processes[index];

		if (process && process->paused_to > world->clock.now_ms)
			return true;
	}
	return false;
}

/*
 * A step takes a random time. While somebody waits for long it takes longer, but not so
 * long that those who run would be taken for dead. Many workers with a short session may
 * be all the same, as on a machine that is too slow; once the faults are over none is,
 * or they could throw each other out for ever.
 */
static void
advance(struct sim_world *world)
{
	int64_t limit_ms = world->plan->pace_ms;

	if (somebody_waits(world)) {
		int64_t stride_ms =
			world->plan->session_ms / (12 * (live_workers(world) + 1));

		if (stride_ms > limit_ms || world->phase)
			limit_ms = stride_ms;
	}
	weir__virtual_clock_advance(
		&world->clock, sim_random_below(&world->random, (unsigned)limit_ms + 1));
}

/* ---- processes ---- */

static void
bury(struct sim_world *world)
{
	for (int index = 0; index < SIM_PROCESSES; index++) {
		struct sim_process *process = world->processes[index];

		if (!process || !process->ended || process->frames > 0)
			continue;
		world->processes[index] = NULL;
		sim_process_free(process);
	}
}

static bool
is_running(const struct sim_world *world, const char *name)
{
	for (int index = 0; index < SIM_PROCESSES; index++) {
		const struct sim_process *process = world->processes[index];

		if (process && !process->ended && !strcmp(process->name, name))
			return true;
	}
	return false;
}

/* What watches over the processes starts them again, but never a second of one name. */
static void
restart(struct sim_world *world)
{
	for (int index = 0; index < world->restart_count; index++) {
		struct sim_restart due = world->restarts[index];

		if (due.at_ms > world->clock.now_ms)
			continue;
		if (is_running(world, due.name)) {
			world->restarts[index].at_ms = world->clock.now_ms + 500;
			continue;
		}
		world->restarts[index--] = world->restarts[--world->restart_count];
		sim_process_start(world, due.name);
	}
	if (live_workers(world) == 0 && world->restart_count == 0)
		sim_process_start(world, "p0");
}

static void
step_somebody(struct sim_world *world)
{
	struct sim_process *able[SIM_PROCESSES * SIM_WORKERS];
	int workers[SIM_PROCESSES * SIM_WORKERS];
	unsigned count = 0, chosen;

	for (int index = 0; index < SIM_PROCESSES; index++) {
		struct sim_process *process = world->processes[index];

		if (!sim_process_can_run(process))
			continue;
		for (int worker = 0; worker < process->worker_count; worker++) {
			if (process->asleep[worker] || process->drained[worker])
				continue;
			able[count] = process;
			workers[count++] = worker;
		}
	}
	if (!count)
		return;
	chosen = sim_random_below(&world->random, count);
	sim_process_step(able[chosen], workers[chosen]);
}

/* Kafka's client beats its heart in a thread of its own, also while a record takes long.
 */
static void
heartbeats(struct sim_world *world)
{
	for (int index = 0; index < SIM_PROCESSES; index++) {
		const struct sim_process *process = world->processes[index];

		if (!sim_process_can_run(process))
			continue;
		for (int worker = 0; worker < process->worker_count; worker++) {
			if (process->asleep[worker])
				weir__memory_session_enter(
					process->proxies[worker]->inner);
		}
	}
}

static void
look(struct sim_world *world)
{
	struct weir_error error = {0};

	if (weir__oracle_watch_look(world->watch, 0, &error))
		sim_fail(world, SIM_STOPPED, "the watch cannot read: %s", error.message);
}

static void
world_step(struct sim_world *world)
{
	world->step++;
	world->hits->steps++;
	advance(world);
	if (!world->phase)
		sim_faults_between_steps(world);
	sim_load_step(world);
	if (world->plan->table)
		sim_table_step(world);
	broker_steps(world);
	if (world->phase != SIM_DRAINING)
		restart(world);
	step_somebody(world);
	heartbeats(world);
	bury(world);
	if (world->step % LOOK_EVERY == 0)
		look(world);
}

void
sim_pass(struct sim_world *world, int64_t ms)
{
	int64_t end_ms = world->clock.now_ms + ms;

	world->depth++;
	while (world->clock.now_ms < end_ms && !sim_has_failed(world)) {
		if (world->depth > DEPTH_MAX)
			weir__virtual_clock_advance(&world->clock, ms);
		else
			world_step(world);
	}
	world->depth--;
}

/* A slow record: its worker is at it, the others go on. */
static void
sleep_in_record(void *opaque, int64_t ms)
{
	struct sim_world *world = opaque;
	struct sim_process *process = world->stepping;
	int worker = world->stepping_worker;

	sim_log(world, "%s: a slow record, %" PRId64 " ms", process->name, ms);
	process->asleep[worker] = true;
	sim_pass(world, ms);
	process->asleep[worker] = false;
}

/* ---- a run ---- */

static void
create_topic(struct sim_world *world, const char *name, int partitions)
{
	weir__broker_topic_create(world->broker, name, partitions, 1, NULL, 0, NULL);
}

static void
create_topics(struct sim_world *world)
{
	static const char *const outputs[] = {"out0", "out1", "out2"};
	static const char *const inputs[] = {"in0", "in1"};
	const struct sim_plan *plan = world->plan;

	for (int index = 0; index < plan->inputs; index++)
		create_topic(world, inputs[index], plan->input_partitions[index]);
	for (int index = 0; index < plan->outputs; index++)
		create_topic(world, outputs[index], plan->output_partitions);
	if (plan->dead_letter)
		create_topic(world, "dead", 1);
	world->oracle = (struct weir_oracle_config){
		.broker = world->broker,
		.clock = &world->clock.clock,
		.guarantee = plan->guarantee,
		.group = "app",
		.inputs = inputs,
		.input_count = (size_t)plan->inputs,
		.outputs = outputs,
		.output_count = (size_t)plan->outputs,
		.dead_letter = plan->dead_letter ? "dead" : NULL,
		.plain = plan->steps == 0,
		.sums = plan->steps > 1 && plan->roles[0] == SIM_ROLE_SUM,
		.may_reject = plan->may_reject,
		.stores = plan->stores,
	};
}

static void
write_log(void *opaque, enum weir_log_level level, const char *line)
{
	(void)level;
	sim_log(opaque, "    %s", line);
}

/* In memory, where there is such a place: thousands of runs a minute. */
static void
make_folder(struct sim_world *world)
{
	snprintf(world->folder, sizeof(world->folder), "%s/weir-sim-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(world->folder))
		sim_fail(world, SIM_STOPPED, "no folder for stores");
}

static void
open_world(struct sim_world *world)
{
	char name[16];

	weir__virtual_clock_init(&world->clock, 1000000);
	world->logger = (struct weir_logger){
		.level = world->verbose ? WEIR_LOG_DEBUG : WEIR_LOG_ERROR,
		.write = write_log,
		.opaque = world,
		.clock = &world->clock.clock,
	};
	world->memory = weir__memory_open(&world->clock.clock, &world->logger);
	world->broker = weir__memory_broker(world->memory);
	world->registry = weir__registry_new(&world->logger);
	create_topics(world);
	if (world->plan->table)
		sim_table_open(world);
	weir__memory_set_manual(world->memory, true);
	weir__memory_set_fault(world->memory, armed_fault, world);
	weir__registry_add(world->registry, weir__oracle_processor(), NULL);
	weir__registry_add(world->registry, weir__oracle_store_processor(), NULL);
	if (world->plan->stores || world->plan->table)
		make_folder(world);
	weir__oracle_processor_set_sleep(sleep_in_record, world);
	sim_load_open(world);
	world->watch = weir__oracle_watch_open(&world->oracle, NULL);
	while (world->names < world->plan->processes) {
		snprintf(name, sizeof(name), "p%d", world->names++);
		sim_process_start(world, name);
	}
}

static void
close_world(struct sim_world *world)
{
	for (int index = 0; index < SIM_PROCESSES; index++) {
		if (!world->processes[index])
			continue;
		world->processes[index]->dead = true;
		sim_process_free(world->processes[index]);
	}
	world->hits->expired += world->memory->timed_out;
	sim_load_close(world);
	weir__oracle_watch_close(world->watch);
	weir__registry_free(world->registry);
	weir__broker_close(world->broker);
	if (world->folder[0])
		weir__folder_remove(world->folder);
}

/* Is all input committed? */
static bool
is_through(struct sim_world *world)
{
	if (!sim_load_is_done(world))
		return false;
	look(world);
	return weir__oracle_watch_is_done(world->watch);
}

static bool
is_empty(const struct sim_world *world)
{
	return live_workers(world) == 0 && weir__memory_steps(world->memory) == 0 &&
	       weir__memory_open_transactions(world->memory) == 0;
}

static void
drain_all(struct sim_world *world)
{
	for (int index = 0; index < SIM_PROCESSES; index++) {
		if (world->processes[index] && !world->processes[index]->leaving)
			sim_process_leave(world->processes[index]);
	}
}

/*
 * No more faults: whatever is left must come through. Then all drain and leave, and what
 * was left open by the dead times out.
 */
static void
settle(struct sim_world *world)
{
	int64_t end_ms = world->clock.now_ms + SETTLE_MS;

	sim_log(world, "the faults are over");
	world->phase = SIM_SETTLING;
	for (int step = 0; step < SETTLE_STEPS && world->clock.now_ms < end_ms; step++) {
		world_step(world);
		if (sim_has_failed(world))
			return;
		if (world->phase == SIM_DRAINING) {
			drain_all(world);
			if (is_empty(world))
				return;
		} else if (step % 16 == 0 && is_through(world)) {
			sim_log(world, "all input is committed");
			world->phase = SIM_DRAINING;
		}
	}
	sim_fail(world, SIM_STUCK,
		 world->phase == SIM_DRAINING ? "the processes do not drain"
					      : "not all input gets committed");
}

static void
judge(struct sim_world *world)
{
	struct sim_result *result = world->result;
	enum weir_guarantee guarantee = world->plan->guarantee;
	struct weir_error error = {0};

	if (weir__oracle_check(&world->oracle, &result->verdict, &error) ||
	    weir__oracle_watch_finish(world->watch, &result->verdict, &error)) {
		sim_fail(world, SIM_STOPPED, "the oracle cannot read: %s", error.message);
		return;
	}
	world->hits->looks += result->verdict.looks;
	if (!weir__oracle_holds(&result->verdict, guarantee, &result->finding))
		sim_fail(world, SIM_WRONG, "%s: %s",
			 weir__oracle_finding_title(result->finding),
			 result->verdict.example[result->finding]);
}

void
sim_run(const struct sim_plan *plan, struct sim_hits *hits, bool verbose,
	struct sim_result *result)
{
	struct sim_world world = {.plan = plan,
				  .hits = hits,
				  .verbose = verbose,
				  .result = result,
				  .random = {plan->seed ^ 0x5eed}};
	unsigned steps = plan->world_steps;

	memset(result, 0, sizeof(*result));
	memcpy(world.faults, plan->faults, sizeof(world.faults));
	hits->runs++;
	open_world(&world);
	while (world.step < steps && !sim_has_failed(&world))
		world_step(&world);
	if (!sim_has_failed(&world))
		settle(&world);
	if (!sim_has_failed(&world) || result->failure == SIM_STUCK)
		judge(&world);
	close_world(&world);
}
