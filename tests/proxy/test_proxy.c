/*
 * The proxy, between plain sockets: the test is client and broker at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/harness.h"
#include "tests/proxy/proxy.h"

#define PATIENCE_MS 20000
#define A_WHILE_MS 50

static struct proxy *proxy;
static struct sockaddr_in address;
static int listener;

static void
setup(void)
{
	char bootstrap[64];
	int one = 1, tries = 20;

	srandom((unsigned)getpid() ^ (unsigned)time(NULL));
	address.sin_family = AF_INET;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	do {
		address.sin_addr.s_addr =
			htonl(0x7f000001 | (uint32_t)(random() % 0xfffe) << 8);
		address.sin_port = htons((uint16_t)(10000 + random() % 20000));
	} while (bind(listener, (struct sockaddr *)&address, sizeof(address)) && --tries);
	ck_assert_int_gt(tries, 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	snprintf(bootstrap, sizeof(bootstrap), "%s:%d", inet_ntoa(address.sin_addr),
		 ntohs(address.sin_port) + PROXY_SHOWN);
	proxy = proxy_open(bootstrap);
}

static void
teardown(void)
{
	proxy_close(proxy);
	close(listener);
}

/* ---- sockets ---- */

static bool
readable(int fd, int timeout_ms)
{
	struct pollfd socket = {.fd = fd, .events = POLLIN};

	return poll(&socket, 1, timeout_ms) == 1;
}

/* -1: refused. */
static int
connect_client(void)
{
	struct sockaddr_in shown = address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	shown.sin_port = htons((uint16_t)(ntohs(address.sin_port) + PROXY_SHOWN));
	if (!connect(fd, (struct sockaddr *)&shown, sizeof(shown)))
		return fd;
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	return -1;
}

static int
accept_broker(void)
{
	ck_assert(readable(listener, PATIENCE_MS));
	return accept(listener, NULL, NULL);
}

static void
put32(uint8_t *to, uint32_t number)
{
	for (int index = 0; index < 4; index++)
		to[index] = (uint8_t)(number >> (24 - 8 * index));
}

/* A request of client "one", version 1, with two bytes of body. */
static void
ask_with(int fd, int api, int correlation, const char body[2])
{
	uint8_t bytes[19] = {0, 0, 0, 15, 0, (uint8_t)api, 0, 1};

	put32(bytes + 8, (uint32_t)correlation);
	memcpy(bytes + 12, "\0\3one", 5);
	memcpy(bytes + 17, body, 2);
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
}

static void
ask(int fd, int api, int correlation)
{
	ask_with(fd, api, correlation, "!!"); /* an EndTxn commits */
}

/* The next request's correlation. */
static int
hear(int fd)
{
	uint8_t bytes[19];

	ck_assert(readable(fd, PATIENCE_MS));
	ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	return bytes[11];
}

/* An answer with a throttle time of 0 and an error code, as EndTxn's. */
static void
answer(int fd, int correlation, int code)
{
	uint8_t bytes[14] = {0, 0, 0, 10};

	put32(bytes + 4, (uint32_t)correlation);
	bytes[13] = (uint8_t)code;
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
}

static int
hear_answer(int fd)
{
	uint8_t bytes[14];

	ck_assert(readable(fd, PATIENCE_MS));
	ck_assert_int_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), sizeof(bytes));
	return bytes[7];
}

static void
expect_end(int fd)
{
	char byte;

	ck_assert(readable(fd, PATIENCE_MS));
	ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

struct pair {
	int client, broker;
};

static struct pair
connect_pair(void)
{
	struct pair pair;

	pair.client = connect_client();
	pair.broker = accept_broker();
	return pair;
}

static void
close_pair(struct pair pair)
{
	close(pair.client);
	close(pair.broker);
}

static void
wait_until_answered(int *code)
{
	while (!proxy_answered(proxy, code)) /* the test case's timeout ends this */
		poll(NULL, 0, 5);
}

/* ---- forwarding ---- */

START_TEST(requests_and_answers_pass_in_order)
{
	struct pair pair = connect_pair();

	ask(pair.client, PROXY_METADATA, 1);
	ask(pair.client, PROXY_FETCH, 2);
	ck_assert_int_eq(hear(pair.broker), 1);
	ck_assert_int_eq(hear(pair.broker), 2);
	answer(pair.broker, 1, 0);
	answer(pair.broker, 2, 0);
	ck_assert_int_eq(hear_answer(pair.client), 1);
	ck_assert_int_eq(hear_answer(pair.client), 2);
	close_pair(pair);
}
END_TEST

START_TEST(one_side_that_closes_closes_the_other)
{
	struct pair first = connect_pair(), second = connect_pair();

	close(first.client);
	expect_end(first.broker);
	close(second.broker);
	expect_end(second.client);
}
END_TEST

START_TEST(answer_of_a_broker_that_then_closes_arrives)
{
	struct pair pair = connect_pair();

	ask(pair.client, PROXY_METADATA, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	answer(pair.broker, 1, 0);
	close(pair.broker);
	ck_assert_int_eq(hear_answer(pair.client), 1);
	expect_end(pair.client);
}
END_TEST

/* ---- the network ---- */

START_TEST(cut_connections_end_on_both_sides)
{
	struct pair pair = connect_pair();

	proxy_cut(proxy, 1);
	expect_end(pair.client);
	expect_end(pair.broker);
	close_pair(connect_pair()); /* and a new one works */
}
END_TEST

START_TEST(refused_until_healed)
{
	proxy_refuse(proxy, PROXY_ALL, true);
	ck_assert_int_eq(connect_client(), -1);
	proxy_heal(proxy);
	close_pair(connect_pair());
}
END_TEST

START_TEST(stalled_connection_is_taken_and_nothing_goes_through)
{
	struct pair pair;

	proxy_stall(proxy, 1, true);
	pair.client = connect_client();
	pair.broker = accept_broker();
	ask(pair.client, PROXY_METADATA, 7);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	proxy_stall(proxy, 1, false);
	ck_assert_int_eq(hear(pair.broker), 7);
	close_pair(pair);
}
END_TEST

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

START_TEST(delayed_both_ways)
{
	struct pair pair = connect_pair();
	int64_t start_ms = now_ms();

	proxy_delay(proxy, PROXY_ALL, 40);
	ask(pair.client, PROXY_METADATA, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	ck_assert_int_ge(now_ms() - start_ms, 39);
	answer(pair.broker, 1, 0);
	ck_assert_int_eq(hear_answer(pair.client), 1);
	ck_assert_int_ge(now_ms() - start_ms, 79);
	close_pair(pair);
}
END_TEST

/* ---- one request ---- */

START_TEST(kept_request_goes_when_it_is_released)
{
	struct pair pair = connect_pair();
	int code;

	proxy_catch(proxy, PROXY_END_TXN, "one", PROXY_KEEP);
	ask(pair.client, PROXY_METADATA, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	ask(pair.client, PROXY_END_TXN, 2);
	ask(pair.client, PROXY_METADATA, 3);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	ck_assert(proxy_caught(proxy));
	proxy_release(proxy);
	ck_assert_int_eq(hear(pair.broker), 2);
	ck_assert_int_eq(hear(pair.broker), 3);
	answer(pair.broker, 2, 47);
	ck_assert_int_eq(hear_answer(pair.client), 2);
	wait_until_answered(&code);
	ck_assert_int_eq(code, 47);
	close_pair(pair);
}
END_TEST

START_TEST(kept_request_outlives_the_client_that_was_cut_off)
{
	struct pair pair = connect_pair(), again;
	int code;

	proxy_catch(proxy, PROXY_END_TXN, NULL, PROXY_KEEP_AND_CUT);
	ask(pair.client, PROXY_END_TXN, 1);
	expect_end(pair.client);
	again = connect_pair();
	ask(again.client, PROXY_END_TXN, 9);
	ck_assert_int_eq(hear(again.broker), 9); /* only the first is caught */
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	proxy_release(proxy);
	ck_assert_int_eq(hear(pair.broker), 1);
	answer(pair.broker, 1, 0);
	expect_end(pair.broker);
	wait_until_answered(&code);
	ck_assert_int_eq(code, 0);
	close_pair(again);
}
END_TEST

START_TEST(dropped_request_reaches_no_broker)
{
	struct pair pair = connect_pair();

	proxy_catch(proxy, PROXY_OFFSET_COMMIT, "one", PROXY_DROP);
	ask(pair.client, PROXY_METADATA, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	ask(pair.client, PROXY_OFFSET_COMMIT, 2);
	ask(pair.client, PROXY_METADATA, 3);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	ck_assert(proxy_caught(proxy));
	proxy_release(proxy);
	expect_end(pair.client);
	expect_end(pair.broker); /* which has heard nothing */
}
END_TEST

START_TEST(dropped_request_of_a_client_that_is_gone_reaches_no_broker)
{
	struct pair pair = connect_pair();

	proxy_catch(proxy, PROXY_OFFSET_COMMIT, "one", PROXY_DROP);
	ask(pair.client, PROXY_OFFSET_COMMIT, 1);
	while (!proxy_caught(proxy)) /* the test case's timeout ends this */
		poll(NULL, 0, 5);
	close(pair.client);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	proxy_release(proxy);
	expect_end(pair.broker);
}
END_TEST

START_TEST(answer_is_lost)
{
	struct pair pair = connect_pair();
	int code;

	proxy_catch(proxy, PROXY_TXN_OFFSET_COMMIT, "one", PROXY_LOSE_ANSWER);
	ask(pair.client, PROXY_TXN_OFFSET_COMMIT, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	answer(pair.broker, 1, 0);
	wait_until_answered(&code);
	ck_assert(!readable(pair.client, A_WHILE_MS));
	close_pair(pair);
}
END_TEST

START_TEST(client_is_cut_off_behind_its_request)
{
	struct pair pair = connect_pair();

	proxy_catch(proxy, PROXY_PRODUCE, "one", PROXY_CUT_BEHIND);
	ask(pair.client, PROXY_PRODUCE, 1);
	expect_end(pair.client);
	ck_assert_int_eq(hear(pair.broker), 1);
	answer(pair.broker, 1, 0);
	expect_end(pair.broker);
}
END_TEST

START_TEST(another_client_is_not_caught)
{
	struct pair pair = connect_pair();

	proxy_catch(proxy, PROXY_END_TXN, "two", PROXY_KEEP);
	ask(pair.client, PROXY_END_TXN, 1);
	ck_assert_int_eq(hear(pair.broker), 1);
	ck_assert(!proxy_caught(proxy));
	close_pair(pair);
}
END_TEST

START_TEST(an_abort_is_no_commit)
{
	struct pair pair = connect_pair();

	proxy_catch(proxy, PROXY_COMMIT_TXN, "one", PROXY_KEEP);
	ask_with(pair.client, PROXY_END_TXN, 1, "!\0");
	ck_assert_int_eq(hear(pair.broker), 1);
	ck_assert(!proxy_caught(proxy));
	ck_assert(!proxy_client(proxy, "one").commit);
	ask(pair.client, PROXY_END_TXN, 2);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	ck_assert(proxy_caught(proxy));
	ck_assert(proxy_client(proxy, "one").commit);
	close_pair(pair);
}
END_TEST

/* ---- what clients are doing ---- */

static void
exchange(struct pair pair, int api, int correlation, int code)
{
	ask(pair.client, api, correlation);
	ck_assert_int_eq(hear(pair.broker), correlation);
	answer(pair.broker, correlation, code);
	ck_assert_int_eq(hear_answer(pair.client), correlation);
}

START_TEST(transaction_is_open_from_its_first_partition_to_the_answer_at_its_end)
{
	struct pair pair = connect_pair();

	exchange(pair, PROXY_INIT_PRODUCER_ID, 1, 0);
	ck_assert(!proxy_client(proxy, "one").transaction);
	ck_assert_int_eq(proxy_client(proxy, "one").inits, 1);
	exchange(pair, PROXY_ADD_PARTITIONS_TO_TXN, 2, 0);
	exchange(pair, PROXY_PRODUCE, 3, 0);
	ck_assert(proxy_client(proxy, "one").transaction);
	ck_assert_int_eq(proxy_client(proxy, "one").produced, 1);
	exchange(pair, PROXY_END_TXN, 4, 51); /* it has to be sent again */
	ck_assert(proxy_client(proxy, "one").transaction);
	ask(pair.client, PROXY_END_TXN, 5);
	ck_assert_int_eq(hear(pair.broker), 5);
	ck_assert(proxy_client(proxy, "one").commit);
	answer(pair.broker, 5, 0);
	ck_assert_int_eq(hear_answer(pair.client), 5);
	ck_assert(!proxy_client(proxy, "one").transaction);
	ck_assert(!proxy_client(proxy, "one").commit);
	ck_assert_int_eq(proxy_client(proxy, "one").transactions, 1);
	ck_assert_int_eq(proxy_client(proxy, "one").broker[PROXY_END_TXN], 1);
	close_pair(pair);
}
END_TEST

START_TEST(rebalance_lasts_from_join_to_sync)
{
	struct pair pair = connect_pair();

	exchange(pair, PROXY_JOIN_GROUP, 1, 0);
	ck_assert(proxy_client(proxy, "one").rebalance);
	exchange(pair, PROXY_SYNC_GROUP, 2, 0);
	ck_assert(!proxy_client(proxy, "one").rebalance);
	close_pair(pair);
}
END_TEST

START_TEST(nothing_moves_while_the_test_holds_the_proxy)
{
	struct pair pair = connect_pair();

	exchange(pair, PROXY_ADD_PARTITIONS_TO_TXN, 1, 0);
	proxy_hold(proxy);
	ask(pair.client, PROXY_END_TXN, 2);
	ck_assert(!readable(pair.broker, A_WHILE_MS));
	ck_assert(proxy_client(proxy, "one").transaction);
	proxy_go_on(proxy);
	ck_assert_int_eq(hear(pair.broker), 2);
	close_pair(pair);
}
END_TEST

static Suite *
suite(void)
{
	Suite *suite = suite_create("proxy");
	TCase *cases = tcase_create("proxy");

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, requests_and_answers_pass_in_order);
	tcase_add_test(cases, one_side_that_closes_closes_the_other);
	tcase_add_test(cases, answer_of_a_broker_that_then_closes_arrives);
	tcase_add_test(cases, cut_connections_end_on_both_sides);
	tcase_add_test(cases, refused_until_healed);
	tcase_add_test(cases, stalled_connection_is_taken_and_nothing_goes_through);
	tcase_add_test(cases, delayed_both_ways);
	tcase_add_test(cases, kept_request_goes_when_it_is_released);
	tcase_add_test(cases, kept_request_outlives_the_client_that_was_cut_off);
	tcase_add_test(cases, dropped_request_reaches_no_broker);
	tcase_add_test(cases, dropped_request_of_a_client_that_is_gone_reaches_no_broker);
	tcase_add_test(cases, answer_is_lost);
	tcase_add_test(cases, client_is_cut_off_behind_its_request);
	tcase_add_test(cases, another_client_is_not_caught);
	tcase_add_test(cases, an_abort_is_no_commit);
	tcase_add_test(
		cases,
		transaction_is_open_from_its_first_partition_to_the_answer_at_its_end);
	tcase_add_test(cases, rebalance_lasts_from_join_to_sync);
	tcase_add_test(cases, nothing_moves_while_the_test_holds_the_proxy);
	suite_add_tcase(suite, cases);
	return suite;
}

int
main(void)
{
	return weir_test_run(suite());
}
