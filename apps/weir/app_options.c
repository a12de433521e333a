/*
 * Arguments of commands that load a pipeline file: --set and FILE. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>

#include "app_options.h"

int
weir__arguments_set(struct weir_arguments *args, struct weir_app *app, const char *value)
{
	const char *text;
	char *pointer;

	if (value[0] != '/')
		return weir__arguments_bad(
			args,
			"--set: %s does not begin with a JSON pointer (like "
			"/kafka/bootstrap.servers=host:9092)",
			value);
	if (weir__arguments_pair(args, "--set", value, &pointer, &text) != 0)
		return -1;
	weir_app_set(app, pointer, text);
	free(pointer);
	return 0;
}

int
weir__arguments_load(struct weir_arguments *args, struct weir_app *app)
{
	struct weir_error error = {0};

	if (weir_app_load(app, args->operands[0], &error) == 0)
		return 0;
	return weir__arguments_bad(args, "%s", error.message);
}
