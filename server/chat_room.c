/*
 * The happy path is: a line is proposed; the engine applies it, which gives
 * it a number; when that is durable the sender is answered and the members
 * are told. Failure modes are: the process ends (its record has who was
 * told what, and the next one goes on from there), a member that does not
 * read (it is closed), the room is deleted (what is asked of it meanwhile
 * is answered noproc; it ends when nothing waits for it any more).
 */
#include "server/chat_room.h"

#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/registry.h"
#include "common/supervisor.h"
#include "proto/term.h"
#include "proto/utf8.h"
#include "server/gate.h"
#include "server/request.h"

enum {
	CUANTAS = 20, /* messages of the past that nobody gave a number of */
	/* What an answer's frame needs besides messages. */
	PAST_BYTES_MAX = LIMIT_FRAME - 64,
	/* Told in one go: messages, and their bytes at the engine. */
	TELL_MAX = 256,
	TELL_BYTES = 64 * 1024,
};

/* A message that was applied: its number may be told once seq is durable. */
struct pending {
	uint64_t seq;
	uint64_t n;
};

/* Who left hears what was said before: it is out once n is told. */
struct leaving {
	uint64_t n;
	struct from from;
};

struct room {
	struct members *members;
	struct engine_client client;
	bool attached; /* while durable() has something to do */
	bool later; /* "on" is in the mailbox */
	bool ending; /* "end" is */
	struct gate gate;
	struct buf pending;
	struct buf leaving;
	uint64_t seen; /* the newest number that was applied */
	uint64_t ready; /* what may be told */
};

/* A request, as far as all operations have it in common. */
struct asked {
	const struct message *m;
	struct slice user;
	struct sala sala;
	struct term_reader r; /* behind the room's name */
	uint32_t left; /* parameters there */
};

static struct engine *
engine_of(const struct room *r)
{
	return *r->members->rooms->engine;
}

/* The room that this process is for; false: it is deleted. */
static bool
find(const struct room *r, struct sala *out)
{
	return r->members->id != 0 &&
	    salas_state_find(engine_salas(engine_of(r)),
		members_name(r->members), out) &&
	    out->id == r->members->id;
}

static void
say(struct proc *self, struct slice user, const char *what)
{
	const struct room *r = gs_state(self);

	log_line(node_log(proc_node(self)), LOG_DEBUG, r->members->topic,
	    "%.*s %s", (int)user.len, (const char *)user.bytes, what);
}

/* -- to the members -- */

/* Those whose link is full and mailbox half full are left behind. */
static void
leave_behind(struct proc *self, struct proc *p)
{
	const struct room *r = gs_state(self);

	peer_close(p, E_SLOW, N_("the reader is too slow"));
	reg_unsubscribe(p, r->members->topic);
}

/*
 * How many messages all can take, at most TELL_MAX. 0: one has much in its
 * mailbox only because its turn has not come.
 */
static uint32_t
all_can_take(struct proc *self)
{
	const struct room *r = gs_state(self);
	uint32_t can = TELL_MAX, left;
	struct reg_walk w;
	struct proc *p;

	reg_walk(&w, proc_node(self), r->members->topic);
	while ((p = reg_next(&w)) != NULL) {
		if (!proc_is_busy(p)) {
			left = LIMIT_MAILBOX / 2 + 1 - proc_mailbox(p);
			can = left < can ? left : can;
		} else if (peer_link(p) != NULL) {
			if (link_is_full(peer_link(p)))
				leave_behind(self, p);
			else
				can = 0;
		}
	}
	return can;
}

static void
tell_user(struct proc *self, const char *op, const struct chat_user *u)
{
	const struct room *r = gs_state(self);
	struct buf b;

	(void)all_can_take(self);
	buf_init(&b);
	term_write_array(&b, 2);
	term_write_str(&b, members_name(r->members));
	term_write_str(&b, chat_user_name(u));
	reg_publish(proc_node(self), r->members->topic, slice_of(op),
	    buf_bytes(&b));
	buf_release(&b);
}

/* -- coming and going -- */

static struct proc *
session_of(struct proc *self, const struct member *member)
{
	return node_find(proc_node(self), member->session);
}

static void
enter(struct proc *self, const struct asked *q)
{
	struct room *r = gs_state(self);
	struct member *member =
	    members_add(r->members, q->m->from.pid, q->user);

	member->monitor = proc_monitor(self, member->session);
	reg_subscribe(session_of(self, member), r->members->topic);
	if (member->user->sessions > 1)
		return;
	say(self, q->user, "joined");
	tell_user(self, "chat.joined", member->user);
}

/* No member any more; the others hear of it after its last session. */
static void
quit(struct proc *self, struct member *member, const char *op, const char *what)
{
	struct room *r = gs_state(self);
	struct proc *session = session_of(self, member);

	if (session != NULL)
		reg_unsubscribe(session, r->members->topic);
	proc_demonitor(self, member->monitor);
	if (member->user->sessions == 1) {
		say(self, chat_user_name(member->user), what);
		tell_user(self, op, member->user);
	}
	members_remove(r->members, member);
}

/* Those who waited to leave until number n was told are out. */
static void
let_go(struct proc *self, uint64_t n)
{
	struct room *r = gs_state(self);
	struct leaving l;

	while (buf_len(&r->leaving) > 0) {
		struct answer a = { .e = E_OK };
		struct member *member;
		struct buf *b;

		memcpy(&l, buf_bytes(&r->leaving).bytes, sizeof(l));
		if (l.n > n)
			return;
		buf_consume(&r->leaving, sizeof(l));
		member = members_of(r->members, l.from.pid);
		if (member != NULL && member->leaving)
			quit(self, member, "chat.left", "left");
		b = gs_answer(self);
		term_write_bool(b, true);
		a.body = buf_bytes(b);
		gs_finish(self, l.from, &a);
	}
}

/* -- what was said -- */

/* Up to where in one go: who leaves hears no more. */
static uint64_t
next_stop(const struct room *r)
{
	struct leaving l;

	if (buf_len(&r->leaving) == 0)
		return r->ready;
	memcpy(&l, buf_bytes(&r->leaving).bytes, sizeof(l));
	return l.n < r->ready ? l.n : r->ready;
}

/* The room's name goes before [n, at, user, text]; *n is read of it. */
static void
write_line(const struct room *r, struct slice message, uint64_t *n,
    struct buf *out)
{
	struct term_reader reader;
	struct slice fields;
	uint32_t count;

	term_reader_init(&reader, message);
	if (term_read_array(&reader, &count) != E_OK)
		abort(); /* the engine's state wrote it */
	fields = slice_bytes(reader.at, (size_t)(reader.end - reader.at));
	term_write_array(out, count + 1);
	term_write_str(out, members_name(r->members));
	term_write_raw(out, fields);
	if (term_read_uint(&reader, n) != E_OK)
		abort();
}

/* messages: an array of count. */
static void
tell_messages(struct proc *self, struct slice messages, uint32_t count)
{
	struct room *r = gs_state(self);
	struct slice message, bodies[TELL_MAX];
	struct term_reader reader;
	struct buf b;

	buf_init(&b);
	term_reader_init(&reader, messages);
	(void)term_read_array(&reader, &count);
	for (uint32_t i = 0; i < count; i++) {
		(void)term_skip(&reader, &message);
		write_line(r, message, &r->members->told, &b);
	}
	term_reader_init(&reader, buf_bytes(&b));
	for (uint32_t i = 0; i < count; i++)
		(void)term_skip(&reader, &bodies[i]);
	reg_publish_all(proc_node(self), r->members->topic,
	    slice_of("chat.message"), bodies, count);
	buf_release(&b);
}

/* Some of what may be told; false: the members have to come first. */
static bool
tell_some(struct proc *self)
{
	struct room *r = gs_state(self);
	uint64_t to = next_stop(r);
	uint32_t n = all_can_take(self);
	struct buf b;

	if (n == 0)
		return false;
	buf_init(&b);
	n = salas_state_messages(engine_salas(engine_of(r)),
	    members_name(r->members), r->members->told + 1, to, n, TELL_BYTES,
	    &b);
	if (n > 0)
		tell_messages(self, buf_bytes(&b), n);
	else /* they are deleted */
		r->members->told = to;
	let_go(self, r->members->told);
	buf_release(&b);
	return true;
}

static void
tell(struct proc *self)
{
	struct room *r = gs_state(self);
	bool can = engine_of(r) != NULL && !r->later;

	while (can && r->members->told < r->ready)
		can = tell_some(self);
	/* In a mailbox too full for it, what comes next tells the rest. */
	if (engine_of(r) != NULL && !r->later && !can)
		r->later = proc_send(proc_node(self), proc_pid(self),
			       slice_of("on"), slice_of("")) == E_OK;
	let_go(self, r->members->told);
}

/* Without a room it ends, after what is in its mailbox now. */
static void
come_back(struct proc *self)
{
	struct room *r = gs_state(self);

	if (r->ending)
		return;
	r->ending = true;
	(void)proc_send(proc_node(self), proc_pid(self), slice_of("end"),
	    slice_of(""));
}

/* -- what the engine tells -- */

static void
attach(struct room *r)
{
	if (!r->attached)
		engine_attach(engine_of(r), &r->client);
	r->attached = true;
}

static void
detach(struct room *r)
{
	if (r->attached)
		engine_detach(engine_of(r), &r->client);
	r->attached = false;
}

/* Ten thousand quiet rooms need not hear of every commit. */
static void
rest(struct room *r)
{
	bool untold = r->members->told < r->ready && !r->later;

	if (!untold && buf_len(&r->pending) == 0 && buf_len(&r->gate.held) == 0)
		detach(r);
}

/* What is applied and not known here yet waits until it is durable. */
static void
notice(struct proc *self)
{
	struct room *r = gs_state(self);
	struct pending p;
	struct sala sala;

	if (!find(r, &sala) || sala.last <= r->seen)
		return;
	r->seen = sala.last;
	p = (struct pending){ .seq = sala.seq, .n = sala.last };
	if (p.seq > engine_saved(engine_of(r)))
		buf_add(&r->pending, slice_bytes(&p, sizeof(p)));
	else
		r->ready = p.n;
}

static struct pending
first_pending(const struct room *r)
{
	struct pending p = { .seq = UINT64_MAX };

	if (buf_len(&r->pending) > 0)
		memcpy(&p, buf_bytes(&r->pending).bytes, sizeof(p));
	return p;
}

static const char *
refusal(enum err e)
{
	switch (e) {
	case E_NOPROC:
		return N_("there is no such room");
	case E_STORAGE:
		return N_("the server's disk is full: nothing was changed");
	default:
		return N_("this clave was used for something else");
	}
}

static void
applied(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	struct proc *self = arg;
	struct room *r = gs_state(self);
	struct answer a = { .e = o->e };
	struct buf *b;

	(void)c;
	notice(self);
	b = gs_answer(self);
	term_write_uint(b, o->n);
	a.body = o->e == E_OK ? buf_bytes(b) : slice_of(refusal(o->e));
	gate_answer(&r->gate, self, engine_of(r), seq, from, &a);
}

static void
durable(void *arg, uint64_t seq)
{
	struct proc *self = arg;
	struct room *r = gs_state(self);
	struct pending p;

	gate_open(&r->gate, self, seq);
	while ((p = first_pending(r)).seq <= seq) {
		r->ready = p.n;
		buf_consume(&r->pending, sizeof(p));
	}
	tell(self);
	rest(r);
	if (r->members->id == 0)
		come_back(self);
}

static const struct engine_events engine_events = {
	.applied = applied,
	.durable = durable,
};

/* -- operations: params have the shape of the export table -- */

static struct gs_next
refuse_stranger(void)
{
	return gs_error(E_DENIED, N_("you are not in the room"));
}

/* Who sent m, if it is in the room and has not said that it leaves. */
static struct member *
member_of(const struct room *r, const struct message *m)
{
	struct member *member = members_of(r->members, m->from.pid);

	return member != NULL && !member->leaving ? member : NULL;
}

/* Which part of the past is wanted. */
struct past {
	bool after; /* desde was given */
	uint64_t desde;
	bool bounded; /* cuantas was given */
	uint64_t cuantas;
};

static enum err
read_past_key(struct term_reader *r, struct past *p)
{
	struct slice key;
	bool named = term_read_str(r, &key) == E_OK;

	if (named && slice_is(key, "desde")) {
		p->after = true;
		return term_read_uint(r, &p->desde);
	}
	if (named && slice_is(key, "cuantas")) {
		p->bounded = true;
		return term_read_uint(r, &p->cuantas);
	}
	if (!named && term_skip(r, NULL) != E_OK)
		return E_BADARG;
	return term_skip(r, NULL);
}

static enum err
read_past(struct asked *q, struct past *p)
{
	uint32_t n = 0;

	*p = (struct past){ .after = false };
	if (q->left > 0 && term_read_map(&q->r, &n) != E_OK)
		return E_BADARG;
	for (; n > 0; n--)
		if (read_past_key(&q->r, p) != E_OK)
			return E_BADARG;
	if (!p->bounded)
		p->cuantas = p->after ? UINT64_MAX : CUANTAS;
	return E_OK;
}

/* What the members were told already: what comes goes on from there. */
static struct gs_next
reply_past(struct proc *self, const struct past *p)
{
	const struct room *r = gs_state(self);
	const struct salas_state *s = engine_salas(engine_of(r));
	struct slice name = members_name(r->members);
	uint64_t last = r->members->told, from;
	struct buf *b = gs_answer(self);

	if (!p->after)
		from = salas_state_newest(s, name, last, p->cuantas,
		    PAST_BYTES_MAX);
	else
		from = p->desde < last ? p->desde + 1 : last + 1;
	term_write_map(b, 2);
	term_write_cstr(b, "n");
	term_write_uint(b, last);
	term_write_cstr(b, "mensajes");
	salas_state_messages(s, name, from, last, p->cuantas, PAST_BYTES_MAX,
	    b);
	return gs_reply(self);
}

static struct gs_next
bad_past(void)
{
	return gs_error(E_BADARG,
	    N_("desde and cuantas are numbers from 0 on"));
}

static struct gs_next
join(struct proc *self, struct asked *q)
{
	const struct room *r = gs_state(self);
	struct member *member;
	struct past p;

	if (read_past(q, &p) != E_OK)
		return bad_past();
	if (member_of(r, q->m) != NULL)
		return reply_past(self, &p);
	member = members_of(r->members, q->m->from.pid);
	if (member != NULL) /* it was leaving */
		quit(self, member, "chat.left", "left");
	if (r->members->by_session.count >= LIMIT_MEMBERS)
		return gs_error(E_TOOBIG, N_("the room is full"));
	enter(self, q);
	return reply_past(self, &p);
}

static struct gs_next
leave(struct proc *self, struct asked *q)
{
	struct room *r = gs_state(self);
	const struct leaving l = { .n = r->seen, .from = q->m->from };
	struct member *member = member_of(r, q->m);

	if (member == NULL)
		return refuse_stranger();
	member->leaving = true;
	buf_add(&r->leaving, slice_bytes(&l, sizeof(l)));
	let_go(self, r->members->told);
	return gs_noreply();
}

static enum err
check_text(struct slice text, const char **why)
{
	if (text.len == 0) {
		*why = N_("the message is empty");
		return E_BADARG;
	}
	if (text.len > LIMIT_TEXT) {
		*why = N_("the message is over 4096 bytes");
		return E_TOOBIG;
	}
	if (!utf8_valid(text)) {
		*why = N_("the message is no valid UTF-8");
		return E_BADARG;
	}
	if (utf8_has_control(text)) {
		*why = N_("the message has control characters");
		return E_BADARG;
	}
	return E_OK;
}

static struct gs_next
propose_text(struct proc *self, struct asked *q)
{
	struct room *r = gs_state(self);
	struct node *n = proc_node(self);
	struct command c = { .kind = COMMAND_SEND,
		.usuario = q->user,
		.sala = q->sala.name,
		.at_ms = world_utc_ms(node_world(n)) };
	const char *why = NULL;
	enum err e;

	if (member_of(r, q->m) == NULL)
		return refuse_stranger();
	if (term_read_str(&q->r, &c.texto) != E_OK)
		return gs_error(E_BADARG, NULL);
	e = check_text(c.texto, &why);
	if (e == E_OK)
		e = request_options(n, q->m, &q->r, q->left - 1, &c, &why);
	if (e != E_OK)
		return gs_error(e, why);
	attach(r);
	engine_propose(engine_of(r), &r->client, &c, q->m->from);
	return gs_noreply();
}

/*
 * What is durable and alone is told now; what has others behind it in the
 * mailbox with the last of them, which may be refused, or by durable().
 */
static struct gs_next
send_text(struct proc *self, struct asked *q)
{
	struct gs_next next = propose_text(self, q);

	if (proc_mailbox(self) == 0)
		tell(self);
	rest(gs_state(self));
	return next;
}

static struct gs_next
who(struct proc *self, struct asked *q)
{
	const struct room *r = gs_state(self);
	struct buf *b = gs_answer(self);
	const struct chat_user *u;

	(void)q;
	term_write_array(b, (uint32_t)r->members->by_user.count);
	TAILQ_FOREACH(u, &r->members->users, entry)
		term_write_str(b, chat_user_name(u));
	return gs_reply(self);
}

static struct gs_next
history(struct proc *self, struct asked *q)
{
	struct past p;

	if (read_past(q, &p) != E_OK)
		return bad_past();
	return reply_past(self, &p);
}

static const struct {
	const char *name;
	struct gs_next (*run)(struct proc *self, struct asked *q);
} operations[] = {
	{ "join", join },
	{ "leave", leave },
	{ "send", send_text },
	{ "who", who },
	{ "history", history },
};

/* It is deleted, and says so once that is durable. */
static struct gs_next
refuse_gone(struct proc *self, const struct message *m)
{
	struct room *r = gs_state(self);
	struct answer a = { .e = E_NOPROC,
		.body = slice_of(refusal(E_NOPROC)) };

	attach(r);
	gate_answer(&r->gate, self, engine_of(r),
	    engine_barrier_sala(engine_of(r), members_name(r->members)),
	    m->from, &a);
	rest(r);
	return gs_noreply();
}

static struct gs_next
handle(struct proc *self, const struct message *m)
{
	const struct room *r = gs_state(self);
	struct asked q = { .m = m, .user = request_user(proc_node(self), m) };
	struct gs_next next = gs_error(E_UNDEF, NULL);
	struct slice name;

	if (engine_of(r) == NULL)
		return gs_error(E_OVERLOAD, NULL);
	if (q.user.len == 0)
		return gs_error(E_DENIED, N_("the hello named no user"));
	term_reader_init(&q.r, m->body);
	if (term_read_array(&q.r, &q.left) != E_OK || q.left-- < 1 ||
	    term_read_str(&q.r, &name) != E_OK)
		return gs_error(E_BADARG, NULL);
	if (!find(r, &q.sala))
		return refuse_gone(self, m);
	if (!slice_is(m->op, "send"))
		tell(self); /* who asks or comes now does it after that */
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (slice_is(m->op, operations[i].name))
			next = operations[i].run(self, &q);
	return next;
}

/* -- deleted, and made again -- */

/* This process is from now on for the room that the engine has for good. */
static void
adopt(struct proc *self)
{
	struct room *r = gs_state(self);
	struct members *m = r->members;
	struct sala sala;

	if (m->id != 0 || engine_of(r) == NULL ||
	    !salas_state_find(engine_salas(engine_of(r)), members_name(m),
		&sala) ||
	    sala.id > engine_saved(engine_of(r)))
		return;
	m->id = sala.id;
	m->told = 0;
	r->seen = r->ready = 0;
	/* Nobody is in it yet: there is nobody to be told the past. */
	if (sala.seq <= engine_saved(engine_of(r)))
		m->told = r->seen = r->ready = sala.last;
	notice(self);
}

/* The members hear of it, and are members no more. */
static void
close_room(struct proc *self)
{
	struct room *r = gs_state(self);
	struct member *member;
	struct buf b;

	buf_init(&b);
	term_write_array(&b, 1);
	term_write_str(&b, members_name(r->members));
	reg_publish(proc_node(self), r->members->topic, slice_of("chat.closed"),
	    buf_bytes(&b));
	buf_release(&b);
	while ((member = TAILQ_FIRST(&r->members->members)) != NULL) {
		struct proc *session = session_of(self, member);

		if (session != NULL)
			reg_unsubscribe(session, r->members->topic);
		proc_demonitor(self, member->monitor);
		members_remove(r->members, member);
	}
	let_go(self, UINT64_MAX);
	r->members->id = 0;
	buf_clear(&r->pending);
	r->seen = r->ready = r->members->told = 0;
}

/* The room of that id is deleted for good; there may be a new one. */
static void
settle(struct proc *self, struct slice body)
{
	const struct room *r = gs_state(self);
	struct term_reader reader;
	uint64_t deleted = 0;

	term_reader_init(&reader, body);
	(void)term_read_uint(&reader, &deleted);
	if (deleted != 0 && r->members->id == deleted)
		close_room(self);
	adopt(self);
	if (r->members->id == 0)
		come_back(self);
}

/* Ends without a room, but not before who still asked for it. */
static void
end(struct proc *self)
{
	struct room *r = gs_state(self);
	struct node *n = proc_node(self);
	struct proc *salas =
	    node_find(n, node_whereis(n, slice_of(SALAS_NAME)));

	r->ending = false;
	adopt(self);
	if (r->members->id != 0 || buf_len(&r->gate.held) > 0)
		return;
	if (proc_mailbox(self) > 0) {
		come_back(self);
		return;
	}
	if (salas != NULL)
		(void)sup_terminate_child(salas, proc_pid(self));
	r->members->supervised = false;
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct room *r = gs_state(self);
	struct member *member;

	if (m->kind == MESSAGE_DOWN) {
		tell(self);
		member = members_of(r->members, m->from.pid);
		if (member != NULL)
			quit(self, member, "chat.gone", "is gone");
	} else if (slice_is(m->op, "on")) {
		r->later = false;
		tell(self);
	} else if (slice_is(m->op, "settle")) {
		settle(self, m->body);
	} else if (slice_is(m->op, "end")) {
		end(self);
	}
	return gs_noreply();
}

/* -- life -- */

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct room *r = gs_state(self);

	(void)texts;
	term_write_map(out, 5);
	term_write_cstr(out, "id");
	term_write_uint(out, r->members->id);
	term_write_cstr(out, "usuarios");
	term_write_uint(out, r->members->by_user.count);
	term_write_cstr(out, "sesiones");
	term_write_uint(out, r->members->by_session.count);
	term_write_cstr(out, "n");
	term_write_uint(out, r->members->told);
	term_write_cstr(out, "pendientes");
	term_write_uint(out, r->seen - r->members->told);
}

/* Who was here before is here again; whoever ended meanwhile is gone. */
static struct gs_next
init(struct proc *self, void *arg)
{
	struct room *r = gs_state(self);
	struct member *member;

	r->members = arg;
	if (engine_of(r) == NULL)
		return gs_stop("noengine");
	gate_init(&r->gate);
	buf_init(&r->pending);
	buf_init(&r->leaving);
	r->client = (struct engine_client){ .events = &engine_events,
		.arg = self,
		.proc = self };
	TAILQ_FOREACH(member, &r->members->members, entry) {
		member->monitor = proc_monitor(self, member->session);
		member->leaving = false;
	}
	r->seen = r->ready = r->members->told;
	adopt(self);
	notice(self);
	if (buf_len(&r->pending) > 0)
		attach(r);
	tell(self);
	if (r->members->id == 0)
		come_back(self);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct room *r = gs_state(self);

	(void)why;
	gate_release(&r->gate);
	buf_release(&r->pending);
	buf_release(&r->leaving);
	if (engine_of(r) != NULL)
		detach(r);
	/* Nobody starts it again, so nobody needs its record. */
	if (!r->members->supervised)
		members_free(r->members);
}

static const struct gen_server module = {
	.module = "sala",
	.state_bytes = sizeof(struct room),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.handle_info = handle_info,
	.format_status = format_status,
	.terminate = terminate,
};

/* -- from outside -- */

static enum err
start(struct proc *parent, void *arg, struct pid *out)
{
	struct members *m = arg;

	return gs_start_link(parent, &module, m->topic, m, out);
}

static enum err
start_under(struct proc *salas, struct members *m)
{
	const struct sup_child child = { .id = "sala",
		.start = start,
		.arg = m };
	struct pid pid;
	enum err e = sup_start_child(salas, &child, &pid);

	m->supervised = e == E_OK;
	return e;
}

enum err
chat_room_start(struct node *n, struct chat_rooms *rooms, struct slice name)
{
	struct proc *salas =
	    node_find(n, node_whereis(n, slice_of(SALAS_NAME)));

	return salas != NULL ? start_under(salas, members_get(rooms, name)) :
			       E_NOPROC;
}

/* Every room that is there for good, whoever had a record before. */
static void
start_all(struct proc *salas, struct chat_rooms *rooms)
{
	const struct engine *e = *rooms->engine;
	struct sala sala;
	size_t place = 0;

	for (size_t i = 0; i < rooms->by_name.size; i++) {
		struct members *m = table_at(&rooms->by_name, i);

		if (m != NULL)
			(void)start_under(salas, m);
	}
	while (e != NULL && salas_state_next(engine_salas(e), &place, &sala))
		if (sala.id <= engine_saved(e) &&
		    members_find(rooms, sala.name) == NULL)
			(void)start_under(salas, members_get(rooms, sala.name));
}

enum err
chat_rooms_start_link(struct node *n, struct proc *parent,
    struct chat_rooms *rooms, struct pid *out)
{
	const struct sup_spec spec = { .name = SALAS_NAME,
		.strategy = SUP_ONE_FOR_ONE };
	enum err e = sup_start_link(n, parent, &spec, out);

	if (e == E_OK)
		start_all(node_find(n, *out), rooms);
	return e;
}

struct pid
chat_room_whereis(const struct node *n, struct slice name)
{
	char registered[CHAT_ROOM_BYTES];
	struct pid nobody = { 0 };

	return chat_room_name(name, registered) == E_OK ?
	    node_whereis(n, slice_of(registered)) :
	    nobody;
}

bool
chat_room_settle(struct node *n, struct pid room, uint64_t deleted)
{
	struct buf b;

	if (node_find(n, room) == NULL)
		return false;
	buf_init(&b);
	term_write_uint(&b, deleted);
	(void)proc_send(n, room, slice_of("settle"), buf_bytes(&b));
	buf_release(&b);
	return true;
}
