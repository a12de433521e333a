/*
 * What a view remembers of its table: beside a plain model, with little room.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <base/alloc.h>
#include <state/table_cache.h>

#include "tests/harness.h"

#define KEYS 200
#define SIZE 8192
#define VALUE_MAX 128

static struct weir_cache *cache;
static struct weir_versions *versions;
/* What was last added of each key, and what was found since room was made. */
static struct known {
	uint64_t version;
	size_t size;
	const struct weir_cached *found;
} known[KEYS];

static struct weir_bytes
key_of(int number, char text[16])
{
	return (struct weir_bytes){text, number ? (size_t)sprintf(text, "%dk", number) : 0};
}

/* Bytes that differ by key and version. */
static void
fill(unsigned char *value, int number, uint64_t version, size_t size)
{
	for (size_t at = 0; at < size; at++)
		value[at] = (unsigned char)((size_t)number * 31 + version * 7 + at);
}

static void
check_found(const struct weir_cached *found, int number)
{
	struct weir_bytes value = weir__cached_value(found);
	unsigned char expected[VALUE_MAX];

	ck_assert_uint_eq(found->version, known[number].version);
	ck_assert_uint_eq(value.size, known[number].size);
	ck_assert_int_eq(found->is_there, known[number].size > 0);
	fill(expected, number, found->version, value.size);
	ck_assert_mem_eq(value.data, expected, value.size);
}

static void
find(int number)
{
	char text[16];
	struct weir_bytes key = key_of(number, text);
	const struct weir_cached *found =
		weir__cache_find(cache, weir__versions_hash(versions, key), key);

	if (found) {
		check_found(found, number);
		known[number].found = found;
	}
}

static bool
add(int number, uint64_t version, size_t size)
{
	unsigned char value[VALUE_MAX];
	char text[16];
	struct weir_bytes key = key_of(number, text);
	struct weir_cached *added;

	fill(value, number, version, size);
	added = weir__cache_add(cache, weir__versions_hash(versions, key), key,
	                        (struct weir_bytes){size ? value : NULL, size}, version);
	if (!added)
		return false;
	ck_assert_uint_eq(added->passed, 0);
	known[number] = (struct known){version, size, added};
	return true;
}

/* What was given out is still there, up to now. */
static void
make_room(void)
{
	for (int number = 0; number < KEYS; number++) {
		if (known[number].found)
			check_found(known[number].found, number);
		known[number].found = NULL;
	}
	weir__cache_make_room(cache);
}

START_TEST(what_is_found_is_what_was_added_last_and_stays_until_room_is_made)
{
	unsigned seed = (unsigned)time(NULL) + (unsigned)_i;
	uint64_t found_room = 0, found_none = 0;

	printf("# seed %u\n", seed);
	srandom(seed);
	memset(known, 0, sizeof(known));
	cache = weir__cache_new(SIZE + (size_t)random() % 64);
	for (uint64_t round = 1; round < 20000; round++) {
		int number = (int)(random() % KEYS);

		if (random() % 100 == 0)
			make_room();
		else if (random() % 2)
			find(number);
		else if (add(number, round, (size_t)random() % 100))
			found_room++;
		else
			found_none++;
	}
	make_room();
	ck_assert_uint_gt(found_room, 1000);
	ck_assert_uint_gt(found_none, 100);
	weir__cache_free(cache);
}
END_TEST

START_TEST(what_fits_is_not_forgotten)
{
	memset(known, 0, sizeof(known));
	cache = weir__cache_new((size_t)1 << 20);
	for (int number = 0; number < KEYS; number++)
		ck_assert(add(number, 1, 100));
	make_room();
	for (int number = 0; number < KEYS; number++) {
		find(number);
		ck_assert_ptr_nonnull(known[number].found);
	}
	weir__cache_free(cache);
}
END_TEST

START_TEST(what_is_too_large_is_not_kept)
{
	char *key = weir__calloc(1, 100000);

	cache = weir__cache_new((size_t)1 << 20);
	ck_assert_ptr_null(weir__cache_add(cache, 1, (struct weir_bytes){key, 100},
	                                   (struct weir_bytes){key, 20000}, 1));
	weir__cache_free(cache);
	cache = weir__cache_new((size_t)1 << 30);
	ck_assert_ptr_null(weir__cache_add(cache, 1, (struct weir_bytes){key, 65536},
	                                   (struct weir_bytes){key, 0}, 1));
	weir__cache_free(cache);
	free(key);
}
END_TEST

/* A hash says where to look, not what is there. */
START_TEST(keys_of_one_hash_are_told_apart)
{
	struct weir_bytes one = {"one", 3}, two = {"two", 3}, three = {"thr", 3};

	cache = weir__cache_new((size_t)1 << 20);
	weir__cache_add(cache, 7, one, one, 1);
	weir__cache_add(cache, 7, two, two, 1);
	ck_assert_mem_eq(weir__cached_value(weir__cache_find(cache, 7, one)).data, "one", 3);
	ck_assert_mem_eq(weir__cached_value(weir__cache_find(cache, 7, two)).data, "two", 3);
	ck_assert_ptr_null(weir__cache_find(cache, 7, three));
	weir__cache_free(cache);
}
END_TEST

static bool
holds(const char *key, uint64_t version)
{
	uint64_t hash = weir__versions_hash(versions, (struct weir_bytes){key, strlen(key)});

	return weir__versions_hold(versions, hash, version);
}

START_TEST(what_changes_holds_no_longer_and_the_rest_does)
{
	uint64_t before = weir__versions_now(versions);

	ck_assert(holds("a", before) && holds("b", before));
	weir__versions_change(versions, (struct weir_bytes){"a", 1});
	ck_assert(!holds("a", before) && holds("b", before));
	weir__versions_commit(versions);
	ck_assert_uint_eq(weir__versions_now(versions), before);
	weir__versions_committed(versions);
	ck_assert(!holds("a", before) && holds("b", before));
	ck_assert(holds("a", weir__versions_now(versions)));
	weir__versions_change_all(versions);
	ck_assert(!holds("b", weir__versions_now(versions)));
}
END_TEST

/* Who knows the hash can choose keys that all want one slot, but for the seed. */
START_TEST(chosen_keys_want_many_slots)
{
	uint64_t (*volatile unseeded)(const void *, size_t) = XXH3_64bits;
	bool wanted[1024] = {false};
	size_t count = 0;
	char text[32];

	for (size_t number = 0, chosen = 0; chosen < 500; number++) {
		struct weir_bytes key = {text, (size_t)snprintf(text, sizeof(text), "%zu", number)};

		if (unseeded(key.data, key.size) % 1024)
			continue;
		wanted[weir__versions_hash(versions, key) % 1024] = true;
		chosen++;
	}
	for (size_t slot = 0; slot < 1024; slot++)
		count += wanted[slot];
	ck_assert_uint_gt(count, 250);
}
END_TEST

static void
setup(void)
{
	versions = weir__versions_new();
}

static void
teardown(void)
{
	weir__versions_free(versions);
}

static Suite *
suite(void)
{
	Suite *made = suite_create("table cache");
	TCase *tests = tcase_create("table cache");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, what_is_found_is_what_was_added_last_and_stays_until_room_is_made,
	                    0, 3);
	tcase_add_test(tests, what_fits_is_not_forgotten);
	tcase_add_test(tests, what_is_too_large_is_not_kept);
	tcase_add_test(tests, keys_of_one_hash_are_told_apart);
	tcase_add_test(tests, chosen_keys_want_many_slots);
	tcase_add_test(tests, what_changes_holds_no_longer_and_the_rest_does);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
