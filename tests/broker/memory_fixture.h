/*
 * What the tests of the embedded broker alone share: a broker under a virtual clock,
 * sessions in one line, and reading a partition back as a list.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_BROKER_MEMORY_FIXTURE_H
#define WEIR_TESTS_BROKER_MEMORY_FIXTURE_H

#include <broker/memory.h>

#include "tests/harness.h"

enum { SESSION_TIMEOUT_MS = 10000, TRANSACTION_TIMEOUT_MS = 15000, REBALANCE_TIMEOUT_MS = 30000 };

struct memory_fixture {
	struct weir_virtual_clock clock;
	struct weir_memory *memory;
	struct weir_broker *broker;
	struct weir_error error;
	enum weir_memory_op fault_op; /* the next call of it meets `fault`, once */
	enum weir_memory_fault fault;
};
extern struct memory_fixture it;

/* Checked fixture: a broker with topics "in" (4 partitions), "out" (1) and "out2" (1). */
void memory_set_up(void);
void memory_tear_down(void);
TCase *memory_case(Suite *suite, const char *name);

/* The next `op` meets `fault`. */
void memory_fault(enum weir_memory_op op, enum weir_memory_fault fault);
void memory_pass(int64_t ms);

/* Producer over "out" and "out2"; not initialised. `id` and `group` may be NULL. */
struct weir_session *memory_producer(const char *id, const char *group);
/* Member of "group" over "in", with a producer over "out" (`id` may be NULL); subscribed. */
struct weir_session *memory_member(const char *instance, const char *id);
/* The same, and a rebalance takes from it only what moves. */
struct weir_session *memory_cooperative_member(const char *instance, const char *id);
/* Poll; answer ASSIGNED (from 0), REVOKED and LOST. */
struct weir_event memory_turn(struct weir_session *session);
/* Begin and send one value to an output. */
void memory_begin(struct weir_session *session, const char *value);
void memory_send(struct weir_session *session, int output, const char *value);
/* All that read_committed sees of partition 0: "a,b," (in a static buffer). */
const char *memory_values(const char *topic, bool committed);
int64_t memory_committed(const char *group);

#define OUTCOME(wanted, call)                                                              \
	do {                                                                               \
		it.error = (struct weir_error){0};                                         \
		enum weir_outcome got_ = (call);                                           \
		ck_assert_msg(got_ == (wanted), "%s: %s, not %s (%s)", #call,              \
		              weir__outcome_name(got_), weir__outcome_name(wanted),        \
		              it.error.message);                                           \
	} while (0)

#endif
