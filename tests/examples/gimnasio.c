/*
 * Gimnasio: the class's Agent. A map of members; its functions are named
 * operations, and each listing of the class's main is one line here.
 */
#include <stdio.h>
#include <string.h>

#include "common/agent.h"
#include "common/inspect.h"
#include "common/loop.h"
#include "proto/term.h"

enum { SOCIOS = 16, CLASES = 8, TEXTO = 32 };

struct socio {
	char cedula[TEXTO], nombre[TEXTO];
	int64_t edad;
	uint32_t cuantas;
	char clases[CLASES][TEXTO];
};

struct gimnasio {
	uint32_t cuantos;
	struct socio socios[SOCIOS];
};

/* Reads a text of the parameters into a field. */
static enum err
leer(struct term_reader *r, char texto[TEXTO])
{
	struct slice s;
	enum err e = term_read_str(r, &s);

	if (e == E_OK && s.len >= TEXTO)
		e = E_TOOBIG;
	if (e != E_OK)
		return e;
	memcpy(texto, s.bytes, s.len);
	texto[s.len] = '\0';
	return E_OK;
}

/* Reads the first parameter. */
static enum err
leer_cedula(struct term_reader *r, struct slice params, char cedula[TEXTO])
{
	uint32_t n;
	enum err e;

	term_reader_init(r, params);
	e = term_read_array(r, &n);
	return e != E_OK ? e : leer(r, cedula);
}

/* The member it names; NULL: there is none. */
static struct socio *
buscar(struct gimnasio *g, struct term_reader *r, struct slice params)
{
	char cedula[TEXTO];

	if (leer_cedula(r, params, cedula) != E_OK)
		return NULL;
	for (uint32_t i = 0; i < g->cuantos; i++)
		if (strcmp(g->socios[i].cedula, cedula) == 0)
			return &g->socios[i];
	return NULL;
}

static void
escribir(struct buf *b, const struct socio *s)
{
	term_write_map(b, 3);
	term_write_cstr(b, "nombre");
	term_write_cstr(b, s->nombre);
	term_write_cstr(b, "edad");
	term_write_int(b, s->edad);
	term_write_cstr(b, "clases");
	term_write_array(b, s->cuantas);
	for (uint32_t i = s->cuantas; i > 0; i--) /* [clase | clases] */
		term_write_cstr(b, s->clases[i - 1]);
}

/* -- operations -- */

static enum err
agregar_socio(void *estado, struct slice params, struct buf *respuesta)
{
	struct gimnasio *g = estado;
	struct socio *s = &g->socios[g->cuantos];
	struct term_reader r;

	(void)respuesta;
	if (buscar(g, &r, params) != NULL)
		return E_EXISTS;
	if (g->cuantos == SOCIOS)
		return E_TOOBIG;
	s->cuantas = 0;
	if (leer_cedula(&r, params, s->cedula) != E_OK ||
	    leer(&r, s->nombre) != E_OK || term_read_int(&r, &s->edad) != E_OK)
		return E_BADARG;
	g->cuantos++;
	return E_OK;
}

static enum err
obtener_socio(void *estado, struct slice params, struct buf *respuesta)
{
	struct term_reader r;
	const struct socio *s = buscar(estado, &r, params);

	if (s != NULL)
		escribir(respuesta, s);
	else
		term_write_nil(respuesta);
	return E_OK;
}

static enum err
eliminar_socio(void *estado, struct slice params, struct buf *respuesta)
{
	struct gimnasio *g = estado;
	struct term_reader r;
	struct socio *s = buscar(g, &r, params);

	(void)respuesta;
	if (s != NULL)
		*s = g->socios[--g->cuantos];
	return E_OK;
}

static enum err
listar_socios(void *estado, struct slice params, struct buf *respuesta)
{
	const struct gimnasio *g = estado;

	(void)params;
	term_write_map(respuesta, g->cuantos);
	for (uint32_t i = 0; i < g->cuantos; i++) {
		term_write_cstr(respuesta, g->socios[i].cedula);
		escribir(respuesta, &g->socios[i]);
	}
	return E_OK;
}

static enum err
inscribir_clase(void *estado, struct slice params, struct buf *respuesta)
{
	struct term_reader r;
	struct socio *s = buscar(estado, &r, params);
	enum err e;

	(void)respuesta;
	if (s == NULL)
		return E_OK; /* si el socio no existe, no hacer nada */
	if (s->cuantas == CLASES)
		return E_TOOBIG;
	e = leer(&r, s->clases[s->cuantas]);
	s->cuantas += e == E_OK;
	return e;
}

static const struct agent_operation operaciones[] = {
	{ "agregar_socio", AGENT_UPDATE, agregar_socio },
	{ "obtener_socio", AGENT_GET, obtener_socio },
	{ "eliminar_socio", AGENT_UPDATE, eliminar_socio },
	{ "listar_socios", AGENT_GET, listar_socios },
	{ "inscribir_clase", AGENT_UPDATE, inscribir_clase },
	{ NULL, AGENT_GET, NULL },
};

static const struct agent gimnasio = {
	.name = "Gimnasio",
	.state_bytes = sizeof(struct gimnasio),
	.operations = operaciones,
};

/* -- main -- */

/* What every operation gets: [cedula, texto, edad]. */
struct pedido {
	const char *cedula, *texto;
	int edad;
};

static void
escribir_pedido(struct buf *b, struct pedido p)
{
	buf_init(b);
	term_write_array(b, 3);
	term_write_cstr(b, p.cedula != NULL ? p.cedula : "");
	term_write_cstr(b, p.texto != NULL ? p.texto : "");
	term_write_int(b, p.edad);
}

static void
actualizar(struct node *n, const char *operacion, struct pedido p)
{
	struct buf params;

	escribir_pedido(&params, p);
	gs_call_name(n, "Gimnasio", operacion, buf_bytes(&params), NULL);
	buf_release(&params);
}

static void
mostrar(struct node *n, const char *operacion, struct pedido p)
{
	struct buf params, respuesta;

	escribir_pedido(&params, p);
	buf_init(&respuesta);
	gs_call_name(n, "Gimnasio", operacion, buf_bytes(&params), &respuesta);
	inspect_print(stdout, NULL, buf_bytes(&respuesta));
	buf_release(&params);
	buf_release(&respuesta);
}

int
main(void)
{
	struct loop *l = loop_new(LOOP_SOCKETS);
	struct node *n = node_new(loop_world(l), slice_of("gimnasio"), NULL);
	struct pedido juan = { "123", "Juan", 30 }, ana = { "456", "Ana", 25 };
	struct pedido yoga = { "123", "Yoga", 0 }, nadie = { "789", "Yoga", 0 };
	struct pid agente;

	agent_start_link(n, NULL, &gimnasio, NULL, &agente);
	actualizar(n, "agregar_socio", juan);
	actualizar(n, "agregar_socio", ana);
	mostrar(n, "obtener_socio", juan);
	mostrar(n, "listar_socios", juan);
	actualizar(n, "inscribir_clase", yoga);
	mostrar(n, "obtener_socio", juan);
	actualizar(n, "inscribir_clase", nadie); /* nothing changes */
	mostrar(n, "obtener_socio", nadie);
	actualizar(n, "eliminar_socio", ana);
	mostrar(n, "listar_socios", juan);
	agent_stop(n, agente);
	node_free(n);
	loop_free(l);
}
