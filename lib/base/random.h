/*
 * A number that nobody outside of the process can guess: seeds of hash tables whose keys come
 * from records, and names that shall not collide. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

uint64_t weir__random(void);

#endif
