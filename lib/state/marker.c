/*
 * The marker beside LMDB's file: which format it has, and whether it can be trusted.
 *
 * LMDB runs without fsync, since Kafka has the durable copy. A process that dies leaves a
 * whole file behind (its writes are the kernel's); a machine that goes down may leave a torn
 * one. So the marker names the boot under which the file is written to, and says "clean" when
 * all of it is on the disk. The marker itself is synced. The worker's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <state/store_private.h>

#define TEXT_SIZE 128

static void
machine_boot_id(char *text, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	/* a machine that does not tell is taken for booted anew each time */
	snprintf(text, size, "pid-%ld", (long)getpid());
	if (!file)
		return;
	if (fgets(text, (int)size, file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static void
line_of(char *line, const char *boot_id)
{
	char own[64];

	if (!boot_id) {
		machine_boot_id(own, sizeof(own));
		boot_id = own;
	}
	snprintf(line, TEXT_SIZE, "weir-state %d boot %.64s\n", WEIR_STATE_FORMAT, boot_id);
}

static const char clean_line[] = "clean\n";

/* What was read says why the file beside it is not to be trusted; NULL: it is. */
static const char *
judge(const char *text, const char *boot_id)
{
	char same_boot[TEXT_SIZE];
	int format = 0;

	if (sscanf(text, "weir-state %d ", &format) != 1)
		return "it has no marker";
	if (format != WEIR_STATE_FORMAT)
		return "it has the format of another version";
	line_of(same_boot, boot_id);
	if (strcmp(text, same_boot) == 0 || strstr(text, clean_line))
		return NULL;
	return "the machine went down while it was open";
}

static int
open_and_judge(const char *folder, const char *boot_id, int flags, int *fd, const char **why,
               struct weir_error *error)
{
	char text[TEXT_SIZE] = "";
	char *path = weir__format("%s/marker", folder);
	ssize_t size;
	int code = 0;

	*fd = open(path, flags | O_CLOEXEC, 0666);
	size = *fd < 0 ? -1 : pread(*fd, text, sizeof(text) - 1, 0);
	if (size < 0 && !(errno == ENOENT && flags == O_RDONLY)) {
		code = weir_error_set(error, WEIR_EIO, "cannot read %s: %s", path,
		                      strerror(errno));
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	} else {
		*why = judge(text, boot_id);
		code = *why != NULL;
	}
	free(path);
	return code;
}

int
weir__marker_open(const char *folder, const char *boot_id, int *fd, const char **why,
                  struct weir_error *error)
{
	return open_and_judge(folder, boot_id, O_RDWR | O_CREAT, fd, why, error);
}

int
weir__marker_read(const char *folder, const char *boot_id, const char **why,
                  struct weir_error *error)
{
	int fd;
	int code = open_and_judge(folder, boot_id, O_RDONLY, &fd, why, error);

	if (fd >= 0)
		close(fd);
	return code;
}

static int
rewrite(int fd, const char *line)
{
	size_t size = strlen(line);

	if (pwrite(fd, line, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size))
		return -1;
	return fsync(fd);
}

int
weir__marker_set_open(int fd, const char *boot_id, struct weir_error *error)
{
	char line[TEXT_SIZE];

	line_of(line, boot_id);
	if (rewrite(fd, line) == 0)
		return 0;
	return weir_error_set(error, WEIR_EIO, "cannot write the marker of a store: %s",
	                      strerror(errno));
}

void
weir__marker_set_clean(int fd)
{
	char line[TEXT_SIZE];

	/* should it fail, what stands there holds: trusted under this boot only */
	snprintf(line, sizeof(line), "weir-state %d %s", WEIR_STATE_FORMAT, clean_line);
	rewrite(fd, line);
}
