#include "server/tareas_server.h"

#include "common/lang.h"
#include "common/tarea.h"
#include "proto/limits.h"

/* What an answer's frame needs besides a listing. */
enum { LISTING_BYTES_MAX = LIMIT_FRAME - 64 };

struct tareas {
	struct engine **engine; /* where it is; NULL there: it is not */
};

/* -- what was applied -- */

static void
applied(void *arg, uint64_t seq, struct from from, const struct command *c,
    const struct outcome *o)
{
	struct proc *self = arg;
	struct answer a = { .e = o->e };
	struct buf *b = gs_answer(self);

	(void)seq;
	if (o->e != E_OK)
		a.body = slice_of(N_("the user has as many tasks as can be"));
	else if (c->kind == COMMAND_AGREGAR)
		term_write_bool(b, true);
	else
		term_write_uint(b, o->deleted);
	if (o->e == E_OK)
		a.body = buf_bytes(b);
	gs_finish(self, from, &a);
}

static const struct engine_events engine_events = { .applied = applied };

/* -- operations: params have the shape of the export table -- */

static struct gs_next
propose(struct proc *self, const struct message *m, const struct command *c)
{
	struct tareas *t = gs_state(self);

	engine_propose(*t->engine, c, m->from);
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
	if (e != E_OK)
		return gs_error(e, why);
	return propose(self, m, &c);
}

/* Which part of a listing is wanted. */
struct page {
	bool whole; /* no option: all or nothing */
	uint64_t desde;
	uint64_t cuantas;
};

static enum err
read_page(struct term_reader *r, struct page *p)
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
			p->whole = false;
		} else if (slice_is(key, "cuantas")) {
			e = term_read_uint(r, &p->cuantas);
			p->whole = false;
		} else {
			e = term_skip(r, NULL);
		}
		if (e != E_OK)
			return E_BADARG;
	}
	return E_OK;
}

static struct gs_next
listar(struct proc *self, const struct message *m)
{
	const struct tareas *t = gs_state(self);
	const struct tareas_state *s = engine_state(*t->engine);
	struct page p = { .whole = true, .cuantas = UINT64_MAX };
	const char *why = NULL;
	struct term_reader r;
	struct slice usuario;
	uint32_t n;
	enum err e = read_usuario(&r, m, &usuario, &n, &why);

	if (e != E_OK)
		return gs_error(e, why);
	if (n > 1 && read_page(&r, &p) != E_OK)
		return gs_error(E_BADARG,
		    N_("desde and cuantas are numbers from 0 on"));
	n = tareas_state_listar(s, usuario, p.desde, p.cuantas,
	    LISTING_BYTES_MAX, gs_answer(self));
	if (p.whole && n < tareas_state_count(s, usuario))
		return gs_error(E_TOOBIG, N_("ask for pages: desde, cuantas"));
	return gs_reply(self);
}

static const struct {
	const char *name;
	struct gs_next (*run)(struct proc *self, const struct message *m);
} operations[] = {
	{ "agregar_tarea", agregar },
	{ "eliminar_tarea", eliminar },
	{ "listar_tareas", listar },
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

/* -- life -- */

static struct gs_next
init(struct proc *self, void *arg)
{
	struct tareas *t = gs_state(self);

	t->engine = arg;
	if (*t->engine == NULL)
		return gs_stop("noengine");
	engine_attach(*t->engine, &engine_events, self);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct tareas *t = gs_state(self);

	(void)why;
	if (*t->engine != NULL)
		engine_attach(*t->engine, NULL, NULL);
}

static const struct gen_server module = {
	.module = TAREAS_NAME,
	.state_bytes = sizeof(struct tareas),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.terminate = terminate,
};

enum err
tareas_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out)
{
	return gs_start_under(n, parent, &module, TAREAS_NAME, slot, out);
}
