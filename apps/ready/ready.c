/*
 * A ready program from its command line to its end: a model for programs that link libweir.
 *
 * Loads the pipeline that its options stand for, with the processor that is linked in, and
 * runs it; a signal drains it. One thread here; the app has its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ready.h"

#define FIRST_KEY 256 /* of options without a letter; then by their number */
#define OPTIONS_MAX 64

struct ready {
	const struct ready_program *program;
	struct ready_pipeline pipeline;
	bool given[OPTIONS_MAX];
	bool until_end;
	bool prints;
	enum weir_log_level level;
};

int
ready_fail(const struct ready_program *program, int status, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s: ", program->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return status;
}

/* ---- the command line ---- */

/* Returns an exit status, or -1: go on. */
static int
act(struct ready *ready, const struct ready_option *option)
{
	switch (option->letter) {
	case 'e':
		ready->until_end = true;
		return -1;
	case 'v':
		ready->level = WEIR_LOG_DEBUG;
		return -1;
	case 'q':
		ready->level = WEIR_LOG_WARNING;
		return -1;
	case 'h':
		ready_print_help(ready->program);
		return READY_FINE;
	case 'V':
		printf("%s %s\n", ready->program->name, PACKAGE_VERSION);
		return READY_FINE;
	default:
		ready->prints = true;
		return -1;
	}
}

static int
take(struct ready *ready, int key, const char *value)
{
	const struct ready_option *option = NULL;
	size_t index;

	for (index = 0; (option = ready_option(ready->program, index)); index++)
		if (key == option->letter || key == FIRST_KEY + (int)index)
			break;
	if (!option)
		return READY_USAGE; /* getopt has said why */
	ready->given[index] = true;
	if (option->kind == READY_ACTION)
		return act(ready, option);
	return ready_pipeline_take(&ready->pipeline, option, value) == READY_FINE ? -1
										  : READY_USAGE;
}

/* getopt's tables from ours. */
static void
make_flags(const struct ready_program *program, struct option *flags, char *letters)
{
	const struct ready_option *option;

	for (size_t index = 0; (option = ready_option(program, index)); index++) {
		flags[index] = (struct option){
			option->name, option->argument ? required_argument : no_argument, NULL,
			option->letter ? option->letter : FIRST_KEY + (int)index};
		if (!option->letter)
			continue;
		*letters++ = option->letter;
		if (option->argument)
			*letters++ = ':';
	}
	*letters = '\0';
}

static int
complete(struct ready *ready)
{
	const struct ready_program *program = ready->program;
	const struct ready_option *option;

	for (size_t index = 0; (option = ready_option(program, index)); index++) {
		/* the brokers may be in a file of properties */
		bool given = ready->given[index] ||
			     (option->kind == READY_KAFKA &&
			      json_object_get(ready->pipeline.kafka, option->member));

		if (option->required && !given)
			return ready_fail(program, READY_USAGE,
					  "--%s is missing; %s --help lists the options",
					  option->name, program->name);
	}
	return ready_pipeline_complete(&ready->pipeline) == READY_FINE ? -1 : READY_USAGE;
}

static int
read_arguments(struct ready *ready, int argc, char **argv)
{
	struct option flags[OPTIONS_MAX + 1] = {{NULL, 0, NULL, 0}};
	char letters[2 * OPTIONS_MAX + 1];
	int status = -1;
	int key;

	make_flags(ready->program, flags, letters);
	while (status < 0 && (key = getopt_long(argc, argv, letters, flags, NULL)) != -1)
		status = take(ready, key, optarg);
	if (status >= 0)
		return status;
	if (optind < argc)
		return ready_fail(ready->program, READY_USAGE,
				  "\"%s\" is no option; %s --help lists the options",
				  argv[optind], ready->program->name);
	return complete(ready);
}

/* ---- the app ---- */

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

static int
status_of(int code)
{
	switch (code) {
	case WEIR_OK:
		return READY_FINE;
	case WEIR_EFENCED:
		return READY_FENCED;
	case WEIR_EINVALID:
	case WEIR_ELOCKED:
		return READY_USAGE;
	default:
		return READY_FAILED;
	}
}

/* `text` is loaded also when it is only to be printed: what is printed can be run. */
static int
run(const struct ready *ready, const struct weir_processor *processor, const char *text,
    const char *shown)
{
	struct weir_error error = {0};
	struct weir_app *app = weir_app_new();
	int code;

	weir_app_set_log(app, ready->level, NULL, NULL);
	weir_app_set_until_end(app, ready->until_end);
	code = weir_app_add_processor(app, processor, &error);
	if (code == 0 && (code = weir_app_load_text(app, text, "pipeline", &error)) != 0)
		code = WEIR_EINVALID;
	if (code == 0 && !ready->prints) {
		catch_signals(app);
		code = weir_app_run(app, &error);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
	}
	if (code != 0)
		ready_fail(ready->program, 0, "%s", error.message);
	else if (ready->prints)
		puts(shown);
	/* a thread may still be in the processor: nothing is freed */
	if (code == WEIR_ETIMEOUT)
		_exit(status_of(code));
	weir_app_free(app);
	return status_of(code);
}

int
ready_main(const struct ready_program *program, const struct weir_processor *processor,
	   int argc, char **argv)
{
	struct ready ready = {.program = program, .level = WEIR_LOG_INFO};
	int status;

	ready_pipeline_init(&ready.pipeline, program);
	status = read_arguments(&ready, argc, argv);
	if (status < 0) {
		char *text = ready_pipeline_print(&ready.pipeline, false);
		char *shown = ready_pipeline_print(&ready.pipeline, true);

		status = text && shown ? run(&ready, processor, text, shown)
				       : ready_fail(program, READY_USAGE,
						    "the arguments are not UTF-8");
		free(text);
		free(shown);
	}
	ready_pipeline_fini(&ready.pipeline);
	return status;
}
