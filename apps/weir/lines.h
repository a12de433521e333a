/*
 * Lines from a descriptor that may be slow: whole lines, in bounded memory, never waiting
 * longer than told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_LINES_H
#define WEIR_APPS_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/processor.h>

#define WEIR_LINE_MAX ((size_t)64 * 1024 * 1024)

struct weir_lines {
	int fd;
	char *data;
	size_t start;    /* of the line that is next */
	size_t searched; /* no newline from start up to here */
	size_t end;
	size_t capacity;
	unsigned long long number; /* lines given so far */
	bool ended;                /* the descriptor has no more */
};

void weir__lines_init(struct weir_lines *lines, int fd);
void weir__lines_fini(struct weir_lines *lines);

/*
 * Read once, after waiting `timeout_ms` at most (0: not at all). Not while a whole line is
 * there still: take those first.
 *
 * Returns 0, WEIR_ELIMIT for a line that is too long, or WEIR_EIO.
 */
int weir__lines_read(struct weir_lines *lines, int timeout_ms, struct weir_error *error);

/*
 * The next whole line, without its newline; the last one may lack it. Borrowed until the
 * next read. False when there is none yet, or no more.
 */
bool weir__lines_next(struct weir_lines *lines, struct weir_bytes *line);

#endif
