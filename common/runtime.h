/*
 * What node.c and proc.c share, and nobody else includes.
 */
#ifndef COMMON_RUNTIME_H
#define COMMON_RUNTIME_H

#include "common/proc.h"
#include "common/slots.h"
#include "common/table.h"
#include "proto/buf.h"
#include "proto/limits.h"

TAILQ_HEAD(procs, proc);
LIST_HEAD(monitors, monitor);
LIST_HEAD(bonds, bond_end);
LIST_HEAD(subscriptions, subscription);

enum { SPARE_BUFS = 1024, SPARE_TRAFFIC = 1024 };

/*
 * Memory that the next ones get, some: that of ended messages, and that of
 * buffers which are empty now. See message.c.
 */
struct spares {
	struct message *first;
	uint32_t count;
	uint32_t buf_count;
	size_t buf_bytes; /* of all of them */
	struct buf bufs[SPARE_BUFS];
};

/*
 * What the links of a node share: those that listen, each list from the one
 * that was heard longest ago, their timer, and the memory of traffic that
 * has ended, some. See link.c.
 */
TAILQ_HEAD(link_list, link);

struct links {
	struct link_list heard;
	struct link_list pinged; /* and not heard since */
	struct timer pulse;
	SLIST_HEAD(, traffic) spare;
	uint32_t spare_count;
};

struct node {
	struct world *world;
	struct log *log;
	char *name;
	struct slots procs; /* key: pid */
	struct slots refs; /* key: ref of a monitor, call or send_after */
	struct table names;
	struct table topics; /* see registry.h */
	struct timers timers;
	struct links links;
	struct spares spares;
	struct procs runnable;
	struct procs dead; /* freed at the end of the turn */
	struct hooks later;
	struct hooks at_end;
	struct hook stop; /* where a walk over one of the two ends */
	struct proc *running;
	uint64_t now_ms;
	struct buf answer; /* of the handler that runs, see gs_answer() */
	size_t unsent; /* bytes, all links */
	uint64_t dropped; /* casts nobody could take */
	struct log_limit drop_log;
	uint32_t posted; /* messages since the last turn */
	bool woken; /* a turn is on its way, or runs */
	bool turning; /* it runs */
};

/*
 * One watches another. A call is a monitor with a timer; a send_after is
 * a ref with a timer alone. All are found by their ref.
 */
enum ref_kind { REF_MONITOR, REF_CALL, REF_AFTER };

struct monitor {
	enum ref_kind kind;
	LIST_ENTRY(monitor) by_watcher;
	LIST_ENTRY(monitor) by_target; /* only while target is not NULL */
	struct proc *watcher;
	struct proc *target;
	uint64_t ref;
	struct timer timer; /* REF_CALL, REF_AFTER */
	then_fn *then; /* REF_CALL */
	void *arg;
	struct message *message; /* REF_AFTER: to be sent */
};

/* An OTP link; the end of the lower pid is the first. */
struct bond_end {
	LIST_ENTRY(bond_end) entry; /* of the process at this end */
	struct proc *other;
};

struct bond {
	struct bond_end ends[2];
};

/* What few processes have: those that many wait for, or that end. */
struct proc_extra {
	char *name; /* NULL: none */
	struct trace *trace; /* NULL: nobody looks */
	struct hooks when_idle;
	struct reason why; /* while ending */
};

struct proc {
	TAILQ_ENTRY(proc) entry; /* in runnable or dead */
	struct node *node;
	const struct behaviour *behaviour;
	struct pid pid;
	struct proc_extra *extra; /* NULL: nothing of that */
	struct message *last; /* the next of the last is the first */
	uint32_t mailbox; /* messages in it */
	bool queued; /* in runnable */
	bool suspended;
	bool traps_exits;
	bool ending;
	struct monitors watchers; /* who is told when I end */
	struct monitors watching; /* what I am promised */
	struct subscriptions subscriptions; /* in topics */
	struct bonds bonds; /* whom my end reaches, and whose reaches me */
	uint64_t handled;
	uint64_t started_ms;
	_Alignas(16) uint8_t state[];
};

/* What a published message has: see there. */
struct published {
	struct blob *frame;
	struct slice op, body;
	uint32_t count;
};

/*
 * As message_new() and message_free(), with what a node keeps. The second
 * is an info whose op and body lie in the frame, which it holds.
 */
struct message *message_take(struct spares *s, enum message_kind kind,
    struct slice op, struct slice body);
struct message *message_share(struct spares *s, const struct published *what);
void message_spare(struct spares *s, struct message *m);
void spares_release(struct spares *s);

/* Memory for a buffer that has none, if there is some; and back, empty. */
void spares_buf_take(struct spares *s, struct buf *b);
void spares_buf_give(struct spares *s, struct buf *b);

/* Queues a hook at the end of a list, unless it is queued somewhere. */
void hook_queue(struct hooks *list, struct hook *h);

/*
 * A monitor as proc_monitor() makes it, but gone is the reason where there
 * is no target. And the end of such a promise that another node tells of:
 * a DOWN of pid to whoever still has the ref.
 */
uint64_t proc_watch(struct proc *p, struct pid target, const char *gone);
void proc_down(struct node *n, struct from to, struct pid pid,
    const struct reason *why);

/* Takes a message of that kind and ref that waits out of p's mailbox. */
void proc_flush(struct proc *p, enum message_kind kind, uint64_t ref);

void links_init(struct node *n);
void links_release(struct node *n);

/* What node_unsent() is; links say what changed. */
void node_unsent_add(struct node *n, ptrdiff_t bytes);

/* The key of a topic; and an ending process leaves all of them. */
struct slice reg_topic_name(const void *topic);
void reg_leave(struct proc *p);

/*
 * As proc_post(), but what cannot be delivered is counted and logged by its
 * op (borrowed; it outlives m).
 */
enum err proc_deliver(struct node *n, struct pid to, struct message *m,
    struct slice op);

/* Puts p into the run queue, if it has something to do. */
void node_schedule(struct node *n, struct proc *p);

/* True while somebody looks at p's messages. */
bool proc_is_traced(const struct proc *p);

/* Takes m and puts it before all others in the mailbox. */
void proc_post_first(struct proc *p, struct message *m);

/*
 * One turn of p: messages until they count LIMIT_BATCH. Returns as how many
 * they counted.
 */
uint32_t proc_run(struct proc *p);

/* Ends p at once; it is freed at the end of the turn. */
void proc_end(struct proc *p, struct reason why);

#endif
