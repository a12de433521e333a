/*
 * Programs that are measured: started, and their use of CPU and memory as the kernel
 * counted it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bench/meter.h>

pid_t
meter_spawn(char **command)
{
	pid_t pid = fork();

	if (pid < 0)
		meter_fail("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(command[0], command);
	fprintf(stderr, "meter: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

long long
meter_cpu_us(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL +
	       usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

int
meter_run(char **command)
{
	int64_t started_us = meter_now_us();
	pid_t pid = meter_spawn(command);
	struct rusage usage;
	int status;

	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			meter_fail("wait: %s", strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		meter_fail("%s failed (status %d)", command[0], status);
	printf("cpu_us=%lld rss_kib=%ld wall_us=%lld\n", meter_cpu_us(&usage), usage.ru_maxrss,
	       (long long)(meter_now_us() - started_us));
	return 0;
}
