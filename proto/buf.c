#include "proto/buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

void
buf_init(struct buf *b)
{
	*b = (struct buf){ 0 };
}

void
buf_release(struct buf *b)
{
	free(b->bytes);
	buf_init(b);
}

void
buf_clear(struct buf *b)
{
	b->start = b->end = 0;
}

void
buf_clear_behind(struct buf *b, size_t head)
{
	buf_clear(b);
	(void)buf_room(b, head);
	b->start = b->end = head;
}

uint8_t *
buf_before(struct buf *b, size_t len)
{
	if (b->start < len)
		return NULL;
	b->start -= len;
	return b->bytes + b->start;
}

struct slice
buf_bytes(const struct buf *b)
{
	if (b->start == b->end)
		return slice_bytes(NULL, 0);
	return slice_bytes(b->bytes + b->start, b->end - b->start);
}

size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

/* Moves the content to the front, where that makes room for free. */
static void
buf_slide(struct buf *b)
{
	if (b->start == 0)
		return;
	memmove(b->bytes, b->bytes + b->start, buf_len(b));
	b->end -= b->start;
	b->start = 0;
}

static void
buf_enlarge(struct buf *b, size_t need)
{
	size_t size = b->size > 0 ? b->size : BUF_FIRST;

	while (size < need) {
		assert(size <= SIZE_MAX / 2);
		size *= 2;
	}
	b->bytes = realloc(b->bytes, size);
	if (b->bytes == NULL)
		abort();
	b->size = size;
}

/* Room where there is not enough. */
static __attribute__((noinline)) uint8_t *
buf_grow(struct buf *b, size_t len)
{
	/* Sliding moves at most as much as was consumed: amortised O(1). */
	if (b->start >= buf_len(b))
		buf_slide(b);
	assert(len <= SIZE_MAX - b->end);
	if (b->size - b->end < len || b->bytes == NULL)
		buf_enlarge(b, b->end + len);
	return b->bytes + b->end;
}

uint8_t *
buf_room(struct buf *b, size_t len)
{
	if (b->size - b->end >= len && b->bytes != NULL)
		return b->bytes + b->end;
	return buf_grow(b, len);
}

void
buf_grew(struct buf *b, size_t len)
{
	assert(b->size - b->end >= len);
	b->end += len;
}

void
buf_add(struct buf *b, struct slice bytes)
{
	if (bytes.len == 0)
		return;
	memcpy(buf_room(b, bytes.len), bytes.bytes, bytes.len);
	b->end += bytes.len;
}

void
buf_consume(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->start += len;
	if (b->start == b->end)
		buf_clear(b);
}

void
buf_truncate(struct buf *b, size_t len)
{
	assert(len <= buf_len(b));
	b->end = b->start + len;
}
