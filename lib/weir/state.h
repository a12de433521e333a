/*
 * State for processors: stores, which commit with the records, and tables to look things up
 * in. Part of <weir/processor.h>, which includes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_H
#define WEIR_STATE_H

#include <weir/processor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- stores ---- */

/*
 * Keys have 0 bytes to 1 MiB, and are ordered as memcmp() orders them, a prefix first.
 * Values are bytes, which may be none; a key and its value fit into a message of the store's
 * changelog topic. Null counts as empty. Read in any callback, written in record, batch_end
 * and tick. What a record wrote its later steps see, and it is gone when the record is
 * rejected or tried again.
 *
 * In a store with a time to live an entry has the time of the record that wrote it, which
 * counts as now when it is missing or in the future; in batch_end and tick the task's time
 * (weir_store_time_ms). It is gone for records that are `ttl` or more later, and removed
 * when the task's time is: some at each end of a batch, all of them within another `ttl`.
 *
 * WEIR_EIO from any call: the store failed (a full disk). Return; whatever the verdict, the
 * batch is aborted and tried again.
 */
struct weir_store;
#define WEIR_STORE_KEY_MAX (1 << 20)

/* The descriptor's store of that name: valid from open to close. NULL: it has none such. */
WEIR_API struct weir_store *weir_store_find(struct weir_context *ctx, const char *name);

/*
 * Read the value kept under `key`.
 *
 * *value borrows from the store: valid until the next write to any store or the end of the
 * callback, whichever is first.
 *
 * Returns 0, WEIR_ENOTFOUND (then *value is untouched), or WEIR_EIO.
 */
WEIR_API int weir_store_get(struct weir_store *store, struct weir_bytes key,
                            struct weir_bytes *value);

/*
 * Keep `value` under `key`, in place of what was there. Both are copied.
 *
 * Returns 0, WEIR_ELIMIT (the key is too long), WEIR_ESTATE (not in this callback) or WEIR_EIO.
 */
WEIR_API int weir_store_put(struct weir_store *store, struct weir_bytes key,
                            struct weir_bytes value);

/* The same, unless there is something under `key`: then WEIR_EEXISTS, and nothing changes. */
WEIR_API int weir_store_put_new(struct weir_store *store, struct weir_bytes key,
                                struct weir_bytes value);

/* Forget `key`. Returns 0, WEIR_ENOTFOUND, or as weir_store_put(). */
WEIR_API int weir_store_delete(struct weir_store *store, struct weir_bytes key);

/* A walk through a store in the order of its keys. */
struct weir_iterator;

/*
 * Walk over the keys from `from` (null: the first) up to and without `to` (null: to the end),
 * or over those that begin with `prefix`. Closed by weir_iterator_close(), or by the end of
 * the callback. Never NULL.
 */
WEIR_API struct weir_iterator *weir_store_range(struct weir_store *store,
                                                struct weir_bytes from,
                                                struct weir_bytes to);
WEIR_API struct weir_iterator *weir_store_prefix(struct weir_store *store,
                                                 struct weir_bytes prefix);

/*
 * The next entry; sees what was written since the walk began, ahead of it. *key and *value
 * (may be NULL) are borrowed until the next call with this iterator or write to a store.
 *
 * Returns 0, WEIR_ENOTFOUND (no more) or WEIR_EIO.
 */
WEIR_API int weir_iterator_next(struct weir_iterator *iterator, struct weir_bytes *key,
                                struct weir_bytes *value);
WEIR_API void weir_iterator_close(struct weir_iterator *iterator); /* NULL is fine */

/*
 * The task's time: the latest of its records' times so far, never ahead of the clock; ms since
 * 1970, 0 before the first. Kept with the stores, from batch to batch. After a crash, or on
 * another machine, it may be behind that, by the records since the last write to a store: it is
 * never behind an entry, nor behind the time at which one was removed for its age (while the
 * changelog remembers that: its delete.retention.ms). So what was forgotten is as old by it.
 */
WEIR_API int64_t weir_store_time_ms(const struct weir_store *store);

/* ---- tables ---- */

/*
 * A table: a topic of which the last value of each key counts, kept on this machine in whole.
 * Before the first record is processed the app has read it to the end it had then; it follows
 * the topic from there on, so two looks at one key may differ, but not within a callback.
 * Keys are found byte for byte; of a key that stands in several partitions, what was read
 * last counts.
 */
struct weir_table;

/* The pipeline's table of that name: valid from open to close. NULL: it has none such. */
WEIR_API struct weir_table *weir_table_find(struct weir_context *ctx, const char *name);

/*
 * The value that stands under `key`; a null key is in no table.
 *
 * *value borrows from the table: valid until the end of the callback.
 *
 * Returns 0, WEIR_ENOTFOUND (then *value is untouched), or WEIR_EIO: the table cannot be
 * read. Return; whatever the verdict, the app stops.
 */
WEIR_API int weir_table_get(struct weir_table *table, struct weir_bytes key,
                            struct weir_bytes *value);

/*
 * Is a table's value what it should be? Looks at nothing but its bytes, and says the same of
 * the same ones: 0, or what is wrong, with the reason. weir_json_check() is one.
 */
typedef int (*weir_table_check_fn)(struct weir_bytes value, struct weir_error *error);

/*
 * As weir_table_get(), with a value that `check` has passed: what the table still remembers
 * from an earlier look is not checked again.
 *
 * Returns as weir_table_get(), or what `check` says (then *value is set, too).
 */
WEIR_API int weir_table_get_checked(struct weir_table *table, struct weir_bytes key,
                                    weir_table_check_fn check, struct weir_bytes *value,
                                    struct weir_error *error);

/*
 * A hint: the key will be looked up in this callback. What the processor does until then,
 * read a value's JSON for example, goes on while memory answers. Changes nothing that can
 * be seen; a null key is fine.
 */
WEIR_API void weir_table_expect(struct weir_table *table, struct weir_bytes key);

#ifdef __cplusplus
}
#endif

#endif
