#include "server/engine_server.h"

#include "proto/term.h"

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

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct state *s = gs_state(self);
	const struct tareas_state *map = engine_state(*s->slot);

	(void)texts;
	term_write_map(out, 3);
	term_write_cstr(out, "usuarios");
	term_write_uint(out, tareas_state_usuarios(map));
	term_write_cstr(out, "tareas");
	term_write_uint(out, tareas_state_tareas(map));
	term_write_cstr(out, "seq");
	term_write_uint(out, engine_seq(*s->slot));
}

static const struct gen_server module = {
	.module = ENGINE_NAME,
	.state_bytes = sizeof(struct state),
	.init = init,
	.format_status = format_status,
	.terminate = terminate,
};

enum err
engine_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out)
{
	return gs_start_under(n, parent, &module, ENGINE_NAME, slot, out);
}
