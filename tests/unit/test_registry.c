/* common/registry.h: topics and who wants them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "common/registry.h"
#include "proto/limits.h"
#include "proto/rpc.h"
#include "tests/lib/sim.h"

enum { MANY = 1000 };

static struct sim *sim;
static struct node *node;

/* What a subscriber heard: the first letters of the operations. */
struct heard {
	unsigned count;
	char ops[8];
	struct slice op, body; /* where the last one lay */
};

static struct gs_next
on_info(struct proc *self, const struct message *m)
{
	struct heard *h = gs_state(self);

	ck_assert_int_eq(m->kind, MESSAGE_INFO);
	ck_assert(slice_is(m->body, "body"));
	h->count++;
	if (h->count < sizeof(h->ops))
		h->ops[h->count - 1] = (char)m->op.bytes[0];
	h->op = m->op;
	h->body = m->body;
	if (slice_is(m->op, "unsubscribe"))
		reg_unsubscribe(self, "chat");
	if (slice_is(m->op, "publish"))
		reg_publish(proc_node(self), "chat", slice_of("answer"),
		    slice_of("body"));
	if (slice_is(m->op, "end"))
		return gs_stop("normal");
	return gs_noreply();
}

static const struct gen_server listener = {
	.module = "listener",
	.state_bytes = sizeof(struct heard),
	.handle_info = on_info,
};

static struct proc *
spawn(const char *topic)
{
	struct pid pid;
	struct proc *p;

	ck_assert_int_eq(gs_start(node, &listener, NULL, NULL, &pid), E_OK);
	p = node_find(node, pid);
	if (topic != NULL)
		reg_subscribe(p, topic);
	return p;
}

static uint32_t
publish(const char *topic, const char *op)
{
	return reg_publish(node, topic, slice_of(op), slice_of("body"));
}

static void
expect(struct proc *p, const char *ops)
{
	struct heard *h = gs_state(p);

	sim_run_ms(sim, 1);
	ck_assert_str_eq(h->ops, ops);
}

/* -- who takes frames, or does not -- */

/* Each message as how many it counts and its body: "1:x 3:c ". */
struct taken {
	char seen[64];
	struct buf frames;
	struct proc *friend; /* NULL: none */
	uint64_t friend_handled; /* when the last message came */
};

static void
take(struct proc *p, struct message *m)
{
	struct taken *t = proc_state(p);
	size_t len = strlen(t->seen);

	if (m->frame != NULL)
		buf_add(&t->frames, blob_bytes(m->frame));
	if (t->friend != NULL)
		t->friend_handled = proc_handled(t->friend);
	if (m->kind == MESSAGE_INFO && !slice_is(m->op, "fill"))
		snprintf(t->seen + len, sizeof(t->seen) - len, "%u:%.*s ",
		    m->count, (int)m->body.len, (const char *)m->body.bytes);
}

static void
take_no_more(struct proc *p, const struct reason *why)
{
	struct taken *t = proc_state(p);

	(void)why;
	buf_release(&t->frames);
}

static const struct behaviour takers[] = {
	{ .name = "one by one", .receive = take, .terminate = take_no_more },
	{ .name = "frames",
	    .receive = take,
	    .terminate = take_no_more,
	    .takes_frames = true },
};

static struct proc *
spawn_taker(bool frames)
{
	struct proc *p =
	    proc_spawn(node, &takers[frames], sizeof(struct taken));
	struct taken *t = proc_state(p);

	buf_init(&t->frames);
	reg_subscribe(p, "chat");
	return p;
}

static void
expect_taken(struct proc *p, const char *seen)
{
	const struct taken *t = proc_state(p);

	sim_run_ms(sim, 1000);
	ck_assert_str_eq(t->seen, seen);
}

static const char *const letters[] = { "a", "b", "c" };

static uint32_t
publish_letters(uint32_t count)
{
	struct slice bodies[3];

	for (uint32_t i = 0; i < count; i++)
		bodies[i] = slice_of(letters[i]);
	return reg_publish_all(node, "chat", slice_of("op"), bodies, count);
}

static void
setup(void)
{
	sim = sim_new(1);
	node = node_new(sim_world(sim), slice_of("n"), NULL);
}

static void
teardown(void)
{
	node_free(node);
	sim_free(sim);
}

START_TEST(what_is_published_reaches_every_subscriber_once)
{
	static struct proc *all[MANY];
	struct proc *other = spawn("other"), *nobody = spawn(NULL);

	for (size_t i = 0; i < MANY; i++)
		all[i] = spawn("chat");
	ck_assert_uint_eq(reg_count(node, "chat"), MANY);
	ck_assert_uint_eq(publish("chat", "one"), MANY);
	ck_assert_uint_eq(publish("chat", "two"), MANY);
	for (size_t i = 0; i < MANY; i++)
		expect(all[i], "ot");
	expect(other, "");
	expect(nobody, "");
}
END_TEST

START_TEST(a_broadcast_is_there_once_however_many_hear_it)
{
	const struct heard *a = gs_state(spawn("chat"));
	const struct heard *b = gs_state(spawn("chat"));

	publish("chat", "one");
	sim_run_ms(sim, 1);
	ck_assert_ptr_nonnull(a->body.bytes);
	ck_assert_ptr_eq(a->body.bytes, b->body.bytes);
	ck_assert_ptr_eq(a->op.bytes, b->op.bytes);
}
END_TEST

/* Whoever hears it last ends it, also without hearing it. */
START_TEST(a_broadcast_lives_as_long_as_the_last_who_waits_for_it)
{
	struct proc *a = spawn("chat"), *b = spawn("chat"), *c = spawn("chat");

	proc_suspend(b);
	proc_suspend(c);
	publish("chat", "one");
	expect(a, "o");
	proc_exit(c, reason_of("boom"));
	sim_run_ms(sim, 1);
	proc_resume(b);
	expect(b, "o");
	proc_suspend(a);
	publish("chat", "two"); /* the node ends before a hears it */
}
END_TEST

START_TEST(nobody_hears_of_a_topic_without_subscribers)
{
	ck_assert_uint_eq(publish("chat", "one"), 0);
	ck_assert_uint_eq(reg_count(node, "chat"), 0);
	ck_assert_uint_eq(publish("", "one"), 0);
}
END_TEST

START_TEST(to_subscribe_twice_is_once)
{
	struct proc *p = spawn("chat");

	reg_subscribe(p, "chat");
	ck_assert_uint_eq(publish("chat", "one"), 1);
	expect(p, "o");
	reg_unsubscribe(p, "chat");
	ck_assert_uint_eq(publish("chat", "two"), 0);
	reg_unsubscribe(p, "chat");
	reg_unsubscribe(p, "never");
	expect(p, "o");
}
END_TEST

START_TEST(what_waits_when_it_unsubscribes_still_comes)
{
	struct proc *p = spawn("chat");

	publish("chat", "one");
	reg_unsubscribe(p, "chat");
	publish("chat", "two");
	expect(p, "o");
}
END_TEST

START_TEST(a_subscription_ends_with_its_process)
{
	struct proc *a = spawn("chat"), *b = spawn("chat");

	reg_subscribe(a, "other");
	proc_exit(a, reason_of("boom"));
	sim_run_ms(sim, 1);
	ck_assert_uint_eq(reg_count(node, "chat"), 1);
	ck_assert_uint_eq(reg_count(node, "other"), 0);
	ck_assert_uint_eq(publish("chat", "one"), 1);
	expect(b, "o");
}
END_TEST

START_TEST(a_topic_lives_again_after_its_last_subscriber)
{
	char topic[] = "chat";
	struct proc *p = spawn(topic);

	/* The name is the registry's own copy. */
	memset(topic, 'x', sizeof(topic) - 1);
	ck_assert_uint_eq(reg_count(node, "chat"), 1);
	reg_unsubscribe(p, "chat");
	ck_assert_uint_eq(reg_count(node, "chat"), 0);
	reg_subscribe(p, "chat");
	ck_assert_uint_eq(publish("chat", "one"), 1);
	expect(p, "o");
}
END_TEST

START_TEST(one_whose_mailbox_is_full_misses_it_and_others_do_not)
{
	struct proc *full = spawn("chat"), *idle = spawn("chat");
	const struct heard *h = gs_state(full);

	proc_suspend(full);
	for (uint32_t i = 0; i < LIMIT_MAILBOX; i++)
		ck_assert_int_eq(proc_send(node, proc_pid(full),
				     slice_of("fill"), slice_of("body")),
		    E_OK);
	ck_assert_uint_eq(publish("chat", "one"), 2);
	expect(idle, "o");
	ck_assert_uint_eq(proc_mailbox(full), LIMIT_MAILBOX);
	proc_resume(full);
	sim_run_ms(sim, 1000);
	ck_assert_uint_eq(h->count, LIMIT_MAILBOX);
	ck_assert_uint_eq(publish("chat", "two"), 2);
	sim_run_ms(sim, 1);
	ck_assert_uint_eq(h->count, LIMIT_MAILBOX + 1);
}
END_TEST

/* How many steps a walk has; each process that it meets leaves or ends. */
static unsigned
walk(const char *topic, bool leave, bool end)
{
	struct reg_walk w;
	struct proc *p;
	unsigned steps = 0;

	reg_walk(&w, node, topic);
	for (; (p = reg_next(&w)) != NULL; steps++) {
		if (leave)
			reg_unsubscribe(p, topic);
		if (end)
			proc_exit(p, reason_of("normal"));
	}
	ck_assert_ptr_null(reg_next(&w));
	return steps;
}

START_TEST(a_walk_meets_every_subscriber_once)
{
	struct proc *all[3] = { spawn("chat"), spawn("chat"), spawn("chat") };
	unsigned met[3] = { 0 };
	struct reg_walk w;
	struct proc *p;

	spawn("other");
	reg_walk(&w, node, "chat");
	while ((p = reg_next(&w)) != NULL)
		for (size_t i = 0; i < 3; i++)
			met[i] += p == all[i];
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(met[i], 1);
	ck_assert_uint_eq(walk("chat", false, false), 3);
	ck_assert_uint_eq(walk("nobody", false, false), 0);
}
END_TEST

START_TEST(who_is_met_may_leave_the_topic_or_end)
{
	for (int i = 0; i < 5; i++)
		spawn("chat");
	ck_assert_uint_eq(walk("chat", true, _i == 1), 5);
	ck_assert_uint_eq(reg_count(node, "chat"), 0);
	ck_assert_uint_eq(walk("chat", false, false), 0);
}
END_TEST

START_TEST(handlers_may_publish_leave_and_end)
{
	struct proc *a = spawn("chat"), *b = spawn("chat");

	publish("chat", "publish"); /* each of the two answers both */
	expect(a, "paa");
	expect(b, "paa");
	publish("chat", "unsubscribe");
	expect(a, "paau");
	ck_assert_uint_eq(reg_count(node, "chat"), 0);
	reg_subscribe(a, "chat");
	reg_subscribe(b, "chat");
	publish("chat", "end");
	sim_run_ms(sim, 1);
	ck_assert_uint_eq(reg_count(node, "chat"), 0);
	ck_assert_uint_eq(node_count(node), 0);
}
END_TEST

START_TEST(what_comes_together_is_one_message_to_who_takes_frames)
{
	struct proc *a = spawn_taker(true), *b = spawn_taker(true);
	struct proc *other = spawn_taker(false);
	const struct taken *t = proc_state(a);
	struct buf want;

	ck_assert_uint_eq(publish_letters(3), 3);
	ck_assert_uint_eq(proc_mailbox(a), 3);
	expect_taken(a, "3:c ");
	expect_taken(b, "3:c ");
	expect_taken(other, "1:a 1:b 1:c ");
	ck_assert_uint_eq(proc_mailbox(a), 0);
	ck_assert_uint_eq(proc_handled(a), 3);
	buf_init(&want);
	for (size_t i = 0; i < 3; i++)
		rpc_write_notify(&want, slice_of("op"), slice_of(letters[i]));
	ck_assert(slice_equal(buf_bytes(&t->frames), buf_bytes(&want)));
	buf_release(&want);
	ck_assert_uint_eq(publish_letters(1), 3);
	expect_taken(a, "3:c 1:a ");
	expect_taken(other, "1:a 1:b 1:c 1:a ");
}
END_TEST

START_TEST(nobody_need_hear_what_comes_together)
{
	ck_assert_uint_eq(publish_letters(3), 0);
}
END_TEST

START_TEST(a_trace_is_told_each_of_what_comes_together)
{
	struct proc *p = spawn_taker(true), *tracer = spawn(NULL);

	proc_trace(p, proc_pid(tracer), "trace");
	publish_letters(3);
	expect_taken(p, "1:a 1:b 1:c ");
	ck_assert_uint_eq(proc_handled(tracer), 3);
	ck_assert_uint_eq(proc_untrace(p), 0);
	publish_letters(2); /* it waits when the trace begins */
	proc_trace(p, proc_pid(tracer), "trace");
	expect_taken(p, "1:a 1:b 1:c 2:b ");
	ck_assert_uint_eq(proc_handled(tracer), 4);
	ck_assert_uint_eq(proc_untrace(p), 1);
}
END_TEST

/* Of three: all, or those that have room, or none. */
START_TEST(a_mailbox_that_is_nearly_full_takes_what_has_room)
{
	static const char *const seen[] = { "", "1:a ", "1:a 1:b ", "3:c " };
	uint32_t room = (uint32_t)_i;
	struct proc *p = spawn_taker(true), *idle = spawn_taker(true);

	proc_suspend(p);
	for (uint32_t i = 0; i < LIMIT_MAILBOX - room; i++)
		ck_assert_int_eq(proc_send(node, proc_pid(p), slice_of("fill"),
				     slice_of("")),
		    E_OK);
	ck_assert_uint_eq(publish_letters(3), 2);
	expect_taken(idle, "3:c ");
	ck_assert_uint_eq(proc_mailbox(p), LIMIT_MAILBOX);
	ck_assert_int_eq(proc_send(node, proc_pid(p), slice_of("fill"),
			     slice_of("")),
	    E_OVERLOAD);
	proc_resume(p);
	expect_taken(p, seen[room]);
	ck_assert_uint_eq(proc_mailbox(p), 0);
}
END_TEST

/* A turn counts what its messages stand for. */
START_TEST(what_comes_together_starves_nobody)
{
	struct proc *a = spawn_taker(true), *b = spawn_taker(true);
	struct taken *of_a = proc_state(a), *of_b = proc_state(b);

	of_a->friend = b;
	of_b->friend = a;
	for (int i = 0; i < LIMIT_BATCH / 2; i++)
		publish_letters(3);
	sim_run_ms(sim, 1000);
	ck_assert_uint_eq(proc_handled(a), 3 * LIMIT_BATCH / 2);
	ck_assert_uint_eq(proc_handled(b), 3 * LIMIT_BATCH / 2);
	ck_assert_uint_ge(of_a->friend_handled, LIMIT_BATCH);
	ck_assert_uint_ge(of_b->friend_handled, LIMIT_BATCH);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("topics");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_published_reaches_every_subscriber_once);
	tcase_add_test(t, a_broadcast_is_there_once_however_many_hear_it);
	tcase_add_test(t,
	    a_broadcast_lives_as_long_as_the_last_who_waits_for_it);
	tcase_add_test(t, nobody_hears_of_a_topic_without_subscribers);
	tcase_add_test(t, to_subscribe_twice_is_once);
	tcase_add_test(t, what_waits_when_it_unsubscribes_still_comes);
	tcase_add_test(t, a_subscription_ends_with_its_process);
	tcase_add_test(t, a_topic_lives_again_after_its_last_subscriber);
	tcase_add_test(t,
	    one_whose_mailbox_is_full_misses_it_and_others_do_not);
	tcase_add_test(t, a_walk_meets_every_subscriber_once);
	tcase_add_loop_test(t, who_is_met_may_leave_the_topic_or_end, 0, 2);
	tcase_add_test(t, handlers_may_publish_leave_and_end);
	tcase_add_test(t,
	    what_comes_together_is_one_message_to_who_takes_frames);
	tcase_add_test(t, what_comes_together_starves_nobody);
	tcase_add_test(t, nobody_need_hear_what_comes_together);
	tcase_add_test(t, a_trace_is_told_each_of_what_comes_together);
	tcase_add_loop_test(t,
	    a_mailbox_that_is_nearly_full_takes_what_has_room, 0, 4);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
