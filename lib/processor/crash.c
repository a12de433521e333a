/*
 * Says which step and record a crash happened in, or which plugin was being loaded, then lets
 * the crash go on. A plugin that calls exit() is named too, and ends the process as a failure:
 * who runs it would take the status 0 for a success.
 *
 * Knows signals and alternate stacks. Each thread keeps its place in thread-local memory,
 * written by the chain before it calls a processor; the handler reads that of the thread
 * it runs on and only calls what POSIX allows in a handler. Earlier handlers (a
 * sanitizer's) get the signal afterwards.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <base/loan.h>
#include <processor/step.h>

_Thread_local struct weir_place weir__thread_place = {NULL, NULL, 0, -1};

/* Room for the handler, also where the kernel saves very large register sets. */
#define STACK_BYTES (64 * 1024)
static _Thread_local char thread_stack[STACK_BYTES] __attribute__((aligned(64)));

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define SIGNAL_COUNT (sizeof(signals) / sizeof(signals[0]))
static struct sigaction earlier[SIGNAL_COUNT];
static atomic_bool installed;
static _Thread_local const char *volatile loading; /* a plugin file; NULL: none */
static pid_t own_pid; /* a child that a plugin forked may exit as it likes */

/* A line put together without stdio, cut at its size. */
struct line {
	char text[768];
	size_t size;
};

static void
add_text(struct line *line, const char *text)
{
	while (*text && line->size < sizeof(line->text) - 1)
		line->text[line->size++] = *text++;
}

static void
add_number(struct line *line, int64_t number)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + rest % 10);
	while (rest /= 10);
	if (number < 0)
		digits[--at] = '-';
	add_text(line, digits + at);
}

static void
add_record(struct line *line, const char *topic, int32_t partition, int64_t offset)
{
	add_text(line, topic);
	add_text(line, "[");
	add_number(line, partition);
	add_text(line, "]");
	if (offset < 0)
		return;
	add_text(line, "@");
	add_number(line, offset);
}

/* False: in no step. */
static bool
add_place(struct line *line, const struct weir_place *place)
{
	const char *step = atomic_load_explicit(&place->step, memory_order_relaxed);
	const char *topic = atomic_load_explicit(&place->topic, memory_order_relaxed);
	int64_t offset = atomic_load_explicit(&place->offset, memory_order_relaxed);

	if (!step)
		return false;
	add_text(line, "step ");
	add_text(line, step);
	if (!topic)
		return true;
	add_text(line, " at ");
	add_record(line, topic,
		   atomic_load_explicit(&place->partition, memory_order_relaxed), offset);
	return true;
}

/* Was it what a callback had borrowed? With debug_plugins that faults. */
static void
add_loan(struct line *line, const void *address)
{
	struct weir_lent_place lent;

	if (!weir__loan_find(address, &lent))
		return;
	add_text(line, ": it used what step ");
	add_text(line, lent.step);
	add_text(line, " had borrowed until its callback");
	if (lent.offset >= 0) {
		add_text(line, " for ");
		add_record(line, lent.topic, lent.partition, lent.offset);
	}
	add_text(line, " returned");
	if (lent.until_write)
		add_text(line, " or wrote to a store");
}

static void
write_line(int fd, const struct line *line)
{
	size_t done = 0;

	while (done < line->size) {
		ssize_t count = write(fd, line->text + done, line->size - done);

		if (count > 0)
			done += (size_t)count;
		else if (count == 0 || errno != EINTR)
			return;
	}
}

void
weir__chain_crash_print(int fd)
{
	struct line line;

	line.size = 0;
	if (add_place(&line, &weir__thread_place))
		write_line(fd, &line);
}

const struct weir_place *
weir__chain_place(void)
{
	return &weir__thread_place;
}

bool
weir__chain_place_print(const struct weir_place *place, char *text, size_t size)
{
	struct line line;

	line.size = 0;
	if (!add_place(&line, place))
		return false;
	if (line.size >= size)
		line.size = size - 1;
	memcpy(text, line.text, line.size);
	text[line.size] = '\0';
	return true;
}

static const char *
signal_name(int number)
{
	switch (number) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGILL:
		return "SIGILL";
	case SIGFPE:
		return "SIGFPE";
	default:
		return "SIGABRT";
	}
}

/*
 * Give the signal to whoever had it before us; it arrives when this handler returns. What
 * the processor faulted by happens again then, with the address that a report or a core
 * file is to show. What was sent (by abort(), by kill) has to be sent again.
 */
static void
pass_on(int number, const siginfo_t *info)
{
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		if (signals[i] == number)
			sigaction(number, &earlier[i], NULL);
	if (info->si_code <= 0)
		raise(number);
}

static void
add_loading(struct line *line)
{
	add_text(line, "while loading ");
	add_text(line, loading);
}

static void
handle(int number, siginfo_t *info, void *context)
{
	struct line line;
	int saved_errno = errno;

	(void)context;
	line.size = 0;
	add_text(&line, "weir: crashed (");
	add_text(&line, signal_name(number));
	add_text(&line, loading ? ") " : ") in ");
	if (loading)
		add_loading(&line);
	else if (add_place(&line, &weir__thread_place) && number == SIGSEGV)
		add_loan(&line, info->si_addr);
	add_text(&line, "\n");
	if (loading || weir__place_step_now())
		write_line(STDERR_FILENO, &line);
	pass_on(number, info);
	errno = saved_errno;
}

/* On the thread that called exit(): only there it can be in a plugin's code. */
static void
refuse_exit(void)
{
	struct line line;

	if (getpid() != own_pid || (!loading && !weir__place_step_now()))
		return;
	line.size = 0;
	add_text(&line, "weir: ");
	if (!loading)
		add_place(&line, &weir__thread_place);
	add_text(&line, loading ? "called exit() " : " called exit()");
	if (loading)
		add_loading(&line);
	add_text(&line, "\n");
	fflush(stdout);
	write_line(STDERR_FILENO, &line);
	_exit(1);
}

void
weir__crash_loading(const char *path)
{
	loading = path;
}

void
weir__crash_thread(void)
{
	stack_t stack;

	if (!atomic_load(&installed) || sigaltstack(NULL, &stack) != 0)
		return;
	if (!(stack.ss_flags & SS_DISABLE))
		return; /* a sanitizer's, or the program's own */
	memset(&stack, 0, sizeof(stack));
	stack.ss_sp = thread_stack;
	stack.ss_size = sizeof(thread_stack);
	sigaltstack(&stack, NULL);
}

void
weir__chain_crash_handlers(void)
{
	struct sigaction action;

	if (atomic_exchange(&installed, true))
		return;
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle;
	action.sa_flags = SA_ONSTACK | SA_SIGINFO;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &action, &earlier[i]);
	own_pid = getpid();
	atexit(refuse_exit);
	weir__crash_thread();
}
