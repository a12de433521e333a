/*
 * Progress of long work: one line on a terminal's stderr, drawn again at most five times a
 * second; silent when stderr is none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PROGRESS_H
#define WEIR_APPS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/error.h>

struct weir_progress {
	bool shown;          /* stderr is a terminal, and not silenced */
	bool drawn;          /* a line stands there */
	int64_t started_ms;  /* monotonic */
	int64_t drawn_ms;
};

/* `quiet` keeps it silent whatever stderr is. */
void weir__progress_init(struct weir_progress *progress, bool quiet);

/* Is it time to draw again? False at once when nothing is shown: cheap to ask per record. */
bool weir__progress_due(struct weir_progress *progress);

/* Draw this line in place of the last one, cut at the terminal's width. */
void weir__progress_draw(struct weir_progress *progress, const char *format, ...)
	WEIR_PRINTF(2, 3);

/* Take the line away: before other output on stderr, and at the end. */
void weir__progress_clear(struct weir_progress *progress);

/* Milliseconds since init. */
int64_t weir__progress_elapsed_ms(const struct weir_progress *progress);

#endif
