#include "server/session.h"

#include <stdlib.h>

#include "common/lang.h"
#include "proto/term.h"
#include "server/export.h"

struct session {
	struct stream_peer from;
	struct pid host;
	struct log_limit *refusals;
	unsigned rights; /* of enum right */
};

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	const struct session *s = arg;
	const struct export *found;
	enum err e = export_find(what->process, what->operation, what->params,
	    &found, text);

	if (e != E_OK)
		return e;
	if (!(s->rights & found->right))
		return E_DENIED;
	to->target = node_whereis(proc_node(peer), what->process);
	to->answer_bytes = found->answer_bytes;
	return to->target.id != 0 ? E_OK : E_NOPROC;
}

/* What may be called may be monitored. */
static struct pid
whereis(struct proc *peer, void *arg, struct slice name)
{
	struct pid nobody = { 0 };

	(void)arg;
	return export_has(name) ? node_whereis(proc_node(peer), name) : nobody;
}

static void
up(struct proc *peer, void *arg)
{
	struct session *s = arg;
	struct node *n = proc_node(peer);
	struct buf params;

	log_line(node_log(n), LOG_DEBUG, "session", "%s is %s (%s)",
	    s->from.text, link_node(peer_link(peer)),
	    link_user(peer_link(peer)));
	buf_init(&params);
	term_write_array(&params, 1);
	term_write_uint(&params, proc_pid(peer).id);
	proc_cast(n, s->host, slice_of("admitted"), buf_bytes(&params));
	buf_release(&params);
}

/* A refused cookie is news (OTP logs it too), but not at the guesser's pace. */
static void
down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct session *s = arg;

	struct log *log = node_log(proc_node(peer));

	if (e == E_DENIED)
		log_limited(log, s->refusals, LOG_WARN, "session",
		    _("connection refused, %s: %s"), s->from.text,
		    gettext(why));
	else
		log_line(log, LOG_DEBUG, "session", "%s left: %s", s->from.text,
		    why);
	free(s);
}

static const struct peer_policy policy = {
	.route = route,
	.whereis = whereis,
	.up = up,
	.down = down,
};

enum err
session_start_link(struct proc *parent, struct stream *stream,
    const struct stream_peer *from, const struct session_config *config,
    struct pid *out)
{
	struct link_config link = { .role = HANDSHAKE_SERVER,
		.cookie = config->cookie };
	struct session *s = malloc(sizeof(*s));
	enum err e;

	if (s == NULL)
		abort();
	*s = (struct session){ .from = *from,
		.host = config->host,
		.refusals = config->refusals,
		/* As in OTP: the cookie opens everything. */
		.rights = RIGHT_USE | RIGHT_ADMIN };
	e = peer_start(proc_node(parent), stream, &link, &policy, s, out);
	if (e != E_OK) {
		free(s);
		return e;
	}
	proc_link(node_find(proc_node(parent), *out), proc_pid(parent));
	return E_OK;
}
