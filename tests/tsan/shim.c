/*
 * C11 threads over POSIX threads, for builds with ThreadSanitizer.
 *
 * librdkafka starts and locks by glibc's thrd_*, mtx_*, cnd_* and call_once, which the
 * ThreadSanitizer of gcc 12 and clang 14 does not know: it crashes at the first handle, and
 * would see no lock. These take their place (the program exports them, and a program's
 * symbols come first) and call what it does know. glibc's C11 and POSIX types are of one
 * layout, which is asserted. Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define SHIM __attribute__((visibility("default")))

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mutex fits");
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "condition fits");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thread is one");
static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "once flag is one");

struct start {
	thrd_start_t function;
	void *argument;
};

static int
result(int error)
{
	switch (error) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

static void *
run(void *opaque)
{
	struct start start = *(struct start *)opaque;

	free(opaque);
	return (void *)(intptr_t)start.function(start.argument);
}

SHIM int
thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	struct start *start = malloc(sizeof(*start));
	int error;

	if (!start)
		return thrd_nomem;
	*start = (struct start){.function = function, .argument = argument};
	error = pthread_create(thread, NULL, run, start);
	if (error)
		free(start);
	return result(error);
}

SHIM int
thrd_join(thrd_t thread, int *status)
{
	void *value;
	int error = pthread_join(thread, &value);

	if (!error && status)
		*status = (int)(intptr_t)value;
	return result(error);
}

SHIM int
thrd_detach(thrd_t thread)
{
	return result(pthread_detach(thread));
}

SHIM thrd_t
thrd_current(void)
{
	return pthread_self();
}

SHIM int
mtx_init(mtx_t *mutex, int type)
{
	pthread_mutexattr_t attributes;
	int error;

	pthread_mutexattr_init(&attributes);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	error = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return result(error);
}

SHIM void
mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

SHIM int
mtx_lock(mtx_t *mutex)
{
	return result(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

SHIM int
mtx_trylock(mtx_t *mutex)
{
	return result(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

SHIM int
mtx_unlock(mtx_t *mutex)
{
	return result(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

SHIM int
cnd_init(cnd_t *condition)
{
	return result(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

SHIM void
cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

SHIM int
cnd_signal(cnd_t *condition)
{
	return result(pthread_cond_signal((pthread_cond_t *)condition));
}

SHIM int
cnd_broadcast(cnd_t *condition)
{
	return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

SHIM int
cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

SHIM int
cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
              const struct timespec *restrict until)
{
	return result(pthread_cond_timedwait((pthread_cond_t *)condition,
	                                     (pthread_mutex_t *)mutex, until));
}

SHIM void
call_once(once_flag *flag, void (*function)(void))
{
	pthread_once((pthread_once_t *)flag, function);
}
