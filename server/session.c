#include "server/session.h"

#include <stdlib.h>

#include "common/lang.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "server/chat_room.h"
#include "server/export.h"

struct session {
	struct stream_peer from;
	struct pid host;
	struct log_limit *refusals;
	const struct session_sizes *sizes;
	unsigned rights; /* of enum right */
	/* The process that was asked last; a name stays with its pid. */
	const uint8_t *process;
	struct pid target;
	struct chat_rate rate;
	uint64_t lines; /* thousandths that it may say now ... */
	uint64_t lines_ms; /* ... or could at this time */
};

/* The process of an entry. */
static struct pid
target_of(struct session *s, const struct node *n, const struct export *x)
{
	if (s->process == x->process.bytes && node_find(n, s->target) != NULL)
		return s->target;
	s->process = x->process.bytes;
	s->target = node_whereis(n, x->process);
	return s->target;
}

/* A room is asked itself; `chat` knows why there is none. */
static struct pid
room_of(struct session *s, const struct node *n, const struct export *x,
    struct slice params)
{
	struct pid room = { 0 };
	struct term_reader r;
	struct slice name;
	uint32_t count;

	term_reader_init(&r, params);
	if (term_read_array(&r, &count) == E_OK &&
	    term_read_str(&r, &name) == E_OK)
		room = chat_room_whereis(n, name);
	return room.id != 0 ? room : target_of(s, n, x);
}

/* One more line: as many come back each ms as the rate says a second. */
static bool
may_speak(struct session *s, uint64_t now_ms)
{
	uint64_t most = (uint64_t)s->rate.burst * 1000;

	if (s->rate.per_s == 0)
		return true;
	s->lines += (now_ms - s->lines_ms) * s->rate.per_s;
	s->lines_ms = now_ms;
	if (s->lines > most)
		s->lines = most;
	if (s->lines < 1000)
		return false;
	s->lines -= 1000;
	return true;
}

/* Room for a listing: what the user's whole one takes, or a frame. */
static size_t
listing_bytes(const struct session *s, struct slice params)
{
	struct term_reader r;
	struct slice usuario;
	uint32_t n;
	size_t bytes;

	term_reader_init(&r, params);
	if (s->sizes == NULL || term_read_array(&r, &n) != E_OK ||
	    term_read_str(&r, &usuario) != E_OK)
		return LIMIT_FRAME;
	bytes = s->sizes->listing(s->sizes->arg, usuario);
	return bytes < LIMIT_FRAME ? bytes : LIMIT_FRAME;
}

static size_t
answer_bytes(const struct session *s, const struct export *x,
    struct slice params)
{
	if (x->answer == ANSWER_LISTING)
		return listing_bytes(s, params);
	return x->answer == ANSWER_FRAME ? LIMIT_FRAME : 0;
}

static enum err
route(struct proc *peer, void *arg, const struct peer_request *what,
    struct peer_route *to, const char **text)
{
	struct session *s = arg;
	const struct node *n = proc_node(peer);
	const struct export *found;
	enum err e = export_find(what->process, what->operation, what->params,
	    &found, text);

	if (e != E_OK)
		return e;
	if (!(s->rights & found->right))
		return E_DENIED;
	if (found->to == TO_ROOM_LINE && !may_speak(s, node_now_ms(n))) {
		*text = N_("too many messages at once: wait a moment");
		return E_OVERLOAD;
	}
	to->target = found->to == TO_PROCESS ?
	    target_of(s, n, found) :
	    room_of(s, n, found, what->params);
	to->answer_bytes = answer_bytes(s, found, what->params);
	to->no_options = !export_has_options(found, what->params);
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
		.sizes = config->sizes,
		.rate = config->rate,
		.lines = (uint64_t)config->rate.burst * 1000,
		.lines_ms = node_now_ms(proc_node(parent)),
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
