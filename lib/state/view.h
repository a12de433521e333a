/*
 * A look at a task's stores from another process, also while the app runs: what was
 * committed, read-only.
 *
 * Makes no file and takes no lock that a writer waits for. Reads in pieces, each of one
 * commit: a reader that dawdles would keep the writer's old pages, and its file would grow.
 * A folder that this process has open (as a state, or as another view) must not be viewed:
 * closing one would end the locks of the other. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_VIEW_H
#define WEIR_STATE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/alloc.h>
#include <weir/processor.h>

struct weir_view;

/* A store that the file has, also one that no step declares any more. */
struct weir_view_store {
	char name[256];   /* STEP.STORE */
	int64_t position; /* in its changelog */
	uint16_t tag;
};

/*
 * NULL with *error: WEIR_ENOTFOUND when the folder has no stores, or WEIR_EIO. `boot_id` as in
 * struct weir_state_config.
 */
struct weir_view *weir__view_open(const char *folder, const char *boot_id,
                                  struct weir_error *error);
void weir__view_close(struct weir_view *view); /* NULL is fine */

/* The stores, by name; borrowed. */
const struct weir_view_store *weir__view_stores(const struct weir_view *view, size_t *count);
/* The one of that name, or NULL. */
const struct weir_view_store *weir__view_find(const struct weir_view *view, const char *name);
/* When they were last caught up with their changelogs, by the wall clock; 0: never were. */
int64_t weir__view_caught_up_ms(const struct weir_view *view);

/* Count the entries, with expired ones that are not removed yet. 0 or WEIR_EIO. */
int weir__view_count(struct weir_view *view, const struct weir_view_store *store,
                     uint64_t *count, struct weir_error *error);

/* Bytes live for the call. */
struct weir_view_entry {
	struct weir_bytes key;
	struct weir_bytes value;
	int64_t time_ms;
};

/* Returns whether to go on. */
typedef bool (*weir_view_fn)(void *opaque, const struct weir_view_entry *entry);

/*
 * Call for each entry in key order (long keys of one beginning in any order), but for those
 * that have expired by `ttl_ms` (0: none does). 0 or WEIR_EIO.
 */
int weir__view_walk(struct weir_view *view, const struct weir_view_store *store,
                    int64_t ttl_ms, weir_view_fn visit, void *opaque,
                    struct weir_error *error);

/*
 * Call for the entry of this key. Returns 0, WEIR_ENOTFOUND, without *error, when there is
 * none, or it has expired; or WEIR_EIO.
 */
int weir__view_get(struct weir_view *view, const struct weir_view_store *store, int64_t ttl_ms,
                   struct weir_bytes key, weir_view_fn visit, void *opaque,
                   struct weir_error *error);

#endif
