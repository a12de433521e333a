/*
 * What an environment keeps about itself, under tag 0: the tag and the changelog position of
 * each store by name, and the times. A store's tag stays its own, so that a step added
 * elsewhere leaves it alone. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <state/store_private.h>
#include <state/view.h>

/* Plain numbers in the machine's byte order: the file does not travel (LMDB's neither). */
struct store_row {
	int64_t position;
	uint16_t tag;
	char unused[2];
	uint32_t source;
};

struct times_row {
	int64_t stream_ms;
	int64_t caught_up_ms;
	uint16_t last_tag;
	char unused[2];
	uint32_t begun_s; /* wall clock, when it was new; 0: not known */
};

struct meta_key {
	char bytes[WEIR_TAG_SIZE + 1 + 255];
	size_t size;
};

static MDB_val
meta_key(struct meta_key *key, char kind, const char *name)
{
	size_t length = strlen(name);

	memset(key->bytes, 0, WEIR_TAG_SIZE);
	key->bytes[WEIR_TAG_SIZE] = kind;
	memcpy(key->bytes + WEIR_TAG_SIZE + 1, name, length);
	key->size = WEIR_TAG_SIZE + 1 + length;
	return (MDB_val){key->size, key->bytes};
}

static int
read_row(MDB_txn *txn, MDB_dbi dbi, char kind, const char *name, void *row, size_t size)
{
	struct meta_key made;
	MDB_val key = meta_key(&made, kind, name), data;
	int code = mdb_get(txn, dbi, &key, &data);

	if (code)
		return code;
	if (data.mv_size != size)
		return MDB_CORRUPTED;
	memcpy(row, data.mv_data, size);
	return 0;
}

static int
write_row(struct weir_state *state, MDB_txn *txn, char kind, const char *name,
          const void *row, size_t size)
{
	struct meta_key made;
	MDB_val key = meta_key(&made, kind, name), data = {size, (void *)row};

	return mdb_put(txn, state->dbi, &key, &data, 0);
}

/* ---- what makes sense; anything else is damage, and the store is rebuilt ---- */

#define TIME_MAX (INT64_C(1) << (8 * WEIR_TIME_SIZE))
#define POSITION_MAX (INT64_MAX / 2)

static bool
times_make_sense(const struct times_row *row)
{
	return row->stream_ms >= 0 && row->stream_ms < TIME_MAX && row->caught_up_ms >= 0 &&
	       row->caught_up_ms < TIME_MAX;
}

static bool
store_makes_sense(const struct store_row *row)
{
	return row->tag != 0 && row->position >= 0 && row->position < POSITION_MAX;
}

static bool
has_own_tag(const struct weir_state *state, size_t index)
{
	for (size_t other = 0; other < index; other++)
		if (state->stores[other].tag == state->stores[index].tag)
			return false;
	return true;
}

static int
read_times(MDB_txn *txn, MDB_dbi dbi, struct times_row *row)
{
	int code = read_row(txn, dbi, 't', "", row, sizeof(*row));

	return code || times_make_sense(row) ? code : MDB_CORRUPTED;
}

/* The row of a store; one that is new gets the next tag. */
static int
load_store(struct weir_state *state, MDB_txn *txn, size_t index, struct times_row *times)
{
	struct weir_store *store = &state->stores[index];
	struct store_row row = {0};
	int code = read_row(txn, state->dbi, 's', store->name, &row, sizeof(row));

	if (code == MDB_NOTFOUND) {
		row.tag = ++times->last_tag;
		code = write_row(state, txn, 's', store->name, &row, sizeof(row));
	}
	if (code)
		return code;
	store->tag = row.tag;
	store->position = store->kept_position = row.position;
	store->source = row.source;
	return store_makes_sense(&row) && has_own_tag(state, index) ? 0 : MDB_CORRUPTED;
}

int
weir__meta_load(struct weir_state *state, MDB_txn *txn)
{
	struct times_row times = {0};
	int code = read_times(txn, state->dbi, &times);

	if (code && code != MDB_NOTFOUND)
		return code;
	if (code)
		times.begun_s = (uint32_t)(state->config.clock->wall_ms(state->config.clock) /
		                           1000);
	for (size_t index = 0; index < state->store_count; index++) {
		code = load_store(state, txn, index, &times);
		if (code)
			return code;
	}
	state->stream_ms = state->stream_committed_ms = times.stream_ms;
	state->caught_up_ms = times.caught_up_ms;
	state->begun_ms = (int64_t)times.begun_s * 1000;
	return write_row(state, txn, 't', "", &times, sizeof(times));
}

bool
weir__state_has_kept(const struct weir_state *state, const char *name)
{
	struct store_row row;
	MDB_txn *txn;
	bool has;

	if (!state->env || mdb_txn_begin(state->env, NULL, MDB_RDONLY, &txn))
		return false;
	has = read_row(txn, state->dbi, 's', name, &row, sizeof(row)) == 0;
	mdb_txn_abort(txn);
	return has;
}

void
weir__state_note_kept(struct weir_state *state)
{
	for (size_t index = 0; index < state->store_count; index++)
		state->stores[index].kept_position = state->stores[index].position;
	state->kept_stream_ms = state->stream_ms;
	state->kept_wall_ms = state->config.clock->wall_ms(state->config.clock);
}

int
weir__meta_save(struct weir_state *state, MDB_txn *txn)
{
	struct times_row times = {0};
	int code = read_row(txn, state->dbi, 't', "", &times, sizeof(times));

	for (size_t index = 0; !code && index < state->store_count; index++) {
		const struct weir_store *store = &state->stores[index];
		struct store_row row = {
			.position = store->kept_position,
			.tag = store->tag,
			.source = store->source,
		};

		code = write_row(state, txn, 's', store->name, &row, sizeof(row));
	}
	if (code)
		return code;
	times.stream_ms = state->kept_stream_ms;
	if (state->is_caught_up)
		times.caught_up_ms = state->kept_wall_ms;
	return write_row(state, txn, 't', "", &times, sizeof(times));
}

/* ---- asked and told ---- */

int64_t
weir__state_position(const struct weir_state *state, size_t index)
{
	return state->stores[index].position;
}

uint32_t
weir__state_source(const struct weir_state *state, size_t index)
{
	return state->stores[index].source;
}

void
weir__state_set_source(struct weir_state *state, size_t index, uint32_t source)
{
	state->stores[index].source = source;
}

int64_t
weir__state_stream_ms(const struct weir_state *state)
{
	return state->stream_ms;
}

int64_t
weir_store_time_ms(const struct weir_store *store)
{
	return store->state->stream_ms;
}

void
weir__state_caught_up(struct weir_state *state)
{
	state->is_caught_up = true;
}

/* ---- for those who only look ---- */

int
weir__meta_times(MDB_txn *txn, MDB_dbi dbi, int64_t *stream_ms, int64_t *caught_up_ms)
{
	struct times_row times;
	int code = read_times(txn, dbi, &times);

	if (code)
		return code;
	*stream_ms = times.stream_ms;
	*caught_up_ms = times.caught_up_ms;
	return 0;
}

/* The row that LMDB found, if it is a store's. */
static int
take_row(const MDB_val *key, const MDB_val *data, struct weir_view_store *store)
{
	static const char head[WEIR_TAG_SIZE + 1] = {0, 0, 's'};
	struct store_row row;
	size_t length;

	if (key->mv_size <= sizeof(head) || memcmp(key->mv_data, head, sizeof(head)) != 0)
		return MDB_NOTFOUND;
	length = key->mv_size - sizeof(head);
	if (length >= sizeof(store->name) || data->mv_size != sizeof(row))
		return MDB_CORRUPTED;
	memcpy(&row, data->mv_data, sizeof(row));
	if (!store_makes_sense(&row))
		return MDB_CORRUPTED;
	memcpy(store->name, (const char *)key->mv_data + sizeof(head), length);
	store->name[length] = '\0';
	store->position = row.position;
	store->tag = row.tag;
	return 0;
}

int
weir__meta_first(MDB_cursor *cursor, struct weir_view_store *store)
{
	struct meta_key made;
	MDB_val key = meta_key(&made, 's', ""), data;
	int code = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);

	return code ? code : take_row(&key, &data, store);
}

int
weir__meta_next(MDB_cursor *cursor, struct weir_view_store *store)
{
	MDB_val key, data;
	int code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);

	return code ? code : take_row(&key, &data, store);
}
