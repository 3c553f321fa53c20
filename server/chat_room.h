/*
 * A chat room: one gen_server each, of the class's second example, under
 * the dynamic supervisor `salas`; registered as "sala:" and its name. Its
 * operations, all of them as the user of the hello:
 *
 *   join [room, {desde, cuantas}?]    -> {"n": last, "mensajes": [message]}
 *   leave [room, options?]            -> true
 *   send [room, text, {clave}?]       -> the message's number
 *   who [room, options?]              -> [user], in the order of joining
 *   history [room, {desde, cuantas}?] -> as join
 *
 * A message is [n, at, user, text]. What happens goes to the sessions that
 * are in the room, the subscribers of the topic of that name: chat.message
 * [room, n, at, user, text], chat.joined, chat.left and chat.gone [room,
 * user], chat.closed [room]. Source: seed class, ChatRoom.
 */
#ifndef SERVER_CHAT_ROOM_H
#define SERVER_CHAT_ROOM_H

#include "common/gen_server.h"
#include "server/chat_members.h"

#define SALAS_NAME "salas"

/*
 * Starts the supervisor of the rooms under its name, linked to parent, and
 * under it every room that the engine has for good. rooms is borrowed for
 * as long as it lives. Errors are those of sup_start_link().
 */
enum err chat_rooms_start_link(struct node *n, struct proc *parent,
    struct chat_rooms *rooms, struct pid *out);

/*
 * Starts the process of a room that has none. E_NOPROC: there is no
 * supervisor now; else the errors of sup_start_child().
 */
enum err chat_room_start(struct node *n, struct chat_rooms *rooms,
    struct slice name);

/* The process of a room; id 0: none. Borrows name. */
struct pid chat_room_whereis(const struct node *n, struct slice name);

/*
 * Tells a room's process that the room of that id is deleted for good, so
 * that it closes (0: none is); and that there may be a new one. False: it
 * has ended.
 */
bool chat_room_settle(struct node *n, struct pid room, uint64_t deleted);

#endif
