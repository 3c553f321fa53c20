/*
 * A conversation: lines of a person, or of a file, are said in the current
 * room or are commands (/unirse, /salas, ...); what the others say appears
 * above the line that is being typed.
 */
#ifndef CLIENT_CHAT_TALK_H
#define CLIENT_CHAT_TALK_H

#include "client/command.h"

/*
 * Runs it on a client whose link is up and whose prompt is set, until /menu
 * or the end of input. room is where it begins; empty: nowhere. create: the
 * room is made first if there is none. Returns the exit status: 0, or
 * without a person there that of the first thing that failed. STATUS_NOTHING
 * where room was not there and a person did not want to make it.
 */
int chat_talk(struct client *c, struct slice room, bool create);

#endif
