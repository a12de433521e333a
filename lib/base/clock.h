/*
 * Time, passed in: the system's clock, or a virtual one in simulation and tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include <stdint.h>

/* Where time comes from. Both are in milliseconds. */
struct weir_clock {
	int64_t (*monotonic_ms)(const struct weir_clock *clock); /* intervals, deadlines */
	/*
	 * The same, a few milliseconds behind at most, for where it is asked a million times
	 * a second; may be NULL, then there is only the exact one.
	 */
	int64_t (*coarse_ms)(const struct weir_clock *clock);
	int64_t (*wall_ms)(const struct weir_clock *clock);      /* since 1970 */
};

/* The system's clock; static, any thread. */
const struct weir_clock *weir__clock_system(void);

/* A clock that moves only when told to. Both times start at `start_ms`. */
struct weir_virtual_clock {
	struct weir_clock clock; /* pass &clock on */
	int64_t now_ms;
};
void weir__virtual_clock_init(struct weir_virtual_clock *clock, int64_t start_ms);
void weir__virtual_clock_advance(struct weir_virtual_clock *clock, int64_t by_ms);

#endif
