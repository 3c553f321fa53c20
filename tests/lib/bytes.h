/*
 * What tests and fuzzers of the wire share: bytes from hex, a seeded
 * generator, a value in its one shortest form, frames one after another.
 */
#ifndef TESTS_LIB_BYTES_H
#define TESTS_LIB_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/rpc.h"
#include "proto/term.h"

static inline unsigned
hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = strchr(digits, c);

	assert(c != '\0' && at != NULL);
	return (unsigned)(at - digits);
}

/* Appends the bytes of hex, in which spaces mean nothing. */
static inline void
hex_add(struct buf *b, const char *hex)
{
	for (; *hex != '\0'; hex++) {
		uint8_t byte;

		if (*hex == ' ')
			continue;
		byte = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		buf_add(b, slice_bytes(&byte, 1));
		hex++;
	}
}

/* A buffer with the bytes of hex. Gives it: buf_release(). */
static inline struct buf
hex_buf(const char *hex)
{
	struct buf b;

	buf_init(&b);
	hex_add(&b, hex);
	return b;
}

/* SplitMix64: the same numbers everywhere for the same seed. */
static inline uint64_t
random_next(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* From 0 to n - 1. */
static inline uint32_t
random_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) % n);
}

/* A copy with nothing behind it, so that ASan sees one byte too far. */
static inline struct slice
exact_copy(struct slice s)
{
	uint8_t *bytes = malloc(s.len);

	assert(bytes != NULL || s.len == 0);
	if (s.len > 0)
		memcpy(bytes, s.bytes, s.len);
	return slice_bytes(bytes, s.len);
}

static inline void
exact_free(struct slice s)
{
	free((void *)(uintptr_t)s.bytes);
}

/* Reads one object's own bytes and writes them again, the shortest way. */
static inline void
reemit_one(struct buf *out, struct term_reader *r)
{
	enum term_kind kind;
	struct slice s;
	uint64_t u;
	int64_t i;
	uint32_t n;
	bool b;

	assert(term_peek(r, &kind) == E_OK);
	if (term_read_nil(r) == E_OK)
		term_write_nil(out);
	else if (term_read_bool(r, &b) == E_OK)
		term_write_bool(out, b);
	else if (term_read_uint(r, &u) == E_OK)
		term_write_uint(out, u);
	else if (term_read_int(r, &i) == E_OK)
		term_write_int(out, i);
	else if (term_read_str(r, &s) == E_OK)
		term_write_str(out, s);
	else if (term_read_bin(r, &s) == E_OK)
		term_write_bin(out, s);
	else if (term_read_array(r, &n) == E_OK)
		term_write_array(out, n);
	else if (term_read_map(r, &n) == E_OK)
		term_write_map(out, n);
	else if (term_skip(r, &s) == E_OK)
		term_write_raw(out, s); /* a float or an ext: as it is */
	else
		assert(kind > TERM_MAP);
}

/*
 * Appends a checked value in its shortest form: two values are equal when
 * these bytes are. Returns the number of objects.
 */
static inline uint32_t
reemit(struct buf *out, struct slice value)
{
	struct term_reader r;
	uint32_t objects = 0;

	term_reader_init(&r, value);
	for (; term_end(&r) != E_OK; objects++)
		reemit_one(out, &r);
	return objects;
}

static inline bool
same_value(struct slice a, struct slice b)
{
	struct buf x, y;
	bool same;

	buf_init(&x);
	buf_init(&y);
	reemit(&x, a);
	reemit(&y, b);
	same = slice_equal(buf_bytes(&x), buf_bytes(&y));
	buf_release(&x);
	buf_release(&y);
	return same;
}

/* Writes a decoded message again. A response may have both error and result. */
static inline void
rewrite(struct buf *out, const struct rpc *m)
{
	if (m->kind == RPC_REQUEST) {
		rpc_write_request(out, m->msgid, m->method, m->params);
	} else if (m->kind == RPC_NOTIFY) {
		rpc_write_notify(out, m->method, m->params);
	} else {
		term_write_array(out, 4);
		term_write_uint(out, RPC_RESPONSE);
		term_write_uint(out, m->msgid);
		term_write_raw(out, m->error);
		term_write_raw(out, m->result);
	}
}

#endif
