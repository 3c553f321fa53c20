/*
 * common/proc.h: links and exit signals, Erlang/OTP Reference Manual,
 * "Processes", in virtual time.
 *
 * What processes saw is a line of words: who, a sign for the kind, what.
 *	b.x  an info    b!x  a DOWN    b^x  an EXIT    b~x  terminate
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/proc.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct actor {
	const char *tag; /* "" says nothing */
	struct pid from; /* of the last EXIT */
	const char *takes; /* a name it takes when an EXIT comes */
};

static struct sim *sim;
static struct node *node;
static char seen[4096];

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...)
{
	size_t n = strlen(seen);
	va_list args;

	if (n + 2 > sizeof(seen))
		return;
	va_start(args, format);
	if (n > 0)
		seen[n++] = ' ';
	vsnprintf(seen + n, sizeof(seen) - n, format, args);
	va_end(args);
}

static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

static void
receive(struct proc *p, struct message *m)
{
	struct actor *a = proc_state(p);
	char sign = '.';
	struct slice text = m->op;

	if (m->kind == MESSAGE_EXIT || m->kind == MESSAGE_DOWN) {
		sign = m->kind == MESSAGE_EXIT ? '^' : '!';
		text = m->body;
	}
	if (m->kind == MESSAGE_EXIT)
		a->from = m->from.pid;
	if (m->kind == MESSAGE_EXIT && a->takes != NULL)
		ck_assert_int_eq(proc_register(p, a->takes), E_OK);
	note("%s%c%.*s", a->tag, sign, (int)text.len, (const char *)text.bytes);
}

static void
terminate(struct proc *p, const struct reason *why)
{
	const struct actor *a = proc_state(p);

	if (a->tag[0] != '\0')
		note("%s~%s", a->tag, why->word);
}

static const struct behaviour actor = {
	.name = "actor",
	.receive = receive,
	.terminate = terminate,
};

static struct proc *
spawn(const char *tag)
{
	struct proc *p = proc_spawn(node, &actor, sizeof(struct actor));
	struct actor *a = proc_state(p);

	a->tag = tag;
	return p;
}

static struct proc *
spawn_trapping(const char *tag)
{
	struct proc *p = spawn(tag);

	proc_trap_exits(p, true);
	return p;
}

static void
end(struct proc *p, const char *why)
{
	proc_exit(p, reason_of(why));
}

/* OTP's exit/2. */
static void
signal_to(struct proc *to, struct proc *from, const char *why)
{
	proc_signal(node, proc_pid(to), proc_pid(from), reason_of(why));
}

static void
tell(struct proc *to, const char *op)
{
	proc_send(node, proc_pid(to), slice_of(op), slice_of(""));
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

static void
setup(void)
{
	sim = sim_new(1);
	node = node_new(sim_world(sim), slice_of("test"), NULL);
	seen[0] = '\0';
}

static void
teardown(void)
{
	node_free(node);
	sim_free(sim);
}

/* -- links -- */

START_TEST(an_end_travels_over_a_link_in_both_directions)
{
	static const struct {
		const char *why, *other, *trapping;
	} cases[] = {
		{ "normal", "x~normal", "x~normal y^normal" },
		{ "shutdown", "x~shutdown y~shutdown",
		    "x~shutdown y^shutdown" },
		{ "boom", "x~boom y~boom", "x~boom y^boom" },
		/* Only exit/2 kills: a link carries the word. */
		{ "kill", "x~kill y~kill", "x~kill y^kill" },
	};
	bool traps = _i % 2 == 1, backwards = _i / 2 % 2 == 1;
	struct proc *x = spawn("x"), *y = spawn("y");

	proc_trap_exits(y, traps);
	if (backwards)
		proc_link(y, proc_pid(x));
	else
		proc_link(x, proc_pid(y));
	end(x, cases[_i / 4].why);
	run();
	expect(traps ? cases[_i / 4].trapping : cases[_i / 4].other);
}
END_TEST

START_TEST(linked_twice_is_linked_once)
{
	struct proc *x = spawn("x"), *y = spawn_trapping("y");

	proc_link(x, proc_pid(y));
	proc_link(x, proc_pid(y));
	proc_link(y, proc_pid(x));
	if (_i == 1)
		proc_unlink(y, proc_pid(x));
	end(x, "boom");
	run();
	expect(_i == 0 ? "x~boom y^boom" : "x~boom");
}
END_TEST

START_TEST(unlinked_from_either_side_nothing_travels)
{
	struct proc *x = spawn("x"), *y = spawn("y"), *z = spawn("z");

	proc_link(x, proc_pid(y));
	proc_unlink(_i % 2 == 0 ? x : y, proc_pid(_i % 2 == 0 ? y : x));
	proc_unlink(x, proc_pid(y)); /* again, */
	proc_unlink(x, proc_pid(z)); /* never linked, */
	proc_unlink(x, (struct pid){ 99 }); /* nobody: nothing */
	if (_i >= 2)
		proc_link(y, proc_pid(x));
	end(x, "boom");
	run();
	expect(_i < 2 ? "x~boom" : "x~boom y~boom");
}
END_TEST

START_TEST(an_exit_that_has_come_stays_after_unlink)
{
	struct proc *x = spawn("x"), *y = spawn_trapping("y");
	struct pid pid = proc_pid(x);

	proc_link(x, proc_pid(y));
	proc_suspend(y);
	end(x, "boom");
	run();
	proc_unlink(y, pid);
	proc_resume(y);
	run();
	expect("x~boom y^boom");
}
END_TEST

START_TEST(a_link_to_the_dead_gives_noproc)
{
	struct proc *x = spawn("x"), *y = spawn("y");
	struct pid dead = proc_pid(y);
	const struct actor *a = proc_state(x);

	end(y, "boom");
	run();
	proc_trap_exits(x, _i == 1);
	proc_link(x, dead);
	run();
	expect(_i == 1 ? "y~boom x^noproc" : "y~boom x~noproc");
	if (_i == 1)
		ck_assert_uint_eq(a->from.id, dead.id);
}
END_TEST

START_TEST(a_link_to_itself_is_nothing)
{
	struct proc *x = spawn_trapping("x");

	proc_link(x, proc_pid(x));
	proc_unlink(x, proc_pid(x));
	proc_link(x, proc_pid(x));
	end(x, "boom");
	run();
	expect("x~boom");
}
END_TEST

START_TEST(a_link_to_one_that_is_about_to_end_carries_its_end)
{
	struct proc *x = spawn("x"), *y = spawn("y");

	end(x, "boom");
	proc_link(y, proc_pid(x));
	run();
	expect("x~boom y~boom");
}
END_TEST

START_TEST(an_end_goes_down_a_chain_to_one_that_traps_or_a_normal_one)
{
	static const struct {
		const char *why;
		int trapping; /* of five */
		const char *seen;
	} cases[] = {
		{ "boom", -1, "0~boom 1~boom 2~boom 3~boom 4~boom" },
		{ "boom", 3, "0~boom 1~boom 2~boom 3^boom" },
		{ "normal", -1, "0~normal" },
	};
	static const char *const tags[] = { "0", "1", "2", "3", "4" };
	struct proc *chain[COUNT(tags)];

	for (size_t i = 0; i < COUNT(tags); i++)
		chain[i] = spawn(tags[i]);
	for (size_t i = 1; i < COUNT(tags); i++)
		proc_link(chain[i - 1], proc_pid(chain[i]));
	if (cases[_i].trapping >= 0)
		proc_trap_exits(chain[cases[_i].trapping], true);
	end(chain[0], cases[_i].why);
	run();
	expect(cases[_i].seen);
}
END_TEST

START_TEST(a_chain_of_ten_thousand_ends_without_recursion)
{
	struct proc *last = spawn("");

	for (int i = 1; i < 10000; i++) {
		struct proc *p = spawn("");

		proc_link(p, proc_pid(last));
		last = p;
	}
	end(last, "boom");
	if (_i == 0)
		run();
	/* Else with its node. */
	ck_assert_uint_eq(node_count(node), _i == 0 ? 0 : 10000);
}
END_TEST

START_TEST(one_that_monitors_and_links_gets_both_once)
{
	struct proc *x = spawn("x"), *y = spawn_trapping("y");

	proc_link(y, proc_pid(x));
	proc_monitor(y, proc_pid(x));
	end(x, "boom");
	run();
	expect("x~boom y^boom y!boom");
}
END_TEST

START_TEST(the_name_is_free_when_the_exit_comes)
{
	struct proc *x = spawn("x"), *y = spawn_trapping("y");
	struct actor *a = proc_state(y);

	a->takes = "name";
	ck_assert_int_eq(proc_register(x, "name"), E_OK);
	proc_link(x, proc_pid(y));
	end(x, "boom");
	run();
	expect("x~boom y^boom");
	ck_assert_str_eq(proc_name(y), "name");
}
END_TEST

/* -- exit signals -- */

START_TEST(an_exit_signal_needs_no_link)
{
	static const struct {
		const char *why;
		bool traps;
		const char *seen;
	} cases[] = {
		{ "normal", false, "" },
		{ "normal", true, "x^normal" },
		{ "boom", false, "x~boom" },
		{ "boom", true, "x^boom" },
		{ "kill", false, "x~killed" },
		{ "kill", true, "x~killed" },
		{ "killed", true, "x^killed" },
	};
	struct proc *x = spawn("x"), *y = spawn("y");
	const struct actor *a = proc_state(x);
	struct pid from = proc_pid(y);

	proc_trap_exits(x, cases[_i].traps);
	signal_to(x, y, cases[_i].why);
	if (strchr(cases[_i].seen, '^') != NULL) {
		run();
		ck_assert_uint_eq(a->from.id, from.id);
	}
	run();
	expect(cases[_i].seen);
	ck_assert_ptr_nonnull(node_find(node, from));
}
END_TEST

START_TEST(kill_cannot_be_trapped_and_the_linked_see_killed)
{
	struct proc *x = spawn_trapping("x"), *y = spawn_trapping("y");
	struct proc *z = spawn("z"), *w = spawn("w");

	proc_link(x, proc_pid(y));
	proc_link(x, proc_pid(z));
	proc_monitor(w, proc_pid(x));
	proc_suspend(x); /* which does not help either */
	signal_to(x, w, "kill");
	run();
	expect("x~killed z~killed y^killed w!killed");
}
END_TEST

START_TEST(a_signal_to_the_dead_is_nothing)
{
	proc_signal(node, (struct pid){ 99 }, (struct pid){ 0 },
	    reason_of("kill"));
	run();
	expect("");
}
END_TEST

START_TEST(the_first_reason_is_the_one)
{
	struct proc *x = spawn("x"), *y = spawn("y");

	signal_to(x, y, "first");
	signal_to(x, y, "second");
	signal_to(x, y, "kill");
	run();
	expect("x~first");
}
END_TEST

START_TEST(a_trapped_signal_keeps_its_place_among_messages)
{
	struct proc *x = spawn_trapping("x"), *y = spawn("y");

	tell(x, "before");
	signal_to(x, y, "boom");
	tell(x, "after");
	run();
	expect("x.before x^boom x.after");
}
END_TEST

START_TEST(a_signal_that_is_not_trapped_comes_before_all_messages)
{
	struct proc *x = spawn("x"), *y = spawn("y");

	tell(x, "never handled");
	signal_to(x, y, "boom");
	run();
	expect("x~boom");
}
END_TEST

START_TEST(trapping_can_be_switched_off_again)
{
	struct proc *x = spawn_trapping("x"), *y = spawn("y");

	signal_to(x, y, "first");
	run();
	proc_trap_exits(x, false);
	signal_to(x, y, "second");
	run();
	expect("x^first x~second");
}
END_TEST

static void
add_links(TCase *t)
{
	tcase_add_loop_test(t, an_end_travels_over_a_link_in_both_directions, 0,
	    16);
	tcase_add_loop_test(t, linked_twice_is_linked_once, 0, 2);
	tcase_add_loop_test(t, unlinked_from_either_side_nothing_travels, 0, 4);
	tcase_add_test(t, an_exit_that_has_come_stays_after_unlink);
	tcase_add_loop_test(t, a_link_to_the_dead_gives_noproc, 0, 2);
	tcase_add_test(t, a_link_to_itself_is_nothing);
	tcase_add_test(t, a_link_to_one_that_is_about_to_end_carries_its_end);
	tcase_add_loop_test(t,
	    an_end_goes_down_a_chain_to_one_that_traps_or_a_normal_one, 0, 3);
	tcase_add_loop_test(t, a_chain_of_ten_thousand_ends_without_recursion,
	    0, 2);
	tcase_add_test(t, one_that_monitors_and_links_gets_both_once);
	tcase_add_test(t, the_name_is_free_when_the_exit_comes);
}

static void
add_signals(TCase *t)
{
	tcase_add_loop_test(t, an_exit_signal_needs_no_link, 0, 7);
	tcase_add_test(t, kill_cannot_be_trapped_and_the_linked_see_killed);
	tcase_add_test(t, a_signal_to_the_dead_is_nothing);
	tcase_add_test(t, the_first_reason_is_the_one);
	tcase_add_test(t, a_trapped_signal_keeps_its_place_among_messages);
	tcase_add_test(t,
	    a_signal_that_is_not_trapped_comes_before_all_messages);
	tcase_add_test(t, trapping_can_be_switched_off_again);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *t);
	} groups[] = {
		{ "links", add_links },
		{ "signals", add_signals },
	};
	Suite *s = suite_create("links");
	SRunner *sr = srunner_create(s);
	int failed;

	for (size_t i = 0; i < COUNT(groups); i++) {
		TCase *t = tcase_create(groups[i].name);

		suite_add_tcase(s, t);
		tcase_add_checked_fixture(t, setup, teardown);
		groups[i].add(t);
	}
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
