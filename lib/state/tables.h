/*
 * Tables: topics that are kept here in whole, to look things up in.
 *
 * One thread *feeds* them all: it reads their topics and writes LMDB, an environment a table
 * in FOLDER/tables/TOPIC, with the place up to which each partition was read. Workers look
 * things up meanwhile, each through a struct weir_table of its own.
 *
 * The ends that have to be reached before any worker starts are found as a restore's are
 * (state/restore.h): as a read_uncommitted reader sees them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_STATE_TABLES_H
#define WEIR_STATE_TABLES_H

#include <broker/broker.h>
#include <config/pipeline.h>
#include <state/state.h>

struct weir_tables;

/* All borrowed; all but `folder` outlive the tables. */
struct weir_tables_config {
	const char *folder; /* of the instance: STATE_DIR/APP/INSTANCE */
	const struct weir_table_topic *topics;
	size_t count;
	struct weir_broker *broker;
	const struct weir_clock *clock;
	const struct weir_logger *logger;
	size_t map_bytes; /* see struct weir_state_config */
	int step_records; /* most that a step reads; 0: 1000 */
	size_t cache_bytes; /* that each view keeps of what it found lately; 0: 32 MiB */
};

/* Opens nothing yet; removes the folders of tables that were not used for a month. */
struct weir_tables *weir__tables_new(const struct weir_tables_config *config);
/* Closes their files; while nobody looks or feeds. NULL is fine. */
void weir__tables_free(struct weir_tables *tables);
/* The same as if the process died here; for simulation and tests. */
void weir__tables_crash(struct weir_tables *tables);

/*
 * The folder of a table, which the caller frees. It is the topic's, since a place in one topic
 * says nothing of another that the pipeline file names later.
 */
char *weir__table_folder(const char *instance_folder, const char *topic);

/* ---- feeding: one thread ---- */

/*
 * A bounded piece of it; waits for records for `wait_ms` at most. What fails on the cluster's
 * side, or for want of room on the disk, is logged and tried again.
 *
 * Returns 0, or a WEIR_E*: the app has to stop (a table's topic is gone or was made anew, its
 * folder cannot be used).
 */
int weir__tables_step(struct weir_tables *tables, int wait_ms, struct weir_error *error);

/* Keep what was read; the thread's last call. */
void weir__tables_rest(struct weir_tables *tables);

/* Are they as their topics were when they were asked first? From then on true. Any thread. */
bool weir__tables_are_read(const struct weir_tables *tables);

/* ---- looking things up ---- */

/*
 * A view of table `index` for one worker's thread (weir_table_get()); freed before the tables.
 * A view is of one moment from its first look until it is let go.
 */
struct weir_table *weir__table_new(struct weir_tables *tables, size_t index);
void weir__table_free(struct weir_table *table); /* NULL is fine */
/* Let go of the moment: between callbacks, soon and often, since it holds old pages. */
void weir__table_let_go(struct weir_table *table);
/* Its `code` is 0 until a look failed. */
const struct weir_error *weir__table_error(const struct weir_table *table);

#endif
