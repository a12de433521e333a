/*
 * Stores, case by case: what a record sees of its own writes, what is left after an undo, an
 * abort, a crash, a machine that went down; and files that cannot be used.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/loan.h>

#include "tests/harness.h"
#include "tests/state/fixture.h"

static struct fixture fixture;

static void
setup(void)
{
	fixture_init(&fixture);
	fixture_open(&fixture);
}

static void
teardown(void)
{
	fixture_fini(&fixture);
}

#define KEEPS(store, text) ck_assert_str_eq(fixture_walk(&fixture, store), text)

/* ---- one callback ---- */

START_TEST(a_record_reads_its_own_writes)
{
	struct weir_store *store = fixture_store(&fixture, 0);

	weir__state_enter_record(fixture.state, FIXTURE_START_MS);
	ck_assert_int_eq(weir_store_put(store, text_bytes("b"), text_bytes("1")), 0);
	ck_assert_int_eq(weir_store_put(store, text_bytes("a"), text_bytes("2")), 0);
	ck_assert_int_eq(weir_store_put(store, text_bytes("b"), text_bytes("3")), 0);
	ck_assert_int_eq(weir_store_delete(store, text_bytes("c")), WEIR_ENOTFOUND);
	KEEPS(0, "a=2 b=3");
	ck_assert_int_eq(weir_store_delete(store, text_bytes("a")), 0);
	KEEPS(0, "b=3");
}
END_TEST

/* With debug_plugins, what was read faults after a write, and the crash handler knows why. */
START_TEST(a_value_that_is_lent_ends_with_a_write)
{
	struct weir_loan loan = {.step = "one", .topic = "in", .offset = 7};
	struct weir_store *store = fixture_store(&fixture, 0);
	struct weir_lent_place place;
	struct weir_bytes first, last;

	weir__state_enter_record(fixture.state, FIXTURE_START_MS);
	weir_store_put(store, text_bytes("a"), text_bytes("1"));
	weir__loan_open(&loan);
	ck_assert_int_eq(weir_store_get(store, text_bytes("a"), &first), 0);
	ck_assert_mem_eq(first.data, "1", 1);
	ck_assert(!weir__loan_find(first.data, &place));
	weir_store_put(store, text_bytes("b"), first);
	ck_assert(weir__loan_find(first.data, &place));
	ck_assert(place.until_write);
	ck_assert_int_eq(weir_store_get(store, text_bytes("b"), &last), 0);
	ck_assert_mem_eq(last.data, "1", 1);
	weir__loan_close();
	ck_assert(weir__loan_find(last.data, &place));
	ck_assert_str_eq(place.step, "one");
	ck_assert_int_eq(place.offset, 7);
}
END_TEST

START_TEST(undo_leaves_no_write)
{
	struct weir_store *store = fixture_store(&fixture, 0);
	size_t count;

	fixture_put(&fixture, 0, FIXTURE_START_MS, "kept", "1");
	fixture_put(&fixture, 0, FIXTURE_START_MS, "gone", "2");
	weir__state_enter_record(fixture.state, FIXTURE_START_MS);
	weir_store_put(store, text_bytes("kept"), text_bytes("longer than it was"));
	weir_store_put(store, text_bytes("new"), text_bytes("x"));
	weir_store_delete(store, text_bytes("gone"));
	weir_store_put(store, text_bytes("gone"), text_bytes("y"));
	weir_store_delete(store, text_bytes("new"));
	weir__state_leave(fixture.state, NULL);
	weir__state_undo(fixture.state);
	weir__state_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 0);
	KEEPS(0, "gone=2 kept=1");
}
END_TEST

START_TEST(changes_tell_what_was_written)
{
	const struct weir_change *changes;
	size_t count;

	weir__state_enter_record(fixture.state, 5000);
	weir_store_put(fixture_store(&fixture, 1), text_bytes("k"), (struct weir_bytes){0});
	weir_store_put_new(fixture_store(&fixture, 1), text_bytes("k"), text_bytes("no"));
	weir_store_delete(fixture_store(&fixture, 1), text_bytes("k"));
	weir__state_leave(fixture.state, NULL);
	changes = weir__state_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(changes[0].index, 1);
	ck_assert_int_eq(changes[0].time_ms, 5000);
	ck_assert(changes[0].value.data && changes[0].value.size == 0);
	ck_assert_ptr_null(changes[1].value.data);
	ck_assert(changes[1].key.size == 1 && memcmp(changes[1].key.data, "k", 1) == 0);
	weir__state_enter_record(fixture.state, 5000);
	weir__state_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(changes_of_the_batch_are_kept_when_asked_to)
{
	size_t count;

	fixture_close(&fixture);
	fixture.config.keeps_changes = true;
	fixture_open(&fixture);
	fixture_put(&fixture, 0, 1, "a", "1");
	weir__state_enter_record(fixture.state, 1);
	weir_store_put(fixture_store(&fixture, 0), text_bytes("b"), text_bytes("x"));
	weir__state_leave(fixture.state, NULL);
	weir__state_undo(fixture.state);
	fixture_put(&fixture, 1, 1, "c", "3");
	weir__state_all_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 2);
	fixture_commit(&fixture);
	weir__state_all_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(nothing_is_written_outside_a_callback)
{
	struct weir_store *store = fixture_store(&fixture, 0);

	ck_assert_int_eq(weir_store_put(store, text_bytes("a"), text_bytes("1")), WEIR_ESTATE);
	ck_assert_int_eq(weir_store_delete(store, text_bytes("a")), WEIR_ESTATE);
	ck_assert_str_eq(fixture_get(&fixture, 0, "a"), "-");
}
END_TEST

START_TEST(stores_do_not_see_each_other)
{
	fixture_put(&fixture, 0, 1, "k", "zero");
	fixture_put(&fixture, 1, 1, "k", "one");
	KEEPS(0, "k=zero");
	KEEPS(1, "k=one");
}
END_TEST

START_TEST(keys_of_any_size_up_to_1_MiB)
{
	static const size_t sizes[] = {0, 1, 491, 492, 493, 511, 512, 4096, WEIR_STORE_KEY_MAX};
	char *bytes = calloc(1, WEIR_STORE_KEY_MAX + 1);
	struct weir_store *store = fixture_store(&fixture, 0);
	struct weir_bytes value;

	weir__state_enter_record(fixture.state, 1);
	for (size_t index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
		struct weir_bytes key = {bytes, sizes[index]};

		ck_assert_int_eq(weir_store_put(store, key,
		                                (struct weir_bytes){&sizes[index], 8}), 0);
	}
	for (size_t index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
		ck_assert_int_eq(weir_store_get(store, (struct weir_bytes){bytes, sizes[index]},
		                                &value), 0);
		ck_assert_mem_eq(value.data, &sizes[index], 8);
	}
	ck_assert_int_eq(weir_store_put(store,
	                                (struct weir_bytes){bytes, WEIR_STORE_KEY_MAX + 1},
	                                text_bytes("")), WEIR_ELIMIT);
	free(bytes);
}
END_TEST

/* ---- time to live ---- */

START_TEST(an_entry_is_gone_for_records_that_are_ttl_later)
{
	int64_t start = FIXTURE_START_MS - 100000;
	struct weir_store *store = fixture_store(&fixture, 2);

	fixture_put(&fixture, 2, start, "k", "1");
	weir__state_enter_record(fixture.state, start + FIXTURE_TTL_MS - 1);
	ck_assert_int_eq(weir_store_put_new(store, text_bytes("k"), text_bytes("2")),
	                 WEIR_EEXISTS);
	weir__state_leave(fixture.state, NULL);
	weir__state_enter_record(fixture.state, start + FIXTURE_TTL_MS);
	ck_assert_str_eq(fixture_get(&fixture, 2, "k"), "-");
	KEEPS(2, "");
	ck_assert_int_eq(weir_store_delete(store, text_bytes("k")), WEIR_ENOTFOUND);
	ck_assert_int_eq(weir_store_put_new(store, text_bytes("k"), text_bytes("2")), 0);
	ck_assert_str_eq(fixture_get(&fixture, 2, "k"), "2");
	weir__state_leave(fixture.state, NULL);
	weir__state_undo(fixture.state);
	weir__state_enter_record(fixture.state, start);
	ck_assert_str_eq(fixture_get(&fixture, 2, "k"), "1");
}
END_TEST

START_TEST(a_time_in_the_future_counts_as_now)
{
	fixture_put(&fixture, 2, FIXTURE_START_MS, "old", "1");
	fixture_put(&fixture, 2, FIXTURE_START_MS + 1000000000, "new", "2");
	ck_assert_int_eq(weir__state_stream_ms(fixture.state), FIXTURE_START_MS);
	weir__state_enter(fixture.state);
	KEEPS(2, "new=2 old=1");
}
END_TEST

START_TEST(sweep_removes_what_has_expired_in_bounded_steps)
{
	int64_t start = FIXTURE_START_MS - 100000;
	size_t count, removed = 0, sweeps = 0;
	char key[16];

	for (int index = 0; index < 1000; index++) {
		snprintf(key, sizeof(key), "key%d", index);
		fixture_put(&fixture, 2, start + index % 2 * 5000, key, "x");
	}
	fixture_put(&fixture, 2, start + 2000, "last", "x");
	do {
		weir__state_enter(fixture.state);
		weir__state_sweep(fixture.state, 100);
		weir__state_leave(fixture.state, NULL);
		weir__state_changes(fixture.state, &count);
		ck_assert_uint_le(count, 100);
		removed += count;
	} while (++sweeps < 12);
	ck_assert_uint_eq(removed, 501);
	ck_assert_str_eq(fixture_get(&fixture, 2, "key0"), "-");
	ck_assert_str_eq(fixture_get(&fixture, 2, "key1"), "x");
}
END_TEST

/* The task's time is restored from such messages: it must not be before what was forgotten. */
START_TEST(what_is_removed_for_its_age_is_so_at_the_tasks_time)
{
	const struct weir_change *changes;
	size_t count;

	fixture_put(&fixture, 2, 1000, "old", "x");
	weir__state_enter_record(fixture.state, 5000);
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	weir__state_enter(fixture.state);
	weir__state_sweep(fixture.state, 100);
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	changes = weir__state_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(changes[0].time_ms, 5000);
}
END_TEST

/* Also while nothing else makes another round due: all that is left is younger. */
START_TEST(what_an_aborted_batch_swept_is_swept_again)
{
	size_t count;

	fixture_put(&fixture, 2, 1000, "old", "x");
	fixture_put(&fixture, 2, 5000, "new", "x");
	fixture_commit(&fixture);
	for (int round = 0; round < 2; round++) {
		weir__state_enter(fixture.state);
		weir__state_sweep(fixture.state, 100);
		ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
		weir__state_changes(fixture.state, &count);
		ck_assert_uint_eq(count, 1);
		weir__state_abort(fixture.state);
	}
}
END_TEST

/* The same of one that was in the midst of its round: what it has passed is not looked at now. */
START_TEST(a_round_of_which_a_part_was_aborted_is_followed_by_another)
{
	size_t count, removed = 0;

	fixture_put(&fixture, 2, 1000, "a-old", "x");
	fixture_put(&fixture, 2, 5000, "b-new", "x");
	fixture_put(&fixture, 2, 5000, "c-new", "x");
	fixture_commit(&fixture);
	weir__state_enter(fixture.state);
	weir__state_sweep(fixture.state, 2);
	ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
	weir__state_abort(fixture.state);
	for (int round = 0; round < 4; round++) {
		weir__state_enter(fixture.state);
		weir__state_sweep(fixture.state, 2);
		ck_assert_int_eq(weir__state_leave(fixture.state, NULL), 0);
		weir__state_changes(fixture.state, &count);
		removed += count;
		fixture_commit(&fixture);
	}
	ck_assert_uint_eq(removed, 1);
}
END_TEST

/* ---- the batch ---- */

START_TEST(an_abort_leaves_nothing_of_the_batch)
{
	fixture_put(&fixture, 0, 5, "a", "1");
	fixture_commit(&fixture);
	fixture_put(&fixture, 0, 9, "a", "2");
	fixture_put(&fixture, 0, 9, "b", "3");
	ck_assert(weir__state_has_writes(fixture.state));
	weir__state_abort(fixture.state);
	ck_assert(!weir__state_has_writes(fixture.state));
	ck_assert_int_eq(weir__state_stream_ms(fixture.state), 5);
	KEEPS(0, "a=1");
}
END_TEST

START_TEST(a_crash_leaves_what_was_committed_with_its_position)
{
	const int64_t positions[FIXTURE_STORES] = {17, -1, 4};

	fixture_put(&fixture, 0, 5, "a", "1");
	ck_assert_int_eq(weir__state_commit(fixture.state, positions, NULL), 0);
	fixture_put(&fixture, 0, 9, "a", "2");
	fixture_crash(&fixture);
	fixture_open(&fixture);
	KEEPS(0, "a=1");
	ck_assert_int_eq(weir__state_position(fixture.state, 0), 17);
	ck_assert_int_eq(weir__state_position(fixture.state, 1), 0);
	ck_assert_int_eq(weir__state_position(fixture.state, 2), 4);
	ck_assert_int_eq(weir__state_stream_ms(fixture.state), 5);
}
END_TEST

START_TEST(what_is_applied_is_no_change)
{
	size_t count;

	ck_assert_int_eq(weir__state_apply(fixture.state, 2, text_bytes("a"), text_bytes("1"),
	                                   FIXTURE_START_MS, NULL), 0);
	ck_assert_int_eq(weir__state_apply(fixture.state, 2, text_bytes("b"), text_bytes("2"),
	                                   FIXTURE_START_MS - 5000, NULL), 0);
	ck_assert_int_eq(weir__state_apply(fixture.state, 2, text_bytes("a"),
	                                   (struct weir_bytes){NULL, 0}, 5, NULL), 0);
	weir__state_all_changes(fixture.state, &count);
	ck_assert_uint_eq(count, 0);
	fixture_commit(&fixture);
	weir__state_enter_record(fixture.state, FIXTURE_START_MS - 5000);
	KEEPS(2, "b=2");
	/* the task's time comes back with the entries */
	ck_assert_int_eq(weir__state_stream_ms(fixture.state), FIXTURE_START_MS);
}
END_TEST

/* ---- what is found at open ---- */

static void
keep_one(void)
{
	const int64_t positions[FIXTURE_STORES] = {7, 7, 7};

	weir__state_caught_up(fixture.state);
	fixture_put(&fixture, 0, 5, "a", "1");
	ck_assert_int_eq(weir__state_commit(fixture.state, positions, NULL), 0);
}

static void
expect_rebuild(const char *reason)
{
	ck_assert_msg(strstr(fixture.log, reason) != NULL, "%s", fixture.log);
	KEEPS(0, "");
	ck_assert_int_eq(weir__state_position(fixture.state, 0), 0);
}

START_TEST(a_machine_that_went_down_leaves_no_trusted_store)
{
	keep_one();
	fixture_crash(&fixture);
	fixture.config.boot_id = "another boot";
	fixture_open(&fixture);
	expect_rebuild("the machine went down while it was open");
}
END_TEST

START_TEST(a_clean_store_is_trusted_after_another_boot)
{
	keep_one();
	fixture_close(&fixture);
	fixture.config.boot_id = "another boot";
	fixture_open(&fixture);
	KEEPS(0, "a=1");
	ck_assert_str_eq(fixture.log, "");
}
END_TEST

static void
write_file(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture.folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(another_format_is_rebuilt)
{
	keep_one();
	fixture_close(&fixture);
	write_file("marker", "weir-state 99 clean\n");
	fixture_open(&fixture);
	expect_rebuild("it has the format of another version");
}
END_TEST

START_TEST(a_store_without_its_marker_is_rebuilt)
{
	keep_one();
	fixture_close(&fixture);
	write_file("marker", "");
	fixture_open(&fixture);
	expect_rebuild("it has no marker");
}
END_TEST

START_TEST(garbage_is_rebuilt)
{
	char garbage[20000];

	keep_one();
	fixture_close(&fixture);
	memset(garbage, 'x', sizeof(garbage));
	garbage[sizeof(garbage) - 1] = '\0';
	write_file("data.mdb", garbage);
	fixture_open(&fixture);
	expect_rebuild("MDB_INVALID");
}
END_TEST

START_TEST(a_store_that_slept_too_long_is_rebuilt)
{
	fixture_close(&fixture);
	fixture.config.max_age_ms = 60000;
	fixture_open(&fixture);
	keep_one();
	fixture_crash(&fixture);
	weir__virtual_clock_advance(&fixture.clock, 60000);
	fixture_open(&fixture);
	KEEPS(0, "a=1");
	fixture_crash(&fixture);
	weir__virtual_clock_advance(&fixture.clock, 1);
	fixture_open(&fixture);
	expect_rebuild("it was last caught up 60 s ago");
}
END_TEST

START_TEST(a_released_store_is_trusted_under_the_same_boot_only)
{
	keep_one();
	weir__state_release(fixture.state);
	fixture_open(&fixture);
	KEEPS(0, "a=1");
	weir__state_release(fixture.state);
	fixture.config.boot_id = "another boot";
	fixture_open(&fixture);
	expect_rebuild("the machine went down while it was open");
}
END_TEST

START_TEST(one_folder_is_open_once)
{
	struct weir_folders *folders = weir__folders_new();
	struct weir_error error = {0};

	fixture_close(&fixture);
	fixture.config.folders = folders;
	fixture_open(&fixture);
	ck_assert_ptr_null(weir__state_open(&fixture.config, &error));
	ck_assert_int_eq(error.code, WEIR_ELOCKED);
	fixture_close(&fixture);
	fixture_open(&fixture);
	fixture_close(&fixture);
	weir__folders_free(folders);
	fixture.config.folders = NULL;
}
END_TEST

START_TEST(a_folder_without_rights_is_named)
{
	struct weir_error error = {0};

	fixture_close(&fixture);
	fixture.config.folder = "/proc/weir";
	ck_assert_ptr_null(weir__state_open(&fixture.config, &error));
	ck_assert_msg(strstr(error.message, "cannot make folder /proc/weir") != NULL, "%s",
	              error.message);
}
END_TEST

/* ---- limits ---- */

static void
put_many(int from, int count)
{
	static const char value[1000];
	char key[16];

	for (int index = from; index < from + count; index++) {
		snprintf(key, sizeof(key), "%08d", index);
		weir__state_enter_record(fixture.state, 5);
		weir_store_put(fixture_store(&fixture, 0), text_bytes(key),
		               (struct weir_bytes){value, sizeof(value)});
		weir__state_leave(fixture.state, NULL);
	}
}

START_TEST(the_map_grows_from_batch_to_batch)
{
	fixture_close(&fixture);
	fixture.config.map_bytes = 1 << 20;
	fixture.config.batch_bytes = 1 << 18;
	fixture_open(&fixture);
	for (int batch = 0; batch < 40; batch++) {
		put_many(batch * 200, 200);
		fixture_commit(&fixture);
	}
	ck_assert_str_ne(fixture_get(&fixture, 0, "00007999"), "-");
}
END_TEST

START_TEST(what_has_outgrown_the_map_asked_for_opens_again)
{
	fixture_close(&fixture);
	fixture.config.map_bytes = 1 << 20;
	fixture.config.batch_bytes = 1 << 18;
	for (int round = 0; round < 12; round++) {
		fixture_open(&fixture);
		put_many(round * 300, 300);
		fixture_commit(&fixture);
		fixture_close(&fixture);
	}
	fixture_open(&fixture);
	ck_assert_str_ne(fixture_get(&fixture, 0, "00003599"), "-");
	ck_assert_ptr_null(strstr(fixture.log, "rebuilt"));
}
END_TEST

START_TEST(a_full_map_fails_the_batch_and_the_next_try_has_room)
{
	struct weir_error error = {0};

	fixture_close(&fixture);
	fixture.config.map_bytes = 1 << 20;
	fixture.config.batch_bytes = 1000; /* a lie */
	fixture_open(&fixture);
	put_many(0, 2000);
	weir__state_enter_record(fixture.state, 5);
	ck_assert_int_eq(weir__state_leave(fixture.state, &error), WEIR_EIO);
	ck_assert_msg(strstr(error.message, "MDB_MAP_FULL") != NULL, "%s", error.message);
	for (int attempt = 0; attempt < 3; attempt++) {
		weir__state_abort(fixture.state);
		ck_assert(!weir__state_is_broken(fixture.state));
		put_many(0, 2000);
	}
	fixture_commit(&fixture);
	ck_assert_str_ne(fixture_get(&fixture, 0, "00001999"), "-");
}
END_TEST

/* It is mapped: where the disk has no room for its pages, to write there would be SIGBUS. */
START_TEST(the_lock_file_has_its_room_on_the_disk)
{
	char *path = weir__format("%s/lock.mdb", fixture.folder);
	struct stat status;

	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_int_ge((int64_t)status.st_blocks * 512, (int64_t)status.st_size);
	free(path);
}
END_TEST

START_TEST(a_full_disk_fails_the_commit_and_keeps_what_was_there)
{
	struct rlimit limit = {1 << 20, RLIM_INFINITY}, before;
	struct weir_error error = {0};

	keep_one();
	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	put_many(0, 2000);
	ck_assert_int_eq(weir__state_commit(fixture.state, NULL, &error), WEIR_EIO);
	ck_assert(weir__state_is_broken(fixture.state));
	ck_assert_msg(strstr(error.message, "cannot commit: ") != NULL, "%s", error.message);
	ck_assert_msg(strstr(error.message, "disk is full") || strstr(error.message, "too large"),
	              "%s", error.message);
	setrlimit(RLIMIT_FSIZE, &before);
	fixture_close(&fixture);
	fixture_open(&fixture);
	KEEPS(0, "a=1");
	ck_assert_int_eq(weir__state_position(fixture.state, 0), 7);
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("store");
	TCase *tests = tcase_create("store");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_record_reads_its_own_writes);
	tcase_add_test(tests, a_value_that_is_lent_ends_with_a_write);
	tcase_add_test(tests, undo_leaves_no_write);
	tcase_add_test(tests, changes_tell_what_was_written);
	tcase_add_test(tests, changes_of_the_batch_are_kept_when_asked_to);
	tcase_add_test(tests, nothing_is_written_outside_a_callback);
	tcase_add_test(tests, stores_do_not_see_each_other);
	tcase_add_test(tests, keys_of_any_size_up_to_1_MiB);
	tcase_add_test(tests, an_entry_is_gone_for_records_that_are_ttl_later);
	tcase_add_test(tests, a_time_in_the_future_counts_as_now);
	tcase_add_test(tests, sweep_removes_what_has_expired_in_bounded_steps);
	tcase_add_test(tests, what_is_removed_for_its_age_is_so_at_the_tasks_time);
	tcase_add_test(tests, what_an_aborted_batch_swept_is_swept_again);
	tcase_add_test(tests, a_round_of_which_a_part_was_aborted_is_followed_by_another);
	tcase_add_test(tests, an_abort_leaves_nothing_of_the_batch);
	tcase_add_test(tests, a_crash_leaves_what_was_committed_with_its_position);
	tcase_add_test(tests, what_is_applied_is_no_change);
	tcase_add_test(tests, a_machine_that_went_down_leaves_no_trusted_store);
	tcase_add_test(tests, a_clean_store_is_trusted_after_another_boot);
	tcase_add_test(tests, another_format_is_rebuilt);
	tcase_add_test(tests, a_store_without_its_marker_is_rebuilt);
	tcase_add_test(tests, garbage_is_rebuilt);
	tcase_add_test(tests, a_store_that_slept_too_long_is_rebuilt);
	tcase_add_test(tests, a_released_store_is_trusted_under_the_same_boot_only);
	tcase_add_test(tests, one_folder_is_open_once);
	tcase_add_test(tests, a_folder_without_rights_is_named);
	tcase_add_test(tests, the_map_grows_from_batch_to_batch);
	tcase_add_test(tests, what_has_outgrown_the_map_asked_for_opens_again);
	tcase_add_test(tests, a_full_map_fails_the_batch_and_the_next_try_has_room);
	tcase_add_test(tests, the_lock_file_has_its_room_on_the_disk);
	tcase_add_test(tests, a_full_disk_fails_the_commit_and_keeps_what_was_there);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
