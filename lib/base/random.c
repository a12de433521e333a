/*
 * Random numbers of the kernel (random.h). Where it has none, in a sandbox that forbids to ask,
 * time and process have to do. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <base/random.h>

uint64_t
weir__random(void)
{
	uint64_t number;
	struct timespec now;

	if (getrandom(&number, sizeof(number), 0) == sizeof(number))
		return number;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)getpid() << 32 ^ (uint64_t)now.tv_nsec) * UINT64_C(0x9e3779b97f4a7c15);
}
