/*
 * Which folders of stores are open in this process, so that none is opened twice: LMDB's
 * locks are lost when a second handle of the same file is closed. And the removal of those
 * that nobody used for long. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <state/store_private.h>

struct weir_folders {
	pthread_mutex_t mutex;
	char **paths;
	size_t count, capacity;
};

struct weir_folders *
weir__folders_new(void)
{
	struct weir_folders *folders = weir__calloc(1, sizeof(*folders));

	pthread_mutex_init(&folders->mutex, NULL);
	return folders;
}

void
weir__folders_free(struct weir_folders *folders)
{
	if (!folders)
		return;
	for (size_t index = 0; index < folders->count; index++)
		free(folders->paths[index]);
	free(folders->paths);
	pthread_mutex_destroy(&folders->mutex);
	free(folders);
}

static size_t
find(const struct weir_folders *folders, const char *folder)
{
	size_t index = 0;

	while (index < folders->count && strcmp(folders->paths[index], folder) != 0)
		index++;
	return index;
}

bool
weir__folders_claim(struct weir_folders *folders, const char *folder)
{
	bool is_free;

	if (!folders)
		return true;
	pthread_mutex_lock(&folders->mutex);
	is_free = find(folders, folder) == folders->count;
	if (is_free && folders->count == folders->capacity) {
		folders->capacity = folders->capacity ? 2 * folders->capacity : 8;
		folders->paths = weir__realloc(folders->paths, folders->capacity *
		                                               sizeof(*folders->paths));
	}
	if (is_free)
		folders->paths[folders->count++] = weir__strdup(folder);
	pthread_mutex_unlock(&folders->mutex);
	return is_free;
}

void
weir__folders_release(struct weir_folders *folders, const char *folder)
{
	size_t index;

	if (!folders)
		return;
	pthread_mutex_lock(&folders->mutex);
	index = find(folders, folder);
	if (index < folders->count) {
		free(folders->paths[index]);
		folders->paths[index] = folders->paths[--folders->count];
	}
	pthread_mutex_unlock(&folders->mutex);
}

int
weir__folder_delete(const char *folder)
{
	/* the file first: what is left without it counts as nothing */
	static const char *const names[] = {"data.mdb", "lock.mdb", "marker"};
	int code = 0;

	for (size_t index = 0; index < 3 && !code; index++) {
		char *path = weir__format("%s/%s", folder, names[index]);

		if (unlink(path) && errno != ENOENT)
			code = errno;
		free(path);
	}
	if (!code && rmdir(folder))
		code = errno;
	return code;
}

/* ---- cleaning ---- */

/* LMDB's file is written at each commit. */
static bool
is_old(const char *folder, int64_t max_age_ms, const struct weir_clock *clock)
{
	char *path = weir__format("%s/data.mdb", folder);
	struct stat status;
	bool old = stat(path, &status) == 0 &&
	           clock->wall_ms(clock) - (int64_t)status.st_mtime * 1000 > max_age_ms;

	free(path);
	return old;
}

void
weir__folders_clean(struct weir_folders *folders, const char *parent, int64_t max_age_ms,
                    const struct weir_clock *clock, const struct weir_logger *logger,
                    const char *why)
{
	DIR *directory = opendir(parent);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		char *folder = weir__format("%s/%s", parent, entry->d_name);

		/* topics may begin with a dot */
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    is_old(folder, max_age_ms, clock) &&
		    weir__folders_claim(folders, folder)) {
			if (weir__folder_delete(folder) == 0)
				weir__log(logger, WEIR_LOG_INFO, "%s folder=%s", why, folder);
			weir__folders_release(folders, folder);
		}
		free(folder);
	}
	if (directory)
		closedir(directory);
}
