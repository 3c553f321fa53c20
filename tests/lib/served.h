/*
 * What tests of sessions and clients share: a node with all that a server
 * has (sessions, listener, engine, tareas), on a world of the simulation.
 */
#ifndef TESTS_LIB_SERVED_H
#define TESTS_LIB_SERVED_H

#include <assert.h>
#include <string.h>

#include "common/supervisor.h"
#include "server/listener.h"
#include "server/tareas_server.h"
#include "tests/lib/sim.h"

struct served {
	struct world *world;
	struct node *node;
	struct address address;
	struct cookie cookie;
	struct listener_config config;
	struct engine *engine;
	struct pid sessions, listener, tareas;
};

static inline struct cookie
served_cookie(const char *text)
{
	struct cookie c = { .len = strlen(text) };

	assert(c.len <= sizeof(c.bytes));
	memcpy(c.bytes, text, c.len);
	return c;
}

static inline void
served_start_tareas(struct served *s)
{
	enum err e =
	    tareas_server_start_link(s->node, NULL, &s->engine, &s->tareas);

	assert(e == E_OK);
}

static inline void
served_start_sessions(struct served *s)
{
	struct sup_spec spec = { .name = SESSIONS_NAME,
		.strategy = SUP_ONE_FOR_ONE };
	enum err e = sup_start_link(s->node, NULL, &spec, &s->sessions);

	assert(e == E_OK);
}

/* host says where it listens; log may be NULL. */
static inline void
served_start_logged(struct served *s, struct sim *sim, const char *host,
    struct log *log)
{
	const char *why;
	enum err e;

	memset(s, 0, sizeof(*s));
	s->world = sim_world(sim);
	s->node = node_new(s->world, slice_of("servidor"), log);
	s->address = sim_address(host, 18800);
	s->cookie = served_cookie("mi_cookie");
	s->engine = engine_local_new(s->node, NULL);
	served_start_tareas(s);
	served_start_sessions(s);
	listener_config_init(&s->config, &s->cookie);
	e = listener_start_link(s->node, NULL, &s->config, &s->listener);
	assert(e == E_OK);
	e = listener_add(node_find(s->node, s->listener), &s->address, &why);
	assert(e == E_OK);
}

static inline void
served_start(struct served *s, struct sim *sim, const char *host)
{
	served_start_logged(s, sim, host, NULL);
}

/* How many connections it has. */
static inline uint32_t
served_count(const struct served *s)
{
	return sup_count_children(node_find(s->node, s->sessions)).active;
}

static inline void
served_stop(struct served *s)
{
	engine_close(s->engine);
	s->engine = NULL;
	node_free(s->node);
}

#endif
