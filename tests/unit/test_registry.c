/* common/registry.h: topics and who wants them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "common/registry.h"
#include "proto/limits.h"
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
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
