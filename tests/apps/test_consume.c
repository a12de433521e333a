/*
 * Consuming over the embedded broker: into a file exactly once, as a member of a group
 * under both guarantees, where to begin, gaps, and refusals.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "apps/weir/consume_run.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define RECORDS 90
#define PARTITIONS 3

static struct weir_memory *memory;
static struct weir_broker *broker;
static struct weir_logger logger = {.level = WEIR_LOG_ERROR};

/* Numbers, one partition after the other; record N has timestamp 1000 + N. */
static void
append(int first, int last)
{
	int i;

	for (i = first; i <= last; i++) {
		char text[16];
		struct weir_message message = {.value = {text, 0},
					       .timestamp_ms = 1000 + i};

		message.value.size = (size_t)snprintf(text, sizeof(text), "%d", i);
		ck_assert_int_eq(
			weir__memory_append(memory, "t", i % PARTITIONS, &message), 0);
	}
}

static void
set_up(void)
{
	transfer_folder_enter();
	memory = weir__memory_open(weir__clock_system(), &logger);
	broker = weir__memory_broker(memory);
	ck_assert_int_eq(
		weir__broker_topic_create(broker, "t", PARTITIONS, 1, NULL, 1000, NULL),
		0);
	append(0, RECORDS - 1);
}

static void
tear_down(void)
{
	weir__broker_close(broker);
}

static struct weir_consume_config
config_of(void)
{
	return (struct weir_consume_config){
		.topic = "t",
		.read_committed = true,
		.until_end = true,
		.fd = -1,
		.guarantee = WEIR_AT_LEAST_ONCE,
		.commit_records = 10,
		.commit_interval_ms = 60000,
		.commit_bytes = 1 << 20,
		.timeout_ms = 3000,
		.logger = &logger,
		.clock = weir__clock_system(),
		.quiet = true,
	};
}

static struct weir_consume_config
config_to(const char *path)
{
	struct weir_consume_config config = config_of();

	config.to = path;
	config.guarantee = WEIR_EXACTLY_ONCE;
	return config;
}

static int
consume(const struct weir_consume_config *config, struct weir_error *error)
{
	struct weir_consume_result result;

	memset(error, 0, sizeof(*error));
	return weir__consume(broker, config, &result, error);
}

static void
consume_well(const struct weir_consume_config *config)
{
	struct weir_error error;

	ck_assert_msg(consume(config, &error) == 0, "%s", error.message);
}

static void
consume_badly(const struct weir_consume_config *config, const char *reason)
{
	struct weir_error error;

	ck_assert_int_ne(consume(config, &error), 0);
	ck_assert_msg(strstr(error.message, reason) != NULL, "\"%s\", expected \"%s\"",
		      error.message, reason);
}

/* Run with output to a file, appended; the status. */
static int
consume_into(struct weir_consume_config *config, const char *path,
	     struct weir_error *error)
{
	int code;

	config->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(config->fd, 0);
	code = consume(config, error);
	close(config->fd);
	config->fd = -1;
	return code;
}

static void
check_file(const char *path, int count)
{
	char *text = transfer_read(path);
	const char *wrong = text ? transfer_check_lines(text, count) : "no file";

	ck_assert_msg(wrong == NULL, "%s", wrong);
	free(text);
}

static int
count_lines(const char *path)
{
	char *text = transfer_read(path);
	const char *at;
	int count = 0;

	for (at = text; at && (at = strchr(at, '\n')) != NULL; at++)
		count++;
	free(text);
	return count;
}

/* ---- exactly once into a file ---- */

START_TEST(a_file_gets_each_record_once_over_many_runs)
{
	struct weir_consume_config config = config_to("out");
	int i;

	/* each run takes seven more */
	config.count = 7;
	for (i = 0; i < 5; i++)
		consume_well(&config);
	ck_assert_int_eq(count_lines("out"), 35);
	config.count = 0;
	consume_well(&config);
	check_file("out", RECORDS);
	append(RECORDS, RECORDS + 29);
	consume_well(&config);
	consume_well(&config);
	check_file("out", RECORDS + 30);
}
END_TEST

START_TEST(what_the_state_does_not_vouch_for_is_cut)
{
	struct weir_consume_config config = config_to("out");
	FILE *file;
	int i;

	config.count = 20;
	consume_well(&config);
	file = fopen("out", "a");
	for (i = 0; i < 1000; i++)
		fputs("7\n8\n9 torn", file);
	fclose(file);
	config.count = 0;
	consume_well(&config);
	check_file("out", RECORDS);
}
END_TEST

START_TEST(a_file_shorter_than_its_state_is_refused)
{
	struct weir_consume_config config = config_to("out");

	consume_well(&config);
	ck_assert_int_eq(truncate("out", 5), 0);
	consume_badly(&config, "has 5 bytes, out.weir vouches for");
	ck_assert_int_eq(unlink("out"), 0);
	consume_badly(&config, "out: No such file");
	ck_assert_int_ne(access("out", F_OK), 0);
}
END_TEST

START_TEST(a_file_that_weir_did_not_write_is_refused_and_left_alone)
{
	struct weir_consume_config config = config_to("out");
	char *text;

	transfer_write("out", "mine\n");
	consume_badly(&config, "is not empty, and there is no out.weir");
	text = transfer_read("out");
	ck_assert_str_eq(text, "mine\n");
	free(text);
}
END_TEST

START_TEST(a_file_in_use_is_refused)
{
	struct weir_consume_config config = config_to("out");
	int fd = open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	consume_badly(&config, "another weir consume writes it");
	close(fd);
	consume_well(&config);
	check_file("out", RECORDS);
}
END_TEST

static const struct {
	const char *state;
	const char *reason;
} bad_states[] = {
	{"", "not a position file"},
	{"{", "not a position file"},
	{"[]", "no \"cluster\""},
	{"{\"cluster\": \"x\"}", "was filled from the cluster x, this is"},
	{"{\"cluster\": \"%s\", \"topic\": \"u\"}",
	 "was filled from the topic u, this is t"},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"json\"}",
	 "--format json"},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\"}",
	 "no \"offsets\""},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", \"length\": 0, "
	 "\"offsets\": [1, 2, 3, 4]}",
	 "4 partitions were read, t has 3"},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", \"length\": 0, "
	 "\"offsets\": [-1]}",
	 "offsets[0] is no offset"},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", \"length\": -1, "
	 "\"offsets\": [1]}",
	 "no \"length\""},
	{"{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", \"length\": 0, "
	 "\"offsets\": [31]}",
	 "t[0]: was read up to 31, and ends at 30"},
};

static void
write_state(const char *format)
{
	struct weir_cluster_info info = {0};
	char text[512];
	const char *at = strstr(format, "%s");

	ck_assert_int_eq(weir__broker_describe(broker, NULL, 0, &info, 1000, NULL), 0);
	if (at)
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - format), format,
			 info.cluster_id, at + 2);
	else
		snprintf(text, sizeof(text), "%s", format);
	weir__cluster_info_fini(&info);
	transfer_write("out.weir", text);
	transfer_write("out", "");
}

START_TEST(a_state_of_something_else_is_refused)
{
	struct weir_consume_config config = config_to("out");

	config.until_end = false;
	write_state(bad_states[_i].state);
	consume_badly(&config, bad_states[_i].reason);
}
END_TEST

START_TEST(new_partitions_begin_at_their_first_record)
{
	struct weir_consume_config config = config_to("out");

	/* written when the topic had one partition, of which all was read; 30 lines */
	write_state("{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", "
		    "\"length\": 0, \"offsets\": [30]}");
	consume_well(&config);
	ck_assert_int_eq(count_lines("out"), 60);
}
END_TEST

/* ---- gaps ---- */

START_TEST(records_lost_to_retention_stop_the_run_and_are_counted)
{
	struct weir_consume_config config = config_to("out");
	struct weir_consume_result result;
	struct weir_error error = {0};

	config.count = 1;
	consume_well(&config);
	config.count = 0;
	weir__memory_delete_records(memory, "t", 1, 10);
	weir__memory_delete_records(memory, "t", 2, 10);
	weir__memory_delete_records(memory, "t", 0, 10);
	consume_badly(&config, "records lost to retention");
	config.continue_at_gap = true;
	ck_assert_int_eq(weir__consume(broker, &config, &result, &error), 0);
	ck_assert_uint_eq(result.gone, 29);
	ck_assert_int_eq(count_lines("out"), 1 + 60);
}
END_TEST

START_TEST(a_group_stops_or_goes_on_at_a_gap_too)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;

	config.group = "g";
	config.count = 9;
	ck_assert_int_eq(consume_into(&config, "first", &error), 0);
	config.count = 0;
	weir__memory_delete_records(memory, "t", 0, 20);
	ck_assert_int_ne(consume_into(&config, "second", &error), 0);
	ck_assert_msg(strstr(error.message, "records lost to retention") != NULL, "%s",
		      error.message);
	config.continue_at_gap = true;
	ck_assert_msg(consume_into(&config, "second", &error) == 0, "%s", error.message);
	ck_assert_int_eq(count_lines("first"), 9);
	ck_assert_int_ge(count_lines("second"), 70 - 9);
}
END_TEST

/* ---- where to begin ---- */

static const struct {
	const char *text;
	int lines; /* -1: not a place */
} places[] = {
	{"beginning", 90},
	{"end", 0},
	{"0", 90},
	{"10", 60},
	{"30", 0},
	{"1000", 0},
	{"-5", 15},
	{"-0", 0},
	{"-1000", 90},
	{"@0", 90},
	{"@1045", 45},
	{"@9999", 0},
	{"1970-01-01", 90},
	{"1970-01-01T00:00:01Z", 90},
	{"1970-01-01T00:00:01.045Z", 45},
	{"1970-01-01 00:00:01,045", 45},
	{"1970-01-01T01:00:01.045+01:00", 45},
	{"1970-01-01T01:00:01.045+0100", 45},
	{"1970-01-01T01:00:01.045+01", 45},
	{"2024-05-01T12:00Z", 0},
	{"", -1},
	{"start", -1},
	{"-", -1},
	{"@", -1},
	{"@x", -1},
	{"1x", -1},
	{"--5", -1},
	{"2024-13-01", -1},
	{"2024-02-30", -1},
	{"2024-05-01T", -1},
	{"2024-05-01T12:00:00.Z", -1},
	{"2024-05-01T12:00+1", -1},
	{"2024-05-01T12:00+01:0", -1},
	{"2024-05-01T12:00Zx", -1},
	{"99999999999999999999", -1},
};

START_TEST(from_is_a_place_in_each_partition)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;
	int code = weir__from_parse(places[_i].text, &config.from);

	ck_assert_msg((code == 0) == (places[_i].lines >= 0), "%s", places[_i].text);
	if (code != 0)
		return;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	ck_assert_msg(count_lines("out") == places[_i].lines, "%s: %d lines",
		      places[_i].text, count_lines("out"));
}
END_TEST

/* ---- transactions ---- */

/* One record in a transaction, then a marker. */
static void
transact(const char *value, bool commit)
{
	static const char *const outputs[] = {"t"};
	const struct weir_session_config config = {.name = "test",
						   .transactional_id = "test",
						   .outputs = outputs,
						   .output_count = 1,
						   .transaction_timeout_ms = 60000};
	const struct weir_message message = {.value = {value, strlen(value)},
					     .timestamp_ms = -1};
	struct weir_session *session = weir__broker_session_open(broker, &config, NULL);

	ck_assert_ptr_nonnull(session);
	ck_assert_int_eq(weir__session_init(session, 1000, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_begin(session, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(weir__session_send(session, 0, &message, 1, 1000, NULL),
			 WEIR_SUCCESS);
	/* or the abort would drop it before it is in the log */
	ck_assert_int_eq(weir__session_flush(session, 1000, NULL), WEIR_SUCCESS);
	ck_assert_int_eq(commit ? weir__session_commit(session, NULL, 0, 1000, NULL)
				: weir__session_abort(session, 1000, NULL),
			 WEIR_SUCCESS);
	weir__session_close(session);
}

START_TEST(until_end_counts_markers_and_skips_aborted_records)
{
	struct weir_consume_config config = config_to("out");

	transact("90", true);
	transact("91", false);
	transact("91", true);
	transact("92", false);
	if (_i == 0) {
		consume_well(&config);
		check_file("out", 92);
	} else {
		struct weir_error error;

		config.to = NULL;
		config.group = "g";
		config.guarantee = _i == 1 ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
		ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s",
			      error.message);
		check_file("out", 92);
		/* the positions behind the markers are committed: nothing is left */
		ck_assert_int_eq(consume_into(&config, "again", &error), 0);
		ck_assert_int_eq(count_lines("again"), 0);
	}
}
END_TEST

START_TEST(read_uncommitted_shows_aborted_records_too)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;

	transact("90", false);
	config.read_committed = false;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	ck_assert_int_eq(count_lines("out"), 91);
}
END_TEST

/* ---- groups ---- */

START_TEST(a_group_goes_on_where_it_committed)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;
	int i;

	config.group = "g";
	config.guarantee = _i ? WEIR_AT_LEAST_ONCE : WEIR_AT_MOST_ONCE;
	config.count = 11;
	for (i = 0; i < 4; i++)
		ck_assert_msg(consume_into(&config, "out", &error) == 0, "%s",
			      error.message);
	ck_assert_int_eq(count_lines("out"), 44);
	config.count = 0;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	check_file("out", RECORDS);
}
END_TEST

/* A fault at the nth commit of offsets. */
struct strike {
	enum weir_memory_fault fault;
	int nth;
	bool rebalances; /* the group moves on at the same moment */
	int more;        /* so many calls after it fail too */
};

static enum weir_memory_fault
strike(void *opaque, const char *session, enum weir_memory_op op)
{
	struct strike *state = opaque;

	(void)session;
	if (op != WEIR_MEMORY_COMMIT_OFFSETS || --state->nth > 0 ||
	    state->nth < -state->more)
		return WEIR_MEMORY_NO_FAULT;
	if (state->rebalances && state->nth == 0)
		weir__memory_rebalance(memory);
	return state->fault;
}

static const struct strike strikes[] = {
	{WEIR_MEMORY_FAIL_AGAIN, 1, false, 0},   {WEIR_MEMORY_FAIL_AGAIN, 2, false, 0},
	{WEIR_MEMORY_FAIL_ABORT, 1, false, 0},   {WEIR_MEMORY_FAIL_ABORT, 2, false, 0},
	{WEIR_MEMORY_FAIL_FATAL, 1, false, 0},   {WEIR_MEMORY_FAIL_FATAL, 2, false, 0},
	{WEIR_MEMORY_UNKNOWN_DONE, 1, false, 0}, {WEIR_MEMORY_UNKNOWN_DONE, 2, false, 0},
	{WEIR_MEMORY_FAIL_ABORT, 1, true, 0},    {WEIR_MEMORY_FAIL_ABORT, 2, true, 0},
	{WEIR_MEMORY_NO_FAULT, 2, true, 0},      {WEIR_MEMORY_FAIL_ABORT, 1, true, 1},
	{WEIR_MEMORY_FAIL_ABORT, 2, true, 1},
};

START_TEST(a_group_at_least_once_prints_everything_whatever_commits_fail)
{
	struct strike state = strikes[_i];
	struct weir_consume_config config = config_of();
	struct weir_error error;
	char seen[RECORDS] = "";
	char *text;
	char *at;
	int i;

	config.group = "g";
	weir__memory_set_fault(memory, strike, &state);
	for (i = 0; i < 3; i++)
		if (consume_into(&config, "out", &error) == 0)
			break;
	text = transfer_read("out");
	for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		seen[atoi(at)] = 1;
	free(text);
	for (i = 0; i < RECORDS; i++)
		ck_assert_msg(seen[i], "%d is missing", i);
}
END_TEST

START_TEST(a_group_at_most_once_prints_nothing_twice_whatever_commits_fail)
{
	struct strike state = strikes[_i];
	struct weir_consume_config config = config_of();
	struct weir_error error;
	char seen[RECORDS] = "";
	char *text;
	char *at;
	int i;

	config.group = "g";
	config.guarantee = WEIR_AT_MOST_ONCE;
	weir__memory_set_fault(memory, strike, &state);
	for (i = 0; i < 3; i++)
		if (consume_into(&config, "out", &error) == 0)
			break;
	text = transfer_read("out");
	for (at = strtok(text, "\n"); at; at = strtok(NULL, "\n"))
		ck_assert_msg(!seen[atoi(at)]++, "%s is there twice", at);
	free(text);
	/* a commit that was refused for sure loses nothing either */
	if (state.fault == WEIR_MEMORY_FAIL_ABORT)
		check_file("out", RECORDS);
}
END_TEST

START_TEST(nothing_is_committed_that_could_not_be_written)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;

	config.group = "g";
	config.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(consume(&config, &error), WEIR_EIO);
	ck_assert_str_eq(error.message, "standard output: No space left on device");
	close(config.fd);
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	check_file("out", RECORDS);
}
END_TEST

START_TEST(a_closed_pipe_ends_the_run)
{
	struct weir_consume_config config = config_of();
	struct weir_error error;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	config.fd = ends[1];
	ck_assert_int_eq(consume(&config, &error), WEIR_EIO);
	ck_assert_str_eq(error.message, "standard output: Broken pipe");
	close(ends[1]);
}
END_TEST

START_TEST(a_topic_that_is_not_there_is_named)
{
	struct weir_consume_config config = config_of();

	config.topic = "nowhere";
	consume_badly(&config, "no topic nowhere");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("consume");
	TCase *cases = tcase_create("cases");

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_file_gets_each_record_once_over_many_runs);
	tcase_add_test(cases, what_the_state_does_not_vouch_for_is_cut);
	tcase_add_test(cases, a_file_shorter_than_its_state_is_refused);
	tcase_add_test(cases, a_file_that_weir_did_not_write_is_refused_and_left_alone);
	tcase_add_test(cases, a_file_in_use_is_refused);
	tcase_add_loop_test(cases, a_state_of_something_else_is_refused, 0,
			    COUNT(bad_states));
	tcase_add_test(cases, new_partitions_begin_at_their_first_record);
	tcase_add_test(cases, records_lost_to_retention_stop_the_run_and_are_counted);
	tcase_add_test(cases, a_group_stops_or_goes_on_at_a_gap_too);
	tcase_add_loop_test(cases, from_is_a_place_in_each_partition, 0, COUNT(places));
	tcase_add_loop_test(cases, until_end_counts_markers_and_skips_aborted_records, 0,
			    3);
	tcase_add_test(cases, read_uncommitted_shows_aborted_records_too);
	tcase_add_loop_test(cases, a_group_goes_on_where_it_committed, 0, 2);
	tcase_add_loop_test(cases,
			    a_group_at_least_once_prints_everything_whatever_commits_fail,
			    0, COUNT(strikes));
	tcase_add_loop_test(
		cases, a_group_at_most_once_prints_nothing_twice_whatever_commits_fail, 0,
		COUNT(strikes));
	tcase_add_test(cases, nothing_is_committed_that_could_not_be_written);
	tcase_add_test(cases, a_closed_pipe_ends_the_run);
	tcase_add_test(cases, a_topic_that_is_not_there_is_named);
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
