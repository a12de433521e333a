/*
 * Inside of a state, shared by lib/state/store*.c:
 *
 *   store_env.c    the LMDB environment: open, wipe, commit, abort, close
 *   store_map.c    its address space
 *   store_meta.c   what it keeps about itself: tags, positions, times
 *   store_entry.c  how keys and values are laid out
 *   store.c        read, write, undo
 *   store_memtable.c  what is written and not in LMDB yet
 *   store_merge.c  how it gets there
 *   store_walk.c   iterators, and the removal of what has expired
 *   store_view.c   another process's look at it (view.h)
 *   store_snapshot.c  another thread's look at a table
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_STORE_PRIVATE_H
#define WEIR_STATE_STORE_PRIVATE_H

#include <lmdb.h>

#include <base/alloc.h>
#include <state/store_memtable.h>
#include <state/state.h>

/*
 * The layout. Key: 2 bytes of tag, big-endian, then the user's key; one that is longer than
 * WEIR_ENTRY_PLAIN_MAX only begins so, and ends with the XXH3 128-bit hash of all of it (LMDB
 * takes 511 bytes). Both kinds differ in size. Tag 0 is what the environment keeps about
 * itself. Value: 6 bytes of time, little-endian; of a long key its size (4 bytes) and bytes;
 * then the user's value.
 */
#define WEIR_STATE_FORMAT 1
#define WEIR_TAG_SIZE 2
#define WEIR_TIME_SIZE 6
#define WEIR_ENTRY_PLAIN_MAX 492
#define WEIR_HASH_SIZE 16
#define WEIR_LONG_SIZE (WEIR_TAG_SIZE + WEIR_ENTRY_PLAIN_MAX + WEIR_HASH_SIZE)

struct weir_store {
	struct weir_state *state;
	char *name;
	unsigned index;
	uint16_t tag;
	int64_t ttl_ms;
	int64_t position;
	int64_t kept_position;  /* that LMDB gets with the writes before it */
	uint32_t source;        /* the changelog that `position` is a place in */
	bool written;           /* since the last commit */
	struct weir_buffer sweep_key; /* where the sweep goes on: an LMDB key; empty: at the first */
	int64_t sweep_oldest_ms;      /* of the entries this round has seen and kept */
	int64_t sweep_due_ms;         /* stream time from which there can be expired ones again */
};

struct weir_iterator {
	struct weir_iterator *next; /* of the state's open ones */
	struct weir_store *store;
	MDB_cursor *cursor;
	uint64_t writes;         /* the state's, when the cursor was placed */
	bool is_placed;
	struct weir_buffer at;   /* the LMDB key it stands on, or begins from */
	struct weir_buffer from; /* user's key; keys before it are left out */
	struct weir_buffer to;   /* the walk ends at it */
	bool has_to;
	bool by_prefix;          /* `to` is a prefix that all keys have */
	struct weir_group *group; /* long keys of one beginning, sorted; NULL: not in any */
};

struct weir_state {
	struct weir_state_config config;
	char *folder;
	struct weir_store *stores;
	size_t store_count;
	int marker; /* fd of the marker file */

	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn;    /* the batch's; NULL: none is open */
	size_t map_bytes;
	uint64_t writes; /* ever; an iterator that finds it changed looks its place up anew */

	/* What waits for LMDB: later writes first. See store_merge.c. */
	struct weir_memtable active;
	struct weir_memtable frozen;
	struct weir_version **frozen_order; /* by key */
	size_t frozen_count, merged;        /* of frozen_order, in LMDB */
	bool is_frozen;
	bool is_through;           /* until the batch ends: writes go to LMDB at once */
	int64_t unmerged_since_ms; /* monotonic: the oldest in `active` */
	size_t first_version;      /* in active's log, since enter */
	struct weir_arena_mark first_version_arena;

	bool entered;
	bool failed;        /* since enter or begin: error says why */
	bool broken;
	bool wants_room;    /* the map was full */
	struct weir_error error;

	int64_t wall_ms;    /* as last read */
	int64_t time_ms;    /* of the callback at hand */
	int64_t stream_ms;
	int64_t stream_before_ms;    /* at enter */
	int64_t stream_committed_ms;
	int64_t kept_stream_ms;      /* that LMDB gets, */
	int64_t kept_wall_ms;        /* and when it was */
	bool is_caught_up;
	int64_t caught_up_ms; /* wall clock, as last committed; 0: never was */
	int64_t begun_ms;     /* wall clock, when it was new; 0: not known */

	struct weir_change *changes;
	size_t change_count, change_capacity;
	size_t first_change; /* since enter */
	struct weir_arena_mark first_change_arena;
	struct weir_arena arena; /* their bytes */
	struct weir_iterator *iterators;
};

/* ---- store_env.c ---- */

/* The batch's transaction, begun when there is none. NULL: it failed. */
MDB_txn *weir__state_txn(struct weir_state *state);

/* Commit it, or abort it where there is a code already. Returns that code or LMDB's. */
int weir__state_end_txn(struct weir_state *state, int code);

/* LMDB failed: note it, once. Returns WEIR_EIO. */
int weir__state_fail(struct weir_state *state, int code, const char *what);

/* ---- store_merge.c ---- */

/* Do writes wait in memory? */
static inline bool
weir__state_is_held(const struct weir_state *state)
{
	return state->config.merge_entries && !state->is_through;
}
/* What waits for LMDB under this key; NULL: nothing. */
const struct weir_version *weir__merge_find(const struct weir_state *state,
                                            const MDB_val *key);
/* Is there anything that is not in LMDB? */
bool weir__merge_waits(const struct weir_state *state);
/* The batch is committed: it stays, and some goes to LMDB. An LMDB code; -1: see the error. */
int weir__merge_settle(struct weir_state *state);
/* The same, and all goes to LMDB. Codes as above. */
int weir__merge_all(struct weir_state *state);
/* Between batches: some goes to LMDB, if it is time. Codes as above. */
int weir__merge_due(struct weir_state *state);
/* Forget what waits: LMDB has it, or it is read from the changelog again. */
void weir__merge_drop(struct weir_state *state);
/* All goes into the batch's transaction, and so does what the batch writes from now on. */
void weir__merge_write_through(struct weir_state *state);

/* ---- store_map.c ---- */

#define WEIR_MOST_READERS 512 /* workers, and other processes that look */

/* Before it is opened: the disk has room for LMDB's lock file. Returns 0 or an errno. */
int weir__map_reserve_lock(const struct weir_state *state);
/* Of LMDB's code; of a disk that took a part of a write, too, for which LMDB says EIO. */
const char *weir__map_strerror(int code);

/* Before a transaction begins; a table's map is left as it is. Afterwards `env` may be NULL. */
void weir__map_make_room(struct weir_state *state);
/*
 * A file that has outgrown what was asked for is mapped as it is, not a page more: make room.
 * Returns 0 or an LMDB code; `env` is NULL then.
 */
int weir__map_fit(struct weir_state *state);

/* ---- store_meta.c ---- */

/* Give each store its tag, and read its position and the times. Returns an LMDB code. */
int weir__meta_load(struct weir_state *state, MDB_txn *txn);
/* What is written now goes with the positions and times of now. */
void weir__state_note_kept(struct weir_state *state);
/* Write these positions and times. */
int weir__meta_save(struct weir_state *state, MDB_txn *txn);

/* For those who only look. LMDB codes; MDB_NOTFOUND: nothing was committed yet. */
int weir__meta_times(MDB_txn *txn, MDB_dbi dbi, int64_t *stream_ms, int64_t *caught_up_ms);
/* The first store and the next one, by name; MDB_NOTFOUND: there is no more. */
struct weir_view_store;
int weir__meta_first(MDB_cursor *cursor, struct weir_view_store *store);
int weir__meta_next(MDB_cursor *cursor, struct weir_view_store *store);

/* ---- store_entry.c ---- */

struct weir_entry_key {
	unsigned char bytes[WEIR_LONG_SIZE];
	size_t size;
};

void weir__entry_key(const struct weir_store *store, struct weir_bytes key,
                     struct weir_entry_key *made);
static inline bool
weir__entry_is_long(size_t key_size)
{
	return key_size > WEIR_ENTRY_PLAIN_MAX;
}
/* Bytes before the user's value. */
static inline size_t
weir__entry_overhead(size_t key_size)
{
	return WEIR_TIME_SIZE + (weir__entry_is_long(key_size) ? 4 + key_size : 0);
}
void weir__entry_write(void *to, struct weir_bytes key, struct weir_bytes value,
                       int64_t time_ms);

/* An entry, read. All borrowed from LMDB. */
struct weir_entry {
	struct weir_bytes key;
	struct weir_bytes value;
	int64_t time_ms;
};
/* False: it is not laid out as an entry is. */
bool weir__entry_read(const MDB_val *key, const MDB_val *data, struct weir_entry *entry);

/* ---- store.c ---- */

static inline bool
weir__entry_expired(const struct weir_store *store, const struct weir_entry *entry,
                    int64_t now_ms)
{
	return store->ttl_ms > 0 && now_ms - entry->time_ms >= store->ttl_ms;
}
/* Remove it, noted as a change; it need not be there. Returns 0 or WEIR_EIO. */
int weir__store_erase(struct weir_store *store, struct weir_bytes key);

/* ---- store_walk.c ---- */

void weir__iterators_close(struct weir_state *state);
/* What was swept is there again: look at all once more. */
void weir__sweeps_anew(struct weir_state *state);

/* ---- marker.c ---- */

/*
 * The marker says whether LMDB's file can be trusted: it is written without fsync, so after
 * the machine went down it may be torn. Opens and takes it into `fd`. Returns 0 when it may
 * be used, 1 with the reason in *why (static) when not, or WEIR_EIO.
 */
int weir__marker_open(const char *folder, const char *boot_id, int *fd, const char **why,
                      struct weir_error *error);
/* The same, for those who only look: nothing is made or kept open. */
int weir__marker_read(const char *folder, const char *boot_id, const char **why,
                      struct weir_error *error);
/* It is about to be written to: untrusted after another boot. Returns 0 or WEIR_EIO. */
int weir__marker_set_open(int fd, const char *boot_id, struct weir_error *error);
/* All of it is on the disk. */
void weir__marker_set_clean(int fd);

#endif
