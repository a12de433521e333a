/*
 * The inside of an app, for the command: what weir/app.h keeps opaque.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_APP_H
#define WEIR_RUN_APP_H

#include <broker/broker.h>
#include <config/pipeline.h>
#include <processor/chain.h>
#include <run/threads.h>
#include <weir/app.h>

/* Borrowed; NULL before weir_app_load(), but for the registry and logger. */
const struct weir_pipeline *weir__app_pipeline(const struct weir_app *app);
struct weir_chain *weir__app_chain(const struct weir_app *app);
struct weir_registry *weir__app_registry(const struct weir_app *app);
const struct weir_logger *weir__app_logger(const struct weir_app *app);

/* What all workers did, while the app runs and after; reads are not of one moment. */
void weir__app_counts(const struct weir_app *app, struct weir_app_counts *counts);

/* The exit status of `weir run` for what weir_app_run() returned: 0, 1, 2 or 3. */
int weir__app_exit_status(int code);

#endif
