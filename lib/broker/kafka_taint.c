/*
 * Sees every request and answer of a handle, to know when a producer is tainted.
 *
 * A request of a transaction that timed out or lost its connection may still reach the
 * broker, late: an EndTxn of an old transaction would then end the next one, although the
 * retry succeeded (KAFKA-17754; only clients with KIP-890 are safe, librdkafka is not one).
 * librdkafka retries by itself and tells nobody, but its interceptors see each attempt.
 * They run on librdkafka's broker threads: only atomics are touched.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <base/mutation.h>
#include <broker/kafka_private.h>

/* Request kinds of the Kafka protocol. */
enum api {
	API_PRODUCE = 0,
	API_OFFSET_FETCH = 9,
	API_SASL_HANDSHAKE = 17,
	API_API_VERSIONS = 18,
	API_ADD_PARTITIONS_TO_TXN = 24,
	API_ADD_OFFSETS_TO_TXN = 25,
	API_END_TXN = 26,
	API_TXN_OFFSET_COMMIT = 28,
	API_SASL_AUTHENTICATE = 36
};

static bool
is_of_transaction(int16_t api_key)
{
	return api_key == API_PRODUCE || api_key == API_ADD_PARTITIONS_TO_TXN ||
	       api_key == API_ADD_OFFSETS_TO_TXN || api_key == API_END_TXN ||
	       api_key == API_TXN_OFFSET_COMMIT;
}

/*
 * An error here is the transport's (what the broker answered is inside the answer): any of
 * them means that nobody knows whether the request arrived. A request that was never
 * sent cannot be told apart, for librdkafka does not give its correlation id: it taints
 * too, which costs a replacement and nothing else.
 */
bool
weir__kafka_taints(int16_t api_key, rd_kafka_resp_err_t code)
{
	if (WEIR_MUTANT(KEEP_TAINTED))
		return false;
	return code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR__DESTROY &&
	       is_of_transaction(api_key);
}

/* An answer to one of these does not prove that the broker takes our credentials. */
static bool
is_handshake(int16_t api_key)
{
	return api_key == API_API_VERSIONS || api_key == API_SASL_HANDSHAKE ||
	       api_key == API_SASL_AUTHENTICATE;
}

static rd_kafka_resp_err_t
on_response(rd_kafka_t *rk, int socket, const char *broker, int32_t broker_id, int16_t api_key,
            int16_t api_version, int32_t correlation, size_t size, int64_t round_trip,
            rd_kafka_resp_err_t code, void *opaque)
{
	struct kafka_client *client = opaque;

	(void)rk, (void)socket, (void)broker, (void)broker_id, (void)api_version;
	(void)correlation, (void)size, (void)round_trip;
	if (weir__kafka_taints(api_key, code))
		atomic_store(&client->is_tainted, true);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		atomic_fetch_add_explicit(is_handshake(api_key) ? &client->handshakes
		                                                : &client->answers,
		                          1, memory_order_relaxed);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && api_key == API_OFFSET_FETCH)
		atomic_fetch_add(&client->offset_answers, 1);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && api_key == API_END_TXN)
		atomic_fetch_add(&client->end_answers, 1);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR && api_key == API_TXN_OFFSET_COMMIT)
		atomic_fetch_add(&client->txn_offset_answers, 1);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque, char *text, size_t size)
{
	(void)conf, (void)text, (void)size;
	return rd_kafka_interceptor_add_on_response_received(rk, "weir", on_response, opaque);
}

void
weir__kafka_taint_watch(rd_kafka_conf_t *conf, struct kafka_client *client)
{
	rd_kafka_conf_interceptor_add_on_new(conf, "weir", on_new, client);
}
