/*
 * A journal: what an instance of `weir run -v` says in its log about its batches, read as
 * the log grows. It aims faults; what became of a batch only the topics can tell.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTING_JOURNAL_H
#define WEIR_TESTING_JOURNAL_H

#include <base/alloc.h>

#define WEIR_JOURNAL_WORKERS 64

/* A worker, as it said itself. */
struct weir_journal_worker {
	bool in_hand;     /* its batch has begun */
	bool committing;  /* it has asked for the commit of records, and has no answer */
	int64_t outputs;  /* all that it had emitted when its last batch ended */
};

struct weir_journal {
	int fd;               /* of the log; -1: none */
	struct weir_buffer rest; /* a line that has not ended yet */
	struct weir_journal_worker workers[WEIR_JOURNAL_WORKERS];
	bool assigned;        /* it has been given partitions */
	bool uncertain;       /* it did not learn what became of one of its batches */
	int64_t committed;    /* outputs of batches that it knows to be committed */
	int64_t aborted;      /* outputs of batches that it knows to be aborted */
	int64_t batches;      /* committed, with at least one record */
};

/* Read the log from its beginning. Close with weir__journal_close(). */
void weir__journal_open(struct weir_journal *journal, const char *path);
/* Zero-initialised or closed is fine. */
void weir__journal_close(struct weir_journal *journal);

/* Read on, without waiting. */
void weir__journal_read(struct weir_journal *journal);

/* One of its workers has a batch that has begun, and whose commit it has not asked for. */
bool weir__journal_has_open(const struct weir_journal *journal);
/* One of its workers has asked for a commit, and has no answer. */
bool weir__journal_is_committing(const struct weir_journal *journal);

#endif
