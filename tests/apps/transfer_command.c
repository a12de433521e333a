/*
 * `weir` with produce and consume alone, so that their tests need nothing of the rest.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <string.h>

#include "apps/weir/command.h"

int
main(int argc, char **argv)
{
	const struct weir_command *command = &weir__command_produce;

	if (argc > 1 && strcmp(argv[1], "consume") == 0)
		command = &weir__command_consume;
	return command->run(command, argc - 1, argv + 1);
}
