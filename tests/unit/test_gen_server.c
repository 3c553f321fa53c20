/*
 * common/gen_server.h: gen_server(3) of Erlang/OTP, in virtual time.
 *
 * One module with all callbacks does what an operation's name says; what
 * its callbacks saw is a line of words: the server's name, a sign for the
 * callback, what it got.
 *	x+   init    x?op call    x:op cast    x.op info    x!why DOWN
 *	x>op continue             x=ok/body answer          x~why terminate
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "proto/limits.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct state {
	const char *tag;
	struct from from; /* of the last call */
	struct pid friend;
};

static struct sim *sim;
static struct world *world;
static struct node *node;
static struct log logger;
static FILE *log_file;
static char seen[4096];
static int inside; /* callbacks that are not over */
static uint64_t seen_ms;

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
	seen_ms = sim_now(sim);
}

static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

static void
note_slice(const struct state *s, char sign, struct slice text)
{
	note("%s%c%.*s", s->tag, sign, (int)text.len, (const char *)text.bytes);
}

static void
cast(struct pid to, const char *op)
{
	proc_cast(node, to, slice_of(op), slice_of(""));
}

/* -- the module -- */

static struct gs_next
on_answer(struct proc *self, const struct answer *a, void *arg)
{
	struct state *s = gs_state(self);

	ck_assert_int_eq(inside, 0);
	note("%s=%s/%.*s", s->tag, err_word(a->e),
	    a->e == E_OK ? (int)a->body.len : 0, (const char *)a->body.bytes);
	return arg != NULL ? gs_stop(arg) : gs_noreply();
}

/* A string for a void pointer. */
static void *
arg_of(const char *text)
{
	return (void *)(uintptr_t)text;
}

/* Starts another server inside a callback. */
static void
start_inside(const char *name)
{
	struct pid pid;
	enum err e = gs_start(node, &module, name, arg_of(name), &pid);

	note("%s", err_word(e));
}

static void
reply_to(struct from to, const char *text)
{
	struct answer a = { .e = E_OK, .body = slice_of(text) };

	proc_answer(node, to, &a);
}

/* What an operation does, in whichever callback it comes. */
static struct gs_next
perform(struct proc *self, const char *op)
{
	struct state *s = gs_state(self);

	if (strcmp(op, "reply") == 0) {
		buf_add(gs_answer(self), slice_of(s->tag));
		return gs_reply(self);
	}
	if (strcmp(op, "error") == 0)
		return gs_error(E_BADARG, NULL);
	if (strcmp(op, "text") == 0)
		return gs_error(E_BADARG, "because");
	if (strcmp(op, "stop") == 0)
		return gs_stop("normal");
	if (strcmp(op, "crash") == 0)
		return gs_stop("boom");
	if (strcmp(op, "reply-then") == 0) {
		buf_add(gs_answer(self), slice_of("first"));
		return gs_then(gs_reply(self), "more");
	}
	if (strcmp(op, "more") == 0)
		return gs_then(gs_noreply(), "most");
	if (strcmp(op, "idle") == 0)
		return gs_idle(gs_noreply(), 20);
	if (strcmp(op, "idle-then") == 0)
		return gs_then(gs_idle(gs_noreply(), 10), "idle");
	if (strcmp(op, "reply-stop") == 0) {
		reply_to(s->from, "bye");
		return gs_stop("normal");
	}
	if (strcmp(op, "start") == 0)
		start_inside("child");
	if (strcmp(op, "start-refused") == 0)
		start_inside("refuse");
	if (strcmp(op, "start-again") == 0)
		start_inside("then");
	if (strcmp(op, "ask") == 0)
		gs_call(self, s->friend, slice_of("reply"), slice_of(""),
		    LIMIT_CALL_MS, on_answer, NULL);
	if (strcmp(op, "ask-self") == 0)
		gs_call(self, proc_pid(self), slice_of("reply"), slice_of(""),
		    LIMIT_CALL_MS, on_answer, NULL);
	if (strcmp(op, "ask-and-stop") == 0)
		gs_call(self, s->friend, slice_of("reply"), slice_of(""),
		    LIMIT_CALL_MS, on_answer, arg_of("asked"));
	return gs_noreply();
}

static struct gs_next
perform_slice(struct proc *self, struct slice op)
{
	char text[32];
	struct gs_next next;

	snprintf(text, sizeof(text), "%.*s", (int)op.len,
	    (const char *)op.bytes);
	ck_assert_int_eq(inside++, 0);
	next = perform(self, text);
	inside--;
	return next;
}

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);

	ck_assert_ptr_null(s->tag); /* zeroed */
	s->tag = arg;
	note("%s+", s->tag);
	if (strcmp(s->tag, "refuse") == 0)
		return gs_stop("refused");
	if (strcmp(s->tag, "exit") == 0)
		proc_exit(self, reason_of("early"));
	if (strcmp(s->tag, "then") == 0) {
		cast(proc_pid(self), "hello");
		return gs_then(gs_noreply(), "more");
	}
	return gs_noreply();
}

static struct gs_next
handle_call(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	note_slice(s, '?', m->op);
	s->from = m->from;
	return perform_slice(self, m->op);
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	note_slice(gs_state(self), ':', m->op);
	return perform_slice(self, m->op);
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	if (m->kind == MESSAGE_DOWN) {
		note_slice(gs_state(self), '!', m->body);
		return gs_noreply();
	}
	note_slice(gs_state(self), '.', m->op);
	return perform_slice(self, m->op);
}

static struct gs_next
handle_continue(struct proc *self, const char *what)
{
	note_slice(gs_state(self), '>', slice_of(what));
	return perform_slice(self, slice_of(what));
}

static void
terminate(struct proc *self, const struct reason *why)
{
	ck_assert_int_eq(inside, 0);
	note_slice(gs_state(self), '~', slice_of(why->word));
}

static const struct gen_server module = {
	.module = "test",
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_call = handle_call,
	.handle_cast = handle_cast,
	.handle_info = handle_info,
	.handle_continue = handle_continue,
	.terminate = terminate,
};

/* A module that has nothing but init. */
static const struct gen_server mute = {
	.module = "mute",
	.state_bytes = sizeof(struct state),
	.init = init,
};

/* -- fixture -- */

static struct pid
start(const struct gen_server *m, const char *tag)
{
	struct pid pid;

	ck_assert_int_eq(gs_start(node, m, NULL, arg_of(tag), &pid), E_OK);
	return pid;
}

static struct state *
state_of(struct pid pid)
{
	return gs_state(node_find(node, pid));
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

static int
logged(const char *text)
{
	char line[LOG_LINE_BYTES + 1];
	int count = 0;

	rewind(log_file);
	while (fgets(line, sizeof(line), log_file) != NULL)
		count += strstr(line, text) != NULL;
	return count;
}

static void
setup(void)
{
	sim = sim_new(1);
	world = sim_world(sim);
	log_file = tmpfile();
	ck_assert_ptr_nonnull(log_file);
	log_init(&logger, fileno(log_file), LOG_DEBUG, sim_clock, sim);
	node = node_new(world, slice_of("test"), &logger);
	seen[0] = '\0';
	inside = 0;
}

static void
teardown(void)
{
	node_free(node);
	sim_free(sim);
	fclose(log_file);
}

/* -- starting -- */

START_TEST(a_server_starts_at_once_with_its_name)
{
	struct pid pid = { 0 };

	ck_assert_int_eq(gs_start(node, &module, "tareas", arg_of("x"), &pid),
	    E_OK);
	expect("x+");
	ck_assert_uint_ne(pid.id, 0);
	ck_assert_uint_eq(node_whereis(node, slice_of("tareas")).id, pid.id);
}
END_TEST

START_TEST(a_name_taken_gives_exists_with_the_pid)
{
	struct pid first, second;

	ck_assert_int_eq(gs_start(node, &module, "tareas", arg_of("x"), &first),
	    E_OK);
	ck_assert_int_eq(gs_start(node, &module, "tareas", arg_of("y"),
			     &second),
	    E_EXISTS);
	ck_assert_uint_eq(first.id, second.id);
	ck_assert_uint_eq(node_count(node), 1);
	expect("x+");
}
END_TEST

START_TEST(an_init_that_refuses_leaves_nothing_and_no_terminate)
{
	struct pid pid = { 99 };

	ck_assert_int_eq(gs_start(node, &module, "tareas", arg_of("refuse"),
			     &pid),
	    E_DIED);
	ck_assert_uint_eq(pid.id, 0);
	ck_assert_uint_eq(node_count(node), 0);
	ck_assert_uint_eq(node_whereis(node, slice_of("tareas")).id, 0);
	run();
	expect("refuse+");
}
END_TEST

START_TEST(a_server_that_exits_in_init_ends_in_its_turn)
{
	start(&module, "exit");
	ck_assert_uint_eq(node_count(node), 1);
	run();
	expect("exit+ exit~early");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(continue_comes_before_any_other_message)
{
	struct pid pid = start(&module, "then");

	cast(pid, "world");
	expect("then+");
	run();
	expect("then>more then>most then:hello then:world");
}
END_TEST

START_TEST(a_callback_may_start_a_server_whose_continue_waits)
{
	struct pid pid = start(&module, "x");

	cast(pid,
	    _i == 0	? "start" :
		_i == 1 ? "start-refused" :
			  "start-again");
	run();
	expect(_i == 0	? "x+ x:start child+ ok" :
		_i == 1 ? "x+ x:start-refused refuse+ died" :
			  "x+ x:start-again then+ ok"
			  " then>more then>most then:hello");
}
END_TEST

START_TEST(a_continue_of_one_that_ends_first_does_not_come)
{
	struct pid pid = start(&module, "then");

	proc_exit(node_find(node, pid), reason_of("shutdown"));
	run();
	expect("then+ then~shutdown");
}
END_TEST

/* -- calls, casts, infos -- */

static const struct {
	const char *op;
	enum err e;
	const char *body;
	const char *seen;
} calls[] = {
	{ "reply", E_OK, "x", "x?reply" },
	{ "error", E_BADARG, "wrong arguments", "x?error" },
	{ "text", E_BADARG, "because", "x?text" },
	{ "reply-then", E_OK, "first", "x?reply-then x>more x>most" },
	{ "reply-stop", E_OK, "bye", "x?reply-stop x~normal" },
	{ "stop", E_DIED, "it ended before it answered", "x?stop x~normal" },
	{ "noreply", E_TIMEOUT, "no answer in time", "x?noreply" },
};

START_TEST(a_call_waits_at_the_top_level_for_its_answer)
{
	struct pid pid = start(&module, "x");
	struct buf body;
	enum err e;

	seen[0] = '\0';
	buf_init(&body);
	buf_add(&body, slice_of("> "));
	e = gs_call_wait(node, pid, slice_of(calls[_i].op), slice_of(""),
	    LIMIT_CALL_MS, &body);
	ck_assert_int_eq(e, calls[_i].e);
	buf_consume(&body, 2);
	ck_assert(slice_is(buf_bytes(&body), calls[_i].body));
	expect(calls[_i].seen);
	ck_assert_uint_eq(sim_now(sim),
	    e == E_TIMEOUT ? 1000 + LIMIT_CALL_MS : 1000);
	run();
	ck_assert_uint_eq(node_count(node),
	    node_find(node, pid) != NULL ? 1 : 0);
	buf_release(&body);
}
END_TEST

START_TEST(an_answer_holds_nothing_of_the_last_one)
{
	struct pid pid = start(&module, "x");
	struct buf body;

	buf_init(&body);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(gs_call_wait(node, pid, slice_of("reply"),
				     slice_of(""), LIMIT_CALL_MS, &body),
		    E_OK);
	ck_assert(slice_is(buf_bytes(&body), "xxx"));
	buf_release(&body);
}
END_TEST

START_TEST(a_call_to_nobody_is_noproc)
{
	struct buf body;

	buf_init(&body);
	ck_assert_int_eq(gs_call_wait(node, (struct pid){ 0 }, slice_of("x"),
			     slice_of(""), LIMIT_CALL_MS, &body),
	    E_NOPROC);
	buf_release(&body);
}
END_TEST

START_TEST(a_call_in_a_world_that_stands_still_is_noconnection)
{
	struct pid pid = start(&module, "x");
	struct buf body;

	sim_crash(world);
	buf_init(&body);
	ck_assert_int_eq(gs_call_wait(node, pid, slice_of("reply"),
			     slice_of(""), LIMIT_CALL_MS, &body),
	    E_NOCONNECTION);
	ck_assert_uint_eq(node_count(node), 1);
	buf_release(&body);
}
END_TEST

START_TEST(without_handle_call_the_answer_is_undef)
{
	struct pid pid = start(&mute, "m");
	struct buf body;

	buf_init(&body);
	ck_assert_int_eq(gs_call_wait(node, pid, slice_of("reply"),
			     slice_of(""), LIMIT_CALL_MS, &body),
	    E_UNDEF);
	buf_release(&body);
}
END_TEST

START_TEST(an_unknown_message_is_logged_and_not_fatal)
{
	struct pid pid = start(&mute, "m");

	cast(pid, "what");
	proc_send(node, pid, slice_of("who"), slice_of(""));
	run();
	ck_assert_int_eq(logged("mute: no use for a cast: what"), 1);
	ck_assert_int_eq(logged("mute: no use for a message: who"), 1);
	ck_assert_ptr_nonnull(node_find(node, pid));
}
END_TEST

START_TEST(what_a_cast_did_wrong_is_logged)
{
	cast(start(&module, "x"), "text");
	run();
	expect("x+ x:text");
	ck_assert_int_eq(logged("test: a cast failed: because"), 1);
}
END_TEST

START_TEST(a_reply_to_a_cast_goes_nowhere)
{
	cast(start(&module, "x"), "reply");
	run();
	expect("x+ x:reply");
	ck_assert_int_eq(logged("test"), 0);
}
END_TEST

START_TEST(a_handler_goes_on_with_the_answer_in_its_own_turn)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");

	state_of(x)->friend = y;
	cast(x, "ask");
	cast(x, "next");
	run();
	expect("x+ y+ x:ask x:next y?reply x=ok/y");
}
END_TEST

START_TEST(a_continuation_may_stop_the_server)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");

	state_of(x)->friend = y;
	cast(x, "ask-and-stop");
	run();
	expect("x+ y+ x:ask-and-stop y?reply x=ok/y x~asked");
	ck_assert_int_eq(logged("test: ended: asked"), 1);
}
END_TEST

/* OTP has no answer to this; here nobody waits, so there is one. */
START_TEST(a_call_to_itself_is_answered_in_a_later_turn)
{
	cast(start(&module, "x"), "ask-self");
	run();
	expect("x+ x:ask-self x?reply x=ok/x");
}
END_TEST

START_TEST(a_call_to_one_that_does_nothing_times_out_without_deadlock)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");

	state_of(x)->friend = y;
	proc_suspend(node_find(node, y));
	cast(x, "ask");
	cast(x, "still here");
	run();
	expect("x+ y+ x:ask x:still here x=timeout/");
	ck_assert_uint_eq(seen_ms, 1000 + LIMIT_CALL_MS);
}
END_TEST

START_TEST(an_idle_server_gets_one_timeout_unless_a_message_comes)
{
	static const struct {
		const char *op, *seen;
		uint64_t again_ms, seen_ms;
	} cases[] = {
		{ "idle", "x+ x:idle x.timeout", 0, 1020 },
		{ "idle", "x+ x:idle x:hello", 5, 1005 },
		{ "idle", "x+ x:idle x.timeout x:hello", 25, 1025 },
		{ "idle-then", "x+ x:idle-then x>idle x.timeout", 0, 1020 },
	};
	struct pid x = start(&module, "x");

	cast(x, cases[_i].op);
	sim_run_ms(sim, cases[_i].again_ms);
	if (cases[_i].again_ms > 0)
		cast(x, "hello");
	run();
	expect(cases[_i].seen);
	ck_assert_uint_eq(seen_ms, cases[_i].seen_ms);
}
END_TEST

START_TEST(a_deferred_reply_comes_from_anywhere)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");

	gs_call(node_find(node, x), y, slice_of("noreply"), slice_of(""),
	    LIMIT_CALL_MS, on_answer, NULL);
	sim_run_ms(sim, 4000);
	reply_to(state_of(y)->from, "at last");
	reply_to(state_of(y)->from, "twice");
	run();
	expect("x+ y+ y?noreply x=ok/at last");
	ck_assert_uint_eq(seen_ms, 5000);
}
END_TEST

START_TEST(a_forgotten_call_does_not_go_on)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");
	uint64_t ref = gs_call(node_find(node, x), y, slice_of("reply"),
	    slice_of(""), LIMIT_CALL_MS, on_answer, NULL);

	proc_suspend(node_find(node, x));
	run(); /* the answer is in the mailbox */
	proc_forget(node_find(node, x), ref);
	proc_resume(node_find(node, x));
	run();
	expect("x+ y+ y?reply");
}
END_TEST

/* -- stopping -- */

START_TEST(a_stop_comes_after_what_is_in_the_mailbox)
{
	struct pid x = start(&module, "x");

	cast(x, "1");
	gs_stop_pid(node, x, "normal");
	cast(x, "2");
	run();
	expect("x+ x:1 x~normal");
	gs_stop_pid(node, x, "normal");
	run();
	expect("");
}
END_TEST

START_TEST(terminate_is_called_once_with_the_reason)
{
	static const struct {
		const char *op;
		const char *seen;
		int logged;
	} cases[] = {
		{ "stop", "x+ y+ x:stop x~normal y!normal", 0 },
		{ "crash", "x+ y+ x:crash x~boom y!boom", 1 },
	};
	struct pid x = start(&module, "x"), y = start(&module, "y");

	proc_monitor(node_find(node, y), x);
	cast(x, cases[_i].op);
	cast(x, "never handled");
	run();
	expect(cases[_i].seen);
	ck_assert_int_eq(logged("test: ended: boom"), cases[_i].logged);
	ck_assert_int_eq(logged("ended"), cases[_i].logged);
}
END_TEST

START_TEST(the_name_can_be_taken_again_after_the_end)
{
	struct pid first, second;

	gs_start(node, &module, "n", arg_of("x"), &first);
	gs_stop_pid(node, first, "normal");
	ck_assert_int_eq(gs_start(node, &module, "n", arg_of("y"), &second),
	    E_EXISTS);
	run();
	ck_assert_int_eq(gs_start(node, &module, "n", arg_of("y"), &second),
	    E_OK);
	ck_assert_uint_ne(first.id, second.id);
	expect("x+ x~normal y+");
}
END_TEST

START_TEST(a_suspended_server_heeds_no_stop_but_an_exit)
{
	struct pid x = start(&module, "x");

	proc_suspend(node_find(node, x));
	gs_stop_pid(node, x, "normal");
	run();
	expect("x+");
	proc_exit(node_find(node, x), reason_of("kill"));
	run();
	expect("x~kill");
}
END_TEST

START_TEST(node_free_terminates_every_server)
{
	struct pid x = start(&module, "x"), y = start(&module, "y");

	start(&module, "then");
	state_of(x)->friend = y;
	proc_suspend(node_find(node, y));
	cast(x, "ask");
	sim_run_ms(sim, 0);
	seen[0] = '\0';
	node_free(node);
	expect("then~shutdown y~shutdown x~shutdown");
	node = node_new(world, slice_of("again"), NULL);
}
END_TEST

static void
add_starting(TCase *t)
{
	tcase_add_test(t, a_server_starts_at_once_with_its_name);
	tcase_add_test(t, a_name_taken_gives_exists_with_the_pid);
	tcase_add_test(t, an_init_that_refuses_leaves_nothing_and_no_terminate);
	tcase_add_test(t, a_server_that_exits_in_init_ends_in_its_turn);
	tcase_add_test(t, continue_comes_before_any_other_message);
	tcase_add_loop_test(t,
	    a_callback_may_start_a_server_whose_continue_waits, 0, 3);
	tcase_add_test(t, a_continue_of_one_that_ends_first_does_not_come);
}

static void
add_asking(TCase *t)
{
	tcase_add_loop_test(t, a_call_waits_at_the_top_level_for_its_answer, 0,
	    (int)COUNT(calls));
	tcase_add_test(t, an_answer_holds_nothing_of_the_last_one);
	tcase_add_test(t, a_call_to_nobody_is_noproc);
	tcase_add_test(t, a_call_in_a_world_that_stands_still_is_noconnection);
	tcase_add_test(t, without_handle_call_the_answer_is_undef);
	tcase_add_test(t, an_unknown_message_is_logged_and_not_fatal);
	tcase_add_test(t, what_a_cast_did_wrong_is_logged);
	tcase_add_test(t, a_reply_to_a_cast_goes_nowhere);
	tcase_add_test(t, a_handler_goes_on_with_the_answer_in_its_own_turn);
	tcase_add_test(t, a_continuation_may_stop_the_server);
	tcase_add_test(t, a_call_to_itself_is_answered_in_a_later_turn);
	tcase_add_test(t,
	    a_call_to_one_that_does_nothing_times_out_without_deadlock);
	tcase_add_loop_test(t,
	    an_idle_server_gets_one_timeout_unless_a_message_comes, 0, 4);
	tcase_add_test(t, a_deferred_reply_comes_from_anywhere);
	tcase_add_test(t, a_forgotten_call_does_not_go_on);
}

static void
add_stopping(TCase *t)
{
	tcase_add_test(t, a_stop_comes_after_what_is_in_the_mailbox);
	tcase_add_loop_test(t, terminate_is_called_once_with_the_reason, 0, 2);
	tcase_add_test(t, the_name_can_be_taken_again_after_the_end);
	tcase_add_test(t, a_suspended_server_heeds_no_stop_but_an_exit);
	tcase_add_test(t, node_free_terminates_every_server);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *t);
	} groups[] = {
		{ "starting", add_starting },
		{ "asking", add_asking },
		{ "stopping", add_stopping },
	};
	Suite *s = suite_create("gen_server");
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
