/*
 * Loop: weir within a program that has a main loop of its own. The app runs on threads of its
 * own; its descriptor joins the others that the loop waits for.
 *
 *   loop PIPELINE     runs it until Ctrl-C, and says each second that the loop is alive
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <weir/app.h>

enum { APP, SIGNALS, TIMER, COUNT };

static int
open_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

static int
open_timer(void)
{
	const struct itimerspec each_second = {{1, 0}, {1, 0}};
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	timerfd_settime(timer, 0, &each_second, NULL);
	return timer;
}

/* The program's own loop, until the app has ended. */
static void
loop(struct weir_app *app, struct pollfd *fds)
{
	struct signalfd_siginfo signal;
	uint64_t ticks;

	while (!(fds[APP].revents & POLLIN)) {
		if (poll(fds, COUNT, -1) < 0)
			continue;
		if ((fds[SIGNALS].revents & POLLIN) &&
		    read(fds[SIGNALS].fd, &signal, sizeof(signal)) == sizeof(signal))
			weir_app_stop(app);
		if ((fds[TIMER].revents & POLLIN) &&
		    read(fds[TIMER].fd, &ticks, sizeof(ticks)) == sizeof(ticks))
			puts("the loop is alive");
	}
}

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	struct weir_app *app;
	int code;

	if (argc != 2)
		return fprintf(stderr, "usage: loop PIPELINE\n"), 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	app = weir_app_new();
	code = weir_app_load(app, argv[1], &error);
	if (!code)
		code = weir_app_start(app, &error);
	if (!code) {
		struct pollfd fds[COUNT] = {
			[APP] = {weir_app_fd(app), POLLIN, 0},
			[SIGNALS] = {open_signals(), POLLIN, 0},
			[TIMER] = {open_timer(), POLLIN, 0},
		};

		loop(app, fds);
		code = weir_app_wait(app, &error);
		close(fds[SIGNALS].fd);
		close(fds[TIMER].fd);
	}
	if (code)
		fprintf(stderr, "loop: %s\n", error.message);
	weir_app_free(app);
	return code ? 1 : 0;
}
