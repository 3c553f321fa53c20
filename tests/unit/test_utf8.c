/* UTF-8: tables of good and bad, every code point. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/utf8.h"
#include "tests/lib/bytes.h"

static const struct {
	const char *hex;
	uint32_t c;
} good[] = {
	{ "00", 0 },
	{ "41", 'A' },
	{ "7f", 0x7f },
	{ "c2 80", 0x80 },
	{ "c3 b1", 0xf1 },
	{ "df bf", 0x7ff },
	{ "e0 a0 80", 0x800 },
	{ "e2 82 ac", 0x20ac },
	{ "ed 9f bf", 0xd7ff },
	{ "ee 80 80", 0xe000 },
	{ "ef bf bf", 0xffff },
	{ "f0 90 80 80", 0x10000 },
	{ "f0 9f 98 80", 0x1f600 },
	{ "f4 8f bf bf", 0x10ffff },
};

static const char *const bad[] = {
	"80", /* a continuation alone */
	"bf",
	"c0 80", /* overlong NUL */
	"c1 bf", /* overlong */
	"c2", /* cut */
	"c2 41",
	"c2 c2",
	"e0 80 80", /* overlong */
	"e0 9f bf",
	"e2 82",
	"e2 82 41",
	"e2 28 a1",
	"ed a0 80", /* surrogates */
	"ed bf bf",
	"f0 80 80 80", /* overlong */
	"f0 8f bf bf",
	"f0 9f 98",
	"f0 9f 98 41",
	"f4 90 80 80", /* over U+10FFFF */
	"f5 80 80 80",
	"f8 88 80 80 80",
	"fe",
	"ff",
};

enum {
	GOOD = sizeof(good) / sizeof(good[0]),
	BAD = sizeof(bad) / sizeof(bad[0]),
};

START_TEST(good_characters_decode)
{
	struct buf b = hex_buf(good[_i].hex);
	struct slice s = exact_copy(buf_bytes(&b));
	uint32_t c = 12345;

	ck_assert_uint_eq(utf8_decode(s, &c), s.len);
	ck_assert_uint_eq(c, good[_i].c);
	ck_assert(utf8_valid(s));
	exact_free(s);
	buf_release(&b);
}
END_TEST

START_TEST(bad_characters_are_refused_and_leave_the_output_alone)
{
	struct buf b = hex_buf(bad[_i]);
	struct slice s = exact_copy(buf_bytes(&b));
	uint32_t c = 12345;

	ck_assert_uint_eq(utf8_decode(s, &c), 0);
	ck_assert_uint_eq(c, 12345);
	ck_assert(!utf8_valid(s));
	exact_free(s);
	buf_release(&b);
}
END_TEST

/* ASCII is read some words at a time: a bad one is seen at every offset. */
START_TEST(bad_characters_are_seen_wherever_they_stand)
{
	for (size_t before = 0; before < 40; before++) {
		for (size_t after = 0; after < 10; after++) {
			struct buf b;
			struct slice s;

			buf_init(&b);
			buf_add(&b,
			    slice_bytes("abcdefghijklmnopqrst"
					"abcdefghijklmnopqrst",
				before));
			hex_add(&b, bad[_i]);
			buf_add(&b, slice_bytes("ABCDEFGHIJ", after));
			s = exact_copy(buf_bytes(&b));
			ck_assert(!utf8_valid(s));
			ck_assert(!utf8_is_text(s));
			exact_free(s);
			buf_release(&b);
		}
	}
}
END_TEST

/* The other way round, written from the RFC's table and not from utf8.c. */
static size_t
encode(uint32_t c, uint8_t out[4])
{
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static bool
round_trips(uint32_t c)
{
	uint8_t bytes[4];
	struct slice s = slice_bytes(bytes, encode(c, bytes));
	bool surrogate = c >= 0xd800 && c <= 0xdfff;
	bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
	uint32_t back = 0;

	if (surrogate)
		return utf8_decode(s, &back) == 0 && !utf8_valid(s);
	return utf8_decode(s, &back) == s.len && back == c && utf8_valid(s) &&
	    utf8_has_control(s) == control && utf8_is_text(s) == !control;
}

START_TEST(every_code_point_but_surrogates_round_trips)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++)
		if (!round_trips(c))
			ck_abort_msg("U+%04X", (unsigned)c);
}
END_TEST

START_TEST(every_truncation_of_a_text_is_valid_at_characters_only)
{
	/* Bytes: a, ñ, €, an emoji, z. */
	struct slice whole = slice_of("a\xc3\xb1\xe2\x82\xac\xf0\x9f\x98\x80z");
	size_t ends[] = { 0, 1, 3, 6, 10, 11 };
	size_t k = 0;

	for (size_t len = 0; len <= whole.len; len++) {
		struct slice s = exact_copy(slice_bytes(whole.bytes, len));

		ck_assert_int_eq(utf8_valid(s), len == ends[k]);
		k += len == ends[k];
		exact_free(s);
	}
}
END_TEST

START_TEST(control_characters_are_found_anywhere)
{
	const char *with[] = { "\n", "\x1b[31m", "a\tb", "abc\x7f", "\xc2\x85",
		"abc\xc2\x80", "abc\xc2\x9fx" };
	const char *without[] = { "", "abc", "\xc2\xa0", "se\xc3\xb1or",
		"\xe2\x80\xa8", "\xf0\x9f\x98\x80" };

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		ck_assert_msg(utf8_has_control(slice_of(with[i])), "%zu", i);
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		ck_assert_msg(!utf8_has_control(slice_of(without[i])), "%zu",
		    i);
	ck_assert(utf8_has_control(slice_bytes("\0", 1)));
	ck_assert(!utf8_has_control(slice_bytes(NULL, 0)));
	ck_assert(utf8_valid(slice_bytes(NULL, 0)));
}
END_TEST

/* Each byte at each place of texts that are longer than a word, or shorter. */
START_TEST(a_control_character_is_found_at_every_place)
{
	for (size_t len = 1; len <= 40; len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned b = 0; b < 0x100; b++) {
				uint8_t text[40];
				struct slice s;
				bool control = b < 0x20 || b == 0x7f ||
				    (b == 0xc2 && at + 1 < len);

				memset(text, 0x20 + (int)(5 * len) % 0x5f, len);
				text[at] = (uint8_t)b;
				s = exact_copy(slice_bytes(text, len));
				if (utf8_has_control(s) != control ||
				    utf8_is_text(s) != (b < 0x80 && !control))
					ck_abort_msg("%02x at %zu of %zu", b,
					    at, len);
				exact_free(s);
			}
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("utf8");
	TCase *t = tcase_create("utf8");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, good_characters_decode, 0, GOOD);
	tcase_add_loop_test(t,
	    bad_characters_are_refused_and_leave_the_output_alone, 0, BAD);
	tcase_add_loop_test(t, bad_characters_are_seen_wherever_they_stand, 0,
	    BAD);
	tcase_add_test(t, every_code_point_but_surrogates_round_trips);
	tcase_add_test(t,
	    every_truncation_of_a_text_is_valid_at_characters_only);
	tcase_add_test(t, control_characters_are_found_anywhere);
	tcase_add_test(t, a_control_character_is_found_at_every_place);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
