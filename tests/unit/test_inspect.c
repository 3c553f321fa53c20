/* common/inspect.h: values as IO.inspect shows them. */
#include <check.h>
#include <string.h>

#include "common/inspect.h"
#include "proto/limits.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct buf out;

static void
setup(void)
{
	buf_init(&out);
	buf_add(&out, slice_of("> "));
}

static void
teardown(void)
{
	buf_release(&out);
}

static const struct {
	const char *value;
	size_t len;
	const char *text;
} values[] = {
#define VALUE(bytes, text) \
	{ \
		bytes, sizeof(bytes) - 1, text \
	}
	VALUE("\xc0", "nil"),
	VALUE("\xc2", "false"),
	VALUE("\xc3", "true"),
	VALUE("\x00", "0"),
	VALUE("\x7f", "127"),
	VALUE("\xff", "-1"),
	VALUE("\xd3\x80\0\0\0\0\0\0\0", "-9223372036854775808"),
	VALUE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
	VALUE("\xca\x3f\x80\0\0", "#float"),
	VALUE("\xa0", "\"\""),
	VALUE("\xa4 y\xc3\xb1", "\" y\xc3\xb1\""),
	VALUE("\xa5\"a\\b\"", "\"\\\"a\\\\b\\\"\""),
	VALUE("\xa5\033[2Jx", "\"\xef\xbf\xbdx\""),
	VALUE("\xc4\x00", "<<>>"),
	VALUE("\xc4\x03\x01\x00\xff", "<<1, 0, 255>>"),
	VALUE("\x90", "[]"),
	VALUE("\x93\x01\xa1x\xc0", "[1, \"x\", nil]"),
	VALUE("\x93\x90\x91\x90\x80", "[[], [[]], %{}]"),
	VALUE("\x80", "%{}"),
	VALUE("\x82\xa1"
	      "a\x01\x02\x92\x01\x02",
	    "%{\"a\" => 1, 2 => [1, 2]}"),
	VALUE("\x81\x91\x01\x81\x01\x80", "%{[1] => %{1 => %{}}}"),
};

START_TEST(a_value_is_shown_as_io_inspect_shows_it)
{
	struct slice value = slice_bytes(values[_i].value, values[_i].len);

	ck_assert_int_eq(inspect_term(value, &out), E_OK);
	buf_add(&out, slice_bytes("", 1));
	ck_assert_str_eq((const char *)buf_bytes(&out).bytes + 2,
	    values[_i].text);
}
END_TEST

START_TEST(what_is_not_one_sound_value_is_badarg)
{
	static const uint8_t two[] = { 1, 2 };
	struct slice value = slice_bytes(values[_i].value, values[_i].len);

	for (size_t len = 0; len < value.len; len++)
		ck_assert_int_eq(inspect_term(slice_bytes(value.bytes, len),
				     &out),
		    E_BADARG);
	ck_assert_int_eq(inspect_term(slice_bytes(two, 2), &out), E_BADARG);
	ck_assert_int_eq(inspect_term(slice_of("\xc1"), &out), E_BADARG);
	ck_assert_int_eq(inspect_term(slice_of("\xa1\xff"), &out), E_BADARG);
	ck_assert(slice_is(buf_bytes(&out), "> "));
}
END_TEST

START_TEST(the_deepest_value_closes_all_it_opens)
{
	uint8_t deep[LIMIT_DEPTH];
	struct slice text;

	memset(deep, 0x91, sizeof(deep));
	deep[LIMIT_DEPTH - 1] = 0x90;
	ck_assert_int_eq(inspect_term(slice_bytes(deep, sizeof(deep)), &out),
	    E_OK);
	text = buf_bytes(&out);
	ck_assert_uint_eq(text.len, 2 + 2 * LIMIT_DEPTH);
	for (size_t i = 0; i < LIMIT_DEPTH; i++) {
		ck_assert_int_eq(text.bytes[2 + i], '[');
		ck_assert_int_eq(text.bytes[2 + LIMIT_DEPTH + i], ']');
	}
}
END_TEST

START_TEST(print_writes_a_line_with_its_label)
{
	char text[80] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	ck_assert_ptr_nonnull(f);
	inspect_print(f, NULL, slice_of("\x91\x02"));
	inspect_print(f, "vale", slice_of("\x02"));
	inspect_print(f, "vale", slice_of(""));
	fclose(f);
	ck_assert_str_eq(text, "[2]\nvale: 2\nvale: ?\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inspect");
	TCase *t = tcase_create("inspect");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_value_is_shown_as_io_inspect_shows_it, 0,
	    (int)COUNT(values));
	tcase_add_loop_test(t, what_is_not_one_sound_value_is_badarg, 0,
	    (int)COUNT(values));
	tcase_add_test(t, the_deepest_value_closes_all_it_opens);
	tcase_add_test(t, print_writes_a_line_with_its_label);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
