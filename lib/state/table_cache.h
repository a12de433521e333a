/*
 * What a view found in its table lately, and how it knows that it still holds.
 *
 * The feeding thread notes of each change the *version* in which it comes: one more than the
 * last commit's. A view remembers with what it found the version that was committed before its
 * moment began. It holds as long as no change in its group of keys has a later one; else the
 * view looks again, in its own moment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_TABLE_CACHE_H
#define WEIR_STATE_TABLE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <weir/processor.h>

/* ---- versions: one thread writes them, all read ---- */

#define WEIR_VERSION_GROUPS 16384 /* of keys, by their hash */

struct weir_versions {
	uint64_t seed; /* of hashes: keys come from strangers */
	_Atomic(uint64_t) committed;
	_Atomic(uint64_t) newest; /* of `changed` */
	_Atomic(uint64_t) turns;  /* commits and moments, one after the other */
	_Atomic(uint64_t) changed[WEIR_VERSION_GROUPS];
};

struct weir_versions *weir__versions_new(void);
void weir__versions_free(struct weir_versions *versions); /* NULL is fine */

/* Of a key, for what follows here. */
uint64_t weir__versions_hash(const struct weir_versions *versions, struct weir_bytes key);

/* A key's entry is about to change, or all entries are: before the change can be seen. */
void weir__versions_change(struct weir_versions *versions, struct weir_bytes key);
void weir__versions_change_all(struct weir_versions *versions);
/* What was changed is about to be committed; is committed. */
void weir__versions_commit(struct weir_versions *versions);
void weir__versions_committed(struct weir_versions *versions);

/* For a moment that is about to begin; has begun. */
uint64_t weir__versions_now(const struct weir_versions *versions);
void weir__versions_begun(struct weir_versions *versions);

/* Has an entry of that hash not been changed since? */
static inline bool
weir__versions_hold(const struct weir_versions *versions, uint64_t hash, uint64_t version)
{
	return atomic_load_explicit(&versions->newest, memory_order_relaxed) <= version ||
	       atomic_load_explicit(&versions->changed[hash % WEIR_VERSION_GROUPS],
	                            memory_order_relaxed) <= version;
}

/* ---- what was found: one thread ---- */

struct weir_cached {
	uint64_t version;
	uint32_t value_size;
	uint16_t key_size;
	bool is_there;         /* else the table has no such key */
	uint8_t passed;        /* of the view's checks, a bit each */
	unsigned char bytes[]; /* the key's, then the value's */
};

static inline struct weir_bytes
weir__cached_value(const struct weir_cached *cached)
{
	return (struct weir_bytes){cached->bytes + cached->key_size, cached->value_size};
}

struct weir_cache;

/* Takes that much memory at most, and an eighth more to find things in it; as it is used. */
struct weir_cache *weir__cache_new(size_t max_bytes);
void weir__cache_free(struct weir_cache *cache); /* NULL is fine */

/* NULL: it is not there. Valid until room is made, as all that was found or added. */
struct weir_cached *weir__cache_find(const struct weir_cache *cache, uint64_t hash,
                                     struct weir_bytes key);

/* It will be looked for soon: where it would be is fetched meanwhile. */
void weir__cache_expect(const struct weir_cache *cache, uint64_t hash);

/*
 * Remember what was found (null: nothing); what was remembered of the key is forgotten.
 * Copied. NULL: there is no room before some is made, or it is too large.
 */
struct weir_cached *weir__cache_add(struct weir_cache *cache, uint64_t hash,
                                    struct weir_bytes key, struct weir_bytes value,
                                    uint64_t version);

/* Forget the oldest, if there is little room left; while nothing that was found is in use. */
void weir__cache_make_room(struct weir_cache *cache);

#endif
