/*
 * JSON that is lent.
 *
 * A record's parsed value is put into one piece of the callback's loan, so that a kept
 * pointer into it faults like one into its bytes; what a processor makes itself goes to the
 * ledger. Knows that jansson has one set of functions for the whole process. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/loan.h>
#include <processor/json_loan.h>
#include <processor/ledger.h>

/* A number of two bytes takes 32, an object of three ("{},") some 300. */
#define BYTES_FOR_ONE 256
#define BYTES_AT_LEAST 65536

/* Where the values of the current loan are; one after the other, never given back. */
struct pool {
	char *start;
	size_t used, size;
	bool is_open;
};
static _Thread_local struct pool pool;

static json_malloc_t earlier_malloc;
static json_free_t earlier_free;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void *
allocate(size_t size)
{
	size_t bytes = (size + 15) & ~(size_t)15;
	void *block;

	if (pool.is_open && bytes <= pool.size - pool.used) {
		block = pool.start + pool.used;
		pool.used += bytes;
		return block;
	}
	block = earlier_malloc(size);
	if (!pool.is_open)
		weir__ledger_add(block, size);
	return block;
}

/* Memory of a loan is not to be freed: only weir itself gets here while it is open. */
static void
release(void *block)
{
	if (!block || weir__loan_has(block))
		return;
	weir__ledger_remove(block);
	earlier_free(block);
}

static void
install(void)
{
	json_get_alloc_funcs(&earlier_malloc, &earlier_free);
	json_set_alloc_funcs(allocate, release);
}

void
weir__json_loan_install(void)
{
	pthread_once(&once, install);
}

void
weir__json_loan_begin(size_t text_bytes)
{
	if (!weir__loan)
		return;
	pool.size = BYTES_AT_LEAST + text_bytes * BYTES_FOR_ONE;
	pool.start = weir__loan_alloc(pool.size);
	pool.used = 0;
	pool.is_open = true;
}

void
weir__json_loan_end(void)
{
	pool.is_open = false;
}
