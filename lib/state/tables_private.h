/*
 * Inside of tables, shared by lib/state/table*.c:
 *
 *   tables.c        the set: opened, locked, closed; what workers look through
 *   table_cache.c   what a view found lately
 *   table_topics.c  what their topics are, and where each partition begins and ends
 *   table_feed.c    reading them
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_TABLES_PRIVATE_H
#define WEIR_STATE_TABLES_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <state/table_cache.h>
#include <state/tables.h>

/* One table. All but `alone`, `state` and `versions` are the feeding thread's. */
struct weir_kept {
	const char *name;
	const char *topic;
	char *folder;
	/* held shared while a view is of one moment; held alone while the files are opened anew
	   or the map grows */
	pthread_rwlock_t alone;
	struct weir_state *state; /* a store for each partition, for its place; the entries of
	                             all of them are in the first one */
	struct weir_versions *versions; /* of its entries */
	int32_t partitions;
	size_t first_part;
	int64_t max_age_ms; /* 0: any */
	bool reopen;        /* something failed: its files are to be opened anew */
	bool warned_of_keys;
	int64_t grow_ms; /* its map could not grow: not again before */
};

/* A partition of a table's topic. */
struct weir_part {
	size_t table;
	int32_t partition;
	int64_t next;   /* to be read */
	int64_t target; /* that it had when it was asked */
};

struct weir_tables {
	struct weir_tables_config config;
	struct weir_kept *kept;
	atomic_bool are_read;

	struct weir_part *parts;
	size_t part_count;
	struct weir_reader *reader;
	bool are_described, targets_known;
	int ask_ms;
	int64_t describe_ms;   /* when the topics are asked about again */
	int64_t not_before_ms; /* something failed: not at once again */
	int64_t complain_ms;   /* when that is said again */
	bool complained;       /* it was said, and not yet that it is over */
	int64_t missing_ms;    /* since when a topic is not there; 0: all are */
	int64_t failing_ms;    /* how long it waits after a disk that failed */
	int64_t heard_ms;      /* wall clock: something came of the reader */
	int64_t refresh_ms;
	size_t uncommitted, uncommitted_bytes;
	uint64_t records;
	int64_t started_ms, progress_ms;
};

/* Open its files, for as many partitions as it has. Returns 0 or WEIR_EIO. */
int weir__kept_open(struct weir_tables *tables, struct weir_kept *kept, struct weir_error *error);

/* While nobody looks: wait for that until `wait_ms` from now. False: not now. */
bool weir__kept_lock(struct weir_kept *kept, int wait_ms);
void weir__kept_unlock(struct weir_kept *kept);

/* ---- table_feed.c ---- */

/* It failed on the cluster's side. Returns 0, or the error when that cannot mend. */
int weir__tables_try_later(struct weir_tables *tables, const struct weir_error *reason,
                           struct weir_error *error);

/* ---- table_topics.c ---- */

/* Which partitions there are. Returns 0 or what the broker says. */
int weir__tables_describe(struct weir_tables *tables, struct weir_error *error);

/*
 * Tombstones of keys that were deleted while the cluster did not answer may be gone: then
 * WEIR_ELIMIT. It is asked only every so often, and none is removed at once.
 */
int weir__tables_check_age(const struct weir_tables *tables, struct weir_error *error);

/* From where to where each partition is read. Returns 0 (not all may be known yet) or an error. */
int weir__tables_find_targets(struct weir_tables *tables, struct weir_error *error);

static inline int64_t
weir__tables_now(const struct weir_tables *tables)
{
	return tables->config.clock->monotonic_ms(tables->config.clock);
}
static inline int64_t
weir__tables_wall_now(const struct weir_tables *tables)
{
	return tables->config.clock->wall_ms(tables->config.clock);
}

#endif
