/*
 * Contador, the class's GenServer, as a program of its own:
 *
 *	cc contador.c $(pkg-config --cflags --libs genserver)
 */
#include <inttypes.h>
#include <stdio.h>

#include <genserver.h>

struct contador {
	int64_t valor;
};

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
	struct contador *estado = gs_state(self);

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

static int64_t
valor(struct node *n)
{
	struct buf respuesta;
	struct term_reader r;
	int64_t v = -1;

	buf_init(&respuesta);
	gs_call_name(n, "Contador", "valor", slice_of(""), &respuesta);
	term_reader_init(&r, buf_bytes(&respuesta));
	term_read_int(&r, &v);
	buf_release(&respuesta);
	return v;
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("contador"), NULL);
	int64_t valor_inicial = 0;
	struct pid pid;

	gs_start(n, &contador, "Contador", &valor_inicial, &pid);
	gs_cast_name(n, "Contador", "incrementar", slice_of(""));
	gs_cast_name(n, "Contador", "incrementar", slice_of(""));
	printf("El contador vale: %" PRId64 "\n", valor(n));
	node_free(n);
	loop_free(l);
	return 0;
}
