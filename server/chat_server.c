/*
 * A room is made and deleted by commands of the engine; its process starts
 * and closes when that is durable. What waits for that is a list of names,
 * which a `chat` that is started again makes anew.
 */
#include "server/chat_server.h"

#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "proto/term.h"
#include "proto/utf8.h"
#include "server/chat_room.h"
#include "server/gate.h"
#include "server/request.h"

enum {
	LIST_BYTES_MAX = LIMIT_FRAME - 64,
	/* What a row has besides its name. */
	ROW_BYTES = 32,
};

/* A room's process may have something to do once seq is durable. */
struct waiting {
	TAILQ_ENTRY(waiting) entry;
	uint64_t seq;
	uint64_t deleted; /* the id of the room that is deleted then; 0 */
	size_t len;
	char name[];
};

struct chat {
	struct chat_rooms *rooms;
	struct engine_client client;
	struct gate gate;
	uint64_t seq; /* of the last command that it was told of */
	TAILQ_HEAD(, waiting) waiting; /* in the order of seq */
};

static struct engine *
engine_of(const struct chat *c)
{
	return *c->rooms->engine;
}

/* -- rooms' processes -- */

static void
wait_for(struct chat *c, uint64_t seq, uint64_t deleted, struct slice name)
{
	struct waiting *w = malloc(sizeof(*w) + name.len);

	if (w == NULL)
		abort();
	*w =
	    (struct waiting){ .seq = seq, .deleted = deleted, .len = name.len };
	memcpy(w->name, name.bytes, name.len);
	TAILQ_INSERT_TAIL(&c->waiting, w, entry);
}

static void
wait_no_more(struct chat *c, struct waiting *w)
{
	TAILQ_REMOVE(&c->waiting, w, entry);
	free(w);
}

/*
 * Starts the process of a room that has none, or tells the one that it has.
 * False: its supervisor is about to start it.
 */
static bool
settle(struct proc *self, const struct waiting *w)
{
	const struct chat *c = gs_state(self);
	struct node *n = proc_node(self);
	struct slice name = slice_bytes(w->name, w->len);
	const struct members *m = members_find(c->rooms, name);
	struct sala sala;

	if (m == NULL &&
	    !salas_state_find(engine_salas(engine_of(c)), name, &sala))
		return true; /* it came and went */
	if ((m == NULL || !m->supervised) &&
	    chat_room_start(n, c->rooms, name) != E_OK)
		return false;
	return chat_room_settle(n, chat_room_whereis(n, name), w->deleted);
}

static void
settle_all(struct proc *self, uint64_t saved)
{
	struct chat *c = gs_state(self);
	struct waiting *w, *next;

	for (w = TAILQ_FIRST(&c->waiting); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (w->seq <= saved && settle(self, w))
			wait_no_more(c, w);
	}
}

/* -- what the engine tells -- */

static const char *
refusal(enum err e)
{
	switch (e) {
	case E_EXISTS:
		return N_("there is a room of that name");
	case E_TOOBIG:
		return N_("there are as many rooms as can be");
	case E_NOPROC:
		return N_("there is no such room");
	case E_STORAGE:
		return N_("the server's disk is full: nothing was changed");
	default:
		return N_("this clave was used for something else");
	}
}

/* The room that this command has made or deleted. */
static void
note(struct chat *c, uint64_t seq, const struct command *command)
{
	const struct members *m = members_find(c->rooms, command->sala);
	bool deleted = command->kind == COMMAND_DELETE_ROOM;

	if (seq <= c->seq)
		return; /* a repetition: there may be another room by now */
	c->seq = seq;
	wait_for(c, seq, deleted && m != NULL ? m->id : 0, command->sala);
}

static void
applied(void *arg, uint64_t seq, struct from from,
    const struct command *command, const struct outcome *o)
{
	struct proc *self = arg;
	struct chat *c = gs_state(self);
	struct answer a = { .e = o->e, .body = slice_of(refusal(o->e)) };
	struct buf *b;

	if (o->e == E_OK)
		note(c, seq, command);
	settle_all(self, engine_saved(engine_of(c)));
	b = gs_answer(self);
	term_write_bool(b, true);
	if (o->e == E_OK)
		a.body = buf_bytes(b);
	gate_answer(&c->gate, self, engine_of(c), seq, from, &a);
}

/* Who is answered that there is a room finds it. */
static void
durable(void *arg, uint64_t seq)
{
	struct proc *self = arg;
	struct chat *c = gs_state(self);

	settle_all(self, seq);
	gate_open(&c->gate, self, seq);
}

static const struct engine_events engine_events = {
	.applied = applied,
	.durable = durable,
};

/* -- operations: params have the shape of the export table -- */

struct asked {
	const struct message *m;
	struct slice user;
	struct term_reader r; /* behind the array's head */
	uint32_t left; /* parameters there */
};

static enum err
check_name(struct slice name, const char **why)
{
	*why = N_("a room's name has 1 to 64 bytes of UTF-8 text");
	return name.len > 0 && name.len <= LIMIT_ROOM_NAME &&
		utf8_is_text(name) ?
	    E_OK :
	    E_BADARG;
}

/* A command on a room: its name, its options. */
static enum err
read_command(struct proc *self, struct asked *q, struct command *c,
    const char **why)
{
	enum err e = q->left > 0 ? term_read_str(&q->r, &c->sala) : E_BADARG;

	if (e == E_OK)
		e = check_name(c->sala, why);
	if (e == E_OK)
		e = request_options(proc_node(self), q->m, &q->r, q->left - 1,
		    c, why);
	return e;
}

static struct gs_next
create_room(struct proc *self, struct asked *q)
{
	struct chat *chat = gs_state(self);
	struct command c = { .kind = COMMAND_CREATE_ROOM, .usuario = q->user };
	const char *why = NULL;
	enum err e = read_command(self, q, &c, &why);

	if (e != E_OK)
		return gs_error(e, why);
	engine_propose(engine_of(chat), &chat->client, &c, q->m->from);
	return gs_noreply();
}

/* Its creator may, and anyone when nobody is in it. */
static bool
may_delete(const struct chat *c, struct slice name, struct slice user)
{
	const struct members *m = members_find(c->rooms, name);
	struct sala sala;

	return !salas_state_find(engine_salas(engine_of(c)), name, &sala) ||
	    slice_equal(sala.creator, user) || m == NULL ||
	    m->by_session.count == 0;
}

static struct gs_next
delete_room(struct proc *self, struct asked *q)
{
	struct chat *chat = gs_state(self);
	struct command c = { .kind = COMMAND_DELETE_ROOM, .usuario = q->user };
	const char *why = NULL;
	enum err e = read_command(self, q, &c, &why);

	if (e != E_OK)
		return gs_error(e, why);
	if (!may_delete(chat, c.sala, q->user))
		return gs_error(E_DENIED,
		    N_("somebody is in the room: only who created it can "
		       "delete it"));
	engine_propose(engine_of(chat), &chat->client, &c, q->m->from);
	return gs_noreply();
}

static int
compare(const void *a, const void *b)
{
	const struct sala *x = a, *y = b;
	size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = memcmp(x->name.bytes, y->name.bytes, len);

	if (order != 0)
		return order;
	return x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static void
write_row(const struct chat *c, const struct sala *sala, struct buf *out)
{
	const struct members *m = members_find(c->rooms, sala->name);

	term_write_map(out, 2);
	term_write_cstr(out, "sala");
	term_write_str(out, sala->name);
	term_write_cstr(out, "miembros");
	term_write_uint(out, m != NULL ? m->by_user.count : 0);
}

/* As many as fit; *seq is what they depend on. */
static void
write_rows(const struct chat *c, struct buf *out, uint64_t *seq)
{
	const struct salas_state *s = engine_salas(engine_of(c));
	size_t place = 0, bytes = 0, count = salas_state_count(s);
	struct sala *all = calloc(count + 1, sizeof(*all));
	uint32_t n = 0;

	if (all == NULL)
		abort();
	*seq = salas_state_seq(s, slice_of(""));
	for (size_t i = 0; i < count; i++) {
		(void)salas_state_next(s, &place, &all[i]);
		if (all[i].id > *seq)
			*seq = all[i].id;
	}
	qsort(all, count, sizeof(*all), compare);
	while (n < count &&
	    (bytes += ROW_BYTES + all[n].name.len) <= LIST_BYTES_MAX)
		n++;
	term_write_array(out, n);
	for (uint32_t i = 0; i < n; i++)
		write_row(c, &all[i], out);
	free(all);
}

static struct gs_next
list_rooms(struct proc *self, struct asked *q)
{
	struct chat *c = gs_state(self);
	struct buf *b = gs_answer(self);
	struct answer a = { .e = E_OK };
	uint64_t seq;

	write_rows(c, b, &seq);
	a.body = buf_bytes(b);
	gate_answer(&c->gate, self, engine_of(c), seq, q->m->from, &a);
	return gs_noreply();
}

/* Something for a room, whose process is not there. */
static struct gs_next
for_a_room(struct proc *self, struct asked *q)
{
	struct chat *c = gs_state(self);
	const struct salas_state *s = engine_salas(engine_of(c));
	struct answer a = { .e = E_NOPROC,
		.body = slice_of(refusal(E_NOPROC)) };
	struct slice name;
	struct sala sala;

	if (q->left < 1 || term_read_str(&q->r, &name) != E_OK)
		return gs_error(E_BADARG, NULL);
	if (salas_state_find(s, name, &sala))
		return gs_error(E_OVERLOAD, N_("the room is being started"));
	gate_answer(&c->gate, self, engine_of(c), salas_state_seq(s, name),
	    q->m->from, &a);
	return gs_noreply();
}

static const struct {
	const char *name;
	struct gs_next (*run)(struct proc *self, struct asked *q);
} operations[] = {
	{ "create_room", create_room },
	{ "delete_room", delete_room },
	{ "list_rooms", list_rooms },
	{ "join", for_a_room },
	{ "leave", for_a_room },
	{ "send", for_a_room },
	{ "who", for_a_room },
	{ "history", for_a_room },
};

static struct gs_next
handle(struct proc *self, const struct message *m)
{
	const struct chat *c = gs_state(self);
	struct asked q = { .m = m, .user = request_user(proc_node(self), m) };
	struct gs_next next = gs_error(E_UNDEF, NULL);

	if (engine_of(c) == NULL)
		return gs_error(E_OVERLOAD, NULL);
	if (q.user.len == 0)
		return gs_error(E_DENIED, N_("the hello named no user"));
	term_reader_init(&q.r, m->body);
	if (term_read_array(&q.r, &q.left) != E_OK)
		return gs_error(E_BADARG, NULL);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (slice_is(m->op, operations[i].name))
			next = operations[i].run(self, &q);
	return next;
}

/* -- life -- */

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct chat *c = gs_state(self);
	const struct waiting *w;
	uint64_t waiting = 0;

	(void)texts;
	TAILQ_FOREACH(w, &c->waiting, entry)
		waiting++;
	term_write_map(out, 2);
	term_write_cstr(out, "salas");
	term_write_uint(out,
	    engine_of(c) != NULL ?
		salas_state_count(engine_salas(engine_of(c))) :
		0);
	term_write_cstr(out, "pendientes");
	term_write_uint(out, waiting);
}

/* Records of rooms that are deleted, or about to be. */
static void
find_deleted(struct chat *c)
{
	const struct salas_state *s = engine_salas(engine_of(c));
	struct sala sala;

	for (size_t i = 0; i < c->rooms->by_name.size; i++) {
		const struct members *m = table_at(&c->rooms->by_name, i);
		bool there;

		if (m == NULL || m->id == 0)
			continue;
		there = salas_state_find(s, members_name(m), &sala);
		if (!there || sala.id != m->id)
			wait_for(c, salas_state_seq(s, members_name(m)), m->id,
			    members_name(m));
	}
}

/* Rooms that have no process yet. */
static void
find_made(struct chat *c)
{
	const struct salas_state *s = engine_salas(engine_of(c));
	const struct members *m;
	struct sala sala;
	size_t place = 0;

	while (salas_state_next(s, &place, &sala)) {
		m = members_find(c->rooms, sala.name);
		if (m == NULL || !m->supervised)
			wait_for(c, sala.id, 0, sala.name);
	}
}

static struct gs_next
init(struct proc *self, void *arg)
{
	struct chat *c = gs_state(self);

	c->rooms = arg;
	if (engine_of(c) == NULL)
		return gs_stop("noengine");
	gate_init(&c->gate);
	TAILQ_INIT(&c->waiting);
	c->client = (struct engine_client){ .events = &engine_events,
		.arg = self,
		.proc = self };
	engine_attach(engine_of(c), &c->client);
	c->seq = engine_seq(engine_of(c));
	find_deleted(c);
	find_made(c);
	settle_all(self, engine_saved(engine_of(c)));
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct chat *c = gs_state(self);
	struct waiting *w;

	(void)why;
	while ((w = TAILQ_FIRST(&c->waiting)) != NULL)
		wait_no_more(c, w);
	gate_release(&c->gate);
	if (engine_of(c) != NULL)
		engine_detach(engine_of(c), &c->client);
}

static const struct gen_server module = {
	.module = CHAT_NAME,
	.state_bytes = sizeof(struct chat),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.format_status = format_status,
	.terminate = terminate,
};

enum err
chat_server_start_link(struct node *n, struct proc *parent,
    struct chat_rooms *rooms, struct pid *out)
{
	return gs_start_under(n, parent, &module, CHAT_NAME, rooms, out);
}
