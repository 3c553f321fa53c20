/*
 * A node: one run queue with its processes, their names and timers, on one
 * world. Nothing in it is global: many nodes live in one program.
 *
 * A turn runs due timers, then processes, each at most LIMIT_BATCH messages
 * in a row, then the hooks: those of node_later() may make processes
 * runnable again, those of node_at_end() (writing to links) come last. A
 * turn in a hurry (see world.h) leaves those to the last one of its step.
 */
#ifndef COMMON_NODE_H
#define COMMON_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/message.h"
#include "common/timer.h"
#include "common/world.h"
#include "proto/api.h"

API_BEGIN

struct node;

/* The thing of which part is the member: for what is embedded. */
#define CONTAINER_OF(part, type, member) \
	((type *)(void *)((char *)(part)-offsetof(type, member)))

/* Something to do once, later. Embedded in what it is for. */
struct hook {
	TAILQ_ENTRY(hook) entry;
	struct hooks *list; /* where it is queued, or NULL */
	void (*run)(struct hook *h);
};

TAILQ_HEAD(hooks, hook);

/*
 * A node on a world, which it borrows and whose turn it takes. name is
 * copied, log borrowed (NULL: says nothing). Gives the node.
 */
struct node *node_new(struct world *world, struct slice name, struct log *log);

/*
 * Ends all processes with reason shutdown, in no order to rely on, runs
 * the hooks of node_at_end(), and frees the node. Not from inside a turn.
 */
void node_free(struct node *n);

struct world *node_world(const struct node *n);
struct slice node_name(const struct node *n);
struct log *node_log(const struct node *n);

/* The clock of the turn, constant while it runs; else the world's. */
uint64_t node_now_ms(const struct node *n);

/* The process of a name; id 0 when nobody has it. Borrows name. */
struct pid node_whereis(const struct node *n, struct slice name);

/* The process itself, NULL when it has ended. Borrowed, for this turn. */
struct proc *node_find(const struct node *n, struct pid pid);

/*
 * Walks the processes: *place starts at 0; NULL at the end. Borrowed, for
 * this turn.
 */
struct proc *node_next(const struct node *n, uint32_t *place);

/* How many processes there are. */
uint32_t node_count(const struct node *n);

/* Starts a timer ms from now, or moves it there. */
void node_timer(struct node *n, struct timer *t, uint64_t ms);
void node_timer_stop(struct node *n, struct timer *t);

/*
 * From a program's top level: runs the world until done(arg) is true, at
 * most ms. E_TIMEOUT when it was not by then, E_NOCONNECTION when nothing
 * can ever happen again.
 */
enum err node_run_until(struct node *n, bool (*done)(void *arg), void *arg,
    uint64_t ms);

/* A hook with its function; not queued. */
void hook_init(struct hook *h, void (*run)(struct hook *h));

/*
 * Runs the hook after the processes of this turn, or at the end of the
 * turn. One that is queued already stays where it is.
 */
void node_later(struct node *n, struct hook *h);
void node_at_end(struct node *n, struct hook *h);

/* Forgets a hook, wherever it is queued, if it is. */
void hook_cancel(struct hook *h);

/* The unsent bytes of all its links. */
size_t node_unsent(const struct node *n);

API_END

#endif
