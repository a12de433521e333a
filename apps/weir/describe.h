/*
 * Parts of `weir describe`.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_DESCRIBE_H
#define WEIR_APPS_DESCRIBE_H

#include <stdbool.h>

/* Print the pipeline file's keys on standard output. */
void weir__describe_pipeline(bool json);

#endif
