/*
 * One line of progress on a terminal. Knows the terminal's width and when it drew last;
 * writes nothing at all where stderr is a file or a pipe. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <base/clock.h>

#include "progress.h"

#define REDRAW_MS 200
#define DEFAULT_WIDTH 80

static int64_t
now_ms(void)
{
	const struct weir_clock *clock = weir__clock_system();

	return clock->monotonic_ms(clock);
}

void
weir__progress_init(struct weir_progress *progress, bool quiet)
{
	memset(progress, 0, sizeof(*progress));
	progress->shown = !quiet && isatty(STDERR_FILENO);
	progress->started_ms = progress->drawn_ms = now_ms();
}

bool
weir__progress_due(struct weir_progress *progress)
{
	return progress->shown && now_ms() - progress->drawn_ms >= REDRAW_MS;
}

/* Columns that a line may take: the last one would make some terminals wrap. */
static size_t
terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return DEFAULT_WIDTH - 1;
	return size.ws_col - 1u;
}

void
weir__progress_draw(struct weir_progress *progress, const char *format, ...)
{
	char line[512];
	size_t width = terminal_width();
	va_list list;

	if (!progress->shown)
		return;
	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (width < sizeof(line))
		line[width] = '\0';
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	progress->drawn = true;
	progress->drawn_ms = now_ms();
}

void
weir__progress_clear(struct weir_progress *progress)
{
	if (!progress->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->drawn = false;
}

int64_t
weir__progress_elapsed_ms(const struct weir_progress *progress)
{
	return now_ms() - progress->started_ms;
}
