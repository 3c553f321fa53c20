#include <stdlib.h>

#include "server/engine.h"

struct engine {
	struct tareas_state *state;
	uint64_t seq; /* commands applied */
	const struct engine_events *events;
	void *arg;
};

struct engine *
engine_local_new(const uint8_t seed[TABLE_SEED_BYTES])
{
	struct engine *e = calloc(1, sizeof(*e));

	if (e == NULL)
		abort();
	e->state = tareas_state_new(seed);
	return e;
}

void
engine_close(struct engine *e)
{
	tareas_state_free(e->state);
	free(e);
}

void
engine_attach(struct engine *e, const struct engine_events *events, void *arg)
{
	e->events = events;
	e->arg = arg;
}

/* Deterministic: the map and the command alone decide. */
static struct outcome
apply(struct tareas_state *s, const struct command *c)
{
	struct outcome o = { .e = E_OK };

	switch (c->kind) {
	case COMMAND_AGREGAR:
		o.e = tareas_state_agregar(s, c->usuario, &c->tarea);
		break;
	case COMMAND_ELIMINAR:
		o.deleted =
		    tareas_state_eliminar(s, c->usuario, c->tarea.titulo);
		break;
	}
	return o;
}

void
engine_propose(struct engine *e, const struct command *c, struct from from)
{
	struct outcome o = apply(e->state, c);

	e->seq++;
	if (e->events != NULL)
		e->events->applied(e->arg, e->seq, from, c, &o);
}

const struct tareas_state *
engine_state(const struct engine *e)
{
	return e->state;
}

uint64_t
engine_seq(const struct engine *e)
{
	return e->seq;
}
