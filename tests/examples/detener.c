/*
 * stop/1: the server handles what is in its mailbox, says its last words in
 * terminate, and its name is free. A call to it finds nobody.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"

static struct gs_next
init(struct proc *self, void *arg)
{
	(void)self;
	(void)arg;
	puts("Servidor: init");
	return gs_noreply();
}

static struct gs_next
handle_cast(struct proc *self, const struct message *m)
{
	(void)self;
	printf("Servidor: %.*s\n", (int)m->op.len, (const char *)m->op.bytes);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	(void)self;
	printf("Servidor: terminate, %s\n", why->word);
}

static const struct gen_server servidor = {
	.module = "Servidor",
	.init = init,
	.handle_cast = handle_cast,
	.terminate = terminate,
};

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("detener"), NULL);
	struct pid pid;
	enum err e;

	gs_start(n, &servidor, "Servidor", NULL, &pid);
	gs_cast_name(n, "Servidor", "hola", slice_of(""));
	e = gs_stop_wait(n, pid, "normal", 5000);
	printf("stop: %s\n", err_word(e));
	e = gs_call_name(n, "Servidor", "hola", slice_of(""), NULL);
	printf("call: %s\n", err_word(e));
	node_free(n);
	loop_free(l);
}
