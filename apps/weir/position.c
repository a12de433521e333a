/*
 * Position files and fingerprints. Knows the order of writes that survives a crash, and
 * hides it: aside, fsync, rename, fsync of the folder. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>

#include "position.h"

#define MAX_FILE_BYTES (16 << 20)

static int
io_error(struct weir_error *error, const char *path)
{
	return weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
}

static int
write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t wrote = write(fd, data, size);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		data += wrote;
		size -= (size_t)wrote;
	}
	return 0;
}

int
weir__position_sync_folder(const char *path, struct weir_error *error)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? weir__strndup(path, (size_t)(slash - path) + 1)
			     : weir__strdup(".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = 0;

	if (fd < 0 || fsync(fd) != 0)
		code = io_error(error, folder);
	if (fd >= 0)
		close(fd);
	free(folder);
	return code;
}

/*
 * Open the file aside for this process alone: another may be writing the same position.
 * Who waited for it may then hold a file that has been renamed away, and tries again.
 */
static int
open_aside(const char *aside)
{
	for (;;) {
		int fd = open(aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		struct stat held;
		struct stat there;
		int locked;

		if (fd < 0)
			return -1;
		locked = flock(fd, LOCK_EX);
		if (locked == 0 && fstat(fd, &held) == 0 && stat(aside, &there) == 0 &&
		    held.st_ino == there.st_ino)
			return fd;
		if (locked != 0 && errno != EINTR) {
			close(fd);
			return -1;
		}
		close(fd);
	}
}

int
weir__position_write(const char *path, const json_t *json, struct weir_error *error)
{
	char *aside = weir__format("%s.new", path);
	char *text = json_dumps(json, JSON_INDENT(1));
	int fd = open_aside(aside);
	int code = 0;

	if (fd < 0 || ftruncate(fd, 0) != 0 || write_all(fd, text, strlen(text)) != 0 ||
	    write_all(fd, "\n", 1) != 0 || fsync(fd) != 0)
		code = io_error(error, aside);
	else if (rename(aside, path) != 0)
		code = io_error(error, path);
	else
		code = weir__position_sync_folder(path, error);
	/* what was written in part is overwritten next time */
	if (fd >= 0)
		close(fd);
	free(text);
	free(aside);
	return code;
}

int
weir__position_read(const char *path, json_t **json, struct weir_error *error)
{
	json_error_t reason;
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int code = 0;

	*json = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : io_error(error, path);
	if (fstat(fd, &status) != 0)
		code = io_error(error, path);
	else if (!S_ISREG(status.st_mode) || status.st_size > MAX_FILE_BYTES)
		code = weir_error_set(error, WEIR_EJSON,
				      "%s: not a position file of weir", path);
	if (code == 0) {
		*json = json_loadfd(fd, JSON_REJECT_DUPLICATES, &reason);
		if (!*json)
			code = weir_error_set(
				error, WEIR_EJSON,
				"%s: not a position file of weir: %s, line %d", path,
				reason.text, reason.line);
	}
	close(fd);
	return code;
}

int
weir__fingerprint_take(int fd, int64_t size, struct weir_fingerprint *fingerprint)
{
	unsigned char block[4096];
	int64_t at = 0;

	if (size > WEIR_FINGERPRINT_MAX)
		size = WEIR_FINGERPRINT_MAX;
	fingerprint->size = size;
	fingerprint->hash = 14695981039346656037u;
	while (at < size) {
		int64_t want = size - at < (int64_t)sizeof(block)
				       ? size - at
				       : (int64_t)sizeof(block);
		ssize_t got = pread(fd, block, (size_t)want, at);
		ssize_t i;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? WEIR_EIO : WEIR_ELIMIT;
		for (i = 0; i < got; i++)
			fingerprint->hash =
				(fingerprint->hash ^ block[i]) * 1099511628211u;
		at += got;
	}
	return 0;
}

bool
weir__fingerprint_matches(int fd, const struct weir_fingerprint *fingerprint)
{
	struct weir_fingerprint now;

	return weir__fingerprint_take(fd, fingerprint->size, &now) == 0 &&
	       now.size == fingerprint->size && now.hash == fingerprint->hash;
}

char *
weir__source_mark_print(const struct weir_source_mark *mark, char *text)
{
	snprintf(text, WEIR_SOURCE_MARK_TEXT,
		 "weir1 %" PRId64 " %016" PRIx64 " %016" PRIx64, mark->fingerprint.size,
		 mark->fingerprint.hash, mark->run);
	return text;
}

int
weir__source_mark_parse(const char *text, struct weir_source_mark *mark)
{
	char printed[WEIR_SOURCE_MARK_TEXT];

	if (!text || sscanf(text, "weir1 %" SCNd64 " %" SCNx64 " %" SCNx64,
			    &mark->fingerprint.size, &mark->fingerprint.hash,
			    &mark->run) != 3)
		return WEIR_EINVALID;
	if (mark->fingerprint.size < 0 || mark->fingerprint.size > WEIR_FINGERPRINT_MAX)
		return WEIR_EINVALID;
	/* sscanf is lenient; other software's text must not pass for a mark */
	return strcmp(text, weir__source_mark_print(mark, printed)) == 0 ? 0
									 : WEIR_EINVALID;
}
