/*
 * Nodes of one's own program that reach each other, as Erlang's net_kernel
 * has it: who knows the cookie may call, cast, send to and monitor every
 * registered process. (A server for others decides itself what it exports:
 * see peer.h's policy.)
 */
#ifndef COMMON_NET_KERNEL_H
#define COMMON_NET_KERNEL_H

#include "common/peer.h"

/*
 * Lets other nodes connect, under the name "net_kernel". cookie is copied.
 * *port is the one it got. E_EXISTS: this node listens already, or the port
 * is in use; else the errors of world_listen(), with *why.
 */
enum err net_listen(struct node *n, const struct address *at,
    struct slice cookie, uint16_t *port, const char **why);

/*
 * Connects to another node. *peer stands for it at once; what is sent to it
 * waits until the link is up. When that fails, it ends with noconnection.
 */
enum err net_connect(struct node *n, const struct address *to,
    struct slice cookie, struct pid *peer, const char **why);

/*
 * From a program's top level: runs the world until the link is up (E_OK),
 * has failed, or ms are over (E_NOCONNECTION).
 */
enum err net_wait(struct node *n, struct pid peer, uint64_t ms);

/*
 * The peer of a node by its name, if there is a link to it; of several of
 * that name any one. It walks all processes: keep the pid.
 */
struct pid net_peer(const struct node *n, struct slice name);

#endif
