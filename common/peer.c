#include "common/peer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/runtime.h"
#include "proto/term.h"

/* Lines about casts that failed, in the log's window of time. */
enum { CAST_LINES = 3 };

/* A process that requests of the far side are open at. */
struct target {
	LIST_ENTRY(target) entry;
	struct pid pid;
	uint64_t monitor;
	struct hook idle; /* queued while its mailbox is over half full */
	struct peer *peer;
};

/* A request of the far side that is not answered yet. */
struct incoming {
	uint32_t msgid;
	struct pid target;
	size_t reserved; /* bytes of the answer */
};

/* A call of ours that the far side has not answered yet. */
struct outgoing {
	struct from from;
};

struct peer {
	struct link *link; /* NULL once down */
	const struct peer_policy *policy;
	void *arg;
	LIST_HEAD(, target) targets;
	struct slots incoming;
	struct slots outgoing;
	struct log_limit cast_log;
	uint32_t busy; /* targets whose mailbox is over half full */
};

static const struct behaviour peer_behaviour;

static struct proc *
proc_of(struct peer *peer)
{
	return proc_of_state(peer);
}

/* -- the far side's requests -- */

static void
answer_error(struct peer *peer, uint32_t msgid, enum err e, const char *text)
{
	rpc_write_error(link_out(peer->link), msgid, e, text);
	link_written(peer->link);
}

static void
write_answer(struct peer *peer, uint32_t msgid, const struct answer *a)
{
	char text[LIMIT_ERROR_TEXT + 1];
	size_t len =
	    a->body.len < LIMIT_ERROR_TEXT ? a->body.len : LIMIT_ERROR_TEXT;

	if (a->e == E_OK && a->body.len > LIMIT_FRAME - 16) {
		answer_error(peer, msgid, E_TOOBIG, NULL);
		return;
	}
	if (a->e == E_OK) {
		rpc_write_result(link_out(peer->link), msgid, a->body);
		link_written(peer->link);
		return;
	}
	/* A cut text ends with a whole character. */
	while (
	    len < a->body.len && len > 0 && (a->body.bytes[len] & 0xc0) == 0x80)
		len--;
	if (len > 0)
		memcpy(text, a->body.bytes, len);
	text[len] = '\0';
	answer_error(peer, msgid, a->e, text);
}

/* Links that hold most go first when all hold too much. */
static void
relieve(struct node *n)
{
	while (node_unsent(n) > LIMIT_UNSENT_NODE) {
		struct link *largest = NULL;

		for (uint32_t i = 0; i < n->procs.used; i++) {
			struct proc *p = slots_at(&n->procs, i, NULL);
			struct link *l =
			    p != NULL && peer_is(p) ? peer_link(p) : NULL;

			if (l != NULL &&
			    (largest == NULL ||
				link_unsent(l) > link_unsent(largest)))
				largest = l;
		}
		if (largest == NULL)
			return;
		link_abort(largest, E_SLOW, N_("the reader is too slow"));
	}
}

/* Ends the link once a side has finished and nothing is open. */
static void
close_if_answered(struct peer *peer)
{
	if (peer->link != NULL && link_is_draining(peer->link) &&
	    peer->incoming.count == 0)
		link_close(peer->link, E_OK, N_("closed"));
}

/* The request of a ref is answered, by whomever. */
static void
finish_incoming(struct peer *peer, uint64_t ref, const struct answer *a)
{
	struct incoming *in = slots_take(&peer->incoming, ref);

	if (in == NULL)
		return; /* a late or second answer */
	if (peer->link != NULL) {
		write_answer(peer, in->msgid, a);
		if (in->reserved > 0)
			link_unreserve(peer->link, in->reserved);
	}
	free(in);
	close_if_answered(peer);
	relieve(proc_node(proc_of(peer)));
}

static void
answer(struct proc *p, uint64_t ref, const struct answer *a)
{
	finish_incoming(proc_state(p), ref, a);
}

static void
target_idle(struct hook *h)
{
	struct target *t = CONTAINER_OF(h, struct target, idle);

	if (--t->peer->busy == 0 && t->peer->link != NULL)
		link_release(t->peer->link);
}

static struct target *
target_get(struct peer *peer, struct pid pid)
{
	struct target *t;

	LIST_FOREACH(t, &peer->targets, entry)
		if (t->pid.id == pid.id)
			return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		abort();
	t->pid = pid;
	t->peer = peer;
	hook_init(&t->idle, target_idle);
	t->monitor = proc_monitor(proc_of(peer), pid);
	LIST_INSERT_HEAD(&peer->targets, t, entry);
	return t;
}

static void
target_free(struct target *t)
{
	if (t->idle.list != NULL) {
		hook_cancel(&t->idle);
		target_idle(&t->idle);
	}
	LIST_REMOVE(t, entry);
	free(t);
}

/* A target that falls behind holds the link, before its mailbox is full. */
static void
mind_mailbox(struct peer *peer, struct target *t)
{
	struct proc *p = node_find(proc_node(proc_of(peer)), t->pid);

	if (p == NULL || t->idle.list != NULL || !proc_is_busy(p))
		return;
	if (peer->busy++ == 0)
		link_hold(peer->link);
	proc_when_idle(p, &t->idle);
}

static uint64_t
open_request(struct peer *peer, const struct rpc *m,
    const struct peer_route *to)
{
	struct incoming *in = malloc(sizeof(*in));

	if (in == NULL)
		abort();
	*in = (struct incoming){ .msgid = m->msgid,
		.target = to->target,
		.reserved = to->answer_bytes };
	if (in->reserved > 0)
		link_reserve(peer->link, in->reserved);
	return slots_add(&peer->incoming, in);
}

/* Hands the message over. The error if that cannot be done. */
static enum err
forward(struct peer *peer, const struct rpc *m, const struct peer_request *what,
    const struct peer_route *to)
{
	bool call = m->kind == RPC_REQUEST;
	struct node *n = proc_node(proc_of(peer));
	struct target *t;
	struct message *msg;

	if (node_find(n, to->target) == NULL)
		return E_NOPROC;
	if (call && peer->incoming.count >= LIMIT_OPEN_CALLS)
		return E_OVERLOAD;
	t = target_get(peer, to->target);
	msg = message_new(call ? MESSAGE_CALL : MESSAGE_CAST, what->operation,
	    what->params);
	msg->from.pid = proc_pid(proc_of(peer));
	if (call)
		msg->from.ref = open_request(peer, m, to);
	message_lend(msg, link_credit(peer->link));
	if (proc_post(n, to->target, msg) != E_OK)
		abort(); /* it is there, and credit is never refused */
	mind_mailbox(peer, t);
	return E_OK;
}

static void
refuse(struct peer *peer, const struct rpc *m, enum err e, const char *text)
{
	struct node *n = proc_node(proc_of(peer));

	if (m->kind == RPC_REQUEST) {
		answer_error(peer, m->msgid, e, text);
		return;
	}
	log_limited(node_log(n), &peer->cast_log, LOG_WARN,
	    link_node(peer->link), _("a cast failed, %.*s: %s"),
	    (int)m->method.len, (const char *)m->method.bytes,
	    gettext(text != NULL ? text : err_text(e)));
}

static void
take_request(struct peer *peer, const struct rpc *m)
{
	struct peer_request what = { .params = m->params };
	struct peer_route to = { .answer_bytes = 0 };
	const char *text = NULL;
	enum err e;

	e = rpc_split(m->method, &what.process, &what.operation);
	if (e == E_OK)
		e = peer->policy->route(proc_of(peer), peer->arg, &what, &to,
		    &text);
	if (e == E_OK)
		e = forward(peer, m, &what, &to);
	if (e != E_OK)
		refuse(peer, m, e, text);
}

/* -- our calls -- */

static void
take_response(struct peer *peer, const struct rpc *m, bool clean)
{
	struct outgoing *call = NULL;
	struct answer a = { .body = slice_of(err_text(E_MALFORMED)) };
	uint64_t key = 0;

	if (m->msgid < peer->outgoing.used)
		call = slots_at(&peer->outgoing, m->msgid, &key);
	if (call == NULL)
		return; /* nobody asked */
	slots_take(&peer->outgoing, key);
	a.e = clean ? rpc_read_error(m->error, &a.body) : E_MALFORMED;
	if (a.e == E_OK)
		a.body = m->result;
	proc_answer(proc_node(proc_of(peer)), call->from, &a);
	free(call);
}

static void
send_call(struct peer *peer, const struct message *m)
{
	struct outgoing *call;
	uint64_t key;

	if (peer->outgoing.count >= LIMIT_OPEN_CALLS) {
		struct answer full = { .e = E_OVERLOAD,
			.body = slice_of(err_text(E_OVERLOAD)) };

		proc_answer(proc_node(proc_of(peer)), m->from, &full);
		return;
	}
	call = malloc(sizeof(*call));
	if (call == NULL)
		abort();
	call->from = m->from;
	key = slots_add(&peer->outgoing, call);
	rpc_write_request(link_out(peer->link), (uint32_t)key, m->op, m->body);
	link_written(peer->link);
}

static void
send_cast(struct peer *peer, const struct message *m)
{
	rpc_write_notify(link_out(peer->link), m->op, m->body);
	link_written(peer->link);
}

/* -- the process -- */

/* Whatever is open at the process that ended is answered. */
static void
target_died(struct peer *peer, const struct message *m)
{
	struct reason why = reason_from(m->body);
	struct answer died = { .e = reason_err(&why) };
	struct target *t;
	uint64_t ref;

	LIST_FOREACH(t, &peer->targets, entry)
		if (t->monitor == m->from.ref)
			break;
	if (t != NULL)
		target_free(t);
	died.body = slice_of(err_text(died.e));
	for (uint32_t i = 0; i < peer->incoming.used; i++) {
		struct incoming *in = slots_at(&peer->incoming, i, &ref);

		if (in != NULL && in->target.id == m->from.pid.id)
			finish_incoming(peer, ref, &died);
	}
}

static void
receive(struct proc *p, struct message *m)
{
	struct peer *peer = proc_state(p);

	if (peer->link == NULL)
		return; /* it ends in a moment */
	switch (m->kind) {
	case MESSAGE_CALL:
		send_call(peer, m);
		break;
	case MESSAGE_CAST:
	case MESSAGE_INFO:
		send_cast(peer, m);
		break;
	case MESSAGE_DOWN:
		target_died(peer, m);
		break;
	case MESSAGE_STOP:
		peer_drain(p);
		break;
	case MESSAGE_EXIT:
	case MESSAGE_ANSWER:
		break; /* it traps no exits and makes no calls of its own */
	}
	if (peer->link != NULL && link_is_full(peer->link))
		proc_suspend(p);
}

static void
free_slots(struct slots *s)
{
	for (uint32_t i = 0; i < s->used; i++)
		free(slots_at(s, i, NULL));
	slots_release(s);
}

/* The link is over, one way or the other: its policy hears of it once. */
static void
let_go(struct peer *peer, enum err e, const char *why)
{
	if (peer->policy->down != NULL)
		peer->policy->down(proc_of(peer), peer->arg, e, why);
	link_free(peer->link);
	peer->link = NULL;
}

static void
terminate(struct proc *p, const struct reason *why)
{
	struct peer *peer = proc_state(p);
	struct target *t;

	(void)why;
	if (peer->link != NULL)
		let_go(peer, E_NOCONNECTION, N_("closed"));
	while ((t = LIST_FIRST(&peer->targets)) != NULL)
		target_free(t);
	free_slots(&peer->incoming);
	free_slots(&peer->outgoing);
}

static const struct behaviour peer_behaviour = {
	.name = "peer",
	.receive = receive,
	.terminate = terminate,
	.answer = answer,
};

/* -- the link's events -- */

static void
on_up(void *owner)
{
	struct peer *peer = owner;

	proc_resume(proc_of(peer));
	if (peer->policy->up != NULL)
		peer->policy->up(proc_of(peer), peer->arg);
}

static void
on_message(void *owner, const struct rpc *m, bool clean)
{
	if (m->kind == RPC_RESPONSE)
		take_response(owner, m, clean);
	else
		take_request(owner, m);
}

static void
on_finished(void *owner)
{
	peer_drain(proc_of(owner));
}

static void
on_down(void *owner, enum err e, const char *why)
{
	struct peer *peer = owner;

	let_go(peer, e, why);
	proc_exit(proc_of(peer), reason_of("noconnection"));
}

static void
on_drained(void *owner)
{
	proc_resume(proc_of(owner));
}

static const struct link_events link_events = {
	.up = on_up,
	.message = on_message,
	.finished = on_finished,
	.down = on_down,
	.drained = on_drained,
};

enum err
peer_start(struct node *n, struct stream *s, const struct link_config *config,
    const struct peer_policy *policy, void *arg, struct pid *out)
{
	struct proc *p = proc_spawn(n, &peer_behaviour, sizeof(struct peer));
	struct peer *peer = proc_state(p);
	enum err e;

	peer->policy = policy;
	peer->arg = arg;
	LIST_INIT(&peer->targets);
	slots_init(&peer->incoming);
	slots_init(&peer->outgoing);
	log_limit_init(&peer->cast_log, CAST_LINES);
	proc_suspend(p);
	e = link_new(n, s, config, &link_events, peer, &peer->link);
	if (e != E_OK) {
		proc_exit(p, reason_of("badarg"));
		return e;
	}
	*out = proc_pid(p);
	return E_OK;
}

bool
peer_is(const struct proc *p)
{
	return p->behaviour == &peer_behaviour;
}

struct link *
peer_link(struct proc *p)
{
	struct peer *peer = proc_state(p);

	return peer->link;
}

void
peer_drain(struct proc *p)
{
	struct peer *peer = proc_state(p);

	if (peer->link == NULL || link_is_draining(peer->link))
		return;
	if (!link_is_up(peer->link)) {
		link_close(peer->link, E_OK, N_("closed"));
		return;
	}
	link_drain(peer->link);
	close_if_answered(peer);
}
