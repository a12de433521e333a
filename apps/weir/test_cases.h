/*
 * weir test: files of cases (test_file.c, test_check.c), running one (test_subject.c,
 * test_case.c), writing what came out into the file (test_update.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_TEST_CASES_H
#define WEIR_APPS_TEST_CASES_H

#include <jansson.h>

#include <base/alloc.h>
#include <base/log.h>
#include <weir/testing.h>

/* ---- test_file.c ---- */

/* A file of cases, checked but for the records in it. */
struct weir_cases {
	const char *path;
	char *folder;         /* that paths in it are taken from */
	struct weir_buffer text;
	json_t *root;
	const json_t *cases;  /* borrowed from it, as are the names */
	size_t count;
};

/*
 * Read and check a file. With `update` a case may lack what it expects. Zero *cases first;
 * fini also after an error. Returns 0, or WEIR_E* with "FILE: case "NAME": POINTER: reason".
 */
int weir__cases_load(struct weir_cases *cases, const char *path, bool update,
                     struct weir_error *error);
/* The same of a text; `path` stands for it. */
int weir__cases_parse(struct weir_cases *cases, const char *path, const char *text, size_t size,
                      bool update, struct weir_error *error);
void weir__cases_fini(struct weir_cases *cases);

const char *weir__case_name(const struct weir_cases *cases, size_t index);

/* ---- test_check.c ---- */

/* Check what was parsed, but for the records in it. */
int weir__cases_check(const struct weir_cases *cases, bool update, struct weir_error *error);

/* ---- test_subject.c ---- */

/* Load what the case `json` is about. Returns 0 or a WEIR_E*, with the test's message. */
int weir__case_load(const struct weir_cases *cases, const json_t *json, struct weir_test *test);

/* JSON as text, which the caller frees. */
char *weir__case_text(const json_t *json);

/* ---- test_case.c ---- */

enum weir_case_result {
	WEIR_CASE_PASSED,
	WEIR_CASE_FAILED, /* something is not as expected: *message */
	WEIR_CASE_BAD     /* it cannot be run as it is written: *message, one line */
};

/* What to write at a pointer of the file. */
struct weir_case_edit {
	char *pointer;
	char *value; /* JSON */
};

struct weir_case_edits {
	struct weir_case_edit *items;
	size_t count;
};

/*
 * Run case `index`. `message` is added to. With `edits` what came out and was not expected is
 * noted there instead.
 */
enum weir_case_result weir__case_run(const struct weir_cases *cases, size_t index,
                                     enum weir_log_level level, struct weir_case_edits *edits,
                                     struct weir_buffer *message);

/* ---- test_update.c ---- */

/* Note an edit; copies both. */
void weir__case_edits_add(struct weir_case_edits *edits, const char *pointer, const char *value);
void weir__case_edits_fini(struct weir_case_edits *edits);

/* Put them into a text that is JSON, one after the other. False: *error; some may be in. */
bool weir__case_edits_apply(const struct weir_case_edits *edits, struct weir_buffer *text,
                            struct weir_error *error);

/*
 * Write the edits into the file, and leave every other byte of it. Returns 0 or a WEIR_E*: the
 * file is as it was.
 */
int weir__cases_update(struct weir_cases *cases, const struct weir_case_edits *edits,
                       struct weir_error *error);

#endif
