/*
 * gen_server: a process that keeps a state and answers requests, written as
 * one table of callbacks. Source: Erlang/OTP, gen_server(3).
 *
 *	static struct gs_next
 *	contador_call(struct proc *self, const struct message *m)
 *	{
 *		struct contador *c = gs_state(self);
 *
 *		term_write_int(gs_answer(self), c->valor);
 *		return gs_reply(self);
 *	}
 *
 * A callback never runs inside another, and ends in a sentence that says
 * what is next: gs_reply(), gs_error(), gs_noreply(), gs_stop().
 */
#ifndef COMMON_GEN_SERVER_H
#define COMMON_GEN_SERVER_H

#include "common/proc.h"
#include "proto/api.h"
#include "proto/buf.h"

API_BEGIN

enum gs_verb {
	GS_NOREPLY,
	GS_REPLY,
	GS_ERROR,
	GS_STOP,
	GS_STOP_REPLY,
	GS_IGNORE,
};

/* What a callback decided. Made by the functions below only. */
struct gs_next {
	enum gs_verb verb;
	enum err e; /* GS_ERROR */
	struct slice body; /* the answer or the error's text, borrowed */
	const char *word; /* GS_STOP: the reason */
	const char *then; /* NULL: no continue */
	uint64_t idle_ms; /* 0: no timeout */
};

struct gen_server {
	const char *module; /* for the log */
	size_t state_bytes; /* gs_state() is zeroed memory of that size */

	/*
	 * Sets the state up; arg is what gs_start() got. gs_noreply() starts
	 * the server; gs_stop() refuses and gs_ignore() has no use for it:
	 * then terminate is not called. May be NULL.
	 */
	struct gs_next (*init)(struct proc *self, void *arg);

	/* A request: m->op, m->body (params), m->from. */
	struct gs_next (
	    *handle_call)(struct proc *self, const struct message *m);

	/* A message nobody waits for. NULL: it is logged and dropped. */
	struct gs_next (
	    *handle_cast)(struct proc *self, const struct message *m);

	/*
	 * Everything else: m->kind is MESSAGE_DOWN, MESSAGE_INFO, or, in a
	 * server that traps exits, MESSAGE_EXIT of others than its parent.
	 */
	struct gs_next (
	    *handle_info)(struct proc *self, const struct message *m);

	/* What gs_then() asked for, before any other message. */
	struct gs_next (*handle_continue)(struct proc *self, const char *what);

	/* As a behaviour's format: the state as one term. May be NULL. */
	void (*format_status)(struct proc *self, bool texts, struct buf *out);

	/* Frees what the state owns. May be NULL. */
	void (*terminate)(struct proc *self, const struct reason *why);
};

/* The module's own state. */
void *gs_state(struct proc *self);

/* -- how a callback ends -- */

/*
 * An empty buffer of the node for one answer: written by the callback, or
 * before proc_answer() elsewhere; anything it held before is gone.
 */
struct buf *gs_answer(struct proc *self);

/* Answers with what was written to gs_answer(). */
struct gs_next gs_reply(struct proc *self);

/*
 * Answers a request that its handler left open, as the handler's end would
 * have: to the caller, or for a cast (to.ref is 0) an error to the log.
 */
void gs_finish(struct proc *self, struct from to, const struct answer *a);

/* Answers with an error; text (a constant string) may be NULL. */
struct gs_next gs_error(enum err e, const char *text);

/* Nothing to say (now): proc_answer() may come later. */
struct gs_next gs_noreply(void);

/* Ends the server; word (a constant string) is the reason. */
struct gs_next gs_stop(const char *word);

/* The same, and answers with what was written to gs_answer(). */
struct gs_next gs_stop_reply(struct proc *self, const char *word);

/*
 * From init only: there is nothing to do for this server, no error. From
 * another callback it ends the server with bad_return_value, as in OTP.
 */
struct gs_next gs_ignore(void);

/*
 * And then, when no message comes for ms, handle_info with a MESSAGE_INFO
 * of op "timeout" (OTP's timeout in a callback's result).
 */
struct gs_next gs_idle(struct gs_next next, uint64_t ms);

/* And then handle_continue(what); what is a constant string. */
struct gs_next gs_then(struct gs_next next, const char *what);

/* -- starting and stopping -- */

/*
 * Starts a server and runs its init at once; not from inside a handler's
 * call chain of the same server. name may be NULL. Gives its pid.
 * E_EXISTS: the name is taken, and *out is its pid; E_DIED: init refused,
 * or ended in a sentence that is not for it, and *out is nobody, as it is
 * with E_OK after gs_ignore(). What init wants done next by gs_then() is
 * done in the server's own turn.
 */
enum err gs_start(struct node *n, const struct gen_server *module,
    const char *name, void *arg, struct pid *out);

/*
 * The same, linked to its parent: when the parent ends, so does the server
 * (after terminate). One that traps exits does so whatever the parent's
 * reason; one that does not survives a parent that ends with normal, as in
 * OTP. A start that fails leaves no link and sends no signal.
 */
enum err gs_start_link(struct proc *parent, const struct gen_server *module,
    const char *name, void *arg, struct pid *out);

/* The one or the other: parent may be NULL, and then it is nobody's. */
enum err gs_start_under(struct node *n, struct proc *parent,
    const struct gen_server *module, const char *name, void *arg,
    struct pid *out);

/*
 * From a program's top level: stops the server after what is in its
 * mailbox and waits until it has ended. E_TIMEOUT when it has not within
 * timeout_ms, E_NOPROC when there is none. Source: gen_server:stop/3.
 */
enum err gs_stop_wait(struct node *n, struct pid pid, const char *word,
    uint64_t timeout_ms);

/* Asks a server to end after what is in its mailbox. */
void gs_stop_pid(struct node *n, struct pid pid, const char *word);

/* -- asking -- */

/* Goes on with an answer, in the caller's own turn. */
typedef struct gs_next gs_then_fn(struct proc *self, const struct answer *a,
    void *arg);

/* A call from a handler. See proc_call(). */
uint64_t gs_call(struct proc *self, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, gs_then_fn *then, void *arg);

/*
 * A call from a program's top level, which runs the world until the answer
 * is there. What it says is appended to body (NULL: nobody reads it): the
 * result, or the error's text. Never from inside a turn.
 */
enum err gs_call_wait(struct node *n, struct pid target, struct slice op,
    struct slice params, uint64_t timeout_ms, struct buf *body);

/*
 * The same to who has a name, with the default timeout (OTP's call/2), and
 * a cast to it.
 */
enum err gs_call_name(struct node *n, const char *name, const char *op,
    struct slice params, struct buf *body);
enum err gs_cast_name(struct node *n, const char *name, const char *op,
    struct slice params);

API_END

#endif
