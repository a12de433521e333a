/*
 * Real time with its gaps taken out. Knows how long a gap may be (a second); wall time is
 * left as it is. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "pipe_clock.h"

#define LONGEST_GAP_MS 1000

static int64_t
real_ms(void)
{
	const struct weir_clock *system = weir__clock_system();

	return system->monotonic_ms(system);
}

static int64_t
monotonic_ms(const struct weir_clock *clock)
{
	/* asking moves it, and the object itself is never const */
	struct pipe_clock *own = (struct pipe_clock *)(uintptr_t)clock;
	int64_t real = real_ms();
	int64_t gap = real - own->seen_ms;

	own->now_ms += gap < LONGEST_GAP_MS ? gap : LONGEST_GAP_MS;
	own->seen_ms = real;
	return own->now_ms;
}

static int64_t
wall_ms(const struct weir_clock *clock)
{
	const struct weir_clock *system = weir__clock_system();

	(void)clock;
	return system->wall_ms(system);
}

void
weir__pipe_clock_init(struct pipe_clock *clock)
{
	clock->clock.monotonic_ms = monotonic_ms;
	clock->clock.wall_ms = wall_ms;
	clock->seen_ms = clock->now_ms = real_ms();
}

void
weir__pipe_clock_skip(struct pipe_clock *clock, int64_t by_ms)
{
	clock->now_ms += by_ms;
}
