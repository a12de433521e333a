/*
 * The measuring program's arguments. What it can do is in the files beside this one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bench/meter.h>

static const char usage[] =
	"Usage: meter COMMAND ARGUMENT...\n"
	"  meter create BROKERS TOPIC PARTITIONS    make a topic that keeps its records' "
	"times\n"
	"  meter stamped BROKERS TOPIC PARTITIONS   make one whose records the broker "
	"stamps\n"
	"  meter delete BROKERS TOPIC\n"
	"  meter fill BROKERS TOPIC RECORDS BYTES   produce so many JSON records of that "
	"size\n"
	"  meter fill-ids BROKERS TOPIC FIRST IDS TIMES BYTES\n"
	"                        records of so many ids, each so many times, shuffled\n"
	"  meter span BROKERS TOPIC                 committed records, first and last "
	"time (ms)\n"
	"  meter run COMMAND...                     CPU time, peak memory and seconds of "
	"it\n"
	"  meter drain BROKERS IN GROUP COMMAND...  the same, until GROUP has committed all "
	"of IN\n"
	"  meter drain-kill BROKERS IN GROUP COMMAND...  and then kill -9 it\n"
	"  meter latency BROKERS IN OUT PER_SECOND SECONDS COMMAND...\n"
	"                        feed IN while COMMAND copies it to OUT; time to "
	"read_committed\n"
	"  meter restart BROKERS IN OUT PER_SECOND ROUNDS COMMAND...\n"
	"                        the same, with kill -9; time from start to the first "
	"record\n"
	"  meter start BROKERS IN OUT PER_SECOND COMMAND...\n"
	"                        the same for one start, whatever was before\n"
	"  meter librdkafka                         its version\n";

void
meter_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("meter: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

int64_t
meter_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static int
create(char **argv, bool append_time)
{
	meter_topic_create(argv[0], argv[1], atoi(argv[2]), append_time);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	char **rest = argv + 2;
	int count = argc - 2;

	if (strcmp(command, "create") == 0 && count == 3)
		return create(rest, false);
	if (strcmp(command, "stamped") == 0 && count == 3)
		return create(rest, true);
	if (strcmp(command, "delete") == 0 && count == 2) {
		meter_topic_delete(rest[0], rest[1]);
		return 0;
	}
	if (strcmp(command, "fill") == 0 && count == 4)
		return meter_fill(rest[0], rest[1], atol(rest[2]), atoi(rest[3]));
	if (strcmp(command, "fill-ids") == 0 && count == 6)
		return meter_fill_ids(rest[0], rest[1], atol(rest[2]), atol(rest[3]),
				      atoi(rest[4]), atoi(rest[5]));
	if (strcmp(command, "span") == 0 && count == 2)
		return meter_span(rest[0], rest[1]);
	if (strcmp(command, "run") == 0 && count >= 1)
		return meter_run(rest);
	if (strcmp(command, "latency") == 0 && count >= 6)
		return meter_latency(rest[0], rest[1], rest[2], atoi(rest[3]),
				     atoi(rest[4]), rest + 5);
	if (strcmp(command, "restart") == 0 && count >= 6)
		return meter_restart(rest[0], rest[1], rest[2], atoi(rest[3]),
				     atoi(rest[4]), rest + 5);
	if (strcmp(command, "start") == 0 && count >= 5)
		return meter_start(rest[0], rest[1], rest[2], atoi(rest[3]), rest + 4);
	if (strcmp(command, "drain") == 0 && count >= 4)
		return meter_drain(rest[0], rest[1], rest[2], false, rest + 3);
	if (strcmp(command, "drain-kill") == 0 && count >= 4)
		return meter_drain(rest[0], rest[1], rest[2], true, rest + 3);
	if (strcmp(command, "librdkafka") == 0) {
		puts(rd_kafka_version_str());
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}
