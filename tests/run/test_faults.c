/*
 * Random faults at every operation, crashes, rebalances and reordered markers: whatever
 * happens, the guarantee holds once the faults have stopped.
 *
 * Each run has a seed, which a failure prints; WEIR_SEED=N runs that one alone, WEIR_SEEDS=N
 * as many as that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/harness.h"
#include "tests/run/fleet.h"

#define RECORDS 60
#define SEEDS 150

static struct fleet fleet;
static uint64_t random_state;
static unsigned fault_rate; /* of 1000 operations; 0: the faults have stopped */

/* splitmix64 */
static uint64_t
random_next(void)
{
	uint64_t value = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

static unsigned
random_below(unsigned limit)
{
	return (unsigned)(random_next() % limit);
}

static enum weir_memory_fault
random_fault(void *opaque, const char *session_name, enum weir_memory_op op)
{
	static const enum weir_memory_fault anywhere[] = {
		WEIR_MEMORY_FAIL_AGAIN,    WEIR_MEMORY_FAIL_ABORT,  WEIR_MEMORY_UNKNOWN_DONE,
		WEIR_MEMORY_UNKNOWN_NOT,   WEIR_MEMORY_TAINT,
	};

	(void)opaque;
	if (!fault_rate || !strcmp(session_name, "producer") || random_below(1000) >= fault_rate)
		return WEIR_MEMORY_NO_FAULT;
	switch (op) {
	case WEIR_MEMORY_SEND:
		return random_below(2) ? WEIR_MEMORY_LOSE_DELIVERY : WEIR_MEMORY_FAIL_AGAIN;
	case WEIR_MEMORY_COMMIT:
		return random_below(4) ? anywhere[random_below(5)] : WEIR_MEMORY_UNKNOWN_LATE;
	case WEIR_MEMORY_ABORT:
		return anywhere[random_below(5)];
	case WEIR_MEMORY_BEGIN:
		return WEIR_MEMORY_UNKNOWN_NOT;
	case WEIR_MEMORY_COMMIT_OFFSETS:
		return random_below(2) ? WEIR_MEMORY_FAIL_AGAIN : WEIR_MEMORY_FAIL_ABORT;
	default:
		return WEIR_MEMORY_FAIL_AGAIN;
	}
}

/* ---- the load: record N of partition P has the value "P:N" ---- */

static int sent[2];

static void
put_next(int partition)
{
	char value[32];

	snprintf(value, sizeof(value), "%d:%d", partition, sent[partition]++);
	fleet_put(&fleet, partition, value);
}

static void
broker_steps(void)
{
	while (weir__memory_steps(fleet.memory) && random_below(3))
		weir__memory_step(fleet.memory,
		                  random_below((unsigned)weir__memory_steps(fleet.memory)));
}

static void
trouble(void)
{
	int index = (int)random_below(2);

	switch (random_below(60)) {
	case 0:
		if (fleet.workers[index])
			fleet_crash(&fleet, index);
		break;
	case 1:
		weir__memory_rebalance(fleet.memory);
		break;
	case 2: /* a pause beyond session and transaction timeouts */
		weir__virtual_clock_advance(&fleet.clock, 20000);
		break;
	default:
		break;
	}
	if (!fleet.workers[index] && random_below(4) == 0)
		fleet_start(&fleet, index);
}

static void
check_status(uint64_t seed)
{
	for (int index = 0; index < 2; index++) {
		if (!fleet.workers[index])
			continue;
		ck_assert_msg(fleet_status(&fleet, index) == WEIR_WORKER_RUNS,
		              "seed %" PRIu64 ": worker %d ended: %s\n%s", seed, index,
		              weir__worker_error(fleet.workers[index])->message, fleet.log);
	}
}

static bool
all_committed(void)
{
	return fleet_committed(&fleet, 0) >= sent[0] && fleet_committed(&fleet, 1) >= sent[1];
}

static void
all_broker_steps(void)
{
	while (weir__memory_steps(fleet.memory))
		weir__memory_step(fleet.memory, 0);
}

/* The faults stop; everything that is left must come through. */
static void
settle(uint64_t seed)
{
	fault_rate = 0;
	for (int index = 0; index < 2; index++) {
		if (!fleet.workers[index])
			fleet_start(&fleet, index);
	}
	for (int round = 0; round < 400; round++) {
		fleet_run(&fleet, 20);
		all_broker_steps();
		check_status(seed);
		if (weir__worker_is_idle(fleet.workers[0]) &&
		    weir__worker_is_idle(fleet.workers[1]) && all_committed())
			return;
	}
	ck_abort_msg("seed %" PRIu64 ": not all was committed: %" PRId64 " of %d, %" PRId64
	             " of %d\n%s", seed, fleet_committed(&fleet, 0), sent[0],
	             fleet_committed(&fleet, 1), sent[1], fleet.log);
}

/* ---- what came out ---- */

static void
check_outputs(uint64_t seed, int guarantee)
{
	static char text[1 << 16];
	int seen[2][RECORDS] = {{0}}, last[2] = {-1, -1};
	char *rest, *word;

	fleet_read(&fleet, "out", text, sizeof(text));
	for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		int partition, number;

		ck_assert_int_eq(sscanf(word, "%d:%d", &partition, &number), 2);
		seen[partition][number]++;
		if (guarantee == 0)
			ck_assert_msg(number > last[partition],
			              "seed %" PRIu64 ": %s out of order\n%s", seed, word, fleet.log);
		if (guarantee != 1) /* at-most-once: a zombie's last records may come late */
			ck_assert_msg(seen[partition][number] == 1, "seed %" PRIu64 ": %s twice\n%s",
			              seed, word, fleet.log);
		last[partition] = number;
	}
	for (int partition = 0; partition < 2; partition++) {
		for (int number = 0; number < sent[partition] && guarantee != 2; number++)
			ck_assert_msg(seen[partition][number] > 0,
			              "seed %" PRIu64 ": %d:%d is lost\n%s", seed, partition,
			              number, fleet.log);
	}
}

static void
run_seed(uint64_t seed, int guarantee)
{
	static const char *const settings[] = {
		"\"guarantee\": \"exactly-once\"", "\"guarantee\": \"at-least-once\"",
		"\"guarantee\": \"at-most-once\""};

	random_state = seed;
	sent[0] = sent[1] = 0;
	fleet_open(&fleet, settings[guarantee]);
	weir__memory_set_fault(fleet.memory, random_fault, NULL);
	weir__memory_set_manual(fleet.memory, true);
	fault_rate = random_below(60);
	fleet_start(&fleet, 0);
	while (sent[0] < RECORDS || sent[1] < RECORDS) {
		int partition = (int)random_below(2);

		if (sent[partition] < RECORDS && random_below(2))
			put_next(partition);
		fleet_run(&fleet, 1 + (int)random_below(3));
		broker_steps();
		trouble();
		check_status(seed);
	}
	settle(seed);
	check_outputs(seed, guarantee);
	ck_assert_uint_eq(weir__memory_open_transactions(fleet.memory), 0);
	fleet_close(&fleet);
}

START_TEST(guarantee_holds_under_random_faults)
{
	const char *one = getenv("WEIR_SEED"), *many = getenv("WEIR_SEEDS");
	uint64_t first = one ? strtoull(one, NULL, 10) : (uint64_t)time(NULL) * 1000;
	unsigned count = one ? 1 : many ? (unsigned)atoi(many) : SEEDS;

	printf("# guarantee %d: seeds %" PRIu64 " to %" PRIu64 "\n", _i, first, first + count - 1);
	for (unsigned index = 0; index < count; index++)
		run_seed(first + index, _i);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("faults");
	TCase *tcase = tcase_create("faults");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, guarantee_holds_under_random_faults, 0, 3);
	suite_add_tcase(suite, tcase);
	return weir_test_run(suite);
}
