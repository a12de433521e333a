/*
 * The list of commands, in the order in which they are shown.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stddef.h>

#include "command.h"

const struct weir_command *const weir__commands[] = {
	&weir__command_run,
	&weir__command_check,
	&weir__command_pipe,
	&weir__command_produce,
	&weir__command_consume,
	&weir__command_list,
	&weir__command_describe,
	&weir__command_schema,
	&weir__command_new,
	&weir__command_test,
	&weir__command_verify,
	&weir__command_state,
	&weir__command_reset,
	NULL,
};
