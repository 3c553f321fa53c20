/*
 * call/3: a call with its own time. The server takes 200 ms to answer; who
 * waits 50 ms gets timeout and the answer that comes later is dropped, who
 * waits 1000 ms gets it.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "proto/term.h"

struct lento {
	struct from quien;
};

static struct gs_next
init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	return gs_noreply();
}

/* Remembers who asked, and answers in 200 ms. */
static struct gs_next
handle_call(struct proc *self, const struct message *m)
{
	struct lento *estado = gs_state(self);

	estado->quien = m->from;
	return gs_idle(gs_noreply(), 200);
}

static struct gs_next
handle_info(struct proc *self, const struct message *m)
{
	const struct lento *estado = gs_state(self);
	struct answer a = { .e = E_OK, .body = slice_of("\xa5listo") };

	if (slice_is(m->op, "timeout"))
		proc_answer(proc_node(self), estado->quien, &a);
	return gs_noreply();
}

static const struct gen_server lento = {
	.module = "Lento",
	.state_bytes = sizeof(struct lento),
	.init = init,
	.handle_call = handle_call,
	.handle_info = handle_info,
};

static void
llamar(struct node *n, struct pid pid, uint64_t plazo_ms)
{
	enum err e = gs_call_wait(n, pid, slice_of("trabajo"), slice_of(""),
	    plazo_ms, NULL);

	printf("Con un plazo de %d ms: %s\n", (int)plazo_ms, err_word(e));
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("plazo"), NULL);
	struct pid pid;

	gs_start(n, &lento, "Lento", NULL, &pid);
	llamar(n, pid, 50);
	llamar(n, pid, 1000);
	node_free(n);
	loop_free(l);
}
