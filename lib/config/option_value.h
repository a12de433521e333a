/*
 * One value of an option table; for option*.c only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_OPTION_VALUE_H
#define WEIR_CONFIG_OPTION_VALUE_H

#include <config/option.h>

/* Size of the member that a row of this type fills; 0: the type is not known. */
size_t weir__option_size(int32_t type);

/*
 * Put `value` into the row's member of `target`. `place` is where it stands.
 *
 * Returns 0 or WEIR_EINVALID with "PLACE: reason".
 */
int weir__option_set(const struct weir_option *row, const json_t *value, const char *place,
                     void *target, struct weir_arena *arena, struct weir_error *error);

/* The row's default as JSON, new reference; NULL when it has none or it does not parse. */
json_t *weir__option_standard(const struct weir_option *row);

/* The bounds that hold: both 0 in the row means from 0 up. */
void weir__option_range(const struct weir_option *row, int64_t *min, int64_t *max);

/* A number as the row's type prints it: "24h", "64MiB", "7". Returns `text`. */
char *weir__option_number_print(int32_t type, int64_t number, char *text, size_t size);

#endif
