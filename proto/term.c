/*
 * One table says how every header byte is read; checker and reader share
 * it, so they cannot disagree.
 */
#include "proto/term.h"

#include <assert.h>
#include <string.h>

#include <msgpack/pack.h>

#include "proto/utf8.h"

/* A header costs fewer instructions than a call of a function for it. */
#define INLINE static inline __attribute__((always_inline))

/* What the first bytes of an object say. */
struct head {
	enum term_kind kind;
	uint32_t bytes; /* of the header itself */
	uint64_t body; /* bytes after it: numbers, strings, ext */
	uint64_t children; /* objects after it: arrays, maps */
};

/* The headers 0xc0 to 0xdf. */
static const struct {
	uint8_t kind;
	uint8_t len_bytes; /* of the length that follows */
	uint8_t body; /* fixed bytes, besides that length */
} heads[32] = {
	[0x00] = { TERM_NIL, 0, 0 },
	/* 0xc1 is refused before it gets here. */
	[0x02] = { TERM_BOOL, 0, 0 },
	[0x03] = { TERM_BOOL, 0, 0 },
	[0x04] = { TERM_BIN, 1, 0 },
	[0x05] = { TERM_BIN, 2, 0 },
	[0x06] = { TERM_BIN, 4, 0 },
	[0x07] = { TERM_EXT, 1, 1 },
	[0x08] = { TERM_EXT, 2, 1 },
	[0x09] = { TERM_EXT, 4, 1 },
	[0x0a] = { TERM_FLOAT, 0, 4 },
	[0x0b] = { TERM_FLOAT, 0, 8 },
	[0x0c] = { TERM_UINT, 0, 1 },
	[0x0d] = { TERM_UINT, 0, 2 },
	[0x0e] = { TERM_UINT, 0, 4 },
	[0x0f] = { TERM_UINT, 0, 8 },
	[0x10] = { TERM_INT, 0, 1 },
	[0x11] = { TERM_INT, 0, 2 },
	[0x12] = { TERM_INT, 0, 4 },
	[0x13] = { TERM_INT, 0, 8 },
	[0x14] = { TERM_EXT, 0, 2 },
	[0x15] = { TERM_EXT, 0, 3 },
	[0x16] = { TERM_EXT, 0, 5 },
	[0x17] = { TERM_EXT, 0, 9 },
	[0x18] = { TERM_EXT, 0, 17 },
	[0x19] = { TERM_STR, 1, 0 },
	[0x1a] = { TERM_STR, 2, 0 },
	[0x1b] = { TERM_STR, 4, 0 },
	[0x1c] = { TERM_ARRAY, 2, 0 },
	[0x1d] = { TERM_ARRAY, 4, 0 },
	[0x1e] = { TERM_MAP, 2, 0 },
	[0x1f] = { TERM_MAP, 4, 0 },
};

static uint64_t
big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

INLINE void
head_set_count(struct head *h, uint64_t n)
{
	if (h->kind == TERM_ARRAY)
		h->children = n;
	else if (h->kind == TERM_MAP)
		h->children = 2 * n;
	else
		h->body += n;
}

/* The header bytes that hold kind and length in one byte. */
INLINE void
head_short(struct head *h, uint8_t first)
{
	*h = (struct head){ .kind = TERM_UINT, .bytes = 1 };
	if (first >= 0xe0) {
		h->kind = TERM_INT;
	} else if (first >= 0xa0) {
		h->kind = TERM_STR;
		head_set_count(h, first & 0x1f);
	} else if (first >= 0x80) {
		h->kind = first >= 0x90 ? TERM_ARRAY : TERM_MAP;
		head_set_count(h, first & 0x0f);
	}
}

/*
 * Reads the header at p, of which avail > 0 bytes are there. False when
 * there are too few. The byte 0xc1 is the caller's to refuse.
 */
INLINE bool
head_read(struct head *h, const uint8_t *p, size_t avail)
{
	size_t len_bytes;

	if (p[0] < 0xc0 || p[0] >= 0xe0) {
		head_short(h, p[0]);
		return true;
	}
	len_bytes = heads[p[0] - 0xc0].len_bytes;
	if (avail < 1 + len_bytes)
		return false;
	*h = (struct head){
		.kind = heads[p[0] - 0xc0].kind,
		.bytes = (uint32_t)(1 + len_bytes),
		.body = heads[p[0] - 0xc0].body,
	};
	if (len_bytes > 0)
		head_set_count(h, big_endian(p + 1, len_bytes));
	return true;
}

/* -- checker -- */

void
term_check_init(struct term_check *c, uint32_t limit)
{
	c->limit = limit;
	c->pos = 0;
	c->owed = 1;
	c->objects = 0;
	c->depth = 0;
	c->clean = true;
}

/* What a header announces must be possible within the limits. */
INLINE enum term_verdict
check_announced(const struct term_check *c, const struct head *h)
{
	uint64_t room = c->limit - c->pos;
	uint64_t others = c->owed - 1;

	if (room < h->bytes)
		return TERM_TOO_LARGE;
	if (others + h->children + h->body > room - h->bytes)
		return TERM_TOO_LARGE;
	if (c->objects + 1 + others + h->children > LIMIT_OBJECTS)
		return TERM_TOO_MANY;
	if ((h->kind == TERM_ARRAY || h->kind == TERM_MAP) &&
	    c->depth == LIMIT_DEPTH)
		return TERM_TOO_DEEP;
	return TERM_WHOLE;
}

/* The object is whole: count it, open it, close what it filled. */
INLINE void
check_step(struct term_check *c, const struct head *h)
{
	c->pos += h->bytes + (uint32_t)h->body;
	c->objects++;
	c->owed += (uint32_t)h->children - 1;
	if (c->depth > 0)
		c->left[c->depth - 1]--;
	if (h->children > 0)
		c->left[c->depth++] = (uint32_t)h->children;
	while (c->depth > 0 && c->left[c->depth - 1] == 0)
		c->depth--;
}

INLINE bool
is_clean(const struct head *h, const uint8_t *body)
{
	if (h->kind == TERM_STR)
		return utf8_valid((struct slice){ body, h->body });
	return h->kind != TERM_EXT;
}

/* A header is not whole yet. It never will be, if the limit is reached. */
static enum term_verdict
check_unfinished(const struct term_check *c, size_t avail)
{
	return avail < c->limit - c->pos ? TERM_MORE : TERM_TOO_LARGE;
}

enum term_verdict
term_check(struct term_check *c, struct slice value)
{
	struct head h;

	assert(value.len >= c->pos);
	while (c->owed > 0) {
		size_t avail = value.len - c->pos;
		const uint8_t *p;
		enum term_verdict v;

		if (avail == 0)
			return check_unfinished(c, avail);
		p = value.bytes + c->pos;
		if (p[0] == 0xc1)
			return TERM_RESERVED;
		if (!head_read(&h, p, avail))
			return check_unfinished(c, avail);
		v = check_announced(c, &h);
		if (v != TERM_WHOLE)
			return v;
		if (avail - h.bytes < h.body)
			return TERM_MORE;
		if (!is_clean(&h, p + h.bytes))
			c->clean = false;
		check_step(c, &h);
	}
	return TERM_WHOLE;
}

enum err
term_verdict_err(enum term_verdict v)
{
	return v == TERM_RESERVED ? E_MALFORMED : E_TOOBIG;
}

const char *
term_verdict_text(enum term_verdict v)
{
	assert(v <= TERM_TOO_MANY);
	switch (v) {
	case TERM_MORE:
		return "the value goes on";
	case TERM_WHOLE:
		return "the value is whole";
	case TERM_RESERVED:
		return "the byte 0xc1 is not MessagePack";
	case TERM_TOO_LARGE:
		return "the message is over the size limit";
	case TERM_TOO_DEEP:
		return "arrays and maps are nested too deep";
	case TERM_TOO_MANY:
		return "the message has too many objects";
	}
	return NULL;
}

bool
term_is_sound(struct slice value)
{
	struct term_check c;

	term_check_init(&c, LIMIT_FRAME);
	return term_check(&c, value) == TERM_WHOLE && c.pos == value.len &&
	    c.clean;
}

/* -- reader -- */

void
term_reader_init(struct term_reader *r, struct slice value)
{
	r->at = value.bytes;
	r->end = value.bytes == NULL ? NULL : value.bytes + value.len;
}

/* The next header, if all of its object's own bytes are there. */
INLINE bool
next(const struct term_reader *r, struct head *h)
{
	size_t avail;

	if (r->at == r->end || *r->at == 0xc1)
		return false;
	avail = (size_t)(r->end - r->at);
	return head_read(h, r->at, avail) && h->body <= avail - h->bytes;
}

INLINE bool
next_is(const struct term_reader *r, struct head *h, enum term_kind kind)
{
	return next(r, h) && h->kind == kind;
}

static void
advance(struct term_reader *r, const struct head *h)
{
	r->at += h->bytes + h->body;
}

enum err
term_read_nil(struct term_reader *r)
{
	struct head h;

	if (!next_is(r, &h, TERM_NIL))
		return E_BADARG;
	advance(r, &h);
	return E_OK;
}

enum err
term_read_bool(struct term_reader *r, bool *out)
{
	struct head h;

	if (!next_is(r, &h, TERM_BOOL))
		return E_BADARG;
	*out = *r->at == 0xc3;
	advance(r, &h);
	return E_OK;
}

/* A number of either kind as 64 bits of two's complement. */
static uint64_t
number(const uint8_t *p, const struct head *h)
{
	uint64_t v, sign;

	if (h->body == 0)
		return p[0] < 0x80 ? p[0] : UINT64_MAX - (0xffu - p[0]);
	v = big_endian(p + 1, h->body);
	if (h->kind == TERM_UINT || h->body == 8)
		return v;
	sign = UINT64_C(1) << (8 * h->body - 1);
	return (v ^ sign) - sign;
}

enum err
term_read_uint(struct term_reader *r, uint64_t *out)
{
	struct head h;
	uint64_t v;

	if (!next(r, &h) || (h.kind != TERM_UINT && h.kind != TERM_INT))
		return E_BADARG;
	v = number(r->at, &h);
	if (h.kind == TERM_INT && v > INT64_MAX)
		return E_BADARG;
	*out = v;
	advance(r, &h);
	return E_OK;
}

enum err
term_read_int(struct term_reader *r, int64_t *out)
{
	struct head h;
	uint64_t v;

	if (!next(r, &h) || (h.kind != TERM_UINT && h.kind != TERM_INT))
		return E_BADARG;
	v = number(r->at, &h);
	if (h.kind == TERM_UINT && v > INT64_MAX)
		return E_BADARG;
	memcpy(out, &v, sizeof(*out));
	advance(r, &h);
	return E_OK;
}

static enum err
read_bytes(struct term_reader *r, enum term_kind kind, struct slice *out)
{
	struct head h;

	if (!next_is(r, &h, kind))
		return E_BADARG;
	*out = slice_bytes(r->at + h.bytes, h.body);
	advance(r, &h);
	return E_OK;
}

enum err
term_read_str(struct term_reader *r, struct slice *out)
{
	return read_bytes(r, TERM_STR, out);
}

enum err
term_read_bin(struct term_reader *r, struct slice *out)
{
	return read_bytes(r, TERM_BIN, out);
}

enum err
term_read_array(struct term_reader *r, uint32_t *n)
{
	struct head h;

	if (!next_is(r, &h, TERM_ARRAY))
		return E_BADARG;
	*n = (uint32_t)h.children;
	advance(r, &h);
	return E_OK;
}

enum err
term_read_map(struct term_reader *r, uint32_t *n)
{
	struct head h;

	if (!next_is(r, &h, TERM_MAP))
		return E_BADARG;
	*n = (uint32_t)(h.children / 2);
	advance(r, &h);
	return E_OK;
}

enum err
term_skip(struct term_reader *r, struct slice *whole)
{
	struct term_reader ahead = *r;
	uint64_t owed = 1;
	struct head h;

	while (owed > 0) {
		if (!next(&ahead, &h))
			return E_BADARG;
		advance(&ahead, &h);
		owed += h.children - 1;
	}
	if (whole != NULL)
		*whole = slice_bytes(r->at, (size_t)(ahead.at - r->at));
	*r = ahead;
	return E_OK;
}

enum err
term_peek(const struct term_reader *r, enum term_kind *kind)
{
	struct head h;

	if (!next(r, &h))
		return E_BADARG;
	*kind = h.kind;
	return E_OK;
}

enum err
term_end(const struct term_reader *r)
{
	return r->at == r->end ? E_OK : E_BADARG;
}

/* -- writer -- */

static int
append(void *data, const char *bytes, size_t len)
{
	buf_add(data, slice_bytes(bytes, len));
	return 0;
}

static msgpack_packer
packer(struct buf *b)
{
	return (msgpack_packer){ .data = b, .callback = append };
}

void
term_write_nil(struct buf *b)
{
	msgpack_packer p = packer(b);

	msgpack_pack_nil(&p);
}

void
term_write_bool(struct buf *b, bool v)
{
	msgpack_packer p = packer(b);

	if (v)
		msgpack_pack_true(&p);
	else
		msgpack_pack_false(&p);
}

void
term_write_uint(struct buf *b, uint64_t v)
{
	msgpack_packer p = packer(b);

	msgpack_pack_uint64(&p, v);
}

void
term_write_int(struct buf *b, int64_t v)
{
	msgpack_packer p = packer(b);

	msgpack_pack_int64(&p, v);
}

void
term_write_str(struct buf *b, struct slice v)
{
	msgpack_packer p = packer(b);

	msgpack_pack_str(&p, v.len);
	msgpack_pack_str_body(&p, v.bytes, v.len);
}

void
term_write_cstr(struct buf *b, const char *v)
{
	term_write_str(b, slice_of(v));
}

void
term_write_bin(struct buf *b, struct slice v)
{
	msgpack_packer p = packer(b);

	msgpack_pack_bin(&p, v.len);
	msgpack_pack_bin_body(&p, v.bytes, v.len);
}

void
term_write_array(struct buf *b, uint32_t n)
{
	msgpack_packer p = packer(b);

	msgpack_pack_array(&p, n);
}

void
term_write_map(struct buf *b, uint32_t n)
{
	msgpack_packer p = packer(b);

	msgpack_pack_map(&p, n);
}

void
term_write_raw(struct buf *b, struct slice value)
{
	buf_add(b, value);
}
