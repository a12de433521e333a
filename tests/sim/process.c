/*
 * A process of the simulated world: a pipeline, its chain, and real workers. It may die
 * at any moment, also while one of its calls is on the stack: then it is freed later.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <run/stateful.h>

#include "tests/sim/world.h"

static struct weir_session *
open_session(struct weir_broker *broker, const struct weir_session_config *config,
	     struct weir_error *error)
{
	return sim_proxy_open((struct sim_process *)broker, config, error);
}

static struct weir_broker *
real(struct weir_broker *broker)
{
	return ((struct sim_process *)broker)->world->broker;
}

static int
describe(struct weir_broker *broker, const char *const *topics, size_t count,
	 struct weir_cluster_info *info, int timeout_ms, struct weir_error *error)
{
	return weir__broker_describe(real(broker), topics, count, info, timeout_ms, error);
}

static int
range(struct weir_broker *broker, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	return weir__broker_range(real(broker), topic, partition, low, high, timeout_ms,
				  error);
}

static struct weir_reader *
reader_open(struct weir_broker *broker, const struct weir_offset *places, size_t count,
	    bool read_committed, struct weir_error *error)
{
	return weir__broker_reader_open(real(broker), places, count, read_committed, error);
}

/* Workers open sessions; what restores stores asks and reads, too. */
static const struct weir_broker_ops broker_ops = {
	.session_open = open_session,
	.describe = describe,
	.range = range,
	.reader_open = reader_open,
};

/* ---- its pipeline ---- */

static void
print_steps(const struct sim_plan *plan, struct weir_buffer *text)
{
	static const char *const roles[] = {"copy", "pass", "sum", "hold", "tally"};

	if (plan->table)
		weir__buffer_add_text(text, "{\"use\":\"table-look\"},");
	for (int index = 0; index < plan->steps; index++) {
		weir__buffer_printf(text, "%s{\"use\":\"%s\",\"with\":{\"role\":\"%s\"",
				    index ? "," : "",
				    plan->stores && index == plan->steps - 1 ? "oracle-store"
									     : "oracle",
				    roles[plan->roles[index]]);
		if (index == 0 && plan->tick_ms)
			weir__buffer_printf(text, ",\"tick\":\"%" PRId64 "ms\"",
					    plan->tick_ms);
		weir__buffer_add_text(text, "}}");
	}
}

static void
print_topics(const struct sim_plan *plan, struct weir_buffer *text)
{
	weir__buffer_printf(text,
			    "\"inputs\":[\"in0\"%s],\"outputs\":{\"default\":\"out0\"",
			    plan->inputs > 1 ? ",\"in1\"" : "");
	for (int index = 1; index < plan->outputs; index++)
		weir__buffer_printf(text, ",\"%c\":\"out%d\"", 'a' + index, index);
	weir__buffer_add_text(text, "},");
	if (plan->dead_letter)
		weir__buffer_add_text(text, "\"dead_letter\":{\"topic\":\"dead\"},");
}

static void
print_pipeline(const struct sim_plan *plan, const struct sim_process *process,
	       struct weir_buffer *text)
{
	weir__buffer_printf(
		text,
		"{\"name\":\"app\",\"instance\":\"%s\",\"state_dir\":\"%s\","
		"\"guarantee\":\"%s\","
		"\"kafka\":{\"bootstrap.servers\":\"none\",\"session.timeout.ms\":"
		"%" PRId64 ",\"transaction.timeout.ms\":%" PRId64 "%s},"
		"\"commit\":{\"interval\":\"%" PRId64 "ms\",\"records\":%" PRId64
		",\"bytes\":\"%" PRId64 "KiB\"},"
		"\"errors\":{\"retry_backoff\":\"20ms\",\"retry_backoff_max\":\"500ms\","
		"\"retry_attempts\":%" PRId64 "%s},",
		process->name, process->folder[0] ? process->folder : "unused", weir__guarantee_name(plan->guarantee), plan->session_ms,
		plan->transaction_ms,
		plan->cooperative ? ",\"consumer\":{\"partition.assignment.strategy\":"
				    "\"cooperative-sticky\"}"
				  : "",
		plan->commit_ms, plan->commit_records, plan->commit_bytes / 1024,
		plan->retry_attempts, plan->dead_letter ? "" : ",\"on_reject\":\"drop\"");
	print_topics(plan, text);
	if (plan->table)
		weir__buffer_add_text(text, "\"tables\":{\"t\":{\"topic\":\"table\"}},");
	weir__buffer_add_text(text, "\"steps\":[");
	print_steps(plan, text);
	weir__buffer_add_text(text, "]}");
}

static bool
load_pipeline(struct sim_process *process, struct weir_error *error)
{
	struct sim_world *world = process->world;
	struct weir_buffer text = {0};

	print_pipeline(world->plan, process, &text);
	process->pipeline =
		weir__pipeline_parse(text.data, text.size, "sim", ".", NULL, 0, error);
	weir__buffer_fini(&text);
	if (!process->pipeline)
		return false;
	process->chain = weir__chain_new(process->pipeline, world->registry,
					 &world->clock.clock, &world->logger, error);
	if (process->chain)
		process->stores = weir__stores_of(process->pipeline, process->chain,
						  &world->clock.clock, &world->logger, error);
	if (process->stores)
		weir__stores_prepare(process->stores, world->broker, 0, error);
	return !error->code;
}

/* ---- its life ---- */

static bool
start_workers(struct sim_process *process, struct weir_error *error)
{
	struct sim_world *world = process->world;
	struct weir_worker_config config = {
		.pipeline = process->pipeline,
		.chain = process->chain,
		.broker = &process->broker,
		.stores = process->stores,
		.tables = process->tables,
		.clock = &world->clock.clock,
		.logger = &world->logger,
	};

	for (int index = 0; index < world->plan->workers; index++) {
		config.index = index;
		process->workers[index] = weir__worker_new(&config, error);
		if (!process->workers[index])
			return false;
		process->worker_count++;
	}
	return true;
}

/*
 * A process finds the folder of the last one of its name, unless that one still has it (it is
 * on another machine), or the disk is lost.
 */
static void
choose_folder(struct sim_process *process)
{
	struct sim_world *world = process->world;
	bool is_free = true;

	snprintf(process->folder, sizeof(process->folder), "%s/%s", world->folder,
		 process->name);
	for (int index = 0; index < SIM_PROCESSES; index++) {
		const struct sim_process *other = world->processes[index];

		if (other && !strcmp(other->folder, process->folder))
			is_free = false;
	}
	if (is_free && sim_random_chance(&world->random, 75))
		return;
	snprintf(process->folder, sizeof(process->folder), "%s/%s-%d", world->folder,
		 process->name, ++world->folders);
}

struct sim_process *
sim_process_start(struct sim_world *world, const char *name)
{
	struct sim_process *process;
	struct weir_error error = {0};
	int slot = 0;

	while (slot < SIM_PROCESSES && world->processes[slot])
		slot++;
	if (slot == SIM_PROCESSES)
		return NULL;
	process = weir__calloc(1, sizeof(*process));
	process->broker.ops = &broker_ops;
	process->world = world;
	snprintf(process->name, sizeof(process->name), "%s", name);
	if (world->folder[0])
		choose_folder(process);
	if (!load_pipeline(process, &error) ||
	    (world->plan->table && !sim_table_start(process, &error)) ||
	    !start_workers(process, &error)) {
		sim_fail(world, SIM_STOPPED, "a process cannot start: %s", error.message);
		sim_process_free(process);
		return NULL;
	}
	world->processes[slot] = process;
	sim_log(world, "%s starts", name);
	return process;
}

void
sim_process_kill(struct sim_process *process)
{
	if (process->dead)
		return;
	sim_log(process->world, "%s is dead", process->name);
	process->dead = process->ended = true;
	if (!process->leaving)
		sim_restart_later(process->world, process->name,
				  1 + sim_random_below(&process->world->random, 3000));
}

void
sim_process_free(struct sim_process *process)
{
	for (int index = 0; index < process->worker_count; index++) {
		if (process->dead)
			weir__worker_crash_tasks(process->workers[index]);
		weir__worker_free(process->workers[index]);
	}
	if (process->dead)
		weir__tables_crash(process->tables);
	else
		weir__tables_free(process->tables);
	weir__stores_free(process->stores);
	weir__chain_free(process->chain);
	weir__pipeline_free(process->pipeline);
	free(process);
}

void
sim_restart_later(struct sim_world *world, const char *name, int64_t after_ms)
{
	struct sim_restart *restart;

	if (world->restart_count == SIM_PROCESSES)
		return;
	restart = &world->restarts[world->restart_count++];
	snprintf(restart->name, sizeof(restart->name), "%s", name);
	restart->at_ms = world->clock.now_ms + after_ms;
}

void
sim_process_leave(struct sim_process *process)
{
	process->leaving = true;
	for (int index = 0; index < process->worker_count; index++)
		weir__worker_drain(process->workers[index]);
}

bool
sim_process_can_run(const struct sim_process *process)
{
	return process && !process->dead && !process->ended && process->pauses == 0 &&
	       process->world->clock.now_ms >= process->paused_to;
}

unsigned
sim_process_situation(const struct sim_process *process)
{
	unsigned situation = 0;

	for (int index = 0; index < process->worker_count; index++) {
		const struct sim_proxy *proxy = process->proxies[index];

		situation |= proxy->in_hand ? SIM_OPEN : 0;
		situation |= proxy->committing ? SIM_COMMIT : 0;
		situation |= proxy->rebalancing ? SIM_IN_REBALANCE : 0;
	}
	return situation ? situation : SIM_IDLE;
}

/* ---- stepping it ---- */

static bool
all_drained(const struct sim_process *process)
{
	for (int index = 0; index < process->worker_count; index++) {
		if (!process->drained[index])
			return false;
	}
	return true;
}

/* A worker has stopped: only a fault that says so, or a twin, may do that. */
static void
stopped(struct sim_process *process, int index, enum weir_worker_status status)
{
	struct sim_world *world = process->world;
	const char *reason = weir__worker_error(process->workers[index])->message;

	sim_log(world, "%s worker %d stopped: %s", process->name, index, reason);
	if (status == WEIR_WORKER_FENCED && !world->twins)
		sim_fail(world, SIM_STOPPED, "fenced without a twin: %s", reason);
	if (status == WEIR_WORKER_FAILED && !process->fatal)
		sim_fail(world, SIM_STOPPED, "%s", reason);
	world->hits->fenced += status == WEIR_WORKER_FENCED;
	if (status == WEIR_WORKER_FENCED)
		process->leaving = true; /* the other one goes on */
	sim_process_kill(process);
}

void
sim_process_step(struct sim_process *process, int index)
{
	struct sim_world *world = process->world;
	struct sim_process *below = world->stepping;
	int below_worker = world->stepping_worker;
	enum weir_worker_status status;

	if (process->tables)
		sim_table_feed(process);
	process->frames++;
	world->stepping = process;
	world->stepping_worker = index;
	status = weir__worker_step(process->workers[index], 0);
	world->stepping = below;
	world->stepping_worker = below_worker;
	process->frames--;
	if (process->dead || status == WEIR_WORKER_RUNS)
		return;
	if (status != WEIR_WORKER_DRAINED)
		stopped(process, index, status);
	process->drained[index] = status == WEIR_WORKER_DRAINED;
	if (all_drained(process))
		process->ended = true;
}
