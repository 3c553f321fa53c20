/*
 * The happy path is: connect, up, until the program ends. Failure modes
 * are: no way there, a refused cookie (no use to try again soon, but the
 * file may change), a link that breaks: the next try waits twice as long.
 */
#include "client/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/lang.h"
#include "common/peer.h"

enum {
	RETRY_FIRST_MS = 250,
	RETRY_LAST_MS = 8000,
};

struct state {
	struct proc *self;
	struct conn_config config;
	struct pid peer; /* id 0: none */
	bool up;
	bool closing;
	enum err e; /* of the last try */
	const char *why;
	uint64_t retry_ms;
	uint64_t retry; /* the timer of the next try; 0: none was set */
	char node[LIMIT_NODE_NAME + 1];
};

static struct state *
state_of(struct node *n, struct pid conn)
{
	struct proc *p = node_find(n, conn);

	assert(p != NULL);
	return gs_state(p);
}

static void
tell(struct state *s)
{
	if (s->config.changed != NULL)
		s->config.changed(s->config.arg);
}

/* -- the peer's policy -- */

/* What the server may say to a process here, while there is one. */
static const struct {
	const char *process; /* on the wire */
	const char *operation; /* NULL: every one */
	const char *name; /* who hears it */
} open_operations[] = {
	{ "sys", "mensaje", "sys" },
	{ "chat", NULL, "chat_client" },
};

/* The name of who hears it; NULL: nobody. */
static const char *
hearer(const struct peer_request *what)
{
	size_t n = sizeof(open_operations) / sizeof(open_operations[0]);

	for (size_t i = 0; i < n; i++) {
		const char *operation = open_operations[i].operation;

		if (slice_is(what->process, open_operations[i].process) &&
		    (operation == NULL || slice_is(what->operation, operation)))
			return open_operations[i].name;
	}
	return NULL;
}

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	const char *name = hearer(what);

	(void)arg;
	(void)text;
	if (name == NULL)
		return E_NOPROC;
	to->target = node_whereis(proc_node(peer), slice_of(name));
	return to->target.id != 0 ? E_OK : E_NOPROC;
}

static void
up(struct proc *peer, void *arg)
{
	struct state *s = arg;

	s->up = true;
	s->retry_ms = RETRY_FIRST_MS;
	snprintf(s->node, sizeof(s->node), "%s", link_node(peer_link(peer)));
	tell(s);
}

static void
down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct state *s = arg;
	bool again = e == E_DENIED && s->config.refused != NULL &&
	    s->config.refused(s->config.arg);

	(void)peer;
	if (again)
		s->retry_ms = RETRY_FIRST_MS;
	s->e = e;
	s->why = why;
	s->peer.id = 0;
	s->up = false;
	if (s->config.again && !s->closing) {
		s->retry =
		    proc_send_after(s->self, s->retry_ms, slice_of("retry"));
		s->retry_ms = 2 * s->retry_ms < RETRY_LAST_MS ?
		    2 * s->retry_ms :
		    RETRY_LAST_MS;
	}
	if (!again)
		tell(s);
}

static const struct peer_policy policy = {
	.route = route,
	.up = up,
	.down = down,
};

/* -- the process -- */

static enum err
open_link(struct state *s)
{
	struct node *n = proc_node(s->self);
	struct link_config link = { .role = HANDSHAKE_CLIENT,
		.cookie = cookie_bytes(s->config.cookie),
		.user = slice_of(s->config.user),
		.connecting = true };
	struct stream *stream;
	enum err e =
	    world_connect(node_world(n), s->config.server, &stream, &s->why);

	if (e != E_OK)
		return e;
	s->why = N_("the user is no name");
	return peer_start(n, stream, &link, &policy, s, &s->peer);
}

static void
try_to_connect(struct state *s)
{
	enum err e = open_link(s);

	if (e != E_OK)
		down(NULL, s, e, s->why);
}

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);

	s->self = self;
	s->config = *(const struct conn_config *)arg;
	s->retry_ms = RETRY_FIRST_MS;
	try_to_connect(s);
	return gs_noreply();
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct state *s = gs_state(self);

	(void)m; /* "retry", the only one there is */
	if (s->peer.id == 0 && !s->closing)
		try_to_connect(s);
	return gs_noreply();
}

static void
abort_link(struct state *s)
{
	struct proc *peer = node_find(proc_node(s->self), s->peer);

	s->closing = true;
	if (peer != NULL && peer_link(peer) != NULL)
		link_abort(peer_link(peer), E_NOCONNECTION, N_("closed"));
}

/* Its peer borrows this state: it goes first. */
static void
terminate(struct proc *self, const struct reason *why)
{
	(void)why;
	abort_link(gs_state(self));
}

static const struct gen_server module = {
	.module = "conn",
	.state_bytes = sizeof(struct state),
	.init = init,
	.handle_info = handle_info,
	.terminate = terminate,
};

struct pid
conn_start(struct node *n, const struct conn_config *config)
{
	struct conn_config copy = *config;
	struct pid pid;

	if (gs_start(n, &module, "conn", &copy, &pid) != E_OK)
		abort(); /* a node has one, and its init does not refuse */
	return pid;
}

static bool
is_decided(void *arg)
{
	const struct state *s = arg;

	return s->up || s->peer.id == 0;
}

enum err
conn_wait(struct node *n, struct pid conn, uint64_t ms, const char **why)
{
	struct state *s = state_of(n, conn);

	/* Its state says what became of it, in time or not. */
	(void)node_run_until(n, is_decided, s, ms);
	if (s->up)
		return E_OK;
	*why = s->peer.id == 0 ? s->why : N_("no answer");
	return s->peer.id == 0 ? s->e : E_UNREACHABLE;
}

struct pid
conn_peer(struct node *n, struct pid conn)
{
	return state_of(n, conn)->peer;
}

bool
conn_is_up(struct node *n, struct pid conn)
{
	return state_of(n, conn)->up;
}

enum err
conn_failure(struct node *n, struct pid conn, const char **why)
{
	struct state *s = state_of(n, conn);

	if (s->up)
		return E_OK;
	*why = s->why;
	return s->e;
}

static bool
is_up(void *arg)
{
	const struct state *s = arg;

	return s->up;
}

void
conn_wait_up(struct node *n, struct pid conn, uint64_t ms)
{
	struct state *s = state_of(n, conn);

	/* The next try may be further away than somebody wants to wait. */
	if (s->peer.id == 0 && s->retry != 0 &&
	    proc_cancel(s->self, s->retry)) {
		s->retry_ms = RETRY_FIRST_MS;
		try_to_connect(s);
	}
	/* Who waits looks whether it is up. */
	(void)node_run_until(n, is_up, s, ms);
}

const char *
conn_node(struct node *n, struct pid conn)
{
	return state_of(n, conn)->node;
}

static bool
is_down(void *arg)
{
	const struct state *s = arg;

	return !s->up;
}

/* Runs the world until the link is down; at once, if ms are not enough. */
static void
hang_up(struct node *n, struct state *s, uint64_t ms)
{
	s->closing = true;
	if (s->up)
		gs_stop_pid(n, s->peer, "normal");
	(void)node_run_until(n, is_down, s, ms);
	abort_link(s);
}

enum err
conn_renew(struct node *n, struct pid conn, const char *user, uint64_t ms,
    const char **why)
{
	struct state *s = state_of(n, conn);

	hang_up(n, s, ms);
	s->closing = false;
	s->config.user = user;
	try_to_connect(s);
	return conn_wait(n, conn, ms, why);
}

void
conn_close(struct node *n, struct pid conn, uint64_t ms)
{
	hang_up(n, state_of(n, conn), ms);
	proc_exit(node_find(n, conn), reason_of("normal"));
}
