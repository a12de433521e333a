/*
 * The proxy: its thread, its listeners, and what a test may ask of it.
 *
 * The thread holds the lock but while it waits, so a call finds all connections between
 * two frames. Whatever is asked wakes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/proxy/proxy_private.h"

#define LONGEST_WAIT_MS 1000

static void
demand(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
	abort();
}

/* ---- listening ---- */

static void
listen_for(struct proxy_broker *broker)
{
	int one = 1;

	broker->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	demand(broker->listener >= 0, "socket");
	setsockopt(broker->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	demand(!bind(broker->listener, (struct sockaddr *)&broker->shown,
		     sizeof(broker->shown)) &&
		       !listen(broker->listener, 128),
	       "listen");
}

static void
accept_from(struct proxy *proxy, struct proxy_broker *broker)
{
	int fd;

	while ((fd = accept4(broker->listener, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		proxy_link_open(proxy, broker, fd);
}

static void
add_broker(struct proxy *proxy, const char *address)
{
	struct proxy_broker *broker = &proxy->brokers[proxy->broker_count++];
	char host[64];
	int port;

	demand(proxy->broker_count < PROXY_MAX_BROKERS, "too many brokers");
	demand(sscanf(address, "%63[^:]:%d", host, &port) == 2, address);
	broker->id = proxy->broker_count;
	broker->shown.sin_family = AF_INET;
	demand(inet_pton(AF_INET, host, &broker->shown.sin_addr) == 1, address);
	broker->real = broker->shown;
	broker->shown.sin_port = htons((uint16_t)port);
	broker->real.sin_port = htons((uint16_t)(port - PROXY_SHOWN));
	listen_for(broker);
}

/* ---- the thread ---- */

/* What to wait for: the wake, the listeners, two sockets a link, in this order. */
static struct pollfd *
list_sockets(struct proxy *proxy, nfds_t *count)
{
	struct pollfd *sockets;
	size_t links = 0;

	for (struct proxy_link *link = proxy->links; link; link = link->next)
		links++;
	sockets = weir__calloc(1 + (size_t)proxy->broker_count + 2 * links,
			       sizeof(*sockets));
	sockets[0] = (struct pollfd){.fd = proxy->wake, .events = POLLIN};
	*count = 1;
	for (int index = 0; index < proxy->broker_count; index++)
		sockets[(*count)++] = (struct pollfd){
			.fd = proxy->brokers[index].listener, .events = POLLIN};
	for (struct proxy_link *link = proxy->links; link; link = link->next) {
		bool stalls = link->broker->stalls;
		int64_t now_ms = proxy_now_ms();
		struct proxy_frame *up = link->keeps ? NULL : link->up.first;
		struct proxy_frame *down = link->down.first;

		sockets[*count].fd = stalls ? -1 : link->up.from;
		sockets[(*count)++].events =
			POLLIN | (down && down->due_ms <= now_ms ? POLLOUT : 0);
		sockets[*count].fd = stalls || link->down.ended ? -1 : link->up.to;
		sockets[(*count)++].events =
			POLLIN | (up && up->due_ms <= now_ms ? POLLOUT : 0);
	}
	return sockets;
}

static int
wait_time(struct proxy *proxy)
{
	int64_t now_ms = proxy_now_ms(), wait_ms = LONGEST_WAIT_MS;

	for (struct proxy_link *link = proxy->links; link; link = link->next) {
		int64_t due_ms = proxy_link_due_ms(link);

		/* what is due already waits for POLLOUT */
		if (due_ms > now_ms && due_ms - now_ms < wait_ms)
			wait_ms = due_ms - now_ms;
	}
	return (int)wait_ms;
}

/* Links that were made since the list was are in front, and not in it. */
static void
work(struct proxy *proxy, const struct pollfd *sockets)
{
	const short readable = POLLIN | POLLHUP | POLLERR;
	struct proxy_link *link = proxy->links, *next;
	uint64_t woken;

	if (sockets[0].revents && read(proxy->wake, &woken, sizeof(woken)) < 0)
		demand(errno == EAGAIN, "wake");
	sockets++;
	for (int index = 0; index < proxy->broker_count; index++, sockets++) {
		if (sockets->revents && proxy->brokers[index].listener == sockets->fd)
			accept_from(proxy, &proxy->brokers[index]);
	}
	for (; link; link = next, sockets += 2) {
		next = link->next;
		proxy_link_work(proxy, link, sockets[0].revents & readable,
				sockets[1].revents & readable);
		if (link->dead)
			proxy_link_free(proxy, link);
	}
}

static void *
serve(void *opaque)
{
	struct proxy *proxy = opaque;

	pthread_mutex_lock(&proxy->lock);
	while (!proxy->closing) {
		nfds_t count;
		struct pollfd *sockets = list_sockets(proxy, &count);
		int wait_ms = wait_time(proxy);

		pthread_mutex_unlock(&proxy->lock);
		demand(poll(sockets, count, wait_ms) >= 0 || errno == EINTR, "poll");
		pthread_mutex_lock(&proxy->lock);
		work(proxy, sockets);
		free(sockets);
	}
	pthread_mutex_unlock(&proxy->lock);
	return NULL;
}

/* ---- opening and closing ---- */

struct proxy *
proxy_open(const char *bootstrap)
{
	struct proxy *proxy = weir__calloc(1, sizeof(*proxy));
	pthread_mutexattr_t recursive;
	char *list = weir__strdup(bootstrap), *rest = NULL, *address;

	for (address = strtok_r(list, ",", &rest); address;
	     address = strtok_r(NULL, ",", &rest))
		add_broker(proxy, address);
	free(list);
	proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	demand(proxy->wake >= 0, "eventfd");
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&proxy->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	demand(!pthread_create(&proxy->thread, NULL, serve, proxy), "thread");
	return proxy;
}

/* Each call is between these: afterwards the thread looks at everything anew. */
static void
enter(struct proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
}

static void
leave(struct proxy *proxy)
{
	uint64_t one = 1;

	demand(write(proxy->wake, &one, sizeof(one)) == sizeof(one), "wake");
	pthread_mutex_unlock(&proxy->lock);
}

void
proxy_close(struct proxy *proxy)
{
	if (!proxy)
		return;
	enter(proxy);
	proxy->closing = true;
	leave(proxy);
	pthread_join(proxy->thread, NULL);
	while (proxy->links)
		proxy_link_free(proxy, proxy->links);
	for (int index = 0; index < proxy->broker_count; index++) {
		if (proxy->brokers[index].listener >= 0)
			close(proxy->brokers[index].listener);
	}
	close(proxy->wake);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy);
}

/* ---- the network ---- */

void
proxy_cut(struct proxy *proxy, int broker)
{
	enter(proxy);
	for (struct proxy_link *link = proxy->links; link; link = link->next) {
		if (!broker || link->broker->id == broker)
			proxy_link_cut(link);
	}
	leave(proxy);
}

static void
set_refusing(struct proxy_broker *broker, bool on)
{
	if (on && broker->listener >= 0) {
		/* the thread may wait on it, which keeps it open */
		shutdown(broker->listener, SHUT_RDWR);
		close(broker->listener);
		broker->listener = -1;
	} else if (!on && broker->listener < 0) {
		listen_for(broker);
	}
}

/* Brokers from *first to the last that `broker` stands for. */
static int
range(struct proxy *proxy, int broker, int *first)
{
	*first = broker ? broker - 1 : 0;
	return broker ? broker : proxy->broker_count;
}

void
proxy_refuse(struct proxy *proxy, int broker, bool on)
{
	int index, end = range(proxy, broker, &index);

	enter(proxy);
	for (; index < end; index++)
		set_refusing(&proxy->brokers[index], on);
	leave(proxy);
}

void
proxy_stall(struct proxy *proxy, int broker, bool on)
{
	int index, end = range(proxy, broker, &index);

	enter(proxy);
	for (; index < end; index++)
		proxy->brokers[index].stalls = on;
	leave(proxy);
}

void
proxy_delay(struct proxy *proxy, int broker, int ms)
{
	int index, end = range(proxy, broker, &index);

	enter(proxy);
	for (; index < end; index++)
		proxy->brokers[index].delay_ms = ms;
	leave(proxy);
}

static void
release(struct proxy *proxy)
{
	proxy->snare.armed = false;
	for (struct proxy_link *link = proxy->links; link; link = link->next)
		proxy_link_release(link);
}

void
proxy_heal(struct proxy *proxy)
{
	enter(proxy);
	for (int index = 0; index < proxy->broker_count; index++) {
		set_refusing(&proxy->brokers[index], false);
		proxy->brokers[index].stalls = false;
		proxy->brokers[index].delay_ms = 0;
	}
	release(proxy);
	leave(proxy);
}

/* ---- one request ---- */

void
proxy_catch(struct proxy *proxy, enum proxy_api api, const char *client,
	    enum proxy_way way)
{
	enter(proxy);
	memset(&proxy->snare, 0, sizeof(proxy->snare));
	proxy->snare.armed = true;
	proxy->snare.api = api;
	proxy->snare.way = way;
	snprintf(proxy->snare.client, sizeof(proxy->snare.client), "%s",
		 client ? client : "");
	leave(proxy);
}

bool
proxy_caught(struct proxy *proxy)
{
	bool caught;

	enter(proxy);
	caught = proxy->snare.caught;
	leave(proxy);
	return caught;
}

void
proxy_release(struct proxy *proxy)
{
	enter(proxy);
	release(proxy);
	leave(proxy);
}

bool
proxy_answered(struct proxy *proxy, int *code)
{
	bool answered;

	enter(proxy);
	answered = proxy->snare.answered;
	*code = proxy->snare.code;
	leave(proxy);
	return answered;
}

/* ---- what clients are doing ---- */

static struct proxy_client *
find_client(struct proxy *proxy, const char *id)
{
	for (int index = 0; index < proxy->known_count; index++) {
		if (!strcmp(proxy->known[index].id, id))
			return &proxy->known[index].state;
	}
	return NULL;
}

struct proxy_client
proxy_client(struct proxy *proxy, const char *id)
{
	struct proxy_client client = {0}, *found;

	enter(proxy);
	found = find_client(proxy, id);
	if (found)
		client = *found;
	leave(proxy);
	return client;
}

void
proxy_forget(struct proxy *proxy, const char *id)
{
	struct proxy_client *found;

	enter(proxy);
	found = find_client(proxy, id);
	if (found)
		*found = (struct proxy_client){.connections = found->connections,
					       .transactions = found->transactions,
					       .inits = found->inits};
	leave(proxy);
}

void
proxy_hold(struct proxy *proxy)
{
	enter(proxy);
}

void
proxy_go_on(struct proxy *proxy)
{
	leave(proxy);
}
