/*
 * The happy path is: a message is posted, the process is scheduled, its
 * turn hands the message to its behaviour, the message is freed.
 *
 * Failure modes are: nobody has that pid (the message is freed, a caller
 * learns noproc), a full mailbox (overload), an end while others wait (all
 * who watch or call are told, once).
 */
#include "common/proc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/runtime.h"
#include "proto/term.h"

/* Messages that wait for a turn, from which on it should come soon. */
enum { HURRY = 64 };

struct proc *
proc_spawn(struct node *n, const struct behaviour *b, size_t state_bytes)
{
	struct proc *p = calloc(1, sizeof(*p) + state_bytes);

	if (p == NULL)
		abort();
	p->node = n;
	p->behaviour = b;
	p->started_ms = node_now_ms(n);
	LIST_INIT(&p->watchers);
	LIST_INIT(&p->watching);
	LIST_INIT(&p->bonds);
	LIST_INIT(&p->subscriptions);
	p->pid.id = slots_add(&n->procs, p);
	return p;
}

static struct proc_extra *
extra(struct proc *p)
{
	struct proc_extra *x = p->extra;

	if (x != NULL)
		return x;
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		abort();
	TAILQ_INIT(&x->when_idle);
	p->extra = x;
	return x;
}

struct node *
proc_node(const struct proc *p)
{
	return p->node;
}

struct pid
proc_pid(const struct proc *p)
{
	return p->pid;
}

void *
proc_state(struct proc *p)
{
	return p->state;
}

struct proc *
proc_of_state(void *state)
{
	return (struct proc *)((uint8_t *)state - offsetof(struct proc, state));
}

enum err
proc_register(struct proc *p, const char *name)
{
	if (proc_name(p)[0] != '\0' || name[0] == '\0')
		return E_BADARG;
	if (table_find(&p->node->names, slice_of(name)) != NULL)
		return E_EXISTS;
	extra(p)->name = strdup(name);
	if (p->extra->name == NULL)
		abort();
	table_add(&p->node->names, p);
	return E_OK;
}

const char *
proc_name(const struct proc *p)
{
	const struct proc_extra *x = p->extra;

	return x != NULL && x->name != NULL ? x->name : "";
}

void
proc_exit(struct proc *p, struct reason why)
{
	if (p->ending)
		return;
	p->ending = true;
	extra(p)->why = why;
	node_schedule(p->node, p);
}

bool
proc_is_ending(const struct proc *p)
{
	return p->ending;
}

void
proc_suspend(struct proc *p)
{
	p->suspended = true;
}

void
proc_resume(struct proc *p)
{
	p->suspended = false;
	node_schedule(p->node, p);
}

uint32_t
proc_mailbox(const struct proc *p)
{
	return p->mailbox;
}

uint64_t
proc_handled(const struct proc *p)
{
	return p->handled;
}

/* -- mailbox -- */

static void
put_first(struct proc *p, struct message *m)
{
	if (p->mailbox == 0)
		p->last = m;
	else
		m->next = p->last->next;
	p->last->next = m;
	p->mailbox += m->count;
}

static void
enqueue(struct proc *p, struct message *m)
{
	put_first(p, m);
	p->last = m;
	node_schedule(p->node, p);
	if (++p->node->posted == HURRY)
		p->node->world->hurry = true;
}

void
proc_post_first(struct proc *p, struct message *m)
{
	put_first(p, m);
	node_schedule(p->node, p);
}

static struct message *
take_after(struct proc *p, struct message *before)
{
	struct message *m = before->next;

	before->next = m->next;
	if (m == p->last)
		p->last = before;
	p->mailbox -= m->count;
	return m;
}

static struct message *
dequeue(struct proc *p)
{
	return take_after(p, p->last);
}

/* Answers, DOWN and timers are bounded by the receiver's own refs. */
static bool
is_refused(const struct proc *p, const struct message *m)
{
	if (p->mailbox < LIMIT_MAILBOX || m->credit != NULL)
		return false;
	return m->kind == MESSAGE_CALL || m->kind == MESSAGE_CAST ||
	    m->kind == MESSAGE_INFO;
}

enum err
proc_post(struct node *n, struct pid pid, struct message *m)
{
	struct proc *p = node_find(n, pid);
	enum err e = E_OK;

	if (p == NULL)
		e = E_NOPROC;
	else if (is_refused(p, m))
		e = E_OVERLOAD;
	else
		enqueue(p, m);
	if (e != E_OK)
		message_free(m);
	return e;
}

static void
count_drop(struct node *n, struct pid to, struct slice op, enum err e)
{
	const struct proc *p = node_find(n, to);

	n->dropped++;
	log_limited(n->log, &n->drop_log, LOG_WARN,
	    p != NULL ? proc_name(p) : "node",
	    _("dropped a message, %.*s: %s (%llu so far)"),
	    op.len > 64 ? 64 : (int)op.len, (const char *)op.bytes,
	    gettext(err_text(e)), (unsigned long long)n->dropped);
}

enum err
proc_deliver(struct node *n, struct pid to, struct message *m, struct slice op)
{
	enum err e = proc_post(n, to, m);

	if (e != E_OK)
		count_drop(n, to, op, e);
	return e;
}

static enum err
send_kind(struct node *n, struct pid to, enum message_kind kind,
    struct slice op, struct slice body)
{
	return proc_deliver(n, to, message_take(&n->spares, kind, op, body),
	    op);
}

enum err
proc_cast(struct node *n, struct pid to, struct slice op, struct slice params)
{
	return send_kind(n, to, MESSAGE_CAST, op, params);
}

enum err
proc_send(struct node *n, struct pid to, struct slice op, struct slice body)
{
	return send_kind(n, to, MESSAGE_INFO, op, body);
}

bool
proc_is_busy(const struct proc *p)
{
	return p->mailbox > LIMIT_MAILBOX / 2;
}

void
proc_when_idle(struct proc *p, struct hook *h)
{
	if (proc_is_busy(p))
		hook_queue(&extra(p)->when_idle, h);
	else
		node_later(p->node, h);
}

static void
release_idle(struct proc *p)
{
	struct hook *h;

	if (p->extra == NULL)
		return;
	while ((h = TAILQ_FIRST(&p->extra->when_idle)) != NULL) {
		hook_cancel(h);
		node_later(p->node, h);
	}
}

/* -- looking inside -- */

struct trace {
	struct pid to;
	const char *op;
	uint64_t second; /* of the node's clock */
	uint32_t told; /* in it */
	uint64_t lost; /* since the last one that was told */
};

static const char *const kinds[] = {
	[MESSAGE_CALL] = "call",
	[MESSAGE_CAST] = "cast",
	[MESSAGE_INFO] = "info",
	[MESSAGE_ANSWER] = "answer",
	[MESSAGE_DOWN] = "down",
	[MESSAGE_EXIT] = "exit",
	[MESSAGE_MONITOR] = "monitor",
	[MESSAGE_DEMONITOR] = "demonitor",
	[MESSAGE_STOP] = "stop",
};

static void
tell(struct proc *p, const char *kind, struct slice op, size_t bytes)
{
	struct trace *t = p->extra->trace;
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 5);
	term_write_cstr(&params, proc_name(p));
	term_write_cstr(&params, kind);
	term_write_str(&params, op);
	term_write_uint(&params, bytes);
	term_write_uint(&params, t->lost);
	(void)proc_cast(p->node, t->to, slice_of(t->op), buf_bytes(&params));
	buf_release(&params);
	t->lost = 0;
}

static void
trace(struct proc *p, const struct message *m)
{
	struct trace *t = p->extra->trace;
	const struct proc *to = node_find(p->node, t->to);

	if (to == NULL) {
		proc_untrace(p);
		return;
	}
	if (m->kind == MESSAGE_CAST && slice_is(m->op, t->op))
		return; /* it, too, would have to be told */
	if (t->second != p->node->now_ms / 1000) {
		t->second = p->node->now_ms / 1000;
		t->told = 0;
	}
	if (t->told >= PROC_TRACE_PER_S || to->mailbox >= LIMIT_BATCH) {
		t->lost++;
		return;
	}
	t->told++;
	tell(p, kinds[m->kind], m->op, m->body.len);
	t->lost += m->count - 1; /* it waited when the trace began */
}

static void
trace_end(struct proc *p, const struct reason *why)
{
	if (proc_tracer(p).id != 0)
		tell(p, "end", slice_of(why->word), 0);
	proc_untrace(p);
}

void
proc_trace(struct proc *p, struct pid to, const char *op)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	*t = (struct trace){ .to = to, .op = op };
	proc_untrace(p);
	extra(p)->trace = t;
}

bool
proc_is_traced(const struct proc *p)
{
	return p->extra != NULL && p->extra->trace != NULL;
}

static struct trace *
trace_of(const struct proc *p)
{
	return p->extra != NULL ? p->extra->trace : NULL;
}

uint64_t
proc_untrace(struct proc *p)
{
	struct trace *t = trace_of(p);
	uint64_t lost;

	if (t == NULL)
		return 0;
	lost = t->lost;
	p->extra->trace = NULL;
	free(t);
	return lost;
}

struct pid
proc_tracer(const struct proc *p)
{
	const struct trace *t = trace_of(p);
	struct pid nobody = { 0 };

	return t != NULL && node_find(p->node, t->to) != NULL ? t->to : nobody;
}

const char *
proc_kind(const struct proc *p)
{
	return p->behaviour->name;
}

uint64_t
proc_age_ms(const struct proc *p)
{
	return node_now_ms(p->node) - p->started_ms;
}

void
proc_format(struct proc *p, bool texts, struct buf *out)
{
	if (p->behaviour->format != NULL)
		p->behaviour->format(p, texts, out);
	else
		term_write_nil(out);
}

/* -- turns -- */

static void
handle(struct proc *p, struct message *m)
{
	p->handled += m->count;
	if (proc_is_traced(p))
		trace(p, m);
	p->node->running = p;
	p->behaviour->receive(p, m);
	p->node->running = NULL;
	message_spare(&p->node->spares, m);
}

uint32_t
proc_run(struct proc *p)
{
	uint32_t n = 0;

	while (
	    n < LIMIT_BATCH && p->mailbox > 0 && !p->ending && !p->suspended) {
		struct message *m = dequeue(p);

		n += m->count;
		handle(p, m);
	}
	if (p->ending) {
		proc_end(p, p->extra->why);
		return n + 1;
	}
	if (!proc_is_busy(p))
		release_idle(p);
	node_schedule(p->node, p);
	return n;
}

/* -- refs: monitors, calls, timers of one process -- */

static struct monitor *
ref_new(struct proc *p, enum ref_kind kind)
{
	/* Not calloc(): glibc's has no cache. */
	struct monitor *w = malloc(sizeof(*w));

	if (w == NULL)
		abort();
	*w = (struct monitor){ .kind = kind, .watcher = p };
	w->ref = slots_add(&p->node->refs, w);
	LIST_INSERT_HEAD(&p->watching, w, by_watcher);
	return w;
}

/* The ref is used up: it finds nothing any more. */
static void
forget(struct monitor *w)
{
	struct node *n = w->watcher->node;

	slots_take(&n->refs, w->ref);
	timer_stop(&n->timers, &w->timer);
	LIST_REMOVE(w, by_watcher);
	if (w->target != NULL)
		LIST_REMOVE(w, by_target);
	if (w->message != NULL)
		message_spare(&n->spares, w->message);
	free(w);
}

/* The ref, if it is one of p's and of that kind. */
static struct monitor *
ref_find(const struct proc *p, uint64_t ref, enum ref_kind kind)
{
	struct monitor *w = slots_find(&p->node->refs, ref);

	return w != NULL && w->watcher == p && w->kind == kind ? w : NULL;
}

static void
watch(struct monitor *w, struct proc *target)
{
	w->target = target;
	LIST_INSERT_HEAD(&target->watchers, w, by_target);
}

/* Keeps the promise of a monitor. */
static void
post_down(struct monitor *w, struct pid target, const struct reason *why)
{
	struct message *m =
	    message_new(MESSAGE_DOWN, slice_of(""), slice_of(why->word));

	m->from = (struct from){ .pid = target, .ref = w->ref };
	enqueue(w->watcher, m);
	forget(w);
}

uint64_t
proc_watch(struct proc *p, struct pid target, const char *gone)
{
	struct monitor *w = ref_new(p, REF_MONITOR);
	struct proc *t = node_find(p->node, target);
	struct reason why = reason_of(gone);
	uint64_t ref = w->ref;

	if (t != NULL)
		watch(w, t);
	else
		post_down(w, target, &why);
	return ref;
}

void
proc_down(struct node *n, struct from to, struct pid pid,
    const struct reason *why)
{
	struct proc *p = node_find(n, to.pid);
	struct monitor *w = p != NULL ? ref_find(p, to.ref, REF_MONITOR) : NULL;

	if (w != NULL)
		post_down(w, pid, why);
}

uint64_t
proc_monitor(struct proc *p, struct pid target)
{
	return proc_watch(p, target, "noproc");
}

/* Takes the DOWN or the answer of a ref out of the mailbox. */
void
proc_flush(struct proc *p, enum message_kind kind, uint64_t ref)
{
	struct message *m, *before = p->last;

	if (p->mailbox == 0)
		return;
	do {
		m = before->next;
		if (m->kind == kind && m->from.ref == ref) {
			message_free(take_after(p, before));
			return;
		}
		before = m;
	} while (m != p->last);
}

void
proc_demonitor(struct proc *p, uint64_t ref)
{
	struct monitor *w = ref_find(p, ref, REF_MONITOR);

	if (w != NULL)
		forget(w);
	else
		proc_flush(p, MESSAGE_DOWN, ref);
}

/* -- OTP's links -- */

static struct bond_end *
bond_find(const struct proc *p, struct pid other)
{
	struct bond_end *b;

	LIST_FOREACH(b, &p->bonds, entry)
		if (b->other->pid.id == other.id)
			return b;
	return NULL;
}

static void
bond_tie(struct bond_end *b, struct proc *here, struct proc *other)
{
	b->other = other;
	LIST_INSERT_HEAD(&here->bonds, b, entry);
}

/* By its end at p. */
static void
bond_free(struct proc *p, struct bond_end *at)
{
	bool first = p->pid.id < at->other->pid.id;
	struct bond *b = first ? CONTAINER_OF(at, struct bond, ends[0]) :
				 CONTAINER_OF(at, struct bond, ends[1]);

	LIST_REMOVE(&b->ends[0], entry);
	LIST_REMOVE(&b->ends[1], entry);
	free(b);
}

void
proc_link(struct proc *p, struct pid other)
{
	struct proc *o = node_find(p->node, other);
	bool first = p->pid.id < other.id;
	struct bond *b;

	if (o == NULL) {
		proc_signal(p->node, p->pid, other, reason_of("noproc"));
		return;
	}
	if (o == p || bond_find(p, other) != NULL)
		return;
	b = malloc(sizeof(*b));
	if (b == NULL)
		abort();
	bond_tie(&b->ends[first ? 0 : 1], p, o);
	bond_tie(&b->ends[first ? 1 : 0], o, p);
}

void
proc_unlink(struct proc *p, struct pid other)
{
	struct bond_end *b = bond_find(p, other);

	if (b != NULL)
		bond_free(p, b);
}

void
proc_trap_exits(struct proc *p, bool on)
{
	p->traps_exits = on;
}

/* An exit signal that can be trapped. */
static void
take_signal(struct proc *p, struct pid from, const struct reason *why)
{
	if (p->traps_exits) {
		struct message *m = message_new(MESSAGE_EXIT, slice_of(""),
		    slice_of(why->word));

		m->from.pid = from;
		enqueue(p, m);
	} else if (!reason_is(why, "normal")) {
		proc_exit(p, *why);
	}
}

void
proc_signal(struct node *n, struct pid to, struct pid from, struct reason why)
{
	struct proc *p = node_find(n, to);

	if (p == NULL)
		return;
	if (reason_is(&why, "kill"))
		proc_exit(p, reason_of("killed"));
	else
		take_signal(p, from, &why);
}

/*
 * p has ended: whom it was linked to learns it. Only proc_signal() kills: a
 * process that ended with the reason kill does not, as in OTP.
 */
static void
signal_bonds(struct proc *p, const struct reason *why)
{
	struct bond_end *b;

	while ((b = LIST_FIRST(&p->bonds)) != NULL) {
		struct proc *to = b->other;

		bond_free(p, b);
		take_signal(to, p->pid, why);
	}
}

/* -- calls -- */

/* The first to come closes the call; the answer is on its way then. */
static void
close_call(struct monitor *w, enum err e, struct slice body)
{
	struct message *m = message_take(&w->watcher->node->spares,
	    MESSAGE_ANSWER, slice_of(""), body);

	m->e = e;
	m->from = (struct from){ .pid = w->watcher->pid, .ref = w->ref };
	m->then = w->then;
	m->arg = w->arg;
	enqueue(w->watcher, m);
	forget(w);
}

static void
call_failed(struct monitor *w, enum err e)
{
	close_call(w, e, slice_of(err_text(e)));
}

static void
call_timeout(void *arg)
{
	call_failed(arg, E_TIMEOUT);
}

uint64_t
proc_call(struct proc *p, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, then_fn *then, void *arg)
{
	struct monitor *w = ref_new(p, REF_CALL);
	struct proc *t = node_find(p->node, target);
	struct message *m;
	uint64_t ref = w->ref;
	enum err e;

	w->then = then;
	w->arg = arg;
	if (t == NULL) {
		call_failed(w, E_NOPROC);
		return ref;
	}
	m = message_take(&p->node->spares, MESSAGE_CALL, op, params);
	m->from = (struct from){ .pid = p->pid, .ref = ref };
	e = proc_post(p->node, target, m);
	if (e != E_OK) {
		call_failed(w, e);
		return ref;
	}
	watch(w, t);
	timer_init(&w->timer, call_timeout, w);
	node_timer(p->node, &w->timer, timeout_ms);
	return ref;
}

void
proc_forget(struct proc *p, uint64_t ref)
{
	struct monitor *w = ref_find(p, ref, REF_CALL);

	if (w != NULL)
		forget(w);
	else
		proc_flush(p, MESSAGE_ANSWER, ref);
}

void
proc_answer(struct node *n, struct from to, const struct answer *a)
{
	struct proc *p = node_find(n, to.pid);
	struct monitor *w;

	if (p == NULL)
		return;
	w = ref_find(p, to.ref, REF_CALL);
	if (w != NULL)
		close_call(w, a->e, a->body);
	else if (p->behaviour->answer != NULL)
		p->behaviour->answer(p, to.ref, a);
}

/* -- messages to oneself -- */

static void
after_due(void *arg)
{
	struct monitor *w = arg;

	enqueue(w->watcher, w->message);
	w->message = NULL;
	forget(w);
}

uint64_t
proc_send_after(struct proc *p, uint64_t ms, struct slice op)
{
	struct monitor *w = ref_new(p, REF_AFTER);

	w->message =
	    message_take(&p->node->spares, MESSAGE_INFO, op, slice_of(""));
	w->message->from.ref = w->ref;
	timer_init(&w->timer, after_due, w);
	node_timer(p->node, &w->timer, ms);
	return w->ref;
}

bool
proc_cancel(struct proc *p, uint64_t ref)
{
	struct monitor *w = ref_find(p, ref, REF_AFTER);

	if (w == NULL)
		return false;
	forget(w);
	return true;
}

/* -- the end -- */

static void
tell_watchers(struct proc *p, const struct reason *why)
{
	struct monitor *w;

	while ((w = LIST_FIRST(&p->watchers)) != NULL) {
		if (w->kind == REF_CALL)
			call_failed(w, reason_err(why));
		else
			post_down(w, p->pid, why);
	}
}

static void
extra_free(struct proc *p)
{
	if (p->extra == NULL)
		return;
	free(p->extra->name);
	free(p->extra);
	p->extra = NULL;
}

void
proc_end(struct proc *p, struct reason why)
{
	struct node *n = p->node;
	struct monitor *w;

	p->ending = true;
	if (p->queued)
		TAILQ_REMOVE(&n->runnable, p, entry);
	p->queued = true; /* never scheduled again */
	if (p->behaviour->terminate != NULL)
		p->behaviour->terminate(p, &why);
	trace_end(p, &why);
	if (proc_name(p)[0] != '\0')
		table_take(&n->names, slice_of(proc_name(p)));
	slots_take(&n->procs, p->pid.id);
	reg_leave(p);
	signal_bonds(p, &why);
	tell_watchers(p, &why);
	while ((w = LIST_FIRST(&p->watching)) != NULL)
		forget(w);
	while (p->mailbox > 0)
		message_free(dequeue(p));
	release_idle(p);
	extra_free(p);
	TAILQ_INSERT_TAIL(&n->dead, p, entry);
}
