#include "server/tree.h"

#include <stdlib.h>

#include "common/supervisor.h"
#include "server/engine_server.h"
#include "server/sys.h"
#include "server/tareas_server.h"

static enum err
start_engine(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return engine_server_start_link(t->node, parent, &t->engine, out);
}

static enum err
start_tareas(struct proc *parent, void *arg, struct pid *out)
{
	struct tree *t = arg;

	return tareas_server_start_link(t->node, parent, &t->engine, out);
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

/* An end in here touches nobody else. */
static enum err
start_domain(struct proc *parent, void *arg, struct pid *out)
{
	const struct sup_child children[] = {
		{ .id = "tareas", .start = start_tareas, .arg = arg },
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

void
tree_start(struct tree *t, struct node *n, const struct cookie *cookie)
{
	*t = (struct tree){ .node = n };
	listener_config_init(&t->listener, cookie);
	if (start_root(t) != E_OK)
		abort(); /* a new node has no names that are taken */
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
