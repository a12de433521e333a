/*
 * A plugin without a record callback.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

static const struct weir_processor processor = {WEIR_PROCESSOR_HEADER,
						.name = "norecord"};

WEIR_PLUGIN(processor);
