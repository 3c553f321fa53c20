/*
 * The libevent world: sockets, the real clock, the kernel's randomness.
 * Besides what world.h asks for it watches a program's own descriptors and
 * signals, and takes listening sockets from another program. One loop is one world, for one node, in one thread.
 */
#ifndef COMMON_LOOP_H
#define COMMON_LOOP_H

#include <stdbool.h>

#include "common/world.h"
#include "proto/api.h"

API_BEGIN

struct loop;
struct watch;

enum loop_kind {
	LOOP_SOCKETS, /* the fastest for many sockets */
	LOOP_FILES, /* takes regular files and /dev/null too (poll(2)) */
};

/* A loop, given to the caller; NULL when the machine has no such thing. */
struct loop *loop_new(enum loop_kind kind);

/* Takes the loop. Its node has been freed before. */
void loop_free(struct loop *l);

/* The world of the loop, borrowed. */
struct world *loop_world(struct loop *l);

/* Runs until loop_stop(), or until nothing can happen any more. */
void loop_run(struct loop *l);

/* Lets loop_run() return after what it is doing. */
void loop_stop(struct loop *l);

/*
 * Calls ready(arg) again and again while fd can be read (a read then does
 * not block; O_NONBLOCK is not set). On at first. Gives the watch.
 */
struct watch *loop_watch(struct loop *l, int fd, void (*ready)(void *arg),
    void *arg);
void watch_enable(struct watch *w, bool on);
void watch_free(struct watch *w);

/* Calls arrived(arg) from the top after a signal. Gives the watch. */
struct watch *loop_signal(struct loop *l, int signo, void (*arrived)(void *arg),
    void *arg);

/*
 * Opens a listening socket without a loop, for another program to adopt.
 * Gives it to the caller: close-on-exec, not blocking. Errors, with *why,
 * are those of world_listen(); *fd is unchanged then.
 */
enum err loop_open(const struct address *at, int *fd, const char **why);

/*
 * Takes a listening TCP socket that another program opened and tells its
 * address. world_listen() for that address then listens on it, and for port
 * 0 of its host on the first that nobody uses. It stays open until
 * loop_free(), so between two listeners the kernel holds who comes.
 * E_BADARG: fd is no such socket; it stays the caller's, *at is unchanged.
 */
enum err loop_adopt(struct loop *l, int fd, struct address *at);

API_END

#endif
