/*
 * The system's clock and the virtual one.
 *
 * The system's: any thread. A virtual clock belongs to the thread that advances it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <time.h>

#include <base/clock.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
system_monotonic_ms(const struct weir_clock *clock)
{
	(void)clock;
	return read_ms(CLOCK_MONOTONIC);
}

/* The time of the kernel's last tick: a read of memory, not of the hardware's counter. */
static int64_t
system_coarse_ms(const struct weir_clock *clock)
{
	(void)clock;
	return read_ms(CLOCK_MONOTONIC_COARSE);
}

static int64_t
system_wall_ms(const struct weir_clock *clock)
{
	(void)clock;
	return read_ms(CLOCK_REALTIME);
}

const struct weir_clock *
weir__clock_system(void)
{
	static const struct weir_clock system_clock = {
		.monotonic_ms = system_monotonic_ms,
		.coarse_ms = system_coarse_ms,
		.wall_ms = system_wall_ms,
	};

	return &system_clock;
}

static int64_t
virtual_now_ms(const struct weir_clock *clock)
{
	/* the clock is the first member */
	return ((const struct weir_virtual_clock *)clock)->now_ms;
}

void
weir__virtual_clock_init(struct weir_virtual_clock *clock, int64_t start_ms)
{
	clock->clock.monotonic_ms = virtual_now_ms;
	clock->clock.coarse_ms = NULL;
	clock->clock.wall_ms = virtual_now_ms;
	clock->now_ms = start_ms;
}

void
weir__virtual_clock_advance(struct weir_virtual_clock *clock, int64_t by_ms)
{
	assert(by_ms >= 0);
	clock->now_ms += by_ms;
}
