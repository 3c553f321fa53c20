/*
 * start_link starts a process together with who starts it: here ChatServer,
 * which brings its dynamic supervisor. start_child starts one below that
 * supervisor, at any time: here the rooms. A room that fails leaves the
 * others, and the server, alone.
 */
#include <stdio.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "common/supervisor.h"

/* -- ChatRoom -- */

static struct gs_next
room_init(struct proc *self, void *arg)
{
	(void)arg;
	printf("Sala %s: abierta\n", proc_name(self));
	return gs_noreply();
}

static void
room_terminate(struct proc *self, const struct reason *why)
{
	printf("Sala %s: cerrada, %s\n", proc_name(self), why->word);
}

static const struct gen_server chat_room = {
	.module = "ChatRoom",
	.init = room_init,
	.terminate = room_terminate,
};

/* arg is the room's name. */
static enum err
room_start_link(struct proc *parent, void *arg, struct pid *out)
{
	return gs_start_link(parent, &chat_room, arg, NULL, out);
}

/* -- ChatServer -- */

static struct gs_next
server_init(struct proc *self, void *arg)
{
	struct sup_spec salas = { .name = "Salas",
		.strategy = SUP_ONE_FOR_ONE };
	struct pid *sup = gs_state(self);

	(void)arg;
	if (sup_start_link(proc_node(self), self, &salas, sup) != E_OK)
		return gs_stop("no_salas");
	puts("ChatServer: iniciado");
	return gs_noreply();
}

static const struct gen_server chat_server = {
	.module = "ChatServer",
	.state_bytes = sizeof(struct pid),
	.init = server_init,
};

static void
create_room(struct node *n, char *nombre)
{
	struct proc *salas = node_find(n, node_whereis(n, slice_of("Salas")));
	struct sup_child sala = { .id = nombre,
		.start = room_start_link,
		.arg = nombre,
		.restart = SUP_TEMPORARY };
	struct pid pid;
	enum err e = sup_start_child(salas, &sala, &pid);

	printf("create_room %s: %s\n", nombre, err_word(e));
}

static void
contar(struct node *n)
{
	struct proc *salas = node_find(n, node_whereis(n, slice_of("Salas")));

	printf("Salas: %u\n", sup_count_children(salas).active);
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("chat"), NULL);
	char general[] = "general", random[] = "random";
	struct pid chat;

	gs_start(n, &chat_server, "ChatServer", NULL, &chat);
	create_room(n, general);
	create_room(n, random);
	create_room(n, general);
	contar(n);
	gs_stop_wait(n, node_whereis(n, slice_of("random")), "falla", 5000);
	contar(n);
	gs_stop_wait(n, chat, "normal", 5000);
	node_free(n);
	loop_free(l);
}
