/*
 * weir reset: offsets, changelogs and stores of an app go back to a place together.
 *
 * Knows the order that no kill, and no start in between, can spoil. State must not be ahead
 * of the offsets, or what is read again would meet stores that know it already. So
 *   1. the offsets that are committed are committed once more, with a mark beside them that
 *      keeps the app from starting (run/mark.h). The broker takes it only from a group
 *      without members, so who joined before wins, and who joins later meets the mark;
 *   2. the changelogs are deleted;
 *   3. the stores are deleted;
 *   4. the offsets asked for are committed, which takes the mark away.
 * Each step can be done twice: whatever a killed one has left, the next run does all of it.
 * Without stores step 4 is all there is. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <base/fault_point.h>
#include <broker/kafka.h>
#include <run/mark.h>
#include <run/stateful.h>

#include "app_options.h"
#include "reset.h"

#define GONE_ASK_MS 100

enum reset_key { KEY_TO = WEIR_OWN, KEY_YES, KEY_JSON, KEY_SET, KEY_TIMEOUT };

static const struct weir_flag reset_flags[] = {
	{KEY_TO, "to", "PLACE",
	 "where to go on: earliest, latest, or a time, as consume -o takes it "
	 "(2026-05-01T12:00, @MILLISECONDS): the first record of that time or later"},
	{KEY_YES, "yes", NULL, "do it; without it only the plan is printed"},
	{KEY_JSON, "json", NULL, "print the plan as JSON"},
	{KEY_SET, "set", "POINTER=VALUE",
	 "override a setting of the file, as for run; may be repeated"},
	{KEY_TIMEOUT, "timeout", "DURATION",
	 "give up on a cluster that does not answer after this time (default 30s)"},
	WEIR_FLAG_END,
};

/* ---- the steps ---- */

enum offsets { OFFSETS_MARKED, OFFSETS_AS_BEFORE, OFFSETS_MOVED };

static int
set_offsets(struct reset *reset, enum offsets which, struct weir_error *error)
{
	struct weir_offset *offsets = weir__calloc(reset->input_count + 1, sizeof(*offsets));
	int code;

	for (size_t index = 0; index < reset->input_count; index++) {
		const struct reset_input *input = &reset->inputs[index];

		offsets[index] = (struct weir_offset){
			.topic = input->topic,
			.partition = input->partition,
			.offset = which == OFFSETS_MOVED ? input->to : input->start,
			.metadata = which == OFFSETS_MARKED      ? WEIR_MARK_RESET
				    : which == OFFSETS_AS_BEFORE ? input->metadata
								 : NULL,
		};
	}
	code = weir__broker_offsets_set(reset->broker, reset->pipeline->name, offsets,
					reset->input_count, (int)reset->args.timeout_ms, error);
	free(offsets);
	return code;
}

/* The app makes it anew when it does not find it; brokers may know the old one for a moment. */
static int
wait_until_gone(struct reset *reset, const char *topic, struct weir_error *error)
{
	for (int64_t left_ms = reset->args.timeout_ms; left_ms > 0; left_ms -= GONE_ASK_MS) {
		struct weir_cluster_info info = {0};
		int code = weir__broker_describe(reset->broker, &topic, 1, &info,
						 (int)reset->args.timeout_ms, error);
		bool gone = !code && info.topics[0].error == WEIR_ENOTFOUND;

		weir__cluster_info_fini(&info);
		if (code || gone)
			return code;
		poll(NULL, 0, GONE_ASK_MS);
	}
	return weir_error_set(error, WEIR_ETIMEOUT, "%s is still there after it was deleted",
			      topic);
}

/* *deleted counts them. */
static int
delete_changelogs(struct reset *reset, size_t *deleted, struct weir_error *error)
{
	int code = 0;

	for (size_t index = 0; index < reset->changelog_count && !code; index++) {
		const char *topic = reset->changelogs[index].name;

		if (!reset->changelogs[index].is_there)
			continue;
		code = weir__broker_topic_delete(reset->broker, topic,
						 (int)reset->args.timeout_ms, error);
		/* one without an answer may be deleted yet */
		*deleted += code == 0 || code == WEIR_ETIMEOUT;
		if (!code)
			code = wait_until_gone(reset, topic, error);
		WEIR_FAULT_POINT(RESET_TOPIC_DELETED);
	}
	return code;
}

static int
delete_folders(struct reset *reset, struct weir_error *error)
{
	for (size_t index = 0; index < reset->folder_count; index++) {
		const char *path = reset->folders[index].path;
		int code = weir__folder_delete(path);

		if (code)
			return weir_error_set(error, WEIR_EIO, "cannot delete %s: %s", path,
					      strerror(code));
		WEIR_FAULT_POINT(RESET_FOLDER_DELETED);
	}
	return 0;
}

/* ---- carrying it out ---- */

static int
cannot(const struct reset *reset, const char *what, const struct weir_error *error)
{
	return weir__command_fail(reset->args.command, WEIR_EXIT_FAILED, "%s%s",
				  error->message, what);
}

/* Nothing is gone yet: who lacks the right to delete a topic can still run the app. */
static int
take_back(struct reset *reset, const struct weir_error *why)
{
	struct weir_error error = {0};

	if (!reset->unfinished && set_offsets(reset, OFFSETS_AS_BEFORE, &error) == 0)
		return cannot(reset, "; nothing was changed", why);
	return cannot(reset, "; the reset is not finished, and the app will not start: run it again",
		      why);
}

static int
carry_out(struct reset *reset)
{
	struct weir_error error = {0};
	size_t deleted = 0;

	if (reset->stores) {
		if (set_offsets(reset, OFFSETS_MARKED, &error))
			return cannot(reset, "; nothing was deleted", &error);
		WEIR_FAULT_POINT(RESET_MARKED);
		if (delete_changelogs(reset, &deleted, &error) && deleted == 0)
			return take_back(reset, &error);
	}
	if (error.code || delete_folders(reset, &error) ||
	    set_offsets(reset, OFFSETS_MOVED, &error))
		return cannot(reset,
			      reset->stores ? "; the reset is not finished, and the app will not "
					      "start: run it again"
					    : "; nothing was changed",
			      &error);
	return WEIR_EXIT_OK;
}

static int
act(struct reset *reset)
{
	if (!reset->json)
		weir__reset_print(reset);
	if (reset->yes)
		reset->args.status = carry_out(reset);
	if (reset->args.status != WEIR_EXIT_OK)
		return reset->args.status;
	if (reset->json)
		weir__reset_print_json(reset, reset->yes);
	else
		printf("\n%s\n", reset->yes ? "done" : "nothing was changed: --yes does it");
	return WEIR_EXIT_OK;
}

/* ---- the command ---- */

static int
plan_and_act(struct reset *reset)
{
	const struct weir_command *command = reset->args.command;
	struct weir_error error = {0};
	int code;

	reset->stores = weir__stores_of(reset->pipeline, weir__app_chain(reset->app),
					weir__clock_system(), &reset->args.logger, &error);
	if (error.code)
		return weir__command_fail(command, WEIR_EXIT_USAGE, "%s", error.message);
	code = weir__reset_find_folders(reset, &error);
	if (code)
		return weir__command_fail(
			command, code == WEIR_ELOCKED ? WEIR_EXIT_USAGE : WEIR_EXIT_FAILED,
			code == WEIR_ELOCKED ? "stop it first: %s" : "%s", error.message);
	reset->broker = weir__kafka_open(&reset->pipeline->client, &reset->args.logger,
					 weir__clock_system(), &error);
	if (!reset->broker)
		return weir__command_fail(command, WEIR_EXIT_USAGE, "%s", error.message);
	if (weir__reset_find_places(reset, &error))
		return weir__command_fail(command, WEIR_EXIT_FAILED, "%s", error.message);
	return act(reset);
}

static void
take_to(struct reset *reset, const char *value)
{
	reset->to_text = value;
	reset->to.kind = WEIR_FROM_BEGINNING;
	if (strcmp(value, "earliest") == 0)
		return;
	if (strcmp(value, "latest") == 0)
		reset->to.kind = WEIR_FROM_END;
	else if (weir__from_parse(value, &reset->to) != 0 || reset->to.kind != WEIR_FROM_TIME)
		weir__arguments_bad(&reset->args,
				    "--to: %s is not earliest, latest or a time (like "
				    "2026-05-01T12:00 or @MILLISECONDS)",
				    value);
}

static void
take_option(struct reset *reset, int key, const char *value)
{
	struct weir_arguments *args = &reset->args;

	switch (key) {
	case KEY_TO:
		take_to(reset, value);
		break;
	case KEY_SET:
		weir__arguments_set(args, reset->app, value);
		break;
	case KEY_TIMEOUT:
		weir__arguments_duration(args, "--timeout", value, &args->timeout_ms);
		break;
	case KEY_YES:
		reset->yes = true;
		break;
	default:
		reset->json = true;
		break;
	}
}

static bool
load(struct reset *reset)
{
	static const char *const names[] = {"FILE"};
	struct weir_arguments *args = &reset->args;

	weir_app_set_log(reset->app, args->logger.level, NULL, NULL);
	if (weir__arguments_operands(args, 1, 1, names) != 0)
		return false;
	if (!reset->to_text)
		return weir__arguments_bad(
			       args, "--to is missing: earliest, latest or a time") == 0;
	if (weir__arguments_load(args, reset->app) != 0)
		return false;
	reset->pipeline = weir__app_pipeline(reset->app);
	if (weir__properties_get(&reset->pipeline->client, "bootstrap.servers"))
		return true;
	weir__arguments_bad(args,
			    "%s: /kafka/bootstrap.servers: not set (--set "
			    "/kafka/bootstrap.servers=host:9092)",
			    args->operands[0]);
	return false;
}

static int
run_reset(const struct weir_command *command, int argc, char **argv)
{
	struct reset reset = {.app = weir_app_new()};
	const char *value;
	int key;

	weir__arguments_init(&reset.args, command, argc, argv);
	while ((key = weir__arguments_next(&reset.args, &value)) > 0)
		take_option(&reset, key, value);
	if (load(&reset))
		reset.args.status = plan_and_act(&reset);
	weir__broker_close(reset.broker);
	weir__stores_free(reset.stores);
	weir__reset_plan_fini(&reset);
	weir_app_free(reset.app);
	return weir__arguments_fini(&reset.args);
}

const struct weir_command weir__command_reset = {
	.name = "reset",
	.summary = "let a stopped app begin anew: offsets, stores and changelogs together",
	.usage = "FILE --to earliest|latest|TIME [--yes] [OPTION]...",
	.text = "Prints what would be done, and does it with --yes: the committed offsets of "
		"all input partitions of the pipeline in FILE move to the place asked for, the "
		"changelogs of its stores are deleted (the app makes them anew), and so are its "
		"stores on this machine, of all its instances. Records are counted by offsets, "
		"so marks of transactions count. Outputs and tables stay as they are. It is "
		"refused while the app's group has members or an instance runs here, and while "
		"a transaction holds the group's offsets back. Killed in between, it leaves an "
		"app that does not start until a reset was finished. Stores on other machines "
		"are rebuilt when their partitions come there. Exit status: 0 done, or planned, 1 refused or "
		"failed, 2 bad file or usage, or an instance runs on this machine.",
	.flags = reset_flags,
	.level = WEIR_LOG_WARNING,
	.example = "weir reset orders.json --to earliest\n"
		   "weir reset orders.json --to 2026-05-01T12:00 --yes",
	.run = run_reset,
};
