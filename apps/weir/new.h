/*
 * weir new: what is written, and how. Private to apps/weir/new*.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_NEW_H
#define WEIR_APPS_NEW_H

#include <stdbool.h>

#include <weir/error.h>

enum weir_new_build { WEIR_NEW_MAKE = 0, WEIR_NEW_AUTOTOOLS = 1, WEIR_NEW_MESON = 2 };

struct weir_new {
	const char *name; /* of the folder, and of what is in it; valid */
	bool has_state;
	enum weir_new_build build;
};

/*
 * A name for a folder, a processor, a C file and topics: 0, or WEIR_EINVALID with the words.
 */
int weir__new_check_name(const char *name, struct weir_error *error);

/*
 * Make the folder with all its files, or nothing: it is written aside and renamed.
 *
 * Returns 0, WEIR_EEXISTS or WEIR_EIO.
 */
int weir__new_write(const struct weir_new *new, struct weir_error *error);

/* What to type in that folder, a line or several: builds it and runs its cases; tries it. */
const char *weir__new_check_lines(const struct weir_new *new);
/* Heap memory; the caller frees. */
char *weir__new_try_lines(const struct weir_new *new);

#endif
