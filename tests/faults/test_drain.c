/*
 * Ends that are wanted: SIGTERM, a second one, the drain's budget, and --until-end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>

#include "tests/faults/rig.h"

#define AT_ONCE_MS 10000 /* "at once" on a loaded machine; the hung step takes minutes */

static void
be_slow(struct rig *rig, int ms)
{
	rig_set(rig, "/plugins=[\"%s\"]", WEIR_FAULTY);
	rig_set(rig, "/steps=[{\"use\": \"faulty\", \"with\": {\"ms\": %d}}]", ms);
}

static void
ignore(void *opaque, const struct weir_offset *place, const struct weir_message *message)
{
	(void)opaque;
	(void)place;
	(void)message;
}

/* ---- SIGTERM ---- */

START_TEST(told_to_stop_it_commits_what_it_has_processed)
{
	struct rig *rig = rig_open("drain", "exactly-once");
	struct rig_child *child;
	int64_t committed;

	be_slow(rig, 1);
	rig_set(rig, "/commit/interval=2s");
	rig_produce(rig, 5000);
	child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_transaction_open(rig, rig->out));
	rig_signal(child, SIGTERM);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	committed = rig_committed(rig);
	RIG_EXPECT(rig, committed > 0 && committed < (int64_t)rig->ids);
	RIG_EXPECT(rig, !rig_transaction_open(rig, rig->out));
	/* no markers in this input: an offset is a record */
	RIG_EXPECT(rig, (int64_t)rig_read(rig, rig->out, ignore, NULL) == committed);
	child = rig_run(rig, "--until-end", "--set", "/steps=[]", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

/* A step that hangs: neither a second signal nor the budget may wait for it. */
static struct rig *
open_hung(const char *name, const char *drain_timeout, struct rig_child **child)
{
	struct rig *rig = rig_open(name, "exactly-once");

	be_slow(rig, 600000);
	rig_set(rig, "/kafka/session.timeout.ms=60000");
	rig_set(rig, "/drain_timeout=%s", drain_timeout);
	rig_set(rig, "/kafka/transaction.timeout.ms=2000");
	rig_produce(rig, 100);
	*child = rig_run(rig, NULL);
	RIG_WAIT(rig, rig_says(*child, "sleeping"));
	RIG_WAIT(rig, rig_says(*child, "a processor has not returned"));
	return rig;
}

static void
recover_from_hung(struct rig *rig)
{
	struct rig_child *child = rig_run(rig, "--until-end", "--set", "/steps=[]", NULL);

	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}

/* Sent until it is gone: two that come at once may count as one. */
static bool
is_gone_after_another(struct rig_child *child)
{
	if (!rig_ended(child))
		rig_signal(child, SIGTERM);
	return rig_ended(child);
}

START_TEST(second_signal_stops_at_once)
{
	struct rig_child *child;
	struct rig *rig = open_hung("twice", "50s", &child);
	int64_t start_ms = rig_now_ms();

	RIG_WAIT(rig, is_gone_after_another(child));
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_now_ms() - start_ms < AT_ONCE_MS);
	recover_from_hung(rig);
}
END_TEST

START_TEST(drain_ends_when_its_time_is_over)
{
	struct rig_child *child;
	struct rig *rig = open_hung("budget", "1s", &child);
	int64_t start_ms;

	rig_signal(child, SIGTERM);
	start_ms = rig_now_ms();
	RIG_EXPECT(rig, rig_exit(child) == 1);
	RIG_EXPECT(rig, rig_now_ms() - start_ms < AT_ONCE_MS);
	RIG_EXPECT(rig, rig_says(child, "stopped before all was committed"));
	recover_from_hung(rig);
}
END_TEST

/* ---- --until-end ---- */

static const struct {
	const char *name;
	const char *guarantee;
} cases[] = {
	{"end-exactly", "exactly-once"},
	{"end-least", "at-least-once"},
	{"end-most", "at-most-once"},
};

START_TEST(until_end_ends_with_all_committed)
{
	struct rig *rig = rig_open(cases[_i].name, cases[_i].guarantee);
	struct rig_child *child = rig_run(rig, "--until-end", NULL);

	RIG_EXPECT(rig, rig_exit(child) == 0); /* nothing there: over at once */
	rig_produce(rig, 3000);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig); /* nothing failed, so under each guarantee */
	rig_close(rig);
}
END_TEST

START_TEST(until_end_ends_in_two_instances)
{
	struct rig *rig = rig_open("end-two", "exactly-once");
	struct rig_child *first, *second;

	be_slow(rig, 1);
	rig_produce(rig, 3000);
	first = rig_run(rig, "--until-end", NULL);
	RIG_WAIT(rig, rig_size(rig, rig->out) > 0);
	second = rig_run(rig, "--until-end", "--set", "/instance=two", NULL);
	RIG_EXPECT(rig, rig_exit(first) == 0);
	RIG_EXPECT(rig, rig_exit(second) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

/* What stands last in each partition is a marker, or records that were never committed. */
START_TEST(until_end_counts_markers_and_aborted_records)
{
	struct rig *rig = rig_open("end-markers", "exactly-once");
	struct rig_child *child;

	rig_produce_transaction(rig, 200, true);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_produce_transaction(rig, 200, false);
	child = rig_run(rig, "--until-end", NULL);
	RIG_EXPECT(rig, rig_exit(child) == 0);
	rig_expect_exactly_once(rig);
	rig_close(rig);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("faults");
	TCase *drain = tcase_create("drain");
	int count = sizeof(cases) / sizeof(cases[0]);

	tcase_add_unchecked_fixture(drain, rig_setup, rig_teardown);
	tcase_set_timeout(drain, RIG_TEST_TIMEOUT_S);
	tcase_add_test(drain, told_to_stop_it_commits_what_it_has_processed);
	tcase_add_test(drain, second_signal_stops_at_once);
	tcase_add_test(drain, drain_ends_when_its_time_is_over);
	tcase_add_loop_test(drain, until_end_ends_with_all_committed, 0, count);
	tcase_add_test(drain, until_end_ends_in_two_instances);
	tcase_add_test(drain, until_end_counts_markers_and_aborted_records);
	suite_add_tcase(suite, drain);
	return suite;
}

int
main(void)
{
	const char *why = cluster_missing();

	return why ? weir_test_skip(why) : weir_test_run(suite());
}
