/*
 * What the fleet knows of state: a processor that has a store, what is in it and in its
 * changelog, and tables.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <run/stateful.h>

#include "tests/run/fleet.h"

/* ---- the processor ---- */

struct count_options {
	int64_t ttl;
};

static const struct weir_option count_rows[] = {
	WEIR_OPT_DURATION(struct count_options, ttl, NULL, 0, 3600000, "forget after this"),
	WEIR_OPT_END
};

static const struct weir_store_row count_stores[] = {
	{"counts", "ttl", "how often each value came"},
	WEIR_STORE_END
};

static enum weir_verdict
count_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	struct weir_store *store = weir_store_find(ctx, "counts");
	struct weir_bytes key = weir_record_value(record), before;
	bool rejects = key.size > 7 && memcmp(key.data, "reject ", 7) == 0;
	char text[64];
	int count = 1;

	(void)memory;
	if (rejects)
		key = (struct weir_bytes){(const char *)key.data + 7, key.size - 7};
	if (weir_store_get(store, key, &before) == 0) {
		snprintf(text, sizeof(text), "%.*s", (int)before.size, (const char *)before.data);
		count += atoi(text);
	}
	snprintf(text, sizeof(text), "%d", count);
	if (weir_store_put(store, key, (struct weir_bytes){text, strlen(text)}))
		return weir_stop(ctx, "cannot write");
	snprintf(text, sizeof(text), "%.*s=%d", (int)key.size, (const char *)key.data, count);
	weir_emit_value(ctx, (struct weir_bytes){text, strlen(text)});
	return rejects ? weir_reject(ctx, "as told") : WEIR_DONE;
}

const struct weir_processor fleet_count_processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "count",
	.summary = "count equal values",
	.options = count_rows,
	.options_size = sizeof(struct count_options),
	.record = count_record,
	WEIR_STORES(count_stores),
};

/* ---- what there is ---- */

struct fold {
	struct entry {
		char key[32], value[32];
	} entries[64];
	size_t count;
};

static char text[4096];

static void
fold_message(void *opaque, const struct weir_message *message)
{
	struct fold *fold = opaque;
	char key[32];
	size_t at = 0, next;

	snprintf(key, sizeof(key), "%.*s", (int)message->key.size,
	         (const char *)message->key.data);
	while (at < fold->count && strcmp(fold->entries[at].key, key) < 0)
		at++;
	next = at + (at < fold->count && strcmp(fold->entries[at].key, key) == 0);
	memmove(&fold->entries[at + (message->value.data != NULL)], &fold->entries[next],
	        (fold->count - next) * sizeof(fold->entries[0]));
	fold->count = fold->count - (next - at) + (message->value.data != NULL);
	ck_assert_uint_lt(fold->count, 64);
	if (!message->value.data)
		return;
	strcpy(fold->entries[at].key, key);
	snprintf(fold->entries[at].value, sizeof(fold->entries[at].value), "%.*s",
	         (int)message->value.size, (const char *)message->value.data);
}

const char *
fleet_changelog(struct fleet *fleet, int partition)
{
	struct fold fold = {0};
	size_t used = 0;

	fleet_each(fleet, FLEET_CHANGELOG, partition, fold_message, &fold);
	text[0] = '\0';
	for (size_t index = 0; index < fold.count; index++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%s",
		                         used ? " " : "", fold.entries[index].key,
		                         fold.entries[index].value);
	return text;
}

const char *
fleet_store(struct fleet *fleet, int partition)
{
	struct weir_error error = {0};
	struct weir_state *state = weir__stores_open(fleet->stores, "in", partition, &error);
	struct weir_bytes key, value, none = {NULL, 0};
	struct weir_iterator *iterator;
	size_t used = 0;

	ck_assert_msg(state != NULL, "%s", error.message);
	iterator = weir_store_range(weir__state_store(state, 0), none, none);
	text[0] = '\0';
	while (weir_iterator_next(iterator, &key, &value) == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s=%.*s",
		                         used ? " " : "", (int)key.size, (const char *)key.data,
		                         (int)value.size, (const char *)value.data);
	weir__state_crash(state); /* reading leaves it as it was */
	return text;
}

/* ---- tables ---- */

void
fleet_open_tables(struct fleet *fleet)
{
	struct weir_tables_config config = {
		.folder = fleet->folder,
		.topics = fleet->pipeline->tables,
		.count = fleet->pipeline->table_count,
		.broker = fleet->broker,
		.clock = &fleet->clock.clock,
		.logger = &fleet->logger,
	};

	for (size_t index = 0; index < config.count; index++)
		ck_assert_int_eq(weir__broker_topic_create(fleet->broker,
		                                           config.topics[index].topic, 1, 1, NULL,
		                                           0, NULL), 0);
	fleet->tables = weir__tables_new(&config);
}

void
fleet_put_table(struct fleet *fleet, const char *topic, const char *key, const char *value)
{
	struct weir_message message = {
		.key = {key, strlen(key)},
		.value = {value, value ? strlen(value) : 0},
		.timestamp_ms = fleet->clock.now_ms,
	};

	ck_assert_int_eq(weir__memory_append(fleet->memory, topic, 0, &message), 0);
}

void
fleet_feed(struct fleet *fleet)
{
	struct weir_error error = {0};

	for (int step = 0; step < 100; step++)
		weir__tables_step(fleet->tables, 0, &error);
	ck_assert_msg(weir__tables_are_read(fleet->tables), "%s: %s", error.message, fleet->log);
}
