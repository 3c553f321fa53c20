/*
 * A growing byte buffer: written at its end, consumed at its start. It
 * grows by doubling with bytes that are there, never with bytes announced.
 * Out of memory aborts: every caller has met a limit before it adds.
 */
#ifndef PROTO_BUF_H
#define PROTO_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/api.h"
#include "proto/blob.h"

API_BEGIN

struct buf {
	uint8_t *bytes; /* NULL until the first byte */
	size_t start; /* consumed bytes before the content */
	size_t end; /* content is bytes[start, end) */
	size_t size; /* allocated */
};

/* An empty buffer that owns nothing yet. */
void buf_init(struct buf *b);

/* Frees what the buffer owns; it is empty and usable again. */
void buf_release(struct buf *b);

/* Empties the buffer and keeps its memory. */
void buf_clear(struct buf *b);

/*
 * Empties it and keeps room for head bytes before the content, which
 * buf_before() gives as long as the buffer has not grown.
 */
void buf_clear_behind(struct buf *b, size_t head);

/*
 * Makes len bytes before the content part of it: the caller fills them.
 * NULL, and nothing changed, when there is no such room.
 */
uint8_t *buf_before(struct buf *b, size_t len);

/* The content, borrowed until the next call that changes the buffer. */
struct slice buf_bytes(const struct buf *b);

/* Number of bytes of content. */
size_t buf_len(const struct buf *b);

/*
 * Room for len more bytes at the end, not yet part of the content: the
 * caller fills them and says so with buf_grew(). Returned pointer is
 * borrowed until the next call that changes the buffer.
 */
uint8_t *buf_room(struct buf *b, size_t len);

/* len bytes that were written to the room are content now. */
void buf_grew(struct buf *b, size_t len);

/* Copies bytes to the end. Borrows bytes, which may not be the buffer's. */
void buf_add(struct buf *b, struct slice bytes);

/* Drops len bytes at the start; len is at most buf_len(). */
void buf_consume(struct buf *b, size_t len);

/* Drops what was added after the content had len bytes. */
void buf_truncate(struct buf *b, size_t len);

API_END

#endif
