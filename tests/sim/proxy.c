/*
 * Between a worker and the embedded broker. Here a process can die or stand still in the
 * middle of any call, before its effect or after it; what a dead one calls from then on
 * reaches nobody. Faults that the embedded broker itself shows are armed for one call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include <base/alloc.h>

#include "tests/sim/world.h"

/* A call under way. */
struct call {
	struct sim_proxy *proxy;
	enum weir_memory_op operation;
	struct sim_fault *fault; /* strikes after it; NULL: none */
	unsigned situation;
};

/* Others go on meanwhile; somebody may end this process. */
static void
stand_still(struct sim_process *process, int64_t ms)
{
	process->pauses++;
	sim_pass(process->world, ms);
	process->pauses--;
	sim_log(process->world, "%s goes on", process->name);
}

static void
arm(struct sim_world *world, enum weir_memory_op operation, enum sim_fault_kind kind)
{
	static const enum weir_memory_fault faults[SIM_FAULT_KINDS] = {
		[SIM_AGAIN] = WEIR_MEMORY_FAIL_AGAIN,
		[SIM_ABORT] = WEIR_MEMORY_FAIL_ABORT,
		[SIM_FATAL] = WEIR_MEMORY_FAIL_FATAL,
		[SIM_UNKNOWN_DONE] = WEIR_MEMORY_UNKNOWN_DONE,
		[SIM_UNKNOWN_NOT] = WEIR_MEMORY_UNKNOWN_NOT,
		[SIM_UNKNOWN_LATE] = WEIR_MEMORY_UNKNOWN_LATE,
		[SIM_TAINT] = WEIR_MEMORY_TAINT,
		[SIM_LOSE_DELIVERY] = WEIR_MEMORY_LOSE_DELIVERY,
		[SIM_REFUSE_SIZE] = WEIR_MEMORY_REFUSE_SIZE,
	};

	world->armed = faults[kind];
	world->armed_for = operation;
}

/* What the fault does before the effect of the call. */
static void
strike_before(struct call *call, struct sim_fault *fault)
{
	struct sim_process *process = call->proxy->process;
	struct sim_world *world = process->world;

	switch (fault->kind) {
	case SIM_CRASH_BEFORE:
		sim_process_kill(process);
		break;
	case SIM_PAUSE_BEFORE:
		stand_still(process, fault->ms);
		break;
	case SIM_REBALANCE_IN:
		weir__memory_rebalance(world->memory);
		break;
	case SIM_CRASH_AFTER:
	case SIM_PAUSE_AFTER:
		call->fault = fault;
		break;
	default:
		process->fatal |= fault->kind == SIM_FATAL;
		arm(world, call->operation, fault->kind);
		break;
	}
}

/* False: there is no answer, since the process is dead or the broker silent. */
static bool
enter(struct call *call, struct sim_proxy *proxy, enum weir_memory_op operation,
      bool can_wait)
{
	struct sim_process *process = proxy->process;
	struct sim_world *world = process->world;
	struct sim_fault *fault;

	*call = (struct call){.proxy = proxy, .operation = operation};
	if (process->dead)
		return false;
	if (operation == WEIR_MEMORY_COMMIT || operation == WEIR_MEMORY_COMMIT_OFFSETS)
		proxy->committing = true;
	if (can_wait && world->clock.now_ms < world->slow_to)
		return false;
	fault = sim_fault_in_call(world, operation, proxy);
	if (fault) {
		sim_log(world, "%s: %s in %s", process->name, sim_fault_name(fault->kind),
			sim_operation_name(operation));
		strike_before(call, fault);
	}
	return !process->dead;
}

static void
leave(struct call *call)
{
	struct sim_process *process = call->proxy->process;

	process->world->armed = WEIR_MEMORY_NO_FAULT;
	if (!call->fault || process->dead)
		return;
	if (call->fault->kind == SIM_CRASH_AFTER)
		sim_process_kill(process);
	else
		stand_still(process, call->fault->ms);
}

static enum weir_outcome
answered(struct call *call, enum weir_outcome outcome)
{
	struct sim_process *process = call->proxy->process;

	sim_log(process->world, "%s %s: %s", process->name,
		sim_operation_name(call->operation), weir__outcome_name(outcome));
	leave(call);
	return process->dead && outcome != WEIR_SUCCESS ? WEIR_AGAIN : outcome;
}

/* ---- the calls ---- */

#define PROXY(session) ((struct sim_proxy *)(session))

static enum weir_outcome
init(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_INIT, true))
		return WEIR_AGAIN;
	return answered(&call, weir__session_init(proxy->inner, timeout_ms, error));
}

/* What a dead process is told where no answer is not an answer. */
static enum weir_outcome
gone(struct weir_error *error)
{
	weir_error_set(error, WEIR_EBROKER, "this process is dead");
	return WEIR_FATAL;
}

static enum weir_outcome
subscribe(struct weir_session *session, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_SUBSCRIBE, false))
		return gone(error);
	return answered(&call, weir__session_subscribe(proxy->inner, error));
}

static void
poll(struct weir_session *session, int timeout_ms, struct weir_event *event)
{
	static const char *const names[] = {"idle",    "record", "end", "assigned",
					    "revoked", "lost",   "gap", "failed"};
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	*event = (struct weir_event){.type = WEIR_EVENT_IDLE};
	if (!enter(&call, proxy, WEIR_MEMORY_POLL, true))
		return;
	weir__session_poll(proxy->inner, timeout_ms, event);
	proxy->rebalancing = event->type == WEIR_EVENT_ASSIGNED ||
			     event->type == WEIR_EVENT_REVOKED ||
			     event->type == WEIR_EVENT_LOST;
	if (event->type == WEIR_EVENT_RECORD || event->type == WEIR_EVENT_END)
		sim_log(proxy->process->world, "%s poll: %s %s[%d]@%lld",
			proxy->process->name, names[event->type], event->partition->topic,
			(int)event->partition->id, (long long)event->offset);
	else if (event->type != WEIR_EVENT_IDLE)
		sim_log(proxy->process->world, "%s poll: %s (%zu)", proxy->process->name,
			names[event->type], event->partition_count);
	leave(&call);
}

static enum weir_outcome
answer(struct weir_session *session, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_ANSWER, false))
		return gone(error);
	proxy->rebalancing = false;
	return answered(&call, weir__session_answer(proxy->inner, error));
}

static void
pause_partition(struct weir_session *session, struct weir_partition *partition)
{
	if (!PROXY(session)->process->dead)
		weir__session_pause(PROXY(session)->inner, partition);
}

static void
resume_partition(struct weir_session *session, struct weir_partition *partition)
{
	if (!PROXY(session)->process->dead)
		weir__session_resume(PROXY(session)->inner, partition);
}

static enum weir_outcome
rewind_partition(struct weir_session *session, struct weir_partition *partition,
		 int64_t offset, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_REWIND, true))
		return WEIR_AGAIN;
	sim_log(proxy->process->world, "%s rewinds %s[%d] to %lld", proxy->process->name,
		partition->topic, (int)partition->id, (long long)offset);
	return answered(&call, weir__session_rewind(proxy->inner, partition, offset,
						    timeout_ms, error));
}

static enum weir_outcome
begin(struct weir_session *session, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;
	enum weir_outcome outcome;

	if (!enter(&call, proxy, WEIR_MEMORY_BEGIN, false))
		return gone(error);
	outcome = weir__session_begin(proxy->inner, error);
	proxy->in_hand |= outcome == WEIR_SUCCESS;
	return answered(&call, outcome);
}

static bool
is_of_no_record(uint64_t tag)
{
	uint64_t offset = tag & ((UINT64_C(1) << 48) - 1);

	return offset == (UINT64_C(1) << 48) - 1;
}

static enum weir_outcome
send_message(struct weir_session *session, int output, const struct weir_message *message,
	     uint64_t tag, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;
	enum weir_outcome outcome;

	if (!enter(&call, proxy, WEIR_MEMORY_SEND, true))
		return WEIR_AGAIN;
	/* with no record to reject, the app has to stop when its message is refused */
	if (proxy->process->world->armed == WEIR_MEMORY_REFUSE_SIZE &&
	    is_of_no_record(tag))
		proxy->process->fatal = true;
	outcome =
		weir__session_send(proxy->inner, output, message, tag, timeout_ms, error);
	proxy->in_hand |= outcome == WEIR_SUCCESS;
	return answered(&call, outcome);
}

static void
ended(struct sim_proxy *proxy, enum weir_outcome outcome)
{
	proxy->committing = outcome == WEIR_AGAIN;
	if (outcome == WEIR_SUCCESS || outcome == WEIR_TAINTED)
		proxy->in_hand = false;
}

static void
log_offsets(const struct sim_proxy *proxy, const struct weir_offset *offsets,
	    size_t count)
{
	for (size_t index = 0; index < count; index++)
		sim_log(proxy->process->world, "%s commits %s[%d] %lld",
			proxy->process->name, offsets[index].topic,
			(int)offsets[index].partition, (long long)offsets[index].offset);
}

static enum weir_outcome
commit(struct weir_session *session, const struct weir_offset *offsets, size_t count,
       int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;
	enum weir_outcome outcome;

	if (!enter(&call, proxy, WEIR_MEMORY_COMMIT, true))
		return WEIR_AGAIN;
	log_offsets(proxy, offsets, count);
	outcome = weir__session_commit(proxy->inner, offsets, count, timeout_ms, error);
	ended(proxy, outcome);
	return answered(&call, outcome);
}

static enum weir_outcome
commit_offsets(struct weir_session *session, const struct weir_offset *offsets,
	       size_t count, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;
	enum weir_outcome outcome;

	if (!enter(&call, proxy, WEIR_MEMORY_COMMIT_OFFSETS, true))
		return WEIR_AGAIN;
	log_offsets(proxy, offsets, count);
	outcome = weir__session_commit_offsets(proxy->inner, offsets, count, timeout_ms,
					       error);
	ended(proxy, outcome);
	return answered(&call, outcome);
}

static enum weir_outcome
abort_transaction(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;
	enum weir_outcome outcome;

	if (!enter(&call, proxy, WEIR_MEMORY_ABORT, true))
		return WEIR_AGAIN;
	outcome = weir__session_abort(proxy->inner, timeout_ms, error);
	ended(proxy, outcome);
	return answered(&call, outcome);
}

static enum weir_outcome
flush(struct weir_session *session, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_FLUSH, true))
		return WEIR_AGAIN;
	return answered(&call, weir__session_flush(proxy->inner, timeout_ms, error));
}

static size_t
failures(struct weir_session *session, struct weir_delivery_failure *failures_,
	 size_t max)
{
	if (PROXY(session)->process->dead)
		return 0;
	return weir__session_failures(PROXY(session)->inner, failures_, max);
}

static enum weir_outcome
committed(struct weir_session *session, struct weir_offset *offsets, size_t count,
	  int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_COMMITTED, true))
		return WEIR_AGAIN;
	return answered(&call, weir__session_committed(proxy->inner, offsets, count,
						       timeout_ms, error));
}

static enum weir_outcome
range(struct weir_session *session, const char *topic, int32_t partition, int64_t *low,
      int64_t *high, int timeout_ms, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_RANGE, true))
		return WEIR_AGAIN;
	return answered(&call, weir__session_range(proxy->inner, topic, partition, low,
						   high, timeout_ms, error));
}

static int64_t
delivered(struct weir_session *session, int output, int32_t partition)
{
	return weir__session_delivered(PROXY(session)->inner, output, partition);
}

static size_t
max_message_bytes(struct weir_session *session, int output)
{
	return weir__session_max_message_bytes(PROXY(session)->inner, output);
}

static enum weir_outcome
replace(struct weir_session *session, struct weir_error *error)
{
	struct sim_proxy *proxy = PROXY(session);
	struct call call;

	if (!enter(&call, proxy, WEIR_MEMORY_REPLACE, false))
		return gone(error);
	proxy->in_hand = proxy->committing = false;
	return answered(&call, weir__session_replace(proxy->inner, error));
}

static void
close_session(struct weir_session *session)
{
	struct sim_proxy *proxy = PROXY(session);

	if (proxy->process->dead)
		weir__memory_session_crash(proxy->inner);
	else
		weir__session_close(proxy->inner);
	free(proxy);
}

struct weir_session *
sim_proxy_open(struct sim_process *process, const struct weir_session_config *config,
	       struct weir_error *error)
{
	static const struct weir_session_ops ops = {
		.init = init,
		.subscribe = subscribe,
		.poll = poll,
		.answer = answer,
		.pause = pause_partition,
		.resume = resume_partition,
		.rewind = rewind_partition,
		.begin = begin,
		.send = send_message,
		.commit = commit,
		.abort = abort_transaction,
		.flush = flush,
		.failures = failures,
		.commit_offsets = commit_offsets,
		.committed = committed,
		.range = range,
		.delivered = delivered,
		.max_message_bytes = max_message_bytes,
		.replace = replace,
		.close = close_session,
	};
	struct weir_session *inner =
		weir__broker_session_open(process->world->broker, config, error);
	struct sim_proxy *proxy;

	if (!inner)
		return NULL;
	proxy = weir__calloc(1, sizeof(*proxy));
	proxy->session.ops = &ops;
	proxy->process = process;
	proxy->inner = inner;
	process->proxies[process->worker_count] = proxy;
	return &proxy->session;
}
