/*
 * Who is in which room. This outlives the rooms' processes, as an ETS table
 * does: one that is started again goes on with the members that it had, and
 * with the message that they were told last. Only a room's own process
 * changes its record.
 */
#ifndef SERVER_CHAT_MEMBERS_H
#define SERVER_CHAT_MEMBERS_H

#include <sys/queue.h>

#include "common/message.h"
#include "common/table.h"
#include "proto/limits.h"
#include "server/engine.h"

/* What a room's process and its topic are called, before its name. */
#define CHAT_ROOM_PREFIX "sala:"

enum { CHAT_ROOM_BYTES = sizeof(CHAT_ROOM_PREFIX) + LIMIT_ROOM_NAME };

/* A user who is in a room, by one session or more. */
struct chat_user {
	TAILQ_ENTRY(chat_user) entry;
	uint32_t sessions;
	uint8_t len;
	char name[];
};

struct member {
	TAILQ_ENTRY(member) entry;
	struct pid session;
	/* Its process's to keep: its monitor, and that it waits to leave. */
	uint64_t monitor;
	bool leaving;
	struct chat_user *user;
};

/* A room's record. */
struct members {
	struct chat_rooms *rooms; /* where it is */
	uint64_t id; /* of the room that is there; 0: none is */
	uint64_t told; /* the number of the last message its members got */
	bool supervised; /* its supervisor keeps a process of it running */
	TAILQ_HEAD(chat_users, chat_user) users; /* in the order of joining */
	TAILQ_HEAD(member_list, member) members;
	struct table by_user;
	struct table by_session;
	char topic[CHAT_ROOM_BYTES]; /* "sala:" and its name */
};

/* The table of them. */
struct chat_rooms {
	struct engine **engine; /* where it is; NULL there: it is not */
	struct table by_name;
};

/* No rooms; engine is borrowed, seed keys the hash tables. */
void chat_rooms_init(struct chat_rooms *rooms, struct engine **engine,
    const uint8_t seed[TABLE_SEED_BYTES]);

/* Forgets all; it is usable again. No process of a room may run. */
void chat_rooms_clear(struct chat_rooms *rooms);

/* Writes a room's registered name. E_BADARG: it can be no room's. */
enum err chat_room_name(struct slice room, char out[CHAT_ROOM_BYTES]);

/* The record of a name, or NULL. */
struct members *members_find(const struct chat_rooms *rooms, struct slice name);

/* The same; makes an empty one. The name's length has been checked. */
struct members *members_get(struct chat_rooms *rooms, struct slice name);

/* Takes the record out of its table, with all who are in it. */
void members_free(struct members *m);

/* The room's name. */
struct slice members_name(const struct members *m);

/* Finds a member, or NULL. */
struct member *members_of(const struct members *m, struct pid session);

/* Adds a session that is no member, of a user (copied). */
struct member *members_add(struct members *m, struct pid session,
    struct slice user);

/* Takes a member out, and its user with the last session. */
void members_remove(struct members *m, struct member *member);

/* A user's name. */
struct slice chat_user_name(const struct chat_user *u);

#endif
