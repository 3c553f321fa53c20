/*
 * What is asked of the server's chat by the way, in a room or not: which
 * rooms there are, who is in one, what was said there. And making rooms,
 * and deleting them.
 */
#ifndef CLIENT_CHAT_CALL_H
#define CLIENT_CHAT_CALL_H

#include "client/command.h"

/*
 * From a program's top level: the operation (create_room, who, ...) of that
 * room; room NULL: of none. cuantas is its option of that name, 0: none.
 * answer gets the result, or the error's text.
 */
enum err chat_call(const struct client *c, const char *operation,
    const struct slice *room, uint64_t cuantas, struct buf *answer);

#endif
