/*
 * The listener: it accepts, starts a session for each connection under the
 * supervisor `sessions`, and looks after the strangers, those who have not
 * proved the cookie yet: at most LIMIT_STRANGERS. When there is no room the
 * kernel holds who comes, and the oldest stranger of the address that has
 * most of them is closed every LIMIT_STRANGER_WAIT_MS.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "common/cookie.h"
#include "common/gen_server.h"
#include "server/session.h"

#define LISTENER_NAME "listener"
#define SESSIONS_NAME "sessions"

enum { LISTENER_ADDRESSES = 64 };

/* What outlives a listener: the next one goes on with it. */
struct listener_config {
	const struct cookie *cookie; /* borrowed */
	const struct session_sizes *sizes; /* borrowed; NULL: nobody knows */
	struct chat_rate rate; /* of each session */
	struct log_limit refusals; /* lines about refused connections */
	struct address heard[LISTENER_ADDRESSES]; /* with their real ports */
	unsigned count;
	struct session_config session; /* made of these, for all of them */
};

/* An empty one. */
void listener_config_init(struct listener_config *c,
    const struct cookie *cookie);

/*
 * Starts it under its name, linked to parent (NULL: to nobody), listening
 * on all of config's addresses; config is borrowed for as long as it and
 * its sessions live. See gs_start(); E_DIED: an address cannot be had.
 */
enum err listener_start_link(struct node *n, struct proc *parent,
    struct listener_config *config, struct pid *out);

/*
 * Listens on one more address, which config has from then on. Errors, with
 * *why (a constant string), are those of world_listen().
 */
enum err listener_add(struct proc *listener, const struct address *at,
    const char **why);

#endif
