/*
 * The address space of an LMDB environment, and when there is to be more of it.
 *
 * Knows that LMDB's map grows only while no transaction is open, and that LMDB gives the old
 * map up before it asks for the new one: where that fails nothing is mapped any more, and
 * whoever touched it would crash. So would who writes to LMDB's lock file, which is mapped
 * too, when the disk has no room for its pages. The worker's thread; a table's feeding thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <state/store_private.h>

/* A row of 64 bytes for each reader, and a few for itself: more than LMDB 0.9 takes. */
#define LOCK_BYTES ((WEIR_MOST_READERS + 64) * 64)

/* May as much again be mapped? */
static bool
is_free(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_NONE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return map != MAP_FAILED && munmap(map, bytes) == 0;
}

/* Twice as large; or as it is, where there is no address space. */
static void
grow(struct weir_state *state)
{
	int code = ENOMEM;

	if (is_free(state->map_bytes)) {
		code = mdb_env_set_mapsize(state->env, 2 * state->map_bytes);
		if (!code) {
			state->map_bytes *= 2;
			return;
		}
		/* somebody else took it meanwhile: it has to be opened anew */
		mdb_env_close(state->env);
		state->env = NULL;
	}
	weir__log(state->config.logger, WEIR_LOG_WARNING,
	          "store cannot grow folder=%s bytes=%zu reason=\"%s\"", state->folder,
	          2 * state->map_bytes, mdb_strerror(code));
}

/* Each changed page is copied once a transaction, and a branch above it. */
static bool
lacks_room(const struct weir_state *state)
{
	MDB_envinfo info;
	MDB_stat stat;
	size_t used;

	mdb_env_info(state->env, &info);
	mdb_env_stat(state->env, &stat);
	used = (info.me_last_pgno + 1) * stat.ms_psize;
	return state->wants_room || used + 4 * state->config.batch_bytes > state->map_bytes;
}

void
weir__map_make_room(struct weir_state *state)
{
	/* one who looked and was killed would keep old pages for ever */
	mdb_reader_check(state->env, NULL);
	if (!state->config.is_table && lacks_room(state))
		weir__state_grow(state);
}

bool
weir__state_lacks_room(struct weir_state *state)
{
	return !state->txn && !state->broken && lacks_room(state);
}

void
weir__state_grow(struct weir_state *state)
{
	grow(state);
	state->wants_room = false;
	state->broken = state->broken || !state->env;
}

int
weir__map_fit(struct weir_state *state)
{
	MDB_envinfo info;
	size_t before = 0;

	mdb_env_info(state->env, &info);
	state->map_bytes = info.me_mapsize;
	while (state->env && state->map_bytes > before && lacks_room(state)) {
		before = state->map_bytes;
		grow(state);
		state->wants_room = false;
	}
	return state->env ? 0 : ENOMEM;
}

int
weir__map_reserve_lock(const struct weir_state *state)
{
	char *path = weir__format("%s/lock.mdb", state->folder);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int code = fd < 0 ? errno : posix_fallocate(fd, 0, LOCK_BYTES);

	if (fd >= 0)
		close(fd);
	free(path);
	return code;
}

const char *
weir__map_strerror(int code)
{
	return code == EIO ? "Input/output error, or the disk is full" : mdb_strerror(code);
}
