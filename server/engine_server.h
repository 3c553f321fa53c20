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

/*
 * Starts it under its name, linked to parent (NULL: to nobody). While it
 * lives *slot is its engine, and NULL before and after: who uses it looks
 * there each time. See gs_start().
 */
enum err engine_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out);

#endif
