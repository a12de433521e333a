/*
 * What stands in for the allocating functions that a debugged plugin calls: the functions
 * themselves, and a line in the ledger. Those that are not here are not seen: what they
 * allocate is freed without having been noted. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <processor/ledger.h>

static void *
noted(void *block, size_t bytes)
{
	weir__ledger_add(block, bytes);
	return block;
}

static void *
hook_malloc(size_t size)
{
	return noted(malloc(size), size);
}

static void *
hook_calloc(size_t count, size_t size)
{
	return noted(calloc(count, size), count * size);
}

static void *
hook_realloc(void *block, size_t size)
{
	if (block)
		weir__ledger_remove(block);
	return noted(realloc(block, size), size);
}

static void *
hook_aligned_alloc(size_t alignment, size_t size)
{
	return noted(aligned_alloc(alignment, size), size);
}

static char *
hook_strdup(const char *text)
{
	return noted(strdup(text), strlen(text) + 1);
}

static char *
hook_strndup(const char *text, size_t size)
{
	return noted(strndup(text, size), size + 1);
}

static void
hook_free(void *block)
{
	if (block)
		weir__ledger_remove(block);
	free(block);
}

/* C++'s new and delete, which in libstdc++ are malloc and free. */
static void *
hook_new(size_t size)
{
	void *block = malloc(size ? size : 1);

	if (!block)
		abort(); /* weir's own answer to no memory */
	return noted(block, size);
}

static void
hook_delete_sized(void *block, size_t size)
{
	(void)size;
	hook_free(block);
}

static const struct {
	const char *name;
	void (*hook)(void);
} hooks[] = {
	{"malloc", (void (*)(void))hook_malloc},
	{"calloc", (void (*)(void))hook_calloc},
	{"realloc", (void (*)(void))hook_realloc},
	{"aligned_alloc", (void (*)(void))hook_aligned_alloc},
	{"strdup", (void (*)(void))hook_strdup},
	{"__strdup", (void (*)(void))hook_strdup},
	{"strndup", (void (*)(void))hook_strndup},
	{"free", (void (*)(void))hook_free},
	{"_Znwm", (void (*)(void))hook_new},
	{"_Znam", (void (*)(void))hook_new},
	{"_ZdlPv", (void (*)(void))hook_free},
	{"_ZdaPv", (void (*)(void))hook_free},
	{"_ZdlPvm", (void (*)(void))hook_delete_sized},
	{"_ZdaPvm", (void (*)(void))hook_delete_sized},
};

void *
weir__ledger_hook(const char *name)
{
	void *hook = NULL;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (strcmp(hooks[i].name, name) == 0)
			memcpy(&hook, &hooks[i].hook, sizeof(hook));
	return hook;
}
