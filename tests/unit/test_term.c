/*
 * The checker, the reader and the writer. Each value is fed whole, at every
 * split point and byte by byte; each good one is mutated; and random ones
 * are compared with msgpack-c's own unpacker.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "proto/term.h"
#include "tests/lib/bytes.h"

/* -- feeding -- */

struct outcome {
	enum term_verdict verdict;
	uint32_t pos;
	uint32_t objects;
	bool clean;
	size_t fed; /* bytes that were there when it was clear */
};

static bool
is_same(struct outcome a, struct outcome b)
{
	return a.verdict == b.verdict && a.pos == b.pos &&
	    a.objects == b.objects && a.clean == b.clean;
}

/* Feeds the first len bytes, with nothing readable behind them. */
static enum term_verdict
feed(struct term_check *c, struct slice s, size_t len, struct outcome *o)
{
	struct slice piece = exact_copy(slice_bytes(s.bytes, len));

	o->verdict = term_check(c, piece);
	o->pos = c->pos;
	o->objects = c->announced;
	o->clean = c->clean;
	o->fed = len;
	exact_free(piece);
	return o->verdict;
}

static struct outcome
check_whole(struct slice s, uint32_t limit)
{
	struct term_check c;
	struct outcome o;

	term_check_init(&c, limit);
	feed(&c, s, s.len, &o);
	return o;
}

static struct outcome
check_split(struct slice s, uint32_t limit, size_t at)
{
	struct term_check c;
	struct outcome o;

	term_check_init(&c, limit);
	if (feed(&c, s, at, &o) == TERM_MORE)
		feed(&c, s, s.len, &o);
	return o;
}

static struct outcome
check_by_byte(struct slice s, uint32_t limit)
{
	struct term_check c;
	struct outcome o;

	term_check_init(&c, limit);
	for (size_t len = 0; len <= s.len; len++)
		if (feed(&c, s, len, &o) != TERM_MORE)
			break;
	return o;
}

/* Every way to feed it ends the same; returns how it ends. */
static struct outcome
check_all_ways(struct slice s, uint32_t limit)
{
	struct outcome whole = check_whole(s, limit);
	struct outcome by_byte = check_by_byte(s, limit);

	for (size_t at = 0; at <= s.len; at++)
		if (!is_same(check_split(s, limit, at), whole))
			ck_abort_msg("split at %zu differs", at);
	ck_assert(is_same(by_byte, whole));
	if (whole.verdict == TERM_MORE)
		ck_assert_uint_lt(s.len, limit);
	whole.fed = by_byte.fed;
	return whole;
}

/* -- good values -- */

#define X4 "78787878"
#define X16 X4 X4 X4 X4
#define X32 X16 X16

static const struct {
	const char *hex;
	uint32_t objects;
	bool clean;
} good[] = {
	{ "c0", 1, true },
	{ "c2", 1, true },
	{ "c3", 1, true },
	{ "00", 1, true },
	{ "7f", 1, true },
	{ "e0", 1, true },
	{ "ff", 1, true },
	{ "cc ff", 1, true },
	{ "cd 0100", 1, true },
	{ "ce 00010000", 1, true },
	{ "cf 0000000100000000", 1, true },
	{ "d0 80", 1, true },
	{ "d1 8000", 1, true },
	{ "d2 80000000", 1, true },
	{ "d3 8000000000000000", 1, true },
	{ "ca 3fc00000", 1, true },
	{ "cb 3ff8000000000000", 1, true },
	{ "a0", 1, true },
	{ "a5 6c65636865", 1, true },
	{ "d9 00", 1, true },
	{ "d9 02 c3b1", 1, true },
	{ "d9 20" X32, 1, true },
	{ "da 0003 616263", 1, true },
	{ "db 00000003 616263", 1, true },
	{ "c4 00", 1, true },
	{ "c4 02 ffff", 1, true },
	{ "c5 0001 ff", 1, true },
	{ "c6 00000001 ff", 1, true },
	{ "90", 1, true },
	{ "93 01 02 03", 4, true },
	{ "dc 0001 c0", 2, true },
	{ "dd 00000002 c0 c3", 3, true },
	{ "80", 1, true },
	{ "81 a1 61 01", 3, true },
	{ "de 0001 a161 90", 3, true },
	{ "df 00000001 a161 80", 3, true },
	{ "92 92 01 90 81 a1 61 93 a0 c4 00 c0", 10, true },
	/* unclean: whole, but a str that is no UTF-8, or an ext */
	{ "a1 ff", 1, false },
	{ "a2 c328", 1, false },
	{ "d9 03 eda080", 1, false },
	{ "93 01 a1 80 03", 4, false },
	{ "81 a1 ff 01", 3, false },
	{ "d4 01 00", 1, false },
	{ "d5 01 0000", 1, false },
	{ "d6 ff 00000000", 1, false },
	{ "d7 01 0000000000000000", 1, false },
	{ "d8 01" X16, 1, false },
	{ "c7 00 05", 1, false },
	{ "c7 03 05 010203", 1, false },
	{ "c8 0001 05 01", 1, false },
	{ "c9 00000001 05 01", 1, false },
	{ "92 d4 01 00 c0", 3, false },
};

/* -- refused, and after how many bytes that is clear at the latest -- */

static const struct {
	const char *hex;
	uint32_t limit;
	enum term_verdict verdict;
	size_t fed;
} refused[] = {
	{ "c1", LIMIT_FRAME, TERM_RESERVED, 1 },
	{ "92 01 c1", LIMIT_FRAME, TERM_RESERVED, 3 },
	{ "81 a1 61 c1", LIMIT_FRAME, TERM_RESERVED, 4 },
	/* 268,435,456 elements in five bytes */
	{ "dd 10000000", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "dd 7fffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "dd ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "df 7fffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	/* 2 * n must not be 0 in 32 bits */
	{ "df 80000000", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "df ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	/* owed + n must not be 0 either */
	{ "92 dd ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 6 },
	/* the ten bytes for which msgpack-c reserves 34 GB */
	{ "dd 7fffffff dd 7fffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "94 00 01 a1 61 dd 7fffffff", LIMIT_FRAME, TERM_TOO_LARGE, 10 },
	{ "94 00 01 a1 61 df 7fffffff", LIMIT_FRAME, TERM_TOO_LARGE, 10 },
	{ "db ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "c6 ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "c9 ffffffff", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "c9 ffffffff 01", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "db 000ffffc", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	{ "c9 000ffffb", LIMIT_FRAME, TERM_TOO_LARGE, 5 },
	/* what other containers still owe counts too */
	{ "92 db 000ffffa", LIMIT_FRAME, TERM_TOO_LARGE, 6 },
	{ "92 dd 000ffffa", LIMIT_FRAME, TERM_TOO_LARGE, 6 },
	{ "92 92 db 000ffff8", LIMIT_FRAME, TERM_TOO_LARGE, 7 },
	/* enough bytes, too many objects: 131,071 beside the array is all */
	{ "dd 00020000", LIMIT_FRAME, TERM_TOO_MANY, 5 },
	{ "df 00010000", LIMIT_FRAME, TERM_TOO_MANY, 5 },
	{ "92 dd 0001ffff", LIMIT_FRAME, TERM_TOO_MANY, 6 },
	/* before authentication */
	{ "da 03fe", LIMIT_FRAME_BEFORE_AUTH, TERM_TOO_LARGE, 3 },
	{ "dc 03fe", LIMIT_FRAME_BEFORE_AUTH, TERM_TOO_LARGE, 3 },
	{ "de 01ff", LIMIT_FRAME_BEFORE_AUTH, TERM_TOO_LARGE, 3 },
	{ "dd 10000000", LIMIT_FRAME_BEFORE_AUTH, TERM_TOO_LARGE, 5 },
	/* a header that itself cannot fit */
	{ "cc", 1, TERM_TOO_LARGE, 1 },
	{ "91 01", 1, TERM_TOO_LARGE, 1 },
	{ "92 01 dd", 3, TERM_TOO_LARGE, 3 },
	{ "dd 0000", 3, TERM_TOO_LARGE, 3 },
	{ "c0", 0, TERM_TOO_LARGE, 0 },
	/* sixteen levels and one more */
	{ "91919191919191919191919191919191 90", LIMIT_FRAME, TERM_TOO_DEEP,
	    17 },
	{ "91919191919191919191919191919191 80", LIMIT_FRAME, TERM_TOO_DEEP,
	    17 },
	{ "91919191919191919191919191919191 91", LIMIT_FRAME, TERM_TOO_DEEP,
	    17 },
	{ "8100 8100 8100 8100 8100 8100 8100 8100 8100 8100 8100 8100 8100 "
	  "8100"
	  "8100 8100 81",
	    LIMIT_FRAME, TERM_TOO_DEEP, 33 },
	{ "dd00000001 9191919191919191919191919191 91 9101", LIMIT_FRAME,
	    TERM_TOO_DEEP, 21 },
};

/* -- sound so far: their announcements are within the limits -- */

static const struct {
	const char *hex;
	uint32_t limit;
} unfinished[] = {
	{ "", LIMIT_FRAME },
	{ "dd", LIMIT_FRAME },
	{ "dd 100000", LIMIT_FRAME },
	{ "dd 00000002", LIMIT_FRAME },
	{ "dd 0001ffff", LIMIT_FRAME },
	{ "df 0000ffff", LIMIT_FRAME },
	{ "db 000ffffb", LIMIT_FRAME },
	{ "c6 000ffffb", LIMIT_FRAME },
	{ "c9 000ffffa", LIMIT_FRAME },
	{ "91 db 000ffffa", LIMIT_FRAME },
	{ "92 db 000ffff9", LIMIT_FRAME },
	{ "da 03fd", LIMIT_FRAME_BEFORE_AUTH },
	{ "dc 03fd", LIMIT_FRAME_BEFORE_AUTH },
	{ "de 01fe", LIMIT_FRAME_BEFORE_AUTH },
	{ "91919191919191919191919191919191", LIMIT_FRAME },
};

enum {
	GOOD = sizeof(good) / sizeof(good[0]),
	REFUSED = sizeof(refused) / sizeof(refused[0]),
	UNFINISHED = sizeof(unfinished) / sizeof(unfinished[0]),
};

START_TEST(good_value_is_whole_in_whatever_pieces_it_comes)
{
	struct buf b = hex_buf(good[_i].hex);
	struct outcome o = check_all_ways(buf_bytes(&b), LIMIT_FRAME);

	ck_assert_int_eq(o.verdict, TERM_WHOLE);
	ck_assert_uint_eq(o.pos, buf_len(&b));
	ck_assert_uint_eq(o.fed, buf_len(&b));
	ck_assert_uint_eq(o.objects, good[_i].objects);
	ck_assert_int_eq(o.clean, good[_i].clean);
	ck_assert_int_eq(term_is_sound(buf_bytes(&b)), good[_i].clean);
	buf_release(&b);
}
END_TEST

START_TEST(good_value_fits_its_own_size_as_the_limit_and_nothing_less)
{
	struct buf b = hex_buf(good[_i].hex);
	uint32_t len = (uint32_t)buf_len(&b);

	ck_assert_int_eq(check_all_ways(buf_bytes(&b), len).verdict,
	    TERM_WHOLE);
	for (uint32_t limit = 0; limit < len; limit++)
		ck_assert_int_eq(check_all_ways(buf_bytes(&b), limit).verdict,
		    TERM_TOO_LARGE);
	buf_release(&b);
}
END_TEST

START_TEST(what_follows_a_value_is_not_looked_at)
{
	struct buf b = hex_buf(good[_i].hex);
	size_t len = buf_len(&b);
	struct outcome o;

	hex_add(&b, "c1 dd ffffffff");
	o = check_all_ways(buf_bytes(&b), LIMIT_FRAME);
	ck_assert_int_eq(o.verdict, TERM_WHOLE);
	ck_assert_uint_eq(o.pos, len);
	ck_assert(!term_is_sound(buf_bytes(&b)));
	buf_release(&b);
}
END_TEST

START_TEST(every_truncation_of_a_good_value_goes_on)
{
	struct buf b = hex_buf(good[_i].hex);
	struct slice s = buf_bytes(&b);

	while (s.len-- > 0) {
		struct term_reader r;
		struct slice cut = exact_copy(s);

		ck_assert_int_eq(check_all_ways(s, LIMIT_FRAME).verdict,
		    TERM_MORE);
		ck_assert(!term_is_sound(s));
		/* A reader that meets it all the same stays inside. */
		term_reader_init(&r, cut);
		ck_assert_int_eq(term_skip(&r, NULL), E_BADARG);
		ck_assert_ptr_eq(r.at, cut.bytes);
		exact_free(cut);
	}
	buf_release(&b);
}
END_TEST

START_TEST(bad_value_is_refused_at_the_byte_that_says_so)
{
	struct buf b = hex_buf(refused[_i].hex);
	struct outcome o = check_all_ways(buf_bytes(&b), refused[_i].limit);

	ck_assert_int_eq(o.verdict, refused[_i].verdict);
	ck_assert_uint_eq(o.fed, refused[_i].fed);
	buf_release(&b);
}
END_TEST

START_TEST(possible_announcement_goes_on)
{
	struct buf b = hex_buf(unfinished[_i].hex);
	struct outcome o = check_all_ways(buf_bytes(&b), unfinished[_i].limit);

	ck_assert_int_eq(o.verdict, TERM_MORE);
	buf_release(&b);
}
END_TEST

/* -- the limits themselves -- */

static void
add_times(struct buf *b, uint8_t byte, size_t times)
{
	memset(buf_room(b, times), byte, times);
	buf_grew(b, times);
}

/* Bytes arrive in steps; they are where they were, as in a link's buffer. */
static enum term_verdict
check_in_steps(struct slice s, uint32_t limit, size_t step)
{
	struct term_check c;
	enum term_verdict v = TERM_MORE;

	term_check_init(&c, limit);
	for (size_t len = 0; v == TERM_MORE && len < s.len;) {
		len = s.len - len < step ? s.len : len + step;
		v = term_check(&c, slice_bytes(s.bytes, len));
		if (v == TERM_MORE && len == s.len)
			break;
	}
	if (v == TERM_WHOLE)
		ck_assert_uint_eq(c.pos, s.len);
	return v;
}

START_TEST(frame_of_a_mebibyte_arrives_in_pieces)
{
	const size_t steps[] = { 1, 1000, 4096, 65536, LIMIT_FRAME };
	struct buf b = hex_buf("92 c0 db 000ffff9");

	add_times(&b, 'x', 0xffff9);
	ck_assert_uint_eq(buf_len(&b), LIMIT_FRAME);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		ck_assert_int_eq(check_in_steps(buf_bytes(&b), LIMIT_FRAME,
				     steps[i]),
		    TERM_WHOLE);
	ck_assert(term_is_sound(buf_bytes(&b)));
	ck_assert_int_eq(check_in_steps(buf_bytes(&b), LIMIT_FRAME - 1, 1),
	    TERM_TOO_LARGE);
	buf_release(&b);
}
END_TEST

START_TEST(sixteen_levels_are_good_and_seventeen_are_refused)
{
	struct buf b;

	buf_init(&b);
	add_times(&b, 0x91, LIMIT_DEPTH - 1);
	hex_add(&b, "90");
	ck_assert_int_eq(check_all_ways(buf_bytes(&b), LIMIT_FRAME).verdict,
	    TERM_WHOLE);
	buf_truncate(&b, LIMIT_DEPTH - 1);
	hex_add(&b, "91 c0");
	ck_assert_int_eq(check_all_ways(buf_bytes(&b), LIMIT_FRAME).verdict,
	    TERM_WHOLE);
	buf_truncate(&b, LIMIT_DEPTH - 1);
	hex_add(&b, "91 90");
	ck_assert_int_eq(check_all_ways(buf_bytes(&b), LIMIT_FRAME).verdict,
	    TERM_TOO_DEEP);
	buf_release(&b);
}
END_TEST

START_TEST(levels_that_ended_do_not_count)
{
	struct buf b = hex_buf("dc 0064"); /* 100 towers side by side */

	for (int i = 0; i < 100; i++) {
		add_times(&b, 0x91, LIMIT_DEPTH - 2);
		hex_add(&b, i % 2 ? "90" : "80");
	}
	ck_assert_int_eq(check_whole(buf_bytes(&b), LIMIT_FRAME).verdict,
	    TERM_WHOLE);
	ck_assert_int_eq(check_by_byte(buf_bytes(&b), LIMIT_FRAME).verdict,
	    TERM_WHOLE);
	buf_release(&b);
}
END_TEST

START_TEST(objects_up_to_the_limit_are_good_and_one_more_is_refused)
{
	struct buf b = hex_buf("dd 0001ffff");
	struct outcome o;

	add_times(&b, 0x01, LIMIT_OBJECTS - 1);
	o = check_whole(buf_bytes(&b), LIMIT_FRAME);
	ck_assert_int_eq(o.verdict, TERM_WHOLE);
	ck_assert_uint_eq(o.objects, LIMIT_OBJECTS);
	buf_clear(&b);
	/* One more, hidden in the last element: [1, 1, ..., [1]]. */
	hex_add(&b, "dd 0001ffff");
	add_times(&b, 0x01, LIMIT_OBJECTS - 2);
	hex_add(&b, "91 01");
	o = check_whole(buf_bytes(&b), LIMIT_FRAME);
	ck_assert_int_eq(o.verdict, TERM_TOO_MANY);
	ck_assert_uint_eq(o.pos, buf_len(&b) - 2);
	ck_assert_int_eq(check_in_steps(buf_bytes(&b), LIMIT_FRAME, 1),
	    TERM_TOO_MANY);
	buf_release(&b);
}
END_TEST

START_TEST(stranger_has_a_kibibyte)
{
	struct buf b = hex_buf("da 03fd");

	add_times(&b, 'x', 0x3fd);
	ck_assert_uint_eq(buf_len(&b), LIMIT_FRAME_BEFORE_AUTH);
	ck_assert_int_eq(check_in_steps(buf_bytes(&b), LIMIT_FRAME_BEFORE_AUTH,
			     1),
	    TERM_WHOLE);
	buf_clear(&b);
	hex_add(&b, "da 03fe");
	add_times(&b, 'x', 0x3fe);
	ck_assert_int_eq(check_in_steps(buf_bytes(&b), LIMIT_FRAME_BEFORE_AUTH,
			     1),
	    TERM_TOO_LARGE);
	buf_release(&b);
}
END_TEST

START_TEST(verdict_is_an_error_with_a_sentence)
{
	ck_assert_int_eq(term_verdict_err(TERM_RESERVED), E_MALFORMED);
	ck_assert_int_eq(term_verdict_err(TERM_TOO_LARGE), E_TOOBIG);
	ck_assert_int_eq(term_verdict_err(TERM_TOO_DEEP), E_TOOBIG);
	ck_assert_int_eq(term_verdict_err(TERM_TOO_MANY), E_TOOBIG);
	for (int v = TERM_MORE; v <= TERM_TOO_MANY; v++)
		ck_assert_uint_gt(strlen(
				      term_verdict_text((enum term_verdict)v)),
		    0);
}
END_TEST

/* -- every header byte: the table of the specification, written again -- */

static const struct {
	uint8_t first, last;
	enum term_kind kind;
	uint8_t bytes; /* of the object alone, when all its lengths are 0 */
} spec[] = {
	{ 0x00, 0x7f, TERM_UINT, 1 },
	{ 0xc0, 0xc0, TERM_NIL, 1 },
	{ 0xc2, 0xc3, TERM_BOOL, 1 },
	{ 0xc4, 0xc4, TERM_BIN, 2 },
	{ 0xc5, 0xc5, TERM_BIN, 3 },
	{ 0xc6, 0xc6, TERM_BIN, 5 },
	{ 0xc7, 0xc7, TERM_EXT, 3 },
	{ 0xc8, 0xc8, TERM_EXT, 4 },
	{ 0xc9, 0xc9, TERM_EXT, 6 },
	{ 0xca, 0xca, TERM_FLOAT, 5 },
	{ 0xcb, 0xcb, TERM_FLOAT, 9 },
	{ 0xcc, 0xcc, TERM_UINT, 2 },
	{ 0xcd, 0xcd, TERM_UINT, 3 },
	{ 0xce, 0xce, TERM_UINT, 5 },
	{ 0xcf, 0xcf, TERM_UINT, 9 },
	{ 0xd0, 0xd0, TERM_INT, 2 },
	{ 0xd1, 0xd1, TERM_INT, 3 },
	{ 0xd2, 0xd2, TERM_INT, 5 },
	{ 0xd3, 0xd3, TERM_INT, 9 },
	{ 0xd4, 0xd4, TERM_EXT, 3 },
	{ 0xd5, 0xd5, TERM_EXT, 4 },
	{ 0xd6, 0xd6, TERM_EXT, 6 },
	{ 0xd7, 0xd7, TERM_EXT, 10 },
	{ 0xd8, 0xd8, TERM_EXT, 18 },
	{ 0xd9, 0xd9, TERM_STR, 2 },
	{ 0xda, 0xda, TERM_STR, 3 },
	{ 0xdb, 0xdb, TERM_STR, 5 },
	{ 0xdc, 0xdc, TERM_ARRAY, 3 },
	{ 0xdd, 0xdd, TERM_ARRAY, 5 },
	{ 0xde, 0xde, TERM_MAP, 3 },
	{ 0xdf, 0xdf, TERM_MAP, 5 },
	{ 0xe0, 0xff, TERM_INT, 1 },
};

/* Kind and size in zeros of a first byte; the short forms are computed. */
static bool
spec_of(unsigned first, enum term_kind *kind, size_t *bytes)
{
	size_t n = first & (first < 0xa0 ? 15 : 31);

	if (first >= 0x80 && first <= 0xbf) {
		*kind = TERM_STR;
		if (first < 0xa0)
			*kind = first < 0x90 ? TERM_MAP : TERM_ARRAY;
		*bytes = 1 + (first < 0x90 ? 2 * n : n);
		return true;
	}
	for (size_t i = 0; i < sizeof(spec) / sizeof(spec[0]); i++) {
		if (first < spec[i].first || first > spec[i].last)
			continue;
		*kind = spec[i].kind;
		*bytes = spec[i].bytes;
		return true;
	}
	return false; /* 0xc1 */
}

START_TEST(every_header_byte_is_read_as_the_specification_says)
{
	uint8_t zeros[64] = { (uint8_t)_i };
	struct outcome o = check_all_ways(slice_bytes(zeros, 64), LIMIT_FRAME);
	enum term_kind want, kind = TERM_NIL;
	struct slice whole;
	struct term_reader r;
	size_t bytes;

	term_reader_init(&r, slice_bytes(zeros, 64));
	if (!spec_of((unsigned)_i, &want, &bytes)) {
		ck_assert_int_eq(_i, 0xc1);
		ck_assert_int_eq(o.verdict, TERM_RESERVED);
		ck_assert_int_eq(term_peek(&r, &kind), E_BADARG);
		ck_assert_int_eq(term_skip(&r, &whole), E_BADARG);
		return;
	}
	ck_assert_int_eq(o.verdict, TERM_WHOLE);
	ck_assert_uint_eq(o.pos, bytes);
	ck_assert_uint_eq(o.fed, bytes);
	ck_assert_int_eq(o.clean, want != TERM_EXT);
	ck_assert_int_eq(term_peek(&r, &kind), E_OK);
	ck_assert_int_eq(kind, want);
	ck_assert_int_eq(term_skip(&r, &whole), E_OK);
	ck_assert_uint_eq(whole.len, bytes);
}
END_TEST

/* -- integers -- */

static const struct {
	const char *hex;
	bool has_uint, has_int; /* which of the two can hold it */
	uint64_t u;
	int64_t i;
} integers[] = {
	{ "00", true, true, 0, 0 },
	{ "01", true, true, 1, 1 },
	{ "7f", true, true, 127, 127 },
	{ "ff", false, true, 0, -1 },
	{ "e0", false, true, 0, -32 },
	{ "cc 00", true, true, 0, 0 },
	{ "cc 7f", true, true, 127, 127 },
	{ "cc 80", true, true, 128, 128 },
	{ "cc ff", true, true, 255, 255 },
	{ "cd 0000", true, true, 0, 0 },
	{ "cd 0100", true, true, 256, 256 },
	{ "cd ffff", true, true, 65535, 65535 },
	{ "ce 00000000", true, true, 0, 0 },
	{ "ce 00010000", true, true, 65536, 65536 },
	{ "ce ffffffff", true, true, UINT32_MAX, UINT32_MAX },
	{ "cf 0000000000000000", true, true, 0, 0 },
	{ "cf 0000000100000000", true, true, 4294967296, 4294967296 },
	{ "cf 7fffffffffffffff", true, true, INT64_MAX, INT64_MAX },
	{ "cf 8000000000000000", true, false, UINT64_C(1) << 63, 0 },
	{ "cf ffffffffffffffff", true, false, UINT64_MAX, 0 },
	{ "d0 00", true, true, 0, 0 },
	{ "d0 7f", true, true, 127, 127 },
	{ "d0 80", false, true, 0, -128 },
	{ "d0 df", false, true, 0, -33 },
	{ "d0 e0", false, true, 0, -32 },
	{ "d0 ff", false, true, 0, -1 },
	{ "d1 0001", true, true, 1, 1 },
	{ "d1 7fff", true, true, 32767, 32767 },
	{ "d1 8000", false, true, 0, -32768 },
	{ "d1 ff7f", false, true, 0, -129 },
	{ "d1 ff80", false, true, 0, -128 },
	{ "d1 ffff", false, true, 0, -1 },
	{ "d2 00000001", true, true, 1, 1 },
	{ "d2 7fffffff", true, true, INT32_MAX, INT32_MAX },
	{ "d2 80000000", false, true, 0, INT32_MIN },
	{ "d2 ffff7fff", false, true, 0, -32769 },
	{ "d2 ffffffff", false, true, 0, -1 },
	{ "d3 0000000000000000", true, true, 0, 0 },
	{ "d3 7fffffffffffffff", true, true, INT64_MAX, INT64_MAX },
	{ "d3 8000000000000000", false, true, 0, INT64_MIN },
	{ "d3 ffffffff7fffffff", false, true, 0, INT64_C(-2147483649) },
	{ "d3 ffffffffffffffff", false, true, 0, -1 },
};

enum { INTEGERS = sizeof(integers) / sizeof(integers[0]) };

START_TEST(integer_reads_the_same_in_every_encoding)
{
	struct buf b = hex_buf(integers[_i].hex);
	struct term_reader r;
	uint64_t u = 4711;
	int64_t i = -4711;

	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_uint(&r, &u),
	    integers[_i].has_uint ? E_OK : E_BADARG);
	ck_assert_uint_eq(u, integers[_i].has_uint ? integers[_i].u : 4711);
	ck_assert_int_eq(term_end(&r), integers[_i].has_uint ? E_OK : E_BADARG);
	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_int(&r, &i),
	    integers[_i].has_int ? E_OK : E_BADARG);
	ck_assert_int_eq(i, integers[_i].has_int ? integers[_i].i : -4711);
	buf_release(&b);
}
END_TEST

static const struct {
	uint64_t u;
	const char *hex;
} uints[] = {
	{ 0, "00" },
	{ 127, "7f" },
	{ 128, "cc 80" },
	{ 255, "cc ff" },
	{ 256, "cd 0100" },
	{ 65535, "cd ffff" },
	{ 65536, "ce 00010000" },
	{ UINT32_MAX, "ce ffffffff" },
	{ UINT64_C(1) << 32, "cf 0000000100000000" },
	{ UINT64_MAX, "cf ffffffffffffffff" },
};

static const struct {
	int64_t i;
	const char *hex;
} ints[] = {
	{ 0, "00" },
	{ 127, "7f" },
	{ 128, "cc 80" },
	{ 65536, "ce 00010000" },
	{ INT64_MAX, "cf 7fffffffffffffff" },
	{ -1, "ff" },
	{ -32, "e0" },
	{ -33, "d0 df" },
	{ -128, "d0 80" },
	{ -129, "d1 ff7f" },
	{ -32768, "d1 8000" },
	{ -32769, "d2 ffff7fff" },
	{ INT32_MIN, "d2 80000000" },
	{ INT64_C(-2147483649), "d3 ffffffff7fffffff" },
	{ INT64_MIN, "d3 8000000000000000" },
};

START_TEST(integers_are_written_in_the_shortest_form)
{
	for (size_t k = 0; k < sizeof(uints) / sizeof(uints[0]); k++) {
		struct buf want = hex_buf(uints[k].hex), b;

		buf_init(&b);
		term_write_uint(&b, uints[k].u);
		ck_assert(slice_equal(buf_bytes(&b), buf_bytes(&want)));
		buf_release(&b);
		buf_release(&want);
	}
	for (size_t k = 0; k < sizeof(ints) / sizeof(ints[0]); k++) {
		struct buf want = hex_buf(ints[k].hex), b;

		buf_init(&b);
		term_write_int(&b, ints[k].i);
		ck_assert(slice_equal(buf_bytes(&b), buf_bytes(&want)));
		buf_release(&b);
		buf_release(&want);
	}
}
END_TEST

/* -- writer: lengths -- */

typedef void write_n(struct buf *b, uint32_t n);

static void
write_str_of(struct buf *b, uint32_t n)
{
	struct buf x;

	buf_init(&x);
	add_times(&x, 'x', n);
	term_write_str(b, buf_bytes(&x));
	buf_release(&x);
}

static void
write_bin_of(struct buf *b, uint32_t n)
{
	struct buf x;

	buf_init(&x);
	add_times(&x, 0xff, n);
	term_write_bin(b, buf_bytes(&x));
	buf_release(&x);
}

static const struct {
	write_n *write;
	uint32_t n;
	const char *head;
} lengths[] = {
	{ write_str_of, 0, "a0" },
	{ write_str_of, 31, "bf" },
	{ write_str_of, 32, "d9 20" },
	{ write_str_of, 255, "d9 ff" },
	{ write_str_of, 256, "da 0100" },
	{ write_str_of, 65535, "da ffff" },
	{ write_str_of, 65536, "db 00010000" },
	{ write_bin_of, 0, "c4 00" },
	{ write_bin_of, 255, "c4 ff" },
	{ write_bin_of, 256, "c5 0100" },
	{ write_bin_of, 65536, "c6 00010000" },
	{ term_write_array, 0, "90" },
	{ term_write_array, 15, "9f" },
	{ term_write_array, 16, "dc 0010" },
	{ term_write_array, 65535, "dc ffff" },
	{ term_write_array, 65536, "dd 00010000" },
	{ term_write_map, 0, "80" },
	{ term_write_map, 15, "8f" },
	{ term_write_map, 16, "de 0010" },
	{ term_write_map, 65535, "de ffff" },
	{ term_write_map, 65536, "df 00010000" },
};

START_TEST(lengths_are_written_in_the_shortest_form_and_read_back)
{
	struct buf head = hex_buf(lengths[_i].head), b;
	struct term_reader r;
	struct slice s;
	uint32_t n = 0;

	buf_init(&b);
	lengths[_i].write(&b, lengths[_i].n);
	ck_assert(slice_equal(slice_bytes(buf_bytes(&b).bytes, buf_len(&head)),
	    buf_bytes(&head)));
	term_reader_init(&r, buf_bytes(&b));
	if (term_read_str(&r, &s) == E_OK || term_read_bin(&r, &s) == E_OK)
		n = (uint32_t)s.len;
	else if (term_read_array(&r, &n) != E_OK)
		ck_assert_int_eq(term_read_map(&r, &n), E_OK);
	ck_assert_uint_eq(n, lengths[_i].n);
	ck_assert_int_eq(term_end(&r), E_OK);
	buf_release(&b);
	buf_release(&head);
}
END_TEST

START_TEST(writer_appends_one_object_after_another)
{
	struct buf want = hex_buf("95 c0 c2 c3 a1 61 81 01 c4 01 ff"), b;

	buf_init(&b);
	term_write_array(&b, 5);
	term_write_nil(&b);
	term_write_bool(&b, false);
	term_write_bool(&b, true);
	term_write_cstr(&b, "a");
	term_write_map(&b, 1);
	term_write_uint(&b, 1);
	term_write_raw(&b, slice_bytes("\xc4\x01\xff", 3));
	ck_assert(slice_equal(buf_bytes(&b), buf_bytes(&want)));
	buf_clear(&b);
	term_write_str(&b, slice_bytes(NULL, 0));
	term_write_bin(&b, slice_bytes(NULL, 0));
	term_write_raw(&b, slice_bytes(NULL, 0));
	ck_assert(slice_equal(buf_bytes(&b), slice_bytes("\xa0\xc4\0", 3)));
	buf_release(&b);
	buf_release(&want);
}
END_TEST

/* -- reader -- */

/* Tries each reader; the bits of those that succeed. All others must leave
 * the cursor and the output as they were. */
enum {
	R_NIL = 1,
	R_BOOL = 2,
	R_UINT = 4,
	R_INT = 8,
	R_STR = 16,
	R_BIN = 32,
	R_ARRAY = 64,
	R_MAP = 128,
};

struct outputs {
	bool b;
	uint64_t u;
	int64_t i;
	struct slice str, bin;
	uint32_t array, map;
};

static enum err
read_as(struct term_reader *r, int as, struct outputs *o)
{
	switch (as) {
	case R_NIL:
		return term_read_nil(r);
	case R_BOOL:
		return term_read_bool(r, &o->b);
	case R_UINT:
		return term_read_uint(r, &o->u);
	case R_INT:
		return term_read_int(r, &o->i);
	case R_STR:
		return term_read_str(r, &o->str);
	case R_BIN:
		return term_read_bin(r, &o->bin);
	case R_ARRAY:
		return term_read_array(r, &o->array);
	default:
		return term_read_map(r, &o->map);
	}
}

static int
readers_that_take(struct slice value)
{
	int taken = 0;

	for (int as = R_NIL; as <= R_MAP; as *= 2) {
		struct outputs before, after;
		struct term_reader r;

		memset(&before, 0x5a, sizeof(before));
		before.b = true;
		memcpy(&after, &before, sizeof(after));
		term_reader_init(&r, value);
		if (read_as(&r, as, &after) == E_OK) {
			taken |= as;
			continue;
		}
		ck_assert_ptr_eq(r.at, value.bytes);
		ck_assert_int_eq(memcmp(&before, &after, sizeof(after)), 0);
	}
	return taken;
}

static const struct {
	const char *hex;
	int taken;
} kinds[] = {
	{ "", 0 },
	{ "c0", R_NIL },
	{ "c1", 0 },
	{ "c2", R_BOOL },
	{ "c3", R_BOOL },
	{ "05", R_UINT | R_INT },
	{ "d0 05", R_UINT | R_INT },
	{ "ff", R_INT },
	{ "cf ffffffffffffffff", R_UINT },
	{ "cd 01", 0 }, /* cut */
	{ "cd", 0 },
	{ "a1 61", R_STR },
	{ "a1", 0 },
	{ "db 00000002 61", 0 },
	{ "db 0000", 0 },
	{ "c4 01 61", R_BIN },
	{ "c4 01", 0 },
	{ "91 01", R_ARRAY },
	{ "dc 00", 0 },
	{ "dc 0001", R_ARRAY }, /* the header alone is what it reads */
	{ "81 01 01", R_MAP },
	{ "df 000000", 0 },
	{ "ca 3fc00000", 0 },
	{ "cb 3ff8000000000000", 0 },
	{ "d4 01 00", 0 },
	{ "c7 00 01", 0 },
};

START_TEST(wrong_kind_leaves_cursor_and_output_alone)
{
	struct buf b = hex_buf(kinds[_i].hex);
	struct slice s = exact_copy(buf_bytes(&b));

	ck_assert_int_eq(readers_that_take(s), kinds[_i].taken);
	exact_free(s);
	buf_release(&b);
}
END_TEST

START_TEST(reader_walks_a_task_to_its_end)
{
	struct buf b = hex_buf("92 a3 616e61 82 a1 74 c3 a1 64 c0");
	struct term_reader r;
	struct slice s;
	uint32_t n;
	bool v = false;

	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert(slice_is(s, "ana"));
	ck_assert_int_eq(term_read_map(&r, &n), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert(slice_is(s, "t"));
	ck_assert_int_eq(term_read_bool(&r, &v), E_OK);
	ck_assert(v);
	ck_assert_int_eq(term_end(&r), E_BADARG);
	ck_assert_int_eq(term_read_str(&r, &s), E_OK);
	ck_assert_int_eq(term_read_nil(&r), E_OK);
	ck_assert_int_eq(term_end(&r), E_OK);
	buf_release(&b);
}
END_TEST

START_TEST(the_end_must_be_the_end)
{
	struct buf b = hex_buf("01 02");
	struct term_reader r;
	uint64_t u;
	enum term_kind kind = TERM_EXT;

	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_uint(&r, &u), E_OK);
	ck_assert_int_eq(term_end(&r), E_BADARG);
	ck_assert_int_eq(term_read_uint(&r, &u), E_OK);
	ck_assert_int_eq(term_end(&r), E_OK);
	ck_assert_int_eq(term_read_uint(&r, &u), E_BADARG);
	ck_assert_int_eq(term_skip(&r, NULL), E_BADARG);
	ck_assert_int_eq(term_peek(&r, &kind), E_BADARG);
	ck_assert_int_eq(kind, TERM_EXT);
	ck_assert_int_eq(term_end(&r), E_OK);
	term_reader_init(&r, slice_bytes(NULL, 0));
	ck_assert_int_eq(term_end(&r), E_OK);
	ck_assert_int_eq(term_skip(&r, NULL), E_BADARG);
	ck_assert(!term_is_sound(buf_bytes(&b)));
	ck_assert(!term_is_sound(slice_bytes(NULL, 0)));
	buf_release(&b);
}
END_TEST

START_TEST(skip_steps_over_one_whole_value)
{
	struct buf b = hex_buf(good[_i].hex);
	size_t len = buf_len(&b);
	struct term_reader r;
	struct slice whole;

	hex_add(&b, "c0");
	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_skip(&r, &whole), E_OK);
	ck_assert_uint_eq(whole.len, len);
	ck_assert_ptr_eq(whole.bytes, buf_bytes(&b).bytes);
	ck_assert_int_eq(term_read_nil(&r), E_OK);
	ck_assert_int_eq(term_end(&r), E_OK);
	buf_release(&b);
}
END_TEST

/* -- mutations, with msgpack-c's unpacker as the second opinion -- */

/* The value as msgpack-c reads it, packed again; "" when it cannot. */
static struct buf
by_msgpack_c(struct slice s)
{
	msgpack_unpacked u;
	msgpack_sbuffer out;
	msgpack_packer p;
	size_t end = 0;
	struct buf b;

	buf_init(&b);
	msgpack_unpacked_init(&u);
	msgpack_sbuffer_init(&out);
	msgpack_packer_init(&p, &out, msgpack_sbuffer_write);
	if (msgpack_unpack_next(&u, (const char *)s.bytes, s.len, &end) ==
		MSGPACK_UNPACK_SUCCESS &&
	    end == s.len && msgpack_pack_object(&p, u.data) == 0)
		buf_add(&b, slice_bytes(out.data, out.size));
	msgpack_sbuffer_destroy(&out);
	msgpack_unpacked_destroy(&u);
	return b;
}

/* Written again by us it is the same value, to us and to msgpack-c. */
static void
assert_round_trip(struct slice s, uint32_t objects)
{
	struct buf again, theirs, theirs_again;

	buf_init(&again);
	ck_assert_uint_eq(reemit(&again, s), objects);
	ck_assert_int_eq(check_whole(buf_bytes(&again), LIMIT_FRAME).verdict,
	    TERM_WHOLE);
	ck_assert_uint_le(buf_len(&again), s.len);
	theirs = by_msgpack_c(s);
	theirs_again = by_msgpack_c(buf_bytes(&again));
	ck_assert_uint_gt(buf_len(&theirs), 0);
	ck_assert(slice_equal(buf_bytes(&theirs), buf_bytes(&theirs_again)));
	buf_release(&theirs_again);
	buf_release(&theirs);
	buf_release(&again);
}

static void
assert_mutant(struct slice s)
{
	struct outcome o = check_all_ways(s, LIMIT_FRAME);

	if (o.verdict == TERM_WHOLE)
		assert_round_trip(slice_bytes(s.bytes, o.pos), o.objects);
}

START_TEST(every_flipped_bit_is_an_error_or_another_sound_value)
{
	struct buf b = hex_buf(good[_i].hex);
	struct slice s = exact_copy(buf_bytes(&b));
	uint8_t *bytes = (uint8_t *)(uintptr_t)s.bytes;

	assert_mutant(s);
	for (size_t bit = 0; bit < 8 * s.len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_mutant(s);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	exact_free(s);
	buf_release(&b);
}
END_TEST

/* -- random values -- */

static void
add_byte(struct buf *b, uint64_t byte)
{
	uint8_t v = (uint8_t)byte;

	buf_add(b, slice_bytes(&v, 1));
}

static void
add_big_endian(struct buf *b, uint64_t v, size_t bytes)
{
	while (bytes-- > 0)
		add_byte(b, v >> 8 * bytes);
}

static void
add_random(struct buf *b, size_t n, uint64_t *seed)
{
	while (n-- > 0)
		add_byte(b, random_below(seed, 4) ? 'a' : random_next(seed));
}

/* A str, bin or ext with a length of 1, 2 or 4 bytes, whatever is needed. */
static void
add_counted(struct buf *b, uint64_t *seed)
{
	static const uint8_t heads[] = { 0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb,
		0xc7, 0xc8, 0xc9 };
	uint32_t k = random_below(seed, sizeof(heads));
	uint32_t n = random_below(seed, 40);

	add_byte(b, heads[k]);
	add_big_endian(b, n, (size_t)1 << k % 3);
	add_random(b, n + (heads[k] >= 0xc7 && heads[k] <= 0xc9), seed);
}

/* An object without children: a number, a short str, a fixext, ... */
static void
add_leaf(struct buf *b, uint64_t *seed)
{
	static const struct {
		uint8_t head, body;
	} fixed[] = { { 0xc0, 0 }, { 0xc2, 0 }, { 0xc3, 0 }, { 0xca, 4 },
		{ 0xcb, 8 }, { 0xcc, 1 }, { 0xcd, 2 }, { 0xce, 4 }, { 0xcf, 8 },
		{ 0xd0, 1 }, { 0xd1, 2 }, { 0xd2, 4 }, { 0xd3, 8 }, { 0xd4, 2 },
		{ 0xd5, 3 }, { 0xd6, 5 }, { 0xd7, 9 }, { 0xd8, 17 },
		{ 0x07, 0 }, { 0xf0, 0 }, { 0xa0, 0 }, { 0xa7, 7 },
		{ 0xbf, 31 } };
	uint32_t k = random_below(seed, sizeof(fixed) / sizeof(fixed[0]) + 6);

	if (k >= sizeof(fixed) / sizeof(fixed[0])) {
		add_counted(b, seed);
		return;
	}
	add_byte(b, fixed[k].head);
	add_random(b, fixed[k].body, seed);
}

/* An array or a map in any of its three forms. Returns its children. */
static uint32_t
add_container(struct buf *b, uint64_t *seed)
{
	uint32_t n = random_below(seed, 5);
	bool map = random_below(seed, 2);

	switch (random_below(seed, 3)) {
	case 0:
		add_byte(b, (map ? 0x80u : 0x90u) | n);
		break;
	case 1:
		add_byte(b, map ? 0xde : 0xdc);
		add_big_endian(b, n, 2);
		break;
	default:
		add_byte(b, map ? 0xdf : 0xdd);
		add_big_endian(b, n, 4);
	}
	return map ? 2 * n : n;
}

/* A value of at most 16 levels; left[] is the stack of what is open. */
static void
add_value(struct buf *b, uint64_t *seed)
{
	uint32_t left[LIMIT_DEPTH + 1] = { 1 };
	int depth = 0;

	while (depth >= 0) {
		if (left[depth] == 0) {
			depth--;
			continue;
		}
		left[depth]--;
		if (depth < LIMIT_DEPTH && buf_len(b) < 2000 &&
		    random_below(seed, 3) > 0)
			left[++depth] = add_container(b, seed);
		else
			add_leaf(b, seed);
	}
}

static size_t
where_msgpack_c_ends(struct slice s, msgpack_unpack_return *verdict)
{
	msgpack_unpacked u;
	size_t end = 0;

	msgpack_unpacked_init(&u);
	*verdict = msgpack_unpack_next(&u, (const char *)s.bytes, s.len, &end);
	msgpack_unpacked_destroy(&u);
	return end;
}

/* The oracle also sees a few prefixes, and what comes after the value. */
static void
compare_with_msgpack_c(struct slice s, uint64_t *seed)
{
	struct outcome o = check_whole(s, LIMIT_FRAME);
	msgpack_unpack_return v;

	if (o.verdict != TERM_WHOLE)
		ck_abort_msg("verdict %d", (int)o.verdict);
	if (where_msgpack_c_ends(s, &v) != o.pos || v != MSGPACK_UNPACK_SUCCESS)
		ck_abort_msg("msgpack-c: %d", (int)v);
	assert_round_trip(slice_bytes(s.bytes, o.pos), o.objects);
	for (int i = 0; i < 5; i++) {
		struct slice cut =
		    slice_bytes(s.bytes, random_below(seed, o.pos));

		where_msgpack_c_ends(cut, &v);
		if (v != MSGPACK_UNPACK_CONTINUE ||
		    check_whole(cut, LIMIT_FRAME).verdict != TERM_MORE ||
		    !is_same(check_split(s, LIMIT_FRAME, cut.len), o))
			ck_abort_msg("cut at %zu: %d", cut.len, (int)v);
	}
}

START_TEST(msgpack_c_agrees_on_random_values)
{
	uint64_t seed = (uint64_t)_i;
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < 200; i++) {
		buf_clear(&b);
		add_value(&b, &seed);
		if (i % 4 == 0) /* something after it */
			add_random(&b, 3, &seed);
		compare_with_msgpack_c(buf_bytes(&b), &seed);
	}
	buf_release(&b);
}
END_TEST

/* Whatever the bytes are: where we say whole, msgpack-c says the same. */
START_TEST(msgpack_c_agrees_on_what_is_whole_in_random_bytes)
{
	uint64_t seed = 1000 + (uint64_t)_i;
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < 2000; i++) {
		struct outcome o;

		buf_clear(&b);
		add_value(&b, &seed);
		for (int k = 0; k < 3; k++)
			b.bytes[random_below(&seed, (uint32_t)buf_len(&b))] =
			    (uint8_t)random_next(&seed);
		o = check_whole(buf_bytes(&b), LIMIT_FRAME);
		if (o.verdict == TERM_WHOLE)
			compare_with_msgpack_c(buf_bytes(&b), &seed);
	}
	buf_release(&b);
}
END_TEST

static void
add_checker_tests(Suite *s)
{
	TCase *t = tcase_create("checker");

	tcase_add_loop_test(t, good_value_is_whole_in_whatever_pieces_it_comes,
	    0, GOOD);
	tcase_add_loop_test(t,
	    good_value_fits_its_own_size_as_the_limit_and_nothing_less, 0,
	    GOOD);
	tcase_add_loop_test(t, what_follows_a_value_is_not_looked_at, 0, GOOD);
	tcase_add_loop_test(t, every_truncation_of_a_good_value_goes_on, 0,
	    GOOD);
	tcase_add_loop_test(t, bad_value_is_refused_at_the_byte_that_says_so, 0,
	    REFUSED);
	tcase_add_loop_test(t, possible_announcement_goes_on, 0, UNFINISHED);
	tcase_add_test(t, frame_of_a_mebibyte_arrives_in_pieces);
	tcase_add_test(t, sixteen_levels_are_good_and_seventeen_are_refused);
	tcase_add_test(t, levels_that_ended_do_not_count);
	tcase_add_test(t,
	    objects_up_to_the_limit_are_good_and_one_more_is_refused);
	tcase_add_test(t, stranger_has_a_kibibyte);
	tcase_add_test(t, verdict_is_an_error_with_a_sentence);
	tcase_add_loop_test(t,
	    every_header_byte_is_read_as_the_specification_says, 0, 256);
	suite_add_tcase(s, t);
}

static void
add_reader_and_writer_tests(Suite *s)
{
	TCase *t = tcase_create("reader and writer");

	tcase_add_loop_test(t, integer_reads_the_same_in_every_encoding, 0,
	    INTEGERS);
	tcase_add_test(t, integers_are_written_in_the_shortest_form);
	tcase_add_loop_test(t,
	    lengths_are_written_in_the_shortest_form_and_read_back, 0,
	    sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(t, writer_appends_one_object_after_another);
	tcase_add_loop_test(t, wrong_kind_leaves_cursor_and_output_alone, 0,
	    sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(t, reader_walks_a_task_to_its_end);
	tcase_add_test(t, the_end_must_be_the_end);
	tcase_add_loop_test(t, skip_steps_over_one_whole_value, 0, GOOD);
	suite_add_tcase(s, t);
}

static void
add_mutation_tests(Suite *s)
{
	TCase *t = tcase_create("mutations");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t,
	    every_flipped_bit_is_an_error_or_another_sound_value, 0, GOOD);
	tcase_add_loop_test(t, msgpack_c_agrees_on_random_values, 0, 20);
	tcase_add_loop_test(t,
	    msgpack_c_agrees_on_what_is_whole_in_random_bytes, 0, 5);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("term");
	SRunner *runner;
	int failed;

	add_checker_tests(s);
	add_reader_and_writer_tests(s);
	add_mutation_tests(s);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
