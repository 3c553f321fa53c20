#include "server/listener.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/supervisor.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "server/session.h"

/* Lines about refused connections, in the log's window of time. */
enum { REFUSAL_LINES = 5 };

/* A connection that has not proved the cookie yet. */
struct stranger {
	TAILQ_ENTRY(stranger) entry; /* the oldest first */
	struct pid pid;
	uint64_t monitor;
	char address[sizeof(((struct stream_peer *)0)->text)];
};

struct state {
	struct proc *self;
	struct listener_config *config;
	struct listener *sockets[LISTENER_ADDRESSES];
	unsigned count;
	TAILQ_HEAD(, stranger) strangers;
	unsigned stranger_count; /* LIMIT_STRANGERS at most: a list will do */
	bool crowded; /* not accepting until there is room */
	uint64_t wait; /* the timer of the next eviction */
};

static struct stranger *
stranger_find(struct state *s, struct pid pid)
{
	struct stranger *g;

	TAILQ_FOREACH(g, &s->strangers, entry)
		if (g->pid.id == pid.id)
			return g;
	return NULL;
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

	if (full == s->crowded)
		return;
	s->crowded = full;
	accept_on(s, !full);
	if (full)
		wait_for_room(s);
	else
		proc_cancel(s->self, s->wait);
}

/* -- who comes -- */

/* What a session is started with, under the supervisor of sessions. */
struct arrival {
	struct state *listener;
	struct stream *stream;
	const struct stream_peer *from;
};

/* As things are now: the cookie may have been read again. */
static const struct session_config *
session_config(struct state *s)
{
	struct listener_config *c = s->config;

	c->session = (struct session_config){
		.cookie = cookie_bytes(c->cookie),
		.host = proc_pid(s->self),
		.refusals = &c->refusals,
		.sizes = c->sizes,
		.rate = c->rate,
	};
	return &c->session;
}

static enum err
start_session(struct proc *parent, void *arg, struct pid *out)
{
	const struct arrival *a = arg;

	return session_start_link(parent, a->stream, a->from,
	    session_config(a->listener), out);
}

/* Nobody's child while the supervisor of sessions is being restarted. */
static struct pid
admit(struct state *s, struct stream *stream, const struct stream_peer *from)
{
	struct node *n = proc_node(s->self);
	struct arrival a = { .listener = s, .stream = stream, .from = from };
	struct sup_child child = { .id = "session",
		.start = start_session,
		.arg = &a, /* a temporary child is started once, now */
		.restart = SUP_TEMPORARY };
	struct proc *sessions =
	    node_find(n, node_whereis(n, slice_of(SESSIONS_NAME)));
	struct pid pid = { 0 };

	if (sessions == NULL || sup_is_stopping(sessions))
		stream_close(stream);
	else
		/* A session that cannot start has closed its stream. */
		(void)sup_start_child(sessions, &child, &pid);
	return pid;
}

static void
on_accepted(void *owner, struct stream *stream, const struct stream_peer *from)
{
	struct state *s = owner;
	struct pid pid = admit(s, stream, from);
	struct stranger *g;

	if (pid.id == 0)
		return;
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		abort();
	g->pid = pid;
	g->monitor = proc_monitor(s->self, pid);
	memcpy(g->address, from->text, sizeof(g->address));
	TAILQ_INSERT_TAIL(&s->strangers, g, entry);
	s->stranger_count++;
	check_room(s);
}

static const struct listener_events listener_events = {
	.accepted = on_accepted,
};

/* -- who is one of us, and who leaves -- */

static void
forget(struct state *s, struct stranger *g)
{
	TAILQ_REMOVE(&s->strangers, g, entry);
	s->stranger_count--;
	free(g);
	check_room(s);
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);
	struct term_reader r;
	struct stranger *g;
	struct pid pid;
	uint32_t n;

	term_reader_init(&r, m->body);
	if (!slice_is(m->op, "admitted") || term_read_array(&r, &n) != E_OK ||
	    term_read_uint(&r, &pid.id) != E_OK)
		return gs_error(E_UNDEF, NULL);
	g = stranger_find(s, pid);
	if (g != NULL) {
		proc_demonitor(self, g->monitor);
		forget(s, g);
	}
	return gs_noreply();
}

/* The oldest stranger of the address that has most of them. */
static struct stranger *
pick(struct state *s)
{
	struct stranger *g, *other, *worst = NULL;
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
	struct stranger *g = pick(s);
	struct proc *p = node_find(proc_node(s->self), g->pid);

	if (p != NULL)
		proc_exit(p, reason_of("noconnection"));
	wait_for_room(s);
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);
	struct stranger *g;

	if (m->kind == MESSAGE_DOWN) {
		g = stranger_find(s, m->from.pid);
		if (g != NULL)
			forget(s, g);
	} else if (s->crowded && slice_is(m->op, "crowded")) {
		make_room(s);
	}
	return gs_noreply();
}

/* -- life -- */

void
listener_config_init(struct listener_config *c, const struct cookie *cookie)
{
	*c = (struct listener_config){ .cookie = cookie,
		.rate = { LIMIT_CHAT_PER_S, LIMIT_CHAT_BURST } };
	log_limit_init(&c->refusals, REFUSAL_LINES);
}

static enum err
listen_on(struct state *s, const struct address *at, const char **why)
{
	struct world *w = node_world(proc_node(s->self));
	enum err e = world_listen(w, at, &listener_events, s,
	    &s->sockets[s->count], why);

	if (e == E_OK)
		s->count++;
	return e;
}

static void
close_sockets(struct state *s)
{
	struct world *w = node_world(proc_node(s->self));

	while (s->count > 0)
		listener_close(w, s->sockets[--s->count]);
}

/* One that is started again listens where the last one did. */
static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);
	const char *why;

	s->self = self;
	s->config = arg;
	TAILQ_INIT(&s->strangers);
	for (unsigned i = 0; i < s->config->count; i++)
		if (listen_on(s, &s->config->heard[i], &why) != E_OK) {
			log_line(node_log(proc_node(self)), LOG_ERROR,
			    LISTENER_NAME, _("cannot listen on %s: %s"),
			    s->config->heard[i].host, gettext(why));
			close_sockets(s);
			return gs_stop("unreachable");
		}
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct state *s = gs_state(self);
	struct stranger *g;

	(void)why;
	close_sockets(s);
	while ((g = TAILQ_FIRST(&s->strangers)) != NULL) {
		TAILQ_REMOVE(&s->strangers, g, entry);
		free(g);
	}
}

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct state *s = gs_state(self);
	char text[ADDRESS_TEXT_BYTES];

	(void)texts;
	term_write_map(out, 3);
	term_write_cstr(out, "direcciones");
	term_write_array(out, s->config->count);
	for (unsigned i = 0; i < s->config->count; i++)
		term_write_cstr(out,
		    address_format(&s->config->heard[i], text));
	term_write_cstr(out, "desconocidos");
	term_write_uint(out, s->stranger_count);
	term_write_cstr(out, "lleno");
	term_write_bool(out, s->crowded);
}

static const struct gen_server module = {
	.module = LISTENER_NAME,
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_cast = handle_cast,
	.handle_info = handle_info,
	.format_status = format_status,
	.terminate = terminate,
};

enum err
listener_start_link(struct node *n, struct proc *parent,
    struct listener_config *config, struct pid *out)
{
	return gs_start_under(n, parent, &module, LISTENER_NAME, config, out);
}

enum err
listener_add(struct proc *listener, const struct address *at, const char **why)
{
	struct state *s = gs_state(listener);
	struct world *w = node_world(proc_node(listener));
	struct address *heard = &s->config->heard[s->config->count];
	enum err e;

	if (s->config->count == LISTENER_ADDRESSES) {
		*why = N_("too many addresses to listen on");
		return E_DENIED;
	}
	e = listen_on(s, at, why);
	if (e != E_OK)
		return e;
	*heard = *at;
	heard->port = listener_port(w, s->sockets[s->count - 1]);
	s->config->count++;
	return E_OK;
}
