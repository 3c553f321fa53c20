#include "common/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/runtime.h"
#include "common/sm.h"
#include "proto/limits.h"
#include "proto/term.h"

enum link_state {
	LINK_CONNECTING,
	LINK_HANDSHAKE,
	LINK_UP,
	LINK_DRAINING, /* open calls are answered, no message is taken */
	LINK_DENIED, /* its answer is sent; the close is held back */
	LINK_CLOSING, /* sending the rest, then waiting for the other end */
	LINK_DOWN,
};

/* How long an orderly end may take. */
enum { LINK_CLOSING_MS = 1000 };

/*
 * So much does not wait for the turn's end: it is in the processor's cache
 * now, and its buffer is the next one's.
 */
enum { WRITE_AT_ONCE = 32 * 1024 };

static const struct sm_state states[] = {
	[LINK_CONNECTING] = { "connecting",
	    SM_TO(LINK_HANDSHAKE) | SM_TO(LINK_DOWN), LIMIT_HANDSHAKE_MS },
	[LINK_HANDSHAKE] = { "handshake",
	    SM_TO(LINK_UP) | SM_TO(LINK_DENIED) | SM_TO(LINK_DOWN),
	    LIMIT_HANDSHAKE_MS },
	[LINK_UP] = { "up",
	    SM_TO(LINK_DRAINING) | SM_TO(LINK_CLOSING) | SM_TO(LINK_DOWN), 0 },
	[LINK_DRAINING] = { "draining", SM_TO(LINK_CLOSING) | SM_TO(LINK_DOWN),
	    LIMIT_CALL_MS },
	[LINK_DENIED] = { "denied", SM_TO(LINK_DOWN), LIMIT_DENIED_MS },
	[LINK_CLOSING] = { "closing", SM_TO(LINK_DOWN), LINK_CLOSING_MS },
	[LINK_DOWN] = { "down", 0, 0 },
};

/* The msgid of our own pings; callers' msgids are smaller. */
#define PING_MSGID UINT32_MAX

/* What is under way on a link, and whom it waits for. */
struct traffic {
	SLIST_ENTRY(traffic) spare;
	struct link *link;
	struct sm sm;
	struct timer tick; /* the state's end; while up, of a slow reader */
	struct handshake *handshake; /* until it is done */
	struct term_check check; /* of the frame that is arriving */
	struct buf in; /* bytes not parsed yet */
	struct buf out; /* bytes not sent yet */
	size_t accounted; /* of out, in the node's sum */
	size_t reserved; /* bytes of answers to come */
	struct credit credit;
	struct hook flush;
	struct hook resume;
	struct hook reap;
	uint64_t sent_ms; /* when the last byte left, or had to wait */
	enum err why;
	const char *why_text;
	bool held; /* by the owner */
	bool stalled; /* parsing waits for room */
	bool waiting; /* for the stream's writable event */
	bool was_full;
};

/* Most links are up and quiet: this is all they are then. */
struct link {
	TAILQ_ENTRY(link) entry; /* while it listens */
	struct node *node;
	struct stream *stream; /* NULL once closed */
	const struct link_events *events;
	void *owner;
	struct traffic *traffic; /* NULL: it is up, and nothing is under way */
	char *names; /* of the far node, then of the user; once up */
	uint64_t heard_ms; /* when the last byte came */
	bool may_ping; /* the other side answers node.ping */
	bool listens; /* is in one of the node's two lists */
	bool pinged; /* since it was last heard */
	bool reading; /* the stream may bring bytes */
	bool far_finished; /* the other side will send no more */
	bool freed; /* the owner has let go */
};

/* -- traffic: taken when something begins, given back when all is done -- */

static void tick(void *arg);
static void flush_hook(struct hook *h);
static void resume_hook(struct hook *h);
static void reap_hook(struct hook *h);
static void credit_returned(struct credit *c);

static void
start_frame(struct traffic *t)
{
	term_check_init(&t->check,
	    t->sm.state == LINK_UP ? LIMIT_FRAME : LIMIT_FRAME_BEFORE_AUTH);
}

static struct traffic *
traffic_new(void)
{
	struct traffic *t = malloc(sizeof(*t));

	if (t == NULL)
		abort();
	*t = (struct traffic){ .credit = { .returned = credit_returned } };
	sm_init(&t->sm, states, LINK_UP);
	start_frame(t);
	timer_init(&t->tick, tick, t);
	buf_init(&t->in);
	buf_init(&t->out);
	hook_init(&t->flush, flush_hook);
	hook_init(&t->resume, resume_hook);
	hook_init(&t->reap, reap_hook);
	return t;
}

static void
traffic_take(struct link *l)
{
	struct links *all = &l->node->links;
	struct traffic *t = SLIST_FIRST(&all->spare);

	if (t != NULL) {
		SLIST_REMOVE_HEAD(&all->spare, spare);
		all->spare_count--;
	} else {
		t = traffic_new();
	}
	t->link = l;
	l->traffic = t;
}

static struct traffic *
traffic_of(struct link *l)
{
	if (l->traffic == NULL)
		traffic_take(l);
	return l->traffic;
}

static enum link_state
state_of(const struct link *l)
{
	return l->traffic != NULL ? (enum link_state)l->traffic->sm.state :
				    LINK_UP;
}

/* Its owner, its target and the far side may still wait for more. */
static bool
is_quiet(const struct traffic *t)
{
	return t->credit.lent == 0 && t->sm.state == LINK_UP &&
	    buf_len(&t->out) == 0 && buf_len(&t->in) == 0 && t->reserved == 0 &&
	    !t->held && !t->stalled && t->flush.list == NULL &&
	    t->resume.list == NULL;
}

/* Said from the top only: whoever is below still has the traffic. */
static void
settle(struct link *l)
{
	struct links *all = &l->node->links;
	struct traffic *t = l->traffic;

	if (t == NULL || l->freed || !is_quiet(t))
		return;
	l->traffic = NULL;
	spares_buf_give(&l->node->spares, &t->in);
	spares_buf_give(&l->node->spares, &t->out);
	if (all->spare_count == SPARE_TRAFFIC) {
		free(t);
		return;
	}
	SLIST_INSERT_HEAD(&all->spare, t, spare);
	all->spare_count++;
}

/* -- listening: who is silent is pinged, who stays silent is gone -- */

/* Sorted by heard_ms, as every link enters at the end. */
static struct link_list *
list_of(struct link *l)
{
	struct links *all = &l->node->links;

	return l->pinged ? &all->pinged : &all->heard;
}

/* One timer for all: it may come early, but not late. */
static void
start_pulse(struct node *n)
{
	const struct link *heard = TAILQ_FIRST(&n->links.heard);
	const struct link *pinged = TAILQ_FIRST(&n->links.pinged);
	uint64_t now = node_now_ms(n), due = TIMER_NEVER;

	if (heard != NULL)
		due = heard->heard_ms + LIMIT_PING_MS;
	if (pinged != NULL && pinged->heard_ms + LIMIT_DOWN_MS < due)
		due = pinged->heard_ms + LIMIT_DOWN_MS;
	if (due == TIMER_NEVER)
		node_timer_stop(n, &n->links.pulse);
	else
		node_timer(n, &n->links.pulse, due > now ? due - now : 0);
}

static void
stop_listening(struct link *l)
{
	if (!l->listens)
		return;
	TAILQ_REMOVE(list_of(l), l, entry);
	l->listens = l->pinged = false;
	if (TAILQ_EMPTY(&l->node->links.heard) &&
	    TAILQ_EMPTY(&l->node->links.pinged))
		node_timer_stop(l->node, &l->node->links.pulse);
}

/* A sign of life, or the begin of the silence. */
static void
hear(struct link *l)
{
	struct links *all = &l->node->links;
	uint64_t now = node_now_ms(l->node);

	if (l->listens && !l->pinged && l->heard_ms == now)
		return;
	l->heard_ms = now;
	if (!l->may_ping || !l->reading || state_of(l) != LINK_UP)
		return;
	if (l->listens)
		TAILQ_REMOVE(list_of(l), l, entry);
	l->listens = true;
	l->pinged = false;
	TAILQ_INSERT_TAIL(&all->heard, l, entry);
	if (!timer_is_running(&all->pulse) ||
	    all->pulse.at_ms > now + LIMIT_PING_MS)
		start_pulse(l->node);
}

/* -- reading on and off -- */

/* Who is not read cannot be heard: the silence starts with the reading. */
static void
set_reading(struct link *l, bool on)
{
	if (l->reading == on || l->stream == NULL)
		return;
	l->reading = on;
	stream_want_read(l->stream, on);
	if (on)
		hear(l);
	else
		stop_listening(l);
}

static bool
has_room(const struct traffic *t)
{
	return !t->held && t->credit.lent < LIMIT_FLIGHT &&
	    buf_len(&t->out) + t->reserved < LIMIT_UNSENT;
}

/* Hysteresis: a stalled link goes on at half of what stalled it. */
static bool
may_resume(const struct traffic *t)
{
	return !t->held && t->credit.lent <= LIMIT_FLIGHT / 2 &&
	    buf_len(&t->out) + t->reserved <= LIMIT_UNSENT / 2;
}

static void
consider_resume(struct traffic *t)
{
	if (t->stalled && t->sm.state == LINK_UP && may_resume(t))
		node_later(t->link->node, &t->resume);
}

/* Something is over: parsing may go on, or the link has come to rest. */
static void
consider(struct traffic *t)
{
	consider_resume(t);
	if (is_quiet(t))
		node_at_end(t->link->node, &t->flush);
}

/* -- the end -- */

static void
free_handshake(struct traffic *t)
{
	if (t->handshake == NULL)
		return;
	handshake_release(t->handshake);
	free(t->handshake);
	t->handshake = NULL;
}

static void
shut(struct link *l)
{
	struct traffic *t = traffic_of(l);

	stop_listening(l);
	node_timer_stop(l->node, &t->tick);
	hook_cancel(&t->flush);
	hook_cancel(&t->resume);
	if (l->stream != NULL)
		stream_close(l->stream);
	l->stream = NULL;
	node_unsent_add(l->node, -(ptrdiff_t)t->accounted);
	t->accounted = 0;
	buf_release(&t->out);
	free_handshake(t);
}

static void
go_down(struct link *l, enum err e, const char *why)
{
	struct traffic *t = traffic_of(l);

	if (t->sm.state == LINK_DOWN)
		return;
	sm_move(&t->sm, LINK_DOWN);
	shut(l);
	if (!l->freed)
		l->events->down(l->owner, e, why);
}

static void
enter(struct link *l, enum link_state state)
{
	struct traffic *t = traffic_of(l);
	uint32_t max_ms;

	sm_move(&t->sm, state);
	if (state != LINK_UP)
		stop_listening(l);
	max_ms = sm_max_ms(&t->sm);
	if (max_ms > 0)
		node_timer(l->node, &t->tick, max_ms);
	else
		node_timer_stop(l->node, &t->tick);
}

/* -- writing -- */

struct buf *
link_out(struct link *l)
{
	struct traffic *t = traffic_of(l);

	spares_buf_take(&l->node->spares, &t->out);
	return &t->out;
}

size_t
link_unsent(const struct link *l)
{
	return l->traffic != NULL ? buf_len(&l->traffic->out) : 0;
}

bool
link_is_full(const struct link *l)
{
	return link_unsent(l) >= LIMIT_UNSENT;
}

static void
account(struct traffic *t)
{
	size_t len = buf_len(&t->out);

	node_unsent_add(t->link->node,
	    (ptrdiff_t)len - (ptrdiff_t)t->accounted);
	t->accounted = len;
}

static void
written(struct traffic *t)
{
	account(t);
	if (buf_len(&t->out) >= LIMIT_UNSENT)
		t->was_full = true;
	node_at_end(t->link->node, &t->flush);
}

/* In an orderly end: we are done, and so may the other side be. */
static void
finish(struct link *l)
{
	if (l->far_finished)
		go_down(l, l->traffic->why, l->traffic->why_text);
	else
		stream_finish(l->stream);
}

static void
check_drained(struct link *l, struct traffic *t)
{
	if (!t->was_full || buf_len(&t->out) > LIMIT_UNSENT / 2)
		return;
	t->was_full = false;
	if (!l->freed)
		l->events->drained(l->owner);
}

/* Who does not read has a time for it, which every byte starts again. */
static void
wait_for_reader(struct link *l, struct traffic *t, bool on)
{
	t->waiting = on;
	stream_want_write(l->stream, on);
	if (t->sm.state != LINK_UP)
		return;
	if (on)
		node_timer(l->node, &t->tick, LIMIT_SLOW_MS);
	else
		node_timer_stop(l->node, &t->tick);
}

/* Writes what the stream takes; the rest waits for its writable event. */
static void
flush(struct link *l)
{
	struct traffic *t = traffic_of(l);
	size_t n = stream_write(l->stream, buf_bytes(&t->out));

	if (n > 0 || !t->waiting)
		t->sent_ms = node_now_ms(l->node);
	buf_consume(&t->out, n);
	account(t);
	if (t->waiting != (buf_len(&t->out) > 0))
		wait_for_reader(l, t, !t->waiting);
	if (!t->waiting)
		spares_buf_give(&l->node->spares, &t->out);
	check_drained(l, t);
	consider_resume(t);
	if (!t->waiting && t->sm.state == LINK_CLOSING)
		finish(l);
}

void
link_written(struct link *l)
{
	struct traffic *t = traffic_of(l);

	if (t->sm.state != LINK_UP && t->sm.state != LINK_DRAINING) {
		buf_truncate(&t->out, t->accounted);
		return;
	}
	written(t);
	if (buf_len(&t->out) >= WRITE_AT_ONCE && !t->waiting)
		flush(l);
}

static void
flush_hook(struct hook *h)
{
	struct traffic *t = CONTAINER_OF(h, struct traffic, flush);

	if (!is_quiet(t))
		flush(t->link);
	settle(t->link);
}

void
link_drain(struct link *l)
{
	struct traffic *t = traffic_of(l);

	if (t->sm.state != LINK_UP)
		return;
	t->why = E_NOCONNECTION;
	t->why_text = N_("closed");
	enter(l, LINK_DRAINING);
	set_reading(l, false);
}

void
link_close(struct link *l, enum err e, const char *text)
{
	struct traffic *t = traffic_of(l);

	if (t->sm.state == LINK_CONNECTING || t->sm.state == LINK_HANDSHAKE)
		go_down(l, e != E_OK ? e : E_NOCONNECTION, text);
	if (t->sm.state != LINK_UP && t->sm.state != LINK_DRAINING)
		return;
	t->why = e != E_OK ? e : E_NOCONNECTION;
	t->why_text = text;
	if (e != E_OK)
		rpc_write_node_error(link_out(l), e, text);
	enter(l, LINK_CLOSING);
	/* Reading on and dropping it keeps a reset from eating our words. */
	set_reading(l, !l->far_finished);
	written(t);
}

void
link_abort(struct link *l, enum err e, const char *why)
{
	go_down(l, e, why);
}

/* -- time -- */

static void
ping(struct link *l)
{
	static const uint8_t no_params[] = { 0x90 };

	TAILQ_REMOVE(&l->node->links.heard, l, entry);
	l->pinged = true;
	TAILQ_INSERT_TAIL(&l->node->links.pinged, l, entry);
	rpc_write_request(link_out(l), PING_MSGID, slice_of("node.ping"),
	    slice_bytes(no_params, sizeof(no_params)));
	link_written(l);
}

static bool
is_due(const struct link *l, uint64_t now_ms, uint64_t silence_ms)
{
	return l != NULL && now_ms >= l->heard_ms + silence_ms;
}

static void
pulse(void *arg)
{
	struct node *n = arg;
	uint64_t now = node_now_ms(n);
	struct link *l;

	while (is_due(l = TAILQ_FIRST(&n->links.pinged), now, LIMIT_DOWN_MS))
		go_down(l, E_NOCONNECTION, N_("the other side fell silent"));
	while (is_due(l = TAILQ_FIRST(&n->links.heard), now, LIMIT_PING_MS))
		ping(l);
	start_pulse(n);
}

/* The far side has not read for a while; has it for long enough? */
static void
check_reader(struct link *l, struct traffic *t)
{
	uint64_t now = node_now_ms(l->node);
	uint64_t due = t->sent_ms + LIMIT_SLOW_MS;

	if (now >= due)
		go_down(l, E_SLOW, N_("the reader is too slow"));
	else
		node_timer(l->node, &t->tick, due - now);
}

static void
tick(void *arg)
{
	struct traffic *t = arg;
	struct link *l = t->link;

	switch ((enum link_state)t->sm.state) {
	case LINK_CONNECTING:
		go_down(l, E_UNREACHABLE, N_("no answer"));
		break;
	case LINK_HANDSHAKE:
		go_down(l, E_UNREACHABLE, N_("the handshake took too long"));
		break;
	case LINK_UP:
		check_reader(l, t);
		break;
	case LINK_DRAINING:
		link_close(l, E_OK, t->why_text);
		break;
	case LINK_DENIED:
	case LINK_CLOSING:
		go_down(l, t->why, t->why_text);
		break;
	case LINK_DOWN:
		break;
	}
}

void
links_init(struct node *n)
{
	TAILQ_INIT(&n->links.heard);
	TAILQ_INIT(&n->links.pinged);
	timer_init(&n->links.pulse, pulse, n);
	SLIST_INIT(&n->links.spare);
}

void
links_release(struct node *n)
{
	struct traffic *t;

	while ((t = SLIST_FIRST(&n->links.spare)) != NULL) {
		SLIST_REMOVE_HEAD(&n->links.spare, spare);
		free(t);
	}
}

/* -- handshake -- */

static const char *
failure_text(enum handshake_failure f)
{
	switch (f) {
	case HANDSHAKE_REFUSED:
		return N_("the server refused the cookie");
	case HANDSHAKE_WRONG_PROOF:
		return N_("the other side does not know the cookie");
	case HANDSHAKE_NO_VERSION:
		return N_("no version of the protocol in common");
	case HANDSHAKE_BAD_USER:
		return N_("the user is no name");
	case HANDSHAKE_BAD_HELLO:
		return N_("a hello without sense");
	case HANDSHAKE_UNEXPECTED:
	case HANDSHAKE_NO_FAILURE:
		break;
	}
	return N_("the other side does not speak our protocol");
}

static void
deny(struct link *l)
{
	struct traffic *t = l->traffic;
	enum handshake_failure f = t->handshake->failure;
	bool client = t->handshake->role == HANDSHAKE_CLIENT;

	t->why_text = failure_text(f);
	t->why = f == HANDSHAKE_UNEXPECTED && client ? E_MALFORMED : E_DENIED;
	if (client) {
		go_down(l, t->why, t->why_text);
		return;
	}
	enter(l, LINK_DENIED);
	written(t);
}

static char *
join(const char *node, const char *user)
{
	size_t node_bytes = strlen(node) + 1, user_bytes = strlen(user) + 1;
	char *names = malloc(node_bytes + user_bytes);

	if (names == NULL)
		abort();
	memcpy(names, node, node_bytes);
	memcpy(names + node_bytes, user, user_bytes);
	return names;
}

static void
greet(struct link *l)
{
	const struct handshake *h = l->traffic->handshake;

	l->names = join(h->node_peer.text, h->user.text);
	l->may_ping = h->role == HANDSHAKE_CLIENT || h->ping;
	free_handshake(l->traffic);
	enter(l, LINK_UP);
	hear(l);
	if (l->traffic->waiting)
		check_reader(l, l->traffic);
	l->events->up(l->owner);
}

static void
shake(struct link *l, const struct rpc *m, bool clean)
{
	struct traffic *t = l->traffic;
	enum handshake_state s =
	    handshake_feed(t->handshake, m, clean, link_out(l));

	if (s == HANDSHAKE_FAILED) {
		deny(l);
		return;
	}
	written(t);
	if (s == HANDSHAKE_DONE)
		greet(l);
}

/* -- messages -- */

static bool
is_for_node(const struct rpc *m)
{
	static const char node[] = "node.";
	const size_t len = sizeof(node) - 1;

	if (m->kind == RPC_RESPONSE || m->method.len < len ||
	    memcmp(m->method.bytes, node, len) != 0)
		return false;
	return (slice_is(m->method, "node.ping") ||
	    slice_is(m->method, "node.hello") ||
	    slice_is(m->method, "node.auth") ||
	    slice_is(m->method, "node.error"));
}

static void
answer_node(struct link *l, const struct rpc *m)
{
	static const uint8_t yes[] = { 0xc3 };

	if (m->kind != RPC_REQUEST)
		return;
	if (slice_is(m->method, "node.ping"))
		rpc_write_result(link_out(l), m->msgid,
		    slice_bytes(yes, sizeof(yes)));
	else if (slice_is(m->method, "node.hello") ||
	    slice_is(m->method, "node.auth"))
		rpc_write_error(link_out(l), m->msgid, E_BADARG,
		    N_("this link has said hello already"));
	else
		rpc_write_error(link_out(l), m->msgid, E_BADARG,
		    N_("node.error is no request"));
	link_written(l);
}

static void
refuse_unclean(struct link *l, const struct rpc *m)
{
	if (m->kind == RPC_REQUEST) {
		rpc_write_error(link_out(l), m->msgid, E_BADARG,
		    N_("invalid UTF-8, or a MessagePack extension"));
		link_written(l);
		return;
	}
	log_line(node_log(l->node), LOG_DEBUG, "link",
	    "%s: dropped an unclean message", link_node(l));
}

static void
take_message(struct link *l, const struct rpc *m, bool clean)
{
	if (state_of(l) == LINK_HANDSHAKE)
		shake(l, m, clean);
	else if (m->kind == RPC_RESPONSE && m->msgid == PING_MSGID)
		return;
	else if (m->kind != RPC_RESPONSE && !clean)
		refuse_unclean(l, m);
	else if (is_for_node(m))
		answer_node(l, m);
	else
		l->events->message(l->owner, m, clean);
}

/* Bytes that are no message: silence before authentication, a word after. */
static void
violation(struct link *l, enum err e, const char *text)
{
	if (state_of(l) == LINK_UP)
		link_close(l, e, text);
	else
		go_down(l, E_MALFORMED,
		    N_("the other side does not speak our protocol"));
}

/* One frame at the start of rest. Its bytes, or 0: it is not whole. */
static size_t
take_frame(struct link *l, struct slice rest)
{
	struct traffic *t = l->traffic;
	enum term_verdict v = term_check(&t->check, rest);
	size_t len = t->check.pos;
	struct rpc m;

	if (v == TERM_MORE)
		return 0;
	if (v != TERM_WHOLE) {
		violation(l, term_verdict_err(v), term_verdict_text(v));
		return rest.len;
	}
	if (rpc_decode_whole(slice_bytes(rest.bytes, len), &m) != E_OK) {
		violation(l, E_MALFORMED, err_text(E_MALFORMED));
		return rest.len;
	}
	take_message(l, &m, t->check.clean);
	start_frame(t);
	return len;
}

static bool
is_listening(const struct link *l)
{
	enum link_state s = state_of(l);

	return !l->freed && (s == LINK_HANDSHAKE || s == LINK_UP);
}

/* Returns how many bytes were used up. */
static size_t
parse(struct link *l, struct slice bytes)
{
	struct traffic *t = traffic_of(l);
	size_t used = 0, n;

	while (used < bytes.len && is_listening(l)) {
		if (t->sm.state == LINK_UP && !has_room(t)) {
			t->stalled = true;
			return used;
		}
		n = take_frame(l,
		    slice_bytes(bytes.bytes + used, bytes.len - used));
		if (n == 0)
			return used;
		used += n;
	}
	return is_listening(l) ? used : bytes.len;
}

static void
keep(struct link *l, struct slice bytes)
{
	struct buf *in = &l->traffic->in;

	if (bytes.len == 0)
		return;
	spares_buf_take(&l->node->spares, in);
	buf_add(in, bytes);
}

static void
parse_kept(struct link *l)
{
	struct buf *in = &l->traffic->in;

	buf_consume(in, parse(l, buf_bytes(in)));
	if (buf_len(in) == 0)
		spares_buf_give(&l->node->spares, in);
}

static void
resume_hook(struct hook *h)
{
	struct traffic *t = CONTAINER_OF(h, struct traffic, resume);
	struct link *l = t->link;

	if (t->sm.state != LINK_UP || !may_resume(t))
		return;
	t->stalled = false;
	parse_kept(l);
	if (!t->stalled)
		set_reading(l, true);
	settle(l);
}

static void
take_bytes(struct link *l, struct slice bytes)
{
	struct traffic *t = traffic_of(l);

	if (t->stalled) {
		keep(l, bytes);
	} else if (buf_len(&t->in) > 0) {
		keep(l, bytes);
		parse_kept(l);
	} else {
		size_t used = parse(l, bytes);

		keep(l, slice_bytes(bytes.bytes + used, bytes.len - used));
	}
	if (t->stalled && buf_len(&t->in) > 0)
		set_reading(l, false);
}

static void
on_bytes(void *owner, struct slice bytes)
{
	struct link *l = owner;

	hear(l);
	if (!is_listening(l))
		return;
	take_bytes(l, bytes);
	settle(l);
}

/* -- the stream's other events -- */

/* The server waits; the client's hello is in the buffer already. */
static void
start_handshake(struct link *l)
{
	set_reading(l, true);
	if (link_unsent(l) > 0)
		written(l->traffic);
}

static void
on_opened(void *owner)
{
	struct link *l = owner;

	enter(l, LINK_HANDSHAKE);
	start_handshake(l);
}

static void
on_writable(void *owner)
{
	flush(owner);
	settle(owner);
}

/* The end of the far side's half lets its open calls be answered. */
static void
far_end(struct link *l, const char *why)
{
	switch (state_of(l)) {
	case LINK_UP:
		l->events->finished(l->owner);
		break;
	case LINK_CLOSING:
		if (link_unsent(l) == 0)
			go_down(l, l->traffic->why, l->traffic->why_text);
		break; /* else after the last byte */
	case LINK_DRAINING:
	case LINK_DENIED:
	case LINK_DOWN:
		break;
	case LINK_CONNECTING:
	case LINK_HANDSHAKE:
		go_down(l, E_NOCONNECTION, why);
		break;
	}
}

/* A guesser that runs away keeps its place for as long as one that waits. */
static void
on_ended(void *owner, enum err e, const char *why)
{
	struct link *l = owner;

	l->far_finished = true;
	l->reading = false;
	stop_listening(l);
	if (e == E_OK)
		far_end(l, why);
	else if (state_of(l) == LINK_CLOSING)
		go_down(l, l->traffic->why, l->traffic->why_text);
	else if (state_of(l) == LINK_CONNECTING)
		go_down(l, E_UNREACHABLE, why);
	else if (state_of(l) != LINK_DENIED)
		go_down(l, E_NOCONNECTION, why);
}

static const struct stream_events stream_events = {
	.opened = on_opened,
	.bytes = on_bytes,
	.writable = on_writable,
	.ended = on_ended,
};

/* -- life -- */

static void
reap_hook(struct hook *h)
{
	struct traffic *t = CONTAINER_OF(h, struct traffic, reap);

	buf_release(&t->in);
	buf_release(&t->out);
	free(t->link->names);
	free(t->link);
	free(t);
}

static void
credit_returned(struct credit *c)
{
	struct traffic *t = CONTAINER_OF(c, struct traffic, credit);

	if (c->lent > 0 && !t->stalled)
		return; /* as mostly */
	if (t->link->freed && c->lent == 0)
		node_at_end(t->link->node, &t->reap);
	else
		consider(t);
}

/* The handshake, and for a client its hello, which waits for the stream. */
static enum err
prepare(struct link *l, const struct link_config *config)
{
	struct traffic *t = traffic_of(l);
	uint8_t nonce[HANDSHAKE_NONCE_BYTES];
	enum err e;

	sm_init(&t->sm, states,
	    config->connecting ? LINK_CONNECTING : LINK_HANDSHAKE);
	start_frame(t);
	t->handshake = malloc(sizeof(*t->handshake));
	if (t->handshake == NULL)
		abort();
	world_random(node_world(l->node), nonce, sizeof(nonce));
	e = handshake_init(t->handshake, config->role, config->cookie, nonce,
	    node_name(l->node));
	if (e == E_OK && config->role == HANDSHAKE_CLIENT)
		e = handshake_hello(t->handshake, config->user, true,
		    link_out(l));
	account(t);
	return e;
}

static void
begin(struct link *l, bool connecting)
{
	node_timer(l->node, &l->traffic->tick, LIMIT_HANDSHAKE_MS);
	if (!connecting)
		start_handshake(l);
}

enum err
link_new(struct node *n, struct stream *s, const struct link_config *config,
    const struct link_events *events, void *owner, struct link **out)
{
	struct link *l = malloc(sizeof(*l));
	enum err e;

	if (l == NULL)
		abort();
	*l = (struct link){ .node = n,
		.stream = s,
		.events = events,
		.owner = owner };
	stream_own(s, &stream_events, l);
	e = prepare(l, config);
	if (e != E_OK) {
		shut(l);
		reap_hook(&l->traffic->reap);
		return e;
	}
	begin(l, config->connecting);
	*out = l;
	return E_OK;
}

void
link_free(struct link *l)
{
	struct traffic *t = traffic_of(l);

	l->freed = true;
	if (t->sm.state != LINK_DOWN)
		go_down(l, E_NOCONNECTION, N_("closed"));
	if (t->credit.lent == 0)
		node_at_end(l->node, &t->reap);
}

bool
link_is_up(const struct link *l)
{
	return state_of(l) == LINK_UP;
}

bool
link_is_draining(const struct link *l)
{
	return state_of(l) == LINK_DRAINING;
}

const char *
link_node(const struct link *l)
{
	return l->names;
}

const char *
link_user(const struct link *l)
{
	return l->names + strlen(l->names) + 1;
}

struct credit *
link_credit(struct link *l)
{
	return &traffic_of(l)->credit;
}

void
link_reserve(struct link *l, size_t bytes)
{
	traffic_of(l)->reserved += bytes;
}

void
link_unreserve(struct link *l, size_t bytes)
{
	struct traffic *t = l->traffic;

	assert(t != NULL && t->reserved >= bytes);
	t->reserved -= bytes;
	consider_resume(t); /* the answer's flush sees to the rest */
}

void
link_hold(struct link *l)
{
	traffic_of(l)->held = true;
}

void
link_release(struct link *l)
{
	struct traffic *t = l->traffic;

	assert(t != NULL && t->held);
	t->held = false;
	consider(t);
}
