/*
 * The inside of the proxy: brokers, links, frames.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_PROXY_PRIVATE_H
#define WEIR_TESTS_PROXY_PRIVATE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>

#include "tests/proxy/proxy.h"

#define PROXY_MAX_BROKERS 9
#define PROXY_MAX_CLIENTS 64
#define PROXY_ID_SIZE 64

/* One request or answer, whole, with its length in front. */
struct proxy_frame {
	struct proxy_frame *next;
	int64_t due_ms;
	size_t size, sent;
	uint8_t bytes[];
};

/* One direction: what was read in part, and what waits to be written. */
struct proxy_pipe {
	int from, to;
	uint8_t *part;
	size_t part_size, part_capacity;
	struct proxy_frame *first, **end;
	bool ended; /* nothing more comes */
};

/* A request that waits for its answer. */
struct proxy_request {
	struct proxy_request *next;
	int32_t correlation;
	int16_t api, version;
	bool caught;
};

struct proxy_known {
	char id[PROXY_ID_SIZE];
	struct proxy_client state;
};

struct proxy_broker {
	int id;
	struct sockaddr_in shown, real;
	int listener; /* -1: refuses */
	bool refuses, stalls;
	int delay_ms;
};

/* A client's connection, and ours to the broker. */
struct proxy_link {
	struct proxy_link *next;
	struct proxy_broker *broker;
	struct proxy_known *known; /* whose; NULL until the first request */
	struct proxy_pipe up, down;
	struct proxy_request *requests, **requests_end;
	bool keeps;      /* nothing goes up until released */
	bool drops;      /* nor then: it ends */
	bool orphan;     /* the client is gone, and what was kept is still to go */
	bool mute;       /* no answer goes down any more */
	bool cut_behind; /* cut once what waits has gone up */
	bool dead;
};

struct proxy {
	pthread_t thread;
	pthread_mutex_t
		lock; /* recursive; guards all below; the thread leaves it to wait */
	int wake;
	bool closing;
	struct proxy_broker brokers[PROXY_MAX_BROKERS];
	int broker_count;
	struct proxy_link *links;
	struct proxy_known known[PROXY_MAX_CLIENTS];
	int known_count;
	struct {
		bool armed, caught, answered;
		int api;
		char client[PROXY_ID_SIZE]; /* empty: anybody */
		enum proxy_way way;
		int code;
	} snare;
};

/* ---- proxy_link.c ---- */

int64_t proxy_now_ms(void);
void proxy_link_open(struct proxy *proxy, struct proxy_broker *broker, int fd);
void proxy_link_free(struct proxy *proxy, struct proxy_link *link);
/* Cut the client off; what is kept for the broker may live on. */
void proxy_link_cut(struct proxy_link *link);
/* Read, forward and write what can be; `ready` says which of the two can be read. */
void proxy_link_work(struct proxy *proxy, struct proxy_link *link, bool from_client,
		     bool from_broker);
void proxy_link_release(struct proxy_link *link);
/* When it has to be looked at again, without anything to read; INT64_MAX: never. */
int64_t proxy_link_due_ms(const struct proxy_link *link);

/* ---- proxy_kafka.c: each looks at what was read, whole ---- */

void proxy_request(struct proxy *proxy, struct proxy_link *link,
		   const struct proxy_frame *frame);
void proxy_answer(struct proxy *proxy, struct proxy_link *link,
		  const struct proxy_frame *frame);
void proxy_disconnected(struct proxy_link *link);

#endif
