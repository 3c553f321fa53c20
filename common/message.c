#include "common/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct slice
copy(uint8_t *to, struct slice from)
{
	if (from.len > 0)
		memcpy(to, from.bytes, from.len);
	return (struct slice){ .bytes = to, .len = from.len };
}

struct message *
message_new(enum message_kind kind, struct slice op, struct slice body)
{
	struct message *m = malloc(sizeof(*m) + op.len + body.len);

	if (m == NULL)
		abort();
	*m = (struct message){ .kind = kind };
	m->op = copy((uint8_t *)(m + 1), op);
	m->body = copy((uint8_t *)(m + 1) + op.len, body);
	return m;
}

void
message_lend(struct message *m, struct credit *c)
{
	assert(m->credit == NULL);
	m->credit = c;
	c->lent++;
}

void
message_free(struct message *m)
{
	struct credit *c = m->credit;

	free(m);
	if (c == NULL)
		return;
	assert(c->lent > 0);
	c->lent--;
	c->returned(c);
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
