/*
 * Reading and writing a store, and taking writes back.
 *
 * A write goes to the memtable (store_merge.c), or straight into the batch's LMDB transaction;
 * then what was there before is noted, to be put back. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <base/fault_point.h>
#include <base/loan.h>
#include <state/store_private.h>

#define NOTHING ((struct weir_bytes){NULL, 0})

struct weir_store *
weir__state_store(struct weir_state *state, size_t index)
{
	return &state->stores[index];
}

const char *
weir__state_store_name(const struct weir_state *state, size_t index)
{
	return state->stores[index].name;
}

bool
weir__state_wrote(const struct weir_state *state, size_t index)
{
	return state->stores[index].written;
}

bool
weir__state_has_writes(const struct weir_state *state)
{
	for (size_t index = 0; index < state->store_count; index++)
		if (state->stores[index].written)
			return true;
	return false;
}

/* ---- one callback ---- */

static int64_t
wall_now(struct weir_state *state)
{
	state->wall_ms = state->config.clock->wall_ms(state->config.clock);
	return state->wall_ms;
}

/* What is there now is beyond undo's reach. */
void
weir__state_keep(struct weir_state *state)
{
	state->first_change = state->change_count;
	state->first_change_arena = weir__arena_mark(&state->arena);
	state->first_version = state->active.count;
	state->first_version_arena = weir__arena_mark(&state->active.arena);
	state->stream_before_ms = state->stream_ms;
}

static void
begin(struct weir_state *state)
{
	if (!state->config.keeps_changes) {
		state->change_count = 0;
		if (state->arena.used_bytes)
			weir__arena_reset(&state->arena);
	}
	weir__state_keep(state);
	state->entered = true;
}

void
weir__state_enter_record(struct weir_state *state, int64_t timestamp_ms)
{
	begin(state);
	/* a time in the future would let all other entries expire */
	if (timestamp_ms < 0 || timestamp_ms > state->wall_ms) {
		int64_t now_ms = wall_now(state);

		if (timestamp_ms < 0 || timestamp_ms > now_ms)
			timestamp_ms = now_ms;
	}
	state->time_ms = timestamp_ms;
	if (timestamp_ms > state->stream_ms)
		state->stream_ms = timestamp_ms;
}

void
weir__state_enter(struct weir_state *state)
{
	begin(state);
	state->time_ms = state->stream_ms ? state->stream_ms : wall_now(state);
}

int
weir__state_leave(struct weir_state *state, struct weir_error *error)
{
	state->entered = false;
	if (state->iterators)
		weir__iterators_close(state);
	if (!state->failed)
		return 0;
	return weir_error_set(error, WEIR_EIO, "%s", state->error.message);
}

const struct weir_change *
weir__state_changes(const struct weir_state *state, size_t *count)
{
	*count = state->change_count - state->first_change;
	return state->changes + state->first_change;
}

const struct weir_change *
weir__state_all_changes(const struct weir_state *state, size_t *count)
{
	*count = state->change_count;
	return state->changes;
}

static void
put_back(struct weir_state *state, const struct weir_change *change)
{
	struct weir_entry_key made;
	MDB_val key, data = {change->before.size, (void *)change->before.data};
	int code;

	weir__entry_key(change->store, change->key, &made);
	key = (MDB_val){made.size, made.bytes};
	code = change->before.data ? mdb_put(state->txn, state->dbi, &key, &data, 0)
	                           : mdb_del(state->txn, state->dbi, &key, NULL);
	if (code && code != MDB_NOTFOUND)
		weir__state_fail(state, code, "cannot take a write back");
}

void
weir__state_undo(struct weir_state *state)
{
	if (weir__state_is_held(state))
		weir__memtable_back(&state->active, state->first_version,
		                    state->first_version_arena);
	else
		while (state->change_count > state->first_change && !state->failed)
			put_back(state, &state->changes[--state->change_count]);
	state->change_count = state->first_change;
	weir__arena_back(&state->arena, state->first_change_arena);
	state->stream_ms = state->stream_before_ms;
	state->writes++;
}

/* ---- changes ---- */

static struct weir_bytes
keep_bytes(struct weir_store *store, struct weir_bytes bytes)
{
	return weir__arena_copy(&store->state->arena, bytes);
}

/* The key and the value were kept. */
static void
note_change(struct weir_store *store, struct weir_bytes key, struct weir_bytes value,
            const MDB_val *before)
{
	struct weir_state *state = store->state;
	struct weir_change *change;

	if (state->change_count == state->change_capacity) {
		state->change_capacity = state->change_capacity ? 2 * state->change_capacity : 16;
		state->changes = weir__realloc(state->changes, state->change_capacity *
		                                               sizeof(*state->changes));
	}
	change = &state->changes[state->change_count++];
	*change = (struct weir_change){
		.store = store,
		.index = store->index,
		.key = key,
		.value = value,
		.time_ms = state->time_ms,
	};
	if (before)
		change->before = keep_bytes(
			store, (struct weir_bytes){before->mv_data, before->mv_size});
	store->written = true;
	state->writes++;
}

/* ---- read ---- */

/* The raw entry: 0, MDB_NOTFOUND, or another LMDB code. */
static int
find_raw(struct weir_state *state, MDB_txn *txn, MDB_val *key, MDB_val *data)
{
	const struct weir_version *version = NULL;

	if (weir__state_is_held(state))
		version = weir__merge_find(state, key);
	if (!version)
		return mdb_get(txn, state->dbi, key, data);
	if (version->is_deleted)
		return MDB_NOTFOUND;
	*data = weir__version_data(version);
	return 0;
}

static int
find(struct weir_store *store, MDB_txn *txn, struct weir_bytes key,
     struct weir_entry_key *made, struct weir_entry *entry, MDB_val *data)
{
	MDB_val lmdb_key;
	int code;

	weir__entry_key(store, key, made);
	lmdb_key = (MDB_val){made->size, made->bytes};
	code = find_raw(store->state, txn, &lmdb_key, data);
	if (code)
		return code;
	return weir__entry_read(&lmdb_key, data, entry) ? 0 : MDB_CORRUPTED;
}

static bool
same_key(const struct weir_entry *entry, struct weir_bytes key)
{
	return entry->key.size == key.size &&
	       (key.size == 0 || memcmp(entry->key.data, key.data, key.size) == 0);
}

int
weir_store_get(struct weir_store *store, struct weir_bytes key, struct weir_bytes *value)
{
	struct weir_state *state = store->state;
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val data;
	MDB_txn *txn;
	int code;

	if (key.size > WEIR_STORE_KEY_MAX)
		return WEIR_ENOTFOUND;
	txn = weir__state_txn(state);
	if (!txn)
		return WEIR_EIO;
	code = find(store, txn, key, &made, &entry, &data);
	if (code == MDB_NOTFOUND)
		return WEIR_ENOTFOUND;
	if (code)
		return weir__state_fail(state, code, "cannot read");
	if (!same_key(&entry, key) || weir__entry_expired(store, &entry, state->time_ms))
		return WEIR_ENOTFOUND;
	*value = weir__lend_until_write(entry.value);
	return 0;
}

/* ---- write ---- */

/* May this callback write under this key? */
static int
check_write(const struct weir_store *store, struct weir_bytes key)
{
	if (!store->state->entered)
		return WEIR_ESTATE;
	return key.size > WEIR_STORE_KEY_MAX ? WEIR_ELIMIT : 0;
}

static int
write_entry(struct weir_store *store, MDB_txn *txn, const struct weir_entry_key *made,
            struct weir_bytes key, struct weir_bytes value, unsigned flags, MDB_val *data)
{
	MDB_val lmdb_key = {made->size, (void *)made->bytes};
	int code;

	data->mv_size = weir__entry_overhead(key.size) + value.size;
	data->mv_data = NULL;
	code = mdb_put(txn, store->state->dbi, &lmdb_key, data, MDB_RESERVE | flags);
	if (code == 0)
		weir__entry_write(data->mv_data, key, value, store->state->time_ms);
	return code;
}

/* Into the transaction: one descent says what is there, and puts where there is nothing. */
static int
put_through(struct weir_store *store, MDB_txn *txn, struct weir_bytes key,
            struct weir_bytes value, bool only_new)
{
	struct weir_state *state = store->state;
	struct weir_arena_mark mark = weir__arena_mark(&state->arena);
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val data, lmdb_key;
	int code;

	/* they may be borrowed from a page in which LMDB moves what it has */
	key = keep_bytes(store, key);
	value = keep_bytes(store, value);
	weir__entry_key(store, key, &made);
	code = write_entry(store, txn, &made, key, value, MDB_NOOVERWRITE, &data);
	if (code == 0) {
		note_change(store, key, value, NULL);
		return 0;
	}
	lmdb_key = (MDB_val){made.size, made.bytes};
	if (code == MDB_KEYEXIST && !weir__entry_read(&lmdb_key, &data, &entry))
		code = MDB_CORRUPTED;
	if (code != MDB_KEYEXIST)
		return weir__state_fail(state, code, "cannot write");
	if (!same_key(&entry, key))
		code = WEIR_ELIMIT; /* two keys of one 128-bit hash: refused, never mixed up */
	else if (only_new && !weir__entry_expired(store, &entry, state->time_ms))
		code = WEIR_EEXISTS;
	if (code != MDB_KEYEXIST) {
		weir__arena_back(&state->arena, mark);
		return code;
	}
	note_change(store, key, value, &data);
	code = write_entry(store, txn, &made, key, value, 0, &data);
	return code ? weir__state_fail(state, code, "cannot write") : 0;
}

/* Another version in memory. NULL value: deleted. */
static void
hold(struct weir_store *store, const struct weir_entry_key *made, struct weir_bytes key,
     struct weir_bytes value)
{
	struct weir_state *state = store->state;
	MDB_val lmdb_key = {made->size, (void *)made->bytes};
	size_t size = value.data ? weir__entry_overhead(key.size) + value.size : 0;
	struct weir_version *version =
		weir__memtable_add(&state->active, &lmdb_key, size);

	version->is_deleted = !value.data;
	if (value.data)
		weir__entry_write(version->bytes + version->key_size, key, value,
		                  state->time_ms);
	note_change(store, keep_bytes(store, key), keep_bytes(store, value), NULL);
}

/* Into memory; what is there is asked only where it matters. */
static int
put_held(struct weir_store *store, MDB_txn *txn, struct weir_bytes key,
         struct weir_bytes value, bool only_new)
{
	struct weir_state *state = store->state;
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val data;
	int code = MDB_NOTFOUND;

	if (only_new || weir__entry_is_long(key.size))
		code = find(store, txn, key, &made, &entry, &data);
	else
		weir__entry_key(store, key, &made);
	if (code && code != MDB_NOTFOUND)
		return weir__state_fail(state, code, "cannot read");
	if (code == 0 && !same_key(&entry, key))
		return WEIR_ELIMIT;
	if (code == 0 && only_new && !weir__entry_expired(store, &entry, state->time_ms))
		return WEIR_EEXISTS;
	hold(store, &made, key, value);
	return 0;
}

static int
put(struct weir_store *store, struct weir_bytes key, struct weir_bytes value, bool only_new)
{
	MDB_txn *txn = weir__state_txn(store->state);
	int code = check_write(store, key);

	if (code)
		return code;
	if (!txn)
		return WEIR_EIO;
	/* a message with a null key is nothing that a compacted topic takes */
	key.data = key.data ? key.data : "";
	value.data = value.data ? value.data : "";
	code = weir__state_is_held(store->state) ? put_held(store, txn, key, value, only_new)
	                                         : put_through(store, txn, key, value, only_new);
	if (code == 0)
		WEIR_FAULT_POINT(WRITE_STAGED);
	return code;
}

int
weir_store_put(struct weir_store *store, struct weir_bytes key, struct weir_bytes value)
{
	int code = put(store, key, value, false);

	weir__loan_recall();
	return code;
}

int
weir_store_put_new(struct weir_store *store, struct weir_bytes key, struct weir_bytes value)
{
	int code = put(store, key, value, true);

	weir__loan_recall();
	return code;
}

static int
erase(struct weir_store *store, struct weir_bytes key, bool expired_too)
{
	struct weir_state *state = store->state;
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val data, lmdb_key;
	MDB_txn *txn = weir__state_txn(state);
	int code;

	if (!txn)
		return WEIR_EIO;
	key.data = key.data ? key.data : "";
	code = find(store, txn, key, &made, &entry, &data);
	if (code == MDB_NOTFOUND)
		return WEIR_ENOTFOUND;
	if (code)
		return weir__state_fail(state, code, "cannot read");
	if (!same_key(&entry, key) ||
	    (!expired_too && weir__entry_expired(store, &entry, state->time_ms)))
		return WEIR_ENOTFOUND;
	if (weir__state_is_held(state)) {
		hold(store, &made, key, NOTHING);
		return 0;
	}
	note_change(store, keep_bytes(store, key), NOTHING, &data);
	lmdb_key = (MDB_val){made.size, made.bytes};
	code = mdb_del(txn, state->dbi, &lmdb_key, NULL);
	return code ? weir__state_fail(state, code, "cannot delete") : 0;
}

int
weir_store_delete(struct weir_store *store, struct weir_bytes key)
{
	int code = check_write(store, key);

	if (!code)
		code = erase(store, key, false);
	weir__loan_recall();
	return code;
}

int
weir__store_erase(struct weir_store *store, struct weir_bytes key)
{
	int code = erase(store, key, true);

	return code == WEIR_ENOTFOUND ? 0 : code;
}

/* ---- restoring ---- */

int
weir__state_apply(struct weir_state *state, size_t index, struct weir_bytes key,
                  struct weir_bytes value, int64_t time_ms, struct weir_error *error)
{
	struct weir_store *store = &state->stores[index];
	struct weir_entry_key made;
	MDB_txn *txn = weir__state_txn(state);
	MDB_val lmdb_key, data;
	int code = 0;

	if (!txn || key.size > WEIR_STORE_KEY_MAX)
		goto out;
	state->time_ms = time_ms < 0 ? 0 : time_ms;
	if (time_ms > state->stream_ms)
		state->stream_ms = time_ms;
	weir__entry_key(store, key, &made);
	lmdb_key = (MDB_val){made.size, made.bytes};
	if (value.data)
		code = write_entry(store, txn, &made, key, value, 0, &data);
	else
		code = mdb_del(txn, state->dbi, &lmdb_key, NULL);
	if (code && code != MDB_NOTFOUND)
		weir__state_fail(state, code, "cannot restore");
	store->written = true;
out:
	if (!state->failed)
		return 0;
	return weir_error_set(error, WEIR_EIO, "%s", state->error.message);
}
