/*
 * The runtime whole, for programs that use it as a library (libgenserver):
 * gen_server(3), supervisor(3), agent(3), node(3), and what they stand on.
 *
 *	cc x.c $(pkg-config --cflags --libs genserver)
 */
#ifndef COMMON_GENSERVER_H
#define COMMON_GENSERVER_H

#include "common/agent.h"
#include "common/gen_server.h"
#include "common/inspect.h"
#include "common/loop.h"
#include "common/net_kernel.h"
#include "common/registry.h"
#include "common/supervisor.h"
#include "proto/term.h"

#endif
