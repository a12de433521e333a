/*
 * The oracle itself: outputs, offsets and transactions are planted on the embedded
 * broker, and each kind of wrong must be named. An oracle that is never wrong proves
 * nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include <base/alloc.h>
#include <broker/memory.h>

#include "tests/harness.h"
#include <testing/oracle.h>

static struct weir_virtual_clock clock_;
static struct weir_memory *memory;
static struct weir_broker *broker;
static const char *const inputs[] = {"in"};
static const char *const outputs[] = {"out", "other"};
static struct weir_oracle_config config;
static struct weir_oracle_verdict verdict;

static void
setup(void)
{
	static const char *const topics[] = {"in", "out", "other", "dead", "seen", "counts"};

	weir__virtual_clock_init(&clock_, 1000);
	memory = weir__memory_open(&clock_.clock, NULL);
	broker = weir__memory_broker(memory);
	for (size_t index = 0; index < 6; index++)
		ck_assert_int_eq(weir__broker_topic_create(broker, topics[index], 1, 1,
							   NULL, 0, NULL),
				 0);
	config = (struct weir_oracle_config){
		.broker = broker,
		.clock = &clock_.clock,
		.guarantee = WEIR_EXACTLY_ONCE,
		.group = "app",
		.inputs = inputs,
		.input_count = 1,
		.outputs = outputs,
		.output_count = 2,
		.dead_letter = "dead",
	};
	memset(&verdict, 0, sizeof(verdict));
}

static void
teardown(void)
{
	weir__broker_close(broker);
}

/* ---- planting ---- */

static void
append(const char *topic, const char *value, const struct weir_header *headers,
       size_t count)
{
	struct weir_message message = {.value = {value, strlen(value)},
				       .headers = headers,
				       .header_count = count,
				       .timestamp_ms = -1, .partition = WEIR_BY_KEY};

	ck_assert_int_eq(weir__memory_append(memory, topic, 0, &message), 0);
}

/*
 * "out in/0/3/0": a record of topic `out` with that source; "dead 3": a dead letter; "out
 * in/0/3/0 2": its store has counted two of its group.
 */
static void
plant(const char *text)
{
	char topic[16], source[64], count[16];
	int words = sscanf(text, "%15s %63s %15s", topic, source, count);
	struct weir_header headers[3] = {{"weir.source.topic", {"in", 2}},
					 {"weir.source.partition", {"0", 1}},
					 {"weir.source.offset", {source, 0}}};

	ck_assert_int_ge(words, 2);
	headers[2].value.size = strlen(source);
	if (!strcmp(topic, "dead")) {
		append(topic, "x", headers, 3);
		return;
	}
	headers[0] = (struct weir_header){"oracle.source", {source, strlen(source)}};
	if (!strcmp(topic, "sum") || !strcmp(topic, "tick"))
		headers[0].name = *topic == 's' ? "oracle.sum" : "oracle.tick";
	headers[1] = (struct weir_header){"oracle.count", {count, strlen(count)}};
	append(headers[0].name[7] == 's' && headers[0].name[8] == 'o' ? topic : "out",
	       "x", headers, words == 3 ? 2 : 1);
}

static void
commit(int64_t offset)
{
	struct weir_session_config session_config = {.name = "planter", .group = "app"};
	struct weir_offset place = {.topic = "in", .offset = offset};
	struct weir_session *session =
		weir__broker_session_open(broker, &session_config, NULL);

	ck_assert_int_eq(weir__session_commit_offsets(session, &place, 1, 0, NULL),
			 WEIR_SUCCESS);
	weir__session_close(session);
}

static struct weir_session *
begin(const char *topic, const char *value)
{
	const char *const topics[] = {topic};
	struct weir_session_config session_config = {.name = "producer",
						     .transactional_id = "t",
						     .outputs = topics,
						     .output_count = 1};
	struct weir_message message = {.value = {value, strlen(value)},
				       .timestamp_ms = -1, .partition = WEIR_BY_KEY};
	struct weir_session *session =
		weir__broker_session_open(broker, &session_config, NULL);

	ck_assert_int_eq(weir__session_init(session, 0, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_begin(session, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 0, 0, NULL),
			 WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_flush(session, 0, NULL), WEIR_SUCCESS);
	return session;
}

static void
check(void)
{
	struct weir_error error = {0};

	ck_assert_msg(weir__oracle_check(&config, &verdict, &error) == 0, "%s",
		      error.message);
}

/* These findings and no others. */
static void
expect(const char *names)
{
	char found[400] = "";

	for (int finding = 0; finding < WEIR_ORACLE_FINDINGS; finding++) {
		if (!verdict.found[finding])
			continue;
		strcat(found, *found ? " " : "");
		strcat(found, weir__oracle_finding_name(finding));
		ck_assert_str_ne(verdict.example[finding], "");
	}
	ck_assert_str_eq(found, names);
}

/* ---- findings ---- */

/* Input: 0 "0 a", 1 "1 ab", 2 "2 x", 3 "3 -", 4 "4 a", 5 "5 a"; the end is 6. */
struct planted {
	int64_t committed;
	const char *records[10];
	const char *found;
};

#define GOOD "out in/0/0/0", "out in/0/1/0", "other in/0/1/1", "dead 2"

static const struct planted planted[] = {
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0"}, ""},
	{6, {GOOD, "out in/0/5/0"}, "LOST"},
	{6,
	 {"out in/0/0/0", "out in/0/1/0", "dead 2", "out in/0/4/0", "out in/0/5/0"},
	 "TORN"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0", "out in/0/5/0"}, "REPEATED"},
	{6, {GOOD, "out in/0/5/0", "out in/0/4/0"}, "DISORDERED"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0", "dead 2"}, "REPEATED"},
	{6, {GOOD, "out in/0/4/0", "dead 5"}, "FOREIGN"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0", "dead 5"}, "TORN FOREIGN"},
	{6, {GOOD, "out in/0/2/0", "out in/0/4/0", "out in/0/5/0"}, "FOREIGN"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/1", "out in/0/5/0"}, "DISORDERED FOREIGN"},
	{6, {GOOD, "out in/0/4/0", "other in/0/5/0"}, "LOST FOREIGN"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0", "out nowhere/0/5/0"}, "FOREIGN"},
	{6, {GOOD, "out in/0/4/0", "out in/0/5/0", "out in/0/9/0"}, "UNCOMMITTED"},
	{5, {GOOD, "out in/0/4/0"}, "BEHIND"},
	{5, {GOOD, "out in/0/4/0", "out in/0/5/0"}, "BEYOND BEHIND"},
	{6,
	 {GOOD, "out in/0/4/0", "out in/0/5/0", "tick in/0/4", "tick in/0/3"},
	 "DISORDERED"},
};

START_TEST(each_wrong_is_named)
{
	static const char *const values[] = {"0 a", "1 ab", "2 x", "3 -", "4", "5 a"};
	const struct planted *plan = &planted[_i];

	for (size_t index = 0; index < 6; index++)
		append("in", values[index], NULL, 0);
	for (size_t index = 0; plan->records[index]; index++)
		plant(plan->records[index]);
	commit(plan->committed);
	check();
	expect(plan->found);
	ck_assert_uint_eq(verdict.sent, 6);
}
END_TEST

static const struct planted sums[] = {
	{4, {"sum in/0/0/1/2", "sum in/0/2/3/2"}, ""},
	{4, {"sum in/0/0/1/2", "sum in/0/2/3/3"}, "MISCOUNTED"},
	{4, {"sum in/0/0/1/2", "sum in/0/1/3/3"}, "MISCOUNTED"},
	{4, {"sum in/0/0/1/2", "sum in/0/3/3/1"}, "MISCOUNTED"},
	/* ticks of a tally, numbered; one of 0 is that of a task that begins anew */
	{4, {"sum in/0/0/3/4", "tick in/0/3/0", "tick in/0/3/1", "tick in/0/3/0"}, ""},
	{4, {"sum in/0/0/3/4", "tick in/0/3/0", "tick in/0/3/1", "tick in/0/3/1"}, "MISCOUNTED"},
	{4, {"sum in/0/0/3/4", "tick in/0/3/0", "tick in/0/3/2"}, "MISCOUNTED"},
};

START_TEST(sums_must_be_those_of_their_records)
{
	const struct planted *plan = &sums[_i];

	config.sums = true;
	for (size_t index = 0; index < 4; index++)
		append("in", "1 -", NULL, 0);
	for (size_t index = 0; plan->records[index]; index++)
		plant(plan->records[index]);
	commit(plan->committed);
	check();
	expect(plan->found);
}
END_TEST

/* All of one group; the second becomes a dead letter, and is not counted. */
static const struct planted stored[] = {
	{4, {"out in/0/0/0 1", "dead 1", "out in/0/2/0 2", "out in/0/3/0 3"}, ""},
	{4, {"out in/0/0/0 1", "dead 1", "out in/0/2/0 3", "out in/0/3/0 4"}, "MISSTATED"},
	{4, {"out in/0/0/0 1", "dead 1", "out in/0/2/0 1", "out in/0/3/0 2"}, "MISSTATED"},
};

START_TEST(what_stores_counted_must_be_the_records_before)
{
	static const char *const values[] = {"0 a", "5 x", "10 a", "15 a"};
	const struct planted *plan = &stored[_i];

	config.stores = true;
	for (size_t index = 0; index < 4; index++)
		append("in", values[index], NULL, 0);
	for (size_t index = 0; plan->records[index]; index++)
		plant(plan->records[index]);
	commit(plan->committed);
	check();
	expect(plan->found);
}
END_TEST

/* The third and fourth were there before: the one was kept, the other never was. */
static const struct planted again[] = {
	{5, {"out in/0/0/0 1", "dead 1", "dead 3", "out in/0/4/0 2"}, ""},
	{5, {"out in/0/0/0 1", "dead 1", "dead 3", "out in/0/4/0 3"}, "MISSTATED"},
	{5, {"out in/0/0/0 1", "dead 1", "out in/0/4/0 2"}, "LOST"},
	{5,
	 {"out in/0/0/0 1", "dead 1", "out in/0/2/0 2", "dead 3", "out in/0/4/0 2"},
	 "FOREIGN"},
};

START_TEST(what_a_store_has_seen_is_dropped_when_it_comes_again)
{
	static const char *const values[] = {"0 a", "5 x", "0 a", "5 x", "10 a"};
	const struct planted *plan = &again[_i];

	config.stores = true;
	for (size_t index = 0; index < 5; index++)
		append("in", values[index], NULL, 0);
	for (size_t index = 0; plan->records[index]; index++)
		plant(plan->records[index]);
	commit(plan->committed);
	check();
	expect(plan->found);
}
END_TEST

/* "seen 5" is the key 5 with an empty value, "counts 0 3" has one; "seen 5 null" is deleted. */
static void
plant_change(const char *text)
{
	char topic[16], key[16], value[16] = "";
	int words = sscanf(text, "%15s %15s %15s", topic, key, value);
	struct weir_message message = {.key = {key, strlen(key)},
				       .value = {value, strlen(value)},
				       .timestamp_ms = -1};

	ck_assert_int_ge(words, 2);
	if (!strcmp(value, "null"))
		message.value = (struct weir_bytes){NULL, 0};
	ck_assert_int_eq(weir__memory_append(memory, topic, 0, &message), 0);
}

/* Input: "0 a", "5 a", "10 -", "7 a"; the second becomes a dead letter. */
static const struct changed {
	enum weir_guarantee guarantee;
	const char *records[8];
	uint64_t states;
	const char *found;
} changed[] = {
	{WEIR_EXACTLY_ONCE,
	 {"seen 0", "seen 10", "seen 7", "counts 0 1", "counts 0 2", "counts 2 1"}, 3 + 5 + 2, ""},
	{WEIR_EXACTLY_ONCE, {"seen 0", "seen 7", "counts 0 2", "counts 2 1"}, 2 + 5 + 2, "MISSTATED"},
	{WEIR_EXACTLY_ONCE,
	 {"seen 0", "seen 10", "seen 7", "seen 5", "counts 0 2", "counts 2 1"}, 3 + 5 + 2, "MISSTATED"},
	{WEIR_EXACTLY_ONCE,
	 {"seen 0", "seen 10", "seen 7", "seen 99", "counts 0 2", "counts 2 1"}, 3 + 5 + 2,
	 "MISSTATED"},
	{WEIR_EXACTLY_ONCE, {"seen 0", "seen 10", "seen 7", "counts 0 3", "counts 2 1"}, 3 + 4 + 2,
	 "MISSTATED"},
	{WEIR_EXACTLY_ONCE,
	 {"seen 0", "seen 10", "seen 7", "seen 7 null", "counts 0 2", "counts 2 1"}, 3 + 5 + 2,
	 "MISSTATED"},
	/* what was counted may have died with the process; what was seen may not */
	{WEIR_AT_LEAST_ONCE, {"seen 0", "seen 10", "seen 7", "counts 0 1"}, 3, ""},
	/* it may have become a dead letter when it was read again */
	{WEIR_AT_LEAST_ONCE, {"seen 0", "seen 5", "seen 10", "seen 7"}, 4, ""},
	{WEIR_AT_LEAST_ONCE, {"seen 0", "seen 7"}, 2, "MISSTATED"},
	{WEIR_AT_LEAST_ONCE, {"seen 0", "seen 10", "seen 7", "seen 6"}, 3, "MISSTATED"},
};

START_TEST(changelogs_must_hold_what_the_input_says)
{
	static const char *const values[] = {"0 a", "5 a", "10 -", "7 a"};
	static const char *const changelogs[] = {"seen", "counts"};
	const struct changed *plan = &changed[_i];

	config.stores = config.may_reject = true;
	config.changelogs = changelogs;
	config.guarantee = plan->guarantee;
	for (size_t index = 0; index < 4; index++)
		append("in", values[index], NULL, 0);
	plant("out in/0/0/0 1");
	plant("dead 1");
	plant("out in/0/3/0 1");
	for (size_t index = 0; index < 8 && plan->records[index]; index++)
		plant_change(plan->records[index]);
	commit(4);
	check();
	expect(plan->found);
	ck_assert_uint_eq(verdict.states, plan->states);
}
END_TEST

START_TEST(output_of_an_aborted_input_is_uncommitted_input)
{
	struct weir_session *producer = begin("in", "0 a");

	ck_assert_int_eq(weir__session_abort(producer, 0, NULL), WEIR_SUCCESS);
	weir__session_close(producer);
	plant("out in/0/0/0");
	check();
	expect("UNCOMMITTED");
}
END_TEST

START_TEST(open_transaction_is_named)
{
	struct weir_session *producer = begin("out", "0 a");

	check();
	expect("OPEN");
	weir__session_close(producer);
}
END_TEST

START_TEST(without_steps_ids_are_enough)
{
	config.plain = true;
	append("in", "7", NULL, 0);
	append("in", "8", NULL, 0);
	append("out", "7", NULL, 0);
	append("out", "7", NULL, 0);
	commit(2);
	check();
	expect("LOST REPEATED");
}
END_TEST

START_TEST(guarantees_forbid_what_they_promise)
{
	enum weir_oracle_finding first = WEIR_ORACLE_OPEN;

	weir__oracle_verdict_add(&verdict, WEIR_ORACLE_LOST, "x");
	ck_assert(!weir__oracle_holds(&verdict, WEIR_EXACTLY_ONCE, &first));
	ck_assert_int_eq(first, WEIR_ORACLE_LOST);
	ck_assert(!weir__oracle_holds(&verdict, WEIR_AT_LEAST_ONCE, NULL));
	ck_assert(weir__oracle_holds(&verdict, WEIR_AT_MOST_ONCE, NULL));
	memset(&verdict, 0, sizeof(verdict));
	weir__oracle_verdict_add(&verdict, WEIR_ORACLE_REPEATED, "x");
	ck_assert(!weir__oracle_holds(&verdict, WEIR_EXACTLY_ONCE, NULL));
	ck_assert(weir__oracle_holds(&verdict, WEIR_AT_LEAST_ONCE, NULL));
	ck_assert(!weir__oracle_holds(&verdict, WEIR_AT_MOST_ONCE, NULL));
}
END_TEST

/* ---- the watch ---- */

static struct weir_oracle_watch *watch;

static void
look(void)
{
	struct weir_error error = {0};

	ck_assert_msg(weir__oracle_watch_look(watch, 0, &error) == 0, "%s",
		      error.message);
}

static void
finish(const char *names)
{
	struct weir_error error = {0};

	ck_assert_msg(weir__oracle_watch_finish(watch, &verdict, &error) == 0, "%s",
		      error.message);
	expect(names);
	weir__oracle_watch_close(watch);
}

static void
start_watch(void)
{
	watch = weir__oracle_watch_open(&config, NULL);
	ck_assert(watch != NULL);
	append("in", "0 ab", NULL, 0);
	append("in", "1 a", NULL, 0);
	look();
	ck_assert(!weir__oracle_watch_is_done(watch));
}

START_TEST(watch_of_what_is_right_finds_nothing)
{
	start_watch();
	plant("out in/0/0/0");
	plant("other in/0/0/1");
	commit(1);
	look();
	plant("out in/0/1/0");
	commit(2);
	look();
	look();
	ck_assert(weir__oracle_watch_is_done(watch));
	finish("");
	ck_assert_uint_gt(verdict.looks, 0);
}
END_TEST

START_TEST(watch_sees_half_a_batch)
{
	start_watch();
	plant("out in/0/0/0");
	commit(1);
	look();
	look(); /* the offset has not moved between two readings */
	plant("other in/0/0/1");
	plant("out in/0/1/0");
	commit(2);
	look();
	finish("TORN");
}
END_TEST

START_TEST(watch_sees_outputs_before_their_offset)
{
	start_watch();
	plant("out in/0/0/0");
	look();
	plant("other in/0/0/1");
	plant("out in/0/1/0");
	commit(2);
	look();
	finish("BEYOND");
}
END_TEST

START_TEST(watch_sees_an_offset_go_back)
{
	start_watch();
	plant("out in/0/0/0");
	plant("other in/0/0/1");
	plant("out in/0/1/0");
	commit(2);
	look();
	commit(1);
	look();
	commit(2);
	look();
	ck_assert_uint_eq(weir__oracle_watch_finish(watch, &verdict, NULL), 0);
	ck_assert_uint_eq(verdict.found[WEIR_ORACLE_REGRESSED], 1);
	weir__oracle_watch_close(watch);
}
END_TEST

START_TEST(watch_sees_what_is_taken_back)
{
	start_watch();
	plant("out in/0/0/0");
	plant("other in/0/0/1");
	commit(1);
	look();
	weir__memory_delete_records(memory, "out", 0, 1);
	finish("RETRACTED");
}
END_TEST

START_TEST(load_reads_what_it_prints)
{
	static const char *const loads[] = {"0 a",       "17 abc",      "18 -",
					    "19 x",      "20 abx",      "21 a early",
					    "22 b hold", "23 aa retry", "24 a slow=9000"};
	static const char *const bad[] = {"",   "x",     "1 d", "1 xa", "1 a sometimes",
					  "1a", "1 aaaa"};
	struct weir_oracle_load load;
	char text[WEIR_ORACLE_LOAD_SIZE];

	for (size_t index = 0; index < sizeof(loads) / sizeof(*loads); index++) {
		struct weir_bytes value = {loads[index], strlen(loads[index])};

		ck_assert_msg(weir__oracle_load_parse(value, &load), "%s", loads[index]);
		ck_assert_uint_eq(weir__oracle_load_print(&load, text), value.size);
		ck_assert_str_eq(text, loads[index]);
	}
	for (size_t index = 0; index < sizeof(bad) / sizeof(*bad); index++)
		ck_assert_msg(!weir__oracle_load_parse(
				      (struct weir_bytes){bad[index], strlen(bad[index])},
				      &load),
			      "%s", bad[index]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("oracle");
	TCase *tcase = tcase_create("oracle");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, load_reads_what_it_prints);
	tcase_add_loop_test(tcase, each_wrong_is_named, 0,
			    sizeof(planted) / sizeof(*planted));
	tcase_add_loop_test(tcase, what_stores_counted_must_be_the_records_before, 0,
			    sizeof(stored) / sizeof(*stored));
	tcase_add_loop_test(tcase, what_a_store_has_seen_is_dropped_when_it_comes_again, 0,
			    sizeof(again) / sizeof(again[0]));
	tcase_add_loop_test(tcase, changelogs_must_hold_what_the_input_says, 0,
			    sizeof(changed) / sizeof(*changed));
	tcase_add_loop_test(tcase, sums_must_be_those_of_their_records, 0,
			    sizeof(sums) / sizeof(*sums));
	tcase_add_test(tcase, output_of_an_aborted_input_is_uncommitted_input);
	tcase_add_test(tcase, open_transaction_is_named);
	tcase_add_test(tcase, without_steps_ids_are_enough);
	tcase_add_test(tcase, guarantees_forbid_what_they_promise);
	tcase_add_test(tcase, watch_of_what_is_right_finds_nothing);
	tcase_add_test(tcase, watch_sees_half_a_batch);
	tcase_add_test(tcase, watch_sees_outputs_before_their_offset);
	tcase_add_test(tcase, watch_sees_an_offset_go_back);
	tcase_add_test(tcase, watch_sees_what_is_taken_back);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
