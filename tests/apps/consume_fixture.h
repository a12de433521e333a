/*
 * What tests of consuming share: the embedded broker with a topic "t" of numbers, runs
 * over it, and what they wrote.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_APPS_CONSUME_FIXTURE_H
#define WEIR_TESTS_APPS_CONSUME_FIXTURE_H

#include "apps/weir/consume_run.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define CONSUME_RECORDS 90
#define CONSUME_PARTITIONS 3

/* A checked fixture: each test has them anew, in a folder of its own. */
extern struct transfer_embedded it;
TCase *consume_case(Suite *suite, const char *name);

/* Numbers, one partition after the other; record N has timestamp 1000 + N. */
void consume_append(int first, int last);
/* One record in a transaction that is open; the session that holds it. */
struct weir_session *consume_transact_open(const char *value);
/* One record in a transaction, then a marker. */
void consume_transact(const char *value, bool commit);

/* Read all of "t" to standard output, or to a file exactly once. */
struct weir_consume_config consume_config(void);
struct weir_consume_config consume_config_to(const char *path);

int consume(const struct weir_consume_config *config, struct weir_error *error);
void consume_well(const struct weir_consume_config *config);
void consume_badly(const struct weir_consume_config *config, const char *reason);
/* With standard output appended to a file; the status. */
int consume_into(struct weir_consume_config *config, const char *path,
		 struct weir_error *error);

/* Does the file hold the numbers below `count`, each once? */
void consume_check_file(const char *path, int count);
int consume_count_lines(const char *path);

#endif
