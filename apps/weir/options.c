/*
 * Reads a command's arguments with getopt_long, whose tables are made from the command's
 * rows and the common ones. Hides getopt's state and wording: bad usage is one line that
 * names the nearest option. One thread, before anything else runs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/units.h>
#include <broker/kafka.h>

#include "options.h"

#define DEFAULT_TIMEOUT_MS 30000

const struct weir_flag weir__flags_common[] = {
	{'v', "verbose", NULL, "log more; twice: more still"},
	{'q', "quiet", NULL, "log less, and show no progress"},
	{'h', "help", NULL, "print this help"},
	{'V', "version", NULL, "print the versions of weir and of librdkafka"},
	WEIR_FLAG_END,
};

const struct weir_flag weir__flags_connect[] = {
	{'b', "brokers", "HOST[:PORT],...",
	 "brokers to begin with; the rest of the cluster is learned from them"},
	{'X', "property", "NAME=VALUE", "set a librdkafka property; may be repeated"},
	{'F', "properties", "FILE",
	 "read librdkafka properties from FILE, NAME=VALUE lines; of several settings "
	 "the last one counts"},
	{WEIR_KEY_TIMEOUT, "timeout", "DURATION",
	 "give up on a cluster that does not answer after this time (default 30s)"},
	WEIR_FLAG_END,
};

struct weir_getopt {
	struct option *options; /* ends with a zero row */
	const char **names;     /* "--name", for suggestions; ends with NULL */
	char *letters;
	size_t count;
};

static size_t
flag_count(const struct weir_flag *flags)
{
	size_t count = 0;

	while (flags && flags[count].name)
		count++;
	return count;
}

static void
getopt_add(struct weir_getopt *table, const struct weir_flag *flags)
{
	struct weir_buffer letters = {0};

	weir__buffer_add_text(&letters, table->letters ? table->letters : "");
	for (; flags && flags->name; flags++) {
		struct option *option = &table->options[table->count];

		option->name = flags->name;
		option->has_arg = flags->argument ? required_argument : no_argument;
		option->val = flags->key;
		table->names[table->count++] = weir__format("--%s", flags->name);
		if (flags->key < WEIR_LONG_ONLY)
			weir__buffer_printf(&letters, "%c%s", flags->key,
					    flags->argument ? ":" : "");
	}
	free(table->letters);
	table->letters = letters.data;
}

static struct weir_getopt *
getopt_new(const struct weir_command *command)
{
	struct weir_getopt *table = weir__calloc(1, sizeof(*table));
	size_t max = flag_count(command->flags) + flag_count(weir__flags_common) +
		     flag_count(weir__flags_connect) + 1;

	table->options = weir__calloc(max, sizeof(*table->options));
	table->names = weir__calloc(max, sizeof(*table->names));
	/* the leading ':' tells a missing argument from an unknown option */
	table->letters = weir__strdup(":");
	getopt_add(table, command->flags);
	if (command->connects)
		getopt_add(table, weir__flags_connect);
	getopt_add(table, weir__flags_common);
	return table;
}

static void
getopt_free(struct weir_getopt *table)
{
	size_t i;

	if (!table)
		return;
	for (i = 0; i < table->count; i++)
		free((char *)table->names[i]);
	free(table->names);
	free(table->options);
	free(table->letters);
	free(table);
}

void
weir__arguments_init(struct weir_arguments *args, const struct weir_command *command,
		     int argc, char **argv)
{
	memset(args, 0, sizeof(*args));
	args->command = command;
	args->argc = argc;
	args->argv = argv;
	args->timeout_ms = DEFAULT_TIMEOUT_MS;
	args->logger.level = command->level;
	args->getopt = getopt_new(command);
	opterr = 0;
	optind = 0; /* glibc: start anew, main has read options of its own */
}

int
weir__arguments_fini(struct weir_arguments *args)
{
	weir__properties_fini(&args->properties);
	getopt_free(args->getopt);
	args->getopt = NULL;
	return args->status;
}

int
weir__command_fail(const struct weir_command *command, int status, const char *format,
		   ...)
{
	va_list list;

	fprintf(stderr, "weir %s: ", command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return status;
}

int
weir__arguments_bad(struct weir_arguments *args, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "weir %s: ", args->command->name);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	args->done = true;
	args->status = WEIR_EXIT_USAGE;
	return -1;
}

/* argv's word of the long option that getopt just refused, without "=VALUE". */
static char *
refused_word(const struct weir_arguments *args)
{
	const char *word = args->argv[optind - 1];

	return weir__strndup(word, strcspn(word, "="));
}

/* Words that begin like several options: name them all. */
static bool
say_ambiguous(struct weir_arguments *args, const char *word)
{
	struct weir_buffer out = {0};
	int count = 0;
	size_t i;

	for (i = 0; i < args->getopt->count; i++) {
		if (strncmp(args->getopt->names[i], word, strlen(word)) != 0)
			continue;
		weir__buffer_printf(&out, "%s%s", count++ ? ", " : "",
				    args->getopt->names[i]);
	}
	if (count > 1)
		weir__arguments_bad(args, "%s may mean %s", word, out.data);
	weir__buffer_fini(&out);
	return count > 1;
}

static void
say_unknown(struct weir_arguments *args)
{
	char *word;
	const char *nearest;

	if (optopt && optopt < WEIR_LONG_ONLY && !strchr(args->getopt->letters, optopt)) {
		weir__arguments_bad(args, "unknown option -%c (see weir %s --help)",
				    optopt, args->command->name);
		return;
	}
	word = refused_word(args);
	nearest = weir__nearest(word, args->getopt->names);
	if (optopt)
		weir__arguments_bad(args, "%s takes no value", word);
	else if (say_ambiguous(args, word))
		args->done = true;
	else if (nearest)
		weir__arguments_bad(args, "unknown option %s (did you mean %s?)", word,
				    nearest);
	else
		weir__arguments_bad(args, "unknown option %s (see weir %s --help)", word,
				    args->command->name);
	free(word);
}

static void
say_no_argument(struct weir_arguments *args)
{
	const struct weir_getopt *table = args->getopt;
	size_t i;

	for (i = 0; i < table->count; i++)
		if (table->options[i].val == optopt)
			break;
	assert(i < table->count);
	if (optopt < WEIR_LONG_ONLY)
		weir__arguments_bad(args, "-%c, %s needs a value", optopt,
				    table->names[i]);
	else
		weir__arguments_bad(args, "%s needs a value", table->names[i]);
}

static void
take_property(struct weir_arguments *args, const char *value)
{
	const char *text;
	char *name;

	if (weir__arguments_pair(args, "-X", value, &name, &text) != 0)
		return;
	weir__properties_set(&args->properties, name, text);
	free(name);
}

static void
take_file(struct weir_arguments *args, const char *path)
{
	struct weir_error error = {0};

	if (weir__properties_read(&args->properties, path, &error) != 0)
		weir__arguments_bad(args, "%s", error.message);
}

/* Take a common option. Returns false when `key` is none. */
static bool
take_common(struct weir_arguments *args, int key)
{
	switch (key) {
	case 'h':
		weir__help_print(args->command, stdout);
		args->done = true;
		return true;
	case 'V':
		weir__version_print(stdout);
		args->done = true;
		return true;
	case 'v':
		if (args->logger.level < WEIR_LOG_DEBUG)
			args->logger.level++;
		return true;
	case 'q':
		if (args->logger.level > WEIR_LOG_ERROR)
			args->logger.level--;
		args->quiet = true;
		return true;
	default:
		return false;
	}
}

static bool
take_connect(struct weir_arguments *args, int key, const char *value)
{
	if (!args->command->connects)
		return false;
	switch (key) {
	case 'b':
		weir__properties_set(&args->properties, "bootstrap.servers", value);
		return true;
	case 'X':
		take_property(args, value);
		return true;
	case 'F':
		take_file(args, value);
		return true;
	case WEIR_KEY_TIMEOUT:
		weir__arguments_duration(args, "--timeout", value, &args->timeout_ms);
		return true;
	default:
		return false;
	}
}

int
weir__arguments_next(struct weir_arguments *args, const char **value)
{
	while (!args->done) {
		int key = getopt_long(args->argc, args->argv, args->getopt->letters,
				      args->getopt->options, NULL);

		if (key == -1) {
			args->operands = args->argv + optind;
			args->operand_count = args->argc - optind;
			return 0;
		}
		*value = optarg;
		if (key == '?')
			say_unknown(args);
		else if (key == ':')
			say_no_argument(args);
		else if (!take_common(args, key) && !take_connect(args, key, optarg))
			return key;
	}
	return 0;
}

int
weir__arguments_operands(struct weir_arguments *args, int min, int max,
			 const char *const *names)
{
	if (args->done)
		return -1;
	if (args->operand_count < min)
		return weir__arguments_bad(args, "no %s given (usage: weir %s %s)",
					   names[args->operand_count],
					   args->command->name, args->command->usage);
	if (args->operand_count > max)
		return weir__arguments_bad(
			args, "one argument too many: %s (usage: weir %s %s)",
			args->operands[max], args->command->name, args->command->usage);
	return 0;
}

int
weir__arguments_number(struct weir_arguments *args, const char *what, const char *value,
		       int64_t min, int64_t max, int64_t *number)
{
	char *end;
	long long parsed;

	errno = 0;
	parsed = strtoll(value, &end, 10);
	if (end == value || *end)
		return weir__arguments_bad(args, "%s: %s is not a whole number", what,
					   value);
	if (errno == ERANGE || parsed < min || parsed > max)
		return weir__arguments_bad(
			args, "%s: %s is out of range (%" PRId64 " to %" PRId64 ")", what,
			value, min, max);
	*number = parsed;
	return 0;
}

int
weir__arguments_duration(struct weir_arguments *args, const char *what, const char *value,
			 int64_t *ms)
{
	if (weir__duration_parse(value, ms) != 0)
		return weir__arguments_bad(
			args, "%s: %s is no duration (like 500ms, 30s, 5m)", what, value);
	return 0;
}

int
weir__arguments_choice(struct weir_arguments *args, const char *what, const char *value,
		       const char *const *names, int *index)
{
	struct weir_buffer list = {0};
	const char *nearest;
	int i;

	for (i = 0; names[i]; i++) {
		if (strcmp(names[i], value) == 0) {
			*index = i;
			weir__buffer_fini(&list);
			return 0;
		}
		weir__buffer_printf(&list, "%s%s", i ? ", " : "", names[i]);
	}
	nearest = weir__nearest(value, names);
	if (nearest)
		weir__arguments_bad(args, "%s: unknown value %s (did you mean %s?)", what,
				    value, nearest);
	else
		weir__arguments_bad(args, "%s: unknown value %s (known: %s)", what, value,
				    list.data);
	weir__buffer_fini(&list);
	return -1;
}

int
weir__arguments_pair(struct weir_arguments *args, const char *what, const char *value,
		     char **name, const char **text)
{
	const char *sign = strchr(value, '=');

	if (!sign || sign == value)
		return weir__arguments_bad(args, "%s: %s is not of the form NAME=VALUE",
					   what, value);
	*name = weir__strndup(value, (size_t)(sign - value));
	*text = sign + 1;
	return 0;
}

struct weir_broker *
weir__arguments_connect(struct weir_arguments *args)
{
	struct weir_error error = {0};
	struct weir_broker *broker;

	if (!weir__properties_get(&args->properties, "bootstrap.servers") &&
	    !weir__properties_get(&args->properties, "metadata.broker.list")) {
		weir__arguments_bad(args, "no brokers given (--brokers HOST:PORT)");
		return NULL;
	}
	broker = weir__kafka_open(&args->properties, &args->logger, weir__clock_system(),
				  &error);
	if (!broker)
		weir__arguments_bad(args, "%s", error.message);
	return broker;
}
