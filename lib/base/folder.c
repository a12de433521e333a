/*
 * Making and removing folders. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <base/alloc.h>
#include <base/folder.h>

int
weir__folder_make(const char *path)
{
	char *copy = weir__strdup(path);
	int code = 0;

	for (char *slash = copy + 1; !code; slash++) {
		char kept = *slash;

		if (kept != '/' && kept != '\0')
			continue;
		*slash = '\0';
		if (mkdir(copy, 0777) && errno != EEXIST)
			code = errno;
		*slash = kept;
		if (kept == '\0')
			break;
	}
	free(copy);
	return code;
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status, (void)type, (void)place;
	return remove(path);
}

int
weir__folder_remove(const char *path)
{
	return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
