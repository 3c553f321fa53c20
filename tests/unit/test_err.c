/* The error table: words that travel, exit statuses, what may be retried. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

/* Written out again: what was released does not change by accident. */
static const struct {
	enum err e;
	const char *word;
	bool retry;
	int status;
} released[] = {
	{ E_OK, "ok", true, 0 },
	{ E_BADARG, "badarg", false, 65 },
	{ E_TOOBIG, "toobig", false, 65 },
	{ E_EXISTS, "exists", false, 65 },
	{ E_NOPROC, "noproc", true, 76 },
	{ E_UNDEF, "undef", true, 76 },
	{ E_MALFORMED, "malformed", false, 76 },
	{ E_TIMEOUT, "timeout", false, 75 },
	{ E_OVERLOAD, "overload", true, 75 },
	{ E_DIED, "died", false, 75 },
	{ E_NOCONNECTION, "noconnection", false, 75 },
	{ E_STORAGE, "storage", true, 75 },
	{ E_SLOW, "slow", false, 75 },
	{ E_UNREACHABLE, "unreachable", true, 69 },
	{ E_DENIED, "denied", true, 77 },
};

enum { RELEASED = sizeof(released) / sizeof(released[0]) };

START_TEST(released_errors_keep_word_status_and_retry)
{
	enum err e = released[_i].e;

	ck_assert_str_eq(err_word(e), released[_i].word);
	ck_assert_int_eq(err_exit_status(e), released[_i].status);
	ck_assert_int_eq(err_safe_to_retry(e), released[_i].retry);
}
END_TEST

START_TEST(every_error_is_in_the_table_of_this_test)
{
	ck_assert_int_eq(ERR_COUNT, RELEASED);
}
END_TEST

START_TEST(every_word_finds_its_own_error)
{
	ck_assert_int_eq(err_from_word(slice_of(released[_i].word)),
	    released[_i].e);
}
END_TEST

START_TEST(texts_are_short_sentences_that_fit_the_wire)
{
	struct slice text = slice_of(err_text(released[_i].e));

	ck_assert_uint_gt(text.len, 0);
	ck_assert_uint_le(text.len, LIMIT_ERROR_TEXT);
	ck_assert(utf8_valid(text) && !utf8_has_control(text));
}
END_TEST

START_TEST(other_words_are_malformed_and_promise_nothing)
{
	const char *others[] = { "", "o", "okay", "OK", "badarg ", "bada",
		"dénied" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		enum err e = err_from_word(slice_of(others[i]));

		ck_assert_msg(e == E_MALFORMED, "%s", others[i]);
		ck_assert(!err_safe_to_retry(e));
	}
	ck_assert_int_eq(err_from_word(slice_bytes(NULL, 0)), E_MALFORMED);
	ck_assert_int_eq(err_from_word(slice_bytes("ok\0", 3)), E_MALFORMED);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, released_errors_keep_word_status_and_retry, 0,
	    RELEASED);
	tcase_add_test(t, every_error_is_in_the_table_of_this_test);
	tcase_add_loop_test(t, every_word_finds_its_own_error, 0, RELEASED);
	tcase_add_loop_test(t, texts_are_short_sentences_that_fit_the_wire, 0,
	    RELEASED);
	tcase_add_test(t, other_words_are_malformed_and_promise_nothing);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
