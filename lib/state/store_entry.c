/*
 * How a store's keys and values are laid out in LMDB (see store_private.h). Any thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <state/store_private.h>

void
weir__entry_key(const struct weir_store *store, struct weir_bytes key,
                struct weir_entry_key *made)
{
	bool is_long = weir__entry_is_long(key.size);
	size_t plain = is_long ? WEIR_ENTRY_PLAIN_MAX : key.size;
	unsigned char *to = made->bytes;

	to[0] = (unsigned char)(store->tag >> 8);
	to[1] = (unsigned char)store->tag;
	if (plain)
		memcpy(to + WEIR_TAG_SIZE, key.data, plain);
	made->size = WEIR_TAG_SIZE + plain;
	if (is_long) {
		XXH128_canonical_t hash;

		XXH128_canonicalFromHash(&hash, XXH3_128bits(key.data, key.size));
		memcpy(to + made->size, hash.digest, WEIR_HASH_SIZE);
		made->size += WEIR_HASH_SIZE;
	}
}

void
weir__entry_write(void *to, struct weir_bytes key, struct weir_bytes value, int64_t time_ms)
{
	unsigned char *at = to;

	for (int byte = 0; byte < WEIR_TIME_SIZE; byte++)
		*at++ = (unsigned char)((uint64_t)time_ms >> (8 * byte));
	if (weir__entry_is_long(key.size)) {
		uint32_t size = (uint32_t)key.size;

		for (int byte = 0; byte < 4; byte++)
			*at++ = (unsigned char)(size >> (8 * byte));
		memcpy(at, key.data, key.size);
		at += key.size;
	}
	if (value.size)
		memcpy(at, value.data, value.size);
}

static uint64_t
read_number(const unsigned char *from, int bytes)
{
	uint64_t number = 0;

	for (int byte = bytes; byte-- > 0;)
		number = number << 8 | from[byte];
	return number;
}

bool
weir__entry_read(const MDB_val *key, const MDB_val *data, struct weir_entry *entry)
{
	const unsigned char *at = data->mv_data;
	size_t left = data->mv_size;

	if (key->mv_size < WEIR_TAG_SIZE || left < WEIR_TIME_SIZE)
		return false;
	entry->time_ms = (int64_t)read_number(at, WEIR_TIME_SIZE);
	at += WEIR_TIME_SIZE;
	left -= WEIR_TIME_SIZE;
	entry->key.data = (const char *)key->mv_data + WEIR_TAG_SIZE;
	entry->key.size = key->mv_size - WEIR_TAG_SIZE;
	if (key->mv_size == WEIR_LONG_SIZE) {
		if (left < 4)
			return false;
		entry->key.size = (size_t)read_number(at, 4);
		entry->key.data = at + 4;
		if (!weir__entry_is_long(entry->key.size) || left - 4 < entry->key.size)
			return false;
		at += 4 + entry->key.size;
		left -= 4 + entry->key.size;
	}
	entry->value.data = at;
	entry->value.size = left;
	return true;
}
