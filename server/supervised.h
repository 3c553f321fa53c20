/*
 * The outer storey of "let it crash": a parent that does nothing but open
 * the sockets, start the server as its child, and start it again when it
 * dies of a signal. The sockets stay open, so whoever comes meanwhile waits
 * in the kernel and is not refused, and a port that was 0 stays what it is.
 *
 * The happy path is: the child ends with a status, which is the parent's.
 * Failure modes are: it dies again and again (a fourth time in 5 s is the
 * last), it is told to stop and does not (killed after its own time limit
 * and a little more), the parent dies (the kernel kills the child with it).
 *
 * It may be process 1 of a container: it reaps whatever ends there.
 */
#ifndef SERVER_SUPERVISED_H
#define SERVER_SUPERVISED_H

#include "server/config.h"

/*
 * True in the child of supervised_run(), which is the same program with the
 * same arguments. For the start of the program: it is asked once.
 */
bool supervised_is_child(void);

/*
 * Runs the program of argv under supervision, until it ends. SIGTERM,
 * SIGINT and SIGHUP are passed on to it. Returns the exit status: the
 * child's; 0 when it died of the signal it was told to stop with; 70 when it
 * died too often or would not stop; 71 when it cannot be started; or what
 * sockets_listen() says.
 */
int supervised_run(const struct config *config, char *argv[]);

#endif
