/*
 * The listener: it accepts, starts a session for each connection, and looks
 * after the strangers, those who have not proved the cookie yet: at most
 * LIMIT_STRANGERS. When there is no room the kernel holds who comes, and
 * the oldest stranger of the address that has most of them is closed every
 * LIMIT_STRANGER_WAIT_MS.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "common/cookie.h"
#include "common/gen_server.h"

#define LISTENER_NAME "listener"

/*
 * Starts it under its name, listening on nothing yet. cookie is borrowed
 * for as long as it lives. See gs_start().
 */
enum err listener_start(struct node *n, const struct cookie *cookie,
    struct pid *out);

/*
 * Listens on one more address; *port is the one it got. Errors, with *why
 * (a constant string), are those of world_listen().
 */
enum err listener_add(struct proc *listener, const struct address *at,
    uint16_t *port, const char **why);

/*
 * Accepts no more, lets every session answer what is open and close; the
 * listener ends when the last one has.
 */
void listener_drain(struct proc *listener);

#endif
