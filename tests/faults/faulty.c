/*
 * A processor that goes wrong on demand, for the fault tests: always for one value or one
 * partition, and as long as a file exists, so that a test mends it by removing the file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <weir/processor.h>

enum what { SLOW, RETRY, CRASH, FLOOD }; /* in the order of the choices below */

struct faulty {
	int what;
	const char *marker;
	const char *value;
	int64_t partition;
	int64_t ms;
};

static const struct weir_option options[] = {
	WEIR_OPT_CHOICE(struct faulty, what, "slow", "slow|retry|crash|flood",
	                "what goes wrong"),
	WEIR_OPT_STRING(struct faulty, marker, NULL, "file that must exist for it to go wrong"),
	WEIR_OPT_STRING(struct faulty, value, NULL, "value of the records it goes wrong for"),
	WEIR_OPT_INT(struct faulty, partition, "-1", -1, INT32_MAX,
	             "partition whose records it goes wrong for; -1: all"),
	WEIR_OPT_INT(struct faulty, ms, "1", 0, 3600000, "how slow, in milliseconds a record"),
	WEIR_OPT_END,
};

static bool
goes_wrong(const struct faulty *faulty, const struct weir_record *record)
{
	struct weir_bytes value = weir_record_value(record);

	if (faulty->marker && access(faulty->marker, F_OK) != 0)
		return false;
	if (faulty->partition >= 0 && weir_record_partition(record) != faulty->partition)
		return false;
	return !faulty->value || (value.size == strlen(faulty->value) &&
	                          memcmp(value.data, faulty->value, value.size) == 0);
}

static enum weir_verdict
flood(struct weir_context *ctx)
{
	while (weir_emit_same(ctx) == 0)
		; /* only the bound on a record's emits ends this */
	return WEIR_DONE;
}

static enum weir_verdict
record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct faulty *faulty = weir_options(ctx);
	const struct timespec pause = {faulty->ms / 1000, faulty->ms % 1000 * 1000000};

	(void)memory;
	if (goes_wrong(faulty, record)) {
		switch ((enum what)faulty->what) {
		case SLOW:
			if (faulty->ms >= 1000)
				weir_log(ctx, WEIR_LOG_INFO, "sleeping");
			nanosleep(&pause, NULL);
			break;
		case RETRY:
			return weir_retry(ctx, "not yet");
		case CRASH:
			raise(SIGSEGV);
			break;
		case FLOOD:
			return flood(ctx);
		}
	}
	return weir_emit_same(ctx) == 0 ? WEIR_DONE : WEIR_REJECT;
}

static const struct weir_processor faulty = {
	WEIR_PROCESSOR_HEADER,
	.name = "faulty",
	.summary = "goes wrong on demand",
	.options = options,
	.options_size = sizeof(struct faulty),
	.record = record,
};

WEIR_PLUGIN(faulty);
