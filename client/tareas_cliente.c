#include "client/tareas_cliente.h"

#include <stdlib.h>

#include "client/conn.h"
#include "client/outbox.h"
#include "proto/limits.h"
#include "proto/term.h"

/* Tasks to ask for at once: the server's frames hold more short ones. */
enum { PAGE_TASKS = 10000 };

/* An answer with this many bytes left could have held another task. */
enum { PAGE_ROOM = LIMIT_TITULO + LIMIT_DESCRIPCION + 256 };

/* The option that says how long we wait; a cast waits for nothing. */
static void
write_plazo(struct buf *b, const struct tareas_cliente *c)
{
	term_write_cstr(b, "plazo");
	term_write_uint(b, c->timeout_ms);
}

/* What writes have before their options. */
static void
write_agregar(struct buf *b, struct slice usuario, const struct tarea *t)
{
	term_write_array(b, 3);
	term_write_str(b, usuario);
	tarea_write(b, t);
}

static void
write_eliminar(struct buf *b, struct slice usuario, struct slice titulo)
{
	term_write_array(b, 3);
	term_write_str(b, usuario);
	term_write_str(b, titulo);
}

static void
write_listar(struct buf *b, struct slice usuario, uint64_t desde,
    uint64_t cuantas)
{
	term_write_array(b, 2);
	term_write_str(b, usuario);
	term_write_map(b, 3); /* and the plazo, by the caller */
	term_write_cstr(b, "desde");
	term_write_uint(b, desde);
	term_write_cstr(b, "cuantas");
	term_write_uint(b, cuantas);
}

static void
cast(const struct tareas_cliente *c, const char *method, struct buf *params)
{
	/* Who wants to know what became of it uses the call. */
	(void)proc_cast(c->node, conn_peer(c->node, c->conn), slice_of(method),
	    buf_bytes(params));
	buf_release(params);
}

static enum err
call(const struct tareas_cliente *c, const char *method, struct buf *params,
    struct buf *body)
{
	struct pid server = conn_peer(c->node, c->conn);
	enum err e = E_NOCONNECTION;

	if (server.id != 0)
		e = gs_call_wait(c->node, server, slice_of(method),
		    buf_bytes(params), c->timeout_ms, body);
	buf_release(params);
	return e;
}

/* -- one write, through an outbox of its own -- */

struct outcome {
	enum err e;
	struct buf *body;
};

static void
write_done(void *arg, const struct outbox_result *r)
{
	struct outcome *out = arg;

	out->e = r->e;
	buf_add(out->body, r->body);
}

static enum err
write_once(const struct tareas_cliente *c, const char *method,
    struct buf *fields, struct buf *body)
{
	/* If the world cannot go on, nobody knows. */
	struct outcome out = { .e = E_NOCONNECTION, .body = body };
	struct outbox_config config = { .conn = c->conn,
		.timeout_ms = c->timeout_ms,
		.done = write_done,
		.arg = &out };
	struct pid outbox = outbox_start(c->node, &config);

	outbox_add(c->node, outbox, method, buf_bytes(fields), 0);
	buf_release(fields);
	(void)outbox_run(c->node, outbox);
	outbox_stop(c->node, outbox);
	return out.e;
}

void
tareas_cliente_agregar(const struct tareas_cliente *c, struct slice usuario,
    const struct tarea *t)
{
	struct buf params;

	buf_init(&params);
	write_agregar(&params, usuario, t);
	term_write_map(&params, 0);
	cast(c, "tareas.agregar_tarea", &params);
}

void
tareas_cliente_eliminar(const struct tareas_cliente *c, struct slice usuario,
    struct slice titulo)
{
	struct buf params;

	buf_init(&params);
	write_eliminar(&params, usuario, titulo);
	term_write_map(&params, 0);
	cast(c, "tareas.eliminar_tarea", &params);
}

enum err
tareas_cliente_agregar_call(const struct tareas_cliente *c,
    struct slice usuario, const struct tarea *t, struct buf *text)
{
	struct buf params;

	buf_init(&params);
	write_agregar(&params, usuario, t);
	return write_once(c, "tareas.agregar_tarea", &params, text);
}

void
tareas_cliente_agregar_in(const struct tareas_cliente *c, struct pid outbox,
    struct slice usuario, const struct tarea *t, uint64_t tag)
{
	struct buf params;

	buf_init(&params);
	write_agregar(&params, usuario, t);
	outbox_add(c->node, outbox, "tareas.agregar_tarea", buf_bytes(&params),
	    tag);
	buf_release(&params);
}

enum err
tareas_cliente_eliminar_call(const struct tareas_cliente *c,
    struct slice usuario, struct slice titulo, uint64_t *deleted,
    struct buf *text)
{
	struct term_reader r;
	struct buf params;
	enum err e;

	buf_init(&params);
	write_eliminar(&params, usuario, titulo);
	e = write_once(c, "tareas.eliminar_tarea", &params, text);
	if (e != E_OK)
		return e;
	term_reader_init(&r, buf_bytes(text));
	return term_read_uint(&r, deleted) == E_OK ? E_OK : E_MALFORMED;
}

/* -- lists -- */

static void *
grow(void *array, size_t count, size_t size)
{
	void *larger = reallocarray(array, count, size);

	if (larger == NULL)
		abort();
	return larger;
}

/* Adds the tasks of one answer to the list; *n is how many they are. */
static enum err
add_page(struct lista *l, struct slice answer, uint32_t *n)
{
	struct blob *page = blob_new(answer);
	struct term_reader r;

	l->pages = grow(l->pages, l->page_count + 1, sizeof(*l->pages));
	l->pages[l->page_count++] = page;
	term_reader_init(&r, blob_bytes(page));
	if (term_read_array(&r, n) != E_OK)
		return E_MALFORMED;
	if (*n == 0)
		return E_OK;
	l->tareas = grow(l->tareas, l->count + *n, sizeof(*l->tareas));
	for (uint32_t i = 0; i < *n; i++)
		if (tarea_read(&r, &l->tareas[l->count++]) != E_OK)
			return E_MALFORMED;
	return E_OK;
}

/* One page from the end of the list on. *more: there may be another. */
static enum err
fetch_page(const struct tareas_cliente *c, struct slice usuario,
    struct lista *l, bool *more, struct buf *text)
{
	struct buf params;
	uint32_t n;
	enum err e;

	buf_init(&params);
	write_listar(&params, usuario, l->count, PAGE_TASKS);
	write_plazo(&params, c);
	buf_clear(text);
	e = call(c, "tareas.listar_tareas", &params, text);
	if (e != E_OK)
		return e;
	e = add_page(l, buf_bytes(text), &n);
	*more = e == E_OK && n > 0 &&
	    (n == PAGE_TASKS || buf_len(text) + PAGE_ROOM > LIMIT_FRAME);
	return e;
}

enum err
tareas_cliente_listar(const struct tareas_cliente *c, struct slice usuario,
    struct lista *out, struct buf *text)
{
	struct lista l = { .count = 0 };
	bool more = true;
	enum err e = E_OK;

	while (e == E_OK && more)
		e = fetch_page(c, usuario, &l, &more, text);
	if (e == E_OK)
		*out = l;
	else
		lista_release(&l);
	return e;
}

void
lista_release(struct lista *l)
{
	for (size_t i = 0; i < l->page_count; i++)
		blob_drop(l->pages[i]);
	free(l->pages);
	free(l->tareas);
	*l = (struct lista){ .count = 0 };
}
