/*
 * Faults of the embedded broker: which of them each operation can show, and those that
 * end an operation before it happens. The others are carried out where the operation is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <broker/memory_private.h>

#define BIT(fault) (1u << (fault))
#define AGAIN BIT(WEIR_MEMORY_FAIL_AGAIN)
#define ABORT BIT(WEIR_MEMORY_FAIL_ABORT)
#define FATAL BIT(WEIR_MEMORY_FAIL_FATAL)
#define DONE BIT(WEIR_MEMORY_UNKNOWN_DONE)
#define NOT BIT(WEIR_MEMORY_UNKNOWN_NOT)
#define LATE BIT(WEIR_MEMORY_UNKNOWN_LATE)
#define TAINT BIT(WEIR_MEMORY_TAINT)
#define DELIVERY (BIT(WEIR_MEMORY_LOSE_DELIVERY) | BIT(WEIR_MEMORY_REFUSE_SIZE))

/* DONE where UNKNOWN is no answer of the operation: it happens, AGAIN is answered */
static const unsigned shown[] = {
	[WEIR_MEMORY_INIT] = AGAIN | FATAL | DONE,
	[WEIR_MEMORY_SUBSCRIBE] = FATAL,
	[WEIR_MEMORY_POLL] = AGAIN | FATAL,
	[WEIR_MEMORY_ANSWER] = FATAL,
	[WEIR_MEMORY_REWIND] = AGAIN | FATAL,
	[WEIR_MEMORY_BEGIN] = FATAL | NOT,
	[WEIR_MEMORY_SEND] = AGAIN | ABORT | FATAL | DONE | NOT | LATE | TAINT | DELIVERY,
	[WEIR_MEMORY_COMMIT] = AGAIN | ABORT | FATAL | DONE | NOT | LATE | TAINT,
	[WEIR_MEMORY_ABORT] = AGAIN | FATAL | DONE | NOT | LATE | TAINT,
	[WEIR_MEMORY_FLUSH] = AGAIN | FATAL,
	[WEIR_MEMORY_COMMIT_OFFSETS] = AGAIN | ABORT | FATAL | DONE,
	[WEIR_MEMORY_COMMITTED] = AGAIN | FATAL,
	[WEIR_MEMORY_RANGE] = AGAIN | FATAL,
	[WEIR_MEMORY_REPLACE] = FATAL,
};

enum weir_memory_fault
weir__memory_fault_ask(const struct weir_memory_session *session, enum weir_memory_op op)
{
	const struct weir_memory *memory = session->memory;
	enum weir_memory_fault fault;

	if (!memory->fault)
		return WEIR_MEMORY_NO_FAULT;
	fault = memory->fault(memory->fault_opaque, session->name, op);
	if (shown[op] & BIT(fault))
		return fault;
	if (!(BIT(fault) & (DONE | NOT | LATE)))
		return WEIR_MEMORY_NO_FAULT;
	if (shown[op] & NOT)
		return WEIR_MEMORY_UNKNOWN_NOT;
	return shown[op] & AGAIN ? WEIR_MEMORY_FAIL_AGAIN : WEIR_MEMORY_NO_FAULT;
}

bool
weir__memory_fault_stops(enum weir_memory_fault fault, enum weir_outcome *outcome,
			 struct weir_error *error)
{
	switch (fault) {
	case WEIR_MEMORY_FAIL_AGAIN:
		*outcome = WEIR_AGAIN;
		return true;
	case WEIR_MEMORY_FAIL_ABORT:
		*outcome = WEIR_ABORT;
		weir_error_set(error, WEIR_EBROKER, "fault: the batch must be aborted");
		return true;
	case WEIR_MEMORY_FAIL_FATAL:
		*outcome = WEIR_FATAL;
		weir_error_set(error, WEIR_EBROKER, "fault: the cluster failed for good");
		return true;
	default:
		return false;
	}
}
