/*
 * weir-dedup: copies topics without their duplicates. A pipeline in C, by the public headers
 * only: a model for programs that link libweir.
 *
 * Knows its command line and the pipeline that it stands for, which --print-pipeline shows;
 * all else is the library's and the processor's, which is linked in. One thread here; the
 * app has its own.
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

#include <weir/app.h>
#include <weir/json.h>

#include "processors/dedup.h"

enum exit_status { FINE = 0, FAILED = 1, USAGE = 2, FENCED = 3 };

enum key {
	KEY_INPUT = 256,
	KEY_OUTPUT,
	KEY_ID,
	KEY_WINDOW,
	KEY_MISSING,
	KEY_LATE,
	KEY_DUPLICATES,
	KEY_DEAD_LETTER,
	KEY_GUARANTEE,
	KEY_NAME,
	KEY_INSTANCE,
	KEY_STATE_DIR,
	KEY_PRINT_PIPELINE
};

static const struct option flags[] = {
	{"brokers", required_argument, NULL, 'b'},
	{"input", required_argument, NULL, KEY_INPUT},
	{"output", required_argument, NULL, KEY_OUTPUT},
	{"id", required_argument, NULL, KEY_ID},
	{"window", required_argument, NULL, KEY_WINDOW},
	{"missing", required_argument, NULL, KEY_MISSING},
	{"late", required_argument, NULL, KEY_LATE},
	{"duplicates", required_argument, NULL, KEY_DUPLICATES},
	{"dead-letter", required_argument, NULL, KEY_DEAD_LETTER},
	{"guarantee", required_argument, NULL, KEY_GUARANTEE},
	{"name", required_argument, NULL, KEY_NAME},
	{"instance", required_argument, NULL, KEY_INSTANCE},
	{"state-dir", required_argument, NULL, KEY_STATE_DIR},
	{"until-end", no_argument, NULL, 'e'},
	{"print-pipeline", no_argument, NULL, KEY_PRINT_PIPELINE},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"Usage: weir-dedup --brokers LIST --input TOPIC --output TOPIC --id ID [OPTION]...\n"
	"\n"
	"Copies a topic without its duplicates: of the records with one id, the first of its\n"
	"partition. What it remembers is committed with the records. SIGTERM or SIGINT\n"
	"(Ctrl-C) drains it; a second one stops at once. Exit status: 0 drained, 1 failed,\n"
	"2 bad usage, 3 another instance of the same name took over.\n"
	"\n"
	"Options:\n"
	"  -b, --brokers LIST          bootstrap.servers of the cluster\n"
	"      --input TOPIC           read this; may be repeated (ids are of one topic)\n"
	"      --output TOPIC          write this\n"
	"      --id ID                 what makes records the same: key, header:NAME, or a\n"
	"                              JSON pointer (/order_id); repeated: all of them\n"
	"      --window DURATION       how long an id is remembered (default: for ever)\n"
	"      --missing WHAT          a record without id: reject (default), pass, drop\n"
	"      --late WHAT             a record whose id may be forgotten: pass (default),\n"
	"                              drop, reject\n"
	"      --duplicates TOPIC      write duplicates here, instead of nowhere\n"
	"      --dead-letter TOPIC     write rejected records here; without it one of them\n"
	"                              stops the program\n"
	"      --guarantee GUARANTEE   exactly-once (default), at-least-once, at-most-once\n"
	"      --name NAME             of the app: consumer group, changelog, folder of the\n"
	"                              state (default dedup-INPUT)\n"
	"      --instance NAME         of this process, where several share the work\n"
	"                              (default: the host's name)\n"
	"      --state-dir DIR         where the state is kept\n"
	"  -X PROPERTY=VALUE           a librdkafka property; may be repeated\n"
	"  -e, --until-end             stop when all input that is there now is committed\n"
	"      --print-pipeline        print the pipeline file that this stands for\n"
	"  -v, --verbose               log more\n"
	"  -q, --quiet                 log less\n"
	"  -h, --help                  print this help\n"
	"  -V, --version               print the version\n"
	"\n"
	"Example:\n"
	"  weir-dedup --brokers localhost:9092 --input orders --output orders-once \\\n"
	"      --id /order_id --window 24h --dead-letter orders-dead\n";

static const char usage_hint[] = "weir-dedup --help lists the options";

/* What the command line says. JSON is owned. */
struct settings {
	json_t *pipeline; /* an object, as in the file */
	json_t *kafka;    /* borrowed from it, as are the following */
	json_t *inputs;
	json_t *outputs;
	json_t *with; /* of the step */
	json_t *ids;
	bool until_end;
	bool prints;
	int level; /* enum weir_log_level */
};

static int fail(int status, const char *format, ...) WEIR_PRINTF(2, 3);

static int
fail(int status, const char *format, ...)
{
	va_list list;

	fputs("weir-dedup: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return status;
}

/* ---- the command line ---- */

static void
set(json_t *object, const char *name, const char *value)
{
	json_object_set_new(object, name, json_string(value));
}

static void
settings_init(struct settings *settings)
{
	*settings = (struct settings){
		.pipeline = json_object(), .kafka = json_object(), .inputs = json_array(),
		.outputs = json_object(),  .with = json_object(),  .ids = json_array(),
		.level = WEIR_LOG_INFO,
	};
	/* in the order in which a person would write them */
	json_object_set_new(settings->pipeline, "name", json_null());
	json_object_set_new(settings->pipeline, "kafka", settings->kafka);
	json_object_set_new(settings->pipeline, "inputs", settings->inputs);
	json_object_set_new(settings->pipeline, "steps",
			    json_pack("[{s:s, s:o}]", "use", "dedup", "with",
				      settings->with));
	json_object_set_new(settings->with, "id", settings->ids);
	json_object_set_new(settings->pipeline, "outputs", settings->outputs);
}

static int
take_property(struct settings *settings, const char *value)
{
	const char *equals = strchr(value, '=');
	char name[256];

	if (!equals || equals == value || (size_t)(equals - value) >= sizeof(name))
		return fail(USAGE, "-X %s: expected PROPERTY=VALUE", value);
	snprintf(name, sizeof(name), "%.*s", (int)(equals - value), value);
	set(settings->kafka, name, equals + 1);
	return FINE;
}

/* An option that is a setting of the pipeline. False: it is none. */
static bool
take_setting(struct settings *settings, int key, const char *value)
{
	const struct {
		int key;
		json_t *object;
		const char *name;
	} rows[] = {
		{'b', settings->kafka, "bootstrap.servers"},
		{KEY_OUTPUT, settings->outputs, "default"},
		{KEY_DUPLICATES, settings->outputs, "duplicates"},
		{KEY_WINDOW, settings->with, "window"},
		{KEY_MISSING, settings->with, "missing"},
		{KEY_LATE, settings->with, "late"},
		{KEY_GUARANTEE, settings->pipeline, "guarantee"},
		{KEY_NAME, settings->pipeline, "name"},
		{KEY_INSTANCE, settings->pipeline, "instance"},
		{KEY_STATE_DIR, settings->pipeline, "state_dir"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].key == key) {
			set(rows[i].object, rows[i].name, value);
			return true;
		}
	return false;
}

/* Returns an exit status, or -1: go on. */
static int
take_option(struct settings *settings, int key, const char *value)
{
	if (take_setting(settings, key, value))
		return -1;
	switch (key) {
	case KEY_INPUT:
		json_array_append_new(settings->inputs, json_string(value));
		return -1;
	case KEY_ID:
		json_array_append_new(settings->ids, json_string(value));
		return -1;
	case KEY_DEAD_LETTER:
		json_object_set_new(settings->pipeline, "dead_letter",
				    json_pack("{s:s}", "topic", value));
		return -1;
	case 'X':
		return take_property(settings, value) == FINE ? -1 : USAGE;
	case 'e':
		settings->until_end = true;
		return -1;
	case KEY_PRINT_PIPELINE:
		settings->prints = true;
		return -1;
	case 'v':
		settings->level = WEIR_LOG_DEBUG;
		return -1;
	case 'q':
		settings->level = WEIR_LOG_WARNING;
		return -1;
	case 'h':
		fputs(help, stdout);
		return FINE;
	case 'V':
		puts("weir-dedup " PACKAGE_VERSION);
		return FINE;
	default:
		return USAGE; /* getopt has said why */
	}
}

/* An app's name: of the input, when that is one. */
static int
choose_name(struct settings *settings)
{
	const char *input = json_string_value(json_array_get(settings->inputs, 0));
	char name[64];

	if (!json_is_null(json_object_get(settings->pipeline, "name")))
		return -1;
	if (json_array_size(settings->inputs) > 1)
		return fail(USAGE, "with several inputs the app needs a --name");
	snprintf(name, sizeof(name), "dedup-%s", input);
	if (strlen(input) + 6 >= sizeof(name) || strchr(input, '.'))
		return fail(USAGE, "topic %s makes no name for the app: give it a --name",
			    input);
	set(settings->pipeline, "name", name);
	return -1;
}

/* Is all there? As take_option(). */
static int
complete(struct settings *settings)
{
	const char *missing = NULL;

	if (!json_object_get(settings->kafka, "bootstrap.servers"))
		missing = "--brokers";
	else if (json_array_size(settings->inputs) == 0)
		missing = "--input";
	else if (!json_object_get(settings->outputs, "default"))
		missing = "--output";
	else if (json_array_size(settings->ids) == 0)
		missing = "--id";
	if (missing)
		return fail(USAGE, "%s is missing; %s", missing, usage_hint);
	if (json_array_size(settings->ids) == 1) /* a person would write no list */
		json_object_set(settings->with, "id", json_array_get(settings->ids, 0));
	return choose_name(settings);
}

static int
read_arguments(struct settings *settings, int argc, char **argv)
{
	int status = -1;
	int key;

	while (status < 0 &&
	       (key = getopt_long(argc, argv, "b:X:evqhV", flags, NULL)) != -1)
		status = take_option(settings, key, optarg);
	if (status >= 0)
		return status;
	if (optind < argc)
		return fail(USAGE, "\"%s\" is no option; %s", argv[optind], usage_hint);
	return complete(settings);
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
}

static int
status_of(int code)
{
	switch (code) {
	case WEIR_OK:
		return FINE;
	case WEIR_EFENCED:
		return FENCED;
	case WEIR_EINVALID:
	case WEIR_ELOCKED:
		return USAGE;
	default:
		return FAILED;
	}
}

static int
run(const struct settings *settings, const char *text)
{
	struct weir_error error = {0};
	struct weir_app *app = weir_app_new();
	int code;

	weir_app_set_log(app, (enum weir_log_level)settings->level, NULL, NULL);
	weir_app_set_until_end(app, settings->until_end);
	code = weir_app_add_processor(app, &weir_dedup, &error);
	if (code == 0 && (code = weir_app_load_text(app, text, "pipeline", &error)) != 0)
		code = WEIR_EINVALID;
	if (code == 0 && !settings->prints) {
		catch_signals(app);
		code = weir_app_run(app, &error);
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
	}
	if (code != 0)
		fail(0, "%s", error.message);
	else if (settings->prints)
		puts(text);
	/* a thread may still be in the processor: nothing is freed */
	if (code == WEIR_ETIMEOUT)
		_exit(status_of(code));
	weir_app_free(app);
	return status_of(code);
}

int
main(int argc, char **argv)
{
	struct settings settings;
	int status;
	char *text;

	settings_init(&settings);
	status = read_arguments(&settings, argc, argv);
	if (status < 0) {
		text = json_dumps(settings.pipeline, JSON_INDENT(2));
		if (!text)
			status = fail(USAGE, "the arguments are not UTF-8");
		else
			status = run(&settings, text);
		free(text);
	}
	json_decref(settings.pipeline);
	return status;
}
