/*
 * The checker on any bytes: in two pieces it says what it says in one; what
 * is whole is walked to its end; and written again it is the same value.
 * Input: two bytes for the split, two for the limit, the value.
 */
#include "tests/lib/bytes.h"

static enum term_verdict
check(struct term_check *c, struct slice s, size_t len)
{
	struct slice piece = exact_copy(slice_bytes(s.bytes, len));
	enum term_verdict v = term_check(c, piece);

	assert(c->pos <= len && c->pos <= c->limit);
	assert(v != TERM_MORE || len < c->limit);
	assert(v != TERM_WHOLE || (c->left[0] == 0 && c->depth == 0));
	exact_free(piece);
	return v;
}

static void
walk(struct slice value, uint32_t objects)
{
	struct slice exact = exact_copy(value);
	struct term_reader r;
	struct term_check c;
	struct buf again;

	buf_init(&again);
	assert(reemit(&again, exact) == objects);
	assert(same_value(exact, buf_bytes(&again)));
	term_check_init(&c, LIMIT_FRAME);
	assert(check(&c, buf_bytes(&again), buf_len(&again)) == TERM_WHOLE);
	assert(c.pos == buf_len(&again) && c.pos <= value.len);
	term_reader_init(&r, exact);
	assert(term_skip(&r, NULL) == E_OK && term_end(&r) == E_OK);
	buf_release(&again);
	exact_free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct term_check one, two;
	enum term_verdict v, w;
	struct slice s;
	size_t at;
	uint32_t limit;

	if (size < 4)
		return 0;
	s = slice_bytes(data + 4, size - 4);
	at = ((size_t)data[0] << 8 | data[1]) % (s.len + 1);
	limit = (uint32_t)data[2] << 8 | data[3];
	term_check_init(&one, limit == 0 ? LIMIT_FRAME : limit);
	two = one;
	v = check(&one, s, s.len);
	w = check(&two, s, at);
	if (w == TERM_MORE)
		w = check(&two, s, s.len);
	assert(v == w && one.pos == two.pos && one.clean == two.clean);
	if (v == TERM_WHOLE)
		walk(slice_bytes(s.bytes, one.pos), one.announced);
	return 0;
}
