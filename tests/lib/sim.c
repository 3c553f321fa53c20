/*
 * A connection is two ends, each with the parcels that are on their way to
 * it, in order: bytes, then perhaps the end. What may happen next to an
 * end, a listener or a world is one timer of it; a step runs the first one.
 *
 * The happy path is: a write makes a parcel at the other end and plans that
 * end; its event takes the parcel out, plans what comes after it, and calls
 * the owner last, so that the owner may do anything, also close the stream.
 */
#include "tests/lib/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "tests/lib/bytes.h"

#define START_MS 1000
#define UTC_BASE_MS UINT64_C(1795363800000) /* 2026-11-22T16:10:00Z */
#define EFFORT_PER_MS 10000
#define EFFORT_TURN 100 /* of a turn; other events are 1 */
#define PIPE_BYTES ((size_t)64 * 1024)
#define FIRST_FREE_PORT 40000
#define PIECE_BYTES 256 /* SIM_CHOPPED: a piece is this long at most */
#define RETRY_MS 1000 /* of a connect that nothing comes back to */

enum parcel_kind {
	PARCEL_BYTES,
	PARCEL_END, /* read in its turn */
	PARCEL_BREAK, /* needs no reader */
};

struct parcel {
	TAILQ_ENTRY(parcel) entry;
	enum parcel_kind kind;
	uint64_t at_ms;
	enum err e; /* END, BREAK */
	const char *why;
	size_t start; /* bytes before it were delivered */
	size_t len;
	uint8_t bytes[];
};

TAILQ_HEAD(parcels, parcel);

enum end_state {
	END_CONNECTING,
	END_WAITING, /* in a listener's backlog: nobody owns it yet */
	END_OPEN,
	END_OVER, /* no event comes any more */
};

/* One end of a connection. */
struct end {
	struct stream stream; /* first, so that they are the same */
	TAILQ_ENTRY(end) entry; /* in its world's ends */
	TAILQ_ENTRY(end) waiting; /* END_WAITING: in the backlog */
	struct sim_world *world;
	struct sim_world *far; /* the other end's; NULL: nobody there yet */
	struct end *other; /* NULL: not connected yet, closed, or cut */
	enum end_state state;
	struct timer next;
	struct parcels parcels; /* on their way to this end */
	size_t under_way; /* bytes in them */
	uint64_t opens_ms; /* END_CONNECTING */
	uint64_t reset_ms; /* what it wrote to nobody is back, or NEVER */
	struct address to; /* whom the connecting end asked for */
	bool want_read;
	bool want_write;
	bool finished; /* by its owner */
	bool broken; /* takes no more bytes */
};

TAILQ_HEAD(ends, end);

struct listener {
	TAILQ_ENTRY(listener) entry; /* in its world's listeners */
	struct sim_world *world;
	const struct listener_events *events;
	void *owner;
	struct address at;
	struct ends backlog;
	struct timer next;
	bool accepting;
};

TAILQ_HEAD(listeners, listener);

struct sim_world {
	struct world world; /* first, so that they are the same */
	struct sim *sim;
	TAILQ_ENTRY(sim_world) entry;
	TAILQ_ENTRY(sim_world) turn; /* while wants_turn */
	struct timer alarm;
	struct ends ends;
	struct listeners listeners;
	unsigned number; /* from 1 */
	bool wants_turn;
	bool crashed;
	bool unplugged;
};

TAILQ_HEAD(sim_worlds, sim_world);

struct sim {
	struct sim_net net;
	struct timers events;
	struct sim_worlds worlds;
	struct sim_worlds turns;
	uint64_t seed;
	uint64_t now_ms;
	uint32_t effort; /* since the clock last moved */
	unsigned count; /* worlds ever */
	uint16_t next_port;
};

static const struct stream_ops stream_ops;
static const struct world_ops world_ops;

static struct end *
end_of(struct stream *s)
{
	return (struct end *)(void *)s;
}

static struct sim_world *
world_of(struct world *w)
{
	return (struct sim_world *)(void *)w;
}

/* -- the agenda -- */

/* Plans an event, never before now; TIMER_NEVER takes it off. */
static void
plan(struct sim *sim, struct timer *t, uint64_t at_ms)
{
	if (at_ms == TIMER_NEVER) {
		timer_stop(&sim->events, t);
		return;
	}
	if (at_ms < sim->now_ms)
		at_ms = sim->now_ms;
	if (timer_is_running(t) && t->at_ms == at_ms)
		return; /* keeps its place among equals */
	/* Equal times run in the order of this number. */
	if (sim->net.shuffle)
		sim->events.started = random_next(&sim->seed) >> 1;
	timer_start(&sim->events, t, at_ms);
}

static uint64_t
delay(struct sim *sim)
{
	uint32_t min = sim->net.delay_min_ms, max = sim->net.delay_max_ms;

	return max > min ? min + sim_random(sim, max - min + 1) : min;
}

/* -- one end: what is next -- */

/* Bytes that a write would take now. */
static size_t
room(const struct end *end)
{
	size_t max = end->world->sim->net.pipe_bytes;

	if (end->state == END_CONNECTING || end->broken || end->finished)
		return 0;
	if (end->other == NULL)
		return SIZE_MAX; /* they go nowhere */
	return end->other->under_way < max ? max - end->other->under_way : 0;
}

/* What the owner would hear of next, in its time. */
static struct parcel *
readable(const struct end *end)
{
	struct parcel *p = TAILQ_FIRST(&end->parcels);

	if (p != NULL && p->kind != PARCEL_BREAK && !end->want_read)
		return NULL;
	return p;
}

static uint64_t
next_ms(const struct end *end)
{
	const struct parcel *p = readable(end);

	if (end->world->unplugged || (end->far != NULL && end->far->unplugged))
		return TIMER_NEVER;
	if (end->state == END_CONNECTING)
		return end->opens_ms;
	if (end->state != END_OPEN)
		return TIMER_NEVER;
	if (end->want_write && room(end) > 0)
		return 0;
	return p != NULL && p->at_ms < end->reset_ms ? p->at_ms : end->reset_ms;
}

static void
plan_end(struct end *end)
{
	plan(end->world->sim, &end->next, next_ms(end));
}

/* -- parcels -- */

static void
drop_parcels(struct end *end)
{
	struct parcel *p;

	while ((p = TAILQ_FIRST(&end->parcels)) != NULL) {
		TAILQ_REMOVE(&end->parcels, p, entry);
		free(p);
	}
	end->under_way = 0;
}

/* A parcel behind all that are on their way to an end: none overtakes. */
static struct parcel *
send_parcel(struct end *to, uint64_t after_ms, struct slice bytes)
{
	struct parcel *p = malloc(sizeof(*p) + bytes.len);

	if (p == NULL)
		abort();
	*p = (struct parcel){ .kind = PARCEL_BYTES, .len = bytes.len };
	if (bytes.len > 0)
		memcpy(p->bytes, bytes.bytes, bytes.len);
	p->at_ms = to->world->sim->now_ms + after_ms;
	TAILQ_INSERT_TAIL(&to->parcels, p, entry);
	to->under_way += bytes.len;
	return p;
}

static void
send_end(struct end *to, uint64_t after_ms, enum err e, const char *why)
{
	struct parcel *p = send_parcel(to, after_ms, slice_of(""));

	p->kind = e == E_OK ? PARCEL_END : PARCEL_BREAK;
	p->e = e;
	p->why = why;
	plan_end(to);
}

/* Due bytes at the start, at most so many. */
static size_t
due_bytes(const struct end *end, size_t max)
{
	const struct parcel *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &end->parcels, entry) {
		if (p->kind != PARCEL_BYTES ||
		    p->at_ms > end->world->sim->now_ms || n >= max)
			break;
		n += p->len - p->start;
	}
	return n < max ? n : max;
}

/* Takes len bytes, which are there, out of the parcels. */
static void
take_bytes(struct end *end, uint8_t *to, size_t len)
{
	end->under_way -= len;
	while (len > 0) {
		struct parcel *p = TAILQ_FIRST(&end->parcels);
		size_t n = p->len - p->start;

		if (n > len)
			n = len;
		memcpy(to, p->bytes + p->start, n);
		to += n;
		len -= n;
		p->start += n;
		if (p->start == p->len) {
			TAILQ_REMOVE(&end->parcels, p, entry);
			free(p);
		}
	}
}

/* -- one end: life -- */

static void end_event(void *arg);

static struct end *
end_new(struct sim_world *w, enum end_state state)
{
	struct end *end = calloc(1, sizeof(*end));

	if (end == NULL)
		abort();
	end->stream.ops = &stream_ops;
	end->world = w;
	end->state = state;
	end->reset_ms = TIMER_NEVER;
	timer_init(&end->next, end_event, end);
	TAILQ_INIT(&end->parcels);
	TAILQ_INSERT_TAIL(&w->ends, end, entry);
	return end;
}

static void
end_free(struct end *end)
{
	timer_stop(&end->world->sim->events, &end->next);
	drop_parcels(end);
	TAILQ_REMOVE(&end->world->ends, end, entry);
	free(end);
}

/* As close(2): bytes that nobody read make it a reset. */
static void
end_close(struct end *end, bool reset)
{
	struct sim *sim = end->world->sim;
	struct end *other = end->other;

	if (other != NULL) {
		other->other = NULL;
		if (reset || end->under_way > 0)
			send_end(other, delay(sim), E_NOCONNECTION, "reset");
		else if (!end->finished)
			send_end(other, delay(sim), E_OK, "closed");
		plan_end(other);
	}
	end_free(end);
}

/* The connection is no more; what was under way to this end is lost. */
static void
end_cut(struct end *end)
{
	if (end->state == END_OVER || end->broken)
		return;
	drop_parcels(end);
	end->other = NULL;
	end->broken = true;
	end->reset_ms = TIMER_NEVER;
	if (end->state != END_CONNECTING)
		send_end(end, 0, E_NOCONNECTION, "cut");
}

/* Without power: it says and hears nothing any more. */
static void
end_crash(struct end *end)
{
	if (end->other != NULL)
		end_cut(end->other);
	drop_parcels(end);
	end->other = NULL;
	end->broken = true;
	end->state = END_OVER;
	plan_end(end);
}

/* -- one end: its events, the owner always last -- */

static void
tell_bytes(struct end *end)
{
	struct sim *sim = end->world->sim;
	size_t max = SIZE_MAX;
	struct slice s;
	uint8_t *bytes;

	if (sim->net.chop == SIM_BYTES)
		max = 1;
	else if (sim->net.chop == SIM_CHOPPED)
		max = 1 + sim_random(sim, 2 * PIECE_BYTES);
	s.len = due_bytes(end, max);
	s.bytes = bytes = malloc(s.len);
	if (bytes == NULL)
		abort();
	take_bytes(end, bytes, s.len);
	plan_end(end);
	if (end->other != NULL)
		plan_end(end->other);
	end->stream.events->bytes(end->stream.owner, s);
	free(bytes);
}

/* The far half is over; ours goes on. Takes the parcel. */
static void
tell_finished(struct end *end, struct parcel *p)
{
	const char *why = p->why;

	TAILQ_REMOVE(&end->parcels, p, entry);
	free(p);
	plan_end(end);
	end->stream.events->ended(end->stream.owner, E_OK, why);
}

static void
tell_broken(struct end *end, enum err e, const char *why)
{
	drop_parcels(end);
	end->state = END_OVER;
	end->broken = true;
	plan_end(end);
	end->stream.events->ended(end->stream.owner, e, why);
}

static void
tell_writable(struct end *end)
{
	plan_end(end);
	end->stream.events->writable(end->stream.owner);
}

static void connect_event(struct end *end);

static void
end_event(void *arg)
{
	struct end *end = arg;
	uint64_t now_ms = end->world->sim->now_ms;
	struct parcel *p = readable(end);
	bool can_read = p != NULL && p->at_ms <= now_ms;
	bool can_write = end->want_write && room(end) > 0;

	if (end->state == END_CONNECTING) {
		connect_event(end);
		return;
	}
	assert(end->state == END_OPEN && end->stream.events != NULL);
	if (can_read && can_write)
		can_read = sim_random(end->world->sim, 2) == 0;
	if (can_read && p->kind == PARCEL_BYTES)
		tell_bytes(end);
	else if (can_read && p->kind == PARCEL_END)
		tell_finished(end, p);
	else if (can_read)
		tell_broken(end, p->e, p->why);
	else if (end->reset_ms <= now_ms)
		tell_broken(end, E_NOCONNECTION, "reset");
	else if (can_write)
		tell_writable(end);
	else
		plan_end(end);
}

/* -- what an owner may do with a stream -- */

/* Bytes went to somebody who is gone: what comes back is a reset. */
static void
written_to_nobody(struct end *end)
{
	struct sim *sim = end->world->sim;

	if (end->reset_ms == TIMER_NEVER)
		end->reset_ms = sim->now_ms + delay(sim) + delay(sim);
	plan_end(end);
}

static size_t
op_write(struct stream *s, struct slice bytes)
{
	struct end *end = end_of(s);
	struct sim *sim = end->world->sim;
	size_t n = room(end), at = 0;

	if (n > bytes.len)
		n = bytes.len;
	if (n > 0 && end->other == NULL) {
		written_to_nobody(end);
		return n;
	}
	while (at < n) {
		size_t piece = n - at;

		if (sim->net.chop == SIM_CHOPPED && piece > 1)
			piece = 1 +
			    sim_random(sim,
				piece < PIECE_BYTES ? (uint32_t)piece :
						      PIECE_BYTES);
		send_parcel(end->other, delay(sim),
		    slice_bytes(bytes.bytes + at, piece));
		at += piece;
	}
	if (n > 0)
		plan_end(end->other);
	plan_end(end);
	return n;
}

static void
op_want_write(struct stream *s, bool on)
{
	end_of(s)->want_write = on;
	plan_end(end_of(s));
}

static void
op_want_read(struct stream *s, bool on)
{
	end_of(s)->want_read = on;
	plan_end(end_of(s));
}

static void
op_finish(struct stream *s)
{
	struct end *end = end_of(s);

	if (end->finished)
		return;
	end->finished = true;
	if (end->other != NULL)
		send_end(end->other, delay(end->world->sim), E_OK, "finished");
	plan_end(end);
}

static void
op_close(struct stream *s)
{
	end_close(end_of(s), false);
}

static const struct stream_ops stream_ops = {
	.write = op_write,
	.want_write = op_want_write,
	.want_read = op_want_read,
	.finish = op_finish,
	.close = op_close,
};

/* -- listeners and connecting -- */

static bool
is_loopback(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
	    strcmp(host, "localhost") == 0;
}

static bool
is_any(const char *host)
{
	return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static bool
reaches(const struct listener *l, const struct address *to)
{
	const char *at = l->at.host;

	if (l->at.port != to->port || l->world->crashed)
		return false;
	return strcmp(at, to->host) == 0 || is_any(at) ||
	    (strcmp(to->host, "localhost") == 0 &&
		(strcmp(at, "127.0.0.1") == 0 || strcmp(at, "::1") == 0));
}

static struct listener *
find_listener(const struct sim *sim, const struct address *to)
{
	const struct sim_world *w;
	struct listener *l;

	TAILQ_FOREACH(w, &sim->worlds, entry)
		TAILQ_FOREACH(l, &w->listeners, entry)
			if (reaches(l, to))
				return l;
	return NULL;
}

static void
plan_listener(struct listener *l)
{
	bool ready =
	    l->accepting && !l->world->crashed && !TAILQ_EMPTY(&l->backlog);

	plan(l->world->sim, &l->next, ready ? 0 : TIMER_NEVER);
}

/* The other end, which waits for somebody to accept it. */
static void
join_backlog(struct end *end, struct listener *l)
{
	struct end *other = end_new(l->world, END_WAITING);

	other->other = end;
	other->far = end->world;
	other->to = end->to;
	end->other = other;
	end->far = l->world;
	TAILQ_INSERT_TAIL(&l->backlog, other, waiting);
	plan_listener(l);
}

static void
connect_event(struct end *end)
{
	struct sim *sim = end->world->sim;
	struct listener *l = find_listener(sim, &end->to);

	if (l == NULL || end->broken) {
		tell_broken(end, E_UNREACHABLE, "connection refused");
		return;
	}
	if (l->world->unplugged) {
		end->opens_ms = sim->now_ms + RETRY_MS;
		plan_end(end);
		return;
	}
	end->state = END_OPEN;
	join_backlog(end, l);
	if (end->finished)
		send_end(end->other, delay(sim), E_OK, "finished");
	plan_end(end);
	end->stream.events->opened(end->stream.owner);
}

static struct stream_peer
peer_of(const struct end *end)
{
	struct stream_peer peer = { .loopback = is_loopback(end->to.host) };

	if (!peer.loopback)
		snprintf(peer.text, sizeof(peer.text), "10.0.0.%u",
		    end->far->number);
	else
		strcpy(peer.text,
		    strcmp(end->to.host, "::1") == 0 ? "::1" : "127.0.0.1");
	return peer;
}

static void
listener_event(void *arg)
{
	struct listener *l = arg;
	struct end *end = TAILQ_FIRST(&l->backlog);
	struct stream_peer peer = peer_of(end);

	TAILQ_REMOVE(&l->backlog, end, waiting);
	end->state = END_OPEN;
	plan_listener(l);
	/* What it has to hear, once it has an owner. */
	plan(l->world->sim, &end->next, 0);
	l->events->accepted(l->owner, &end->stream, &peer);
}

static enum err
op_connect(struct world *world, const struct address *to, struct stream **out,
    const char **why)
{
	struct sim_world *w = world_of(world);
	struct end *end;

	if (w->crashed) {
		*why = "the network is down";
		return E_UNREACHABLE;
	}
	end = end_new(w, END_CONNECTING);
	end->to = *to;
	end->broken = w->sim->net.refuse;
	end->opens_ms = w->sim->now_ms + delay(w->sim);
	plan_end(end);
	*out = &end->stream;
	return E_OK;
}

static bool
is_taken(const struct sim *sim, const struct address *at)
{
	const struct sim_world *w;
	const struct listener *l;

	TAILQ_FOREACH(w, &sim->worlds, entry)
		TAILQ_FOREACH(l, &w->listeners, entry)
			if (!w->crashed && l->at.port == at->port &&
			    strcmp(l->at.host, at->host) == 0)
				return true;
	return false;
}

static void
take_free_port(struct sim *sim, struct address *at)
{
	do {
		if (sim->next_port < FIRST_FREE_PORT)
			sim->next_port = FIRST_FREE_PORT;
		at->port = sim->next_port++;
	} while (is_taken(sim, at));
}

static enum err
op_listen(struct world *world, const struct address *at,
    const struct listener_events *events, void *owner, struct listener **out,
    const char **why)
{
	struct sim_world *w = world_of(world);
	struct listener *l;

	if (w->crashed || (at->port != 0 && is_taken(w->sim, at))) {
		*why = w->crashed ? "the network is down" :
				    "address already in use";
		return w->crashed ? E_UNREACHABLE : E_EXISTS;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		abort();
	*l = (struct listener){ .world = w,
		.events = events,
		.owner = owner,
		.at = *at,
		.accepting = true };
	if (at->port == 0)
		take_free_port(w->sim, &l->at);
	TAILQ_INIT(&l->backlog);
	timer_init(&l->next, listener_event, l);
	TAILQ_INSERT_TAIL(&w->listeners, l, entry);
	*out = l;
	return E_OK;
}

static uint16_t
op_listener_port(struct listener *l)
{
	return l->at.port;
}

static void
op_listener_accept(struct listener *l, bool on)
{
	l->accepting = on;
	plan_listener(l);
}

static void
op_listener_close(struct listener *l)
{
	struct end *end;

	while ((end = TAILQ_FIRST(&l->backlog)) != NULL) {
		TAILQ_REMOVE(&l->backlog, end, waiting);
		end_close(end, true);
	}
	timer_stop(&l->world->sim->events, &l->next);
	TAILQ_REMOVE(&l->world->listeners, l, entry);
	free(l);
}

/* -- worlds -- */

static uint64_t
op_now_ms(struct world *w)
{
	return world_of(w)->sim->now_ms;
}

static uint64_t
op_utc_ms(struct world *w)
{
	return UTC_BASE_MS + world_of(w)->sim->now_ms;
}

static void
op_random(struct world *w, void *out, size_t len)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random_next(&world_of(w)->sim->seed);
}

static void
op_wake(struct world *world)
{
	struct sim_world *w = world_of(world);
	struct sim *sim = w->sim;

	if (w->wants_turn || w->crashed)
		return;
	w->wants_turn = true;
	if (sim->net.shuffle && sim_random(sim, 2) == 0)
		TAILQ_INSERT_HEAD(&sim->turns, w, turn);
	else
		TAILQ_INSERT_TAIL(&sim->turns, w, turn);
}

static void
op_wake_at(struct world *world, uint64_t at_ms)
{
	struct sim_world *w = world_of(world);

	plan(w->sim, &w->alarm, w->crashed ? TIMER_NEVER : at_ms);
}

static enum err
op_step(struct world *w)
{
	return sim_step(world_of(w)->sim) ? E_OK : E_NOCONNECTION;
}

static const struct world_ops world_ops = {
	.now_ms = op_now_ms,
	.utc_ms = op_utc_ms,
	.random = op_random,
	.wake = op_wake,
	.wake_at = op_wake_at,
	.step = op_step,
	.connect = op_connect,
	.listen = op_listen,
	.listener_port = op_listener_port,
	.listener_accept = op_listener_accept,
	.listener_close = op_listener_close,
};

static void
turn(void *arg)
{
	struct sim_world *w = arg;

	if (w->world.turn != NULL)
		w->world.turn(w->world.node);
}

struct world *
sim_world(struct sim *sim)
{
	struct sim_world *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->world.ops = &world_ops;
	w->sim = sim;
	w->number = ++sim->count;
	timer_init(&w->alarm, turn, w);
	TAILQ_INIT(&w->ends);
	TAILQ_INIT(&w->listeners);
	TAILQ_INSERT_TAIL(&sim->worlds, w, entry);
	return &w->world;
}

static void
cancel_turn(struct sim_world *w)
{
	if (w->wants_turn)
		TAILQ_REMOVE(&w->sim->turns, w, turn);
	w->wants_turn = false;
}

void
sim_crash(struct world *world)
{
	struct sim_world *w = world_of(world);
	struct listener *l;
	struct end *end;

	w->crashed = true;
	cancel_turn(w);
	timer_stop(&w->sim->events, &w->alarm);
	TAILQ_FOREACH(l, &w->listeners, entry)
		plan_listener(l);
	TAILQ_FOREACH(end, &w->ends, entry)
		end_crash(end);
}

void
sim_unplug(struct world *world, bool out)
{
	struct sim_world *changed = world_of(world), *w;
	struct end *end;

	changed->unplugged = out;
	TAILQ_FOREACH(w, &changed->sim->worlds, entry)
		TAILQ_FOREACH(end, &w->ends, entry)
			plan_end(end);
}

/* -- the whole -- */

struct sim *
sim_new(uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (sim == NULL)
		abort();
	*sim = (struct sim){ .seed = seed,
		.now_ms = START_MS,
		.next_port = FIRST_FREE_PORT,
		.net = { .delay_min_ms = 1,
		    .delay_max_ms = 1,
		    .pipe_bytes = PIPE_BYTES } };
	timers_init(&sim->events);
	TAILQ_INIT(&sim->worlds);
	TAILQ_INIT(&sim->turns);
	return sim;
}

static void
free_world(struct sim_world *w)
{
	assert(w->world.turn == NULL);
	while (!TAILQ_EMPTY(&w->listeners))
		op_listener_close(TAILQ_FIRST(&w->listeners));
	while (!TAILQ_EMPTY(&w->ends))
		end_close(TAILQ_FIRST(&w->ends), false);
	cancel_turn(w);
	timer_stop(&w->sim->events, &w->alarm);
}

void
sim_free(struct sim *sim)
{
	struct sim_world *w;

	/* Ends look at each other's worlds: these go last. */
	TAILQ_FOREACH(w, &sim->worlds, entry)
		free_world(w);
	while ((w = TAILQ_FIRST(&sim->worlds)) != NULL) {
		TAILQ_REMOVE(&sim->worlds, w, entry);
		free(w);
	}
	assert(timers_next_ms(&sim->events) == TIMER_NEVER);
	timers_release(&sim->events);
	free(sim);
}

struct sim_net *
sim_net(struct sim *sim)
{
	return &sim->net;
}

uint64_t
sim_now(const struct sim *sim)
{
	return sim->now_ms;
}

uint32_t
sim_random(struct sim *sim, uint32_t n)
{
	return random_below(&sim->seed, n);
}

int64_t
sim_clock(void *arg)
{
	const struct sim *sim = arg;

	return (int64_t)(UTC_BASE_MS + sim->now_ms);
}

/* -- time goes on -- */

static void
set_clock(struct sim *sim, uint64_t now_ms)
{
	sim->now_ms = now_ms;
	sim->effort = 0;
}

static void
give_turn(struct sim *sim)
{
	struct sim_world *w = TAILQ_FIRST(&sim->turns);

	cancel_turn(w);
	turn(w);
}

static void
run_event(struct sim *sim)
{
	struct timer *t = sim->events.heap[0];

	timer_stop(&sim->events, t);
	t->run(t->arg);
}

bool
sim_step(struct sim *sim)
{
	uint64_t next = timers_next_ms(&sim->events);

	if (sim->effort >= EFFORT_PER_MS)
		set_clock(sim, sim->now_ms + 1);
	/* Even a world that always wants a turn lets pass what is late. */
	if (!TAILQ_EMPTY(&sim->turns) && next >= sim->now_ms) {
		sim->effort += EFFORT_TURN;
		give_turn(sim);
		return true;
	}
	if (next == TIMER_NEVER)
		return false;
	if (next > sim->now_ms)
		set_clock(sim, next);
	sim->effort++;
	run_event(sim);
	return true;
}

bool
sim_run_until(struct sim *sim, bool (*done)(void *arg), void *arg,
    uint64_t steps_max)
{
	for (; !done(arg); steps_max--)
		if (steps_max == 0 || !sim_step(sim))
			return false;
	return true;
}

void
sim_run_ms(struct sim *sim, uint64_t ms)
{
	uint64_t end = sim->now_ms + ms;

	while (sim->now_ms <= end &&
	    (!TAILQ_EMPTY(&sim->turns) || timers_next_ms(&sim->events) <= end))
		sim_step(sim);
	if (sim->now_ms < end)
		set_clock(sim, end);
}

void
sim_plan(struct sim *sim, struct timer *t, uint64_t after_ms)
{
	plan(sim, t, sim->now_ms + after_ms);
}

void
sim_unplan(struct sim *sim, struct timer *t)
{
	plan(sim, t, TIMER_NEVER);
}

/* -- streams, from outside -- */

size_t
sim_streams(const struct world *world)
{
	const struct sim_world *w =
	    (const struct sim_world *)(const void *)world;
	const struct end *end;
	size_t count = 0;

	TAILQ_FOREACH(end, &w->ends, entry)
		count += end->state != END_WAITING;
	return count;
}

void
sim_cut(struct stream *s)
{
	struct end *end = end_of(s), *other = end->other;

	end_cut(end);
	if (other != NULL)
		end_cut(other);
}

static bool
can_be_cut(const struct end *end)
{
	return end->state != END_OVER && !end->broken;
}

size_t
sim_cut_world(struct world *w)
{
	struct end *end;
	size_t count = 0;

	TAILQ_FOREACH(end, &world_of(w)->ends, entry)
		if (can_be_cut(end)) {
			sim_cut(&end->stream);
			count++;
		}
	return count;
}

/* The nth end that can be cut, from 0; NULL when there are only *count. */
static struct end *
nth_end(struct sim *sim, uint32_t nth, uint32_t *count)
{
	struct sim_world *w;
	struct end *end;

	*count = 0;
	TAILQ_FOREACH(w, &sim->worlds, entry)
		TAILQ_FOREACH(end, &w->ends, entry)
			if (can_be_cut(end) && (*count)++ == nth)
				return end;
	return NULL;
}

bool
sim_cut_any(struct sim *sim)
{
	uint32_t count;

	nth_end(sim, UINT32_MAX, &count);
	if (count == 0)
		return false;
	sim_cut(&nth_end(sim, sim_random(sim, count), &count)->stream);
	return true;
}

struct address
sim_address(const char *host, uint16_t port)
{
	struct address a = { .port = port };

	snprintf(a.host, sizeof(a.host), "%s", host);
	return a;
}
