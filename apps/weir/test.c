/*
 * weir test: cases from files, run one after the other; what is said of each, for people or as
 * TAP. Knows the exit status: a file that cannot be used, or a case that cannot be run as it is
 * written, is 2, whatever else. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#include "options.h"
#include "test_cases.h"

enum test_key { KEY_TAP = WEIR_OWN, KEY_UPDATE };

static const struct weir_flag test_flags[] = {
	{KEY_UPDATE, "update", NULL,
	 "write what came out into the files, where it is not what was expected"},
	{KEY_TAP, "tap", NULL, "print TAP (the Test Anything Protocol)"},
	WEIR_FLAG_END,
};

struct tests {
	struct weir_arguments args;
	bool tap, update;
	struct weir_cases *files;
	int file_count;
	size_t run, failed, bad, updated;
};

/* ---- what is said ---- */

/* Each line of `text` behind `before`. */
static void
print_lines(const char *before, const char *text)
{
	while (*text) {
		size_t size = strcspn(text, "\n");

		printf("%s%.*s\n", before, (int)size, text);
		text += size;
		text += *text == '\n';
	}
}

/* In TAP '#' begins a directive. */
static void
print_tap_name(const char *name)
{
	for (; *name; name++)
		printf("%s%c", *name == '#' ? "\\" : "",
		       (unsigned char)*name < 0x20 ? ' ' : *name);
}

static void
report(const struct tests *tests, const struct weir_cases *file, const char *name,
       enum weir_case_result result, const char *message)
{
	if (tests->tap) {
		printf("%s %zu - ", result ? "not ok" : "ok", tests->run);
		print_tap_name(file->path);
		printf(": ");
		print_tap_name(name);
		printf("\n");
		print_lines("# ", message);
		return;
	}
	if (result || !tests->args.quiet)
		printf("%-6s %s: %s\n",
		       result == WEIR_CASE_BAD ? "BAD"
		       : result                ? "FAILED"
					       : "ok",
		       file->path, name);
	if (result != WEIR_CASE_BAD && (result || !tests->args.quiet))
		print_lines("       ", message);
}

static void
summarize(const struct tests *tests)
{
	if (tests->tap)
		return;
	printf("%zu case%s", tests->run, tests->run == 1 ? "" : "s");
	if (tests->failed)
		printf(", %zu failed", tests->failed);
	if (tests->bad)
		printf(", %zu cannot be run", tests->bad);
	if (tests->updated)
		printf(", %zu updated", tests->updated);
	printf("\n");
}

/* ---- running ---- */

static void
run_case(struct tests *tests, const struct weir_cases *file, size_t index,
	 struct weir_case_edits *edits)
{
	const char *name = weir__case_name(file, index);
	size_t before = edits->count;
	struct weir_buffer message = {0};
	enum weir_case_result result =
		weir__case_run(file, index, tests->args.logger.level,
			       tests->update ? edits : NULL, &message);

	tests->run++;
	tests->failed += result == WEIR_CASE_FAILED;
	tests->bad += result == WEIR_CASE_BAD;
	tests->updated += edits->count > before;
	if (edits->count > before && !message.size)
		weir__buffer_add_text(&message, "updated");
	if (result == WEIR_CASE_BAD)
		fprintf(stderr, "weir test: %s: case \"%s\": %s\n", file->path, name,
			message.data);
	report(tests, file, name, result, message.data ? message.data : "");
	fflush(stdout);
	weir__buffer_fini(&message);
}

static int
run_file(struct tests *tests, struct weir_cases *file)
{
	struct weir_case_edits edits = {0};
	struct weir_error error = {0};
	int status = WEIR_EXIT_OK;

	for (size_t index = 0; index < file->count; index++)
		run_case(tests, file, index, &edits);
	if (edits.count && weir__cases_update(file, &edits, &error) != 0)
		status = weir__command_fail(tests->args.command, WEIR_EXIT_FAILED, "%s",
					    error.message);
	weir__case_edits_fini(&edits);
	return status;
}

static int
run_files(struct tests *tests)
{
	int status = WEIR_EXIT_OK;
	size_t count = 0;

	for (int index = 0; index < tests->file_count; index++)
		count += tests->files[index].count;
	if (tests->tap)
		printf("1..%zu\n", count);
	for (int index = 0; index < tests->file_count; index++)
		if (run_file(tests, &tests->files[index]) != WEIR_EXIT_OK)
			status = WEIR_EXIT_FAILED;
	summarize(tests);
	if (tests->bad)
		return WEIR_EXIT_USAGE;
	return tests->failed ? WEIR_EXIT_FAILED : status;
}

/* All of them before any case is run. */
static int
load_files(struct tests *tests)
{
	struct weir_error error = {0};

	tests->files = weir__calloc((size_t)tests->args.operand_count, sizeof(*tests->files));
	for (int index = 0; index < tests->args.operand_count; index++) {
		tests->file_count++;
		if (weir__cases_load(&tests->files[index], tests->args.operands[index],
				     tests->update, &error) != 0)
			return weir__arguments_bad(&tests->args, "%s", error.message);
	}
	return 0;
}

static int
run_test(const struct weir_command *command, int argc, char **argv)
{
	static const char *const names[] = {"FILE"};
	struct tests tests = {0};
	const char *value;
	int key;

	weir__arguments_init(&tests.args, command, argc, argv);
	while ((key = weir__arguments_next(&tests.args, &value)) > 0) {
		if (key == KEY_TAP)
			tests.tap = true;
		else
			tests.update = true;
	}
	if (!tests.args.done && tests.args.operand_count == 0)
		weir__arguments_operands(&tests.args, 1, 1, names);
	if (!tests.args.done && load_files(&tests) == 0)
		tests.args.status = run_files(&tests);
	for (int index = 0; index < tests.file_count; index++)
		weir__cases_fini(&tests.files[index]);
	free(tests.files);
	return weir__arguments_fini(&tests.args);
}

const struct weir_command weir__command_test = {
	.name = "test",
	.summary = "run the test cases in files, without Kafka",
	.usage = "FILE... [--update] [--tap]",
	.text = "Runs pipelines, or single steps, on an embedded broker and a clock of its own, "
		"as the cases in each FILE say: records that are given, records, dead letters, "
		"stores and tables that are expected; a crash here, a commit that fails there, "
		"time that goes on. What nobody expected fails the case, too.\n"
		"A file is one JSON object; paths in it are taken from its folder. docs/testing.md "
		"has all of its members.\n"
		"Exit status: 0 all passed, 1 some failed, 2 bad usage or a bad file.",
	.flags = test_flags,
	.level = WEIR_LOG_ERROR,
	.example = "weir test orders.test.json\n"
		   "weir test tests/*.json --tap\n"
		   "weir test orders.test.json --update && git diff orders.test.json",
	.run = run_test,
};
