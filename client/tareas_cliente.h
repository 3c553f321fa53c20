/*
 * The class's client module: agregar and eliminar are casts, listar is a
 * call; agregar and eliminar each have a twin that calls and waits. Source:
 * seed class, TareasCliente.
 *
 * The calls are for a program's top level: they run its loop until the
 * answer is there.
 */
#ifndef CLIENT_TAREAS_CLIENTE_H
#define CLIENT_TAREAS_CLIENTE_H

#include "common/gen_server.h"
#include "common/tarea.h"

/* Where the server is, and for how long to wait for it. */
struct tareas_cliente {
	struct node *node;
	struct pid conn; /* see conn.h */
	uint64_t timeout_ms;
};

/* A user's tasks, newest first. */
struct lista {
	struct tarea *tareas; /* count of them; slices into pages */
	size_t count;
	struct blob **pages;
	size_t page_count;
};

/* -- casts: nothing is said about what became of them -- */

void tareas_cliente_agregar(const struct tareas_cliente *c,
    struct slice usuario, const struct tarea *t);
void tareas_cliente_eliminar(const struct tareas_cliente *c,
    struct slice usuario, struct slice titulo);

/*
 * -- calls: text gets the server's sentence when there is an error --
 *
 * A write happens once: while there is no link it waits for one, and what a
 * broken link leaves open is sent again, until timeout_ms are over. Which
 * errors are certain then says struct outbox_result. E_UNREACHABLE: there
 * was no link in that time.
 */

enum err tareas_cliente_agregar_call(const struct tareas_cliente *c,
    struct slice usuario, const struct tarea *t, struct buf *text);

/* *deleted is how many were. */
enum err tareas_cliente_eliminar_call(const struct tareas_cliente *c,
    struct slice usuario, struct slice titulo, uint64_t *deleted,
    struct buf *text);

/*
 * One of many: the write goes into an outbox (see outbox.h) of that
 * connection, whose done() hears of it under that tag.
 */
void tareas_cliente_agregar_in(const struct tareas_cliente *c,
    struct pid outbox, struct slice usuario, const struct tarea *t,
    uint64_t tag);

/*
 * All tasks of a user, page by page. Gives a list, which ends with
 * lista_release(); unchanged on failure.
 */
enum err tareas_cliente_listar(const struct tareas_cliente *c,
    struct slice usuario, struct lista *out, struct buf *text);

void lista_release(struct lista *l);

#endif
