/*
 * Loads what must not load, for the tests of the pipeline file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "tests/config/expect_fault.h"
#include "tests/harness.h"

/* Where only the start of the message is given, it ends with this. */
#define AND_MORE "..."

void
expect_fault(const char *text, size_t size, const struct weir_override *overrides,
	     size_t count, const char *message)
{
	struct weir_error error = {0};
	struct weir_pipeline *pipeline =
		weir__pipeline_parse(text, size, "p.json", ".", overrides, count, &error);
	size_t length = strlen(message);

	ck_assert_msg(pipeline == NULL, "expected: %s", message);
	ck_assert_int_ne(error.code, 0);
	ck_assert_ptr_null(strstr(error.message, "hunter2"));
	if (length > 3 && strcmp(message + length - 3, AND_MORE) == 0) {
		ck_assert_msg(strncmp(error.message, message, length - 3) == 0,
			      "expected: %s, found: %s", message, error.message);
		return;
	}
	ck_assert_str_eq(error.message, message);
}
