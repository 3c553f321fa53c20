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

/* Why a wish was not fulfilled, a sentence without a line feed; as above. */
char *chat_view_failure(const struct chat_event *e);

/*
 * What a program that ends with that failure has as its status: 1 where
 * there is no such room, or this client is not in it.
 */
int chat_view_status(enum err e);

#endif
