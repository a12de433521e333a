/*
 * Tables over a real Kafka: read before the first record, also after kill -9; topics that grow,
 * go away or are made anew under those who look; tombstones that were compacted away.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "tests/faults/rig.h"

#define KEYS 5000
#define RECORDS 3000

struct fixture {
	struct rig *rig;
	char topic[80];
	struct weir_session *writer;
	size_t records; /* put into the input */
};

/* ---- topic and input ---- */

static void
make_topic(struct fixture *f, int partitions, const char *retention_ms)
{
	struct weir_properties settings = {0};
	struct weir_error error = {0};

	weir__properties_set(&settings, "cleanup.policy", "compact");
	weir__properties_set(&settings, "delete.retention.ms", retention_ms);
	if (strcmp(retention_ms, "86400000") != 0) {
		weir__properties_set(&settings, "segment.ms", "100");
		weir__properties_set(&settings, "min.cleanable.dirty.ratio", "0.01");
	}
	RIG_WAIT(f->rig, weir__broker_topic_create(f->rig->broker, f->topic, partitions, 1,
	                                           &settings, 5000, &error) != WEIR_EEXISTS);
	weir__properties_fini(&settings);
}

static void
open_writer(struct fixture *f)
{
	const char *topic = f->topic;
	struct weir_session_config config = {
		.name = "writer", .guarantee = WEIR_AT_LEAST_ONCE, .outputs = &topic,
		.output_count = 1, .transaction_timeout_ms = 6000, .session_timeout_ms = 6000,
	};
	struct weir_error error = {0};

	f->writer = weir__broker_session_open(f->rig->broker, &config, &error);
	ck_assert_msg(f->writer != NULL, "%s", error.message);
	while (weir__session_init(f->writer, 1000, &error) == WEIR_AGAIN)
		continue;
}

static void
close_writer(struct fixture *f)
{
	weir__session_close(f->writer);
	f->writer = NULL;
}

static struct fixture
setup_table(const char *name, const char *guarantee, int partitions, const char *retention_ms)
{
	struct fixture f = {.rig = rig_open(name, guarantee)};

	snprintf(f.topic, sizeof(f.topic), "%s-table", name);
	make_topic(&f, partitions, retention_ms);
	rig_set(f.rig, "/tables={\"t\": {\"topic\": \"%s\"}}", f.topic);
	rig_set(f.rig, "/steps=[{\"use\": \"enrich\", \"with\": {\"table\": \"t\", \"on\": \"key\", "
	               "\"into\": \"/x\", \"missing\": \"keep\"}}]");
	open_writer(&f);
	return f;
}

static void
end(struct fixture *f)
{
	close_writer(f);
	rig_close(f->rig);
}

static void
write_key(struct fixture *f, const char *key, const char *value)
{
	struct weir_message message = {
		.key = {key, strlen(key)}, .value = {value, value ? strlen(value) : 0},
		.timestamp_ms = rig_now_ms(), .partition = WEIR_BY_KEY,
	};
	struct weir_error error = {0};
	enum weir_outcome outcome;

	while ((outcome = weir__session_send(f->writer, 0, &message, 0, 1000, &error)) ==
	       WEIR_AGAIN)
		continue;
	ck_assert_msg(outcome == WEIR_SUCCESS, "%s", error.message);
}

static void
flush(struct fixture *f)
{
	struct weir_error error = {0};

	while (weir__session_flush(f->writer, 1000, &error) == WEIR_AGAIN)
		continue;
	ck_assert_msg(!error.code, "%s", error.message);
}

/* "0" to "KEYS - 1", each with {"v": KEY + version}. */
static void
fill(struct fixture *f, int version)
{
	for (int key = 0; key < KEYS; key++) {
		char name[16], value[32];

		snprintf(name, sizeof(name), "%d", key);
		snprintf(value, sizeof(value), "{\"v\": %d}", key + version);
		write_key(f, name, value);
	}
	flush(f);
}

static void
put_record(struct fixture *f, const char *key)
{
	char value[64];

	snprintf(value, sizeof(value), "{\"n\": %zu}", f->records++);
	rig_produce_record(f->rig, (struct weir_bytes){key, strlen(key)},
	                   (struct weir_bytes){value, strlen(value)});
}

static void
put_records(struct fixture *f, int count)
{
	for (int record = 0; record < count; record++) {
		char key[16];

		snprintf(key, sizeof(key), "%zu", f->records % KEYS);
		put_record(f, key);
	}
}

/* ---- output ---- */

struct found {
	unsigned char times[10000]; /* by n */
	char last[128];             /* what the last one has of the table */
	int wrong;
	int version;
};

static void
take_output(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	struct found *found = opaque;
	char key[24] = "", value[128] = "", expected[128];
	size_t number = 0;

	(void)place;
	memcpy(key, message->key.data, message->key.size);
	memcpy(value, message->value.data, message->value.size);
	ck_assert_msg(sscanf(value, "{\"n\": %zu", &number) == 1 && number < 10000, "%s", value);
	found->times[number]++;
	snprintf(expected, sizeof(expected), "{\"n\": %zu,\"x\":{\"v\": %d}}", number,
	         atoi(key) + found->version);
	found->wrong += strcmp(value, expected) != 0;
	snprintf(found->last, sizeof(found->last), "%s", value);
}

static struct found
read_output(struct fixture *f, int version)
{
	struct found found = {.version = version};

	rig_read(f->rig, f->rig->out, take_output, &found);
	return found;
}

static void
expect_all_once(struct fixture *f, int version)
{
	struct found found = read_output(f, version);

	for (size_t number = 0; number < f->records; number++)
		ck_assert_msg(found.times[number] == 1, "record %zu came %d times", number,
		              found.times[number]);
	ck_assert_int_eq(found.wrong, 0);
}

static const char *
last_words(const struct rig_child *child)
{
	static char text[1024];
	char *words = rig_last_words(child);

	snprintf(text, sizeof(text), "%s", words);
	free(words);
	return text;
}

/* ---- the claims ---- */

START_TEST(each_record_finds_the_whole_table_also_after_kill_9)
{
	struct fixture f = setup_table("table-killed", "exactly-once", 3, "86400000");
	struct rig_child *child;
	int64_t before;

	fill(&f, 7);
	put_records(&f, RECORDS);
	child = rig_run(f.rig, NULL);
	before = rig_size(f.rig, f.rig->out);
	RIG_WAIT(f.rig, rig_size(f.rig, f.rig->out) > before + RECORDS / 3);
	rig_signal(child, SIGKILL);
	rig_exit(child);
	put_records(&f, RECORDS);
	child = rig_run(f.rig, "--until-end", NULL);
	RIG_EXPECT(f.rig, rig_exit(child) == 0);
	RIG_EXPECT(f.rig, rig_says(child, "tables read tables=1 records=0 "));
	expect_all_once(&f, 7);
	end(&f);
}
END_TEST

START_TEST(what_changes_while_it_runs_is_found)
{
	struct fixture f = setup_table("table-follows", "at-least-once", 2, "86400000");
	struct rig_child *child;

	write_key(&f, "a", "1");
	flush(&f);
	child = rig_run(f.rig, NULL);
	put_record(&f, "a");
	RIG_WAIT(f.rig, rig_committed_to_end(f.rig));
	ck_assert_str_eq(read_output(&f, 0).last, "{\"n\": 0,\"x\":1}");
	write_key(&f, "a", "2");
	flush(&f);
	/* nothing orders the two topics: until it has come */
	RIG_WAIT(f.rig, (put_record(&f, "a"), strstr(read_output(&f, 0).last, "\"x\":2")));
	write_key(&f, "a", NULL);
	flush(&f);
	RIG_WAIT(f.rig, (put_record(&f, "a"), !strstr(read_output(&f, 0).last, "\"x\"")));
	rig_signal(child, SIGTERM);
	RIG_EXPECT(f.rig, rig_exit(child) == 0);
	end(&f);
}
END_TEST

START_TEST(a_topic_that_goes_away_stops_the_app)
{
	struct fixture f = setup_table("table-gone", "exactly-once", 2, "86400000");
	struct rig_child *child;

	fill(&f, 0);
	child = rig_run(f.rig, NULL);
	put_records(&f, 10);
	RIG_WAIT(f.rig, rig_committed_to_end(f.rig));
	close_writer(&f);
	rig_topic_delete(f.topic);
	RIG_WAIT(f.rig, rig_ended(child));
	RIG_EXPECT(f.rig, rig_exit(child) == 1);
	RIG_EXPECT(f.rig, strstr(last_words(child), "table t: table-gone-table[0]: Broker: Unknown topic"));
	expect_all_once(&f, 0);
	rig_close(f.rig);
}
END_TEST

START_TEST(a_topic_made_anew_stops_the_app_and_the_next_start_reads_it)
{
	struct fixture f = setup_table("table-anew", "exactly-once", 2, "86400000");
	struct rig_child *child;

	fill(&f, 0);
	child = rig_run(f.rig, NULL);
	put_records(&f, 10);
	RIG_WAIT(f.rig, rig_committed_to_end(f.rig));
	close_writer(&f);
	rig_topic_delete(f.topic);
	RIG_WAIT(f.rig, rig_ended(child));
	make_topic(&f, 2, "86400000");
	open_writer(&f);
	write_key(&f, "1", "{\"v\": 1}");
	flush(&f);
	put_record(&f, "1");
	put_record(&f, "2");
	child = rig_run(f.rig, "--until-end", NULL);
	RIG_EXPECT(f.rig, rig_exit(child) == 0);
	RIG_EXPECT(f.rig, rig_says(child, "table is read anew"));
	ck_assert_int_eq(read_output(&f, 0).wrong, 1); /* key 2 is no longer there */
	end(&f);
}
END_TEST

static void
note_key(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	bool *there = opaque;

	(void)place;
	*there |= message->key.size == 4 && memcmp(message->key.data, "gone", 4) == 0;
}

/* Neither its value nor its tombstone are in the topic. */
static bool
is_forgotten(struct fixture *f)
{
	bool there = false;

	write_key(f, "filler", "0"); /* segments roll when something comes */
	flush(f);
	rig_read(f->rig, f->topic, note_key, &there);
	return !there;
}

START_TEST(a_key_whose_tombstone_was_compacted_away_is_gone)
{
	struct fixture f = setup_table("table-asleep", "exactly-once", 1, "300");
	struct rig_child *child;

	write_key(&f, "gone", "1");
	flush(&f);
	put_record(&f, "gone");
	child = rig_run(f.rig, "--until-end", NULL);
	RIG_EXPECT(f.rig, rig_exit(child) == 0);
	ck_assert_str_eq(read_output(&f, 0).last, "{\"n\": 0,\"x\":1}");
	write_key(&f, "gone", NULL);
	flush(&f);
	RIG_WAIT(f.rig, is_forgotten(&f));
	put_record(&f, "gone");
	child = rig_run(f.rig, "--until-end", NULL);
	RIG_EXPECT(f.rig, rig_exit(child) == 0);
	RIG_EXPECT(f.rig, rig_says(child, "its topic may have forgotten what was deleted"));
	ck_assert_str_eq(read_output(&f, 0).last, "{\"n\": 1}");
	end(&f);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *tables = tcase_create("tables");

	tcase_add_unchecked_fixture(tables, rig_setup, rig_teardown);
	tcase_set_timeout(tables, RIG_TEST_TIMEOUT_S);
	tcase_add_test(tables, each_record_finds_the_whole_table_also_after_kill_9);
	tcase_add_test(tables, what_changes_while_it_runs_is_found);
	tcase_add_test(tables, a_topic_that_goes_away_stops_the_app);
	tcase_add_test(tables, a_topic_made_anew_stops_the_app_and_the_next_start_reads_it);
	tcase_add_test(tables, a_key_whose_tombstone_was_compacted_away_is_gone);
	suite_add_tcase(suite, tables);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
