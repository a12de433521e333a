/*
 * Tables on the embedded broker: opened, stepped under a virtual clock, looked into, left.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/folder.h>

#include "tests/state/table_fixture.h"

#define START_MS 1000000000

struct weir_table_topic topics[2] = {{"people", "people"}, {"places", "places"}};
struct weir_virtual_clock virtual_clock;
static struct weir_logger logger;
struct weir_memory *memory;
struct weir_broker *broker;
struct weir_tables *tables;
struct weir_tables_config config;
struct weir_table *views[2];
struct weir_error failure;
char folder[64];
char log_text[8192];

static void
keep_log(void *opaque, enum weir_log_level level, const char *line)
{
	size_t used = strlen(log_text);

	(void)opaque, (void)level;
	snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

void
create(const char *topic, int partitions)
{
	struct weir_properties settings = {0};

	weir__properties_set(&settings, "cleanup.policy", "compact");
	ck_assert_int_eq(weir__broker_topic_create(broker, topic, partitions, 1, &settings, 0,
	                                           NULL), 0);
	weir__properties_fini(&settings);
}

void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/weir-tables-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	weir__virtual_clock_init(&virtual_clock, START_MS);
	logger = (struct weir_logger){.level = WEIR_LOG_DEBUG, .write = keep_log,
	                              .clock = &virtual_clock.clock};
	memory = weir__memory_open(&virtual_clock.clock, &logger);
	broker = weir__memory_broker(memory);
	config = (struct weir_tables_config){
		.folder = folder, .topics = topics, .count = 2, .broker = broker,
		.clock = &virtual_clock.clock, .logger = &logger, .map_bytes = 1 << 30,
	};
	create("people", 2);
	create("places", 1);
}

static void
close_views(void)
{
	for (int index = 0; index < 2; index++) {
		weir__table_free(views[index]);
		views[index] = NULL;
	}
}

void
stop(void)
{
	close_views();
	weir__tables_rest(tables);
	weir__tables_free(tables);
	tables = NULL;
}

void
die(void)
{
	close_views();
	weir__tables_crash(tables);
	tables = NULL;
}

void
teardown(void)
{
	if (tables)
		stop();
	weir__broker_close(broker);
	weir__folder_remove(folder);
}

void
start(void)
{
	log_text[0] = '\0';
	memset(&failure, 0, sizeof(failure));
	tables = weir__tables_new(&config);
	for (size_t index = 0; index < config.count; index++)
		views[index] = weir__table_new(tables, index);
}

/* Steps, 10 ms apart; until it fails. */
void
steps(int count)
{
	while (count-- > 0 && !failure.code && weir__tables_step(tables, 0, &failure) == 0)
		weir__virtual_clock_advance(&virtual_clock, 10);
}

void
start_and_read(void)
{
	start();
	for (int count = 0; count < 1000 && !weir__tables_are_read(tables); count++)
		steps(1);
	ck_assert_msg(weir__tables_are_read(tables), "%s%s", failure.message, log_text);
}

struct weir_bytes
bytes(const char *text)
{
	return (struct weir_bytes){text, text ? strlen(text) : 0};
}

void
put(const char *topic, int partition, const char *key, const char *value)
{
	struct weir_message message = {.key = bytes(key), .value = bytes(value),
	                               .timestamp_ms = virtual_clock.now_ms};

	ck_assert_int_eq(weir__memory_append(memory, topic, partition, &message), 0);
}

/* What stands there now; "-": nothing. */
const char *
get_bytes(int table, struct weir_bytes key)
{
	static char text[64];
	struct weir_bytes value;
	int code = weir_table_get(views[table], key, &value);

	if (code == WEIR_ENOTFOUND)
		return "-";
	ck_assert_int_eq(code, 0);
	snprintf(text, sizeof(text), "%.*s", (int)value.size, (const char *)value.data);
	return text;
}

const char *
get(int table, const char *key)
{
	weir__table_let_go(views[table]);
	return get_bytes(table, bytes(key));
}

void
read_and(void (*leave)(void))
{
	put("people", 0, "ann", "1");
	put("people", 1, "bob", "2");
	start_and_read();
	leave();
	put("people", 0, "eve", "3");
}
