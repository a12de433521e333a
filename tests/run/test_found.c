/*
 * What the simulation found, each as the smallest scenario that shows it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define DEAD "\"dead_letter\": {\"topic\": \"dead\"}"
#define TICKS "\"steps\": [{\"use\": \"probe\", \"with\": {\"tick\": \"10ms\"}}]"
#define FAST "\"commit\": {\"interval\": \"1ms\"}"
#define SUM "\"steps\": [{\"use\": \"probe\", \"with\": {\"sum\": true}}]"

static struct fleet fleet;
static char text[1 << 16];

/* The tick, its batch and the commit took as long as the interval: nothing was polled. */
START_TEST(ticks_do_not_keep_records_waiting)
{
	fleet_open(&fleet, TICKS ", " FAST);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 50);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 200);
	ck_assert_ptr_nonnull(strstr(fleet_read(&fleet, "out", text, sizeof(text)), "a"));
	ck_assert_int_eq(fleet_committed(&fleet, 0), 1);
	fleet_close(&fleet);
}
END_TEST

/* What was in hand was committed for the revoke, and a tick put the next thing there. */
START_TEST(ticks_do_not_keep_a_rebalance_waiting)
{
	fleet_open(&fleet, TICKS ", " FAST);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 50);
	fleet_start(&fleet, 1);
	fleet_run(&fleet, 100);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[0])->tasks, 1);
	ck_assert_uint_eq(weir__worker_counts(fleet.workers[1])->tasks, 1);
	fleet_close(&fleet);
}
END_TEST

/* It took its partition with it, so its dead letter was never committed: for ever. */
START_TEST(record_slower_than_its_membership_is_rejected_when_it_comes_back)
{
	fleet_open(&fleet, DEAD);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "slow 30000");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 300);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "slow 30000");
	ck_assert_str_eq(fleet_read(&fleet, "out", text, sizeof(text)), "b");
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_RUNS);
	fleet_close(&fleet);
}
END_TEST

/* The broker refused the tick's message with the record's, and the app stopped. */
START_TEST(message_of_a_tick_refused_with_a_record_s_is_not_to_blame)
{
	fleet_open(&fleet, TICKS ", " DEAD);
	fleet_start(&fleet, 0);
	fleet_run(&fleet, 10);
	weir__memory_set_max_message(fleet.memory, "out", 5000);
	fleet_put(&fleet, 0, "sized 9000");
	fleet_put(&fleet, 0, "b");
	fleet_run(&fleet, 600);
	ck_assert_msg(fleet_status(&fleet, 0) == WEIR_WORKER_RUNS, "%s",
	              weir__worker_error(fleet.workers[0])->message);
	ck_assert_str_eq(fleet_read(&fleet, "dead", text, sizeof(text)), "sized 9000");
	ck_assert_ptr_nonnull(strstr(fleet_read(&fleet, "out", text, sizeof(text)), "b"));
	fleet_close(&fleet);
}
END_TEST

/* Ticks were asked what they emit, the ends of batches were not. */
START_TEST(batch_end_that_emits_too_much_stops_before_anything_is_sent)
{
	fleet_open(&fleet, SUM);
	weir__memory_set_max_message(fleet.memory, "out", 3);
	fleet_start(&fleet, 0);
	fleet_put(&fleet, 0, "a");
	fleet_run(&fleet, 100);
	ck_assert_int_eq(fleet_status(&fleet, 0), WEIR_WORKER_FAILED);
	ck_assert_ptr_nonnull(strstr(weir__worker_error(fleet.workers[0])->message,
	                             "emitted 5 bytes, topic out takes 3"));
	fleet_close(&fleet);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("found");
	TCase *tcase = tcase_create("found");

	tcase_add_test(tcase, ticks_do_not_keep_records_waiting);
	tcase_add_test(tcase, ticks_do_not_keep_a_rebalance_waiting);
	tcase_add_test(tcase, record_slower_than_its_membership_is_rejected_when_it_comes_back);
	tcase_add_test(tcase, message_of_a_tick_refused_with_a_record_s_is_not_to_blame);
	tcase_add_test(tcase, batch_end_that_emits_too_much_stops_before_anything_is_sent);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
