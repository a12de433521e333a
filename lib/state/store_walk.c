/*
 * Walking through a store in the order of its keys, and removing what has expired.
 *
 * Long keys that begin alike stand together, in the order of their hashes; a walk gathers
 * such a group and sorts it. After a write the cursor's place is looked up anew. The worker's
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <base/loan.h>
#include <state/store_private.h>

/* Long keys of one beginning, sorted. */
struct weir_group {
	struct weir_arena arena;
	struct weir_bytes *keys;
	size_t count, given, capacity;
	uint64_t writes; /* the state's, when they were gathered */
};

static int
compare_bytes(struct weir_bytes a, struct weir_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size ? memcmp(a.data, b.data, size) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int
compare_keys(const void *a, const void *b)
{
	return compare_bytes(*(const struct weir_bytes *)a, *(const struct weir_bytes *)b);
}

static void
set_buffer(struct weir_buffer *buffer, const void *data, size_t size)
{
	buffer->size = 0;
	weir__buffer_add(buffer, data, size);
}

static struct weir_bytes
buffer_bytes(const struct weir_buffer *buffer)
{
	return (struct weir_bytes){buffer->data ? buffer->data : "", buffer->size};
}

/* ---- open and close ---- */

/* Begins at the plain beginning of `from`: entries before it are passed over. */
static struct weir_iterator *
iterator_new(struct weir_store *store, struct weir_bytes from)
{
	struct weir_state *state = store->state;
	struct weir_iterator *iterator = weir__calloc(1, sizeof(*iterator));
	size_t plain = weir__entry_is_long(from.size) ? WEIR_ENTRY_PLAIN_MAX : from.size;
	const unsigned char tag[WEIR_TAG_SIZE] = {(unsigned char)(store->tag >> 8),
	                                          (unsigned char)store->tag};

	iterator->store = store;
	iterator->next = state->iterators;
	state->iterators = iterator;
	set_buffer(&iterator->at, tag, sizeof(tag));
	if (plain)
		weir__buffer_add(&iterator->at, from.data, plain);
	set_buffer(&iterator->from, from.data, from.size);
	return iterator;
}

struct weir_iterator *
weir_store_range(struct weir_store *store, struct weir_bytes from, struct weir_bytes to)
{
	struct weir_iterator *iterator = iterator_new(store, from);

	weir__merge_write_through(store->state);
	iterator->has_to = to.data != NULL;
	set_buffer(&iterator->to, to.data, to.size);
	return iterator;
}

struct weir_iterator *
weir_store_prefix(struct weir_store *store, struct weir_bytes prefix)
{
	struct weir_iterator *iterator = iterator_new(store, prefix);

	weir__merge_write_through(store->state);
	iterator->by_prefix = true;
	set_buffer(&iterator->to, prefix.data, prefix.size);
	return iterator;
}

static void
group_free(struct weir_group *group)
{
	if (!group)
		return;
	weir__arena_fini(&group->arena);
	free(group->keys);
	free(group);
}

void
weir_iterator_close(struct weir_iterator *iterator)
{
	struct weir_iterator **link;

	if (!iterator)
		return;
	link = &iterator->store->state->iterators;
	while (*link != iterator)
		link = &(*link)->next;
	*link = iterator->next;
	if (iterator->cursor)
		mdb_cursor_close(iterator->cursor);
	group_free(iterator->group);
	weir__buffer_fini(&iterator->at);
	weir__buffer_fini(&iterator->from);
	weir__buffer_fini(&iterator->to);
	free(iterator);
}

void
weir__iterators_close(struct weir_state *state)
{
	while (state->iterators)
		weir_iterator_close(state->iterators);
}

/* ---- the cursor ---- */

/* To the next LMDB entry of the store: 0, MDB_NOTFOUND, or another code. */
static int
step_cursor(struct weir_iterator *iterator, MDB_val *key, MDB_val *data)
{
	struct weir_state *state = iterator->store->state;
	bool was_placed = iterator->is_placed;
	int code = 0;

	if (!iterator->cursor)
		code = mdb_cursor_open(state->txn, state->dbi, &iterator->cursor);
	if (code)
		return code;
	if (was_placed && iterator->writes == state->writes) {
		code = mdb_cursor_get(iterator->cursor, key, data, MDB_NEXT);
	} else {
		*key = (MDB_val){iterator->at.size, iterator->at.data};
		code = mdb_cursor_get(iterator->cursor, key, data, MDB_SET_RANGE);
		if (code == 0 && was_placed && key->mv_size == iterator->at.size &&
		    memcmp(key->mv_data, iterator->at.data, key->mv_size) == 0)
			code = mdb_cursor_get(iterator->cursor, key, data, MDB_NEXT);
	}
	if (code)
		return code;
	if (key->mv_size < WEIR_TAG_SIZE ||
	    memcmp(key->mv_data, iterator->at.data, WEIR_TAG_SIZE) != 0)
		return MDB_NOTFOUND;
	set_buffer(&iterator->at, key->mv_data, key->mv_size);
	iterator->writes = state->writes;
	iterator->is_placed = true;
	return 0;
}

/* ---- groups ---- */

static void
group_add(struct weir_group *group, struct weir_bytes key)
{
	if (group->count == group->capacity) {
		group->capacity = group->capacity ? 2 * group->capacity : 16;
		group->keys = weir__realloc(group->keys, group->capacity * sizeof(*group->keys));
	}
	group->keys[group->count++] = weir__arena_copy(&group->arena, key);
}

/* All long keys that begin as the one at `key` does; the cursor then stands on the last. */
static int
gather(struct weir_iterator *iterator, MDB_val *key, MDB_val *data)
{
	struct weir_group *group = iterator->group;
	struct weir_entry entry;
	char beginning[WEIR_TAG_SIZE + WEIR_ENTRY_PLAIN_MAX];
	int code = 0;

	memcpy(beginning, key->mv_data, sizeof(beginning));
	while (code == 0 && key->mv_size == WEIR_LONG_SIZE &&
	       memcmp(key->mv_data, beginning, sizeof(beginning)) == 0) {
		if (!weir__entry_read(key, data, &entry))
			return MDB_CORRUPTED;
		group_add(group, entry.key);
		set_buffer(&iterator->at, key->mv_data, key->mv_size);
		code = mdb_cursor_get(iterator->cursor, key, data, MDB_NEXT);
	}
	iterator->writes--; /* the cursor is one ahead of `at`: look it up */
	if (group->count)
		qsort(group->keys, group->count, sizeof(*group->keys), compare_keys);
	group->writes = iterator->store->state->writes;
	return code == MDB_NOTFOUND ? 0 : code;
}

static int
group_begin(struct weir_iterator *iterator, MDB_val *key, MDB_val *data)
{
	iterator->group = weir__calloc(1, sizeof(*iterator->group));
	return gather(iterator, key, data);
}

/* Something was written: gather anew, and go on behind the last key that was given. */
static int
group_again(struct weir_iterator *iterator)
{
	struct weir_group *group = iterator->group, *before = group;
	struct weir_bytes last = group->given ? group->keys[group->given - 1]
	                                      : (struct weir_bytes){"", 0};
	MDB_val key = {WEIR_TAG_SIZE + WEIR_ENTRY_PLAIN_MAX + 1, iterator->at.data}, data;
	char zero = iterator->at.data[key.mv_size - 1];
	int code;

	iterator->at.data[key.mv_size - 1] = '\0'; /* the smallest hash, or nearly */
	code = mdb_cursor_get(iterator->cursor, &key, &data, MDB_SET_RANGE);
	iterator->at.data[WEIR_TAG_SIZE + WEIR_ENTRY_PLAIN_MAX] = zero;
	if (code && code != MDB_NOTFOUND)
		return code;
	iterator->group = weir__calloc(1, sizeof(*iterator->group));
	iterator->group->writes = iterator->store->state->writes;
	if (code == 0 && key.mv_size == WEIR_LONG_SIZE &&
	    memcmp(key.mv_data, iterator->at.data, WEIR_TAG_SIZE + WEIR_ENTRY_PLAIN_MAX) == 0)
		code = gather(iterator, &key, &data);
	group = iterator->group;
	while (group->given < group->count && before->given &&
	       compare_bytes(group->keys[group->given], last) <= 0)
		group->given++;
	group_free(before);
	return code == MDB_NOTFOUND ? 0 : code;
}

/* The next entry of the group: 0, MDB_NOTFOUND (it is through), or another code. */
static int
step_group(struct weir_iterator *iterator, struct weir_entry *entry)
{
	struct weir_store *store = iterator->store;
	struct weir_entry_key made;
	MDB_val key, data;
	int code = 0;

	if (iterator->group->writes != store->state->writes)
		code = group_again(iterator);
	if (code)
		return code;
	if (iterator->group->given == iterator->group->count) {
		group_free(iterator->group);
		iterator->group = NULL;
		return MDB_NOTFOUND;
	}
	weir__entry_key(store, iterator->group->keys[iterator->group->given++], &made);
	key = (MDB_val){made.size, made.bytes};
	code = mdb_get(store->state->txn, store->state->dbi, &key, &data);
	if (code)
		return code == MDB_NOTFOUND ? MDB_CORRUPTED : code;
	return weir__entry_read(&key, &data, entry) ? 0 : MDB_CORRUPTED;
}

/* ---- the walk ---- */

/* The next entry, whatever it is: 0, MDB_NOTFOUND, or another code. */
static int
step(struct weir_iterator *iterator, struct weir_entry *entry)
{
	MDB_val key, data;
	int code;

	for (;;) {
		if (iterator->group) {
			code = step_group(iterator, entry);
			if (code != MDB_NOTFOUND)
				return code;
		}
		code = step_cursor(iterator, &key, &data);
		if (code)
			return code;
		if (key.mv_size != WEIR_LONG_SIZE)
			return weir__entry_read(&key, &data, entry) ? 0 : MDB_CORRUPTED;
		code = group_begin(iterator, &key, &data);
		if (code)
			return code;
	}
}

static bool
is_behind(const struct weir_iterator *iterator, struct weir_bytes key)
{
	struct weir_bytes to = buffer_bytes(&iterator->to);

	if (iterator->by_prefix)
		return key.size < to.size || (to.size && memcmp(key.data, to.data, to.size) != 0);
	return iterator->has_to && compare_bytes(key, to) >= 0;
}

int
weir_iterator_next(struct weir_iterator *iterator, struct weir_bytes *key,
                   struct weir_bytes *value)
{
	struct weir_store *store = iterator->store;
	struct weir_entry entry;
	int code;

	if (!weir__state_txn(store->state))
		return WEIR_EIO;
	do {
		code = step(iterator, &entry);
		if (code == MDB_NOTFOUND)
			return WEIR_ENOTFOUND;
		if (code)
			return weir__state_fail(store->state, code, "cannot read");
	} while (compare_bytes(entry.key, buffer_bytes(&iterator->from)) < 0 ||
	         (weir__entry_expired(store, &entry, store->state->time_ms) &&
	          !is_behind(iterator, entry.key)));
	/* keys only grow, except that the first long keys of a group may still be before `from` */
	if (is_behind(iterator, entry.key))
		return WEIR_ENOTFOUND;
	if (key)
		*key = weir__lend_until_write(entry.key);
	if (value)
		*value = weir__lend_until_write(entry.value);
	return 0;
}

/* ---- expiry ---- */

/* LMDB's entry counts no more: it is looked at when the one that waits has taken its place. */
static bool
is_overwritten(const struct weir_state *state, const MDB_val *key)
{
	return weir__state_is_held(state) && weir__merge_waits(state) &&
	       weir__merge_find(state, key);
}

/* Look at `visits` entries from where the last sweep ended; what has expired goes to `found`. */
static int
look(struct weir_store *store, size_t visits, struct weir_group *found)
{
	struct weir_iterator *iterator = iterator_new(store, (struct weir_bytes){"", 0});
	MDB_val key, data;
	struct weir_entry entry;
	int code = 0;

	if (store->sweep_key.size)
		set_buffer(&iterator->at, store->sweep_key.data, store->sweep_key.size);
	else
		store->sweep_oldest_ms = INT64_MAX;
	while (visits-- > 0 && (code = step_cursor(iterator, &key, &data)) == 0) {
		if (!weir__entry_read(&key, &data, &entry))
			return MDB_CORRUPTED;
		if (is_overwritten(store->state, &key))
			continue;
		if (weir__entry_expired(store, &entry, store->state->stream_ms))
			group_add(found, entry.key);
		else if (entry.time_ms < store->sweep_oldest_ms)
			store->sweep_oldest_ms = entry.time_ms;
	}
	store->sweep_key.size = 0;
	if (code == 0)
		set_buffer(&store->sweep_key, iterator->at.data, iterator->at.size);
	else if (code == MDB_NOTFOUND) /* all seen: nothing can expire before its time is up */
		store->sweep_due_ms = store->sweep_oldest_ms == INT64_MAX
		                              ? 0
		                              : store->sweep_oldest_ms + store->ttl_ms;
	weir_iterator_close(iterator);
	return code == MDB_NOTFOUND ? 0 : code;
}

static int
sweep(struct weir_store *store, size_t visits)
{
	struct weir_group *found = weir__calloc(1, sizeof(*found));
	int code = look(store, visits, found);

	for (size_t index = 0; index < found->count && !store->state->failed; index++)
		weir__store_erase(store, found->keys[index]);
	group_free(found);
	return code;
}

void
weir__state_sweep(struct weir_state *state, size_t visits)
{
	for (size_t index = 0; index < state->store_count; index++) {
		struct weir_store *store = &state->stores[index];
		int code = 0;

		if (store->ttl_ms > 0 && state->stream_ms >= store->sweep_due_ms &&
		    weir__state_txn(state))
			code = sweep(store, visits);
		if (code)
			weir__state_fail(state, code, "cannot read");
	}
}

/* A round that is under way goes on, and what it has passed is seen by another one. */
void
weir__sweeps_anew(struct weir_state *state)
{
	for (size_t index = 0; index < state->store_count; index++)
		state->stores[index].sweep_oldest_ms = state->stores[index].sweep_due_ms = 0;
}
