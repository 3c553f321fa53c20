/*
 * Where the server listens, whoever opens its sockets: itself, the parent of
 * --supervised, or systemd. Sockets go from one program to the next as
 * sd_listen_fds(3) has it: LISTEN_FDS of them, the descriptors from 3 on,
 * for the process LISTEN_PID.
 */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include "common/loop.h"
#include "server/config.h"

enum { SOCKETS_FIRST = 3 }; /* sd_listen_fds(3): SD_LISTEN_FDS_START */

/* Listens on one more address; errors are those of world_listen(). */
typedef enum err sockets_listen_fn(void *arg, const struct address *at,
    const char **why);

/*
 * Calls listen for each address that config asks for, or else for both
 * loopback ones, of which this machine may lack one (the log says so).
 * Returns 0, or the exit status after it said on stderr what is wrong.
 */
int sockets_listen(const struct config *config, struct log *log,
    sockets_listen_fn *listen, void *arg);

/*
 * Tells how many sockets were handed to this process, which has to close
 * them; they do not go to a program it starts. LISTEN_* leave the
 * environment, so this is asked once. Returns as above; *count is unchanged
 * on failure.
 */
int sockets_inherited(unsigned *count);

/*
 * Gives the loop the sockets that were handed to this process. When config
 * asks for no address, it asks for theirs from then on, in their order.
 * Returns as above.
 */
int sockets_adopt(struct loop *loop, struct config *config);

/*
 * In a new process that is about to become another program: hands it these
 * sockets, at most CONFIG_LISTEN_MAX. False, with errno, when it failed.
 */
bool sockets_hand_over(const int *fds, unsigned count);

#endif
