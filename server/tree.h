/*
 * The server's processes, as tables:
 *
 *	root (rest_for_one) -> engine
 *	                       domain (one_for_one) -> tareas, sys
 *	                       sessions (dynamic)
 *	                       listener
 *
 * A death inside domain touches nobody else; the engine's restarts all.
 */
#ifndef SERVER_TREE_H
#define SERVER_TREE_H

#include "server/engine.h"
#include "server/listener.h"

#define ROOT_NAME "root"

/* Embedded in who runs it; does not move while the node lives. */
struct tree {
	struct node *node;
	struct pid root; /* the supervisor at the top */
	struct engine *engine; /* of the process `engine`, while there is one */
	struct listener_config listener;
};

/*
 * Starts all of it on a node that has none yet; cookie is borrowed for as
 * long as the node lives. It listens nowhere: see listener_add().
 */
void tree_start(struct tree *t, struct node *n, const struct cookie *cookie);

/* The listener, and the supervisor of sessions; NULL: not now. Borrowed. */
struct proc *tree_listener(const struct tree *t);
struct proc *tree_sessions(const struct tree *t);

#endif
