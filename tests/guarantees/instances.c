/*
 * Instances: the real `weir run` as child processes (testing/child.h), one log a run. One
 * that crashes leaves a core in the trial's folder, which --keep keeps. The main thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "tests/guarantees/trial.h"

static void
log_path(const struct trial *trial, const struct instance *instance, char *path,
	 size_t size)
{
	snprintf(path, size, "%s/%s.%u.log", trial->folder, instance->id, instance->runs);
}

void
instance_start(struct trial *trial, struct instance *instance)
{
	char pipeline[300], name[64], client[64], state[320], path[400];
	const char *args[] = {trial->options->weir,
			      "run",
			      pipeline,
			      "--set",
			      name,
			      "--set",
			      client,
			      "--set",
			      state,
			      trial->options->verbose ? "-v" : NULL,
			      NULL};
	struct weir_error error = {0};

	snprintf(pipeline, sizeof(pipeline), "%s/pipeline.json", trial->folder);
	snprintf(name, sizeof(name), "/instance=%s", instance->name);
	snprintf(client, sizeof(client), "/kafka/client.id=%s", instance->id);
	snprintf(state, sizeof(state), "/state_dir=%s/%s", trial->folder, instance->id);
	instance->runs++;
	log_path(trial, instance, path, sizeof(path));
	if (weir__child_start(&instance->child, args, path,
			      trial->options->keep ? trial->folder : NULL, &error))
		trial_trouble(trial, "%s", error.message);
}

bool
instance_ended(struct trial *trial, struct instance *instance, int *status)
{
	if (!weir__child_ended(&instance->child, status))
		return false;
	proxy_forget(trial->proxy, instance->id);
	return true;
}

void
instance_kill(struct trial *trial, struct instance *instance)
{
	if (instance->child.state == WEIR_CHILD_OFF)
		return;
	weir__child_kill(&instance->child);
	proxy_forget(trial->proxy, instance->id);
}

void
instance_freeze(struct instance *instance)
{
	weir__child_freeze(&instance->child);
}

void
instance_thaw(struct instance *instance)
{
	weir__child_thaw(&instance->child);
}

static void
stopped_by_itself(struct trial *trial, struct instance *instance, int status)
{
	char words[300];

	weir__child_last_words(&instance->child, words, sizeof(words));
	trial->stops++;
	trial_trouble(trial, "%s ended by itself, status %d (run %u): %s", instance->id,
		      status, instance->runs, words);
}

void
instance_stop(struct trial *trial, struct instance *instance)
{
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;
	int status = 0;

	if (instance->child.state == WEIR_CHILD_OFF)
		return;
	weir__child_terminate(&instance->child);
	while (!instance_ended(trial, instance, &status)) {
		trial_pass(trial, 10);
		if (trial_now_ms() < give_up_ms)
			continue;
		trial_trouble(trial, "%s does not drain (run %u)", instance->id,
			      instance->runs);
		instance_kill(trial, instance);
		return;
	}
	if (status)
		stopped_by_itself(trial, instance, status);
}

void
instances_supervise(struct trial *trial)
{
	int status;

	for (size_t index = 0; index < TRIAL_MAX_INSTANCES; index++) {
		struct instance *instance = &trial->instances[index];

		if (instance->child.state == WEIR_CHILD_LEAVING ||
		    !instance_ended(trial, instance, &status))
			continue;
		stopped_by_itself(trial, instance, status);
		if (trial->stops < TRIAL_MAX_STOPS)
			instance_start(trial, instance);
	}
}

void
instances_end(struct trial *trial)
{
	for (size_t index = 0; index < TRIAL_MAX_INSTANCES; index++)
		instance_kill(trial, &trial->instances[index]);
}
