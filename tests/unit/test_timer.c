/* common/timer.h beside a list that is searched for its minimum. */
#include <check.h>
#include <stdlib.h>

#include "common/timer.h"
#include "tests/lib/bytes.h"

enum { TIMERS = 64 };

struct fixture {
	struct timers timers;
	struct timer timer[TIMERS];
	uint64_t ran[TIMERS]; /* numbers of timers, in order */
	size_t count;
};

static struct fixture f;

static size_t
number(const void *timer)
{
	return (size_t)((const struct timer *)timer - f.timer);
}

static void
note(void *arg)
{
	ck_assert(!timer_is_running(arg));
	ck_assert_uint_lt(f.count, TIMERS);
	f.ran[f.count++] = number(arg);
}

static void
setup(void)
{
	timers_init(&f.timers);
	for (size_t i = 0; i < TIMERS; i++)
		timer_init(&f.timer[i], note, &f.timer[i]);
	f.count = 0;
}

static void
teardown(void)
{
	timers_release(&f.timers);
}

static void
start(size_t i, uint64_t at_ms)
{
	timer_start(&f.timers, &f.timer[i], at_ms);
}

static void
expect(const char *numbers)
{
	ck_assert_uint_eq(f.count, strlen(numbers));
	for (size_t i = 0; i < f.count; i++)
		ck_assert_uint_eq(f.ran[i], (unsigned)(numbers[i] - '0'));
}

START_TEST(no_timer_is_due_never)
{
	ck_assert_uint_eq(timers_next_ms(&f.timers), TIMER_NEVER);
	timers_run(&f.timers, UINT64_MAX);
	timer_stop(&f.timers, &f.timer[0]);
	expect("");
}
END_TEST

START_TEST(a_timer_runs_when_its_time_has_come_and_once)
{
	start(0, 100);
	ck_assert(timer_is_running(&f.timer[0]));
	ck_assert_uint_eq(timers_next_ms(&f.timers), 100);
	timers_run(&f.timers, 99);
	expect("");
	timers_run(&f.timers, 100);
	timers_run(&f.timers, 200);
	expect("0");
	ck_assert_uint_eq(timers_next_ms(&f.timers), TIMER_NEVER);
}
END_TEST

START_TEST(equal_times_run_in_the_order_they_were_started)
{
	for (size_t i = 0; i < 9; i++)
		start(i, i % 3);
	start(0, 2); /* moved: last of its time now */
	timers_run(&f.timers, 2);
	expect("361472580");
}
END_TEST

START_TEST(a_stopped_timer_does_not_run)
{
	start(0, 1);
	start(1, 2);
	start(2, 3);
	timer_stop(&f.timers, &f.timer[1]);
	timer_stop(&f.timers, &f.timer[1]);
	ck_assert(!timer_is_running(&f.timer[1]));
	timers_run(&f.timers, 10);
	expect("02");
}
END_TEST

START_TEST(a_started_timer_moves)
{
	start(0, 100);
	start(1, 50);
	start(0, 10);
	timers_run(&f.timers, 50);
	expect("01");
	start(0, 60);
	start(0, 70);
	timers_run(&f.timers, 60);
	expect("01");
}
END_TEST

static void
start_again(void *arg)
{
	note(arg);
	start(number(arg), 0);
}

START_TEST(a_timer_started_inside_run_waits_its_turn)
{
	timer_init(&f.timer[0], start_again, &f.timer[0]);
	start(0, 5);
	timers_run(&f.timers, 5);
	expect("0");
	ck_assert_uint_eq(timers_next_ms(&f.timers), 0);
	timers_run(&f.timers, 5);
	expect("00");
}
END_TEST

static void
stop_next(void *arg)
{
	note(arg);
	timer_stop(&f.timers, &f.timer[number(arg) + 1]);
}

START_TEST(a_timer_stopped_inside_run_does_not_run)
{
	timer_init(&f.timer[0], stop_next, &f.timer[0]);
	for (size_t i = 0; i < 3; i++)
		start(i, 5);
	timers_run(&f.timers, 5);
	expect("02");
}
END_TEST

START_TEST(released_timers_are_forgotten_without_running)
{
	start(0, 1);
	start(1, 1);
	timers_release(&f.timers);
	ck_assert(!timer_is_running(&f.timer[0]));
	ck_assert(!timer_is_running(&f.timer[1]));
	timers_run(&f.timers, 10);
	expect("");
}
END_TEST

/* The model: when each was started, and in which order. */
struct model {
	uint64_t at_ms[TIMERS];
	uint64_t order[TIMERS];
	bool running[TIMERS];
	uint64_t started;
};

static size_t
model_first(const struct model *m)
{
	size_t first = TIMERS;

	for (size_t i = 0; i < TIMERS; i++)
		if (m->running[i] &&
		    (first == TIMERS || m->at_ms[i] < m->at_ms[first] ||
			(m->at_ms[i] == m->at_ms[first] &&
			    m->order[i] < m->order[first])))
			first = i;
	return first;
}

static void
check_run(struct model *m, uint64_t now_ms)
{
	size_t first;

	f.count = 0;
	timers_run(&f.timers, now_ms);
	for (size_t i = 0; i < f.count; i++) {
		first = model_first(m);
		ck_assert_uint_lt(first, TIMERS);
		ck_assert_uint_eq(f.ran[i], first);
		ck_assert_uint_le(m->at_ms[first], now_ms);
		m->running[first] = false;
	}
	first = model_first(m);
	ck_assert_uint_eq(timers_next_ms(&f.timers),
	    first < TIMERS ? m->at_ms[first] : TIMER_NEVER);
	ck_assert(first == TIMERS || m->at_ms[first] > now_ms);
}

START_TEST(any_order_of_calls_behaves_as_a_sorted_list)
{
	struct model m = { .started = 0 };
	uint64_t seed = (uint64_t)_i, now_ms = 0;

	for (int n = 0; n < 20000; n++) {
		size_t i = random_below(&seed, TIMERS);

		switch (random_below(&seed, 8)) {
		case 0:
			now_ms += random_below(&seed, 10);
			check_run(&m, now_ms);
			break;
		case 1:
		case 2:
			timer_stop(&f.timers, &f.timer[i]);
			m.running[i] = false;
			break;
		default:
			m.at_ms[i] = now_ms + random_below(&seed, 20);
			m.order[i] = m.started++;
			m.running[i] = true;
			start(i, m.at_ms[i]);
		}
		ck_assert(timer_is_running(&f.timer[i]) == m.running[i]);
	}
	check_run(&m, UINT64_MAX - 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("timer");
	TCase *t = tcase_create("timer");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, no_timer_is_due_never);
	tcase_add_test(t, a_timer_runs_when_its_time_has_come_and_once);
	tcase_add_test(t, equal_times_run_in_the_order_they_were_started);
	tcase_add_test(t, a_stopped_timer_does_not_run);
	tcase_add_test(t, a_started_timer_moves);
	tcase_add_test(t, a_timer_started_inside_run_waits_its_turn);
	tcase_add_test(t, a_timer_stopped_inside_run_does_not_run);
	tcase_add_test(t, released_timers_are_forgotten_without_running);
	tcase_add_loop_test(t, any_order_of_calls_behaves_as_a_sorted_list, 0,
	    5);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
