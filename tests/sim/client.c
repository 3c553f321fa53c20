#include "tests/sim/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/outbox.h"
#include "client/tareas_cliente.h"
#include "common/peer.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/sim/check.h"
#include "tests/sim/trace.h"

enum {
	TICK_MS = 400, /* between two wishes of a worker, at most */
	SHORT_MS = 120, /* a timeout that may well come first */
	BULK_MAX = 40, /* long casts in a row */
	OUTBOX_MAX = 100, /* writes that wait */
	LINES_MAX = 3, /* to be said */
	CALM_MS = 30000, /* for the last questions */
};

/* A monitor of `tareas` over there. */
struct watch {
	TAILQ_ENTRY(watch) entry;
	uint64_t ref;
	struct line *line;
	uint64_t since_ms;
};

static uint32_t
dice(struct client *c, uint32_t n)
{
	return random_below(&c->customs->dice, n);
}

static struct worker *
worker_of(struct proc *self)
{
	return *(struct worker **)gs_state(self);
}

/* -- the line -- */

/* The line of the peer that there is; NULL while there is none. */
static struct line *
present_line(struct client *c)
{
	struct pid peer = conn_peer(c->node, c->conn);

	if (peer.id == 0)
		return NULL;
	if (c->line == NULL || c->line->peer.id != peer.id)
		c->line = model_line(c->customs->model, peer);
	return c->line;
}

/* The connection's word for it: up, or down. */
static void
changed(void *arg)
{
	struct client *c = arg;
	struct line *line;

	if (c->conn.id == 0)
		return; /* it is starting */
	line = present_line(c);
	if (line != NULL) {
		line->up = true;
		trace_say("cliente%u is up", c->number);
	} else if (c->line != NULL) {
		c->line->up = false;
		c->line->down = true;
		c->old = c->line;
		trace_say("cliente%u is down", c->number);
	}
}

/* -- asking -- */

static struct gs_next
answered(struct proc *self, const struct answer *a, void *arg)
{
	struct worker *w = worker_of(self);
	struct op *op = arg;

	check(op->owner == w->owner, "an answer for somebody else");
	model_answered(w->client->customs->model, op, a);
	w->client->good += a->e == E_OK;
	return gs_noreply();
}

static const char *
method_of(enum op_kind kind)
{
	static const char *const methods[] = {
		[OP_AGREGAR] = "tareas.agregar_tarea",
		[OP_ELIMINAR] = "tareas.eliminar_tarea",
		[OP_LISTAR] = "tareas.listar_tareas",
		[OP_SYS] = "sys.reiniciar",
		[OP_CREATE] = "chat.create_room",
		[OP_DELETE] = "chat.delete_room",
		[OP_PAST] = "chat.history",
	};

	return methods[kind];
}

/* Sends what is filled in. */
static void
send_op(struct proc *self, struct op *op)
{
	struct worker *w = worker_of(self);
	struct model *m = w->client->customs->model;
	const char *method =
	    method_of(op->of != NULL ? op->of->kind : op->kind);
	struct buf params;

	op->owner = w->owner;
	model_sent(m, op);
	buf_init(&params);
	model_write(op, &params);
	if (op->cast)
		(void)proc_cast(proc_node(self), op->line->peer,
		    slice_of(method), buf_bytes(&params));
	else
		gs_call(self, op->line->peer, slice_of(method),
		    buf_bytes(&params), op->timeout_ms, answered, op);
	buf_release(&params);
}

static struct op *
random_op(struct client *c, struct line *line, enum op_kind kind)
{
	struct op *op = model_op(c->customs->model, line, kind);
	bool large = dice(c, 40) == 0;

	op->user = dice(c, MODEL_BULK);
	op->title = dice(c, MODEL_TITLES);
	op->size = dice(c, large ? c->customs->size_max : 64);
	if (model_bytes(c->customs->model, op->user) > c->customs->list_max &&
	    kind == OP_AGREGAR)
		op->kind = OP_ELIMINAR;
	return op;
}

static enum op_kind
random_kind(struct client *c)
{
	static const enum op_kind kinds[] = { OP_AGREGAR, OP_AGREGAR,
		OP_AGREGAR, OP_ELIMINAR, OP_LISTAR, OP_LISTAR };

	return kinds[dice(c, 6)];
}

static void
call(struct proc *self, struct line *line, enum op_kind kind)
{
	struct client *c = worker_of(self)->client;
	struct op *op = random_op(c, line, kind);
	bool patient = c->customs->calm || dice(c, 3) > 0;

	op->stale = line->down;
	op->timeout_ms = patient ? LIMIT_CALL_MS : 1 + dice(c, SHORT_MS);
	send_op(self, op);
}

static void
cast(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;
	struct op *op =
	    random_op(c, line, dice(c, 4) > 0 ? OP_AGREGAR : OP_ELIMINAR);

	op->cast = true;
	op->stale = line->down;
	send_op(self, op);
}

/* Casts in a row fill the window; a list has to see them all. */
static void
burst(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;

	for (uint32_t n = dice(c, c->customs->burst_max); n > 0; n--)
		cast(self, line);
	call(self, line, OP_LISTAR);
}

/* More than a link takes at once, for a user whose list is read once. */
static void
bulk(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;

	for (uint32_t n = dice(c, BULK_MAX); n > 0; n--) {
		struct op *op = random_op(c, line, OP_AGREGAR);

		op->cast = true;
		op->stale = line->down;
		op->kind = OP_AGREGAR;
		op->user = MODEL_BULK;
		op->size = LIMIT_DESCRIPCION;
		send_op(self, op);
	}
	call(self, line, OP_LISTAR);
}

static void
calls(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;

	for (uint32_t n = 1 + dice(c, 4); n > 0; n--)
		call(self, line, random_kind(c));
}

/* Somebody asks for tareas, or for sys itself, to be started again. */
static void
ask_for_restart(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;
	struct op *op = model_op(c->customs->model, line, OP_SYS);

	op->stale = line->down;
	op->title = dice(c, 4) > 0;
	op->timeout_ms = LIMIT_CALL_MS;
	send_op(self, op);
}

/* -- writes that are sent until they are done -- */

static void
done(void *arg, const struct outbox_result *r)
{
	struct client *c = arg;
	const struct answer a = { .e = r->e, .body = r->body };

	model_answered(c->customs->model,
	    model_number(c->customs->model, (uint32_t)r->tag), &a);
	c->good += r->e == E_OK;
}

static void
add_to_outbox(struct client *c)
{
	struct line *line = present_line(c);
	struct op *op =
	    random_op(c, line, dice(c, 3) > 0 ? OP_AGREGAR : OP_ELIMINAR);
	struct buf fields;

	op->owner = c->outbox_owner;
	op->timeout_ms = LIMIT_CALL_MS;
	if (!model_key(c->customs->model, op, c->number)) {
		op->kind = OP_AGREGAR;
		(void)model_key(c->customs->model, op, c->number);
	}
	model_sent(c->customs->model, op);
	buf_init(&fields);
	model_write_fields(op, &fields);
	outbox_add(c->node, c->outbox, method_of(op->kind), buf_bytes(&fields),
	    op->number);
	buf_release(&fields);
}

static void
write_some(struct client *c)
{
	uint32_t n = 1 + dice(c, dice(c, 4) > 0 ? 4 : 40);

	for (; n > 0 && outbox_count(c->node, c->outbox) < OUTBOX_MAX; n--)
		add_to_outbox(c);
}

/* One that is done comes again, or its clave stands for something else. */
static void
repeat(struct proc *self, struct line *line)
{
	struct client *c = worker_of(self)->client;
	struct model *m = c->customs->model;
	struct op *of = model_done_before(m, c->number, dice(c, 1000)), *op;

	if (of == NULL)
		return;
	op = model_op(m, line, dice(c, 2) == 0 ? OP_FORGE : OP_REPEAT);
	of->forged |= op->kind == OP_FORGE;
	op->of = of;
	op->stale = line->down;
	op->timeout_ms = LIMIT_CALL_MS;
	send_op(self, op);
}

/* -- rooms -- */

static void
ask_of_room(struct proc *self, struct line *line)
{
	static const enum op_kind kinds[] = { OP_CREATE, OP_PAST, OP_PAST,
		OP_PAST, OP_PAST, OP_DELETE };
	struct client *c = worker_of(self)->client;
	struct op *op = model_op(c->customs->model, line, kinds[dice(c, 6)]);

	op->client = c->number;
	op->room = dice(c, c->customs->rooms);
	if (op->kind == OP_DELETE && c->customs->settled && dice(c, 8) > 0)
		op->kind = OP_PAST;
	if (history_room(model_history(c->customs->model), op->room) == NULL &&
	    dice(c, 4) > 0)
		op->kind = OP_CREATE;
	op->stale = line->down;
	op->timeout_ms = LIMIT_CALL_MS;
	send_op(self, op);
}

static void
say(struct client *c, unsigned room, struct slice name)
{
	struct model *m = c->customs->model;
	struct op *op = model_op(m, present_line(c), OP_SAY);
	char text[16];

	op->room = room;
	op->owner = c->outbox_owner;
	op->timeout_ms = LIMIT_CALL_MS;
	(void)model_key(m, op, c->number);
	model_sent(m, op);
	c->views.saying++;
	snprintf(text, sizeof(text), "say %u", op->number);
	chat_client_say(c->node, c->chat, name, slice_of(text));
}

void
client_say(struct client *c, unsigned room)
{
	struct slice name = slice_of(model_room(room));

	if (c->views.saying < LINES_MAX &&
	    chat_client_is_in(c->node, c->chat, name))
		say(c, room, name);
}

static void
leave(struct client *c, unsigned room)
{
	struct slice name = slice_of(model_room(room));

	views_leave(&c->views, room);
	chat_client_leave(c->node, c->chat, name);
	if (dice(c, 2) == 0)
		chat_client_join(c->node, c->chat, name);
}

void
client_chat(struct client *c)
{
	unsigned room = dice(c, c->customs->rooms);
	struct slice name = slice_of(model_room(room));
	bool settled = c->customs->settled;

	if (c->customs->silent || (!settled && dice(c, 12) > 6))
		return;
	if (!chat_client_is_in(c->node, c->chat, name))
		chat_client_join(c->node, c->chat, name);
	else if (dice(c, settled ? 40 : 4) == 0)
		leave(c, room);
	else
		client_say(c, room);
}

static void
start_chat(struct client *c)
{
	const struct chat_client_config config = { .conn = c->conn,
		.user = c->user,
		.timeout_ms = LIMIT_CALL_MS,
		.sink = views_sink,
		.arg = &c->views };

	views_init(&c->views, c->customs->model, c->number);
	c->chat = chat_client_start(c->node, &config);
}

/* -- monitors -- */

static void
watch(struct proc *self, struct line *line)
{
	struct worker *w = worker_of(self);
	struct watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		abort();
	watch->line = line;
	watch->since_ms = sim_now(w->client->customs->sim);
	watch->ref = peer_monitor(self, line->peer, slice_of("tareas"));
	TAILQ_INSERT_TAIL(&w->watches, watch, entry);
}

static void
watch_free(struct worker *w, struct watch *watch)
{
	TAILQ_REMOVE(&w->watches, watch, entry);
	free(watch);
}

static void
unwatch(struct proc *self)
{
	struct worker *w = worker_of(self);
	struct watch *watch = TAILQ_FIRST(&w->watches);

	if (watch == NULL)
		return;
	peer_demonitor(self, watch->line->peer, watch->ref);
	watch_free(w, watch); /* a DOWN of it would be one too many */
}

static void
take_down(struct worker *w, const struct message *m)
{
	struct model *model = w->client->customs->model;
	struct watch *watch;

	TAILQ_FOREACH(watch, &w->watches, entry)
		if (watch->ref == m->from.ref)
			break;
	check(watch != NULL, "a DOWN too many, of ref %llx",
	    (unsigned long long)m->from.ref);
	check(watch->line->down ||
		(!slice_is(m->body, "noconnection") &&
		    model_was_disturbed(model, watch->since_ms)),
	    "DOWN %.*s, and nothing had happened", (int)m->body.len,
	    (const char *)m->body.bytes);
	watch_free(w, watch);
}

uint32_t
client_watching(const struct client *c)
{
	const struct watch *watch;
	uint32_t count = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		TAILQ_FOREACH(watch, &c->workers[i].watches, entry)
			count++;
	return count;
}

/* -- workers -- */

/* Now and then a worker means a peer that is no more. */
static struct line *
random_line(struct client *c)
{
	if (c->old != NULL && !c->customs->calm && dice(c, 12) == 0)
		return c->old;
	return present_line(c);
}

static void
do_something(struct proc *self)
{
	struct client *c = worker_of(self)->client;
	struct line *line = random_line(c);
	uint32_t what = dice(c, 20);

	if (what > 16) {
		write_some(c);
		return;
	}
	if (line == NULL)
		return;
	if (what == 0 && !c->customs->calm)
		ask_for_restart(self, line);
	else if (what < 3)
		watch(self, line);
	else if (what == 3)
		unwatch(self);
	else if (what == 4 && c->customs->bulk && dice(c, 3) == 0)
		bulk(self, line);
	else if (what == 5)
		burst(self, line);
	else if (what == 6)
		repeat(self, line);
	else if (what == 7 || what == 8)
		ask_of_room(self, line);
	else if (what < 11)
		cast(self, line);
	else
		calls(self, line);
}

static void
next_tick(struct proc *self)
{
	struct client *c = worker_of(self)->client;

	proc_send_after(self, dice(c, TICK_MS), slice_of("tick"));
}

static struct gs_next
init(struct proc *self, void *arg)
{
	struct worker *w = arg;

	*(struct worker **)gs_state(self) = w;
	w->owner = ++w->client->customs->owners;
	TAILQ_INIT(&w->watches);
	next_tick(self);
	return gs_noreply();
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct worker *w = worker_of(self);

	if (m->kind == MESSAGE_DOWN) {
		take_down(w, m);
	} else if (!w->client->customs->silent) {
		do_something(self);
		next_tick(self);
	}
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct worker *w = worker_of(self);

	(void)why;
	while (!TAILQ_EMPTY(&w->watches))
		watch_free(w, TAILQ_FIRST(&w->watches));
	model_abandon(w->client->customs->model, w->owner);
}

static const struct gen_server worker_module = {
	.module = "worker",
	.state_bytes = sizeof(struct worker *),
	.init = init,
	.handle_info = handle_info,
	.terminate = terminate,
};

static void
worker_start(struct client *c, unsigned which)
{
	struct worker *w = &c->workers[which];

	w->client = c;
	if (gs_start(c->node, &worker_module, NULL, w, &w->pid) != E_OK)
		abort();
}

void
client_kill_worker(struct client *c, unsigned which)
{
	proc_signal(c->node, c->workers[which].pid, (struct pid){ 0 },
	    reason_of("kill"));
	/* It ends in its next turn; from now on it is a stranger. */
	sim_run_ms(c->customs->sim, 1);
	check(node_find(c->node, c->workers[which].pid) == NULL,
	    "a worker outlived its kill");
	worker_start(c, which);
}

void
client_kill_peer(struct client *c, bool orderly)
{
	struct pid peer = conn_peer(c->node, c->conn);

	if (peer.id == 0)
		return;
	if (orderly)
		gs_stop_pid(c->node, peer, "normal");
	else
		proc_signal(c->node, peer, (struct pid){ 0 },
		    reason_of("kill"));
}

/* -- life -- */

static void
start_outbox(struct client *c)
{
	const struct outbox_config config = { .conn = c->conn,
		.timeout_ms = LIMIT_CALL_MS,
		.done = done,
		.arg = c };

	c->outbox = outbox_start(c->node, &config);
	c->outbox_owner = ++c->customs->owners;
}

void
client_start(struct client *c, struct customs *customs, unsigned number)
{
	char name[16];

	*c = (struct client){ .customs = customs, .number = number };
	snprintf(name, sizeof(name), "cliente%u", number);
	snprintf(c->user, sizeof(c->user), "u%u", number);
	c->world = sim_world(customs->sim);
	c->node = node_new(c->world, slice_of(name), NULL);
	c->config = (struct conn_config){ .server = customs->server,
		.cookie = customs->cookie,
		.user = c->user,
		.again = true,
		.changed = changed,
		.arg = c };
	c->conn = conn_start(c->node, &c->config);
	start_outbox(c);
	start_chat(c);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_start(c, i);
}

static void
off(struct client *c)
{
	if (c->line != NULL) {
		c->line->up = false;
		c->line->down = true;
	}
	c->conn.id = 0; /* changed() has nothing to say any more */
	model_abandon(c->customs->model, c->outbox_owner);
	node_free(c->node);
	c->node = NULL;
}

void
client_crash(struct client *c)
{
	sim_crash(c->world);
	off(c);
}

static void
compare(struct client *c, unsigned user)
{
	const struct tareas_cliente module = { c->node, c->conn,
		LIMIT_CALL_MS };
	struct slice usuario = slice_of(model_user(user));
	struct lista list;
	struct buf text, copy;
	enum err e;

	buf_init(&text);
	buf_init(&copy);
	e = tareas_cliente_listar(&module, usuario, &list, &text);
	check(e == E_OK, "the last list ended with %s", err_word(e));
	term_write_array(&copy, (uint32_t)list.count);
	for (size_t i = 0; i < list.count; i++)
		tarea_write(&copy, &list.tareas[i]);
	model_check_list(c->customs->model, user, buf_bytes(&copy));
	buf_release(&copy);
	buf_release(&text);
	lista_release(&list);
}

void
client_finish(struct client *c)
{
	const char *why;
	enum err e = conn_wait(c->node, c->conn, CALM_MS, &why);

	check(e == E_OK, "cliente%u has no connection: %s", c->number, why);
	for (unsigned i = 0; i < MODEL_USERS; i++)
		compare(c, i);
	conn_close(c->node, c->conn, LIMIT_STOP_MS);
	off(c);
}
