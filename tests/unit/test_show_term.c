/* client/show_term.h and sys_rows.h: what a server sends, whatever that is. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/show_term.h"
#include "client/sys_rows.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *hex;
	const char *outline; /* NULL: refused */
	const char *json;
} cases[] = {
	{ "c0", "nil\n", "null" },
	{ "c3", "true\n", "true" },
	{ "05", "5\n", "5" },
	{ "d3ffffffffffffff85", "-123\n", "-123" },
	{ "cfffffffffffffffff", "18446744073709551615\n",
	    "\"18446744073709551615\"" },
	{ "a2 6869", "hi\n", "\"hi\"" },
	{ "a0", "\"\"\n", "\"\"" },
	{ "a4 1b5b326a", "\xef\xbf\xbd\n", "\"\\u001B[2j\"" },
	{ "c4 02 0102", "<<1, 2>>\n", "\"<<1, 2>>\"" },
	{ "90", "[]\n", "[]" },
	{ "80", "{}\n", "{}" },
	{ "93 01 90 80", "- 1\n- []\n- {}\n", "[1,[],{}]" },
	{ "82 a161 01 a162 92 02 03", "a: 1\nb:\n  - 2\n  - 3\n",
	    "{\"a\":1,\"b\":[2,3]}" },
	{ "92 82 a161 01 a162 02 91 91 07", "- a: 1\n  b: 2\n- - - 7\n",
	    "[{\"a\":1,\"b\":2},[[7]]]" },
	{ "81 a161 81 a162 81 a163 c0", "a:\n  b:\n    c: nil\n",
	    "{\"a\":{\"b\":{\"c\":null}}}" },
	{ "82 05 01 c2 02", "5: 1\nfalse: 2\n", "{\"5\":1,\"false\":2}" },
	{ "81 91 01 90", "[1]: []\n", "{\"[1]\":[]}" },
	{ "82 a161 9101 a161 02", "a:\n  - 1\na: 2\n", "{\"a\":2}" },
	{ "", NULL, NULL },
	{ "c1", NULL, NULL },
	{ "92 01", NULL, NULL },
	{ "01 02", NULL, NULL },
	{ "a1 ff", NULL, NULL },
	{ "d4 01 00", NULL, NULL },
};

/* The outline as text, to be freed; NULL when it was refused. */
static char *
outline(struct slice value)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	enum err e;

	ck_assert_ptr_nonnull(out);
	e = show_term_outline(value, out);
	fclose(out);
	if (e == E_OK)
		return text;
	ck_assert_int_eq(e, E_MALFORMED);
	ck_assert_uint_eq(len, 0);
	free(text);
	return NULL;
}

static char *
json(struct slice value)
{
	json_t *v = show_term_json(value);
	char *text;

	if (v == NULL)
		return NULL;
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(v);
	return text;
}

START_TEST(a_value_is_shown_in_both_ways)
{
	struct buf b = hex_buf(cases[_i].hex);
	char *o = outline(buf_bytes(&b)), *j = json(buf_bytes(&b));

	ck_assert_pstr_eq(o, cases[_i].outline);
	ck_assert_pstr_eq(j, cases[_i].json);
	free(o);
	free(j);
	buf_release(&b);
}
END_TEST

START_TEST(the_deepest_value_is_shown)
{
	struct buf b;
	char *o, *j;

	buf_init(&b);
	for (int i = 0; i < LIMIT_DEPTH; i++)
		term_write_array(&b, i < LIMIT_DEPTH - 1);
	o = outline(buf_bytes(&b));
	j = json(buf_bytes(&b));
	ck_assert_str_eq(o, "- - - - - - - - - - - - - - - []\n");
	ck_assert_str_eq(j, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
	free(o);
	free(j);
	buf_release(&b);
}
END_TEST

/* -- rows -- */

static void
write_row(struct buf *b, const char *pid, uint64_t handled)
{
	term_write_map(b, 4);
	term_write_cstr(b, "pid");
	term_write_cstr(b, pid);
	term_write_cstr(b, "otra"); /* of a newer server */
	term_write_nil(b);
	term_write_cstr(b, "hijos");
	term_write_uint(b, handled == 7 ? 3 : 0);
	term_write_cstr(b, "atendidos");
	term_write_uint(b, handled);
}

static void
write_rows(struct buf *b, uint64_t first, uint64_t second)
{
	buf_init(b);
	term_write_array(b, 2);
	write_row(b, "<0.1>", first);
	write_row(b, "<1.1>", second);
}

START_TEST(rates_are_what_was_handled_in_between)
{
	struct sys_rows before, now;
	struct buf b;

	sys_rows_init(&before);
	sys_rows_init(&now);
	write_rows(&b, 7, 100);
	ck_assert_int_eq(sys_rows_read(&before, buf_bytes(&b)), E_OK);
	ck_assert_uint_eq(sys_rows_hidden(&before), 2);
	buf_release(&b);
	write_rows(&b, 9, 400);
	ck_assert_int_eq(sys_rows_read(&now, buf_bytes(&b)), E_OK);
	buf_release(&b);
	sys_rows_rate(&now, &before, 500);
	ck_assert(slice_is(now.rows[0].pid, "<1.1>"));
	ck_assert_uint_eq(now.rows[0].rate, 600);
	ck_assert_uint_eq(now.rows[1].rate, 4);
	sys_rows_release(&before);
	sys_rows_release(&now);
}
END_TEST

/* An error, or rows that can be printed. */
static void
try_rows(struct slice s)
{
	static const struct view v = { .terminal = true };
	struct sys_rows r;
	FILE *out = fopen("/dev/null", "w");

	ck_assert_ptr_nonnull(out);
	sys_rows_init(&r);
	if (term_is_sound(s) && sys_rows_read(&r, s) == E_OK)
		sys_rows_print(&r, SYS_ARBOL, &v, out);
	else
		ck_assert_uint_eq(r.count, 0);
	sys_rows_release(&r);
	free(outline(s));
	free(json(s));
	fclose(out);
}

START_TEST(broken_rows_are_refused_or_shown)
{
	struct buf b;

	write_rows(&b, 7, 1000);
	for (size_t i = 0; i < buf_len(&b); i++)
		try_rows(slice_bytes(b.bytes + b.start, i));
	for (size_t i = 0; i < 8 * buf_len(&b); i++) {
		b.bytes[b.start + i / 8] ^= (uint8_t)(1u << i % 8);
		try_rows(buf_bytes(&b));
		b.bytes[b.start + i / 8] ^= (uint8_t)(1u << i % 8);
	}
	buf_release(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("show_term");
	TCase *tc = tcase_create("show_term");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, a_value_is_shown_in_both_ways, 0, COUNT(cases));
	tcase_add_test(tc, the_deepest_value_is_shown);
	tcase_add_test(tc, rates_are_what_was_handled_in_between);
	tcase_add_test(tc, broken_rows_are_refused_or_shown);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
