/*
 * Child processes. Between fork and exec nothing is allocated, for librdkafka has threads
 * in the parent.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <testing/child.h>

extern char **environ;

static void
become(const char *const *args, int log, const char *cores, pid_t parent)
{
	const struct rlimit endless = {RLIM_INFINITY, RLIM_INFINITY};

	if (cores && !chdir(cores))
		setrlimit(RLIMIT_CORE, &endless);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execve(args[0], (char *const *)args, environ);
	_exit(127);
}

int
weir__child_start(struct weir_child *child, const char *const *args, const char *log,
		  const char *cores, struct weir_error *error)
{
	pid_t parent = getpid();
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		return weir_error_set(error, WEIR_EIO, "%s: %s", log, strerror(errno));
	snprintf(child->log, sizeof(child->log), "%s", log);
	child->pid = fork();
	if (child->pid == 0)
		become(args, fd, cores, parent);
	close(fd);
	if (child->pid < 0)
		return weir_error_set(error, WEIR_EIO, "cannot start a process: %s",
				      strerror(errno));
	child->state = WEIR_CHILD_RUNNING;
	return 0;
}

static void
gone(struct weir_child *child)
{
	child->state = WEIR_CHILD_OFF;
	child->pid = 0;
}

static int
status_of(int raw)
{
	return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

bool
weir__child_ended(struct weir_child *child, int *status)
{
	int raw;

	if (child->state == WEIR_CHILD_OFF || waitpid(child->pid, &raw, WNOHANG) <= 0)
		return false;
	*status = status_of(raw);
	gone(child);
	return true;
}

void
weir__child_kill(struct weir_child *child)
{
	if (child->state == WEIR_CHILD_OFF)
		return;
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	gone(child);
}

bool
weir__child_freeze(struct weir_child *child)
{
	siginfo_t info = {0};

	if (child->state == WEIR_CHILD_OFF)
		return false;
	kill(child->pid, SIGSTOP);
	/* a signal is on its way for a while; one that ended stays to be waited for */
	while (waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WEXITED | WNOWAIT) < 0 &&
	       errno == EINTR)
		;
	if (info.si_code != CLD_STOPPED)
		return false;
	waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WNOHANG);
	child->state = WEIR_CHILD_FROZEN;
	return true;
}

void
weir__child_thaw(struct weir_child *child)
{
	if (child->state != WEIR_CHILD_FROZEN)
		return;
	kill(child->pid, SIGCONT);
	child->state = WEIR_CHILD_RUNNING;
}

void
weir__child_terminate(struct weir_child *child)
{
	if (child->state == WEIR_CHILD_OFF)
		return;
	weir__child_thaw(child);
	kill(child->pid, SIGTERM);
	child->state = WEIR_CHILD_LEAVING;
}

void
weir__child_last_words(const struct weir_child *child, char *words, size_t size)
{
	char line[1024]; /* longer ones in pieces */
	FILE *file = fopen(child->log, "re");

	*words = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strstr(line, "error") || !strncmp(line, "weir", 4) || !*words)
			snprintf(words, size, "%.250s", line);
	}
	if (file)
		fclose(file);
}
