#include "server/session.h"

#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "server/chat_room.h"
#include "server/export.h"

struct session {
	const struct session_config *config;
	/* The process that was asked last; a name stays with its pid. */
	const uint8_t *process;
	struct pid target;
	/* What it said is paid for then, in ms times the rate's lines a s. */
	uint64_t paid;
	unsigned rights; /* of enum right */
	char address[]; /* for the log */
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

/* One more line: a line costs 1000, and each ms pays what the rate says. */
static bool
may_speak(struct session *s, uint64_t now_ms)
{
	const struct chat_rate *rate = &s->config->rate;
	uint64_t now = now_ms * rate->per_s;
	uint64_t most = (uint64_t)rate->burst * 1000;

	if (rate->per_s == 0)
		return true;
	if (s->paid < now)
		s->paid = now;
	if (s->paid + 1000 > now + most)
		return false;
	s->paid += 1000;
	return true;
}

/* Room for a listing: what the user's whole one takes, or a frame. */
static size_t
listing_bytes(const struct session *s, struct slice params)
{
	const struct session_sizes *sizes = s->config->sizes;
	struct term_reader r;
	struct slice usuario;
	uint32_t n;
	size_t bytes;

	term_reader_init(&r, params);
	if (sizes == NULL || term_read_array(&r, &n) != E_OK ||
	    term_read_str(&r, &usuario) != E_OK)
		return LIMIT_FRAME;
	bytes = sizes->listing(sizes->arg, usuario);
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

	log_line(node_log(n), LOG_DEBUG, "session", "%s is %s (%s)", s->address,
	    link_node(peer_link(peer)), link_user(peer_link(peer)));
	buf_init(&params);
	term_write_array(&params, 1);
	term_write_uint(&params, proc_pid(peer).id);
	proc_cast(n, s->config->host, slice_of("admitted"), buf_bytes(&params));
	buf_release(&params);
}

/* A refused cookie is news (OTP logs it too), but not at the guesser's pace. */
static void
down(struct proc *peer, void *arg, enum err e, const char *why)
{
	struct session *s = arg;

	struct log *log = node_log(proc_node(peer));

	if (e == E_DENIED)
		log_limited(log, s->config->refusals, LOG_WARN, "session",
		    _("connection refused, %s: %s"), s->address, gettext(why));
	else
		log_line(log, LOG_DEBUG, "session", "%s left: %s", s->address,
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
	size_t address_bytes = strlen(from->text) + 1;
	struct session *s = malloc(sizeof(*s) + address_bytes);
	enum err e;

	if (s == NULL)
		abort();
	/* As in OTP: the cookie opens everything. */
	*s = (struct session){ .config = config,
		.rights = RIGHT_USE | RIGHT_ADMIN };
	memcpy(s->address, from->text, address_bytes);
	e = peer_start(proc_node(parent), stream, &link, &policy, s, out);
	if (e != E_OK) {
		free(s);
		return e;
	}
	proc_link(node_find(proc_node(parent), *out), proc_pid(parent));
	return E_OK;
}
