/*
 * The log: one line an event, with time, level and key=value fields, to stderr or to the
 * program's own function.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <base/clock.h>
#include <weir/processor.h>

/* Called from any thread; `line` has neither time nor newline. */
typedef void (*weir_log_fn)(void *opaque, enum weir_log_level level, const char *line);

/* Where lines go. Shared by all threads, unchanged after start. */
struct weir_logger {
	enum weir_log_level level;      /* what is above it is not written */
	weir_log_fn write;              /* NULL: to stderr, with time and level */
	void *opaque;
	const struct weir_clock *clock; /* NULL: the system's */
};

/*
 * Write one line: an event in a few words, then key=value fields.
 *
 *   weir__log(log, WEIR_LOG_INFO, "partitions assigned worker=%d count=%zu", ...)
 *
 * Cut at 2 KiB; control bytes are replaced, so that input cannot forge lines.
 */
void weir__log(const struct weir_logger *logger, enum weir_log_level level,
               const char *format, ...) WEIR_PRINTF(3, 4);

/* "error", "warning", "info", "debug"; static. */
const char *weir__log_level_name(enum weir_log_level level);

#endif
