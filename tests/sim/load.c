/*
 * The load of a run: records with numbers, some put in by transactions that are committed
 * or aborted. What record N is does not depend on what happens in the run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/world.h"

enum { LOADER_IDLE, LOADER_OPEN, LOADER_ENDING };

static bool
has_role(const struct sim_plan *plan, enum sim_role role)
{
	for (int index = 0; index < plan->steps; index++) {
		if (plan->roles[index] == role)
			return true;
	}
	return false;
}

/* Record `id`; all is drawn always, so that leaving something out changes nothing else.
 */
static void
draw_record(const struct sim_plan *plan, int id, struct weir_oracle_load *load,
	    bool *keyed, bool *in_transaction)
{
	struct sim_random random = {plan->seed * 1000003 + (uint64_t)id};
	unsigned copies = sim_random_below(&random, 6);
	bool reject = sim_random_chance(&random, 8),
	     early = sim_random_chance(&random, 4);
	bool retry = sim_random_chance(&random, 10), slow = sim_random_chance(&random, 4);
	bool hold = sim_random_chance(&random, 40);
	int64_t slow_ms = sim_random_below(&random, 2) ? 300 : plan->transaction_ms;

	memset(load, 0, sizeof(*load));
	load->id = (uint64_t)id;
	load->copies = copies > 3 ? 1 : (int)copies;
	for (int copy = 0; copy < WEIR_ORACLE_COPIES; copy++) {
		int output = (int)sim_random_below(&random, (unsigned)plan->outputs);

		load->output[copy] = copy < load->copies ? output : 0;
	}
	*keyed = sim_random_chance(&random, 70);
	*in_transaction = sim_random_chance(&random, 30) && plan->transactions;
	load->reject = reject && plan->rejects;
	load->early = early && plan->rejects;
	load->retry = retry && plan->retries;
	if (slow && plan->slow && !load->reject)
		load->slow_ms = slow_ms;
	/* what is held has been taken already: it can neither be rejected nor come again
	 */
	load->hold = hold && has_role(plan, SIM_ROLE_HOLD) && !load->reject &&
		     !load->early && !load->retry && !load->slow_ms;
}

static void
print_record(const struct sim_plan *plan, const struct weir_oracle_load *load,
	     char *value)
{
	if (plan->steps)
		weir__oracle_load_print(load, value);
	else
		snprintf(value, WEIR_ORACLE_LOAD_SIZE, "%llu",
			 (unsigned long long)load->id);
}

static void
append(struct sim_world *world, const char *key, const char *value)
{
	const struct sim_plan *plan = world->plan;
	int input = (int)sim_random_below(&world->random, (unsigned)plan->inputs);
	int32_t partition = (int32_t)sim_random_below(
		&world->random, (unsigned)plan->input_partitions[input]);
	struct weir_message message = {.key = {key, key ? strlen(key) : 0},
				       .value = {value, strlen(value)},
				       .timestamp_ms = world->clock.now_ms,
				       .partition = WEIR_BY_KEY};

	sim_log(world, "load in%d[%d]: %s", input, (int)partition, value);
	weir__memory_append(world->memory, input ? "in1" : "in0", partition, &message);
}

/* ---- by transactions ---- */

void
sim_load_open(struct sim_world *world)
{
	static const char *const topics[] = {"in0", "in1"};
	struct weir_session_config config = {
		.name = "loader",
		.transactional_id = "loader",
		.outputs = topics,
		.output_count = (size_t)world->plan->inputs,
	};

	world->loader = weir__broker_session_open(world->broker, &config, NULL);
	while (weir__session_init(world->loader, 0, NULL) == WEIR_AGAIN)
		continue;
}

void
sim_load_close(struct sim_world *world)
{
	weir__session_close(world->loader);
}

static void
send_record(struct sim_world *world, const char *key, const char *value)
{
	struct weir_message message = {.key = {key, key ? strlen(key) : 0},
				       .value = {value, strlen(value)},
				       .timestamp_ms = world->clock.now_ms,
				       .partition = WEIR_BY_KEY};
	int input = (int)sim_random_below(&world->random, (unsigned)world->plan->inputs);

	if (world->loader_state == LOADER_IDLE) {
		weir__session_begin(world->loader, NULL);
		world->commits = sim_random_chance(&world->random, 60);
		world->loader_state = LOADER_OPEN;
	}
	sim_log(world, "load in%d, in a transaction: %s", input, value);
	weir__session_send(world->loader, input, &message, 0, 0, NULL);
	weir__session_flush(world->loader, 0, NULL);
}

static void
end_transaction(struct sim_world *world)
{
	enum weir_outcome outcome;

	world->loader_state = LOADER_ENDING;
	outcome = world->commits ? weir__session_commit(world->loader, NULL, 0, 0, NULL)
				 : weir__session_abort(world->loader, 0, NULL);
	if (outcome == WEIR_AGAIN)
		return;
	sim_log(world, "load: transaction %s", world->commits ? "committed" : "aborted");
	world->loader_state = LOADER_IDLE;
}

/* Spread over the time in which faults strike; what is left comes at once. */
static bool
is_due(struct sim_world *world)
{
	const struct sim_plan *plan = world->plan;

	return world->phase != SIM_FAULTY ||
	       sim_random_below(&world->random, plan->world_steps) <
		       (unsigned)plan->records * 11 / 10;
}

void
sim_load_step(struct sim_world *world)
{
	bool all = world->loaded == world->plan->records, keyed, in_transaction;
	struct weir_oracle_load load;
	char value[WEIR_ORACLE_LOAD_SIZE], key[16];

	if (world->loader_state == LOADER_ENDING ||
	    (world->loader_state == LOADER_OPEN &&
	     (all || sim_random_chance(&world->random, 5)))) {
		end_transaction(world);
		return;
	}
	if (all || !is_due(world))
		return;
	draw_record(world->plan, world->loaded++, &load, &keyed, &in_transaction);
	world->hits->records++;
	snprintf(key, sizeof(key), "k%d", (int)(load.id % 7));
	print_record(world->plan, &load, value);
	if (in_transaction)
		send_record(world, keyed ? key : NULL, value);
	else
		append(world, keyed ? key : NULL, value);
}

bool
sim_load_is_done(const struct sim_world *world)
{
	return world->loaded == world->plan->records &&
	       world->loader_state == LOADER_IDLE;
}
