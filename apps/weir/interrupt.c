/*
 * Signals for commands that run until told to stop. The handler only counts; system calls
 * are not restarted, so that waits end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <signal.h>
#include <stddef.h>

#include "interrupt.h"

/* a handler has no other place to write to */
static volatile sig_atomic_t count;

static void
on_signal(int number)
{
	(void)number;
	count++;
}

void
weir__interrupt_catch(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigemptyset(&action.sa_mask);
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
}

int
weir__interrupt_count(void)
{
	return count;
}
