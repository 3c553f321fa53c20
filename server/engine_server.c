#include "server/engine_server.h"

#include "proto/term.h"

struct state {
	struct engine_slot *slot;
};

static struct gs_next
init(struct proc *self, void *arg)
{
	struct state *s = gs_state(self);

	s->slot = arg;
	s->slot->engine = engine_local_new(proc_node(self), s->slot->store);
	return s->slot->engine != NULL ? gs_noreply() : gs_stop("storage");
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct state *s = gs_state(self);

	(void)why;
	engine_close(s->slot->engine);
	s->slot->engine = NULL;
}

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct state *s = gs_state(self);
	const struct engine *e = s->slot->engine;
	const struct tareas_state *map = engine_state(e);

	(void)texts;
	term_write_map(out, 6);
	term_write_cstr(out, "usuarios");
	term_write_uint(out, tareas_state_usuarios(map));
	term_write_cstr(out, "tareas");
	term_write_uint(out, tareas_state_tareas(map));
	term_write_cstr(out, "salas");
	term_write_uint(out, salas_state_count(engine_salas(e)));
	term_write_cstr(out, "seq");
	term_write_uint(out, engine_seq(e));
	term_write_cstr(out, "guardado");
	term_write_uint(out, engine_saved(e));
	term_write_cstr(out, "hay_espacio");
	term_write_bool(out, engine_has_room(e));
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
    struct engine_slot *slot, struct pid *out)
{
	return gs_start_under(n, parent, &module, ENGINE_NAME, slot, out);
}
