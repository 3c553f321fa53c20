/*
 * A session: the process of one connection, a peer under the policy of this
 * server. A remote reaches what export.c names, and nothing else.
 */
#ifndef SERVER_SESSION_H
#define SERVER_SESSION_H

#include "common/peer.h"

/*
 * Who knows how long an answer will be, so that a link keeps room for that
 * much and not for a whole frame. What is added meanwhile is not in it;
 * LIMIT_UNSENT_NODE bounds what that comes to.
 */
struct session_sizes {
	/* At most so many bytes is a listing of a user's tasks, now. */
	size_t (*listing)(void *arg, struct slice usuario);
	void *arg;
};

/* How many chat lines a session may say: a token bucket. */
struct chat_rate {
	uint32_t per_s; /* 0: as many as it likes */
	uint32_t burst; /* at once, from 1 on */
};

/* One for all sessions: a change is one for those that run, too. */
struct session_config {
	struct slice cookie;
	/*
	 * Who is told when a session has proved that it knows the cookie,
	 * by a cast: "admitted" [pid].
	 */
	struct pid host;
	struct log_limit *refusals;
	const struct session_sizes *sizes; /* NULL: nobody knows */
	struct chat_rate rate;
};

/*
 * Takes the stream; starts a session on it, linked to parent. config is
 * borrowed for as long as the session lives. Errors are those of
 * peer_start().
 */
enum err session_start_link(struct proc *parent, struct stream *s,
    const struct stream_peer *from, const struct session_config *config,
    struct pid *out);

#endif
