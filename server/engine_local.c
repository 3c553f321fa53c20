#include "server/engine.h"

#include <sodium.h>
#include <stdlib.h>

#include "common/lang.h"
#include "common/proc.h"
#include "proto/limits.h"
#include "server/claves.h"

enum {
	/* Keys go from the store so many at a time. */
	CLAVES_GONE_BATCH = 1024,
	/* What a command's answer takes at most while it waits. */
	ANSWER_BYTES = 128,
};

struct engine {
	struct node *node;
	struct store *store; /* NULL: memory alone */
	struct tareas_state *tareas;
	struct salas_state *salas;
	struct claves *claves;
	uint64_t seq; /* of the last command that was applied */
	uint64_t saved; /* up to which all is durable */
	struct buf batch; /* rows of this turn */
	struct hook write; /* queued while some of this turn is not told */
	uint32_t forgotten; /* keys since the store was told */
	LIST_HEAD(, engine_client) clients;
};

/* -- rows -- */

static void
keep(struct engine *e, const struct row *r)
{
	if (e->store != NULL)
		row_write(&e->batch, r);
}

static void
write_hook(struct hook *h)
{
	struct engine *e = CONTAINER_OF(h, struct engine, write);

	store_write(e->store, e->seq, buf_bytes(&e->batch));
	buf_clear(&e->batch);
}

/* What was applied is durable at once, or after the store's commit. */
static void
schedule_write(struct engine *e)
{
	if (e->store != NULL) {
		node_at_end(e->node, &e->write);
		return;
	}
	e->saved = e->seq;
	node_later(e->node, &e->write);
}

/* -- commands: the state and the command alone decide -- */

static void
tarea_gone(void *arg, uint64_t number)
{
	keep(arg,
	    &(struct row){ .kind = ROW_TAREA_GONE, .number = { number } });
}

static enum err
agregar(struct engine *e, const struct command *c)
{
	enum err err =
	    tareas_state_agregar(e->tareas, e->seq, c->usuario, &c->tarea);

	if (err == E_OK)
		keep(e,
		    &(struct row){ .kind = ROW_TAREA,
			.number = { e->seq },
			.text = { c->usuario, c->tarea.titulo,
			    c->tarea.descripcion } });
	return err;
}

static enum err
create_room(struct engine *e, const struct command *c)
{
	enum err err =
	    salas_state_create(e->salas, e->seq, c->sala, c->usuario);

	if (err == E_OK)
		keep(e,
		    &(struct row){ .kind = ROW_SALA,
			.number = { e->seq },
			.text = { c->sala, c->usuario } });
	return err;
}

static enum err
delete_room(struct engine *e, const struct command *c)
{
	uint64_t id;
	enum err err = salas_state_delete(e->salas, e->seq, c->sala, &id);

	if (err == E_OK)
		keep(e,
		    &(struct row){ .kind = ROW_SALA_GONE, .number = { id } });
	return err;
}

static enum err
send_text(struct engine *e, const struct command *c, uint64_t *n)
{
	struct sala sala;
	uint64_t gone;
	enum err err = salas_state_send(e->salas, e->seq, c->sala, c->at_ms,
	    c->usuario, c->texto, n, &gone);

	if (err != E_OK || !salas_state_find(e->salas, c->sala, &sala))
		return err;
	keep(e,
	    &(struct row){ .kind = ROW_MENSAJE,
		.number = { sala.id, *n, c->at_ms },
		.text = { c->usuario, c->texto } });
	if (gone > 0)
		keep(e,
		    &(struct row){ .kind = ROW_MENSAJES_GONE,
			.number = { sala.id, gone } });
	return E_OK;
}

static struct outcome
apply(struct engine *e, const struct command *c)
{
	struct outcome o = { .e = E_OK };

	switch (c->kind) {
	case COMMAND_AGREGAR:
		o.e = agregar(e, c);
		break;
	case COMMAND_ELIMINAR:
		o.n = tareas_state_eliminar(e->tareas, e->seq, c->usuario,
		    c->tarea.titulo, tarea_gone, e);
		break;
	case COMMAND_CREATE_ROOM:
		o.e = create_room(e, c);
		break;
	case COMMAND_DELETE_ROOM:
		o.e = delete_room(e, c);
		break;
	case COMMAND_SEND:
		o.e = send_text(e, c, &o.n);
		break;
	}
	return o;
}

/* -- keys -- */

static void
hash_text(crypto_generichash_state *h, struct slice text)
{
	uint64_t len = text.len;

	crypto_generichash_update(h, (const uint8_t *)&len, sizeof(len));
	crypto_generichash_update(h, text.bytes, text.len);
}

/*
 * The fingerprint of what is asked for, which a repetition repeats: all but
 * the time.
 */
static void
fingerprint(const struct command *c, uint8_t huella[CLAVE_HUELLA_BYTES])
{
	uint8_t kind = (uint8_t)c->kind;
	crypto_generichash_state h;

	crypto_generichash_init(&h, NULL, 0, CLAVE_HUELLA_BYTES);
	crypto_generichash_update(&h, &kind, sizeof(kind));
	hash_text(&h, c->usuario);
	hash_text(&h, c->tarea.titulo);
	hash_text(&h, c->tarea.descripcion);
	hash_text(&h, c->sala);
	hash_text(&h, c->texto);
	crypto_generichash_final(&h, huella, CLAVE_HUELLA_BYTES);
}

static void
forget(struct engine *e, uint64_t seq)
{
	if (seq == 0 || ++e->forgotten < CLAVES_GONE_BATCH)
		return;
	e->forgotten = 0;
	keep(e, &(struct row){ .kind = ROW_CLAVES_GONE, .number = { seq } });
}

static void
remember(struct engine *e, const struct command *c, struct slice huella,
    const struct outcome *o)
{
	const struct clave k = { .seq = e->seq,
		.quien = c->quien,
		.clave = c->clave,
		.huella = huella,
		.e = o->e,
		.n = o->n };

	keep(e,
	    &(struct row){ .kind = ROW_CLAVE,
		.number = { k.seq, k.n },
		.text = { k.quien, k.clave, huella,
		    slice_of(err_word(k.e)) } });
	forget(e, claves_add(e->claves, &k));
}

/* -- proposing -- */

static void
tell(struct engine_client *client, uint64_t seq, const struct command *c,
    struct from from, enum err e, uint64_t n)
{
	const struct outcome o = { .e = e, .n = n };

	client->events->applied(client->arg, seq, from, c, &o);
}

/* Its place in the order, and what it led to. */
static void
order(struct engine *e, struct engine_client *client, const struct command *c,
    struct from from, struct slice huella)
{
	struct outcome o;

	if (!engine_has_room(e)) {
		tell(client, 0, c, from, E_STORAGE, 0);
		return;
	}
	e->seq++;
	o = apply(e, c);
	if (c->clave.len > 0)
		remember(e, c, huella, &o);
	schedule_write(e);
	tell(client, e->seq, c, from, o.e, o.n);
}

/* A key is answered as the first time, if it stands for the same. */
static void
order_keyed(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from)
{
	uint8_t bytes[CLAVE_HUELLA_BYTES] = { 0 };
	struct slice huella = slice_bytes(bytes, sizeof(bytes));
	struct clave k;

	fingerprint(c, bytes);
	if (!claves_find(e->claves, c->quien, c->clave, &k))
		order(e, client, c, from, huella);
	else if (slice_equal(k.huella, huella))
		tell(client, k.seq, c, from, k.e, k.n);
	else
		tell(client, 0, c, from, E_BADARG, 0);
}

static bool
is_behind(const struct engine *e, size_t bytes)
{
	return e->store != NULL &&
	    (store_backlog(e->store) + buf_len(&e->batch) >= bytes ||
		(e->seq - e->saved) * ANSWER_BYTES >= bytes);
}

/* Who is faster than the disk waits for it. */
static void
mind_backlog(struct engine *e, struct engine_client *client)
{
	if (client->proc == NULL || client->waits ||
	    !is_behind(e, LIMIT_UNSAVED))
		return;
	client->waits = true;
	proc_suspend(client->proc);
}

void
engine_propose(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from)
{
	if (c->clave.len > 0)
		order_keyed(e, client, c, from);
	else
		order(e, client, c, from, slice_of(""));
	mind_backlog(e, client);
}

/* -- what the store tells -- */

static void
go_on(struct engine_client *client)
{
	if (!client->waits)
		return;
	client->waits = false;
	proc_resume(client->proc);
}

static void
saved(void *arg, uint64_t seq)
{
	struct engine *e = arg;
	struct engine_client *c, *next;

	e->saved = seq;
	for (c = LIST_FIRST(&e->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, entry);
		if (!is_behind(e, LIMIT_UNSAVED / 2))
			go_on(c);
		if (c->events->durable != NULL)
			c->events->durable(c->arg, seq);
	}
}

/* Without a store. */
static void
memory_hook(struct hook *h)
{
	struct engine *e = CONTAINER_OF(h, struct engine, write);

	saved(e, e->seq);
}

static void
room(void *arg, bool enough)
{
	const struct engine *e = arg;

	if (enough)
		log_line(node_log(e->node), LOG_WARN, "store", "%s",
		    _("the disk has room again: writes are taken"));
	else
		log_line(node_log(e->node), LOG_ERROR, "store", "%s",
		    _("the disk is nearly full: writes are refused until "
		      "there is room"));
}

static const struct store_events store_events = {
	.saved = saved,
	.room = room,
};

/* -- loading -- */

static void
load_tarea(struct engine *e, const struct row *r)
{
	const struct tarea t = { .titulo = r->text[1],
		.descripcion = r->text[2] };

	(void)tareas_state_agregar(e->tareas, r->number[0], r->text[0], &t);
}

static void
load_clave(struct engine *e, const struct row *r)
{
	const struct clave k = { .seq = r->number[0],
		.n = r->number[1],
		.quien = r->text[0],
		.clave = r->text[1],
		.huella = r->text[2],
		.e = err_from_word(r->text[3]) };
	struct clave same;

	if (!claves_find(e->claves, k.quien, k.clave, &same))
		(void)claves_add(e->claves, &k);
}

static void
load_row(void *arg, const struct row *r)
{
	struct engine *e = arg;

	switch (r->kind) {
	case ROW_TAREA:
		load_tarea(e, r);
		break;
	case ROW_CLAVE:
		load_clave(e, r);
		break;
	case ROW_SALA:
		(void)salas_state_create(e->salas, r->number[0], r->text[0],
		    r->text[1]);
		break;
	case ROW_MENSAJE:
		(void)salas_state_restore(e->salas, r->number[0], r->number[1],
		    r->number[2], r->text[0], r->text[1]);
		break;
	case ROW_TAREA_GONE:
	case ROW_CLAVES_GONE:
	case ROW_SALA_GONE:
	case ROW_MENSAJES_GONE:
	case ROW_KINDS:
		break; /* what is gone is not told */
	}
}

static enum err
load(struct engine *e)
{
	enum err err = store_load(e->store, load_row, e, &e->seq);

	e->saved = e->seq;
	store_attach(e->store, &store_events, e);
	if (err == E_OK && !store_has_room(e->store))
		room(e, false);
	return err;
}

/* -- life -- */

struct engine *
engine_local_new(struct node *n, struct store *store)
{
	struct engine *e = calloc(1, sizeof(*e));
	uint8_t seed[TABLE_SEED_BYTES];

	if (e == NULL)
		abort();
	world_random(node_world(n), seed, sizeof(seed));
	e->node = n;
	e->store = store;
	e->tareas = tareas_state_new(seed);
	e->salas = salas_state_new(seed);
	e->claves = claves_new(seed);
	buf_init(&e->batch);
	hook_init(&e->write, store != NULL ? write_hook : memory_hook);
	LIST_INIT(&e->clients);
	if (store == NULL || load(e) == E_OK)
		return e;
	engine_close(e);
	return NULL;
}

void
engine_close(struct engine *e)
{
	while (!LIST_EMPTY(&e->clients))
		engine_detach(e, LIST_FIRST(&e->clients));
	if (e->store != NULL && e->write.list != NULL)
		write_hook(&e->write);
	hook_cancel(&e->write);
	if (e->store != NULL)
		store_attach(e->store, NULL, NULL);
	tareas_state_free(e->tareas);
	salas_state_free(e->salas);
	claves_free(e->claves);
	buf_release(&e->batch);
	free(e);
}

void
engine_attach(struct engine *e, struct engine_client *client)
{
	client->waits = false;
	LIST_INSERT_HEAD(&e->clients, client, entry);
}

void
engine_detach(struct engine *e, struct engine_client *client)
{
	(void)e;
	go_on(client);
	LIST_REMOVE(client, entry);
}

/* -- reading -- */

uint64_t
engine_barrier(const struct engine *e, struct slice usuario)
{
	return tareas_state_seq(e->tareas, usuario);
}

uint64_t
engine_barrier_sala(const struct engine *e, struct slice sala)
{
	return salas_state_seq(e->salas, sala);
}

uint64_t
engine_saved(const struct engine *e)
{
	return e->saved;
}

const struct tareas_state *
engine_state(const struct engine *e)
{
	return e->tareas;
}

const struct salas_state *
engine_salas(const struct engine *e)
{
	return e->salas;
}

uint64_t
engine_seq(const struct engine *e)
{
	return e->seq;
}

bool
engine_has_room(const struct engine *e)
{
	return e->store == NULL || store_has_room(e->store);
}
