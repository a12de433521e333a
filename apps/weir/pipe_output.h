/*
 * Where `weir pipe` writes: each output to standard output or a file, dead letters to
 * standard error or a file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PIPE_OUTPUT_H
#define WEIR_APPS_PIPE_OUTPUT_H

#include <stdio.h>

#include <broker/memory.h>
#include <config/pipeline.h>

/* One topic that is printed. */
struct pipe_sink {
	const char *topic;
	const char *label; /* printed before each value, with a tab; NULL: nothing is */
	const char *path;  /* for messages; NULL: standard output or error */
	FILE *file;
	bool dead_letters; /* one line with the reason, not the bare value */
	int64_t next;      /* first offset not printed yet */
};

struct pipe_outputs {
	struct pipe_sink *sinks;
	size_t count;
	struct weir_reader *reader; /* of all sinks' topics */
};

/* One --output NAME=FILE. */
struct pipe_mapping {
	char *name;
	const char *path;
};

/*
 * Open what `mappings` say, and a reader over the topics, which exist already.
 * `dead_letters` is a file, or NULL for standard error.
 *
 * Returns 0, or a WEIR_E* (close it in any case).
 */
int weir__pipe_outputs_open(struct pipe_outputs *outputs, const struct weir_pipeline *pipeline,
                            const struct pipe_mapping *mappings, size_t mapping_count,
                            const char *dead_letters, struct weir_memory *memory,
                            struct weir_error *error);

/*
 * Print all that is committed, flush, and let the broker forget it.
 *
 * Returns 0, WEIR_ESTATE when nobody reads standard output any more, or WEIR_EIO.
 */
int weir__pipe_outputs_print(struct pipe_outputs *outputs, struct weir_memory *memory,
                             struct weir_error *error);

/* Returns 0, or WEIR_EIO when a file's last bytes could not be written. */
int weir__pipe_outputs_close(struct pipe_outputs *outputs, struct weir_error *error);

#endif
