/*
 * Folders of files.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_FOLDER_H
#define WEIR_BASE_FOLDER_H

#include <weir/error.h>

/* Make a folder and those above it, with the rights that umask leaves. Returns 0 or errno. */
int weir__folder_make(const char *path);

/* Remove a folder with all that is in it. Returns 0, or -1: something could not be removed. */
int weir__folder_remove(const char *path);

#endif
