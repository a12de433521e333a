/*
 * A plugin that crashes: by a bad pointer, by abort(), or by endless recursion; or ends the
 * process by exit(). With CRASHER_LOADS in the environment it does so while it is loaded.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

#include <stdlib.h>
#include <string.h>

enum how { BY_POINTER = 0, BY_ABORT = 1, BY_RECURSION = 2, BY_EXIT = 3 };

struct crasher_options {
	int how;
};

static const struct weir_option options[] = {
	WEIR_OPT_CHOICE(struct crasher_options, how, "pointer", "pointer|abort|recursion|exit",
			"what to crash by"),
	WEIR_OPT_END};

/* not null, which UBSan would find first */
static volatile char *volatile nowhere = (volatile char *)16;
static volatile int depth;

/* noinline, and something left to do behind the call: it must use up the stack */
__attribute__((noinline)) static int
dive(int level)
{
	volatile char room[4096];

	room[level % 4096] = (char)level;
	depth = level;
	return level < 0 ? room[0] : dive(level + 1) + room[level % 4096];
}

__attribute__((constructor)) static void
load(void)
{
	const char *how = getenv("CRASHER_LOADS");

	if (how && strcmp(how, "exit") == 0)
		exit(0);
	if (how)
		*nowhere = 'x';
}

static enum weir_verdict
crasher_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct crasher_options *opts = weir_options(ctx);

	(void)memory;
	(void)record;
	if (opts->how == BY_ABORT)
		abort();
	if (opts->how == BY_RECURSION)
		dive(1);
	if (opts->how == BY_EXIT)
		exit(0);
	*nowhere = 'x';
	return WEIR_DONE;
}

static const struct weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	.name = "crasher",
	.summary = "crash",
	.options = options,
	.options_size = sizeof(struct crasher_options),
	.record = crasher_record,
};

WEIR_PLUGIN(processor);
