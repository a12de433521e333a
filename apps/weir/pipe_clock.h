/*
 * The clock of `weir pipe`: real time, less what the pipeline did not see of it.
 *
 * While standard output blocks (a pager) or the process is stopped (Ctrl-Z) no session or
 * transaction may time out, so a gap counts as a moment. And when there is nothing to wait
 * for but a commit interval, the interval need not be waited out: time can be skipped.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PIPE_CLOCK_H
#define WEIR_APPS_PIPE_CLOCK_H

#include <base/clock.h>

struct pipe_clock {
	struct weir_clock clock; /* first: pass &clock on */
	int64_t seen_ms;         /* real monotonic time when it was last asked */
	int64_t now_ms;          /* what it said */
};

void weir__pipe_clock_init(struct pipe_clock *clock);
void weir__pipe_clock_skip(struct pipe_clock *clock, int64_t by_ms);

#endif
