/*
 * The input of produce: lines of a file or of standard input, with their byte positions
 * and numbers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PRODUCE_INPUT_H
#define WEIR_APPS_PRODUCE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/processor.h>

enum weir_input_result {
	WEIR_INPUT_LINE = 0,
	WEIR_INPUT_IDLE, /* nothing within the timeout, or a signal came */
	WEIR_INPUT_END,
	WEIR_INPUT_TOO_LONG, /* the next line is longer than max_line_bytes */
	WEIR_INPUT_FAILED
};

struct weir_input {
	const char *name; /* for messages: the path, or "standard input" */
	int fd;
	bool seekable; /* a regular file */
	bool sized;    /* and its size says where it ends: not so in /proc */
	size_t max_line_bytes;
	int64_t position; /* behind the last line given */
	uint64_t line; /* number of the last line given, counted from the last seek's base
			*/
	int64_t base;  /* where counting began: lines before it are counted when asked for
			*/

	char *data;
	size_t start; /* of what has not been given yet */
	size_t end;
	size_t scanned; /* from start: no newline in there */
	size_t capacity;
	bool at_end;
};

/* `path` NULL is standard input. Borrows `path`. Returns 0 or WEIR_EIO. */
int weir__input_open(struct weir_input *input, const char *path,
		     struct weir_error *error);
void weir__input_close(struct weir_input *input);

/*
 * The next line without its newline; a last line may lack one. Borrowed until the next
 * call; its data is never NULL.
 */
enum weir_input_result weir__input_next(struct weir_input *input, int timeout_ms,
					struct weir_bytes *line,
					struct weir_error *error);

/* Go on from `position`; `line` as it was there. Only where seekable. */
int weir__input_seek(struct weir_input *input, int64_t position, uint64_t line,
		     struct weir_error *error);

/* Start counting lines at `position` instead of at 0, and go there. */
int weir__input_start(struct weir_input *input, int64_t position,
		      struct weir_error *error);

/* The number in the file of a line that was given as `line`. */
uint64_t weir__input_line_number(const struct weir_input *input, uint64_t line);

#endif
