/*
 * What a view found in its table lately (see table_cache.h).
 *
 * Entries stand one behind the other in a ring of bytes; a table of slots, by the hash of their
 * keys, says where. The ring forgets from its old end, a quarter at once and only between
 * moments, so that what a callback was given stays where it is. LMDB's own memory would not do:
 * its pages are written anew when a moment is over. A look here touches two or three lines of
 * memory that are not in the processor's cache, a search in LMDB's tree ten.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <base/alloc.h>
#include <base/random.h>
#include <state/table_cache.h>

#define FIRST_SLOTS 256
#define ENTRIES_MIN 64 /* the largest entry may take so much of the ring */
#define LINE 64
#define HUGE_PAGE ((size_t)2 << 20)

/* ---- versions ---- */

struct weir_versions *
weir__versions_new(void)
{
	struct weir_versions *versions = weir__calloc(1, sizeof(*versions));

	versions->seed = weir__random();
	return versions;
}

void
weir__versions_free(struct weir_versions *versions)
{
	free(versions);
}

uint64_t
weir__versions_hash(const struct weir_versions *versions, struct weir_bytes key)
{
	return XXH3_64bits_withSeed(key.data, key.size, versions->seed);
}

static uint64_t
next_version(const struct weir_versions *versions)
{
	return atomic_load_explicit(&versions->committed, memory_order_relaxed) + 1;
}

void
weir__versions_change(struct weir_versions *versions, struct weir_bytes key)
{
	uint64_t next = next_version(versions);
	uint64_t group = weir__versions_hash(versions, key) % WEIR_VERSION_GROUPS;

	atomic_store_explicit(&versions->changed[group], next, memory_order_relaxed);
	atomic_store_explicit(&versions->newest, next, memory_order_relaxed);
}

void
weir__versions_change_all(struct weir_versions *versions)
{
	uint64_t next = next_version(versions);

	for (size_t group = 0; group < WEIR_VERSION_GROUPS; group++)
		atomic_store_explicit(&versions->changed[group], next, memory_order_relaxed);
	atomic_store_explicit(&versions->newest, next, memory_order_relaxed);
	weir__versions_commit(versions);
}

/*
 * Who sees the commit sees what changed: its moment takes a later turn. No fence, which
 * ThreadSanitizer would not know.
 */
static void
take_turn(struct weir_versions *versions)
{
	atomic_fetch_add_explicit(&versions->turns, 1, memory_order_seq_cst);
}

void
weir__versions_commit(struct weir_versions *versions)
{
	take_turn(versions);
}

void
weir__versions_committed(struct weir_versions *versions)
{
	atomic_store_explicit(&versions->committed, next_version(versions),
	                      memory_order_release);
}

uint64_t
weir__versions_now(const struct weir_versions *versions)
{
	return atomic_load_explicit(&versions->committed, memory_order_acquire);
}

void
weir__versions_begun(struct weir_versions *versions)
{
	take_turn(versions);
}

/* ---- the ring ---- */

/* Where an entry of that hash stands; place 0: nowhere. */
struct slot {
	uint32_t hash; /* the lower half of it */
	uint32_t place;
};

/* Bytes of the ring are counted on and on; `begin` to `end` is in use, the newest last. */
struct weir_cache {
	unsigned char *ring; /* NULL: nothing was ever found */
	uint64_t size, begin, end;
	struct slot *slots;
	size_t slot_count, used_slots; /* a power of two; at most three quarters of them */
};

/*
 * Looked into at random, small pages would cost as much as the memory itself: on huge ones
 * the processor knows where they are.
 */
static void *
spacious(size_t size)
{
	void *memory;

	if (size < HUGE_PAGE || posix_memalign(&memory, HUGE_PAGE, size) != 0)
		return weir__alloc(size);
	madvise(memory, size, MADV_HUGEPAGE); /* it is as right without */
	return memory;
}

struct weir_cache *
weir__cache_new(size_t max_bytes)
{
	struct weir_cache *cache = weir__calloc(1, sizeof(*cache));

	cache->size = max_bytes - max_bytes % sizeof(struct weir_cached);
	return cache;
}

void
weir__cache_free(struct weir_cache *cache)
{
	if (!cache)
		return;
	free(cache->ring);
	free(cache->slots);
	free(cache);
}

/* Entries begin at multiples of their head's size, so that a place is a small number. */
static size_t
whole(size_t size)
{
	const size_t unit = sizeof(struct weir_cached);

	return (size + unit - 1) / unit * unit;
}

static uint32_t
place_of(const struct weir_cache *cache, uint64_t at)
{
	return 1 + (uint32_t)(at % cache->size / sizeof(struct weir_cached));
}

static struct weir_cached *
entry_at(const struct weir_cache *cache, uint32_t place)
{
	return (struct weir_cached *)(cache->ring + (place - 1) * sizeof(struct weir_cached));
}

/* ---- slots ---- */

static struct slot *
free_slot(const struct weir_cache *cache, uint32_t hash)
{
	size_t slot = hash & (cache->slot_count - 1);

	while (cache->slots[slot].place)
		slot = (slot + 1) & (cache->slot_count - 1);
	return &cache->slots[slot];
}

/* How far behind the newest byte: what is in use is not farther than `begin`. */
static bool
is_in_use(const struct weir_cache *cache, uint32_t place)
{
	uint64_t at = (place - 1) * sizeof(struct weir_cached);
	uint64_t back = (cache->end % cache->size + cache->size - at) % cache->size;

	return (back ? back : cache->size) <= cache->end - cache->begin;
}

/* A new table with those whose entries are in use. */
static void
set_slots(struct weir_cache *cache, size_t count)
{
	struct slot *former = cache->slots;
	size_t former_count = cache->slot_count;

	cache->slots = memset(spacious(count * sizeof(*cache->slots)), 0,
	                      count * sizeof(*cache->slots));
	cache->slot_count = count;
	cache->used_slots = 0;
	for (size_t index = 0; index < former_count; index++) {
		if (!former[index].place || !is_in_use(cache, former[index].place))
			continue;
		*free_slot(cache, former[index].hash) = former[index];
		cache->used_slots++;
	}
	free(former);
}

static bool
is_key(const struct weir_cached *entry, struct weir_bytes key)
{
	return entry->key_size == key.size &&
	       (key.size == 0 || memcmp(entry->bytes, key.data, key.size) == 0);
}

/* The slot of a key; NULL: it has none. */
static struct slot *
find_slot(const struct weir_cache *cache, uint32_t hash, struct weir_bytes key)
{
	size_t slot = hash & (cache->slot_count - 1);

	for (; cache->slots[slot].place; slot = (slot + 1) & (cache->slot_count - 1)) {
		const struct weir_cached *entry;

		if (cache->slots[slot].hash != hash)
			continue;
		entry = entry_at(cache, cache->slots[slot].place);
		__builtin_prefetch((const unsigned char *)entry + LINE);
		__builtin_prefetch((const unsigned char *)entry + 2 * LINE);
		if (is_key(entry, key))
			return &cache->slots[slot];
	}
	return NULL;
}

/* ---- finding and adding ---- */

void
weir__cache_expect(const struct weir_cache *cache, uint64_t hash)
{
	if (cache->slots)
		__builtin_prefetch(&cache->slots[(uint32_t)hash & (cache->slot_count - 1)]);
}

struct weir_cached *
weir__cache_find(const struct weir_cache *cache, uint64_t hash, struct weir_bytes key)
{
	struct slot *slot = cache->slots ? find_slot(cache, (uint32_t)hash, key) : NULL;

	return slot ? entry_at(cache, slot->place) : NULL;
}

static struct slot *
slot_for(struct weir_cache *cache, uint32_t hash, struct weir_bytes key)
{
	struct slot *slot = find_slot(cache, hash, key);

	if (slot)
		return slot;
	if (4 * (cache->used_slots + 1) > 3 * cache->slot_count)
		set_slots(cache, 2 * cache->slot_count);
	cache->used_slots++;
	return free_slot(cache, hash);
}

/* Room for so many bytes on end. False: not before some is made. */
static bool
take_room(struct weir_cache *cache, size_t size, uint64_t *at)
{
	uint64_t left = cache->size - cache->end % cache->size;

	*at = left < size ? cache->end + left : cache->end;
	if (*at + size - cache->begin > cache->size)
		return false;
	cache->end = *at + size;
	return true;
}

struct weir_cached *
weir__cache_add(struct weir_cache *cache, uint64_t hash, struct weir_bytes key,
                struct weir_bytes value, uint64_t version)
{
	struct weir_cached *entry;
	struct slot *slot;
	uint64_t at;

	if (key.size > UINT16_MAX ||
	    sizeof(*entry) + key.size + value.size > cache->size / ENTRIES_MIN ||
	    !take_room(cache, whole(sizeof(*entry) + key.size + value.size), &at))
		return NULL;
	if (!cache->ring) {
		cache->ring = spacious(cache->size);
		set_slots(cache, FIRST_SLOTS);
	}
	slot = slot_for(cache, (uint32_t)hash, key);
	*slot = (struct slot){(uint32_t)hash, place_of(cache, at)};
	entry = entry_at(cache, slot->place);
	*entry = (struct weir_cached){
		.version = version,
		.value_size = (uint32_t)value.size,
		.key_size = (uint16_t)key.size,
		.is_there = value.data != NULL,
	};
	if (key.size)
		memcpy(entry->bytes, key.data, key.size);
	if (value.size)
		memcpy(entry->bytes + key.size, value.data, value.size);
	return entry;
}

void
weir__cache_make_room(struct weir_cache *cache)
{
	uint64_t kept = cache->size - cache->size / 4;

	if (cache->end - cache->begin <= cache->size - cache->size / 8)
		return;
	cache->begin = cache->end - kept;
	set_slots(cache, cache->slot_count);
}
