/*
 * A real Kafka for a test program, by way of the script `kafka`.
 *
 * Knows the script's commands, and hides processes and the temporary folder. A script that
 * fails says why on stderr, which is in the test's log; the test then ends. Any thread, but
 * one at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kafka/cluster.h"

#define MAX_ARGS 64

struct cluster {
	char dir[256];
	char bootstrap[1024];
	char direct[1024];
};

/* libcheck's assertions do not work in main(), where some of this is called. */
static void
demand(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "cluster: %s\n", what);
	abort();
}

/* In the child: become the script, with `output` as its stdout, and stderr too if so asked. */
static void
become_script(const char *const *args, int output, int with_errors)
{
	dup2(output, STDOUT_FILENO);
	if (with_errors)
		dup2(output, STDERR_FILENO);
	execv(WEIR_KAFKA_SCRIPT, (char *const *)args);
	perror(WEIR_KAFKA_SCRIPT);
	_exit(127);
}

/*
 * Run the script with these arguments (args[0] is its name), keep the first line it prints.
 * Returns its exit status.
 */
static int
run_script(const char *const *args, char *line, size_t line_size, int with_errors)
{
	int fds[2], status;
	FILE *output;
	pid_t pid;

	/* a broker must not inherit the pipe: reading it would wait for the broker */
	demand(pipe2(fds, O_CLOEXEC) == 0, "no pipe");
	pid = fork();
	demand(pid >= 0, "no process");
	if (pid == 0) {
		close(fds[0]);
		become_script(args, fds[1], with_errors);
	}
	close(fds[1]);
	output = fdopen(fds[0], "r");
	demand(output != NULL, "no stream");
	line[0] = '\0';
	if (fgets(line, (int)line_size, output))
		line[strcspn(line, "\n")] = '\0';
	fclose(output);
	demand(waitpid(pid, &status, 0) == pid, "no exit status");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *
cluster_missing(void)
{
	static char reason[512];
	const char *args[] = {"kafka", "check", NULL};

	return run_script(args, reason, sizeof(reason), 1) == 0 ? NULL : reason;
}

static void
read_direct(struct cluster *cluster)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/direct", cluster->dir);
	file = fopen(path, "r");
	demand(file && fgets(cluster->direct, sizeof(cluster->direct), file), path);
	cluster->direct[strcspn(cluster->direct, "\n")] = '\0';
	fclose(file);
}

struct cluster *
cluster_open(int brokers, const char *const *options)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	const char *tmpdir = getenv("TMPDIR");
	const char *args[MAX_ARGS] = {"kafka", "start"};
	char count[16], owner[16];
	size_t n = 2;

	demand(cluster != NULL, "out of memory");
	snprintf(cluster->dir, sizeof(cluster->dir), "%s/weir-kafka-XXXXXX",
	         tmpdir ? tmpdir : "/tmp");
	demand(mkdtemp(cluster->dir) != NULL, "no temporary folder");
	snprintf(count, sizeof(count), "%d", brokers);
	snprintf(owner, sizeof(owner), "%d", (int)getpid());
	args[n++] = cluster->dir;
	args[n++] = "-n";
	args[n++] = count;
	args[n++] = "--owner";
	args[n++] = owner;
	for (; options && *options; options++) {
		demand(n < MAX_ARGS - 1, "too many options");
		args[n++] = *options;
	}
	demand(run_script(args, cluster->bootstrap, sizeof(cluster->bootstrap), 0) == 0,
	       "Kafka did not start; the reason is above");
	read_direct(cluster);
	return cluster;
}

/* `kafka NAME DIR [WORD]` */
static void
command_word(struct cluster *cluster, const char *name, const char *word)
{
	char line[1024];
	const char *args[] = {"kafka", name, cluster->dir, word, NULL};

	demand(run_script(args, line, sizeof(line), 0) == 0, "that failed; the reason is above");
}

static void
command(struct cluster *cluster, const char *name, int broker)
{
	char id[16];

	snprintf(id, sizeof(id), "%d", broker);
	command_word(cluster, name, id);
}

void
cluster_close(struct cluster *cluster)
{
	if (!cluster)
		return;
	command_word(cluster, "stop", NULL);
	free(cluster);
}

char *
cluster_close_keeping(struct cluster *cluster)
{
	char *dir = strdup(cluster->dir);

	demand(dir != NULL, "out of memory");
	command_word(cluster, "stop", "--keep");
	free(cluster);
	return dir;
}

const char *
cluster_bootstrap(const struct cluster *cluster)
{
	return cluster->bootstrap;
}

const char *
cluster_direct(const struct cluster *cluster)
{
	return cluster->direct;
}

void
cluster_kill(struct cluster *cluster, int broker)
{
	command(cluster, "kill", broker);
}

void
cluster_pause(struct cluster *cluster, int broker)
{
	command(cluster, "pause", broker);
}

void
cluster_resume(struct cluster *cluster, int broker)
{
	command(cluster, "resume", broker);
}

void
cluster_restart(struct cluster *cluster, int broker)
{
	command(cluster, "restart", broker);
}
