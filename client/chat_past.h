/*
 * What was said in a room, as the server answers it to join and history:
 * {"n": the last number there is, "mensajes": [[n, at, user, text]...]}.
 */
#ifndef CLIENT_CHAT_PAST_H
#define CLIENT_CHAT_PAST_H

#include "proto/term.h"

/* One message; slices are borrowed from what it was read from. */
struct chat_said {
	uint64_t n;
	uint64_t at_ms; /* since 1970, UTC */
	struct slice user;
	struct slice text;
};

/* A walk over the messages of an answer, which stays borrowed. */
struct chat_past {
	uint64_t n; /* the last number of the room, 0: nothing was said */
	uint32_t count; /* messages that are left */
	struct term_reader messages;
};

/* E_MALFORMED: it is no such answer; *p is of no use then. */
enum err chat_past_read(struct chat_past *p, struct slice answer);

/* The next of p->count messages, oldest first. E_MALFORMED: it is none. */
enum err chat_past_next(struct chat_past *p, struct chat_said *s);

/* The four fields alone, as they are in a push. E_MALFORMED as above. */
enum err chat_said_read(struct chat_said *s, struct term_reader *r);

#endif
