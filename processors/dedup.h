/*
 * The processor `dedup`, for programs that link it in instead of loading the plugin: they
 * compile dedup.c and place.c with WEIR_LINKED_IN defined, and give this to
 * weir_app_add_processor().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSORS_DEDUP_H
#define WEIR_PROCESSORS_DEDUP_H

#include <weir/processor.h>

extern const struct weir_processor weir_dedup;

#endif
