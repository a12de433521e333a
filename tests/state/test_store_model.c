/*
 * Random operations on stores beside a plain model in memory: an array an entry, searched from
 * front to back. What is committed also goes to a changelog, an array too, from which a crash
 * is made good. Seeds are printed; `test_store_model SEED` replays one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <base/alloc.h>

#include "tests/harness.h"
#include "tests/state/fixture.h"

#define ENTRIES 400
#define KEY_MAX 600

struct entry {
	bool there;
	size_t key_size;
	unsigned char key[KEY_MAX];
	unsigned value; /* what is stored are its 4 bytes, as often as the size says */
	size_t value_size;
	int64_t time_ms;
};

struct model {
	struct entry entries[FIXTURE_STORES][ENTRIES];
	int64_t stream_ms;
};

/* A record of the changelog. */
struct logged {
	unsigned store;
	struct weir_bytes key, value;
	int64_t time_ms;
};

static struct logged *changelog;
static size_t logged, committed, log_capacity;
static struct weir_arena log_arena;

static struct fixture fixture;
static struct model now, at_record, at_batch;
static int64_t record_ms;
static uint64_t random_state;
static unsigned long seed;
static int runs = 100;
static int64_t latest_ms; /* of all records, those that were taken back too */
static bool only_reads;   /* this batch */
static unsigned walks_each; /* of so many batches one does, then no write waits; 0: none */
static bool walks_now;

static unsigned
pick(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(random_state >> 33) % below;
}

/* Keys that meet often; some long, of one beginning. */
static size_t
pick_key(unsigned char *key)
{
	static const size_t long_sizes[] = {491, 492, 493, 494, 520};
	size_t size = pick(4);

	if (pick(4) == 0)
		size = long_sizes[pick(5)] + pick(3);
	memset(key, 'a' + (size > 400 && pick(3) == 0), size);
	for (unsigned change = 0; size > 0 && change < 2; change++)
		key[size - 1 - pick(size < 3 ? (unsigned)size : 3)] =
			(unsigned char)('a' + pick(4));
	return size;
}

static int
compare(const unsigned char *a, size_t a_size, const unsigned char *b, size_t b_size)
{
	int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

	return order ? order : (a_size > b_size) - (a_size < b_size);
}

static bool
is_expired(unsigned store, const struct entry *entry)
{
	return store == 2 && record_ms - entry->time_ms >= FIXTURE_TTL_MS;
}

/* The model's entry for `key`; a free one, when there is none. */
static struct entry *
lookup(unsigned store, const unsigned char *key, size_t size)
{
	struct entry *entries = now.entries[store], *none = NULL;

	for (size_t index = 0; index < ENTRIES; index++) {
		if (!entries[index].there)
			none = none ? none : &entries[index];
		else if (compare(entries[index].key, entries[index].key_size, key, size) == 0)
			return &entries[index];
	}
	ck_assert_ptr_nonnull(none);
	return none;
}

static void
fill(unsigned char *bytes, unsigned value, size_t size)
{
	for (size_t index = 0; index < size; index++)
		bytes[index] = (unsigned char)(value >> (8 * (index % 4)));
}

static void
check_value(const struct entry *entry, struct weir_bytes value)
{
	unsigned char bytes[KEY_MAX];

	fill(bytes, entry->value, entry->value_size);
	ck_assert_msg(value.size == entry->value_size &&
	                      memcmp(value.data, bytes, value.size) == 0,
	              "seed %lu: value differs", seed);
}

static void
set_entry(struct entry *entry, const unsigned char *key, size_t size, unsigned value,
          size_t value_size)
{
	entry->there = true;
	entry->key_size = size;
	memcpy(entry->key, key, size);
	entry->value = value;
	entry->value_size = value_size;
	entry->time_ms = record_ms;
}

static void
put(unsigned store, bool only_new)
{
	unsigned char key[KEY_MAX], bytes[KEY_MAX];
	size_t size = pick_key(key);
	struct entry *entry = lookup(store, key, size);
	unsigned value = pick(1u << 30);
	size_t value_size = pick(8) ? pick(12) : pick(KEY_MAX);
	bool exists = entry->there && !is_expired(store, entry);
	struct weir_bytes k = {key, size}, v = {bytes, value_size};
	int code;

	fill(bytes, value, value_size);
	code = only_new ? weir_store_put_new(fixture_store(&fixture, store), k, v)
	                : weir_store_put(fixture_store(&fixture, store), k, v);
	ck_assert_msg(code == (only_new && exists ? WEIR_EEXISTS : 0), "seed %lu: put: %d", seed,
	              code);
	if (code)
		return;
	set_entry(entry, key, size, value, value_size);
}

/* The value of a key under another one, or what it begins with: borrowed, as it was lent. */
static void
copy(unsigned store)
{
	unsigned char key[KEY_MAX], to[KEY_MAX];
	size_t size = pick_key(key), to_size = pick_key(to);
	struct weir_store *handle = fixture_store(&fixture, store);
	struct entry *from = lookup(store, key, size), *entry = lookup(store, to, to_size);
	struct weir_bytes value;
	unsigned number = from->value;

	if (weir_store_get(handle, (struct weir_bytes){key, size}, &value))
		return;
	check_value(from, value);
	value.size -= pick(2) ? pick((unsigned)value.size + 1) : 0;
	ck_assert_int_eq(weir_store_put(handle, (struct weir_bytes){to, to_size}, value), 0);
	set_entry(entry, to, to_size, number, value.size);
}

static void
erase(unsigned store)
{
	unsigned char key[KEY_MAX];
	size_t size = pick_key(key);
	struct entry *entry = lookup(store, key, size);
	bool exists = entry->there && !is_expired(store, entry);
	int code = weir_store_delete(fixture_store(&fixture, store),
	                             (struct weir_bytes){key, size});

	ck_assert_msg(code == (exists ? 0 : WEIR_ENOTFOUND), "seed %lu: delete: %d", seed, code);
	if (exists)
		entry->there = false;
}

static void
get(unsigned store)
{
	unsigned char key[KEY_MAX];
	size_t size = pick_key(key);
	struct entry *entry = lookup(store, key, size);
	bool exists = entry->there && !is_expired(store, entry);
	struct weir_bytes value;
	int code = weir_store_get(fixture_store(&fixture, store), (struct weir_bytes){key, size},
	                          &value);

	ck_assert_msg(code == (exists ? 0 : WEIR_ENOTFOUND), "seed %lu: get: %d", seed, code);
	if (exists)
		check_value(entry, value);
}

/* The model's smallest key that is at or (after) behind `last`. */
static struct entry *
following(unsigned store, const unsigned char *last, size_t size, bool after)
{
	struct entry *entries = now.entries[store], *best = NULL;

	for (size_t index = 0; index < ENTRIES; index++) {
		struct entry *entry = &entries[index];
		int order = compare(entry->key, entry->key_size, last, size);

		if (!entry->there || is_expired(store, entry) || (after ? order <= 0 : order < 0))
			continue;
		if (!best ||
		    compare(entry->key, entry->key_size, best->key, best->key_size) < 0)
			best = entry;
	}
	return best;
}

/* A walk, with writes between its steps: what is ahead of it shows. */
static void
walk(unsigned store)
{
	unsigned char from[KEY_MAX], to[KEY_MAX], last[KEY_MAX];
	size_t from_size = pick_key(from), to_size = pick_key(to), last_size = from_size;
	bool by_prefix = pick(2) == 0, writes = pick(2) == 0 && !only_reads, after = false;
	struct weir_store *handle = fixture_store(&fixture, store);
	struct weir_bytes key, value, null = {NULL, 0};
	struct weir_iterator *iterator;
	bool open_end = pick(4) == 0;

	memcpy(last, from, from_size);
	if (by_prefix)
		iterator = weir_store_prefix(handle, (struct weir_bytes){from, from_size});
	else
		iterator = weir_store_range(handle, (struct weir_bytes){from, from_size},
		                            open_end ? null : (struct weir_bytes){to, to_size});
	for (;;) {
		struct entry *next = following(store, last, last_size, after);
		int code = weir_iterator_next(iterator, &key, &value);

		if (next && by_prefix)
			next = next->key_size >= from_size &&
			                       memcmp(next->key, from, from_size) == 0
			               ? next : NULL;
		if (next && !by_prefix && !open_end &&
		    compare(next->key, next->key_size, to, to_size) >= 0)
			next = NULL;
		ck_assert_msg(code == (next ? 0 : WEIR_ENOTFOUND), "seed %lu: walk: %d", seed,
		              code);
		if (!next)
			break;
		ck_assert_msg(compare(key.data, key.size, next->key, next->key_size) == 0,
		              "seed %lu: walk gave another key", seed);
		check_value(next, value);
		memcpy(last, key.data, key.size);
		last_size = key.size;
		after = true;
		if (writes && pick(4) == 0 && value.size > 0) {
			value.size -= 1 + pick((unsigned)value.size);
			ck_assert_int_eq(weir_store_put(handle, key, value), 0);
			set_entry(next, last, last_size, next->value, value.size);
		}
		if (writes && pick(3) == 0)
			put(store, false);
		if (writes && pick(5) == 0)
			erase(store);
	}
	if (pick(2))
		weir_iterator_close(iterator);
}

static void
log_changes(void)
{
	size_t count;
	const struct weir_change *changes = weir__state_changes(fixture.state, &count);

	for (size_t index = 0; index < count; index++) {
		if (logged == log_capacity) {
			log_capacity = 2 * log_capacity + 64;
			changelog = weir__realloc(changelog, log_capacity * sizeof(*changelog));
		}
		changelog[logged++] = (struct logged){
			changes[index].index, weir__arena_copy(&log_arena, changes[index].key),
			weir__arena_copy(&log_arena, changes[index].value),
			changes[index].time_ms};
	}
}

/* What the files are behind the changelog; from any of the places before is fine. */
static void
restore(void)
{
	int64_t positions[FIXTURE_STORES];
	struct weir_error error = {0};

	for (unsigned store = 0; store < FIXTURE_STORES; store++) {
		size_t at = (size_t)weir__state_position(fixture.state, store);

		ck_assert_msg(at <= committed, "seed %lu: kept more than was committed", seed);
		for (; at < committed; at++)
			if (changelog[at].store == store)
				ck_assert_int_eq(weir__state_apply(
							 fixture.state, store,
							 changelog[at].key, changelog[at].value,
							 changelog[at].time_ms, &error),
				                 0);
		positions[store] = (int64_t)committed;
	}
	weir__state_caught_up(fixture.state);
	ck_assert_int_eq(weir__state_commit(fixture.state, positions, &error), 0);
	/* the time of a record that wrote nothing is in no changelog */
	ck_assert_msg(weir__state_stream_ms(fixture.state) <= latest_ms,
	              "seed %lu: a time that never was", seed);
	now.stream_ms = weir__state_stream_ms(fixture.state);
}

/* What a sweep removes had expired for the task, if not for each record that is late. */
static void
sweep(void)
{
	const struct weir_change *changes;
	size_t count;

	weir__state_enter(fixture.state);
	weir__state_sweep(fixture.state, pick(100));
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	changes = weir__state_changes(fixture.state, &count);
	for (size_t index = 0; index < count; index++) {
		struct entry *entry = lookup(changes[index].index, changes[index].key.data,
		                             changes[index].key.size);

		ck_assert_msg(!changes[index].value.data && entry->there &&
		                      now.stream_ms - entry->time_ms >= FIXTURE_TTL_MS,
		              "seed %lu: swept what had not expired", seed);
		entry->there = false;
	}
	log_changes();
}

static void
commit(void)
{
	int64_t positions[FIXTURE_STORES];
	struct weir_error error = {0};

	if (pick(2))
		sweep();
	for (unsigned store = 0; store < FIXTURE_STORES; store++)
		positions[store] = (int64_t)logged;
	committed = logged;
	weir__virtual_clock_advance(&fixture.clock, pick(20));
	ck_assert_int_eq(weir__state_commit(fixture.state, pick(20) ? positions : NULL, &error),
	                 0);
	if (pick(4) == 0)
		ck_assert_int_eq(weir__state_merge(fixture.state, &error), 0);
}

static void
record(void)
{
	at_record = now;
	record_ms = FIXTURE_START_MS - 100000 + pick(4000);
	weir__state_enter_record(fixture.state, record_ms);
	if (record_ms > now.stream_ms)
		now.stream_ms = record_ms;
	if (record_ms > latest_ms)
		latest_ms = record_ms;
	for (unsigned count = pick(12); count > 0; count--) {
		unsigned store = pick(FIXTURE_STORES);

		switch (only_reads ? 6 + pick(4) : pick(10)) {
		case 0: case 1: put(store, true); break;
		case 2: case 3: put(store, false); break;
		case 4: erase(store); break;
		case 5: copy(store); break;
		case 6: if (walks_now) walk(store); break;
		default: get(store); break;
		}
	}
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	if (pick(4) == 0) {
		weir__state_undo(fixture.state);
		now = at_record;
	} else {
		log_changes();
		weir__state_keep(fixture.state);
	}
}

/* A batch that wrote nothing is not committed: others' batches let what waits go to LMDB. */
static void
rest(void)
{
	int64_t before_ms = at_batch.stream_ms;
	struct weir_error error = {0};

	ck_assert(!weir__state_has_writes(fixture.state));
	for (unsigned merges = pick(6); merges > 0; merges--) {
		weir__virtual_clock_advance(&fixture.clock, pick(60));
		ck_assert_int_eq(weir__state_merge(fixture.state, &error), 0);
	}
	at_batch = now;
	at_batch.stream_ms = before_ms; /* an abort goes back to that of the last commit */
}

static void
end_batch(void)
{
	if (only_reads && pick(4)) {
		rest();
		return;
	}
	switch (pick(9)) {
	case 0:
		weir__state_abort(fixture.state);
		logged = committed;
		now = at_batch;
		break;
	case 1:
		fixture_crash(&fixture);
		fixture_open(&fixture);
		logged = committed;
		now = at_batch;
		restore();
		break;
	case 2:
		ck_assert_int_eq(weir__state_reopen(fixture.state, NULL), 0);
		logged = committed;
		now = at_batch;
		restore();
		break;
	case 3:
		commit();
		fixture_close(&fixture);
		fixture_open(&fixture);
		weir__state_caught_up(fixture.state);
		break;
	default:
		commit();
		break;
	}
	ck_assert_int_eq(weir__state_stream_ms(fixture.state), now.stream_ms);
	at_batch = now;
}

static void
run_seed(void)
{
	static const unsigned walks[] = {0, 1, 6};
	static const size_t merges[] = {0, 1, 20, 300, 100000};

	random_state = seed;
	memset(&now, 0, sizeof(now));
	latest_ms = 0;
	at_batch = now;
	fixture_init(&fixture);
	fixture.config.merge_entries = merges[pick(5)];
	fixture.config.merge_ms = pick(2) ? 50 : 10000;
	walks_each = walks[pick(3)];
	fixture_open(&fixture);
	weir__state_caught_up(fixture.state);
	logged = committed = 0;
	for (int batch = 0; batch < 40; batch++) {
		only_reads = pick(4) == 0;
		walks_now = walks_each && (only_reads || pick(walks_each) == 0);
		for (unsigned records = pick(15); records > 0; records--)
			record();
		end_batch();
	}
	fixture_fini(&fixture);
	weir__arena_reset(&log_arena);
}

START_TEST(stores_do_as_the_model_does)
{
	for (int run = 0; run < runs; run++, seed++)
		run_seed();
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("store_model");
	TCase *tests = tcase_create("store_model");

	seed = (unsigned long)time(NULL) * 1000;
	if (argc > 1) {
		seed = strtoul(argv[1], NULL, 10);
		runs = 1;
	}
	printf("# seeds from %lu\n", seed);
	fflush(stdout);
	tcase_set_timeout(tests, 300);
	tcase_add_test(tests, stores_do_as_the_model_does);
	suite_add_tcase(suite, tests);
	return weir_test_run(suite);
}
