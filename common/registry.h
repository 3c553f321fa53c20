/*
 * Topics: a name with many subscribers. Unique names are the node's
 * (proc_register()); this is the other half of a registry, where what is
 * published reaches all who want it. Source: Elixir's Registry, with
 * duplicate keys.
 */
#ifndef COMMON_REGISTRY_H
#define COMMON_REGISTRY_H

#include "common/proc.h"
#include "proto/api.h"

API_BEGIN

/* Where nodes come and go: "nodeup" and "nodedown" [node name]. */
#define REG_NODES "node"

/*
 * p wants what is published under topic (copied), until it ends. Once is
 * enough.
 */
void reg_subscribe(struct proc *p, const char *topic);

/* Not any more; what waits in its mailbox stays there. */
void reg_unsubscribe(struct proc *p, const char *topic);

/*
 * Sends every subscriber a MESSAGE_INFO of that op and body (borrowed).
 * One whose mailbox is full misses it, as with proc_send(): who must not
 * miss anything is found before, see reg_next(). The bytes are there once,
 * however many subscribers hold them: as the frame of the wire, which a
 * peer only copies to its link. Returns how many subscribers there are.
 */
uint32_t reg_publish(struct node *n, const char *topic, struct slice op,
    struct slice body);

/*
 * The same for count bodies (borrowed), over 0, in their order, that are
 * there at once. A peer gets them as one message, whose frame has the frames
 * of all, and which its mailbox counts as so many: keep them few and small
 * beside LIMIT_UNSENT. Any other process gets each by itself, and so does a
 * peer that is traced or whose mailbox has no room for all.
 */
uint32_t reg_publish_all(struct node *n, const char *topic, struct slice op,
    const struct slice *bodies, uint32_t count);

/* How many want it. */
uint32_t reg_count(const struct node *n, const char *topic);

/* A place in a topic. */
struct reg_walk {
	struct subscription *next;
};

/*
 * Walks the subscribers of a topic, in no order to rely on:
 *
 *	reg_walk(&w, n, topic);
 *	while ((p = reg_next(&w)) != NULL)
 *
 * Borrowed, for this turn; NULL at the end. The one that reg_next() gave
 * may leave the topic or end before the next step; no other may.
 */
void reg_walk(struct reg_walk *w, const struct node *n, const char *topic);
struct proc *reg_next(struct reg_walk *w);

API_END

#endif
