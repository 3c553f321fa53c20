/*
 * Contador: the class's GenServer. A value, a call that asks for it and a
 * cast that adds one.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "proto/term.h"

struct contador {
	int64_t valor;
};

/* -- callbacks -- */

static struct gs_next
init(struct proc *self, void *valor_inicial)
{
	struct contador *estado = gs_state(self);

	estado->valor = *(int64_t *)valor_inicial;
	return gs_noreply();
}

static struct gs_next
handle_call(struct proc *self, const struct message *m)
{
	const struct contador *estado = gs_state(self);

	if (!slice_is(m->op, "valor"))
		return gs_error(E_UNDEF, NULL);
	term_write_int(gs_answer(self), estado->valor);
	return gs_reply(self);
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	struct contador *estado = gs_state(self);

	if (!slice_is(m->op, "incrementar"))
		return gs_error(E_UNDEF, NULL);
	estado->valor++;
	return gs_noreply();
}

static const struct gen_server contador = {
	.module = "Contador",
	.state_bytes = sizeof(struct contador),
	.init = init,
	.handle_call = handle_call,
	.handle_cast = handle_cast,
};

/* -- public functions -- */

static enum err
start(struct node *n, int64_t valor_inicial)
{
	struct pid pid;

	return gs_start(n, &contador, "Contador", &valor_inicial, &pid);
}

static int64_t
valor(struct node *n)
{
	struct buf respuesta;
	struct term_reader r;
	int64_t v = -1;

	buf_init(&respuesta);
	gs_call_name(n, "Contador", "valor", slice_of(""), &respuesta);
	term_reader_init(&r, buf_bytes(&respuesta));
	(void)term_read_int(&r, &v);
	buf_release(&respuesta);
	return v;
}

static void
incrementar(struct node *n)
{
	gs_cast_name(n, "Contador", "incrementar", slice_of(""));
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("contador"), NULL);

	start(n, 0);
	incrementar(n);
	incrementar(n);
	printf("El contador vale: %d\n", (int)valor(n));
	node_free(n);
	loop_free(l);
}
