/*
 * client/chat_client.h: a client and a server that says what a test wants,
 * in the simulated world. What the sink hears is a line each in `seen`.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/chat_client.h"
#include "client/conn.h"
#include "common/net_kernel.h"
#include "proto/term.h"
#include "tests/lib/sim.h"

enum { SAID_MAX = 512, TEXT_BYTES = 16, SEEN_BYTES = 64 * 1024 };

struct said {
	char user[TEXT_BYTES], text[TEXT_BYTES];
};

/* One room; its messages have the numbers first, first + 1, ..., last. */
static struct {
	bool exists;
	uint64_t first, last;
	struct said said[SAID_MAX + 1]; /* by number */
	struct pid member; /* the client's peer, once joined */
	struct buf claves; /* of 16 bytes each, of message i at 16 * i */
	uint64_t clave_n[SAID_MAX];
	size_t clave_count;
	uint32_t page; /* messages in an answer */
	uint64_t overlap; /* messages in it that were not asked for */
	uint32_t untold; /* newest lines that the past does not have yet */
	uint32_t lose, repeat; /* pushes from now on */
	uint32_t busy; /* calls refused with overload from now on */
	uint32_t calls; /* all */
	uint32_t histories, leaves;
	bool silent; /* no call is answered */
} room;

static struct sim *sim;
static struct world *world, *server_world;
static struct node *node, *server;
static struct cookie cookie;
static struct address address;
static struct pid conn, chat, chat_server;
static char seen[SEEN_BYTES];
static size_t seen_len;

/* -- the server -- */

static void
write_push(struct buf *b, uint64_t n)
{
	term_write_array(b, 5);
	term_write_cstr(b, "general");
	term_write_uint(b, n);
	term_write_uint(b, 1000 + n);
	term_write_cstr(b, room.said[n].user);
	term_write_cstr(b, room.said[n].text);
}

static void
cast(const char *method, struct slice params)
{
	if (node_find(server, room.member) != NULL)
		(void)proc_cast(server, room.member, slice_of(method), params);
}

static void
push(uint64_t n)
{
	uint32_t times = 1 + room.repeat;
	struct buf b;

	if (room.lose > 0) {
		room.lose--;
		return;
	}
	buf_init(&b);
	write_push(&b, n);
	for (uint32_t i = 0; i < times; i++)
		cast("chat.message", buf_bytes(&b));
	buf_release(&b);
}

static void
push_move(const char *method, const char *user)
{
	struct buf b;

	buf_init(&b);
	term_write_array(&b, user != NULL ? 2 : 1);
	term_write_cstr(&b, "general");
	if (user != NULL)
		term_write_cstr(&b, user);
	cast(method, buf_bytes(&b));
	buf_release(&b);
}

static uint64_t
add(const char *user, const char *text)
{
	uint64_t n = ++room.last;

	ck_assert_uint_le(n, SAID_MAX);
	snprintf(room.said[n].user, TEXT_BYTES, "%s", user);
	snprintf(room.said[n].text, TEXT_BYTES, "%s", text);
	return n;
}

/* Somebody else says it. */
static void
others_say(const char *text)
{
	push(add("bob", text));
}

static void
write_past(struct buf *b, uint64_t from, uint32_t count)
{
	uint64_t n, last = room.last - room.untold;

	if (from < room.first)
		from = room.first;
	if (from > last + 1)
		from = last + 1;
	if (last + 1 - from < count)
		count = (uint32_t)(last + 1 - from);
	term_write_map(b, 2);
	term_write_cstr(b, "n");
	term_write_uint(b, last);
	term_write_cstr(b, "mensajes");
	term_write_array(b, count);
	for (n = from; n < from + count; n++) {
		term_write_array(b, 4);
		term_write_uint(b, n);
		term_write_uint(b, 1000 + n);
		term_write_cstr(b, room.said[n].user);
		term_write_cstr(b, room.said[n].text);
	}
}

/* [room, {"desde": n}?] */
static void
answer_past(struct buf *b, struct term_reader *r)
{
	uint32_t fields = 0;
	struct slice key;
	uint64_t since = 0;

	if (term_read_map(r, &fields) != E_OK) {
		write_past(b, room.last > 20 ? room.last - 19 : 1, 20);
		return;
	}
	ck_assert_int_eq(term_read_str(r, &key), E_OK);
	ck_assert(slice_is(key, "desde"));
	ck_assert_int_eq(term_read_uint(r, &since), E_OK);
	if (since > room.last)
		since = room.last;
	since -= since < room.overlap ? since : room.overlap;
	write_past(b, since + 1, room.page);
}

/* The number of what was said with that key before, or 0. */
static uint64_t
find_clave(struct slice clave)
{
	struct slice all = buf_bytes(&room.claves);

	for (size_t i = 0; i < room.clave_count; i++)
		if (memcmp(all.bytes + 16 * i, clave.bytes, 16) == 0)
			return room.clave_n[i];
	return 0;
}

static uint64_t
do_send(struct term_reader *r)
{
	char copy[TEXT_BYTES];
	struct slice text, key, clave = slice_of("");
	uint64_t n, plazo = 0;
	uint32_t fields;

	ck_assert_int_eq(term_read_str(r, &text), E_OK);
	ck_assert_int_eq(term_read_map(r, &fields), E_OK);
	for (; fields > 0; fields--) {
		ck_assert_int_eq(term_read_str(r, &key), E_OK);
		if (slice_is(key, "clave"))
			ck_assert_int_eq(term_read_bin(r, &clave), E_OK);
		else
			ck_assert_int_eq(term_read_uint(r, &plazo), E_OK);
	}
	ck_assert_uint_eq(clave.len, 16);
	ck_assert_uint_gt(plazo, 0);
	n = find_clave(clave);
	if (n != 0)
		return n;
	snprintf(copy, sizeof(copy), "%.*s", (int)text.len,
	    (const char *)text.bytes);
	n = add("ana", copy);
	buf_add(&room.claves, clave);
	room.clave_n[room.clave_count++] = n;
	push(n);
	return n;
}

static bool
is_member(struct pid peer)
{
	return room.member.id == peer.id;
}

static struct gs_next
server_call(struct proc *self, const struct message *m)
{
	struct term_reader r;
	struct slice name;
	uint32_t n;

	room.calls++;
	term_reader_init(&r, m->body);
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_int_eq(term_read_str(&r, &name), E_OK);
	if (room.silent)
		return gs_noreply();
	if (!room.exists || !slice_is(name, "general"))
		return gs_error(E_NOPROC, "no such room");
	if (room.busy > 0 && !slice_is(m->op, "leave")) {
		room.busy--;
		return gs_error(E_OVERLOAD, "too fast");
	}
	if (slice_is(m->op, "join")) {
		room.member = m->from.pid;
		answer_past(gs_answer(self), &r);
		return gs_reply(self);
	}
	if (slice_is(m->op, "history")) {
		room.histories++;
		answer_past(gs_answer(self), &r);
		return gs_reply(self);
	}
	if (!is_member(m->from.pid))
		return gs_error(E_DENIED, "not a member");
	if (slice_is(m->op, "leave")) {
		room.leaves++;
		room.member.id = 0;
		term_write_bool(gs_answer(self), true);
		return gs_reply(self);
	}
	ck_assert(slice_is(m->op, "send"));
	term_write_uint(gs_answer(self), do_send(&r));
	return gs_reply(self);
}

static const struct gen_server server_module = {
	.module = "chat",
	.handle_call = server_call,
};

static void
start_server(void)
{
	const char *why;
	uint16_t port;

	server_world = sim_world(sim);
	server = node_new(server_world, slice_of("servidor"), NULL);
	ck_assert_int_eq(gs_start(server, &server_module, "chat", NULL,
			     &chat_server),
	    E_OK);
	ck_assert_int_eq(net_listen(server, &address, cookie_bytes(&cookie),
			     &port, &why),
	    E_OK);
}

/* -- the client -- */

static void
add_seen(const char *how, int len, const char *text)
{
	int n =
	    snprintf(seen + seen_len, SEEN_BYTES - seen_len, how, len, text);

	ck_assert_int_gt(SEEN_BYTES, (int)seen_len + n);
	seen_len += (size_t)n;
}

static void
add_slice(const char *how, struct slice s)
{
	add_seen(how, (int)s.len, s.len > 0 ? (const char *)s.bytes : "");
}

static void
add_number(uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu ", (unsigned long long)n);
	add_seen("%.*s", (int)strlen(text), text);
}

static void
sink(void *arg, const struct chat_event *e)
{
	static const char *const words[] = { "said", "joined", "left", "gone",
		"closed", "accepted", "failed", "link" };
	static const char *const wishes[] = { "join", "leave", "say" };

	ck_assert_ptr_eq(arg, seen);
	if (e->kind == CHAT_LINK)
		return;
	add_slice("%.*s ", slice_of(words[e->kind]));
	if (e->kind == CHAT_FAILED)
		add_slice("%.*s ", slice_of(wishes[e->wish]));
	if (e->kind == CHAT_SAID || e->kind == CHAT_ACCEPTED)
		add_number(e->n);
	if (e->kind == CHAT_SAID) {
		ck_assert_uint_eq(e->at_ms, 1000 + e->n);
		add_slice(e->old ? "old %.*s " : "%.*s ", e->user);
	}
	if (e->kind <= CHAT_GONE)
		ck_assert(e->mine == slice_is(e->user, "ana"));
	if (e->kind == CHAT_JOINED || e->kind == CHAT_LEFT ||
	    e->kind == CHAT_GONE)
		add_slice("%.*s ", e->user);
	add_slice("%.*s", e->room);
	if (e->kind == CHAT_SAID || e->kind == CHAT_ACCEPTED ||
	    (e->kind == CHAT_FAILED && e->wish == CHAT_SAY))
		add_slice(" %.*s", e->text);
	if (e->kind == CHAT_FAILED)
		add_slice(" %.*s", slice_of(err_word(e->e)));
	add_slice("%.*s", slice_of("\n"));
}

static void
saw(const char *wanted)
{
	ck_assert_str_eq(seen, wanted);
	seen_len = 0;
	seen[0] = '\0';
}

static struct slice
general(void)
{
	return slice_of("general");
}

static void
start(uint64_t timeout_ms)
{
	struct conn_config config = { .server = &address,
		.cookie = &cookie,
		.user = "ana",
		.again = true };
	struct chat_client_config chat_config = { .user = "ana",
		.timeout_ms = timeout_ms,
		.sink = sink,
		.arg = seen };
	const char *why;

	memset(&room, 0, sizeof(room));
	room.exists = true;
	room.first = 1;
	room.page = 1000;
	buf_init(&room.claves);
	seen_len = 0;
	seen[0] = '\0';
	cookie.len = 9;
	memcpy(cookie.bytes, "mi_cookie", 9);
	sim = sim_new(1);
	address = sim_address("server", 18800);
	start_server();
	world = sim_world(sim);
	node = node_new(world, slice_of("cliente"), NULL);
	conn = conn_start(node, &config);
	ck_assert_int_eq(conn_wait(node, conn, 5000, &why), E_OK);
	chat_config.conn = conn;
	chat = chat_client_start(node, &chat_config);
}

static void
setup(void)
{
	start(5000);
}

/* For links that are down more than they are up. */
static void
setup_patient(void)
{
	start(60000);
}

static void
teardown(void)
{
	node_free(node);
	node_free(server);
	sim_free(sim);
	buf_release(&room.claves);
}

static void
join(void)
{
	chat_client_join(node, chat, general());
	sim_run_ms(sim, 20);
}

static void
say(const char *text)
{
	chat_client_say(node, chat, general(), slice_of(text));
}

static void
cut(void)
{
	sim_cut_world(world);
	sim_run_ms(sim, 20);
	ck_assert(!conn_is_up(node, conn));
}

/* -- in a room -- */

START_TEST(the_class_session)
{
	join();
	ck_assert(chat_client_is_in(node, chat, general()));
	saw("joined ana general\n");
	push_move("chat.joined", "bob");
	push_move("chat.joined", "ana");
	say("Hola Bob!");
	sim_run_ms(sim, 20);
	others_say("Hola Ana!");
	push_move("chat.left", "bob");
	push_move("chat.gone", "eva");
	sim_run_ms(sim, 20);
	saw("joined bob general\n"
	    "accepted 1 general Hola Bob!\n"
	    "said 1 ana general Hola Bob!\n"
	    "said 2 bob general Hola Ana!\n"
	    "left bob general\n"
	    "gone eva general\n");
	chat_client_leave(node, chat, general());
	sim_run_ms(sim, 20);
	saw("left ana general\n");
	ck_assert(!chat_client_is_in(node, chat, general()));
	ck_assert_uint_eq(room.member.id, 0);
}
END_TEST

START_TEST(joining_tells_the_last_lines_as_old_ones)
{
	for (int i = 0; i < 25; i++)
		others_say(i < 23 ? "hola" : "fin");
	join();
	ck_assert_ptr_nonnull(strstr(seen, "said 6 old bob general hola\n"));
	ck_assert_ptr_null(strstr(seen, "said 5 "));
	ck_assert_ptr_nonnull(strstr(seen,
	    "said 24 old bob general fin\nsaid 25 old bob general fin\n"
	    "joined ana general\n"));
	seen_len = 0;
	others_say("nuevo");
	sim_run_ms(sim, 20);
	saw("said 26 bob general nuevo\n");
}
END_TEST

START_TEST(a_room_that_does_not_exist_is_not_joined)
{
	room.exists = false;
	join();
	saw("failed join general noproc\n");
	ck_assert(chat_client_is_idle(node, chat));
	room.exists = true;
	join();
	saw("joined ana general\n");
}
END_TEST

START_TEST(joining_twice_is_joining_once)
{
	chat_client_join(node, chat, general());
	chat_client_join(node, chat, general());
	sim_run_ms(sim, 20);
	saw("joined ana general\n");
	join();
	saw("joined ana general\n");
	ck_assert_uint_eq(room.calls, 1);
}
END_TEST

START_TEST(who_is_not_in_a_room_neither_speaks_nor_leaves)
{
	say("hola");
	chat_client_leave(node, chat, general());
	sim_run_ms(sim, 20);
	saw("failed say general hola denied\n"
	    "failed leave general denied\n");
	join();
	chat_client_leave(node, chat, general());
	say("tarde");
	sim_run_ms(sim, 20);
	saw("joined ana general\n"
	    "left ana general\n"
	    "failed say general tarde denied\n");
	ck_assert_uint_eq(room.last, 0);
}
END_TEST

START_TEST(a_line_waits_for_its_room)
{
	chat_client_join(node, chat, general());
	say("uno");
	say("dos");
	sim_run_ms(sim, 20);
	saw("joined ana general\n"
	    "accepted 1 general uno\n"
	    "said 1 ana general uno\n"
	    "accepted 2 general dos\n"
	    "said 2 ana general dos\n");
}
END_TEST

START_TEST(it_is_idle_once_it_has_heard_its_own_lines)
{
	join();
	room.lose = 1;
	say("hola");
	sim_run_ms(sim, 20);
	saw("joined ana general\naccepted 1 general hola\n");
	ck_assert(!chat_client_is_idle(node, chat));
	sim_run_ms(sim, 300);
	ck_assert(chat_client_is_idle(node, chat));
	saw("said 1 ana general hola\n");
	say("dos");
	sim_run_ms(sim, 20);
	ck_assert(chat_client_is_idle(node, chat));
	ck_assert_uint_eq(room.histories, 1);
}
END_TEST

/* It is answered before the members are told of it. */
START_TEST(its_line_is_not_given_up_when_the_past_does_not_have_it_yet)
{
	join();
	room.lose = 1;
	room.untold = 1;
	say("hola");
	sim_run_ms(sim, 2000);
	ck_assert_uint_ge(room.histories, 1);
	ck_assert(!chat_client_is_idle(node, chat));
	room.untold = 0;
	sim_run_ms(sim, 10000);
	saw("joined ana general\n"
	    "accepted 1 general hola\n"
	    "said 1 ana general hola\n");
	ck_assert(chat_client_is_idle(node, chat));
}
END_TEST

START_TEST(leaving_and_joining_again_ends_inside)
{
	join();
	chat_client_leave(node, chat, general());
	chat_client_join(node, chat, general());
	sim_run_ms(sim, 30);
	saw("joined ana general\njoined ana general\n");
	ck_assert(chat_client_is_in(node, chat, general()));
	ck_assert_uint_ne(room.member.id, 0);
}
END_TEST

START_TEST(a_closed_room_is_left)
{
	join();
	push_move("chat.closed", NULL);
	sim_run_ms(sim, 20);
	say("hola");
	sim_run_ms(sim, 20);
	saw("joined ana general\n"
	    "closed general\n"
	    "failed say general hola denied\n");
}
END_TEST

START_TEST(the_server_cannot_make_it_say_or_leave_anything)
{
	struct buf b;

	join();
	saw("joined ana general\n");
	buf_init(&b);
	term_write_array(&b, 2);
	term_write_cstr(&b, "general");
	term_write_cstr(&b, "falso");
	cast("chat.say", buf_bytes(&b));
	cast("chat.leave", buf_bytes(&b));
	cast("chat.join", buf_bytes(&b));
	cast("chat.message", buf_bytes(&b));
	cast("chat.message", slice_of("\x90"));
	cast("chat.closed", slice_of("\x90"));
	buf_release(&b);
	sim_run_ms(sim, 50);
	saw("");
	ck_assert_uint_eq(room.last, 0);
	ck_assert(chat_client_is_in(node, chat, general()));
}
END_TEST

/* -- numbers -- */

START_TEST(a_repeated_push_is_told_once)
{
	join();
	room.repeat = 2;
	others_say("uno");
	sim_run_ms(sim, 20);
	others_say("dos");
	sim_run_ms(sim, 20);
	saw("joined ana general\n"
	    "said 1 bob general uno\n"
	    "said 2 bob general dos\n");
	ck_assert_uint_eq(room.histories, 0);
}
END_TEST

START_TEST(a_gap_is_filled_before_what_follows_is_told)
{
	join();
	others_say("uno");
	room.lose = 3;
	others_say("dos");
	others_say("tres");
	others_say("cuatro");
	others_say("cinco");
	others_say("seis");
	sim_run_ms(sim, 50);
	saw("joined ana general\n"
	    "said 1 bob general uno\n"
	    "said 2 bob general dos\n"
	    "said 3 bob general tres\n"
	    "said 4 bob general cuatro\n"
	    "said 5 bob general cinco\n"
	    "said 6 bob general seis\n");
	ck_assert_uint_eq(room.histories, 1);
}
END_TEST

START_TEST(a_gap_of_many_pages_is_filled_page_by_page)
{
	join();
	room.page = 3;
	room.lose = 10;
	for (int i = 0; i < 11; i++)
		others_say("hola");
	sim_run_ms(sim, 100);
	for (uint64_t n = 1; n <= 11; n++) {
		char line[64];

		snprintf(line, sizeof(line), "said %d bob general hola\n",
		    (int)n);
		ck_assert_ptr_nonnull(strstr(seen, line));
	}
	ck_assert_uint_eq(room.histories, 4);
}
END_TEST

START_TEST(what_nobody_has_any_more_is_not_waited_for)
{
	join();
	room.lose = 4;
	for (int i = 0; i < 4; i++)
		others_say("olvidado");
	room.first = 5;
	others_say("cinco");
	sim_run_ms(sim, 50);
	others_say("seis");
	sim_run_ms(sim, 50);
	saw("joined ana general\n"
	    "said 5 bob general cinco\n"
	    "said 6 bob general seis\n");
	/* Even what was pushed may be gone when it is asked for. */
	room.lose = 1;
	others_say("siete");
	others_say("ocho");
	room.first = 9;
	room.histories = 0;
	sim_run_ms(sim, 50);
	ck_assert(chat_client_is_idle(node, chat));
	ck_assert_uint_eq(room.histories, 1);
	others_say("nueve");
	sim_run_ms(sim, 50);
	saw("said 9 bob general nueve\n");
}
END_TEST

/* -- broken links -- */

START_TEST(a_room_is_joined_again_and_nothing_is_missed_or_told_twice)
{
	join();
	others_say("uno");
	sim_run_ms(sim, 20);
	cut();
	others_say("dos");
	others_say("tres");
	sim_run_ms(sim, 400);
	others_say("cuatro");
	sim_run_ms(sim, 20);
	saw("joined ana general\n"
	    "said 1 bob general uno\n"
	    "said 2 bob general dos\n"
	    "said 3 bob general tres\n"
	    "said 4 bob general cuatro\n");
}
END_TEST

START_TEST(what_an_answer_repeats_is_told_once)
{
	join();
	others_say("uno");
	others_say("dos");
	sim_run_ms(sim, 20);
	room.overlap = 2;
	cut();
	others_say("tres");
	sim_run_ms(sim, 500);
	saw("joined ana general\n"
	    "said 1 bob general uno\n"
	    "said 2 bob general dos\n"
	    "said 3 bob general tres\n");
}
END_TEST

START_TEST(what_does_not_fit_the_answer_of_a_join_is_asked_for)
{
	join();
	room.page = 2;
	cut();
	for (int i = 0; i < 5; i++)
		others_say("hola");
	sim_run_ms(sim, 500);
	ck_assert_ptr_nonnull(strstr(seen, "said 5 bob"));
	ck_assert_uint_eq(room.histories, 2);
}
END_TEST

START_TEST(a_room_that_is_gone_after_a_break_is_closed)
{
	join();
	cut();
	room.exists = false;
	sim_run_ms(sim, 500);
	saw("joined ana general\nclosed general\n");
	ck_assert(chat_client_is_idle(node, chat));
}
END_TEST

START_TEST(a_room_made_anew_after_a_break_begins_with_its_first_line)
{
	join();
	for (int i = 0; i < 5; i++)
		others_say("viejo");
	sim_run_ms(sim, 20);
	cut();
	seen_len = 0;
	room.last = 0;
	others_say("nuevo");
	sim_run_ms(sim, 500);
	others_say("otro");
	sim_run_ms(sim, 50);
	saw("said 1 bob general nuevo\nsaid 2 bob general otro\n");
}
END_TEST

START_TEST(a_line_that_a_break_interrupts_is_said_once)
{
	join();
	saw("joined ana general\n");
	say("hola");
	/* Anywhere on its way there or back. */
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	sim_cut_world(world);
	sim_run_ms(sim, 1000);
	say("fin");
	sim_run_ms(sim, 50);
	ck_assert_uint_eq(room.last, 2);
	ck_assert_str_eq(room.said[1].text, "hola");
	ck_assert_str_eq(room.said[2].text, "fin");
	ck_assert_ptr_nonnull(strstr(seen, "accepted 1 general hola\n"));
	ck_assert_ptr_nonnull(strstr(seen, "said 1 ana general hola\n"));
	ck_assert_ptr_nonnull(strstr(seen, "accepted 2 general fin\n"));
}
END_TEST

START_TEST(a_line_said_without_a_link_waits_for_one)
{
	join();
	cut();
	say("espera");
	sim_run_ms(sim, 500);
	saw("joined ana general\n"
	    "accepted 1 general espera\n"
	    "said 1 ana general espera\n");
}
END_TEST

START_TEST(a_line_has_its_time)
{
	join();
	if (_i == 0)
		room.silent = true;
	else
		sim_net(sim)->refuse = true;
	if (_i > 0)
		cut();
	say("tarde");
	sim_run_ms(sim, 4900);
	ck_assert_ptr_null(strstr(seen, "failed"));
	sim_run_ms(sim, 200);
	saw(_i == 0 ? "joined ana general\nfailed say general tarde timeout\n" :
		      "joined ana general\n"
		      "failed say general tarde unreachable\n");
}
END_TEST

START_TEST(a_line_of_unknown_fate_says_so)
{
	join();
	room.silent = true;
	say("quizá");
	sim_run_ms(sim, 20);
	sim_net(sim)->refuse = true;
	cut();
	sim_run_ms(sim, 6000);
	saw("joined ana general\nfailed say general quizá noconnection\n");
}
END_TEST

START_TEST(a_busy_server_is_asked_again_in_order)
{
	join();
	room.busy = 3;
	say("uno");
	say("dos");
	sim_run_ms(sim, 2000);
	saw("joined ana general\n"
	    "accepted 1 general uno\n"
	    "said 1 ana general uno\n"
	    "accepted 2 general dos\n"
	    "said 2 ana general dos\n");
}
END_TEST

START_TEST(without_a_link_nothing_is_joined)
{
	sim_net(sim)->refuse = true;
	cut();
	join();
	saw("failed join general unreachable\n");
}
END_TEST

START_TEST(a_join_that_a_break_interrupts_is_done_later)
{
	others_say("viejo");
	chat_client_join(node, chat, general());
	for (int i = 0; i < _i; i++)
		sim_step(sim);
	sim_cut_world(world);
	sim_run_ms(sim, 1000);
	saw("said 1 old bob general viejo\njoined ana general\n");
	ck_assert(chat_client_is_in(node, chat, general()));
}
END_TEST

START_TEST(a_join_has_its_time)
{
	static const char *const words[] = { "timeout", "overload",
		"unreachable" };
	char wanted[64];

	room.silent = _i == 0;
	room.busy = _i == 1 ? 30 : 0;
	sim_net(sim)->delay_min_ms = sim_net(sim)->delay_max_ms = 10;
	chat_client_join(node, chat, general());
	if (_i == 2) {
		sim_net(sim)->refuse = true;
		sim_run_ms(sim, 5);
		sim_cut_world(world);
	}
	sim_run_ms(sim, 4900);
	saw("");
	sim_run_ms(sim, 200);
	snprintf(wanted, sizeof(wanted), "failed join general %s\n", words[_i]);
	saw(wanted);
	ck_assert(chat_client_is_idle(node, chat));
}
END_TEST

START_TEST(a_busy_room_is_joined_a_little_later)
{
	room.busy = 3;
	chat_client_join(node, chat, general());
	sim_run_ms(sim, 1000);
	saw("joined ana general\n");
}
END_TEST

/* -- chance -- */

/* Own lines are there once each, in their order. */
static void
check_own_lines(int count)
{
	int next = 0;
	char text[TEXT_BYTES];

	for (uint64_t n = 1; n <= room.last; n++) {
		if (strcmp(room.said[n].user, "ana") != 0)
			continue;
		snprintf(text, sizeof(text), "a%d", next++);
		ck_assert_str_eq(room.said[n].text, text);
	}
	ck_assert_int_eq(next, count);
}

/* All that was said was told, once, in order. */
static void
check_told(void)
{
	uint64_t next = 1;
	unsigned long long n;

	for (const char *at = seen; at != NULL && *at != '\0';
	     at = strchr(at, '\n') + 1) {
		char user[TEXT_BYTES], text[TEXT_BYTES];

		if (sscanf(at, "said %llu %15s general %15[^\n]", &n, user,
			text) != 3)
			continue;
		ck_assert_uint_eq(n, next);
		ck_assert_str_eq(user, room.said[n].user);
		ck_assert_str_eq(text, room.said[n].text);
		next++;
	}
	ck_assert_uint_eq(next, room.last + 1);
}

START_TEST(cuts_losses_and_repetitions_at_random_change_nothing)
{
	int mine = 0;

	for (int i = 0; i < _i; i++)
		(void)sim_random(sim, 2);
	sim_net(sim)->delay_max_ms = 1 + (uint32_t)_i % 20;
	sim_net(sim)->chop = (enum sim_chop)(_i % 3);
	room.page = 1 + sim_random(sim, 10);
	join();
	sim_run_ms(sim, 2000);
	ck_assert(chat_client_is_in(node, chat, general()));
	for (int i = 0; i < 100; i++) {
		char text[TEXT_BYTES];

		room.repeat = sim_random(sim, 4) == 0;
		if (sim_random(sim, 10) == 0)
			room.lose = sim_random(sim, 4);
		if (sim_random(sim, 8) == 0)
			room.busy = 1;
		if (sim_random(sim, 12) == 0)
			sim_cut_world(world);
		snprintf(text, sizeof(text), "a%d", mine);
		if (sim_random(sim, 2) == 0) {
			others_say("hola");
		} else {
			say(text);
			mine++;
		}
		sim_run_ms(sim, sim_random(sim, 60));
	}
	sim_run_ms(sim, 60000);
	room.repeat = room.lose = room.busy = 0;
	others_say("fin");
	sim_run_ms(sim, 30000);
	ck_assert(chat_client_is_idle(node, chat));
	ck_assert_ptr_null(strstr(seen, "failed"));
	check_own_lines(mine);
	check_told();
}
END_TEST

/* -- its end -- */

START_TEST(stopping_leaves_all_rooms)
{
	join();
	chat_client_stop(node, chat, 1000);
	sim_run_ms(sim, 20);
	ck_assert_uint_eq(room.leaves, 1);
	ck_assert_ptr_null(node_find(node, chat));
	saw("joined ana general\n");
}
END_TEST

START_TEST(stopping_has_its_time)
{
	uint64_t start_ms;

	join();
	if (_i == 0)
		room.silent = true;
	else
		cut();
	start_ms = sim_now(sim);
	chat_client_stop(node, chat, 300);
	ck_assert_uint_le(sim_now(sim), start_ms + 300);
	sim_run_ms(sim, 20);
	ck_assert_ptr_null(node_find(node, chat));
}
END_TEST

START_TEST(its_rooms_can_be_walked)
{
	struct slice name;
	size_t place = 0;

	ck_assert(!chat_client_next_room(node, chat, &place, &name));
	join();
	ck_assert(chat_client_next_room(node, chat, &place, &name));
	ck_assert(slice_is(name, "general"));
	ck_assert(!chat_client_next_room(node, chat, &place, &name));
}
END_TEST

static TCase *
tests_of_rooms(void)
{
	TCase *t = tcase_create("rooms");

	tcase_add_test(t, the_class_session);
	tcase_add_test(t, joining_tells_the_last_lines_as_old_ones);
	tcase_add_test(t, a_room_that_does_not_exist_is_not_joined);
	tcase_add_test(t, joining_twice_is_joining_once);
	tcase_add_test(t, who_is_not_in_a_room_neither_speaks_nor_leaves);
	tcase_add_test(t, a_line_waits_for_its_room);
	tcase_add_test(t, it_is_idle_once_it_has_heard_its_own_lines);
	tcase_add_test(t,
	    its_line_is_not_given_up_when_the_past_does_not_have_it_yet);
	tcase_add_test(t, leaving_and_joining_again_ends_inside);
	tcase_add_test(t, a_closed_room_is_left);
	tcase_add_test(t, the_server_cannot_make_it_say_or_leave_anything);
	tcase_add_test(t, a_repeated_push_is_told_once);
	tcase_add_test(t, a_gap_is_filled_before_what_follows_is_told);
	tcase_add_test(t, a_gap_of_many_pages_is_filled_page_by_page);
	tcase_add_test(t, what_nobody_has_any_more_is_not_waited_for);
	tcase_add_test(t, stopping_leaves_all_rooms);
	tcase_add_loop_test(t, stopping_has_its_time, 0, 2);
	tcase_add_test(t, its_rooms_can_be_walked);
	return t;
}

static TCase *
tests_of_links(void)
{
	TCase *t = tcase_create("links");

	tcase_add_test(t,
	    a_room_is_joined_again_and_nothing_is_missed_or_told_twice);
	tcase_add_test(t, what_an_answer_repeats_is_told_once);
	tcase_add_test(t, what_does_not_fit_the_answer_of_a_join_is_asked_for);
	tcase_add_test(t, a_room_that_is_gone_after_a_break_is_closed);
	tcase_add_test(t,
	    a_room_made_anew_after_a_break_begins_with_its_first_line);
	tcase_add_loop_test(t, a_line_that_a_break_interrupts_is_said_once, 0,
	    40);
	tcase_add_test(t, a_line_said_without_a_link_waits_for_one);
	tcase_add_loop_test(t, a_line_has_its_time, 0, 2);
	tcase_add_test(t, a_line_of_unknown_fate_says_so);
	tcase_add_test(t, a_busy_server_is_asked_again_in_order);
	tcase_add_loop_test(t, a_join_has_its_time, 0, 3);
	tcase_add_test(t, a_busy_room_is_joined_a_little_later);
	tcase_add_test(t, without_a_link_nothing_is_joined);
	tcase_add_loop_test(t, a_join_that_a_break_interrupts_is_done_later, 1,
	    20);
	return t;
}

static TCase *
tests_of_chance(void)
{
	TCase *t = tcase_create("chance");

	tcase_add_loop_test(t,
	    cuts_losses_and_repetitions_at_random_change_nothing, 0, 100);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("chat_client");
	TCase *rooms = tests_of_rooms(), *links = tests_of_links(),
	      *chance = tests_of_chance();
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(rooms, setup, teardown);
	tcase_add_checked_fixture(links, setup, teardown);
	tcase_add_checked_fixture(chance, setup_patient, teardown);
	suite_add_tcase(s, rooms);
	suite_add_tcase(s, links);
	suite_add_tcase(s, chance);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
