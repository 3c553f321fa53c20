/*
 * The connection: a process on the client's node that keeps a peer for the
 * server. It connects, says what became of it, and, when asked to, connects
 * again by itself with back-off.
 *
 * What the server casts reaches processes of this node by name, while there
 * are such: `sys.mensaje` the one named "sys", all of `chat` the one named
 * "chat_client", which gets the operation without "chat.".
 *
 * Who wants to know that the link is up again subscribes to REG_NODES (see
 * registry.h): with each "nodeup" conn_peer() is the new peer, with each
 * "nodedown" it is nobody.
 */
#ifndef CLIENT_CONN_H
#define CLIENT_CONN_H

#include <stdbool.h>

#include "common/cookie.h"
#include "common/gen_server.h"

struct conn_config {
	const struct address *server;
	const struct cookie *cookie;
	const char *user;
	bool again; /* reconnect by itself */
	/*
	 * Told when it is up or down, perhaps before conn_start() returns; may
	 * be NULL.
	 */
	void (*changed)(void *arg);
	/*
	 * Told when the cookie was refused, before `changed`: true when it has
	 * put another one into *cookie, which is tried first then. May be
	 * NULL. Runs where *cookie is in nobody's hands.
	 */
	bool (*refused)(void *arg);
	void *arg;
};

/* Starts it under the name "conn". config's pointers are borrowed. */
struct pid conn_start(struct node *n, const struct conn_config *config);

/*
 * From a program's top level: runs the world until the link is up, has
 * failed, or ms are over. E_OK when up; else the error, and *why its
 * English sentence, a constant string.
 */
enum err conn_wait(struct node *n, struct pid conn, uint64_t ms,
    const char **why);

/* The server's peer; id 0 while there is no link. */
struct pid conn_peer(struct node *n, struct pid conn);

/* True while the link is up. */
bool conn_is_up(struct node *n, struct pid conn);

/*
 * Why the last try to get a link failed, as conn_wait() says it; E_OK while
 * the link is up.
 */
enum err conn_failure(struct node *n, struct pid conn, const char **why);

/*
 * From a program's top level, on one that reconnects: tries at once, and
 * runs the world until the link is up, for ms at most; a try that fails is
 * not the end of it.
 */
void conn_wait_up(struct node *n, struct pid conn, uint64_t ms);

/* The server's node name, as of the last link that was up; "" before. */
const char *conn_node(struct node *n, struct pid conn);

/*
 * From a program's top level: closes the link in order and opens another
 * with that user (borrowed) in its hello. Returns as conn_wait().
 */
enum err conn_renew(struct node *n, struct pid conn, const char *user,
    uint64_t ms, const char **why);

/*
 * From a program's top level: sends what is unsent, closes in order, ends
 * the process; at most ms.
 */
void conn_close(struct node *n, struct pid conn, uint64_t ms);

#endif
