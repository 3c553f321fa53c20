/* Slices and counted bytes. Leaks and use after free are ASan's to see. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/blob.h"

START_TEST(slice_of_a_string_leaves_the_nul_out)
{
	const char *s = "tareas";
	struct slice a = slice_of(s);

	ck_assert_ptr_eq(a.bytes, s);
	ck_assert_uint_eq(a.len, 6);
	ck_assert_uint_eq(slice_of("").len, 0);
}
END_TEST

static const struct {
	struct slice a, b;
	bool equal;
} pairs[] = {
	{ { NULL, 0 }, { NULL, 0 }, true },
	{ { NULL, 0 }, { (const uint8_t *)"x", 0 }, true },
	{ { NULL, 0 }, { (const uint8_t *)"x", 1 }, false },
	{ { (const uint8_t *)"abc", 3 }, { (const uint8_t *)"abcd", 3 }, true },
	{ { (const uint8_t *)"abc", 3 }, { (const uint8_t *)"abcd", 4 },
	    false },
	{ { (const uint8_t *)"abc", 3 }, { (const uint8_t *)"abd", 3 }, false },
	{ { (const uint8_t *)"a\0b", 3 }, { (const uint8_t *)"a\0c", 3 },
	    false },
	{ { (const uint8_t *)"a\0b", 3 }, { (const uint8_t *)"a\0b", 3 },
	    true },
};

START_TEST(slices_are_equal_when_all_bytes_are)
{
	ck_assert_int_eq(slice_equal(pairs[_i].a, pairs[_i].b),
	    pairs[_i].equal);
	ck_assert_int_eq(slice_equal(pairs[_i].b, pairs[_i].a),
	    pairs[_i].equal);
}
END_TEST

START_TEST(slice_is_compares_to_the_whole_string)
{
	ck_assert(slice_is(slice_of("node"), "node"));
	ck_assert(!slice_is(slice_of("node"), "nod"));
	ck_assert(!slice_is(slice_of("node"), "nodes"));
	ck_assert(!slice_is(slice_bytes("node\0", 5), "node"));
	ck_assert(slice_is(slice_bytes(NULL, 0), ""));
}
END_TEST

START_TEST(blob_is_a_copy_of_its_own)
{
	char text[] = "Comprar leche";
	struct blob *b = blob_new(slice_of(text));

	memset(text, 'x', sizeof(text));
	ck_assert(slice_is(blob_bytes(b), "Comprar leche"));
	blob_drop(b);
}
END_TEST

START_TEST(empty_blob_is_a_blob)
{
	struct blob *b = blob_new(slice_bytes(NULL, 0));

	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(blob_bytes(b).len, 0);
	blob_drop(b);
}
END_TEST

START_TEST(blob_lives_until_its_last_holder)
{
	struct blob *b = blob_new(slice_of("una"));

	ck_assert_ptr_eq(blob_hold(b), b);
	ck_assert_ptr_eq(blob_hold(b), b);
	blob_drop(b);
	blob_drop(b);
	ck_assert(slice_is(blob_bytes(b), "una"));
	blob_drop(b);
}
END_TEST

START_TEST(dropping_null_is_nothing)
{
	blob_drop(NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("blob");
	TCase *t = tcase_create("blob");
	SRunner *runner;
	int failed;

	tcase_add_test(t, slice_of_a_string_leaves_the_nul_out);
	tcase_add_loop_test(t, slices_are_equal_when_all_bytes_are, 0,
	    sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(t, slice_is_compares_to_the_whole_string);
	tcase_add_test(t, blob_is_a_copy_of_its_own);
	tcase_add_test(t, empty_blob_is_a_blob);
	tcase_add_test(t, blob_lives_until_its_last_holder);
	tcase_add_test(t, dropping_null_is_nothing);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
