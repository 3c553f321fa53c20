/* common/sm.h: a lamp that is off, warms up for a while, is on, or broken. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "common/sm.h"

enum { OFF, WARM, ON, BROKEN };

static const struct sm_state lamp[] = {
	[OFF] = { "off", SM_TO(WARM), 0 },
	[WARM] = { "warm", SM_TO(ON) | SM_TO(OFF) | SM_TO(BROKEN), 250 },
	[ON] = { "on", SM_TO(OFF) | SM_TO(ON), 5000 },
	[BROKEN] = { "broken", 0, 0 },
};

static const bool allowed[4][4] = {
	[OFF] = { [WARM] = true },
	[WARM] = { [ON] = true, [OFF] = true, [BROKEN] = true },
	[ON] = { [OFF] = true, [ON] = true },
};

START_TEST(a_machine_says_its_state_and_how_long_it_lasts)
{
	struct sm sm;

	sm_init(&sm, lamp, OFF);
	ck_assert_str_eq(sm_name(&sm), "off");
	ck_assert_uint_eq(sm_max_ms(&sm), 0);
	sm_move(&sm, WARM);
	ck_assert_str_eq(sm_name(&sm), "warm");
	ck_assert_uint_eq(sm_max_ms(&sm), 250);
	sm_move(&sm, ON);
	ck_assert_uint_eq(sm_max_ms(&sm), 5000);
	ck_assert_uint_eq(sm.state, ON);
}
END_TEST

START_TEST(a_step_of_the_table_is_taken)
{
	unsigned from = (unsigned)_i / 4, to = (unsigned)_i % 4;
	struct sm sm;

	if (!allowed[from][to])
		return;
	sm_init(&sm, lamp, from);
	sm_move(&sm, to);
	ck_assert_uint_eq(sm.state, to);
}
END_TEST

START_TEST(any_other_step_is_our_bug_and_aborts)
{
	unsigned from = (unsigned)_i / 4, to = (unsigned)_i % 4;
	struct sm sm;

	if (allowed[from][to])
		abort(); /* the other test's */
	sm_init(&sm, lamp, from);
	sm_move(&sm, to);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sm");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_test(t, a_machine_says_its_state_and_how_long_it_lasts);
	tcase_add_loop_test(t, a_step_of_the_table_is_taken, 0, 16);
	tcase_add_loop_test_raise_signal(t,
	    any_other_step_is_our_bug_and_aborts, SIGABRT, 0, 16);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
