/*
 * Whose code may run in this process: files that nobody but root and the user can change.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_TRUST_H
#define WEIR_PROCESSOR_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * Can nobody but root and `user` write to what has this status? If others can, *why says
 * who, and what to do about it.
 */
bool weir__trust(const struct stat *status, uid_t user, char *why, size_t size);

/*
 * Does `path`, absolute and without links, stay what it is? Nobody but root and `user` may
 * put something else in its place: each folder above is theirs, or has the sticky bit.
 */
bool weir__trust_place(const char *path, uid_t user);

#endif
