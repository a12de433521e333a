/*
 * The program weir-dedup, for its main() and its man page.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_DEDUP_PROGRAM_H
#define WEIR_APPS_DEDUP_PROGRAM_H

#include "apps/ready/ready.h"

extern const struct ready_program ready_dedup;

#endif
