/*
 * Files that keep a position beside a file of data: replaced as a whole, durably, so that
 * a crash leaves the old one or the new one; and fingerprints, which tell whether a file
 * still begins with what was there before.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_POSITION_H
#define WEIR_APPS_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <weir/error.h>

/*
 * Replace the file at `path` by `json`: written aside, fsync, rename, fsync of the
 * folder. Returns 0 or WEIR_EIO.
 */
int weir__position_write(const char *path, const json_t *json, struct weir_error *error);

/*
 * Read it; at most 16 MiB. *json is a new reference, or NULL when there is no such file.
 * Returns 0, WEIR_EIO, or WEIR_EJSON when it is none of weir's files.
 */
int weir__position_read(const char *path, json_t **json, struct weir_error *error);

/* Make a new name in `path`'s folder last. Returns 0 or WEIR_EIO. */
int weir__position_sync_folder(const char *path, struct weir_error *error);

/* How much of a file's beginning a fingerprint covers at most. */
#define WEIR_FINGERPRINT_MAX 65536

/*
 * A file's first `size` bytes. Files grow, so the size is part of it and what comes later
 * is not covered.
 */
struct weir_fingerprint {
	int64_t size;
	uint64_t hash; /* FNV-1a */
};

/* Of the first min(size, WEIR_FINGERPRINT_MAX) bytes. 0, WEIR_EIO, or WEIR_ELIMIT:
 * shorter. */
int weir__fingerprint_take(int fd, int64_t size, struct weir_fingerprint *fingerprint);

/* Does the file still begin so? False also for a shorter one. */
bool weir__fingerprint_matches(int fd, const struct weir_fingerprint *fingerprint);

/*
 * What a source's committed offset carries: the fingerprint, and the run that committed,
 * so that a run can tell its own commits from those of another one.
 */
struct weir_source_mark {
	struct weir_fingerprint fingerprint;
	uint64_t run;
};
#define WEIR_SOURCE_MARK_TEXT 96

/* "weir1 SIZE HASH RUN"; returns `text` of WEIR_SOURCE_MARK_TEXT bytes. */
char *weir__source_mark_print(const struct weir_source_mark *mark, char *text);
/* 0 or WEIR_EINVALID: not written by weir. NULL is none. */
int weir__source_mark_parse(const char *text, struct weir_source_mark *mark);

#endif
