/*
 * The happy path is: join, hear messages n, n + 1, ..., say lines, leave.
 * Failure modes are: no such room, a link that breaks at any point, a push
 * that skips numbers or repeats them, a room that is closed, or closed and
 * made again while the link was down: then its numbers begin anew.
 */
#include "client/chat_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/chat_past.h"
#include "client/conn.h"
#include "common/registry.h"
#include "proto/term.h"

enum {
	CLAVE_BYTES = 16,
	BUSY_MS = 250, /* until what has to wait is tried again */
};

enum room_state {
	ROOM_AWAY, /* to be joined, with the next link or a little later */
	ROOM_JOINING,
	ROOM_IN,
	ROOM_LEAVING,
};

struct room {
	TAILQ_ENTRY(room) entry;
	struct chat *chat;
	enum room_state state;
	uint64_t ref; /* the call that is open for it; 0: none */
	bool known; /* it was in once, and last means something */
	bool back; /* LEAVING: to be joined again after that */
	uint64_t again_at_ms; /* nothing is asked for it before */
	uint64_t join_by_ms; /* unless it is known: given up then */
	enum err e; /* what it ends with then */
	uint64_t last; /* the number of the last message told */
	uint64_t heard; /* the highest number there is, as far as known */
	size_t name_len;
	uint8_t name[];
};

/* Something to say. */
struct line {
	STAILQ_ENTRY(line) entry;
	uint64_t deadline_ms; /* 0: its turn has not come yet */
	enum err e; /* what it ends with, if its time is over now */
	uint8_t clave[CLAVE_BYTES];
	size_t room_len;
	size_t text_len;
	uint8_t bytes[]; /* room, then text */
};

struct chat {
	struct proc *self;
	struct chat_client_config config;
	TAILQ_HEAD(rooms, room) rooms;
	STAILQ_HEAD(lines, line) lines;
	uint64_t saying; /* the call of the first line; 0: none */
	uint64_t say_at_ms; /* not before, the server is busy */
	uint64_t again; /* a send_after; 0: none */
	uint64_t again_at_ms;
	bool quiet; /* it ends: the sink is told nothing more */
	struct buf params;
};

static void go_on(struct chat *c);

static struct chat *
chat_of(struct node *n, struct pid pid)
{
	struct proc *p = node_find(n, pid);

	assert(p != NULL);
	return gs_state(p);
}

static struct node *
node_of(const struct chat *c)
{
	return proc_node(c->self);
}

static bool
is_up(const struct chat *c)
{
	return conn_is_up(node_of(c), c->config.conn);
}

static uint64_t
now_ms(const struct chat *c)
{
	return node_now_ms(node_of(c));
}

static void
tell(struct chat *c, const struct chat_event *e)
{
	if (!c->quiet)
		c->config.sink(c->config.arg, e);
}

/* An answer that says noproc because the link has ended is not about us. */
static enum err
error_of(const struct chat *c, const struct answer *a)
{
	return a->e == E_NOPROC && !is_up(c) ? E_NOCONNECTION : a->e;
}

/* Looks again in ms, or earlier if somebody has asked for that. */
static void
look_again(struct chat *c, uint64_t ms)
{
	uint64_t at_ms = now_ms(c) + ms;

	if (c->again != 0 && c->again_at_ms <= at_ms)
		return;
	if (c->again != 0)
		proc_cancel(c->self, c->again);
	c->again_at_ms = at_ms;
	c->again = proc_send_after(c->self, ms, slice_of("again"));
}

static void
call(struct chat *c, const char *method, uint64_t timeout_ms, gs_then_fn *then,
    void *arg, uint64_t *ref)
{
	*ref = gs_call(c->self, conn_peer(node_of(c), c->config.conn),
	    slice_of(method), buf_bytes(&c->params), timeout_ms, then, arg);
}

/* -- rooms -- */

static struct slice
room_name(const struct room *r)
{
	return slice_bytes(r->name, r->name_len);
}

static struct room *
find_room(const struct chat *c, struct slice name)
{
	struct room *r;

	TAILQ_FOREACH(r, &c->rooms, entry)
		if (slice_equal(room_name(r), name))
			return r;
	return NULL;
}

static struct room *
new_room(struct chat *c, struct slice name)
{
	struct room *r = calloc(1, sizeof(*r) + name.len);

	if (r == NULL)
		abort();
	r->chat = c;
	r->join_by_ms = now_ms(c) + c->config.timeout_ms;
	r->e = E_UNREACHABLE;
	r->name_len = name.len;
	memcpy(r->name, name.bytes, name.len);
	TAILQ_INSERT_TAIL(&c->rooms, r, entry);
	return r;
}

static void
drop_room(struct chat *c, struct room *r)
{
	if (r->ref != 0)
		proc_forget(c->self, r->ref);
	TAILQ_REMOVE(&c->rooms, r, entry);
	free(r);
}

/* Somebody came or went; nobody stands for this client's own user. */
static void
tell_move(struct chat *c, enum chat_kind kind, struct slice room,
    struct slice user)
{
	struct chat_event e = { .kind = kind, .room = room, .user = user };

	e.mine = slice_is(user, c->config.user);
	tell(c, &e);
}

static void
tell_own_move(struct chat *c, enum chat_kind kind, struct slice room)
{
	tell_move(c, kind, room, slice_of(c->config.user));
}

static void
tell_failed(struct chat *c, enum chat_wish wish, struct slice room, enum err e,
    struct slice why)
{
	struct chat_event event = { .kind = CHAT_FAILED,
		.room = room,
		.wish = wish,
		.e = e,
		.why = why };

	tell(c, &event);
}

static void
close_room(struct chat *c, struct room *r)
{
	struct chat_event e = { .kind = CHAT_CLOSED, .room = room_name(r) };

	tell(c, &e);
	drop_room(c, r);
}

/* -- what is said -- */

/* The next one of the room; what is not newer was told before. */
static void
hand_on(struct room *r, const struct chat_said *s, bool old)
{
	struct chat *c = r->chat;
	struct chat_event e = { .kind = CHAT_SAID,
		.room = room_name(r),
		.user = s->user,
		.text = s->text,
		.n = s->n,
		.at_ms = s->at_ms,
		.mine = slice_is(s->user, c->config.user),
		.old = old };

	if (s->n <= r->last && r->known)
		return;
	r->last = s->n;
	tell(c, &e);
}

/* Tells of all in an answer that was not told yet. */
static enum err
hand_on_past(struct room *r, struct chat_past *p, bool old)
{
	struct chat_said s;

	while (p->count > 0) {
		if (chat_past_next(p, &s) != E_OK)
			return E_MALFORMED;
		hand_on(r, &s, old);
	}
	return E_OK;
}

/* -- joining, and what was missed -- */

static void
write_room(struct chat *c, struct slice room, uint32_t params)
{
	buf_clear(&c->params);
	term_write_array(&c->params, params);
	term_write_str(&c->params, room);
}

/* [room], and what is asked for when some of it was told already. */
static void
write_since(struct chat *c, const struct room *r)
{
	write_room(c, room_name(r), r->known ? 2 : 1);
	if (!r->known)
		return;
	term_write_map(&c->params, 1);
	term_write_cstr(&c->params, "desde");
	term_write_uint(&c->params, r->last);
}

/* What the key, another link or another try may mend. */
static bool
is_passing(enum err e)
{
	return e == E_NOCONNECTION || e == E_OVERLOAD || e == E_DIED;
}

/* The server is too busy for this room, or has lost it for a moment. */
static void
try_later(struct chat *c, struct room *r)
{
	r->again_at_ms = now_ms(c) + BUSY_MS;
}

/* It was in the room before and cannot be now. */
static void
lose_room(struct chat *c, struct room *r, enum err e, struct slice why)
{
	if (e == E_NOPROC) {
		close_room(c, r);
	} else if (e == E_DENIED || e == E_BADARG || e == E_UNDEF) {
		tell_failed(c, CHAT_JOIN, room_name(r), e, why);
		drop_room(c, r);
	} else if (e != E_NOCONNECTION) {
		try_later(c, r);
	}
}

/* A join that is still under way is undone when it is through. */
static void
take_back(struct chat *c, const struct room *r)
{
	write_room(c, room_name(r), 1);
	(void)proc_cast(node_of(c), conn_peer(node_of(c), c->config.conn),
	    slice_of("chat.leave"), buf_bytes(&c->params));
}

static void
join_failed(struct chat *c, struct room *r, enum err e, struct slice why)
{
	r->state = ROOM_AWAY;
	r->e = e;
	if (r->known) {
		lose_room(c, r, e, why);
	} else if (!is_passing(e)) {
		if (e == E_TIMEOUT)
			take_back(c, r);
		tell_failed(c, CHAT_JOIN, room_name(r), e, why);
		drop_room(c, r);
	} else if (e != E_NOCONNECTION) {
		try_later(c, r);
	}
}

static void
enter(struct room *r, struct chat_past *p)
{
	bool first = !r->known;

	r->state = ROOM_IN;
	if (r->known && p->n < r->last)
		r->last = 0; /* another room of that name */
	r->heard = p->n;
	(void)hand_on_past(r, p, first); /* what is missing is asked for */
	r->known = true;
	if (first && r->last < p->n)
		r->last = p->n;
	if (first)
		tell_own_move(r->chat, CHAT_JOINED, room_name(r));
}

static struct gs_next
joined(struct proc *self, const struct answer *a, void *arg)
{
	struct room *r = arg;
	struct chat *c = r->chat;
	enum err e = error_of(c, a);
	struct chat_past p;

	(void)self;
	r->ref = 0;
	if (e == E_OK)
		e = chat_past_read(&p, a->body);
	if (e == E_OK)
		enter(r, &p);
	else
		join_failed(c, r, e, a->e == E_OK ? slice_of("") : a->body);
	go_on(c);
	return gs_noreply();
}

static void
join(struct chat *c, struct room *r)
{
	uint64_t ms =
	    r->known ? c->config.timeout_ms : r->join_by_ms - now_ms(c);

	r->state = ROOM_JOINING;
	write_since(c, r);
	call(c, "chat.join", ms, joined, r, &r->ref);
}

/* It never was in this room, and the time for that is over. */
static bool
is_too_late(const struct chat *c, const struct room *r)
{
	return r->state == ROOM_AWAY && !r->known && now_ms(c) >= r->join_by_ms;
}

static void
give_up(struct chat *c, struct room *r)
{
	tell_failed(c, CHAT_JOIN, room_name(r), r->e, slice_of(""));
	drop_room(c, r);
}

/*
 * What the answer has; all that it has not is gone. False: nothing new. One
 * who says something may know its number before the members are told.
 */
static bool
fill_from(struct room *r, struct slice answer)
{
	uint64_t before = r->last;
	struct chat_past p;

	if (chat_past_read(&p, answer) != E_OK ||
	    hand_on_past(r, &p, false) != E_OK)
		return false;
	if (p.n > r->heard)
		r->heard = p.n;
	if (r->last == before && p.n > before)
		r->last = p.n;
	return r->last > before;
}

static struct gs_next
filled(struct proc *self, const struct answer *a, void *arg)
{
	struct room *r = arg;

	(void)self;
	r->ref = 0;
	if (a->e != E_OK || !fill_from(r, a->body))
		try_later(r->chat, r);
	go_on(r->chat);
	return gs_noreply();
}

static void
fill(struct chat *c, struct room *r)
{
	write_since(c, r);
	call(c, "chat.history", c->config.timeout_ms, filled, r, &r->ref);
}

/* -- leaving -- */

static void
have_left(struct chat *c, struct room *r)
{
	if (r->back) {
		r->state = ROOM_AWAY;
		r->back = r->known = false;
		r->last = r->heard = 0; /* it may be another room by then */
		r->join_by_ms = now_ms(c) + c->config.timeout_ms;
		return;
	}
	tell_own_move(c, CHAT_LEFT, room_name(r));
	drop_room(c, r);
}

/* The room's process may have ended before it read that we leave. */
static bool
may_still_be_in(enum err e)
{
	return e == E_DIED || e == E_OVERLOAD || e == E_TIMEOUT;
}

static struct gs_next
left(struct proc *self, const struct answer *a, void *arg)
{
	struct room *r = arg;
	struct chat *c = r->chat;

	(void)self;
	r->ref = 0;
	if (may_still_be_in(a->e))
		try_later(c, r);
	else
		have_left(c, r);
	go_on(c);
	return gs_noreply();
}

static void
ask_to_leave(struct chat *c, struct room *r)
{
	write_room(c, room_name(r), 1);
	call(c, "chat.leave", c->config.timeout_ms, left, r, &r->ref);
}

static void
leave(struct chat *c, struct room *r)
{
	if (r->ref != 0)
		proc_forget(c->self, r->ref);
	r->ref = 0;
	if (r->state == ROOM_AWAY) {
		have_left(c, r);
		return;
	}
	r->state = ROOM_LEAVING;
	ask_to_leave(c, r);
}

/* -- saying -- */

static struct slice
line_room(const struct line *l)
{
	return slice_bytes(l->bytes, l->room_len);
}

static struct slice
line_text(const struct line *l)
{
	return slice_bytes(l->bytes + l->room_len, l->text_len);
}

/* Its push is on its way; if it does not come, it is asked for. */
static void
expect(struct chat *c, struct room *r, uint64_t n)
{
	r->heard = n;
	if (r->last < n)
		try_later(c, r);
}

static void
end_line(struct chat *c, enum err e, uint64_t n, struct slice why)
{
	struct line *l = STAILQ_FIRST(&c->lines);
	struct room *r = find_room(c, line_room(l));
	struct chat_event event = { .kind = CHAT_ACCEPTED,
		.room = line_room(l),
		.user = slice_of(c->config.user),
		.text = line_text(l),
		.n = n,
		.mine = true };

	if (e != E_OK) {
		event.kind = CHAT_FAILED;
		event.wish = CHAT_SAY;
		event.e = e;
		event.why = why;
	}
	if (r != NULL && n > r->heard)
		expect(c, r, n);
	STAILQ_REMOVE_HEAD(&c->lines, entry);
	tell(c, &event);
	free(l);
}

/* After a try of unknown fate only a refusal that looked at it is certain. */
static void
line_refused(struct chat *c, struct line *l, const struct answer *a)
{
	enum err e = error_of(c, a);

	if (is_passing(e)) {
		if (err_safe_to_retry(l->e))
			l->e = e;
		if (e != E_NOCONNECTION)
			c->say_at_ms = now_ms(c) + BUSY_MS;
		return;
	}
	if (!err_safe_to_retry(l->e) && err_safe_to_retry(e))
		e = l->e;
	end_line(c, e, 0, a->body);
}

static struct gs_next
answered(struct proc *self, const struct answer *a, void *arg)
{
	struct chat *c = arg;
	struct line *l = STAILQ_FIRST(&c->lines);
	struct term_reader r;
	uint64_t n = 0;

	(void)self;
	c->saying = 0;
	term_reader_init(&r, a->body);
	if (a->e != E_OK)
		line_refused(c, l, a);
	else if (term_read_uint(&r, &n) != E_OK)
		end_line(c, E_MALFORMED, 0, slice_of(""));
	else
		end_line(c, E_OK, n, slice_of(""));
	go_on(c);
	return gs_noreply();
}

static void
send_line(struct chat *c, const struct line *l, uint64_t left_ms)
{
	write_room(c, line_room(l), 3);
	term_write_str(&c->params, line_text(l));
	term_write_map(&c->params, 2);
	term_write_cstr(&c->params, "clave");
	term_write_bin(&c->params, slice_bytes(l->clave, sizeof(l->clave)));
	term_write_cstr(&c->params, "plazo");
	term_write_uint(&c->params, left_ms);
	call(c, "chat.send", left_ms, answered, c, &c->saying);
}

/* Does the first line what can be done now. False: it has to wait. */
static bool
say_first(struct chat *c)
{
	struct line *l = STAILQ_FIRST(&c->lines);
	const struct room *r = find_room(c, line_room(l));
	uint64_t now = now_ms(c);

	if (l->deadline_ms == 0)
		l->deadline_ms = now + c->config.timeout_ms;
	if (r == NULL) {
		end_line(c, err_safe_to_retry(l->e) ? E_DENIED : l->e, 0,
		    slice_of(""));
		return true;
	}
	if (now >= l->deadline_ms) {
		end_line(c, l->e, 0, slice_of(""));
		return true;
	}
	look_again(c, l->deadline_ms - now);
	if (r->state != ROOM_IN || !is_up(c))
		return false;
	if (now < c->say_at_ms) {
		look_again(c, c->say_at_ms - now);
		return false;
	}
	send_line(c, l, l->deadline_ms - now);
	return false;
}

/* -- all that can be done now -- */

static void
go_on_with(struct chat *c, struct room *r)
{
	if (is_too_late(c, r)) {
		give_up(c, r);
		return;
	}
	if (r->state == ROOM_AWAY && !r->known)
		look_again(c, r->join_by_ms - now_ms(c));
	if (r->ref != 0 || !is_up(c))
		return;
	if (now_ms(c) < r->again_at_ms)
		look_again(c, r->again_at_ms - now_ms(c));
	else if (r->state == ROOM_AWAY)
		join(c, r);
	else if (r->state == ROOM_LEAVING)
		ask_to_leave(c, r);
	else if (r->state == ROOM_IN && r->heard > r->last)
		fill(c, r);
}

static void
go_on(struct chat *c)
{
	struct room *r, *next;

	for (r = TAILQ_FIRST(&c->rooms); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		go_on_with(c, r);
	}
	while (c->saying == 0 && !STAILQ_EMPTY(&c->lines) && say_first(c))
		continue;
}

/* -- what the server says -- */

static struct gs_next
on_message(struct chat *c, struct room *r, struct term_reader *params)
{
	struct chat_said s;

	if (chat_said_read(&s, params) != E_OK)
		return gs_error(E_BADARG, NULL);
	if (r == NULL || r->state != ROOM_IN)
		return gs_noreply();
	if (s.n == r->last + 1 && r->ref == 0)
		hand_on(r, &s, false);
	if (s.n > r->heard)
		r->heard = s.n;
	go_on(c);
	return gs_noreply();
}

/* Its own coming is told with the answer of the join. */
static struct gs_next
on_move(struct chat *c, enum chat_kind kind, struct room *r,
    struct term_reader *params)
{
	struct slice user;

	if (term_read_str(params, &user) != E_OK)
		return gs_error(E_BADARG, NULL);
	if (r != NULL && r->state == ROOM_IN &&
	    !(kind == CHAT_JOINED && slice_is(user, c->config.user)))
		tell_move(c, kind, room_name(r), user);
	return gs_noreply();
}

static struct gs_next
on_closed(struct chat *c, struct room *r)
{
	if (r != NULL && r->state != ROOM_AWAY)
		close_room(c, r);
	go_on(c);
	return gs_noreply();
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	struct chat *c = gs_state(self);
	struct term_reader params;
	struct slice room;
	struct room *r;
	uint32_t n;

	term_reader_init(&params, m->body);
	if (term_read_array(&params, &n) != E_OK ||
	    term_read_str(&params, &room) != E_OK)
		return gs_error(E_BADARG, NULL);
	r = find_room(c, room);
	if (slice_is(m->op, "message"))
		return on_message(c, r, &params);
	if (slice_is(m->op, "joined"))
		return on_move(c, CHAT_JOINED, r, &params);
	if (slice_is(m->op, "left"))
		return on_move(c, CHAT_LEFT, r, &params);
	if (slice_is(m->op, "gone"))
		return on_move(c, CHAT_GONE, r, &params);
	if (slice_is(m->op, "closed"))
		return on_closed(c, r);
	return gs_error(E_UNDEF, NULL);
}

/* -- what this program wishes -- */

static void
wish_join(struct chat *c, struct slice room)
{
	struct room *r = find_room(c, room);

	if (r != NULL && r->state == ROOM_LEAVING)
		r->back = true;
	else if (r != NULL && r->known)
		tell_own_move(c, CHAT_JOINED, room);
	else if (r == NULL && !is_up(c))
		tell_failed(c, CHAT_JOIN, room, E_UNREACHABLE, slice_of(""));
	else if (r == NULL)
		new_room(c, room);
}

static void
wish_leave(struct chat *c, struct slice room)
{
	struct room *r = find_room(c, room);

	if (r == NULL)
		tell_failed(c, CHAT_LEAVE, room, E_DENIED, slice_of(""));
	else if (r->state != ROOM_LEAVING)
		leave(c, r);
	else
		r->back = false;
}

static void
wish_say(struct chat *c, struct slice room, struct slice text)
{
	struct line *l = malloc(sizeof(*l) + room.len + text.len);

	if (l == NULL)
		abort();
	*l = (struct line){ .e = E_UNREACHABLE,
		.room_len = room.len,
		.text_len = text.len };
	memcpy(l->bytes, room.bytes, room.len);
	memcpy(l->bytes + room.len, text.bytes, text.len);
	world_random(node_world(node_of(c)), l->clave, sizeof(l->clave));
	STAILQ_INSERT_TAIL(&c->lines, l, entry);
}

/* Without a link no room is joined, and no answer comes. */
static void
link_changed(struct chat *c)
{
	struct chat_event e = { .kind = CHAT_LINK, .up = is_up(c) };
	struct room *r, *next;

	for (r = TAILQ_FIRST(&c->rooms); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (r->ref != 0)
			proc_forget(c->self, r->ref);
		r->ref = 0;
		if (r->state == ROOM_LEAVING)
			have_left(c, r);
		else
			r->state = ROOM_AWAY;
	}
	tell(c, &e);
}

static void
read_wish(struct chat *c, const struct message *m)
{
	struct slice room, text = slice_of("");
	struct term_reader r;
	uint32_t n;
	enum err e;

	term_reader_init(&r, m->body);
	e = term_read_array(&r, &n);
	assert(e == E_OK);
	e = term_read_str(&r, &room);
	assert(e == E_OK);
	if (slice_is(m->op, "join")) {
		wish_join(c, room);
	} else if (slice_is(m->op, "leave")) {
		wish_leave(c, room);
	} else {
		e = term_read_str(&r, &text);
		assert(e == E_OK);
		wish_say(c, room, text);
	}
}

/*
 * Wishes come as plain messages, as in the class. The server can only call
 * and cast: it cannot make this client say anything.
 */
static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct chat *c = gs_state(self);

	if (slice_is(m->op, "again"))
		c->again = 0;
	else if (slice_is(m->op, "nodeup") || slice_is(m->op, "nodedown"))
		link_changed(c);
	else
		read_wish(c, m);
	go_on(c);
	return gs_noreply();
}

/* -- the process -- */

static struct gs_next
init(struct proc *self, void *arg)
{
	struct chat *c = gs_state(self);

	c->self = self;
	c->config = *(const struct chat_client_config *)arg;
	TAILQ_INIT(&c->rooms);
	STAILQ_INIT(&c->lines);
	buf_init(&c->params);
	reg_subscribe(self, REG_NODES);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct chat *c = gs_state(self);
	struct line *l;

	(void)why;
	while (!TAILQ_EMPTY(&c->rooms))
		drop_room(c, TAILQ_FIRST(&c->rooms));
	while ((l = STAILQ_FIRST(&c->lines)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->lines, entry);
		free(l);
	}
	buf_release(&c->params);
}

static const struct gen_server module = {
	.module = "chat_client",
	.state_bytes = sizeof(struct chat),
	.init = init,
	.handle_cast = handle_cast,
	.handle_info = handle_info,
	.terminate = terminate,
};

struct pid
chat_client_start(struct node *n, const struct chat_client_config *config)
{
	struct chat_client_config copy = *config;
	struct pid pid;

	if (gs_start(n, &module, module.module, &copy, &pid) != E_OK)
		abort(); /* a node has one, and its init does not refuse */
	return pid;
}

static void
wish(struct node *n, struct pid chat, const char *op, struct slice room,
    const struct slice *text)
{
	struct buf body;
	enum err e;

	while (proc_is_busy(node_find(n, chat)) &&
	    world_step(node_world(n)) == E_OK)
		continue;
	buf_init(&body);
	term_write_array(&body, text != NULL ? 2 : 1);
	term_write_str(&body, room);
	if (text != NULL)
		term_write_str(&body, *text);
	e = proc_send(n, chat, slice_of(op), buf_bytes(&body));
	assert(e == E_OK);
	buf_release(&body);
}

void
chat_client_join(struct node *n, struct pid chat, struct slice room)
{
	wish(n, chat, "join", room, NULL);
}

void
chat_client_leave(struct node *n, struct pid chat, struct slice room)
{
	wish(n, chat, "leave", room, NULL);
}

void
chat_client_say(struct node *n, struct pid chat, struct slice room,
    struct slice text)
{
	wish(n, chat, "say", room, &text);
}

static bool
is_idle(void *arg)
{
	const struct chat *c = arg;
	const struct room *r;

	TAILQ_FOREACH(r, &c->rooms, entry)
		if (!r->known || r->state == ROOM_LEAVING || r->heard > r->last)
			return false;
	return STAILQ_EMPTY(&c->lines) && proc_mailbox(c->self) == 0;
}

bool
chat_client_is_idle(struct node *n, struct pid chat)
{
	return is_idle(chat_of(n, chat));
}

bool
chat_client_is_in(struct node *n, struct pid chat, struct slice room)
{
	const struct room *r = find_room(chat_of(n, chat), room);

	return r != NULL && r->known && r->state != ROOM_LEAVING;
}

bool
chat_client_next_room(struct node *n, struct pid chat, size_t *place,
    struct slice *room)
{
	const struct chat *c = chat_of(n, chat);
	const struct room *r = TAILQ_FIRST(&c->rooms);

	for (size_t i = 0; i < *place && r != NULL; i++)
		r = TAILQ_NEXT(r, entry);
	if (r == NULL)
		return false;
	*room = room_name(r);
	++*place;
	return true;
}

static bool
has_no_rooms(void *arg)
{
	const struct chat *c = arg;

	return TAILQ_EMPTY(&c->rooms);
}

void
chat_client_stop(struct node *n, struct pid chat, uint64_t ms)
{
	struct chat *c = chat_of(n, chat);
	struct room *r, *next;

	c->quiet = true;
	for (r = TAILQ_FIRST(&c->rooms); r != NULL; r = next) {
		next = TAILQ_NEXT(r, entry);
		r->back = false;
		if (r->state != ROOM_LEAVING)
			leave(c, r);
	}
	/* In time or not: the end of the link would do the same. */
	(void)node_run_until(n, has_no_rooms, c, ms);
	proc_exit(c->self, reason_of("normal"));
}
