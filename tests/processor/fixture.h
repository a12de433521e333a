/*
 * A chain to try: a small pipeline, its registry, one task, and records to push through.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_PROCESSOR_FIXTURE_H
#define WEIR_TESTS_PROCESSOR_FIXTURE_H

#include <jansson.h>

#include <processor/chain.h>

struct fixture {
	struct weir_pipeline pipeline; /* path "p.json" */
	json_t *root;
	struct weir_logger logger;
	struct weir_buffer log; /* lines, each with a newline */
	struct weir_virtual_clock clock;
	struct weir_registry *registry;
	struct weir_chain *chain;
	struct weir_chain_task *task;
	struct weir_held_list held; /* max_bytes 1 MiB */
	struct weir_reason reason;
	struct weir_error error;
};

/* Prepare a registry with these processors (NULL-terminated; NULL: none). */
void fixture_init(struct fixture *fixture, const struct weir_processor *const *processors);

/*
 * Build the chain of {"steps": [{"use", "name", "with", "outputs"}], "outputs": {..}}, ' for ".
 * False with fixture->error.
 */
bool fixture_build(struct fixture *fixture, const char *json);

/* Build it and open the task of in[3]; must work. */
void fixture_open(struct fixture *fixture, const char *json);

void fixture_fini(struct fixture *fixture);

/* Push a record (offset 1042, time 1000) with this value (NULL: null) and key through it. */
enum weir_verdict fixture_push(struct fixture *fixture, const char *key, const char *value);
enum weir_verdict fixture_push_bytes(struct fixture *fixture, struct weir_bytes value);

/* Values held as text, one a line, "<null>" for null; until the next call. */
const char *fixture_held(const struct fixture *fixture);

#endif
