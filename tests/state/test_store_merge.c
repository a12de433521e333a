/*
 * Stores whose writes wait in memory, case by case: what is read while some of it is in LMDB,
 * and what memory is given back. test_store_model.c does the same at random.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <base/alloc.h>
#include <state/store_private.h>

#include "tests/harness.h"
#include "tests/state/fixture.h"

#define MERGE_MS 50

static struct fixture fixture;

static void
setup(void)
{
	fixture_init(&fixture);
	fixture.config.merge_entries = 16;
	fixture.config.merge_ms = MERGE_MS;
	fixture_open(&fixture);
}

static void
teardown(void)
{
	fixture_fini(&fixture);
}

#define READS(key, value) ck_assert_str_eq(fixture_get(&fixture, 0, key), value)

static void
commit(int64_t position)
{
	int64_t positions[FIXTURE_STORES] = {position, position, position};
	struct weir_error error = {0};

	ck_assert_msg(weir__state_commit(fixture.state, positions, &error) == 0, "%s",
	              error.message);
}

static void
merge(void)
{
	struct weir_error error = {0};

	weir__virtual_clock_advance(&fixture.clock, MERGE_MS);
	ck_assert_msg(weir__state_merge(fixture.state, &error) == 0, "%s", error.message);
}

/* Batches of a record each, which put these keys, a letter each. */
static void
put_batches(const char *keys, const char *value)
{
	for (; *keys; keys++) {
		fixture_put(&fixture, 0, FIXTURE_START_MS, (char[]){*keys, '\0'}, value);
		commit(1);
	}
}

/* A callback that looks through a store, and writes nothing. */
static void
look_through(void)
{
	weir__state_enter(fixture.state);
	fixture_walk(&fixture, 0);
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
}

/* ---- what is read ---- */

/* A walk writes all that waits; what is merged afterwards must not put the older on top. */
START_TEST(a_walk_between_two_merges_keeps_the_last_value)
{
	put_batches("abcdefghijklmnop", "1");
	put_batches("p", "2");
	ck_assert(fixture.state->is_frozen && fixture.state->active.count > 0);
	look_through();
	for (int count = 0; count < 16; count++) {
		merge();
		READS("p", "2");
	}
	fixture_crash(&fixture);
	fixture_open(&fixture);
	READS("p", "2");
}
END_TEST

/* In `open` nothing has been entered, so nothing is left: LMDB frees cursors as it commits. */
START_TEST(a_walk_that_was_left_open_ends_with_a_merge)
{
	struct weir_bytes none = {NULL, 0};
	struct weir_iterator *iterator;

	put_batches("ab", "1");
	iterator = weir_store_range(fixture_store(&fixture, 0), none, none);
	ck_assert_int_eq(weir_iterator_next(iterator, NULL, NULL), 0);
	merge();
	look_through();
	put_batches("a", "2");
	READS("a", "2");
}
END_TEST

/* What a walk wrote through is dropped with the batch, and waits again. */
START_TEST(a_walk_that_is_aborted_leaves_what_waited)
{
	put_batches("abcdefghijklmnop", "1");
	put_batches("p", "2");
	weir__state_enter(fixture.state);
	ck_assert_int_eq(weir_store_put(fixture_store(&fixture, 0), text_bytes("p"),
	                                text_bytes("3")),
	                 0);
	fixture_walk(&fixture, 0);
	ck_assert_int_eq(weir_store_put(fixture_store(&fixture, 0), text_bytes("a"),
	                                text_bytes("3")),
	                 0);
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	weir__state_abort(fixture.state);
	READS("a", "1");
	READS("p", "2");
	put_batches("q", "4");
	ck_assert_str_eq(fixture_walk(&fixture, 0), "a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1 "
	                                            "k=1 l=1 m=1 n=1 o=1 p=2 q=4");
}
END_TEST

/* Both are copied: also when they are borrowed from the store that is written to. */
START_TEST(what_a_walk_lent_can_be_put)
{
	struct weir_store *store = fixture_store(&fixture, 0);
	struct weir_bytes value;

	put_batches("abc", "0123456789");
	look_through();
	weir__state_enter(fixture.state);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(weir_store_put(store, text_bytes("b"),
		                                text_bytes("0123456789012345678901234567")),
		                 0);
		ck_assert_int_eq(weir_store_get(store, text_bytes("b"), &value), 0);
		value.size = 11;
		ck_assert_int_eq(weir_store_put(store, text_bytes("b"), value), 0);
		READS("b", "01234567890");
		ck_assert_int_eq(weir_store_get(store, text_bytes("a"), &value), 0);
		ck_assert_int_eq(weir_store_put(store, text_bytes("b"), value), 0);
		READS("b", "0123456789");
		ck_assert_int_eq(weir_store_get(store, text_bytes("b"), &value), 0);
		ck_assert_int_eq(weir_store_put(store, text_bytes("a0"), value), 0);
		READS("a0", "0123456789");
	}
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
}
END_TEST

/* Versions of before it grew are found again, in the buckets of now. */
START_TEST(a_batch_in_which_the_memtable_grew_is_taken_back)
{
	char key[16];

	fixture.config.merge_entries = 100000;
	fixture_close(&fixture);
	fixture_open(&fixture);
	for (int round = 0; round < 4; round++) {
		for (int count = 0; count < 200 << round; count++) {
			snprintf(key, sizeof(key), "%d", count);
			fixture_put(&fixture, 0, FIXTURE_START_MS, key, round % 2 ? "b" : "a");
		}
		if (round % 2)
			weir__state_abort(fixture.state);
		else
			commit(1);
	}
	for (int count = 0; count < 1600; count++) {
		snprintf(key, sizeof(key), "%d", count);
		READS(key, count < 800 ? "a" : "-");
	}
}
END_TEST

START_TEST(of_a_key_the_last_version_is_merged_alone)
{
	put_batches("abababababababab", "1");
	ck_assert(!fixture.state->is_frozen); /* a part has room for two */
	READS("a", "1");
	READS("b", "1");
}
END_TEST

/* One walk an hour must not make all that follows as slow as walking is. */
START_TEST(after_a_batch_with_a_walk_writes_wait_again)
{
	put_batches("ab", "1");
	fixture_put(&fixture, 0, FIXTURE_START_MS, "c", "1");
	look_through();
	commit(2);
	ck_assert(!weir__merge_waits(fixture.state)); /* its own went to LMDB with it */
	put_batches("d", "1");
	ck_assert(weir__merge_waits(fixture.state));
	fixture_crash(&fixture);
	fixture_open(&fixture);
	ck_assert_str_eq(fixture_walk(&fixture, 0), "a=1 b=1 c=1");
	weir__state_abort(fixture.state);
	put_batches("d", "1");
	ck_assert(weir__merge_waits(fixture.state));
}
END_TEST

/* ---- memory ---- */

static uint64_t (*volatile unseeded)(const void *, size_t) = XXH3_64bits;

/* Who knows the hash can choose keys that all come into one chain, but for the seed. */
START_TEST(chosen_keys_make_no_long_chains)
{
	size_t longest = 0;
	char text[32];

	fixture.config.merge_entries = 100000;
	fixture_close(&fixture);
	fixture_open(&fixture);
	for (size_t number = 0, chosen = 0; chosen < 1000; number++) {
		int size = snprintf(text, sizeof(text), "%c%c%zu", 0, 1, number);

		if (unseeded(text, (size_t)size) % 1024)
			continue;
		fixture_put(&fixture, 0, FIXTURE_START_MS, text + 2, "");
		chosen++;
	}
	for (size_t bucket = 0; bucket < fixture.state->active.bucket_count; bucket++) {
		const struct weir_version *version = fixture.state->active.buckets[bucket];
		size_t length = 0;

		for (; version; version = version->next)
			length++;
		longest = length > longest ? length : longest;
	}
	ck_assert_uint_gt(longest, 0);
	ck_assert_uint_lt(longest, 50);
}
END_TEST


/* A record is rejected or tried again as often as it will: its writes leave no memory behind. */
START_TEST(rejected_records_leave_no_memory)
{
	static char large[100000];
	struct weir_bytes value = {large, sizeof(large)};

	fixture_put(&fixture, 0, FIXTURE_START_MS, "a", "1");
	weir__state_keep(fixture.state);
	for (int count = 0; count < 100; count++) {
		weir__state_enter_record(fixture.state, FIXTURE_START_MS);
		ck_assert_int_eq(weir_store_put(fixture_store(&fixture, 0), text_bytes("b"),
		                                value),
		                 0);
		ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
		weir__state_undo(fixture.state);
	}
	ck_assert_uint_lt(fixture.state->active.arena.used_bytes, sizeof(large));
	ck_assert_uint_lt(fixture.state->arena.used_bytes, sizeof(large));
	READS("a", "1");
	READS("b", "-");
}
END_TEST

/* One task of many, which nobody writes to any more. */
START_TEST(a_task_that_rests_gives_its_memory_back)
{
	put_batches("abcdefghijklmnopqrst", "1");
	for (int count = 0; count < 100 && weir__merge_waits(fixture.state); count++)
		merge();
	ck_assert(!weir__merge_waits(fixture.state));
	ck_assert_uint_eq(fixture.state->active.capacity + fixture.state->frozen.capacity, 0);
	ck_assert_uint_eq(fixture.state->active.bucket_count, 0);
	ck_assert_ptr_null(fixture.state->active.arena.first);
	READS("t", "1");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("store_merge");
	TCase *tests = tcase_create("store_merge");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_walk_between_two_merges_keeps_the_last_value);
	tcase_add_test(tests, a_walk_that_was_left_open_ends_with_a_merge);
	tcase_add_test(tests, a_walk_that_is_aborted_leaves_what_waited);
	tcase_add_test(tests, what_a_walk_lent_can_be_put);
	tcase_add_test(tests, a_batch_in_which_the_memtable_grew_is_taken_back);
	tcase_add_test(tests, of_a_key_the_last_version_is_merged_alone);
	tcase_add_test(tests, after_a_batch_with_a_walk_writes_wait_again);
	tcase_add_test(tests, chosen_keys_make_no_long_chains);
	tcase_add_test(tests, rejected_records_leave_no_memory);
	tcase_add_test(tests, a_task_that_rests_gives_its_memory_back);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
