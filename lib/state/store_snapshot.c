/*
 * Looking things up in a table from the threads of workers, while another one writes it.
 *
 * Knows that LMDB gives each read transaction what was committed when it began; with MDB_NOTLS
 * it belongs to no thread. One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <state/store_private.h>

struct weir_snapshot {
	MDB_txn *txn;
	MDB_dbi dbi;
	struct weir_store store; /* for its tag */
	const char *folder;
};

struct weir_snapshot *
weir__snapshot_new(void)
{
	return weir__calloc(1, sizeof(struct weir_snapshot));
}

void
weir__snapshot_free(struct weir_snapshot *snapshot)
{
	free(snapshot);
}

static int
failed(const char *folder, int code, struct weir_error *error)
{
	return weir_error_set(error, WEIR_EIO, "cannot read the table in %s: %s", folder,
	                      mdb_strerror(code));
}

int
weir__snapshot_begin(struct weir_snapshot *snapshot, const struct weir_state *state,
                     struct weir_error *error)
{
	int code;

	if (!state->env) /* opening it again failed */
		return failed(state->folder, EINVAL, error);
	code = mdb_txn_begin(state->env, NULL, MDB_RDONLY, &snapshot->txn);
	if (code) {
		snapshot->txn = NULL;
		return failed(state->folder, code, error);
	}
	snapshot->dbi = state->dbi;
	snapshot->store.tag = state->stores[0].tag;
	snapshot->folder = state->folder;
	return 0;
}

void
weir__snapshot_end(struct weir_snapshot *snapshot)
{
	if (snapshot->txn)
		mdb_txn_abort(snapshot->txn);
	snapshot->txn = NULL;
}

int
weir__snapshot_get(const struct weir_snapshot *snapshot, struct weir_bytes key,
                   struct weir_bytes *value, struct weir_error *error)
{
	struct weir_entry_key made;
	struct weir_entry entry;
	MDB_val at, data;
	int code;

	if (key.size > WEIR_STORE_KEY_MAX)
		return WEIR_ENOTFOUND;
	weir__entry_key(&snapshot->store, key, &made);
	at = (MDB_val){made.size, made.bytes};
	code = mdb_get(snapshot->txn, snapshot->dbi, &at, &data);
	if (code == MDB_NOTFOUND)
		return WEIR_ENOTFOUND;
	if (!code && !weir__entry_read(&at, &data, &entry))
		code = MDB_CORRUPTED;
	if (code)
		return failed(snapshot->folder, code, error);
	/* two long keys of one hash */
	if (entry.key.size != key.size ||
	    (key.size && memcmp(entry.key.data, key.data, key.size) != 0))
		return WEIR_ENOTFOUND;
	*value = entry.value;
	return 0;
}
