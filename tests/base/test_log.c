/*
 * The log's lines, the clocks and the error record.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/log.h>

#include "tests/harness.h"

/* Lines that came to a program's own function. */
struct taken {
	int count;
	enum weir_log_level level;
	char line[4096];
};

static void
take_line(void *opaque, enum weir_log_level level, const char *line)
{
	struct taken *taken = opaque;

	taken->count++;
	taken->level = level;
	snprintf(taken->line, sizeof(taken->line), "%s", line);
}

/* Put a pipe in the place of stderr; the test reads from what is returned. */
static int
catch_stderr(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

START_TEST(a_line_has_time_level_and_text)
{
	struct weir_virtual_clock clock;
	struct weir_logger logger = {.level = WEIR_LOG_DEBUG, .clock = &clock.clock};
	int from = catch_stderr();
	char text[200] = "";

	weir__virtual_clock_init(&clock, INT64_C(1795399750123));
	weir__log(&logger, WEIR_LOG_INFO, "partitions assigned worker=%d count=%d", 0, 4);
	ck_assert_int_gt(read(from, text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text,
			 "2026-11-23T02:09:10.123Z info    partitions assigned worker=0 "
			 "count=4\n");
}
END_TEST

START_TEST(lines_above_the_level_are_not_written)
{
	struct taken taken = {0};
	struct weir_logger logger = {
		.level = WEIR_LOG_WARNING, .write = take_line, .opaque = &taken};

	weir__log(&logger, WEIR_LOG_INFO, "no");
	weir__log(&logger, WEIR_LOG_DEBUG, "no");
	ck_assert_int_eq(taken.count, 0);
	weir__log(&logger, WEIR_LOG_WARNING, "yes");
	weir__log(&logger, WEIR_LOG_ERROR, "yes");
	ck_assert_int_eq(taken.count, 2);
	weir__log(NULL, WEIR_LOG_ERROR, "nobody listens");
}
END_TEST

START_TEST(input_cannot_forge_lines_or_steer_the_terminal)
{
	struct taken taken = {0};
	struct weir_logger logger = {
		.level = WEIR_LOG_INFO, .write = take_line, .opaque = &taken};

	weir__log(&logger, WEIR_LOG_INFO, "bad key=%s", "a\nb\r\x1b[31m\x7f\té");
	ck_assert_str_eq(taken.line, "bad key=a?b??[31m??é");
}
END_TEST

START_TEST(a_long_line_is_cut_between_characters)
{
	struct taken taken = {0};
	struct weir_logger logger = {
		.level = WEIR_LOG_INFO, .write = take_line, .opaque = &taken};
	char text[5000];

	memset(text, 'x', sizeof(text));
	memcpy(text + 2045, "é", 2); /* 2046 bytes would be its first half */
	text[sizeof(text) - 1] = '\0';
	for (size_t shift = 0; shift < 4; shift++) {
		size_t length;

		weir__log(&logger, WEIR_LOG_INFO, "%s", text + shift);
		length = strlen(taken.line);
		ck_assert_uint_ge(length, 2044);
		ck_assert_uint_le(length, 2047);
		ck_assert_uint_ne((unsigned char)taken.line[length - 1], 0xc3);
	}
}
END_TEST

#define WRITERS 4
#define LINES 200

static void *
write_lines(void *logger)
{
	for (int i = 0; i < LINES; i++)
		weir__log(logger, WEIR_LOG_INFO, "%s",
			  "0123456789012345678901234567890123456789");
	return NULL;
}

START_TEST(lines_of_several_threads_do_not_mix)
{
	struct weir_logger logger = {.level = WEIR_LOG_INFO};
	char path[] = "/tmp/weir-test-log-XXXXXX";
	pthread_t threads[WRITERS];
	int file = mkstemp(path);
	char line[200];
	int lines = 0;
	FILE *from;

	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, &logger),
				 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	from = fopen(path, "r");
	unlink(path);
	ck_assert_ptr_nonnull(from);
	while (fgets(line, sizeof(line), from)) {
		ck_assert_uint_eq(strlen(line), 24 + 1 + 7 + 1 + 40 + 1);
		lines++;
	}
	fclose(from);
	close(file);
	ck_assert_int_eq(lines, WRITERS * LINES);
}
END_TEST

START_TEST(a_virtual_clock_moves_only_when_told)
{
	struct weir_virtual_clock clock;

	weir__virtual_clock_init(&clock, 1000);
	ck_assert_int_eq(clock.clock.monotonic_ms(&clock.clock), 1000);
	weir__virtual_clock_advance(&clock, 234);
	ck_assert_int_eq(clock.clock.monotonic_ms(&clock.clock), 1234);
	ck_assert_int_eq(clock.clock.wall_ms(&clock.clock), 1234);
}
END_TEST

START_TEST(the_system_clock_is_in_milliseconds)
{
	const struct weir_clock *clock = weir__clock_system();
	int64_t wall_ms = clock->wall_ms(clock);
	int64_t before_ms = clock->monotonic_ms(clock);

	ck_assert_int_gt(wall_ms, INT64_C(1600000000000)); /* 2020 */
	ck_assert_int_lt(wall_ms, INT64_C(16000000000000));
	ck_assert_int_ge(clock->monotonic_ms(clock), before_ms);
}
END_TEST

START_TEST(the_first_error_wins)
{
	struct weir_error error = {0};

	ck_assert_int_eq(weir_error_set(&error, WEIR_EIO, "first %d", 1), WEIR_EIO);
	ck_assert_int_eq(weir_error_set(&error, WEIR_EJSON, "second"), WEIR_EJSON);
	ck_assert_int_eq(error.code, WEIR_EIO);
	ck_assert_str_eq(error.message, "first 1");
	ck_assert_int_eq(weir_error_set(NULL, WEIR_EIO, "nobody asks"), WEIR_EIO);
}
END_TEST

START_TEST(an_error_is_one_line_that_fits)
{
	struct weir_error error = {0};
	char text[3000];

	memset(text, 'x', sizeof(text));
	text[10] = '\n';
	text[sizeof(text) - 1] = '\0';
	weir_error_set(&error, WEIR_EIO, "%s", text);
	ck_assert_uint_eq(strlen(error.message), sizeof(error.message) - 1);
	ck_assert_ptr_null(strchr(error.message, '\n'));
}
END_TEST

START_TEST(an_error_is_cut_between_characters)
{
	struct weir_error error = {0};
	char text[1100];

	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(error.message) - 3, "\xe2\x82\xac", 4);
	weir_error_set(&error, WEIR_EIO, "%s", text);
	ck_assert_uint_eq(strlen(error.message), sizeof(error.message) - 3);
}
END_TEST

START_TEST(every_code_has_a_text)
{
	ck_assert_str_eq(weir_strerror(WEIR_ENOTFOUND), "not found");
	ck_assert_str_eq(weir_strerror(WEIR_EPROCESSOR), "a processor asked to stop");
	ck_assert_str_eq(weir_strerror(WEIR_OK), "no error");
	ck_assert_str_eq(weir_strerror(-9999), "unknown error");
	ck_assert_str_eq(weir_strerror(42), "unknown error");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");

	tcase_add_test(tcase, a_line_has_time_level_and_text);
	tcase_add_test(tcase, lines_above_the_level_are_not_written);
	tcase_add_test(tcase, input_cannot_forge_lines_or_steer_the_terminal);
	tcase_add_test(tcase, a_long_line_is_cut_between_characters);
	tcase_add_test(tcase, lines_of_several_threads_do_not_mix);
	tcase_add_test(tcase, a_virtual_clock_moves_only_when_told);
	tcase_add_test(tcase, the_system_clock_is_in_milliseconds);
	tcase_add_test(tcase, the_first_error_wins);
	tcase_add_test(tcase, an_error_is_one_line_that_fits);
	tcase_add_test(tcase, an_error_is_cut_between_characters);
	tcase_add_test(tcase, every_code_has_a_text);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
