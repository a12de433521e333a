/*
 * Runs a libcheck suite in TAP mode, so that each test is a line of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "tests/harness.h"

int
weir_test_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);
	return 0;
}

int
weir_test_skip(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	return 0;
}
