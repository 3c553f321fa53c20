#include "server/tree.h"

#include <stdlib.h>

#include "common/supervisor.h"
#include "server/chat_room.h"
#include "server/chat_server.h"
#include "server/engine_server.h"
#include "server/sys.h"
#include "server/tareas_server.h"

static enum err
start_engine(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	/* With the engine all sessions have ended. */
	chat_rooms_clear(&t->rooms);
	return engine_server_start_link(t->node, parent, &t->slot, out);
}

static enum err
start_tareas(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return tareas_server_start_link(t->node, parent, &t->slot.engine, out);
}

static enum err
start_salas(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return chat_rooms_start_link(t->node, parent, &t->rooms, out);
}

static enum err
start_chat(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return chat_server_start_link(t->node, parent, &t->rooms, out);
}

static enum err
start_sys(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return sys_start_link(t->node, parent, ROOT_NAME, out);
}

static enum err
start_listener(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return listener_start_link(t->node, parent, &t->listener, out);
}

/* For the sessions' links. Without an engine there is no listing. */
static size_t
listing_bytes(void *arg, struct slice usuario)
{
	const struct tree *t = arg;

	if (t->slot.engine == NULL)
		return 0;
	return tareas_state_bytes(engine_state(t->slot.engine), usuario);
}

/* An end in here touches nobody else. */
static enum err
start_domain(struct proc *parent, void *arg, struct pid *out)
{
	const struct sup_child children[] = {
		{ .id = "tareas", .start = start_tareas, .arg = arg },
		{ .id = "salas",
		    .start = start_salas,
		    .arg = arg,
		    .grace_ms = SUP_INFINITY },
		{ .id = "chat", .start = start_chat, .arg = arg },
		{ .id = "sys", .start = start_sys, .arg = arg },
	};
	const struct sup_spec spec = { .name = "domain",
		.strategy = SUP_ONE_FOR_ONE,
		.children = children,
		.count = sizeof(children) / sizeof(children[0]) };
	struct tree *t = arg;

	return sup_start_link(t->node, parent, &spec, out);
}

/* Dynamic: the listener starts them, and none is started again. */
static enum err
start_sessions(struct proc *parent, void *arg, struct pid *out)
{
	const struct sup_spec spec = { .name = SESSIONS_NAME,
		.strategy = SUP_ONE_FOR_ONE };
	struct tree *t = arg;

	return sup_start_link(t->node, parent, &spec, out);
}

static enum err
start_root(struct tree *t)
{
	const struct sup_child children[] = {
		{ .id = "engine", .start = start_engine, .arg = t },
		{ .id = "domain",
		    .start = start_domain,
		    .arg = t,
		    .grace_ms = SUP_INFINITY },
		{ .id = "sessions",
		    .start = start_sessions,
		    .arg = t,
		    .grace_ms = SUP_INFINITY },
		{ .id = "listener", .start = start_listener, .arg = t },
	};
	const struct sup_spec spec = { .name = ROOT_NAME,
		.strategy = SUP_REST_FOR_ONE,
		.children = children,
		.count = sizeof(children) / sizeof(children[0]) };

	return sup_start_link(t->node, NULL, &spec, &t->root);
}

enum err
tree_start(struct tree *t, struct node *n, const struct cookie *cookie,
    struct store *store)
{
	uint8_t seed[TABLE_SEED_BYTES];

	*t = (struct tree){ .node = n, .slot.store = store };
	world_random(node_world(n), seed, sizeof(seed));
	chat_rooms_init(&t->rooms, &t->slot.engine, seed);
	t->sizes = (struct session_sizes){ listing_bytes, t };
	listener_config_init(&t->listener, cookie);
	t->listener.sizes = &t->sizes;
	return start_root(t);
}

void
tree_release(struct tree *t)
{
	chat_rooms_clear(&t->rooms);
}

static struct proc *
of_name(const struct tree *t, const char *name)
{
	return node_find(t->node, node_whereis(t->node, slice_of(name)));
}

struct proc *
tree_listener(const struct tree *t)
{
	return of_name(t, LISTENER_NAME);
}

struct proc *
tree_sessions(const struct tree *t)
{
	return of_name(t, SESSIONS_NAME);
}
