/*
 * The happy path is: something is enqueued, the world is woken, a turn runs
 * processes until the queue is empty, and what they wrote leaves at its
 * end. Failure modes are: more work than one turn's budget (the rest waits
 * until sockets had their chance).
 */
#include "common/node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/runtime.h"

/* Messages of one turn, before sockets are looked at again. */
enum { TURN_BUDGET = 4 * LIMIT_BATCH };

/* Log lines about dropped messages, in the log's window of time. */
enum { DROP_LINES = 3 };

static struct slice
name_of(const void *proc)
{
	return slice_of(proc_name(proc));
}

static void turn(void *arg);

struct node *
node_new(struct world *world, struct slice name, struct log *log)
{
	struct node *n = calloc(1, sizeof(*n));
	uint8_t seed[TABLE_SEED_BYTES];

	if (n == NULL)
		abort();
	n->world = world;
	n->log = log;
	n->name = strndup((const char *)name.bytes, name.len);
	if (n->name == NULL)
		abort();
	slots_init(&n->procs);
	slots_init(&n->refs);
	world_random(world, seed, sizeof(seed));
	table_init(&n->names, name_of, seed);
	table_init(&n->topics, reg_topic_name, seed);
	timers_init(&n->timers);
	links_init(n);
	buf_init(&n->answer);
	log_limit_init(&n->drop_log, DROP_LINES);
	TAILQ_INIT(&n->runnable);
	TAILQ_INIT(&n->dead);
	TAILQ_INIT(&n->later);
	TAILQ_INIT(&n->at_end);
	n->now_ms = world_now_ms(world);
	world->turn = turn;
	world->node = n;
	return n;
}

static void
bury(struct node *n)
{
	struct proc *p;

	while ((p = TAILQ_FIRST(&n->dead)) != NULL) {
		TAILQ_REMOVE(&n->dead, p, entry);
		free(p);
	}
}

/* Runs the hooks that are queued now; what they queue waits. */
static uint32_t
run_hooks(struct node *n, struct hooks *list)
{
	struct hook *h;
	uint32_t count = 0;

	hook_queue(list, &n->stop);
	while ((h = TAILQ_FIRST(list)) != &n->stop) {
		hook_cancel(h);
		h->run(h);
		count++;
	}
	hook_cancel(&n->stop);
	return count;
}

static void
forget_hooks(struct hooks *list)
{
	while (!TAILQ_EMPTY(list))
		hook_cancel(TAILQ_FIRST(list));
}

/* Those of the higher places first: mostly the younger ones. */
static void
end_all(struct node *n)
{
	for (uint32_t i = n->procs.used; i > 0; i--) {
		struct proc *p = slots_at(&n->procs, i - 1, NULL);

		if (p != NULL)
			proc_end(p, reason_of("shutdown"));
	}
}

void
node_free(struct node *n)
{
	assert(!n->turning);
	/* Again, if last words started somebody. */
	while (n->procs.count > 0)
		end_all(n);
	/* What waits for the end of the turn to free itself. */
	while (run_hooks(n, &n->at_end) > 0)
		continue;
	forget_hooks(&n->later);
	bury(n);
	assert(n->procs.count == 0 && n->refs.count == 0);
	world_wake_at(n->world, TIMER_NEVER);
	n->world->turn = NULL;
	timers_release(&n->timers);
	links_release(n);
	table_release(&n->names);
	table_release(&n->topics);
	slots_release(&n->refs);
	slots_release(&n->procs);
	spares_release(&n->spares);
	buf_release(&n->answer);
	free(n->name);
	free(n);
}

struct world *
node_world(const struct node *n)
{
	return n->world;
}

struct slice
node_name(const struct node *n)
{
	return slice_of(n->name);
}

struct log *
node_log(const struct node *n)
{
	return n->log;
}

uint64_t
node_now_ms(const struct node *n)
{
	return n->turning ? n->now_ms : world_now_ms(n->world);
}

struct pid
node_whereis(const struct node *n, struct slice name)
{
	const struct proc *p = table_find(&n->names, name);

	return p != NULL ? p->pid : (struct pid){ 0 };
}

struct proc *
node_find(const struct node *n, struct pid pid)
{
	return slots_find(&n->procs, pid.id);
}

struct proc *
node_next(const struct node *n, uint32_t *place)
{
	while (*place < n->procs.used) {
		struct proc *p = slots_at(&n->procs, (*place)++, NULL);

		if (p != NULL)
			return p;
	}
	return NULL;
}

uint32_t
node_count(const struct node *n)
{
	return n->procs.count;
}

static void
wake(struct node *n)
{
	if (n->woken)
		return;
	n->woken = true;
	world_wake(n->world);
}

void
node_timer(struct node *n, struct timer *t, uint64_t ms)
{
	uint64_t next = timers_next_ms(&n->timers);
	uint64_t now = node_now_ms(n);

	timer_start(&n->timers, t,
	    ms < TIMER_NEVER - now ? now + ms : TIMER_NEVER);
	/* A turn asks once, at its end. */
	if (t->at_ms < next && !n->turning)
		world_wake_at(n->world, t->at_ms);
}

void
node_timer_stop(struct node *n, struct timer *t)
{
	timer_stop(&n->timers, t);
}

static void
set_flag(void *arg)
{
	*(bool *)arg = true;
}

enum err
node_run_until(struct node *n, bool (*done)(void *arg), void *arg, uint64_t ms)
{
	struct timer limit;
	bool late = false;
	enum err e = E_OK;

	assert(!n->turning && n->running == NULL);
	timer_init(&limit, set_flag, &late);
	node_timer(n, &limit, ms);
	while (e == E_OK && !done(arg))
		e = late ? E_TIMEOUT : world_step(n->world);
	node_timer_stop(n, &limit);
	return e;
}

void
hook_init(struct hook *h, void (*run)(struct hook *h))
{
	*h = (struct hook){ .run = run };
}

void
hook_queue(struct hooks *list, struct hook *h)
{
	if (h->list != NULL)
		return;
	h->list = list;
	TAILQ_INSERT_TAIL(list, h, entry);
}

void
hook_cancel(struct hook *h)
{
	if (h->list == NULL)
		return;
	TAILQ_REMOVE(h->list, h, entry);
	h->list = NULL;
}

void
node_later(struct node *n, struct hook *h)
{
	hook_queue(&n->later, h);
	wake(n);
}

void
node_at_end(struct node *n, struct hook *h)
{
	hook_queue(&n->at_end, h);
	wake(n);
}

void
node_unsent_add(struct node *n, ptrdiff_t bytes)
{
	n->unsent += (size_t)bytes;
}

size_t
node_unsent(const struct node *n)
{
	return n->unsent;
}

void
node_schedule(struct node *n, struct proc *p)
{
	bool work = p->ending || (p->mailbox > 0 && !p->suspended);

	if (p->queued || !work)
		return;
	p->queued = true;
	TAILQ_INSERT_TAIL(&n->runnable, p, entry);
	wake(n);
}

/* Runs processes until none is runnable or the budget is spent. */
static uint32_t
run_procs(struct node *n, uint32_t budget)
{
	struct proc *p;

	while (budget > 0 && (p = TAILQ_FIRST(&n->runnable)) != NULL) {
		uint32_t handled;

		TAILQ_REMOVE(&n->runnable, p, entry);
		p->queued = false;
		handled = proc_run(p);
		budget -= handled < budget ? handled : budget;
	}
	return budget;
}

static void
turn(void *arg)
{
	struct node *n = arg;
	uint32_t budget = TURN_BUDGET, hooks;
	bool hurry = n->world->hurry;

	n->now_ms = world_now_ms(n->world);
	n->turning = true;
	n->woken = true; /* whatever is enqueued now is seen below */
	timers_run(&n->timers, n->now_ms);
	do {
		budget = run_procs(n, budget);
		hooks = run_hooks(n, &n->later);
		budget -= hooks < budget ? hooks : budget;
	} while (hooks > 0 && budget > 0);
	if (!hurry)
		run_hooks(n, &n->at_end);
	bury(n);
	n->turning = false;
	n->woken = false;
	n->posted = 0;
	n->world->hurry = false;
	if (!TAILQ_EMPTY(&n->runnable) || !TAILQ_EMPTY(&n->later) ||
	    !TAILQ_EMPTY(&n->at_end))
		wake(n);
	world_wake_at(n->world, timers_next_ms(&n->timers));
}
