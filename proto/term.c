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
/* And the way of few does not make that of many longer. */
#define APART static __attribute__((noinline))

/* What the byte 0xc1 begins, which MessagePack never uses. */
enum { NO_KIND = UINT8_MAX, NO_KIND_BYTE = 0xc1 };

/* What the first byte of an object says. */
struct shape {
	uint8_t kind;
	uint8_t len_bytes; /* of the length that follows */
	uint8_t body; /* bytes after it: numbers, strings, ext */
	uint8_t children; /* objects after it: arrays, maps */
};

#define TWICE(...) __VA_ARGS__, __VA_ARGS__
#define SIXTEEN(...) TWICE(TWICE(TWICE(TWICE(__VA_ARGS__))))
#define COUNT4(shape, n) shape(n), shape(n + 1), shape(n + 2), shape(n + 3)
#define COUNT16(shape, n) \
	COUNT4(shape, n), COUNT4(shape, n + 4), COUNT4(shape, n + 8), \
	    COUNT4(shape, n + 12)
#define POSITIVE \
	{ \
		TERM_UINT, 0, 0, 0 \
	}
#define NEGATIVE \
	{ \
		TERM_INT, 0, 0, 0 \
	}
#define SHORT_MAP(n) \
	{ \
		TERM_MAP, 0, 0, 2 * (n) \
	}
#define SHORT_ARRAY(n) \
	{ \
		TERM_ARRAY, 0, 0, n \
	}
#define SHORT_STR(n) \
	{ \
		TERM_STR, 0, n, 0 \
	}

static const struct shape shapes[256] = {
	/* 0x00 to 0xbf: what is said by one byte */
	SIXTEEN(TWICE(TWICE(TWICE(POSITIVE)))),
	COUNT16(SHORT_MAP, 0),
	COUNT16(SHORT_ARRAY, 0),
	COUNT16(SHORT_STR, 0),
	COUNT16(SHORT_STR, 16),
	/* 0xc0 to 0xdf */
	{ TERM_NIL, 0, 0, 0 },
	{ NO_KIND, 0, 0, 0 },
	TWICE({ TERM_BOOL, 0, 0, 0 }),
	{ TERM_BIN, 1, 0, 0 },
	{ TERM_BIN, 2, 0, 0 },
	{ TERM_BIN, 4, 0, 0 },
	{ TERM_EXT, 1, 1, 0 },
	{ TERM_EXT, 2, 1, 0 },
	{ TERM_EXT, 4, 1, 0 },
	{ TERM_FLOAT, 0, 4, 0 },
	{ TERM_FLOAT, 0, 8, 0 },
	{ TERM_UINT, 0, 1, 0 },
	{ TERM_UINT, 0, 2, 0 },
	{ TERM_UINT, 0, 4, 0 },
	{ TERM_UINT, 0, 8, 0 },
	{ TERM_INT, 0, 1, 0 },
	{ TERM_INT, 0, 2, 0 },
	{ TERM_INT, 0, 4, 0 },
	{ TERM_INT, 0, 8, 0 },
	{ TERM_EXT, 0, 2, 0 },
	{ TERM_EXT, 0, 3, 0 },
	{ TERM_EXT, 0, 5, 0 },
	{ TERM_EXT, 0, 9, 0 },
	{ TERM_EXT, 0, 17, 0 },
	{ TERM_STR, 1, 0, 0 },
	{ TERM_STR, 2, 0, 0 },
	{ TERM_STR, 4, 0, 0 },
	{ TERM_ARRAY, 2, 0, 0 },
	{ TERM_ARRAY, 4, 0, 0 },
	{ TERM_MAP, 2, 0, 0 },
	{ TERM_MAP, 4, 0, 0 },
	/* 0xe0 to 0xff */
	SIXTEEN(TWICE(NEGATIVE)),
};

/* What all of a header says. */
struct head {
	uint8_t kind;
	uint32_t bytes; /* of the header itself */
	uint64_t body;
	uint64_t children;
};

static uint64_t
big_endian(const uint8_t *p, size_t n)
{
	uint64_t v = p[0];

	for (size_t i = 1; i < n; i++)
		v = v << 8 | p[i];
	return v;
}

/* The length behind the first byte. */
static void
head_set_length(struct head *h, const uint8_t *p, size_t len_bytes)
{
	uint64_t n = big_endian(p + 1, len_bytes);

	h->bytes += (uint32_t)len_bytes;
	if (h->kind == TERM_ARRAY)
		h->children = n;
	else if (h->kind == TERM_MAP)
		h->children = 2 * n;
	else
		h->body += n;
}

/*
 * Reads the header at p, of which avail > 0 bytes are there. False when
 * there are too few.
 */
INLINE bool
head_read(struct head *h, const uint8_t *p, size_t avail)
{
	struct shape s = shapes[p[0]];

	if (s.len_bytes > 0 && avail <= s.len_bytes)
		return false;
	*h = (struct head){ .kind = s.kind,
		.bytes = 1,
		.body = s.body,
		.children = s.children };
	if (s.len_bytes > 0)
		head_set_length(h, p, s.len_bytes);
	return true;
}

/* -- checker -- */

void
term_check_init(struct term_check *c, uint32_t limit)
{
	c->limit = limit;
	c->pos = 0;
	c->spare = limit;
	c->announced = 1;
	c->depth = 0;
	c->left[0] = 1;
	c->clean = true;
}

/* What a header announces must be possible within the limits. */
static enum term_verdict
check_announced(const struct term_check *c, const struct head *h)
{
	if (h->bytes + h->body + h->children > c->spare)
		return TERM_TOO_LARGE;
	if (h->kind != TERM_ARRAY && h->kind != TERM_MAP)
		return TERM_WHOLE;
	if (c->announced + h->children > LIMIT_OBJECTS)
		return TERM_TOO_MANY;
	return c->depth == LIMIT_DEPTH ? TERM_TOO_DEEP : TERM_WHOLE;
}

/* One object more is whole: what it filled is closed. */
INLINE void
check_close(struct term_check *c)
{
	while (c->left[c->depth] == 0 && c->depth > 0)
		c->depth--;
}

/* The object is whole: count it, open it, close what it filled. */
static void
check_step(struct term_check *c, const struct head *h)
{
	uint32_t children = (uint32_t)h->children;

	c->pos += h->bytes + (uint32_t)h->body;
	c->spare -= h->bytes - 1 + (uint32_t)h->body + children;
	c->left[c->depth]--;
	if (children > 0) {
		c->announced += children;
		c->left[++c->depth] = children;
	}
	check_close(c);
}

/* A header is not whole yet. It never will be, if the limit is reached. */
static enum term_verdict
check_unfinished(const struct term_check *c, size_t avail)
{
	return avail < c->limit - c->pos ? TERM_MORE : TERM_TOO_LARGE;
}

/* One object of any kind, of which avail bytes are there. */
APART enum term_verdict
check_any(struct term_check *c, const uint8_t *p, size_t avail)
{
	enum term_verdict v;
	struct head h;

	if (avail > 0 && shapes[p[0]].kind == NO_KIND)
		return TERM_RESERVED;
	if (avail == 0 || !head_read(&h, p, avail))
		return check_unfinished(c, avail);
	v = check_announced(c, &h);
	if (v != TERM_WHOLE)
		return v;
	if (avail - h.bytes < h.body)
		return TERM_MORE;
	if (h.kind == TERM_EXT ||
	    (h.kind == TERM_STR &&
		!utf8_valid((struct slice){ p + h.bytes, h.body })))
		c->clean = false;
	check_step(c, &h);
	return TERM_WHOLE;
}

/* A short array or map with something in it; false as below. */
INLINE bool
check_open(struct term_check *c, uint32_t children)
{
	if (children >= c->spare || c->depth == LIMIT_DEPTH ||
	    c->announced + children > LIMIT_OBJECTS)
		return false;
	c->pos++;
	c->spare -= children;
	c->left[c->depth]--;
	c->announced += children;
	c->left[++c->depth] = children;
	return true;
}

/*
 * Most objects: one byte and its body, whole and within the limits. False,
 * and nothing done, if it is another.
 */
INLINE bool
check_short(struct term_check *c, const uint8_t *p, size_t avail)
{
	struct shape s = avail > 0 ? shapes[p[0]] : shapes[NO_KIND_BYTE];

	if (s.children > 0)
		return check_open(c, s.children);
	if (s.kind >= TERM_EXT || s.len_bytes > 0 || s.body >= avail ||
	    s.body >= c->spare)
		return false;
	if (s.kind == TERM_STR && !utf8_valid((struct slice){ p + 1, s.body }))
		c->clean = false;
	c->pos += 1 + s.body;
	c->spare -= s.body;
	c->left[c->depth]--;
	check_close(c);
	return true;
}

enum term_verdict
term_check(struct term_check *c, struct slice value)
{
	enum term_verdict v = TERM_WHOLE;

	assert(value.len >= c->pos);
	while (v == TERM_WHOLE && c->left[0] + c->depth > 0) {
		size_t avail = value.len - c->pos;
		const uint8_t *p = avail > 0 ? value.bytes + c->pos : NULL;

		if (!check_short(c, p, avail))
			v = check_any(c, p, avail);
	}
	return v;
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

	if (r->at == r->end)
		return false;
	avail = (size_t)(r->end - r->at);
	return head_read(h, r->at, avail) && h->kind != NO_KIND &&
	    h->body <= avail - h->bytes;
}

INLINE bool
next_is(const struct term_reader *r, struct head *h, enum term_kind kind)
{
	return r->at != r->end && shapes[*r->at].kind == kind && next(r, h);
}

static void
advance(struct term_reader *r, const struct head *h)
{
	r->at += h->bytes + h->body;
}

/*
 * The next byte is a header by itself: form in the bits of mask, and a
 * number in the others.
 */
INLINE bool
is_short(const struct term_reader *r, uint8_t form, uint8_t mask, uint32_t *n)
{
	if (r->at == r->end || (*r->at & mask) != form)
		return false;
	*n = *r->at & (uint8_t)~mask;
	return true;
}

/* A header that is its object; mask leaves out a bool's value. */
INLINE enum err
read_constant(struct term_reader *r, uint8_t form, uint8_t mask, uint32_t *n)
{
	if (!is_short(r, form, mask, n))
		return E_BADARG;
	r->at++;
	return E_OK;
}

enum err
term_read_nil(struct term_reader *r)
{
	uint32_t n;

	return read_constant(r, 0xc0, 0xff, &n);
}

enum err
term_read_bool(struct term_reader *r, bool *out)
{
	uint32_t n;

	if (read_constant(r, 0xc2, 0xfe, &n) != E_OK)
		return E_BADARG;
	*out = n == 1;
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

APART enum err
read_uint(struct term_reader *r, uint64_t *out)
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
term_read_uint(struct term_reader *r, uint64_t *out)
{
	uint32_t n;

	if (!is_short(r, 0x00, 0x80, &n))
		return read_uint(r, out);
	*out = n;
	r->at++;
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

APART enum err
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
	uint32_t n;

	if (!is_short(r, 0xa0, 0xe0, &n) || n >= (size_t)(r->end - r->at))
		return read_bytes(r, TERM_STR, out);
	*out = (struct slice){ .bytes = r->at + 1, .len = n };
	r->at += 1 + n;
	return E_OK;
}

enum err
term_read_bin(struct term_reader *r, struct slice *out)
{
	return read_bytes(r, TERM_BIN, out);
}

/* An array or a map: how many objects follow. */
APART enum err
read_open(struct term_reader *r, enum term_kind kind, uint64_t *children)
{
	struct head h;

	if (!next_is(r, &h, kind))
		return E_BADARG;
	*children = h.children;
	advance(r, &h);
	return E_OK;
}

enum err
term_read_array(struct term_reader *r, uint32_t *n)
{
	uint64_t children;

	if (read_constant(r, 0x90, 0xf0, n) == E_OK)
		return E_OK;
	if (read_open(r, TERM_ARRAY, &children) != E_OK)
		return E_BADARG;
	*n = (uint32_t)children;
	return E_OK;
}

enum err
term_read_map(struct term_reader *r, uint32_t *n)
{
	uint64_t children;

	if (read_constant(r, 0x80, 0xf0, n) == E_OK)
		return E_OK;
	if (read_open(r, TERM_MAP, &children) != E_OK)
		return E_BADARG;
	*n = (uint32_t)(children / 2);
	return E_OK;
}

/* Behind the next object's own bytes; NULL if there is none. */
INLINE const uint8_t *
step(const uint8_t *at, const uint8_t *end, uint64_t *owed)
{
	const struct term_reader r = { .at = at, .end = end };
	struct shape s = at != end ? shapes[*at] : shapes[NO_KIND_BYTE];
	struct head h;

	if (s.kind != NO_KIND && s.len_bytes == 0) {
		*owed += s.children;
		return s.body < end - at ? at + 1 + s.body : NULL;
	}
	if (!next(&r, &h))
		return NULL;
	*owed += h.children;
	return at + h.bytes + h.body;
}

enum err
term_skip(struct term_reader *r, struct slice *whole)
{
	const uint8_t *start = r->at, *at = start;

	for (uint64_t owed = 1; owed > 0; owed--) {
		at = step(at, r->end, &owed);
		if (at == NULL)
			return E_BADARG;
	}
	if (whole != NULL)
		*whole = slice_bytes(start, (size_t)(at - start));
	r->at = at;
	return E_OK;
}

enum err
term_peek(const struct term_reader *r, enum term_kind *kind)
{
	if (r->at == r->end || shapes[*r->at].kind == NO_KIND)
		return E_BADARG;
	*kind = (enum term_kind)shapes[*r->at].kind;
	return E_OK;
}

enum err
term_end(const struct term_reader *r)
{
	return r->at == r->end ? E_OK : E_BADARG;
}

/* -- writer: short headers by hand, the others by msgpack-c -- */

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

/* A header that is its object. */
static void
write_byte(struct buf *b, uint8_t byte)
{
	*buf_room(b, 1) = byte;
	buf_grew(b, 1);
}

void
term_write_nil(struct buf *b)
{
	write_byte(b, 0xc0);
}

void
term_write_bool(struct buf *b, bool v)
{
	write_byte(b, v ? 0xc3 : 0xc2);
}

void
term_write_uint(struct buf *b, uint64_t v)
{
	msgpack_packer p = packer(b);

	if (v < 0x80)
		write_byte(b, (uint8_t)v);
	else
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

	if (v.len < 32)
		write_byte(b, 0xa0 | (uint8_t)v.len);
	else
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

	if (n < 16)
		write_byte(b, 0x90 | (uint8_t)n);
	else
		msgpack_pack_array(&p, n);
}

void
term_write_map(struct buf *b, uint32_t n)
{
	msgpack_packer p = packer(b);

	if (n < 16)
		write_byte(b, 0x80 | (uint8_t)n);
	else
		msgpack_pack_map(&p, n);
}

void
term_write_raw(struct buf *b, struct slice value)
{
	buf_add(b, value);
}
