/*
 * Processes: a name, a mailbox and a state, one message at a time. This is
 * the ground that behaviours (gen_server, peer) stand on; programs use
 * those.
 *
 * Source of the semantics: Erlang/OTP, Reference Manual, "Processes".
 *
 * Order: first in, first out per sender and receiver, signals included.
 * Death: the name is free before anybody gets DOWN; DOWN comes after every
 * message the dead process had sent; a pid is never given out again.
 * Enqueue never runs code.
 */
#ifndef COMMON_PROC_H
#define COMMON_PROC_H

#include "common/message.h"
#include "common/node.h"
#include "proto/api.h"
#include "proto/buf.h"

API_BEGIN

struct behaviour {
	const char *name;
	/* Handles one message, borrowed. */
	void (*receive)(struct proc *p, struct message *m);
	/* Last words; the state is freed after it. May be NULL. */
	void (*terminate)(struct proc *p, const struct reason *why);
	/*
	 * An answer to a request it forwarded for somebody else (its from
	 * was (this process, ref)). Appends bytes somewhere, runs nothing.
	 * NULL when all its calls are its own.
	 */
	void (*answer)(struct proc *p, uint64_t ref, const struct answer *a);
	/*
	 * Appends the state as one term, for people who look inside; texts
	 * of users only when asked for. NULL: there is nothing to see.
	 */
	void (*format)(struct proc *p, bool texts, struct buf *out);
	/*
	 * It only passes frames on: what is published together may come as
	 * one message, see reg_publish_all().
	 */
	bool takes_frames;
};

/*
 * A process with state_bytes of zeroed state, whose first message will run
 * it. Borrowed pointer: it is the node's. Out of memory aborts.
 */
struct proc *proc_spawn(struct node *n, const struct behaviour *b,
    size_t state_bytes);

struct node *proc_node(const struct proc *p);
struct pid proc_pid(const struct proc *p);
void *proc_state(struct proc *p);

/* The process of a state that proc_state() gave. */
struct proc *proc_of_state(void *state);

/*
 * Gives it a name (copied). E_EXISTS when another has it, E_BADARG when it
 * has one already or the name is empty; unchanged then.
 */
enum err proc_register(struct proc *p, const char *name);

/* Its name, or "" when it has none. */
const char *proc_name(const struct proc *p);

/* Ends p when its present handler returns, or in its next turn. */
void proc_exit(struct proc *p, struct reason why);

/* True once proc_exit() was said. */
bool proc_is_ending(const struct proc *p);

/* Handles no messages until resumed; proc_exit() still works. */
void proc_suspend(struct proc *p);
void proc_resume(struct proc *p);

/* -- looking inside -- */

/* Messages in the mailbox, and messages handled since the start. */
uint32_t proc_mailbox(const struct proc *p);
uint64_t proc_handled(const struct proc *p);

/* The behaviour's name, and how long it has lived. */
const char *proc_kind(const struct proc *p);
uint64_t proc_age_ms(const struct proc *p);

/* Appends its state as one term; nil where there is nothing to see. */
void proc_format(struct proc *p, bool texts, struct buf *out);

/*
 * From now on each message that p handles is told to `to`, by a cast of op
 * (a constant string) with [p's name, kind, operation, bytes, lost]: lost
 * is how many went by untold since the last one, because there were over
 * PROC_TRACE_PER_S in a second or `to` fell behind. The last one, when p
 * ends, has the kind "end" and the reason as its operation. Casts of op are
 * never told: nobody traces a trace. One trace a process: a new one
 * replaces it. Nobody else pays for it.
 */
enum { PROC_TRACE_PER_S = 1000 };
void proc_trace(struct proc *p, struct pid to, const char *op);

/* Ends the trace; returns how many went by untold since the last one. */
uint64_t proc_untrace(struct proc *p);

/* Who is told; id 0: nobody, or one that has ended since. */
struct pid proc_tracer(const struct proc *p);

/*
 * Takes m and puts it into the mailbox of pid. E_NOPROC when it has ended.
 * E_OVERLOAD when the mailbox is full and m is a call, a cast or an info
 * whose sender is no link. m is freed then.
 */
enum err proc_post(struct node *n, struct pid pid, struct message *m);

/*
 * Sends without waiting. What cannot be delivered is counted and logged by
 * the receiver's node; the error says it too, to whom it interests.
 */
enum err proc_cast(struct node *n, struct pid to, struct slice op,
    struct slice params);

/* The same as a plain message (OTP's send). */
enum err proc_send(struct node *n, struct pid to, struct slice op,
    struct slice body);

/* Sends an info to p itself after ms. Returns a ref for the cancelling. */
uint64_t proc_send_after(struct proc *p, uint64_t ms, struct slice op);

/* Cancels it; false when it has fired (it may be in the mailbox). */
bool proc_cancel(struct proc *p, uint64_t ref);

/* -- monitors -- */

/*
 * Promises p exactly one DOWN when target ends; at once, with reason
 * noproc, when it has. Returns the ref that the DOWN will carry.
 */
uint64_t proc_monitor(struct proc *p, struct pid target);

/* Takes the promise back; a DOWN that waits in the mailbox goes too. */
void proc_demonitor(struct proc *p, uint64_t ref);

/* -- OTP's links: an end travels -- */

/*
 * Links p and other: when one ends, an exit signal reaches the other. Once
 * is enough. If other has ended, p gets the signal with noproc at once.
 */
void proc_link(struct proc *p, struct pid other);
void proc_unlink(struct proc *p, struct pid other);

/*
 * While on, exit signals come as MESSAGE_EXIT instead of ending p. Source:
 * process_flag(trap_exit, true).
 */
void proc_trap_exits(struct proc *p, bool on);

/*
 * Sends an exit signal (OTP's exit/2), as if from had ended so: normal is
 * ignored unless trapped, kill cannot be trapped and ends with killed.
 */
void proc_signal(struct node *n, struct pid to, struct pid from,
    struct reason why);

/* -- calls -- */

/*
 * Asks target; then (the behaviour's continuation) and arg come with the
 * MESSAGE_ANSWER, exactly one: the answer, noproc, died, noconnection,
 * overload, or timeout after timeout_ms. What comes later is dropped.
 * Returns the call's ref.
 */
uint64_t proc_call(struct proc *p, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, then_fn *then, void *arg);

/* Forgets a call: no answer of it will come. */
void proc_forget(struct proc *p, uint64_t ref);

/*
 * Answers, from anywhere and at any time (OTP's GenServer.reply/2). An
 * answer nobody waits for is dropped. Borrows the answer's body.
 */
void proc_answer(struct node *n, struct from to, const struct answer *a);

/* -- for links -- */

/* True while the mailbox is over half full. */
bool proc_is_busy(const struct proc *p);

/*
 * Runs h (by node_later()) when the mailbox is under half again, or p has
 * ended; soon, if it is under half now.
 */
void proc_when_idle(struct proc *p, struct hook *h);

API_END

#endif
