/*
 * What every request to this server's processes may say besides its own
 * parameters: who asks, and the key that makes it safe to repeat.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include "common/gen_server.h"
#include "proto/term.h"
#include "server/engine.h"

/*
 * The user of the hello of who sent m; empty: there is none, or it is no
 * session. Borrowed for the turn.
 */
struct slice request_user(struct node *n, const struct message *m);

/*
 * Reads the options of a write, a map that r may be at (n parameters are
 * left, 0 or 1): fills in command's quien and clave. What is not known is
 * skipped. E_BADARG: no map, or a clave that is none; *why says so.
 * E_NOCONNECTION: it has a clave, and who sent it has left: nobody can tell
 * whose it is, and under a wrong name its repetition would be done again.
 */
enum err request_options(struct node *n, const struct message *m,
    struct term_reader *r, uint32_t left, struct command *c, const char **why);

#endif
