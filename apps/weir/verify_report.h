/*
 * What `weir verify` prints: what it made, the verdict table, the same as JSON.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_VERIFY_REPORT_H
#define WEIR_APPS_VERIFY_REPORT_H

#include <testing/verify.h>

struct verify_report {
	const struct weir_verify *verify;
	const struct weir_pipeline *pipeline;
	bool has_stores;     /* the file's steps keep some */
	const char *path;    /* of the pipeline file */
	const char *folder;  /* of logs, when kept; else NULL */
	int64_t length_ms;
	int64_t records;
};

/* Before it begins: what is replaced, what was made. */
void weir__verify_print_plan(const struct verify_report *report);
/* At the end. */
void weir__verify_print_verdict(const struct verify_report *report,
				enum weir_verify_result result);
void weir__verify_print_json(const struct verify_report *report,
			     enum weir_verify_result result);

#endif
