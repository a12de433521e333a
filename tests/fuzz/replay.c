/*
 * Runs a fuzz target once over each file that is named: its corpus, in make check, with
 * any compiler. What goes wrong is named by the last line before it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <config/pipeline_file.h>

#include "tests/fuzz/fuzz.h"

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct weir_error error = {0};
		char *data, *exact;
		size_t size;

		fprintf(stderr, "%s\n", argv[i]);
		FUZZ_CHECK(weir__pipeline_read(argv[i], 1 << 20, &data, &size, &error) ==
				   0,
			   "%s", error.message);
		exact = weir__alloc(size); /* so that a byte too far is seen */
		memcpy(exact, data, size);
		free(data);
		LLVMFuzzerTestOneInput((const uint8_t *)exact, size);
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
