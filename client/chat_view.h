/*
 * What happens in the chat, as people read it: the class's lines, on a
 * terminal with the time in front and a colour for each person; and as JSON
 * for programs. What others wrote is made harmless here.
 */
#ifndef CLIENT_CHAT_VIEW_H
#define CLIENT_CHAT_VIEW_H

#include "client/chat_client.h"
#include "client/view.h"

/*
 * The line of an event with its line feed, which the caller frees; NULL:
 * nobody has to be told. me is who reads it. Of ACCEPTED it is the line that
 * was said. FAILED has no JSON.
 */
char *chat_view_event(const struct view *v, const char *me,
    const struct chat_event *e);

/*
 * The line of a room, {"tipo": "sala", ...} as JSON, with its line feed; the
 * caller frees it. in: this client is there; a * says so.
 */
char *chat_view_room(const struct view *v, struct slice room, uint64_t members,
    bool in);

/* The line of one of those in a room, as JSON; likewise. */
char *chat_view_person(const struct view *v, struct slice room,
    struct slice user);

/* Says that a room was deleted; likewise. */
char *chat_view_deleted(const struct view *v, struct slice room);

/* Why a wish was not fulfilled, a sentence without a line feed; as above. */
char *chat_view_failure(const struct chat_event *e);

/*
 * What a program that ends with that failure has as its status: 1 where
 * there is no such room, or this client is not in it.
 */
int chat_view_status(enum err e);

#endif
