/*
 * What tests of produce and consume over a real Kafka share: a cluster, and in each test
 * a folder, a topic, a handle to look into it, and the command as a process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_APPS_TRANSFER_KAFKA_H
#define WEIR_TESTS_APPS_TRANSFER_KAFKA_H

#include <sys/types.h>

#include "tests/apps/transfer.h"
#include "tests/harness.h"
#include "tests/kafka/cluster.h"

struct transfer_fixture {
	struct cluster *cluster; /* the case's: one broker */
	struct weir_broker *broker;
	char topic[32]; /* of three partitions */
};
extern struct transfer_fixture it;
TCase *transfer_case(Suite *suite, const char *name);

/* For main: the suite if there is a Kafka, or a skip. */
int transfer_kafka_run(Suite *(*suite)(void));

/*
 * Start `weir COMMAND -b ... ARGUMENT...`; its output goes to files "stdout" (appended)
 * and "stderr".
 */
pid_t start(const char *command, const char *const *arguments);
#define START(command, ...) start(command, (const char *const[]){__VA_ARGS__, NULL})

/* Its exit status, or -1 when a signal ended it. */
int status_of(pid_t pid);
void must_succeed(pid_t pid);
/* Status 1, with this in what it says. */
void must_fail(pid_t pid, const char *reason);

/* Wait until something of the topic is in its log, committed or not. */
void wait_for_records(pid_t pid);
/* Wait until the run has committed a position of its source. */
void wait_for_position(pid_t pid, const char *source);
/* Wait until it has written something to that file. */
void wait_for_output(pid_t pid, const char *path);

/* Are the numbers below `count` in the topic, or in the file, each once? */
void check_topic(int count);
void check_lines(const char *path, int count);

#endif
