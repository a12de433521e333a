/*
 * Tables, case by case, on the embedded broker: what is in them, when they count as read, what
 * a restart reads, and what happens when topic or disk do not play along.
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
#include <time.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/folder.h>
#include <broker/memory.h>
#include <state/tables.h>

#include "tests/harness.h"

#define START_MS 1000000000

static struct weir_table_topic topics[] = {{"people", "people"}, {"places", "places"}};
static struct weir_virtual_clock virtual_clock;
static struct weir_logger logger;
static struct weir_memory *memory;
static struct weir_broker *broker;
static struct weir_tables *tables;
static struct weir_tables_config config;
static struct weir_table *views[2];
static struct weir_error failure;
static char folder[64];
static char log_text[8192];

/* ---- fixture ---- */

static void
keep_log(void *opaque, enum weir_log_level level, const char *line)
{
	size_t used = strlen(log_text);

	(void)opaque, (void)level;
	snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static void
create(const char *topic, int partitions)
{
	struct weir_properties settings = {0};

	weir__properties_set(&settings, "cleanup.policy", "compact");
	ck_assert_int_eq(weir__broker_topic_create(broker, topic, partitions, 1, &settings, 0,
	                                           NULL), 0);
	weir__properties_fini(&settings);
}

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/weir-tables-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	weir__virtual_clock_init(&virtual_clock, START_MS);
	logger = (struct weir_logger){.level = WEIR_LOG_DEBUG, .write = keep_log,
	                              .clock = &virtual_clock.clock};
	memory = weir__memory_open(&virtual_clock.clock, &logger);
	broker = weir__memory_broker(memory);
	config = (struct weir_tables_config){
		.folder = folder, .topics = topics, .count = 2, .broker = broker,
		.clock = &virtual_clock.clock, .logger = &logger, .map_bytes = 1 << 30,
	};
	create("people", 2);
	create("places", 1);
}

static void
close_views(void)
{
	for (int index = 0; index < 2; index++) {
		weir__table_free(views[index]);
		views[index] = NULL;
	}
}

static void
stop(void)
{
	close_views();
	weir__tables_rest(tables);
	weir__tables_free(tables);
	tables = NULL;
}

static void
die(void)
{
	close_views();
	weir__tables_crash(tables);
	tables = NULL;
}

static void
teardown(void)
{
	if (tables)
		stop();
	weir__broker_close(broker);
	weir__folder_remove(folder);
}

static void
start(void)
{
	log_text[0] = '\0';
	memset(&failure, 0, sizeof(failure));
	tables = weir__tables_new(&config);
	for (size_t index = 0; index < config.count; index++)
		views[index] = weir__table_new(tables, index);
}

/* Steps, 10 ms apart; until it fails. */
static void
steps(int count)
{
	while (count-- > 0 && !failure.code && weir__tables_step(tables, 0, &failure) == 0)
		weir__virtual_clock_advance(&virtual_clock, 10);
}

static void
start_and_read(void)
{
	start();
	for (int count = 0; count < 1000 && !weir__tables_are_read(tables); count++)
		steps(1);
	ck_assert_msg(weir__tables_are_read(tables), "%s%s", failure.message, log_text);
}

static struct weir_bytes
bytes(const char *text)
{
	return (struct weir_bytes){text, text ? strlen(text) : 0};
}

static void
put(const char *topic, int partition, const char *key, const char *value)
{
	struct weir_message message = {.key = bytes(key), .value = bytes(value),
	                               .timestamp_ms = virtual_clock.now_ms};

	ck_assert_int_eq(weir__memory_append(memory, topic, partition, &message), 0);
}

/* What stands there now; "-": nothing. */
static const char *
get_bytes(int table, struct weir_bytes key)
{
	static char text[64];
	struct weir_bytes value;
	int code = weir_table_get(views[table], key, &value);

	if (code == WEIR_ENOTFOUND)
		return "-";
	ck_assert_int_eq(code, 0);
	snprintf(text, sizeof(text), "%.*s", (int)value.size, (const char *)value.data);
	return text;
}

static const char *
get(int table, const char *key)
{
	weir__table_let_go(views[table]);
	return get_bytes(table, bytes(key));
}

#define IS(table, key, value) ck_assert_str_eq(get(table, key), value)
#define LOGGED(part) ck_assert_msg(strstr(log_text, part) != NULL, "%s", log_text)
#define NOT_LOGGED(part) ck_assert_msg(strstr(log_text, part) == NULL, "%s", log_text)

static struct weir_session *
open_transaction(const char *key, const char *value)
{
	static const char *const outputs[] = {"people"};
	struct weir_session_config settings = {
		.name = "other", .transactional_id = "other", .outputs = outputs,
		.output_count = 1, .transaction_timeout_ms = 60000, .session_timeout_ms = 10000,
	};
	struct weir_message message = {.key = bytes(key), .value = bytes(value),
	                               .timestamp_ms = 5, .partition = 0};
	struct weir_error error = {0};
	struct weir_session *session = weir__broker_session_open(broker, &settings, &error);

	while (weir__session_init(session, 0, &error) == WEIR_AGAIN)
		continue;
	ck_assert_int_eq(weir__session_begin(session, &error), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 0, 0, &error), WEIR_SUCCESS);
	while (weir__session_flush(session, 0, &error) == WEIR_AGAIN)
		continue;
	return session;
}

static void
end_transaction(struct weir_session *session, bool commit)
{
	struct weir_error error = {0};

	while ((commit ? weir__session_commit(session, NULL, 0, 0, &error)
	               : weir__session_abort(session, 0, &error)) == WEIR_AGAIN)
		continue;
	weir__session_close(session);
}

/* ---- what is in a table ---- */

START_TEST(a_table_has_the_last_value_of_each_key)
{
	put("people", 0, "ann", "1");
	put("people", 1, "bob", "2");
	put("people", 0, "ann", "3");
	put("people", 1, "eve", "4");
	put("people", 1, "eve", NULL);
	put("places", 0, "ann", "elsewhere");
	start_and_read();
	IS(0, "ann", "3");
	IS(0, "bob", "2");
	IS(0, "eve", "-");
	IS(0, "", "-");
	IS(1, "ann", "elsewhere");
	IS(1, "bob", "-");
}
END_TEST

START_TEST(empty_is_not_null)
{
	put("people", 0, "", "of the empty key");
	put("people", 0, "nothing", "");
	start_and_read();
	IS(0, "", "of the empty key");
	IS(0, "nothing", "");
	ck_assert_str_eq(get_bytes(0, (struct weir_bytes){NULL, 0}), "-");
}
END_TEST

START_TEST(long_keys_are_told_apart)
{
	char one[5000], other[5000];

	memset(one, 'x', sizeof(one));
	one[sizeof(one) - 1] = '\0';
	memcpy(other, one, sizeof(one));
	other[sizeof(one) - 2] = 'y';
	put("people", 0, one, "1");
	put("people", 0, other, "2");
	start_and_read();
	IS(0, one, "1");
	IS(0, other, "2");
	other[sizeof(one) - 2] = 'z';
	IS(0, other, "-");
}
END_TEST

START_TEST(records_without_a_key_are_skipped_and_told_of)
{
	put("people", 0, "ann", "1");
	put("people", 0, NULL, "2");
	put("people", 0, "bob", "3");
	start_and_read();
	LOGGED("records without a key, which are skipped table=people first=people[0]@1");
	IS(0, "ann", "1");
	IS(0, "bob", "3");
}
END_TEST

START_TEST(an_aborted_transaction_leaves_nothing)
{
	put("people", 0, "ann", "1");
	end_transaction(open_transaction("ann", "2"), false);
	start_and_read();
	IS(0, "ann", "1");
}
END_TEST

/* ---- when it is read ---- */

START_TEST(an_open_transaction_is_waited_for)
{
	struct weir_session *other;

	put("people", 0, "ann", "1");
	other = open_transaction("ann", "2");
	start();
	steps(100);
	ck_assert(!weir__tables_are_read(tables));
	end_transaction(other, true);
	steps(10);
	ck_assert(weir__tables_are_read(tables));
	IS(0, "ann", "2");
}
END_TEST

START_TEST(what_comes_later_is_followed)
{
	start_and_read();
	put("people", 1, "ann", "1");
	steps(5);
	IS(0, "ann", "1");
	put("people", 1, "ann", NULL);
	put("places", 0, "x", "y");
	steps(5);
	IS(0, "ann", "-");
	IS(1, "x", "y");
}
END_TEST

START_TEST(a_view_stays_as_it_was_until_it_is_let_go)
{
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1");
	put("people", 0, "ann", "2");
	steps(5);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1");
	weir__table_let_go(views[0]);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "2");
}
END_TEST

START_TEST(a_topic_that_grows_is_read_in_whole)
{
	put("people", 0, "ann", "1");
	start_and_read();
	IS(0, "ann", "1"); /* and looks on: its files cannot be opened anew yet */
	ck_assert_int_eq(weir__broker_topic_grow(broker, "people", 3, 0, NULL), 0);
	put("people", 2, "bob", "2");
	weir__virtual_clock_advance(&virtual_clock, 60000);
	steps(5);
	ck_assert_str_eq(get_bytes(0, bytes("ann")), "1");
	weir__table_let_go(views[0]);
	steps(5);
	LOGGED("table grows with its topic table=people partitions=3");
	IS(0, "ann", "1");
	IS(0, "bob", "2");
	ck_assert_int_eq(failure.code, 0);
}
END_TEST

/* ---- restarts ---- */

static void
read_and(void (*leave)(void))
{
	put("people", 0, "ann", "1");
	put("people", 1, "bob", "2");
	start_and_read();
	leave();
	put("people", 0, "eve", "3");
}

START_TEST(a_restart_reads_the_tail_only)
{
	read_and(_i ? die : stop);
	weir__memory_delete_records(memory, "people", 0, 1);
	start_and_read();
	NOT_LOGGED("anew");
	LOGGED("tables=2 records=1 ");
	IS(0, "ann", "1");
	IS(0, "bob", "2");
	IS(0, "eve", "3");
}
END_TEST

START_TEST(what_died_uncommitted_is_read_again)
{
	start_and_read();
	for (int number = 0; number < 1500; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", number);
		put("people", 0, key, key);
	}
	steps(1); /* a thousand: not at the end yet */
	die();
	start_and_read();
	IS(0, "0", "0");
	IS(0, "1499", "1499");
}
END_TEST

START_TEST(a_topic_cut_behind_the_table_is_read_anew)
{
	read_and(stop);
	weir__memory_delete_records(memory, "people", 0, 2);
	start_and_read();
	LOGGED("the topic no longer has what follows");
	IS(0, "ann", "-");
	IS(0, "bob", "2");
}
END_TEST

START_TEST(a_topic_made_anew_is_read_anew)
{
	read_and(stop);
	weir__memory_delete_topic(memory, "people");
	create("people", 2);
	put("people", 1, "joe", "4");
	start_and_read();
	LOGGED("the topic was made anew or truncated");
	IS(0, "ann", "-");
	IS(0, "joe", "4");
}
END_TEST

/* A place in the one topic says nothing of the other. */
START_TEST(a_table_that_gets_another_topic_has_nothing_of_the_first)
{
	struct weir_table_topic others[] = {{"people", "others"}, {"places", "places"}};

	read_and(stop);
	create("others", 2);
	put("others", 0, "joe", "4");
	put("others", 0, "liz", "5");
	put("others", 1, "max", "6");
	config.topics = others;
	start_and_read();
	IS(0, "ann", "-");
	IS(0, "joe", "4");
	IS(0, "max", "6");
	stop();
	config.topics = topics;
	start_and_read();
	IS(0, "ann", "1");
	IS(0, "joe", "-");
}
END_TEST

START_TEST(a_table_that_slept_too_long_is_read_anew)
{
	put("people", 0, "ann", "1");
	start_and_read();
	stop();
	/* its tombstone is gone */
	weir__memory_append(memory, "people", 0, &(struct weir_message){
		.key = bytes("ann"), .timestamp_ms = 1});
	weir__memory_delete_records(memory, "people", 0, 1);
	put("people", 0, "bob", "2");
	weir__virtual_clock_advance(&virtual_clock, 13 * 3600 * 1000);
	start_and_read();
	LOGGED("its topic may have forgotten what was deleted");
	IS(0, "bob", "2");
}
END_TEST

START_TEST(a_table_that_is_no_longer_there_goes_after_a_month)
{
	char path[128];

	put("places", 0, "x", "y");
	start_and_read();
	stop();
	config.count = 1; /* the pipeline has it no more */
	snprintf(path, sizeof(path), "%s/tables/places/data.mdb", folder);
	/* files have the system's time */
	virtual_clock.now_ms = (int64_t)time(NULL) * 1000 + INT64_C(29) * 24 * 3600 * 1000;
	start_and_read();
	ck_assert_int_eq(access(path, F_OK), 0);
	stop();
	weir__virtual_clock_advance(&virtual_clock, 2 * 24 * 3600 * 1000);
	start_and_read();
	ck_assert_int_ne(access(path, F_OK), 0);
	LOGGED("table removed: it was not used for long folder=");
}
END_TEST

START_TEST(a_quiet_topic_does_not_age)
{
	put("people", 0, "ann", "1");
	start_and_read();
	for (int hours = 0; hours < 30; hours++) {
		weir__virtual_clock_advance(&virtual_clock, 3600 * 1000);
		steps(2);
	}
	ck_assert_msg(failure.code == 0, "%s", failure.message);
	stop();
	weir__virtual_clock_advance(&virtual_clock, 11 * 3600 * 1000);
	start_and_read();
	NOT_LOGGED("anew");
	IS(0, "ann", "1");
}
END_TEST

START_TEST(damaged_files_are_read_anew)
{
	char path[128];
	FILE *file;

	read_and(stop);
	snprintf(path, sizeof(path), "%s/tables/people/data.mdb", folder);
	file = fopen(path, "r+");
	ck_assert_ptr_nonnull(file);
	for (int number = 0; number < 8192; number++)
		fputc('?', file);
	fclose(file);
	start_and_read();
	LOGGED("table is read anew folder=");
	IS(0, "ann", "1");
	IS(0, "eve", "3");
}
END_TEST

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
	}
	atomic_store(&is_over, true);
	for (int index = 0; index < 3; index++) {
		pthread_join(threads[index], &looks);
		ck_assert_uint_gt((uintptr_t)looks, 0);
	}
	IS(0, "ann", "499");
}
END_TEST

static Suite *
suite(void)
{
	Suite *made = suite_create("tables");
	TCase *tests = tcase_create("tables");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_table_has_the_last_value_of_each_key);
	tcase_add_test(tests, empty_is_not_null);
	tcase_add_test(tests, long_keys_are_told_apart);
	tcase_add_test(tests, records_without_a_key_are_skipped_and_told_of);
	tcase_add_test(tests, an_aborted_transaction_leaves_nothing);
	tcase_add_test(tests, an_open_transaction_is_waited_for);
	tcase_add_test(tests, what_comes_later_is_followed);
	tcase_add_test(tests, a_view_stays_as_it_was_until_it_is_let_go);
	tcase_add_test(tests, a_topic_that_grows_is_read_in_whole);
	tcase_add_loop_test(tests, a_restart_reads_the_tail_only, 0, 2);
	tcase_add_test(tests, what_died_uncommitted_is_read_again);
	tcase_add_test(tests, a_topic_cut_behind_the_table_is_read_anew);
	tcase_add_test(tests, a_topic_made_anew_is_read_anew);
	tcase_add_test(tests, a_table_that_gets_another_topic_has_nothing_of_the_first);
	tcase_add_test(tests, a_table_that_slept_too_long_is_read_anew);
	tcase_add_test(tests, a_table_that_is_no_longer_there_goes_after_a_month);
	tcase_add_test(tests, a_quiet_topic_does_not_age);
	tcase_add_test(tests, damaged_files_are_read_anew);
	tcase_add_test(tests, a_topic_made_anew_under_those_who_look_stops_the_app);
	tcase_add_test(tests, a_topic_that_is_gone_stops_the_app);
	tcase_add_test(tests, a_full_disk_is_tried_again);
	tcase_add_test(tests, the_map_grows_when_nobody_looks);
	tcase_add_test(tests, many_look_while_it_is_fed);
	suite_add_tcase(made, tests);
	return made;
}

int
main(void)
{
	return weir_test_run(suite());
}
