/*
 * The server's processes, as tables:
 *
 *	root (rest_for_one) -> engine
 *	                       domain (one_for_one) -> tareas
 *	                                               salas (dynamic) -> rooms
 *	                                               chat, sys
 *	                       sessions (dynamic)
 *	                       listener
 *
 * A death inside domain touches nobody else; the engine's restarts all.
 */
#ifndef SERVER_TREE_H
#define SERVER_TREE_H

#include "server/chat_members.h"
#include "server/engine_server.h"
#include "server/listener.h"

#define ROOT_NAME "root"

/* Embedded in who runs it; does not move while the node lives. */
struct tree {
	struct node *node;
	struct pid root; /* the supervisor at the top */
	struct engine_slot slot; /* of the process `engine` */
	struct chat_rooms rooms;
	struct session_sizes sizes;
	struct listener_config listener;
};

/*
 * Starts all of it on a node that has none yet; cookie and store (NULL:
 * memory alone) are borrowed for as long as the node lives. It listens
 * nowhere: see listener_add(). E_DIED: the store cannot be read; nothing
 * runs then.
 */
enum err tree_start(struct tree *t, struct node *n, const struct cookie *cookie,
    struct store *store);

/* After the end of its node: frees what outlived the processes. */
void tree_release(struct tree *t);

/* The listener, and the supervisor of sessions; NULL: not now. Borrowed. */
struct proc *tree_listener(const struct tree *t);
struct proc *tree_sessions(const struct tree *t);

#endif
