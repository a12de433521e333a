/*
 * The stores of one task: one LMDB environment, and before it in memory what is not yet there.
 * A batch's writes are seen at once, and are kept or dropped with it. Committed ones reach LMDB
 * some batches later, together with the places in the changelogs up to which the stores are
 * true there: what a crash loses, the changelogs have.
 *
 * Between enter and leave a callback reads and writes (the public weir_store_* calls). Its
 * writes are noted as *changes*, which undo takes back and which the caller sends to the
 * changelogs.
 *
 * A state belongs to one thread, from open to close (LMDB: a write transaction ends on the
 * thread that began it). No two states of a process may have the same folder open (LMDB's
 * locks): struct weir_folders keeps a table of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_STATE_H
#define WEIR_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/clock.h>
#include <base/log.h>
#include <weir/processor.h>

/* Which folders are open, shared by the workers of an app; any thread. */
struct weir_folders;
struct weir_folders *weir__folders_new(void);
void weir__folders_free(struct weir_folders *folders); /* NULL is fine */
/* False: it is open already. `folders` NULL: always true. */
bool weir__folders_claim(struct weir_folders *folders, const char *folder);
void weir__folders_release(struct weir_folders *folders, const char *folder);
/* Remove a folder of stores that is not open, with its files. Returns 0 or an errno. */
int weir__folder_delete(const char *folder);
/*
 * Remove the folders in `parent` that are not open and were last committed to longer ago than
 * that, each logged with the reason.
 */
void weir__folders_clean(struct weir_folders *folders, const char *parent, int64_t max_age_ms,
                         const struct weir_clock *clock, const struct weir_logger *logger,
                         const char *why);

struct weir_store_config {
	const char *name; /* STEP.STORE */
	int64_t ttl_ms;   /* 0: for ever */
};

/* Borrowed; all but `folder` outlive the state. */
struct weir_state_config {
	const char *folder; /* made when missing */
	struct weir_folders *folders;
	const struct weir_store_config *stores;
	size_t store_count;
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	bool keeps_changes;  /* until commit or abort; else until the next enter */
	int64_t max_age_ms;  /* rebuild when it was caught up longer ago; 0: any age will do */
	size_t batch_bytes;  /* what a batch may write; the map has room for it */
	size_t map_bytes;    /* address space to reserve at first; 0: 64 GiB */
	const char *boot_id; /* NULL: the machine's own */
	/*
	 * Committed writes may wait in memory until there are so many or it has been so long;
	 * 0: each commit goes to LMDB. A crash loses them, and the changelogs have them.
	 */
	size_t merge_entries;
	int64_t merge_ms;
	bool is_table; /* many threads read it; its map grows by weir__state_grow() alone */
};

struct weir_state;

/*
 * Open the stores. One that was not closed before the machine went down, has another format,
 * or was last caught up too long ago is emptied, which is logged with the reason; it is then
 * rebuilt from its changelogs, as one that is new.
 *
 * NULL with *error: WEIR_ELOCKED while the folder is open elsewhere in this process (try
 * again later), or WEIR_EIO.
 */
struct weir_state *weir__state_open(const struct weir_state_config *config,
                                    struct weir_error *error);

/*
 * Drops what is not committed. Waits until all is on the disk, so that it is trusted also
 * after another boot. NULL is fine.
 */
void weir__state_close(struct weir_state *state);

/* The same without that wait, which could be long: for a rebalance. */
void weir__state_release(struct weir_state *state);

/* As if the process died here; for simulation and tests. */
void weir__state_crash(struct weir_state *state);

struct weir_store *weir__state_store(struct weir_state *state, size_t index);
const char *weir__state_store_name(const struct weir_state *state, size_t index);

/* Where to go on reading changelog `index`; 0: from its beginning. */
int64_t weir__state_position(const struct weir_state *state, size_t index);

/*
 * Which changelog `index` is, of all that ever had its name (weir__stores_source()); 0: not
 * known. What is set is kept by the next commit.
 */
uint32_t weir__state_source(const struct weir_state *state, size_t index);
void weir__state_set_source(struct weir_state *state, size_t index, uint32_t source);

/* Empty all stores; their positions are 0 again. Returns 0 or WEIR_EIO. */
int weir__state_wipe(struct weir_state *state, struct weir_error *error);

/* ---- one callback ---- */

/* A change of a store, for its changelog. Bytes live until enter, or commit and abort. */
struct weir_change {
	struct weir_store *store;
	unsigned index; /* of the store */
	struct weir_bytes key;
	struct weir_bytes value; /* null: deleted */
	int64_t time_ms;
	struct weir_bytes before; /* written through: LMDB's entry that was there; null: none */
};

/* A callback begins, for a record of this time (-1: it has none), or for none at all. */
void weir__state_enter_record(struct weir_state *state, int64_t timestamp_ms);
void weir__state_enter(struct weir_state *state);

/*
 * It has returned: writes are refused from now on, iterators are closed. Returns 0, or
 * WEIR_EIO when a store failed: abort the batch.
 */
int weir__state_leave(struct weir_state *state, struct weir_error *error);

/* Take back what was written since enter. */
void weir__state_undo(struct weir_state *state);

/* What was written since enter counts from now on: undo no longer reaches it. */
void weir__state_keep(struct weir_state *state);

/* What was written since enter. */
const struct weir_change *weir__state_changes(const struct weir_state *state, size_t *count);

/* What was written since the last commit or abort; with keeps_changes. */
const struct weir_change *weir__state_all_changes(const struct weir_state *state, size_t *count);

/*
 * Remove entries that have outlived their time to live, as changes since enter; looks at
 * `visits` entries or so, and goes on from there the next time. Between enter and leave.
 */
void weir__state_sweep(struct weir_state *state, size_t visits);

/* ---- the batch ---- */

bool weir__state_wrote(const struct weir_state *state, size_t index); /* to that store */
bool weir__state_has_writes(const struct weir_state *state);
int64_t weir__state_stream_ms(const struct weir_state *state);

/*
 * Keep what was written, with the position of each changelog (-1: as it was; NULL: all as they
 * were, and all of it is in LMDB afterwards). Returns 0, or WEIR_EIO with *error: open again
 * and restore.
 */
int weir__state_commit(struct weir_state *state, const int64_t *positions,
                       struct weir_error *error);

/* Between batches: let committed writes go to LMDB, if it is time. Returns as commit does. */
int weir__state_merge(struct weir_state *state, struct weir_error *error);

/* Drop what was written since the last commit. */
void weir__state_abort(struct weir_state *state);

/* Did a call fail since the last abort? */
bool weir__state_has_failed(const struct weir_state *state);

/* Is it unusable until it was opened again? After an abort, and a failed commit. */
bool weir__state_is_broken(const struct weir_state *state);

/*
 * Open its files again, with what was committed; stores keep their handles. Returns 0 or
 * WEIR_EIO (then it is still broken).
 */
int weir__state_reopen(struct weir_state *state, struct weir_error *error);

/* ---- reading from other threads: tables ---- */

/* Would the map be too small for a batch? Asked between batches. */
bool weir__state_lacks_room(struct weir_state *state);
/* Make it larger; while nobody reads. */
void weir__state_grow(struct weir_state *state);

/*
 * A snapshot of a table's first store, of what was committed when it began: one thread at a
 * time, not while the state is opened, closed, wiped or grows. A snapshot that stays open keeps
 * old pages from being used again.
 */
struct weir_snapshot;
struct weir_snapshot *weir__snapshot_new(void);
void weir__snapshot_free(struct weir_snapshot *snapshot); /* ended before; NULL is fine */
/* Returns 0, or WEIR_EIO with *error. */
int weir__snapshot_begin(struct weir_snapshot *snapshot, const struct weir_state *state,
                         struct weir_error *error);
void weir__snapshot_end(struct weir_snapshot *snapshot);
/* *value borrows until the end. Returns 0, WEIR_ENOTFOUND, or WEIR_EIO with *error. */
int weir__snapshot_get(const struct weir_snapshot *snapshot, struct weir_bytes key,
                       struct weir_bytes *value, struct weir_error *error);

/* ---- restoring ---- */

/*
 * Put one changelog record in (value null: deleted), without noting a change; kept by commit.
 * Returns 0 or WEIR_EIO.
 */
int weir__state_apply(struct weir_state *state, size_t index, struct weir_bytes key,
                      struct weir_bytes value, int64_t time_ms, struct weir_error *error);

/* Is a store of this name in the files, be it one of before that was not asked for? */
bool weir__state_has_kept(const struct weir_state *state, const char *name);

/* It is caught up, and stays so while it is committed to: from then on its age counts. */
void weir__state_caught_up(struct weir_state *state);

#endif
