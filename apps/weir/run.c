/*
 * weir run: runs a pipeline until it is told to stop, its input ends, or it fails. Knows
 * signals and exit statuses; the app does the rest on threads of its own. Progress is
 * drawn by one more thread, and log lines take its line away first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <run/app.h>
#include <testing/oracle.h>

#include "app_options.h"
#include "progress.h"

enum run_key { KEY_SET = WEIR_OWN, KEY_UNTIL_END };

static const struct weir_flag run_flags[] = {
	{'e', "until-end", NULL, "stop when all input that is there now is committed"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, named by JSON pointer; VALUE is JSON, else a "
	 "string; may be repeated"},
	WEIR_FLAG_END,
};

/* A run on its way: what its threads share. */
struct run {
	struct weir_app *app;
	struct weir_logger to_stderr;
	struct weir_progress progress;
	pthread_mutex_t terminal; /* one writer of stderr at a time */
	pthread_t painter;
	atomic_bool ended;
};

/* A signal handler gets no argument, so the app it is for stands here. */
static struct weir_app *volatile signalled_app;

static void
on_signal(int number)
{
	(void)number;
	weir_app_stop(signalled_app);
}

static void
catch_signals(struct weir_app *app)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	signalled_app = app;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	action.sa_handler = SIG_IGN; /* a broker that hangs up is an error, not an end */
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL); /* so is a limit on files (ulimit -f) */
}

static void
write_log(void *opaque, enum weir_log_level level, const char *line)
{
	struct run *run = opaque;

	pthread_mutex_lock(&run->terminal);
	weir__progress_clear(&run->progress);
	weir__log(&run->to_stderr, level, "%s", line);
	pthread_mutex_unlock(&run->terminal);
}

static void
paint(struct run *run)
{
	struct weir_app_counts counts;
	int64_t elapsed_ms = weir__progress_elapsed_ms(&run->progress);

	weir__app_counts(run->app, &counts);
	weir__progress_draw(
		&run->progress, "%llu records committed, %llu/s, %llu dead letters",
		counts.committed,
		elapsed_ms ? counts.committed * 1000 / (unsigned long long)elapsed_ms : 0,
		counts.dead_letters);
}

static void *
painter_main(void *opaque)
{
	struct run *run = opaque;
	const struct timespec pause = {.tv_nsec = 50000000};

	while (!atomic_load(&run->ended)) {
		pthread_mutex_lock(&run->terminal);
		if (weir__progress_due(&run->progress))
			paint(run);
		pthread_mutex_unlock(&run->terminal);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* Signals go to the main thread: the painter must not take them away from a terminal's
 * read. */
static bool
painter_start(struct run *run)
{
	sigset_t all;
	sigset_t before;
	bool started;

	if (!run->progress.shown)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	started = pthread_create(&run->painter, NULL, painter_main, run) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

static void
log_summary(struct run *run)
{
	struct weir_app_counts counts;

	weir__app_counts(run->app, &counts);
	weir__log(&run->to_stderr, WEIR_LOG_INFO,
		  "drained app=%s records=%llu emitted=%llu dead_letters=%llu "
		  "dropped=%llu lost=%llu retries=%llu aborts=%llu seconds=%.1f",
		  weir__app_pipeline(run->app)->name, counts.committed, counts.emitted,
		  counts.dead_letters, counts.dropped, counts.lost, counts.retries,
		  counts.aborts,
		  (double)weir__progress_elapsed_ms(&run->progress) / 1000.0);
}

static int
run_app(struct run *run, const struct weir_command *command)
{
	struct weir_error error = {0};
	bool painting = painter_start(run);
	int code;

	catch_signals(run->app);
	code = weir_app_run(run->app, &error);
	atomic_store(&run->ended, true);
	if (painting)
		pthread_join(run->painter, NULL);
	weir__progress_clear(&run->progress);
	if (code == 0)
		log_summary(run);
	else
		weir__command_fail(command, 0, "%s", error.message);
	/* a worker may still be in a processor that does not return: nothing is freed */
	if (code == WEIR_ETIMEOUT)
		_exit(weir__app_exit_status(code));
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	return weir__app_exit_status(code);
}

static int
load_and_run(struct run *run, struct weir_arguments *args, bool until_end)
{
	run->to_stderr = args->logger;
	weir_app_set_log(run->app, args->logger.level, write_log, run);
	if (getenv(WEIR_ORACLE_ENVIRONMENT)) { /* an instance that weir verify started */
		weir_app_add_processor(run->app, weir__oracle_processor(), NULL);
		weir_app_add_processor(run->app, weir__oracle_store_processor(), NULL);
	}
	if (weir__arguments_load(args, run->app) != 0)
		return args->status;
	weir_app_set_until_end(run->app, until_end);
	weir__progress_init(&run->progress, args->quiet || !until_end);
	return run_app(run, args->command);
}

static int
run_run(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"FILE"};
	struct weir_arguments args;
	struct run run = {.app = weir_app_new(), .terminal = PTHREAD_MUTEX_INITIALIZER};
	const char *value;
	bool until_end = false;
	int key;

	weir__arguments_init(&args, command, argc, argv);
	while ((key = weir__arguments_next(&args, &value)) > 0) {
		if (key == KEY_SET)
			weir__arguments_set(&args, run.app, value);
		else
			until_end = true;
	}
	if (weir__arguments_operands(&args, 1, 1, names) == 0)
		args.status = load_and_run(&run, &args, until_end);
	weir_app_free(run.app);
	return weir__arguments_fini(&args);
}

const struct weir_command weir__command_run = {
	.name = "run",
	.summary = "run a pipeline until it is stopped",
	.usage = "FILE [--until-end] [--set POINTER=VALUE]...",
	.text = "Runs the pipeline in FILE. SIGTERM or SIGINT (Ctrl-C) drains it: what "
		"is in hand is finished and committed; a second one stops at once. "
		"Exit status: 0 drained, 1 failed, 2 bad file or usage, 3 another "
		"instance of the same name took over.",
	.flags = run_flags,
	.level = WEIR_LOG_INFO,
	.example = "weir run orders.json\n"
		   "weir run orders.json --until-end --set "
		   "/kafka/bootstrap.servers=broker:9092",
	.run = run_run,
};
