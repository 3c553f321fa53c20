/*
 * The happy path is: added, sent at once, answered. Failure modes are: no
 * link (they wait, in order), a link that breaks with writes under way, a
 * server that has no time or no process for them now. Then nothing is sent
 * until each that was under way has ended one way or the other. The first
 * goes again, alone; once it is done, all others.
 */
#include "client/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "client/conn.h"
#include "common/registry.h"
#include "proto/limits.h"
#include "proto/term.h"

enum {
	CLAVE_BYTES = 16,
	/* The machine is asked for random bytes for this many at once. */
	CLAVES = 64,
	AGAIN_MS = 100, /* between two looks at what has to wait */
};

struct write {
	TAILQ_ENTRY(write) entry;
	struct outbox *outbox;
	uint64_t tag;
	uint64_t deadline_ms;
	const char *method;
	uint8_t clave[CLAVE_BYTES];
	enum err e; /* what it ends with, if its time is over now */
	bool sent; /* at least once */
	bool flying; /* a try of it has no answer yet */
	size_t len;
	uint8_t fields[];
};

struct outbox {
	struct proc *self;
	struct outbox_config config;
	TAILQ_HEAD(writes, write) writes; /* not done, in their order */
	struct write *next; /* the first that is not under way */
	uint32_t count;
	uint32_t under_way;
	bool held; /* one has to go again: nothing is sent now */
	bool careful; /* after that: one at a time, until one is done */
	bool ticking;
	uint8_t claves[CLAVES][CLAVE_BYTES];
	uint32_t claves_left;
	struct buf params;
};

static struct outbox *
outbox_of(struct node *n, struct pid pid)
{
	struct proc *p = node_find(n, pid);

	assert(p != NULL);
	return gs_state(p);
}

static bool
may_have_been_done(enum err e)
{
	return e == E_TIMEOUT || e == E_NOCONNECTION || e == E_DIED ||
	    e == E_MALFORMED;
}

/* What another try may mend. */
static bool
is_passing(enum err e)
{
	return e == E_NOCONNECTION || e == E_DIED || e == E_NOPROC ||
	    e == E_OVERLOAD;
}

/* Only who has looked for the key before can answer so. */
static bool
is_of_operation(enum err e)
{
	return e == E_OK || e == E_BADARG || e == E_TOOBIG || e == E_EXISTS ||
	    e == E_STORAGE;
}

/* A fresh one; borrowed until the next. */
static const uint8_t *
take_clave(struct outbox *o)
{
	if (o->claves_left == 0) {
		world_random(node_world(proc_node(o->self)), o->claves,
		    sizeof(o->claves));
		o->claves_left = CLAVES;
	}
	return o->claves[--o->claves_left];
}

/* -- the end of a write -- */

static void
forget(struct outbox *o, struct write *w)
{
	if (o->next == w)
		o->next = TAILQ_NEXT(w, entry);
	TAILQ_REMOVE(&o->writes, w, entry);
	o->count--;
	free(w);
}

static void
finish(struct outbox *o, struct write *w, enum err e, struct slice body)
{
	struct outbox_result r = { .tag = w->tag, .e = e, .body = body };

	forget(o, w);
	o->config.done(o->config.arg, &r);
}

/* The first that has no call of its own to end it; NULL: all have. */
static struct write *
first_idle(const struct outbox *o)
{
	struct write *w;

	TAILQ_FOREACH(w, &o->writes, entry)
		if (!w->flying)
			break;
	return w;
}

/* They all have the same time: the first is the first to be late. */
static void
finish_late(struct outbox *o)
{
	uint64_t now_ms = node_now_ms(proc_node(o->self));
	struct write *w;

	while ((w = first_idle(o)) != NULL && w->deadline_ms <= now_ms)
		finish(o, w, w->e, slice_of(err_text(w->e)));
}

/* -- sending -- */

static uint64_t
left_ms(const struct outbox *o, const struct write *w)
{
	uint64_t now_ms = node_now_ms(proc_node(o->self));

	return w->deadline_ms > now_ms ? w->deadline_ms - now_ms : 1;
}

static struct gs_next answered(struct proc *self, const struct answer *a,
    void *arg);

static void
send_write(struct outbox *o, struct write *w)
{
	struct node *n = proc_node(o->self);
	uint64_t ms = left_ms(o, w);

	buf_clear(&o->params);
	buf_add(&o->params, slice_bytes(w->fields, w->len));
	term_write_map(&o->params, 2);
	term_write_cstr(&o->params, "clave");
	term_write_bin(&o->params, slice_bytes(w->clave, sizeof(w->clave)));
	term_write_cstr(&o->params, "plazo");
	term_write_uint(&o->params, ms);
	w->sent = w->flying = true;
	o->under_way++;
	gs_call(o->self, conn_peer(n, o->config.conn), slice_of(w->method),
	    buf_bytes(&o->params), ms, answered, w);
}

/* Somebody has to look again: for a link, and at the deadline. */
static void
look_again(struct outbox *o)
{
	const struct write *first = first_idle(o);
	uint64_t ms;

	if (first == NULL || o->ticking)
		return;
	ms = left_ms(o, first);
	o->ticking = true;
	proc_send_after(o->self, ms < AGAIN_MS ? ms : AGAIN_MS,
	    slice_of("again"));
}

static void
send_all(struct outbox *o)
{
	struct write *w = o->next;

	if (!o->held && conn_is_up(proc_node(o->self), o->config.conn)) {
		for (; w != NULL && !(o->careful && o->under_way > 0);
		     w = TAILQ_NEXT(w, entry))
			send_write(o, w);
		o->next = w;
	}
	look_again(o);
}

/*
 * A try at the last moment would only turn what is certain into what is
 * not.
 */
static bool
is_too_late(const struct outbox *o)
{
	const struct write *first = TAILQ_FIRST(&o->writes);

	return first != NULL && left_ms(o, first) < AGAIN_MS;
}

static struct gs_next
answered(struct proc *self, const struct answer *a, void *arg)
{
	struct write *w = arg;
	struct outbox *o = w->outbox;

	(void)self;
	w->flying = false;
	o->under_way--;
	if (is_passing(a->e)) {
		if (!may_have_been_done(w->e))
			w->e = a->e;
		o->held = true;
		o->careful = true;
		look_again(o);
		return gs_noreply();
	}
	o->careful = o->careful && o->held;
	if (may_have_been_done(w->e) && !is_of_operation(a->e))
		finish(o, w, w->e, slice_of(err_text(w->e)));
	else
		finish(o, w, a->e, a->body);
	send_all(o);
	return gs_noreply();
}

/* -- the process -- */

/* A link is up, or down, or time has passed. */
static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	struct outbox *o = gs_state(self);

	if (slice_is(m->op, "again"))
		o->ticking = false;
	finish_late(o);
	if (o->under_way > 0) {
		look_again(o);
		return gs_noreply();
	}
	o->held = is_too_late(o);
	o->next = TAILQ_FIRST(&o->writes);
	send_all(o);
	return gs_noreply();
}

static struct gs_next
init(struct proc *self, void *arg)
{
	struct outbox *o = gs_state(self);

	o->self = self;
	o->config = *(const struct outbox_config *)arg;
	TAILQ_INIT(&o->writes);
	buf_init(&o->params);
	reg_subscribe(self, REG_NODES);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct outbox *o = gs_state(self);

	(void)why;
	while (!TAILQ_EMPTY(&o->writes))
		forget(o, TAILQ_FIRST(&o->writes));
	buf_release(&o->params);
}

static const struct gen_server module = {
	.module = "outbox",
	.state_bytes = sizeof(struct outbox),
	.init = init,
	.handle_info = handle_info,
	.terminate = terminate,
};

struct pid
outbox_start(struct node *n, const struct outbox_config *config)
{
	struct outbox_config copy = *config;
	struct pid pid;

	if (gs_start(n, &module, NULL, &copy, &pid) != E_OK)
		abort(); /* it has no name, and its init does not refuse */
	return pid;
}

void
outbox_add(struct node *n, struct pid outbox, const char *method,
    struct slice fields, uint64_t tag)
{
	struct outbox *o = outbox_of(n, outbox);
	struct write *w = malloc(sizeof(*w) + fields.len);

	if (w == NULL)
		abort();
	*w = (struct write){ .outbox = o,
		.tag = tag,
		.deadline_ms = node_now_ms(n) + o->config.timeout_ms,
		.method = method,
		.e = E_UNREACHABLE,
		.len = fields.len };
	memcpy(w->clave, take_clave(o), sizeof(w->clave));
	memcpy(w->fields, fields.bytes, fields.len);
	TAILQ_INSERT_TAIL(&o->writes, w, entry);
	o->count++;
	if (o->next == NULL)
		o->next = w;
	send_all(o);
}

uint32_t
outbox_count(struct node *n, struct pid outbox)
{
	return outbox_of(n, outbox)->count;
}

uint32_t
outbox_drop_unsent(struct node *n, struct pid outbox, uint64_t *first)
{
	struct outbox *o = outbox_of(n, outbox);
	uint32_t before = o->count;
	struct write *w;

	while ((w = TAILQ_LAST(&o->writes, writes)) != NULL && !w->sent) {
		*first = w->tag;
		forget(o, w);
	}
	return before - o->count;
}

static bool
is_empty(void *arg)
{
	const struct outbox *o = arg;

	return o->count == 0;
}

enum err
outbox_run(struct node *n, struct pid outbox)
{
	return node_run_until(n, is_empty, outbox_of(n, outbox), TIMER_NEVER);
}

void
outbox_stop(struct node *n, struct pid outbox)
{
	proc_exit(node_find(n, outbox), reason_of("normal"));
}
