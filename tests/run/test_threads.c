/*
 * The threads of workers: what is said of a processor that does not return.
 *
 * The time is the test's own, and the processor hangs until it is let go.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <run/threads.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define LIMIT_MS 9000

static struct fleet fleet;
static struct weir_threads *threads;
static int wake, lines;
static char last_line[512];

static void
hear(void *opaque, enum weir_log_level level, const char *line)
{
	(void)opaque;
	if (level != WEIR_LOG_WARNING || !strstr(line, "has not returned"))
		return;
	lines++;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static const struct weir_logger logger = {.level = WEIR_LOG_DEBUG, .write = hear};

/* One worker, in the first record of in[1]. */
static void
hang(void)
{
	struct weir_worker_config config = {0};
	struct weir_error error = {0};

	sem_init(&fleet_hangs, 0, 0);
	sem_init(&fleet_go_on, 0, 0);
	lines = 0;
	fleet_open(&fleet, "\"guarantee\": \"exactly-once\"");
	fleet_put(&fleet, 1, "hang");
	config = (struct weir_worker_config){
		.pipeline = fleet.pipeline,
		.chain = fleet.chain,
		.broker = fleet.broker,
		.clock = weir__clock_system(),
		.logger = &fleet.logger,
	};
	wake = eventfd(0, 0);
	threads = weir__threads_new(wake);
	ck_assert_int_eq(weir__threads_start(threads, &config, 1, &error), 0);
	sem_wait(&fleet_hangs);
}

static void
leave(void)
{
	struct weir_error error = {0};

	weir__threads_drain(threads);
	ck_assert_int_eq(weir__threads_join(threads, &error), 0);
	weir__threads_free(threads);
	close(wake);
	fleet_close(&fleet);
}

static int
lines_at(int64_t now_ms)
{
	lines = 0;
	weir__threads_warn_stuck(threads, &logger, now_ms, LIMIT_MS);
	return lines;
}

START_TEST(a_processor_that_does_not_return_is_named_with_its_record)
{
	hang();
	ck_assert_int_eq(lines_at(1000), 0);
	ck_assert_int_eq(lines_at(1000 + LIMIT_MS - 1), 0);
	ck_assert_int_eq(lines_at(1000 + LIMIT_MS), 1);
	ck_assert_msg(strstr(last_line, "at=\"step probe at in[1]@0\" seconds=9") != NULL,
		      "%s", last_line);
	sem_post(&fleet_go_on);
	leave();
}
END_TEST

START_TEST(it_is_named_again_when_the_time_has_doubled)
{
	hang();
	ck_assert_int_eq(lines_at(0), 0);
	ck_assert_int_eq(lines_at(LIMIT_MS), 1);
	ck_assert_int_eq(lines_at(2 * LIMIT_MS - 1), 0);
	ck_assert_int_eq(lines_at(2 * LIMIT_MS), 1);
	ck_assert_int_eq(lines_at(4 * LIMIT_MS - 1), 0);
	ck_assert_int_eq(lines_at(4 * LIMIT_MS), 1);
	sem_post(&fleet_go_on);
	leave();
}
END_TEST

START_TEST(one_that_has_returned_is_not_named)
{
	struct pollfd left = {.events = POLLIN};

	hang();
	left.fd = wake;
	ck_assert_int_eq(lines_at(0), 0);
	sem_post(&fleet_go_on);
	weir__threads_drain(threads);
	ck_assert_int_eq(poll(&left, 1, -1), 1);
	ck_assert_int_eq(lines_at(LIMIT_MS), 0);
	leave();
}
END_TEST

/* The next record's time is counted from its own start. */
START_TEST(another_record_starts_anew)
{
	hang();
	fleet_put(&fleet, 1, "hang");
	ck_assert_int_eq(lines_at(0), 0);
	sem_post(&fleet_go_on);
	sem_wait(&fleet_hangs);
	ck_assert_int_eq(lines_at(LIMIT_MS), 0);
	ck_assert_int_eq(lines_at(2 * LIMIT_MS), 1);
	ck_assert_msg(strstr(last_line, "in[1]@1\" seconds=9") != NULL, "%s", last_line);
	sem_post(&fleet_go_on);
	leave();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threads");
	TCase *cases = tcase_create("threads");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_processor_that_does_not_return_is_named_with_its_record);
	tcase_add_test(cases, it_is_named_again_when_the_time_has_doubled);
	tcase_add_test(cases, one_that_has_returned_is_not_named);
	tcase_add_test(cases, another_record_starts_anew);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
