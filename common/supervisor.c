/*
 * A supervisor traps exits and is a behaviour of its own, because it stops
 * its children before it ends, which takes time. It is in one of two modes:
 * running, or stopping a range of children from the last one back; then it
 * either starts that range again or ends.
 */
#include "common/supervisor.h"

#include <stdlib.h>

#include "common/lang.h"
#include "common/runtime.h"
#include "common/table.h"
#include "proto/term.h"

/* How a child is started, again and again. */
struct recipe {
	enum err (*start)(struct proc *parent, void *arg, struct pid *out);
	void *arg;
	uint32_t restarts;
};

/* There may be many temporary ones, which leave out what they do not need. */
struct child {
	TAILQ_ENTRY(child) entry; /* in the order of start */
	struct pid pid; /* id 0: not running */
	const char *id;
	uint64_t grace; /* the ref of the timer that kills it, 0: none */
	uint32_t grace_ms;
	enum sup_restart restart : 8;
	bool told : 1; /* to end, whatever for */
	bool leaving : 1; /* told to end for good */
	bool failed : 1; /* to be started again, in a turn of its own */
	struct recipe again[]; /* one; none if temporary */
};

TAILQ_HEAD(children, child);

struct sup {
	enum sup_strategy strategy;
	uint32_t intensity;
	uint32_t period_ms;
	struct pid parent;
	struct children children;
	struct table by_pid;
	uint64_t *restarted_ms; /* the last intensity + 1, a ring */
	uint64_t restarts;
	bool stopping;
	struct child *from; /* stopping: it and all after it; NULL: all */
	bool ending; /* and then end, instead of starting them again */
	struct reason why;
};

static const struct behaviour sup_behaviour;

static struct slice
child_key(const void *thing)
{
	const struct child *c = thing;

	return slice_bytes(&c->pid, sizeof(c->pid));
}

static struct child *
child_find(const struct sup *s, struct pid pid)
{
	return table_find(&s->by_pid, slice_bytes(&pid, sizeof(pid)));
}

/* -- starting -- */

static enum err
child_start(struct proc *p, struct child *c, const struct recipe *how)
{
	struct sup *s = proc_state(p);
	struct pid pid = { 0 };
	enum err e;

	c->failed = false;
	e = how->start(p, how->arg, &pid);
	if (e != E_OK || pid.id == 0)
		return e;
	c->pid = pid;
	table_add(&s->by_pid, c);
	return E_OK;
}

static struct child *
child_new(struct sup *s, const struct sup_child *spec, const struct recipe *how)
{
	bool kept = spec->restart != SUP_TEMPORARY;
	struct child *c = malloc(sizeof(*c) + (kept ? sizeof(*how) : 0));

	if (c == NULL)
		abort();
	*c = (struct child){ .id = spec->id != NULL ? spec->id : "",
		.restart = spec->restart,
		.grace_ms =
		    spec->grace_ms != 0 ? spec->grace_ms : SUP_GRACE_MS };
	if (kept)
		c->again[0] = *how;
	TAILQ_INSERT_TAIL(&s->children, c, entry);
	return c;
}

/* It does not run any more; it is still known. */
static void
child_gone(struct proc *p, struct child *c)
{
	struct sup *s = proc_state(p);

	proc_cancel(p, c->grace);
	c->grace = 0;
	c->told = false;
	if (c->pid.id != 0)
		table_take(&s->by_pid, child_key(c));
	c->pid.id = 0;
}

static void
child_forget(struct sup *s, struct child *c)
{
	TAILQ_REMOVE(&s->children, c, entry);
	free(c);
}

/* -- stopping -- */

/* One that unlinked itself would end unheard. */
static void
stay_linked(struct proc *p, struct pid pid)
{
	struct proc *child = node_find(p->node, pid);

	if (child != NULL)
		proc_link(child, p->pid);
	else
		proc_link(p, pid); /* which says noproc */
}

/* Asks a child to end. True when it has ended already. */
static bool
child_stop(struct proc *p, struct child *c)
{
	if (c->pid.id == 0)
		return true;
	if (c->told)
		return false;
	c->told = true;
	stay_linked(p, c->pid);
	if (c->grace_ms == SUP_KILL) {
		proc_signal(p->node, c->pid, p->pid, reason_of("kill"));
		return false;
	}
	proc_signal(p->node, c->pid, p->pid, reason_of("shutdown"));
	if (c->grace_ms != SUP_INFINITY)
		c->grace = proc_send_after(p, c->grace_ms, slice_of("grace"));
	return false;
}

static void start_range(struct proc *p);

/* Stops the range from its end back, one at a time, then goes on. */
static void
stop_range(struct proc *p)
{
	struct sup *s = proc_state(p);
	struct child *c;

	TAILQ_FOREACH_REVERSE(c, &s->children, children, entry) {
		if (!child_stop(p, c))
			return;
		if (c == s->from)
			break;
	}
	s->stopping = false;
	if (s->ending)
		proc_exit(p, s->why);
	else
		start_range(p);
}

static void
end(struct proc *p, struct reason why)
{
	struct sup *s = proc_state(p);

	if (s->ending)
		return;
	s->stopping = s->ending = true;
	s->from = NULL;
	s->why = why;
	stop_range(p);
}

/* -- starting again -- */

/* Another try, in a turn of its own; it counts as a restart. */
static void
try_again(struct proc *p, struct child *c)
{
	c->failed = true;
	proc_post_first(p,
	    message_new(MESSAGE_INFO, slice_of("again"), slice_of("")));
}

/* Those that ended while others were being stopped. */
static void
try_failed(struct proc *p)
{
	struct sup *s = proc_state(p);
	struct child *c;

	TAILQ_FOREACH(c, &s->children, entry)
		if (c->failed) {
			try_again(p, c);
			return;
		}
}

static void
start_range(struct proc *p)
{
	struct sup *s = proc_state(p);
	struct child *next, *c = s->from;

	if (c == NULL)
		c = TAILQ_FIRST(&s->children);
	for (; c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->pid.id != 0) /* started by another's start */
			continue;
		if (c->leaving || c->restart == SUP_TEMPORARY) {
			child_forget(s, c);
		} else if (child_start(p, c, c->again) != E_OK) {
			try_again(p, c);
			return;
		}
	}
	try_failed(p);
}

/* Counts a restart; false when it is one too many. */
static bool
may_restart(struct proc *p)
{
	struct sup *s = proc_state(p);
	uint32_t places = s->intensity + 1;
	uint64_t now = node_now_ms(p->node);

	s->restarted_ms[s->restarts++ % places] = now;
	if (s->restarts < places)
		return true;
	return now - s->restarted_ms[s->restarts % places] > s->period_ms;
}

static void
give_up(struct proc *p, const struct child *c)
{
	log_line(p->node->log, LOG_ERROR, "supervisor",
	    _("%s: %s ended too often; giving up"), proc_name(p), c->id);
	end(p, reason_of("shutdown"));
}

static void
restart(struct proc *p, struct child *c)
{
	struct sup *s = proc_state(p);

	if (!may_restart(p)) {
		give_up(p, c);
		return;
	}
	c->again->restarts++;
	if (s->strategy == SUP_ONE_FOR_ONE) {
		if (child_start(p, c, c->again) != E_OK)
			try_again(p, c);
		return;
	}
	s->from = s->strategy == SUP_REST_FOR_ONE ? c : NULL;
	s->stopping = true;
	stop_range(p);
}

/* What could not be started before. */
static void
restart_failed(struct proc *p)
{
	struct sup *s = proc_state(p);
	struct child *c;

	TAILQ_FOREACH(c, &s->children, entry)
		if (c->failed)
			break;
	if (c == NULL || s->stopping)
		return;
	c->failed = false;
	restart(p, c);
}

/* -- a child has ended -- */

static bool
wants_restart(const struct child *c, const struct reason *why)
{
	bool normal = reason_is(why, "normal") || reason_is(why, "shutdown");

	return c->restart == SUP_PERMANENT ||
	    (c->restart == SUP_TRANSIENT && !normal);
}

/* True when the range that is being stopped has this child. */
static bool
is_in_range(const struct sup *s, const struct child *child)
{
	const struct child *c = s->from;

	if (c == NULL)
		return true;
	for (; c != NULL; c = TAILQ_NEXT(c, entry))
		if (c == child)
			return true;
	return false;
}

static void
child_ended(struct proc *p, struct child *c, const struct reason *why)
{
	struct sup *s = proc_state(p);
	bool known = !c->leaving && c->restart != SUP_TEMPORARY;
	bool again = known && wants_restart(c, why);

	child_gone(p, c);
	if (s->stopping && is_in_range(s, c)) {
		if (s->ending)
			child_forget(s, c);
	} else if (known) {
		c->failed = again;
	} else {
		child_forget(s, c);
	}
	if (s->stopping)
		stop_range(p);
	else if (again)
		restart(p, c);
}

static void
kill_late(struct proc *p, uint64_t grace)
{
	struct sup *s = proc_state(p);
	struct child *c;

	TAILQ_FOREACH(c, &s->children, entry)
		if (c->grace == grace)
			break;
	if (c != NULL && grace != 0)
		proc_signal(p->node, c->pid, p->pid, reason_of("kill"));
}

/* -- the process -- */

static void
take_exit(struct proc *p, const struct message *m)
{
	struct sup *s = proc_state(p);
	struct reason why = reason_from(m->body);
	struct child *c = child_find(s, m->from.pid);

	if (c != NULL)
		child_ended(p, c, &why);
	else if (s->parent.id != 0 && m->from.pid.id == s->parent.id)
		end(p, why);
}

static void
take_call(struct proc *p, const struct message *m)
{
	struct answer no = { .e = E_UNDEF,
		.body = slice_of(err_text(E_UNDEF)) };

	proc_answer(p->node, m->from, &no);
}

static void
receive(struct proc *p, struct message *m)
{
	switch (m->kind) {
	case MESSAGE_EXIT:
		take_exit(p, m);
		break;
	case MESSAGE_STOP:
		end(p, reason_from(m->body));
		break;
	case MESSAGE_INFO:
		if (slice_is(m->op, "grace"))
			kill_late(p, m->from.ref);
		else if (slice_is(m->op, "again"))
			restart_failed(p);
		break;
	case MESSAGE_CALL:
		take_call(p, m);
		break;
	case MESSAGE_CAST:
	case MESSAGE_MONITOR:
	case MESSAGE_DEMONITOR:
	case MESSAGE_ANSWER:
	case MESSAGE_DOWN:
		break;
	}
}

/* Children that still run are linked: they end with us. */
static void
terminate(struct proc *p, const struct reason *why)
{
	struct sup *s = proc_state(p);
	struct child *c;

	(void)why;
	while ((c = TAILQ_FIRST(&s->children)) != NULL)
		child_forget(s, c);
	table_release(&s->by_pid);
	free(s->restarted_ms);
}

static void
format(struct proc *p, bool texts, struct buf *out)
{
	static const char *const strategies[] = {
		[SUP_ONE_FOR_ONE] = "one_for_one",
		[SUP_ONE_FOR_ALL] = "one_for_all",
		[SUP_REST_FOR_ONE] = "rest_for_one",
	};
	const struct sup *s = proc_state(p);
	struct sup_count n = sup_count_children(p);

	(void)texts;
	term_write_map(out, 4);
	term_write_cstr(out, "strategy");
	term_write_cstr(out, strategies[s->strategy]);
	term_write_cstr(out, "specs");
	term_write_uint(out, n.specs);
	term_write_cstr(out, "active");
	term_write_uint(out, n.active);
	term_write_cstr(out, "restarts");
	term_write_uint(out, s->restarts);
}

static const struct behaviour sup_behaviour = {
	.name = "supervisor",
	.format = format,
	.receive = receive,
	.terminate = terminate,
};

/* -- from outside -- */

static void
init(struct proc *p, struct proc *parent, const struct sup_spec *spec)
{
	struct sup *s = proc_state(p);
	uint8_t seed[TABLE_SEED_BYTES];

	s->strategy = spec->strategy;
	s->intensity = spec->intensity > 0 ? spec->intensity : SUP_INTENSITY;
	s->period_ms = spec->period_ms > 0 ? spec->period_ms : SUP_PERIOD_MS;
	s->restarted_ms = calloc(s->intensity + 1, sizeof(uint64_t));
	if (s->restarted_ms == NULL)
		abort();
	TAILQ_INIT(&s->children);
	world_random(p->node->world, seed, sizeof(seed));
	table_init(&s->by_pid, child_key, seed);
	proc_trap_exits(p, true);
	if (parent == NULL)
		return;
	s->parent = parent->pid;
	proc_link(p, parent->pid);
}

/* A child that cannot start, or need not ever, is not kept. */
static enum err
add_child(struct proc *p, const struct sup_child *spec, struct pid *out)
{
	struct sup *s = proc_state(p);
	struct recipe how = { .start = spec->start, .arg = spec->arg };
	struct child *c = child_new(s, spec, &how);
	enum err e = child_start(p, c, &how);

	*out = c->pid;
	if (e != E_OK || (out->id == 0 && spec->restart == SUP_TEMPORARY))
		child_forget(s, c);
	return e;
}

static enum err
start_all(struct proc *p, const struct sup_spec *spec)
{
	struct pid pid;
	enum err e = E_OK;

	for (size_t i = 0; i < spec->count && e == E_OK; i++)
		e = add_child(p, &spec->children[i], &pid);
	return e;
}

/*
 * Ends a process and, of a supervisor, first its children, from the last
 * one back. At once, so that all names are free for another try.
 */
static void
end_tree(struct proc *p)
{
	struct sup *s = proc_state(p);
	struct child *c;

	if (sup_is(p))
		TAILQ_FOREACH_REVERSE(c, &s->children, children, entry) {
			struct proc *child = node_find(p->node, c->pid);

			if (child != NULL)
				end_tree(child);
		}
	proc_end(p, reason_of("shutdown"));
}

enum err
sup_start_link(struct node *n, struct proc *parent, const struct sup_spec *spec,
    struct pid *out)
{
	struct proc *p;
	enum err e;

	*out = (struct pid){ 0 };
	if (spec->name != NULL)
		*out = node_whereis(n, slice_of(spec->name));
	if (out->id != 0)
		return E_EXISTS;
	p = proc_spawn(n, &sup_behaviour, sizeof(struct sup));
	if (spec->name != NULL && proc_register(p, spec->name) != E_OK)
		abort(); /* it was free a moment ago */
	init(p, parent, spec);
	e = start_all(p, spec);
	if (e != E_OK) {
		if (parent != NULL)
			proc_unlink(p, parent->pid);
		end_tree(p);
		return e;
	}
	*out = p->pid;
	return E_OK;
}

bool
sup_is(const struct proc *p)
{
	return p->behaviour == &sup_behaviour;
}

bool
sup_is_stopping(const struct proc *sup)
{
	const struct sup *s = (const struct sup *)(const void *)sup->state;

	return s->stopping || sup->ending;
}

enum err
sup_start_child(struct proc *sup, const struct sup_child *child,
    struct pid *out)
{
	*out = (struct pid){ 0 };
	if (sup_is_stopping(sup))
		return E_NOPROC;
	return add_child(sup, child, out);
}

enum err
sup_terminate_child(struct proc *sup, struct pid child)
{
	struct sup *s = proc_state(sup);
	struct child *c = child_find(s, child);

	if (c == NULL)
		return E_NOPROC;
	c->leaving = true;
	child_stop(sup, c);
	return E_OK;
}

void
sup_which_children(const struct proc *sup,
    void (*each)(void *arg, const struct sup_which *child), void *arg)
{
	const struct sup *s = (const struct sup *)(const void *)sup->state;
	const struct child *c;

	TAILQ_FOREACH(c, &s->children, entry) {
		bool kept = c->restart != SUP_TEMPORARY;
		struct sup_which w = { .id = c->id,
			.pid = c->pid,
			.restart = c->restart,
			.restarts = kept ? c->again->restarts : 0 };

		each(arg, &w);
	}
}

struct sup_count
sup_count_children(const struct proc *sup)
{
	const struct sup *s = (const struct sup *)(const void *)sup->state;
	struct sup_count n = { .specs = 0 };
	const struct child *c;

	TAILQ_FOREACH(c, &s->children, entry) {
		const struct proc *p = node_find(sup->node, c->pid);

		n.specs++;
		n.active += p != NULL;
		n.supervisors += p != NULL && sup_is(p);
	}
	n.workers = n.active - n.supervisors;
	return n;
}
