/* common/message.h: copies, loans, and reasons. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/runtime.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- messages -- */

START_TEST(a_message_has_its_own_copy)
{
	char op[] = "agregar", body[] = "\x93\x00xyz";
	struct message *m =
	    message_new(MESSAGE_CALL, slice_bytes(op, 7), slice_bytes(body, 5));

	memset(op, '?', sizeof(op));
	memset(body, '?', sizeof(body));
	ck_assert_int_eq(m->kind, MESSAGE_CALL);
	ck_assert(slice_is(m->op, "agregar"));
	ck_assert(slice_equal(m->body, slice_bytes("\x93\x00xyz", 5)));
	ck_assert_ptr_null(m->credit);
	ck_assert_ptr_null(m->next);
	ck_assert_uint_eq(m->from.pid.id, 0);
	ck_assert_uint_eq(m->from.ref, 0);
	message_free(m);
}
END_TEST

START_TEST(a_message_may_be_empty)
{
	struct message *m = message_new(MESSAGE_DOWN, slice_bytes(NULL, 0),
	    slice_bytes(NULL, 0));

	ck_assert_uint_eq(m->op.len, 0);
	ck_assert_uint_eq(m->body.len, 0);
	message_free(m);
}
END_TEST

/* -- loans -- */

static int returns;
static uint32_t lent_at_return;

static void
on_returned(struct credit *c)
{
	returns++;
	lent_at_return = c->lent;
}

static struct message *
lend(struct credit *c)
{
	struct message *m =
	    message_new(MESSAGE_CAST, slice_of("x"), slice_of(""));

	message_lend(m, c);
	return m;
}

START_TEST(a_loan_comes_back_with_the_end_of_its_message)
{
	struct credit c = { .returned = on_returned };
	struct message *m[10];

	returns = 0;
	for (uint32_t i = 0; i < COUNT(m); i++) {
		m[i] = lend(&c);
		ck_assert_uint_eq(c.lent, i + 1);
	}
	for (uint32_t i = 0; i < COUNT(m); i++) {
		message_free(m[(i + 3) % COUNT(m)]);
		ck_assert_int_eq(returns, (int)i + 1);
		ck_assert_uint_eq(lent_at_return, COUNT(m) - i - 1);
	}
	message_free(message_new(MESSAGE_CAST, slice_of(""), slice_of("")));
	ck_assert_int_eq(returns, COUNT(m));
}
END_TEST

static void
free_credit(struct credit *c)
{
	free(c);
}

/* The lender may go with its last loan: nothing looks at it after. */
START_TEST(the_lender_may_be_freed_when_the_last_loan_returns)
{
	struct credit *c = calloc(1, sizeof(*c));

	ck_assert_ptr_nonnull(c);
	c->returned = free_credit;
	message_free(lend(c));
}
END_TEST

START_TEST(a_message_holds_one_loan)
{
	struct credit c = { .returned = on_returned };
	struct message *m = lend(&c);

	message_lend(m, &c);
}
END_TEST

/* -- memory that the next ones get -- */

START_TEST(an_empty_buffer_gives_its_memory_to_the_next_and_a_large_one_not)
{
	struct spares s = { .first = NULL };
	struct buf b;

	buf_init(&b);
	spares_buf_take(&s, &b);
	ck_assert_ptr_null(b.bytes);
	spares_buf_give(&s, &b); /* it has nothing to give */
	ck_assert_uint_eq(s.buf_count, 0);
	for (uint32_t i = 0; i < 2 * SPARE_BUFS; i++) {
		buf_room(&b, 1000);
		spares_buf_give(&s, &b);
		ck_assert_ptr_null(b.bytes);
		ck_assert_uint_le(s.buf_count, SPARE_BUFS);
	}
	buf_room(&b, (size_t)1024 * 1024);
	spares_release(&s);
	spares_buf_give(&s, &b);
	ck_assert_uint_eq(s.buf_count, 0);
	buf_add(&b, slice_of("abc"));
	spares_buf_take(&s, &b); /* it has memory, and keeps it */
	ck_assert(slice_is(buf_bytes(&b), "abc"));
	buf_release(&b);
}
END_TEST

/* -- reasons -- */

static const struct {
	const char *word;
	const char *kept;
} words[] = {
	{ "", "" },
	{ "normal", "normal" },
	{ "a_word_of_thirty_one_characters",
	    "a_word_of_thirty_one_characters" },
	{ "a_word_of_thirty_two_characters_",
	    "a_word_of_thirty_two_characters" },
	{ "one_that_is_very_much_longer_than_any_word_should_be",
	    "one_that_is_very_much_longer_th" },
};

START_TEST(a_reason_is_a_word_that_is_cut_when_it_is_long)
{
	struct reason a = reason_of(words[_i].word);
	struct reason b = reason_from(slice_of(words[_i].word));

	ck_assert_str_eq(a.word, words[_i].kept);
	ck_assert_str_eq(b.word, words[_i].kept);
	ck_assert(reason_is(&a, words[_i].kept));
	ck_assert(!reason_is(&a, "another"));
}
END_TEST

static const struct {
	const char *word;
	enum err e;
} learned[] = {
	{ "noconnection", E_NOCONNECTION },
	{ "noproc", E_NOPROC },
	{ "normal", E_DIED },
	{ "shutdown", E_DIED },
	{ "kill", E_DIED },
	{ "", E_DIED },
	{ "noconnections", E_DIED },
};

START_TEST(an_open_call_learns_the_error_of_the_reason)
{
	struct reason r = reason_of(learned[_i].word);

	ck_assert_int_eq(reason_err(&r), learned[_i].e);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("message");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, a_message_has_its_own_copy);
	tcase_add_test(t, a_message_may_be_empty);
	tcase_add_test(t, a_loan_comes_back_with_the_end_of_its_message);
	tcase_add_test(t, the_lender_may_be_freed_when_the_last_loan_returns);
	tcase_add_test(t,
	    an_empty_buffer_gives_its_memory_to_the_next_and_a_large_one_not);
	tcase_add_test_raise_signal(t, a_message_holds_one_loan, SIGABRT);
	tcase_add_loop_test(t, a_reason_is_a_word_that_is_cut_when_it_is_long,
	    0, (int)COUNT(words));
	tcase_add_loop_test(t, an_open_call_learns_the_error_of_the_reason, 0,
	    (int)COUNT(learned));
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
