/*
 * reply/2: handle_call does not answer, it keeps `from`; the answer is sent
 * later, from another callback. Meanwhile the server is free for others.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/inspect.h"
#include "common/loop.h"
#include "proto/term.h"

struct cocina {
	struct from cliente;
};

static struct gs_next
init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

static struct gs_next
handle_call(struct proc *self, const struct message *m)
{
	struct cocina *estado = gs_state(self);

	puts("Cocina: llegó un pedido");
	estado->cliente = m->from;
	proc_send_after(self, 20, slice_of("horneado"));
	return gs_noreply();
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	const struct cocina *estado = gs_state(self);
	struct answer respuesta = { .e = E_OK };
	struct buf *b = gs_answer(self);

	(void)m; /* "horneado" */
	puts("Cocina: el pedido está listo");
	term_write_cstr(b, "pizza");
	respuesta.body = buf_bytes(b);
	proc_answer(proc_node(self), estado->cliente, &respuesta);
	return gs_noreply();
}

static const struct gen_server cocina = {
	.module = "Cocina",
	.state_bytes = sizeof(struct cocina),
	.init = init,
	.handle_call = handle_call,
	.handle_info = handle_info,
};

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("cocina"), NULL);
	struct buf respuesta;
	struct pid pid;

	buf_init(&respuesta);
	gs_start(n, &cocina, "Cocina", NULL, &pid);
	gs_call_name(n, "Cocina", "pizza", slice_of(""), &respuesta);
	inspect_print(stdout, "Cliente: recibí", buf_bytes(&respuesta));
	buf_release(&respuesta);
	node_free(n);
	loop_free(l);
}
