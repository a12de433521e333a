/*
 * A proxy between clients and the brokers of a cluster that was started with "--proxied":
 * what happens to a network happens here, on loopback, when a test says so.
 *
 * It changes nothing of what it forwards, and understands of it what a bystander can:
 * whose a request is (client.id), of which kind, and which answer belongs to it. So it
 * also knows what each client is in the middle of, which is how a fault finds what it is
 * meant to hit.
 *
 *   struct proxy *proxy = proxy_open(cluster_bootstrap(cluster));
 *   proxy_hold(proxy);                     nothing is forwarded ...
 *   if (proxy_client(proxy, "one").transaction)
 *           kill(pid, SIGKILL);            ... so that this is still so
 *   proxy_go_on(proxy);
 *
 * A thread of its own, so it is opened in the test and not before a fork. All calls are
 * from one other thread at a time. Brokers are counted from 1; 0 stands for all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_PROXY_H
#define WEIR_TESTS_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#define PROXY_ALL 0
#define PROXY_SHOWN                                                                      \
	50 /* `kafka start --proxied` shows clients this much above the port */

/* Kinds of requests (Kafka's protocol). */
enum proxy_api {
	PROXY_PRODUCE = 0,
	PROXY_FETCH = 1,
	PROXY_METADATA = 3,
	PROXY_OFFSET_COMMIT = 8,
	PROXY_JOIN_GROUP = 11,
	PROXY_HEARTBEAT = 12,
	PROXY_SYNC_GROUP = 14,
	PROXY_INIT_PRODUCER_ID = 22,
	PROXY_ADD_PARTITIONS_TO_TXN = 24,
	PROXY_ADD_OFFSETS_TO_TXN = 25,
	PROXY_END_TXN = 26,
	PROXY_TXN_OFFSET_COMMIT = 28,
	PROXY_COMMIT_TXN = 127, /* no kind of Kafka's: an EndTxn that commits */
	PROXY_APIS = 128
};

struct proxy;

/*
 * Listen at each address of `bootstrap` (HOST:PORT,...), in front of what listens
 * PROXY_SHOWN below. Ends the process when it cannot: never NULL.
 */
struct proxy *proxy_open(const char *bootstrap);
void proxy_close(struct proxy *proxy); /* cuts everything; NULL is fine */

/* ---- the network ---- */

/* Cut the connections there are. */
void proxy_cut(struct proxy *proxy, int broker);
/* Refuse new ones. */
void proxy_refuse(struct proxy *proxy, int broker, bool on);
/* Take connections, but forward nothing. */
void proxy_stall(struct proxy *proxy, int broker, bool on);
/* Forward everything this much later, both ways, in order. */
void proxy_delay(struct proxy *proxy, int broker, int ms);
/* End what refuse, stall and delay began; what was caught is let go. */
void proxy_heal(struct proxy *proxy);

/* ---- one request ---- */

enum proxy_way {
	PROXY_KEEP,         /* hold it back, and all that follows on its connection */
	PROXY_KEEP_AND_CUT, /* hold it back, and cut the client off: it tries again */
	PROXY_DROP, /* no broker ever gets it, nor what follows; cut when released */
	PROXY_LOSE_ANSWER,  /* forward it, but not its answer, nor any later one */
	PROXY_CUT_BEHIND /* forward it, then cut the client off: nobody tells it more */
};

/* Catch the next request of this kind, of this client.id (NULL: anybody's). */
void proxy_catch(struct proxy *proxy, enum proxy_api api, const char *client,
		 enum proxy_way way);
/* Has it come? */
bool proxy_caught(struct proxy *proxy);
/* Forward what was held back, cut what was dropped; catch nothing any more. */
void proxy_release(struct proxy *proxy);
/* The broker's answer to what was caught; its code if it is an EndTxn. False: not yet. */
bool proxy_answered(struct proxy *proxy, int *code);

/* ---- what clients are doing ---- */

struct proxy_client {
	int connections;
	bool transaction;      /* one is open */
	bool commit;           /* an EndTxn that commits, or OffsetCommit, is under way */
	bool rebalance;        /* it has asked to join, and has no assignment yet */
	bool uncommitted;      /* it has produced since its last OffsetCommit */
	int producing;         /* Produce requests under way */
	unsigned produced;     /* Produce requests answered since the transaction began */
	unsigned transactions; /* ended, committed or aborted */
	unsigned inits;        /* InitProducerId answered: producers, new or anew */
	int broker[PROXY_APIS]; /* to whom the last request of a kind went; 0: to nobody
				 */
};

/* A client.id as it is now; all zero if it is not known. */
struct proxy_client proxy_client(struct proxy *proxy, const char *id);

/* The process of that name is gone: what was under way is nobody's. */
void proxy_forget(struct proxy *proxy, const char *id);

/* Between these two nothing is forwarded, so what is known of clients stays true. */
void proxy_hold(struct proxy *proxy);
void proxy_go_on(struct proxy *proxy);

#endif
