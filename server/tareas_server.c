#include "server/tareas_server.h"

#include <stdlib.h>

#include "common/lang.h"
#include "common/tarea.h"
#include "proto/limits.h"
#include "server/gate.h"
#include "server/request.h"

/* What an answer's frame needs besides a listing. */
enum { LISTING_BYTES_MAX = LIMIT_FRAME - 64 };

/* What somebody who looks inside is shown of the map. */
enum {
	SHOWN_USUARIOS = 100,
	SHOWN_TAREAS = 20, /* of each, the newest */
	SHOWN_BYTES = LIMIT_FRAME - 1024, /* of users and tasks */
};

struct tareas {
	struct engine **engine; /* where it is; NULL there: it is not */
	struct engine_client client;
	struct gate gate;
};

/* -- what the engine tells -- */

static const char *
refusal(enum err e)
{
	switch (e) {
	case E_TOOBIG:
		return N_("the user has as many tasks as can be");
	case E_STORAGE:
		return N_("the server's disk is full: nothing was changed");
	default:
		return N_("this clave was used for something else");
	}
}

static void
applied(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	struct proc *self = arg;
	struct tareas *t = gs_state(self);
	struct answer a = { .e = o->e };
	struct buf *b = gs_answer(self);

	if (o->e != E_OK)
		a.body = slice_of(refusal(o->e));
	else if (c->kind == COMMAND_AGREGAR)
		term_write_bool(b, true);
	else
		term_write_uint(b, o->n);
	if (o->e == E_OK)
		a.body = buf_bytes(b);
	gate_answer(&t->gate, self, *t->engine, seq, from, &a);
}

static void
durable(void *arg, uint64_t seq)
{
	struct proc *self = arg;
	struct tareas *t = gs_state(self);

	gate_open(&t->gate, self, seq);
}

static const struct engine_events engine_events = {
	.applied = applied,
	.durable = durable,
};

/* -- operations: params have the shape of the export table -- */

static struct gs_next
propose(struct proc *self, const struct message *m, const struct command *c)
{
	struct tareas *t = gs_state(self);

	engine_propose(*t->engine, &t->client, c, m->from);
	return gs_noreply();
}

/* The array's head and the user that all operations begin with. */
static enum err
read_usuario(struct term_reader *r, const struct message *m,
    struct slice *usuario, uint32_t *n, const char **why)
{
	term_reader_init(r, m->body);
	if (term_read_array(r, n) != E_OK || *n < 1 ||
	    term_read_str(r, usuario) != E_OK)
		return E_BADARG;
	return tarea_check_usuario(*usuario, why);
}

static struct gs_next
agregar(struct proc *self, const struct message *m)
{
	struct command c = { .kind = COMMAND_AGREGAR };
	const char *why = NULL;
	struct term_reader r;
	uint32_t n;
	enum err e = read_usuario(&r, m, &c.usuario, &n, &why);

	if (e != E_OK)
		return gs_error(e, why);
	if (tarea_read(&r, &c.tarea) != E_OK)
		return gs_error(E_BADARG,
		    N_("a task is a map of titulo and descripcion"));
	e = tarea_check(&c.tarea, &why);
	if (e == E_OK)
		e = request_options(proc_node(self), m, &r, n - 2, &c, &why);
	if (e != E_OK)
		return gs_error(e, why);
	return propose(self, m, &c);
}

static struct gs_next
eliminar(struct proc *self, const struct message *m)
{
	struct command c = { .kind = COMMAND_ELIMINAR };
	const char *why = NULL;
	struct term_reader r;
	uint32_t n;
	enum err e = read_usuario(&r, m, &c.usuario, &n, &why);

	if (e == E_OK)
		e = term_read_str(&r, &c.tarea.titulo);
	if (e == E_OK)
		e = tarea_check_titulo(c.tarea.titulo, &why);
	if (e == E_OK)
		e = request_options(proc_node(self), m, &r, n - 2, &c, &why);
	if (e != E_OK)
		return gs_error(e, why);
	return propose(self, m, &c);
}

/* Which part of a listing is wanted. */
static enum err
read_page(struct term_reader *r, struct tareas_page *p, bool *whole)
{
	struct slice key;
	uint32_t n;
	enum err e;

	if (term_read_map(r, &n) != E_OK)
		return E_BADARG;
	for (; n > 0; n--) {
		if (term_read_str(r, &key) != E_OK)
			return E_BADARG;
		if (slice_is(key, "desde")) {
			e = term_read_uint(r, &p->desde);
			*whole = false;
		} else if (slice_is(key, "cuantas")) {
			e = term_read_uint(r, &p->cuantas);
			*whole = false;
		} else {
			e = term_skip(r, NULL);
		}
		if (e != E_OK)
			return E_BADARG;
	}
	return E_OK;
}

/* A listing leaves when the last change that it shows is durable. */
static struct gs_next
answer_listing(struct proc *self, const struct message *m, struct slice usuario,
    const struct answer *a)
{
	struct tareas *t = gs_state(self);

	gate_answer(&t->gate, self, *t->engine,
	    engine_barrier(*t->engine, usuario), m->from, a);
	return gs_noreply();
}

static struct gs_next
listar(struct proc *self, const struct message *m)
{
	const struct tareas *t = gs_state(self);
	const struct tareas_state *s = engine_state(*t->engine);
	struct tareas_page p = { .cuantas = UINT64_MAX,
		.bytes_max = LISTING_BYTES_MAX };
	struct buf *out = gs_answer(self);
	struct answer a = { .e = E_OK };
	const char *why = NULL;
	struct term_reader r;
	struct slice usuario;
	bool whole = true; /* no option: all or nothing */
	uint32_t n, there;
	enum err e = read_usuario(&r, m, &usuario, &n, &why);

	if (e != E_OK)
		return gs_error(e, why);
	if (n > 1 && read_page(&r, &p, &whole) != E_OK)
		return gs_error(E_BADARG,
		    N_("desde and cuantas are numbers from 0 on"));
	n = tareas_state_listar(s, usuario, &p, out, &there);
	a.body = buf_bytes(out);
	if (whole && n < there)
		a = (struct answer){ .e = E_TOOBIG,
			.body = slice_of(N_("ask for pages: desde, cuantas")) };
	return answer_listing(self, m, usuario, &a);
}

/* What is asked for most is found first. */
static const struct {
	const char *name;
	struct gs_next (*run)(struct proc *self, const struct message *m);
} operations[] = {
	{ "listar_tareas", listar },
	{ "agregar_tarea", agregar },
	{ "eliminar_tarea", eliminar },
};

static struct gs_next
handle(struct proc *self, const struct message *m)
{
	const struct tareas *t = gs_state(self);

	if (*t->engine == NULL)
		return gs_error(E_OVERLOAD, NULL);
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (slice_is(m->op, operations[i].name))
			return operations[i].run(self, m);
	return gs_error(E_UNDEF, NULL);
}

/* -- for who looks inside -- */

static void
show_text(struct buf *out, const char *key, struct slice text, bool texts)
{
	term_write_cstr(out, key);
	if (texts)
		term_write_str(out, text);
	else
		term_write_uint(out, text.len);
}

/* A listing again, with sizes in place of texts unless they are wanted. */
static void
show_listing(struct slice listing, bool texts, struct buf *out)
{
	struct term_reader r;
	struct tarea t;
	uint32_t n = 0;

	term_reader_init(&r, listing);
	(void)term_read_array(&r, &n);
	term_write_array(out, n);
	for (; n > 0; n--) {
		if (tarea_read(&r, &t) != E_OK)
			abort(); /* the map wrote it */
		term_write_map(out, 2);
		show_text(out, "titulo", t.titulo, texts);
		show_text(out, "descripcion", t.descripcion, texts);
	}
}

/* False when they would be too much for what is left of a frame. */
static bool
show_usuario(const struct tareas_state *s, struct slice usuario, bool texts,
    struct buf *out)
{
	const struct tareas_page newest = { .cuantas = SHOWN_TAREAS,
		.bytes_max = LISTING_BYTES_MAX };
	struct buf listing, shown;
	uint32_t there;
	bool fits;

	buf_init(&listing);
	buf_init(&shown);
	tareas_state_listar(s, usuario, &newest, &listing, &there);
	term_write_str(&shown, usuario);
	show_listing(buf_bytes(&listing), texts, &shown);
	fits = buf_len(out) + buf_len(&shown) <= SHOWN_BYTES;
	if (fits)
		buf_add(out, buf_bytes(&shown));
	buf_release(&listing);
	buf_release(&shown);
	return fits;
}

static void
show_map(const struct tareas_state *s, bool texts, struct buf *out)
{
	struct slice usuario;
	size_t place = 0;
	uint32_t n = 0;
	struct buf shown;

	buf_init(&shown);
	while (n < SHOWN_USUARIOS && tareas_state_next(s, &place, &usuario) &&
	    show_usuario(s, usuario, texts, &shown))
		n++;
	term_write_map(out, n);
	buf_add(out, buf_bytes(&shown));
	buf_release(&shown);
}

static void
format_status(struct proc *self, bool texts, struct buf *out)
{
	const struct tareas *t = gs_state(self);
	const struct tareas_state *s;

	if (*t->engine == NULL) {
		term_write_nil(out);
		return;
	}
	s = engine_state(*t->engine);
	term_write_map(out, 4);
	term_write_cstr(out, "usuarios");
	term_write_uint(out, tareas_state_usuarios(s));
	term_write_cstr(out, "tareas");
	term_write_uint(out, tareas_state_tareas(s));
	term_write_cstr(out, "seq");
	term_write_uint(out, engine_seq(*t->engine));
	term_write_cstr(out, "mapa");
	show_map(s, texts, out);
}

/* -- life -- */

static struct gs_next
init(struct proc *self, void *arg)
{
	struct tareas *t = gs_state(self);

	t->engine = arg;
	if (*t->engine == NULL)
		return gs_stop("noengine");
	gate_init(&t->gate);
	t->client = (struct engine_client){ .events = &engine_events,
		.arg = self,
		.proc = self };
	engine_attach(*t->engine, &t->client);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct tareas *t = gs_state(self);

	(void)why;
	gate_release(&t->gate);
	if (*t->engine != NULL)
		engine_detach(*t->engine, &t->client);
}

static const struct gen_server module = {
	.module = TAREAS_NAME,
	.state_bytes = sizeof(struct tareas),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.format_status = format_status,
	.terminate = terminate,
};

enum err
tareas_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out)
{
	return gs_start_under(n, parent, &module, TAREAS_NAME, slot, out);
}
