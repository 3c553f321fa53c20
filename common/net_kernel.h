/*
 * Nodes of one's own program that reach each other, as Erlang's net_kernel
 * has it: who knows the cookie may call, cast, send to and monitor every
 * registered process. (A server for others decides itself what it exports:
 * see peer.h's policy.)
 *
 * The other node is a process here, its peer. What is asked of the peer is
 * asked over there, of the process that the operation names before its dot:
 *
 *	gs_call(self, peer, slice_of("contador.valor"), ...)
 */
#ifndef COMMON_NET_KERNEL_H
#define COMMON_NET_KERNEL_H

#include "common/address.h"
#include "common/proc.h"
#include "proto/api.h"

API_BEGIN

/*
 * Lets other nodes connect, under the name "net_kernel". cookie is copied.
 * *port is the one it got. E_EXISTS: this node listens already, or the port
 * is in use; E_BADARG: the cookie is empty or over LIMIT_COOKIE; else the
 * errors of world_listen(). *why (a constant string) says so then.
 */
enum err net_listen(struct node *n, const struct address *at,
    struct slice cookie, uint16_t *port, const char **why);

/*
 * Connects to another node. *peer stands for it at once; what is sent to it
 * waits until the link is up. When that fails, it ends with noconnection.
 * E_BADARG: the cookie, or this node's name is no name; else the errors of
 * world_connect(). *why (a constant string) says so then.
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

/*
 * p monitors the process of that name on the peer's node: exactly one DOWN,
 * whose from.pid is the peer's, with the process's own reason, noproc, or
 * noconnection when the link ends first. Returns the ref that the DOWN will
 * carry. (The node itself is monitored by proc_monitor() on its peer.)
 */
uint64_t net_monitor(struct proc *p, struct pid peer, const char *name);

/* Takes the promise back; a DOWN that waits in the mailbox goes too. */
void net_demonitor(struct proc *p, struct pid peer, uint64_t ref);

API_END

#endif
