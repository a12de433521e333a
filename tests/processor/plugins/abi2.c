/*
 * A plugin of another ABI: all behind the first member may be anything.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

static const struct weir_processor processor = {.abi = 2, .size = 8};

WEIR_PLUGIN(processor);
