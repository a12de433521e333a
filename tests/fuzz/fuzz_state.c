/*
 * The files of stores: an LMDB environment of sound pages whose rows are anything. Opening it
 * takes them, or says in one line why not; what a walk shows is found by its key; writing goes
 * on, and what was committed is there after opening again. Another process's view takes the same
 * file.
 *
 * Input: rows as hex, "KEY VALUE" a line; then a key to write and delete.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <base/folder.h>
#include <state/state.h>
#include <state/view.h>

#include "tests/fuzz/fuzz.h"

#define NOW_MS INT64_C(1700000000000)
#define TTL_MS INT64_C(86400000)
#define MAP_BYTES ((size_t)8 << 20)
#define ENTRIES_MAX 1000
#define PLAIN_MAX 400 /* longer keys are found by a hash, which the rows need not have */

static const struct weir_store_config stores[] = {{"a.one", 0}, {"b.two", TTL_MS}};

static void
write_nothing(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque, (void)level;
	fuzz_check_words(line);
}

static const struct weir_logger silent = {.level = WEIR_LOG_DEBUG, .write = write_nothing};
static struct weir_virtual_clock now;
static char folder[4200];

static struct weir_state *
open_state(struct weir_error *error)
{
	const struct weir_state_config config = {
		.folder = folder, .stores = stores, .store_count = 2, .clock = &now.clock,
		.logger = &silent, .max_age_ms = TTL_MS, .batch_bytes = 1 << 16,
		.map_bytes = MAP_BYTES, .boot_id = "boot",
	};

	return weir__state_open(&config, error);
}

/* ---- the rows ---- */

static size_t
read_hex(const char *text, unsigned char *bytes, size_t most)
{
	size_t size = 0;
	unsigned byte;

	while (size < most && sscanf(text + 2 * size, "%2x", &byte) == 1 &&
	       text[2 * size + 1] != '\0')
		bytes[size++] = (unsigned char)byte;
	return size;
}

static void
put_rows(MDB_txn *txn, MDB_dbi dbi, char *text)
{
	static unsigned char key_bytes[511], value_bytes[4096];
	char *line;

	while ((line = fuzz_line(&text))) {
		char *space = strchr(line, ' ');
		MDB_val key, value;

		if (!space)
			continue;
		*space = '\0';
		key = (MDB_val){read_hex(line, key_bytes, sizeof(key_bytes)), key_bytes};
		value = (MDB_val){read_hex(space + 1, value_bytes, sizeof(value_bytes)),
		                  value_bytes};
		if (key.mv_size && mdb_put(txn, dbi, &key, &value, 0))
			return;
	}
}

/* The files as an earlier run left them, and rows of anybody. */
static void
make_files(char *rows)
{
	struct weir_error error = {0};
	struct weir_state *state;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	weir__virtual_clock_init(&now, NOW_MS);
	snprintf(folder, sizeof(folder), "%s/state", fuzz_folder());
	weir__folder_remove(folder);
	state = open_state(&error);
	FUZZ_CHECK(state, "%s", error.message);
	weir__state_close(state);
	FUZZ_CHECK(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, MAP_BYTES) == 0 &&
	                   mdb_env_open(env, folder, MDB_NOSYNC, 0600) == 0 &&
	                   mdb_txn_begin(env, NULL, 0, &txn) == 0 &&
	                   mdb_dbi_open(txn, NULL, 0, &dbi) == 0,
	           "cannot write %s", folder);
	put_rows(txn, dbi, rows);
	if (mdb_txn_commit(txn) != 0)
		weir__folder_remove(folder);
	mdb_env_close(env);
}

/* ---- what holds ---- */

static void
check_walk(struct weir_store *store)
{
	const struct weir_bytes none = {NULL, 0};
	struct weir_iterator *iterator = weir_store_range(store, none, none);
	struct weir_bytes key, value, found;
	int code = 0, count = 0;

	while (count++ < ENTRIES_MAX && (code = weir_iterator_next(iterator, &key, &value)) == 0)
		if (key.size <= PLAIN_MAX && weir_store_get(store, key, &found) == 0)
			FUZZ_CHECK(fuzz_same(value, found), "a key has two values");
	weir_iterator_close(iterator);
}

static void
write_some(struct weir_state *state, struct weir_bytes key)
{
	const struct weir_bytes value = {"value", 5};
	struct weir_error error = {0};
	int64_t positions[] = {7, -1};
	struct weir_bytes found;

	weir__state_enter_record(state, NOW_MS);
	for (size_t index = 0; index < 2; index++) {
		struct weir_store *store = weir__state_store(state, index);

		weir_store_delete(store, key);
		if (weir_store_put(store, key, value) == 0)
			FUZZ_CHECK(weir_store_get(store, key, &found) == 0 &&
			                   fuzz_same(found, value),
			           "what was written is not there");
	}
	weir__state_sweep(state, 64);
	if (weir__state_leave(state, &error)) {
		fuzz_check_error(error.code, &error);
		weir__state_abort(state);
		return;
	}
	weir__state_keep(state);
	if (weir__state_commit(state, positions, &error))
		fuzz_check_error(error.code, &error);
	else
		FUZZ_CHECK(weir__state_position(state, 0) == 7, "another place");
}

static void
check_state(struct weir_bytes key)
{
	struct weir_error error = {0};
	struct weir_state *state = open_state(&error);

	if (!state) {
		fuzz_check_error(error.code, &error);
		FUZZ_CHECK(strstr(error.message, folder), "%s", error.message);
		return;
	}
	weir__state_enter_record(state, NOW_MS);
	for (size_t index = 0; index < 2; index++)
		check_walk(weir__state_store(state, index));
	weir__state_leave(state, NULL);
	weir__state_abort(state);
	if (!weir__state_is_broken(state))
		write_some(state, key);
	weir__state_close(state);
}

static bool
visit(void *opaque, const struct weir_view_entry *entry)
{
	int *count = opaque;

	(void)entry;
	return ++*count < ENTRIES_MAX;
}

static void
check_view(struct weir_bytes key)
{
	struct weir_error error = {0};
	struct weir_view *view = weir__view_open(folder, "boot", &error);
	const struct weir_view_store *found;
	size_t stores_found;

	if (!view) {
		fuzz_check_error(error.code, &error);
		return;
	}
	found = weir__view_stores(view, &stores_found);
	for (size_t index = 0; index < stores_found; index++) {
		struct weir_error inner = {0};
		uint64_t entries;
		int count = 0;

		if (weir__view_count(view, &found[index], &entries, &inner) ||
		    weir__view_walk(view, &found[index], TTL_MS, visit, &count, &inner))
			fuzz_check_error(inner.code, &inner);
		memset(&inner, 0, sizeof(inner));
		weir__view_get(view, &found[index], TTL_MS, key, visit, &count, &inner);
	}
	weir__view_close(view);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_bytes input = {data, size}, key;
	char *rows = fuzz_part_text(&input);

	key = fuzz_part(&input);
	make_files(rows);
	free(rows);
	check_view(key);
	check_state(key);
	check_view(key);
	return 0;
}
