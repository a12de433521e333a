/*
 * One connection through the proxy: frames are read whole, looked at, wait until they are
 * due, and are written.
 *
 * Knows sockets and lengths; what a frame means is proxy_kafka.c's matter. Nothing bounds
 * what waits but what clients and brokers have under way. The proxy's thread, under its
 * lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/proxy/proxy_private.h"

#define READ_SIZE 65536

int64_t
proxy_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- opening and closing ---- */

static void
pipe_init(struct proxy_pipe *pipe, int from, int to)
{
	pipe->from = from;
	pipe->to = to;
	pipe->end = &pipe->first;
}

static void
pipe_fini(struct proxy_pipe *pipe)
{
	while (pipe->first) {
		struct proxy_frame *frame = pipe->first;

		pipe->first = frame->next;
		free(frame);
	}
	free(pipe->part);
}

void
proxy_link_open(struct proxy *proxy, struct proxy_broker *broker, int fd)
{
	struct proxy_link *link;
	int one = 1, up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(up, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (up < 0 ||
	    (connect(up, (struct sockaddr *)&broker->real, sizeof(broker->real)) &&
	     errno != EINPROGRESS)) {
		if (up >= 0)
			close(up);
		close(fd);
		return;
	}
	link = weir__calloc(1, sizeof(*link));
	link->broker = broker;
	link->requests_end = &link->requests;
	pipe_init(&link->up, fd, up);
	pipe_init(&link->down, up, fd);
	link->next = proxy->links;
	proxy->links = link;
}

static void
close_client(struct proxy_link *link)
{
	if (link->up.from < 0)
		return;
	proxy_disconnected(link);
	close(link->up.from);
	link->up.from = link->down.to = -1;
}

void
proxy_link_free(struct proxy *proxy, struct proxy_link *link)
{
	struct proxy_link **at = &proxy->links;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	close_client(link);
	close(link->up.to);
	pipe_fini(&link->up);
	pipe_fini(&link->down);
	while (link->requests) {
		struct proxy_request *request = link->requests;

		link->requests = request->next;
		free(request);
	}
	free(link);
}

/* The client has gone, or is to be cut off. */
static void
lose_client(struct proxy_link *link)
{
	close_client(link);
	if (link->keeps && link->up.first)
		link->orphan = true;
	else
		link->dead = true;
}

void
proxy_link_cut(struct proxy_link *link)
{
	lose_client(link);
	link->dead = !link->keeps;
	link->orphan = link->keeps;
}

void
proxy_link_release(struct proxy_link *link)
{
	link->keeps = false;
	/* what came now would answer none of its requests, or be none of the client's */
	if (link->mute || link->drops)
		link->dead = true;
}

/* ---- reading ---- */

static void
forward(struct proxy *proxy, struct proxy_link *link, struct proxy_pipe *pipe,
	const uint8_t *bytes, size_t size)
{
	struct proxy_frame *frame = weir__alloc(sizeof(*frame) + size);
	int delay_ms = link->broker->delay_ms;

	memset(frame, 0, sizeof(*frame));
	frame->due_ms = delay_ms ? proxy_now_ms() + delay_ms : 0;
	frame->size = size;
	memcpy(frame->bytes, bytes, size);
	*pipe->end = frame;
	pipe->end = &frame->next;
	if (pipe == &link->up)
		proxy_request(proxy, link, frame);
	else
		proxy_answer(proxy, link, frame);
}

/* Length of the frame at `bytes`, with the four bytes that say it; 0: not whole yet. */
static size_t
whole_frame(const uint8_t *bytes, size_t size)
{
	size_t length;

	if (size < 4)
		return 0;
	length = 4 + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
		      (size_t)bytes[2] << 8 | bytes[3]);
	return length <= size ? length : 0;
}

static void
split(struct proxy *proxy, struct proxy_link *link, struct proxy_pipe *pipe)
{
	size_t at = 0, length;

	while ((length = whole_frame(pipe->part + at, pipe->part_size - at)) > 0) {
		if (pipe == &link->up && link->orphan)
			return; /* it was cut off before it had said this */
		forward(proxy, link, pipe, pipe->part + at, length);
		at += length;
	}
	pipe->part_size -= at;
	memmove(pipe->part, pipe->part + at, pipe->part_size);
}

/* What has come is taken; false: nothing more comes. */
static bool
take(struct proxy *proxy, struct proxy_link *link, struct proxy_pipe *pipe)
{
	ssize_t got;

	if (pipe->part_capacity - pipe->part_size < READ_SIZE) {
		pipe->part_capacity = 2 * pipe->part_capacity + READ_SIZE;
		pipe->part = weir__realloc(pipe->part, pipe->part_capacity);
	}
	got = recv(pipe->from, pipe->part + pipe->part_size,
		   pipe->part_capacity - pipe->part_size, 0);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	pipe->part_size += (size_t)got;
	split(proxy, link, pipe);
	return true;
}

/* ---- writing ---- */

/* Write what is due; false: nobody takes it. */
static bool
give(struct proxy_pipe *pipe)
{
	int64_t now_ms = proxy_now_ms();

	while (pipe->first && pipe->first->due_ms <= now_ms) {
		struct proxy_frame *frame = pipe->first;
		ssize_t sent = send(pipe->to, frame->bytes + frame->sent,
				    frame->size - frame->sent, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ||
			       errno == EINPROGRESS || errno == ENOTCONN;
		frame->sent += (size_t)sent;
		if (frame->sent < frame->size)
			return true;
		pipe->first = frame->next;
		if (!pipe->first)
			pipe->end = &pipe->first;
		free(frame);
	}
	return true;
}

static void
drop_answers(struct proxy_link *link)
{
	struct proxy_pipe *down = &link->down;

	while (down->first && !down->first->sent) {
		struct proxy_frame *frame = down->first;

		down->first = frame->next;
		free(frame);
	}
	if (!down->first)
		down->end = &down->first;
}

/* ---- both ---- */

static void
work_up(struct proxy *proxy, struct proxy_link *link, bool readable)
{
	if (readable && link->up.from >= 0 && !take(proxy, link, &link->up) &&
	    !link->orphan)
		lose_client(link);
	if (link->dead || link->keeps)
		return;
	if (!give(&link->up))
		link->dead = true;
	if (link->cut_behind && !link->up.first) {
		/* the broker has it, and answers into the void */
		link->cut_behind = false;
		close_client(link);
		link->orphan = true;
	}
}

static void
work_down(struct proxy *proxy, struct proxy_link *link, bool readable)
{
	if (readable && !link->down.ended && !take(proxy, link, &link->down))
		link->down.ended = true;
	if (link->mute || link->orphan)
		drop_answers(link);
	if (link->down.to >= 0 && !give(&link->down))
		lose_client(link);
	if (link->down.ended && !link->down.first)
		link->dead = true;
	if (link->orphan && !link->keeps && !link->up.first && !link->requests)
		link->dead = true; /* all answered, and nobody to tell */
}

void
proxy_link_work(struct proxy *proxy, struct proxy_link *link, bool from_client,
		bool from_broker)
{
	if (link->broker->stalls || link->dead)
		return;
	work_up(proxy, link, from_client);
	if (!link->dead)
		work_down(proxy, link, from_broker);
}

int64_t
proxy_link_due_ms(const struct proxy_link *link)
{
	int64_t up_ms =
		link->up.first && !link->keeps ? link->up.first->due_ms : INT64_MAX;
	int64_t down_ms = link->down.first ? link->down.first->due_ms : INT64_MAX;

	if (link->broker->stalls)
		return INT64_MAX;
	return up_ms < down_ms ? up_ms : down_ms;
}
