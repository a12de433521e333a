/*
 * Bad arguments of produce and consume: each ends with status 2 and one line that says
 * what is wrong, before anything is connected.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/weir/command.h"
#include "tests/apps/transfer.h"
#include "tests/harness.h"

static const struct {
	const char *arguments; /* separated by blanks */
	const char *reason;
} rows[] = {
	{"produce", "TOPIC"},
	{"produce t a b", "b"},
	{"produce a/b", "a/b: not a topic's name"},
	{"produce ..", "..: not a topic's name"},
	{"produce t --guarantee twice", "twice"},
	{"produce t --guarantee", "--guarantee needs a value"},
	{"produce t --format xml", "xml"},
	{"produce t --key id", "--key id: not a JSON pointer"},
	{"produce t --key /a~2", "--key /a~2: not a JSON pointer"},
	{"produce t --key /a -K :", "-K and --key both name the key"},
	{"produce t --format json -K :", "-K does not go with --format json"},
	{"produce t --format json --key /a", "--key does not go with --format json"},
	{"produce t --format json -Z", "-Z does not go with --format json"},
	{"produce t --headers =x", "expected NAME=VALUE"},
	{"produce t in --source a/b", "--source a/b: a name is"},
	{"produce t in --source ..", "--source ..: a name is"},
	{"produce t --source a", "--source needs a FILE"},
	{"produce t - --source a", "--source needs a FILE"},
	{"produce t in --source a --guarantee at-least-once", "--source is exactly-once"},
	{"produce t in --commit-records 5", "--commit-records needs --source"},
	{"produce t in --source a --commit-records 0", "--commit-records"},
	{"produce t in --source a --commit-records many", "--commit-records"},
	{"produce t in -X transactional.id=x", "transactional.id: may not be set"},
	{"produce t in --source a -X enable.idempotence=false", "enable.idempotence"},
	{"produce t in -X acks=1", "acks"},
	{"produce t in -X nonsense", "NAME=VALUE"},
	{"produce t in --sorce a", "--source"},
	{"consume", "TOPIC"},
	{"consume a b", "b"},
	{"consume a/b", "a/b: not a topic's name"},
	{"consume t --guarantee at-least-once", "--guarantee needs -G GROUP"},
	{"consume t --guarantee at-most-once", "--guarantee needs -G GROUP"},
	{"consume t --guarantee exactly-once", "exactly-once needs --to FILE"},
	{"consume t -G g --guarantee exactly-once", "exactly-once needs --to FILE"},
	{"consume t -G g --to f", "-G does not go with it"},
	{"consume t --to f --guarantee at-most-once",
	 "--to is exactly-once, not at-most-once"},
	{"consume t --to f --isolation read_uncommitted", "reads committed records only"},
	{"consume t --to f -X isolation.level=read_uncommitted",
	 "isolation.level: may not be"},
	{"consume t --isolation serializable", "serializable"},
	{"consume t --commit-records 5", "--commit-records needs -G or --to"},
	{"consume t -c 0", "--count"},
	{"consume t -c x", "--count"},
	{"consume t --from yesterday", "--from yesterday: expected"},
	{"consume t -o 2024-02-30", "--from 2024-02-30: expected"},
	{"consume t --format value -K :", "-K goes with --format key-value only"},
	{"consume t --format json -K :", "-K goes with --format key-value only"},
	{"consume t --format json -Z", "-Z does not go with --format json"},
	{"consume t --on-gap jump", "jump"},
	{"consume t -G g -X enable.auto.commit=true", "enable.auto.commit"},
	{"consume t -X group.id=g", "group.id"},
	{"consume t", "--brokers"},
	{"produce t", "--brokers"},
};

/* Run a command in this process, its standard error in a file. */
static int
run(const char *arguments, char **output)
{
	const struct weir_command *command = strncmp(arguments, "produce", 7) == 0
						     ? &weir__command_produce
						     : &weir__command_consume;
	char *words = strdup(arguments);
	char *argv[16] = {NULL};
	int saved = dup(STDERR_FILENO);
	int argc = 0;
	int status;
	int fd = open("stderr", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (argv[argc] = strtok(words, " "); argv[argc]; argv[argc] = strtok(NULL, " "))
		argc++;
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	status = command->run(command, argc, argv);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	free(words);
	*output = transfer_read("stderr");
	return status;
}

START_TEST(bad_usage_is_one_clear_line)
{
	char *output;
	int status = run(rows[_i].arguments, &output);

	ck_assert_msg(status == WEIR_EXIT_USAGE, "%s: status %d: %s", rows[_i].arguments,
		      status, output);
	ck_assert_msg(strstr(output, rows[_i].reason) != NULL, "%s: %s",
		      rows[_i].arguments, output);
	ck_assert_msg(strncmp(output, "weir ", 5) == 0, "%s", output);
	ck_assert_msg(strchr(output, '\n') == output + strlen(output) - 1, "%s: %s",
		      rows[_i].arguments, output);
	free(output);
}
END_TEST

static Suite *
suite(void)
{
	Suite *all = suite_create("usage");
	TCase *cases = tcase_create("usage");

	tcase_add_checked_fixture(cases, transfer_folder_enter, NULL);
	tcase_add_loop_test(cases, bad_usage_is_one_clear_line, 0,
			    (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(all, cases);
	return all;
}

int
main(void)
{
	return transfer_run(suite());
}
