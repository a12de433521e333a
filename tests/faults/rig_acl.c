/*
 * Rights given and taken: CreateAcls, DeleteAcls and DescribeAcls in Kafka's protocol, one connection each.
 *
 * By hand, because librdkafka 2.0 knows no transactional ids there. Spoken to the listener of
 * the brokers among themselves, where whoever comes may do all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <base/alloc.h>

#include "tests/faults/rig.h"

enum { DESCRIBE_ACLS = 29, CREATE_ACLS = 30, DELETE_ACLS = 31, VERSION = 1 };
enum { LITERAL = 3, PREFIXED = 4, ALLOW = 3 };

/* By Kafka's numbers. */
struct number {
	const char *name;
	int8_t number;
};
static const struct number resources[] = {{"topic", 2}, {"group", 3}, {"transaction", 5}, {NULL, 0}};
static const struct number operations[] = {
	{"read", 3}, {"write", 4}, {"create", 5}, {"delete", 6}, {"alter", 7},
	{"describe", 8}, {"describeconfigs", 10}, {NULL, 0}};

static int8_t
number_of(const struct number *numbers, const char *name)
{
	for (; numbers->name; numbers++) {
		if (strcmp(numbers->name, name) == 0)
			return numbers->number;
	}
	ck_abort_msg("%s has no number", name);
}

static void
put(struct weir_buffer *request, int64_t value, size_t size)
{
	for (size_t shift = size * 8; shift > 0; shift -= 8) {
		char byte = (char)(value >> (shift - 8));

		weir__buffer_add(request, &byte, 1);
	}
}

static void
put_text(struct weir_buffer *request, const char *text)
{
	put(request, (int64_t)strlen(text), 2);
	weir__buffer_add_text(request, text);
}

/* The address before the first comma: "HOST:PORT". */
static int
dial(const char *addresses)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
	char host[128], port[16];
	int fd;

	ck_assert_int_eq(sscanf(addresses, "%127[^:]:%15[0-9]", host, port), 2);
	ck_assert_int_eq(getaddrinfo(host, port, &hints, &found), 0);
	fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, found->ai_addr, found->ai_addrlen), 0);
	freeaddrinfo(found);
	return fd;
}

/* Send it; the answer, `room` bytes at most, begins with the correlation and a throttle time. */
static void
ask(const struct weir_buffer *body, int16_t api, unsigned char *answer, size_t room)
{
	struct weir_buffer request = {0};
	int fd = dial(cluster_direct(rig_cluster()));
	uint32_t size;

	put(&request, (int64_t)body->size + 14, 4);
	put(&request, api, 2);
	put(&request, VERSION, 2);
	put(&request, 1, 4); /* correlation */
	put_text(&request, "weir");
	weir__buffer_add(&request, body->data, body->size);
	ck_assert_int_eq(send(fd, request.data, request.size, MSG_NOSIGNAL), (ssize_t)request.size);
	weir__buffer_fini(&request);
	ck_assert_int_eq(recv(fd, &size, sizeof(size), MSG_WAITALL), sizeof(size));
	size = ntohl(size);
	ck_assert_uint_le(size, room);
	ck_assert_int_eq(recv(fd, answer, size, MSG_WAITALL), (ssize_t)size);
	close(fd);
}

/* How many of these the broker goes by: what the controller has made comes to it later. */
static int
known(const struct weir_buffer *entry)
{
	unsigned char answer[512] = {0};

	ask(entry, DESCRIBE_ACLS, answer, sizeof(answer));
	ck_assert_msg(answer[8] == 0 && answer[9] == 0, "error %d", answer[9]);
	return answer[15]; /* behind a message that is null */
}

/* The one result is without an error; a name that ends with * is a beginning of names. */
static void
change(int16_t api, const char *what, const char *name, const char *right)
{
	struct weir_buffer body = {0}, entry = {0};
	unsigned char answer[512] = {0};
	size_t size = strcspn(name, "*");
	int64_t deadline_ms = rig_now_ms() + RIG_PATIENCE_MS;

	put(&entry, number_of(resources, what), 1);
	put(&entry, (int64_t)size, 2);
	weir__buffer_add(&entry, name, size);
	put(&entry, name[size] ? PREFIXED : LITERAL, 1);
	put_text(&entry, "User:guest");
	put_text(&entry, "*");
	put(&entry, number_of(operations, right), 1);
	put(&entry, ALLOW, 1);
	put(&body, 1, 4);
	weir__buffer_add(&body, entry.data, entry.size);
	ask(&body, api, answer, sizeof(answer));
	ck_assert_int_eq(answer[11], 1);
	ck_assert_msg(answer[12] == 0 && answer[13] == 0, "error %d: %.200s", answer[13],
	              answer + 16);
	if (api == DELETE_ACLS) /* no message, then how many were taken */
		ck_assert_int_eq(answer[19], 1);
	while (known(&entry) != (api == CREATE_ACLS)) {
		ck_assert_msg(rig_now_ms() < deadline_ms, "the broker does not learn of it");
		rig_pass(5);
	}
	weir__buffer_fini(&entry);
	weir__buffer_fini(&body);
}

void
rig_allow(const char *what, const char *name, const char *right)
{
	change(CREATE_ACLS, what, name, right);
}

void
rig_deny(const char *what, const char *name, const char *right)
{
	change(DELETE_ACLS, what, name, right);
}
