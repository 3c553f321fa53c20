/*
 * Chat: the class's second example with its three modules, all in one node.
 * ChatServer knows the rooms and starts them under its supervisor; ChatRoom
 * is a room, and monitors who is in it; ChatClient is a person, who gets
 * plain messages. (tareas_client chat is the same over nodes.)
 */
#include <stdio.h>
#include <string.h>

#include "common/gen_server.h"
#include "common/loop.h"
#include "common/supervisor.h"
#include "proto/term.h"

enum { SALAS = 8, PERSONAS = 8, TEXTO = 64 };

struct texto {
	char c[TEXTO];
};

/* The next string of the parameters. */
static struct texto
leer_texto(struct term_reader *r)
{
	struct texto t = { "" };
	struct slice s;

	if (term_read_str(r, &s) == E_OK)
		snprintf(t.c, TEXTO, "%.*s", (int)s.len, (const char *)s.bytes);
	return t;
}

static struct pid
leer_pid(struct term_reader *r)
{
	struct pid pid = { 0 };

	(void)term_read_uint(r, &pid.id);
	return pid;
}

static void
abrir(struct term_reader *r, const struct message *m)
{
	uint32_t n;

	term_reader_init(r, m->body);
	(void)term_read_array(r, &n);
}

/* {operacion, pid, texto} to a process, as a cast or as a plain message. */
static void
mandar(struct node *n, struct pid a, const char *operacion, struct pid pid,
    const char *texto)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_uint(&params, pid.id);
	term_write_cstr(&params, texto);
	(void)proc_cast(n, a, slice_of(operacion), buf_bytes(&params));
	buf_release(&params);
}

static void
enviar(struct node *n, struct pid a, const char *operacion, const char *sala,
    const char *texto)
{
	struct buf body;

	buf_init(&body);
	term_write_array(&body, 2);
	term_write_cstr(&body, sala);
	term_write_cstr(&body, texto);
	(void)proc_send(n, a, slice_of(operacion), buf_bytes(&body));
	buf_release(&body);
}

/* -- ChatRoom -- */

struct usuario {
	struct pid pid;
	uint64_t monitor;
	struct texto nombre;
};

struct sala {
	uint32_t cuantos;
	struct usuario usuarios[PERSONAS];
};

static struct usuario *
buscar_usuario(struct sala *s, struct pid pid)
{
	for (uint32_t i = 0; i < s->cuantos; i++)
		if (s->usuarios[i].pid.id == pid.id)
			return &s->usuarios[i];
	return NULL;
}

static void
room_join(struct proc *self, struct pid pid, struct texto nombre)
{
	struct sala *s = gs_state(self);

	if (buscar_usuario(s, pid) != NULL || s->cuantos == PERSONAS)
		return;
	s->usuarios[s->cuantos++] = (struct usuario){ .pid = pid,
		.monitor = proc_monitor(self, pid),
		.nombre = nombre };
	printf("%s se unió a %s\n", nombre.c, proc_name(self));
}

static void
room_quitar(struct proc *self, struct pid pid, const char *como)
{
	struct sala *s = gs_state(self);
	struct usuario *u = buscar_usuario(s, pid);

	if (u == NULL)
		return;
	printf("%s %s %s\n", u->nombre.c, como, proc_name(self));
	proc_demonitor(self, u->monitor);
	*u = s->usuarios[--s->cuantos];
}

static void
room_message(struct proc *self, struct pid de, struct texto texto)
{
	struct sala *s = gs_state(self);
	const struct usuario *u = buscar_usuario(s, de);
	char todo[2 * TEXTO + 2];

	if (u == NULL)
		return; /* in the class he is "Desconocido" */
	snprintf(todo, sizeof(todo), "%s: %s", u->nombre.c, texto.c);
	for (uint32_t i = 0; i < s->cuantos; i++)
		enviar(proc_node(self), s->usuarios[i].pid, "chat",
		    proc_name(self), todo);
}

static struct gs_next
room_cast(struct proc *self, const struct message *m)
{
	struct term_reader r;
	struct texto texto;
	struct pid pid;

	abrir(&r, m);
	pid = leer_pid(&r);
	texto = leer_texto(&r);
	if (slice_is(m->op, "join"))
		room_join(self, pid, texto);
	else if (slice_is(m->op, "leave"))
		room_quitar(self, pid, "salió de");
	else if (slice_is(m->op, "message"))
		room_message(self, pid, texto);
	return gs_noreply();
}

static struct gs_next
room_info(struct proc *self, const struct message *m)
{
	if (m->kind == MESSAGE_DOWN)
		room_quitar(self, m->from.pid, "desconectado de");
	return gs_noreply();
}

static const struct gen_server chat_room = {
	.module = "ChatRoom",
	.state_bytes = sizeof(struct sala),
	.handle_cast = room_cast,
	.handle_info = room_info,
};

static enum err
room_start_link(struct proc *parent, void *nombre, struct pid *out)
{
	return gs_start_link(parent, &chat_room, nombre, NULL, out);
}

/* -- ChatServer -- */

struct servidor {
	struct pid sup;
	uint32_t cuantas;
	struct texto nombres[SALAS]; /* the rooms' own arguments */
};

static struct gs_next
server_init(struct proc *self, void *arg)
{
	struct sup_spec salas = { .name = "Salas",
		.strategy = SUP_ONE_FOR_ONE };
	struct servidor *s = gs_state(self);

	(void)arg;
	if (sup_start_link(proc_node(self), self, &salas, &s->sup) != E_OK)
		return gs_stop("no_salas");
	return gs_noreply();
}

/* A room is found by its name, also after a restart. */
static struct pid
room_pid(struct proc *self, struct texto nombre)
{
	const struct servidor *s = gs_state(self);

	for (uint32_t i = 0; i < s->cuantas; i++)
		if (strcmp(s->nombres[i].c, nombre.c) == 0)
			return node_whereis(proc_node(self),
			    slice_of(nombre.c));
	return (struct pid){ 0 };
}

static struct gs_next
create_room(struct proc *self, struct texto nombre)
{
	struct servidor *s = gs_state(self);
	struct texto *propio = &s->nombres[s->cuantas];
	struct sup_child sala = { .id = propio->c,
		.start = room_start_link,
		.arg = propio->c,
		.restart = SUP_PERMANENT };
	struct pid pid;
	enum err e;

	if (room_pid(self, nombre).id != 0)
		return gs_error(E_EXISTS, NULL);
	if (s->cuantas == SALAS)
		return gs_error(E_TOOBIG, NULL);
	*propio = nombre;
	e = sup_start_child(node_find(proc_node(self), s->sup), &sala, &pid);
	if (e != E_OK)
		return gs_error(e, NULL);
	s->cuantas++;
	term_write_uint(gs_answer(self), pid.id);
	return gs_reply(self);
}

static struct gs_next
server_call(struct proc *self, const struct message *m)
{
	struct term_reader r;
	struct texto nombre;

	abrir(&r, m);
	nombre = leer_texto(&r);
	if (slice_is(m->op, "create_room"))
		return create_room(self, nombre);
	if (!slice_is(m->op, "get_room"))
		return gs_error(E_UNDEF, NULL);
	term_write_uint(gs_answer(self), room_pid(self, nombre).id);
	return gs_reply(self);
}

static const struct gen_server chat_server = {
	.module = "ChatServer",
	.state_bytes = sizeof(struct servidor),
	.init = server_init,
	.handle_call = server_call,
};

/* -- ChatClient -- */

struct cliente {
	struct texto nombre;
	struct texto pedida; /* the room that ChatServer is asked for */
	uint32_t cuantas;
	struct {
		struct texto nombre;
		struct pid pid;
	} salas[SALAS]; /* joined_rooms */
};

static struct gs_next
client_init(struct proc *self, void *nombre)
{
	struct cliente *c = gs_state(self);

	snprintf(c->nombre.c, TEXTO, "%s", (const char *)nombre);
	return gs_noreply();
}

/* The place of a room in joined_rooms; c->cuantas: it is not there. */
static uint32_t
buscar_sala(const struct cliente *c, struct texto nombre)
{
	uint32_t i = 0;

	while (i < c->cuantas && strcmp(c->salas[i].nombre.c, nombre.c) != 0)
		i++;
	return i;
}

/* case ChatServer.get_room_pid(room_name) do */
static struct gs_next
client_got_room(struct proc *self, const struct answer *a, void *arg)
{
	struct cliente *c = gs_state(self);
	struct term_reader r;
	struct pid sala;

	(void)arg;
	term_reader_init(&r, a->body);
	sala = leer_pid(&r);
	if (sala.id == 0) {
		printf("La sala %s no existe\n", c->pedida.c);
		return gs_noreply();
	}
	mandar(proc_node(self), sala, "join", proc_pid(self), c->nombre.c);
	if (buscar_sala(c, c->pedida) == c->cuantas && c->cuantas < SALAS) {
		c->salas[c->cuantas].nombre = c->pedida;
		c->salas[c->cuantas++].pid = sala;
	}
	return gs_noreply();
}

static void
client_join(struct proc *self, struct texto nombre)
{
	struct cliente *c = gs_state(self);
	struct node *n = proc_node(self);
	struct buf params;

	c->pedida = nombre;
	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, nombre.c);
	gs_call(self, node_whereis(n, slice_of("ChatServer")),
	    slice_of("get_room"), buf_bytes(&params), LIMIT_CALL_MS,
	    client_got_room, NULL);
	buf_release(&params);
}

static void
client_send(struct proc *self, struct texto nombre, struct texto texto)
{
	const struct cliente *c = gs_state(self);
	uint32_t i = buscar_sala(c, nombre);

	if (i == c->cuantas)
		printf("No estás en la sala %s\n", nombre.c);
	else
		mandar(proc_node(self), c->salas[i].pid, "message",
		    proc_pid(self), texto.c);
}

static void
client_leave(struct proc *self, struct texto nombre)
{
	struct cliente *c = gs_state(self);
	uint32_t i = buscar_sala(c, nombre);

	if (i == c->cuantas) {
		printf("No estás en %s\n", nombre.c);
		return;
	}
	mandar(proc_node(self), c->salas[i].pid, "leave", proc_pid(self), "");
	c->salas[i] = c->salas[--c->cuantas];
}

/* receive do */
static struct gs_next
client_info(struct proc *self, const struct message *m)
{
	struct term_reader r;
	struct texto sala, texto;

	abrir(&r, m);
	sala = leer_texto(&r);
	texto = leer_texto(&r);
	if (slice_is(m->op, "chat"))
		printf("[%s] %s\n", sala.c, texto.c);
	else if (slice_is(m->op, "join"))
		client_join(self, sala);
	else if (slice_is(m->op, "send"))
		client_send(self, sala, texto);
	else if (slice_is(m->op, "leave"))
		client_leave(self, sala);
	return gs_noreply();
}

static const struct gen_server chat_client = {
	.module = "ChatClient",
	.state_bytes = sizeof(struct cliente),
	.init = client_init,
	.handle_info = client_info,
};

/* -- main: the class's session in iex -- */

/* Nobody has anything left to do. */
static bool
hay_calma(void *node)
{
	const struct node *n = node;
	const struct proc *p;
	uint32_t lugar = 0;

	while ((p = node_next(n, &lugar)) != NULL)
		if (proc_mailbox(p) > 0)
			return false;
	return true;
}

static void
pedir(struct node *n, struct pid cliente, const char *operacion,
    const char *sala, const char *texto)
{
	enviar(n, cliente, operacion, sala, texto);
	(void)node_run_until(n, hay_calma, n, LIMIT_CALL_MS);
}

static void
crear(struct node *n, const char *sala)
{
	struct buf params;
	enum err e;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, sala);
	e = gs_call_name(n, "ChatServer", "create_room", buf_bytes(&params),
	    NULL);
	printf("create_room %s: %s\n", sala, err_word(e));
	buf_release(&params);
}

static struct pid
start(struct node *n, char *nombre)
{
	struct pid pid = { 0 };

	(void)gs_start(n, &chat_client, nombre, nombre, &pid);
	return pid;
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("chat"), NULL);
	char nombre_alice[] = "Alice", nombre_bob[] = "Bob";
	struct pid servidor, alice, bob;

	gs_start(n, &chat_server, "ChatServer", NULL, &servidor);
	crear(n, "general");
	crear(n, "random");
	crear(n, "general");
	alice = start(n, nombre_alice);
	bob = start(n, nombre_bob);
	pedir(n, alice, "join", "general", "");
	pedir(n, bob, "join", "general", "");
	pedir(n, alice, "send", "general", "Hola Bob!");
	pedir(n, bob, "send", "general", "Hola Alice!");
	pedir(n, bob, "leave", "general", "");
	pedir(n, bob, "join", "nada", "");
	pedir(n, bob, "send", "random", "¿Hola?");
	pedir(n, bob, "leave", "random", "");
	gs_stop_wait(n, alice, "normal", 5000);
	(void)node_run_until(n, hay_calma, n, LIMIT_CALL_MS);
	gs_stop_wait(n, servidor, "normal", 5000);
	node_free(n);
	loop_free(l);
}
