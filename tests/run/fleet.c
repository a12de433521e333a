/*
 * The fleet and its processor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/folder.h>
#include <run/stateful.h>

#include "tests/run/fleet.h"

/* ---- the processor ---- */

static struct weir_virtual_clock *probe_clock; /* "slow" moves it; one fleet a test */

struct probe_options {
	bool sum;
	int64_t tick;
};

struct probe {
	int64_t sum;
	int number; /* in the order of opening */
};

static const struct weir_option probe_rows[] = {
	WEIR_OPT_BOOL(struct probe_options, sum, "false", "count records in memory"),
	WEIR_OPT_DURATION(struct probe_options, tick, NULL, 0, 3600000, "emit at this interval"),
	WEIR_OPT_END
};

static int opened;
const struct weir_processor *fleet_extra_processor;
sem_t fleet_hangs, fleet_go_on;
int fleet_ticks[2];
static int retries_given; /* memory would be dropped by an abort; the outside world is not */

static enum weir_verdict
probe_order(struct weir_context *ctx, const char *order, long number)
{
	static const char large[2 << 20];

	if (!strcmp(order, "reject"))
		return weir_reject(ctx, "as told");
	if (!strcmp(order, "stop"))
		return weir_stop(ctx, "as told");
	if (!strcmp(order, "retry") && retries_given++ < number)
		return weir_retry(ctx, "not yet");
	if (!strcmp(order, "slow"))
		weir__virtual_clock_advance(probe_clock, number);
	if (!strcmp(order, "hang")) {
		sem_post(&fleet_hangs);
		sem_wait(&fleet_go_on);
	}
	for (long copy = 1; !strcmp(order, "copies") && copy < number; copy++)
		weir_emit_same(ctx);
	if (!strcmp(order, "sized")) {
		weir_emit_value(ctx, (struct weir_bytes){large, (size_t)number});
		return WEIR_DONE;
	}
	weir_emit_same(ctx);
	return WEIR_DONE;
}

static enum weir_verdict
probe_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct probe_options *options = weir_options(ctx);
	struct weir_bytes value = weir_record_value(record);
	struct probe *probe = memory;
	char text[64] = "", order[64] = "";
	long number = 0;

	snprintf(text, sizeof(text), "%.*s", (int)value.size, (const char *)value.data);
	sscanf(text, "%63s %ld", order, &number);
	if (options->sum) {
		probe->sum++;
		return WEIR_DONE;
	}
	return probe_order(ctx, order, number);
}

static void
emit_text(struct weir_context *ctx, const char *text)
{
	weir_emit_value(ctx, (struct weir_bytes){text, strlen(text)});
}

static enum weir_verdict
probe_batch_end(struct weir_context *ctx, void *memory)
{
	const struct probe_options *options = weir_options(ctx);
	struct probe *probe = memory;
	char text[32];

	if (!options->sum)
		return WEIR_DONE;
	snprintf(text, sizeof(text), "sum=%lld", (long long)probe->sum);
	probe->sum = 0;
	emit_text(ctx, text);
	return WEIR_DONE;
}

static enum weir_verdict
probe_tick(struct weir_context *ctx, void *memory, int64_t now_ms)
{
	struct probe *probe = memory;

	(void)now_ms;
	if (probe->number < 2)
		fleet_ticks[probe->number]++;
	emit_text(ctx, "tick");
	return WEIR_DONE;
}

static int
probe_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct probe_options *options = weir_options(ctx);

	((struct probe *)memory)->number = opened++;
	(void)error;
	return options->tick ? weir_tick_every(ctx, options->tick) : 0;
}

static const struct weir_processor probe = {
	WEIR_PROCESSOR_HEADER,
	.name = "probe",
	.summary = "do what the record says",
	.options = probe_rows,
	.options_size = sizeof(struct probe_options),
	.memory_size = sizeof(struct probe),
	.open = probe_open,
	.record = probe_record,
	.batch_end = probe_batch_end,
	.tick = probe_tick,
};

/* ---- a processor whose memory outlives batches ---- */

/* Which end of a batch was committed shows when the next record comes. */
struct total {
	int64_t now, at_end, before_end;
	bool ended; /* no record since the last end */
};

struct total_options {
	int64_t tick;
};

static const struct weir_option total_rows[] = {
	WEIR_OPT_DURATION(struct total_options, tick, NULL, 0, 3600000, "emit at this interval"),
	WEIR_OPT_END
};

static int
total_open(struct weir_context *ctx, void *memory, struct weir_error *error)
{
	const struct total_options *options = weir_options(ctx);

	(void)memory, (void)error;
	return options->tick ? weir_tick_every(ctx, options->tick) : 0;
}

static enum weir_verdict
total_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct total *total = memory;

	(void)ctx, (void)record;
	total->ended = false;
	total->now++;
	return WEIR_DONE;
}

static void
total_emit(struct weir_context *ctx, const struct total *total)
{
	char text[32];

	snprintf(text, sizeof(text), "total=%lld", (long long)total->now);
	emit_text(ctx, text);
}

static enum weir_verdict
total_tick(struct weir_context *ctx, void *memory, int64_t now_ms)
{
	struct total *total = memory;

	(void)now_ms;
	total->ended = false;
	if (total->now)
		total_emit(ctx, total);
	total->now = 0;
	return WEIR_DONE;
}

static enum weir_verdict
total_batch_end(struct weir_context *ctx, void *memory)
{
	const struct total_options *options = weir_options(ctx);
	struct total *total = memory;

	total->before_end = total->at_end;
	total->at_end = total->now;
	total->ended = true;
	if (!options->tick)
		total_emit(ctx, total);
	return WEIR_DONE;
}

static int
total_rollback(struct weir_context *ctx, void *memory)
{
	struct total *total = memory;

	(void)ctx;
	if (total->ended)
		total->at_end = total->before_end;
	total->now = total->at_end;
	return 0;
}

static const struct weir_processor total = {
	WEIR_PROCESSOR_HEADER,
	.name = "total",
	.summary = "count records",
	.options = total_rows,
	.options_size = sizeof(struct total_options),
	.memory_size = sizeof(struct total),
	.open = total_open,
	.record = total_record,
	.batch_end = total_batch_end,
	.tick = total_tick,
	.rollback = total_rollback,
};

/* ---- a processor that emits a whole batch at its end ---- */

struct keep {
	struct weir_buffer values; /* each with its size before it */
};

static enum weir_verdict
keep_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct keep *keep = memory;
	struct weir_bytes value = weir_record_value(record);

	(void)ctx;
	weir__buffer_add(&keep->values, &value.size, sizeof(value.size));
	weir__buffer_add(&keep->values, value.data, value.size);
	return WEIR_DONE;
}

static enum weir_verdict
keep_batch_end(struct weir_context *ctx, void *memory)
{
	struct keep *keep = memory;
	struct weir_bytes value;

	for (size_t at = 0; at < keep->values.size; at += value.size) {
		memcpy(&value.size, keep->values.data + at, sizeof(value.size));
		at += sizeof(value.size);
		value.data = keep->values.data + at;
		weir_emit_value(ctx, value);
	}
	keep->values.size = 0;
	return WEIR_DONE;
}

static void
keep_close(struct weir_context *ctx, void *memory)
{
	struct keep *keep = memory;

	(void)ctx;
	weir__buffer_fini(&keep->values);
}

static const struct weir_processor keep = {
	WEIR_PROCESSOR_HEADER,
	.name = "keep",
	.summary = "emit at the end of the batch",
	.memory_size = sizeof(struct keep),
	.close = keep_close,
	.record = keep_record,
	.batch_end = keep_batch_end,
};

/* ---- the fleet ---- */

static void
keep_log(void *opaque, enum weir_log_level level, const char *line)
{
	struct fleet *fleet = opaque;
	size_t used = strlen(fleet->log);

	(void)level;
	if (used + strlen(line) + 2 > sizeof(fleet->log))
		used = 0;
	snprintf(fleet->log + used, sizeof(fleet->log) - used, "%s\n", line);
}

static void
create_topic(struct fleet *fleet, const char *name, int partitions)
{
	ck_assert_int_eq(weir__broker_topic_create(fleet->broker, name, partitions, 1, NULL, 1000,
	                                           NULL), 0);
}

static void
load_pipeline(struct fleet *fleet, const char *settings)
{
	struct weir_error error = {0};
	struct weir_buffer text = {0};

	weir__buffer_printf(&text,
		"{\"name\": \"app\", \"instance\": \"one\", \"state_dir\": \"%s\", "
		"\"inputs\": [\"in\"], %s"
		"%s %s "
		"\"outputs\": {\"default\": \"out\", \"other\": \"other\"}%s%s}",
		fleet->folder, strstr(settings, "\"kafka\"")
			? "" : "\"kafka\": {\"bootstrap.servers\": \"none\"}, ",
		strstr(settings, "\"steps\"") ? "" : "\"steps\": [{\"use\": \"probe\"}],",
		strstr(settings, "\"commit\"") ? "" : "\"commit\": {\"interval\": \"100ms\"},",
		*settings ? ", " : "", settings);
	fleet->pipeline = weir__pipeline_parse(text.data, text.size, "test", ".", NULL, 0, &error);
	ck_assert_msg(fleet->pipeline != NULL, "%s", error.message);
	weir__buffer_fini(&text);
	fleet->chain = weir__chain_new(fleet->pipeline, fleet->registry, &fleet->clock.clock,
	                               &fleet->logger, &error);
	ck_assert_msg(fleet->chain != NULL, "%s", error.message);
	fleet->stores = weir__stores_of(fleet->pipeline, fleet->chain, &fleet->clock.clock,
	                                &fleet->logger, &error);
	if (fleet->stores)
		weir__stores_prepare(fleet->stores, fleet->broker, 1000, &error);
	ck_assert_msg(!error.code, "%s", error.message);
	if (fleet->pipeline->table_count)
		fleet_open_tables(fleet);
}

void
fleet_open(struct fleet *fleet, const char *settings)
{
	struct weir_error error = {0};

	memset(fleet, 0, sizeof(*fleet));
	snprintf(fleet->folder, sizeof(fleet->folder), "/tmp/weir-fleet-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fleet->folder));
	retries_given = opened = 0;
	memset(fleet_ticks, 0, sizeof(fleet_ticks));
	weir__virtual_clock_init(&fleet->clock, 1000000);
	probe_clock = &fleet->clock;
	fleet->logger = (struct weir_logger){
		.level = WEIR_LOG_DEBUG, .write = keep_log, .opaque = fleet,
		.clock = &fleet->clock.clock,
	};
	fleet->memory = weir__memory_open(&fleet->clock.clock, &fleet->logger);
	fleet->broker = weir__memory_broker(fleet->memory);
	create_topic(fleet, "in", 2);
	create_topic(fleet, "out", 1);
	create_topic(fleet, "other", 1);
	create_topic(fleet, "dead", 1);
	fleet->registry = weir__registry_new(&fleet->logger);
	ck_assert_msg(weir__registry_add(fleet->registry, &probe, &error) == 0 &&
	                      weir__registry_add(fleet->registry, &total, &error) == 0 &&
	                      weir__registry_add(fleet->registry, &fleet_count_processor, &error) == 0 &&
	                      weir__registry_add(fleet->registry, &keep, &error) == 0,
	              "%s", error.message);
	if (fleet_extra_processor)
		ck_assert_int_eq(weir__registry_add(fleet->registry, fleet_extra_processor, &error), 0);
	load_pipeline(fleet, settings);
}

void
fleet_close(struct fleet *fleet)
{
	for (int index = 0; index < FLEET_WORKERS; index++)
		weir__worker_free(fleet->workers[index]);
	weir__tables_free(fleet->tables);
	weir__stores_free(fleet->stores);
	weir__folder_remove(fleet->folder);
	weir__chain_free(fleet->chain);
	weir__pipeline_free(fleet->pipeline);
	weir__registry_free(fleet->registry);
	weir__broker_close(fleet->broker);
}

void
fleet_start(struct fleet *fleet, int index)
{
	struct weir_error error = {0};
	struct weir_worker_config config = {
		.pipeline = fleet->pipeline,
		.chain = fleet->chain,
		.broker = fleet->broker,
		.stores = fleet->stores,
		.tables = fleet->tables,
		.clock = &fleet->clock.clock,
		.logger = &fleet->logger,
		.index = index,
	};

	fleet->workers[index] = weir__worker_new(&config, &error);
	ck_assert_msg(fleet->workers[index] != NULL, "%s", error.message);
}

void
fleet_crash(struct fleet *fleet, int index)
{
	weir__worker_crash(fleet->workers[index]);
	fleet->workers[index] = NULL;
}

void
fleet_put(struct fleet *fleet, int partition, const char *value)
{
	struct weir_message message = {
		.value = {value, value ? strlen(value) : 0},
		.timestamp_ms = fleet->clock.now_ms, .partition = WEIR_BY_KEY,
	};

	ck_assert_int_eq(weir__memory_append(fleet->memory, "in", partition, &message), 0);
}

void
fleet_put_transaction(struct fleet *fleet, const char *value, bool commit)
{
	static const char *const outputs[] = {"in"};
	struct weir_error error = {0};
	struct weir_session_config config = {
		.name = "producer", .transactional_id = "producer", .outputs = outputs,
		.output_count = 1, .transaction_timeout_ms = 60000, .session_timeout_ms = 10000,
	};
	struct weir_message message = {.value = {value, strlen(value)}, .timestamp_ms = -1,
				       .partition = WEIR_BY_KEY};
	struct weir_session *session = weir__broker_session_open(fleet->broker, &config, &error);

	ck_assert_msg(session != NULL, "%s", error.message);
	while (weir__session_init(session, 0, &error) == WEIR_AGAIN)
		continue;
	ck_assert_int_eq(weir__session_begin(session, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 0, 0, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_flush(session, 0, &error), WEIR_SUCCESS);
	if (commit)
		ck_assert_int_eq(weir__session_commit(session, NULL, 0, 0, &error), WEIR_SUCCESS);
	else
		ck_assert_int_eq(weir__session_abort(session, 0, &error), WEIR_SUCCESS);
	weir__session_close(session);
}

int64_t
fleet_end(struct fleet *fleet, int partition)
{
	int64_t low, high;

	ck_assert_int_eq(weir__broker_range(fleet->broker, "in", partition, &low, &high, 0, NULL), 0);
	return high;
}

void
fleet_run(struct fleet *fleet, int steps)
{
	for (int step = 0; step < steps; step++) {
		for (int index = 0; index < FLEET_WORKERS; index++) {
			if (fleet->workers[index])
				weir__worker_step(fleet->workers[index], 0);
		}
		weir__virtual_clock_advance(&fleet->clock, 10);
	}
}

enum weir_worker_status
fleet_status(struct fleet *fleet, int index)
{
	return weir__worker_step(fleet->workers[index], 0);
}

void
fleet_drain(struct fleet *fleet)
{
	int running = 1;

	for (int index = 0; index < FLEET_WORKERS; index++) {
		if (fleet->workers[index])
			weir__worker_drain(fleet->workers[index]);
	}
	for (int step = 0; step < 2000 && running; step++) {
		running = 0;
		for (int index = 0; index < FLEET_WORKERS; index++) {
			if (fleet->workers[index])
				running += fleet_status(fleet, index) == WEIR_WORKER_RUNS;
		}
		weir__virtual_clock_advance(&fleet->clock, 10);
	}
	ck_assert_msg(!running, "workers did not drain; log:\n%s", fleet->log);
}

/* ---- what a third party reads ---- */

/* Calls `visit` for each committed record of the topic's partition 0, up to its end. */
void
fleet_each(struct fleet *fleet, const char *topic, int partition,
           void (*visit)(void *opaque, const struct weir_message *message), void *opaque)
{
	struct weir_error error = {0};
	struct weir_offset place = {.topic = topic, .partition = partition};
	struct weir_message message;
	struct weir_reader *reader =
		weir__broker_reader_open(fleet->broker, &place, 1, true, &error);
	enum weir_event_type type;

	ck_assert_msg(reader != NULL, "%s", error.message);
	while ((type = weir__reader_poll(reader, 0, &place, &message, &error)) ==
	       WEIR_EVENT_RECORD)
		visit(opaque, &message);
	ck_assert(type == WEIR_EVENT_END || type == WEIR_EVENT_IDLE);
	weir__reader_close(reader);
}

static void
add_value(void *opaque, const struct weir_message *message)
{
	struct weir_buffer *text = opaque;

	if (text->size)
		weir__buffer_add(text, " ", 1);
	weir__buffer_add(text, message->value.data ? message->value.data : "null",
	                 message->value.data ? message->value.size : 4);
}

const char *
fleet_read(struct fleet *fleet, const char *topic, char *text, size_t size)
{
	struct weir_buffer all = {0};

	fleet_each(fleet, topic, 0, add_value, &all);
	snprintf(text, size, "%s", all.data ? all.data : "");
	weir__buffer_fini(&all);
	return text;
}

static void
count_one(void *opaque, const struct weir_message *message)
{
	(void)message;
	++*(size_t *)opaque;
}

size_t
fleet_count(struct fleet *fleet, const char *topic)
{
	size_t count = 0;

	fleet_each(fleet, topic, 0, count_one, &count);
	return count;
}

struct header_search {
	size_t index;
	const char *name;
	char *found;
};

static char found_header[1024];

static void
find_header(void *opaque, const struct weir_message *message)
{
	struct header_search *search = opaque;

	if (search->index-- != 0)
		return;
	for (size_t index = 0; index < message->header_count; index++) {
		const struct weir_header *header = &message->headers[index];

		if (strcmp(header->name, search->name))
			continue;
		snprintf(found_header, sizeof(found_header), "%.*s", (int)header->value.size,
		         (const char *)header->value.data);
		search->found = found_header;
	}
}

const char *
fleet_header(struct fleet *fleet, const char *topic, size_t index, const char *name)
{
	struct header_search search = {index, name, NULL};

	fleet_each(fleet, topic, 0, find_header, &search);
	return search.found;
}

int64_t
fleet_committed(struct fleet *fleet, int partition)
{
	struct weir_error error = {0};
	struct weir_offset place = {.topic = "in", .partition = partition};

	if (weir__broker_committed(fleet->broker, "app", &place, 1, 1000, &error) == WEIR_ETIMEOUT)
		return WEIR_OFFSET_NONE; /* a transaction holds it pending */
	ck_assert_msg(!error.code, "%s", error.message);
	return place.offset;
}
