/*
 * common/proc.h and common/node.h: Erlang's processes, in virtual time.
 *
 * What processes saw is a line of words: who, a sign for the kind, what.
 *	b?x  a call     b:x  a cast    b.x  an info    b=ok/x  an answer
 *	b!x  a DOWN     b^x  an EXIT   b#x  a stop     b~x  terminate
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/proc.h"
#include "proto/limits.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A process of these tests. */
struct actor {
	const char *tag;
	void (*does)(struct proc *p, const struct message *m);
	void (*last)(struct proc *p);
	bool silent;
	uint64_t ref;
	struct from from;
	struct pid friend;
	uint32_t handled;
};

static struct sim *sim;
static struct world *world;
static struct node *node;
static struct log logger;
static FILE *log_file;
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

/* What was seen since the last look. */
static void
expect(const char *words)
{
	ck_assert_str_eq(seen, words);
	seen[0] = '\0';
}

static void
note_message(const struct actor *a, const struct message *m)
{
	static const char signs[] = {
		[MESSAGE_CALL] = '?',
		[MESSAGE_CAST] = ':',
		[MESSAGE_INFO] = '.',
		[MESSAGE_ANSWER] = '=',
		[MESSAGE_DOWN] = '!',
		[MESSAGE_STOP] = '#',
		[MESSAGE_EXIT] = '^',
	};
	bool has_op = m->kind <= MESSAGE_INFO;
	struct slice s = has_op ? m->op : m->body;

	if (m->kind == MESSAGE_ANSWER)
		note("%s=%s/%.*s", a->tag, err_word(m->e),
		    m->e == E_OK ? (int)s.len : 0, (const char *)s.bytes);
	else
		note("%s%c%.*s", a->tag, signs[m->kind], (int)s.len,
		    (const char *)s.bytes);
}

static void
receive(struct proc *p, struct message *m)
{
	struct actor *a = proc_state(p);

	a->handled++;
	if (!a->silent)
		note_message(a, m);
	if (a->does != NULL)
		a->does(p, m);
}

static void
terminate(struct proc *p, const struct reason *why)
{
	struct actor *a = proc_state(p);

	if (!a->silent)
		note("%s~%s", a->tag, why->word);
	if (a->last != NULL)
		a->last(p);
}

static const struct behaviour actor = {
	.name = "actor",
	.receive = receive,
	.terminate = terminate,
};

static struct actor *
spawn(const char *tag, void (*does)(struct proc *, const struct message *))
{
	struct proc *p = proc_spawn(node, &actor, sizeof(struct actor));
	struct actor *a = proc_state(p);

	ck_assert_ptr_eq(proc_of_state(a), p);
	a->tag = tag;
	a->does = does;
	return a;
}

static struct pid
pid_of(struct actor *a)
{
	return proc_pid(proc_of_state(a));
}

static void
cast(struct actor *to, const char *op)
{
	ck_assert_int_eq(proc_cast(node, pid_of(to), slice_of(op),
			     slice_of("")),
	    E_OK);
}

static void
send_info(struct actor *to, const char *op)
{
	ck_assert_int_eq(proc_send(node, pid_of(to), slice_of(op),
			     slice_of("")),
	    E_OK);
}

static uint64_t
call(struct actor *from, struct pid to, const char *op)
{
	return proc_call(proc_of_state(from), to, slice_of(op), slice_of(""),
	    LIMIT_CALL_MS, NULL, NULL);
}

static void
answer(struct from to, const char *text)
{
	struct answer a = { .e = E_OK, .body = slice_of(text) };

	proc_answer(node, to, &a);
}

static void
end(struct actor *a, const char *why)
{
	proc_exit(proc_of_state(a), reason_of(why));
}

static void
run(void)
{
	while (sim_step(sim))
		continue;
}

/* How often the log says it. */
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
}

static void
teardown(void)
{
	node_free(node);
	sim_free(sim);
	fclose(log_file);
}

/* -- order -- */

START_TEST(messages_come_in_the_order_they_were_sent)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	cast(b, "1");
	send_info(b, "2");
	call(a, pid_of(b), "3");
	cast(b, "4");
	proc_monitor(proc_of_state(b), (struct pid){ 0 });
	send_info(b, "5");
	sim_run_ms(sim, 0);
	expect("b:1 b.2 b?3 b:4 b!noproc b.5");
	ck_assert_uint_eq(proc_handled(proc_of_state(b)), 6);
}
END_TEST

static void
sends_two(struct proc *p, const struct message *m)
{
	struct actor *a = proc_state(p);

	(void)m;
	proc_cast(node, a->friend, slice_of("x"), slice_of(""));
	proc_cast(node, a->friend, slice_of("y"), slice_of(""));
	note("%s-done", a->tag);
}

START_TEST(enqueue_never_runs_code)
{
	struct actor *a = spawn("a", sends_two), *b = spawn("b", NULL);
	struct actor *self = spawn("s", NULL);

	a->friend = pid_of(b);
	cast(a, "go");
	end(self, "normal");
	expect("");
	ck_assert_uint_eq(proc_mailbox(proc_of_state(a)), 1);
	run();
	expect("a:go a-done s~normal b:x b:y");
}
END_TEST

static void
to_itself(struct proc *p, const struct message *m)
{
	(void)m;
	proc_cast(node, proc_pid(p), slice_of("x"), slice_of(""));
}

static void
note_handled(struct proc *p, const struct message *m)
{
	struct actor *a = proc_state(p);
	struct actor *busy = proc_state(node_find(node, a->friend));

	(void)m;
	a->ref = busy->handled;
}

START_TEST(one_process_cannot_starve_another)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", note_handled);

	a->silent = true;
	b->friend = pid_of(a);
	for (int i = 0; i < 1000; i++)
		cast(a, "x");
	cast(b, "y");
	run();
	expect("b:y");
	ck_assert_uint_eq(b->ref, LIMIT_BATCH);
	ck_assert_uint_eq(a->handled, 1000);
}
END_TEST

START_TEST(one_that_never_rests_lets_all_others_work)
{
	struct actor *a = spawn("a", to_itself), *b = spawn("b", note_handled);

	a->silent = true;
	b->friend = pid_of(a);
	cast(a, "x");
	cast(a, "x");
	cast(b, "y");
	proc_send_after(proc_of_state(b), 2, slice_of("later"));
	sim_run_ms(sim, 0);
	ck_assert_uint_eq(b->ref, LIMIT_BATCH);
	sim_run_ms(sim, 2);
	expect("b:y b.later");
}
END_TEST

/* -- monitors -- */

START_TEST(every_monitor_gets_exactly_one_down)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL),
		     *c = spawn("c", NULL);

	proc_monitor(proc_of_state(a), pid_of(c));
	proc_monitor(proc_of_state(b), pid_of(c));
	end(c, "boom");
	end(c, "later reasons do not count");
	ck_assert(proc_is_ending(proc_of_state(c)));
	run();
	ck_assert(strcmp(seen, "c~boom a!boom b!boom") == 0 ||
	    strcmp(seen, "c~boom b!boom a!boom") == 0);
	seen[0] = '\0';
	proc_monitor(proc_of_state(a), pid_of(b));
	proc_monitor(proc_of_state(a), pid_of(b));
	end(b, "normal");
	run();
	expect("b~normal a!normal a!normal");
	run();
	expect("");
}
END_TEST

static void
note_down(struct proc *p, const struct message *m)
{
	struct actor *a = proc_state(p);

	if (m->kind == MESSAGE_DOWN)
		note(m->from.ref == a->ref && m->from.pid.id == a->friend.id ?
			"same" :
			"other");
}

START_TEST(a_down_carries_ref_and_pid)
{
	struct actor *a = spawn("a", note_down), *b = spawn("b", NULL);

	a->friend = pid_of(b);
	a->ref = proc_monitor(proc_of_state(a), pid_of(b));
	end(b, "normal");
	run();
	expect("b~normal a!normal same");
	a->ref = proc_monitor(proc_of_state(a), a->friend);
	run();
	expect("a!noproc same");
}
END_TEST

START_TEST(a_dead_pid_gives_down_noproc_at_once)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);
	struct pid dead = pid_of(b);

	end(b, "boom");
	run();
	expect("b~boom");
	proc_monitor(proc_of_state(a), dead);
	ck_assert_uint_eq(proc_mailbox(proc_of_state(a)), 1);
	expect("");
	run();
	expect("a!noproc");
}
END_TEST

static void
takes_the_name(struct proc *p, const struct message *m)
{
	if (m->kind == MESSAGE_DOWN)
		note("%s", err_word(proc_register(p, "tareas")));
}

START_TEST(the_name_is_free_before_anybody_gets_down)
{
	struct actor *a = spawn("a", takes_the_name), *b = spawn("b", NULL);

	ck_assert_int_eq(proc_register(proc_of_state(b), "tareas"), E_OK);
	proc_monitor(proc_of_state(a), pid_of(b));
	end(b, "boom");
	run();
	expect("b~boom a!boom ok");
	ck_assert_uint_eq(node_whereis(node, slice_of("tareas")).id,
	    pid_of(a).id);
}
END_TEST

static void
last_words(struct proc *p)
{
	struct actor *a = proc_state(p);

	proc_cast(node, a->friend, slice_of("last"), slice_of(""));
}

START_TEST(down_comes_after_every_message_of_the_dead)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", sends_two);

	b->friend = pid_of(a);
	b->last = last_words;
	proc_monitor(proc_of_state(a), pid_of(b));
	cast(b, "go");
	sim_run_ms(sim, 0);
	end(b, "normal");
	run();
	expect("b:go b-done a:x a:y b~normal a:last a!normal");
}
END_TEST

START_TEST(demonitor_flushes_the_down)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);
	struct proc *p = proc_of_state(a);
	uint64_t first = proc_monitor(p, pid_of(b));
	uint64_t second = proc_monitor(p, pid_of(b));
	uint64_t kept = proc_monitor(p, pid_of(b));

	proc_demonitor(p, first);
	proc_demonitor(p, first);
	proc_suspend(p);
	cast(a, "1");
	end(b, "boom");
	run();
	cast(a, "2");
	ck_assert_uint_eq(proc_mailbox(p), 4);
	proc_demonitor(p, second);
	proc_demonitor(p, 0);
	ck_assert_uint_eq(proc_mailbox(p), 3);
	cast(a, "3");
	proc_resume(p);
	run();
	expect("b~boom a:1 a!boom a:2 a:3");
	proc_demonitor(p, kept);
}
END_TEST

START_TEST(demonitor_takes_the_last_message_out)
{
	struct actor *a = spawn("a", NULL);
	struct proc *p = proc_of_state(a);

	cast(a, "1");
	proc_demonitor(p, proc_monitor(p, (struct pid){ 0 }));
	cast(a, "2");
	run();
	expect("a:1 a:2");
}
END_TEST

START_TEST(only_its_owner_can_use_a_ref)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL),
		     *c = spawn("c", NULL);
	uint64_t ref = proc_monitor(proc_of_state(a), pid_of(c));
	uint64_t after = proc_send_after(proc_of_state(a), 1, slice_of("x"));

	proc_demonitor(proc_of_state(b), ref);
	proc_forget(proc_of_state(a), ref);
	ck_assert(!proc_cancel(proc_of_state(a), ref));
	ck_assert(!proc_cancel(proc_of_state(b), after));
	end(c, "normal");
	run();
	expect("c~normal a!normal a.x");
}
END_TEST

START_TEST(one_that_monitors_and_calls_itself_can_end)
{
	struct actor *a = spawn("a", NULL);

	proc_monitor(proc_of_state(a), pid_of(a));
	call(a, pid_of(a), "x");
	proc_send_after(proc_of_state(a), 1, slice_of("y"));
	end(a, "normal");
	run();
	expect("a~normal");
}
END_TEST

START_TEST(a_pid_is_never_given_out_again)
{
	struct pid old[100];

	for (int round = 0; round < 100; round++) {
		struct pid pid = pid_of(spawn("a", NULL));

		old[round] = pid;
		for (int i = 0; i < round; i++) {
			ck_assert_uint_ne(old[i].id, pid.id);
			ck_assert_ptr_null(node_find(node, old[i]));
		}
		proc_exit(node_find(node, pid), reason_of("normal"));
		run();
		seen[0] = '\0';
	}
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

/* -- links -- */

static const struct {
	const char *why;
	bool traps;
	const char *seen;
} ends[] = {
	{ "boom", false, "b~boom a~boom" },
	{ "normal", false, "b~normal" },
	{ "shutdown", false, "b~shutdown a~shutdown" },
	{ "boom", true, "b~boom a^boom" },
	{ "normal", true, "b~normal a^normal" },
};

START_TEST(an_end_travels_over_a_link_from_either_side)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_trap_exits(proc_of_state(a), ends[_i].traps);
	proc_link(proc_of_state(a), pid_of(b));
	proc_link(proc_of_state(b), pid_of(a)); /* once is enough */
	end(b, ends[_i].why);
	run();
	expect(ends[_i].seen);
}
END_TEST

START_TEST(an_exit_comes_after_every_message_of_the_dead)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	b->friend = pid_of(a);
	b->last = last_words;
	proc_trap_exits(proc_of_state(a), true);
	proc_link(proc_of_state(b), pid_of(a));
	end(b, "boom");
	run();
	expect("b~boom a:last a^boom");
}
END_TEST

START_TEST(an_unlinked_process_does_not_learn_it)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_link(proc_of_state(a), pid_of(b));
	proc_unlink(proc_of_state(_i == 0 ? a : b), pid_of(_i == 0 ? b : a));
	proc_unlink(proc_of_state(a), pid_of(b));
	end(b, "boom");
	run();
	expect("b~boom");
}
END_TEST

START_TEST(a_link_to_the_dead_brings_noproc_at_once)
{
	struct actor *a = spawn("a", NULL);

	proc_trap_exits(proc_of_state(a), _i == 1);
	proc_link(proc_of_state(a), (struct pid){ 99 });
	run();
	expect(_i == 1 ? "a^noproc" : "a~noproc");
}
END_TEST

START_TEST(kill_cannot_be_trapped)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_trap_exits(proc_of_state(a), true);
	proc_trap_exits(proc_of_state(b), true);
	proc_link(proc_of_state(a), pid_of(b));
	proc_signal(node, pid_of(a), pid_of(b), reason_of("kill"));
	run();
	expect("a~killed b^killed");
}
END_TEST

START_TEST(a_ring_of_links_ends_as_one_and_each_once)
{
	struct actor *ring[5];

	for (int i = 0; i < 5; i++)
		ring[i] = spawn("r", NULL);
	for (int i = 0; i < 5; i++)
		proc_link(proc_of_state(ring[i]), pid_of(ring[(i + 1) % 5]));
	proc_link(proc_of_state(ring[0]), pid_of(ring[0]));
	if (_i == 0) {
		end(ring[0], "boom");
		run();
		expect("r~boom r~boom r~boom r~boom r~boom");
	}
	/* Else the node ends it. */
}
END_TEST

/* -- names -- */

START_TEST(a_name_is_one_process_and_a_process_has_one_name)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	ck_assert_str_eq(proc_name(proc_of_state(a)), "");
	ck_assert_uint_eq(node_whereis(node, slice_of("x")).id, 0);
	ck_assert_int_eq(proc_register(proc_of_state(a), ""), E_BADARG);
	ck_assert_int_eq(proc_register(proc_of_state(a), "x"), E_OK);
	ck_assert_int_eq(proc_register(proc_of_state(b), "x"), E_EXISTS);
	ck_assert_int_eq(proc_register(proc_of_state(a), "y"), E_BADARG);
	ck_assert_str_eq(proc_name(proc_of_state(a)), "x");
	ck_assert_str_eq(proc_name(proc_of_state(b)), "");
	ck_assert_uint_eq(node_whereis(node, slice_of("x")).id, pid_of(a).id);
	ck_assert_uint_eq(node_whereis(node, slice_of("y")).id, 0);
	end(a, "normal");
	run();
	ck_assert_uint_eq(node_whereis(node, slice_of("x")).id, 0);
}
END_TEST

/* -- calls -- */

static void
echoes(struct proc *p, const struct message *m)
{
	(void)p;
	if (m->kind == MESSAGE_CALL)
		answer(m->from, "echo");
}

static void
ends_normal(struct proc *p, const struct message *m)
{
	(void)m;
	proc_exit(p, reason_of("normal"));
}

static void
loses_its_link(struct proc *p, const struct message *m)
{
	(void)m;
	proc_exit(p, reason_of("noconnection"));
}

static void
refuses(struct proc *p, const struct message *m)
{
	struct answer a = { .e = E_BADARG, .body = slice_of("no") };

	(void)p;
	if (m->kind == MESSAGE_CALL)
		proc_answer(node, m->from, &a);
}

static const struct {
	void (*does)(struct proc *p, const struct message *m);
	bool full, dead;
	const char *result;
	uint64_t after_ms;
} calls[] = {
	{ echoes, false, false, "a=ok/echo", 0 },
	{ refuses, false, false, "a=badarg/", 0 },
	{ NULL, false, false, "a=timeout/", 5000 },
	{ ends_normal, false, false, "a=died/", 0 },
	{ loses_its_link, false, false, "a=noconnection/", 0 },
	{ echoes, true, false, "a=overload/", 0 },
	{ echoes, false, true, "a=noproc/", 0 },
};

static uint64_t heard_ms;

static void
hears(struct proc *p, const struct message *m)
{
	(void)p;
	(void)m;
	heard_ms = sim_now(sim);
}

START_TEST(a_call_ends_in_one_of_six_ways)
{
	struct actor *a = spawn("a", hears), *b = spawn("b", calls[_i].does);
	struct pid pid = pid_of(b);

	b->silent = true;
	if (calls[_i].dead) {
		end(b, "normal");
		run();
	}
	while (calls[_i].full && proc_mailbox(proc_of_state(b)) < LIMIT_MAILBOX)
		cast(b, "x");
	call(a, pid, "op");
	expect("");
	run();
	expect(calls[_i].result);
	ck_assert_uint_eq(heard_ms, 1000 + calls[_i].after_ms);
	ck_assert_uint_eq(sim_now(sim), 1000 + calls[_i].after_ms);
}
END_TEST

/* The node's clock stood still since its last turn. */
START_TEST(a_call_after_a_long_pause_has_its_whole_time)
{
	struct actor *a = spawn("a", hears), *b = spawn("b", NULL);

	cast(a, "x");
	sim_run_ms(sim, 60000);
	cast(a, "y"); /* a turn is on its way before the call */
	call(a, pid_of(b), "op");
	ck_assert_uint_eq(node_now_ms(node), 61000);
	run();
	expect("a:x a:y b?op a=timeout/");
	ck_assert_uint_eq(heard_ms, 61000 + LIMIT_CALL_MS);
}
END_TEST

START_TEST(a_timeout_too_large_for_the_clock_does_not_come_early)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_call(proc_of_state(a), pid_of(b), slice_of("x"), slice_of(""),
	    UINT64_MAX, NULL, NULL);
	sim_run_ms(sim, 1000000);
	expect("b?x");
}
END_TEST

static void
keeps_from(struct proc *p, const struct message *m)
{
	struct actor *a = proc_state(p);

	if (m->kind == MESSAGE_CALL)
		a->from = m->from;
}

START_TEST(a_late_answer_is_dropped_before_the_mailbox)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", keeps_from);

	call(a, pid_of(b), "op");
	run();
	expect("b?op a=timeout/");
	answer(b->from, "late");
	ck_assert_uint_eq(proc_mailbox(proc_of_state(a)), 0);
	call(a, pid_of(b), "again");
	run();
	expect("b?again a=timeout/");
}
END_TEST

START_TEST(a_second_answer_is_dropped)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", keeps_from);

	call(a, pid_of(b), "op");
	sim_run_ms(sim, 0);
	answer(b->from, "first");
	answer(b->from, "second");
	ck_assert_uint_eq(proc_mailbox(proc_of_state(a)), 1);
	end(b, "normal");
	run();
	expect("b?op a=ok/first b~normal");
}
END_TEST

static void
answers_for_its_friend(struct proc *p, const struct message *m)
{
	struct actor *a = proc_state(p);
	struct actor *friend = proc_state(node_find(node, a->friend));

	(void)m;
	answer(friend->from, a->tag);
}

START_TEST(anyone_may_answer_later)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", keeps_from);
	struct actor *c = spawn("c", answers_for_its_friend);

	c->friend = pid_of(b);
	call(a, pid_of(b), "op");
	sim_run_ms(sim, 4999);
	expect("b?op");
	cast(c, "go");
	run();
	expect("c:go a=ok/c");
	call(a, pid_of(b), "op");
	sim_run_ms(sim, 1);
	answer(b->from, "top level");
	run();
	expect("b?op a=ok/top level");
}
END_TEST

START_TEST(the_answer_to_a_dead_caller_vanishes)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", keeps_from);

	call(a, pid_of(b), "op");
	sim_run_ms(sim, 0);
	end(a, "normal");
	sim_run_ms(sim, 0);
	answer(b->from, "x");
	end(b, "normal");
	run();
	expect("b?op a~normal b~normal");
	ck_assert_uint_eq(sim_now(sim), 1000); /* its timer went too */
}
END_TEST

START_TEST(a_forgotten_call_brings_no_answer)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", keeps_from);
	uint64_t ref = call(a, pid_of(b), "op");

	sim_run_ms(sim, 0);
	if (_i == 1)
		answer(b->from, "in the mailbox already");
	proc_forget(proc_of_state(a), ref);
	answer(b->from, "x");
	end(b, "normal");
	run();
	expect("b?op b~normal");
	ck_assert_uint_eq(sim_now(sim), 1000);
}
END_TEST

static uint64_t foreign_ref;

static void
foreign_answer(struct proc *p, uint64_t ref, const struct answer *a)
{
	(void)p;
	foreign_ref = ref;
	note("foreign/%.*s", (int)a->body.len, (const char *)a->body.bytes);
}

START_TEST(an_answer_to_a_forwarded_request_goes_to_the_behaviour)
{
	static const struct behaviour forwarder = {
		.name = "forwarder",
		.receive = receive,
		.answer = foreign_answer,
	};
	struct proc *p = proc_spawn(node, &forwarder, sizeof(struct actor));
	struct from from = { .pid = proc_pid(p), .ref = 7 };

	((struct actor *)proc_state(p))->tag = "f";
	answer(from, "x");
	expect("foreign/x");
	ck_assert_uint_eq(foreign_ref, 7);
	ck_assert_uint_eq(proc_mailbox(p), 0);
}
END_TEST

/* -- the bound of a mailbox -- */

static void
fill(struct actor *a)
{
	while (proc_mailbox(proc_of_state(a)) < LIMIT_MAILBOX)
		cast(a, "x");
}

START_TEST(a_full_mailbox_refuses_casts_and_infos_and_the_log_says_so)
{
	struct actor *a = spawn("a", NULL);
	struct proc *p = proc_of_state(a);

	a->silent = true;
	proc_register(p, "lleno");
	fill(a);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(proc_cast(node, pid_of(a), slice_of("y"),
				     slice_of("")),
		    E_OVERLOAD);
		ck_assert_int_eq(proc_send(node, pid_of(a), slice_of("z"),
				     slice_of("")),
		    E_OVERLOAD);
	}
	ck_assert_uint_eq(proc_mailbox(p), LIMIT_MAILBOX);
	ck_assert_int_ge(logged("lleno: dropped a message"), 1);
	ck_assert_int_le(logged("dropped a message"), 10);
	run();
	ck_assert_uint_eq(a->handled, LIMIT_MAILBOX);
	cast(a, "again");
	run();
	ck_assert_uint_eq(a->handled, LIMIT_MAILBOX + 1);
}
END_TEST

START_TEST(a_cast_to_nobody_is_counted_and_logged)
{
	ck_assert_int_eq(proc_cast(node, (struct pid){ 99 }, slice_of("op"),
			     slice_of("")),
	    E_NOPROC);
	ck_assert_int_eq(logged("op: no process has that name (1 so far)"), 1);
}
END_TEST

START_TEST(answers_down_and_timers_get_into_a_full_mailbox)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", ends_normal);
	struct proc *p = proc_of_state(a);

	a->silent = true;
	proc_suspend(p);
	fill(a);
	proc_monitor(p, pid_of(b));
	call(a, pid_of(b), "op");
	proc_send_after(p, 1, slice_of("tick"));
	sim_run_ms(sim, 1);
	ck_assert_uint_eq(proc_mailbox(p), LIMIT_MAILBOX + 3);
	proc_resume(p);
	run();
	ck_assert_uint_eq(a->handled, LIMIT_MAILBOX + 3);
}
END_TEST

/* -- credit -- */

static uint32_t returned;

static void
credit_returned(struct credit *c)
{
	(void)c;
	returned++;
}

static enum err
post_lent(struct pid to, enum message_kind kind, struct credit *c)
{
	struct message *m = message_new(kind, slice_of("op"), slice_of(""));

	message_lend(m, c);
	return proc_post(node, to, m);
}

START_TEST(credit_comes_back_once_handled_or_dropped)
{
	struct credit c = { .returned = credit_returned };
	struct actor *a = spawn("a", NULL);
	struct pid pid = pid_of(a);

	returned = 0;
	post_lent(pid, MESSAGE_CAST, &c);
	post_lent(pid, MESSAGE_CALL, &c);
	ck_assert_uint_eq(c.lent, 2);
	ck_assert_uint_eq(returned, 0);
	run();
	expect("a:op a?op");
	ck_assert_uint_eq(returned, 2);
	post_lent(pid, MESSAGE_CAST, &c);
	end(a, "normal"); /* with it in the mailbox */
	run();
	ck_assert_uint_eq(returned, 3);
	ck_assert_int_eq(post_lent(pid, MESSAGE_CAST, &c), E_NOPROC);
	ck_assert_uint_eq(returned, 4);
	ck_assert_uint_eq(c.lent, 0);
}
END_TEST

START_TEST(a_message_with_credit_is_never_refused)
{
	struct credit c = { .returned = credit_returned };
	struct actor *a = spawn("a", NULL);

	returned = 0;
	a->silent = true;
	fill(a);
	for (int i = 0; i < LIMIT_FLIGHT; i++)
		ck_assert_int_eq(post_lent(pid_of(a), MESSAGE_CALL, &c), E_OK);
	ck_assert_uint_eq(c.lent, LIMIT_FLIGHT);
	run();
	ck_assert_uint_eq(a->handled, LIMIT_MAILBOX + LIMIT_FLIGHT);
	ck_assert_uint_eq(returned, LIMIT_FLIGHT);
	ck_assert_uint_eq(c.lent, 0);
}
END_TEST

/* -- messages to oneself -- */

START_TEST(send_after_comes_at_its_time)
{
	struct actor *a = spawn("a", hears);
	struct proc *p = proc_of_state(a);
	uint64_t second;

	proc_send_after(p, 30, slice_of("c"));
	proc_send_after(p, 10, slice_of("a"));
	second = proc_send_after(p, 20, slice_of("b"));
	sim_run_ms(sim, 10);
	expect("a.a");
	ck_assert_uint_eq(heard_ms, 1010);
	ck_assert(proc_cancel(p, second));
	ck_assert(!proc_cancel(p, second));
	run();
	expect("a.c");
	ck_assert_uint_eq(heard_ms, 1030);
	second = proc_send_after(p, 0, slice_of("d"));
	run();
	ck_assert(!proc_cancel(p, second));
	expect("a.d");
}
END_TEST

START_TEST(the_timers_of_the_dead_do_nothing)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_send_after(proc_of_state(a), 10, slice_of("x"));
	call(a, pid_of(b), "op");
	sim_run_ms(sim, 0);
	end(a, "normal");
	run();
	expect("b?op a~normal");
	ck_assert_uint_eq(sim_now(sim), 1000);
}
END_TEST

/* -- suspended -- */

START_TEST(a_suspended_process_handles_nothing_until_resumed)
{
	struct actor *a = spawn("a", NULL);
	struct proc *p = proc_of_state(a);

	cast(a, "1");
	proc_suspend(p);
	cast(a, "2");
	run();
	expect("");
	proc_resume(p);
	cast(a, "3");
	run();
	expect("a:1 a:2 a:3");
	proc_resume(p);
	run();
	expect("");
}
END_TEST

START_TEST(a_suspended_process_ends_when_told)
{
	struct actor *a = spawn("a", NULL);

	proc_suspend(proc_of_state(a));
	cast(a, "1");
	run();
	end(a, "shutdown");
	run();
	expect("a~shutdown");
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

static void
suspends_itself(struct proc *p, const struct message *m)
{
	(void)m;
	proc_suspend(p);
}

START_TEST(one_that_suspends_itself_stops_after_this_message)
{
	struct actor *a = spawn("a", suspends_itself);

	cast(a, "1");
	cast(a, "2");
	run();
	expect("a:1");
	proc_resume(proc_of_state(a));
	run();
	expect("a:2");
}
END_TEST

/* -- the end -- */

START_TEST(what_is_in_the_mailbox_of_the_dead_is_not_handled)
{
	struct actor *a = spawn("a", ends_normal);

	cast(a, "1");
	cast(a, "2");
	run();
	expect("a:1 a~normal");
}
END_TEST

static void
does_everything(struct proc *p)
{
	struct actor *a = proc_state(p);
	struct actor *child = spawn("child", NULL);

	proc_exit(p, reason_of("again"));
	proc_register(p, "ghost");
	proc_cast(node, proc_pid(p), slice_of("me"), slice_of(""));
	proc_cast(node, pid_of(child), slice_of("born"), slice_of(""));
	proc_send_after(p, 5, slice_of("tick"));
	proc_monitor(p, pid_of(child));
	proc_monitor(p, proc_pid(p));
	proc_monitor(p, (struct pid){ 0 });
	call(a, pid_of(child), "op");
	call(a, proc_pid(p), "op");
	proc_suspend(p);
	proc_resume(p);
}

START_TEST(terminate_may_do_anything_and_is_called_once)
{
	struct actor *a = spawn("a", NULL);

	a->last = does_everything;
	if (_i == 0) {
		end(a, "boom");
		run();
		expect("a~boom child:born child?op");
		ck_assert_uint_eq(node_count(node), 1);
		ck_assert_uint_eq(node_whereis(node, slice_of("ghost")).id, 0);
		ck_assert_uint_eq(sim_now(sim), 1000);
	}
	/* Else the node ends it, with nothing queued. */
}
END_TEST

START_TEST(a_process_may_spawn_in_its_handler_and_end)
{
	struct actor *a = spawn("a", NULL);

	for (int i = 0; i < 3; i++)
		call(a, pid_of(spawn("b", ends_normal)), "op");
	run();
	expect("b?op b~normal b?op b~normal b?op b~normal"
	       " a=died/ a=died/ a=died/");
}
END_TEST

START_TEST(node_free_ends_all_and_terminate_runs)
{
	struct actor *a = spawn("a", NULL), *b = spawn("b", NULL);

	proc_register(proc_of_state(a), "x");
	cast(a, "never handled");
	proc_monitor(proc_of_state(a), pid_of(b));
	proc_monitor(proc_of_state(b), pid_of(a));
	call(a, pid_of(b), "op");
	proc_send_after(proc_of_state(b), 10, slice_of("x"));
	proc_suspend(proc_of_state(b));
	node_free(node);
	expect("b~shutdown a~shutdown");
	run(); /* the turn it had asked for finds nobody */
	ck_assert_uint_eq(sim_now(sim), 1000);
	node = node_new(world, slice_of("again"), NULL);
	ck_assert(slice_is(node_name(node), "again"));
}
END_TEST

START_TEST(a_hundred_thousand_processes_live_and_end)
{
	enum { MANY = 100000 };
	struct actor *watcher = spawn("w", NULL);

	watcher->silent = true;
	for (int i = 0; i < MANY; i++) {
		struct actor *a = spawn("a", ends_normal);

		a->silent = true;
		proc_monitor(proc_of_state(watcher), pid_of(a));
		cast(a, "end");
	}
	ck_assert_uint_eq(node_count(node), MANY + 1);
	run();
	ck_assert_uint_eq(node_count(node), 1);
	ck_assert_uint_eq(watcher->handled, MANY);
}
END_TEST

/* -- hooks -- */

struct test_hook {
	struct hook hook;
	const char *tag;
	struct hook *cancels;
	struct actor *casts;
	int again; /* queues itself so often */
};

static void
hook_runs(struct hook *h)
{
	struct test_hook *t = CONTAINER_OF(h, struct test_hook, hook);

	ck_assert_ptr_null(h->list);
	note("%s", t->tag);
	if (t->cancels != NULL)
		hook_cancel(t->cancels);
	if (t->casts != NULL)
		cast(t->casts, t->tag);
	if (t->again > 0 && t->again-- > 0)
		node_later(node, h);
}

static void
test_hook(struct test_hook *t, const char *tag)
{
	*t = (struct test_hook){ .tag = tag };
	hook_init(&t->hook, hook_runs);
}

START_TEST(hooks_run_after_processes_and_at_end_last)
{
	struct actor *a = spawn("a", NULL);
	struct test_hook later, at_end;

	test_hook(&later, "later");
	test_hook(&at_end, "end");
	later.casts = a;
	node_at_end(node, &at_end.hook);
	node_later(node, &later.hook);
	node_at_end(node, &at_end.hook);
	cast(a, "1");
	expect("");
	run();
	expect("a:1 later a:later end");
	run();
	expect("");
}
END_TEST

/* What is written leaves once for all streams, not once for each. */
START_TEST(many_messages_hurry_a_turn_and_its_end_waits_for_the_next)
{
	struct actor *a = spawn("a", NULL);
	struct test_hook at_end;

	a->silent = true;
	test_hook(&at_end, "end");
	node_at_end(node, &at_end.hook);
	for (int i = 0; i < 63; i++)
		cast(a, "op");
	ck_assert(!world->hurry);
	cast(a, "op");
	ck_assert(world->hurry);
	world->turn(world->node);
	ck_assert(!world->hurry);
	ck_assert_uint_eq(a->handled, 64);
	expect("");
	run();
	expect("end");
}
END_TEST

START_TEST(a_queued_hook_stays_where_it_is)
{
	struct test_hook h, other;

	test_hook(&h, "h");
	test_hook(&other, "other");
	node_at_end(node, &h.hook);
	node_later(node, &other.hook);
	node_later(node, &h.hook);
	run();
	expect("other h");
}
END_TEST

START_TEST(a_cancelled_hook_does_not_run_even_while_hooks_run)
{
	struct test_hook a, b, c;

	test_hook(&a, "a");
	test_hook(&b, "b");
	test_hook(&c, "c");
	a.cancels = &b.hook;
	node_later(node, &a.hook);
	node_later(node, &b.hook);
	node_later(node, &c.hook);
	hook_cancel(&c.hook);
	hook_cancel(&c.hook);
	node_later(node, &c.hook);
	run();
	expect("a c");
}
END_TEST

START_TEST(a_hook_at_the_end_may_make_a_process_runnable)
{
	struct actor *a = spawn("a", NULL);
	struct test_hook h;

	test_hook(&h, "h");
	h.casts = a;
	node_at_end(node, &h.hook);
	run();
	expect("h a:h");
}
END_TEST

static bool
tick_came(void *arg)
{
	return ((struct actor *)arg)->handled > 0;
}

START_TEST(a_hook_that_queues_itself_holds_nobody_up)
{
	struct actor *a = spawn("a", NULL);
	struct test_hook h;

	test_hook(&h, "");
	h.again = 1000000000;
	a->silent = true;
	proc_send_after(proc_of_state(a), 1, slice_of("x"));
	node_later(node, &h.hook);
	ck_assert(sim_run_until(sim, tick_came, a, 1000000));
	hook_cancel(&h.hook);
}
END_TEST

START_TEST(when_idle_comes_at_half_or_at_the_end)
{
	struct actor *a = spawn("a", NULL);
	struct proc *p = proc_of_state(a);
	struct test_hook h;

	test_hook(&h, "idle");
	a->silent = true;
	ck_assert(!proc_is_busy(p));
	proc_when_idle(p, &h.hook); /* it is: soon */
	run();
	expect("idle");
	proc_suspend(p);
	fill(a);
	ck_assert(proc_is_busy(p));
	proc_when_idle(p, &h.hook);
	run();
	expect("");
	if (_i == 0)
		proc_resume(p);
	else
		end(a, "normal");
	run();
	expect("idle");
}
END_TEST

START_TEST(when_idle_waits_until_half)
{
	struct actor *a = spawn("a", NULL);
	struct proc *p = proc_of_state(a);
	struct test_hook h;

	test_hook(&h, "idle");
	a->silent = true;
	fill(a);
	proc_when_idle(p, &h.hook);
	while (seen[0] == '\0') {
		ck_assert(proc_is_busy(p));
		sim_step(sim);
	}
	ck_assert(!proc_is_busy(p));
	hook_cancel(&h.hook);
}
END_TEST

static void
add_order(TCase *t)
{
	tcase_add_test(t, messages_come_in_the_order_they_were_sent);
	tcase_add_test(t, enqueue_never_runs_code);
	tcase_add_test(t, one_process_cannot_starve_another);
	tcase_add_test(t, one_that_never_rests_lets_all_others_work);
	tcase_add_test(t, send_after_comes_at_its_time);
	tcase_add_test(t, a_suspended_process_handles_nothing_until_resumed);
	tcase_add_test(t, a_suspended_process_ends_when_told);
	tcase_add_test(t, one_that_suspends_itself_stops_after_this_message);
}

static void
add_monitors(TCase *t)
{
	tcase_add_test(t, every_monitor_gets_exactly_one_down);
	tcase_add_test(t, a_down_carries_ref_and_pid);
	tcase_add_test(t, a_dead_pid_gives_down_noproc_at_once);
	tcase_add_test(t, the_name_is_free_before_anybody_gets_down);
	tcase_add_test(t, down_comes_after_every_message_of_the_dead);
	tcase_add_test(t, demonitor_flushes_the_down);
	tcase_add_test(t, demonitor_takes_the_last_message_out);
	tcase_add_test(t, only_its_owner_can_use_a_ref);
	tcase_add_test(t, one_that_monitors_and_calls_itself_can_end);
	tcase_add_test(t, a_pid_is_never_given_out_again);
	tcase_add_test(t, a_name_is_one_process_and_a_process_has_one_name);
}

static void
add_links(TCase *t)
{
	tcase_add_loop_test(t, an_end_travels_over_a_link_from_either_side, 0,
	    (int)COUNT(ends));
	tcase_add_test(t, an_exit_comes_after_every_message_of_the_dead);
	tcase_add_loop_test(t, an_unlinked_process_does_not_learn_it, 0, 2);
	tcase_add_loop_test(t, a_link_to_the_dead_brings_noproc_at_once, 0, 2);
	tcase_add_test(t, kill_cannot_be_trapped);
	tcase_add_loop_test(t, a_ring_of_links_ends_as_one_and_each_once, 0, 2);
}

static void
add_calls(TCase *t)
{
	tcase_add_loop_test(t, a_call_ends_in_one_of_six_ways, 0,
	    (int)COUNT(calls));
	tcase_add_test(t, a_call_after_a_long_pause_has_its_whole_time);
	tcase_add_test(t,
	    a_timeout_too_large_for_the_clock_does_not_come_early);
	tcase_add_test(t, a_late_answer_is_dropped_before_the_mailbox);
	tcase_add_test(t, a_second_answer_is_dropped);
	tcase_add_test(t, anyone_may_answer_later);
	tcase_add_test(t, the_answer_to_a_dead_caller_vanishes);
	tcase_add_loop_test(t, a_forgotten_call_brings_no_answer, 0, 2);
	tcase_add_test(t,
	    an_answer_to_a_forwarded_request_goes_to_the_behaviour);
}

static void
add_bounds(TCase *t)
{
	tcase_add_test(t,
	    a_full_mailbox_refuses_casts_and_infos_and_the_log_says_so);
	tcase_add_test(t, a_cast_to_nobody_is_counted_and_logged);
	tcase_add_test(t, answers_down_and_timers_get_into_a_full_mailbox);
	tcase_add_test(t, credit_comes_back_once_handled_or_dropped);
	tcase_add_test(t, a_message_with_credit_is_never_refused);
}

static void
add_end(TCase *t)
{
	tcase_add_test(t, the_timers_of_the_dead_do_nothing);
	tcase_add_test(t, what_is_in_the_mailbox_of_the_dead_is_not_handled);
	tcase_add_loop_test(t, terminate_may_do_anything_and_is_called_once, 0,
	    2);
	tcase_add_test(t, a_process_may_spawn_in_its_handler_and_end);
	tcase_add_test(t, node_free_ends_all_and_terminate_runs);
	tcase_add_test(t, a_hundred_thousand_processes_live_and_end);
}

static void
add_hooks(TCase *t)
{
	tcase_add_test(t, hooks_run_after_processes_and_at_end_last);
	tcase_add_test(t,
	    many_messages_hurry_a_turn_and_its_end_waits_for_the_next);
	tcase_add_test(t, a_queued_hook_stays_where_it_is);
	tcase_add_test(t, a_cancelled_hook_does_not_run_even_while_hooks_run);
	tcase_add_test(t, a_hook_at_the_end_may_make_a_process_runnable);
	tcase_add_test(t, a_hook_that_queues_itself_holds_nobody_up);
	tcase_add_loop_test(t, when_idle_comes_at_half_or_at_the_end, 0, 2);
	tcase_add_test(t, when_idle_waits_until_half);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*add)(TCase *t);
	} groups[] = {
		{ "order", add_order },
		{ "monitors", add_monitors },
		{ "links", add_links },
		{ "calls", add_calls },
		{ "bounds", add_bounds },
		{ "end", add_end },
		{ "hooks", add_hooks },
	};
	Suite *s = suite_create("proc");
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
