/*
 * A pipeline that must not load, and the message it must end with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_CONFIG_EXPECT_FAULT_H
#define WEIR_TESTS_CONFIG_EXPECT_FAULT_H

#include <config/pipeline.h>

/*
 * Fails the test unless the text, as file p.json, is refused with `message`. One that ends
 * with "..." is only a beginning. No message may hold the word hunter2, the password of
 * these tests.
 */
void expect_fault(const char *text, size_t size, const struct weir_override *overrides,
                  size_t count, const char *message);

#endif
