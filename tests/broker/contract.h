/*
 * The contract of broker.h as a suite that runs over any implementation: its cases use
 * that interface alone. A fixture opens the broker and lets time pass.
 *
 *   static const struct weir_contract_fixture fixture = { ... };
 *   int main(void) { return weir_test_run(weir_contract_suite(&fixture)); }
 *
 * Below the fixture are the helpers that the cases share. They fail the test themselves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_BROKER_CONTRACT_H
#define WEIR_TESTS_BROKER_CONTRACT_H

#include <base/alloc.h>
#include <broker/broker.h>

#include "tests/harness.h"

struct weir_contract_fixture {
	const char *name;
	int slice_ms;               /* what one call may wait */
	int patience_ms;            /* how long a loop of such calls goes on before it fails */
	int64_t session_timeout_ms; /* of members: small, but what the broker takes */
	double case_timeout_s;      /* of libcheck; 0: its default */
	/* Open a broker; called in the test's own process. Fails the test itself. */
	struct weir_broker *(*open)(void);
	void (*close)(struct weir_broker *broker);
	/* A call came to nothing: let time pass. NULL: the call itself has waited. */
	void (*idle)(int ms);
	/* Let that much time pass (sleep, or move a virtual clock). */
	void (*pass)(int64_t ms);
	/* Drop records below `offset`. NULL: cannot be done, its cases are left out. */
	void (*delete_records)(const char *topic, int32_t partition, int64_t offset);
};

/* All cases over this fixture, which outlives the suite. */
Suite *weir_contract_suite(const struct weir_contract_fixture *fixture);

/* ---- for the cases ---- */

/* The running test's fixture and broker. */
struct contract {
	const struct weir_contract_fixture *fixture;
	struct weir_broker *broker;
	struct weir_arena arena; /* what lives as long as the test */
	struct weir_error error; /* of the last EXPECT or WAIT */
	int names;
};
extern struct contract contract;

void contract_idle(void);

/*
 * Repeat a call while it answers AGAIN, as long as the fixture's patience lasts. Calls take
 * ERROR, which these reset.
 */
#define WAIT(call)                                                                         \
	({                                                                                 \
		contract.error = (struct weir_error){0};                                   \
		enum weir_outcome outcome_ = (call);                                       \
		for (int waited_ = 0; outcome_ == WEIR_AGAIN &&                            \
		                      waited_ < contract.fixture->patience_ms;             \
		     waited_ += contract.fixture->slice_ms) {                              \
			contract_idle();                                                   \
			outcome_ = (call);                                                 \
		}                                                                          \
		outcome_;                                                                  \
	})

#define EXPECT(wanted, call)                                                               \
	do {                                                                               \
		enum weir_outcome got_ = WAIT(call);                                       \
		ck_assert_msg(got_ == (wanted), "%s: %s, not %s (%s)", #call,              \
		              weir__outcome_name(got_), weir__outcome_name(wanted),        \
		              contract.error.message);                                     \
	} while (0)

#define SLICE (contract.fixture->slice_ms)
#define ERROR (&contract.error)

/* A name that no other test uses. Lives as long as the test. */
const char *contract_name(const char *what);
/* Make a topic of that many partitions. */
const char *contract_topic(int32_t partitions);
/* The same under a name that was given; there when this returns. */
void contract_create(const char *topic, int32_t partitions);

/* A session that only produces; init is done. `id` and `group` may be NULL. */
struct weir_session *contract_producer(const char *id, const char *group, const char *topic);

/* Send a value without a key, or with one, to output 0. */
void contract_send(struct weir_session *session, const char *value);
void contract_send_key(struct weir_session *session, const char *key, const char *value);
/* Begin, send the values of a list ("a,b"), commit without offsets. */
void contract_produce(struct weir_session *session, const char *values);
/* Produce a list without transactions, with a session of its own. */
void contract_fill(const char *topic, const char *values);

/*
 * Read partition `partition` from `from` to its end: the values as a list, "a,b". *end is
 * the position of its END (may be NULL).
 */
const char *contract_read(const char *topic, int32_t partition, int64_t from, bool committed,
                          int64_t *end);
/* The reader's next event that is not IDLE (or fail). */
enum weir_event_type contract_reader_until(struct weir_reader *reader, struct weir_offset *place,
                                           struct weir_message *message);
/* Read it again until the list is `values` and the end is the high watermark. */
void contract_expect(const char *topic, int32_t partition, bool committed, const char *values);

int64_t contract_high(const char *topic, int32_t partition);
/* The group's committed offset, once it is stable. */
int64_t contract_committed(const char *group, const char *topic, int32_t partition);

/* A member of a group, driven turn by turn. */
struct contract_member {
	struct weir_session *session;
	struct weir_buffer values;      /* of all records: "a,b," */
	struct weir_partition *partitions[16];
	size_t partition_count;
	int64_t next[16];               /* by partition id: behind the last record */
	int assigned, revoked, lost;    /* events answered */
	size_t records, ends;
	int64_t ended_at;               /* offset of the last END */
	bool hold;                      /* leave REVOKED unanswered */
	bool commit_on_revoke;          /* commit offsets alone before answering */
	const char *input;
	struct weir_event event;        /* the last one */
};

/* Open, init, subscribe. `instance`, `id` and `output` may be NULL. */
void contract_member_open(struct contract_member *member, const char *group,
                          const char *instance, const char *id, const char *input,
                          const char *output);
/* Poll once and answer: a new partition starts at its committed offset, or at 0. */
enum weir_event_type contract_member_turn(struct contract_member *member);
/* Take turns until an event of this type has come (or fail). */
void contract_member_until(struct contract_member *member, enum weir_event_type type);
/* The next record's value, until the next turn (or fail). */
const char *contract_member_next(struct contract_member *member);
void contract_member_close(struct contract_member *member);

/* Each adds the cases of its file. */
void contract_add_transactions(Suite *suite, TCase *(*new_case)(Suite *, const char *));
void contract_add_groups(Suite *suite, TCase *(*new_case)(Suite *, const char *));
void contract_add_places(Suite *suite, TCase *(*new_case)(Suite *, const char *));
void contract_add_records(Suite *suite, TCase *(*new_case)(Suite *, const char *));

#endif
