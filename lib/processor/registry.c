/*
 * The list of processors, and the checks that a descriptor passes before it gets there.
 *
 * Knows which members every descriptor of ABI 1 has; copies of what is shorter or longer
 * than ours are cut or filled with zeros. One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <base/units.h>
#include <processor/registry_list.h>

/* Up to where a descriptor must reach: it has at least a record callback. */
#define SMALLEST_DESCRIPTOR                                                              \
	(offsetof(struct weir_processor, record) + sizeof(weir_record_fn))
#define SMALLEST_OUTPUT_ROW offsetof(struct weir_output, help)
#define SMALLEST_STORE_ROW offsetof(struct weir_store_row, help)
/* More than this is a table without its end. */
#define MAX_OUTPUTS 1000
#define MAX_STORES 100

struct weir_registry *
weir__registry_new(const struct weir_logger *logger)
{
	struct weir_registry *registry = weir__calloc(1, sizeof(*registry));

	registry->logger = logger;
	return registry;
}

void
weir__registry_free(struct weir_registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < registry->count; i++) {
		free((char *)registry->items[i]->registered.path);
		free(registry->items[i]);
	}
	free(registry->items);
	free(registry);
}

/* Row `index` of a table whose rows begin with a name, as ours. */
static bool
read_row(const void *table, size_t index, size_t row_size, void *row, size_t size)
{
	const char *name;

	memset(row, 0, size);
	if (!table)
		return false;
	memcpy(row, (const char *)table + index * row_size,
	       row_size < size ? row_size : size);
	memcpy(&name, row, sizeof(name));
	return name != NULL;
}

bool
weir__registered_output(const struct weir_registered *registered, size_t index,
			struct weir_output *output)
{
	return read_row(registered->descriptor.outputs, index,
			registered->descriptor.output_row_size, output, sizeof(*output));
}

bool
weir__registered_store(const struct weir_registered *registered, size_t index,
		       struct weir_store_row *store)
{
	return read_row(registered->descriptor.stores, index,
			registered->descriptor.store_row_size, store, sizeof(*store));
}

static int
check_outputs(const struct weir_registered *registered, struct weir_error *error)
{
	const struct weir_processor *processor = &registered->descriptor;
	struct weir_output output, earlier;

	if (!processor->outputs)
		return 0;
	if (processor->output_row_size < SMALLEST_OUTPUT_ROW)
		return weir_error_set(
			error, WEIR_EPLUGIN,
			"processor \"%s\": rows of outputs have %u bytes, too few",
			processor->name, processor->output_row_size);
	for (size_t i = 0; weir__registered_output(registered, i, &output); i++) {
		if (i == MAX_OUTPUTS || !weir__name_valid(output.name))
			return weir_error_set(
				error, WEIR_EPLUGIN,
				"processor \"%s\": output %zu has no valid name",
				processor->name, i);
		for (size_t j = 0; j < i; j++) {
			weir__registered_output(registered, j, &earlier);
			if (strcmp(earlier.name, output.name) == 0)
				return weir_error_set(
					error, WEIR_EPLUGIN,
					"processor \"%s\": output \"%s\" is there twice",
					processor->name, output.name);
		}
	}
	return 0;
}

/* A store that lives for as long as an option says: there is such an option. */
static bool
has_duration(const struct weir_registered *registered, const char *name)
{
	struct weir_option row;

	return registered->descriptor.options &&
	       weir__option_find(&registered->options, name, &row) &&
	       row.type == WEIR_OPTION_DURATION;
}

static int
check_stores(const struct weir_registered *registered, struct weir_error *error)
{
	const struct weir_processor *processor = &registered->descriptor;
	struct weir_store_row store, earlier;

	if (processor->stores && processor->store_row_size < SMALLEST_STORE_ROW)
		return weir_error_set(
			error, WEIR_EPLUGIN,
			"processor \"%s\": rows of stores have %u bytes, too few",
			processor->name, processor->store_row_size);
	for (size_t i = 0; weir__registered_store(registered, i, &store); i++) {
		if (i == MAX_STORES || !weir__name_valid(store.name))
			return weir_error_set(
				error, WEIR_EPLUGIN,
				"processor \"%s\": store %zu has no valid name",
				processor->name, i);
		if (store.ttl && !has_duration(registered, store.ttl))
			return weir_error_set(error, WEIR_EPLUGIN,
					      "processor \"%s\": store \"%s\": \"%s\" is "
					      "no option of it that is a duration",
					      processor->name, store.name, store.ttl);
		for (size_t j = 0; j < i; j++) {
			weir__registered_store(registered, j, &earlier);
			if (strcmp(earlier.name, store.name) == 0)
				return weir_error_set(
					error, WEIR_EPLUGIN,
					"processor \"%s\": store \"%s\" is there twice",
					processor->name, store.name);
		}
	}
	return 0;
}

static int
check_options(const struct weir_registered *registered, struct weir_error *error)
{
	const struct weir_processor *processor = &registered->descriptor;
	struct weir_error inner = {0};

	if (!processor->options)
		return 0;
	if (weir__options_check_table(&registered->options, processor->options_size,
				      &inner) == 0)
		return 0;
	return weir_error_set(error, WEIR_EPLUGIN, "processor \"%s\": option table: %s",
			      processor->name, inner.message);
}

/* Copy the descriptor, after those two members are right that its layout rests on. */
static int
copy_descriptor(struct weir_registered *registered,
		const struct weir_processor *processor, struct weir_error *error)
{
	size_t size = sizeof(registered->descriptor);

	if (processor->abi != WEIR_PROCESSOR_ABI)
		return weir_error_set(error, WEIR_EPLUGIN,
				      "is built for processor ABI %u, wanted %d",
				      processor->abi, WEIR_PROCESSOR_ABI);
	if (processor->size < SMALLEST_DESCRIPTOR)
		return weir_error_set(error, WEIR_EPLUGIN,
				      "descriptor has %u bytes, at least %zu wanted",
				      processor->size, SMALLEST_DESCRIPTOR);
	if (processor->size < size)
		size = processor->size;
	memcpy(&registered->descriptor, processor, size);
	registered->options.rows = registered->descriptor.options;
	registered->options.row_size = registered->descriptor.option_row_size;
	return 0;
}

static int
check_descriptor(const struct weir_registered *registered, struct weir_error *error)
{
	const struct weir_processor *processor = &registered->descriptor;
	int code;

	if (!processor->name || !weir__name_valid(processor->name))
		return weir_error_set(error, WEIR_EPLUGIN,
				      "\"%.80s\" is no valid processor name "
				      "([A-Za-z0-9][A-Za-z0-9_-]{0,62})",
				      processor->name ? processor->name : "");
	if (!processor->record)
		return weir_error_set(error, WEIR_EPLUGIN,
				      "processor \"%s\" has no record callback",
				      processor->name);
	code = check_outputs(registered, error);
	if (!code)
		code = check_options(registered, error);
	return code ? code : check_stores(registered, error);
}

static size_t
position_of(const struct weir_registry *registry, const char *name)
{
	size_t i = 0;

	while (i < registry->count &&
	       strcmp(registry->items[i]->registered.descriptor.name, name) < 0)
		i++;
	return i;
}

static void
insert(struct weir_registry *registry, struct weir_registry_item *item)
{
	size_t at = position_of(registry, item->registered.descriptor.name);

	registry->items = weir__realloc(registry->items,
					(registry->count + 1) * sizeof(*registry->items));
	memmove(registry->items + at + 1, registry->items + at,
		(registry->count - at) * sizeof(*registry->items));
	registry->items[at] = item;
	registry->count++;
}

static const struct weir_registry_item *
find_item(const struct weir_registry *registry, const char *name)
{
	size_t at = position_of(registry, name);

	if (at == registry->count ||
	    strcmp(registry->items[at]->registered.descriptor.name, name) != 0)
		return NULL;
	return registry->items[at];
}

int
weir__registry_put(struct weir_registry *registry, const struct weir_processor *processor,
		   const char *path, void *handle, struct weir_error *error)
{
	struct weir_registry_item *item = weir__calloc(1, sizeof(*item));
	const struct weir_registry_item *holder;
	int code = copy_descriptor(&item->registered, processor, error);

	if (!code)
		code = check_descriptor(&item->registered, error);
	if (code)
		goto failed;
	holder = find_item(registry, item->registered.descriptor.name);
	if (holder && holder->source == processor)
		goto failed; /* the same one again: nothing to do */
	if (holder) {
		const char *holder_path = holder->registered.path;

		code = weir_error_set(
			error, WEIR_EEXISTS, "the name \"%s\" is taken by %s",
			item->registered.descriptor.name,
			holder_path ? holder_path : "a processor that is linked in");
		goto failed;
	}
	item->source = processor;
	item->registered.path = path ? weir__strdup(path) : NULL;
	item->registered.handle = handle;
	insert(registry, item);
	return 0;
failed:
	free(item);
	return code;
}

int
weir__registry_add(struct weir_registry *registry, const struct weir_processor *processor,
		   struct weir_error *error)
{
	return weir__registry_put(registry, processor, NULL, NULL, error);
}

const struct weir_registered *
weir__registry_find(const struct weir_registry *registry, const char *name)
{
	const struct weir_registry_item *item = find_item(registry, name);

	return item ? &item->registered : NULL;
}

const struct weir_registered *
weir__registry_at(const struct weir_registry *registry, size_t index)
{
	return index < registry->count ? &registry->items[index]->registered : NULL;
}

void
weir__registry_suggest(const struct weir_registry *registry, const char *name,
		       struct weir_buffer *out)
{
	const char **names = weir__calloc(registry->count + 1, sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < registry->count; i++)
		names[i] = registry->items[i]->registered.descriptor.name;
	nearest = weir__nearest(name, names);
	if (nearest)
		weir__buffer_printf(out, "did you mean \"%s\"? ", nearest);
	weir__buffer_add_text(out, registry->count > 0 ? "(known: " : "(none is known");
	for (size_t i = 0; i < registry->count; i++)
		weir__buffer_printf(out, "%s%s", i > 0 ? ", " : "", names[i]);
	weir__buffer_add_text(out, ")");
	free(names);
}
