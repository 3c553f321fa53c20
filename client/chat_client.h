/*
 * The class's ChatClient, as a gen_server of the client's node: it is in
 * rooms, says lines there, and hears what the others say. Source: seed
 * class, ChatClient.
 *
 * It knows nothing of terminals: what happens is told to a sink. Each
 * message of a room is told once and in the room's order. After a broken
 * link it joins its rooms again and asks for what was said meanwhile; what
 * a push has skipped it asks for too, before it tells of that push.
 *
 * A line that a broken link leaves without an answer is said again with the
 * same key (the option `clave`), so that the server does not store it
 * twice. Lines go one by one, each after the answer of the one before, and
 * after a break only once their room is joined again: they stay in order.
 */
#ifndef CLIENT_CHAT_CLIENT_H
#define CLIENT_CHAT_CLIENT_H

#include "common/gen_server.h"

enum chat_kind {
	CHAT_SAID, /* user said text, message n of the room, at at_ms */
	CHAT_JOINED, /* user is in the room now */
	CHAT_LEFT, /* user has left it */
	CHAT_GONE, /* user's link has ended */
	CHAT_CLOSED, /* the room is no more, and this client in it no more */
	CHAT_ACCEPTED, /* a line of mine is message n of the room */
	CHAT_FAILED, /* a wish of mine: e says why */
	CHAT_LINK, /* the link is up, or down */
};

enum chat_wish { CHAT_JOIN, CHAT_LEAVE, CHAT_SAY };

/* All slices are borrowed for the call, and as people wrote them. */
struct chat_event {
	enum chat_kind kind;
	struct slice room;
	struct slice user; /* SAID, JOINED, LEFT, GONE */
	struct slice text; /* SAID, ACCEPTED, and FAILED of CHAT_SAY */
	uint64_t n; /* SAID, ACCEPTED */
	uint64_t at_ms; /* SAID: since 1970, UTC */
	bool mine; /* user is this client's; of SAID too */
	bool old; /* SAID: before this client joined */
	enum chat_wish wish; /* FAILED */
	enum err e; /* FAILED; of CHAT_SAY, see chat_client_say() */
	struct slice why; /* FAILED: the server's sentence, may be empty */
	bool up; /* LINK */
};

struct chat_client_config {
	struct pid conn; /* see conn.h; reconnecting is its business */
	const char *user; /* the hello's */
	uint64_t timeout_ms; /* for the answer to each wish */
	/* Runs in the client's own turn: it may only note and print. */
	void (*sink)(void *arg, const struct chat_event *e);
	void *arg;
};

/*
 * Starts it as "chat_client", a name that a node has once. Copies config,
 * borrows its user and arg.
 */
struct pid chat_client_start(struct node *n,
    const struct chat_client_config *config);

/*
 * -- wishes, from a program's top level: what becomes of them the sink is
 * told. One that is full of them lets the world go on before it takes more.
 */

/*
 * Joins a room: JOINED (mine), after the last messages of the room as old
 * ones; or FAILED with E_NOPROC (no such room), E_UNREACHABLE (there is no
 * link now) or another error. A link that breaks meanwhile, or a server too
 * busy, only delays it, as long as there is time.
 * Who is in the room is told JOINED at once.
 */
void chat_client_join(struct node *n, struct pid chat, struct slice room);

/* Leaves it: LEFT (mine), or FAILED with E_DENIED when it was not in. */
void chat_client_leave(struct node *n, struct pid chat, struct slice room);

/*
 * Says a line in a room: ACCEPTED or FAILED, exactly one. E_DENIED: it is
 * not in the room. E_TIMEOUT, E_NOCONNECTION, E_DIED, E_MALFORMED: nobody
 * knows whether it was said. E_UNREACHABLE: there was no link in time.
 * While the server says overload it is tried again.
 */
void chat_client_say(struct node *n, struct pid chat, struct slice room,
    struct slice text);

/*
 * True when nothing it was told to do is unanswered, and it has heard its
 * own lines.
 */
bool chat_client_is_idle(struct node *n, struct pid chat);

/* True when it is in that room, or will be again after a broken link. */
bool chat_client_is_in(struct node *n, struct pid chat, struct slice room);

/*
 * Walks its rooms in the order in which they were joined: *place starts at
 * 0; false at the end. *room is borrowed for the turn.
 */
bool chat_client_next_room(struct node *n, struct pid chat, size_t *place,
    struct slice *room);

/*
 * From a program's top level: leaves all rooms, for at most ms, and ends
 * it. The sink is told nothing of it.
 */
void chat_client_stop(struct node *n, struct pid chat, uint64_t ms);

#endif
