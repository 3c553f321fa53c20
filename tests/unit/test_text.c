/* common/text.h: text of other people, made harmless and measured. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "proto/utf8.h"

#define BAD "\xef\xbf\xbd"
#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
/* A string that may hold NULs, as two members of a case. */
#define RAW(s) s, sizeof(s) - 1

struct clean_case {
	const char *raw;
	size_t len;
	const char *clean;
};

static const struct clean_case clean_cases[] = {
	{ RAW(""), "" },
	{ RAW("Comprar leche"), "Comprar leche" },
	{ RAW("mañana, 牛乳 🥛"), "mañana, 牛乳 🥛" },
	{ RAW(BAD), BAD },
	/* control characters */
	{ RAW("a\0b"), "a" BAD "b" },
	{ RAW("a\tb\r\n"), "a" BAD "b" BAD BAD },
	{ RAW("\x7f"), BAD },
	{ RAW("\xc2\x80\xc2\x85\xc2\x9f|"), BAD BAD BAD "|" },
	{ RAW("\xc2\xa0"), "\xc2\xa0" },
	/* escape sequences, each as one */
	{ RAW("\x1b[31mrojo\x1b[0m"), BAD "rojo" BAD },
	{ RAW("\x1b[?1049h!"), BAD "!" },
	{ RAW("\x1b[1;2 q."), BAD "." },
	{ RAW("\x1b"
	      "c."),
	    BAD "." },
	{ RAW("\x1b(B."), BAD "." },
	{ RAW("\x1b]0;title\x07."), BAD "." },
	{ RAW("\x1b]0;title\x1b\\."), BAD "." },
	{ RAW("\x1b]0;title\xc2\x9c."), BAD "." },
	{ RAW("\x1bPq#0\x1b\\."), BAD "." },
	{ RAW("\xc2\x9b"
	      "31mrojo"),
	    BAD "rojo" },
	{ RAW("\xc2\x9d"
	      "0;t\x07."),
	    BAD "." },
	/* without an end they hide nothing */
	{ RAW("\x1b"), BAD },
	{ RAW("\x1b["), BAD },
	{ RAW("\x1b[12"), BAD "12" },
	{ RAW("\x1b[12\n"), BAD "12" BAD },
	{ RAW("\x1b[ñ"), BAD "ñ" },
	{ RAW("\x1b]0;all of this stays"), BAD "0;all of this stays" },
	{ RAW("\x1b]0;a\nb\x07"), BAD "0;a" BAD "b" BAD },
	{ RAW("\x1b]\x1b]\x1b["), BAD BAD BAD },
	{ RAW("\x1b ñ"), BAD " ñ" },
	/* bidi controls and line separators */
	{ RAW("\u061c\u200e\u200f"), BAD BAD BAD },
	{ RAW("\u202a\u202b\u202c\u202d\u202e"), BAD BAD BAD BAD BAD },
	{ RAW("\u2066\u2067\u2068\u2069"), BAD BAD BAD BAD },
	{ RAW("\u2028\u2029"), BAD BAD },
	{ RAW("\u2027\u202f\u2065\u206a"), "\u2027\u202f\u2065\u206a" },
	{ RAW("\u200b\u200c\u200d"), "\u200b\u200c\u200d" },
	/* invalid UTF-8 */
	{ RAW("\xff"), BAD },
	{ RAW("\xc3"), BAD },
	{ RAW("\xc3("), BAD "(" },
	{ RAW("\xc0\xaf"), BAD BAD },
	{ RAW("\xed\xa0\x80"), BAD BAD BAD },
	{ RAW("\xf4\x90\x80\x80"), BAD BAD BAD BAD },
	{ RAW("\x9b"
	      "31m"),
	    BAD "31m" },
};

START_TEST(what_could_harm_a_terminal_is_replaced)
{
	const struct clean_case *c = &clean_cases[_i];
	char *clean = text_clean(slice_bytes(c->raw, c->len));

	ck_assert_str_eq(clean, c->clean);
	free(clean);
}
END_TEST

struct width_case {
	const char *text;
	size_t columns;
};

static const struct width_case width_cases[] = {
	{ "", 0 },
	{ "Comprar leche", 13 },
	{ "año", 3 },
	{ "an\u0303o", 3 }, /* the same, decomposed */
	{ "\u0301", 0 },
	{ "e\u0301\u0323\u0308", 1 },
	{ "牛乳", 4 },
	{ "ﾊﾝｶｸ", 4 }, /* halfwidth */
	{ "ＡＢ", 4 }, /* fullwidth */
	{ "한국", 4 },
	{ "\u1112\u1161\u11ab", 2 }, /* one syllable of three jamo */
	{ "עברית", 5 },
	{ "ไทยที่", 4 },
	{ "«—…»", 4 }, /* ambiguous: narrow */
	{ "\u00ad", 1 },
	{ "\u200b\ufeff", 0 },
	{ "𠀀", 2 },
	/* emoji */
	{ "🥛", 2 },
	{ "🥛🥛", 4 },
	{ "\u2764", 1 }, /* as text */
	{ "\u2764\ufe0f", 2 }, /* as emoji */
	{ "1\ufe0f\u20e3", 2 },
	{ "a\ufe0f", 1 },
	{ "👍🏽", 2 },
	{ "\u261d🏽", 2 },
	{ "🏽", 2 },
	{ "a🏽", 3 },
	{ "👨‍👩‍👧‍👦", 2 },
	{ "👩🏽‍💻", 2 },
	{ "\u2764\ufe0f\u200d🔥", 2 },
	{ "🏳\ufe0f‍🌈", 2 },
	{ "a\u200d🔥", 3 },
	{ "🔥\u200da", 3 },
	{ "🇦🇷", 2 },
	{ "🇦🇷🇺🇾", 4 },
	{ "🇦", 1 },
	{ "🇦🇷🇺", 3 },
	{ "🏴\U000e0067\U000e0062\U000e007f", 2 },
	/* as they will be shown once they are clean */
	{ "\x1b[31mrojo\x1b[0m", 6 },
	{ "\xff\u202e\t", 3 },
};

START_TEST(width_is_what_a_terminal_shows)
{
	const struct width_case *c = &width_cases[_i];

	ck_assert_uint_eq(text_width(slice_of(c->text)), c->columns);
}
END_TEST

START_TEST(fitting_splits_no_cluster)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *fits;
		size_t width;
	} cases[] = {
		{ "", 5, "", 0 },
		{ "leche", 0, "", 0 },
		{ "leche", 3, "lec", 3 },
		{ "leche", 5, "leche", 5 },
		{ "leche", 9, "leche", 5 },
		{ "an\u0303o", 1, "a", 1 },
		{ "an\u0303o", 2, "an\u0303", 2 },
		{ "牛乳", 3, "牛", 2 },
		{ "a👨‍👩‍👧b", 2, "a", 1 },
		{ "a👨‍👩‍👧b", 3, "a👨‍👩‍👧", 3 },
		{ "🇦🇷🇺🇾", 3, "🇦🇷", 2 },
		{ "\u2764\ufe0fx", 1, "", 0 },
		{ "\x1b[31mrojo", 1, "\x1b[31m", 1 },
	};

	for (int i = 0; i < COUNT(cases); i++) {
		size_t width = 99;
		size_t n =
		    text_fit(slice_of(cases[i].text), cases[i].columns, &width);

		ck_assert_uint_eq(n, strlen(cases[i].fits));
		ck_assert_uint_eq(width, cases[i].width);
		ck_assert_uint_eq(n,
		    text_fit(slice_of(cases[i].text), cases[i].columns, NULL));
	}
}
END_TEST

START_TEST(a_small_room_is_never_overrun)
{
	static const char text[] = "añ\x1b[1m🥛z\xff";
	static const char whole[] = "añ" BAD "🥛z" BAD;

	ck_assert_uint_eq(text_clean_into(NULL, 0, slice_of(text)),
	    strlen(whole));
	for (size_t room = 1; room <= sizeof(whole); room++) {
		/* Of its very size, so that a sanitizer sees one too many. */
		char *out = malloc(room);

		ck_assert_uint_eq(text_clean_into(out, room, slice_of(text)),
		    strlen(whole));
		ck_assert_uint_lt(strlen(out), room);
		ck_assert(strncmp(out, whole, strlen(out)) == 0);
		ck_assert(utf8_valid(slice_of(out)));
		free(out);
	}
}
END_TEST

/* Holds for any bytes at all. */
static void
check_laws(const char *bytes, size_t len)
{
	struct slice raw = slice_bytes(bytes, len);
	char *clean = text_clean(raw);
	char *again = text_clean(slice_of(clean));
	size_t width = text_width(raw);
	size_t got;

	ck_assert(utf8_valid(slice_of(clean)));
	ck_assert(!utf8_has_control(slice_of(clean)));
	ck_assert_str_eq(clean, again);
	ck_assert_uint_eq(width, text_width(slice_of(clean)));
	for (size_t columns = 0; columns <= width; columns++) {
		size_t n = text_fit(raw, columns, &got);

		ck_assert_uint_le(n, len);
		ck_assert_uint_le(got, columns);
		ck_assert_uint_le(columns - got, 1);
		ck_assert_uint_eq(text_width(slice_bytes(bytes, n)), got);
	}
	ck_assert_uint_eq(text_fit(raw, width, NULL), len);
	free(clean);
	free(again);
}

/* A copy of exactly that size, so that a sanitizer sees one byte too many. */
static void
check_laws_on_copy(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	memcpy(copy, bytes, len);
	check_laws(copy, len);
	free(copy);
}

static void
check_mutations(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	for (size_t n = 0; n <= len; n++)
		check_laws_on_copy(bytes, n);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		memcpy(copy, bytes, len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		check_laws_on_copy(copy, len);
	}
	free(copy);
}

START_TEST(every_mutation_of_a_raw_text_comes_out_clean)
{
	check_mutations(clean_cases[_i].raw, clean_cases[_i].len);
}
END_TEST

START_TEST(every_mutation_of_a_measured_text_obeys_the_laws)
{
	check_mutations(width_cases[_i].text, strlen(width_cases[_i].text));
}
END_TEST

START_TEST(nobody_can_make_it_slow)
{
	/* Each would take minutes if every introducer were searched for. */
	static const char *const bricks[] = { "\x1b]", "\x1b[1", "\xc2\x9d",
		"\x1b ", "\x1bP\xff", "\u0301" };
	enum { BYTES = 1024 * 1024 };
	char *big = malloc(BYTES);

	for (int i = 0; i < COUNT(bricks); i++) {
		size_t n = strlen(bricks[i]);

		for (size_t at = 0; at < BYTES; at++)
			big[at] = bricks[i][at % n];
		text_width(slice_bytes(big, BYTES));
		text_clean_into(NULL, 0, slice_bytes(big, BYTES));
	}
	free(big);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, what_could_harm_a_terminal_is_replaced, 0,
	    COUNT(clean_cases));
	tcase_add_loop_test(t, width_is_what_a_terminal_shows, 0,
	    COUNT(width_cases));
	tcase_add_test(t, fitting_splits_no_cluster);
	tcase_add_test(t, a_small_room_is_never_overrun);
	tcase_add_loop_test(t, every_mutation_of_a_raw_text_comes_out_clean, 0,
	    COUNT(clean_cases));
	tcase_add_loop_test(t, every_mutation_of_a_measured_text_obeys_the_laws,
	    0, COUNT(width_cases));
	tcase_add_test(t, nobody_can_make_it_slow);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
