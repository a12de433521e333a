/*
 * Arguments of commands that load a pipeline file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_APP_OPTIONS_H
#define WEIR_APPS_APP_OPTIONS_H

#include <weir/app.h>

#include "options.h"

/* One --set POINTER=VALUE for `app`. 0, or -1 with `done` set. */
int weir__arguments_set(struct weir_arguments *args, struct weir_app *app, const char *value);

/* Load the pipeline that the first operand names. 0, or -1 with `done` set. */
int weir__arguments_load(struct weir_arguments *args, struct weir_app *app);

#endif
