/*
 * The processors there are: linked in, or loaded from plugins.
 *
 * Checks descriptors before anything trusts them, and copies them into structs of our own
 * size, so that a plugin built against other headers of the same ABI can be used. Plugins
 * are never unloaded. One registry an app; one thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_REGISTRY_H
#define WEIR_PROCESSOR_REGISTRY_H

#include <base/log.h>
#include <config/option.h>
#include <weir/processor.h>

struct weir_registry;

/* A processor that can be used. */
struct weir_registered {
	struct weir_processor descriptor; /* as ours: what it lacks is zero */
	struct weir_option_table options; /* its rows, stepped by its row size */
	const char *path;                 /* of the plugin; NULL: linked in */
	void *handle;                     /* of dlopen(), never closed; NULL: linked in */
};

/*
 * The processor's own output number `index`, as ours, stepped by its row size. False behind
 * the last.
 */
bool weir__registered_output(const struct weir_registered *registered, size_t index,
                             struct weir_output *output);

/* The same of its stores. */
bool weir__registered_store(const struct weir_registered *registered, size_t index,
                            struct weir_store_row *store);

struct weir_registry *weir__registry_new(const struct weir_logger *logger);
void weir__registry_free(struct weir_registry *registry);

/*
 * Add a processor that is linked in. Returns 0, WEIR_EEXISTS (the name is taken), or
 * WEIR_EPLUGIN with what is wrong with the descriptor.
 */
int weir__registry_add(struct weir_registry *registry, const struct weir_processor *processor,
                       struct weir_error *error);

/*
 * Load a plugin file, or all *.so of a folder (in order of names). A file that cannot be
 * used is an error that says why: no such file, not ELF (dlopen's words), no descriptor,
 * ABI 2 wanted 1, name taken by PATH. So is a file or folder that others than root and the
 * user can write to (processor/trust.h), and a plugin that is linked with another libweir.
 */
int weir__registry_load(struct weir_registry *registry, const char *path,
                        struct weir_error *error);

/*
 * Load what the environment and the installation offer: folders of WEIR_PLUGIN_PATH
 * (colons between), then the installed folder. Earlier ones win over later ones; files
 * that cannot be used are logged and passed over, as nobody asked for them by name.
 */
void weir__registry_load_standard(struct weir_registry *registry);

/* Borrowed until the registry is freed. NULL when there is none of this name. */
const struct weir_registered *weir__registry_find(const struct weir_registry *registry,
                                                  const char *name);
/* Number `index` by name; NULL behind the last. */
const struct weir_registered *weir__registry_at(const struct weir_registry *registry,
                                                size_t index);

/* Add "did you mean X? (known: a, b, c)" for messages; "(none is known)" if so. */
void weir__registry_suggest(const struct weir_registry *registry, const char *name,
                            struct weir_buffer *out);

#endif
