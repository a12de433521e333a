/*
 * Making folders. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
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
