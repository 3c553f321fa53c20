/*
 * A peer: the process that stands for another node, and the only face of it
 * that processes here see. A call to it is a call over there (the operation
 * is the wire's whole method, "tareas.listar_tareas"), a cast a cast, and
 * when its link ends, it ends with reason noconnection, so that callers and
 * monitors learn it the way they learn any end.
 *
 * In the other direction it is the far node's agent here: what comes over
 * the link is asked of the policy and forwarded to a process with
 * from = (peer, ref); the answer goes straight into the link's buffer,
 * which is the mailbox of the far caller. If the process ends first, all
 * that are open there are answered `died`.
 *
 * A request whose options (a map as its last parameter) have "plazo", the
 * ms that its caller still waits, is answered timeout after that and never
 * carried out.
 *
 * Until the link is up its mailbox waits; while the link is full, too.
 */
#ifndef COMMON_PEER_H
#define COMMON_PEER_H

#include <stdbool.h>

#include "common/link.h"
#include "common/proc.h"

/* What a remote asks for. All borrowed. */
struct peer_request {
	struct slice process;
	struct slice operation;
	struct slice params; /* a whole array */
};

/* Where it goes. */
struct peer_route {
	struct pid target;
	size_t answer_bytes; /* room to keep for the answer, if it is large */
	bool no_options; /* there are none: no plazo is looked for */
};

struct peer_policy {
	/*
	 * May the far side have this, and where is it? Fills *to, or returns
	 * the error for it; *text (a constant string) may be set then.
	 */
	enum err (*route)(struct proc *peer, void *arg,
	    const struct peer_request *what, struct peer_route *to,
	    const char **text);
	/*
	 * The process of that name, as far as the far side may monitor it;
	 * id 0: none, and it gets noproc. May be NULL: none at all.
	 */
	struct pid (*whereis)(struct proc *peer, void *arg, struct slice name);
	/* The link is up. May be NULL. */
	void (*up)(struct proc *peer, void *arg);
	/*
	 * The link has ended; why is a constant English sentence. The peer
	 * ends after this, or because of it. Comes exactly once for each
	 * peer that peer_start() gave. May be NULL.
	 */
	void (*down)(struct proc *peer, void *arg, enum err e, const char *why);
};

/*
 * Takes the stream; starts a peer on it. policy and arg are borrowed for as
 * long as the peer lives. Gives its pid. E_BADARG as link_new().
 */
enum err peer_start(struct node *n, struct stream *s,
    const struct link_config *config, const struct peer_policy *policy,
    void *arg, struct pid *out);

/*
 * p monitors a process of that name on the peer's node: one DOWN (from.pid
 * is the peer's) with the process's own reason, noproc, or noconnection
 * when the link ends first; if the far side refuses it, the reason is the
 * word of its error. Returns the ref that the DOWN will carry. The far side
 * forgets it when p takes it back, or ends.
 */
uint64_t peer_monitor(struct proc *p, struct pid peer, struct slice name);

/* Takes the promise back; a DOWN that waits goes too. */
void peer_demonitor(struct proc *p, struct pid peer, uint64_t ref);

/* True when p is a peer. */
bool peer_is(const struct proc *p);

/* Its link; NULL once that has ended. Borrowed. */
struct link *peer_link(struct proc *p);

/*
 * True when p, a peer, takes in more slowly than it is sent: its link is
 * full or its mailbox over half full. More would only lie there.
 */
bool peer_is_behind(struct proc *p);

/*
 * Ends p, a peer: what is unsent is sent, [2, "node.error", [word, text]]
 * is the last message, all within a second whatever the far side does.
 * text is a constant English sentence. Said again it changes nothing.
 */
void peer_close(struct proc *p, enum err e, const char *text);

/* The same at once, unsent bytes and all: the far side only sees the end. */
void peer_abort(struct proc *p, enum err e, const char *text);

/*
 * Answers what is open, then ends the link in an orderly way: within
 * LIMIT_CALL_MS and a second, whatever the far side does.
 */
void peer_drain(struct proc *p);

#endif
