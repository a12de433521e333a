/*
 * Reads lines, from a file or a pipe. Hides the buffer; bounds a line; knows at which
 * byte each line ends, which is what `--source` commits. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>

#include "produce_input.h"

#define READ_BYTES (256 << 10)

int
weir__input_open(struct weir_input *input, const char *path, struct weir_error *error)
{
	struct stat status;

	memset(input, 0, sizeof(*input));
	input->name = path ? path : "standard input";
	input->max_line_bytes = READ_BYTES;
	input->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (input->fd < 0 || fstat(input->fd, &status) != 0)
		return weir_error_set(error, WEIR_EIO, "%s: %s", input->name,
				      strerror(errno));
	if (S_ISDIR(status.st_mode)) {
		weir__input_close(input);
		return weir_error_set(error, WEIR_EIO, "%s: is a folder", input->name);
	}
	/* standard input may be a file that others read too: only a file of our own is
	 * sought */
	input->seekable = path && S_ISREG(status.st_mode);
	input->sized = input->seekable && status.st_size > 0;
	return 0;
}

void
weir__input_close(struct weir_input *input)
{
	if (input->fd > STDIN_FILENO)
		close(input->fd);
	input->fd = -1;
	free(input->data);
	input->data = NULL;
}

static void
make_room(struct weir_input *input)
{
	if (input->start > 0) {
		memmove(input->data, input->data + input->start,
			input->end - input->start);
		input->end -= input->start;
		input->start = 0;
	}
	if (input->capacity - input->end < READ_BYTES) {
		input->capacity = input->capacity * 2 + READ_BYTES;
		input->data = weir__realloc(input->data, input->capacity);
	}
}

/* No more to read: the end, or was the file cut before what was read of it? */
static enum weir_input_result
end_of(const struct weir_input *input, struct weir_error *error)
{
	int64_t read_up_to = input->position + (int64_t)(input->end - input->start);
	struct stat status;

	if (!input->sized || fstat(input->fd, &status) != 0 ||
	    status.st_size >= read_up_to)
		return WEIR_INPUT_END;
	weir_error_set(error, WEIR_EIO, "%s: has become shorter while it was read",
		       input->name);
	return WEIR_INPUT_FAILED;
}

/* Read some more. IDLE, END, FAILED, or LINE for "there is more now". */
static enum weir_input_result
fill(struct weir_input *input, int timeout_ms, struct weir_error *error)
{
	struct pollfd wait = {.fd = input->fd, .events = POLLIN};
	ssize_t got;

	if (!input->seekable && poll(&wait, 1, timeout_ms) <= 0)
		return WEIR_INPUT_IDLE; /* a signal is as good as the timeout */
	make_room(input);
	got = read(input->fd, input->data + input->end, READ_BYTES);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return WEIR_INPUT_IDLE;
	if (got < 0) {
		weir_error_set(error, WEIR_EIO, "%s: %s", input->name, strerror(errno));
		return WEIR_INPUT_FAILED;
	}
	if (got == 0)
		return end_of(input, error);
	input->end += (size_t)got;
	return WEIR_INPUT_LINE;
}

static enum weir_input_result
give(struct weir_input *input, size_t size, size_t newline, struct weir_bytes *line)
{
	if (size > input->max_line_bytes)
		return WEIR_INPUT_TOO_LONG;
	line->data = input->data + input->start;
	line->size = size;
	input->start += size + newline;
	input->scanned = 0;
	input->position += (int64_t)(size + newline);
	input->line++;
	return WEIR_INPUT_LINE;
}

enum weir_input_result
weir__input_next(struct weir_input *input, int timeout_ms, struct weir_bytes *line,
		 struct weir_error *error)
{
	for (;;) {
		size_t left = input->end - input->start;
		const char *from = left ? input->data + input->start : "";
		const char *newline =
			memchr(from + input->scanned, '\n', left - input->scanned);
		enum weir_input_result result;

		if (newline)
			return give(input, (size_t)(newline - from), 1, line);
		input->scanned = left;
		if (left > input->max_line_bytes)
			return WEIR_INPUT_TOO_LONG;
		if (input->at_end)
			return left ? give(input, left, 0, line) : WEIR_INPUT_END;
		result = fill(input, timeout_ms, error);
		if (result == WEIR_INPUT_END)
			input->at_end = true;
		else if (result != WEIR_INPUT_LINE)
			return result;
	}
}

int
weir__input_seek(struct weir_input *input, int64_t position, uint64_t line,
		 struct weir_error *error)
{
	if (lseek(input->fd, position, SEEK_SET) < 0)
		return weir_error_set(error, WEIR_EIO, "%s: %s", input->name,
				      strerror(errno));
	input->start = input->end = input->scanned = 0;
	input->at_end = false;
	input->position = position;
	input->line = line;
	return 0;
}

int
weir__input_start(struct weir_input *input, int64_t position, struct weir_error *error)
{
	input->base = position;
	return weir__input_seek(input, position, 0, error);
}

uint64_t
weir__input_line_number(const struct weir_input *input, uint64_t line)
{
	char block[65536];
	int64_t at = 0;

	while (at < input->base) {
		int64_t left = input->base - at;
		size_t want =
			left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t got = pread(input->fd, block, want, at);
		const char *found = block;

		if (got <= 0)
			break;
		while ((found = memchr(found, '\n', (size_t)(block + got - found)))) {
			line++;
			found++;
		}
		at += got;
	}
	return line;
}
