/*
 * The LMDB environment of a task: opened, emptied, committed, closed, and what is done when
 * LMDB fails.
 *
 * Knows LMDB's rules: a full map poisons the open transaction, so there is room for a batch
 * before one begins; a failed commit leaves nothing behind. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/fault_point.h>
#include <base/folder.h>
#include <state/store_private.h>

#define MAP_BYTES (UINT64_C(64) << 30)
#define MAP_SMALLEST (UINT64_C(16) << 20)

int
weir__state_fail(struct weir_state *state, int code, const char *what)
{
	if (code == MDB_MAP_FULL)
		state->wants_room = true;
	else
		state->broken = true;
	if (!state->failed)
		weir_error_set(&state->error, WEIR_EIO, "store %s: %s: %s", state->folder, what,
		               weir__map_strerror(code));
	state->failed = true;
	return WEIR_EIO;
}

/* ---- the batch's transaction ---- */

MDB_txn *
weir__state_txn(struct weir_state *state)
{
	int code;

	if (state->txn || state->failed || state->broken)
		return state->failed ? NULL : state->txn;
	weir__map_make_room(state);
	code = state->env ? mdb_txn_begin(state->env, NULL, 0, &state->txn) : ENOMEM;
	if (code == 0)
		return state->txn;
	state->txn = NULL;
	weir__state_fail(state, code, "cannot begin a transaction");
	return NULL;
}

int
weir__state_end_txn(struct weir_state *state, int code)
{
	MDB_txn *txn = state->txn;

	state->txn = NULL;
	state->writes++;
	if (code == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return code;
}

static void
drop_txn(struct weir_state *state)
{
	weir__iterators_close(state);
	if (state->txn)
		mdb_txn_abort(state->txn);
	state->txn = NULL;
	state->writes++;
}

/* ---- open ---- */

static int
open_env(struct weir_state *state)
{
	MDB_txn *txn = NULL;
	unsigned flags = MDB_NOSYNC | MDB_NORDAHEAD;
	int code = mdb_env_create(&state->env);

	/* a worker's snapshots of several tables, and of several workers on one thread */
	if (state->config.is_table)
		flags |= MDB_NOTLS;
	if (!code)
		code = mdb_env_set_maxreaders(state->env, WEIR_MOST_READERS);
	state->map_bytes = state->config.map_bytes ? state->config.map_bytes : MAP_BYTES;
	if (!code)
		code = mdb_env_set_mapsize(state->env, state->map_bytes);
	if (!code)
		code = weir__map_reserve_lock(state);
	if (!code)
		code = mdb_env_open(state->env, state->folder, flags, 0666);
	if (!code)
		code = weir__map_fit(state);
	if (!code)
		code = mdb_txn_begin(state->env, NULL, 0, &txn);
	if (!code)
		code = mdb_dbi_open(txn, NULL, 0, &state->dbi);
	if (!code)
		code = weir__meta_load(state, txn);
	if (!code)
		code = mdb_txn_commit(txn);
	else if (txn)
		mdb_txn_abort(txn);
	if (code && state->env) {
		mdb_env_close(state->env);
		state->env = NULL;
	}
	return code;
}

/* Address space may be limited (ulimit -v; valgrind says EINVAL): take what there is. */
static int
open_env_smaller(struct weir_state *state)
{
	size_t asked = state->config.map_bytes;
	int code = open_env(state);

	while ((code == ENOMEM || code == EINVAL) && state->map_bytes > MAP_SMALLEST) {
		state->config.map_bytes = state->map_bytes / 4;
		code = open_env(state);
	}
	state->config.map_bytes = asked;
	return code;
}

static bool
is_damage(int code)
{
	return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
	       code == MDB_VERSION_MISMATCH || code == MDB_PANIC || code == MDB_INCOMPATIBLE;
}

static int
delete_files(struct weir_state *state, struct weir_error *error)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	int code = 0;

	for (size_t index = 0; index < 2; index++) {
		char *path = weir__format("%s/%s", state->folder, names[index]);

		if (unlink(path) && errno != ENOENT)
			code = weir_error_set(error, WEIR_EIO, "cannot delete %s: %s", path,
			                      strerror(errno));
		free(path);
	}
	return code;
}

static int
open_failed(const struct weir_state *state, int code, struct weir_error *error)
{
	return weir_error_set(error, WEIR_EIO, "cannot open the store %s: %s", state->folder,
	                      weir__map_strerror(code));
}

/* Why what is there is of no use; NULL: it is. */
static const char *
too_old(const struct weir_state *state, char *text, size_t size)
{
	/* one that never was knows of nothing that was deleted before it was begun */
	int64_t since_ms = state->caught_up_ms ? state->caught_up_ms : state->begun_ms;
	int64_t age_ms = state->config.clock->wall_ms(state->config.clock) - since_ms;
	int64_t max_ms = state->config.max_age_ms;

	/* the clock went back: how long ago it was nobody knows, but for small steps */
	if (max_ms == 0 || since_ms == 0 || (age_ms <= max_ms && age_ms > -max_ms))
		return NULL;
	snprintf(text, size,
	         "it was %s %" PRId64 " s ago, and after %" PRId64
	         " s its %s may have forgotten what was deleted",
	         state->caught_up_ms ? "last caught up" : "begun and left unfinished",
	         age_ms / 1000, max_ms / 1000, state->config.is_table ? "topic" : "changelog");
	return text;
}

static void
log_rebuild(const struct weir_state *state, const char *why)
{
	weir__log(state->config.logger, WEIR_LOG_WARNING,
	          "%s folder=%s reason=\"%s\"",
	          state->config.is_table ? "table is read anew"
	                                 : "store is rebuilt from its changelogs",
	          state->folder, why);
}

int
weir__state_wipe(struct weir_state *state, struct weir_error *error)
{
	int code;

	drop_txn(state);
	weir__merge_drop(state);
	if (state->env)
		mdb_env_close(state->env);
	state->env = NULL;
	state->is_caught_up = false;
	code = delete_files(state, error);
	if (code)
		return code;
	code = open_env_smaller(state);
	return code ? open_failed(state, code, error) : 0;
}

/* The files of before are closed, the marker is held. */
static int
open_trusted(struct weir_state *state, struct weir_error *error)
{
	const char *why;
	char text[160];
	int code = open_env_smaller(state);

	if (code && !is_damage(code))
		return open_failed(state, code, error);
	why = code ? weir__map_strerror(code) : too_old(state, text, sizeof(text));
	if (!why)
		return 0;
	log_rebuild(state, why);
	return weir__state_wipe(state, error);
}

static bool
has_data(const struct weir_state *state)
{
	char *path = weir__format("%s/data.mdb", state->folder);
	struct stat status;
	bool has = stat(path, &status) == 0;

	free(path);
	return has;
}

static int
open_files(struct weir_state *state, struct weir_error *error)
{
	const char *why = NULL;
	int code = weir__marker_open(state->folder, state->config.boot_id, &state->marker, &why,
	                             error);

	if (code < 0)
		return code;
	if (code && has_data(state))
		log_rebuild(state, why);
	code = weir__marker_set_open(state->marker, state->config.boot_id, error);
	if (code)
		return code;
	if (why)
		return weir__state_wipe(state, error);
	return open_trusted(state, error);
}

int
weir__state_reopen(struct weir_state *state, struct weir_error *error)
{
	int code;

	weir__state_abort(state);
	weir__merge_drop(state);
	if (state->env)
		mdb_env_close(state->env);
	state->env = NULL;
	state->is_caught_up = false;
	state->broken = false;
	code = open_trusted(state, error);
	state->broken = code != 0;
	return code;
}

/* ---- lifecycle ---- */

static int
make_folder(const char *folder, struct weir_error *error)
{
	int code = weir__folder_make(folder);

	if (!code)
		return 0;
	return weir_error_set(error, WEIR_EIO, "state_dir: cannot make folder %s: %s", folder,
	                      strerror(code));
}

static void
free_state(struct weir_state *state)
{
	for (size_t index = 0; index < state->store_count; index++) {
		free(state->stores[index].name);
		weir__buffer_fini(&state->stores[index].sweep_key);
	}
	if (state->marker >= 0)
		close(state->marker);
	weir__folders_release(state->config.folders, state->folder);
	weir__merge_drop(state);
	weir__arena_fini(&state->arena);
	free(state->changes);
	free(state->stores);
	free(state->folder);
	free(state);
}

struct weir_state *
weir__state_open(const struct weir_state_config *config, struct weir_error *error)
{
	struct weir_state *state;

	if (!weir__folders_claim(config->folders, config->folder)) {
		weir_error_set(error, WEIR_ELOCKED, "store %s is open elsewhere",
		               config->folder);
		return NULL;
	}
	state = weir__calloc(1, sizeof(*state));
	state->config = *config;
	state->folder = weir__strdup(config->folder);
	state->marker = -1;
	state->store_count = config->store_count;
	state->stores = weir__calloc(config->store_count + 1, sizeof(*state->stores));
	for (size_t index = 0; index < config->store_count; index++) {
		state->stores[index] = (struct weir_store){
			.state = state,
			.name = weir__strdup(config->stores[index].name),
			.index = (unsigned)index,
			.ttl_ms = config->stores[index].ttl_ms,
		};
	}
	if (make_folder(state->folder, error) || open_files(state, error)) {
		free_state(state);
		return NULL;
	}
	return state;
}

/* All that is committed goes to LMDB, and its age counts from now on. */
static void
keep_all(struct weir_state *state)
{
	weir__state_abort(state);
	if ((state->is_caught_up || weir__merge_waits(state)) && !state->broken)
		weir__state_commit(state, NULL, NULL);
}

void
weir__state_release(struct weir_state *state)
{
	if (state && state->env)
		keep_all(state);
	weir__state_crash(state);
}

void
weir__state_close(struct weir_state *state)
{
	if (!state)
		return;
	if (state->env) {
		keep_all(state);
		if (mdb_env_sync(state->env, 1) == 0 && !state->broken)
			weir__marker_set_clean(state->marker);
		mdb_env_close(state->env);
	}
	free_state(state);
}

void
weir__state_crash(struct weir_state *state)
{
	if (!state)
		return;
	drop_txn(state);
	if (state->env)
		mdb_env_close(state->env);
	free_state(state);
}

/* ---- the batch ---- */

static void
forget_batch(struct weir_state *state)
{
	for (size_t index = 0; index < state->store_count; index++)
		state->stores[index].written = false;
	state->change_count = 0;
	weir__arena_reset(&state->arena);
	weir__state_keep(state);
	state->entered = false;
}

/* LMDB's transaction, with all that was written; there is no other. */
static int
commit_txn(struct weir_state *state)
{
	MDB_txn *txn = weir__state_txn(state);
	int code;

	if (!txn)
		return -1;
	weir__state_note_kept(state);
	code = weir__meta_save(state, txn);
	WEIR_FAULT_POINT(META_WRITTEN);
	return weir__state_end_txn(state, code);
}

/* Everything is in LMDB afterwards. */
static int
write_all(struct weir_state *state)
{
	int code = 0;

	if (!state->is_through)
		code = weir__merge_all(state);
	if (code == 0)
		code = commit_txn(state);
	if (code == 0)
		weir__merge_drop(state);
	state->is_through = false;
	return code;
}

/* `code` of LMDB; -1: the state has failed before. */
static int
commit_failed(struct weir_state *state, int code, struct weir_error *error)
{
	if (code > 0 || code < -1)
		weir__state_fail(state, code, "cannot commit");
	state->broken = true;
	return weir_error_set(error, WEIR_EIO, "%s", state->error.message);
}

int
weir__state_commit(struct weir_state *state, const int64_t *positions,
                   struct weir_error *error)
{
	int code;

	for (size_t index = 0; positions && index < state->store_count; index++)
		if (positions[index] >= 0)
			state->stores[index].position = positions[index];
	weir__iterators_close(state);
	if (positions && weir__state_is_held(state) && weir__merge_waits(state))
		code = state->failed ? -1 : weir__merge_settle(state);
	else
		code = write_all(state);
	forget_batch(state);
	if (code)
		return commit_failed(state, code, error);
	state->stream_committed_ms = state->stream_ms;
	return 0;
}

int
weir__state_merge(struct weir_state *state, struct weir_error *error)
{
	int code = 0;

	weir__iterators_close(state); /* an open callback may have left some */
	/* what a walk has put into the transaction must not be overwritten with parts of it */
	if (!state->is_through)
		code = weir__merge_due(state);
	else if (weir__merge_waits(state) && !state->failed && !state->broken &&
	         !weir__state_has_writes(state))
		code = write_all(state);
	return code ? commit_failed(state, code, error) : 0;
}

void
weir__state_abort(struct weir_state *state)
{
	drop_txn(state);
	weir__memtable_back(&state->active, state->active.settled,
	                    state->active.settled_arena);
	state->is_through = false;
	weir__sweeps_anew(state);
	forget_batch(state);
	state->stream_ms = state->stream_committed_ms;
	state->failed = false;
	memset(&state->error, 0, sizeof(state->error));
}

bool
weir__state_has_failed(const struct weir_state *state)
{
	return state->failed;
}

bool
weir__state_is_broken(const struct weir_state *state)
{
	return state->broken;
}
