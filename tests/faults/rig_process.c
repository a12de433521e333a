/*
 * Children of the rig: the real `weir run` and `weir check`, all they print in a file.
 *
 * They die with the test that started them, however it ends. One thread; but librdkafka has
 * threads of its own, so between fork and exec nothing is allocated.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/faults/rig.h"

#define MAX_ARGS 64

extern char **environ;

static void
become_weir(const struct rig *rig, const char *const *args, int log, pid_t parent)
{
	const struct rlimit limit = {rig->file_bytes, rig->file_bytes};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(log, STDERR_FILENO);
	dup2(log, STDOUT_FILENO);
	if (rig->file_bytes && setrlimit(RLIMIT_FSIZE, &limit))
		_exit(127);
	execve(rig->program ? rig->program : WEIR_PROGRAM, (char *const *)args, environ);
	_exit(127);
}

/* `args` ends with NULL. */
static struct rig_child *
spawn(struct rig *rig, const char *const *args)
{
	struct rig_child *child = weir__calloc(1, sizeof(*child));
	pid_t parent = getpid();
	int log;

	ck_assert(rig->child_count < RIG_MAX_CHILDREN);
	child->rig = rig;
	snprintf(child->log, sizeof(child->log), "%s/stderr.%zu", rig->folder,
	         rig->child_count);
	setenv("WEIR_PLUGIN_PATH", WEIR_PROCESSORS, 1);
	log = open(child->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	ck_assert_int_ge(log, 0);
	child->pid = fork();
	ck_assert_int_ge(child->pid, 0);
	if (child->pid == 0)
		become_weir(rig, args, log, parent);
	close(log);
	rig->children[rig->child_count++] = child;
	return child;
}

static void
add_args(const char **args, size_t count, va_list list)
{
	while ((args[count] = va_arg(list, const char *)))
		ck_assert(++count < MAX_ARGS);
}

static struct rig_child *
start(struct rig *rig, const char *command, va_list list)
{
	const char *args[MAX_ARGS] = {"weir", command, rig->pipeline};
	size_t count = 3;

	for (size_t index = 0; index < rig->setting_count; index++) {
		args[count++] = "--set";
		args[count++] = rig->settings[index];
	}
	add_args(args, count, list);
	return spawn(rig, args);
}

struct rig_child *
rig_run(struct rig *rig, ...)
{
	struct rig_child *child;
	va_list list;

	va_start(list, rig);
	child = start(rig, "run", list);
	va_end(list);
	return child;
}

struct rig_child *
rig_check(struct rig *rig, ...)
{
	struct rig_child *child;
	va_list list;

	va_start(list, rig);
	child = start(rig, "check", list);
	va_end(list);
	return child;
}

struct rig_child *
rig_reset(struct rig *rig, ...)
{
	struct rig_child *child;
	va_list list;

	va_start(list, rig);
	child = start(rig, "reset", list);
	va_end(list);
	return child;
}

struct rig_child *
rig_weir(struct rig *rig, ...)
{
	const char *args[MAX_ARGS] = {"weir"};
	va_list list;

	va_start(list, rig);
	add_args(args, 1, list);
	va_end(list);
	return spawn(rig, args);
}

void
rig_signal(struct rig_child *child, int number)
{
	if (rig_ended(child))
		rig_fail(child->rig, "it ended by itself");
	ck_assert_int_eq(kill(child->pid, number), 0);
}

bool
rig_ended(struct rig_child *child)
{
	int status;
	pid_t pid = child->ended ? 0 : waitpid(child->pid, &status, WNOHANG);

	ck_assert_int_ge(pid, 0);
	if (pid) {
		child->ended = true;
		child->status =
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return child->ended;
}

int
rig_exit(struct rig_child *child)
{
	RIG_WAIT(child->rig, rig_ended(child));
	return child->status;
}

char *
rig_stderr(const struct rig_child *child)
{
	FILE *file = fopen(child->log, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = weir__strdup("");
	}
	if (file)
		fclose(file);
	return text;
}

bool
rig_says(const struct rig_child *child, const char *text)
{
	char *all = rig_stderr(child);
	bool found = strstr(all, text) != NULL;

	free(all);
	return found;
}

char *
rig_last_words(const struct rig_child *child)
{
	char *all = rig_stderr(child), *words = NULL;
	char *line = strstr(all, "\nweir run: ");

	if (line) {
		line[1 + strcspn(line + 1, "\n")] = '\0';
		words = weir__strdup(line + 1);
	}
	free(all);
	return words ? words : weir__strdup("");
}

void
rig_children_kill(struct rig *rig)
{
	for (size_t index = 0; index < rig->child_count; index++) {
		struct rig_child *child = rig->children[index];

		if (!rig_ended(child)) {
			kill(child->pid, SIGKILL);
			waitpid(child->pid, NULL, 0);
		}
		free(child);
	}
	rig->child_count = 0;
}
