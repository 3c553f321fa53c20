/*
 * The process `engine`: opens an engine in its init and closes it at its
 * end. Everything that stands on the engine is started after it, so its
 * end restarts all of that.
 */
#ifndef SERVER_ENGINE_SERVER_H
#define SERVER_ENGINE_SERVER_H

#include "common/gen_server.h"
#include "server/engine.h"

#define ENGINE_NAME "engine"

/* Where an engine is found, and what it stands on. Does not move. */
struct engine_slot {
	struct engine *engine; /* while there is one */
	struct store *store; /* NULL: memory alone */
};

/*
 * Starts it under its name, linked to parent (NULL: to nobody). While it
 * lives slot->engine is its engine, and NULL before and after: who uses it
 * looks there each time. See gs_start(); E_DIED: the store cannot be read.
 */
enum err engine_server_start_link(struct node *n, struct proc *parent,
    struct engine_slot *slot, struct pid *out);

#endif
