/*
 * A child that crashes, under each strategy: three children A, B, C are
 * started, B fails, and the supervisor starts again who has to be.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "common/supervisor.h"

static struct gs_next
init(struct proc *self, void *arg)
{
	(void)arg;
	printf("  %s inicia\n", proc_name(self));
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	printf("  %s termina: %s\n", proc_name(self), why->word);
}

static const struct gen_server hijo = {
	.module = "Hijo",
	.init = init,
	.terminate = terminate,
};

/* arg is the child's name. */
static enum err
start_link(struct proc *parent, void *arg, struct pid *out)
{
	return gs_start_link(parent, &hijo, arg, NULL, out);
}

static void
probar(struct node *n, const char *titulo, enum sup_strategy estrategia)
{
	char a[] = "A", b[] = "B", c[] = "C";
	struct sup_child hijos[] = {
		{ .id = a, .start = start_link, .arg = a },
		{ .id = b, .start = start_link, .arg = b },
		{ .id = c, .start = start_link, .arg = c },
	};
	struct sup_spec spec = { .strategy = estrategia,
		.children = hijos,
		.count = 3 };
	struct pid supervisor;

	puts(titulo);
	sup_start_link(n, NULL, &spec, &supervisor);
	puts("  -- falla B");
	gs_stop_wait(n, node_whereis(n, slice_of("B")), "falla", 5000);
	puts("  -- se detiene el supervisor");
	gs_stop_wait(n, supervisor, "normal", 5000);
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("arbol"), NULL);

	probar(n, "one_for_one", SUP_ONE_FOR_ONE);
	probar(n, "one_for_all", SUP_ONE_FOR_ALL);
	probar(n, "rest_for_one", SUP_REST_FOR_ONE);
	node_free(n);
	loop_free(l);
}
