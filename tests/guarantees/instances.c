/*
 * Instances: the real `weir run` as child processes, one log a run.
 *
 * They die with this program. Between fork and exec nothing is allocated, for librdkafka
 * has threads here. The main thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guarantees/trial.h"

extern char **environ;

static void
log_path(const struct trial *trial, const struct instance *instance, char *path,
	 size_t size)
{
	snprintf(path, size, "%s/%s.%u.log", trial->folder, instance->id, instance->runs);
}

/* One that crashes leaves a core in the trial's folder, which --keep keeps. */
static void
become_weir(const struct trial *trial, const char *const *args, int log, pid_t parent)
{
	const struct rlimit endless = {RLIM_INFINITY, RLIM_INFINITY};

	if (trial->options->keep && !chdir(trial->folder))
		setrlimit(RLIMIT_CORE, &endless);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execve(args[0], (char *const *)args, environ);
	_exit(127);
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
	pid_t parent = getpid();
	int log;

	snprintf(pipeline, sizeof(pipeline), "%s/pipeline.json", trial->folder);
	snprintf(name, sizeof(name), "/instance=%s", instance->name);
	snprintf(client, sizeof(client), "/kafka/client.id=%s", instance->id);
	snprintf(state, sizeof(state), "/state_dir=%s/%s", trial->folder, instance->id);
	instance->runs++;
	log_path(trial, instance, path, sizeof(path));
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	instance->pid = fork();
	if (instance->pid == 0)
		become_weir(trial, args, log, parent);
	close(log);
	instance->state = INSTANCE_RUNNING;
}

static void
gone(struct trial *trial, struct instance *instance)
{
	instance->state = INSTANCE_OFF;
	instance->pid = 0;
	proxy_forget(trial->proxy, instance->id);
}

bool
instance_ended(struct trial *trial, struct instance *instance, int *status)
{
	int raw;

	if (instance->state == INSTANCE_OFF || waitpid(instance->pid, &raw, WNOHANG) <= 0)
		return false;
	*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
	gone(trial, instance);
	return true;
}

void
instance_kill(struct trial *trial, struct instance *instance)
{
	if (instance->state == INSTANCE_OFF)
		return;
	kill(instance->pid, SIGKILL);
	waitpid(instance->pid, NULL, 0);
	gone(trial, instance);
}

void
instance_freeze(struct instance *instance)
{
	kill(instance->pid, SIGSTOP);
	instance->state = INSTANCE_FROZEN;
}

void
instance_thaw(struct instance *instance)
{
	kill(instance->pid, SIGCONT);
	instance->state = INSTANCE_RUNNING;
}

/* The last line that it wrote. */
static void
last_words(const struct trial *trial, const struct instance *instance, char *words,
	   size_t size)
{
	char path[400], line[1024]; /* longer ones in pieces */
	FILE *file;

	*words = '\0';
	log_path(trial, instance, path, sizeof(path));
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, "error") || strstr(line, "weir") || !*words)
			snprintf(words, size, "%.250s", line);
	}
	if (file)
		fclose(file);
}

static void
stopped_by_itself(struct trial *trial, struct instance *instance, int status)
{
	char words[300];

	last_words(trial, instance, words, sizeof(words));
	trial->stops++;
	trial_trouble(trial, "%s ended by itself, status %d (run %u): %s", instance->id,
		      status, instance->runs, words);
}

void
instance_stop(struct trial *trial, struct instance *instance)
{
	int64_t give_up_ms = trial_now_ms() + TRIAL_PATIENCE_MS;
	int status = 0;

	if (instance->state == INSTANCE_OFF)
		return;
	if (instance->state == INSTANCE_FROZEN)
		instance_thaw(instance);
	kill(instance->pid, SIGTERM);
	instance->state = INSTANCE_LEAVING;
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

		if (instance->state == INSTANCE_LEAVING ||
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
