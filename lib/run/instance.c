/*
 * Folder and lock of an instance. The lock file holds the pid, for people only: what locks
 * is flock, so a file left behind by a killed process locks nobody out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/folder.h>
#include <run/instance.h>

static int
make_folder(const char *path, struct weir_error *error)
{
	int code = weir__folder_make(path);

	if (!code)
		return 0;
	return weir_error_set(error, WEIR_EIO,
	                      "state_dir: cannot make folder %s: %s (set it to a folder you can "
	                      "write: --set /state_dir=...)",
	                      path, strerror(code));
}

static int
lock_taken(int lock, const struct weir_pipeline *pipeline, struct weir_error *error)
{
	char pid[32] = "";
	ssize_t size = pread(lock, pid, sizeof(pid) - 1, 0);

	pid[size > 0 ? strcspn(pid, "\n") : 0] = '\0';
	close(lock);
	return weir_error_set(error, WEIR_ELOCKED,
	                      "app \"%s\" runs here already as instance \"%s\" (pid %s); to run "
	                      "another one: --set /instance=NAME",
	                      pipeline->name, pipeline->instance, *pid ? pid : "not known");
}

char *
weir__instance_folder(const struct weir_pipeline *pipeline)
{
	return weir__format("%s/%s/%s", pipeline->state_dir, pipeline->name,
	                    pipeline->instance);
}

int
weir__instance_lock(const struct weir_pipeline *pipeline, struct weir_error *error)
{
	char *folder = weir__instance_folder(pipeline);
	char *path = weir__format("%s/lock", folder);
	int code = make_folder(folder, error);
	int lock = -1;

	if (code)
		goto out;
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (lock < 0) {
		code = weir_error_set(error, WEIR_EIO, "cannot open %s: %s", path,
		                      strerror(errno));
		goto out;
	}
	if (flock(lock, LOCK_EX | LOCK_NB)) {
		code = lock_taken(lock, pipeline, error);
		goto out;
	}
	if (ftruncate(lock, 0) || dprintf(lock, "%ld\n", (long)getpid()) < 0) {
		code = weir_error_set(error, WEIR_EIO, "cannot write %s: %s", path,
		                      strerror(errno));
		close(lock);
	}
out:
	free(path);
	free(folder);
	return code ? code : lock;
}
