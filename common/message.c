#include "common/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime.h"

#ifndef __has_feature /* clang's */
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
/* The use of ended memory is seen then. */
enum { SPARES_MAX = 0, SPARE_BUF_MAX = 0, SPARE_BYTES_MAX = 0 };
#else
/*
 * What a node keeps: five megabytes of messages, what the windows of 128
 * links hold; and what the links of a turn gather, up to so many bytes each
 * and in all.
 */
enum {
	SPARES_MAX = 16384,
	SPARE_BUF_MAX = 128 * 1024,
	SPARE_BYTES_MAX = 8 * 1024 * 1024,
};
#endif

/* Bytes behind a short message: the memory of one does for any other. */
enum { ROOM = 192 };

static struct slice
copy(uint8_t *to, struct slice from)
{
	if (from.len > 0)
		memcpy(to, from.bytes, from.len);
	return (struct slice){ .bytes = to, .len = from.len };
}

static struct message *
fill(struct message *m, enum message_kind kind, struct slice op,
    struct slice body)
{
	uint8_t *bytes = (uint8_t *)(m + 1);

	*m = (struct message){ .kind = kind, .count = 1 };
	m->op = copy(bytes, op);
	m->body = copy(bytes + op.len, body);
	return m;
}

struct message *
message_new(enum message_kind kind, struct slice op, struct slice body)
{
	size_t room = op.len + body.len > ROOM ? op.len + body.len : ROOM;
	struct message *m = malloc(sizeof(*m) + room);

	if (m == NULL)
		abort();
	return fill(m, kind, op, body);
}

struct message *
message_take(struct spares *s, enum message_kind kind, struct slice op,
    struct slice body)
{
	struct message *m = s->first;

	if (m == NULL || op.len + body.len > ROOM)
		return message_new(kind, op, body);
	s->first = m->next;
	s->count--;
	return fill(m, kind, op, body);
}

struct message *
message_share(struct spares *s, const struct published *what)
{
	struct slice none = slice_bytes(NULL, 0);
	struct message *m = message_take(s, MESSAGE_INFO, none, none);

	m->frame = blob_hold(what->frame);
	m->op = what->op;
	m->body = what->body;
	m->count = what->count;
	return m;
}

void
message_lend(struct message *m, struct credit *c)
{
	assert(m->credit == NULL);
	m->credit = c;
	c->lent++;
}

static void
give_back(struct credit *c)
{
	if (c == NULL)
		return;
	assert(c->lent > 0);
	c->lent--;
	c->returned(c);
}

void
message_free(struct message *m)
{
	struct credit *c = m->credit;

	blob_drop(m->frame);
	free(m);
	give_back(c);
}

/* The memory behind it is ROOM bytes, and not more. */
static bool
is_short(const struct message *m)
{
	return m->frame != NULL || m->op.len + m->body.len <= ROOM;
}

void
message_spare(struct spares *s, struct message *m)
{
	struct credit *c = m->credit;

	if (s->count == SPARES_MAX || !is_short(m)) {
		message_free(m);
		return;
	}
	blob_drop(m->frame);
	m->next = s->first;
	s->first = m;
	s->count++;
	give_back(c);
}

void
spares_release(struct spares *s)
{
	struct message *m;

	while ((m = s->first) != NULL) {
		s->first = m->next;
		free(m);
	}
	s->count = 0;
	while (s->buf_count > 0)
		buf_release(&s->bufs[--s->buf_count]);
}

void
spares_buf_take(struct spares *s, struct buf *b)
{
	if (b->bytes != NULL || s->buf_count == 0)
		return;
	*b = s->bufs[--s->buf_count];
	s->buf_bytes -= b->size;
}

void
spares_buf_give(struct spares *s, struct buf *b)
{
	if (b->bytes == NULL)
		return;
	if (s->buf_count == SPARE_BUFS || b->size > SPARE_BUF_MAX ||
	    s->buf_bytes + b->size > SPARE_BYTES_MAX) {
		buf_release(b);
		return;
	}
	buf_clear(b);
	s->bufs[s->buf_count++] = *b;
	s->buf_bytes += b->size;
	buf_init(b);
}

struct reason
reason_of(const char *word)
{
	return reason_from(slice_of(word));
}

struct reason
reason_from(struct slice word)
{
	struct reason r = { .word = "" };
	size_t len = word.len;

	if (len > sizeof(r.word) - 1)
		len = sizeof(r.word) - 1;
	if (len > 0)
		memcpy(r.word, word.bytes, len);
	return r;
}

bool
reason_is(const struct reason *r, const char *word)
{
	return strcmp(r->word, word) == 0;
}

enum err
reason_err(const struct reason *r)
{
	if (reason_is(r, "noconnection"))
		return E_NOCONNECTION;
	if (reason_is(r, "noproc"))
		return E_NOPROC;
	return E_DIED;
}
