/*
 * server/chat_server.h and server/chat_room.h: the server's real tree and
 * clients with links to it, in the simulated world, on a store that saves
 * when the test says so, or at once.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/peer.h"
#include "common/runtime.h" /* refs that must not be left */
#include "common/supervisor.h"
#include "server/chat_room.h"
#include "server/chat_server.h"
#include "server/tree.h"
#include "tests/lib/disk.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { CLIENTS = 8, HEARD_BYTES = 8192, SOON_MS = 200 };

static struct sim *sim;
static struct node *server;
static struct tree tree;
static struct disk disk;
static struct address address;
static struct cookie cookie;

/* -- a client: a link, and a process that hears what is told -- */

struct client {
	struct world *world;
	struct node *node;
	struct pid peer;
	bool up, down;
	enum err why;
	uint64_t messages; /* how many were told, the last one's number */
	uint64_t last;
	char heard[HEARD_BYTES]; /* all of it: "joined general ana\n" */
};

static struct client clients[CLIENTS];
static int client_count;

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	(void)arg;
	(void)text;
	to->target = node_whereis(proc_node(peer), what->process);
	return to->target.id != 0 ? E_OK : E_NOPROC;
}

static void
up(struct proc *peer, void *arg)
{
	struct client *c = arg;

	(void)peer;
	c->up = true;
}

static void
down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct client *c = arg;

	(void)peer;
	(void)why;
	c->down = true;
	c->why = e;
}

static const struct peer_policy policy = { .route = route,
	.up = up,
	.down = down };

static struct gs_next
ear_init(struct proc *self, void *arg)
{
	struct client **at = gs_state(self);

	*at = arg;
	return gs_noreply();
}

__attribute__((format(printf, 2, 3))) static void
add(char out[HEARD_BYTES], const char *format, ...)
{
	size_t len = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + len, HEARD_BYTES - len, format, args);
	va_end(args);
}

/* A value as its words: strs and numbers, but for times. */
static void
add_words(char out[HEARD_BYTES], struct term_reader *r)
{
	struct slice text;
	uint64_t n;

	while (term_end(r) != E_OK) {
		if (term_read_str(r, &text) == E_OK)
			add(out, " %.*s", (int)text.len,
			    (const char *)text.bytes);
		else if (term_read_uint(r, &n) != E_OK)
			ck_abort_msg("neither a str nor a number");
		else if (n < UINT32_MAX)
			add(out, " %u", (unsigned)n);
	}
}

static struct gs_next
ear_cast(struct proc *self, const struct message *m)
{
	struct client **at = gs_state(self), *c = *at;
	struct term_reader r;
	struct slice room;
	uint32_t n;

	term_reader_init(&r, m->body);
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	if (slice_is(m->op, "message")) {
		c->messages++;
		ck_assert_int_eq(term_read_str(&r, &room), E_OK);
		ck_assert_int_eq(term_read_uint(&r, &c->last), E_OK);
		term_reader_init(&r, m->body);
		ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	}
	add(c->heard, "%.*s", (int)m->op.len, (const char *)m->op.bytes);
	add_words(c->heard, &r);
	add(c->heard, "\n");
	return gs_noreply();
}

static const struct gen_server ear = { .module = "ear",
	.state_bytes = sizeof(struct client *),
	.init = ear_init,
	.handle_cast = ear_cast };

static bool
is_up(void *arg)
{
	const struct client *c = arg;

	return c->up;
}

static struct client *
client_start(const char *user)
{
	struct client *c = &clients[client_count++];
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = cookie_bytes(&cookie),
		.user = slice_of(user),
		.connecting = true };
	struct stream *stream;
	struct pid pid;
	const char *why;

	ck_assert_int_le(client_count, CLIENTS);
	memset(c, 0, sizeof(*c));
	c->world = sim_world(sim);
	c->node = node_new(c->world, slice_of("c"), NULL);
	ck_assert_int_eq(gs_start(c->node, &ear, "chat", c, &pid), E_OK);
	ck_assert_int_eq(world_connect(c->world, &address, &stream, &why),
	    E_OK);
	ck_assert_int_eq(peer_start(c->node, stream, &config, &policy, c,
			     &c->peer),
	    E_OK);
	ck_assert(sim_run_until(sim, is_up, c, 10000));
	return c;
}

/* Its connection breaks. */
static void
client_cut(struct client *c)
{
	sim_cut_world(c->world);
}

static void
start(struct store *store)
{
	const char *why;

	server = node_new(sim_world(sim), slice_of("s"), NULL);
	ck_assert_int_eq(tree_start(&tree, server, &cookie, store), E_OK);
	ck_assert_int_eq(listener_add(tree_listener(&tree), &address, &why),
	    E_OK);
}

static void
prepare(void)
{
	sim = sim_new(1);
	address = sim_address("servidor", 18800);
	cookie = (struct cookie){ .len = 9 };
	memcpy(cookie.bytes, "mi_cookie", 9);
	client_count = 0;
	disk_init(&disk);
}

static void
setup(void)
{
	prepare();
	start(NULL);
}

static void
setup_disk(void)
{
	prepare();
	start(&disk.store);
}

static void
teardown(void)
{
	for (int i = 0; i < client_count; i++)
		node_free(clients[i].node);
	node_free(server);
	tree_release(&tree);
	disk_release(&disk);
	sim_free(sim);
}

static void
soon(void)
{
	sim_run_ms(sim, SOON_MS);
}

/* All that is written is durable, and whoever waited for it knows. */
static void
save(void)
{
	soon();
	disk_save(&disk);
	soon();
}

static void
kill_process(const char *name)
{
	struct pid pid = node_whereis(server, slice_of(name));

	ck_assert_uint_ne(pid.id, 0);
	proc_signal(server, pid, (struct pid){ 0 }, reason_of("kill"));
}

/* What was told since the last time it was asked. */
static void
heard(struct client *c, const char *what)
{
	soon();
	ck_assert_str_eq(c->heard, what);
	c->heard[0] = '\0';
}

/* -- asking -- */

struct asked {
	bool there;
	enum err e;
	struct buf body;
};

static struct gs_next
asker_init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

static struct gs_next
answered(struct proc *self, const struct answer *a, void *arg)
{
	struct asked *q = arg;

	(void)self;
	q->there = true;
	q->e = a->e;
	buf_add(&q->body, a->body);
	return gs_stop("normal");
}

static bool
is_there(void *arg)
{
	const struct asked *q = arg;

	return q->there;
}

static void
write_option(struct buf *b, const char *key, uint64_t value)
{
	term_write_cstr(b, key);
	term_write_uint(b, value);
}

/*
 * Parameters, a letter each: s str; d {"desde": n}; c {"cuantas": n};
 * b both; k {"clave": str}.
 */
static void
write_params(struct buf *b, const char *form, va_list args)
{
	term_write_array(b, (uint32_t)strlen(form));
	for (; *form != '\0'; form++) {
		if (*form == 's') {
			term_write_cstr(b, va_arg(args, const char *));
			continue;
		}
		term_write_map(b, *form == 'b' ? 2 : 1);
		if (*form == 'd' || *form == 'b')
			write_option(b, "desde", va_arg(args, unsigned));
		if (*form == 'c' || *form == 'b')
			write_option(b, "cuantas", va_arg(args, unsigned));
		if (*form == 'k') {
			term_write_cstr(b, "clave");
			term_write_cstr(b, va_arg(args, const char *));
		}
	}
}

static void
begin_v(struct client *c, struct asked *q, const char *op, const char *form,
    va_list args)
{
	static const struct gen_server asker = { .module = "asker",
		.init = asker_init };
	char method[64];
	struct buf params;
	struct pid pid;

	*q = (struct asked){ .there = false };
	buf_init(&q->body);
	buf_init(&params);
	write_params(&params, form, args);
	snprintf(method, sizeof(method), "chat.%s", op);
	ck_assert_int_eq(gs_start(c->node, &asker, NULL, NULL, &pid), E_OK);
	gs_call(node_find(c->node, pid), c->peer, slice_of(method),
	    buf_bytes(&params), 5000, answered, q);
	buf_release(&params);
}

/* Asks, and does not wait for the answer. */
static void
begin(struct client *c, struct asked *q, const char *op, const char *form, ...)
{
	va_list args;

	va_start(args, form);
	begin_v(c, q, op, form, args);
	va_end(args);
}

/* It is answered by now, with this error. */
static void
ended(struct asked *q, enum err e)
{
	ck_assert(q->there);
	ck_assert_str_eq(err_word(q->e), err_word(e));
	buf_release(&q->body);
}

static enum err
ask(struct client *c, const char *op, const char *form, ...)
{
	struct asked q;
	va_list args;

	va_start(args, form);
	begin_v(c, &q, op, form, args);
	va_end(args);
	ck_assert(sim_run_until(sim, is_there, &q, 100000));
	buf_release(&q.body);
	return q.e;
}

static struct buf
answer_of(struct client *c, const char *op, const char *form, va_list args)
{
	struct asked q;

	begin_v(c, &q, op, form, args);
	ck_assert(sim_run_until(sim, is_there, &q, 100000));
	ck_assert_str_eq(err_word(q.e), "ok");
	return q.body;
}

static void
expect_number(uint64_t wanted, struct client *c, const char *op,
    const char *form, ...)
{
	struct term_reader r;
	struct buf body;
	uint64_t n;
	va_list args;

	va_start(args, form);
	body = answer_of(c, op, form, args);
	va_end(args);
	term_reader_init(&r, buf_bytes(&body));
	ck_assert_int_eq(term_read_uint(&r, &n), E_OK);
	ck_assert_uint_eq(n, wanted);
	buf_release(&body);
}

/* {"n": n, "mensajes": [...]} as "n: 1 ana hola, 2 luis hola". */
static void
past_text(struct slice body, char out[HEARD_BYTES])
{
	struct term_reader r, inner;
	struct slice key, fields;
	uint64_t n;
	uint32_t count;

	term_reader_init(&r, body);
	ck_assert_int_eq(term_read_map(&r, &count), E_OK);
	ck_assert_int_eq(term_read_str(&r, &key), E_OK);
	ck_assert(slice_is(key, "n"));
	ck_assert_int_eq(term_read_uint(&r, &n), E_OK);
	ck_assert_int_eq(term_read_str(&r, &key), E_OK);
	ck_assert(slice_is(key, "mensajes"));
	ck_assert_int_eq(term_read_array(&r, &count), E_OK);
	out[0] = '\0';
	add(out, "%u:", (unsigned)n);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_eq(term_skip(&r, &fields), E_OK);
		term_reader_init(&inner,
		    slice_bytes(fields.bytes + 1, fields.len - 1));
		if (i > 0)
			add(out, ",");
		add_words(out, &inner);
	}
}

static void
expect_past(const char *wanted, struct client *c, const char *op,
    const char *form, ...)
{
	char text[HEARD_BYTES];
	struct buf body;
	va_list args;

	va_start(args, form);
	body = answer_of(c, op, form, args);
	va_end(args);
	past_text(buf_bytes(&body), text);
	ck_assert_str_eq(text, wanted);
	buf_release(&body);
}

static void
expect_who(const char *wanted, struct client *c, const char *room)
{
	char text[HEARD_BYTES] = "";
	struct term_reader r;
	struct asked q;
	uint32_t n;

	begin(c, &q, "who", "s", room);
	ck_assert(sim_run_until(sim, is_there, &q, 100000));
	term_reader_init(&r, buf_bytes(&q.body));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	add_words(text, &r);
	ck_assert_str_eq(text, wanted);
	ended(&q, E_OK);
}

/* Rooms as " name members ..." */
static void
expect_rooms(const char *wanted, struct client *c)
{
	char text[HEARD_BYTES] = "";
	struct term_reader r;
	struct slice key, name;
	struct asked q;
	uint64_t members;
	uint32_t n, two;

	begin(c, &q, "list_rooms", "");
	ck_assert(sim_run_until(sim, is_there, &q, 100000));
	term_reader_init(&r, buf_bytes(&q.body));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	for (; n > 0; n--) {
		ck_assert_int_eq(term_read_map(&r, &two), E_OK);
		ck_assert_int_eq(term_read_str(&r, &key), E_OK);
		ck_assert(slice_is(key, "sala"));
		ck_assert_int_eq(term_read_str(&r, &name), E_OK);
		ck_assert_int_eq(term_read_str(&r, &key), E_OK);
		ck_assert(slice_is(key, "miembros"));
		ck_assert_int_eq(term_read_uint(&r, &members), E_OK);
		add(text, " %.*s %u", (int)name.len, (const char *)name.bytes,
		    (unsigned)members);
	}
	ck_assert_str_eq(text, wanted);
	ended(&q, E_OK);
}

static struct client *ana, *luis;

/* A room with two in it, who have heard nothing yet. */
static void
two_in_a_room(void)
{
	ana = client_start("ana");
	luis = client_start("luis");
	ck_assert_int_eq(ask(ana, "create_room", "s", "general"), E_OK);
	ck_assert_int_eq(ask(ana, "join", "s", "general"), E_OK);
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
	soon();
	ana->heard[0] = luis->heard[0] = '\0';
}

static void
two_in_a_durable_room(void)
{
	struct asked q;

	ana = client_start("ana");
	luis = client_start("luis");
	begin(ana, &q, "create_room", "s", "general");
	save();
	ended(&q, E_OK);
	ck_assert_int_eq(ask(ana, "join", "s", "general"), E_OK);
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
	soon();
	ana->heard[0] = luis->heard[0] = '\0';
}

/* -- what the class's program does -- */

START_TEST(the_class_transcript)
{
	struct client *alice = client_start("Alice");
	struct client *bob = client_start("Bob");

	ck_assert_int_eq(ask(alice, "create_room", "s", "general"), E_OK);
	ck_assert_int_eq(ask(alice, "create_room", "s", "random"), E_OK);
	ck_assert_int_eq(ask(bob, "create_room", "s", "general"), E_EXISTS);
	expect_rooms(" general 0 random 0", bob);
	expect_past("0:", alice, "join", "s", "general");
	heard(alice, "joined general Alice\n");
	expect_past("0:", bob, "join", "s", "general");
	heard(alice, "joined general Bob\n");
	heard(bob, "joined general Bob\n");
	expect_number(1, alice, "send", "ss", "general", "Hola Bob!");
	expect_number(2, bob, "send", "ss", "general", "Hola Alice!");
	heard(alice,
	    "message general 1 Alice Hola Bob!\n"
	    "message general 2 Bob Hola Alice!\n");
	heard(bob,
	    "message general 1 Alice Hola Bob!\n"
	    "message general 2 Bob Hola Alice!\n");
	expect_rooms(" general 2 random 0", bob);
	expect_who(" Alice Bob", bob, "general");
	ck_assert_int_eq(ask(bob, "leave", "s", "general"), E_OK);
	heard(alice, "left general Bob\n");
	heard(bob, "");
	ck_assert_int_eq(ask(bob, "leave", "s", "general"), E_DENIED);
	ck_assert_int_eq(ask(bob, "send", "ss", "general", "x"), E_DENIED);
	ck_assert_int_eq(ask(bob, "send", "ss", "random", "x"), E_DENIED);
	ck_assert_int_eq(ask(bob, "join", "s", "nada"), E_NOPROC);
	expect_past("2: 1 Alice Hola Bob!, 2 Bob Hola Alice!", bob, "join", "s",
	    "general");
	client_cut(bob);
	heard(alice, "joined general Bob\ngone general Bob\n");
	expect_who(" Alice", alice, "general");
}
END_TEST

static const struct {
	const char *op;
	const char *form;
	const char *room;
	const char *text;
	enum err e;
} refused[] = {
	{ "create_room", "s", "", "", E_BADARG },
	{ "create_room", "s", "a\tb", "", E_BADARG },
	{ "create_room", "s", "a\x7f", "", E_BADARG },
	{ "create_room", "s",
	    "12345678901234567890123456789012345678901234567890123456789012345",
	    "", E_BADARG },
	{ "create_room", "sk", "x", "corta", E_BADARG },
	{ "delete_room", "s", "nada", "", E_NOPROC },
	{ "delete_room", "s", "", "", E_BADARG },
	{ "join", "s", "nada", "", E_NOPROC },
	{ "join", "s", "", "", E_NOPROC },
	{ "join", "ss", "general", "x", E_BADARG },
	{ "leave", "s", "nada", "", E_NOPROC },
	{ "who", "s", "nada", "", E_NOPROC },
	{ "history", "s", "nada", "", E_NOPROC },
	{ "send", "ss", "nada", "x", E_NOPROC },
	{ "send", "ss", "general", "", E_BADARG },
	{ "send", "ss", "general", "a\nb", E_BADARG },
	{ "send", "ss", "general", "\x1b[31m", E_BADARG },
	{ "send", "s", "general", "", E_BADARG },
	{ "nada", "s", "general", "", E_UNDEF },
	{ "settle", "s", "general", "", E_UNDEF },
};

START_TEST(what_is_wrong_is_refused_and_changes_nothing)
{
	two_in_a_room();
	ck_assert_str_eq(err_word(ask(ana, refused[_i].op, refused[_i].form,
			     refused[_i].room, refused[_i].text)),
	    err_word(refused[_i].e));
	expect_past("0:", ana, "history", "s", "general");
	expect_rooms(" general 2", ana);
	heard(luis, "");
}
END_TEST

START_TEST(a_text_has_so_many_bytes_and_no_more)
{
	char text[LIMIT_TEXT + 2];

	two_in_a_room();
	memset(text, 'x', sizeof(text));
	text[LIMIT_TEXT + 1] = '\0';
	ck_assert_int_eq(ask(ana, "send", "ss", "general", text), E_TOOBIG);
	text[LIMIT_TEXT] = '\0';
	ck_assert_int_eq(ask(ana, "send", "ss", "general", text), E_OK);
	text[LIMIT_ROOM_NAME] = '\0';
	ck_assert_int_eq(ask(ana, "create_room", "s", text), E_OK);
	ck_assert_int_eq(ask(ana, "join", "s", text), E_OK);
	expect_number(1, ana, "send", "ss", text, "cabe");
}
END_TEST

static const char *const operations[] = { "create_room", "delete_room", "join",
	"leave", "who", "history" };

START_TEST(who_has_no_name_is_denied)
{
	struct client *nobody = client_start("");

	two_in_a_room();
	ck_assert_int_eq(ask(nobody, operations[_i], "s", "general"), E_DENIED);
	ck_assert_int_eq(ask(nobody, operations[_i], "s", "nada"), E_DENIED);
	ck_assert_int_eq(ask(nobody, "list_rooms", ""), E_DENIED);
	ck_assert_int_eq(ask(nobody, "send", "ss", "general", "x"), E_DENIED);
}
END_TEST

/* -- members -- */

START_TEST(joining_twice_is_one_membership)
{
	two_in_a_room();
	expect_past("0:", luis, "join", "s", "general");
	expect_number(1, ana, "send", "ss", "general", "hola");
	heard(luis, "message general 1 ana hola\n");
	client_cut(luis);
	heard(ana, "message general 1 ana hola\ngone general luis\n");
}
END_TEST

START_TEST(a_user_comes_with_the_first_and_goes_with_the_last_session)
{
	struct client *otra;

	two_in_a_room();
	otra = client_start("luis");
	expect_past("0:", otra, "join", "s", "general");
	heard(ana, "");
	heard(otra, "");
	expect_who(" ana luis", ana, "general");
	expect_rooms(" general 2", ana);
	expect_number(1, otra, "send", "ss", "general", "hola");
	heard(luis, "message general 1 luis hola\n");
	client_cut(luis);
	heard(ana, "message general 1 luis hola\n");
	expect_who(" ana luis", ana, "general");
	ck_assert_int_eq(ask(otra, "leave", "s", "general"), E_OK);
	heard(ana, "left general luis\n");
	expect_who(" ana", ana, "general");
}
END_TEST

START_TEST(who_left_is_watched_no_more)
{
	two_in_a_room();
	ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_OK);
	heard(ana, "left general luis\n");
	client_cut(luis);
	heard(ana, "");
}
END_TEST

START_TEST(whoever_comes_and_goes_leaves_no_monitor)
{
	uint32_t refs;

	two_in_a_room();
	ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_OK);
	soon();
	refs = server->refs.count;
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
		ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
		ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_OK);
	}
	soon();
	ck_assert_uint_eq(server->refs.count, refs);
}
END_TEST

START_TEST(who_is_in_the_order_of_joining)
{
	struct client *eva;

	two_in_a_room();
	eva = client_start("eva");
	ck_assert_int_eq(ask(eva, "join", "s", "general"), E_OK);
	expect_who(" ana luis eva", eva, "general");
	ck_assert_int_eq(ask(ana, "leave", "s", "general"), E_OK);
	ck_assert_int_eq(ask(ana, "join", "s", "general"), E_OK);
	expect_who(" luis eva ana", eva, "general");
}
END_TEST

START_TEST(a_room_is_full_some_time)
{
	struct members *m;

	two_in_a_room();
	ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_OK);
	m = members_find(&tree.rooms, slice_of("general"));
	for (uint64_t i = m->by_session.count; i < LIMIT_MEMBERS; i++)
		members_add(m, (struct pid){ UINT64_MAX - i },
		    slice_of("otra"));
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_TOOBIG);
	members_remove(m, TAILQ_LAST(&m->members, member_list));
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
}
END_TEST

/* -- the past -- */

START_TEST(the_past_is_read_in_parts)
{
	two_in_a_room();
	for (int i = 1; i <= 20; i++)
		ck_assert_int_eq(ask(i % 2 ? ana : luis, "send", "ss",
				     "general", "x"),
		    E_OK);
	expect_number(21, luis, "send", "ss", "general", "y");
	expect_past("21: 20 luis x, 21 luis y", ana, "history", "sc", "general",
	    2);
	expect_past("21:", ana, "history", "sc", "general", 0);
	expect_past("21: 20 luis x, 21 luis y", ana, "history", "sd", "general",
	    19);
	expect_past("21: 1 ana x", ana, "history", "sb", "general", 0, 1);
	expect_past("21: 5 ana x, 6 luis x", ana, "join", "sb", "general", 4,
	    2);
	expect_past("21:", ana, "join", "sd", "general", 21);
	expect_past("21:", ana, "join", "sd", "general", 500);
	expect_past("21: 2 luis x, 3 ana x, 4 luis x, 5 ana x, 6 luis x, "
		    "7 ana x, 8 luis x, 9 ana x, 10 luis x, 11 ana x, "
		    "12 luis x, 13 ana x, 14 luis x, 15 ana x, 16 luis x, "
		    "17 ana x, 18 luis x, 19 ana x, 20 luis x, 21 luis y",
	    ana, "history", "s", "general");
	ck_assert_int_eq(ask(client_start("eva"), "history", "s", "general"),
	    E_OK);
	expect_who(" ana luis", ana, "general");
}
END_TEST

/* -- the rate -- */

START_TEST(a_session_may_say_so_much_at_once_and_then_so_much_a_second)
{
	two_in_a_room();
	sim_run_ms(sim, 60000);
	for (int i = 0; i < LIMIT_CHAT_BURST; i++)
		ck_assert_int_eq(ask(ana, "send", "ss", "general", "x"), E_OK);
	while (ask(ana, "send", "ss", "general", "x") == E_OK)
		;
	ck_assert_uint_lt(ana->messages, LIMIT_CHAT_BURST + 5);
	ck_assert_int_eq(ask(luis, "send", "ss", "general", "x"), E_OK);
	sim_run_ms(sim, 1000);
	for (int i = 0; i < LIMIT_CHAT_PER_S; i++)
		ck_assert_int_eq(ask(ana, "send", "ss", "general", "x"), E_OK);
	ck_assert_int_eq(ask(ana, "who", "s", "general"), E_OK);
}
END_TEST

START_TEST(without_a_rate_it_may_say_as_much_as_it_likes)
{
	tree.listener.rate.per_s = 0;
	two_in_a_room();
	for (int i = 0; i < 5 * LIMIT_CHAT_BURST; i++)
		ck_assert_int_eq(ask(ana, "send", "ss", "general", "x"), E_OK);
}
END_TEST

/* -- making and deleting -- */

START_TEST(only_its_creator_deletes_a_room_with_somebody_in_it)
{
	two_in_a_room();
	ck_assert_int_eq(ask(luis, "delete_room", "s", "general"), E_DENIED);
	expect_number(1, luis, "send", "ss", "general", "hola");
	ck_assert_int_eq(ask(ana, "delete_room", "s", "general"), E_OK);
	heard(luis, "message general 1 luis hola\nclosed general\n");
	ck_assert_int_eq(ask(luis, "send", "ss", "general", "x"), E_NOPROC);
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_NOPROC);
	expect_rooms("", luis);
	ck_assert_uint_eq(node_whereis(server, slice_of("sala:general")).id, 0);
	ck_assert_ptr_null(members_find(&tree.rooms, slice_of("general")));
	client_cut(luis);
	heard(ana, "message general 1 luis hola\nclosed general\n");
	ck_assert_int_eq(ask(ana, "create_room", "s", "general"), E_OK);
	expect_past("0:", ana, "join", "s", "general");
}
END_TEST

START_TEST(anyone_deletes_an_empty_room)
{
	two_in_a_room();
	ck_assert_int_eq(ask(ana, "leave", "s", "general"), E_OK);
	ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_OK);
	ck_assert_int_eq(ask(luis, "delete_room", "s", "general"), E_OK);
}
END_TEST

START_TEST(rooms_that_come_and_go_leave_nothing_behind)
{
	uint32_t procs;
	char name[16];

	ana = client_start("ana");
	soon();
	procs = node_count(server);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "sala %d", i);
		ck_assert_int_eq(ask(ana, "create_room", "s", name), E_OK);
		ck_assert_int_eq(ask(ana, "join", "s", name), E_OK);
		ck_assert_int_eq(ask(ana, "delete_room", "s", name), E_OK);
	}
	soon();
	ck_assert_uint_eq(node_count(server), procs);
	ck_assert_uint_eq(tree.rooms.by_name.count, 0);
	ck_assert_uint_eq(sup_count_children(
			      node_find(server,
				  node_whereis(server, slice_of(SALAS_NAME))))
			      .specs,
	    0);
}
END_TEST

START_TEST(there_are_as_many_rooms_as_can_be)
{
	char name[16];
	struct asked q;

	ana = client_start("ana");
	for (int i = 0; i < LIMIT_ROOMS; i++) {
		snprintf(name, sizeof(name), "sala %05d", i);
		begin(ana, &q, "create_room", "s", name);
		ck_assert(sim_run_until(sim, is_there, &q, 100000));
		ended(&q, E_OK);
	}
	ck_assert_int_eq(ask(ana, "create_room", "s", "una más"), E_TOOBIG);
	ck_assert_int_eq(ask(ana, "create_room", "s", "sala 00007"), E_EXISTS);
	ck_assert_int_eq(ask(ana, "list_rooms", ""), E_OK);
}
END_TEST

/* -- durable first -- */

START_TEST(a_line_is_answered_and_told_when_it_is_durable)
{
	struct asked q;

	two_in_a_durable_room();
	begin(ana, &q, "send", "ss", "general", "hola");
	soon();
	ck_assert(!q.there);
	heard(luis, "");
	expect_past("0:", luis, "history", "s", "general");
	save();
	ended(&q, E_OK);
	heard(luis, "message general 1 ana hola\n");
	heard(ana, "message general 1 ana hola\n");
	expect_past("1: 1 ana hola", luis, "history", "s", "general");
}
END_TEST

START_TEST(who_joins_between_said_and_durable_has_no_gap_and_no_repetition)
{
	struct client *eva;
	struct asked q[3];

	two_in_a_durable_room();
	eva = client_start("eva");
	begin(ana, &q[0], "send", "ss", "general", "uno");
	save();
	begin(ana, &q[1], "send", "ss", "general", "dos");
	soon();
	expect_past("1: 1 ana uno", eva, "join", "s", "general");
	begin(ana, &q[2], "send", "ss", "general", "tres");
	save();
	heard(eva,
	    "joined general eva\n"
	    "message general 2 ana dos\nmessage general 3 ana tres\n");
	for (size_t i = 0; i < COUNT(q); i++)
		ended(&q[i], E_OK);
}
END_TEST

START_TEST(who_leaves_hears_what_was_said_before)
{
	struct asked said, left, late;

	two_in_a_durable_room();
	begin(luis, &said, "send", "ss", "general", "adiós");
	begin(luis, &left, "leave", "s", "general");
	begin(luis, &late, "send", "ss", "general", "tarde");
	soon();
	ck_assert(!said.there && !left.there);
	ended(&late, E_DENIED);
	ck_assert_int_eq(ask(luis, "leave", "s", "general"), E_DENIED);
	begin(ana, &late, "send", "ss", "general", "ya");
	save();
	ended(&said, E_OK);
	ended(&left, E_OK);
	ended(&late, E_OK);
	heard(luis, "message general 1 luis adiós\n");
	heard(ana,
	    "message general 1 luis adiós\n"
	    "left general luis\n"
	    "message general 2 ana ya\n");
}
END_TEST

START_TEST(who_leaves_and_comes_again_at_once_is_in)
{
	struct asked said, left;

	two_in_a_durable_room();
	begin(ana, &said, "send", "ss", "general", "hola");
	soon();
	begin(luis, &left, "leave", "s", "general");
	expect_past("0:", luis, "join", "s", "general");
	save();
	ended(&said, E_OK);
	ended(&left, E_OK);
	heard(luis, "joined general luis\nmessage general 1 ana hola\n");
	heard(ana,
	    "left general luis\njoined general luis\n"
	    "message general 1 ana hola\n");
	expect_who(" ana luis", ana, "general");
}
END_TEST

START_TEST(who_was_leaving_when_the_room_is_deleted_has_left)
{
	struct asked said, left, deleted;

	two_in_a_durable_room();
	begin(ana, &said, "send", "ss", "general", "hola");
	soon();
	begin(luis, &left, "leave", "s", "general");
	begin(ana, &deleted, "delete_room", "s", "general");
	save();
	ended(&said, E_OK);
	ended(&left, E_OK);
	ended(&deleted, E_OK);
	ck_assert_uint_eq(tree.rooms.by_name.count, 0);
}
END_TEST

START_TEST(only_what_a_commit_has_is_told_after_it)
{
	struct asked q[2];
	uint64_t saved;

	two_in_a_durable_room();
	begin(ana, &q[0], "send", "ss", "general", "uno");
	soon();
	saved = disk.written;
	begin(ana, &q[1], "send", "ss", "general", "dos");
	soon();
	disk.store.events->saved(disk.store.arg, saved);
	heard(luis, "message general 1 ana uno\n");
	ended(&q[0], E_OK);
	ck_assert(!q[1].there);
	save();
	heard(luis, "message general 2 ana dos\n");
	ended(&q[1], E_OK);
}
END_TEST

START_TEST(a_room_is_there_when_that_is_durable)
{
	struct asked made, list;

	ana = client_start("ana");
	luis = client_start("luis");
	begin(ana, &made, "create_room", "s", "general");
	soon();
	begin(ana, &list, "list_rooms", "");
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OVERLOAD);
	soon();
	ck_assert(!made.there && !list.there);
	save();
	ended(&made, E_OK);
	ended(&list, E_OK);
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
}
END_TEST

START_TEST(of_two_who_make_a_room_one_has)
{
	struct asked a, b;

	ana = client_start("ana");
	luis = client_start("luis");
	begin(ana, &a, "create_room", "s", "general");
	soon();
	begin(luis, &b, "create_room", "s", "general");
	soon();
	ck_assert(!a.there && !b.there);
	save();
	ended(&a, E_OK);
	ended(&b, E_EXISTS);
}
END_TEST

START_TEST(a_deletion_takes_what_is_not_durable_with_it)
{
	struct asked sent, deleted, late, joined;

	two_in_a_durable_room();
	begin(luis, &sent, "send", "ss", "general", "hola");
	soon();
	begin(ana, &deleted, "delete_room", "s", "general");
	soon();
	begin(luis, &late, "send", "ss", "general", "tarde");
	begin(luis, &joined, "join", "s", "general");
	soon();
	heard(luis, "");
	ck_assert(!sent.there && !deleted.there && !late.there);
	ck_assert(!joined.there);
	save();
	ended(&sent, E_OK); /* it was said */
	ended(&deleted, E_OK);
	ended(&late, E_NOPROC);
	ended(&joined, E_NOPROC);
	heard(luis, "closed general\n");
	ck_assert_uint_eq(node_whereis(server, slice_of("sala:general")).id, 0);
}
END_TEST

/* Asks a room in a turn of its own. */
static struct gs_next
late_info(struct proc *self, const struct message *m)
{
	struct pid room = chat_room_whereis(server, slice_of("general"));
	struct asked **q = gs_state(self);

	gs_call(self, room, m->op, m->body, 5000, answered, *q);
	return gs_noreply();
}

static struct gs_next
late_init(struct proc *self, void *arg)
{
	struct asked **q = gs_state(self);

	*q = arg;
	return gs_noreply();
}

static const struct gen_server late = { .module = "late",
	.state_bytes = sizeof(struct asked *),
	.init = late_init,
	.handle_info = late_info };

START_TEST(a_room_ends_after_who_still_asks_for_it)
{
	struct asked deleted, early[LIMIT_BATCH + 10], last = { 0 };
	struct proc *room;
	struct pid asker;

	two_in_a_durable_room();
	begin(ana, &deleted, "delete_room", "s", "general");
	soon();
	room =
	    node_find(server, chat_room_whereis(server, slice_of("general")));
	proc_suspend(room);
	save();
	for (size_t i = 0; i < COUNT(early); i++)
		begin(luis, &early[i], "leave", "s", "general");
	soon();
	ck_assert_uint_gt(proc_mailbox(room), LIMIT_BATCH);
	ck_assert_int_eq(gs_start(server, &late, NULL, &last, &asker), E_OK);
	buf_init(&last.body);
	/* The room's first batch, the asker, and the rest with its end. */
	proc_resume(room);
	proc_send(server, asker, slice_of("who"), slice_of(""));
	soon();
	ended(&deleted, E_OK);
	for (size_t i = 0; i < COUNT(early); i++)
		ended(&early[i], E_NOPROC);
	ended(&last, E_DENIED); /* it has no user, but an answer */
	ck_assert_uint_eq(chat_room_whereis(server, slice_of("general")).id, 0);
}
END_TEST

START_TEST(deleted_and_made_again_in_one_commit_it_is_a_new_room)
{
	struct asked sent, deleted, made, again;

	two_in_a_durable_room();
	begin(luis, &sent, "send", "ss", "general", "hola");
	begin(ana, &deleted, "delete_room", "s", "general");
	soon();
	begin(luis, &made, "create_room", "s", "general");
	begin(luis, &again, "create_room", "s", "general");
	save();
	ended(&sent, E_OK);
	ended(&deleted, E_OK);
	ended(&made, E_OK);
	ended(&again, E_EXISTS);
	heard(luis, "closed general\n");
	expect_rooms(" general 0", ana);
	expect_past("0:", ana, "join", "s", "general");
	ck_assert_int_eq(ask(luis, "send", "ss", "general", "x"), E_DENIED);
	begin(ana, &sent, "send", "ss", "general", "nueva");
	save();
	ended(&sent, E_OK);
	heard(ana,
	    "closed general\njoined general ana\n"
	    "message general 1 ana nueva\n");
}
END_TEST

START_TEST(made_and_deleted_in_one_commit_it_never_was)
{
	struct asked made, deleted;

	ana = client_start("ana");
	begin(ana, &made, "create_room", "s", "general");
	begin(ana, &deleted, "delete_room", "s", "general");
	save();
	ended(&made, E_OK);
	ended(&deleted, E_OK);
	expect_rooms("", ana);
	ck_assert_uint_eq(tree.rooms.by_name.count, 0);
}
END_TEST

START_TEST(a_line_said_again_with_its_key_is_said_once)
{
	static const char clave[] = "0123456789abcdef";

	two_in_a_room();
	expect_number(1, ana, "send", "ssk", "general", "hola", clave);
	expect_number(1, ana, "send", "ssk", "general", "hola", clave);
	expect_number(2, luis, "send", "ssk", "general", "hola", clave);
	ck_assert_int_eq(ask(ana, "send", "ssk", "general", "otra", clave),
	    E_BADARG);
	heard(luis,
	    "message general 1 ana hola\nmessage general 2 luis hola\n");
	ck_assert_int_eq(ask(ana, "create_room", "sk", "x", clave), E_BADARG);
	ck_assert_int_eq(ask(ana, "create_room", "sk", "x", "fedcba9876543210"),
	    E_OK);
	ck_assert_int_eq(ask(ana, "create_room", "sk", "x", "fedcba9876543210"),
	    E_OK);
}
END_TEST

/* What the key stands for is done already: the new room is another one. */
START_TEST(a_deletion_repeated_with_its_key_leaves_the_new_room_alone)
{
	static const char clave[] = "0123456789abcdef";

	two_in_a_room();
	ck_assert_int_eq(ask(ana, "delete_room", "sk", "general", clave), E_OK);
	ck_assert_int_eq(ask(ana, "create_room", "s", "general"), E_OK);
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_OK);
	ck_assert_int_eq(ask(ana, "delete_room", "sk", "general", clave), E_OK);
	heard(luis, "closed general\njoined general luis\n");
	expect_rooms(" general 1", ana);
}
END_TEST

START_TEST(a_full_disk_is_said)
{
	struct asked q;

	two_in_a_durable_room();
	disk.full = true;
	ck_assert_int_eq(ask(ana, "send", "ss", "general", "x"), E_STORAGE);
	ck_assert_int_eq(ask(ana, "create_room", "s", "otra"), E_STORAGE);
	disk.full = false;
	begin(ana, &q, "send", "ss", "general", "y");
	save();
	ended(&q, E_OK);
	heard(luis, "message general 1 ana y\n");
}
END_TEST

/* -- processes that end -- */

START_TEST(a_room_that_crashed_comes_back_with_its_members_and_its_past)
{
	two_in_a_room();
	expect_number(1, ana, "send", "ss", "general", "antes");
	kill_process("sala:general");
	soon();
	expect_who(" ana luis", ana, "general");
	expect_past("1: 1 ana antes", luis, "history", "s", "general");
	expect_number(2, luis, "send", "ss", "general", "después");
	heard(ana,
	    "message general 1 ana antes\nmessage general 2 luis después\n");
	client_cut(luis);
	heard(ana, "gone general luis\n");
	ck_assert_int_eq(ask(ana, "leave", "s", "general"), E_OK);
	expect_who("", ana, "general");
}
END_TEST

START_TEST(what_was_not_told_at_the_crash_is_told_after_it)
{
	struct asked q[2];

	two_in_a_durable_room();
	begin(ana, &q[0], "send", "ss", "general", "uno");
	soon();
	kill_process("sala:general");
	soon();
	ended(&q[0], E_DIED);
	heard(luis, "");
	begin(luis, &q[1], "send", "ss", "general", "dos");
	save();
	ended(&q[1], E_OK);
	heard(ana, "message general 1 ana uno\nmessage general 2 luis dos\n");
	heard(luis, "message general 1 ana uno\nmessage general 2 luis dos\n");
}
END_TEST

START_TEST(what_was_not_told_at_the_crash_needs_no_other_line)
{
	struct asked q;

	two_in_a_durable_room();
	begin(ana, &q, "send", "ss", "general", "uno");
	soon();
	kill_process("sala:general");
	soon();
	ended(&q, E_DIED);
	save();
	heard(ana, "message general 1 ana uno\n");
	heard(luis, "message general 1 ana uno\n");
}
END_TEST

START_TEST(who_vanishes_while_the_room_is_down_is_gone_once)
{
	two_in_a_room();
	client_cut(luis);
	kill_process("sala:general");
	heard(ana, "gone general luis\n");
	expect_who(" ana", ana, "general");
}
END_TEST

START_TEST(a_room_deleted_while_it_is_down_is_closed)
{
	struct asked q;

	two_in_a_durable_room();
	begin(ana, &q, "delete_room", "s", "general");
	soon();
	kill_process("sala:general");
	soon();
	save();
	ended(&q, E_OK);
	heard(luis, "closed general\n");
	ck_assert_uint_eq(tree.rooms.by_name.count, 0);
}
END_TEST

START_TEST(a_chat_that_crashed_knows_what_it_had_begun)
{
	struct asked made, deleted;

	two_in_a_durable_room();
	begin(ana, &made, "create_room", "s", "nueva");
	begin(ana, &deleted, "delete_room", "s", "general");
	soon();
	kill_process(CHAT_NAME);
	soon();
	ended(&made, E_DIED);
	ended(&deleted, E_DIED);
	heard(luis, "");
	save();
	heard(luis, "closed general\n");
	expect_rooms(" nueva 0", luis);
	expect_past("0:", luis, "join", "s", "nueva");
	ck_assert_int_eq(ask(luis, "join", "s", "general"), E_NOPROC);
}
END_TEST

START_TEST(a_chat_that_crashed_leaves_the_rooms_alone)
{
	two_in_a_room();
	kill_process(CHAT_NAME);
	expect_number(1, ana, "send", "ss", "general", "hola");
	heard(luis, "message general 1 ana hola\n");
	expect_rooms(" general 2", luis);
}
END_TEST

START_TEST(all_rooms_crash_and_come_back)
{
	two_in_a_room();
	ck_assert_int_eq(ask(ana, "create_room", "s", "otra"), E_OK);
	expect_number(1, ana, "send", "ss", "general", "hola");
	kill_process(SALAS_NAME);
	soon();
	expect_who(" ana luis", ana, "general");
	expect_number(2, luis, "send", "ss", "general", "sigo");
	heard(ana, "message general 1 ana hola\nmessage general 2 luis sigo\n");
	expect_past("0:", luis, "join", "s", "otra");
	ck_assert_int_eq(ask(ana, "delete_room", "s", "otra"), E_OK);
	ck_assert_int_eq(ask(ana, "create_room", "s", "otra"), E_OK);
}
END_TEST

START_TEST(a_room_that_crashes_too_often_takes_the_others_along_and_back)
{
	two_in_a_room();
	for (int i = 0; i < 5; i++) {
		kill_process("sala:general");
		soon();
	}
	expect_who(" ana luis", ana, "general");
	expect_number(1, luis, "send", "ss", "general", "sigo");
	heard(ana, "message general 1 luis sigo\n");
}
END_TEST

START_TEST(with_the_engine_the_members_end_and_the_rooms_come_back)
{
	struct asked q;

	two_in_a_durable_room();
	begin(ana, &q, "send", "ss", "general", "hola");
	save();
	ended(&q, E_OK);
	kill_process("engine");
	soon();
	ck_assert(ana->down && luis->down);
	luis = client_start("luis");
	expect_rooms(" general 0", luis);
	expect_past("1: 1 ana hola", luis, "join", "s", "general");
	heard(luis, "joined general luis\n");
}
END_TEST

/* -- lines that are told together -- */

static struct proc *
server_process(struct pid pid)
{
	struct proc *p = node_find(server, pid);

	ck_assert_ptr_nonnull(p);
	return p;
}

/* The room's process: what comes while it stands still waits together. */
static struct proc *
room_process(void)
{
	return server_process(chat_room_whereis(server, slice_of("general")));
}

/* The session of a member, by its place in the order of joining. */
static struct proc *
session_process(unsigned place)
{
	struct member *m;

	TAILQ_FOREACH(m,
	    &members_find(&tree.rooms, slice_of("general"))->members, entry)
		if (place-- == 0)
			break;
	ck_assert_ptr_nonnull(m);
	return server_process(m->session);
}

static void
say_many(struct asked *q, unsigned count, const char *text)
{
	for (unsigned i = 0; i < count; i++) {
		begin(ana, &q[i], "send", "ss", "general", text);
		if (i % 50 == 49)
			soon();
	}
	soon();
}

START_TEST(lines_that_wait_together_are_told_as_one_message)
{
	enum { LINES = 10 };
	struct asked q[LINES];
	struct proc *session;

	tree.listener.rate.per_s = 0;
	two_in_a_room();
	session = session_process(1);
	proc_suspend(session);
	proc_suspend(room_process());
	say_many(q, LINES, "hola");
	proc_resume(room_process());
	soon();
	ck_assert_uint_eq(proc_mailbox(session), LINES);
	ck_assert_uint_eq(session->last->next->count, LINES);
	proc_resume(session);
	soon();
	ck_assert_uint_eq(luis->messages, LINES);
	ck_assert_uint_eq(luis->last, LINES);
	for (size_t i = 0; i < LINES; i++)
		ended(&q[i], E_OK);
}
END_TEST

static const struct {
	unsigned lines;
	unsigned bytes; /* of each */
} commits[] = { { 600, 1 }, { 100, LIMIT_TEXT } };

/* However many a commit has. */
START_TEST(what_is_told_as_one_message_has_bounds)
{
	unsigned lines = commits[_i].lines, messages = 0, sum = 0;
	struct asked *q = calloc(lines, sizeof(*q));
	char text[LIMIT_TEXT + 1];
	const struct message *m;
	struct proc *session;

	ck_assert_ptr_nonnull(q);
	tree.listener.rate.per_s = 0;
	two_in_a_durable_room();
	session = session_process(1);
	proc_suspend(session);
	memset(text, 'x', sizeof(text));
	text[commits[_i].bytes] = '\0';
	say_many(q, lines, text);
	save();
	m = session->last;
	do {
		m = m->next;
		ck_assert_uint_le(m->count, 256);
		ck_assert_uint_le(blob_bytes(m->frame).len, 68 * 1024);
		sum += m->count;
		messages++;
	} while (m != session->last);
	ck_assert_uint_eq(sum, lines);
	ck_assert_uint_le(messages, 8);
	proc_resume(session);
	sim_run_ms(sim, 5000);
	ck_assert_uint_eq(luis->messages, lines);
	ck_assert_uint_eq(luis->last, lines);
	for (size_t i = 0; i < lines; i++)
		ended(&q[i], E_OK);
	free(q);
}
END_TEST

START_TEST(who_comes_and_goes_between_lines_has_no_gap_and_no_repetition)
{
	struct client *eva;
	struct asked q[4], joined, left;
	char past[HEARD_BYTES];

	two_in_a_room();
	eva = client_start("eva");
	proc_suspend(room_process());
	begin(ana, &q[0], "send", "ss", "general", "uno");
	begin(ana, &q[1], "send", "ss", "general", "dos");
	soon();
	begin(eva, &joined, "join", "s", "general");
	soon();
	begin(ana, &q[2], "send", "ss", "general", "tres");
	soon();
	begin(luis, &left, "leave", "s", "general");
	soon();
	begin(ana, &q[3], "send", "ss", "general", "cuatro");
	soon();
	proc_resume(room_process());
	heard(luis,
	    "message general 1 ana uno\nmessage general 2 ana dos\n"
	    "joined general eva\nmessage general 3 ana tres\n");
	heard(eva,
	    "joined general eva\nmessage general 3 ana tres\n"
	    "left general luis\nmessage general 4 ana cuatro\n");
	past_text(buf_bytes(&joined.body), past);
	ck_assert_str_eq(past, "2: 1 ana uno, 2 ana dos");
	ended(&joined, E_OK);
	ended(&left, E_OK);
	for (size_t i = 0; i < COUNT(q); i++)
		ended(&q[i], E_OK);
}
END_TEST

/* What is behind a line in the mailbox need not be one. */
START_TEST(a_line_waits_for_no_other)
{
	struct asked q;

	two_in_a_room();
	proc_suspend(room_process());
	begin(ana, &q, "send", "ss", "general", "uno");
	soon();
	proc_send(server, proc_pid(room_process()), slice_of("x"),
	    slice_of(""));
	proc_resume(room_process());
	heard(luis, "message general 1 ana uno\n");
	ended(&q, E_OK);
}
END_TEST

START_TEST(who_is_gone_after_a_line_is_told_after_it)
{
	struct asked q;

	two_in_a_room();
	proc_suspend(room_process());
	begin(ana, &q, "send", "ss", "general", "hola");
	soon();
	client_cut(luis);
	soon();
	proc_resume(room_process());
	heard(ana, "message general 1 ana hola\ngone general luis\n");
	ended(&q, E_OK);
}
END_TEST

START_TEST(a_crash_before_a_line_is_told_loses_and_repeats_none)
{
	struct asked q[2];

	two_in_a_room();
	proc_suspend(room_process());
	begin(ana, &q[0], "send", "ss", "general", "uno");
	soon();
	gs_stop_pid(server, proc_pid(room_process()), "boom");
	proc_resume(room_process());
	heard(luis, "message general 1 ana uno\n");
	begin(ana, &q[1], "send", "ss", "general", "dos");
	heard(luis, "message general 2 ana dos\n");
	ended(&q[0], E_OK);
	ended(&q[1], E_OK);
}
END_TEST

static void
fill_mailbox(struct proc *p, uint32_t up_to)
{
	while (proc_mailbox(p) < up_to)
		ck_assert_int_eq(proc_send(server, proc_pid(p), slice_of("x"),
				     slice_of("")),
		    E_OK);
}

/* In a full mailbox the room cannot tell itself to go on. */
START_TEST(what_could_not_be_told_is_told_with_a_line_that_is_refused)
{
	struct asked q, empty;
	struct proc *session;

	two_in_a_durable_room();
	session = session_process(1);
	begin(ana, &q, "send", "ss", "general", "uno");
	soon();
	proc_suspend(session);
	proc_suspend(room_process());
	fill_mailbox(session, LIMIT_MAILBOX / 2 + 1);
	fill_mailbox(room_process(), LIMIT_MAILBOX);
	begin(ana, &empty, "send", "ss", "general", "");
	soon();
	save();
	proc_resume(session);
	soon();
	proc_resume(room_process());
	heard(luis, "message general 1 ana uno\n");
	ended(&q, E_OK);
	ended(&empty, E_BADARG);
}
END_TEST

/* -- a slow reader -- */

static uint32_t
fullest_mailbox(void)
{
	uint32_t place = 0, most = 0;
	struct proc *p;

	while ((p = node_next(server, &place)) != NULL)
		if (proc_mailbox(p) > most)
			most = proc_mailbox(p);
	return most;
}

START_TEST(who_does_not_read_is_closed_and_the_others_miss_nothing)
{
	enum { LINES = 6000 };
	char text[512];
	struct asked *q = calloc(LINES, sizeof(*q));
	uint32_t in_time = 0;

	ck_assert_ptr_nonnull(q);
	tree.listener.rate.per_s = 0;
	two_in_a_room();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	sim_unplug(luis->world, true);
	for (unsigned i = 0; i < LINES; i++) {
		begin(ana, &q[i], "send", "ss", "general", text);
		if (i % 100 != 99)
			continue;
		sim_run_ms(sim, 20);
		in_time += q[i].there;
		ck_assert_uint_le(node_unsent(server), 2 * LIMIT_UNSENT);
		ck_assert_uint_le(fullest_mailbox(), LIMIT_MAILBOX / 2 + 1);
	}
	sim_run_ms(sim, 3000);
	ck_assert_uint_eq(in_time, LINES / 100);
	for (unsigned i = 0; i < LINES; i++)
		ended(&q[i], E_OK);
	ck_assert_uint_eq(ana->messages, LINES);
	ck_assert_uint_eq(ana->last, LINES);
	expect_who(" ana", ana, "general");
	sim_unplug(luis->world, false);
	sim_run_ms(sim, 3000);
	ck_assert(luis->down);
	ck_assert_uint_lt(luis->messages, LINES);
	ck_assert_uint_eq(luis->last, luis->messages); /* no gap */
	free(q);
}
END_TEST

START_TEST(a_long_past_makes_nobody_slow)
{
	char text[LIMIT_TEXT];
	struct client *eva;

	tree.listener.rate.per_s = 0;
	two_in_a_room();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(ask(ana, "send", "ss", "general", text), E_OK);
	eva = client_start("eva");
	sim_net(sim)->delay_min_ms = sim_net(sim)->delay_max_ms = 50;
	for (int i = 0; i < 5; i++) {
		struct asked past, sent;

		begin(eva, &past, "join", "sd", "general", 0);
		sim_run_ms(sim, 60);
		begin(ana, &sent, "send", "ss", "general", "hola");
		sim_run_ms(sim, 20000);
		ended(&past, E_OK);
		ended(&sent, E_OK);
	}
	ck_assert(!eva->down);
	ck_assert_uint_eq(eva->messages, 5);
}
END_TEST

static void
add_tests(TCase *c)
{
	tcase_add_test(c, the_class_transcript);
	tcase_add_loop_test(c, what_is_wrong_is_refused_and_changes_nothing, 0,
	    COUNT(refused));
	tcase_add_test(c, a_text_has_so_many_bytes_and_no_more);
	tcase_add_loop_test(c, who_has_no_name_is_denied, 0, COUNT(operations));
	tcase_add_test(c, joining_twice_is_one_membership);
	tcase_add_test(c,
	    a_user_comes_with_the_first_and_goes_with_the_last_session);
	tcase_add_test(c, who_left_is_watched_no_more);
	tcase_add_test(c, whoever_comes_and_goes_leaves_no_monitor);
	tcase_add_test(c, who_is_in_the_order_of_joining);
	tcase_add_test(c, a_room_is_full_some_time);
	tcase_add_test(c, the_past_is_read_in_parts);
	tcase_add_test(c,
	    a_session_may_say_so_much_at_once_and_then_so_much_a_second);
	tcase_add_test(c, without_a_rate_it_may_say_as_much_as_it_likes);
	tcase_add_test(c, only_its_creator_deletes_a_room_with_somebody_in_it);
	tcase_add_test(c, anyone_deletes_an_empty_room);
	tcase_add_test(c, rooms_that_come_and_go_leave_nothing_behind);
	tcase_add_test(c, there_are_as_many_rooms_as_can_be);
	tcase_add_test(c, a_line_said_again_with_its_key_is_said_once);
	tcase_add_test(c,
	    a_deletion_repeated_with_its_key_leaves_the_new_room_alone);
	tcase_add_test(c,
	    a_room_that_crashed_comes_back_with_its_members_and_its_past);
	tcase_add_test(c, who_vanishes_while_the_room_is_down_is_gone_once);
	tcase_add_test(c, a_chat_that_crashed_leaves_the_rooms_alone);
	tcase_add_test(c, all_rooms_crash_and_come_back);
	tcase_add_test(c,
	    a_room_that_crashes_too_often_takes_the_others_along_and_back);
	tcase_add_test(c, lines_that_wait_together_are_told_as_one_message);
	tcase_add_test(c,
	    who_comes_and_goes_between_lines_has_no_gap_and_no_repetition);
	tcase_add_test(c, a_line_waits_for_no_other);
	tcase_add_test(c, who_is_gone_after_a_line_is_told_after_it);
	tcase_add_test(c, a_crash_before_a_line_is_told_loses_and_repeats_none);
	tcase_add_test(c,
	    who_does_not_read_is_closed_and_the_others_miss_nothing);
	tcase_add_test(c, a_long_past_makes_nobody_slow);
}

static void
add_disk_tests(TCase *c)
{
	tcase_add_test(c, a_line_is_answered_and_told_when_it_is_durable);
	tcase_add_test(c,
	    who_joins_between_said_and_durable_has_no_gap_and_no_repetition);
	tcase_add_test(c, who_leaves_hears_what_was_said_before);
	tcase_add_test(c, who_leaves_and_comes_again_at_once_is_in);
	tcase_add_test(c, who_was_leaving_when_the_room_is_deleted_has_left);
	tcase_add_test(c, only_what_a_commit_has_is_told_after_it);
	tcase_add_test(c,
	    what_could_not_be_told_is_told_with_a_line_that_is_refused);
	tcase_add_loop_test(c, what_is_told_as_one_message_has_bounds, 0,
	    COUNT(commits));
	tcase_add_test(c, a_room_is_there_when_that_is_durable);
	tcase_add_test(c, of_two_who_make_a_room_one_has);
	tcase_add_test(c, a_deletion_takes_what_is_not_durable_with_it);
	tcase_add_test(c, a_room_ends_after_who_still_asks_for_it);
	tcase_add_test(c,
	    deleted_and_made_again_in_one_commit_it_is_a_new_room);
	tcase_add_test(c, made_and_deleted_in_one_commit_it_never_was);
	tcase_add_test(c, a_full_disk_is_said);
	tcase_add_test(c, what_was_not_told_at_the_crash_is_told_after_it);
	tcase_add_test(c, what_was_not_told_at_the_crash_needs_no_other_line);
	tcase_add_test(c, a_room_deleted_while_it_is_down_is_closed);
	tcase_add_test(c, a_chat_that_crashed_knows_what_it_had_begun);
	tcase_add_test(c,
	    with_the_engine_the_members_end_and_the_rooms_come_back);
}

int
main(void)
{
	Suite *suite = suite_create("chat_server");
	TCase *memory = tcase_create("memory"), *held = tcase_create("disk");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(memory, setup, teardown);
	tcase_set_timeout(memory, 60);
	add_tests(memory);
	suite_add_tcase(suite, memory);
	tcase_add_checked_fixture(held, setup_disk, teardown);
	add_disk_tests(held);
	suite_add_tcase(suite, held);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
