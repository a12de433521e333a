/*
 * weir-enrich: looks records up in a table and puts what stands there into them. A pipeline in
 * C, by the public headers only: with apps/ready, a model for programs that link libweir.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "processors/enrich.h"

#include "program.h"

int
main(int argc, char **argv)
{
	return ready_main(&ready_enrich, &weir_enrich, argc, argv);
}
