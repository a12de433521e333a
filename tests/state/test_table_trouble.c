/*
 * Tables in trouble, on the embedded broker: topic, disk or address space do not play along,
 * and many look while they are fed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/harness.h"
#include "tests/state/table_fixture.h"

/* ---- trouble while it runs ---- */

#define FAILED(part)                                                                   \
	ck_assert_msg(strstr(failure.message, part) != NULL, "%s: %s", failure.message, log_text)

START_TEST(a_topic_made_anew_under_those_who_look_stops_the_app)
{
	read_and(stop);
	start_and_read();
	IS(0, "ann", "1");
	weir__memory_delete_topic(memory, "people");
	create("people", 2);
	steps(1000);
	FAILED("table people: read up to people[0]@");
	FAILED("the topic was made anew or truncated; started again, the app reads it anew");
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1"); /* nobody found it half empty */
}
END_TEST

START_TEST(a_topic_that_is_gone_stops_the_app)
{
	start_and_read();
	weir__memory_delete_topic(memory, "places");
	for (int minutes = 0; minutes < 5; minutes++) {
		weir__virtual_clock_advance(&virtual_clock, 60000);
		steps(2000);
	}
	FAILED("table places: topic places: ");
}
END_TEST

START_TEST(that_trouble_is_over_is_told)
{
	start_and_read();
	weir__memory_delete_topic(memory, "places");
	weir__virtual_clock_advance(&virtual_clock, 60000);
	steps(200);
	LOGGED("tables cannot be read, trying on reason=");
	NOT_LOGGED("read again");
	create("places", 1);
	put("places", 0, "x", "y");
	steps(500);
	LOGGED("tables are read again offsets=1");
	IS(1, "x", "y");
	ck_assert_int_eq(failure.code, 0);
}
END_TEST

/* Or the others could hardly look while one looks for long. */
START_TEST(who_wants_it_alone_gives_way)
{
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1"); /* and looks on */
	ck_assert_int_eq(weir__broker_topic_grow(broker, "people", 3, 0, NULL), 0);
	put("people", 2, "bob", "2");
	weir__virtual_clock_advance(&virtual_clock, 60000);
	ck_assert_int_eq(weir__tables_step(tables, 20, &failure), 0);
	weir__table_let_go(views[0]);
	for (int tries = 0; tries < 3; tries++)
		ck_assert_int_eq(weir__tables_step(tables, 5, &failure), 0);
	IS(0, "bob", "-");
	weir__table_let_go(views[0]);
	weir__virtual_clock_advance(&virtual_clock, 1000);
	steps(5);
	IS(0, "bob", "2");
}
END_TEST

START_TEST(a_full_disk_is_tried_again)
{
	struct rlimit limit = {1 << 20, RLIM_INFINITY}, before;
	char value[1001];

	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1");
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	getrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int number = 0; number < 3000; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", number);
		put("people", 0, key, value);
	}
	put("people", 0, "ann", "2");
	steps(50);
	LOGGED("table cannot be written, trying on table=people");
	weir__table_let_go(views[0]);
	steps(300);
	IS(0, "ann", "1");
	setrlimit(RLIMIT_FSIZE, &before);
	weir__table_let_go(views[0]);
	steps(6000);
	ck_assert_msg(failure.code == 0, "%s", failure.message);
	IS(0, "ann", "2");
}
END_TEST

START_TEST(the_map_grows_when_nobody_looks)
{
	char value[1001];

	config.map_bytes = 1 << 20;
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1");
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (int number = 0; number < 3000; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", number);
		put("people", 0, key, value);
	}
	steps(100);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1");
	for (int round = 0; round < 100; round++) {
		weir__table_let_go(views[0]);
		steps(100);
	}
	ck_assert_msg(failure.code == 0, "%s", failure.message);
	ck_assert_uint_eq(strlen(get(0, "2999")), 63); /* as get() cuts it */
	NOT_LOGGED("cannot");
}
END_TEST

/* Large ones are not gathered in memory beyond what a commit is to have. */
START_TEST(a_step_ends_when_there_is_enough_to_commit)
{
	const size_t size = 1 << 20;
	char *value = weir__calloc(1, size + 1);

	memset(value, 'v', size);
	for (int number = 0; number < 40; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", number);
		put("people", 0, key, value);
	}
	free(value);
	config.step_records = 30;
	start();
	steps(1);
	ck_assert_uint_eq(strlen(get(0, "0")), 63); /* as get() cuts it */
	IS(0, "20", "-");
	steps(100);
	ck_assert_uint_eq(strlen(get(0, "39")), 63);
}
END_TEST

static size_t
address_space(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(want_of_address_space_is_told_now_and_then)
{
	struct rlimit limit, before;
	int told = 0;

	put("people", 0, "ann", "1");
	if (address_space() >> 40)
		return; /* a sanitizer's, which needs what it can get */
	getrlimit(RLIMIT_AS, &before);
	limit = (struct rlimit){address_space() + (200 << 20), before.rlim_max};
	setrlimit(RLIMIT_AS, &limit);
	start_and_read();
	for (int number = 0; number < 500; number++) {
		put("people", 0, "ann", "2");
		steps(1);
	}
	setrlimit(RLIMIT_AS, &before);
	ck_assert_int_eq(failure.code, 0);
	IS(0, "ann", "2");
	for (const char *at = log_text; (at = strstr(at, "cannot grow")); at++)
		told++;
	ck_assert_msg(told > 0 && told < 10, "%d times", told);
}
END_TEST

/* ---- threads ---- */

static atomic_bool is_over;

/* Pairs are written together: one moment has both or none. */
static void *
look_on(void *opaque)
{
	struct weir_table *view = weir__table_new(tables, 0);
	uintptr_t looks = 0;

	(void)opaque;
	while (!atomic_load(&is_over) || !looks) {
		struct weir_bytes value;

		if (weir_table_get(view, bytes("ann"), &value) == 0)
			looks += value.size > 0;
		weir__table_let_go(view);
	}
	weir__table_free(view);
	return (void *)looks;
}

/* Its files are opened anew: with more partitions than before. */
static void
grow_topic(int partitions)
{
	ck_assert_int_eq(weir__broker_topic_grow(broker, "people", partitions, 0, NULL), 0);
	weir__virtual_clock_advance(&virtual_clock, 60000);
	for (int waits = 0; waits < 100; waits++) {
		ck_assert_int_eq(weir__tables_step(tables, 20, &failure), 0);
		weir__virtual_clock_advance(&virtual_clock, 100);
	}
}

/* Two tests in one: where it is also opened anew under them, and where not. */
START_TEST(many_look_while_it_is_fed)
{
	pthread_t threads[3];
	void *looks;

	put("people", 0, "ann", "0");
	start_and_read();
	atomic_store(&is_over, false);
	for (int index = 0; index < 3; index++)
		ck_assert_int_eq(pthread_create(&threads[index], NULL, look_on, NULL), 0);
	for (int number = 0; number < 500; number++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", number);
		put("people", 0, "ann", text);
		steps(2);
		if (_i && number % 100 == 50)
			grow_topic(3 + number / 100);
	}
	atomic_store(&is_over, true);
	for (int index = 0; index < 3; index++) {
		pthread_join(threads[index], &looks);
		ck_assert_uint_gt((uintptr_t)looks, 0);
	}
	IS(0, "ann", "499");
	ck_assert(!_i == !strstr(log_text, "table grows with its topic table=people partitions=7"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("table trouble");
	TCase *tests = tcase_create("table trouble");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_topic_made_anew_under_those_who_look_stops_the_app);
	tcase_add_test(tests, a_topic_that_is_gone_stops_the_app);
	tcase_add_test(tests, that_trouble_is_over_is_told);
	tcase_add_test(tests, who_wants_it_alone_gives_way);
	tcase_add_test(tests, a_full_disk_is_tried_again);
	tcase_add_test(tests, the_map_grows_when_nobody_looks);
	tcase_add_test(tests, a_step_ends_when_there_is_enough_to_commit);
	tcase_add_test(tests, want_of_address_space_is_told_now_and_then);
	tcase_add_loop_test(tests, many_look_while_it_is_fed, 0, 2);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
