/*
 * What every test program shares: libcheck in TAP mode.
 *
 *   START_TEST(empty_value_is_not_null) { ... } END_TEST
 *   int main(void) { return weir_test_run(suite()); }
 *
 * libcheck forks each test: broker and librdkafka handles are opened inside the test or
 * in a checked fixture, never before.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_HARNESS_H
#define WEIR_TESTS_HARNESS_H

#include <check.h>

/* Run the suite, print TAP; the result for main (0 always: the driver counts). */
int weir_test_run(Suite *suite);

/* Print "1..0 # SKIP why" and return 0, for main. */
int weir_test_skip(const char *why);

#endif
