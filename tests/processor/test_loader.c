/*
 * Plugins: what can be loaded, what is said of what cannot, and what is said of a crash.
 *
 * Runs in the build folder; the plugins are those of plugins/.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <processor/trust.h>

#include "tests/harness.h"
#include "tests/processor/fixture.h"

#define PLUGINS "tests/processor/.libs/"

/* A temporary folder, made anew for each test and removed by it. */
static char folder[] = "/tmp/weir-loader-XXXXXX";

static void
make_folder(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void
link_plugin(const char *plugin, const char *name)
{
	char target[4096], path[256];

	ck_assert_ptr_nonnull(realpath(plugin, target));
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

static void
copy_plugin(const char *plugin, const char *name, mode_t mode)
{
	char command[600];

	snprintf(command, sizeof(command), "cp '%s' '%s/%s' && chmod %o '%s/%s'", plugin,
		 folder, name, (unsigned)mode, folder, name);
	ck_assert_int_eq(system(command), 0);
}

static void
remove_folder(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(a_plugin_can_be_used)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "good.so", &f.error), 0);
	ck_assert_str_eq(weir__registry_at(f.registry, 0)->path, PLUGINS "good.so");
	fixture_open(&f, "{'steps': [{'use': 'good', 'with': {'times': 2}}],"
			 "'outputs': {'default': 'o', 'copies': 'c'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "value\ngood\ngood\n");
	ck_assert_int_eq(f.held.items[0].output, 1);
	fixture_fini(&f);
}
END_TEST

START_TEST(a_plugin_in_cpp_can_be_used)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "cpp.so", &f.error), 0);
	fixture_open(&f, "{'steps': [{'use': 'cpp', 'with': {'twice': true}}],"
			 "'outputs': {'default': 'o'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f),
			 "{\"said\":\"from C++\"}\n{\"said\":\"from C++\"}\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(an_older_and_shorter_descriptor_can_be_used)
{
	const struct weir_registered *older;
	struct weir_output output;
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_msg(weir__registry_load(f.registry, PLUGINS "older.so", &f.error) == 0,
		      "%s", f.error.message);
	older = weir__registry_find(f.registry, "older");
	ck_assert_ptr_null(older->descriptor.batch_end);
	ck_assert_ptr_null(older->descriptor.text);
	ck_assert_ptr_null(older->descriptor.example);
	ck_assert(weir__registered_output(older, 1, &output));
	ck_assert_str_eq(output.name, "right");
	ck_assert_ptr_null(output.help);
	ck_assert(!weir__registered_output(older, 2, &output));
	fixture_open(&f, "{'steps': [{'use': 'older'}],"
			 "'outputs': {'default': 'o', 'left': 'l', 'right': 'r'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "value\n");
	ck_assert_int_eq(weir__chain_batch_end(f.task, &f.held, &f.reason), WEIR_DONE);
	fixture_fini(&f);
}
END_TEST

/* What the first headers of this ABI gave works as it did, whatever was appended since. */
START_TEST(a_plugin_of_the_first_headers_can_be_used)
{
	struct weir_store *const stores[] = {NULL, NULL};
	const struct weir_registered *first;
	struct weir_store_row row;
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_msg(weir__registry_load(f.registry, PLUGINS "first.so", &f.error) == 0,
		      "%s", f.error.message);
	first = weir__registry_find(f.registry, "first");
	ck_assert(weir__registered_store(first, 1, &row));
	ck_assert_str_eq(row.name, "kept");
	ck_assert(!weir__registered_store(first, 2, &row));
	ck_assert(fixture_build(&f, "{'steps': [{'use': 'first', 'with': {'times': 2}}],"
				    "'outputs': {'left': 'l', 'right': 'r'}}"));
	f.task = weir__chain_open(f.chain, "in", 3, stores, NULL, &f.error);
	ck_assert_int_eq(fixture_push(&f, "key", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "first\nfirst\nkey\n");
	ck_assert_int_eq(f.held.items[0].output, 1);
	ck_assert_int_eq(f.held.items[0].message.timestamp_ms, 77);
	ck_assert_int_eq(weir__chain_batch_end(f.task, &f.held, &f.reason), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "last\n");
	fixture_fini(&f);
}
END_TEST

START_TEST(a_newer_and_longer_descriptor_can_be_used)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_msg(weir__registry_load(f.registry, PLUGINS "newer.so", &f.error) == 0,
		      "%s", f.error.message);
	fixture_open(
		&f, "{'steps': [{'use': 'newer', 'with': {'first': 'a', 'second': 'b'}}],"
		    "'outputs': {'left': 'l', 'right': 'r'}}");
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_DONE);
	ck_assert_str_eq(fixture_held(&f), "a\nb\n");
	ck_assert_int_eq(f.held.items[0].output, 0);
	ck_assert_int_eq(f.held.items[1].output, 1);
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *path;
	int code;
	const char *message;
} faults[] = {
	{"nowhere/x.so", WEIR_ENOTFOUND, "nowhere/x.so: no such file"},
	{PLUGINS "abi2.so", WEIR_EPLUGIN,
	 PLUGINS "abi2.so: is built for processor ABI 2, wanted 1"},
	{PLUGINS "nodescriptor.so", WEIR_EPLUGIN,
	 PLUGINS "nodescriptor.so: no descriptor (weir_plugin is missing: it is made by "
		 "WEIR_PLUGIN())"},
	{PLUGINS "badname.so", WEIR_EPLUGIN,
	 PLUGINS "badname.so: \"../evil\" is no valid processor name"},
	{PLUGINS "norecord.so", WEIR_EPLUGIN,
	 PLUGINS "norecord.so: processor \"norecord\" has no record callback"},
	{PLUGINS "badoptions.so", WEIR_EPLUGIN,
	 PLUGINS "badoptions.so: processor \"badoptions\": option table: "},
	{PLUGINS "future.so", WEIR_EPLUGIN,
	 PLUGINS "future.so: undefined symbol: weir_from_the_future"},
	{"/dev/null", WEIR_EPLUGIN, "/dev/null: neither a file nor a folder"},
};

START_TEST(what_is_wrong_with_a_plugin_is_said_exactly)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, faults[_i].path, &f.error),
			 faults[_i].code);
	ck_assert_msg(strncmp(f.error.message, faults[_i].message,
			      strlen(faults[_i].message)) == 0,
		      "%s", f.error.message);
	ck_assert_ptr_null(strchr(f.error.message, '\n'));
	ck_assert_ptr_null(weir__registry_at(f.registry, 0));
	fixture_fini(&f);
}
END_TEST

START_TEST(a_file_that_is_not_elf_is_refused_in_the_linkers_words)
{
	char path[256], message[300];
	struct fixture f;

	make_folder();
	write_file("text.so",
		   "this is no plugin, although it is long enough to have the header\n"
		   "that a shared object begins with\n");
	snprintf(path, sizeof(path), "%s/text.so", folder);
	snprintf(message, sizeof(message), "%s: ", path);
	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, path, &f.error), WEIR_EPLUGIN);
	ck_assert_msg(strstr(f.error.message, "ELF header"), "%s", f.error.message);
	ck_assert_mem_eq(f.error.message, message, strlen(message));
	ck_assert_ptr_null(
		strstr(f.error.message + strlen(message), folder)); /* said once */
	fixture_fini(&f);
	remove_folder();
}
END_TEST

START_TEST(a_name_twice_tells_who_has_it)
{
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "good.so", &f.error), 0);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "good.so", &f.error), 0);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "twin.so", &f.error),
			 WEIR_EEXISTS);
	ck_assert_str_eq(f.error.message, PLUGINS
			 "twin.so: the name \"good\" is taken by " PLUGINS "good.so");
	fixture_fini(&f);
}
END_TEST

static enum weir_verdict
no_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)ctx;
	(void)memory;
	(void)record;
	return WEIR_DONE;
}

START_TEST(a_linked_in_name_cannot_be_taken)
{
	static const struct weir_processor good = {WEIR_PROCESSOR_HEADER, .name = "good",
						   .record = no_record};
	static const struct weir_processor *const all[] = {&good, NULL};
	struct fixture f;

	fixture_init(&f, all);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "good.so", &f.error),
			 WEIR_EEXISTS);
	ck_assert_ptr_nonnull(
		strstr(f.error.message, "taken by a processor that is linked in"));
	fixture_fini(&f);
}
END_TEST

START_TEST(a_folder_loads_all_plugins_in_it_and_is_strict)
{
	struct fixture f;

	make_folder();
	link_plugin(PLUGINS "good.so", "b.so");
	link_plugin(PLUGINS "endless.so", "a.so");
	write_file("notes.txt", "not a plugin, and not called one");
	write_file(".hidden.so", "nor this");
	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, folder, &f.error), 0);
	ck_assert_str_eq(weir__registry_at(f.registry, 0)->descriptor.name, "endless");
	ck_assert_str_eq(weir__registry_at(f.registry, 1)->descriptor.name, "good");
	ck_assert_ptr_null(weir__registry_at(f.registry, 2));
	write_file("c.so", "broken");
	ck_assert_int_eq(weir__registry_load(f.registry, folder, &f.error), WEIR_EPLUGIN);
	ck_assert_ptr_nonnull(strstr(f.error.message, "/c.so: "));
	fixture_fini(&f);
	remove_folder();
}
END_TEST

START_TEST(what_nobody_named_is_passed_over_with_a_warning)
{
	char path[300];
	struct fixture f;

	make_folder();
	link_plugin(PLUGINS "good.so", "a.so");
	link_plugin(PLUGINS "twin.so", "b.so");
	write_file("c.so", "broken");
	snprintf(path, sizeof(path), "/nowhere/at/all::%s", folder);
	setenv("WEIR_PLUGIN_PATH", path, 1);
	fixture_init(&f, NULL);
	weir__registry_load_standard(f.registry);
	ck_assert_ptr_nonnull(weir__registry_find(f.registry, "good"));
	ck_assert_ptr_nonnull(
		strstr(weir__registry_find(f.registry, "good")->path, "/a.so"));
	ck_assert_ptr_nonnull(strstr(f.log.data, "debug plugin passed over: "));
	ck_assert_ptr_nonnull(strstr(f.log.data, "warning plugin passed over: "));
	fixture_fini(&f);
	remove_folder();
}
END_TEST

/* ---- whose they are ---- */

/* Group 1 ("daemon") is no user's private one; root's is. */
static const struct {
	struct stat status;
	const char *why; /* NULL: trusted */
} owners[] = {
	{{.st_uid = 1001, .st_mode = S_IFREG | 0755}, NULL},
	{{.st_uid = 0, .st_mode = S_IFREG | 0755}, NULL},
	{{.st_uid = 0, .st_gid = 0, .st_mode = S_IFREG | 0664}, NULL},
	{{.st_uid = 1002, .st_mode = S_IFREG | 0755},
	 "its owner, user 1002, is neither root nor the user who runs this (1001)"},
	{{.st_uid = 1001, .st_mode = S_IFREG | 0757},
	 "everybody may write to it (mode 0757; chmod o-w)"},
	{{.st_uid = 0, .st_mode = S_IFDIR | 01777},
	 "everybody may write to it (mode 1777; chmod o-w)"},
	{{.st_uid = 0, .st_gid = 1, .st_mode = S_IFREG | 0775},
	 "group 1 may write to it and is not the owner's private one (mode 0775; chmod g-w)"},
	{{.st_uid = 1001, .st_gid = 0, .st_mode = S_IFREG | 0775},
	 "group 0 may write to it and is not the owner's private one (mode 0775; chmod g-w)"},
};

START_TEST(what_others_can_change_is_not_trusted)
{
	char why[200];

	ck_assert(weir__trust(&owners[_i].status, 1001, why, sizeof(why)) ==
		  !owners[_i].why);
	ck_assert_str_eq(why, owners[_i].why ? owners[_i].why : "");
}
END_TEST

START_TEST(a_place_is_fixed_where_no_one_else_renames)
{
	char path[300], open_path[300];

	make_folder();
	snprintf(open_path, sizeof(open_path), "%s/open", folder);
	ck_assert_int_eq(mkdir(open_path, 0755), 0);
	snprintf(path, sizeof(path), "%s/open/x.so", folder);
	ck_assert(weir__trust_place(path, geteuid())); /* below /tmp, which is sticky */
	ck_assert_int_eq(chmod(open_path, 0777), 0);
	ck_assert(!weir__trust_place(path, geteuid()));
	ck_assert_int_eq(chmod(open_path, 01777), 0);
	ck_assert(weir__trust_place(path, geteuid()));
	ck_assert(!weir__trust_place("x.so", geteuid()));
	remove_folder();
}
END_TEST

START_TEST(a_file_that_others_can_write_is_refused)
{
	char path[300], message[400];
	struct fixture f;

	make_folder();
	copy_plugin(PLUGINS "good.so", "a.so", 0757);
	snprintf(path, sizeof(path), "%s/a.so", folder);
	snprintf(message, sizeof(message),
		 "%s: refused: everybody may write to it (mode 0757; chmod o-w)", path);
	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, path, &f.error), WEIR_EPLUGIN);
	ck_assert_str_eq(f.error.message, message);
	ck_assert_ptr_null(weir__registry_at(f.registry, 0));
	fixture_fini(&f);
	remove_folder();
}
END_TEST

START_TEST(a_folder_that_others_can_write_is_refused)
{
	char message[400];
	struct fixture f;

	make_folder();
	link_plugin(PLUGINS "good.so", "a.so");
	ck_assert_int_eq(chmod(folder, 01777), 0);
	setenv("WEIR_PLUGIN_PATH", folder, 1);
	snprintf(message, sizeof(message),
		 "%s: refused: everybody may write to it (mode 1777; chmod o-w)", folder);
	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, folder, &f.error), WEIR_EPLUGIN);
	ck_assert_str_eq(f.error.message, message);
	weir__registry_load_standard(f.registry);
	ck_assert_ptr_null(weir__registry_find(f.registry, "good"));
	ck_assert_ptr_nonnull(strstr(f.log.data, message));
	fixture_fini(&f);
	remove_folder();
}
END_TEST

/* In a folder of others' a file of one's own may be used: what was looked at is loaded. */
START_TEST(a_file_in_an_open_folder_is_loaded_as_it_was_checked)
{
	char path[300];
	struct fixture f;

	make_folder();
	copy_plugin(PLUGINS "good.so", "a.so", 0755);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	snprintf(path, sizeof(path), "%s/a.so", folder);
	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, path, &f.error), 0);
	ck_assert_str_eq(weir__registry_at(f.registry, 0)->path, path);
	ck_assert_int_eq(weir__registry_load(f.registry, path, &f.error), 0); /* again */
	fixture_fini(&f);
	remove_folder();
}
END_TEST

START_TEST(a_plugin_that_never_stops_emitting_is_rejected)
{
	static const char *const stubborn[] = {"false", "true"};
	char json[200];
	struct fixture f;

	fixture_init(&f, NULL);
	ck_assert_int_eq(weir__registry_load(f.registry, PLUGINS "endless.so", &f.error),
			 0);
	snprintf(json, sizeof(json),
		 "{'steps': [{'use': 'endless', 'with': {'stubborn': %s}}],"
		 "'outputs': {'default': 'o'}}",
		 stubborn[_i]);
	fixture_open(&f, json);
	ck_assert_int_eq(fixture_push(&f, "k", "value"), WEIR_REJECT);
	ck_assert_str_eq(f.reason.step, "endless");
	ck_assert_uint_eq(f.held.count, 0);
	if (_i == 0) {
		ck_assert_ptr_null(f.log.data);
	} else {
		const char *said = strstr(f.log.data, "does not stop emitting");

		ck_assert_ptr_nonnull(said);
		ck_assert_ptr_nonnull(strstr(said, "step=endless place=in[3]@1042"));
		ck_assert_ptr_null(strstr(said + 1, "does not stop emitting")); /* once */
	}
	fixture_fini(&f);
}
END_TEST

/* ---- crashes ---- */

static const struct {
	const char *how;
	int signal;
	const char *name;
} crashes[] = {
	{"pointer", SIGSEGV, "SIGSEGV"},
	{"abort", SIGABRT, "SIGABRT"},
	{"recursion", SIGSEGV, "SIGSEGV"},
};

static void
crash(const char *how, int fd)
{
	struct rlimit none = {0, 0};
	char json[200];
	struct fixture f;

	setrlimit(RLIMIT_CORE, &none);
	dup2(fd, STDERR_FILENO);
	fixture_init(&f, NULL);
	weir__chain_crash_handlers();
	weir__registry_load(f.registry, PLUGINS "crasher.so", &f.error);
	snprintf(json, sizeof(json),
		 "{'steps': [{'use': 'crasher', 'name': 'boom', 'with': {'how': '%s'}}],"
		 "'outputs': {'default': 'o'}}",
		 how);
	fixture_open(&f, json);
	fixture_push(&f, "k", "value");
	_exit(0);
}

/* Read all of it, and keep what fits: a writer that is cut off would end by SIGPIPE. */
static void
read_all(int fd, char *text, size_t capacity)
{
	char rest[1024];
	size_t size = 0;
	ssize_t got;

	while ((got = read(fd, text + size, capacity - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

/*
 * A sanitizer that handles the signal itself got it before us: it is passed on to there,
 * which reports too and ends the process in its own way.
 */
static bool
is_a_sanitizers_end(const char *text, int status)
{
	return strstr(text, "Sanitizer:DEADLYSIGNAL") != NULL &&
	       !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the child says until it ends. */
static void
run_child(const char *how, char *text, size_t size, int *status)
{
	int ends[2];
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		crash(how, ends[1]);
	close(ends[1]);
	read_all(ends[0], text, size);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, status, 0), child);
}

START_TEST(a_crash_names_step_and_record_and_goes_on)
{
	char text[4096], expected[100];
	int status;

	run_child(crashes[_i].how, text, sizeof(text), &status);
	snprintf(expected, sizeof(expected),
		 "weir: crashed (%s) in step boom at in[3]@1042\n", crashes[_i].name);
	ck_assert_msg(strstr(text, expected), "%s", text);
	if (!is_a_sanitizers_end(text, status))
		ck_assert_msg(WIFSIGNALED(status) &&
				      WTERMSIG(status) == crashes[_i].signal,
			      "status %x: %s", (unsigned)status, text);
}
END_TEST

/* Else a test that was not run to its end would have passed. */
START_TEST(a_processor_that_calls_exit_is_a_failure)
{
	char text[4096];
	int status;

	run_child("exit", text, sizeof(text), &status);
	ck_assert_str_eq(text, "weir: step boom at in[3]@1042 called exit()\n");
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

START_TEST(a_plugin_that_calls_exit_as_it_is_loaded_is_a_failure)
{
	char text[4096];
	int status;

	setenv("CRASHER_LOADS", "exit", 1);
	run_child("exit", text, sizeof(text), &status);
	unsetenv("CRASHER_LOADS");
	ck_assert_msg(strstr(text, "weir: called exit() while loading ") &&
			      strstr(text, "crasher.so\n"),
		      "%s", text);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

START_TEST(a_plugin_that_crashes_as_it_is_loaded_is_named)
{
	char text[4096];
	int status;

	setenv("CRASHER_LOADS", "pointer", 1);
	run_child("pointer", text, sizeof(text), &status);
	unsetenv("CRASHER_LOADS");
	ck_assert_msg(strstr(text, "weir: crashed (SIGSEGV) while loading ") &&
			      strstr(text, "crasher.so\n"),
		      "%s", text);
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}
END_TEST

static void
exit_with_address(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	_exit(info->si_addr == (void *)16 ? 16 : 1); /* as crasher.c has it */
}

/* A debugger's, a sanitizer's, or the core file's reader: a signal raised anew has none. */
START_TEST(who_handled_crashes_before_gets_the_address)
{
	struct sigaction before = {.sa_sigaction = exit_with_address,
				   .sa_flags = SA_SIGINFO};
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
	pid_t child = fork();

	if (child == 0) {
		sigaction(SIGSEGV, &before, NULL);
		crash("pointer", nowhere);
	}
	close(nowhere);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 16);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof(table[0]))

int
main(void)
{
	Suite *suite = suite_create("loader");
	TCase *cases = tcase_create("loader");

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, a_plugin_can_be_used);
	tcase_add_test(cases, a_plugin_in_cpp_can_be_used);
	tcase_add_test(cases, an_older_and_shorter_descriptor_can_be_used);
	tcase_add_test(cases, a_plugin_of_the_first_headers_can_be_used);
	tcase_add_test(cases, a_newer_and_longer_descriptor_can_be_used);
	tcase_add_loop_test(cases, what_is_wrong_with_a_plugin_is_said_exactly, 0,
			    ROWS(faults));
	tcase_add_test(cases, a_file_that_is_not_elf_is_refused_in_the_linkers_words);
	tcase_add_test(cases, a_name_twice_tells_who_has_it);
	tcase_add_test(cases, a_linked_in_name_cannot_be_taken);
	tcase_add_test(cases, a_folder_loads_all_plugins_in_it_and_is_strict);
	tcase_add_test(cases, what_nobody_named_is_passed_over_with_a_warning);
	tcase_add_loop_test(cases, what_others_can_change_is_not_trusted, 0, ROWS(owners));
	tcase_add_test(cases, a_place_is_fixed_where_no_one_else_renames);
	tcase_add_test(cases, a_file_that_others_can_write_is_refused);
	tcase_add_test(cases, a_folder_that_others_can_write_is_refused);
	tcase_add_test(cases, a_file_in_an_open_folder_is_loaded_as_it_was_checked);
	tcase_add_loop_test(cases, a_plugin_that_never_stops_emitting_is_rejected, 0, 2);
	tcase_add_test(cases, a_processor_that_calls_exit_is_a_failure);
	tcase_add_test(cases, a_plugin_that_calls_exit_as_it_is_loaded_is_a_failure);
	tcase_add_test(cases, a_plugin_that_crashes_as_it_is_loaded_is_named);
	tcase_add_loop_test(cases, a_crash_names_step_and_record_and_goes_on, 0,
			    ROWS(crashes));
	tcase_add_test(cases, who_handled_crashes_before_gets_the_address);
	suite_add_tcase(suite, cases);
	return weir_test_run(suite);
}
