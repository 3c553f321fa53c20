/*
 * What a chat_client is told of rooms, held against the history: each
 * message once, in order, without gaps, as it was said, and durable; who
 * comes and goes, each time once.
 */
#ifndef TESTS_SIM_ROOMS_H
#define TESTS_SIM_ROOMS_H

#include "client/chat_client.h"
#include "server/chat_members.h"
#include "tests/sim/model.h"

enum { ROOMS_USERS = 8 }; /* more than clients, which count from 1 */

enum presence { PRESENCE_UNKNOWN, PRESENCE_HERE, PRESENCE_AWAY };

/* What a client knows of a room. */
struct view {
	bool in;
	bool leaving; /* so it was told; perhaps it joins again at once */
	const struct op *made_by; /* the room of its last message; NULL: none */
	uint64_t last;
	enum presence users[ROOMS_USERS];
};

/* Embedded in a client. */
struct views {
	struct model *model;
	unsigned client;
	struct view rooms[MODEL_ROOMS];
	uint32_t saying; /* lines that wait for an end */
};

/* Nothing is known. */
void views_init(struct views *v, struct model *m, unsigned client);

/* It is about to be told to leave a room. */
void views_leave(struct views *v, unsigned room);

/* A chat_client's sink; arg is the views. */
void views_sink(void *arg, const struct chat_event *e);

/* At the end, with nothing under way, what is known is what is so. */
void views_check(const struct views *v, const struct chat_rooms *rooms);

/* The answer of chat.history. */
void rooms_check_past(struct model *m, struct op *op, struct slice answer);

#endif
