#include "server/chat_members.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX = sizeof(CHAT_ROOM_PREFIX) - 1 };

static void *
allocate(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (p == NULL)
		abort();
	return p;
}

/* -- the table -- */

static struct slice
record_key(const void *thing)
{
	return members_name(thing);
}

void
chat_rooms_init(struct chat_rooms *rooms, struct engine **engine,
    const uint8_t seed[TABLE_SEED_BYTES])
{
	rooms->engine = engine;
	table_init(&rooms->by_name, record_key, seed);
}

/* Frees all that a record owns, and the record. */
static void
record_free(struct members *m)
{
	struct member *member;

	while ((member = TAILQ_FIRST(&m->members)) != NULL)
		members_remove(m, member);
	table_release(&m->by_user);
	table_release(&m->by_session);
	free(m);
}

void
chat_rooms_clear(struct chat_rooms *rooms)
{
	for (size_t i = 0; i < rooms->by_name.size; i++) {
		struct members *m = table_at(&rooms->by_name, i);

		if (m != NULL)
			record_free(m);
	}
	table_release(&rooms->by_name);
}

enum err
chat_room_name(struct slice room, char out[CHAT_ROOM_BYTES])
{
	if (room.len == 0 || room.len > LIMIT_ROOM_NAME ||
	    memchr(room.bytes, '\0', room.len) != NULL)
		return E_BADARG;
	memcpy(out, CHAT_ROOM_PREFIX, PREFIX);
	memcpy(out + PREFIX, room.bytes, room.len);
	out[PREFIX + room.len] = '\0';
	return E_OK;
}

/* -- records -- */

static struct slice
user_key(const void *thing)
{
	return chat_user_name(thing);
}

static struct slice
session_key(const void *thing)
{
	const struct member *m = thing;

	return slice_bytes(&m->session, sizeof(m->session));
}

struct members *
members_find(const struct chat_rooms *rooms, struct slice name)
{
	return table_find(&rooms->by_name, name);
}

struct members *
members_get(struct chat_rooms *rooms, struct slice name)
{
	struct members *m = members_find(rooms, name);

	if (m != NULL)
		return m;
	m = allocate(sizeof(*m));
	if (chat_room_name(name, m->topic) != E_OK)
		abort(); /* it has been checked */
	m->rooms = rooms;
	TAILQ_INIT(&m->users);
	TAILQ_INIT(&m->members);
	table_init(&m->by_user, user_key, rooms->by_name.seed);
	table_init(&m->by_session, session_key, rooms->by_name.seed);
	table_add(&rooms->by_name, m);
	return m;
}

void
members_free(struct members *m)
{
	table_take(&m->rooms->by_name, members_name(m));
	record_free(m);
}

struct slice
members_name(const struct members *m)
{
	return slice_of(m->topic + PREFIX);
}

/* -- who is in one -- */

struct slice
chat_user_name(const struct chat_user *u)
{
	return slice_bytes(u->name, u->len);
}

struct member *
members_of(const struct members *m, struct pid session)
{
	return table_find(&m->by_session,
	    slice_bytes(&session, sizeof(session)));
}

static struct chat_user *
user_get(struct members *m, struct slice name)
{
	struct chat_user *u = table_find(&m->by_user, name);

	if (u != NULL)
		return u;
	u = allocate(sizeof(*u) + name.len);
	u->len = (uint8_t)name.len;
	memcpy(u->name, name.bytes, name.len);
	TAILQ_INSERT_TAIL(&m->users, u, entry);
	table_add(&m->by_user, u);
	return u;
}

struct member *
members_add(struct members *m, struct pid session, struct slice user)
{
	struct member *member = allocate(sizeof(*member));

	member->session = session;
	member->user = user_get(m, user);
	member->user->sessions++;
	TAILQ_INSERT_TAIL(&m->members, member, entry);
	table_add(&m->by_session, member);
	return member;
}

void
members_remove(struct members *m, struct member *member)
{
	struct chat_user *u = member->user;

	table_take(&m->by_session, session_key(member));
	TAILQ_REMOVE(&m->members, member, entry);
	free(member);
	if (--u->sessions > 0)
		return;
	table_take(&m->by_user, chat_user_name(u));
	TAILQ_REMOVE(&m->users, u, entry);
	free(u);
}
