/*
 * A table in the simulated world: a topic with keys that are there, keys that were deleted, and
 * what an aborted transaction wrote; and a step in front of the pipeline that looks a key up for
 * each record, lets the record pass, and stops the app when the table is not as it has to be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "tests/sim/world.h"

#define TOPIC "table"
#define KEYS 40
#define MAP_BYTES ((size_t)64 << 20)
#define CACHE_BYTES 4096 /* so little that some is forgotten */

/* Every fourth key was deleted before any process began. */
static bool
is_deleted(unsigned key)
{
	return key % 4 == 3;
}

static struct weir_bytes
print(char *text, size_t size, const char *kind, unsigned number)
{
	return (struct weir_bytes){text, (size_t)snprintf(text, size, "%s%u", kind, number)};
}

/* ---- the step ---- */

static enum weir_verdict
is_wrong(struct weir_context *ctx, const struct weir_record *record, unsigned key,
	 struct weir_bytes value)
{
	return weir_stop(ctx, "%s[%" PRId32 "]@%" PRId64 ": the table has \"%.*s\" for key %u",
			 weir_record_topic(record), weir_record_partition(record),
			 weir_record_offset(record), (int)value.size,
			 value.data ? (const char *)value.data : "", key);
}

static enum weir_verdict
look_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_table *table = weir_table_find(ctx, "t");
	unsigned key = (unsigned)(weir_record_offset(record) % KEYS);
	struct weir_bytes value = {NULL, 0};
	char text[24];
	int code = weir_table_get(table, print(text, sizeof(text), "key", key), &value);

	(void)memory;
	if (code == WEIR_EIO)
		return WEIR_DONE;
	if ((code == WEIR_ENOTFOUND) != is_deleted(key) ||
	    (code == 0 && (value.size < 5 || memcmp(value.data, "good", 4) != 0)))
		return is_wrong(ctx, record, key, value);
	weir_emit_same(ctx);
	return WEIR_DONE;
}

static const struct weir_processor look = {
	WEIR_PROCESSOR_HEADER,
	.name = "table-look",
	.summary = "look a key up for each record",
	.record = look_record,
};

/* ---- the topic ---- */

static void
put(struct sim_world *world, unsigned key, const char *kind, unsigned number)
{
	char name[24], text[24];
	struct weir_message message = {
		.key = print(name, sizeof(name), "key", key),
		.timestamp_ms = world->clock.now_ms,
	};

	if (kind)
		message.value = print(text, sizeof(text), kind, number);
	weir__memory_append(world->memory, TOPIC, (int32_t)(key % 2), &message);
}

/* One more producer had begun to write, and gave up. */
static void
put_aborted(struct sim_world *world)
{
	static const char *const outputs[] = {TOPIC};
	struct weir_session_config config = {
		.name = "aborter", .transactional_id = "aborter", .outputs = outputs,
		.output_count = 1, .transaction_timeout_ms = 60000, .session_timeout_ms = 10000,
	};
	struct weir_error error = {0};
	struct weir_session *session =
		weir__broker_session_open(world->broker, &config, &error);

	while (weir__session_init(session, 0, &error) == WEIR_AGAIN)
		continue;
	weir__session_begin(session, &error);
	for (unsigned key = 0; key < KEYS; key += 5) {
		char name[24];
		struct weir_message message = {
			.key = print(name, sizeof(name), "key", key), .value = {"aborted", 7},
			.timestamp_ms = 1, .partition = (int32_t)(key % 2),
		};

		weir__session_send(session, 0, &message, 0, 0, &error);
	}
	while (weir__session_flush(session, 0, &error) == WEIR_AGAIN)
		continue;
	while (weir__session_abort(session, 0, &error) == WEIR_AGAIN)
		continue;
	weir__session_close(session);
}

void
sim_table_open(struct sim_world *world)
{
	weir__registry_add(world->registry, &look, NULL);
	weir__broker_topic_create(world->broker, TOPIC, 2, 1, NULL, 0, NULL);
	for (unsigned key = 0; key < KEYS; key++) {
		put(world, key, "old", 0);
		if (is_deleted(key))
			put(world, key, NULL, 0);
		else
			put(world, key, "good", 1);
	}
	put_aborted(world);
}

void
sim_table_step(struct sim_world *world)
{
	unsigned key = sim_random_below(&world->random, KEYS);

	if (!is_deleted(key) && sim_random_chance(&world->random, 2))
		put(world, key, "good", world->step);
}

/* ---- in a process ---- */

/*
 * No worker starts before it is read. A step of it is bounded, so this may take some; what is
 * read later comes when the process gets to it.
 */
bool
sim_table_start(struct sim_process *process, struct weir_error *error)
{
	struct sim_world *world = process->world;
	struct weir_tables_config config = {
		.folder = process->folder,
		.topics = process->pipeline->tables,
		.count = process->pipeline->table_count,
		.broker = &process->broker,
		.clock = &world->clock.clock,
		.logger = &world->logger,
		.map_bytes = MAP_BYTES,
		.cache_bytes = CACHE_BYTES,
		.step_records = 7,
	};

	process->tables = weir__tables_new(&config);
	for (int steps = 0; steps < 100 && !error->code; steps++) {
		if (weir__tables_are_read(process->tables))
			return true;
		weir__tables_step(process->tables, 0, error);
	}
	weir_error_set(error, WEIR_ETIMEOUT, "the table does not get read");
	return false;
}

void
sim_table_feed(struct sim_process *process)
{
	struct sim_world *world = process->world;
	struct weir_error error = {0};

	if (sim_random_chance(&world->random, 2) &&
	    weir__tables_step(process->tables, 0, &error))
		sim_fail(world, SIM_STOPPED, "%s", error.message);
}
