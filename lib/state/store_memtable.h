/*
 * A memtable: what was written to a state and is not in LMDB yet, found by LMDB key.
 *
 * A key that is written again gets another version. Versions of the batch at hand can be taken
 * back, the last one first; those of committed batches are settled, and of each key only the
 * last one counts. One thread. Zero-initialised is valid and empty.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_STORE_MEMTABLE_H
#define WEIR_STATE_STORE_MEMTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <lmdb.h>

#include <base/alloc.h>

struct weir_version {
	struct weir_version *next;  /* in its bucket */
	struct weir_version *older; /* of this key, not settled */
	uint64_t hash;
	uint32_t key_size;
	uint32_t data_size;
	bool is_deleted;  /* the key is not there, whatever LMDB has */
	bool is_replaced; /* settled, and so is a later one */
	unsigned char bytes[]; /* the key, then the data */
};

struct weir_memtable {
	struct weir_version **buckets;
	size_t bucket_count; /* a power of two */
	uint64_t seed; /* of hashes, drawn with the first buckets: keys come from strangers */
	struct weir_version **log; /* all versions, in the order of writing */
	size_t count, capacity;
	size_t settled; /* so many of the log */
	struct weir_arena arena;
	struct weir_arena_mark settled_arena;
};

/* The last version of `key`; NULL: there is none here. */
struct weir_version *weir__memtable_find(const struct weir_memtable *table,
                                         const MDB_val *key);
static inline MDB_val
weir__version_key(const struct weir_version *version)
{
	return (MDB_val){version->key_size, (void *)version->bytes};
}
static inline MDB_val
weir__version_data(const struct weir_version *version)
{
	return (MDB_val){version->data_size, (void *)(version->bytes + version->key_size)};
}

/* Another version, with room for so much data, which the caller fills in. */
struct weir_version *weir__memtable_add(struct weir_memtable *table, const MDB_val *key,
                                        size_t data_size);

/*
 * Take back what came after the first `count` of the log, which are not fewer than settled; the
 * arena was at `mark` then.
 */
void weir__memtable_back(struct weir_memtable *table, size_t count, struct weir_arena_mark mark);

/* All that is there stays. */
void weir__memtable_settle(struct weir_memtable *table);

/*
 * The last settled version of each key, by key: an array that the caller frees. NULL when
 * *count is 0.
 */
struct weir_version **weir__memtable_sorted(const struct weir_memtable *table, size_t *count);

void weir__memtable_clear(struct weir_memtable *table);
void weir__memtable_fini(struct weir_memtable *table);

#endif
