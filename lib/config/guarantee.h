/*
 * The three guarantees by name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_CONFIG_GUARANTEE_H
#define WEIR_CONFIG_GUARANTEE_H

enum weir_guarantee { /* same order as the choices in the option table */
	WEIR_EXACTLY_ONCE = 0,
	WEIR_AT_LEAST_ONCE = 1,
	WEIR_AT_MOST_ONCE = 2
};

/* "exactly-once", ...; static. */
const char *weir__guarantee_name(enum weir_guarantee guarantee);

/* 0 and *guarantee, or WEIR_EINVALID. */
int weir__guarantee_parse(const char *text, enum weir_guarantee *guarantee);

#endif
