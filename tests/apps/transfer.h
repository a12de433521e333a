/*
 * What tests of produce and consume share: a folder of their own, files in it, an
 * embedded broker, and what is in a topic.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_APPS_TRANSFER_H
#define WEIR_TESTS_APPS_TRANSFER_H

#include <broker/memory.h>

#include "tests/harness.h"

/*
 * In main: make a temporary folder that each test has a folder in, and remove it with all
 * that failed tests left. Both in one: the result of weir_test_run().
 */
int transfer_run(Suite *suite);

/* Go to a folder of this test's own. */
void transfer_folder_enter(void);

/* An embedded broker with a topic "t", of a test in a folder of its own. */
struct transfer_embedded {
	struct weir_memory *memory;
	struct weir_broker *broker;
	struct weir_logger logger;
};
void transfer_embedded_open(struct transfer_embedded *embedded, int partitions);
void transfer_embedded_close(struct transfer_embedded *embedded);

/* Write "FIRST\n" to "LAST\n", each a number, to the end of a file. */
void transfer_numbers(const char *path, int first, int last);
void transfer_write(const char *path, const char *text);

/* The content of a file, to free; NULL when there is none. */
char *transfer_read(const char *path);

/*
 * Does the topic hold, committed, the numbers 0 to count-1, each once, and rising within
 * each partition? Waits out nothing: no transaction may be open. NULL, or what is wrong.
 */
const char *transfer_check_numbers(struct weir_broker *broker, const char *topic,
				   int count);

/* How many committed records a topic has, or -1 while a transaction holds some back. */
int transfer_count(struct weir_broker *broker, const char *topic);

/* The same of lines in a text. NULL, or what is wrong. */
const char *transfer_check_lines(const char *text, int count);

#endif
