/*
 * `chat`: the gen_server that keeps the rooms, of the class's second
 * example. Its operations, all of them as the user of the hello:
 *
 *   create_room [room, {clave}?] -> true
 *   delete_room [room, {clave}?] -> true
 *   list_rooms [options?]        -> [{"sala": name, "miembros": users}]
 *
 * What is for a room whose process is not there comes here too: there is
 * no such room, or it will be there in a moment. Source: seed class,
 * ChatServer.
 */
#ifndef SERVER_CHAT_SERVER_H
#define SERVER_CHAT_SERVER_H

#include "common/gen_server.h"
#include "server/chat_members.h"

#define CHAT_NAME "chat"

/*
 * Starts it under its name, linked to parent (NULL: to nobody); rooms is
 * borrowed for as long as it lives. See gs_start().
 */
enum err chat_server_start_link(struct node *n, struct proc *parent,
    struct chat_rooms *rooms, struct pid *out);

#endif
