/*
 * Log lines: formatted into one buffer and written with one write(2), so that
 * lines of several threads and processes never mix.
 *
 * Any thread; holds no state and no lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/log.h>
#include <base/words.h>

#define LINE_BYTES 2048

const char *
weir__log_level_name(enum weir_log_level level)
{
	switch (level) {
	case WEIR_LOG_ERROR:
		return "error";
	case WEIR_LOG_WARNING:
		return "warning";
	case WEIR_LOG_INFO:
		return "info";
	case WEIR_LOG_DEBUG:
		return "debug";
	}
	return "unknown";
}

/* "2026-11-23T02:09:10.123Z"; in UTC, so that instances' logs can be merged. */
static void
print_time(int64_t wall_ms, char *text, size_t size)
{
	int64_t milliseconds = ((wall_ms % 1000) + 1000) % 1000;
	time_t seconds = (time_t)((wall_ms - milliseconds) / 1000);
	struct tm parts;
	size_t length;

	gmtime_r(&seconds, &parts);
	length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(text + length, size - length, ".%03dZ", (int)milliseconds);
}

static void
write_stderr(const struct weir_clock *clock, enum weir_log_level level, const char *line)
{
	char text[LINE_BYTES + 64];
	char time_text[40];
	int length;
	ssize_t written;

	print_time(clock->wall_ms(clock), time_text, sizeof(time_text));
	length = snprintf(text, sizeof(text), "%s %-7s %s\n", time_text,
			  weir__log_level_name(level), line);
	do {
		written = write(STDERR_FILENO, text, (size_t)length);
	} while (written < 0 && errno == EINTR);
}

void
weir__log(const struct weir_logger *logger, enum weir_log_level level, const char *format,
	  ...)
{
	int saved_errno = errno;
	char line[LINE_BYTES];
	va_list args;

	if (!logger || level > logger->level)
		return;
	va_start(args, format);
	weir__words_print(line, sizeof(line), format, args);
	va_end(args);
	if (logger->write)
		logger->write(logger->opaque, level, line);
	else
		write_stderr(logger->clock ? logger->clock : weir__clock_system(), level,
			     line);
	errno = saved_errno;
}
