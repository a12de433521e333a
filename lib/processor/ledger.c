/*
 * What callbacks allocate and do not free.
 *
 * Knows ELF: a plugin's calls of malloc and its like go through a table of addresses, and
 * those of one plugin alone are replaced there, so that nothing else in the process is
 * slower. Blocks are kept in a hash table by address. Any thread; one lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <base/alloc.h>
#include <processor/ledger.h>

_Thread_local struct weir_ledger_user weir__ledger_user;

struct block {
	const void *address;
	size_t bytes;
	struct weir_ledger_user user;
	struct block *next;
};

#define CHAINS 65536
static struct block *chains[CHAINS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct block **
chain_of(const void *address)
{
	return &chains[((uintptr_t)address >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 48];
}

void
weir__ledger_add(void *address, size_t bytes)
{
	struct block **chain = chain_of(address), *block;

	if (!address || !weir__ledger_user.owner)
		return;
	block = weir__alloc(sizeof(*block));
	*block = (struct block){address, bytes, weir__ledger_user, NULL};
	pthread_mutex_lock(&lock);
	block->next = *chain;
	*chain = block;
	pthread_mutex_unlock(&lock);
}

void
weir__ledger_remove(void *address)
{
	struct block **link, *found;

	pthread_mutex_lock(&lock);
	for (link = chain_of(address); *link && (*link)->address != address;)
		link = &(*link)->next;
	found = *link;
	if (found)
		*link = found->next;
	pthread_mutex_unlock(&lock);
	free(found);
}

void
weir__ledger_settle(const void *owner, struct weir_ledger_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < CHAINS; i++) {
		struct block **link = &chains[i];

		while (*link) {
			struct block *block = *link;

			if (block->user.owner != owner) {
				link = &block->next;
				continue;
			}
			sum->blocks[block->user.callback]++;
			sum->bytes[block->user.callback] += block->bytes;
			*link = block->next;
			free(block);
		}
	}
	pthread_mutex_unlock(&lock);
}

/* ---- a plugin's table of addresses ---- */

/* Where the linker read-protected the table after it had filled it, rights come first. */
static void
replace(void **slot, void *hook)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *start = (void *)((uintptr_t)slot & ~(page - 1));

	if (*slot != hook && mprotect(start, page, PROT_READ | PROT_WRITE) == 0)
		*slot = hook;
}

struct relocations {
	const ElfW(Rela) *rows;
	size_t bytes;
};

static void
hook_rows(const struct link_map *map, const struct relocations *table,
	  const ElfW(Sym) *symbols, const char *names)
{
	for (size_t i = 0; i < table->bytes / sizeof(*table->rows); i++) {
		const ElfW(Rela) *row = &table->rows[i];
		/* the upper half, as in all 64-bit ELF; 0: it names no symbol */
		const ElfW(Sym) *symbol = &symbols[row->r_info >> 32];
		void *hook = row->r_info >> 32 && !row->r_addend
				     ? weir__ledger_hook(names + symbol->st_name)
				     : NULL;

		if (hook)
			replace((void **)(map->l_addr + row->r_offset), hook);
	}
}

void
weir__ledger_watch(void *handle)
{
	struct relocations tables[2] = {{0}};
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;
	struct link_map *map;

	if (sizeof(void *) != 8 || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
		return;
	for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			symbols = (const void *)entry->d_un.d_ptr;
		else if (entry->d_tag == DT_STRTAB)
			names = (const void *)entry->d_un.d_ptr;
		else if (entry->d_tag == DT_RELA)
			tables[0].rows = (const void *)entry->d_un.d_ptr;
		else if (entry->d_tag == DT_RELASZ)
			tables[0].bytes = entry->d_un.d_val;
		else if (entry->d_tag == DT_JMPREL)
			tables[1].rows = (const void *)entry->d_un.d_ptr;
		else if (entry->d_tag == DT_PLTRELSZ)
			tables[1].bytes = entry->d_un.d_val;
	}
	for (size_t i = 0; symbols && names && i < 2; i++)
		if (tables[i].rows)
			hook_rows(map, &tables[i], symbols, names);
}
