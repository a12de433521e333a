/*
 * Stores in the rig: a pipeline of one step "oracle-store", and what is in its stores, in
 * its changelogs, and what the input says has to be there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_FAULTS_RIG_STORES_H
#define WEIR_TESTS_FAULTS_RIG_STORES_H

#include <testing/processor_state.h>

#include "tests/faults/rig.h"

#define RIG_STORE_PARTITIONS 2
#define RIG_STORE_IDS 30000

/* A store as a whole, by input partition. */
struct rig_picture {
	bool seen[RIG_STORE_PARTITIONS][RIG_STORE_IDS];
	long counts[RIG_STORE_PARTITIONS][WEIR_ORACLE_GROUPS];
};

/* As rig_open(), with the step, and RIG_STORE_PARTITIONS of the input. */
struct rig *rig_open_stores(const char *name, const char *guarantee);

/* The changelog of the store "seen" or "counts"; the next call overwrites it. */
const char *rig_changelog(const struct rig *rig, const char *store);

/* The app's folder with all its stores is no more. */
void rig_state_delete(const struct rig *rig);

/* What is there; the caller frees. No process has the stores open. */
struct rig_picture *rig_picture_stores(struct rig *rig);
struct rig_picture *rig_picture_changelogs(struct rig *rig);
struct rig_picture *rig_picture_input(struct rig *rig);

/* Both stores are the fold of their changelogs; the store is left as it was. */
void rig_expect_stores_like_changelogs(struct rig *rig);
/* And both are what the input says; what the oracle says of the outputs holds, too. */
void rig_expect_stores(struct rig *rig);
/* Only the oracle's verdict. */
void rig_expect_verdict(struct rig *rig);

#endif
