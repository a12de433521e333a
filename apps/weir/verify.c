/*
 * weir verify: puts a pipeline's settings to the test on its own cluster. Knows signals,
 * exit statuses and the folder of logs; lib/testing does the rest. Its main thread drives
 * everything, for its children die with it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <base/units.h>
#include <run/app.h>

#include <base/folder.h>

#include "app_options.h"
#include "interrupt.h"
#include "progress.h"
#include "verify_report.h"

/* Nothing wrong, and not proven either. */
#define WEIR_EXIT_UNKNOWN 4

#define STANDARD_RATE 1000 /* records a second */
#define STANDARD_PREFIX "weir-verify"

enum verify_key {
	KEY_SET = WEIR_OWN,
	KEY_FOR,
	KEY_PREFIX,
	KEY_KEEP,
	KEY_JSON,
	KEY_TIMEOUT
};

static const struct weir_flag verify_flags[] = {
	{KEY_FOR, "for", "DURATION",
	 "how long faults go on (default 60s, more where the file's timeouts are long)"},
	{'c', "count", "N", "records in that time (default 1000 a second)"},
	{KEY_PREFIX, "prefix", "NAME",
	 "how names of scratch topics, group and transactional ids begin (default "
	 "weir-verify), where rights go by prefix"},
	{KEY_KEEP, "keep", NULL, "leave topics, group and logs, and say where they are"},
	{KEY_JSON, "json", NULL, "print the verdict as JSON"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, as for run; may be repeated"},
	{KEY_TIMEOUT, "timeout", "DURATION",
	 "give up on a cluster that does not answer after this time (default 30s)"},
	WEIR_FLAG_END,
};

struct verify {
	struct weir_arguments args;
	struct weir_app *app;
	struct weir_override *overrides; /* pointers are owned, values argv's */
	size_t override_count;
	int64_t length_ms; /* 0: not given */
	int64_t records;
	const char *prefix;
	bool keep, json;
	char folder[256];
	struct weir_progress progress;
};

/* ---- the folder of logs and locks ---- */

static bool
make_folder(struct verify *verify)
{
	const char *tmpdir = getenv("TMPDIR");

	snprintf(verify->folder, sizeof(verify->folder), "%s/weir-verify-XXXXXX",
		 tmpdir && *tmpdir ? tmpdir : "/tmp");
	if (mkdtemp(verify->folder))
		return true;
	verify->args.status =
		weir__command_fail(verify->args.command, WEIR_EXIT_FAILED, "%s: %s",
				   verify->folder, strerror(errno));
	return false;
}

/* ---- the run ---- */

static bool
is_interrupted(void)
{
	return weir__interrupt_count() > 0;
}

/* The first signal ends the faults, the second the wait for the group's members. */
static bool
is_interrupted_again(void)
{
	return weir__interrupt_count() > 1;
}

static void
paint(void *opaque, const struct weir_verify *running)
{
	struct verify *verify = opaque;
	const struct weir_verify_counts *counts = weir__verify_counts(running);

	if (!weir__progress_due(&verify->progress))
		return;
	if (weir__verify_left_ms(running) == 0) {
		weir__progress_draw(&verify->progress,
				    "no more faults; waiting until all of %" PRId64
				    " records are committed",
				    weir__verify_fed(running));
		return;
	}
	weir__progress_draw(&verify->progress,
			    "%" PRId64 " s left, %" PRId64
			    " records, %u killed, %u stopped, %u joined",
			    (weir__verify_left_ms(running) + 999) / 1000,
			    weir__verify_fed(running), counts->kills, counts->freezes,
			    counts->joins);
}

static int
status_of(enum weir_verify_result result)
{
	switch (result) {
	case WEIR_VERIFY_PASS:
		return WEIR_EXIT_OK;
	case WEIR_VERIFY_UNKNOWN:
		return WEIR_EXIT_UNKNOWN;
	default:
		return WEIR_EXIT_FAILED;
	}
}

static int
run_all(struct verify *verify, struct weir_verify *running, struct verify_report *report)
{
	enum weir_verify_result result;

	if (!verify->json)
		weir__verify_print_plan(report);
	weir__progress_init(&verify->progress, verify->args.quiet);
	result = weir__verify_run(running);
	weir__progress_clear(&verify->progress);
	if (verify->json)
		weir__verify_print_json(report, result);
	else
		weir__verify_print_verdict(report, result);
	fflush(stdout);
	return status_of(result);
}

static int
cannot_make(const struct verify *verify, const struct weir_error *error)
{
	if (error->code == WEIR_EDENIED)
		return weir__command_fail(
			verify->args.command, WEIR_EXIT_FAILED,
			"cannot make scratch topics: %s. It needs the rights to create, "
			"describe, write, read and delete topics, to read, describe and "
			"delete groups, and to write transactional ids, whose names "
			"begin with \"%s\" (--prefix)",
			error->message, verify->prefix);
	return weir__command_fail(verify->args.command,
				  error->code == WEIR_EINVALID ? WEIR_EXIT_USAGE
							       : WEIR_EXIT_FAILED,
				  "%s", error->message);
}

static bool
has_stores(const struct verify *verify)
{
	size_t count;

	weir__chain_stores(weir__app_chain(verify->app), &count);
	return count > 0;
}

static int
verify_app(struct verify *verify)
{
	const struct weir_pipeline *pipeline = weir__app_pipeline(verify->app);
	const struct weir_verify_config config = {
		.pipeline = pipeline,
		.path = verify->args.operands[0],
		.overrides = verify->overrides,
		.override_count = verify->override_count,
		.program = "/proc/self/exe",
		.folder = verify->folder,
		.prefix = verify->prefix,
		/* at-most-once promises nothing of them: there is nothing to verify */
		.stores = has_stores(verify) && pipeline->guarantee != WEIR_AT_MOST_ONCE,
		.length_ms = verify->length_ms,
		.records = verify->records,
		.timeout_ms = (int)verify->args.timeout_ms,
		.seed = (unsigned)time(NULL) ^ (unsigned)getpid() << 16,
		.logger = &verify->args.logger,
		.is_interrupted = is_interrupted,
		.report = paint,
		.opaque = verify,
	};
	struct verify_report report = {.pipeline = pipeline,
				       .has_stores = has_stores(verify),
				       .path = config.path,
				       .folder = verify->keep ? verify->folder : NULL,
				       .length_ms = config.length_ms,
				       .records = config.records};
	struct weir_error error = {0};
	struct weir_verify *running = weir__verify_open(&config, &error);
	int status;

	if (!running)
		return cannot_make(verify, &error);
	report.verify = running;
	status = run_all(verify, running, &report);
	if (weir__verify_close(running, verify->keep, is_interrupted_again, &error))
		weir__command_fail(verify->args.command, 0, "not all was removed: %s",
				   error.message);
	return status;
}

/* ---- arguments ---- */

static void
take_set(struct verify *verify, const char *value)
{
	char *pointer;
	const char *text;

	if (weir__arguments_set(&verify->args, verify->app, value) != 0 ||
	    weir__arguments_pair(&verify->args, "--set", value, &pointer, &text) != 0)
		return;
	verify->overrides =
		weir__realloc(verify->overrides,
			      (verify->override_count + 1) * sizeof(*verify->overrides));
	verify->overrides[verify->override_count++] =
		(struct weir_override){pointer, text};
}

static void
take_prefix(struct verify *verify, const char *value)
{
	verify->prefix = value;
	if (!weir__name_valid(value) || strlen(value) > WEIR_SCRATCH_MOST_PREFIX)
		weir__arguments_bad(&verify->args,
				    "--prefix: %s is not a name of at most %d letters, "
				    "digits, _ and -",
				    value, WEIR_SCRATCH_MOST_PREFIX);
}

static void
take_length(struct verify *verify, const char *value)
{
	struct weir_arguments *args = &verify->args;

	if (weir__arguments_duration(args, "--for", value, &verify->length_ms) == 0 &&
	    (verify->length_ms < 1000 || verify->length_ms > 7 * 86400000LL))
		weir__arguments_bad(args, "--for: %s is out of range (1s to 7d)", value);
}

static void
take_option(struct verify *verify, int key, const char *value)
{
	struct weir_arguments *args = &verify->args;

	switch (key) {
	case KEY_SET:
		take_set(verify, value);
		break;
	case KEY_FOR:
		take_length(verify, value);
		break;
	case 'c':
		weir__arguments_number(args, "--count", value, 1, 100000000,
				       &verify->records);
		break;
	case KEY_PREFIX:
		take_prefix(verify, value);
		break;
	case KEY_TIMEOUT:
		weir__arguments_duration(args, "--timeout", value, &args->timeout_ms);
		break;
	case KEY_KEEP:
		verify->keep = true;
		break;
	default:
		verify->json = true;
		break;
	}
}

static void
set_standards(struct verify *verify)
{
	if (!verify->length_ms)
		verify->length_ms = weir__verify_enough_ms(weir__app_pipeline(verify->app));
	if (!verify->records)
		verify->records = verify->length_ms * STANDARD_RATE / 1000;
}

static bool
load(struct verify *verify)
{
	static const char *const names[] = {"FILE"};
	struct weir_arguments *args = &verify->args;

	weir_app_set_log(verify->app, args->logger.level, NULL, NULL);
	if (weir__arguments_operands(args, 1, 1, names) != 0 ||
	    weir__arguments_load(args, verify->app) != 0)
		return false;
	if (weir__properties_get(&weir__app_pipeline(verify->app)->client,
				 "bootstrap.servers"))
		return true;
	weir__arguments_bad(args,
			    "%s: /kafka/bootstrap.servers: not set (--set "
			    "/kafka/bootstrap.servers=host:9092)",
			    args->operands[0]);
	return false;
}

static int
run_verify(const struct weir_command *command, int argc, char **argv)
{
	struct verify verify = {.app = weir_app_new(), .prefix = STANDARD_PREFIX};
	const char *value;
	int key;

	weir__arguments_init(&verify.args, command, argc, argv);
	while ((key = weir__arguments_next(&verify.args, &value)) > 0)
		take_option(&verify, key, value);
	if (load(&verify) && make_folder(&verify)) {
		weir__interrupt_catch();
		set_standards(&verify);
		verify.args.status = verify_app(&verify);
		if (!verify.keep)
			weir__folder_remove(verify.folder);
	}
	for (size_t index = 0; index < verify.override_count; index++)
		free((char *)verify.overrides[index].pointer);
	free(verify.overrides);
	weir_app_free(verify.app);
	return weir__arguments_fini(&verify.args);
}

const struct weir_command weir__command_verify = {
	.name = "verify",
	.summary = "put a pipeline's guarantee to the test on its cluster",
	.usage = "FILE [--for DURATION] [--json] [--set POINTER=VALUE]...",
	.text = "Makes scratch topics like those of the pipeline in FILE on its cluster, "
		"feeds numbered records into them, and runs the file's settings, with "
		"its steps replaced by a numbered copy, in processes that are killed "
		"with -9, stopped beyond their timeouts and continued, and joined by "
		"others. Then reads what a reader downstream reads, and says what was "
		"lost, repeated, torn or out of order. Where the file's steps keep "
		"stores, so does the copy, and what they hold is compared too. A PASS needs that faults hit an "
		"open batch, a commit in flight and a rebalance, and that one was given "
		"up as dead and came back; else the verdict is UNKNOWN. Your own topics "
		"are only asked how many partitions they have. Exit status: 0 PASS, 1 "
		"WRONG, or it could not be done, 2 bad file or usage, 4 UNKNOWN.",
	.flags = verify_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir verify orders.json\n"
		   "weir verify orders.json --for 10m --json --set "
		   "/kafka/bootstrap.servers=broker:9092",
	.run = run_verify,
};
