/*
 * Stores as another process sees them: LMDB opened read-only.
 *
 * Knows that LMDB makes a lock file even for a reader (so without one, when no writer can be
 * there, it goes without locks), and that the map grows under a reader, which has to take the
 * new size. Hides the pieces in which it reads. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <state/store_private.h>
#include <state/view.h>

/* A piece ends at either. */
#define PIECE_ENTRIES 1000
#define PIECE_BYTES (1 << 20)

struct weir_view {
	char *folder;
	MDB_env *env;
	MDB_dbi dbi;
	struct weir_view_store *stores;
	size_t store_count;
	int64_t stream_ms;
	int64_t caught_up_ms;
};

static int
view_failed(const struct weir_view *view, int code, struct weir_error *error)
{
	return weir_error_set(error, WEIR_EIO, "cannot read the store %s: %s", view->folder,
	                      mdb_strerror(code));
}

/* ---- open ---- */

static int
begin(struct weir_view *view, MDB_txn **txn)
{
	int code = mdb_txn_begin(view->env, NULL, MDB_RDONLY, txn);

	/* the writer's map has grown */
	if (code == MDB_MAP_RESIZED)
		code = mdb_env_set_mapsize(view->env, 0);
	else
		return code;
	return code ? code : mdb_txn_begin(view->env, NULL, MDB_RDONLY, txn);
}

static bool
has_file(const struct weir_view *view, const char *name)
{
	char *path = weir__format("%s/%s", view->folder, name);
	bool has = access(path, F_OK) == 0;

	free(path);
	return has;
}

/* The rows about stores, all of which lie behind one another. */
static int
read_stores(struct weir_view *view, MDB_txn *txn)
{
	MDB_cursor *cursor;
	struct weir_view_store store;
	int code = mdb_cursor_open(txn, view->dbi, &cursor);

	if (code)
		return code;
	for (code = weir__meta_first(cursor, &store); !code;
	     code = weir__meta_next(cursor, &store)) {
		view->stores = weir__realloc(view->stores,
		                             (view->store_count + 1) * sizeof(store));
		view->stores[view->store_count++] = store;
	}
	mdb_cursor_close(cursor);
	return code == MDB_NOTFOUND ? 0 : code;
}

static int
open_view_env(struct weir_view *view)
{
	unsigned flags = MDB_RDONLY | MDB_NORDAHEAD;
	MDB_txn *txn = NULL;
	int code = mdb_env_create(&view->env);

	if (!has_file(view, "lock.mdb"))
		flags |= MDB_NOLOCK;
	if (!code)
		code = mdb_env_open(view->env, view->folder, flags, 0666);
	if (!code)
		code = begin(view, &txn);
	if (!code)
		code = mdb_dbi_open(txn, NULL, 0, &view->dbi);
	if (!code)
		code = weir__meta_times(txn, view->dbi, &view->stream_ms,
		                        &view->caught_up_ms);
	if (!code)
		code = read_stores(view, txn);
	/* commit, not abort: the handle of the database is to stay */
	if (!code)
		return mdb_txn_commit(txn);
	if (txn)
		mdb_txn_abort(txn);
	return code;
}

static int
open_view(struct weir_view *view, const char *boot_id, struct weir_error *error)
{
	const char *why;
	int code;

	if (!has_file(view, "data.mdb"))
		return weir_error_set(error, WEIR_ENOTFOUND, "no store in %s", view->folder);
	code = weir__marker_read(view->folder, boot_id, &why, error);
	if (code < 0)
		return code;
	if (code)
		return weir_error_set(error, WEIR_EIO,
		                      "the store %s is rebuilt when the app starts: %s",
		                      view->folder, why);
	code = open_view_env(view);
	/* without a first commit it is nothing yet */
	if (code == ENOENT || code == MDB_NOTFOUND)
		return weir_error_set(error, WEIR_ENOTFOUND, "no store in %s", view->folder);
	return code ? view_failed(view, code, error) : 0;
}

struct weir_view *
weir__view_open(const char *folder, const char *boot_id, struct weir_error *error)
{
	struct weir_view *view = weir__calloc(1, sizeof(*view));

	view->folder = weir__strdup(folder);
	if (open_view(view, boot_id, error) == 0)
		return view;
	weir__view_close(view);
	return NULL;
}

void
weir__view_close(struct weir_view *view)
{
	if (!view)
		return;
	if (view->env)
		mdb_env_close(view->env);
	free(view->stores);
	free(view->folder);
	free(view);
}

const struct weir_view_store *
weir__view_stores(const struct weir_view *view, size_t *count)
{
	*count = view->store_count;
	return view->stores;
}

const struct weir_view_store *
weir__view_find(const struct weir_view *view, const char *name)
{
	for (size_t index = 0; index < view->store_count; index++)
		if (strcmp(view->stores[index].name, name) == 0)
			return &view->stores[index];
	return NULL;
}

int64_t
weir__view_caught_up_ms(const struct weir_view *view)
{
	return view->caught_up_ms;
}

/* ---- reading ---- */

/* A walk, and where it goes on. */
struct walk {
	struct weir_view *view;
	const struct weir_view_store *store;
	int64_t ttl_ms;
	struct weir_entry_key at; /* of LMDB: the first one, or the last that was read */
	bool is_behind;           /* `at` was read */
	bool is_over;
};

static void
walk_init(struct walk *walk, struct weir_view *view, const struct weir_view_store *store,
          int64_t ttl_ms)
{
	const struct weir_store tagged = {.tag = store->tag};

	*walk = (struct walk){.view = view, .store = store, .ttl_ms = ttl_ms};
	weir__entry_key(&tagged, (struct weir_bytes){NULL, 0}, &walk->at);
}

static bool
belongs(const struct walk *walk, const MDB_val *key)
{
	return key->mv_size >= WEIR_TAG_SIZE && key->mv_size <= WEIR_LONG_SIZE &&
	       memcmp(key->mv_data, walk->at.bytes, WEIR_TAG_SIZE) == 0;
}

static bool
is_at(const struct walk *walk, const MDB_val *key)
{
	return key->mv_size == walk->at.size &&
	       memcmp(key->mv_data, walk->at.bytes, key->mv_size) == 0;
}

/* The entry from which the walk goes on; MDB_NOTFOUND: there is none. */
static int
walk_place(struct walk *walk, MDB_cursor *cursor, MDB_val *key, MDB_val *data)
{
	int code;

	*key = (MDB_val){walk->at.size, walk->at.bytes};
	code = mdb_cursor_get(cursor, key, data, MDB_SET_RANGE);
	if (!code && walk->is_behind && is_at(walk, key))
		code = mdb_cursor_get(cursor, key, data, MDB_NEXT);
	return code;
}

/* What was read of a piece: sizes, then bytes, so that it outlives the transaction. */
struct piece {
	struct weir_buffer bytes;
	size_t count;
	struct {
		size_t key_size, value_size;
		int64_t time_ms;
	} entries[PIECE_ENTRIES];
};

static bool
has_expired(const struct walk *walk, const struct weir_entry *entry)
{
	const struct weir_store aging = {.ttl_ms = walk->ttl_ms};

	return weir__entry_expired(&aging, entry, walk->view->stream_ms);
}

static bool
piece_take(struct piece *piece, const struct walk *walk, const MDB_val *key,
           const MDB_val *data)
{
	struct weir_entry entry;
	size_t index = piece->count;

	if (!weir__entry_read(key, data, &entry))
		return false;
	if (has_expired(walk, &entry))
		return true;
	piece->entries[index].key_size = entry.key.size;
	piece->entries[index].value_size = entry.value.size;
	piece->entries[index].time_ms = entry.time_ms;
	weir__buffer_add(&piece->bytes, entry.key.data, entry.key.size);
	weir__buffer_add(&piece->bytes, entry.value.data, entry.value.size);
	piece->count++;
	return true;
}

/* As many entries as a piece holds. Returns an LMDB code. */
static int
fill(struct piece *piece, struct walk *walk, MDB_cursor *cursor)
{
	MDB_val key, data;
	int code = walk_place(walk, cursor, &key, &data);

	for (size_t seen = 0; !code && belongs(walk, &key); seen++) {
		if (seen == PIECE_ENTRIES || piece->bytes.size >= PIECE_BYTES)
			return 0;
		if (!piece_take(piece, walk, &key, &data))
			return MDB_CORRUPTED;
		memcpy(walk->at.bytes, key.mv_data, key.mv_size);
		walk->at.size = key.mv_size;
		walk->is_behind = true;
		code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
	}
	walk->is_over = true;
	return code == MDB_NOTFOUND ? 0 : code;
}

static int
next_piece(struct piece *piece, struct walk *walk)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	int code = begin(walk->view, &txn);

	piece->count = 0;
	piece->bytes.size = 0;
	if (code)
		return code;
	code = mdb_cursor_open(txn, walk->view->dbi, &cursor);
	if (!code) {
		code = fill(piece, walk, cursor);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return code;
}

static bool
visit_piece(const struct piece *piece, weir_view_fn visit, void *opaque)
{
	const char *at = piece->bytes.data ? piece->bytes.data : "";

	for (size_t index = 0; index < piece->count; index++) {
		struct weir_view_entry entry = {
			.key = {at, piece->entries[index].key_size},
			.value = {at + piece->entries[index].key_size,
		                  piece->entries[index].value_size},
			.time_ms = piece->entries[index].time_ms,
		};

		if (!visit(opaque, &entry))
			return false;
		at += entry.key.size + entry.value.size;
	}
	return true;
}

int
weir__view_walk(struct weir_view *view, const struct weir_view_store *store, int64_t ttl_ms,
                weir_view_fn visit, void *opaque, struct weir_error *error)
{
	struct piece *piece = weir__calloc(1, sizeof(*piece));
	struct walk walk;
	int code = 0;

	walk_init(&walk, view, store, ttl_ms);
	while (!walk.is_over && !code) {
		code = next_piece(piece, &walk);
		if (!code && !visit_piece(piece, visit, opaque))
			break;
	}
	weir__buffer_fini(&piece->bytes);
	free(piece);
	return code ? view_failed(view, code, error) : 0;
}

static int
count_entries(struct walk *walk, MDB_cursor *cursor, uint64_t *count)
{
	MDB_val key, data;
	int code = walk_place(walk, cursor, &key, &data);

	for (*count = 0; !code && belongs(walk, &key); ++*count)
		code = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
	return code == MDB_NOTFOUND ? 0 : code;
}

int
weir__view_count(struct weir_view *view, const struct weir_view_store *store, uint64_t *count,
                 struct weir_error *error)
{
	MDB_cursor *cursor;
	MDB_txn *txn;
	struct walk walk;
	int code = begin(view, &txn);

	walk_init(&walk, view, store, 0);
	if (code)
		return view_failed(view, code, error);
	code = mdb_cursor_open(txn, view->dbi, &cursor);
	if (!code) {
		code = count_entries(&walk, cursor, count);
		mdb_cursor_close(cursor);
	}
	mdb_txn_abort(txn);
	return code ? view_failed(view, code, error) : 0;
}

static int
get_entry(struct walk *walk, MDB_txn *txn, struct weir_bytes key, weir_view_fn visit,
          void *opaque)
{
	const struct weir_store tagged = {.tag = walk->store->tag};
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val at, data;
	int code;

	weir__entry_key(&tagged, key, &made);
	at = (MDB_val){made.size, made.bytes};
	code = mdb_get(txn, walk->view->dbi, &at, &data);
	if (code)
		return code;
	if (!weir__entry_read(&at, &data, &entry))
		return MDB_CORRUPTED;
	if (entry.key.size != key.size ||
	    (key.size && memcmp(entry.key.data, key.data, key.size) != 0) ||
	    has_expired(walk, &entry))
		return MDB_NOTFOUND;
	visit(opaque, &(struct weir_view_entry){entry.key, entry.value, entry.time_ms});
	return 0;
}

int
weir__view_get(struct weir_view *view, const struct weir_view_store *store, int64_t ttl_ms,
               struct weir_bytes key, weir_view_fn visit, void *opaque,
               struct weir_error *error)
{
	struct walk walk;
	MDB_txn *txn;
	int code;

	if (key.size > WEIR_STORE_KEY_MAX)
		return WEIR_ENOTFOUND;
	walk_init(&walk, view, store, ttl_ms);
	code = begin(view, &txn);
	if (!code) {
		code = get_entry(&walk, txn, key, visit, opaque);
		mdb_txn_abort(txn);
	}
	if (code == MDB_NOTFOUND)
		return WEIR_ENOTFOUND;
	return code ? view_failed(view, code, error) : 0;
}
