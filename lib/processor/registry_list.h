/*
 * Inside of the registry, shared with the loader.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_REGISTRY_LIST_H
#define WEIR_PROCESSOR_REGISTRY_LIST_H

#include <processor/registry.h>

struct weir_registry_item {
	struct weir_registered registered;
	const struct weir_processor *source; /* what was registered, to know it again */
};

struct weir_registry {
	const struct weir_logger *logger;
	struct weir_registry_item **items; /* by name; items do not move */
	size_t count;
};

/* Check, copy and add a descriptor; `path` and `handle` NULL: linked in. As weir__registry_add(). */
int weir__registry_put(struct weir_registry *registry, const struct weir_processor *processor,
                       const char *path, void *handle, struct weir_error *error);

#endif
