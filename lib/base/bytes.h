/*
 * Bytes as text: what is UTF-8 and what is not, and base64 for what is not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_BASE_BYTES_H
#define WEIR_BASE_BYTES_H

#include <stdbool.h>

#include <base/alloc.h>

/* Is it well-formed UTF-8 (RFC 3629: no surrogates, nothing longer than needed)? */
bool weir__utf8_valid(const void *data, size_t size);

/* Add `bytes` in base64 (RFC 4648, padded). */
void weir__base64_write(struct weir_bytes bytes, struct weir_buffer *out);

/* Read base64, strictly: padded, no blanks. Returns 0 and *bytes in `arena`, or
 * WEIR_EINVALID. */
int weir__base64_read(const char *text, size_t size, struct weir_arena *arena,
		      struct weir_bytes *bytes);

#endif
