/*
 * A driven instance. Knows the order in which its parts are made, as weir_app_run() makes
 * them, and go again; its workers are stepped elsewhere. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/alloc.h>
#include <run/instance.h>
#include <run/stateful.h>
#include <testing/driven.h>

#define TABLE_STEPS_MAX 1000000
#define TABLE_STEP_MS 100 /* as a reader waits; the embedded broker never does */

static int
open_stores(struct weir_driven *driven, struct weir_error *error)
{
	const struct weir_driven_config *config = &driven->config;
	size_t count;

	weir__chain_stores(config->chain, &count);
	if (count == 0)
		return 0;
	driven->stores = weir__stores_of(config->pipeline, config->chain, config->clock,
	                                 config->logger, error);
	if (!driven->stores)
		return error->code;
	return weir__stores_prepare(driven->stores, config->broker, 0, error);
}

/* No worker starts before they are read. */
static int
read_tables(struct weir_driven *driven, struct weir_error *error)
{
	const struct weir_driven_config *config = &driven->config;
	char *folder = weir__instance_folder(config->pipeline);
	int code = 0;

	driven->tables = weir__tables_new(&(struct weir_tables_config){
		.folder = folder,
		.topics = config->pipeline->tables,
		.count = config->pipeline->table_count,
		.broker = config->broker,
		.clock = config->clock,
		.logger = config->logger,
		.map_bytes = config->table_map_bytes,
		.step_records = config->table_step_records,
	});
	free(folder);
	for (int steps = 0; code == 0 && !weir__tables_are_read(driven->tables); steps++) {
		if (steps == TABLE_STEPS_MAX)
			return weir_error_set(error, WEIR_ETIMEOUT,
			                      "the tables do not get read");
		code = weir__tables_step(driven->tables, TABLE_STEP_MS, error);
	}
	return code;
}

static int
make_workers(struct weir_driven *driven, struct weir_error *error)
{
	const struct weir_driven_config *config = &driven->config;
	struct weir_worker_config worker = {
		.pipeline = config->pipeline,
		.chain = config->chain,
		.broker = config->broker,
		.stores = driven->stores,
		.tables = driven->tables,
		.clock = config->clock,
		.logger = config->logger,
	};
	int count = config->workers ? config->workers : (int)config->pipeline->workers;

	driven->workers = weir__calloc((size_t)count, sizeof(*driven->workers));
	for (; worker.index < count; worker.index++) {
		driven->workers[worker.index] = weir__worker_new(&worker, error);
		if (!driven->workers[worker.index])
			return error->code ? error->code : WEIR_EBROKER;
		driven->worker_count++;
	}
	return 0;
}

int
weir__driven_start(struct weir_driven *driven, const struct weir_driven_config *config,
                   struct weir_error *error)
{
	int code;

	driven->config = *config;
	code = open_stores(driven, error);
	if (code == 0 && config->pipeline->table_count > 0)
		code = read_tables(driven, error);
	if (code == 0)
		code = make_workers(driven, error);
	if (code)
		weir__driven_end(driven);
	return code;
}

static void
drop(struct weir_driven *driven, void (*free_worker)(struct weir_worker *worker),
     void (*free_tables)(struct weir_tables *tables))
{
	for (size_t index = 0; index < driven->worker_count; index++)
		free_worker(driven->workers[index]);
	free(driven->workers);
	driven->workers = NULL;
	driven->worker_count = 0;
	if (driven->tables)
		free_tables(driven->tables);
	driven->tables = NULL;
	weir__stores_free(driven->stores);
	driven->stores = NULL;
}

void
weir__driven_end(struct weir_driven *driven)
{
	drop(driven, weir__worker_free, weir__tables_free);
}

void
weir__driven_crash(struct weir_driven *driven)
{
	drop(driven, weir__worker_crash, weir__tables_crash);
}

/* ---- topics ---- */

void
weir__driven_topics(const struct weir_pipeline *pipeline, struct weir_memory *memory,
                    int32_t (*partitions)(const void *opaque, const char *topic),
                    const void *opaque, size_t max_bytes)
{
	size_t inputs = pipeline->input_count, outputs = inputs + pipeline->output_count;
	size_t tables = outputs + 1, count = tables + pipeline->table_count;
	struct weir_properties compacted = {0};

	weir__properties_set(&compacted, "cleanup.policy", "compact");
	for (size_t index = 0; index < count; index++) {
		const char *topic = index < inputs    ? pipeline->inputs[index]
		                    : index < outputs ? pipeline->outputs[index - inputs].topic
		                    : index < tables  ? pipeline->dead_letter_topic
		                                      : pipeline->tables[index - tables].topic;

		if (!topic)
			continue; /* no dead letters */
		/* it may have two roles, and be there already */
		weir__broker_topic_create(weir__memory_broker(memory), topic,
		                          partitions ? partitions(opaque, topic) : 1, 1,
		                          index < tables ? NULL : &compacted, 0, NULL);
		weir__memory_set_max_message(memory, topic, max_bytes);
	}
	weir__properties_fini(&compacted);
}
