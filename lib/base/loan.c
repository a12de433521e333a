/*
 * Memory that is lent for one callback.
 *
 * Each piece is a mapping of its own, which loses all rights when the loan ends. The last
 * few thousand stay mapped like that, so that whoever kept a pointer faults, and the crash
 * handler finds out what it was. Any thread; a lock around the list, which the handler reads
 * without.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <base/loan.h>

#define REMEMBERED 4096

struct weir_lent {
	char *start; /* NULL: not used yet */
	size_t size;
	bool is_open;
	struct weir_lent_place place;
	struct weir_lent *next; /* of the same loan */
};

_Thread_local struct weir_loan *weir__loan;

static struct weir_lent all[REMEMBERED];
static size_t oldest, open_until_write;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void
weir__loan_open(struct weir_loan *loan)
{
	loan->items = NULL;
	loan->outer = weir__loan;
	weir__loan = loan;
}

/* The place of the one that ended longest ago. With all of them open: none. */
static struct weir_lent *
take_place(void)
{
	for (size_t tries = 0; tries < REMEMBERED; tries++) {
		struct weir_lent *lent = &all[oldest];

		oldest = (oldest + 1) % REMEMBERED;
		if (lent->is_open)
			continue;
		if (lent->start)
			munmap(lent->start, lent->size);
		lent->start = NULL;
		return lent;
	}
	return NULL;
}

static struct weir_lent *
lend(size_t size, bool until_write)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct weir_loan *loan = weir__loan;
	struct weir_lent *lent;

	assert(loan);
	size = (size / page + 1) * page;
	pthread_mutex_lock(&lock);
	lent = take_place();
	assert(lent); /* a few for each step at most, and a bounded number of store's values */
	lent->start = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(lent->start != MAP_FAILED);
	lent->size = size;
	lent->is_open = true;
	open_until_write += until_write;
	lent->place = (struct weir_lent_place){loan->step, loan->topic, loan->partition,
					       loan->offset, until_write};
	lent->next = loan->items;
	loan->items = lent;
	pthread_mutex_unlock(&lock);
	return lent;
}

static void
take_back(struct weir_lent *lent)
{
	mprotect(lent->start, lent->size, PROT_NONE);
	madvise(lent->start, lent->size, MADV_DONTNEED);
	lent->is_open = false;
	open_until_write -= lent->place.until_write;
}

void
weir__loan_close(void)
{
	struct weir_loan *loan = weir__loan;

	pthread_mutex_lock(&lock);
	for (struct weir_lent *lent = loan->items; lent; lent = lent->next)
		take_back(lent);
	pthread_mutex_unlock(&lock);
	weir__loan = loan->outer;
}

/* Also those of the outer callbacks: their steps are told that any write ends it. */
void
weir__loan_recall(void)
{
	if (!weir__loan)
		return;
	pthread_mutex_lock(&lock);
	for (struct weir_loan *loan = weir__loan; loan; loan = loan->outer) {
		struct weir_lent **link = &loan->items;

		while (*link) {
			struct weir_lent *lent = *link;

			if (!lent->place.until_write) {
				link = &lent->next;
				continue;
			}
			*link = lent->next;
			take_back(lent);
		}
	}
	pthread_mutex_unlock(&lock);
}

void *
weir__loan_alloc(size_t reserved)
{
	return lend(reserved, false)->start;
}

struct weir_bytes
weir__loan_copy(struct weir_bytes bytes, bool until_write)
{
	bool is_full;
	char *copy;

	pthread_mutex_lock(&lock);
	is_full = until_write && open_until_write >= REMEMBERED / 2;
	pthread_mutex_unlock(&lock);
	if (!bytes.data || is_full) /* full: a walk through a large store */
		return bytes;
	copy = lend(bytes.size, until_write)->start;
	memcpy(copy, bytes.data, bytes.size);
	return (struct weir_bytes){copy, bytes.size};
}

static const struct weir_lent *
find(const void *address, bool is_open)
{
	const char *at = address;

	for (size_t i = 0; i < REMEMBERED; i++) {
		const struct weir_lent *lent = &all[i];

		if (lent->start && lent->is_open == is_open && at >= lent->start &&
		    at < lent->start + lent->size)
			return lent;
	}
	return NULL;
}

bool
weir__loan_has(const void *address)
{
	bool has;

	pthread_mutex_lock(&lock);
	has = find(address, true) != NULL;
	pthread_mutex_unlock(&lock);
	return has;
}

bool
weir__loan_find(const void *address, struct weir_lent_place *place)
{
	const struct weir_lent *lent = find(address, false);

	if (lent)
		*place = lent->place;
	return lent != NULL;
}
