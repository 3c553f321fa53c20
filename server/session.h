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
 * Takes the stream; starts a session on it, linked to parent. Errors are those of peer_start().
 */
enum err session_start_link(struct proc *parent, struct stream *s,
    const struct stream_peer *from, const struct session_config *config,
    struct pid *out);

#endif
