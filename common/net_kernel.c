#include "common/net_kernel.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/gen_server.h"
#include "common/lang.h"
#include "common/peer.h"
#include "common/runtime.h"

struct kernel {
	struct proc *self;
	struct listener *listener;
	size_t cookie_len;
	uint8_t cookie[LIMIT_COOKIE];
};

/* -- every registered process is open to who knows the cookie -- */

static struct pid
whereis(struct proc *peer, void *arg, struct slice name)
{
	(void)arg;
	return node_whereis(proc_node(peer), name);
}

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	(void)text;
	to->target = whereis(peer, arg, what->process);
	return to->target.id != 0 ? E_OK : E_NOPROC;
}

static const struct peer_policy policy = {
	.route = route,
	.whereis = whereis,
};

/* -- who comes -- */

static void
on_accepted(void *owner, struct stream *s, const struct stream_peer *from)
{
	const struct kernel *k = owner;
	struct link_config config = { .role = HANDSHAKE_SERVER,
		.cookie = slice_bytes(k->cookie, k->cookie_len) };
	struct pid peer;

	(void)from;
	/* The node's own name is all that could be wrong, and it is ours. */
	if (peer_start(proc_node(k->self), s, &config, &policy, NULL, &peer) !=
	    E_OK)
		log_line(node_log(proc_node(k->self)), LOG_ERROR, "net_kernel",
		    _("this node's name is no name"));
}

static const struct listener_events events = { .accepted = on_accepted };

static struct gs_next
init(struct proc *self, void *arg)
{
	const struct slice *cookie = arg;
	struct kernel *k = gs_state(self);

	k->self = self;
	memcpy(k->cookie, cookie->bytes, cookie->len);
	k->cookie_len = cookie->len;
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct kernel *k = gs_state(self);

	(void)why;
	if (k->listener != NULL)
		listener_close(node_world(proc_node(self)), k->listener);
	sodium_memzero(k->cookie, sizeof(k->cookie));
}

static const struct gen_server module = {
	.module = "net_kernel",
	.state_bytes = sizeof(struct kernel),
	.init = init,
	.terminate = terminate,
};

/* Nobody is let in by an empty one. */
static bool
is_cookie(struct slice cookie, const char **why)
{
	if (cookie.len > 0 && cookie.len <= LIMIT_COOKIE)
		return true;
	*why = N_("a cookie has 1 to 255 bytes");
	return false;
}

enum err
net_listen(struct node *n, const struct address *at, struct slice cookie,
    uint16_t *port, const char **why)
{
	struct kernel *k;
	struct pid pid;
	enum err e;

	if (!is_cookie(cookie, why))
		return E_BADARG;
	e = gs_start(n, &module, "net_kernel", &cookie, &pid);
	*why = N_("this node listens already");
	if (e != E_OK)
		return e;
	k = gs_state(node_find(n, pid));
	e = world_listen(n->world, at, &events, k, &k->listener, why);
	if (e != E_OK) {
		proc_end(k->self, reason_of("normal"));
		return e;
	}
	*port = listener_port(n->world, k->listener);
	return E_OK;
}

/* -- going there -- */

enum err
net_connect(struct node *n, const struct address *to, struct slice cookie,
    struct pid *peer, const char **why)
{
	struct link_config config = { .role = HANDSHAKE_CLIENT,
		.cookie = cookie,
		.connecting = true };
	struct stream *s;
	enum err e;

	if (!is_cookie(cookie, why))
		return E_BADARG;
	e = world_connect(n->world, to, &s, why);
	if (e != E_OK)
		return e;
	*why = N_("this node's name is no name");
	return peer_start(n, s, &config, &policy, NULL, peer);
}

static bool
is_up(const struct node *n, struct pid peer)
{
	struct proc *p = node_find(n, peer);

	return p != NULL && peer_link(p) != NULL && link_is_up(peer_link(p));
}

struct connecting {
	const struct node *node;
	struct pid peer;
};

static bool
is_decided(void *arg)
{
	const struct connecting *c = arg;

	return is_up(c->node, c->peer) || node_find(c->node, c->peer) == NULL;
}

enum err
net_wait(struct node *n, struct pid peer, uint64_t ms)
{
	struct connecting c = { .node = n, .peer = peer };

	/* Whatever it ran into: what counts is whether there is a link. */
	(void)node_run_until(n, is_decided, &c, ms);
	return is_up(n, peer) ? E_OK : E_NOCONNECTION;
}

struct pid
net_peer(const struct node *n, struct slice name)
{
	for (uint32_t i = 0; i < n->procs.used; i++) {
		struct proc *p = slots_at(&n->procs, i, NULL);

		if (p != NULL && peer_is(p) && is_up(n, p->pid) &&
		    slice_is(name, link_node(peer_link(p))))
			return p->pid;
	}
	return (struct pid){ 0 };
}

uint64_t
net_monitor(struct proc *p, struct pid peer, const char *name)
{
	return peer_monitor(p, peer, slice_of(name));
}

void
net_demonitor(struct proc *p, struct pid peer, uint64_t ref)
{
	peer_demonitor(p, peer, ref);
}
