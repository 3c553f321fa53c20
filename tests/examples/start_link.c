/*
 * start_link: the server is linked to who started it. When the parent fails,
 * its server ends with it; one that was started without a link goes on.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"

static void
terminate(struct proc *self, const struct reason *why)
{
	printf("%s termina: %s\n", proc_name(self), why->word);
}

static struct gs_next
hijo_init(struct proc *self, void *arg)
{
	(void)arg;
	printf("%s inicia\n", proc_name(self));
	return gs_noreply();
}

static const struct gen_server hijo = {
	.module = "Hijo",
	.init = hijo_init,
	.terminate = terminate,
};

static struct gs_next
padre_init(struct proc *self, void *arg)
{
	struct pid pid;

	(void)arg;
	printf("%s inicia\n", proc_name(self));
	gs_start_link(self, &hijo, "Enlazado", NULL, &pid);
	gs_start(proc_node(self), &hijo, "Suelto", NULL, &pid);
	return gs_noreply();
}

static const struct gen_server padre = {
	.module = "Padre",
	.init = padre_init,
	.terminate = terminate,
};

static void
mostrar(struct node *n, const char *nombre)
{
	bool vive = node_whereis(n, slice_of(nombre)).id != 0;

	printf("%s: %s\n", nombre, vive ? "vivo" : "no existe");
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("enlaces"), NULL);
	struct pid pid;

	gs_start(n, &padre, "Padre", NULL, &pid);
	gs_stop_wait(n, pid, "falla", 5000);
	mostrar(n, "Padre");
	mostrar(n, "Enlazado");
	mostrar(n, "Suelto");
	gs_stop_wait(n, node_whereis(n, slice_of("Suelto")), "normal", 5000);
	node_free(n);
	loop_free(l);
}
