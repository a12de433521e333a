/*
 * The instance's folder, and the lock that keeps a second process of the same app and
 * instance on this machine from starting.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_RUN_INSTANCE_H
#define WEIR_RUN_INSTANCE_H

#include <config/pipeline.h>
#include <weir/error.h>

/* STATE_DIR/APP/INSTANCE, which the caller frees; it need not be there. */
char *weir__instance_folder(const struct weir_pipeline *pipeline);

/*
 * Make that folder and lock it. The lock is the process's: it ends with the
 * descriptor, however the process ends.
 *
 * Returns a descriptor to close, or WEIR_ELOCKED (the message names the pid) or WEIR_EIO.
 */
int weir__instance_lock(const struct weir_pipeline *pipeline, struct weir_error *error);

#endif
