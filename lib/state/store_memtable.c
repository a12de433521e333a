/*
 * A memtable (store_memtable.h): a hash table whose buckets are chains of versions.
 *
 * Chained by hand: a version stands for all before it of its key, and gives its place back to
 * them when it is taken back. The thread of its state.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <base/random.h>
#include <state/store_memtable.h>

#define FEWEST_BUCKETS 256

static uint64_t
hash_of(const struct weir_memtable *table, const MDB_val *key)
{
	return XXH3_64bits_withSeed(key->mv_data, key->mv_size, table->seed);
}

/* ---- buckets ---- */

static struct weir_version **
bucket_of(const struct weir_memtable *table, uint64_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

static bool
is_of(const struct weir_version *version, const MDB_val *key, uint64_t hash)
{
	return version->hash == hash && version->key_size == key->mv_size &&
	       memcmp(version->bytes, key->mv_data, key->mv_size) == 0;
}

struct weir_version *
weir__memtable_find(const struct weir_memtable *table, const MDB_val *key)
{
	struct weir_version *version;
	uint64_t hash;

	if (table->count == 0)
		return NULL;
	hash = hash_of(table, key);
	version = *bucket_of(table, hash);
	while (version && !is_of(version, key, hash))
		version = version->next;
	return version;
}

static void
more_buckets(struct weir_memtable *table)
{
	struct weir_version **before = table->buckets;
	size_t count = table->bucket_count;

	if (count == 0)
		table->seed = weir__random();
	table->bucket_count = count ? 2 * count : FEWEST_BUCKETS;
	table->buckets = weir__calloc(table->bucket_count, sizeof(struct weir_version *));
	for (size_t index = 0; index < count; index++) {
		struct weir_version *version = before[index], *next;

		for (; version; version = next) {
			struct weir_version **bucket = bucket_of(table, version->hash);

			next = version->next;
			version->next = *bucket;
			*bucket = version;
		}
	}
	free(before);
}

/* ---- versions ---- */

/* It takes the place of the version before it, or comes first in its bucket. */
static void
link_in(struct weir_memtable *table, struct weir_version *version, const MDB_val *key)
{
	struct weir_version **link = bucket_of(table, version->hash);

	while (*link && !is_of(*link, key, version->hash))
		link = &(*link)->next;
	version->older = *link;
	if (*link) {
		version->next = (*link)->next;
	} else {
		link = bucket_of(table, version->hash);
		version->next = *link;
	}
	*link = version;
}

static void
log_add(struct weir_memtable *table, struct weir_version *version)
{
	if (table->count == table->capacity) {
		table->capacity = table->capacity ? 2 * table->capacity : FEWEST_BUCKETS;
		table->log = weir__realloc(table->log, table->capacity * sizeof(*table->log));
	}
	table->log[table->count++] = version;
}

struct weir_version *
weir__memtable_add(struct weir_memtable *table, const MDB_val *key, size_t data_size)
{
	struct weir_version *version = weir__arena_alloc(
		&table->arena, sizeof(*version) + key->mv_size + data_size);

	if (table->count >= table->bucket_count)
		more_buckets(table);
	*version = (struct weir_version){
		.hash = hash_of(table, key),
		.key_size = (uint32_t)key->mv_size,
		.data_size = (uint32_t)data_size,
	};
	memcpy(version->bytes, key->mv_data, key->mv_size);
	link_in(table, version, key);
	log_add(table, version);
	return version;
}

void
weir__memtable_back(struct weir_memtable *table, size_t count, struct weir_arena_mark mark)
{
	while (table->count > count) {
		struct weir_version *version = table->log[--table->count];
		struct weir_version **link = bucket_of(table, version->hash);

		while (*link != version)
			link = &(*link)->next;
		*link = version->next;
		if (version->older) {
			version->older->next = version->next;
			*link = version->older;
		}
	}
	weir__arena_back(&table->arena, mark);
}

void
weir__memtable_settle(struct weir_memtable *table)
{
	for (; table->settled < table->count; table->settled++) {
		struct weir_version *version = table->log[table->settled];

		if (version->older)
			version->older->is_replaced = true;
		version->older = NULL;
	}
	table->settled_arena = weir__arena_mark(&table->arena);
}

/* ---- in order ---- */

/* The first bytes of the key beside it: most comparisons end there, without a look at it. */
struct row {
	uint64_t head[2]; /* big-endian */
	struct weir_version *version;
};

static uint64_t
head_of(const struct weir_version *version, size_t from)
{
	uint64_t head = 0;

	for (size_t at = from; at < from + 8; at++)
		head = head << 8 | (at < version->key_size ? version->bytes[at] : 0);
	return head;
}

static int
compare_rows(const void *first, const void *second)
{
	const struct row *a = first, *b = second;
	size_t a_size = a->version->key_size, b_size = b->version->key_size;
	int order;

	for (int part = 0; part < 2; part++)
		if (a->head[part] != b->head[part])
			return a->head[part] < b->head[part] ? -1 : 1;
	order = memcmp(a->version->bytes, b->version->bytes, a_size < b_size ? a_size : b_size);
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

struct weir_version **
weir__memtable_sorted(const struct weir_memtable *table, size_t *count)
{
	struct row *rows = weir__alloc(table->settled * sizeof(*rows));
	struct weir_version **sorted;

	*count = 0;
	for (size_t index = 0; index < table->settled; index++) {
		struct weir_version *version = table->log[index];

		if (!version->is_replaced)
			rows[(*count)++] = (struct row){
				{head_of(version, 0), head_of(version, 8)}, version};
	}
	if (*count)
		qsort(rows, *count, sizeof(*rows), compare_rows);
	sorted = *count ? weir__alloc(*count * sizeof(struct weir_version *)) : NULL;
	for (size_t index = 0; index < *count; index++)
		sorted[index] = rows[index].version;
	free(rows);
	return sorted;
}

/* ---- the end ---- */

void
weir__memtable_clear(struct weir_memtable *table)
{
	if (table->count)
		memset(table->buckets, 0, table->bucket_count * sizeof(struct weir_version *));
	table->count = table->settled = 0;
	weir__arena_reset(&table->arena);
	table->settled_arena = weir__arena_mark(&table->arena);
}

void
weir__memtable_fini(struct weir_memtable *table)
{
	free(table->buckets);
	free(table->log);
	weir__arena_fini(&table->arena);
	memset(table, 0, sizeof(*table));
}
