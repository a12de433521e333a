/*
 * Units and names as people write them: "24h", "64MiB", names of apps and steps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_UNITS_H
#define WEIR_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Read a duration: a whole number and ms, s, m, h or d ("100ms", "24h"; "0" needs none).
 *
 * Returns 0 and *ms, or WEIR_EINVALID when it is none or overflows.
 */
int weir__duration_parse(const char *text, int64_t *ms);

/* Read a size: a whole number and B, KiB, MiB, GiB, TiB ("64MiB"; "0" needs none). */
int weir__size_parse(const char *text, int64_t *bytes);

/* Print in the largest unit that divides it: "90s", "64MiB". Returns `text`. */
char *weir__duration_print(int64_t ms, char *text, size_t size);
char *weir__size_print(int64_t bytes, char *text, size_t size);

/* Is it a name: [A-Za-z0-9][A-Za-z0-9_-]{0,62}? */
bool weir__name_valid(const char *text);

/*
 * Is it a topic name Kafka takes: [A-Za-z0-9._-]{1,249}, not "." or ".."?
 * (Apache Kafka, org.apache.kafka.common.internals.Topic)
 */
bool weir__topic_valid(const char *text);

/*
 * The name among `names` (NULL-terminated) that is nearest to `text` by edit distance, for
 * "did you mean"; NULL when none is near.
 */
const char *weir__nearest(const char *text, const char *const *names);

#endif
