/*
 * Debugging of plugins: what each fault is called, and that nothing else changes.
 *
 * A child process does what crashes; its last words are read here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

#define JSON "{\"id\": 7, \"list\": [1, 2.50, {\"a\": \"b\"}]}"

/* Two steps of the plugin, "one" and "two", which do this. */
static void
open_steps(struct fixture *f, bool is_debugged, const char *one, const char *two)
{
	char json[400];

	fixture_init(f, NULL);
	ck_assert_msg(weir__registry_load(f->registry, "tests/processor/.libs/naughty.so",
					  &f->error) == 0,
		      "%s", f->error.message);
	f->pipeline.debug_plugins = is_debugged;
	snprintf(json, sizeof(json),
		 "{'steps': [{'use': 'naughty', 'name': 'one', 'with': {'how': '%s'}},"
		 "{'use': 'naughty', 'name': 'two', 'with': {'how': '%s'}}],"
		 "'outputs': {'default': 'o'}}",
		 one, two);
	fixture_open(f, json);
}

START_TEST(what_is_as_it_should_be_stays_so)
{
	struct fixture f;

	open_steps(&f, true, "not", "not");
	for (int i = 0; i < 5000; i++) {
		ck_assert_int_eq(fixture_push(&f, "key", JSON), WEIR_DONE);
		ck_assert_str_eq(fixture_held(&f), JSON "\n");
		ck_assert_mem_eq(f.held.items[0].message.key.data, "key", 3);
	}
	ck_assert_int_eq(fixture_push(&f, NULL, NULL), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "<null>\n");
	ck_assert_ptr_null(f.held.items[0].message.key.data);
	weir__chain_close(f.task);
	f.task = NULL;
	ck_assert_ptr_null(strstr(f.log.data, "error")); /* a warning only, that it is on */
	fixture_fini(&f);
}
END_TEST

/* ---- what was borrowed ---- */

static const struct {
	const char *one, *two, *said;
} kept[] = {
	{"keep value", "not",
	 "weir: crashed (SIGSEGV) in step one at in[3]@1042: it used what step one had "
	 "borrowed until its callback for in[3]@1042 returned\n"},
	{"keep key", "not", "it used what step one had borrowed"},
	{"keep json", "not", "it used what step one had borrowed"},
	{"keep record", "not", "it used what step one had borrowed"},
	{"emit kept", "not", "it used what step one had borrowed"},
	{"not", "keep value",
	 "in step two at in[3]@1042: it used what step two had borrowed until"},
	{"not", "keep json", "it used what step two had borrowed"},
};

static void
push_twice(size_t row, int fd)
{
	struct rlimit none = {0, 0};
	struct fixture f;

	setrlimit(RLIMIT_CORE, &none);
	dup2(fd, STDERR_FILENO);
	open_steps(&f, true, kept[row].one, kept[row].two);
	fixture_push(&f, "key", JSON);
	fixture_push(&f, "key", JSON);
	_exit(0);
}

START_TEST(what_was_borrowed_is_not_kept)
{
	char text[65536];
	int ends[2], status;
	size_t size = 0;
	ssize_t got;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		push_twice((size_t)_i, ends[1]);
	close(ends[1]);
	while ((got = read(ends[0], text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(strstr(text, kept[_i].said), "%s", text);
	ck_assert(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
}
END_TEST

/* ---- what is lost ---- */

static const struct {
	const char *how, *said;
} leaks[] = {
	{"leak record", "error processor leaks: what it allocated in record was not freed when "
			"it was closed step=two place=in[3] blocks=3 bytes=48\n"},
	{"leak task", "in open was not freed when it was closed step=two place=in[3] blocks=1 "
		      "bytes=16\n"},
	{"leak json", "processor leaks: what it allocated in record was not freed"},
};

START_TEST(a_leak_is_told_by_name)
{
	struct fixture f;

	open_steps(&f, true, "not", leaks[_i].how);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fixture_push(&f, "key", "value"), WEIR_DONE);
	weir__chain_close(f.task);
	f.task = NULL;
	ck_assert_msg(strstr(f.log.data, leaks[_i].said), "%s", f.log.data);
	ck_assert_ptr_null(strstr(f.log.data, "step=one"));
	fixture_fini(&f);
}
END_TEST

/* ---- emits ---- */

START_TEST(going_on_after_a_failure_is_told_once)
{
	struct fixture f;
	const char *said;

	open_steps(&f, _i, "go on", "reject");
	ck_assert_int_eq(fixture_push(&f, "key", "value"), WEIR_REJECT);
	ck_assert_int_eq(fixture_push(&f, "key", "value"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.step, "two");
	ck_assert_uint_eq(f.held.count, 0);
	said = f.log.data ? strstr(f.log.data, "step emits although its record has failed")
			  : NULL;
	ck_assert(!said == !_i); /* in production it is harmless */
	if (said) {
		ck_assert_ptr_nonnull(strstr(said, "step=one place=in[3]@1042"));
		ck_assert_ptr_null(strstr(said + 1, "step emits although"));
	}
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *one, *two, *said;
} strays[] = {
	{"emit in a thread", "not",
	 "emit refused: outside of the step's own callbacks step=one topic=in"},
	{"be used by others", "use others",
	 "emit refused: outside of the step's own callbacks step=one topic=in"},
};

START_TEST(an_emit_outside_of_ones_own_callback_is_refused)
{
	struct fixture f;

	open_steps(&f, false, strays[_i].one, strays[_i].two);
	ck_assert_int_eq(fixture_push(&f, "key", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "value\n");
	ck_assert_ptr_nonnull(strstr(f.log.data, strays[_i].said));
	fixture_fini(&f);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

int
main(void)
{
	Suite *suite = suite_create("debug");
	TCase *cases = tcase_create("debug");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, what_is_as_it_should_be_stays_so);
	tcase_add_loop_test(cases, what_was_borrowed_is_not_kept, 0, ROWS(kept));
	tcase_add_loop_test(cases, a_leak_is_told_by_name, 0, ROWS(leaks));
	tcase_add_loop_test(cases, going_on_after_a_failure_is_told_once, 0, 2);
	tcase_add_loop_test(cases, an_emit_outside_of_ones_own_callback_is_refused, 0,
			    ROWS(strays));
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
