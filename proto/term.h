/*
 * MessagePack values: a checker, a reader, a writer.
 *
 * The happy path is: bytes arrive, the checker says where the value ends,
 * and only then a reader walks over it. Failure modes are the verdicts of
 * the checker (the peer broke the wire's rules) and E_BADARG of the reader
 * (a sound value of another shape than expected).
 *
 * Source: the MessagePack specification, github.com/msgpack/msgpack.
 */
#ifndef PROTO_TERM_H
#define PROTO_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/api.h"
#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/limits.h"

API_BEGIN

enum term_kind {
	TERM_NIL,
	TERM_BOOL,
	TERM_UINT,
	TERM_INT, /* encoded as signed; may hold a positive value */
	TERM_FLOAT,
	TERM_STR,
	TERM_BIN,
	TERM_EXT,
	TERM_ARRAY,
	TERM_MAP,
};

/* -- checker: also the framer, for a value delimits itself -- */

enum term_verdict {
	TERM_MORE, /* sound so far, the value goes on */
	TERM_WHOLE, /* the value is bytes [0, pos) */
	TERM_RESERVED, /* the byte 0xc1, which MessagePack never uses */
	TERM_TOO_LARGE, /* it announces more than the limit can hold */
	TERM_TOO_DEEP, /* over LIMIT_DEPTH arrays and maps in each other */
	TERM_TOO_MANY, /* over LIMIT_OBJECTS objects */
};

struct term_check {
	uint32_t limit; /* bytes the value may have */
	uint32_t pos; /* bytes checked so far */
	uint32_t spare; /* bytes of the next object and what it announces */
	uint32_t announced; /* objects, and those seen */
	uint32_t depth; /* open arrays and maps */
	uint32_t
	    left[LIMIT_DEPTH + 1]; /* objects left in each, outside first */
	bool clean; /* no invalid UTF-8 in a str, no ext so far */
};

/* Starts with a value of at most limit bytes. */
void term_check_init(struct term_check *c, uint32_t limit);

/*
 * Goes on with the value, resuming where it stopped. value holds all bytes
 * of the value so far, from its first one, and may hold more than the
 * value. Needs no memory and no recursion; each byte is looked at once,
 * whatever the pieces. A value that cannot fit the limit is refused at the
 * header that says so, before its body arrives; so TERM_MORE always means
 * that value is shorter than the limit. Borrows value.
 */
enum term_verdict term_check(struct term_check *c, struct slice value);

/* The error of a verdict that is neither TERM_MORE nor TERM_WHOLE. */
enum err term_verdict_err(enum term_verdict v);

/* The English sentence of a verdict: a constant string. */
const char *term_verdict_text(enum term_verdict v);

/* True when the bytes are exactly one clean value within the limits. */
bool term_is_sound(struct slice value);

/* -- reader: a cursor over a checked value; the same list as the writer -- */

struct term_reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* Starts at the first byte of value, which stays borrowed. */
void term_reader_init(struct term_reader *r, struct slice value);

/*
 * Each of these reads the next object. If it has another kind, does not fit
 * the output, or the value is at its end, they return E_BADARG, and neither
 * the cursor nor the output changes. Strings are borrowed from the value.
 */
enum err term_read_nil(struct term_reader *r);
enum err term_read_bool(struct term_reader *r, bool *out);
enum err term_read_uint(struct term_reader *r, uint64_t *out);
enum err term_read_int(struct term_reader *r, int64_t *out);
enum err term_read_str(struct term_reader *r, struct slice *out);
enum err term_read_bin(struct term_reader *r, struct slice *out);

/* The header alone: *n elements, or 2 * *n objects, follow. */
enum err term_read_array(struct term_reader *r, uint32_t *n);
enum err term_read_map(struct term_reader *r, uint32_t *n);

/* Steps over the next object, whatever it is. whole may be NULL. */
enum err term_skip(struct term_reader *r, struct slice *whole);

/* The kind of the next object; E_BADARG at the end. */
enum err term_peek(const struct term_reader *r, enum term_kind *kind);

/* E_OK when nothing is left: the end must be the end. */
enum err term_end(const struct term_reader *r);

/* -- writer: appends to a buffer, in the shortest form -- */

void term_write_nil(struct buf *b);
void term_write_bool(struct buf *b, bool v);
void term_write_uint(struct buf *b, uint64_t v);
void term_write_int(struct buf *b, int64_t v);
void term_write_str(struct buf *b, struct slice v);
void term_write_cstr(struct buf *b, const char *v);
void term_write_bin(struct buf *b, struct slice v);
void term_write_array(struct buf *b, uint32_t n);
void term_write_map(struct buf *b, uint32_t n);

/* Copies a value that was written or checked before. */
void term_write_raw(struct buf *b, struct slice value);

API_END

#endif
