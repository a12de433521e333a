/*
 * weir-dedup: copies topics without their duplicates. A pipeline in C, by the public headers
 * only: with apps/ready, a model for programs that link libweir.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "processors/dedup.h"

#include "program.h"

int
main(int argc, char **argv)
{
	return ready_main(&ready_dedup, &weir_dedup, argc, argv);
}
