#include "common/peer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/registry.h"
#include "common/runtime.h"
#include "proto/term.h"

/* Lines about casts that failed, in the log's window of time. */
enum { CAST_LINES = 3 };

/* Bytes of an answer from which on a copy costs more than care. */
enum { HAND_OVER_MIN = 4096 };

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

/* A monitor of ours over there. */
struct wanted {
	LIST_ENTRY(wanted) entry;
	struct from from;
	uint64_t watch; /* our monitor of from: it may end first */
	bool given; /* the far side has answered, and ref is its name there */
	bool dropped; /* nobody wants it any more, but there is no ref yet */
	uint64_t ref;
};

/* A call of ours that the far side has not answered yet. */
struct outgoing {
	struct from from;
	struct wanted *wanted; /* not NULL: it is node.monitor */
};

/* A monitor of the far side here; ref is ours and its name on the wire. */
struct given {
	LIST_ENTRY(given) entry;
	uint64_t ref;
};

/* What is open, here and over there. */
struct open {
	LIST_HEAD(, target) targets;
	LIST_HEAD(, wanted) wanted;
	LIST_HEAD(, given) given;
	uint32_t given_count;
	uint32_t busy; /* targets whose mailbox is over half full */
	struct slots incoming;
	struct slots outgoing;
	struct log_limit cast_log;
};

struct peer {
	struct link *link; /* NULL once down */
	const struct peer_policy *policy;
	void *arg;
	struct open *open; /* NULL: nobody has asked for anything yet */
	bool was_up;
};

static const struct behaviour peer_behaviour;

static struct proc *
proc_of(struct peer *peer)
{
	return proc_of_state(peer);
}

static struct open *
open_new(struct peer *peer)
{
	struct open *o = malloc(sizeof(*o));

	if (o == NULL)
		abort();
	*o = (struct open){ .given_count = 0 };
	LIST_INIT(&o->targets);
	LIST_INIT(&o->wanted);
	LIST_INIT(&o->given);
	slots_init_values(&o->incoming, sizeof(struct incoming));
	slots_init_values(&o->outgoing, sizeof(struct outgoing));
	log_limit_init(&o->cast_log, CAST_LINES);
	peer->open = o;
	return o;
}

static struct open *
open_of(struct peer *peer)
{
	return peer->open != NULL ? peer->open : open_new(peer);
}

/* -- the far side's requests -- */

static void
answer_error(struct peer *peer, uint32_t msgid, enum err e, const char *text)
{
	rpc_write_error(link_out(peer->link), msgid, e, text);
	link_written(peer->link);
}

/*
 * A long answer that lies in the node's buffer for them is not copied: that
 * becomes the link's.
 */
static bool
hand_over(struct peer *peer, struct buf *out, uint32_t msgid, struct slice body)
{
	struct buf *answer = &proc_node(proc_of(peer))->answer;
	struct buf kept = *out;

	if (buf_len(out) > 0 || body.len < HAND_OVER_MIN ||
	    body.bytes != buf_bytes(answer).bytes ||
	    body.len != buf_len(answer) || !rpc_wrap_result(answer, msgid))
		return false;
	*out = *answer;
	*answer = kept;
	return true;
}

static void
write_result(struct peer *peer, uint32_t msgid, struct slice body)
{
	struct buf *out = link_out(peer->link);

	if (!hand_over(peer, out, msgid, body))
		rpc_write_result(out, msgid, body);
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
		write_result(peer, msgid, a->body);
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
	    (peer->open == NULL || peer->open->incoming.count == 0))
		link_close(peer->link, E_OK, N_("closed"));
}

/* The request of a ref is answered, by whomever. */
static void
finish_incoming(struct peer *peer, uint64_t ref, const struct answer *a)
{
	struct open *o = open_of(peer);
	const struct incoming *in = slots_value(&o->incoming, ref);

	if (in == NULL)
		return; /* a late or second answer */
	if (peer->link != NULL) {
		write_answer(peer, in->msgid, a);
		if (in->reserved > 0)
			link_unreserve(peer->link, in->reserved);
	}
	slots_drop(&o->incoming, ref);
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

	if (--t->peer->open->busy == 0 && t->peer->link != NULL)
		link_release(t->peer->link);
}

static struct target *
target_get(struct peer *peer, struct pid pid)
{
	struct target *t;

	LIST_FOREACH(t, &open_of(peer)->targets, entry)
		if (t->pid.id == pid.id)
			return t;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		abort();
	t->pid = pid;
	t->peer = peer;
	hook_init(&t->idle, target_idle);
	t->monitor = proc_monitor(proc_of(peer), pid);
	LIST_INSERT_HEAD(&open_of(peer)->targets, t, entry);
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
mind_mailbox(struct peer *peer, struct target *t, struct proc *p)
{
	if (t->idle.list != NULL || !proc_is_busy(p))
		return;
	if (open_of(peer)->busy++ == 0)
		link_hold(peer->link);
	proc_when_idle(p, &t->idle);
}

static uint64_t
open_request(struct peer *peer, const struct rpc *m,
    const struct peer_route *to)
{
	uint64_t ref;
	struct incoming *in = slots_new(&open_of(peer)->incoming, &ref);

	*in = (struct incoming){ .msgid = m->msgid,
		.target = to->target,
		.reserved = to->answer_bytes };
	if (in->reserved > 0)
		link_reserve(peer->link, in->reserved);
	return ref;
}

/* "plazo" of a map of options; 0: it has none. */
static uint64_t
read_plazo(struct term_reader *r)
{
	struct slice key;
	uint64_t ms;
	uint32_t n = 0;

	if (term_read_map(r, &n) != E_OK)
		return 0;
	for (; n > 0; n--) {
		if (term_read_str(r, &key) != E_OK)
			return 0;
		if (slice_is(key, "plazo"))
			return term_read_uint(r, &ms) == E_OK &&
				ms <= LIMIT_PLAZO_MS ?
			    ms :
			    0;
		if (term_skip(r, NULL) != E_OK)
			return 0;
	}
	return 0;
}

/* Until when the far caller waits; 0: it does not say. */
static uint64_t
deadline(const struct node *n, struct slice params)
{
	struct term_reader r;
	uint32_t count = 0;
	uint64_t ms;

	term_reader_init(&r, params);
	if (term_read_array(&r, &count) != E_OK || count < 1)
		return 0;
	for (; count > 1; count--)
		if (term_skip(&r, NULL) != E_OK)
			return 0;
	ms = read_plazo(&r);
	return ms > 0 ? node_now_ms(n) + ms : 0;
}

/* Hands the message over. The error if that cannot be done. */
static enum err
forward(struct peer *peer, const struct rpc *m, const struct peer_request *what,
    const struct peer_route *to)
{
	bool call = m->kind == RPC_REQUEST;
	struct node *n = proc_node(proc_of(peer));
	struct proc *target = node_find(n, to->target);
	struct target *t;
	struct message *msg;

	if (target == NULL)
		return E_NOPROC;
	if (call && open_of(peer)->incoming.count >= LIMIT_OPEN_CALLS)
		return E_OVERLOAD;
	t = target_get(peer, to->target);
	msg = message_take(&n->spares, call ? MESSAGE_CALL : MESSAGE_CAST,
	    what->operation, what->params);
	msg->from.pid = proc_pid(proc_of(peer));
	if (call) {
		msg->from.ref = open_request(peer, m, to);
		if (!to->no_options)
			msg->deadline_ms = deadline(n, what->params);
	}
	message_lend(msg, link_credit(peer->link));
	if (proc_post(n, to->target, msg) != E_OK)
		abort(); /* it is there, and credit is never refused */
	mind_mailbox(peer, t, target);
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
	log_limited(node_log(n), &open_of(peer)->cast_log, LOG_WARN,
	    link_node(peer->link), _("a cast failed, %.*s: %s"),
	    (int)m->method.len, (const char *)m->method.bytes,
	    gettext(text != NULL ? text : err_text(e)));
}

/* -- monitors across the link -- */

static void
write_ref_params(struct buf *b, uint64_t ref, const char *reason)
{
	term_write_array(b, reason != NULL ? 2 : 1);
	term_write_uint(b, ref);
	if (reason != NULL)
		term_write_cstr(b, reason);
}

static void
send_node(struct peer *peer, const char *method, uint64_t ref,
    const char *reason)
{
	struct buf params;

	buf_init(&params);
	write_ref_params(&params, ref, reason);
	rpc_write_notify(link_out(peer->link), slice_of(method),
	    buf_bytes(&params));
	buf_release(&params);
	link_written(peer->link);
}

/* The far side wants to know when a process here ends. */
static enum err
take_monitor(struct peer *peer, struct slice params, struct buf *result)
{
	struct proc *self = proc_of(peer);
	struct term_reader r;
	struct slice name;
	struct pid pid = { 0 };
	struct given *g;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 1 ||
	    term_read_str(&r, &name) != E_OK)
		return E_BADARG;
	if (open_of(peer)->given_count >= LIMIT_MONITORS)
		return E_OVERLOAD;
	if (peer->policy->whereis != NULL)
		pid = peer->policy->whereis(self, peer->arg, name);
	g = malloc(sizeof(*g));
	if (g == NULL)
		abort();
	g->ref = proc_monitor(self, pid);
	LIST_INSERT_HEAD(&open_of(peer)->given, g, entry);
	open_of(peer)->given_count++;
	term_write_uint(result, g->ref);
	return E_OK;
}

static struct given *
given_find(struct peer *peer, uint64_t ref)
{
	struct given *g;

	LIST_FOREACH(g, &open_of(peer)->given, entry)
		if (g->ref == ref)
			return g;
	return NULL;
}

static void
given_free(struct peer *peer, struct given *g)
{
	LIST_REMOVE(g, entry);
	open_of(peer)->given_count--;
	free(g);
}

/* And now it does not any more: true when there was such a monitor. */
static enum err
take_demonitor(struct peer *peer, struct slice params, struct buf *result)
{
	struct term_reader r;
	struct given *g;
	uint64_t ref;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 1 ||
	    term_read_uint(&r, &ref) != E_OK)
		return E_BADARG;
	g = given_find(peer, ref);
	term_write_bool(result, g != NULL);
	if (g == NULL)
		return E_OK;
	proc_demonitor(proc_of(peer), ref);
	given_free(peer, g);
	return E_OK;
}

static void
wanted_free(struct peer *peer, struct wanted *w)
{
	proc_demonitor(proc_of(peer), w->watch);
	LIST_REMOVE(w, entry);
	free(w);
}

/* Who wanted it learns it, if it still does. */
static void
wanted_end(struct peer *peer, struct wanted *w, const struct reason *why)
{
	struct proc *self = proc_of(peer);

	proc_down(proc_node(self), w->from, proc_pid(self), why);
	wanted_free(peer, w);
}

/* Who wanted it does not any more; the far side is told once it has a ref. */
static void
wanted_drop(struct peer *peer, struct wanted *w)
{
	w->dropped = true;
	if (!w->given)
		return;
	send_node(peer, "node.demonitor", w->ref, NULL);
	wanted_free(peer, w);
}

/* A process over there has ended: whom we promised it learns it. */
static enum err
take_down(struct peer *peer, struct slice params)
{
	struct term_reader r;
	struct slice word;
	struct reason why;
	struct wanted *w;
	uint64_t ref;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 2 ||
	    term_read_uint(&r, &ref) != E_OK ||
	    term_read_str(&r, &word) != E_OK)
		return E_BADARG;
	LIST_FOREACH(w, &open_of(peer)->wanted, entry)
		if (w->given && w->ref == ref)
			break;
	if (w == NULL)
		return E_OK;
	why = reason_from(word);
	wanted_end(peer, w, &why);
	return E_OK;
}

/* The answer to our node.monitor: the ref that node.down will carry. */
static void
monitor_accepted(struct peer *peer, struct wanted *w, const struct answer *a)
{
	/* What is no ref promises nothing. */
	struct reason why =
	    reason_of(err_word(a->e != E_OK ? a->e : E_NOCONNECTION));
	struct term_reader r;

	term_reader_init(&r, a->body);
	if (a->e != E_OK || term_read_uint(&r, &w->ref) != E_OK) {
		wanted_end(peer, w, &why);
		return;
	}
	w->given = true;
	if (w->dropped)
		wanted_drop(peer, w);
}

static void
send_demonitor(struct peer *peer, const struct message *m)
{
	struct wanted *w;

	LIST_FOREACH(w, &open_of(peer)->wanted, entry)
		if (w->from.ref == m->from.ref)
			break;
	if (w != NULL)
		wanted_drop(peer, w);
}

/* The reserved process `node`, as far as it is not the link's own. */
static void
take_node_request(struct peer *peer, const struct rpc *m,
    const struct peer_request *what)
{
	struct buf result;
	enum err e = E_UNDEF;

	buf_init(&result);
	if (slice_is(what->operation, "monitor") && m->kind == RPC_REQUEST)
		e = take_monitor(peer, what->params, &result);
	else if (slice_is(what->operation, "demonitor"))
		e = take_demonitor(peer, what->params, &result);
	else if (slice_is(what->operation, "down") && m->kind == RPC_NOTIFY)
		e = take_down(peer, what->params);
	if (e != E_OK)
		refuse(peer, m, e, NULL);
	else if (m->kind == RPC_REQUEST) {
		rpc_write_result(link_out(peer->link), m->msgid,
		    buf_bytes(&result));
		link_written(peer->link);
	}
	buf_release(&result);
}

static void
take_request(struct peer *peer, const struct rpc *m)
{
	struct peer_request what = { .params = m->params };
	struct peer_route to = { .answer_bytes = 0 };
	const char *text = NULL;
	enum err e;

	e = rpc_split(m->method, &what.process, &what.operation);
	if (e == E_OK && slice_is(what.process, "node")) {
		take_node_request(peer, m, &what);
		return;
	}
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
	struct slots *outgoing = &open_of(peer)->outgoing;
	const struct outgoing *found = NULL;
	struct outgoing call;
	struct answer a = { .body = slice_of(err_text(E_MALFORMED)) };
	uint64_t key = 0;

	if (m->msgid < outgoing->used)
		found = slots_value_at(outgoing, m->msgid, &key);
	if (found == NULL)
		return; /* nobody asked */
	call = *found;
	slots_drop(outgoing, key);
	a.e = clean ? rpc_read_error(m->error, &a.body) : E_MALFORMED;
	if (a.e == E_OK)
		a.body = m->result;
	if (call.wanted != NULL)
		monitor_accepted(peer, call.wanted, &a);
	else
		proc_answer(proc_node(proc_of(peer)), call.from, &a);
}

/* Opens a request to the far side. */
static void
send_request(struct peer *peer, const struct outgoing *what,
    struct slice method, struct slice params)
{
	uint64_t key;
	struct outgoing *call = slots_new(&open_of(peer)->outgoing, &key);

	*call = *what;
	rpc_write_request(link_out(peer->link), (uint32_t)key, method, params);
	link_written(peer->link);
}

static void
send_call(struct peer *peer, const struct message *m)
{
	struct answer full = { .e = E_OVERLOAD,
		.body = slice_of(err_text(E_OVERLOAD)) };
	struct outgoing call = { .from = m->from };

	if (open_of(peer)->outgoing.count < LIMIT_OPEN_CALLS)
		send_request(peer, &call, m->op, rpc_params(m->body));
	else
		proc_answer(proc_node(proc_of(peer)), m->from, &full);
}

static struct wanted *
wanted_new(struct peer *peer, struct from from)
{
	struct wanted *w = calloc(1, sizeof(*w));

	if (w == NULL)
		abort();
	w->from = from;
	w->watch = proc_monitor(proc_of(peer), from.pid);
	LIST_INSERT_HEAD(&open_of(peer)->wanted, w, entry);
	return w;
}

static void
send_monitor(struct peer *peer, const struct message *m)
{
	struct outgoing call = { .wanted = wanted_new(peer, m->from) };
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_str(&params, m->op);
	send_request(peer, &call, slice_of("node.monitor"), buf_bytes(&params));
	buf_release(&params);
}

static void
send_cast(struct peer *peer, const struct message *m)
{
	struct buf *out = link_out(peer->link);

	if (m->frame != NULL)
		buf_add(out, blob_bytes(m->frame));
	else
		rpc_write_notify(out, m->op, rpc_params(m->body));
	link_written(peer->link);
	relieve(proc_node(proc_of(peer)));
}

/* -- the process -- */

/* Whatever is open at the process that ended is answered. */
static void
target_died(struct peer *peer, const struct message *m)
{
	struct reason why = reason_from(m->body);
	struct answer died = { .e = reason_err(&why) };
	const struct slots *incoming = &open_of(peer)->incoming;
	struct target *t;
	uint64_t ref;

	LIST_FOREACH(t, &open_of(peer)->targets, entry)
		if (t->monitor == m->from.ref)
			break;
	if (t != NULL)
		target_free(t);
	died.body = slice_of(err_text(died.e));
	for (uint32_t i = 0; i < incoming->used; i++) {
		const struct incoming *in = slots_value_at(incoming, i, &ref);

		if (in != NULL && in->target.id == m->from.pid.id)
			finish_incoming(peer, ref, &died);
	}
}

/* It was monitored by the far side, wanted such a monitor, or was a target. */
static void
take_local_down(struct peer *peer, const struct message *m)
{
	struct reason why = reason_from(m->body);
	struct given *g = given_find(peer, m->from.ref);
	struct wanted *w;

	LIST_FOREACH(w, &open_of(peer)->wanted, entry)
		if (w->watch == m->from.ref)
			break;
	if (g != NULL) {
		send_node(peer, "node.down", g->ref, why.word);
		given_free(peer, g);
	} else if (w != NULL) {
		wanted_drop(peer, w);
	} else {
		target_died(peer, m);
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
	case MESSAGE_MONITOR:
		send_monitor(peer, m);
		break;
	case MESSAGE_DEMONITOR:
		send_demonitor(peer, m);
		break;
	case MESSAGE_DOWN:
		take_local_down(peer, m);
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

/* The link is over, one way or the other: its policy hears of it once. */
static void
publish(struct peer *peer, const char *what)
{
	struct buf name;

	buf_init(&name);
	term_write_array(&name, 1);
	term_write_cstr(&name, link_node(peer->link));
	reg_publish(proc_node(proc_of(peer)), REG_NODES, slice_of(what),
	    buf_bytes(&name));
	buf_release(&name);
}

static void
let_go(struct peer *peer, enum err e, const char *why)
{
	if (peer->policy->down != NULL)
		peer->policy->down(proc_of(peer), peer->arg, e, why);
	if (peer->was_up)
		publish(peer, "nodedown");
	link_free(peer->link);
	peer->link = NULL;
}

static void
open_free(struct peer *peer)
{
	struct open *o = peer->open;
	struct target *t;
	struct wanted *w;

	while ((t = LIST_FIRST(&o->targets)) != NULL)
		target_free(t);
	while (!LIST_EMPTY(&o->given))
		given_free(peer, LIST_FIRST(&o->given));
	while ((w = LIST_FIRST(&o->wanted)) != NULL) {
		LIST_REMOVE(w, entry);
		free(w);
	}
	slots_release(&o->incoming);
	slots_release(&o->outgoing);
	free(o);
	peer->open = NULL;
}

static void
terminate(struct proc *p, const struct reason *why)
{
	struct peer *peer = proc_state(p);

	(void)why;
	if (peer->link != NULL)
		let_go(peer, E_NOCONNECTION, N_("closed"));
	if (peer->open != NULL)
		open_free(peer);
}

static void
format(struct proc *p, bool texts, struct buf *out)
{
	const struct peer *peer = proc_state(p);
	const struct open *o = peer->open;
	bool up = peer->link != NULL && link_is_up(peer->link);

	(void)texts;
	term_write_map(out, 6);
	term_write_cstr(out, "node");
	term_write_cstr(out, up ? link_node(peer->link) : "");
	term_write_cstr(out, "user");
	term_write_cstr(out, up ? link_user(peer->link) : "");
	term_write_cstr(out, "unsent");
	term_write_uint(out, up ? link_unsent(peer->link) : 0);
	term_write_cstr(out, "incoming");
	term_write_uint(out, o != NULL ? o->incoming.count : 0);
	term_write_cstr(out, "outgoing");
	term_write_uint(out, o != NULL ? o->outgoing.count : 0);
	term_write_cstr(out, "monitors");
	term_write_uint(out, o != NULL ? o->given_count : 0);
}

static const struct behaviour peer_behaviour = {
	.name = "peer",
	.format = format,
	.receive = receive,
	.terminate = terminate,
	.answer = answer,
	.takes_frames = true,
};

/* -- the link's events -- */

static void
on_up(void *owner)
{
	struct peer *peer = owner;

	peer->was_up = true;
	proc_resume(proc_of(peer));
	publish(peer, "nodeup");
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
	proc_suspend(p);
	e = link_new(n, s, config, &link_events, peer, &peer->link);
	if (e != E_OK) {
		proc_exit(p, reason_of("badarg"));
		return e;
	}
	*out = proc_pid(p);
	return E_OK;
}

uint64_t
peer_monitor(struct proc *p, struct pid peer, struct slice name)
{
	uint64_t ref = proc_watch(p, peer, "noconnection");
	struct message *m = message_new(MESSAGE_MONITOR, name, slice_of(""));

	m->from = (struct from){ .pid = p->pid, .ref = ref };
	/* Without a peer the promise is kept already. */
	(void)proc_post(p->node, peer, m);
	return ref;
}

void
peer_demonitor(struct proc *p, struct pid peer, uint64_t ref)
{
	struct message *m =
	    message_new(MESSAGE_DEMONITOR, slice_of(""), slice_of(""));

	proc_demonitor(p, ref);
	m->from = (struct from){ .pid = p->pid, .ref = ref };
	(void)proc_post(p->node, peer, m);
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

bool
peer_is_behind(struct proc *p)
{
	const struct peer *peer = proc_state(p);

	return peer->link != NULL &&
	    (link_is_full(peer->link) || proc_is_busy(p));
}

void
peer_close(struct proc *p, enum err e, const char *text)
{
	struct peer *peer = proc_state(p);

	if (peer->link != NULL)
		link_close(peer->link, e, text);
}

void
peer_abort(struct proc *p, enum err e, const char *text)
{
	struct peer *peer = proc_state(p);

	if (peer->link != NULL)
		link_abort(peer->link, e, text);
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
