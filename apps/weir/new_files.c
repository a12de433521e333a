/*
 * weir new: the files of a project. Knows which ones each kind of project has, what stands for
 * a word between @ in their templates (apps/weir/new/, compiled in, so that a weir that is not
 * installed, or was moved, has those of its own version), and how a folder comes to be at once
 * or not at all. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>
#include <base/units.h>

#include "apps/weir/new_templates.h"
#include "new.h"

enum kind {
	PLAIN = 1,
	STATE = 2,
	MAKE = 4,
	AUTOTOOLS = 8,
	MESON = 16,
	EITHER = PLAIN | STATE,
	ANY = MAKE | AUTOTOOLS | MESON
};

/* In a project whose kind has a bit of both groups. */
static const struct file {
	const char *path, *text;
	unsigned int kinds;
} files[] = {
	{"@name@.c", template_plain_c, PLAIN | ANY},
	{"@name@.c", template_state_c, STATE | ANY},
	{"@name@.json", template_plain_json, PLAIN | ANY},
	{"@name@.json", template_state_json, STATE | ANY},
	{"@name@.test.json", template_plain_test_json, PLAIN | ANY},
	{"@name@.test.json", template_state_test_json, STATE | ANY},
	{"Makefile", template_make, EITHER | MAKE},
	{"configure.ac", template_configure_ac, EITHER | AUTOTOOLS},
	{"Makefile.am", template_Makefile_am, EITHER | AUTOTOOLS},
	/* aclocal may not look where weir is installed: on Debian not into /usr/local */
	{"weir.m4", template_weir_m4, EITHER | AUTOTOOLS},
	{"meson.build", template_meson_build, EITHER | MESON},
	{"README.md", template_README_md, EITHER | ANY},
	{".gitignore", template_gitignore, EITHER | ANY},
};

#define FILE_COUNT (sizeof(files) / sizeof(files[0]))

/* What differs from build to build; by enum weir_new_build. */
static const struct build {
	unsigned int kind;
	const char *plugins; /* the line of the pipeline file that names what is built */
	const char *check, *install, *ignored;
	const char *path; /* before a command that needs what is built, where no line names it */
} builds[] = {
	{MAKE, "  \"plugins\": [\"./@name@.so\"],\n", "make check", "make install", "*.so", ""},
	{AUTOTOOLS, "", "autoreconf -i && ./configure && make check", "make install",
	 "*.la\n*.lo\n*.o\n*~\n.deps/\n.libs/\n/Makefile\n/Makefile.in\n/aclocal.m4\n"
	 "/autom4te.cache/\n/build-aux/\n/config.log\n/config.status\n/configure\n/libtool",
	 "WEIR_PLUGIN_PATH=.libs "},
	{MESON, "", "meson setup build && meson test -C build", "meson install -C build",
	 "/build/", "WEIR_PLUGIN_PATH=build "},
};

/* ---- what stands in the files ---- */

/* A word between two @. Returns false where it is none: it stays as it is. */
static bool
add_word(const struct weir_new *new, const char *word, size_t size,
	 struct weir_buffer *out);

/* A template with its words. What is in place of one may have others. */
static void
add_text(const struct weir_new *new, const char *text, struct weir_buffer *out)
{
	while (*text) {
		const char *end = *text == '@' ? strchr(text + 1, '@') : NULL;

		if (end && add_word(new, text + 1, (size_t)(end - text - 1), out)) {
			text = end + 1;
			continue;
		}
		weir__buffer_add(out, text++, 1);
	}
}

/* "late-orders" as C has it: late_orders. */
static void
add_identifier(const char *name, struct weir_buffer *out)
{
	for (; *name; name++)
		weir__buffer_add(out, *name == '-' ? "_" : name, 1);
}

static const char *
try_line(const struct weir_new *new)
{
	if (new->has_state)
		return "echo '{\"customer\": \"ann\", \"amount\": 5}' | "
		       "@path@weir pipe @name@.json --key /customer";
	return "echo '{\"amount\": 120}' | @path@weir pipe @name@.json";
}

static bool
add_word(const struct weir_new *new, const char *word, size_t size,
	 struct weir_buffer *out)
{
	const struct build *build = &builds[new->build];
	const struct {
		const char *word, *text;
	} words[] = {
		{"plugins", build->plugins}, {"check", build->check}, {"install", build->install},
		{"ignored", build->ignored}, {"path", build->path},   {"try", try_line(new)},
	};

	if (size == strlen("name") && memcmp(word, "name", size) == 0) {
		weir__buffer_add_text(out, new->name);
		return true;
	}
	if (size == strlen("id") && memcmp(word, "id", size) == 0) {
		add_identifier(new->name, out);
		return true;
	}
	for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++) {
		if (strlen(words[index].word) != size ||
		    memcmp(word, words[index].word, size) != 0)
			continue;
		add_text(new, words[index].text, out);
		return true;
	}
	return false;
}

/* The text with its words; heap memory. */
static char *
expand(const struct weir_new *new, const char *text)
{
	struct weir_buffer out = {0};

	add_text(new, text, &out);
	weir__buffer_add(&out, "", 1);
	return out.data;
}

const char *
weir__new_check_lines(const struct weir_new *new)
{
	return builds[new->build].check;
}

char *
weir__new_try_lines(const struct weir_new *new)
{
	return expand(new, "@try@");
}

/* ---- the folder ---- */

int
weir__new_check_name(const char *name, struct weir_error *error)
{
	if (strchr(name, '/'))
		return weir_error_set(error, WEIR_EINVALID,
				      "%s is a path: NAME is made in the current folder", name);
	if (!weir__name_valid(name) || !isalpha((unsigned char)*name))
		return weir_error_set(error, WEIR_EINVALID,
				      "\"%s\" is no name: a letter first, then letters, digits, "
				      "- and _, 63 in all at most",
				      name);
	return 0;
}

static bool
is_of(const struct weir_new *new, const struct file *file)
{
	return (file->kinds & (new->has_state ? STATE : PLAIN)) &&
	       (file->kinds & builds[new->build].kind);
}

/* False with errno. */
static bool
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "wxe");
	bool written;

	if (!file)
		return false;
	written = fputs(text, file) >= 0;
	if (fclose(file) != 0)
		written = false;
	return written;
}

/* All of them; false with errno where one cannot be. */
static bool
write_files(const struct weir_new *new, const char *folder)
{
	bool written = true;

	for (size_t index = 0; written && index < FILE_COUNT; index++) {
		char *name = expand(new, files[index].path);
		char *path = weir__format("%s/%s", folder, name);
		char *text = expand(new, files[index].text);

		if (is_of(new, &files[index]))
			written = write_file(path, text);
		free(text);
		free(path);
		free(name);
	}
	return written;
}

static void
remove_folder(const struct weir_new *new, const char *folder)
{
	for (size_t index = 0; index < FILE_COUNT; index++) {
		char *name = expand(new, files[index].path);
		char *path = weir__format("%s/%s", folder, name);

		unlink(path);
		free(path);
		free(name);
	}
	rmdir(folder);
}

/* As mkdir() would have made it, which mkdtemp() does not. */
static bool
open_to_others(const char *folder)
{
	mode_t mask = umask(0);

	umask(mask);
	return chmod(folder, 0777 & ~mask) == 0;
}

int
weir__new_write(const struct weir_new *new, struct weir_error *error)
{
	char *folder = weir__format(".%s.XXXXXX", new->name);
	struct stat status;
	int code = 0;

	if (lstat(new->name, &status) == 0) {
		code = weir_error_set(error, WEIR_EEXISTS, "%s exists already", new->name);
	} else if (!mkdtemp(folder)) {
		code = weir_error_set(error, WEIR_EIO, "%s cannot be made: %s", new->name,
				      strerror(errno));
	} else if (!write_files(new, folder) || !open_to_others(folder) ||
		   rename(folder, new->name) != 0) {
		code = weir_error_set(error, WEIR_EIO, "%s cannot be written: %s", new->name,
				      strerror(errno));
		remove_folder(new, folder);
	}
	free(folder);
	return code;
}
