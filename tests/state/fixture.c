/*
 * The fixture of tests of stores.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/state/fixture.h"

static const struct weir_store_config stores[FIXTURE_STORES] = {
	{"a.plain", 0}, {"b.other", 0}, {"c.short", FIXTURE_TTL_MS},
};

static void
keep_log(void *opaque, enum weir_log_level level, const char *line)
{
	struct fixture *fixture = opaque;
	size_t used = strlen(fixture->log);

	(void)level;
	snprintf(fixture->log + used, sizeof(fixture->log) - used, "%s\n", line);
}

void
fixture_init(struct fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/weir-state-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
	weir__virtual_clock_init(&fixture->clock, FIXTURE_START_MS);
	fixture->logger = (struct weir_logger){
		.level = WEIR_LOG_DEBUG,
		.write = keep_log,
		.opaque = fixture,
		.clock = &fixture->clock.clock,
	};
	fixture->config = (struct weir_state_config){
		.folder = fixture->folder,
		.stores = stores,
		.store_count = FIXTURE_STORES,
		.clock = &fixture->clock.clock,
		.logger = &fixture->logger,
		.batch_bytes = 1 << 20,
		.map_bytes = 1 << 28,
	};
}

void
fixture_fini(struct fixture *fixture)
{
	static const char *const files[] = {"data.mdb", "lock.mdb", "marker"};

	fixture_close(fixture);
	for (size_t index = 0; index < 3; index++) {
		char *path = weir__format("%s/%s", fixture->folder, files[index]);

		unlink(path);
		free(path);
	}
	rmdir(fixture->folder);
}

void
fixture_open(struct fixture *fixture)
{
	struct weir_error error = {0};

	fixture->state = weir__state_open(&fixture->config, &error);
	ck_assert_msg(fixture->state != NULL, "%s", error.message);
}

void
fixture_close(struct fixture *fixture)
{
	weir__state_close(fixture->state);
	fixture->state = NULL;
}

void
fixture_crash(struct fixture *fixture)
{
	weir__state_crash(fixture->state);
	fixture->state = NULL;
}

struct weir_store *
fixture_store(struct fixture *fixture, size_t index)
{
	return weir__state_store(fixture->state, index);
}

struct weir_bytes
text_bytes(const char *text)
{
	return (struct weir_bytes){text, strlen(text)};
}

void
fixture_put(struct fixture *fixture, size_t store, int64_t time_ms, const char *key,
            const char *value)
{
	weir__state_enter_record(fixture->state, time_ms);
	ck_assert_int_eq(weir_store_put(fixture_store(fixture, store), text_bytes(key),
	                                text_bytes(value)),
	                 0);
	ck_assert_int_eq(weir__state_leave(fixture->state, NULL), 0);
}

void
fixture_commit(struct fixture *fixture)
{
	struct weir_error error = {0};

	ck_assert_msg(weir__state_commit(fixture->state, NULL, &error) == 0, "%s",
	              error.message);
}

const char *
fixture_get(struct fixture *fixture, size_t store, const char *key)
{
	static char text[256];
	struct weir_bytes value;
	int code = weir_store_get(fixture_store(fixture, store), text_bytes(key), &value);

	if (code == WEIR_ENOTFOUND)
		return "-";
	ck_assert_int_eq(code, 0);
	snprintf(text, sizeof(text), "%.*s", (int)value.size, (const char *)value.data);
	return text;
}

const char *
fixture_walk(struct fixture *fixture, size_t store)
{
	static char text[1024];
	struct weir_bytes key, value, none = {NULL, 0};
	struct weir_iterator *iterator =
		weir_store_range(fixture_store(fixture, store), none, none);
	size_t used = 0;

	text[0] = '\0';
	while (weir_iterator_next(iterator, &key, &value) == 0)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s=%.*s",
		                         used ? " " : "", (int)key.size,
		                         (const char *)key.data, (int)value.size,
		                         (const char *)value.data);
	weir_iterator_close(iterator);
	return text;
}
