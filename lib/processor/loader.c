/*
 * Loading plugins: files, folders, and what the environment and the installation offer.
 *
 * Knows dlopen and where to look; says exactly what is wrong with a file. What was found to
 * be nobody else's (processor/trust.h) is what is loaded, also where others could put
 * another file in its place meanwhile. A plugin stays loaded until the process ends: its
 * threads and exit handlers may outlive an app. One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/alloc.h>
#include <processor/registry_list.h>
#include <processor/step.h>
#include <processor/trust.h>

/* dlopen's words: on one line, and without the path that we say ourselves. */
static void
linker_words(const char *path, char *text, size_t size)
{
	const char *words = dlerror();
	size_t length = strlen(path);

	if (!words)
		words = "cannot be loaded";
	if (strncmp(words, path, length) == 0 && words[length] == ':')
		words += length + 1;
	while (*words == ' ')
		words++;
	snprintf(text, size, "%s", words);
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
}

static int
refuse(const char *path, const struct stat *status, struct weir_error *error)
{
	char why[200];

	if (weir__trust(status, geteuid(), why, sizeof(why)))
		return 0;
	return weir_error_set(error, WEIR_EPLUGIN, "%s: refused: %s", path, why);
}

/*
 * What dlopen is to be given: the file's real path. Where somebody else could exchange what
 * lies there, the open file itself; it stays open, as the plugin stays loaded.
 */
static int
find_place(const char *path, char **place, struct weir_error *error)
{
	char *real = realpath(path, NULL);
	int fd = real ? open(real, O_RDONLY | O_CLOEXEC) : -1;
	struct stat status;
	int code;

	if (fd < 0 || fstat(fd, &status) != 0)
		code = weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	else
		code = refuse(path, &status, error);
	if (!code && !weir__trust_place(real, geteuid())) {
		*place = weir__format("/proc/self/fd/%d", fd);
		free(real);
		return 0;
	}
	if (fd >= 0)
		close(fd);
	if (code)
		free(real);
	else
		*place = real;
	return code;
}

static int
open_library(const char *path, void **handle, struct weir_error *error)
{
	char words[512];
	char *place;
	int code = find_place(path, &place, error);

	if (code)
		return code;
	*handle = dlopen(place, RTLD_NOW | RTLD_LOCAL);
	if (!*handle) {
		linker_words(place, words, sizeof(words));
		code = weir_error_set(error, WEIR_EPLUGIN, "%s: %s", path, words);
	}
	free(place);
	return code;
}

/*
 * One that was linked with libweir may bring another one into the process than that which
 * loads it, with structs of its own.
 */
static int
check_single(void *handle, const char *path, struct weir_error *error)
{
	void *theirs = dlsym(handle, "weir_emit");
	Dl_info our_place, their_place;

	if (!theirs || !dladdr(theirs, &their_place) ||
	    !dladdr((void *)(uintptr_t)check_single, &our_place) ||
	    our_place.dli_fbase == their_place.dli_fbase)
		return 0;
	return weir_error_set(error, WEIR_EPLUGIN,
	                      "%s: brings a libweir of its own (%s): link it without -lweir",
	                      path, their_place.dli_fname);
}

static int
open_plugin(const char *path, const struct weir_processor **processor, void **handle,
	    struct weir_error *error)
{
	const struct weir_processor *const *symbol;
	int code = open_library(path, handle, error);

	if (!code)
		code = check_single(*handle, path, error);
	if (code)
		return code;
	symbol = dlsym(*handle, "weir_plugin");
	if (!symbol || !*symbol)
		return weir_error_set(
			error, WEIR_EPLUGIN,
			"%s: no descriptor (weir_plugin is missing: it is made by "
			"WEIR_PLUGIN())",
			path);
	*processor = *symbol;
	return 0;
}

static int
take_file(struct weir_registry *registry, const char *path, struct weir_error *error)
{
	const struct weir_processor *processor = NULL;
	struct weir_error inner = {0};
	void *handle = NULL;
	int code = open_plugin(path, &processor, &handle, error);

	if (code)
		return code;
	code = weir__registry_put(registry, processor, path, handle, &inner);
	if (code)
		return weir_error_set(error, code, "%s: %s", path, inner.message);
	return 0;
}

static int
load_file(struct weir_registry *registry, const char *path, struct weir_error *error)
{
	int code;

	weir__crash_loading(path);
	code = take_file(registry, path, error);
	weir__crash_loading(NULL);
	return code;
}

static int
is_plugin_name(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 3 &&
	       strcmp(entry->d_name + length - 3, ".so") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not by the locale, as alphasort() */
}

/* Nobody asked for this file by name: say why it cannot be used, and go on. */
static void
pass_over(const struct weir_registry *registry, int code, const struct weir_error *error)
{
	if (code == WEIR_EEXISTS)
		weir__log(registry->logger, WEIR_LOG_DEBUG, "plugin passed over: %s",
			  error->message);
	else
		weir__log(registry->logger, WEIR_LOG_WARNING, "plugin passed over: %s",
			  error->message);
}

static int
load_folder(struct weir_registry *registry, const char *path, bool lenient,
	    struct weir_error *error)
{
	struct dirent **entries;
	struct stat status;
	int count, code;

	if (stat(path, &status) != 0)
		return weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	code = refuse(path, &status, error); /* who may write there chooses what is loaded */
	if (code)
		return code;
	count = scandir(path, &entries, is_plugin_name, by_name);
	if (count < 0)
		return weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *file = weir__format("%s/%s", path, entries[i]->d_name);
		struct weir_error inner = {0};

		if (!code) {
			int result = load_file(registry, file, lenient ? &inner : error);

			if (result && lenient)
				pass_over(registry, result, &inner);
			else
				code = result;
		}
		free(file);
		free(entries[i]);
	}
	free(entries);
	return code;
}

int
weir__registry_load(struct weir_registry *registry, const char *path,
		    struct weir_error *error)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return weir_error_set(error, errno == ENOENT ? WEIR_ENOTFOUND : WEIR_EIO,
				      "%s: %s", path,
				      errno == ENOENT ? "no such file" : strerror(errno));
	if (S_ISDIR(status.st_mode))
		return load_folder(registry, path, false, error);
	if (!S_ISREG(status.st_mode))
		return weir_error_set(error, WEIR_EPLUGIN,
				      "%s: neither a file nor a folder", path);
	return load_file(registry, path, error);
}

static void
load_leniently(struct weir_registry *registry, const char *path)
{
	struct weir_error error = {0};
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
		return; /* not installed: nothing to say */
	if (load_folder(registry, path, true, &error) != 0)
		weir__log(registry->logger, WEIR_LOG_WARNING, "plugins passed over: %s",
			  error.message);
}

void
weir__registry_load_standard(struct weir_registry *registry)
{
	const char *folders = getenv("WEIR_PLUGIN_PATH");
	char *copy = weir__strdup(folders ? folders : "");
	char *rest = copy, *folder;

	while ((folder = strsep(&rest, ":")))
		if (*folder)
			load_leniently(registry, folder);
	free(copy);
	load_leniently(registry, WEIR_PROCESSOR_DIR);
}
