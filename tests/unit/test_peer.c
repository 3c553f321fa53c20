/*
 * common/peer.h: two nodes, or a node and a bare stream, in virtual time.
 *
 * The far node has `eco`, a server that does what an operation's name says:
 * answers at once, later, never, ends. Processes of the near node call it
 * through their peer, which stands for the far node.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen_server.h"
#include "common/peer.h"
#include "common/registry.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/lib/sim.h"

#define PORT 18800
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { KEPT_MAX = 1024, CALLS_MAX = 4096, MONITORS_MAX = 256 };

/* What a policy was told. */
struct told {
	struct pid pid;
	int ups, downs;
	enum err e;
};

enum { SESSIONS_MAX = 512 };

static struct sim *sim;
static struct world *near_world, *far_world;
static struct node *near, *far;
static struct listener *listener; /* of the far node */
static struct pid eco; /* at the far node; asks may be open there */
static struct told near_told;
static struct told sessions[SESSIONS_MAX];
static int session_count;
static size_t answer_bytes; /* what the far policy reserves */
static char seen[8192]; /* by eco and by asker */
static uint64_t eco_handled;

__attribute__((format(printf, 1, 2))) static void
note(const char *format, ...)
{
	size_t n = strlen(seen);
	va_list args;

	ck_assert_uint_lt(n + 160, sizeof(seen));
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

/* -- eco -- */

struct eco {
	struct from kept[KEPT_MAX];
	unsigned count;
	bool quiet;
};

static struct gs_next
eco_answer(struct proc *self, size_t len)
{
	struct buf *b = gs_answer(self);

	term_write_bin(b, slice_of(""));
	if (len > 0) {
		buf_clear(b);
		hex_add(b, "c6");
		for (int shift = 24; shift >= 0; shift -= 8) {
			uint8_t byte = (uint8_t)(len >> shift);

			buf_add(b, slice_bytes(&byte, 1));
		}
		memset(buf_room(b, len), 'x', len);
		buf_grew(b, len);
	}
	return gs_reply(self);
}

static struct gs_next
eco_handle(struct proc *self, const struct message *m)
{
	struct eco *s = gs_state(self);

	eco_handled++;
	if (!s->quiet)
		note("%s%.*s", m->kind == MESSAGE_CALL ? "?" : ":",
		    (int)m->op.len, (const char *)m->op.bytes);
	if (slice_is(m->op, "keep")) {
		ck_assert_uint_lt(s->count, KEPT_MAX);
		s->kept[s->count++] = m->from;
		return gs_noreply();
	}
	if (slice_is(m->op, "end"))
		return gs_stop("boom");
	if (slice_is(m->op, "error"))
		return gs_error(E_EXISTS, "so it is");
	if (slice_is(m->op, "large"))
		return eco_answer(self, 100000);
	if (slice_is(m->op, "toolarge"))
		return eco_answer(self, LIMIT_FRAME);
	term_write_raw(gs_answer(self), m->body);
	return gs_reply(self);
}

static struct gs_next
eco_init(struct proc *self, void *arg)
{
	struct eco *s = gs_state(self);

	s->quiet = arg != NULL;
	return gs_noreply();
}

static const struct gen_server eco_module = {
	.module = "eco",
	.state_bytes = sizeof(struct eco),
	.init = eco_init,
	.handle_call = eco_handle,
	.handle_cast = eco_handle,
};

static void
start_eco(bool quiet)
{
	ck_assert_int_eq(gs_start(far, &eco_module, "eco", quiet ? &eco : NULL,
			     &eco),
	    E_OK);
}

static struct eco *
eco_state(void)
{
	return gs_state(node_find(far, eco));
}

/* Answers the nth request that eco keeps. */
static void
answer_kept(unsigned i)
{
	struct answer a = { .e = E_OK, .body = slice_of("\xc3") };

	proc_answer(far, eco_state()->kept[i], &a);
}

/* -- the far node's sessions -- */

static enum err
far_route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	(void)arg;
	if (slice_is(what->operation, "forbidden")) {
		*text = "not for you";
		return E_DENIED;
	}
	to->target = node_whereis(proc_node(peer), what->process);
	to->answer_bytes = answer_bytes;
	/* A route may be stale: the peer has to find that out. */
	return to->target.id != 0 || slice_is(what->process, "stale") ?
	    E_OK :
	    E_NOPROC;
}

static struct pid
far_whereis(struct proc *peer, void *arg, struct slice name)
{
	(void)arg;
	return node_whereis(proc_node(peer), name);
}

static void
told_up(struct proc *peer, void *arg)
{
	struct told *t = arg;

	ck_assert_ptr_nonnull(peer_link(peer));
	ck_assert_int_eq(t->downs, 0);
	t->ups++;
}

static void
told_down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct told *t = arg;

	ck_assert(peer_is(peer));
	ck_assert_ptr_nonnull(why);
	t->downs++;
	t->e = e;
}

static const struct peer_policy far_policy = {
	.route = far_route,
	.whereis = far_whereis,
	.up = told_up,
	.down = told_down,
};

static void
far_accepted(void *arg, struct stream *s, const struct stream_peer *from)
{
	struct link_config config = { .role = HANDSHAKE_SERVER,
		.cookie = slice_of("secret") };
	struct told *t = &sessions[session_count++];

	(void)arg;
	(void)from;
	ck_assert_int_le(session_count, SESSIONS_MAX);
	ck_assert_int_eq(peer_start(far, s, &config, &far_policy, t, &t->pid),
	    E_OK);
}

static const struct listener_events far_listener = {
	.accepted = far_accepted,
};

/* -- the near node's peer -- */

static enum err
near_route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	(void)peer;
	(void)arg;
	(void)what;
	(void)to;
	(void)text;
	return E_NOPROC;
}

static const struct peer_policy near_policy = {
	.route = near_route,
	.up = told_up,
	.down = told_down,
};

static struct stream *
connect_near(void)
{
	struct address to = sim_address("far", PORT);
	struct stream *s;
	const char *why;

	ck_assert_int_eq(world_connect(near_world, &to, &s, &why), E_OK);
	return s;
}

static void
start_peer(struct told *t)
{
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = slice_of("secret"),
		.user = slice_of("ana"),
		.connecting = true };

	ck_assert_int_eq(peer_start(near, connect_near(), &config, &near_policy,
			     t, &t->pid),
	    E_OK);
}

static struct proc *
near_peer(void)
{
	return node_find(near, near_told.pid);
}

static struct proc *
session(void)
{
	return node_find(far, sessions[0].pid);
}

/* -- asker: a process of the near node -- */

static struct pid asker;

static struct gs_next
asker_init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

static struct gs_next
asker_info(struct proc *self, const struct message *m)
{
	(void)self;
	ck_assert_int_eq(m->kind, MESSAGE_DOWN);
	ck_assert_uint_eq(m->from.pid.id, near_told.pid.id);
	note("!%.*s", (int)m->body.len, (const char *)m->body.bytes);
	return gs_noreply();
}

static const struct gen_server asker_module = {
	.module = "asker",
	.state_bytes = 1,
	.init = asker_init,
	.handle_info = asker_info,
};

static struct gs_next
on_answer(struct proc *self, const struct answer *a, void *arg)
{
	(void)self;
	(void)arg;
	note("=%s", err_word(a->e));
	return gs_noreply();
}

static const uint8_t no_params[] = { 0x90 };

static void
ask_for(const char *method, uint64_t timeout_ms)
{
	gs_call(node_find(near, asker), near_told.pid, slice_of(method),
	    slice_bytes(no_params, 1), timeout_ms, on_answer, NULL);
}

static void
ask(const char *method)
{
	ask_for(method, LIMIT_CALL_MS);
}

static void
cast(const char *method)
{
	proc_cast(near, near_told.pid, slice_of(method),
	    slice_bytes(no_params, 1));
}

static uint64_t
watch(const char *name)
{
	return peer_monitor(node_find(near, asker), near_told.pid,
	    slice_of(name));
}

/* -- fixture -- */

static void
setup_seed(uint64_t seed)
{
	struct address at = sim_address("far", PORT);
	const char *why;

	sim = sim_new(seed);
	near_world = sim_world(sim);
	far_world = sim_world(sim);
	near = node_new(near_world, slice_of("near"), NULL);
	far = node_new(far_world, slice_of("far"), NULL);
	memset(&near_told, 0, sizeof(near_told));
	memset(sessions, 0, sizeof(sessions));
	session_count = 0;
	answer_bytes = 0;
	eco_handled = 0;
	seen[0] = '\0';
	ck_assert_int_eq(world_listen(far_world, &at, &far_listener, NULL,
			     &listener, &why),
	    E_OK);
	ck_assert_int_eq(gs_start(near, &asker_module, NULL, NULL, &asker),
	    E_OK);
}

static void
setup(void)
{
	setup_seed(1);
}

static void
teardown(void)
{
	node_free(near);
	node_free(far);
	for (int i = 0; i < session_count; i++)
		ck_assert_int_eq(sessions[i].downs, 1);
	sim_free(sim);
}

static void
start_both(void)
{
	start_eco(false);
	start_peer(&near_told);
	sim_run_ms(sim, 50);
	ck_assert_int_eq(near_told.ups, 1);
	ck_assert_int_eq(sessions[0].ups, 1);
}

static void
settle(void)
{
	sim_run_ms(sim, 100);
}

static void
expect_down(enum err e)
{
	ck_assert_int_eq(near_told.downs, 1);
	ck_assert_str_eq(err_word(near_told.e), err_word(e));
	ck_assert_ptr_null(near_peer());
}

/* -- calls and casts -- */

START_TEST(a_call_is_answered_by_the_far_process)
{
	struct buf body;

	start_both();
	buf_init(&body);
	ck_assert_int_eq(gs_call_wait(near, near_told.pid, slice_of("eco.x"),
			     slice_of("\x92\x01\xa1y"), 1000, &body),
	    E_OK);
	ck_assert(slice_is(buf_bytes(&body), "\x92\x01\xa1y"));
	buf_clear(&body);
	ck_assert_int_eq(gs_call_wait(near, near_told.pid,
			     slice_of("eco.error"), slice_of("\x90"), 1000,
			     &body),
	    E_EXISTS);
	ck_assert(slice_is(buf_bytes(&body), "so it is"));
	buf_release(&body);
	expect("?x ?error");
}
END_TEST

/* What the far side says to a method it does not let through. */
static const struct {
	const char *method;
	const char *seen;
} refused[] = {
	{ "nobody.x", "=noproc" },
	{ "stale.x", "=noproc" },
	{ "eco.forbidden", "=denied" },
	{ "eco.", "=undef" },
	{ ".x", "=undef" },
	{ "eco", "=undef" },
	{ "node.x", "=undef" },
	{ "node.hello", "=badarg" },
	{ "node.ping", "=ok" },
	{ "node.monitor", "=badarg" },
	{ "node.demonitor", "=badarg" },
	{ "node.down", "=undef" },
	{ "eco.toolarge", "?toolarge =toobig" },
};

START_TEST(what_the_policy_does_not_allow_is_an_error_and_the_link_goes_on)
{
	start_both();
	ask(refused[_i].method);
	settle();
	expect(refused[_i].seen);
	cast(refused[_i].method);
	settle();
	seen[0] = '\0';
	ask("eco.x");
	settle();
	expect("?x =ok");
	ck_assert_int_eq(near_told.downs, 0);
}
END_TEST

START_TEST(casts_and_calls_arrive_in_order)
{
	start_both();
	sim_net(sim)->chop = (enum sim_chop)_i;
	sim_net(sim)->delay_max_ms = 10;
	cast("eco.a");
	ask("eco.b");
	cast("eco.c");
	cast("eco.d");
	ask("eco.e");
	sim_run_ms(sim, 3000);
	expect(_i == SIM_WHOLE ? ":a ?b :c :d ?e =ok =ok" : seen);
	ck_assert_uint_eq(eco_handled, 5);
}
END_TEST

START_TEST(what_was_sent_before_the_link_is_up_comes_after_it)
{
	start_eco(false);
	start_peer(&near_told);
	cast("eco.a");
	ask("eco.b");
	cast("eco.c");
	settle();
	expect(":a ?b :c =ok");
}
END_TEST

START_TEST(what_was_sent_to_a_link_that_never_opens_is_noconnection)
{
	sim_net(sim)->refuse = true;
	start_peer(&near_told);
	cast("eco.a");
	ask("eco.b");
	watch("eco");
	settle();
	expect("!noconnection =noconnection");
	expect_down(E_UNREACHABLE);
	ck_assert_int_eq(near_told.ups, 0);
}
END_TEST

START_TEST(answers_may_overtake_each_other_and_come_late)
{
	start_both();
	ask("eco.keep");
	ask("eco.keep");
	ask("eco.x");
	settle();
	expect("?keep ?keep ?x =ok");
	answer_kept(1);
	settle();
	expect("=ok");
	answer_kept(1); /* nobody waits any more */
	answer_kept(0);
	settle();
	expect("=ok");
	answer_kept(0);
	settle();
	expect("");
}
END_TEST

START_TEST(a_call_that_takes_too_long_is_a_timeout_and_its_answer_dropped)
{
	start_both();
	ask_for("eco.keep", 200);
	sim_run_ms(sim, 199);
	expect("?keep");
	sim_run_ms(sim, 10);
	expect("=timeout");
	answer_kept(0);
	ask("eco.x");
	settle();
	expect("?x =ok");
}
END_TEST

START_TEST(a_cut_link_is_noconnection_for_all_that_is_open)
{
	start_both();
	ask("eco.keep");
	ask("eco.keep");
	settle();
	expect("?keep ?keep");
	sim_cut_world(near_world);
	ask("eco.x");
	settle();
	expect("=noconnection =noconnection =noconnection");
	expect_down(E_NOCONNECTION);
	ck_assert_int_eq(sessions[0].downs, 1);
	answer_kept(0); /* to nobody */
	settle();
	ask("eco.x");
	settle();
	expect("=noproc");
}
END_TEST

START_TEST(a_target_that_ends_answers_died_to_all_that_are_open_there)
{
	start_both();
	ask("eco.keep");
	ask("eco.keep");
	ask("eco.end");
	ask("eco.x");
	settle();
	expect("?keep ?keep ?end =died =died =died =died");
	ask("eco.x");
	settle();
	expect("=noproc");
	start_eco(false);
	ask("eco.x");
	ask("eco.keep");
	settle();
	expect("?x ?keep =ok");
	proc_exit(node_find(far, eco), reason_of("kill"));
	settle();
	expect("=died");
}
END_TEST

/* -- a bare stream instead of the near node -- */

static struct stream *raw;
static struct buf raw_got;
static int raw_ended;

static void
raw_opened(void *arg)
{
	(void)arg;
}

static void
raw_bytes(void *arg, struct slice bytes)
{
	(void)arg;
	buf_add(&raw_got, bytes);
}

static void
raw_end(void *arg, enum err e, const char *why)
{
	(void)arg;
	(void)why;
	raw_ended += e == E_OK ? 1 : 100;
}

static const struct stream_events raw_events = {
	.opened = raw_opened,
	.bytes = raw_bytes,
	.writable = raw_opened,
	.ended = raw_end,
};

static void
raw_say(struct buf *b)
{
	ck_assert_uint_eq(stream_write(raw, buf_bytes(b)), buf_len(b));
	buf_release(b);
}

static bool
raw_next(struct rpc *m)
{
	static uint8_t frame[4096];
	struct term_check c;

	term_check_init(&c, LIMIT_FRAME);
	if (term_check(&c, buf_bytes(&raw_got)) != TERM_WHOLE)
		return false;
	ck_assert_uint_le(c.pos, sizeof(frame));
	memcpy(frame, buf_bytes(&raw_got).bytes, c.pos);
	buf_consume(&raw_got, c.pos);
	ck_assert_int_eq(rpc_decode(slice_bytes(frame, c.pos), m), E_OK);
	return true;
}

/* Notes the answers that came. */
static void
raw_hear(void)
{
	struct rpc m;

	sim_run_ms(sim, 100);
	while (raw_next(&m)) {
		if (m.kind == RPC_RESPONSE)
			note("%s#%u", err_word(rpc_read_error(m.error, NULL)),
			    m.msgid);
		else
			note("%.*s", (int)m.method.len,
			    (const char *)m.method.bytes);
	}
}

static void
raw_start(void)
{
	uint8_t nonce[HANDSHAKE_NONCE_BYTES] = { 7 };
	struct handshake h;
	struct buf b;
	struct rpc m;

	start_eco(false);
	raw_ended = 0;
	buf_init(&raw_got);
	raw = connect_near();
	stream_own(raw, &raw_events, NULL);
	stream_want_read(raw, true);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(handshake_init(&h, HANDSHAKE_CLIENT,
			     slice_of("secret"), nonce, slice_of("raw")),
	    E_OK);
	buf_init(&b);
	ck_assert_int_eq(handshake_hello(&h, slice_of(""), false, &b), E_OK);
	for (int i = 0; i < 2; i++) {
		raw_say(&b);
		sim_run_ms(sim, 10);
		ck_assert(raw_next(&m));
		handshake_feed(&h, &m, true, &b);
	}
	ck_assert_int_eq(h.state, HANDSHAKE_DONE);
	handshake_release(&h);
	buf_release(&b);
}

static void
raw_stop(void)
{
	stream_close(raw);
	buf_release(&raw_got);
}

static void
raw_add(struct buf *b, const char *method, uint32_t msgid)
{
	rpc_write_request(b, msgid, slice_of(method),
	    slice_bytes(no_params, 1));
}

static void
raw_ask(const char *method, uint32_t msgid)
{
	struct buf b;

	buf_init(&b);
	raw_add(&b, method, msgid);
	raw_say(&b);
}

START_TEST(a_msgid_may_be_used_twice_and_each_use_is_answered)
{
	raw_start();
	raw_ask("eco.keep", 7);
	raw_ask("eco.x", 7);
	raw_ask("eco.keep", 7);
	raw_hear();
	expect("?keep ?x ?keep ok#7");
	answer_kept(0);
	answer_kept(1);
	raw_hear();
	expect("ok#7 ok#7");
	raw_stop();
}
END_TEST

START_TEST(each_open_request_gets_died_exactly_once)
{
	struct pid first;

	raw_start();
	first = eco;
	ck_assert_int_eq(gs_start(far, &eco_module, "other", NULL, &eco), E_OK);
	raw_ask("other.keep", 9);
	raw_ask("eco.keep", 1);
	raw_ask("eco.x", 2);
	raw_ask("eco.keep", 3);
	raw_ask("eco.keep", 4);
	raw_hear();
	seen[0] = '\0';
	eco = first;
	answer_kept(1);
	proc_exit(node_find(far, first), reason_of("kill"));
	raw_hear();
	expect("ok#3 died#1 died#4");
	eco = node_whereis(far, slice_of("other"));
	answer_kept(0); /* the other's is not touched */
	raw_hear();
	expect("ok#9");
	raw_stop();
}
END_TEST

START_TEST(a_half_close_answers_what_is_open_and_closes)
{
	raw_start();
	raw_ask("eco.keep", 1);
	raw_ask("eco.keep", 2);
	stream_finish(raw);
	raw_hear();
	expect("?keep ?keep");
	ck_assert_int_eq(raw_ended, 0);
	answer_kept(0);
	raw_hear();
	expect("ok#1");
	ck_assert_int_eq(raw_ended, 0);
	if (_i == 1) /* a stop of the node changes nothing about that */
		peer_drain(session());
	answer_kept(1);
	raw_hear();
	expect("ok#2");
	ck_assert_int_eq(raw_ended, 1);
	ck_assert_int_eq(sessions[0].downs, 1);
	raw_stop();
}
END_TEST

START_TEST(a_half_close_with_nothing_open_closes_at_once)
{
	raw_start();
	raw_ask("eco.x", 1);
	raw_hear();
	stream_finish(raw);
	raw_hear();
	expect("?x ok#1");
	ck_assert_int_eq(raw_ended, 1);
	ck_assert_int_eq(sessions[0].downs, 1);
	raw_stop();
}
END_TEST

START_TEST(a_drain_answers_what_is_open_takes_nothing_new_and_closes)
{
	raw_start();
	raw_ask("eco.keep", 1);
	raw_hear();
	peer_drain(session());
	peer_drain(session());
	raw_ask("eco.x", 2);
	raw_hear();
	expect("?keep");
	ck_assert_int_eq(raw_ended, 0);
	answer_kept(0);
	raw_hear();
	expect("ok#1");
	ck_assert_int_eq(raw_ended, 1);
	stream_finish(raw);
	raw_hear();
	ck_assert_int_eq(sessions[0].downs, 1);
	ck_assert_ptr_null(session());
	raw_stop();
}
END_TEST

START_TEST(a_drain_waits_five_seconds_and_one)
{
	raw_start();
	raw_ask("eco.keep", 1);
	raw_hear();
	peer_drain(session());
	sim_run_ms(sim, LIMIT_CALL_MS - 10);
	ck_assert_int_eq(raw_ended, 0);
	sim_run_ms(sim, 20);
	ck_assert_int_eq(raw_ended, 1);
	ck_assert_int_eq(sessions[0].downs, 0);
	sim_run_ms(sim, 1000);
	ck_assert_int_eq(sessions[0].downs, 1);
	raw_stop();
}
END_TEST

START_TEST(a_drain_before_the_link_is_up_is_its_end)
{
	start_peer(&near_told);
	if (_i == 1)
		sim_run_ms(sim, 3);
	ck_assert_int_eq(near_told.ups, 0);
	peer_drain(near_peer());
	settle();
	expect_down(E_NOCONNECTION);
}
END_TEST

/* A response whose bytes no reader should meet ends its call. */
START_TEST(an_unclean_answer_is_malformed_and_its_text_a_sentence)
{
	start_both();
	/* The far side's buffer is ours for a moment. */
	ask("eco.keep");
	settle();
	expect("?keep");
	hex_add(link_out(peer_link(session())), "940100c0a1ff");
	hex_add(link_out(peer_link(session())), "940100c0c3"); /* and again */
	hex_add(link_out(peer_link(session())), "9401cd4000c0c3");
	hex_add(link_out(peer_link(session())), "940100a178c0");
	link_written(peer_link(session()));
	settle();
	expect("=malformed");
	ask("eco.x");
	settle();
	expect("?x =ok");
}
END_TEST

/* -- monitors across the link -- */

START_TEST(a_far_process_is_monitored_by_name)
{
	start_both();
	watch("eco");
	watch("eco");
	watch("nobody");
	settle();
	expect("!noproc");
	ask("eco.end");
	settle();
	expect("?end =died !boom !boom");
	sim_cut_world(near_world);
	settle();
	expect("");
}
END_TEST

START_TEST(a_monitor_of_a_link_that_ends_is_noconnection)
{
	start_both();
	watch("eco");
	settle();
	watch("eco"); /* still on its way */
	sim_cut_world(near_world);
	settle();
	expect("!noconnection !noconnection");
	watch("eco");
	settle();
	expect("!noconnection");
}
END_TEST

START_TEST(a_monitor_taken_back_does_not_fire)
{
	uint64_t ref;

	start_both();
	ref = watch("eco");
	if (_i == 1)
		settle();
	peer_demonitor(node_find(near, asker), near_told.pid, ref);
	if (_i == 2)
		settle();
	ask("eco.end");
	settle();
	expect("?end =died");
	sim_cut_world(near_world);
	settle();
	expect("");
}
END_TEST

START_TEST(a_monitor_that_fired_or_was_taken_back_makes_room_for_another)
{
	start_both();
	for (int i = 0; i < LIMIT_MONITORS + 10; i++) {
		watch("nobody");
		sim_run_ms(sim, 5);
		expect("!noproc");
	}
	for (int i = 0; i < LIMIT_MONITORS + 10; i++) {
		uint64_t ref = watch("eco");

		sim_run_ms(sim, 3);
		peer_demonitor(node_find(near, asker), near_told.pid, ref);
		sim_run_ms(sim, 2);
		expect("");
	}
	for (int i = 0; i < LIMIT_MONITORS; i++)
		watch("eco");
	settle();
	expect("");
	watch("eco");
	settle();
	expect("!overload");
}
END_TEST

/* -- flow -- */

START_TEST(a_target_that_falls_behind_holds_the_link)
{
	int n = LIMIT_MAILBOX / 2 + 500;

	raw_start();
	proc_suspend(node_find(far, eco));
	eco_state()->quiet = true;
	for (int i = 0; i < LIMIT_MAILBOX / 2; i++)
		proc_cast(far, eco, slice_of("own"), slice_of("\xc3"));
	for (int i = LIMIT_MAILBOX / 2; i < n; i++)
		raw_ask("eco.x", (uint32_t)i);
	settle();
	/* One too many is noticed; the rest stays outside. */
	ck_assert_uint_eq(proc_mailbox(node_find(far, eco)),
	    LIMIT_MAILBOX / 2 + 1);
	if (_i == 0) {
		proc_resume(node_find(far, eco));
		settle();
		ck_assert_uint_eq(eco_handled, (unsigned)n);
		raw_stop();
		return;
	}
	/* Its end releases the link too, and answers. */
	proc_exit(node_find(far, eco), reason_of("kill"));
	raw_hear();
	ck_assert_int_eq(strncmp(seen, "died#4096 noproc#4097 ", 22), 0);
	raw_stop();
}
END_TEST

START_TEST(the_window_counts_what_is_not_handled_yet)
{
	raw_start();
	eco_state()->quiet = true;
	proc_suspend(node_find(far, eco));
	for (uint32_t i = 0; i < 1000; i++)
		raw_ask("eco.x", i);
	settle();
	ck_assert_uint_eq(proc_mailbox(node_find(far, eco)), LIMIT_FLIGHT);
	proc_resume(node_find(far, eco));
	settle();
	ck_assert_uint_eq(eco_handled, 1000);
	raw_stop();
}
END_TEST

START_TEST(room_is_reserved_for_the_answer_of_each_request)
{
	answer_bytes = LIMIT_FRAME;
	raw_start();
	for (uint32_t i = 0; i < 5; i++)
		raw_ask("eco.keep", i);
	settle();
	for (unsigned i = 0; i < 5; i++) {
		/* One at a time: each fills the link by itself. */
		ck_assert_uint_eq(eco_state()->count, i + 1);
		answer_kept(i);
		settle();
	}
	raw_hear();
	expect("?keep ?keep ?keep ?keep ?keep ok#0 ok#1 ok#2 ok#3 ok#4");
	raw_stop();
}
END_TEST

START_TEST(a_reserved_request_whose_target_ends_gives_its_room_back)
{
	answer_bytes = LIMIT_FRAME;
	raw_start();
	raw_ask("eco.keep", 1);
	raw_ask("eco.x", 2);
	settle();
	proc_exit(node_find(far, eco), reason_of("kill"));
	settle();
	raw_hear();
	expect("?keep died#1 noproc#2");
	raw_stop();
}
END_TEST

static const uint8_t *
large_params(size_t len)
{
	static uint8_t bytes[70000];

	ck_assert_uint_le(len + 6, sizeof(bytes));
	bytes[0] = 0x91;
	bytes[1] = 0xc6;
	bytes[2] = 0;
	bytes[3] = (uint8_t)(len >> 16);
	bytes[4] = (uint8_t)(len >> 8);
	bytes[5] = (uint8_t)len;
	return bytes;
}

START_TEST(a_peer_whose_link_is_full_waits)
{
	struct slice params = slice_bytes(large_params(65000), 65006);

	start_both();
	eco_state()->quiet = true;
	sim_unplug(far_world, true);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(proc_cast(near, near_told.pid,
				     slice_of("eco.x"), params),
		    E_OK);
	settle();
	ck_assert_uint_gt(proc_mailbox(near_peer()), 90);
	ck_assert_uint_lt(link_unsent(peer_link(near_peer())),
	    LIMIT_UNSENT + 65100);
	ck_assert_uint_eq(node_unsent(near),
	    link_unsent(peer_link(near_peer())));
	sim_unplug(far_world, false);
	sim_run_ms(sim, 2000);
	ck_assert_uint_eq(eco_handled, 100);
	ck_assert_uint_eq(node_unsent(near), 0);
}
END_TEST

/* A stop waits behind what is in the mailbox, and what is unsent leaves. */
START_TEST(a_peer_that_is_stopped_sends_what_it_has)
{
	struct slice params = slice_bytes(large_params(65000), 65006);

	start_both();
	eco_state()->quiet = true;
	for (int i = 0; i < 20; i++)
		proc_cast(near, near_told.pid, slice_of("eco.x"), params);
	gs_stop_pid(near, near_told.pid, "normal");
	sim_run_ms(sim, 500);
	ck_assert_uint_eq(eco_handled, 20);
	expect_down(E_NOCONNECTION);
	ck_assert_int_eq(sessions[0].downs, 1);
}
END_TEST

enum { GREEDY = 280 };

/* Until so many bytes more are unsent: the stream takes some at first. */
static void
greedy_write(struct told *t, size_t len)
{
	struct link *l = peer_link(node_find(far, t->pid));
	size_t wanted = link_unsent(l) + len;

	while (link_unsent(l) < wanted) {
		len = wanted - link_unsent(l);
		memset(buf_room(link_out(l), len), 0xc0, len);
		buf_grew(link_out(l), len);
		link_written(l);
	}
}

START_TEST(a_node_that_holds_too_much_closes_its_largest_links)
{
	static struct told peers[GREEDY];

	start_eco(true);
	memset(peers, 0, sizeof(peers));
	for (int i = 0; i < GREEDY; i++)
		start_peer(&peers[i]);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(session_count, GREEDY);
	near_told = peers[0];
	ask("eco.keep");
	settle();
	sim_unplug(near_world, true);
	for (int i = 1; i < 256; i++)
		greedy_write(&sessions[i], LIMIT_FRAME);
	greedy_write(&sessions[200], LIMIT_FRAME);
	ck_assert_uint_eq(node_unsent(far), (size_t)256 * LIMIT_FRAME);
	ck_assert_int_eq(LIMIT_UNSENT_NODE, 256 * LIMIT_FRAME);
	greedy_write(&sessions[7], 1);
	/* The next answer finds it too much. */
	ck_assert_int_eq(sessions[200].downs, 0);
	answer_kept(0);
	ck_assert_int_eq(sessions[200].e, E_SLOW);
	for (int i = 0; i < GREEDY; i++)
		ck_assert_int_eq(sessions[i].downs, i == 200);
	node_free(near);
	near = node_new(near_world, slice_of("near"), NULL);
}
END_TEST

START_TEST(a_cast_that_is_too_much_closes_the_largest_link_too)
{
	static struct told other;

	start_both();
	start_peer(&other);
	settle();
	greedy_write(&sessions[1], (size_t)LIMIT_UNSENT_NODE);
	ck_assert_int_eq(sessions[1].downs, 0);
	ck_assert_int_eq(proc_cast(far, sessions[0].pid, slice_of("x"),
			     slice_bytes(no_params, 1)),
	    E_OK);
	sim_step(sim);
	ck_assert_int_eq(sessions[1].e, E_SLOW);
	ck_assert_int_eq(sessions[0].downs, 0);
}
END_TEST

/* -- broadcasts, and who is too slow for them -- */

static const struct {
	const char *op;
	size_t len; /* of the one parameter; 0: no body at all */
	bool alone;
} published[] = {
	{ "chat.message", 0, true },
	{ "chat.message", 0, false },
	{ "chat.message", 1, false },
	{ "chat.message", 300, false },
	{ "chat.message", 65000, true },
	{ "a.name_of_more_than_thirty_one_characters", 20, false },
};

/* The notification that rpc.h writes, byte for byte. */
START_TEST(what_is_published_is_a_notification_on_the_wire)
{
	struct slice op = slice_of(published[_i].op);
	struct slice params = slice_bytes(no_params, 1);
	size_t len = published[_i].len;
	struct buf want;

	if (len > 0)
		params = slice_bytes(large_params(len), len + 6);
	raw_start();
	reg_subscribe(session(), "room");
	if (!published[_i].alone)
		reg_subscribe(node_find(far, eco), "room");
	reg_publish(far, "room", op, len > 0 ? params : slice_of(""));
	sim_run_ms(sim, 1000);
	buf_init(&want);
	rpc_write_notify(&want, op, params);
	ck_assert(slice_equal(buf_bytes(&raw_got), buf_bytes(&want)));
	buf_release(&want);
	raw_stop();
}
END_TEST

/* Traced, or not, it is the same on the wire. */
START_TEST(what_is_published_together_is_so_many_notifications)
{
	struct slice bodies[] = { slice_of(""),
		slice_bytes(large_params(300), 306), slice_bytes(no_params, 1),
		slice_of("") };
	struct buf want;

	raw_start();
	reg_subscribe(session(), "room");
	if (_i == 1)
		proc_trace(session(), eco, "trace");
	reg_publish_all(far, "room", slice_of("chat.message"), bodies,
	    COUNT(bodies));
	ck_assert_uint_eq(proc_mailbox(session()), COUNT(bodies));
	sim_run_ms(sim, 1000);
	buf_init(&want);
	for (size_t i = 0; i < COUNT(bodies); i++)
		rpc_write_notify(&want, slice_of("chat.message"),
		    rpc_params(bodies[i]));
	ck_assert(slice_equal(buf_bytes(&raw_got), buf_bytes(&want)));
	buf_release(&want);
	raw_stop();
}
END_TEST

/* Publishes until the session is behind, or a thousand times. */
static bool
flood(void)
{
	struct slice body = slice_bytes(large_params(2000), 2006);

	reg_subscribe(session(), "room");
	for (int i = 0; i < 1000 && !peer_is_behind(session()); i++) {
		reg_publish(far, "room", slice_of("x"), body);
		sim_run_ms(sim, 10);
	}
	return peer_is_behind(session());
}

START_TEST(a_reader_that_stands_still_is_behind)
{
	raw_start();
	ck_assert(!flood());
	sim_unplug(near_world, true);
	ck_assert(flood());
	ck_assert_uint_lt(link_unsent(peer_link(session())),
	    LIMIT_UNSENT + 3000);
	sim_unplug(near_world, false);
	sim_run_ms(sim, 1000);
	ck_assert(!peer_is_behind(session()));
	raw_stop();
}
END_TEST

START_TEST(a_full_mailbox_is_behind_too)
{
	raw_start();
	proc_suspend(session());
	for (int i = 0; i < LIMIT_MAILBOX / 2; i++)
		proc_cast(far, sessions[0].pid, slice_of("x"), slice_of(""));
	ck_assert(!peer_is_behind(session()));
	proc_cast(far, sessions[0].pid, slice_of("x"), slice_of(""));
	ck_assert(peer_is_behind(session()));
	raw_stop();
}
END_TEST

START_TEST(one_that_is_closed_gets_what_was_sent_and_a_word)
{
	struct rpc m = { .kind = RPC_REQUEST };
	struct slice text;
	unsigned count = 0;

	raw_start();
	sim_unplug(near_world, true);
	ck_assert(flood());
	peer_close(session(), E_SLOW, "you are too slow");
	peer_close(session(), E_SLOW, "said again"); /* changes nothing */
	sim_unplug(near_world, false);
	sim_run_ms(sim, 500);
	for (; raw_next(&m) && slice_is(m.method, "x"); count++)
		continue;
	ck_assert_uint_gt(count, LIMIT_UNSENT / 2100);
	ck_assert(slice_is(m.method, "node.error"));
	ck_assert_int_eq(rpc_read_error(m.params, &text), E_SLOW);
	ck_assert(slice_is(text, "you are too slow"));
	ck_assert(!raw_next(&m));
	ck_assert_int_eq(raw_ended, 1);
	raw_stop();
	settle();
	ck_assert_int_eq(sessions[0].e, E_SLOW);
}
END_TEST

START_TEST(one_that_takes_nothing_is_closed_within_a_second)
{
	raw_start();
	sim_unplug(near_world, true);
	ck_assert(flood());
	peer_close(session(), E_SLOW, "you are too slow");
	ck_assert_int_eq(sessions[0].downs, 0);
	sim_run_ms(sim, 1001);
	ck_assert_int_eq(sessions[0].downs, 1);
	ck_assert_int_eq(sessions[0].e, E_SLOW);
	ck_assert_ptr_null(session());
	ck_assert_uint_eq(node_unsent(far), 0);
	raw_stop();
}
END_TEST

START_TEST(one_that_is_aborted_is_down_at_once)
{
	raw_start();
	sim_unplug(near_world, true);
	ck_assert(flood());
	peer_abort(session(), E_SLOW, "you are too slow");
	peer_abort(session(), E_SLOW, "said again");
	peer_close(session(), E_SLOW, "said again");
	ck_assert(!peer_is_behind(session()));
	ck_assert_int_eq(sessions[0].downs, 1);
	ck_assert_int_eq(sessions[0].e, E_SLOW);
	ck_assert_uint_eq(node_unsent(far), 0);
	sim_run_ms(sim, 10);
	ck_assert_ptr_null(session());
	sim_unplug(near_world, false);
	raw_stop();
}
END_TEST

/* -- how it ends -- */

START_TEST(a_peer_that_cannot_start_tells_nobody)
{
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = slice_of("secret"),
		.user = slice_of("a\nb"),
		.connecting = true };
	struct pid pid = { 77 };
	uint32_t before = node_count(near);

	ck_assert_int_eq(peer_start(near, connect_near(), &config, &near_policy,
			     &near_told, &pid),
	    E_BADARG);
	ck_assert_uint_eq(pid.id, 77);
	settle();
	ck_assert_uint_eq(node_count(near), before);
	ck_assert_int_eq(near_told.downs, 0);
	ck_assert_uint_eq(sim_streams(near_world), 0);
}
END_TEST

START_TEST(a_peer_that_is_killed_is_down_once_and_closes)
{
	start_both();
	ask("eco.keep");
	settle();
	proc_exit(near_peer(), reason_of("noconnection"));
	settle();
	expect("?keep =noconnection");
	expect_down(E_NOCONNECTION);
	/* It could be the end of a half: the open request has its time. */
	ck_assert_int_eq(sessions[0].downs, 0);
	sim_run_ms(sim, LIMIT_CALL_MS + 1000);
	ck_assert_int_eq(sessions[0].downs, 1);
	ck_assert_uint_eq(sim_streams(far_world), 0);
}
END_TEST

START_TEST(a_node_may_be_freed_at_any_step)
{
	bool near_first = _i % 2 == 0;

	start_eco(true);
	start_peer(&near_told);
	for (int i = 0; i < 10; i++) {
		cast("eco.x");
		ask("eco.keep");
		ask("eco.large");
	}
	watch("eco");
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	listener_close(far_world, listener);
	node_free(near_first ? near : far);
	settle();
	if (near_first)
		near = node_new(near_world, slice_of("near"), NULL);
	else
		far = node_new(far_world, slice_of("far"), NULL);
	ck_assert_uint_eq(node_unsent(near), 0);
	ck_assert_uint_eq(node_unsent(far), 0);
}
END_TEST

/* -- whatever is cut when -- */

/*
 * The model: how often each call was answered and each monitor fired. At
 * the end all of them exactly once, whatever became of the links.
 */
static struct {
	uint8_t calls[CALLS_MAX];
	int call_count;
	uint64_t monitors[MONITORS_MAX];
	uint8_t fired[MONITORS_MAX];
	int monitor_count;
} model;

static struct gs_next
model_answer(struct proc *self, const struct answer *a, void *arg)
{
	uint8_t *call = arg;

	(void)self;
	ck_assert_int_ne(a->e, E_MALFORMED);
	ck_assert_int_eq(*call, 0);
	++*call;
	return gs_noreply();
}

static struct gs_next
model_info(struct proc *self, const struct message *m)
{
	(void)self;
	ck_assert_int_eq(m->kind, MESSAGE_DOWN);
	for (int i = 0; i < model.monitor_count; i++)
		if (model.monitors[i] == m->from.ref) {
			ck_assert_int_eq(model.fired[i], 0);
			model.fired[i]++;
			return gs_noreply();
		}
	ck_abort_msg("a DOWN of no monitor");
	return gs_noreply();
}

static const struct gen_server model_module = {
	.module = "model",
	.state_bytes = 1,
	.init = asker_init,
	.handle_info = model_info,
};

static struct told model_peers[SESSIONS_MAX];
static int peer_count;

static struct pid
model_peer(void)
{
	if (peer_count == 0)
		return (struct pid){ 0 };
	return model_peers[peer_count - 1].pid;
}

static void
model_call(struct proc *self)
{
	static const char *const methods[] = { "eco.x", "eco.keep", "eco.large",
		"eco.error", "nobody.x", "eco.toolarge" };

	if (model.call_count == CALLS_MAX || model_peer().id == 0)
		return;
	gs_call(self, model_peer(),
	    slice_of(methods[sim_random(sim, COUNT(methods))]),
	    slice_bytes(no_params, 1), 1 + sim_random(sim, 3000), model_answer,
	    &model.calls[model.call_count]);
	model.call_count++;
}

static void
model_watch(struct proc *self)
{
	if (model.monitor_count == MONITORS_MAX || model_peer().id == 0)
		return;
	model.monitors[model.monitor_count++] = peer_monitor(self, model_peer(),
	    slice_of(sim_random(sim, 4) == 0 ? "no" : "eco"));
}

static void
model_connect(void)
{
	if (peer_count < SESSIONS_MAX && session_count < SESSIONS_MAX - 10)
		start_peer(&model_peers[peer_count++]);
}

static void
model_eco(void)
{
	struct proc *p = node_find(far, eco);

	if (p == NULL)
		start_eco(true);
	else if (sim_random(sim, 3) == 0)
		proc_exit(p, reason_of("kill"));
	else if (eco_state()->count > 0)
		answer_kept(sim_random(sim, eco_state()->count));
	p = node_find(far, eco);
	if (p != NULL && eco_state()->count > KEPT_MAX / 2)
		eco_state()->count = 0;
}

static void
model_harm(void)
{
	struct proc *p = node_find(near, model_peer());

	switch (sim_random(sim, 5)) {
	case 0:
		sim_cut_any(sim);
		break;
	case 1:
		if (p != NULL)
			proc_exit(p, reason_of("kill"));
		break;
	case 2:
		if (p != NULL)
			peer_drain(p);
		break;
	case 3:
		p = session_count > 0 ?
		    node_find(far, sessions[session_count - 1].pid) :
		    NULL;
		if (p != NULL)
			peer_drain(p);
		break;
	default:
		gs_stop_pid(near, model_peer(), "normal");
		break;
	}
}

static void
model_step(struct pid self)
{
	uint32_t dice = sim_random(sim, 100);

	if (dice < 40)
		model_call(node_find(near, self));
	else if (dice < 50)
		model_watch(node_find(near, self));
	else if (dice < 60)
		model_eco();
	else if (dice < 64)
		model_harm();
	else if (dice < 68)
		model_connect();
	else if (dice < 70)
		sim_run_ms(sim, sim_random(sim, 2000));
	else
		for (uint32_t i = sim_random(sim, 20); i > 0; i--)
			sim_step(sim);
}

START_TEST(each_call_ends_once_and_each_monitor_fires_once_whatever_is_cut)
{
	struct pid self;
	struct sim_net *net;

	teardown();
	setup_seed((uint64_t)_i);
	memset(&model, 0, sizeof(model));
	memset(model_peers, 0, sizeof(model_peers));
	peer_count = 0;
	net = sim_net(sim);
	net->chop = sim_random(sim, 3) == 0 ? SIM_CHOPPED : SIM_WHOLE;
	net->delay_max_ms = sim_random(sim, 50);
	net->pipe_bytes = 1000 + sim_random(sim, 100000);
	net->shuffle = true;
	answer_bytes = sim_random(sim, 2) * (uint32_t)LIMIT_FRAME;
	ck_assert_int_eq(gs_start(near, &model_module, NULL, NULL, &self),
	    E_OK);
	model_connect();
	for (int i = 0; i < 300; i++)
		model_step(self);
	/* All ends: eco, then every link; then time for the timeouts. */
	if (node_find(far, eco) != NULL)
		proc_exit(node_find(far, eco), reason_of("kill"));
	sim_run_ms(sim, 100);
	while (sim_cut_any(sim))
		continue;
	sim_run_ms(sim, 20000);
	for (int i = 0; i < model.call_count; i++)
		ck_assert_int_eq(model.calls[i], 1);
	for (int i = 0; i < model.monitor_count; i++)
		ck_assert_int_eq(model.fired[i], 1);
	for (int i = 0; i < peer_count; i++)
		ck_assert_int_eq(model_peers[i].downs, 1);
	ck_assert_uint_eq(node_count(far), 0);
	ck_assert_uint_eq(node_unsent(near), 0);
	ck_assert_uint_eq(node_unsent(far), 0);
	ck_assert_uint_eq(sim_streams(near_world), 0);
	ck_assert_uint_eq(sim_streams(far_world), 0);
}
END_TEST

/* -- */

static void
add_calls(TCase *t)
{
	tcase_add_test(t, a_call_is_answered_by_the_far_process);
	tcase_add_loop_test(t,
	    what_the_policy_does_not_allow_is_an_error_and_the_link_goes_on, 0,
	    (int)COUNT(refused));
	tcase_add_loop_test(t, casts_and_calls_arrive_in_order, SIM_WHOLE,
	    SIM_BYTES + 1);
	tcase_add_test(t, what_was_sent_before_the_link_is_up_comes_after_it);
	tcase_add_test(t,
	    what_was_sent_to_a_link_that_never_opens_is_noconnection);
	tcase_add_test(t, answers_may_overtake_each_other_and_come_late);
	tcase_add_test(t,
	    a_call_that_takes_too_long_is_a_timeout_and_its_answer_dropped);
	tcase_add_test(t, a_cut_link_is_noconnection_for_all_that_is_open);
	tcase_add_test(t,
	    a_target_that_ends_answers_died_to_all_that_are_open_there);
	tcase_add_test(t,
	    an_unclean_answer_is_malformed_and_its_text_a_sentence);
}

static void
add_raw(TCase *t)
{
	tcase_add_test(t, a_msgid_may_be_used_twice_and_each_use_is_answered);
	tcase_add_test(t, each_open_request_gets_died_exactly_once);
	tcase_add_loop_test(t, a_half_close_answers_what_is_open_and_closes, 0,
	    2);
	tcase_add_test(t, a_half_close_with_nothing_open_closes_at_once);
	tcase_add_test(t,
	    a_drain_answers_what_is_open_takes_nothing_new_and_closes);
	tcase_add_test(t, a_drain_waits_five_seconds_and_one);
	tcase_add_loop_test(t, a_drain_before_the_link_is_up_is_its_end, 0, 2);
}

static void
add_monitors(TCase *t)
{
	tcase_add_test(t, a_far_process_is_monitored_by_name);
	tcase_add_test(t, a_monitor_of_a_link_that_ends_is_noconnection);
	tcase_add_loop_test(t, a_monitor_taken_back_does_not_fire, 0, 3);
	tcase_add_test(t,
	    a_monitor_that_fired_or_was_taken_back_makes_room_for_another);
}

static void
add_flow(TCase *t)
{
	tcase_add_loop_test(t, a_target_that_falls_behind_holds_the_link, 0, 2);
	tcase_add_test(t, the_window_counts_what_is_not_handled_yet);
	tcase_add_test(t, room_is_reserved_for_the_answer_of_each_request);
	tcase_add_test(t,
	    a_reserved_request_whose_target_ends_gives_its_room_back);
	tcase_add_test(t, a_peer_whose_link_is_full_waits);
	tcase_add_test(t, a_peer_that_is_stopped_sends_what_it_has);
	tcase_add_test(t, a_node_that_holds_too_much_closes_its_largest_links);
	tcase_add_test(t, a_cast_that_is_too_much_closes_the_largest_link_too);
}

static void
add_broadcasts(TCase *t)
{
	tcase_add_loop_test(t, what_is_published_is_a_notification_on_the_wire,
	    0, (int)COUNT(published));
	tcase_add_loop_test(t,
	    what_is_published_together_is_so_many_notifications, 0, 2);
	tcase_add_test(t, a_reader_that_stands_still_is_behind);
	tcase_add_test(t, a_full_mailbox_is_behind_too);
	tcase_add_test(t, one_that_is_closed_gets_what_was_sent_and_a_word);
	tcase_add_test(t, one_that_takes_nothing_is_closed_within_a_second);
	tcase_add_test(t, one_that_is_aborted_is_down_at_once);
}

static void
add_end(TCase *t)
{
	tcase_add_test(t, a_peer_that_cannot_start_tells_nobody);
	tcase_add_test(t, a_peer_that_is_killed_is_down_once_and_closes);
	tcase_add_loop_test(t, a_node_may_be_freed_at_any_step, 0, 120);
	tcase_add_loop_test(t,
	    each_call_ends_once_and_each_monitor_fires_once_whatever_is_cut, 0,
	    300);
}

static void
add_case(Suite *s, const char *name, void (*add)(TCase *t))
{
	TCase *t = tcase_create(name);

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	add(t);
}

int
main(void)
{
	Suite *s = suite_create("peer");
	SRunner *sr = srunner_create(s);
	int failed;

	add_case(s, "calls", add_calls);
	add_case(s, "bare stream", add_raw);
	add_case(s, "monitors", add_monitors);
	add_case(s, "flow", add_flow);
	add_case(s, "broadcasts", add_broadcasts);
	add_case(s, "end", add_end);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
