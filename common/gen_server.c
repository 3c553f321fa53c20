/*
 * A server's process state is this head and the module's own state behind
 * it. The happy path is: a message, the callback of its kind, the sentence
 * it ends in. Failure modes are: no callback for the kind (logged, a caller
 * gets undef), gs_stop().
 */
#include "common/gen_server.h"

#include <assert.h>
#include <stdlib.h>

#include "common/lang.h"
#include "common/runtime.h"
#include "proto/rpc.h"
#include "proto/term.h"

struct server {
	const struct gen_server *module;
	bool started; /* init said yes */
	struct pid parent; /* start_link: who ends us with itself */
	uint64_t idle; /* the ref of the idle timeout, 0: none */
	_Alignas(16) uint8_t state[];
};

static const struct behaviour gen_server;

static struct server *
server_of(struct proc *p)
{
	return (struct server *)(void *)p->state;
}

void *
gs_state(struct proc *self)
{
	return server_of(self)->state;
}

struct buf *
gs_answer(struct proc *self)
{
	buf_clear_behind(&self->node->answer, RPC_RESULT_HEAD);
	return &self->node->answer;
}

struct gs_next
gs_reply(struct proc *self)
{
	return (struct gs_next){ .verb = GS_REPLY,
		.body = buf_bytes(&self->node->answer) };
}

struct gs_next
gs_error(enum err e, const char *text)
{
	return (struct gs_next){ .verb = GS_ERROR,
		.e = e,
		.body = slice_of(text != NULL ? text : err_text(e)) };
}

struct gs_next
gs_noreply(void)
{
	return (struct gs_next){ .verb = GS_NOREPLY };
}

struct gs_next
gs_stop(const char *word)
{
	return (struct gs_next){ .verb = GS_STOP, .word = word };
}

struct gs_next
gs_stop_reply(struct proc *self, const char *word)
{
	struct gs_next next = gs_reply(self);

	next.verb = GS_STOP_REPLY;
	next.word = word;
	return next;
}

struct gs_next
gs_ignore(void)
{
	return (struct gs_next){ .verb = GS_IGNORE };
}

struct gs_next
gs_idle(struct gs_next next, uint64_t ms)
{
	next.idle_ms = ms;
	return next;
}

struct gs_next
gs_then(struct gs_next next, const char *what)
{
	next.then = what;
	return next;
}

/* -- one message -- */

static void
say_unknown(struct proc *p, const struct message *m, const char *format)
{
	const struct server *s = server_of(p);

	log_limited(p->node->log, &p->node->drop_log, LOG_WARN,
	    s->module->module, gettext(format),
	    m->op.len > 64 ? 64 : (int)m->op.len, (const char *)m->op.bytes);
}

static struct gs_next
dispatch_call(struct proc *p, const struct message *m)
{
	const struct server *s = server_of(p);

	if (m->deadline_ms != 0 && node_now_ms(p->node) > m->deadline_ms)
		return gs_error(E_TIMEOUT, NULL);
	if (s->module->handle_call == NULL)
		return gs_error(E_UNDEF, NULL);
	return s->module->handle_call(p, m);
}

static struct gs_next
dispatch_cast(struct proc *p, const struct message *m)
{
	const struct server *s = server_of(p);

	if (s->module->handle_cast != NULL)
		return s->module->handle_cast(p, m);
	say_unknown(p, m, N_("no use for a cast: %.*s"));
	return gs_noreply();
}

static struct gs_next
dispatch_info(struct proc *p, const struct message *m)
{
	const struct server *s = server_of(p);

	if (s->module->handle_info != NULL)
		return s->module->handle_info(p, m);
	say_unknown(p, m, N_("no use for a message: %.*s"));
	return gs_noreply();
}

static struct gs_next
dispatch_answer(struct proc *p, const struct message *m)
{
	struct answer a = { .e = m->e, .body = m->body };

	return ((gs_then_fn *)m->then)(p, &a, m->arg);
}

static bool
is_parent(struct proc *p, struct pid pid)
{
	return pid.id != 0 && pid.id == server_of(p)->parent.id;
}

static struct gs_next
dispatch(struct proc *p, const struct message *m)
{
	switch (m->kind) {
	case MESSAGE_CALL:
		return dispatch_call(p, m);
	case MESSAGE_CAST:
		return dispatch_cast(p, m);
	case MESSAGE_EXIT:
		if (is_parent(p, m->from.pid))
			break;
		return dispatch_info(p, m);
	case MESSAGE_INFO:
	case MESSAGE_DOWN:
		return dispatch_info(p, m);
	case MESSAGE_ANSWER:
		return dispatch_answer(p, m);
	case MESSAGE_MONITOR:
	case MESSAGE_DEMONITOR:
		return gs_noreply(); /* for peers */
	case MESSAGE_STOP:
		break;
	}
	proc_exit(p, reason_from(m->body));
	return gs_noreply();
}

/* A cast that went wrong has nobody to tell but the log. */
void
gs_finish(struct proc *self, struct from to, const struct answer *a)
{
	if (to.ref != 0)
		proc_answer(self->node, to, a);
	else if (a->e != E_OK)
		log_limited(self->node->log, &self->node->drop_log, LOG_WARN,
		    server_of(self)->module->module, _("a cast failed: %.*s"),
		    (int)a->body.len, (const char *)a->body.bytes);
}

static void
tell(struct proc *p, const struct message *m, const struct gs_next *next)
{
	struct answer a = { .e = next->e, .body = next->body };
	struct from nobody = { .ref = 0 };

	gs_finish(p, m->kind == MESSAGE_CALL ? m->from : nobody, &a);
}

static bool
is_answer(const struct gs_next *next)
{
	return next->verb == GS_REPLY || next->verb == GS_ERROR ||
	    next->verb == GS_STOP_REPLY;
}

static void
start_idle(struct proc *p, uint64_t ms)
{
	if (ms > 0)
		server_of(p)->idle =
		    proc_send_after(p, ms, slice_of("timeout"));
}

/* A message came: there is no idle timeout, unless it is this one. */
static void
stop_idle(struct proc *p, const struct message *m)
{
	struct server *s = server_of(p);
	bool is_it = m->kind == MESSAGE_INFO && m->from.ref == s->idle;

	if (!is_it && !proc_cancel(p, s->idle))
		proc_flush(p, MESSAGE_INFO, s->idle);
	s->idle = 0;
}

/* Does what a callback decided, and what it wanted done next. */
static void
follow(struct proc *p, const struct message *m, struct gs_next next)
{
	const struct server *s = server_of(p);

	for (;;) {
		if (m != NULL && is_answer(&next))
			tell(p, m, &next);
		if (next.verb == GS_STOP || next.verb == GS_STOP_REPLY)
			proc_exit(p, reason_of(next.word));
		else if (next.verb == GS_IGNORE) /* says only init */
			proc_exit(p, reason_of("bad_return_value"));
		if (p->ending)
			return;
		if (next.then == NULL) {
			start_idle(p, next.idle_ms);
			return;
		}
		assert(s->module->handle_continue != NULL);
		next = s->module->handle_continue(p, next.then);
		m = NULL;
	}
}

static void
receive(struct proc *p, struct message *m)
{
	if (server_of(p)->idle != 0)
		stop_idle(p, m);
	follow(p, m, dispatch(p, m));
}

static void
terminate(struct proc *p, const struct reason *why)
{
	const struct server *s = server_of(p);

	if (s->started && s->module->terminate != NULL)
		s->module->terminate(p, why);
	if (s->started && !reason_is(why, "normal") &&
	    !reason_is(why, "shutdown"))
		log_line(p->node->log, LOG_ERROR, s->module->module,
		    _("ended: %s"), why->word);
}

static void
format(struct proc *p, bool texts, struct buf *out)
{
	const struct server *s = server_of(p);

	if (s->module->format_status != NULL)
		s->module->format_status(p, texts, out);
	else
		term_write_nil(out);
}

static const struct behaviour gen_server = {
	.name = "gen_server",
	.format = format,
	.receive = receive,
	.terminate = terminate,
};

/* -- starting and stopping -- */

static struct gs_next
continue_then(struct proc *self, const struct answer *a, void *arg)
{
	(void)self;
	(void)a;
	return gs_then(gs_noreply(), arg);
}

/* Init's continue: in the server's own turn, before any other message. */
static void
continue_later(struct proc *p, const char *what)
{
	struct message *m =
	    message_new(MESSAGE_ANSWER, slice_of(""), slice_of(""));

	m->then = (then_fn *)continue_then;
	m->arg = (void *)(uintptr_t)what;
	proc_post_first(p, m);
}

/* Why a server ends that init did not start. */
static struct reason
why_not(const struct gs_next *next)
{
	if (next->verb == GS_STOP)
		return reason_of(next->word);
	return reason_of(
	    next->verb == GS_IGNORE ? "normal" : "bad_return_value");
}

enum err
gs_start_under(struct node *n, struct proc *parent,
    const struct gen_server *module, const char *name, void *arg,
    struct pid *out)
{
	struct proc *p, *outer = n->running;
	struct gs_next next;

	*out = (struct pid){ 0 };
	if (name != NULL)
		*out = node_whereis(n, slice_of(name));
	if (out->id != 0)
		return E_EXISTS;
	p = proc_spawn(n, &gen_server,
	    sizeof(struct server) + module->state_bytes);
	server_of(p)->module = module;
	if (name != NULL && proc_register(p, name) != E_OK)
		abort(); /* it was free a moment ago */
	n->running = p;
	next = module->init != NULL ? module->init(p, arg) : gs_noreply();
	n->running = outer;
	if (next.verb != GS_NOREPLY) {
		proc_end(p, why_not(&next));
		return next.verb == GS_IGNORE ? E_OK : E_DIED;
	}
	server_of(p)->started = true;
	*out = p->pid;
	if (parent != NULL) {
		server_of(p)->parent = parent->pid;
		proc_link(p, parent->pid);
	}
	start_idle(p, next.idle_ms);
	if (next.then != NULL)
		continue_later(p, next.then);
	return E_OK;
}

enum err
gs_start(struct node *n, const struct gen_server *module, const char *name,
    void *arg, struct pid *out)
{
	return gs_start_under(n, NULL, module, name, arg, out);
}

enum err
gs_start_link(struct proc *parent, const struct gen_server *module,
    const char *name, void *arg, struct pid *out)
{
	return gs_start_under(parent->node, parent, module, name, arg, out);
}

/* A process, and whether it has ended. */
struct ending {
	const struct node *node;
	struct pid pid;
};

static bool
has_ended(void *arg)
{
	const struct ending *e = arg;

	return node_find(e->node, e->pid) == NULL;
}

enum err
gs_stop_wait(struct node *n, struct pid pid, const char *word,
    uint64_t timeout_ms)
{
	struct ending ending = { .node = n, .pid = pid };

	if (has_ended(&ending))
		return E_NOPROC;
	gs_stop_pid(n, pid, word);
	return node_run_until(n, has_ended, &ending, timeout_ms);
}

void
gs_stop_pid(struct node *n, struct pid pid, const char *word)
{
	/* Nothing to say to one that has ended. */
	(void)proc_post(n, pid,
	    message_take(&n->spares, MESSAGE_STOP, slice_of(""),
		slice_of(word)));
}

/* -- asking -- */

uint64_t
gs_call(struct proc *self, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, gs_then_fn *then, void *arg)
{
	return proc_call(self, target, op, params, timeout_ms, (then_fn *)then,
	    arg);
}

struct waiter {
	bool there;
	enum err e;
	struct buf *body;
};

static struct gs_next
waiter_init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

static struct gs_next
waiter_then(struct proc *self, const struct answer *a, void *arg)
{
	struct waiter *w = arg;

	(void)self;
	w->there = true;
	w->e = a->e;
	if (w->body != NULL)
		buf_add(w->body, a->body);
	return gs_stop("normal");
}

enum err
gs_call_wait(struct node *n, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, struct buf *body)
{
	static const struct gen_server waiter = { .module = "waiter",
		.init = waiter_init };
	struct waiter w = { .body = body };
	struct pid pid;

	assert(!n->turning && n->running == NULL);
	if (gs_start(n, &waiter, NULL, NULL, &pid) != E_OK)
		return E_DIED;
	gs_call(node_find(n, pid), target, op, params, timeout_ms, waiter_then,
	    &w);
	while (!w.there)
		if (world_step(n->world) != E_OK) {
			proc_end(node_find(n, pid), reason_of("normal"));
			return E_NOCONNECTION;
		}
	return w.e;
}

enum err
gs_call_name(struct node *n, const char *name, const char *op,
    struct slice params, struct buf *body)
{
	return gs_call_wait(n, node_whereis(n, slice_of(name)), slice_of(op),
	    params, LIMIT_CALL_MS, body);
}

enum err
gs_cast_name(struct node *n, const char *name, const char *op,
    struct slice params)
{
	return proc_cast(n, node_whereis(n, slice_of(name)), slice_of(op),
	    params);
}
