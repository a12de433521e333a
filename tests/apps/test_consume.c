/*
 * Consuming without a group, over the embedded broker: into a file exactly once, where to
 * begin, gaps, and refusals. (Groups: test_consume_group.c.)
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/apps/consume_fixture.h"

/* ---- exactly once into a file ---- */

START_TEST(a_file_gets_each_record_once_over_many_runs)
{
	struct weir_consume_config config = consume_config_to("out");
	int i;

	/* each run takes seven more */
	config.count = 7;
	for (i = 0; i < 5; i++)
		consume_well(&config);
	ck_assert_int_eq(consume_count_lines("out"), 35);
	config.count = 0;
	consume_well(&config);
	consume_check_file("out", CONSUME_RECORDS);
	consume_append(CONSUME_RECORDS, CONSUME_RECORDS + 29);
	consume_well(&config);
	consume_well(&config);
	consume_check_file("out", CONSUME_RECORDS + 30);
}
END_TEST

START_TEST(what_the_state_does_not_vouch_for_is_cut)
{
	struct weir_consume_config config = consume_config_to("out");
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
	consume_check_file("out", CONSUME_RECORDS);
}
END_TEST

START_TEST(a_file_shorter_than_its_state_is_refused)
{
	struct weir_consume_config config = consume_config_to("out");

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
	struct weir_consume_config config = consume_config_to("out");
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
	struct weir_consume_config config = consume_config_to("out");
	int fd = open("out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	consume_badly(&config, "another weir consume writes it");
	close(fd);
	consume_well(&config);
	consume_check_file("out", CONSUME_RECORDS);
}
END_TEST

/* A clock at whose 30th look something happens, and that leaps. */
struct eventful_clock {
	struct weir_clock clock;
	int64_t leap_ms;
	int64_t now_ms;
	int looks;
	void (*event)(void);
};

static int64_t
look(const struct weir_clock *clock)
{
	struct eventful_clock *own = (struct eventful_clock *)clock;

	if (++own->looks == 30 && own->event)
		own->event();
	return own->now_ms += own->leap_ms;
}

static void
move_away(void)
{
	ck_assert_int_eq(rename("out", "moved"), 0);
}

START_TEST(a_file_that_is_moved_away_ends_the_run_and_can_be_moved_back)
{
	struct weir_consume_config config = consume_config_to("out");
	struct eventful_clock clock = {{.monotonic_ms = look}, 0, 1, 0, move_away};

	config.clock = &clock.clock;
	consume_badly(&config, "out: was moved away while it was written");
	ck_assert_int_ne(access("out", F_OK), 0);
	ck_assert_int_eq(rename("moved", "out"), 0);
	config.clock = weir__clock_system();
	consume_well(&config);
	consume_check_file("out", CONSUME_RECORDS);
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

	ck_assert_int_eq(weir__broker_describe(it.broker, NULL, 0, &info, 1000, NULL), 0);
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
	struct weir_consume_config config = consume_config_to("out");

	config.until_end = false;
	write_state(bad_states[_i].state);
	consume_badly(&config, bad_states[_i].reason);
}
END_TEST

START_TEST(new_partitions_begin_at_their_first_record)
{
	struct weir_consume_config config = consume_config_to("out");

	/* written when the topic had one partition, of which all was read; 30 lines */
	write_state("{\"cluster\": \"%s\", \"topic\": \"t\", \"format\": \"value\", "
		    "\"length\": 0, \"offsets\": [30]}");
	consume_well(&config);
	ck_assert_int_eq(consume_count_lines("out"), 60);
}
END_TEST

/* ---- gaps ---- */

START_TEST(records_lost_to_retention_stop_the_run_and_are_counted)
{
	struct weir_consume_config config = consume_config_to("out");
	struct weir_consume_result result;
	struct weir_error error = {0};

	config.count = 1;
	consume_well(&config);
	config.count = 0;
	weir__memory_delete_records(it.memory, "t", 1, 10);
	weir__memory_delete_records(it.memory, "t", 2, 10);
	weir__memory_delete_records(it.memory, "t", 0, 10);
	consume_badly(&config, "records lost to retention");
	config.continue_at_gap = true;
	ck_assert_int_eq(weir__consume(it.broker, &config, &result, &error), 0);
	ck_assert_uint_eq(result.gone, 29);
	ck_assert_int_eq(consume_count_lines("out"), 1 + 60);
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
	struct weir_consume_config config = consume_config();
	struct weir_error error;
	int code = weir__from_parse(places[_i].text, &config.from);

	ck_assert_msg((code == 0) == (places[_i].lines >= 0), "%s", places[_i].text);
	if (code != 0)
		return;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	ck_assert_msg(consume_count_lines("out") == places[_i].lines, "%s: %d lines",
		      places[_i].text, consume_count_lines("out"));
}
END_TEST

/* ---- transactions ---- */

START_TEST(until_end_counts_markers_and_skips_aborted_records)
{
	struct weir_consume_config config = consume_config_to("out");

	consume_transact("90", true);
	consume_transact("91", false);
	consume_transact("91", true);
	consume_transact("92", false);
	consume_well(&config);
	consume_check_file("out", 92);
}
END_TEST

/* A producer that ends its transaction when the log says that it is waited for. */
struct slow_producer {
	struct weir_session *session;
	int told;
};

static void
end_when_told(void *opaque, enum weir_log_level level, const char *line)
{
	struct slow_producer *producer = opaque;

	if (level != WEIR_LOG_WARNING || !strstr(line, "waiting for a producer"))
		return;
	if (++producer->told == 1)
		ck_assert_int_eq(weir__session_commit(producer->session, NULL, 0, 1000,
						      NULL),
				 WEIR_SUCCESS);
}

START_TEST(until_end_tells_that_it_waits_for_an_open_transaction)
{
	struct weir_consume_config config = consume_config_to("out");
	struct eventful_clock clock = {{.monotonic_ms = look}, 50, 1, 0, NULL};
	struct slow_producer producer = {consume_transact_open("90"), 0};
	const struct weir_logger log = {
		.level = WEIR_LOG_WARNING, .write = end_when_told, .opaque = &producer};

	config.clock = &clock.clock;
	config.logger = &log;
	consume_well(&config);
	ck_assert_int_eq(producer.told, 1);
	consume_check_file("out", 91);
	weir__session_close(producer.session);
}
END_TEST

START_TEST(read_uncommitted_shows_aborted_records_too)
{
	struct weir_consume_config config = consume_config();
	struct weir_error error;

	consume_transact("90", false);
	config.read_committed = false;
	ck_assert_int_eq(consume_into(&config, "out", &error), 0);
	ck_assert_int_eq(consume_count_lines("out"), 91);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(a_closed_pipe_ends_the_run)
{
	struct weir_consume_config config = consume_config();
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

/* Reads what filled the pipe and all behind it; status 0: those were as many lines. */
static void
read_late(int fd, int lines)
{
	char bytes[4096];
	ssize_t size;

	usleep(200000);
	while ((size = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < size; i++)
			lines -= bytes[i] == '\n';
	_exit(lines != 0);
}

/* A terminal can be like this: another program made it so. */
START_TEST(a_pipe_that_is_full_and_does_not_block_is_waited_for)
{
	struct weir_consume_config config = consume_config();
	int ends[2], status;
	pid_t reader;

	ck_assert_int_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], "x", 1) == 1)
		continue;
	reader = fork();
	if (reader == 0) {
		close(ends[1]);
		read_late(ends[0], CONSUME_RECORDS);
	}
	close(ends[0]);
	config.fd = ends[1];
	consume_well(&config);
	close(ends[1]);
	ck_assert_int_eq(waitpid(reader, &status, 0), reader);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_topic_that_is_not_there_is_named)
{
	struct weir_consume_config config = consume_config();

	config.topic = "nowhere";
	consume_badly(&config, "no topic nowhere");
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("consume");
	TCase *cases = consume_case(all, "cases");

	tcase_add_test(cases, a_file_gets_each_record_once_over_many_runs);
	tcase_add_test(cases, what_the_state_does_not_vouch_for_is_cut);
	tcase_add_test(cases, a_file_shorter_than_its_state_is_refused);
	tcase_add_test(cases, a_file_that_weir_did_not_write_is_refused_and_left_alone);
	tcase_add_test(cases, a_file_in_use_is_refused);
	tcase_add_test(cases,
		       a_file_that_is_moved_away_ends_the_run_and_can_be_moved_back);
	tcase_add_loop_test(cases, a_state_of_something_else_is_refused, 0,
			    COUNT(bad_states));
	tcase_add_test(cases, new_partitions_begin_at_their_first_record);
	tcase_add_test(cases, records_lost_to_retention_stop_the_run_and_are_counted);
	tcase_add_loop_test(cases, from_is_a_place_in_each_partition, 0, COUNT(places));
	tcase_add_test(cases, until_end_counts_markers_and_skips_aborted_records);
	tcase_add_test(cases, until_end_tells_that_it_waits_for_an_open_transaction);
	tcase_add_test(cases, read_uncommitted_shows_aborted_records_too);
	tcase_add_test(cases, a_pipe_that_is_full_and_does_not_block_is_waited_for);
	tcase_add_test(cases, a_closed_pipe_ends_the_run);
	tcase_add_test(cases, a_topic_that_is_not_there_is_named);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
