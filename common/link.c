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

struct link {
	struct node *node;
	struct stream *stream; /* NULL once closed */
	const struct link_events *events;
	void *owner;
	struct sm sm;
	struct timer tick; /* the state's end; while up, the next check */
	struct handshake *handshake; /* until it is done */
	char *far_node; /* from then on */
	char *user;
	struct term_check check; /* of the frame that is arriving */
	struct buf in; /* bytes not parsed yet */
	struct buf out; /* bytes not sent yet */
	size_t accounted; /* of out, in the node's sum */
	size_t reserved; /* bytes of answers to come */
	struct credit credit;
	struct hook flush;
	struct hook resume;
	struct hook reap;
	uint64_t heard_ms; /* when the last byte came */
	uint64_t sent_ms; /* when the last byte left, or had to wait */
	enum err why;
	const char *why_text;
	bool may_ping; /* the other side answers node.ping */
	bool pinged; /* since it was last heard */
	bool held; /* by the owner */
	bool stalled; /* parsing waits for room */
	bool reading; /* the stream may bring bytes */
	bool waiting; /* for the stream's writable event */
	bool was_full;
	bool far_finished; /* the other side will send no more */
	bool freed; /* the owner has let go */
};

/* -- reading on and off -- */

static void schedule_check(struct link *l);

/* Who is not read cannot be heard: the silence starts with the reading. */
static void
set_reading(struct link *l, bool on)
{
	if (l->reading == on || l->stream == NULL)
		return;
	l->reading = on;
	l->heard_ms = node_now_ms(l->node);
	stream_want_read(l->stream, on);
	schedule_check(l);
}

static bool
has_room(const struct link *l)
{
	return !l->held && l->credit.lent < LIMIT_FLIGHT &&
	    buf_len(&l->out) + l->reserved < LIMIT_UNSENT;
}

/* Hysteresis: a stalled link goes on at half of what stalled it. */
static bool
may_resume(const struct link *l)
{
	return !l->held && l->credit.lent <= LIMIT_FLIGHT / 2 &&
	    buf_len(&l->out) + l->reserved <= LIMIT_UNSENT / 2;
}

static void
consider_resume(struct link *l)
{
	if (l->sm.state == LINK_UP && l->stalled && may_resume(l))
		node_later(l->node, &l->resume);
}

/* -- the end -- */

static void
free_handshake(struct link *l)
{
	if (l->handshake == NULL)
		return;
	handshake_release(l->handshake);
	free(l->handshake);
	l->handshake = NULL;
}

static void
shut(struct link *l)
{
	node_timer_stop(l->node, &l->tick);
	hook_cancel(&l->flush);
	hook_cancel(&l->resume);
	if (l->stream != NULL)
		stream_close(l->stream);
	l->stream = NULL;
	node_unsent_add(l->node, -(ptrdiff_t)l->accounted);
	l->accounted = 0;
	buf_release(&l->out);
	free_handshake(l);
}

static void
go_down(struct link *l, enum err e, const char *why)
{
	if (l->sm.state == LINK_DOWN)
		return;
	sm_move(&l->sm, LINK_DOWN);
	shut(l);
	if (!l->freed)
		l->events->down(l->owner, e, why);
}

static void
enter(struct link *l, enum link_state state)
{
	uint32_t max_ms;

	sm_move(&l->sm, state);
	max_ms = sm_max_ms(&l->sm);
	if (max_ms > 0)
		node_timer(l->node, &l->tick, max_ms);
	else
		node_timer_stop(l->node, &l->tick);
}

/* -- writing -- */

struct buf *
link_out(struct link *l)
{
	spares_buf_take(&l->node->spares, &l->out);
	return &l->out;
}

size_t
link_unsent(const struct link *l)
{
	return buf_len(&l->out);
}

bool
link_is_full(const struct link *l)
{
	return buf_len(&l->out) >= LIMIT_UNSENT;
}

static void
account(struct link *l)
{
	size_t len = buf_len(&l->out);

	node_unsent_add(l->node, (ptrdiff_t)len - (ptrdiff_t)l->accounted);
	l->accounted = len;
}

static void
written(struct link *l)
{
	account(l);
	if (link_is_full(l))
		l->was_full = true;
	node_at_end(l->node, &l->flush);
}

void
link_written(struct link *l)
{
	if (l->sm.state == LINK_UP || l->sm.state == LINK_DRAINING)
		written(l);
	else
		buf_truncate(&l->out, l->accounted);
}

/* In an orderly end: we are done, and so may the other side be. */
static void
finish(struct link *l)
{
	if (l->far_finished)
		go_down(l, l->why, l->why_text);
	else
		stream_finish(l->stream);
}

static void
check_drained(struct link *l)
{
	if (!l->was_full || buf_len(&l->out) > LIMIT_UNSENT / 2)
		return;
	l->was_full = false;
	if (!l->freed)
		l->events->drained(l->owner);
}

/* Writes what the stream takes; the rest waits for its writable event. */
static void
flush(struct link *l)
{
	size_t n = stream_write(l->stream, buf_bytes(&l->out));

	if (n > 0 || !l->waiting)
		l->sent_ms = node_now_ms(l->node);
	buf_consume(&l->out, n);
	account(l);
	if (l->waiting != (buf_len(&l->out) > 0)) {
		l->waiting = !l->waiting;
		stream_want_write(l->stream, l->waiting);
	}
	if (l->waiting)
		schedule_check(l);
	else
		spares_buf_give(&l->node->spares, &l->out);
	check_drained(l);
	consider_resume(l);
	if (!l->waiting && l->sm.state == LINK_CLOSING)
		finish(l);
}

static void
flush_hook(struct hook *h)
{
	struct link *l = CONTAINER_OF(h, struct link, flush);

	flush(l);
}

void
link_drain(struct link *l)
{
	if (l->sm.state != LINK_UP)
		return;
	l->why = E_NOCONNECTION;
	l->why_text = N_("closed");
	enter(l, LINK_DRAINING);
	set_reading(l, false);
}

void
link_close(struct link *l, enum err e, const char *text)
{
	if (l->sm.state == LINK_CONNECTING || l->sm.state == LINK_HANDSHAKE)
		go_down(l, e != E_OK ? e : E_NOCONNECTION, text);
	if (l->sm.state != LINK_UP && l->sm.state != LINK_DRAINING)
		return;
	l->why = e != E_OK ? e : E_NOCONNECTION;
	l->why_text = text;
	if (e != E_OK)
		rpc_write_node_error(&l->out, e, text);
	enter(l, LINK_CLOSING);
	/* Reading on and dropping it keeps a reset from eating our words. */
	set_reading(l, !l->far_finished);
	written(l);
}

void
link_abort(struct link *l, enum err e, const char *why)
{
	go_down(l, e, why);
}

/* -- heartbeat -- */

static void
ping(struct link *l)
{
	static const uint8_t no_params[] = { 0x90 };

	l->pinged = true;
	rpc_write_request(&l->out, PING_MSGID, slice_of("node.ping"),
	    slice_bytes(no_params, sizeof(no_params)));
	written(l);
}

/* While up: when something has to be looked at again. */
static void
schedule_check(struct link *l)
{
	uint64_t now = node_now_ms(l->node);
	uint64_t due = TIMER_NEVER;

	if (l->sm.state != LINK_UP)
		return;
	if (l->may_ping && l->reading)
		due = l->heard_ms + (l->pinged ? LIMIT_DOWN_MS : LIMIT_PING_MS);
	if (l->waiting && l->sent_ms + LIMIT_SLOW_MS < due)
		due = l->sent_ms + LIMIT_SLOW_MS;
	if (due == TIMER_NEVER)
		node_timer_stop(l->node, &l->tick);
	else
		node_timer(l->node, &l->tick, due > now ? due - now : 0);
}

static void
check_up(struct link *l)
{
	uint64_t now = node_now_ms(l->node);
	bool listens = l->may_ping && l->reading;

	if (l->waiting && now >= l->sent_ms + LIMIT_SLOW_MS) {
		go_down(l, E_SLOW, N_("the reader is too slow"));
		return;
	}
	if (listens && now >= l->heard_ms + LIMIT_DOWN_MS) {
		go_down(l, E_NOCONNECTION, N_("the other side fell silent"));
		return;
	}
	if (listens && !l->pinged && now >= l->heard_ms + LIMIT_PING_MS)
		ping(l);
	schedule_check(l);
}

static void
tick(void *arg)
{
	struct link *l = arg;

	switch ((enum link_state)l->sm.state) {
	case LINK_CONNECTING:
		go_down(l, E_UNREACHABLE, N_("no answer"));
		break;
	case LINK_HANDSHAKE:
		go_down(l, E_UNREACHABLE, N_("the handshake took too long"));
		break;
	case LINK_UP:
		check_up(l);
		break;
	case LINK_DRAINING:
		link_close(l, E_OK, l->why_text);
		break;
	case LINK_DENIED:
	case LINK_CLOSING:
		go_down(l, l->why, l->why_text);
		break;
	case LINK_DOWN:
		break;
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
	enum handshake_failure f = l->handshake->failure;

	l->why_text = failure_text(f);
	l->why = f == HANDSHAKE_UNEXPECTED &&
		l->handshake->role == HANDSHAKE_CLIENT ?
	    E_MALFORMED :
	    E_DENIED;
	if (l->handshake->role == HANDSHAKE_CLIENT) {
		go_down(l, l->why, l->why_text);
		return;
	}
	enter(l, LINK_DENIED);
	written(l);
}

static void
greet(struct link *l)
{
	struct handshake *h = l->handshake;
	bool client = h->role == HANDSHAKE_CLIENT;

	l->far_node = strdup(h->node_peer.text);
	l->user = strdup(h->user.text);
	if (l->far_node == NULL || l->user == NULL)
		abort();
	l->may_ping = client || h->ping;
	free_handshake(l);
	enter(l, LINK_UP);
	schedule_check(l);
	l->events->up(l->owner);
}

static void
shake(struct link *l, const struct rpc *m, bool clean)
{
	enum handshake_state s =
	    handshake_feed(l->handshake, m, clean, &l->out);

	if (s == HANDSHAKE_FAILED) {
		deny(l);
		return;
	}
	written(l);
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
		rpc_write_result(&l->out, m->msgid,
		    slice_bytes(yes, sizeof(yes)));
	else if (slice_is(m->method, "node.hello") ||
	    slice_is(m->method, "node.auth"))
		rpc_write_error(&l->out, m->msgid, E_BADARG,
		    N_("this link has said hello already"));
	else
		rpc_write_error(&l->out, m->msgid, E_BADARG,
		    N_("node.error is no request"));
	written(l);
}

static void
refuse_unclean(struct link *l, const struct rpc *m)
{
	if (m->kind == RPC_REQUEST) {
		rpc_write_error(&l->out, m->msgid, E_BADARG,
		    N_("invalid UTF-8, or a MessagePack extension"));
		written(l);
		return;
	}
	log_line(node_log(l->node), LOG_DEBUG, "link",
	    "%s: dropped an unclean message", l->far_node);
}

static void
take_message(struct link *l, const struct rpc *m, bool clean)
{
	if (l->sm.state == LINK_HANDSHAKE)
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
	if (l->sm.state == LINK_UP)
		link_close(l, e, text);
	else
		go_down(l, E_MALFORMED,
		    N_("the other side does not speak our protocol"));
}

static void
start_frame(struct link *l)
{
	term_check_init(&l->check,
	    l->sm.state == LINK_UP ? LIMIT_FRAME : LIMIT_FRAME_BEFORE_AUTH);
}

/* One frame at the start of rest. Its bytes, or 0: it is not whole. */
static size_t
take_frame(struct link *l, struct slice rest)
{
	enum term_verdict v = term_check(&l->check, rest);
	size_t len = l->check.pos;
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
	take_message(l, &m, l->check.clean);
	start_frame(l);
	return len;
}

static bool
is_listening(const struct link *l)
{
	return !l->freed &&
	    (l->sm.state == LINK_HANDSHAKE || l->sm.state == LINK_UP);
}

/* Returns how many bytes were used up. */
static size_t
parse(struct link *l, struct slice bytes)
{
	size_t used = 0, n;

	while (used < bytes.len && is_listening(l)) {
		if (l->sm.state == LINK_UP && !has_room(l)) {
			l->stalled = true;
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
	if (bytes.len == 0)
		return;
	spares_buf_take(&l->node->spares, &l->in);
	buf_add(&l->in, bytes);
}

static void
parse_kept(struct link *l)
{
	buf_consume(&l->in, parse(l, buf_bytes(&l->in)));
	if (buf_len(&l->in) == 0)
		spares_buf_give(&l->node->spares, &l->in);
}

static void
resume_hook(struct hook *h)
{
	struct link *l = CONTAINER_OF(h, struct link, resume);

	if (l->sm.state != LINK_UP || !may_resume(l))
		return;
	l->stalled = false;
	parse_kept(l);
	if (!l->stalled)
		set_reading(l, true);
}

static void
on_bytes(void *owner, struct slice bytes)
{
	struct link *l = owner;

	l->heard_ms = node_now_ms(l->node);
	if (l->pinged) {
		l->pinged = false;
		schedule_check(l);
	}
	if (!is_listening(l))
		return;
	if (l->stalled) {
		keep(l, bytes);
	} else if (buf_len(&l->in) > 0) {
		keep(l, bytes);
		parse_kept(l);
	} else {
		size_t used = parse(l, bytes);

		keep(l, slice_bytes(bytes.bytes + used, bytes.len - used));
	}
	if (l->stalled && buf_len(&l->in) > 0)
		set_reading(l, false);
}

/* -- the stream's other events -- */

/* The server waits; the client's hello is in the buffer already. */
static void
start_handshake(struct link *l)
{
	set_reading(l, true);
	if (buf_len(&l->out) > 0)
		written(l);
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
}

/* The end of the far side's half lets its open calls be answered. */
static void
far_end(struct link *l, const char *why)
{
	switch ((enum link_state)l->sm.state) {
	case LINK_UP:
		l->events->finished(l->owner);
		break;
	case LINK_CLOSING:
		if (buf_len(&l->out) == 0)
			go_down(l, l->why, l->why_text);
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
	if (e == E_OK)
		far_end(l, why);
	else if (l->sm.state == LINK_CLOSING)
		go_down(l, l->why, l->why_text);
	else if (l->sm.state == LINK_CONNECTING)
		go_down(l, E_UNREACHABLE, why);
	else if (l->sm.state != LINK_DENIED)
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
	struct link *l = CONTAINER_OF(h, struct link, reap);

	buf_release(&l->in);
	buf_release(&l->out);
	free(l->far_node);
	free(l->user);
	free(l);
}

static void
credit_returned(struct credit *c)
{
	struct link *l = CONTAINER_OF(c, struct link, credit);

	if (l->freed && c->lent == 0)
		node_at_end(l->node, &l->reap);
	else
		consider_resume(l);
}

/* The handshake, and for a client its hello, which waits for the stream. */
static enum err
prepare(struct link *l, const struct link_config *config)
{
	uint8_t nonce[HANDSHAKE_NONCE_BYTES];
	enum err e;

	l->handshake = malloc(sizeof(*l->handshake));
	if (l->handshake == NULL)
		abort();
	world_random(node_world(l->node), nonce, sizeof(nonce));
	e = handshake_init(l->handshake, config->role, config->cookie, nonce,
	    node_name(l->node));
	if (e == E_OK && config->role == HANDSHAKE_CLIENT)
		e = handshake_hello(l->handshake, config->user, true, &l->out);
	account(l);
	return e;
}

static void
begin(struct link *l, bool connecting)
{
	sm_init(&l->sm, states, connecting ? LINK_CONNECTING : LINK_HANDSHAKE);
	node_timer(l->node, &l->tick, LIMIT_HANDSHAKE_MS);
	start_frame(l);
	if (!connecting)
		start_handshake(l);
}

enum err
link_new(struct node *n, struct stream *s, const struct link_config *config,
    const struct link_events *events, void *owner, struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));
	enum err e;

	if (l == NULL)
		abort();
	*l = (struct link){ .node = n,
		.stream = s,
		.events = events,
		.owner = owner,
		.credit = { .returned = credit_returned } };
	buf_init(&l->in);
	buf_init(&l->out);
	timer_init(&l->tick, tick, l);
	hook_init(&l->flush, flush_hook);
	hook_init(&l->resume, resume_hook);
	hook_init(&l->reap, reap_hook);
	stream_own(s, &stream_events, l);
	e = prepare(l, config);
	if (e != E_OK) {
		shut(l);
		reap_hook(&l->reap);
		return e;
	}
	begin(l, config->connecting);
	*out = l;
	return E_OK;
}

void
link_free(struct link *l)
{
	l->freed = true;
	if (l->sm.state != LINK_DOWN)
		go_down(l, E_NOCONNECTION, N_("closed"));
	if (l->credit.lent == 0)
		node_at_end(l->node, &l->reap);
}

bool
link_is_up(const struct link *l)
{
	return l->sm.state == LINK_UP;
}

bool
link_is_draining(const struct link *l)
{
	return l->sm.state == LINK_DRAINING;
}

const char *
link_node(const struct link *l)
{
	return l->far_node;
}

const char *
link_user(const struct link *l)
{
	return l->user;
}

struct credit *
link_credit(struct link *l)
{
	return &l->credit;
}

void
link_reserve(struct link *l, size_t bytes)
{
	l->reserved += bytes;
}

void
link_unreserve(struct link *l, size_t bytes)
{
	assert(l->reserved >= bytes);
	l->reserved -= bytes;
	consider_resume(l);
}

void
link_hold(struct link *l)
{
	l->held = true;
}

void
link_release(struct link *l)
{
	l->held = false;
	consider_resume(l);
}
