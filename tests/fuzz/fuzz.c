/*
 * Helpers of the fuzz targets: parts of an input, files of memory, and how a failed check
 * ends the process. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/error.h>

#include <base/folder.h>

#include "tests/fuzz/fuzz.h"

void
fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: does not hold: %s: ", file, line, condition);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

struct weir_bytes
fuzz_part(struct weir_bytes *input)
{
	static const char divider[] = "\n--\n";
	struct weir_bytes part = {input->size ? input->data : "", input->size};
	const char *end = memmem(part.data, part.size, divider, 4);

	*input = (struct weir_bytes){"", 0};
	if (!end)
		return part;
	*input = (struct weir_bytes){end + 4, part.size};
	part.size = (size_t)(end - (const char *)part.data);
	input->size -= part.size + 4;
	return part;
}

char *
fuzz_part_text(struct weir_bytes *input)
{
	struct weir_bytes part = fuzz_part(input);

	return weir__strndup(part.data, part.size);
}

char *
fuzz_line(char **text)
{
	return *text ? strsep(text, "\n") : NULL;
}

bool
fuzz_same(struct weir_bytes a, struct weir_bytes b)
{
	return (a.data == NULL) == (b.data == NULL) && a.size == b.size &&
	       (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

void
fuzz_check_words(const char *words)
{
	FUZZ_CHECK(*words, "there are no words");
	for (const unsigned char *at = (const unsigned char *)words; *at; at++)
		FUZZ_CHECK(*at >= 0x20 && *at != 0x7f, "byte 0x%02x in: %s", *at, words);
}

void
fuzz_check_error(int code, const struct weir_error *error)
{
	FUZZ_CHECK(code < 0, "%d", code);
	FUZZ_CHECK(error->code == code, "%d was returned, %d set: %s", code, error->code,
		   error->message);
	fuzz_check_words(error->message);
}

int
fuzz_file(const char *name)
{
	int fd = memfd_create(name, 0);

	FUZZ_CHECK(fd >= 0, "no file of memory");
	return fd;
}

void
fuzz_file_put(int fd, struct weir_bytes bytes)
{
	FUZZ_CHECK(ftruncate(fd, 0) == 0, "a file of memory cannot be emptied");
	FUZZ_CHECK(pwrite(fd, bytes.data, bytes.size, 0) == (ssize_t)bytes.size,
		   "a file of memory cannot be written");
}

char *
fuzz_file_path(int fd, char *path, size_t size)
{
	snprintf(path, size, "/proc/self/fd/%d", fd);
	return path;
}

static char folder[4096];

static void
remove_folder(void)
{
	weir__folder_remove(folder);
}

const char *
fuzz_folder(void)
{
	const char *above = getenv("TMPDIR");

	if (*folder)
		return folder;
	snprintf(folder, sizeof(folder), "%s/weir-fuzz-XXXXXX", above ? above : "/tmp");
	FUZZ_CHECK(mkdtemp(folder), "no folder in %s", above ? above : "/tmp");
	atexit(remove_folder);
	return folder;
}
