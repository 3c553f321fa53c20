#include "server/engine_server.h"

struct state {
	struct engine **slot;
};

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);
	uint8_t seed[TABLE_SEED_BYTES];

	s->slot = arg;
	world_random(node_world(proc_node(self)), seed, sizeof(seed));
	*s->slot = engine_local_new(seed);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct state *s = gs_state(self);

	(void)why;
	engine_close(*s->slot);
	*s->slot = NULL;
}

static const struct gen_server module = {
	.module = ENGINE_NAME,
	.state_bytes = sizeof(struct state),
	.init = init,
	.terminate = terminate,
};

enum err
engine_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out)
{
	return gs_start_under(n, parent, &module, ENGINE_NAME, slot, out);
}
