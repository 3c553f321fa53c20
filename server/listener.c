#include "server/listener.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/table.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "server/session.h"

enum { SOCKETS_MAX = 64 };

/* Lines about refused connections, in the log's window of time. */
enum { REFUSAL_LINES = 5 };

/* A connection of ours: a stranger, until it is admitted. */
struct guest {
	TAILQ_ENTRY(guest) entry; /* in strangers, the oldest first */
	struct pid pid;
	bool admitted;
	char address[sizeof(((struct stream_peer *)0)->text)];
};

struct state {
	struct proc *self;
	const struct cookie *cookie;
	struct log_limit refusals;
	struct listener *sockets[SOCKETS_MAX];
	unsigned count;
	struct table guests; /* all, by pid */
	TAILQ_HEAD(, guest) strangers;
	unsigned stranger_count;
	bool crowded; /* not accepting until there is room */
	uint64_t wait; /* while crowded: the ref of its end */
	bool draining;
};

static struct slice
guest_key(const void *thing)
{
	const struct guest *g = thing;

	return slice_bytes(&g->pid, sizeof(g->pid));
}

static struct guest *
guest_find(struct state *s, struct pid pid)
{
	return table_find(&s->guests, slice_bytes(&pid, sizeof(pid)));
}

static void
accept_on(struct state *s, bool on)
{
	struct world *w = node_world(proc_node(s->self));

	for (unsigned i = 0; i < s->count; i++)
		listener_accept(w, s->sockets[i], on);
}

static void
wait_for_room(struct state *s)
{
	s->wait = proc_send_after(s->self, LIMIT_STRANGER_WAIT_MS,
	    slice_of("crowded"));
}

static void
check_room(struct state *s)
{
	bool full = s->stranger_count >= LIMIT_STRANGERS;

	if (s->draining || full == s->crowded)
		return;
	s->crowded = full;
	accept_on(s, !full);
	if (full)
		wait_for_room(s);
	else
		proc_cancel(s->self, s->wait);
}

/* -- who comes -- */

static void
on_accepted(void *owner, struct stream *stream, const struct stream_peer *from)
{
	struct state *s = owner;
	struct session_config config = { .cookie = cookie_bytes(s->cookie),
		.host = proc_pid(s->self),
		.refusals = &s->refusals };
	struct guest *g;
	struct pid pid =
	    session_start(proc_node(s->self), stream, from, &config);

	if (pid.id == 0)
		return;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		abort();
	g->pid = pid;
	memcpy(g->address, from->text, sizeof(g->address));
	proc_monitor(s->self, pid);
	table_add(&s->guests, g);
	TAILQ_INSERT_TAIL(&s->strangers, g, entry);
	s->stranger_count++;
	check_room(s);
}

static const struct listener_events listener_events = {
	.accepted = on_accepted,
};

/* -- who is one of us, and who leaves -- */

static void
no_stranger_any_more(struct state *s, struct guest *g)
{
	if (g->admitted)
		return;
	g->admitted = true;
	TAILQ_REMOVE(&s->strangers, g, entry);
	s->stranger_count--;
	check_room(s);
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);
	struct term_reader r;
	struct guest *g;
	struct pid pid;
	uint32_t n;

	term_reader_init(&r, m->body);
	if (!slice_is(m->op, "admitted") || term_read_array(&r, &n) != E_OK ||
	    term_read_uint(&r, &pid.id) != E_OK)
		return gs_error(E_UNDEF, NULL);
	g = guest_find(s, pid);
	if (g != NULL)
		no_stranger_any_more(s, g);
	return gs_noreply();
}

static struct gs_next
left(struct state *s, struct pid pid)
{
	struct guest *g = guest_find(s, pid);

	if (g == NULL)
		return gs_noreply();
	no_stranger_any_more(s, g);
	table_take(&s->guests, guest_key(g));
	free(g);
	if (s->draining && s->guests.count == 0)
		return gs_stop("normal");
	return gs_noreply();
}

/* The oldest stranger of the address that has most of them. */
static struct guest *
pick(struct state *s)
{
	struct guest *g, *other, *worst = NULL;
	unsigned most = 0;

	TAILQ_FOREACH(g, &s->strangers, entry) {
		unsigned n = 0;

		TAILQ_FOREACH(other, &s->strangers, entry)
			n += strcmp(other->address, g->address) == 0;
		if (n > most) {
			most = n;
			worst = g;
		}
	}
	return worst;
}

static void
make_room(struct state *s)
{
	struct guest *g = pick(s);
	struct proc *p = node_find(proc_node(s->self), g->pid);

	if (p != NULL)
		proc_exit(p, reason_of("noconnection"));
	wait_for_room(s);
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	if (m->kind == MESSAGE_DOWN)
		return left(s, m->from.pid);
	if (s->crowded && !s->draining && slice_is(m->op, "crowded"))
		make_room(s);
	return gs_noreply();
}

/* -- life -- */

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);
	uint8_t seed[TABLE_SEED_BYTES];

	s->self = self;
	s->cookie = *(const struct cookie **)arg;
	log_limit_init(&s->refusals, REFUSAL_LINES);
	world_random(node_world(proc_node(self)), seed, sizeof(seed));
	table_init(&s->guests, guest_key, seed);
	TAILQ_INIT(&s->strangers);
	return gs_noreply();
}

static void
close_sockets(struct state *s)
{
	struct world *w = node_world(proc_node(s->self));

	while (s->count > 0)
		listener_close(w, s->sockets[--s->count]);
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct state *s = gs_state(self);

	(void)why;
	close_sockets(s);
	for (size_t i = 0; i < s->guests.size; i++) {
		struct guest *g = table_at(&s->guests, i);
		struct proc *p =
		    g != NULL ? node_find(proc_node(self), g->pid) : NULL;

		/* Sessions borrow our log limit: they are down before us. */
		if (p != NULL && peer_link(p) != NULL)
			link_abort(peer_link(p), E_NOCONNECTION, "closed");
		free(g);
	}
	table_release(&s->guests);
}

static const struct gen_server module = {
	.module = LISTENER_NAME,
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_cast = handle_cast,
	.handle_info = handle_info,
	.terminate = terminate,
};

enum err
listener_start(struct node *n, const struct cookie *cookie, struct pid *out)
{
	return gs_start(n, &module, LISTENER_NAME, &cookie, out);
}

enum err
listener_add(struct proc *listener, const struct address *at, uint16_t *port,
    const char **why)
{
	struct state *s = gs_state(listener);
	struct world *w = node_world(proc_node(listener));
	enum err e;

	if (s->count == SOCKETS_MAX) {
		*why = N_("too many addresses to listen on");
		return E_UNREACHABLE;
	}
	e = world_listen(w, at, &listener_events, s, &s->sockets[s->count],
	    why);
	if (e != E_OK)
		return e;
	*port = listener_port(w, s->sockets[s->count]);
	s->count++;
	return E_OK;
}

void
listener_drain(struct proc *listener)
{
	struct state *s = gs_state(listener);

	s->draining = true;
	close_sockets(s);
	for (size_t i = 0; i < s->guests.size; i++) {
		struct guest *g = table_at(&s->guests, i);
		struct proc *p =
		    g != NULL ? node_find(proc_node(listener), g->pid) : NULL;

		if (p != NULL)
			peer_drain(p);
	}
	if (s->guests.count == 0)
		proc_exit(listener, reason_of("normal"));
}
