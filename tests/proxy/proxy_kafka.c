/*
 * What the proxy understands of Kafka's protocol: the header of a request, the length and
 * correlation of an answer, whether an EndTxn commits, and the error code of its answer.
 *
 * From that it keeps what each client is in the middle of, and catches the request that
 * the test has asked for. The proxy's thread, under its lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>

#include "tests/proxy/proxy_private.h"

/* The first version of EndTxn with tagged fields: at its end, and in its answer's header. */
#define END_TXN_FLEXIBLE 3

static int16_t
number16(const uint8_t *bytes)
{
	return (int16_t)(bytes[0] << 8 | bytes[1]);
}

static int32_t
number32(const uint8_t *bytes)
{
	return (int32_t)((uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
			 (uint32_t)bytes[2] << 8 | bytes[3]);
}

/* ---- whose is it ---- */

static struct proxy_known *
known_as(struct proxy *proxy, const char *id)
{
	struct proxy_known *known;

	for (int index = 0; index < proxy->known_count; index++) {
		if (!strcmp(proxy->known[index].id, id))
			return &proxy->known[index];
	}
	if (proxy->known_count == PROXY_MAX_CLIENTS)
		return &proxy->known[PROXY_MAX_CLIENTS - 1];
	known = &proxy->known[proxy->known_count++];
	strcpy(known->id, id);
	return known;
}

/* size 4, api 2, version 2, correlation 4, client.id 2 + its length */
static void
identify(struct proxy *proxy, struct proxy_link *link, const struct proxy_frame *frame)
{
	char id[PROXY_ID_SIZE] = "";
	int length = frame->size >= 14 ? number16(frame->bytes + 12) : -1;

	if (link->known)
		return;
	if (length > 0 && length < PROXY_ID_SIZE && (size_t)length + 14 <= frame->size)
		memcpy(id, frame->bytes + 14, (size_t)length);
	link->known = known_as(proxy, id);
	link->known->state.connections++;
}

void
proxy_disconnected(struct proxy_link *link)
{
	struct proxy_client *state;

	if (!link->known)
		return;
	state = &link->known->state;
	for (struct proxy_request *request = link->requests; request;
	     request = request->next)
		state->producing -= request->api == PROXY_PRODUCE && state->producing > 0;
	state->connections--;
	link->known = NULL;
}

/* ---- what clients are doing ---- */

static void
note_request(struct proxy_client *state, int api, int broker)
{
	if (api >= 0 && api < PROXY_APIS)
		state->broker[api] = broker;
	switch (api) {
	case PROXY_ADD_PARTITIONS_TO_TXN:
	case PROXY_ADD_OFFSETS_TO_TXN:
		if (!state->transaction)
			state->produced = 0;
		state->transaction = true;
		break;
	case PROXY_COMMIT_TXN:
	case PROXY_OFFSET_COMMIT:
		state->commit = true;
		break;
	case PROXY_JOIN_GROUP:
		state->rebalance = true;
		break;
	case PROXY_PRODUCE:
		state->producing++;
		state->uncommitted = true;
		break;
	}
}

static void
note_answer(struct proxy_client *state, int api, int code)
{
	switch (api) {
	case PROXY_END_TXN:
		state->commit = false;
		if (code)
			break;
		state->transactions += state->transaction;
		state->transaction = false;
		break;
	case PROXY_INIT_PRODUCER_ID:
		state->transaction = false;
		state->inits++;
		break;
	case PROXY_OFFSET_COMMIT:
		state->commit = false;
		state->uncommitted = false;
		break;
	case PROXY_SYNC_GROUP:
		state->rebalance = false;
		break;
	case PROXY_PRODUCE:
		state->producing -= state->producing > 0;
		state->produced++;
		break;
	}
}

/* ---- requests ---- */

/* An EndTxn ends with whether it commits. */
static bool
is_commit(const struct proxy_request *request, const struct proxy_frame *frame)
{
	return request->api == PROXY_END_TXN &&
	       frame->bytes[frame->size - 1 - (request->version >= END_TXN_FLEXIBLE)];
}

static bool
is_wanted(const struct proxy *proxy, const struct proxy_link *link,
	  const struct proxy_request *request, bool commits)
{
	return proxy->snare.armed && !proxy->snare.caught &&
	       (proxy->snare.api == request->api ||
		(commits && proxy->snare.api == PROXY_COMMIT_TXN)) &&
	       (!*proxy->snare.client || !strcmp(proxy->snare.client, link->known->id));
}

static void
spring(struct proxy *proxy, struct proxy_link *link)
{
	proxy->snare.caught = true;
	switch (proxy->snare.way) {
	case PROXY_KEEP:
		link->keeps = true;
		break;
	case PROXY_KEEP_AND_CUT:
		link->keeps = true;
		proxy_link_cut(link);
		break;
	case PROXY_DROP:
		link->keeps = link->drops = true;
		break;
	case PROXY_LOSE_ANSWER:
		link->mute = true;
		break;
	case PROXY_CUT_BEHIND:
		link->cut_behind = true;
		break;
	}
}

void
proxy_request(struct proxy *proxy, struct proxy_link *link,
	      const struct proxy_frame *frame)
{
	struct proxy_request *request;
	bool wanted, commits;

	if (frame->size < 12)
		return;
	identify(proxy, link, frame);
	request = weir__calloc(1, sizeof(*request));
	request->api = number16(frame->bytes + 4);
	request->version = number16(frame->bytes + 6);
	request->correlation = number32(frame->bytes + 8);
	commits = is_commit(request, frame);
	wanted = is_wanted(proxy, link, request, commits);
	request->caught = wanted;
	*link->requests_end = request;
	link->requests_end = &request->next;
	note_request(&link->known->state, request->api, link->broker->id);
	if (commits)
		note_request(&link->known->state, PROXY_COMMIT_TXN, link->broker->id);
	if (wanted)
		spring(proxy, link);
}

/* ---- answers ---- */

/* Answers come in the order of their requests; some requests have none (acks=0). */
static struct proxy_request *
take_request(struct proxy_link *link, int32_t correlation)
{
	for (struct proxy_request **at = &link->requests; *at; at = &(*at)->next) {
		struct proxy_request *request = *at;

		if (request->correlation != correlation)
			continue;
		*at = request->next;
		if (!request->next)
			link->requests_end = at;
		return request;
	}
	return NULL;
}

static int
error_of(const struct proxy_request *request, const struct proxy_frame *frame)
{
	size_t at = 8 + (request->version >= END_TXN_FLEXIBLE) + 4;

	if (request->api != PROXY_END_TXN || frame->size < at + 2)
		return 0;
	return number16(frame->bytes + at);
}

void
proxy_answer(struct proxy *proxy, struct proxy_link *link,
	     const struct proxy_frame *frame)
{
	struct proxy_request *request;
	int code;

	request = frame->size < 8 ? NULL : take_request(link, number32(frame->bytes + 4));
	if (!request)
		return;
	code = error_of(request, frame);
	if (request->caught) {
		proxy->snare.answered = true;
		proxy->snare.code = code;
	}
	/* the answer to an orphan tells the client nothing */
	if (link->known && !link->mute)
		note_answer(&link->known->state, request->api, code);
	free(request);
}
