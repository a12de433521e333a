/*
 * The registry for commands that have no pipeline file, and JSON on standard output.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_PLUGINS_H
#define WEIR_APPS_PLUGINS_H

#include <jansson.h>

#include <processor/registry.h>

#include "options.h"

/* Paths of --plugins, in order; zero-initialised is empty. Borrows the paths from argv. */
struct weir_plugin_paths {
	const char **items;
	size_t count;
};
void weir__plugin_paths_add(struct weir_plugin_paths *paths, const char *path);
void weir__plugin_paths_fini(struct weir_plugin_paths *paths);

/*
 * A registry with these plugins and the standard ones; free it with weir__registry_free()
 * before the arguments' fini. NULL when `args` is done, or with `done` set for a plugin
 * that cannot be used.
 */
struct weir_registry *weir__plugins_load(struct weir_arguments *args,
                                         const struct weir_plugin_paths *paths);

/*
 * The folder of the processors that were built with this executable, to free; NULL where
 * it does not lie in a build folder, or where others could have put something there.
 */
char *weir__build_tree_plugins(const char *executable);

/* Let that folder of the running command count as the last one of WEIR_PLUGIN_PATH. */
void weir__build_tree_use(void);

/* Print `json` on standard output, indented, with a newline. */
void weir__json_dump(const json_t *json);

#endif
