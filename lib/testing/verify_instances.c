/*
 * Instances of a verification: `weir run FILE` with the user's own settings, and over
 * them the scratch names and the oracle's steps. The file itself is read by each of them,
 * so no secret of it is written anywhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <testing/verify_private.h>

#define DRAIN_PATIENCE_MS 60000
#define MOST_ARGUMENTS 32

/* ---- arguments ---- */

struct arguments {
	char *items[MOST_ARGUMENTS]; /* owned */
	size_t count;
};

static void
add(struct arguments *arguments, const char *pointer, const char *value)
{
	arguments->items[arguments->count++] = weir__strdup("--set");
	arguments->items[arguments->count++] = weir__format("%s=%s", pointer, value);
}

static void
add_buffer(struct arguments *arguments, const char *pointer, struct weir_buffer *value)
{
	add(arguments, pointer, value->data);
	weir__buffer_fini(value);
}

static void
add_topics(struct arguments *arguments, const struct weir_scratch *scratch)
{
	struct weir_buffer text = {0};

	for (size_t index = 0; index < scratch->input_count; index++)
		weir__buffer_printf(&text, "%s\"%s\"", index ? ", " : "[",
				    scratch->inputs[index]);
	weir__buffer_add_text(&text, "]");
	add_buffer(arguments, "/inputs", &text);
	for (size_t index = 0; index < scratch->output_count; index++) {
		const char name[2] = {(char)('a' + index), '\0'};

		weir__buffer_printf(&text, "%s\"%s\": \"%s\"", index ? ", " : "{",
				    index ? name : "default", scratch->outputs[index]);
	}
	weir__buffer_add_text(&text, "}");
	add_buffer(arguments, "/outputs", &text);
	if (scratch->dead_letter)
		add(arguments, "/dead_letter/topic", scratch->dead_letter);
}

/* What verify changes. All else is as the file has it. */
static void
add_own(struct arguments *arguments, const struct weir_verify *verify,
	const struct verify_instance *instance)
{
	struct weir_buffer steps = {0};

	add(arguments, "/name", verify->scratch.app);
	add(arguments, "/instance", instance->name);
	add(arguments, "/state_dir", verify->config.folder);
	add(arguments, "/plugins", "[]");
	if (verify->config.pipeline->table_count)
		add(arguments, "/tables", "{}"); /* the copies look nothing up */
	/* the load is there before the first instance is */
	add(arguments, "/kafka/auto.offset.reset", "earliest");
	add_topics(arguments, &verify->scratch);
	weir__oracle_steps(verify->guarantee, verify->config.stores, (int)instance->run,
			   &steps);
	add_buffer(arguments, "/steps", &steps);
}

/* ---- runs ---- */

static struct verify_run *
run_of(struct weir_verify *verify, const struct verify_instance *instance)
{
	return &verify->runs[instance->run];
}

static void
add_run(struct weir_verify *verify, struct verify_instance *instance)
{
	verify->runs = weir__realloc(verify->runs,
				     (verify->run_count + 1) * sizeof(*verify->runs));
	verify->runs[verify->run_count] = (struct verify_run){.aim = -1};
	instance->run = verify->run_count++;
}

/* What its journal said in the end. */
static void
end_run(struct weir_verify *verify, struct verify_instance *instance, int aim)
{
	struct verify_run *run = run_of(verify, instance);
	const struct weir_journal *journal = &instance->journal;

	weir__journal_read(&instance->journal);
	run->aim = aim;
	run->uncertain = journal->uncertain;
	run->committed = journal->committed;
	run->aborted = journal->aborted;
}

static void
exec_run(struct weir_verify *verify, struct verify_instance *instance,
	 const struct arguments *own)
{
	const struct weir_verify_config *config = &verify->config;
	size_t most = MOST_ARGUMENTS + 2 * config->override_count + 8, count = 0;
	const char **args = weir__calloc(most, sizeof(*args));
	char **users = weir__calloc(config->override_count + 1, sizeof(*users));
	char *log = weir__format("%s/%s.%zu.log", config->folder, instance->name,
				 instance->run);
	struct weir_error error = {0};

	args[count++] = config->program;
	args[count++] = "run";
	args[count++] = "-v";
	for (size_t index = 0; index < config->override_count; index++) {
		users[index] = weir__format("%s=%s", config->overrides[index].pointer,
					    config->overrides[index].value);
		args[count++] = "--set";
		args[count++] = users[index];
	}
	for (size_t index = 0; index < own->count; index++)
		args[count++] = own->items[index];
	args[count++] = "--";
	args[count++] = config->path;
	if (weir__child_start(&instance->child, args, log, NULL, &error))
		weir__verify_trouble_set(verify, true, "%s", error.message);
	weir__journal_close(&instance->journal);
	weir__journal_open(&instance->journal, log);
	for (size_t index = 0; index < config->override_count; index++)
		free(users[index]);
	free(users);
	free(args);
	free(log);
}

void
weir__verify_start(struct weir_verify *verify, struct verify_instance *instance)
{
	struct arguments own = {0};
	size_t number = (size_t)(instance - verify->instances);

	if (instance->child.state != WEIR_CHILD_OFF || verify->is_over)
		return;
	/* a guest is another one each time: the group would take it for the old one */
	if (number == VERIFY_GUEST)
		snprintf(instance->name, sizeof(instance->name), "guest%u",
			 ++verify->guests);
	else
		snprintf(instance->name, sizeof(instance->name), "%s",
			 number ? "two" : "one");
	add_run(verify, instance);
	weir__verify_say(verify, "starting instance=%s run=%zu", instance->name,
			 instance->run);
	add_own(&own, verify, instance);
	exec_run(verify, instance, &own);
	for (size_t index = 0; index < own.count; index++)
		free(own.items[index]);
}

/* ---- ends ---- */

void
weir__verify_kill(struct weir_verify *verify, struct verify_instance *instance, int aim)
{
	if (instance->child.state == WEIR_CHILD_OFF)
		return;
	weir__child_kill(&instance->child);
	end_run(verify, instance, aim);
	weir__verify_say(verify,
			 "killed instance=%s run=%zu aim=%d committed=%lld aborted=%lld "
			 "uncertain=%d",
			 instance->name, instance->run, aim,
			 (long long)instance->journal.committed,
			 (long long)instance->journal.aborted,
			 instance->journal.uncertain);
	verify->counts.kills++;
	verify->counts.aimed[aim]++;
}

static void
stopped_by_itself(struct weir_verify *verify, struct verify_instance *instance,
		  int status)
{
	char words[300];

	end_run(verify, instance, -1);
	weir__child_last_words(&instance->child, words, sizeof(words));
	weir__verify_trouble_set(verify, ++verify->stops >= VERIFY_MOST_STOPS,
				 "instance %s ended by itself with status %d: %s",
				 instance->name, status, words);
}

/* One that waits for nothing else than to be told to end. */
static bool
await_end(struct weir_verify *verify, struct verify_instance *instance, int *status)
{
	int64_t give_up_ms = weir__verify_now_ms(verify) + DRAIN_PATIENCE_MS +
			     verify->config.pipeline->drain_ms;

	while (!weir__child_ended(&instance->child, status)) {
		if (weir__verify_now_ms(verify) > give_up_ms || verify->is_over)
			return false;
		weir__verify_pass(verify, 10);
	}
	return true;
}

void
weir__verify_stop(struct weir_verify *verify, struct verify_instance *instance)
{
	int status = 0;

	if (instance->child.state == WEIR_CHILD_OFF)
		return;
	weir__verify_say(verify, "ending instance=%s", instance->name);
	weir__child_terminate(&instance->child);
	if (!await_end(verify, instance, &status)) {
		weir__verify_trouble_set(verify, false, "instance %s does not drain",
					 instance->name);
		weir__child_kill(&instance->child);
	}
	if (status)
		stopped_by_itself(verify, instance, status);
	else
		end_run(verify, instance, -1);
}

void
weir__verify_supervise(struct weir_verify *verify)
{
	for (size_t index = 0; index < VERIFY_INSTANCES; index++) {
		struct verify_instance *instance = &verify->instances[index];
		int status;

		weir__journal_read(&instance->journal);
		if (instance->child.state != WEIR_CHILD_RUNNING ||
		    !weir__child_ended(&instance->child, &status))
			continue;
		stopped_by_itself(verify, instance, status);
		weir__verify_start(verify, instance);
	}
}

void
weir__verify_end_instances(struct weir_verify *verify)
{
	for (size_t index = 0; index < VERIFY_INSTANCES; index++) {
		weir__child_kill(&verify->instances[index].child);
		weir__journal_close(&verify->instances[index].journal);
	}
}
