/*
 * common/link.h, in virtual time. One end is a link under test and its
 * owner; the other is a hand: a bare stream that the test writes to and
 * reads from, byte by byte if it wants to.
 *
 * What an owner saw of messages, and what a hand heard, is a line of words:
 *	call:tareas.x#7  cast:tareas.x  answer#7  ok#7  badarg#7
 * An exclamation mark in front: the bytes were not clean.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/link.h"
#include "common/message.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/lib/sim.h"

#define PORT 18800
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NEVER UINT64_MAX

enum event { NOTHING, UP, MESSAGE, FINISHED, DRAINED, DOWN };

enum { KEPT_MAX = 512 };

struct owner {
	struct link *link; /* NULL: freed, or not there yet */
	int ups, downs, finisheds, draineds;
	enum err e;
	const char *why;
	uint64_t up_ms, down_ms;
	char seen[8192];
	int messages;
	enum event free_at;
	enum event abort_at;
	bool close_when_finished;
	bool lends; /* keeps a message on credit for each it sees */
	struct message *kept[KEPT_MAX];
	int kept_count;
};

struct hand {
	struct stream *stream;
	struct buf out; /* what the pipe had no room for */
	struct buf got;
	int ended;
	enum err e;
	uint64_t ended_ms;
	struct handshake shake;
	char heard[8192];
};

static struct sim *sim;
static struct world *us, *them;
static struct node *node;
static struct listener *listener;
static struct stream *accepted;
static struct owner owner;
static struct hand hand;

__attribute__((format(printf, 3, 4))) static void
add_word(char *words, size_t size, const char *format, ...)
{
	size_t n = strlen(words);
	va_list args;

	ck_assert_uint_lt(n + 160, size);
	va_start(args, format);
	if (n > 0)
		words[n++] = ' ';
	vsnprintf(words + n, size - n, format, args);
	va_end(args);
}

/* -- the owner of a link -- */

static void
at_event(struct owner *o, enum event event)
{
	struct link *l = o->link;

	ck_assert_ptr_nonnull(l);
	if (o->abort_at == event) {
		o->abort_at = NOTHING;
		link_abort(l, E_NOCONNECTION, "enough");
	}
	if (o->free_at == event) {
		o->link = NULL;
		link_free(l);
	}
}

static void
on_up(void *arg)
{
	struct owner *o = arg;

	ck_assert(link_is_up(o->link));
	ck_assert_int_eq(o->downs, 0);
	o->ups++;
	o->up_ms = sim_now(sim);
	at_event(o, UP);
}

static void
keep(struct owner *o)
{
	struct message *m =
	    message_new(MESSAGE_CAST, slice_of(""), slice_of(""));

	ck_assert_int_lt(o->kept_count, KEPT_MAX);
	message_lend(m, link_credit(o->link));
	o->kept[o->kept_count++] = m;
}

static void
return_kept(struct owner *o, int n)
{
	for (; n > 0; n--)
		message_free(o->kept[--o->kept_count]);
}

static void
on_message(void *arg, const struct rpc *m, bool clean)
{
	struct owner *o = arg;
	const char *mark = clean ? "" : "!";
	bool room = ++o->messages <= 100;

	ck_assert_int_eq(o->downs, 0);
	if (room && m->kind == RPC_RESPONSE)
		add_word(o->seen, sizeof(o->seen), "%sanswer#%u", mark,
		    m->msgid);
	else if (room && m->kind == RPC_REQUEST)
		add_word(o->seen, sizeof(o->seen), "%scall:%.*s#%u", mark,
		    (int)m->method.len, (const char *)m->method.bytes,
		    m->msgid);
	else if (room)
		add_word(o->seen, sizeof(o->seen), "%scast:%.*s", mark,
		    (int)m->method.len, (const char *)m->method.bytes);
	if (o->lends)
		keep(o);
	at_event(o, MESSAGE);
}

static void
on_finished(void *arg)
{
	struct owner *o = arg;

	ck_assert_int_eq(o->downs, 0);
	o->finisheds++;
	if (o->close_when_finished)
		link_close(o->link, E_OK, "closed");
	at_event(o, FINISHED);
}

static void
on_drained(void *arg)
{
	struct owner *o = arg;

	ck_assert_int_eq(o->downs, 0);
	o->draineds++;
	at_event(o, DRAINED);
}

static void
on_down(void *arg, enum err e, const char *why)
{
	struct owner *o = arg;

	ck_assert(!link_is_up(o->link));
	ck_assert_ptr_nonnull(why);
	o->downs++;
	o->e = e;
	o->why = why;
	o->down_ms = sim_now(sim);
	at_event(o, DOWN);
}

static const struct link_events link_events = {
	.up = on_up,
	.message = on_message,
	.finished = on_finished,
	.drained = on_drained,
	.down = on_down,
};

/* -- the hand -- */

static void
pump(struct hand *h)
{
	size_t n = stream_write(h->stream, buf_bytes(&h->out));

	buf_consume(&h->out, n);
	stream_want_write(h->stream, buf_len(&h->out) > 0);
}

static void
hand_opened(void *arg)
{
	pump(arg);
}

static void
hand_bytes(void *arg, struct slice bytes)
{
	struct hand *h = arg;

	buf_add(&h->got, bytes);
}

static void
hand_writable(void *arg)
{
	pump(arg);
}

static void
hand_ended(void *arg, enum err e, const char *why)
{
	struct hand *h = arg;

	(void)why;
	h->ended++;
	h->e = e;
	h->ended_ms = sim_now(sim);
}

static const struct stream_events hand_events = {
	.opened = hand_opened,
	.bytes = hand_bytes,
	.writable = hand_writable,
	.ended = hand_ended,
};

static void
say(struct slice bytes)
{
	buf_add(&hand.out, bytes);
	pump(&hand);
}

static void
say_buf(struct buf *b)
{
	say(buf_bytes(b));
	buf_release(b);
}

static void
say_hex(const char *hex)
{
	struct buf b = hex_buf(hex);

	say_buf(&b);
}

static const uint8_t no_params[] = { 0x90 };

static void
add_call(struct buf *b, const char *method, uint32_t msgid)
{
	rpc_write_request(b, msgid, slice_of(method),
	    slice_bytes(no_params, 1));
}

static void
say_call(const char *method, uint32_t msgid)
{
	struct buf b;

	buf_init(&b);
	add_call(&b, method, msgid);
	say_buf(&b);
}

static void
say_cast(const char *method)
{
	struct buf b;

	buf_init(&b);
	rpc_write_notify(&b, slice_of(method), slice_bytes(no_params, 1));
	say_buf(&b);
}

/* The next whole message that came; borrowed until the next bytes. */
static bool
next_message(struct rpc *m, size_t *len)
{
	struct term_check c;

	term_check_init(&c, LIMIT_FRAME);
	if (term_check(&c, buf_bytes(&hand.got)) != TERM_WHOLE)
		return false;
	*len = c.pos;
	ck_assert(c.clean);
	ck_assert_int_eq(
	    rpc_decode(slice_bytes(buf_bytes(&hand.got).bytes, c.pos), m),
	    E_OK);
	return true;
}

static void
describe(const struct rpc *m)
{
	struct term_reader r;
	struct slice word = slice_of("");

	if (m->kind == RPC_RESPONSE) {
		add_word(hand.heard, sizeof(hand.heard), "%s#%u",
		    err_word(rpc_read_error(m->error, NULL)), m->msgid);
	} else if (m->kind == RPC_REQUEST) {
		add_word(hand.heard, sizeof(hand.heard), "call:%.*s#%u",
		    (int)m->method.len, (const char *)m->method.bytes,
		    m->msgid);
	} else {
		term_reader_init(&r, m->params);
		if (slice_is(m->method, "node.error")) {
			uint32_t n;

			ck_assert_int_eq(term_read_array(&r, &n), E_OK);
			ck_assert_int_eq(term_read_str(&r, &word), E_OK);
		}
		add_word(hand.heard, sizeof(hand.heard), "cast:%.*s%s%.*s",
		    (int)m->method.len, (const char *)m->method.bytes,
		    word.len > 0 ? "=" : "", (int)word.len,
		    (const char *)word.bytes);
	}
}

/* All that was heard since the last time. */
static const char *
heard(void)
{
	struct rpc m;
	size_t len;

	hand.heard[0] = '\0';
	while (next_message(&m, &len)) {
		describe(&m);
		buf_consume(&hand.got, len);
	}
	return hand.heard;
}

/* -- fixture -- */

static void
on_accepted(void *arg, struct stream *s, const struct stream_peer *from)
{
	(void)from;
	*(struct stream **)arg = s;
}

static const struct listener_events listener_events = {
	.accepted = on_accepted,
};

static void
setup(void)
{
	sim = sim_new(1);
	us = sim_world(sim);
	them = sim_world(sim);
	node = node_new(us, slice_of("us"), NULL);
	memset(&owner, 0, sizeof(owner));
	memset(&hand, 0, sizeof(hand));
	accepted = NULL;
	listener = NULL;
}

static void
free_link(void)
{
	struct link *l = owner.link;

	owner.link = NULL;
	if (l != NULL)
		link_free(l);
}

static void
teardown(void)
{
	free_link();
	sim_run_ms(sim, 10);
	return_kept(&owner, owner.kept_count);
	sim_run_ms(sim, 10);
	ck_assert_uint_eq(node_unsent(node), 0);
	node_free(node);
	if (hand.shake.role == HANDSHAKE_CLIENT)
		handshake_release(&hand.shake);
	buf_release(&hand.out);
	buf_release(&hand.got);
	sim_free(sim);
}

static void
listen_in(struct world *w)
{
	struct address at = sim_address("server", PORT);
	const char *why;

	ck_assert_int_eq(world_listen(w, &at, &listener_events, &accepted,
			     &listener, &why),
	    E_OK);
}

static struct stream *
connect_from(struct world *w)
{
	struct address to = sim_address("server", PORT);
	struct stream *s;
	const char *why;

	ck_assert_int_eq(world_connect(w, &to, &s, &why), E_OK);
	return s;
}

static enum err
make_link(struct stream *s, enum handshake_role role, const char *cookie,
    const char *user)
{
	struct link_config config = { .role = role,
		.cookie = slice_of(cookie),
		.user = slice_of(user),
		.connecting = role == HANDSHAKE_CLIENT };

	return link_new(node, s, &config, &link_events, &owner, &owner.link);
}

static void
give_hand(struct stream *s)
{
	hand.stream = s;
	stream_own(s, &hand_events, &hand);
	stream_want_read(s, true);
}

/* The link is a server's, the hand a client's that has not spoken. */
static void
serve(void)
{
	listen_in(us);
	give_hand(connect_from(them));
	while (accepted == NULL)
		ck_assert(sim_step(sim));
	ck_assert_int_eq(make_link(accepted, HANDSHAKE_SERVER, "secret", ""),
	    E_OK);
}

/* The link is a client's, the hand a server's that has not spoken. */
static void
call_out(const char *user)
{
	listen_in(them);
	ck_assert_int_eq(make_link(connect_from(us), HANDSHAKE_CLIENT, "secret",
			     user),
	    E_OK);
	while (accepted == NULL)
		ck_assert(sim_step(sim));
	give_hand(accepted);
}

static void
begin_shake(enum handshake_role role, const char *cookie)
{
	uint8_t nonce[HANDSHAKE_NONCE_BYTES] = { 7 };

	ck_assert_int_eq(handshake_init(&hand.shake, role, slice_of(cookie),
			     nonce, slice_of("hand")),
	    E_OK);
}

/* Feeds what came; what is to be sent goes to out. */
static void
go_on_shaking(struct buf *out)
{
	struct rpc m;
	size_t len;

	sim_run_ms(sim, 20);
	ck_assert(next_message(&m, &len));
	handshake_feed(&hand.shake, &m, true, out);
	buf_consume(&hand.got, len);
}

static void
hello(bool ping, struct buf *out)
{
	ck_assert_int_eq(handshake_hello(&hand.shake, slice_of("ana"), ping,
			     out),
	    E_OK);
}

static void
authenticate(const char *cookie, bool ping)
{
	struct buf b;

	begin_shake(HANDSHAKE_CLIENT, cookie);
	buf_init(&b);
	hello(ping, &b);
	say_buf(&b);
	go_on_shaking(&b);
	say_buf(&b);
	sim_run_ms(sim, 20);
}

/* A server's link that is up, and its client's hand. */
static void
serve_up(bool ping)
{
	struct buf none;

	serve();
	authenticate("secret", ping);
	buf_init(&none);
	go_on_shaking(&none);
	ck_assert_int_eq(hand.shake.state, HANDSHAKE_DONE);
	ck_assert_int_eq(owner.ups, 1);
	ck_assert_str_eq(heard(), "");
}

/* A client's link that is up, and its server's hand. */
static void
call_out_up(void)
{
	struct buf b;

	call_out("ana");
	begin_shake(HANDSHAKE_SERVER, "secret");
	buf_init(&b);
	go_on_shaking(&b);
	say_buf(&b);
	go_on_shaking(&b);
	say_buf(&b);
	sim_run_ms(sim, 20);
	ck_assert_int_eq(hand.shake.state, HANDSHAKE_DONE);
	ck_assert_int_eq(owner.ups, 1);
}

static void
expect_seen(const char *words)
{
	ck_assert_str_eq(owner.seen, words);
	owner.seen[0] = '\0';
}

static void
expect_down(enum err e)
{
	ck_assert_int_eq(owner.downs, 1);
	ck_assert_str_eq(err_word(owner.e), err_word(e));
}

static void
write_bytes(size_t len)
{
	memset(buf_room(link_out(owner.link), len), 0xc0, len);
	buf_grew(link_out(owner.link), len);
	link_written(owner.link);
}

/* The hand reads so many bytes (or a few more) and then stops again. */
static void
hear_bytes(size_t len)
{
	size_t before = buf_len(&hand.got);

	stream_want_read(hand.stream, true);
	while (buf_len(&hand.got) < before + len)
		ck_assert(sim_step(sim));
	stream_want_read(hand.stream, false);
	sim_run_ms(sim, 5);
}

/* -- handshake -- */

START_TEST(a_server_is_up_when_the_client_proved_the_cookie)
{
	serve_up(true);
	ck_assert_str_eq(link_node(owner.link), "hand");
	ck_assert_str_eq(link_user(owner.link), "ana");
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

START_TEST(a_client_is_up_when_the_server_proved_the_cookie)
{
	call_out_up();
	ck_assert_str_eq(link_node(owner.link), "hand");
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

/* The hello and the proof, each in two pieces, cut at every place. */
START_TEST(a_handshake_may_be_cut_anywhere)
{
	size_t len = 1;

	for (size_t cut = 0; cut < len; cut++) {
		struct buf b;

		serve();
		begin_shake(HANDSHAKE_CLIENT, "secret");
		buf_init(&b);
		hello(true, &b);
		len = buf_len(&b);
		for (int part = 0; part < 2; part++) {
			size_t at = cut < buf_len(&b) ? cut : buf_len(&b);

			say(slice_bytes(buf_bytes(&b).bytes, at));
			sim_run_ms(sim, 5);
			ck_assert_str_eq(owner.seen, "");
			buf_consume(&b, at);
			say_buf(&b);
			go_on_shaking(&b);
		}
		ck_assert_int_eq(hand.shake.state, HANDSHAKE_DONE);
		ck_assert_int_eq(owner.ups, 1);
		ck_assert_int_eq(owner.downs, 0);
		buf_release(&b);
		teardown();
		setup();
	}
}
END_TEST

/* What comes behind the proof in the same piece is not lost. */
START_TEST(a_call_behind_the_proof_is_handed_over)
{
	struct buf b;

	serve();
	begin_shake(HANDSHAKE_CLIENT, "secret");
	buf_init(&b);
	hello(true, &b);
	say_buf(&b);
	go_on_shaking(&b);
	add_call(&b, "tareas.x", 7);
	say_buf(&b);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.ups, 1);
	expect_seen("call:tareas.x#7");
}
END_TEST

START_TEST(a_wrong_cookie_is_denied_and_held_for_250_ms)
{
	uint64_t said_ms;

	serve();
	authenticate("guess", true);
	said_ms = sim_now(sim) - 20;
	ck_assert_str_eq(heard(), "denied#2");
	ck_assert_int_eq(owner.downs, 0);
	if (_i == 1)
		stream_finish(hand.stream);
	else if (_i == 2)
		sim_cut(hand.stream);
	sim_run_ms(sim, 200);
	ck_assert_int_eq(owner.downs, 0);
	sim_run_ms(sim, 100);
	expect_down(E_DENIED);
	ck_assert_uint_ge(owner.down_ms, said_ms + LIMIT_DENIED_MS);
	ck_assert_uint_le(owner.down_ms, said_ms + LIMIT_DENIED_MS + 5);
	sim_run_ms(sim, 10000);
	ck_assert_int_eq(owner.downs, 1);
	ck_assert_int_eq(owner.ups, 0);
	ck_assert_uint_eq(sim_streams(us), 0);
	ck_assert_int_eq(hand.ended, 1);
}
END_TEST

START_TEST(a_close_does_not_hide_why_it_was_denied)
{
	serve();
	authenticate("guess", true);
	link_close(owner.link, E_OK, "closed");
	sim_run_ms(sim, 1000);
	expect_down(E_DENIED);
	ck_assert_uint_ge(owner.down_ms, hand.ended_ms - 1);
}
END_TEST

START_TEST(a_client_that_is_denied_is_down_at_once)
{
	struct buf b;

	call_out("ana");
	begin_shake(HANDSHAKE_SERVER, "another");
	buf_init(&b);
	go_on_shaking(&b);
	say_buf(&b);
	go_on_shaking(&b);
	say_buf(&b);
	sim_run_ms(sim, 5);
	expect_down(E_DENIED);
	ck_assert_str_eq(owner.why, "the server refused the cookie");
	ck_assert_int_eq(owner.ups, 0);
}
END_TEST

START_TEST(a_server_that_cannot_prove_the_cookie_is_left)
{
	struct buf b;

	call_out("ana");
	begin_shake(HANDSHAKE_SERVER, "another");
	buf_init(&b);
	go_on_shaking(&b);
	say_buf(&b);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), "call:node.auth#2");
	rpc_write_result(&b, 2, slice_of("\xa4none"));
	say_buf(&b);
	sim_run_ms(sim, 5);
	ck_assert_int_eq(owner.downs, 1);
	ck_assert_int_eq(owner.ups, 0);
	expect_down(E_DENIED);
}
END_TEST

START_TEST(a_server_of_another_protocol_is_malformed)
{
	call_out("ana");
	sim_run_ms(sim, 10);
	say(slice_of("HTTP/1.1 400 Bad Request\r\n\r\n"));
	sim_run_ms(sim, 5);
	expect_down(E_MALFORMED);
}
END_TEST

/* Bytes of the hello that come in time, how many ms apart. */
static const struct {
	size_t bytes;
	uint64_t every_ms;
} slow[] = { { 0, 0 }, { 60, 10 }, { 100, 100 }, { 9, 1000 } };

START_TEST(a_handshake_has_five_seconds)
{
	uint64_t start_ms;
	struct buf b;

	serve();
	start_ms = sim_now(sim);
	begin_shake(HANDSHAKE_CLIENT, "secret");
	buf_init(&b);
	hello(true, &b);
	for (size_t i = 0; i < slow[_i].bytes; i++) {
		if (owner.downs == 0)
			say(slice_bytes(buf_bytes(&b).bytes + i, 1));
		sim_run_ms(sim, slow[_i].every_ms);
	}
	buf_release(&b);
	sim_run_ms(sim, 6000);
	expect_down(E_UNREACHABLE);
	ck_assert_uint_eq(owner.down_ms, start_ms + LIMIT_HANDSHAKE_MS);
	ck_assert_uint_eq(buf_len(&hand.got), 0);
	ck_assert_int_eq(hand.ended, 1);
}
END_TEST

START_TEST(a_silent_server_is_unreachable_after_five_seconds)
{
	call_out("ana");
	sim_run_ms(sim, 6000);
	expect_down(E_UNREACHABLE);
}
END_TEST

START_TEST(a_connect_that_fails_is_unreachable)
{
	uint64_t start_ms = sim_now(sim);

	if (_i == 1) {
		listen_in(them);
		sim_unplug(them, true);
	}
	ck_assert_int_eq(make_link(connect_from(us), HANDSHAKE_CLIENT, "secret",
			     "ana"),
	    E_OK);
	ck_assert(!link_is_up(owner.link));
	sim_run_ms(sim, 10000);
	expect_down(E_UNREACHABLE);
	ck_assert_uint_eq(owner.down_ms,
	    start_ms + (_i == 1 ? LIMIT_HANDSHAKE_MS : 1));
	sim_unplug(them, false);
}
END_TEST

START_TEST(a_user_that_is_no_name_is_refused_and_the_stream_closed)
{
	struct link *before = (struct link *)(void *)&owner;

	owner.link = before;
	listen_in(them);
	ck_assert_int_eq(make_link(connect_from(us), HANDSHAKE_CLIENT, "secret",
			     _i == 0 ? "a\nb" : "\xff"),
	    E_BADARG);
	ck_assert_ptr_eq(owner.link, before);
	owner.link = NULL;
	ck_assert_uint_eq(sim_streams(us), 0);
	sim_run_ms(sim, 10000);
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

START_TEST(who_breaks_off_in_the_handshake_is_noconnection)
{
	serve();
	say_hex("9400");
	sim_run_ms(sim, 5);
	if (_i == 0)
		stream_finish(hand.stream);
	else
		sim_cut(hand.stream);
	sim_run_ms(sim, 5);
	expect_down(E_NOCONNECTION);
}
END_TEST

/* Before authentication: silence and a close. */
static const char *const violations[] = {
	"c1", /* the reserved byte */
	"dd10000000", /* more than a frame may hold */
	"dbffffffff",
	"9191919191919191919191919191919191", /* 17 deep */
	"c0", /* no message at all */
	"9103",
	"940301a161c0",
};

START_TEST(a_violation_before_authentication_is_met_with_silence)
{
	serve();
	say_hex(violations[_i]);
	sim_run_ms(sim, 5);
	expect_down(E_MALFORMED);
	ck_assert_int_eq(hand.ended, 1);
	ck_assert_uint_eq(buf_len(&hand.got), 0);
}
END_TEST

START_TEST(a_stranger_gets_a_kilobyte)
{
	struct buf b;

	serve();
	buf_init(&b);
	term_write_array(&b, 3);
	term_write_uint(&b, 2);
	term_write_cstr(&b, "a.b");
	term_write_array(&b, 1);
	hex_add(&b, "da0400"); /* a str of 1024 bytes, of which 0 come */
	say_buf(&b);
	sim_run_ms(sim, 5);
	expect_down(E_MALFORMED);
	ck_assert_uint_eq(buf_len(&hand.got), 0);
}
END_TEST

/* -- messages -- */

static const char all_words[] =
    "cast:tareas.a call:tareas.b#0 answer#3 cast:tareas.a "
    "call:tareas.b#4294967295";

static void
say_all_words(void)
{
	struct buf b;

	buf_init(&b);
	rpc_write_notify(&b, slice_of("tareas.a"), slice_bytes(no_params, 1));
	add_call(&b, "tareas.b", 0);
	rpc_write_result(&b, 3, slice_of("\xc3"));
	rpc_write_notify(&b, slice_of("tareas.a"), slice_bytes(no_params, 1));
	add_call(&b, "tareas.b", UINT32_MAX);
	say_buf(&b);
}

START_TEST(messages_come_whole_and_in_order_however_they_are_cut)
{
	struct sim_net *net;

	serve_up(true);
	net = sim_net(sim);
	net->chop = (enum sim_chop)_i;
	net->delay_max_ms = 5;
	say_all_words();
	sim_run_ms(sim, 2000);
	expect_seen(all_words);
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(a_frame_in_two_pieces_is_one_message_wherever_it_is_cut)
{
	struct buf b;

	serve_up(true);
	buf_init(&b);
	add_call(&b, "tareas.b", 7);
	add_call(&b, "tareas.c", 8);
	for (size_t cut = 0; cut <= buf_len(&b); cut++) {
		struct slice all = buf_bytes(&b);

		say(slice_bytes(all.bytes, cut));
		sim_run_ms(sim, 5);
		say(slice_bytes(all.bytes + cut, all.len - cut));
		sim_run_ms(sim, 5);
		expect_seen("call:tareas.b#7 call:tareas.c#8");
	}
	buf_release(&b);
}
END_TEST

START_TEST(a_megabyte_in_pieces_is_one_message)
{
	size_t len = LIMIT_FRAME - 32;
	struct buf b;

	serve_up(true);
	buf_init(&b);
	term_write_array(&b, 3);
	term_write_uint(&b, 2);
	term_write_cstr(&b, "tareas.a");
	term_write_array(&b, 1);
	term_write_bin(&b, slice_of(""));
	buf_truncate(&b, buf_len(&b) - 2);
	hex_add(&b, "c6000fffe0");
	memset(buf_room(&b, len), 'x', len);
	buf_grew(&b, len);
	say_buf(&b);
	say_cast("tareas.b");
	sim_run_ms(sim, 1000);
	expect_seen("cast:tareas.a cast:tareas.b");
}
END_TEST

/* Words of node.error that a violation after authentication gets. */
static const struct {
	const char *hex;
	const char *word;
} answered[] = {
	{ "c1", "malformed" },
	{ "dd10000000", "toobig" },
	{ "dbffffffff", "toobig" },
	{ "919191919191919191919191919191919191", "toobig" },
	{ "c0", "malformed" },
	{ "9103", "malformed" },
	{ "940301a161c0", "malformed" },
};

START_TEST(a_violation_gets_one_word_and_a_close)
{
	char expected[64];

	serve_up(true);
	say_call("tareas.b", 7);
	say_hex(answered[_i].hex);
	say_call("tareas.c", 8); /* too late */
	sim_run_ms(sim, 10);
	expect_seen("call:tareas.b#7");
	snprintf(expected, sizeof(expected), "cast:node.error=%s",
	    answered[_i].word);
	ck_assert_str_eq(heard(), expected);
	ck_assert_int_eq(hand.ended, 1);
	ck_assert_int_eq(owner.downs, 0);
	stream_close(hand.stream);
	sim_run_ms(sim, 10);
	expect_down(err_from_word(slice_of(answered[_i].word)));
}
END_TEST

START_TEST(an_unclean_request_is_badarg_and_the_link_goes_on)
{
	serve_up(true);
	say_hex("940007a8746172656173 2e78 91a1ff");
	say_hex("940007a8746172656173 2e78 91d40100");
	say_hex("9302a8746172656173 2e78 91a1ff");
	say_hex("940107c0a1ff");
	say_call("tareas.x", 8);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), "badarg#7 badarg#7");
	expect_seen("!answer#7 call:tareas.x#8");
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

/* The reserved process of the wire. */
static const struct {
	const char *method;
	const char *heard;
	bool handed_over;
} reserved[] = {
	{ "node.ping", "ok#7", false },
	{ "node.hello", "badarg#7", false },
	{ "node.auth", "badarg#7", false },
	{ "node.error", "badarg#7", false },
	{ "node.monitor", "", true }, /* the owner's */
	{ "node.", "", true },
	{ "nodes.ping", "", true },
	{ "node", "", true },
};

START_TEST(requests_to_node_are_answered_by_the_link)
{
	serve_up(true);
	say_call(reserved[_i].method, 7);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), reserved[_i].heard);
	ck_assert_int_eq(owner.messages, reserved[_i].handed_over);
	say_cast(reserved[_i].method);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), "");
	ck_assert_int_eq(owner.messages, 2 * reserved[_i].handed_over);
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

START_TEST(a_client_answers_pings_too)
{
	call_out_up();
	say_call("node.ping", 7);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), "ok#7");
}
END_TEST

START_TEST(what_is_written_before_up_is_dropped)
{
	serve();
	rpc_write_result(link_out(owner.link), 1, slice_of("\xc3"));
	link_written(owner.link);
	authenticate("secret", true);
	/* The handshake's own answers only. */
	ck_assert_str_eq(heard(), "ok#2");
	ck_assert_int_eq(owner.ups, 1);
}
END_TEST

/* -- heartbeat -- */

START_TEST(a_silent_peer_that_may_be_pinged_is_after_15_s_and_down_after_60)
{
	uint64_t heard_ms;

	serve_up(true);
	heard_ms = owner.up_ms;
	sim_run_ms(sim, heard_ms + LIMIT_PING_MS - 2 - sim_now(sim));
	ck_assert_str_eq(heard(), "");
	sim_run_ms(sim, 5);
	ck_assert_str_eq(heard(), "call:node.ping#4294967295");
	sim_run_ms(sim, heard_ms + LIMIT_DOWN_MS - 1 - sim_now(sim));
	ck_assert_int_eq(owner.downs, 0);
	sim_run_ms(sim, 10);
	expect_down(E_NOCONNECTION);
	ck_assert_uint_eq(owner.down_ms, heard_ms + LIMIT_DOWN_MS);
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(a_peer_that_may_not_be_pinged_may_be_silent_for_ever)
{
	serve_up(false);
	sim_run_ms(sim, 24 * 3600 * 1000);
	ck_assert_int_eq(owner.downs, 0);
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(every_15_s_of_silence_have_their_ping)
{
	uint64_t quiet_ms;

	serve_up(true);
	quiet_ms = owner.up_ms;
	for (int i = 0; i < 10; i++) {
		sim_run_ms(sim, quiet_ms + LIMIT_PING_MS - 2 - sim_now(sim));
		ck_assert_str_eq(heard(), "");
		sim_run_ms(sim, 4);
		ck_assert_str_eq(heard(), "call:node.ping#4294967295");
		sim_run_ms(sim, 500);
		say_hex("9401ceffffffffc0c3");
		sim_run_ms(sim, 1);
		quiet_ms = sim_now(sim);
	}
	ck_assert_int_eq(owner.downs, 0);
	ck_assert_int_eq(owner.messages, 0);
}
END_TEST

START_TEST(any_byte_is_life)
{
	struct buf b;

	serve_up(true);
	buf_init(&b);
	add_call(&b, "tareas.x", 7);
	/* One byte in 14 s: never a ping, for minutes. */
	for (size_t i = 0; i < buf_len(&b); i++) {
		say(slice_bytes(buf_bytes(&b).bytes + i, 1));
		sim_run_ms(sim, 14000);
		ck_assert_str_eq(heard(), "");
	}
	/* One in 59 s: pinged, but never down. */
	for (size_t i = 0; i < buf_len(&b); i++) {
		say(slice_bytes(buf_bytes(&b).bytes + i, 1));
		sim_run_ms(sim, 59000);
		ck_assert_str_eq(heard(), "call:node.ping#4294967295");
	}
	buf_release(&b);
	ck_assert_int_eq(owner.downs, 0);
	expect_seen("call:tareas.x#7 call:tareas.x#7");
}
END_TEST

START_TEST(a_client_pings_its_server)
{
	call_out_up();
	sim_run_ms(sim, LIMIT_PING_MS + 10);
	ck_assert_str_eq(heard(), "call:node.ping#4294967295");
	sim_run_ms(sim, LIMIT_DOWN_MS);
	expect_down(E_NOCONNECTION);
}
END_TEST

/* Who is not read is not silent. */
START_TEST(a_link_that_is_held_does_not_count_silence)
{
	serve_up(true);
	link_hold(owner.link);
	say_call("tareas.x", 7);
	sim_run_ms(sim, 10 * LIMIT_DOWN_MS);
	ck_assert_int_eq(owner.downs, 0);
	ck_assert_str_eq(heard(), "");
	link_release(owner.link);
	sim_run_ms(sim, LIMIT_PING_MS - 10);
	expect_seen("call:tareas.x#7");
	ck_assert_str_eq(heard(), "");
	sim_run_ms(sim, 20);
	ck_assert_str_eq(heard(), "call:node.ping#4294967295");
	sim_run_ms(sim, LIMIT_DOWN_MS);
	expect_down(E_NOCONNECTION);
}
END_TEST

/* -- the slow reader -- */

START_TEST(a_reader_without_progress_for_60_s_is_slow)
{
	uint64_t start_ms;

	serve_up(_i == 1);
	stream_want_read(hand.stream, false);
	write_bytes((size_t)1024 * 1024);
	sim_run_ms(sim, 5);
	start_ms = sim_now(sim) - 5;
	for (int i = 0; i < 5; i++) {
		sim_run_ms(sim, 50000);
		ck_assert_int_eq(owner.downs, 0);
		say_call("node.ping", 7); /* it lives, but does not read */
		hear_bytes(65536);
		start_ms = sim_now(sim) - 5;
	}
	sim_run_ms(sim, 59000);
	ck_assert_int_eq(owner.downs, 0);
	say_call("node.ping", 7);
	sim_run_ms(sim, 2000);
	expect_down(E_SLOW);
	ck_assert_uint_ge(owner.down_ms, start_ms + LIMIT_SLOW_MS);
	ck_assert_uint_eq(node_unsent(node), 0);
}
END_TEST

/*
 * The clock of slowness starts when bytes have to wait, not before: an
 * answer that is written in the very millisecond of the next look is none.
 */
START_TEST(a_link_that_wrote_nothing_for_long_is_not_slow)
{
	uint64_t look_ms, heard_ms;

	serve_up(true);
	look_ms = owner.up_ms + LIMIT_PING_MS;
	do {
		sim_run_ms(sim, look_ms - 5000 - sim_now(sim));
		say_hex("9401ceffffffffc0c3");
		heard_ms = sim_now(sim) + 1;
		sim_run_ms(sim, 5);
		look_ms = heard_ms + LIMIT_PING_MS;
		sim_run_ms(sim, 5000);
	} while (look_ms < owner.up_ms + LIMIT_SLOW_MS);
	sim_run_ms(sim, look_ms - 5000 - sim_now(sim));
	say_hex("9401ceffffffffc0c3");
	heard_ms = sim_now(sim) + 1;
	sim_run_ms(sim, 5);
	sim_net(sim)->delay_min_ms = sim_net(sim)->delay_max_ms =
	    (uint32_t)(heard_ms + LIMIT_PING_MS - sim_now(sim));
	say_call("node.ping", 7);
	sim_net(sim)->delay_min_ms = sim_net(sim)->delay_max_ms = 1;
	ck_assert_str_eq(heard(), "");
	sim_run_ms(sim, 20000);
	ck_assert_int_eq(owner.downs, 0);
	ck_assert_int_eq(strncmp(heard(), "ok#7", 4), 0);
}
END_TEST

/* -- the window -- */

static void
say_calls(int n)
{
	struct buf b;

	buf_init(&b);
	for (int i = 0; i < n; i++)
		add_call(&b, "tareas.x", (uint32_t)i);
	say_buf(&b);
}

START_TEST(at_most_128_messages_are_handed_over_unhandled)
{
	serve_up(true);
	sim_net(sim)->chop = (enum sim_chop)_i;
	owner.lends = true;
	say_calls(500);
	sim_run_ms(sim, 2000);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT);
	/* It goes on at half, not before. */
	return_kept(&owner, LIMIT_FLIGHT / 2 - 1);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT);
	return_kept(&owner, 1);
	sim_run_ms(sim, 2000);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT * 3 / 2);
	while (owner.messages < 500) {
		ck_assert_int_le(owner.kept_count, LIMIT_FLIGHT);
		return_kept(&owner, owner.kept_count);
		sim_run_ms(sim, 1000);
	}
	ck_assert_int_eq(owner.messages, 500);
}
END_TEST

START_TEST(responses_are_held_in_order_with_the_rest)
{
	serve_up(true);
	owner.lends = true;
	say_calls(LIMIT_FLIGHT);
	say_hex("940109c0c3");
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT);
	return_kept(&owner, LIMIT_FLIGHT);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT + 1);
}
END_TEST

START_TEST(a_held_link_hands_over_nothing_until_released)
{
	serve_up(true);
	link_hold(owner.link);
	say_calls(3);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(owner.messages, 0);
	say_calls(2);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(owner.messages, 0);
	link_release(owner.link);
	ck_assert_int_eq(owner.messages, 0); /* not from inside */
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 5);
	say_calls(1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 6);
}
END_TEST

START_TEST(a_quarter_megabyte_unsent_stops_the_parsing)
{
	serve_up(true);
	stream_want_read(hand.stream, false);
	/* What the pipe holds is sent. */
	write_bytes(LIMIT_UNSENT + 65536 - 1);
	sim_run_ms(sim, 10);
	ck_assert_uint_eq(link_unsent(owner.link), LIMIT_UNSENT - 1);
	ck_assert(!link_is_full(owner.link));
	say_calls(1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 1);
	write_bytes(1);
	ck_assert(link_is_full(owner.link));
	say_calls(1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 1);
	ck_assert_int_eq(owner.draineds, 0);
	/* At half it goes on. */
	hear_bytes(65536);
	ck_assert_int_eq(owner.messages, 1);
	ck_assert_int_eq(owner.draineds, 0);
	stream_want_read(hand.stream, true);
	while (owner.draineds == 0)
		ck_assert(sim_step(sim));
	ck_assert_uint_le(link_unsent(owner.link), LIMIT_UNSENT / 2);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 2);
	ck_assert_int_eq(owner.draineds, 1);
	ck_assert_uint_eq(link_unsent(owner.link), 0);
	ck_assert_uint_eq(node_unsent(node), 0);
}
END_TEST

START_TEST(what_is_much_leaves_at_once_and_a_little_at_the_end_of_the_turn)
{
	serve_up(true);
	write_bytes(1000);
	ck_assert_uint_eq(link_unsent(owner.link), 1000);
	write_bytes(32 * 1024);
	ck_assert_uint_eq(link_unsent(owner.link), 0);
	write_bytes(10);
	ck_assert_uint_eq(link_unsent(owner.link), 10);
	hear_bytes(1000 + 32 * 1024 + 10);
	ck_assert_uint_eq(node_unsent(node), 0);
}
END_TEST

START_TEST(a_reservation_counts_as_unsent)
{
	serve_up(true);
	link_reserve(owner.link, LIMIT_FRAME);
	ck_assert(!link_is_full(owner.link));
	say_calls(1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 0);
	link_reserve(owner.link, LIMIT_UNSENT / 2 + 1);
	link_unreserve(owner.link, LIMIT_FRAME);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 0);
	link_unreserve(owner.link, 1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 1);
	/* Under the limit it goes on without a stop. */
	say_calls(1);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.messages, 2);
	link_unreserve(owner.link, LIMIT_UNSENT / 2);
}
END_TEST

START_TEST(a_stream_that_is_not_read_fills_its_pipe_and_no_memory)
{
	serve_up(true);
	link_hold(owner.link);
	for (int i = 0; i < 100; i++)
		say_calls(1000);
	sim_run_ms(sim, 1000);
	ck_assert_uint_gt(buf_len(&hand.out), 100 * 1000 * 10);
	link_release(owner.link);
	sim_run_ms(sim, 10000);
	ck_assert_int_eq(owner.messages, 100 * 1000);
}
END_TEST

/* -- how it ends -- */

START_TEST(a_cut_is_one_down_event)
{
	serve_up(true);
	write_bytes(100000);
	say_calls(3);
	sim_cut(hand.stream);
	sim_run_ms(sim, 100000);
	expect_down(E_NOCONNECTION);
	ck_assert_uint_eq(node_unsent(node), 0);
	ck_assert_uint_eq(sim_streams(us), 0);
}
END_TEST

START_TEST(a_close_sends_the_rest_and_waits_for_the_other_end)
{
	serve_up(true);
	write_bytes(300000);
	link_close(owner.link, E_OK, "closed");
	ck_assert(!link_is_up(owner.link));
	sim_run_ms(sim, 500);
	ck_assert_uint_eq(buf_len(&hand.got), 300000);
	ck_assert_int_eq(hand.ended, 1);
	ck_assert_int_eq(hand.e, E_OK);
	ck_assert_int_eq(owner.downs, 0);
	stream_close(hand.stream);
	sim_run_ms(sim, 10);
	expect_down(E_NOCONNECTION);
	ck_assert_str_eq(owner.why, "closed");
}
END_TEST

START_TEST(a_close_says_why_last)
{
	serve_up(true);
	rpc_write_result(link_out(owner.link), 1, slice_of("\xc3"));
	link_written(owner.link);
	link_close(owner.link, E_OVERLOAD, "too much");
	link_close(owner.link, E_OK, "again");
	rpc_write_result(link_out(owner.link), 2, slice_of("\xc3"));
	link_written(owner.link);
	sim_run_ms(sim, 10);
	ck_assert_str_eq(heard(), "ok#1 cast:node.error=overload");
	sim_run_ms(sim, 2000);
	expect_down(E_OVERLOAD);
	ck_assert_str_eq(owner.why, "too much");
}
END_TEST

START_TEST(a_close_takes_a_second_at_most)
{
	uint64_t start_ms;

	serve_up(true);
	if (_i == 1) {
		stream_want_read(hand.stream, false);
		write_bytes(300000);
	}
	link_close(owner.link, E_OK, "closed");
	start_ms = sim_now(sim);
	for (int i = 0; i < 200; i++) { /* what still comes is no matter */
		say_calls(1);
		sim_run_ms(sim, 10);
	}
	expect_down(E_NOCONNECTION);
	ck_assert_uint_le(owner.down_ms, start_ms + 1000);
	ck_assert_int_eq(owner.messages, 0);
}
END_TEST

/* The other side's end does not eat what we still have to say. */
START_TEST(both_may_close_at_once_and_nothing_is_lost)
{
	serve_up(true);
	write_bytes(300000);
	link_close(owner.link, E_OK, "closed");
	stream_finish(hand.stream);
	sim_run_ms(sim, 500);
	ck_assert_uint_eq(buf_len(&hand.got), 300000);
	ck_assert_int_eq(hand.ended, 1);
	ck_assert_int_eq(hand.e, E_OK);
	expect_down(E_NOCONNECTION);
}
END_TEST

START_TEST(a_half_close_is_told_after_what_was_said)
{
	serve_up(true);
	owner.close_when_finished = _i == 1;
	say_calls(3);
	stream_finish(hand.stream);
	sim_run_ms(sim, 5);
	ck_assert_int_eq(owner.messages, 3);
	ck_assert_int_eq(owner.finisheds, 1);
	ck_assert_int_eq(owner.downs, _i);
	if (_i == 0) {
		rpc_write_result(link_out(owner.link), 1, slice_of("\xc3"));
		link_written(owner.link);
		link_drain(owner.link);
		ck_assert(link_is_draining(owner.link));
		rpc_write_result(link_out(owner.link), 2, slice_of("\xc3"));
		link_written(owner.link);
		sim_run_ms(sim, 5);
		ck_assert_str_eq(heard(), "ok#1 ok#2");
		link_close(owner.link, E_OK, "closed");
		sim_run_ms(sim, 5);
	}
	expect_down(E_NOCONNECTION);
	ck_assert_int_eq(hand.ended, 1);
	ck_assert_int_eq(hand.e, E_OK);
	ck_assert_int_eq(owner.finisheds, 1);
}
END_TEST

START_TEST(a_half_close_waits_behind_a_window_that_is_full)
{
	serve_up(true);
	owner.lends = true;
	say_calls(2 * LIMIT_FLIGHT + 10);
	stream_finish(hand.stream);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(owner.messages, LIMIT_FLIGHT);
	ck_assert_int_eq(owner.finisheds, 0);
	while (owner.finisheds == 0) {
		ck_assert_int_gt(owner.kept_count, 0);
		return_kept(&owner, owner.kept_count);
		sim_run_ms(sim, 100);
	}
	ck_assert_int_eq(owner.messages, 2 * LIMIT_FLIGHT + 10);
	ck_assert_int_eq(owner.downs, 0);
}
END_TEST

START_TEST(a_draining_link_takes_nothing_and_ends_by_itself)
{
	uint64_t start_ms;

	serve_up(true);
	link_drain(owner.link);
	link_drain(owner.link);
	start_ms = sim_now(sim);
	say_calls(3);
	sim_run_ms(sim, LIMIT_CALL_MS - 1);
	ck_assert_int_eq(owner.messages, 0);
	ck_assert_int_eq(owner.downs, 0);
	ck_assert_int_eq(hand.ended, 0);
	ck_assert(!link_is_up(owner.link));
	sim_run_ms(sim, 2000);
	expect_down(E_NOCONNECTION);
	ck_assert_uint_le(owner.down_ms, start_ms + LIMIT_CALL_MS + 1000);
	ck_assert_int_eq(hand.e, E_OK);
}
END_TEST

START_TEST(an_abort_tells_at_once_and_drops_what_is_unsent)
{
	serve_up(true);
	write_bytes(300000);
	link_abort(owner.link, E_OVERLOAD, "enough");
	expect_down(E_OVERLOAD);
	ck_assert_str_eq(owner.why, "enough");
	link_abort(owner.link, E_SLOW, "again");
	link_close(owner.link, E_OK, "again");
	link_drain(owner.link);
	ck_assert_uint_eq(node_unsent(node), 0);
	ck_assert_uint_eq(sim_streams(us), 0);
	write_bytes(100); /* dropped */
	ck_assert_uint_eq(node_unsent(node), 0);
	sim_run_ms(sim, 100000);
	expect_down(E_OVERLOAD);
}
END_TEST

START_TEST(a_close_before_up_is_down_at_once)
{
	if (_i == 0)
		serve();
	else
		call_out("ana");
	if (_i == 2)
		sim_run_ms(sim, 10);
	link_close(owner.link, E_OK, "closed");
	expect_down(E_NOCONNECTION);
	sim_run_ms(sim, 10000);
	expect_down(E_NOCONNECTION);
}
END_TEST

/* -- memory -- */

/* Makes the event happen, in a link that is up or becomes so. */
static void
provoke(enum event event)
{
	serve();
	authenticate("secret", true);
	if (event == MESSAGE) {
		say_calls(300);
	} else if (event == FINISHED) {
		say_calls(1);
		stream_finish(hand.stream);
	} else if (event == DRAINED) {
		write_bytes((size_t)1024 * 1024);
	} else if (event == DOWN) {
		say_calls(1);
		sim_run_ms(sim, 5);
		sim_cut(hand.stream);
	}
	sim_run_ms(sim, 100);
}

START_TEST(a_link_may_be_freed_in_any_of_its_events)
{
	enum event event = (enum event)(UP + _i);

	owner.free_at = event;
	provoke(event);
	ck_assert_ptr_null(owner.link);
	ck_assert_int_eq(owner.messages,
	    event == MESSAGE || event == FINISHED ? 1 : owner.messages);
	ck_assert_int_eq(owner.downs, event == DOWN);
	ck_assert_uint_eq(sim_streams(us), 0);
	ck_assert_uint_eq(node_unsent(node), 0);
	sim_run_ms(sim, 100000);
	ck_assert_int_eq(owner.downs, event == DOWN);
}
END_TEST

START_TEST(a_link_may_be_aborted_in_any_of_its_events)
{
	enum event event = (enum event)(UP + _i);

	owner.abort_at = event;
	owner.free_at = DOWN;
	provoke(event);
	ck_assert_ptr_null(owner.link);
	ck_assert_int_eq(owner.downs, 1);
	ck_assert_uint_eq(sim_streams(us), 0);
	ck_assert_uint_eq(node_unsent(node), 0);
}
END_TEST

START_TEST(a_message_outlives_its_link)
{
	serve_up(true);
	owner.lends = true;
	say_calls(2 * LIMIT_FLIGHT);
	sim_run_ms(sim, 10);
	ck_assert_int_eq(owner.kept_count, LIMIT_FLIGHT);
	free_link();
	sim_run_ms(sim, 100);
	return_kept(&owner, LIMIT_FLIGHT - 1);
	sim_run_ms(sim, 100);
	if (_i == 1)
		return_kept(&owner, 1);
	/* else the fixture's end returns the last one */
}
END_TEST

/* A stalled link that is asked to go on and freed in the same breath. */
START_TEST(nothing_of_a_freed_link_runs_later)
{
	serve_up(true);
	link_hold(owner.link);
	say_calls(10);
	sim_run_ms(sim, 10);
	write_bytes(100);
	link_release(owner.link); /* it will go on */
	if (_i % 2 == 1)
		link_abort(owner.link, E_NOCONNECTION, "enough");
	link_reserve(owner.link, 5);
	link_unreserve(owner.link, 5);
	free_link();
	if (_i >= 2) {
		node_free(node);
		node = node_new(us, slice_of("us"), NULL);
	}
	sim_run_ms(sim, 100000);
	ck_assert_int_eq(owner.messages, 0);
}
END_TEST

/* -- */

static void
add_handshake(TCase *t)
{
	tcase_add_test(t, a_server_is_up_when_the_client_proved_the_cookie);
	tcase_add_test(t, a_client_is_up_when_the_server_proved_the_cookie);
	tcase_add_test(t, a_handshake_may_be_cut_anywhere);
	tcase_add_test(t, a_call_behind_the_proof_is_handed_over);
	tcase_add_loop_test(t, a_wrong_cookie_is_denied_and_held_for_250_ms, 0,
	    3);
	tcase_add_test(t, a_close_does_not_hide_why_it_was_denied);
	tcase_add_test(t, a_client_that_is_denied_is_down_at_once);
	tcase_add_test(t, a_server_that_cannot_prove_the_cookie_is_left);
	tcase_add_test(t, a_server_of_another_protocol_is_malformed);
	tcase_add_loop_test(t, a_handshake_has_five_seconds, 0,
	    (int)COUNT(slow));
	tcase_add_test(t, a_silent_server_is_unreachable_after_five_seconds);
	tcase_add_loop_test(t, a_connect_that_fails_is_unreachable, 0, 2);
	tcase_add_loop_test(t,
	    a_user_that_is_no_name_is_refused_and_the_stream_closed, 0, 2);
	tcase_add_loop_test(t, who_breaks_off_in_the_handshake_is_noconnection,
	    0, 2);
	tcase_add_loop_test(t,
	    a_violation_before_authentication_is_met_with_silence, 0,
	    (int)COUNT(violations));
	tcase_add_test(t, a_stranger_gets_a_kilobyte);
}

static void
add_messages(TCase *t)
{
	tcase_add_loop_test(t,
	    messages_come_whole_and_in_order_however_they_are_cut, SIM_WHOLE,
	    SIM_BYTES + 1);
	tcase_add_test(t,
	    a_frame_in_two_pieces_is_one_message_wherever_it_is_cut);
	tcase_add_test(t, a_megabyte_in_pieces_is_one_message);
	tcase_add_loop_test(t, a_violation_gets_one_word_and_a_close, 0,
	    (int)COUNT(answered));
	tcase_add_test(t, an_unclean_request_is_badarg_and_the_link_goes_on);
	tcase_add_loop_test(t, requests_to_node_are_answered_by_the_link, 0,
	    (int)COUNT(reserved));
	tcase_add_test(t, a_client_answers_pings_too);
	tcase_add_test(t, what_is_written_before_up_is_dropped);
}

static void
add_heartbeat(TCase *t)
{
	tcase_add_test(t,
	    a_silent_peer_that_may_be_pinged_is_after_15_s_and_down_after_60);
	tcase_add_test(t, a_peer_that_may_not_be_pinged_may_be_silent_for_ever);
	tcase_add_test(t, every_15_s_of_silence_have_their_ping);
	tcase_add_test(t, any_byte_is_life);
	tcase_add_test(t, a_client_pings_its_server);
	tcase_add_test(t, a_link_that_is_held_does_not_count_silence);
	tcase_add_loop_test(t, a_reader_without_progress_for_60_s_is_slow, 0,
	    2);
	tcase_add_test(t, a_link_that_wrote_nothing_for_long_is_not_slow);
}

static void
add_window(TCase *t)
{
	tcase_add_loop_test(t, at_most_128_messages_are_handed_over_unhandled,
	    SIM_WHOLE, SIM_BYTES + 1);
	tcase_add_test(t, responses_are_held_in_order_with_the_rest);
	tcase_add_test(t, a_held_link_hands_over_nothing_until_released);
	tcase_add_test(t, a_quarter_megabyte_unsent_stops_the_parsing);
	tcase_add_test(t,
	    what_is_much_leaves_at_once_and_a_little_at_the_end_of_the_turn);
	tcase_add_test(t, a_reservation_counts_as_unsent);
	tcase_add_test(t,
	    a_stream_that_is_not_read_fills_its_pipe_and_no_memory);
}

static void
add_end(TCase *t)
{
	tcase_add_test(t, a_cut_is_one_down_event);
	tcase_add_test(t, a_close_sends_the_rest_and_waits_for_the_other_end);
	tcase_add_test(t, a_close_says_why_last);
	tcase_add_loop_test(t, a_close_takes_a_second_at_most, 0, 2);
	tcase_add_test(t, both_may_close_at_once_and_nothing_is_lost);
	tcase_add_loop_test(t, a_half_close_is_told_after_what_was_said, 0, 2);
	tcase_add_test(t, a_half_close_waits_behind_a_window_that_is_full);
	tcase_add_test(t, a_draining_link_takes_nothing_and_ends_by_itself);
	tcase_add_test(t, an_abort_tells_at_once_and_drops_what_is_unsent);
	tcase_add_loop_test(t, a_close_before_up_is_down_at_once, 0, 3);
	tcase_add_loop_test(t, a_link_may_be_freed_in_any_of_its_events, 0,
	    DOWN - UP + 1);
	tcase_add_loop_test(t, a_link_may_be_aborted_in_any_of_its_events, 0,
	    DOWN - UP);
	tcase_add_loop_test(t, a_message_outlives_its_link, 0, 2);
	tcase_add_loop_test(t, nothing_of_a_freed_link_runs_later, 0, 4);
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
	Suite *s = suite_create("link");
	SRunner *sr = srunner_create(s);
	int failed;

	add_case(s, "handshake", add_handshake);
	add_case(s, "messages", add_messages);
	add_case(s, "heartbeat", add_heartbeat);
	add_case(s, "window", add_window);
	add_case(s, "end", add_end);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
