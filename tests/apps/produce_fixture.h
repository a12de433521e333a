/*
 * What tests of producing share: the embedded broker with a topic "t", a file "in" of
 * numbers, runs over them, and faults.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_APPS_PRODUCE_FIXTURE_H
#define WEIR_TESTS_APPS_PRODUCE_FIXTURE_H

#include "apps/weir/produce_run.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define PRODUCE_RECORDS 100

/* A checked fixture: each test has them anew, in a folder of its own. */
extern struct transfer_embedded it;
TCase *produce_case(Suite *suite, const char *name);

/* Produce "in" exactly once: of this source, or (NULL) all in one transaction. */
struct weir_produce_config produce_config(const char *source);

/* Run; the message stays in *error. */
int produce(const struct weir_produce_config *config, struct weir_error *error);
void produce_well(const struct weir_produce_config *config);
void produce_badly(const struct weir_produce_config *config, const char *reason);

/* Are the numbers below `count` in the topic, each once? */
void produce_check_topic(int count);

/* ---- faults ---- */

struct produce_plan {
	enum weir_memory_op op;
	enum weir_memory_fault fault;
	enum weir_memory_op second;          /* a fault behind the first one */
	enum weir_memory_fault second_fault; /* NO_FAULT: none */
};

/* Where the faults of a plan hit: the first at the nth call of its operation. */
struct produce_strike {
	const struct produce_plan *plan;
	int nth;
	bool first_done;
	bool second_done;
};

/* For weir__memory_set_fault(), with a struct produce_strike. */
enum weir_memory_fault produce_strike(void *opaque, const char *session,
				      enum weir_memory_op op);

#endif
