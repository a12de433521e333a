/*
 * Stores as another process sees them, beside the one that writes them.
 *
 * A view is opened in a child: LMDB's locks are lost when one process opens a file twice.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <state/view.h>

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

/* ---- a child that looks ---- */

static bool
print_entry(void *opaque, const struct weir_view_entry *entry)
{
	/* long ones by their sizes */
	if (entry->key.size > 100 || entry->value.size > 100)
		fprintf(opaque, "%zu=%zu ", entry->key.size, entry->value.size);
	else
		fprintf(opaque, "%.*s=%.*s@%lld ", (int)entry->key.size,
		        (const char *)entry->key.data, (int)entry->value.size,
		        (const char *)entry->value.data, (long long)entry->time_ms);
	return true;
}

static void
print_view(FILE *out, int64_t ttl_ms)
{
	struct weir_error error = {0};
	struct weir_view *view =
		weir__view_open(fixture.folder, fixture.config.boot_id, &error);
	const struct weir_view_store *stores;
	uint64_t keys;
	size_t count;

	if (!view) {
		fprintf(out, "%d %s", error.code, error.message);
		return;
	}
	stores = weir__view_stores(view, &count);
	for (size_t index = 0; index < count; index++) {
		weir__view_count(view, &stores[index], &keys, &error);
		fprintf(out, "%s %lld %llu: ", stores[index].name,
		        (long long)stores[index].position, (unsigned long long)keys);
		weir__view_walk(view, &stores[index], ttl_ms, print_entry, out, &error);
	}
	fprintf(out, "%lld%s", (long long)weir__view_caught_up_ms(view), error.message);
	weir__view_close(view);
}

/* What a child says, with its exit status 0. */
static const char *
seen_by(void (*look)(FILE *out, int64_t number), int64_t number)
{
	static char text[65536];
	int ends[2], status;
	FILE *in;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		FILE *out = fdopen(ends[1], "w");

		look(out, number);
		fclose(out);
		_exit(0);
	}
	close(ends[1]);
	in = fdopen(ends[0], "r");
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	return text;
}

#define SEES(text) ck_assert_str_eq(seen_by(print_view, 0), text)

/* ---- tests ---- */

START_TEST(a_view_sees_what_was_committed_beside_the_writer)
{
	static const int64_t positions[] = {7, -1, 12};

	fixture_put(&fixture, 0, 10, "b", "1");
	fixture_put(&fixture, 0, 20, "a", "2");
	fixture_put(&fixture, 2, 30, "c", "");
	ck_assert_int_eq(weir__state_commit(fixture.state, positions, NULL), 0);
	fixture_put(&fixture, 0, 40, "d", "not yet");
	SEES("a.plain 7 2: a=2@20 b=1@10 b.other 0 0: c.short 12 1: c=@30 0");
	fixture_commit(&fixture);
	SEES("a.plain 7 3: a=2@20 b=1@10 d=not yet@40 b.other 0 0: c.short 12 1: c=@30 0");
}
END_TEST

START_TEST(it_tells_when_it_was_caught_up)
{
	weir__state_caught_up(fixture.state);
	fixture_put(&fixture, 1, 10, "k", "v");
	fixture_commit(&fixture);
	SEES("a.plain 0 0: b.other 0 1: k=v@10 c.short 0 0: 1000000");
}
END_TEST

START_TEST(what_has_expired_is_passed_over)
{
	fixture_put(&fixture, 0, 1000, "old", "1");
	fixture_put(&fixture, 0, 1500, "new", "2");
	fixture_put(&fixture, 0, 2000, "now", "3");
	fixture_commit(&fixture);
	ck_assert_str_eq(seen_by(print_view, FIXTURE_TTL_MS),
	                 "a.plain 0 3: new=2@1500 now=3@2000 b.other 0 0: c.short 0 0: 0");
}
END_TEST

START_TEST(a_walk_of_many_pieces_has_every_entry_once)
{
	char wanted[65536];
	size_t used;

	used = (size_t)snprintf(wanted, sizeof(wanted), "a.plain 0 3000: ");
	for (int number = 0; number < 3000; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%04d", number);
		fixture_put(&fixture, 0, 1, key, "v");
		used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%s=v@1 ", key);
	}
	snprintf(wanted + used, sizeof(wanted) - used, "b.other 0 0: c.short 0 0: 0");
	fixture_commit(&fixture);
	SEES(wanted);
}
END_TEST

/* The look of a key of so many bytes, all 'x'. */
static void
print_key(FILE *out, int64_t size)
{
	struct weir_error error = {0};
	struct weir_view *view = weir__view_open(fixture.folder, NULL, &error);
	char *key = malloc((size_t)size + 1);
	int code;

	memset(key, 'x', (size_t)size + 1);
	code = weir__view_get(view, weir__view_find(view, "a.plain"), 0,
	                      (struct weir_bytes){key, (size_t)size}, print_entry, out, &error);
	fprintf(out, "%d", code);
	free(key);
	weir__view_close(view);
}

START_TEST(keys_of_all_sizes_are_found)
{
	static const int sizes[] = {0, 1, 491, 492, 493, 511, 512, 5000, WEIR_STORE_KEY_MAX};
	char *key = malloc(WEIR_STORE_KEY_MAX);
	char wanted[32];

	memset(key, 'x', WEIR_STORE_KEY_MAX);
	for (size_t index = 0; index < sizeof(sizes) / sizeof(sizes[0]); index++) {
		struct weir_bytes bytes = {key, (size_t)sizes[index]};

		ck_assert_str_eq(seen_by(print_key, sizes[index]), "-2");
		weir__state_enter_record(fixture.state, 1);
		ck_assert_int_eq(weir_store_put(fixture_store(&fixture, 0), bytes,
		                                text_bytes("v")),
		                 0);
		weir__state_leave(fixture.state, NULL);
		fixture_commit(&fixture);
		snprintf(wanted, sizeof(wanted), "%d=1 0", sizes[index]);
		if (sizes[index] > 100)
			ck_assert_str_eq(seen_by(print_key, sizes[index]), wanted);
		else
			ck_assert_ptr_nonnull(strstr(seen_by(print_key, sizes[index]), "=v@1 0"));
	}
	ck_assert_str_eq(seen_by(print_key, WEIR_STORE_KEY_MAX + 1), "-2");
	free(key);
}
END_TEST

/* ---- what is no store ---- */

START_TEST(a_folder_without_data_is_passed_over_and_left_alone)
{
	fixture_fini(&fixture);
	fixture_init(&fixture);
	ck_assert_ptr_nonnull(strstr(seen_by(print_view, 0), "-2 no store in"));
	/* fixture_fini() would delete what it made; nothing may be there */
	ck_assert_int_eq(rmdir(fixture.folder), 0);
}
END_TEST

START_TEST(no_lock_file_is_made)
{
	char path[128];

	fixture_put(&fixture, 0, 1, "a", "1");
	fixture_commit(&fixture);
	fixture_close(&fixture);
	snprintf(path, sizeof(path), "%s/lock.mdb", fixture.folder);
	ck_assert_int_eq(unlink(path), 0);
	SEES("a.plain 0 1: a=1@1 b.other 0 0: c.short 0 0: 0");
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(what_may_be_torn_is_not_read)
{
	fixture_put(&fixture, 0, 1, "a", "1");
	fixture_commit(&fixture);
	fixture_crash(&fixture);
	fixture.config.boot_id = "another boot";
	ck_assert_ptr_nonnull(strstr(seen_by(print_view, 0), "the machine went down"));
}
END_TEST

/* ---- beside a writer that goes on ---- */

/* Opens, waits until the parent has written on, and reads then. */
static int told[2], wrote[2];

static void
print_later(FILE *out, int64_t number)
{
	struct weir_view *view = weir__view_open(fixture.folder, NULL, NULL);
	uint64_t keys = 0;
	char byte = 0;
	int code;

	(void)number;
	if (write(told[1], "o", 1) != 1 || read(wrote[0], &byte, 1) != 1)
		_exit(1);
	code = weir__view_count(view, weir__view_find(view, "a.plain"), &keys, NULL);
	fprintf(out, "%d %llu", code, (unsigned long long)keys);
	weir__view_close(view);
}

START_TEST(a_map_that_grew_is_followed)
{
	char value[4096], key[16], byte;
	pid_t writer;
	int status;

	/* a file of its own: one never takes a smaller map than it had */
	fixture_fini(&fixture);
	fixture_init(&fixture);
	fixture.config.map_bytes = 1 << 20;
	fixture.config.batch_bytes = 1 << 16;
	ck_assert_int_eq(pipe(told) | pipe(wrote), 0);
	memset(value, 'v', sizeof(value));
	writer = fork();
	if (writer == 0) {
		fixture_open(&fixture);
		fixture_put(&fixture, 0, 1, "first", "1");
		fixture_commit(&fixture);
		if (write(wrote[1], "1", 1) != 1 || read(told[0], &byte, 1) != 1)
			_exit(1);
		for (int number = 0; number < 999; number++) {
			snprintf(key, sizeof(key), "%d", number);
			weir__state_enter_record(fixture.state, 1);
			weir_store_put(fixture_store(&fixture, 0), text_bytes(key),
			               (struct weir_bytes){value, sizeof(value)});
			weir__state_leave(fixture.state, NULL);
			if (number % 10 == 0)
				fixture_commit(&fixture);
		}
		fixture_commit(&fixture);
		if (write(wrote[1], "2", 1) != 1)
			_exit(1);
		fixture_crash(&fixture);
		_exit(0);
	}
	ck_assert_int_eq((int)read(wrote[0], &byte, 1), 1);
	ck_assert_str_eq(seen_by(print_later, 0), "0 1000");
	ck_assert_int_eq(waitpid(writer, &status, 0), writer);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* ---- one that dies ---- */

static bool
die(void *opaque, const struct weir_view_entry *entry)
{
	(void)opaque;
	(void)entry;
	raise(SIGKILL);
	return true;
}

static int64_t
overwrite(int rounds)
{
	static char value[65536];
	char path[128];
	struct stat status;

	for (int round = 0; round < rounds; round++) {
		weir__state_enter_record(fixture.state, 1);
		weir_store_put(fixture_store(&fixture, 0), text_bytes("a"),
		               (struct weir_bytes){value, sizeof(value)});
		weir__state_leave(fixture.state, NULL);
		fixture_commit(&fixture);
	}
	snprintf(path, sizeof(path), "%s/data.mdb", fixture.folder);
	ck_assert_int_eq(stat(path, &status), 0);
	return status.st_size;
}

/* Its place among the readers would keep every page from then on. */
START_TEST(one_that_is_killed_while_it_reads_keeps_no_pages)
{
	int64_t before = overwrite(20);
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct weir_view *view = weir__view_open(fixture.folder, NULL, NULL);

		weir__view_get(view, weir__view_find(view, "a.plain"), 0, text_bytes("a"), die,
		               NULL, NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_le(overwrite(100), 2 * before);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("view");
	TCase *tcase = tcase_create("view");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_view_sees_what_was_committed_beside_the_writer);
	tcase_add_test(tcase, it_tells_when_it_was_caught_up);
	tcase_add_test(tcase, what_has_expired_is_passed_over);
	tcase_add_test(tcase, a_walk_of_many_pieces_has_every_entry_once);
	tcase_add_test(tcase, keys_of_all_sizes_are_found);
	tcase_add_test(tcase, a_folder_without_data_is_passed_over_and_left_alone);
	tcase_add_test(tcase, no_lock_file_is_made);
	tcase_add_test(tcase, what_may_be_torn_is_not_read);
	tcase_add_test(tcase, a_map_that_grew_is_followed);
	tcase_add_test(tcase, one_that_is_killed_while_it_reads_keeps_no_pages);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
