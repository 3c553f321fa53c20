/*
 * Supervisors: processes that start others in order, notice when one ends,
 * and start it again. Source: Erlang/OTP, supervisor(3), and Elixir's
 * DynamicSupervisor for children that come and go.
 *
 * The happy path is: all children run. Failure modes are: a child ends (its
 * restart type and the strategy say who is started again), a child that
 * keeps ending (over intensity restarts in the period the supervisor stops
 * all and ends with reason shutdown: its own parent decides), a child that
 * cannot be started again (that counts as another restart), a child that
 * does not end when told (killed after its grace).
 */
#ifndef COMMON_SUPERVISOR_H
#define COMMON_SUPERVISOR_H

#include <stdbool.h>

#include "common/proc.h"
#include "proto/api.h"

API_BEGIN

enum sup_strategy {
	SUP_ONE_FOR_ONE, /* only the one that ended */
	SUP_ONE_FOR_ALL, /* all of them */
	SUP_REST_FOR_ONE, /* it and those started after it */
};

enum sup_restart {
	SUP_PERMANENT, /* always started again */
	SUP_TRANSIENT, /* unless it ended with normal or shutdown */
	SUP_TEMPORARY, /* never; forgotten when it ends */
};

enum {
	SUP_GRACE_MS = 5000, /* what grace_ms 0 means */
	SUP_INTENSITY = 3, /* what intensity 0 means */
	SUP_PERIOD_MS = 5000, /* what period_ms 0 means */
};

#define SUP_KILL UINT32_MAX /* a grace of nothing: killed at once */
#define SUP_INFINITY (UINT32_MAX - 1) /* for supervisors: they take long */

struct sup_child {
	const char *id; /* for people; a constant string, may be NULL */
	/*
	 * Starts the child, linked to parent (gs_start_link() and friends).
	 * id 0 with E_OK: it ignored. Errors are those of gs_start().
	 */
	enum err (*start)(struct proc *parent, void *arg, struct pid *out);
	void *arg; /* borrowed for as long as the child is known */
	enum sup_restart restart;
	uint32_t grace_ms; /* between shutdown and kill */
};

struct sup_spec {
	const char *name; /* registered under it; NULL: none */
	enum sup_strategy strategy;
	uint32_t intensity; /* restarts ... */
	uint32_t
	    period_ms; /* ... in this time are too many if there are more */
	const struct sup_child *children; /* copied */
	size_t count;
};

/*
 * Starts a supervisor and its children in order; parent NULL: nobody's. If
 * one cannot be started, those before it are ended at once in reverse order,
 * and the error is its error. E_EXISTS: the name is taken, *out has it.
 */
enum err sup_start_link(struct node *n, struct proc *parent,
    const struct sup_spec *spec, struct pid *out);

/* True when p is a supervisor. */
bool sup_is(const struct proc *p);

/* True while it stops children, to start them again or to end. */
bool sup_is_stopping(const struct proc *sup);

/*
 * Starts one more child, after all others. E_NOPROC while the supervisor
 * stops children; else the errors of its start. It is not kept then, and
 * *out is nobody.
 */
enum err sup_start_child(struct proc *sup, const struct sup_child *child,
    struct pid *out);

/*
 * Stops a child, for good: shutdown, and after its grace kill. Returns at
 * once; the child's end is what its monitors say. E_NOPROC: not a child.
 */
enum err sup_terminate_child(struct proc *sup, struct pid child);

/* One child, as which_children shows it. */
struct sup_which {
	const char *id; /* "" when it has none */
	struct pid pid; /* id 0: not running now */
	enum sup_restart restart;
	uint32_t restarts; /* since the supervisor started */
};

/* Tells all children, in the order of their start. */
void sup_which_children(const struct proc *sup,
    void (*each)(void *arg, const struct sup_which *child), void *arg);

struct sup_count {
	uint32_t specs; /* known children */
	uint32_t active; /* running ones */
	uint32_t supervisors; /* of the running ones */
	uint32_t workers;
};

struct sup_count sup_count_children(const struct proc *sup);

API_END

#endif
