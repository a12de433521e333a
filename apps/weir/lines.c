/*
 * Splits what a descriptor gives into lines. Knows the longest line it takes; grows its
 * buffer to that and moves the rest of a line to the front. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/alloc.h>

#include "lines.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

void
weir__lines_init(struct weir_lines *lines, int fd)
{
	memset(lines, 0, sizeof(*lines));
	lines->fd = fd;
}

void
weir__lines_fini(struct weir_lines *lines)
{
	free(lines->data);
	lines->data = NULL;
}

/* Room for a chunk behind what is there; doubling, or a long line would be copied often.
 */
static void
make_room(struct weir_lines *lines)
{
	if (lines->start > 0) {
		memmove(lines->data, lines->data + lines->start,
			lines->end - lines->start);
		lines->end -= lines->start;
		lines->searched -= lines->start;
		lines->start = 0;
	}
	if (lines->capacity - lines->end >= CHUNK_BYTES)
		return;
	lines->capacity = lines->capacity * 2 + CHUNK_BYTES;
	lines->data = weir__realloc(lines->data, lines->capacity);
}

int
weir__lines_read(struct weir_lines *lines, int timeout_ms, struct weir_error *error)
{
	struct pollfd wait = {.fd = lines->fd, .events = POLLIN};
	ssize_t size;

	if (lines->ended || poll(&wait, 1, timeout_ms) <= 0)
		return 0;
	if (lines->end - lines->start > WEIR_LINE_MAX)
		return weir_error_set(error, WEIR_ELIMIT,
				      "line %llu is longer than %zu MiB",
				      lines->number + 1, WEIR_LINE_MAX >> 20);
	make_room(lines);
	size = read(lines->fd, lines->data + lines->end, CHUNK_BYTES);
	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (size < 0)
		return weir_error_set(error, WEIR_EIO, "standard input: %s",
				      strerror(errno));
	lines->end += (size_t)size;
	lines->ended = size == 0;
	return 0;
}

bool
weir__lines_next(struct weir_lines *lines, struct weir_bytes *line)
{
	char *begin;
	char *newline = NULL;

	if (!lines->data)
		return false;
	begin = lines->data + lines->start;
	if (lines->end > lines->searched)
		newline = memchr(lines->data + lines->searched, '\n',
				 lines->end - lines->searched);
	lines->searched = lines->end;
	if (!newline && !(lines->ended && lines->end > lines->start))
		return false;
	line->data = begin;
	line->size = newline ? (size_t)(newline - begin) : lines->end - lines->start;
	lines->start += line->size + (newline != NULL);
	lines->searched = lines->start;
	lines->number++;
	return true;
}
