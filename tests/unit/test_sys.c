/*
 * server/sys.h: looking inside the server's real tree, over a link, in the
 * simulated world.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/peer.h"
#include "common/supervisor.h"
#include "proto/limits.h"
#include "server/sys.h"
#include "server/tareas_server.h"
#include "server/tree.h"
#include "tests/lib/sim.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct sim *sim;
static struct node *server;
static struct tree tree;
static struct address address;
static struct cookie cookie;

/* -- a client: a node with a link, and a process that hears the trace -- */

struct heard {
	unsigned count;
	char kind[16], op[32]; /* of the last one */
	uint64_t lost; /* in all */
};

struct client {
	struct node *node;
	struct pid peer;
	struct heard heard;
	bool up, down;
};

static struct client ana, luis;

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
	(void)e;
	(void)why;
	c->down = true;
}

static const struct peer_policy policy = { .route = route,
	.up = up,
	.down = down };

static struct gs_next
ear_init(struct proc *self, void *arg)
{
	struct heard **h = gs_state(self);

	*h = arg;
	return gs_noreply();
}

static void
copy(char *out, size_t size, struct slice s)
{
	snprintf(out, size, "%.*s", (int)s.len, (const char *)s.bytes);
}

static struct gs_next
ear_cast(struct proc *self, const struct message *m)
{
	struct heard **at = gs_state(self), *h = *at;
	struct term_reader r;
	struct slice name, kind, op;
	uint64_t bytes, lost;
	uint32_t n;

	term_reader_init(&r, m->body);
	ck_assert(slice_is(m->op, "mensaje"));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(term_read_str(&r, &name), E_OK);
	ck_assert_int_eq(term_read_str(&r, &kind), E_OK);
	ck_assert_int_eq(term_read_str(&r, &op), E_OK);
	ck_assert_int_eq(term_read_uint(&r, &bytes), E_OK);
	ck_assert_int_eq(term_read_uint(&r, &lost), E_OK);
	h->count++;
	h->lost += lost;
	copy(h->kind, sizeof(h->kind), kind);
	copy(h->op, sizeof(h->op), op);
	return gs_noreply();
}

static const struct gen_server ear = { .module = "ear",
	.state_bytes = sizeof(struct heard *),
	.init = ear_init,
	.handle_cast = ear_cast };

static bool
is_up(void *arg)
{
	const struct client *c = arg;

	return c->up;
}

static void
client_start(struct client *c)
{
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = cookie_bytes(&cookie),
		.connecting = true };
	struct stream *stream;
	struct pid pid;
	const char *why;

	*c = (struct client){ .node = node_new(sim_world(sim), slice_of("c"),
				  NULL) };
	ck_assert_int_eq(gs_start(c->node, &ear, "sys", &c->heard, &pid), E_OK);
	ck_assert_int_eq(world_connect(node_world(c->node), &address, &stream,
			     &why),
	    E_OK);
	ck_assert_int_eq(peer_start(c->node, stream, &config, &policy, c,
			     &c->peer),
	    E_OK);
	ck_assert(sim_run_until(sim, is_up, c, 10000));
}

static void
setup(void)
{
	const char *why;

	sim = sim_new(1);
	address = sim_address("servidor", 18800);
	cookie = (struct cookie){ .len = 9 };
	memcpy(cookie.bytes, "mi_cookie", 9);
	server = node_new(sim_world(sim), slice_of("s"), NULL);
	ck_assert_int_eq(tree_start(&tree, server, &cookie, NULL), E_OK);
	ck_assert_int_eq(listener_add(tree_listener(&tree), &address, &why),
	    E_OK);
	client_start(&ana);
	client_start(&luis);
}

static void
teardown(void)
{
	node_free(luis.node);
	node_free(ana.node);
	node_free(server);
	tree_release(&tree);
	sim_free(sim);
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

/* The operation's [name, options?] or [options?]; every node goes on. */
static enum err
call(struct client *c, const char *method, const char *name, bool texts,
    struct buf *body)
{
	static const struct gen_server asker = { .module = "asker",
		.init = asker_init };
	struct asked q = { .there = false };
	struct buf params;
	struct pid pid;

	buf_init(&params);
	buf_init(&q.body);
	term_write_array(&params, name != NULL ? 2 : 1);
	if (name != NULL)
		term_write_cstr(&params, name);
	term_write_map(&params, 2);
	term_write_cstr(&params, "otra");
	term_write_nil(&params);
	term_write_cstr(&params, "textos");
	term_write_bool(&params, texts);
	ck_assert_int_eq(gs_start(c->node, &asker, NULL, NULL, &pid), E_OK);
	gs_call(node_find(c->node, pid), c->peer, slice_of(method),
	    buf_bytes(&params), 5000, answered, &q);
	buf_release(&params);
	ck_assert(sim_run_until(sim, is_there, &q, 100000));
	if (body != NULL)
		*body = q.body;
	else
		buf_release(&q.body);
	return q.e;
}

static enum err
ask(struct client *c, const char *method, const char *name)
{
	return call(c, method, name, false, NULL);
}

static void
agregar(struct client *c, const char *usuario, const char *titulo)
{
	struct tarea t = { .titulo = slice_of(titulo),
		.descripcion = slice_of("secreto") };
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, usuario);
	tarea_write(&params, &t);
	ck_assert_int_eq(proc_cast(c->node, c->peer,
			     slice_of("tareas.agregar_tarea"),
			     buf_bytes(&params)),
	    E_OK);
	buf_release(&params);
}

/* -- rows -- */

struct tree_row {
	char id[32], pid[32], name[32], kind[32];
	uint64_t level, children, age_ms, restarts, mailbox, handled;
};

static const struct {
	const char *key;
	size_t text, number; /* where it goes; one of them is 0 */
} members[] = {
	{ "nivel", 0, offsetof(struct tree_row, level) },
	{ "id", offsetof(struct tree_row, id) + 1, 0 },
	{ "pid", offsetof(struct tree_row, pid) + 1, 0 },
	{ "nombre", offsetof(struct tree_row, name) + 1, 0 },
	{ "tipo", offsetof(struct tree_row, kind) + 1, 0 },
	{ "hijos", 0, offsetof(struct tree_row, children) },
	{ "edad_ms", 0, offsetof(struct tree_row, age_ms) },
	{ "reinicios", 0, offsetof(struct tree_row, restarts) },
	{ "buzon", 0, offsetof(struct tree_row, mailbox) },
	{ "atendidos", 0, offsetof(struct tree_row, handled) },
};

/* All keys, in this order. */
static void
read_row(struct term_reader *r, struct tree_row *row)
{
	struct slice key, text;
	uint32_t n;

	ck_assert_int_eq(term_read_map(r, &n), E_OK);
	ck_assert_uint_eq(n, COUNT(members));
	for (size_t i = 0; i < COUNT(members); i++) {
		char *at = (char *)row;

		ck_assert_int_eq(term_read_str(r, &key), E_OK);
		ck_assert(slice_is(key, members[i].key));
		if (members[i].text == 0) {
			ck_assert_int_eq(term_read_uint(r,
					     (uint64_t *)(void *)(at +
						 members[i].number)),
			    E_OK);
			continue;
		}
		ck_assert_int_eq(term_read_str(r, &text), E_OK);
		copy(at + members[i].text - 1, sizeof(row->id), text);
	}
}

static uint32_t
rows(struct client *c, const char *method, struct tree_row *out, uint32_t max)
{
	struct term_reader r;
	struct buf body;
	uint32_t n;

	ck_assert_int_eq(call(c, method, NULL, false, &body), E_OK);
	term_reader_init(&r, buf_bytes(&body));
	ck_assert_int_eq(term_read_array(&r, &n), E_OK);
	ck_assert_uint_le(n, max);
	for (uint32_t i = 0; i < n; i++)
		read_row(&r, &out[i]);
	ck_assert_int_eq(term_end(&r), E_OK);
	buf_release(&body);
	return n;
}

static struct tree_row
row_of(struct client *c, const char *name)
{
	struct tree_row all[32];
	uint32_t n = rows(c, "sys.arbol", all, COUNT(all));

	for (uint32_t i = 0; i < n; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i];
	ck_abort_msg("no row of that name");
	return all[0];
}

static const struct {
	uint64_t level;
	const char *id, *name, *kind;
	uint64_t children;
} the_tree[] = {
	{ 0, "root", "root", "supervisor", 4 },
	{ 1, "engine", "engine", "gen_server", 0 },
	{ 1, "domain", "domain", "supervisor", 4 },
	{ 2, "tareas", "tareas", "gen_server", 0 },
	{ 2, "salas", "salas", "supervisor", 0 },
	{ 2, "chat", "chat", "gen_server", 0 },
	{ 2, "sys", "sys", "gen_server", 0 },
	{ 1, "sessions", "sessions", "supervisor", 2 },
	{ 2, "session", "", "peer", 0 },
	{ 2, "session", "", "peer", 0 },
	{ 1, "listener", "listener", "gen_server", 0 },
};

START_TEST(the_tree_is_told_in_the_order_of_start)
{
	struct tree_row all[COUNT(the_tree)];

	sim_run_ms(sim, 3000);
	agregar(&ana, "ana", "t");
	ck_assert_uint_eq(rows(&ana, "sys.arbol", all, COUNT(all)),
	    COUNT(the_tree));
	for (size_t i = 0; i < COUNT(the_tree); i++) {
		ck_assert_uint_eq(all[i].level, the_tree[i].level);
		ck_assert_str_eq(all[i].id, the_tree[i].id);
		ck_assert_str_eq(all[i].name, the_tree[i].name);
		ck_assert_str_eq(all[i].kind, the_tree[i].kind);
		ck_assert_uint_eq(all[i].children, the_tree[i].children);
		ck_assert_uint_eq(all[i].restarts, 0);
		ck_assert_uint_eq(all[i].mailbox, 0);
		/* A session is as old as its link, not as the last turn. */
		ck_assert_uint_ge(all[i].age_ms, 3000);
		ck_assert_uint_lt(all[i].age_ms, 3100);
	}
	ck_assert_uint_eq(all[3].handled, 1); /* the task */
}
END_TEST

START_TEST(a_new_session_is_young_however_idle_the_server_was)
{
	struct tree_row all[16];
	struct client late;

	sim_run_ms(sim, 10000); /* before the first ping: no turn in it */
	client_start(&late);
	ck_assert_uint_eq(rows(&ana, "sys.arbol", all, COUNT(all)), 12);
	ck_assert_uint_lt(all[10].age_ms, 1000);
	node_free(late.node);
}
END_TEST

START_TEST(ps_has_everybody_named_ones_first)
{
	struct tree_row all[32];
	uint32_t n;

	ck_assert_int_eq(ask(&ana, "sys.reiniciar", "tareas"), E_OK);
	sim_run_ms(sim, 100);
	n = rows(&ana, "sys.ps", all, COUNT(all));
	ck_assert_uint_eq(n, node_count(server));
	ck_assert_str_eq(all[n - 1].name, "");
	ck_assert_str_eq(all[n - 1].id, "session");
	ck_assert_str_eq(all[n - 2].name, "");
	for (uint32_t i = 0; i < n - 2; i++) {
		ck_assert_str_ne(all[i].name, "");
		ck_assert_uint_eq(all[i].restarts,
		    strcmp(all[i].name, "tareas") == 0);
	}
}
END_TEST

/* -- reiniciar -- */

START_TEST(a_restarted_process_has_its_name_and_no_task_is_lost)
{
	struct tree_row before, after;

	agregar(&ana, "ana", "t");
	before = row_of(&ana, "tareas");
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", "tareas"), E_OK);
	sim_run_ms(sim, 100);
	after = row_of(&ana, "tareas");
	ck_assert_str_ne(after.pid, before.pid);
	ck_assert_uint_eq(after.restarts, 1);
	ck_assert_uint_eq(after.handled, 0);
	ck_assert_uint_eq(tareas_state_count(engine_state(tree.slot.engine),
			      slice_of("ana")),
	    1);
	ck_assert(!ana.down && !luis.down);
}
END_TEST

START_TEST(who_restarts_the_engine_is_answered_before_the_links_end)
{
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", "engine"), E_OK);
	sim_run_ms(sim, 1000);
	ck_assert(ana.down && luis.down);
	node_free(ana.node);
	client_start(&ana); /* it listens where it did */
	ck_assert_uint_eq(row_of(&ana, "engine").restarts, 1);
	ck_assert_uint_eq(row_of(&ana, "tareas").restarts, 0);
}
END_TEST

static const char *const restartable[] = { "tareas", "salas", "chat", "sys",
	"domain", "sessions", "listener", "engine" };

START_TEST(all_of_the_tree_but_root_can_be_restarted)
{
	struct tree_row before = row_of(&ana, restartable[_i]);

	ck_assert_int_eq(ask(&ana, "sys.reiniciar", restartable[_i]), E_OK);
	sim_run_ms(sim, 20000);
	node_free(ana.node);
	client_start(&ana);
	ck_assert_str_ne(row_of(&ana, restartable[_i]).pid, before.pid);
	ck_assert_uint_eq(row_of(&ana, restartable[_i]).restarts, 1);
	agregar(&ana, "ana", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(tareas_state_count(engine_state(tree.slot.engine),
			      slice_of("ana")),
	    1);
}
END_TEST

START_TEST(a_restart_that_has_nobody_to_do_it_is_refused)
{
	struct tree_row all[16];

	ck_assert_uint_eq(rows(&ana, "sys.arbol", all, COUNT(all)), 11);
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", "root"), E_BADARG);
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", all[8].pid), E_BADARG);
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", all[9].pid), E_BADARG);
	sim_run_ms(sim, 1000);
	ck_assert(!ana.down && !luis.down);
}
END_TEST

/* -- names and pids -- */

static const char *const unknown[] = { "", "nadie", "Tareas", "tareas ", "<",
	"<>", "<0>", "<0.>", "<.1>", "<0.0>", "<999.1>", "<3.0>",
	"<4294967296.1>", "<0.1", "0.1", "<0.1> ", " <0.1>", "< 0.1>", "<+0.1>",
	"<-0.1>", "<00.1>", "<0.01>", "<0.1>>", "<0.1.1>",
	"<00000000000000000000000000000000000.1>" };

START_TEST(what_nobody_is_called_is_noproc)
{
	static const char *const methods[] = { "sys.estado", "sys.traza",
		"sys.destrazar", "sys.reiniciar" };

	for (size_t i = 0; i < COUNT(methods); i++)
		ck_assert_int_eq(ask(&ana, methods[i], unknown[_i]), E_NOPROC);
}
END_TEST

START_TEST(a_pid_as_rows_show_it_is_as_good_as_a_name)
{
	struct tree_row all[16];
	uint32_t n = rows(&ana, "sys.arbol", all, COUNT(all));

	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(ask(&ana, "sys.estado", all[i].pid), E_OK);
	ck_assert_int_eq(ask(&ana, "sys.reiniciar", all[3].pid), E_OK);
	sim_run_ms(sim, 100);
	ck_assert_int_eq(ask(&ana, "sys.estado", all[3].pid), E_NOPROC);
}
END_TEST

/* -- estado -- */

static struct buf
estado(const char *name, bool texts)
{
	struct buf body;

	ck_assert_int_eq(call(&ana, "sys.estado", name, texts, &body), E_OK);
	ck_assert(term_is_sound(buf_bytes(&body)));
	ck_assert_uint_lt(buf_len(&body), LIMIT_FRAME - 64);
	return body;
}

static bool
has_text(const struct buf *b, const char *text)
{
	struct slice s = buf_bytes(b);

	return memmem(s.bytes, s.len, text, strlen(text)) != NULL;
}

START_TEST(texts_are_shown_only_when_asked_for)
{
	struct buf hidden, shown;

	agregar(&ana, "ana", "privado");
	hidden = estado("tareas", false);
	shown = estado("tareas", true);
	ck_assert(has_text(&hidden, "ana") && has_text(&shown, "ana"));
	ck_assert(!has_text(&hidden, "privado"));
	ck_assert(!has_text(&hidden, "secreto"));
	ck_assert(has_text(&shown, "privado") && has_text(&shown, "secreto"));
	buf_release(&hidden);
	buf_release(&shown);
}
END_TEST

/* What is in a map of estado under "mapa": users, and tasks of the first. */
static void
read_mapa(struct buf *b, uint32_t *users, uint32_t *tasks)
{
	struct term_reader r;
	struct slice key;
	uint32_t n;

	term_reader_init(&r, buf_bytes(b));
	ck_assert_int_eq(term_read_map(&r, &n), E_OK);
	ck_assert_uint_eq(n, 4);
	do
		ck_assert_int_eq(term_read_str(&r, &key), E_OK);
	while (!slice_is(key, "mapa") && term_skip(&r, NULL) == E_OK);
	ck_assert_int_eq(term_read_map(&r, users), E_OK);
	ck_assert_int_eq(term_read_str(&r, &key), E_OK);
	ck_assert_int_eq(term_read_array(&r, tasks), E_OK);
}

START_TEST(a_large_map_is_shown_in_part)
{
	char usuario[16];
	uint32_t users, tasks;
	struct buf b;

	for (int i = 0; i < 300; i++) {
		snprintf(usuario, sizeof(usuario), "u%d", i % 150);
		for (int j = 0; j < 15; j++)
			agregar(&ana, usuario, "t");
	}
	sim_run_ms(sim, 1000);
	b = estado("tareas", true);
	read_mapa(&b, &users, &tasks);
	ck_assert_uint_eq(users, 100);
	ck_assert_uint_eq(tasks, 20);
	buf_release(&b);
}
END_TEST

START_TEST(long_texts_end_the_map_within_a_frame)
{
	static char titulo[LIMIT_TITULO + 1];
	char usuario[16];
	uint32_t users, tasks;
	struct buf b;

	memset(titulo, 't', LIMIT_TITULO);
	for (int i = 0; i < 100; i++) {
		snprintf(usuario, sizeof(usuario), "u%d", i);
		for (int j = 0; j < 20; j++)
			agregar(&ana, usuario, titulo);
		sim_run_ms(sim, 100);
	}
	b = estado("tareas", true);
	read_mapa(&b, &users, &tasks);
	ck_assert_uint_gt(users, 40);
	ck_assert_uint_lt(users, 60);
	buf_release(&b);
	b = estado("tareas", false);
	read_mapa(&b, &users, &tasks);
	ck_assert_uint_eq(users, 100);
	buf_release(&b);
}
END_TEST

/* -- traza -- */

START_TEST(a_trace_tells_each_message)
{
	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(ana.heard.count, 1);
	ck_assert_str_eq(ana.heard.kind, "cast");
	ck_assert_str_eq(ana.heard.op, "agregar_tarea");
	ck_assert_uint_eq(ana.heard.lost, 0);
	ck_assert_uint_eq(luis.heard.count, 0);
	ck_assert_int_eq(ask(&ana, "sys.destrazar", "tareas"), E_OK);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(ana.heard.count, 1);
}
END_TEST

START_TEST(what_a_trace_does_not_tell_it_counts)
{
	struct term_reader r;
	struct buf body;
	uint64_t left;

	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	for (int i = 0; i < 5000; i++)
		agregar(&luis, "luis", "t");
	sim_run_ms(sim, 500);
	ck_assert_int_eq(call(&ana, "sys.destrazar", "tareas", false, &body),
	    E_OK);
	term_reader_init(&r, buf_bytes(&body));
	ck_assert_int_eq(term_read_uint(&r, &left), E_OK);
	buf_release(&body);
	ck_assert_uint_le(ana.heard.count, 2 * PROC_TRACE_PER_S);
	ck_assert_uint_eq(ana.heard.count + ana.heard.lost + left, 5000);
}
END_TEST

START_TEST(a_trace_ends_with_the_link_that_asked)
{
	struct proc *tareas =
	    node_find(server, node_whereis(server, slice_of("tareas")));

	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	ck_assert_uint_ne(proc_tracer(tareas).id, 0);
	sim_cut_world(node_world(ana.node));
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(proc_tracer(tareas).id, 0);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_int_eq(ask(&luis, "sys.traza", "tareas"), E_OK);
}
END_TEST

START_TEST(a_trace_says_that_its_process_has_ended)
{
	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	ck_assert_int_eq(ask(&luis, "sys.reiniciar", "tareas"), E_OK);
	sim_run_ms(sim, 100);
	ck_assert_str_eq(ana.heard.kind, "end");
	ck_assert_str_eq(ana.heard.op, "reiniciar");
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(ana.heard.count, 1);
}
END_TEST

START_TEST(nobody_takes_or_ends_the_trace_of_another)
{
	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK); /* again */
	ck_assert_int_eq(ask(&luis, "sys.traza", "tareas"), E_EXISTS);
	ck_assert_int_eq(ask(&luis, "sys.destrazar", "tareas"), E_OK);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(ana.heard.count, 1);
}
END_TEST

/* Who traces which of the two sessions. */
static const struct {
	struct client *first, *second;
} watchers[] = {
	{ &ana, &ana },
	{ &ana, &luis },
	{ &luis, &ana },
};

START_TEST(sessions_that_trace_each_other_or_themselves_make_no_noise)
{
	struct tree_row all[16];

	ck_assert_uint_eq(rows(&ana, "sys.arbol", all, COUNT(all)), 11);
	ck_assert_int_eq(ask(watchers[_i].first, "sys.traza", all[8].pid),
	    E_OK);
	ck_assert_int_eq(ask(watchers[_i].second, "sys.traza", all[9].pid),
	    E_OK);
	ck_assert_int_eq(ask(&ana, "sys.traza", "tareas"), E_OK);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 5000);
	ck_assert_uint_eq(ana.heard.count, 1);
	ck_assert_uint_eq(luis.heard.count, 0);
}
END_TEST

START_TEST(a_cast_can_ask_for_no_trace)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, "tareas");
	(void)proc_cast(ana.node, ana.peer, slice_of("sys.traza"),
	    buf_bytes(&params));
	buf_release(&params);
	sim_run_ms(sim, 100);
	agregar(&luis, "luis", "t");
	sim_run_ms(sim, 100);
	ck_assert_uint_eq(ana.heard.count, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sys");
	TCase *tc = tcase_create("sys");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_tree_is_told_in_the_order_of_start);
	tcase_add_test(tc, a_new_session_is_young_however_idle_the_server_was);
	tcase_add_test(tc, ps_has_everybody_named_ones_first);
	tcase_add_test(tc,
	    a_restarted_process_has_its_name_and_no_task_is_lost);
	tcase_add_test(tc,
	    who_restarts_the_engine_is_answered_before_the_links_end);
	tcase_add_loop_test(tc, all_of_the_tree_but_root_can_be_restarted, 0,
	    COUNT(restartable));
	tcase_add_test(tc, a_restart_that_has_nobody_to_do_it_is_refused);
	tcase_add_loop_test(tc, what_nobody_is_called_is_noproc, 0,
	    COUNT(unknown));
	tcase_add_test(tc, a_pid_as_rows_show_it_is_as_good_as_a_name);
	tcase_add_test(tc, texts_are_shown_only_when_asked_for);
	tcase_add_test(tc, a_large_map_is_shown_in_part);
	tcase_add_test(tc, long_texts_end_the_map_within_a_frame);
	tcase_add_test(tc, a_trace_tells_each_message);
	tcase_add_test(tc, what_a_trace_does_not_tell_it_counts);
	tcase_add_test(tc, a_trace_ends_with_the_link_that_asked);
	tcase_add_test(tc, a_trace_says_that_its_process_has_ended);
	tcase_add_test(tc, nobody_takes_or_ends_the_trace_of_another);
	tcase_add_loop_test(tc,
	    sessions_that_trace_each_other_or_themselves_make_no_noise, 0,
	    COUNT(watchers));
	tcase_add_test(tc, a_cast_can_ask_for_no_trace);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
