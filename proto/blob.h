/*
 * Bytes and who owns them. Three words are used in every header:
 *
 *   takes    the callee owns it from now on, on failure too
 *   borrows  the callee looks at it during the call and keeps nothing
 *   gives    the caller owns what it gets and must end it
 *
 * A slice is a borrowed look at bytes, passed by value. A blob is immutable
 * counted bytes: one broadcast is one blob, however many hold it.
 */
#ifndef PROTO_BLOB_H
#define PROTO_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/api.h"

API_BEGIN

struct slice {
	const uint8_t *bytes; /* may be NULL when len is 0 */
	size_t len;
};

/* A slice of a C string, without its NUL. Borrows s. */
struct slice slice_of(const char *s);

/* A slice of len bytes. Borrows bytes. */
struct slice slice_bytes(const void *bytes, size_t len);

/* True when both hold the same bytes. */
bool slice_equal(struct slice a, struct slice b);

/* True when the slice holds the bytes of the C string. */
bool slice_is(struct slice a, const char *s);

struct blob;

/* Copies the bytes. Gives a blob held once. Out of memory aborts. */
struct blob *blob_new(struct slice bytes);

/* One more holder. Returns the blob itself. */
struct blob *blob_hold(struct blob *b);

/* One holder less; the last one frees it. NULL is allowed. */
void blob_drop(struct blob *b);

/* The bytes, borrowed for as long as the caller holds the blob. */
struct slice blob_bytes(const struct blob *b);

API_END

#endif
