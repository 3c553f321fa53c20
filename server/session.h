/*
 * A session: the process of one connection, a peer under the policy of this
 * server. A remote reaches what export.c names, and nothing else.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "common/peer.h"

struct session_config {
	struct slice cookie; /* borrowed for session_start() */
	/*
	 * Who is told when the session has proved that it knows the cookie,
	 * by a cast: "admitted" [pid].
	 */
	struct pid host;
	struct log_limit *refusals; /* borrowed for as long as it lives */
};

/*
 * Takes the stream; starts a session on it. Gives the session's pid, id 0
 * when it could not start.
 */
struct pid session_start(struct node *n, struct stream *s,
    const struct stream_peer *from, const struct session_config *config);

#endif
