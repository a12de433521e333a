/*
 * What the tests of <weir/testing.h> test: a processor that does as its records say.
 *
 *   reject X   reject it, for the reason X
 *   stop       stop the app
 *   retry N    try again later, the first N times
 *   look KEY   emit what the table "names" has under the key, or "nothing"
 * Anything else is counted in the store "counts", and emitted as "VALUE=N". With "tick": "1s"
 * it emits "tick" and the time; with "sum": true the number of the batch's records at its end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_SUBJECTS_H
#define WEIR_TESTS_SUBJECTS_H

#include <weir/testing.h>

extern const struct weir_processor subject;

/* A test with the subject, options as JSON, loaded; and settings of the pipeline. */
struct weir_test *subject_test(const char *with);
/* The same on a pipeline's text, with so many partitions of each topic. */
struct weir_test *subject_pipeline(const char *settings, int partitions);

/* The call was as it should; else the test fails with the message. */
#define OK(call) subject_ok(__FILE__, __LINE__, test, (call) == 0)
#define IS(call) subject_ok(__FILE__, __LINE__, test, (call))
void subject_ok(const char *file, int line, const struct weir_test *test, bool is_ok);

#endif
