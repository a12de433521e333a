/*
 * What committed batches wrote, on its way from memory to LMDB.
 *
 * A store of millions of random keys has a page for each write of a batch, which LMDB copies
 * and writes. So writes of many batches wait in a memtable, and go to LMDB sorted, many for
 * each page: when there are enough of them, or it has been a second. Then the memtable is
 * frozen, another one takes what comes, and with each commit a part of it is merged: no stop is
 * long. Its last part carries the changelogs' places; until then LMDB has the older ones, and
 * what it has beyond them a restore writes once more, in order, to the same end.
 *
 * A process that dies has lost nothing but time: the changelog has all of it. A batch that walks
 * through a store in the order of its keys is written through from then on. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/fault_point.h>
#include <base/mutation.h>
#include <state/store_private.h>

#define MERGE_BYTES ((size_t)16 << 20) /* in memory, however few writes they are */
#define PARTS 8 /* LMDB transactions, of a memtable that was full */
#define PAGE_BYTES 4096

static int64_t
now_ms(const struct weir_state *state)
{
	return state->config.clock->monotonic_ms(state->config.clock);
}

static bool
is_ripe(struct weir_state *state)
{
	const struct weir_memtable *active = &state->active;

	return active->settled >= state->config.merge_entries ||
	       active->arena.used_bytes >= MERGE_BYTES ||
	       now_ms(state) - state->unmerged_since_ms >= state->config.merge_ms;
}

/* ---- a part ---- */

/*
 * What a transaction takes: LMDB keeps its pages in memory, one for each write at most, and the
 * map has room for a batch.
 */
static size_t
part_entries(const struct weir_state *state)
{
	size_t entries = state->config.merge_entries / PARTS;
	size_t room = state->config.batch_bytes / PAGE_BYTES;

	if (entries > room)
		entries = room;
	return entries ? entries : 1;
}

static int
merge_version(MDB_cursor *cursor, const struct weir_version *version)
{
	MDB_val key = weir__version_key(version), data = weir__version_data(version);
	int code;

	if (!version->is_deleted)
		return mdb_cursor_put(cursor, &key, &data, 0);
	code = mdb_cursor_get(cursor, &key, NULL, MDB_SET);
	if (code == 0)
		code = mdb_cursor_del(cursor, 0);
	return code == MDB_NOTFOUND ? 0 : code;
}

/* Into the open transaction, as much as it may take. */
static int
merge_versions(struct weir_state *state, MDB_txn *txn)
{
	size_t left = part_entries(state), bytes = 0;
	MDB_cursor *cursor;
	int code = mdb_cursor_open(txn, state->dbi, &cursor);

	if (code)
		return code;
	while (code == 0 && state->merged < state->frozen_count && left-- > 0 &&
	       bytes <= state->config.batch_bytes) {
		const struct weir_version *version = state->frozen_order[state->merged++];

		code = merge_version(cursor, version);
		bytes += version->key_size + version->data_size;
	}
	mdb_cursor_close(cursor);
	return code;
}

/* The frozen memtable is in LMDB, and gone. */
static void
forget_frozen(struct weir_state *state)
{
	weir__memtable_clear(&state->frozen);
	free(state->frozen_order);
	state->frozen_order = NULL;
	state->frozen_count = state->merged = 0;
	state->is_frozen = false;
}

/* One transaction's worth of the frozen memtable. Returns an LMDB code, -1: none could begin. */
static int
merge_part(struct weir_state *state)
{
	MDB_txn *txn = weir__state_txn(state);
	int code;

	if (!txn)
		return -1;
	code = merge_versions(state, txn);
	if (WEIR_MUTANT(PLACE_AHEAD))
		weir__state_note_kept(state);
	if (code == 0 && (state->merged == state->frozen_count || WEIR_MUTANT(PLACE_AHEAD))) {
		code = weir__meta_save(state, txn);
		WEIR_FAULT_POINT(META_WRITTEN);
	}
	code = weir__state_end_txn(state, code);
	if (code)
		return code;
	WEIR_FAULT_POINT(PART_MERGED);
	if (state->merged == state->frozen_count)
		forget_frozen(state);
	return 0;
}

/* ---- freezing ---- */

static void
freeze(struct weir_state *state)
{
	struct weir_memtable empty = state->frozen;

	state->frozen = state->active;
	state->active = empty;
	state->frozen_order = weir__memtable_sorted(&state->frozen, &state->frozen_count);
	state->is_frozen = true;
	weir__state_note_kept(state);
}

/* Is there something to be merged now? What is ripe is frozen for it. */
static bool
has_frozen(struct weir_state *state)
{
	if (!state->is_frozen && state->active.settled > 0 && is_ripe(state))
		freeze(state);
	return state->is_frozen;
}

/* As much of what is frozen as has come, a part at least: so it is through in time. */
static int
merge_some(struct weir_state *state, size_t written)
{
	size_t until = state->merged + written;
	int code;

	do {
		code = merge_part(state);
	} while (code == 0 && state->is_frozen && state->merged < until);
	return code;
}

/* ---- for the state ---- */

bool
weir__merge_waits(const struct weir_state *state)
{
	return state->is_frozen || state->active.count > 0;
}

int
weir__merge_settle(struct weir_state *state)
{
	size_t written = state->active.count - state->active.settled;

	if (state->active.settled == 0)
		state->unmerged_since_ms = now_ms(state);
	weir__memtable_settle(&state->active);
	return has_frozen(state) ? merge_some(state, written) : 0;
}

int
weir__merge_all(struct weir_state *state)
{
	int code = 0;

	weir__memtable_settle(&state->active);
	while (code == 0 && weir__merge_waits(state)) {
		if (!state->is_frozen)
			freeze(state);
		code = merge_part(state);
	}
	return code;
}

int
weir__merge_due(struct weir_state *state)
{
	int code;

	if (state->active.count > state->active.settled || state->failed || state->broken ||
	    !has_frozen(state))
		return 0;
	code = merge_part(state);
	if (code == 0 && !weir__merge_waits(state))
		weir__merge_drop(state);
	return code;
}

/* The memory, too: of many tasks few are busy at a time. */
void
weir__merge_drop(struct weir_state *state)
{
	forget_frozen(state);
	weir__memtable_fini(&state->active);
	weir__memtable_fini(&state->frozen);
}

const struct weir_version *
weir__merge_find(const struct weir_state *state, const MDB_val *key)
{
	const struct weir_version *version = weir__memtable_find(&state->active, key);

	return version || !state->is_frozen ? version
	                                    : weir__memtable_find(&state->frozen, key);
}

/* ---- writing through ---- */

/* What is committed, on top of what LMDB has. */
static int
write_settled(struct weir_state *state, MDB_cursor *cursor)
{
	int code = 0;

	for (size_t at = state->merged; code == 0 && at < state->frozen_count; at++)
		code = merge_version(cursor, state->frozen_order[at]);
	for (size_t at = 0; code == 0 && at < state->active.settled; at++)
		code = merge_version(cursor, state->active.log[at]);
	return code;
}

/* One of the callback at hand: what it replaces is kept, to be put back. */
static int
keep_before(struct weir_state *state, MDB_cursor *cursor, size_t at)
{
	struct weir_change *change = &state->changes[state->first_change +
	                                             (at - state->first_version)];
	MDB_val key = weir__version_key(state->active.log[at]), data;
	int code = mdb_cursor_get(cursor, &key, &data, MDB_SET_KEY);

	if (code == 0)
		change->before = weir__arena_copy(
			&state->arena, (struct weir_bytes){data.mv_data, data.mv_size});
	return code == MDB_NOTFOUND ? 0 : code;
}

static int
write_batch(struct weir_state *state, MDB_cursor *cursor)
{
	int code = 0;

	for (size_t at = state->active.settled; code == 0 && at < state->active.count; at++) {
		if (at >= state->first_version)
			code = keep_before(state, cursor, at);
		if (code == 0)
			code = merge_version(cursor, state->active.log[at]);
	}
	return code;
}

void
weir__merge_write_through(struct weir_state *state)
{
	MDB_txn *txn = weir__state_txn(state);
	MDB_cursor *cursor = NULL;
	int code;

	if (!txn || !weir__state_is_held(state))
		return;
	code = mdb_cursor_open(txn, state->dbi, &cursor);
	if (code == 0)
		code = write_settled(state, cursor);
	if (code == 0)
		code = write_batch(state, cursor);
	if (cursor)
		mdb_cursor_close(cursor);
	state->writes++;
	state->is_through = true;
	if (code)
		weir__state_fail(state, code, "cannot write");
}
