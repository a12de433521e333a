/*
 * A shared object that is no plugin.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <weir/processor.h>

WEIR_API int weir_not_a_plugin(void);

int
weir_not_a_plugin(void)
{
	return 1;
}
