/*
 * An uninstalled weir: finds the processors that were built beside it, so that it can be
 * tried before `make install`. Knows what a build folder looks like, and which folder
 * nobody else can have put something into. One thread, before anything is loaded.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>

#include "plugins.h"

/* Where libtool leaves what it built. */
#define BUILT "processors/.libs"

/* A folder of `owner`'s that not everybody may write to. */
static bool
is_own_folder(const char *root, const char *name, uid_t owner)
{
	char *path = weir__format("%s/%s", root, name);
	struct stat status;
	bool own = stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
		   status.st_uid == owner && !(status.st_mode & S_IWOTH);

	free(path);
	return own;
}

/* configure leaves this file in a build folder; where things are installed there is none. */
static bool
is_build_folder(const char *root)
{
	char *path = weir__format("%s/config.status", root);
	struct stat status;
	bool found = stat(path, &status) == 0 && S_ISREG(status.st_mode);

	free(path);
	return found;
}

char *
weir__build_tree_plugins(const char *executable)
{
	char *root = realpath(executable, NULL);
	char *slash = root ? strrchr(root, '/') : NULL;
	char *plugins = NULL;
	struct stat status;

	if (slash && stat(root, &status) == 0) {
		*slash = '\0';
		/* libtool may have put a script in its place, and itself below */
		slash = strrchr(root, '/');
		if (slash && strcmp(slash, "/.libs") == 0)
			*slash = '\0';
		if (is_build_folder(root) && is_own_folder(root, "", status.st_uid) &&
		    is_own_folder(root, "processors", status.st_uid) &&
		    is_own_folder(root, BUILT, status.st_uid))
			plugins = weir__format("%s/%s", root, BUILT);
	}
	free(root);
	return plugins;
}

void
weir__build_tree_use(void)
{
	const char *folders = getenv("WEIR_PLUGIN_PATH");
	char *built = weir__build_tree_plugins("/proc/self/exe");
	char *all;

	if (!built)
		return;
	all = weir__format("%s%s%s", folders ? folders : "", folders ? ":" : "", built);
	setenv("WEIR_PLUGIN_PATH", all, 1);
	free(all);
	free(built);
}
