/*
 * common/gen_server.h: how a server begins and ends, gen_server(3) of
 * Erlang/OTP, in virtual time.
 *
 * What callbacks saw is a line of words: the server's name, a sign for the
 * callback, what it got.
 *	x+  init    x?op call    x:op cast    x.op info    x!why DOWN
 *	x^why EXIT  x~why terminate
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/gen_server.h"
#include "proto/limits.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct state {
	const char *tag;
	struct from from; /* of the last call */
};

static struct sim *sim;
static struct node *node;
static char seen[4096];

static const struct gen_server module;

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
note_slice(struct proc *self, char sign, struct slice text)
{
	const struct state *s = gs_state(self);

	note("%s%c%.*s", s->tag, sign, (int)text.len, (const char *)text.bytes);
}

/* A string for a void pointer. */
static void *
arg_of(const char *text)
{
	return (void *)(uintptr_t)text;
}

/* -- the module: an operation's name says what it does -- */

static struct gs_next
perform(struct proc *self, struct slice op)
{
	if (slice_is(op, "reply") || slice_is(op, "reply-idle")) {
		buf_add(gs_answer(self), slice_of("here"));
		return gs_idle(gs_reply(self),
		    slice_is(op, "reply-idle") ? 20 : 0);
	}
	if (slice_is(op, "stop-reply")) {
		buf_add(gs_answer(self), slice_of("bye"));
		return gs_stop_reply(self, "done");
	}
	if (slice_is(op, "stop"))
		return gs_stop("boom");
	if (slice_is(op, "ignore"))
		return gs_ignore();
	if (slice_is(op, "error"))
		return gs_error(E_BADARG, NULL);
	if (slice_is(op, "idle"))
		return gs_idle(gs_noreply(), 20);
	if (slice_is(op, "trap"))
		proc_trap_exits(self, true);
	return gs_noreply();
}

static struct gs_next
start_child_and(struct proc *self, struct gs_next next)
{
	struct pid pid;

	ck_assert_int_eq(gs_start_link(self, &module, "child", arg_of("child"),
			     &pid),
	    E_OK);
	return next;
}

/* arg is the server's tag; after a slash, what init does. */
static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);
	const char *does = strchr(arg, '/');

	s->tag = arg;
	note("%.1s+", s->tag);
	if (does == NULL)
		return gs_noreply();
	s->tag = s->tag[0] == 'x' ? "x" : "y";
	if (strcmp(does, "/child-stop") == 0)
		return start_child_and(self, gs_stop("refused"));
	if (strcmp(does, "/child-ignore") == 0)
		return start_child_and(self, gs_ignore());
	return perform(self, slice_of(does + 1));
}

static struct gs_next
handle_call(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	s->from = m->from;
	note_slice(self, '?', m->op);
	return perform(self, m->op);
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	note_slice(self, ':', m->op);
	return perform(self, m->op);
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	if (m->kind == MESSAGE_DOWN) {
		note_slice(self, '!', m->body);
		return gs_noreply();
	}
	if (m->kind == MESSAGE_EXIT) {
		note_slice(self, '^', m->body);
		return gs_noreply();
	}
	note_slice(self, '.', m->op);
	return perform(self, m->op);
}

static void
terminate(struct proc *self, const struct reason *why)
{
	note_slice(self, '~', slice_of(why->word));
}

static const struct gen_server module = {
	.module = "test",
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_call = handle_call,
	.handle_cast = handle_cast,
	.handle_info = handle_info,
	.terminate = terminate,
};

/* -- fixture -- */

static struct proc *
start(const char *tag)
{
	struct pid pid;

	ck_assert_int_eq(gs_start(node, &module, NULL, arg_of(tag), &pid),
	    E_OK);
	return node_find(node, pid);
}

static struct proc *
start_link(struct proc *parent, const char *tag)
{
	struct pid pid;

	ck_assert_int_eq(gs_start_link(parent, &module, NULL, arg_of(tag),
			     &pid),
	    E_OK);
	return node_find(node, pid);
}

static void
cast(struct proc *to, const char *op)
{
	proc_cast(node, proc_pid(to), slice_of(op), slice_of(""));
}

/* A call from the top level; notes what came. */
static void
call(struct pid to, const char *op)
{
	struct buf body;
	enum err e;

	buf_init(&body);
	e = gs_call_wait(node, to, slice_of(op), slice_of(""), LIMIT_CALL_MS,
	    &body);
	note("=%s/%.*s", err_word(e), e == E_OK ? (int)buf_len(&body) : 0,
	    (const char *)buf_bytes(&body).bytes);
	buf_release(&body);
}

static struct gs_next
note_answer(struct proc *self, const struct answer *a, void *arg)
{
	(void)arg;
	note_slice(self, '=', slice_of(err_word(a->e)));
	return gs_noreply();
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

/* -- start_link -- */

static const struct {
	const char *why;
	bool traps;
	const char *seen;
} parents[] = {
	{ "normal", false, "p~normal" },
	{ "shutdown", false, "p~shutdown x~shutdown" },
	{ "boom", false, "p~boom x~boom" },
	{ "normal", true, "p~normal x~normal" },
	{ "shutdown", true, "p~shutdown x~shutdown" },
	{ "boom", true, "p~boom x~boom" },
	{ "kill", true, "p~kill x~kill" },
};

START_TEST(the_end_of_its_parent_ends_it)
{
	struct proc *p = start("p");
	struct proc *x = start_link(p, "x");

	seen[0] = '\0';
	proc_trap_exits(x, parents[_i].traps);
	proc_exit(p, reason_of(parents[_i].why));
	run();
	expect(parents[_i].seen);
}
END_TEST

START_TEST(its_end_reaches_its_parent)
{
	static const struct {
		const char *why;
		bool traps;
		const char *seen;
	} cases[] = {
		{ "normal", false, "x~normal" },
		{ "boom", false, "x~boom p~boom" },
		{ "normal", true, "x~normal p^normal" },
		{ "boom", true, "x~boom p^boom" },
	};
	struct proc *p = start("p");

	proc_trap_exits(p, cases[_i].traps);
	proc_exit(start_link(p, "x"), reason_of(cases[_i].why));
	seen[0] = '\0';
	run();
	expect(cases[_i].seen);
}
END_TEST

START_TEST(already_started_gives_the_pid_and_links_nothing)
{
	struct proc *p = start("p"), *q = start("q");
	struct pid first, second = { 0 };

	gs_start_link(p, &module, "contador", arg_of("x"), &first);
	ck_assert_int_eq(gs_start_link(q, &module, "contador", arg_of("y"),
			     &second),
	    E_EXISTS);
	ck_assert_uint_eq(first.id, second.id);
	expect("p+ q+ x+");
	proc_exit(q, reason_of("boom"));
	run();
	expect("q~boom");
	proc_exit(p, reason_of("boom"));
	run();
	expect("p~boom x~boom");
}
END_TEST

START_TEST(a_start_that_is_refused_sends_no_signal)
{
	struct proc *p = start("p");
	struct pid pid = { 99 };

	ck_assert_int_eq(gs_start_link(p, &module, "n", arg_of("x/stop"), &pid),
	    E_DIED);
	ck_assert_uint_eq(pid.id, 0);
	ck_assert_uint_eq(node_whereis(node, slice_of("n")).id, 0);
	run();
	expect("p+ x+");
	ck_assert_uint_eq(node_count(node), 1);
}
END_TEST

/* An init that ignores ends with normal, which does not travel. */
START_TEST(what_a_refused_init_had_linked_ends_with_it)
{
	struct pid pid;

	ck_assert_int_eq(
	    gs_start(node, &module, NULL,
		arg_of(_i == 0 ? "x/child-stop" : "x/child-ignore"), &pid),
	    _i == 0 ? E_DIED : E_OK);
	run();
	expect(_i == 0 ? "x+ c+ child~refused" : "x+ c+");
	ck_assert_uint_eq(node_count(node), _i == 0 ? 0 : 1);
}
END_TEST

START_TEST(an_init_that_ignores_is_no_error_and_no_server)
{
	struct proc *p = start("p");
	struct pid pid = { 99 };

	ck_assert_int_eq(_i == 0 ?
		gs_start(node, &module, "n", arg_of("x/ignore"), &pid) :
		gs_start_link(p, &module, "n", arg_of("x/ignore"), &pid),
	    E_OK);
	ck_assert_uint_eq(pid.id, 0);
	ck_assert_uint_eq(node_whereis(node, slice_of("n")).id, 0);
	run();
	expect("p+ x+"); /* and no terminate */
	ck_assert_uint_eq(node_count(node), 1);
}
END_TEST

START_TEST(an_init_that_returns_nonsense_starts_nothing)
{
	static const char *const inits[] = { "x/reply", "x/error",
		"x/stop-reply" };
	struct pid pid = { 99 };

	ck_assert_int_eq(gs_start(node, &module, "n", arg_of(inits[_i]), &pid),
	    E_DIED);
	ck_assert_uint_eq(pid.id, 0);
	run();
	expect("x+");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(a_handler_that_returns_nonsense_ends_the_server)
{
	struct proc *x = start("x"), *y = start("y");
	struct pid pid = proc_pid(x);

	proc_monitor(y, pid);
	if (_i == 0)
		call(pid, "ignore");
	else
		cast(x, "ignore");
	run();
	expect(_i == 0 ? "x+ y+ x?ignore x~bad_return_value"
			 " y!bad_return_value =died/" :
			 "x+ y+ x:ignore x~bad_return_value"
			 " y!bad_return_value");
}
END_TEST

START_TEST(exits_of_others_than_the_parent_are_infos_if_trapped)
{
	struct proc *p = start("p");
	struct proc *x = _i == 0 ? start("x") : start_link(p, "x");
	struct proc *y = start_link(x, "y");

	seen[0] = '\0';
	proc_trap_exits(x, true);
	proc_exit(y, reason_of("boom"));
	run();
	proc_signal(node, proc_pid(x), (struct pid){ 0 }, reason_of("bang"));
	run();
	expect("y~boom x^boom x^bang");
}
END_TEST

/* -- stop -- */

START_TEST(stop_with_a_reply_answers_and_ends)
{
	struct proc *x = start("x"), *y = start("y"), *z = start("z");

	proc_monitor(y, proc_pid(x));
	/* Another caller that it never answers. */
	gs_call(z, proc_pid(x), slice_of("later"), slice_of(""), LIMIT_CALL_MS,
	    note_answer, NULL);
	seen[0] = '\0';
	call(proc_pid(x), "stop-reply");
	run();
	expect("x?later x?stop-reply x~done z=died y!done =ok/bye");
	ck_assert_uint_eq(sim_now(sim), 1000);
}
END_TEST

START_TEST(stop_with_a_reply_to_a_cast_only_ends)
{
	cast(start("x"), "stop-reply");
	run();
	expect("x+ x:stop-reply x~done");
}
END_TEST

START_TEST(stop_waits_for_the_end_after_what_is_in_the_mailbox)
{
	static const struct {
		const char *why;
		bool traps;
	} cases[] = {
		{ "normal", false },
		{ "normal", true },
		{ "shutdown", true },
		{ "boom", false },
	};
	struct proc *x = start("x"), *y = start("y");
	struct pid pid = proc_pid(x);
	char words[80];

	proc_trap_exits(x, cases[_i].traps);
	proc_monitor(y, pid);
	cast(x, "first");
	ck_assert_int_eq(gs_stop_wait(node, pid, cases[_i].why, 100), E_OK);
	ck_assert_ptr_null(node_find(node, pid));
	ck_assert_uint_eq(sim_now(sim), 1000);
	run();
	snprintf(words, sizeof(words), "x+ y+ x:first x~%s y!%s", cases[_i].why,
	    cases[_i].why);
	expect(words);
	ck_assert_int_eq(gs_stop_wait(node, pid, "normal", 100), E_NOPROC);
}
END_TEST

START_TEST(stop_times_out_when_the_server_does_not_end)
{
	struct proc *x = start("x");

	proc_suspend(x);
	ck_assert_int_eq(gs_stop_wait(node, proc_pid(x), "normal", 100),
	    E_TIMEOUT);
	ck_assert_uint_eq(sim_now(sim), 1100);
	expect("x+");
	proc_resume(x);
	run();
	expect("x~normal");
}
END_TEST

/* -- the idle timeout -- */

START_TEST(init_may_ask_for_an_idle_timeout)
{
	start("x/idle");
	sim_run_ms(sim, 19);
	expect("x+");
	sim_run_ms(sim, 1);
	expect("x.timeout");
	run(); /* and once: it was not asked for again */
	expect("");
}
END_TEST

START_TEST(a_reply_may_ask_for_an_idle_timeout)
{
	struct proc *x = start("x");

	call(proc_pid(x), "reply-idle");
	run();
	expect("x+ x?reply-idle =ok/here x.timeout");
	ck_assert_uint_eq(sim_now(sim), 1020);
}
END_TEST

START_TEST(any_message_ends_the_idle_time)
{
	static const char *const words[] = { "x?reply y=ok", "x:cast",
		"x.timeout", "y~boom x!boom", "y~boom x^boom", "y?reply x=ok" };
	struct proc *x = start("x"), *y = start("y");
	struct slice none = slice_of("");

	proc_trap_exits(x, true);
	cast(x, "idle");
	sim_run_ms(sim, 10);
	seen[0] = '\0';
	if (_i == 0)
		gs_call(y, proc_pid(x), slice_of("reply"), none, LIMIT_CALL_MS,
		    note_answer, NULL);
	if (_i == 1)
		cast(x, "cast");
	if (_i == 2) /* somebody's own, no sooner than it may */
		proc_send(node, proc_pid(x), slice_of("timeout"), none);
	if (_i == 3)
		proc_monitor(x, proc_pid(y));
	if (_i == 4)
		proc_link(x, proc_pid(y));
	if (_i == 3 || _i == 4)
		proc_exit(y, reason_of("boom"));
	if (_i == 5)
		gs_call(x, proc_pid(y), slice_of("reply"), none, LIMIT_CALL_MS,
		    note_answer, NULL);
	run();
	expect(words[_i]);
}
END_TEST

START_TEST(a_message_that_waits_with_the_timeout_comes_alone)
{
	struct proc *x = start("x/idle");

	proc_suspend(x);
	if (_i == 0)
		cast(x, "first");
	sim_run_ms(sim, 20);
	if (_i == 1)
		cast(x, "second");
	proc_resume(x);
	run();
	expect(_i == 0 ? "x+ x:first" : "x+ x.timeout x:second");
}
END_TEST

START_TEST(an_idle_server_can_end)
{
	struct proc *x = start("x/idle");

	if (_i == 0)
		gs_stop_pid(node, proc_pid(x), "normal");
	if (_i == 1)
		proc_exit(x, reason_of("normal"));
	if (_i < 2)
		run();
	/* Else with its node. */
	expect(_i < 2 ? "x+ x~normal" : "x+");
}
END_TEST

static void
add_starting(TCase *t)
{
	tcase_add_loop_test(t, the_end_of_its_parent_ends_it, 0,
	    (int)COUNT(parents));
	tcase_add_loop_test(t, its_end_reaches_its_parent, 0, 4);
	tcase_add_test(t, already_started_gives_the_pid_and_links_nothing);
	tcase_add_test(t, a_start_that_is_refused_sends_no_signal);
	tcase_add_loop_test(t, what_a_refused_init_had_linked_ends_with_it, 0,
	    2);
	tcase_add_loop_test(t, an_init_that_ignores_is_no_error_and_no_server,
	    0, 2);
	tcase_add_loop_test(t, an_init_that_returns_nonsense_starts_nothing, 0,
	    3);
	tcase_add_loop_test(t, a_handler_that_returns_nonsense_ends_the_server,
	    0, 2);
	tcase_add_loop_test(t,
	    exits_of_others_than_the_parent_are_infos_if_trapped, 0, 2);
}

static void
add_stopping(TCase *t)
{
	tcase_add_test(t, stop_with_a_reply_answers_and_ends);
	tcase_add_test(t, stop_with_a_reply_to_a_cast_only_ends);
	tcase_add_loop_test(t,
	    stop_waits_for_the_end_after_what_is_in_the_mailbox, 0, 4);
	tcase_add_test(t, stop_times_out_when_the_server_does_not_end);
}

static void
add_idle(TCase *t)
{
	tcase_add_test(t, init_may_ask_for_an_idle_timeout);
	tcase_add_test(t, a_reply_may_ask_for_an_idle_timeout);
	tcase_add_loop_test(t, any_message_ends_the_idle_time, 0, 6);
	tcase_add_loop_test(t,
	    a_message_that_waits_with_the_timeout_comes_alone, 0, 2);
	tcase_add_loop_test(t, an_idle_server_can_end, 0, 3);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *t);
	} groups[] = {
		{ "starting", add_starting },
		{ "stopping", add_stopping },
		{ "idle", add_idle },
	};
	Suite *s = suite_create("gen_server_life");
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
