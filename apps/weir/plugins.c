/*
 * Fills a registry from --plugins and the standard places. Knows that what is asked for
 * by name must load, while what merely lies in a folder may be passed over. One thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <stdlib.h>

#include <base/alloc.h>

#include "plugins.h"

void
weir__plugin_paths_add(struct weir_plugin_paths *paths, const char *path)
{
	paths->items =
		weir__realloc(paths->items, (paths->count + 1) * sizeof(*paths->items));
	paths->items[paths->count++] = path;
}

void
weir__plugin_paths_fini(struct weir_plugin_paths *paths)
{
	free(paths->items);
	paths->items = NULL;
	paths->count = 0;
}

struct weir_registry *
weir__plugins_load(struct weir_arguments *args, const struct weir_plugin_paths *paths)
{
	struct weir_error error = {0};
	struct weir_registry *registry;
	size_t i;

	if (args->done)
		return NULL;
	registry = weir__registry_new(&args->logger);
	for (i = 0; i < paths->count; i++) {
		if (weir__registry_load(registry, paths->items[i], &error) == 0)
			continue;
		weir__arguments_bad(args, "%s", error.message);
		weir__registry_free(registry);
		return NULL;
	}
	weir__registry_load_standard(registry);
	return registry;
}

void
weir__json_dump(const json_t *json)
{
	json_dumpf(json, stdout,
		   JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	putchar('\n');
}
