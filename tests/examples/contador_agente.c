/*
 * Contador as an Agent: the class's other version. The state and its named
 * operations; everything a GenServer has besides is gone.
 */
#include "common/agent.h"
#include "common/inspect.h"
#include "common/loop.h"
#include "proto/term.h"

struct contador {
	int64_t valor;
};

static enum err
incrementar(void *estado, struct slice params, struct buf *respuesta)
{
	struct contador *c = estado;

	(void)params;
	(void)respuesta;
	c->valor++;
	return E_OK;
}

static enum err
valor(void *estado, struct slice params, struct buf *respuesta)
{
	const struct contador *c = estado;

	(void)params;
	term_write_int(respuesta, c->valor);
	return E_OK;
}

static const struct agent_operation operaciones[] = {
	{ "incrementar", AGENT_UPDATE, incrementar },
	{ "valor", AGENT_GET, valor },
	{ NULL, AGENT_GET, NULL },
};

static const struct agent contador = {
	.name = "Contador",
	.state_bytes = sizeof(struct contador), /* zeroed: it starts at 0 */
	.operations = operaciones,
};

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("contador"), NULL);
	struct buf respuesta;
	struct pid agente;

	buf_init(&respuesta);
	agent_start_link(n, NULL, &contador, NULL, &agente);
	agent_cast(n, agente, "incrementar", slice_of(""));
	agent_call(n, agente, "incrementar", slice_of(""), NULL);
	agent_call(n, agente, "valor", slice_of(""), &respuesta);
	inspect_print(stdout, "El contador vale", buf_bytes(&respuesta));
	agent_stop(n, agente);
	buf_release(&respuesta);
	node_free(n);
	loop_free(l);
}
