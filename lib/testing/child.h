/*
 * A child process with a log: `weir run`, to be killed, stopped, continued and ended.
 *
 * It has a process group of its own, so that a terminal's Ctrl-C is not its business, and
 * dies with the thread that started it. One thread starts and ends all of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_CHILD_H
#define WEIR_TESTING_CHILD_H

#include <sys/types.h>

#include <weir/processor.h>

enum weir_child_state {
	WEIR_CHILD_OFF, /* not wanted now */
	WEIR_CHILD_RUNNING,
	WEIR_CHILD_FROZEN,
	WEIR_CHILD_LEAVING /* whatever ends it now was asked for */
};

struct weir_child {
	enum weir_child_state state; /* zero-initialised: off */
	pid_t pid;
	char log[512]; /* path; of the present run, or the last */
};

/*
 * Start args[0] with these arguments, NULL behind the last; its output goes to the file
 * `log`, made anew. `cores` (NULL: none) is a folder to leave a core in when it crashes.
 *
 * Returns 0, or WEIR_EIO when the log cannot be made. That args[0] is no program shows as
 * exit status 127.
 */
int weir__child_start(struct weir_child *child, const char *const *args, const char *log,
		      const char *cores, struct weir_error *error);

/* Has it ended? Then it is off, and *status its exit status, or 128 + signal. */
bool weir__child_ended(struct weir_child *child, int *status);

/* kill -9; it is gone when this returns. Fine when it is off. */
void weir__child_kill(struct weir_child *child);
/* SIGSTOP; all its threads stand still when this returns. False: it has ended. */
bool weir__child_freeze(struct weir_child *child);
/* SIGCONT */
void weir__child_thaw(struct weir_child *child);
/* SIGTERM, also to one that is frozen; see weir__child_ended() for the rest. */
void weir__child_terminate(struct weir_child *child);

/* The last line of its log that tells of an error, else its last line. */
void weir__child_last_words(const struct weir_child *child, char *words, size_t size);

#endif
