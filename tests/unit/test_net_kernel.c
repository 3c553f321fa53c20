/*
 * common/net_kernel.h: two nodes of one program, in virtual time. Each has
 * one actor, which notes what it gets: ?call :cast .info !DOWN +nodeup
 * -nodedown =answer.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "common/link.h"
#include "common/net_kernel.h"
#include "common/registry.h"
#include "proto/term.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* One node, and what its actor noted. */
struct side {
	struct world *world;
	struct node *node;
	struct pid actor;
	struct pid peer; /* the other node */
	char seen[1024];
};

static struct sim *sim;
static struct side near, far;
static uint16_t port;

__attribute__((format(printf, 2, 3))) static void
note(struct side *s, const char *format, ...)
{
	size_t n = strlen(s->seen);
	va_list args;

	ck_assert_uint_lt(n + 160, sizeof(s->seen));
	va_start(args, format);
	if (n > 0)
		s->seen[n++] = ' ';
	vsnprintf(s->seen + n, sizeof(s->seen) - n, format, args);
	va_end(args);
}

static void
expect(struct side *s, const char *words)
{
	sim_run_ms(sim, 20);
	ck_assert_str_eq(s->seen, words);
	s->seen[0] = '\0';
}

/* -- the actor -- */

static struct side *
side_of(struct proc *self)
{
	return proc_node(self) == near.node ? &near : &far;
}

static struct gs_next
actor_call(struct proc *self, const struct message *m)
{
	note(side_of(self), "?%.*s/%zu", (int)m->op.len,
	    (const char *)m->op.bytes, m->body.len);
	if (slice_is(m->op, "end"))
		return gs_stop("boom");
	if (slice_is(m->op, "quiet"))
		return gs_noreply();
	term_write_uint(gs_answer(self), 7);
	return gs_reply(self);
}

static struct gs_next
actor_cast(struct proc *self, const struct message *m)
{
	note(side_of(self), ":%.*s/%zu", (int)m->op.len,
	    (const char *)m->op.bytes, m->body.len);
	return gs_noreply();
}

static struct slice
first_text(struct slice array)
{
	struct term_reader r;
	struct slice text;
	uint32_t n;

	term_reader_init(&r, array);
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_int_eq(term_read_str(&r, &text), E_OK);
	return text;
}

static struct gs_next
actor_info(struct proc *self, const struct message *m)
{
	struct side *s = side_of(self);
	struct slice text = m->body;
	char sign = '!';

	if (m->kind == MESSAGE_DOWN) {
		ck_assert_uint_eq(m->from.pid.id, s->peer.id);
	} else {
		sign = slice_is(m->op, "nodeup") ? '+' : '-';
		text = first_text(m->body);
	}
	note(s, "%c%.*s", sign, (int)text.len, (const char *)text.bytes);
	return gs_noreply();
}

static const struct gen_server actor = {
	.module = "actor",
	.handle_call = actor_call,
	.handle_cast = actor_cast,
	.handle_info = actor_info,
};

static struct proc *
actor_of(const struct side *s)
{
	return node_find(s->node, s->actor);
}

static struct gs_next
on_answer(struct proc *self, const struct answer *a, void *arg)
{
	(void)arg;
	note(side_of(self), "=%s", err_word(a->e));
	return gs_noreply();
}

static void
ask(struct side *s, const char *op, struct slice params)
{
	gs_call(actor_of(s), s->peer, slice_of(op), params, 5000, on_answer,
	    NULL);
}

/* -- fixture -- */

static void
start(struct side *s, const char *name)
{
	memset(s, 0, sizeof(*s));
	s->world = sim_world(sim);
	s->node = node_new(s->world, slice_of(name), NULL);
	ck_assert_int_eq(gs_start(s->node, &actor, "actor", NULL, &s->actor),
	    E_OK);
	reg_subscribe(actor_of(s), REG_NODES);
}

static void
connect_with(const char *cookie)
{
	struct address to = sim_address("far", port);
	const char *why;

	ck_assert_int_eq(net_connect(near.node, &to, slice_of(cookie),
			     &near.peer, &why),
	    E_OK);
}

static void
setup(void)
{
	struct address at = sim_address("far", 0);
	const char *why;

	sim = sim_new(1);
	start(&near, "near");
	start(&far, "far");
	ck_assert_int_eq(net_listen(far.node, &at, slice_of("secret"), &port,
			     &why),
	    E_OK);
}

static void
setup_connected(void)
{
	setup();
	connect_with("secret");
	expect(&near, "+far");
	expect(&far, "+near");
	far.peer = net_peer(far.node, slice_of("near"));
	ck_assert_uint_ne(far.peer.id, 0);
}

static void
teardown(void)
{
	node_free(near.node);
	node_free(far.node);
	sim_free(sim);
}

/* -- to listen and to connect -- */

START_TEST(a_peer_is_found_by_its_nodes_name_while_there_is_a_link)
{
	ck_assert_uint_eq(net_peer(near.node, slice_of("far")).id, 0);
	connect_with("secret");
	ck_assert_uint_eq(net_peer(near.node, slice_of("far")).id, 0);
	ck_assert_int_eq(net_wait(near.node, near.peer, 1000), E_OK);
	ck_assert_uint_eq(net_peer(near.node, slice_of("far")).id,
	    near.peer.id);
	ck_assert_uint_eq(net_peer(near.node, slice_of("fa")).id, 0);
	sim_cut_world(near.world);
	expect(&near, "+far -far");
	expect(&far, "+near -near");
	ck_assert_uint_eq(net_peer(near.node, slice_of("far")).id, 0);
	ck_assert_int_eq(net_wait(near.node, near.peer, 1000), E_NOCONNECTION);
}
END_TEST

START_TEST(another_cookie_makes_no_link_and_no_nodeup)
{
	connect_with("guess");
	ask(&near, "actor.value", slice_of(""));
	ck_assert_int_eq(net_wait(near.node, near.peer, 1000), E_NOCONNECTION);
	sim_run_ms(sim, 1000);
	expect(&near, "=noconnection");
	expect(&far, "");
}
END_TEST

START_TEST(an_empty_or_long_cookie_is_badarg)
{
	static const uint8_t many[LIMIT_COOKIE + 1] = { 1 };
	const struct slice bad[] = { slice_of(""),
		slice_bytes(many, sizeof(many)) };
	struct address at = sim_address("near", 0);

	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *why = NULL;

		ck_assert_int_eq(net_listen(near.node, &at, bad[i], &port,
				     &why),
		    E_BADARG);
		ck_assert_ptr_nonnull(why);
		why = NULL;
		ck_assert_int_eq(net_connect(near.node, &at, bad[i], &near.peer,
				     &why),
		    E_BADARG);
		ck_assert_ptr_nonnull(why);
	}
	ck_assert_uint_eq(node_count(near.node), 1);
}
END_TEST

START_TEST(a_node_listens_once_and_a_port_is_taken_once)
{
	struct address again = sim_address("far", 0);
	struct address taken = sim_address("far", port);
	const char *why = NULL;
	uint16_t other = 0;

	ck_assert_int_eq(net_listen(far.node, &again, slice_of("x"), &other,
			     &why),
	    E_EXISTS);
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(net_listen(near.node, &taken, slice_of("x"), &other,
			     &why),
	    E_EXISTS);
	ck_assert_uint_eq(other, 0);
	/* The name is free again. */
	ck_assert_int_eq(net_listen(near.node, &again, slice_of("x"), &other,
			     &why),
	    E_OK);
	ck_assert_uint_ne(other, 0);
}
END_TEST

/* -- to ask -- */

START_TEST(nodes_call_cast_and_send_both_ways)
{
	struct side *sides[] = { &near, &far };

	for (size_t i = 0; i < COUNT(sides); i++) {
		struct side *from = sides[i], *to = sides[1 - i];

		ask(from, "actor.value", slice_of(""));
		proc_cast(from->node, from->peer, slice_of("actor.one"),
		    slice_of(""));
		proc_send(from->node, from->peer, slice_of("actor.two"),
		    slice_of("\x91\x05"));
		ask(from, "actor.end", slice_of("\x91\x05"));
		ask(from, "actor.value", slice_of(""));
		/* No parameters are an empty array over there. */
		expect(to, "?value/1 :one/1 :two/2 ?end/2");
		/* In its own node an actor that ended is one without name. */
		expect(from, "=ok =died =died");
		ck_assert_int_eq(gs_start(to->node, &actor, "actor", NULL,
				     &to->actor),
		    E_OK);
		ask(from, "nobody.value", slice_of(""));
		expect(from, "=noproc");
	}
}
END_TEST

START_TEST(a_call_that_is_open_when_the_link_ends_gets_noconnection)
{
	ask(&near, "actor.quiet", slice_of(""));
	expect(&far, "?quiet/1");
	sim_cut_world(far.world);
	expect(&near, "-far =noconnection");
	ask(&near, "actor.value", slice_of(""));
	expect(&near, "=noproc");
}
END_TEST

/* -- plazo -- */

START_TEST(a_request_past_its_plazo_is_answered_timeout_and_not_carried_out)
{
	static const struct {
		const char *params;
		size_t len;
		const char *answer, *handled;
	} cases[] = {
		/* [{"plazo": 50}], and after a parameter of its own */
		{ "\x91\x81\xa5plazo\x32", 9, "=timeout", "" },
		{ "\x92\x01\x81\xa5plazo\x32", 10, "=timeout", "" },
		{ "\x92\x01\x82\xa1y\xc0\xa5plazo\x32", 13, "=timeout", "" },
		/* More than it waited; another option; none */
		{ "\x91\x81\xa5plazo\x7f", 9, "=ok", "?value/9" },
		{ "\x91\x81\xa5plazu\x32", 9, "=ok", "?value/9" },
		{ "\x91\x01", 2, "=ok", "?value/2" },
		/* No sense: a text; a parameter of that name that is no map */
		{ "\x91\x81\xa5plazo\xa1x", 10, "=ok", "?value/10" },
		{ "\x91\xa5plazo", 7, "=ok", "?value/7" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		ask(&near, "actor.value",
		    slice_bytes(cases[i].params, cases[i].len));
		proc_suspend(actor_of(&far));
		sim_run_ms(sim, 100);
		proc_resume(actor_of(&far));
		expect(&far, cases[i].handled);
		expect(&near, cases[i].answer);
	}
}
END_TEST

/* -- monitors -- */

/* Refs of the far side's monitors here, as its peer shows them. */
static void
expect_given(const struct side *s, uint64_t want)
{
	struct term_reader r;
	struct slice key;
	struct buf b;
	uint64_t count = UINT64_MAX;
	uint32_t n;

	buf_init(&b);
	proc_format(node_find(s->node, s->peer), false, &b);
	term_reader_init(&r, buf_bytes(&b));
	ck_assert_int_eq(term_read_map(&r, &n), E_OK);
	for (; n > 0; n--) {
		ck_assert_int_eq(term_read_str(&r, &key), E_OK);
		if (slice_is(key, "monitors"))
			ck_assert_int_eq(term_read_uint(&r, &count), E_OK);
		else
			ck_assert_int_eq(term_skip(&r, NULL), E_OK);
	}
	buf_release(&b);
	ck_assert_uint_eq(count, want);
}

START_TEST(monitors_go_both_ways_and_tell_the_process_own_reason)
{
	static const char *const reasons[] = { "boom", "normal", "shutdown",
		"kill", "noconnection" };
	struct side *sides[] = { &near, &far };

	for (size_t i = 0; i < COUNT(sides) * COUNT(reasons); i++) {
		struct side *from = sides[i % 2], *to = sides[1 - i % 2];
		const char *reason = reasons[i / 2];
		char down[64];

		net_monitor(actor_of(from), from->peer, "actor");
		expect(from, "");
		expect_given(to, 1);
		proc_exit(actor_of(to), reason_of(reason));
		snprintf(down, sizeof(down), "!%s", reason);
		expect(from, down);
		expect_given(to, 0);
		ck_assert_int_eq(gs_start(to->node, &actor, "actor", NULL,
				     &to->actor),
		    E_OK);
	}
}
END_TEST

START_TEST(who_is_not_there_is_noproc)
{
	net_monitor(actor_of(&near), near.peer, "nobody");
	expect(&near, "!noproc");
	expect_given(&far, 0);
}
END_TEST

START_TEST(a_link_that_ends_is_one_noconnection_for_each_monitor)
{
	net_monitor(actor_of(&near), near.peer, "actor");
	net_monitor(actor_of(&far), far.peer, "actor");
	expect(&near, "");
	net_monitor(actor_of(&near), near.peer, "actor"); /* not answered */
	sim_cut_world(near.world);
	expect(&near, "-far !noconnection !noconnection");
	expect(&far, "-near !noconnection");
	net_monitor(actor_of(&near), near.peer, "actor");
	expect(&near, "!noconnection");
}
END_TEST

START_TEST(demonitor_is_heard_over_there_at_whatever_moment)
{
	/* At once, while it travels, before and after it was answered. */
	for (uint64_t ms = 0; ms < 8; ms++) {
		uint64_t ref = net_monitor(actor_of(&near), near.peer, "actor");

		sim_run_ms(sim, ms);
		net_demonitor(actor_of(&near), near.peer, ref);
		expect(&near, "");
		expect_given(&far, 0);
	}
	proc_exit(actor_of(&far), reason_of("boom"));
	expect(&near, "");
}
END_TEST

START_TEST(demonitor_takes_a_down_that_waits)
{
	uint64_t ref = net_monitor(actor_of(&near), near.peer, "nobody");

	proc_suspend(actor_of(&near));
	sim_run_ms(sim, 20);
	ck_assert_uint_eq(proc_mailbox(actor_of(&near)), 1);
	net_demonitor(actor_of(&near), near.peer, ref);
	ck_assert_uint_eq(proc_mailbox(actor_of(&near)), 0);
	proc_resume(actor_of(&near));
	expect(&near, "");
}
END_TEST

START_TEST(who_monitored_and_ended_is_forgotten_over_there)
{
	for (uint64_t ms = 0; ms < 8; ms++) {
		net_monitor(actor_of(&near), near.peer, "actor");
		sim_run_ms(sim, ms);
		proc_exit(actor_of(&near), reason_of("normal"));
		sim_run_ms(sim, 20);
		expect_given(&far, 0);
		ck_assert_int_eq(gs_start(near.node, &actor, "actor", NULL,
				     &near.actor),
		    E_OK);
	}
}
END_TEST

/* -- a far side that answers nonsense -- */

static struct link *liar;
static const char *lie; /* a term of len 1 */

static void
liar_message(void *owner, const struct rpc *m, bool clean)
{
	(void)owner;
	(void)clean;
	if (m->kind != RPC_REQUEST)
		return;
	rpc_write_result(link_out(liar), m->msgid, slice_of(lie));
	link_written(liar);
}

static void
liar_nothing(void *owner)
{
	(void)owner;
}

static void
liar_down(void *owner, enum err e, const char *why)
{
	(void)owner;
	(void)e;
	(void)why;
	link_free(liar);
	liar = NULL;
}

static const struct link_events liar_events = {
	.up = liar_nothing,
	.message = liar_message,
	.down = liar_down,
	.finished = liar_nothing,
	.drained = liar_nothing,
};

static void
liar_accepted(void *owner, struct stream *s, const struct stream_peer *from)
{
	struct link_config config = { .role = HANDSHAKE_SERVER,
		.cookie = slice_of("secret") };

	(void)owner;
	(void)from;
	ck_assert_int_eq(link_new(far.node, s, &config, &liar_events, NULL,
			     &liar),
	    E_OK);
}

static const struct listener_events liar_listener = {
	.accepted = liar_accepted,
};

START_TEST(an_answer_to_monitor_that_is_no_ref_is_noconnection)
{
	/* nil, true, -1, "", [], {} */
	static const char *const lies[] = { "\xc0", "\xc3", "\xff", "\xa0",
		"\x90", "\x80" };
	struct address at = sim_address("far", 0);
	struct listener *l;
	const char *why;

	ck_assert_int_eq(world_listen(far.world, &at, &liar_listener, NULL, &l,
			     &why),
	    E_OK);
	port = listener_port(far.world, l);
	connect_with("secret");
	expect(&near, "+far");
	for (size_t i = 0; i < COUNT(lies); i++) {
		lie = lies[i];
		net_monitor(actor_of(&near), near.peer, "actor");
		expect(&near, "!noconnection");
	}
	link_free(liar);
	listener_close(far.world, l);
}
END_TEST

static void
add_listening(TCase *t)
{
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
	    a_peer_is_found_by_its_nodes_name_while_there_is_a_link);
	tcase_add_test(t, another_cookie_makes_no_link_and_no_nodeup);
	tcase_add_test(t, an_empty_or_long_cookie_is_badarg);
	tcase_add_test(t, a_node_listens_once_and_a_port_is_taken_once);
	tcase_add_test(t, an_answer_to_monitor_that_is_no_ref_is_noconnection);
}

static void
add_connected(TCase *t)
{
	tcase_add_checked_fixture(t, setup_connected, teardown);
	tcase_add_test(t, nodes_call_cast_and_send_both_ways);
	tcase_add_test(t,
	    a_call_that_is_open_when_the_link_ends_gets_noconnection);
	tcase_add_test(t,
	    a_request_past_its_plazo_is_answered_timeout_and_not_carried_out);
	tcase_add_test(t,
	    monitors_go_both_ways_and_tell_the_process_own_reason);
	tcase_add_test(t, who_is_not_there_is_noproc);
	tcase_add_test(t,
	    a_link_that_ends_is_one_noconnection_for_each_monitor);
	tcase_add_test(t, demonitor_is_heard_over_there_at_whatever_moment);
	tcase_add_test(t, demonitor_takes_a_down_that_waits);
	tcase_add_test(t, who_monitored_and_ended_is_forgotten_over_there);
}

int
main(void)
{
	Suite *s = suite_create("net_kernel");
	TCase *listening = tcase_create("listening");
	TCase *connected = tcase_create("connected");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, listening);
	suite_add_tcase(s, connected);
	add_listening(listening);
	add_connected(connected);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
