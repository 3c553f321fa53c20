#include "client/chat_past.h"

enum { FIELDS = 4 };

enum err
chat_said_read(struct chat_said *s, struct term_reader *r)
{
	if (term_read_uint(r, &s->n) != E_OK ||
	    term_read_uint(r, &s->at_ms) != E_OK ||
	    term_read_str(r, &s->user) != E_OK ||
	    term_read_str(r, &s->text) != E_OK)
		return E_MALFORMED;
	return E_OK;
}

/* Steps over n values; what a later server adds is not for us. */
static enum err
skip(struct term_reader *r, uint32_t n)
{
	for (; n > 0; n--)
		if (term_skip(r, NULL) != E_OK)
			return E_MALFORMED;
	return E_OK;
}

enum err
chat_past_next(struct chat_past *p, struct chat_said *s)
{
	uint32_t fields;

	if (term_read_array(&p->messages, &fields) != E_OK || fields < FIELDS ||
	    chat_said_read(s, &p->messages) != E_OK)
		return E_MALFORMED;
	p->count--;
	return skip(&p->messages, fields - FIELDS);
}

static enum err
read_field(struct chat_past *p, struct term_reader *r, struct slice key)
{
	if (slice_is(key, "n"))
		return term_read_uint(r, &p->n);
	if (slice_is(key, "mensajes")) {
		p->messages = *r;
		if (term_read_array(&p->messages, &p->count) != E_OK)
			return E_MALFORMED;
	}
	return skip(r, 1);
}

enum err
chat_past_read(struct chat_past *p, struct slice answer)
{
	struct term_reader r;
	struct slice key;
	uint32_t fields;

	*p = (struct chat_past){ .n = UINT64_MAX };
	term_reader_init(&r, answer);
	if (term_read_map(&r, &fields) != E_OK)
		return E_MALFORMED;
	for (; fields > 0; fields--)
		if (term_read_str(&r, &key) != E_OK ||
		    read_field(p, &r, key) != E_OK)
			return E_MALFORMED;
	/* Without either of the two it is no such answer. */
	return p->n != UINT64_MAX && p->messages.at != NULL ? E_OK :
							      E_MALFORMED;
}
