#include "server/tareas_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/term.h"

enum {
	CHUNK_FIRST = 128, /* bytes of a user's first chunk */
	CHUNK_LARGEST = 16 * 1024, /* unless one task needs more */
};

/* What a listing puts around the two strings of a task. */
static const uint8_t key_titulo[] = "\x82\xa6titulo";
static const uint8_t key_descripcion[] = "\xab"
					 "descripcion";
enum {
	KEY_TITULO = sizeof(key_titulo) - 1,
	KEY_DESCRIPCION = sizeof(key_descripcion) - 1,
	KEYS = KEY_TITULO + KEY_DESCRIPCION,
	ARRAY_HEAD_MAX = 5,
	/* A task is five objects; the frame around a listing has a few. */
	LISTING_MAX = (LIMIT_OBJECTS - 16) / 5,
};

struct chunk {
	struct chunk *older;
	uint32_t count; /* tasks in it */
	uint32_t start; /* content is bytes[start, size) */
	uint32_t size;
	uint8_t bytes[];
};

struct usuario {
	struct chunk *newest;
	uint32_t count;
	uint32_t len;
	char name[];
};

struct tareas_state {
	struct table usuarios;
	uint64_t tareas; /* of all of them */
};

static struct slice
usuario_key(const void *thing)
{
	const struct usuario *u = thing;

	return slice_bytes(u->name, u->len);
}

struct tareas_state *
tareas_state_new(const uint8_t seed[TABLE_SEED_BYTES])
{
	struct tareas_state *s = malloc(sizeof(*s));

	if (s == NULL)
		abort();
	s->tareas = 0;
	table_init(&s->usuarios, usuario_key, seed);
	return s;
}

static void
usuario_free(struct usuario *u)
{
	struct chunk *c;

	while ((c = u->newest) != NULL) {
		u->newest = c->older;
		free(c);
	}
	free(u);
}

void
tareas_state_free(struct tareas_state *s)
{
	for (size_t i = 0; i < s->usuarios.size; i++) {
		struct usuario *u = table_at(&s->usuarios, i);

		if (u != NULL)
			usuario_free(u);
	}
	table_release(&s->usuarios);
	free(s);
}

/* -- chunks -- */

static uint32_t
chunk_used(const struct chunk *c)
{
	return c->size - c->start;
}

static struct chunk *
chunk_new(uint32_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		abort();
	c->older = NULL;
	c->count = 0;
	c->start = c->size = size;
	return c;
}

/* A chunk in front that has room for len bytes. */
static struct chunk *
chunk_with_room(struct usuario *u, uint32_t len)
{
	uint32_t size = CHUNK_FIRST;
	struct chunk *c = u->newest;

	if (c != NULL && c->start >= len)
		return c;
	if (c != NULL)
		while (size <= c->size && size < CHUNK_LARGEST)
			size *= 2;
	c = chunk_new(size > len ? size : len);
	c->older = u->newest;
	u->newest = c;
	return c;
}

/* -- tasks -- */

/* One task in a chunk; both are whole MessagePack strings. */
struct entry {
	struct slice titulo;
	struct slice descripcion;
};

static uint32_t
entry_bytes(const struct entry *e)
{
	return (uint32_t)(e->titulo.len + e->descripcion.len);
}

/* The task at place `at` of a chunk. We wrote it: it is well formed. */
static struct entry
entry_at(const struct chunk *c, uint32_t at)
{
	struct term_reader r;
	struct entry e = { .titulo.len = 0 };
	enum err err;

	term_reader_init(&r, slice_bytes(c->bytes + at, c->size - at));
	err = term_skip(&r, &e.titulo);
	assert(err == E_OK);
	err = term_skip(&r, &e.descripcion);
	assert(err == E_OK);
	return e;
}

/* The characters of a whole MessagePack string. */
static struct slice
text_of(struct slice str)
{
	struct term_reader r;
	struct slice text;
	enum err err;

	term_reader_init(&r, str);
	err = term_read_str(&r, &text);
	assert(err == E_OK);
	return text;
}

static struct usuario *
usuario_new(struct tareas_state *s, struct slice name)
{
	struct usuario *u = malloc(sizeof(*u) + name.len);

	if (u == NULL)
		abort();
	*u = (struct usuario){ .len = (uint32_t)name.len };
	memcpy(u->name, name.bytes, name.len);
	table_add(&s->usuarios, u);
	return u;
}

static struct usuario *
usuario_find(const struct tareas_state *s, struct slice name)
{
	return table_find(&s->usuarios, name);
}

enum err
tareas_state_agregar(struct tareas_state *s, struct slice usuario,
    const struct tarea *t)
{
	struct usuario *u = usuario_find(s, usuario);
	struct buf b;
	struct chunk *c;
	uint32_t len;

	if (u != NULL && u->count >= LIMIT_TAREAS_PER_USER)
		return E_TOOBIG;
	if (u == NULL)
		u = usuario_new(s, usuario);
	buf_init(&b);
	term_write_str(&b, t->titulo);
	term_write_str(&b, t->descripcion);
	len = (uint32_t)buf_len(&b);
	c = chunk_with_room(u, len);
	c->start -= len;
	c->count++;
	u->count++;
	s->tareas++;
	memcpy(c->bytes + c->start, b.bytes + b.start, len);
	buf_release(&b);
	return E_OK;
}

static bool
has_titulo(const struct entry *e, struct slice titulo)
{
	return slice_equal(text_of(e->titulo), titulo);
}

/* How many tasks of a chunk have that title, and their bytes. */
static uint32_t
chunk_matches(const struct chunk *c, struct slice titulo, uint32_t *bytes)
{
	uint32_t n = 0;
	struct entry e;

	*bytes = 0;
	for (uint32_t at = c->start; at < c->size; at += entry_bytes(&e)) {
		e = entry_at(c, at);
		if (!has_titulo(&e, titulo))
			continue;
		n++;
		*bytes += entry_bytes(&e);
	}
	return n;
}

static void
copy_others(struct chunk *to, const struct chunk *from, struct slice titulo)
{
	uint32_t end = 0;
	struct entry e;

	for (uint32_t at = from->start; at < from->size;
	     at += entry_bytes(&e)) {
		e = entry_at(from, at);
		if (has_titulo(&e, titulo))
			continue;
		memcpy(to->bytes + end, from->bytes + at, entry_bytes(&e));
		end += entry_bytes(&e);
	}
	to->start = 0;
}

/*
 * Takes a chunk; gives what is left of it without the tasks of that title,
 * as small as it can be, so that holes do not pile up. NULL: nothing is.
 */
static struct chunk *
chunk_without(struct chunk *c, struct slice titulo, uint32_t *deleted)
{
	uint32_t bytes;
	uint32_t n = chunk_matches(c, titulo, &bytes);
	struct chunk *left = NULL;

	if (n == 0)
		return c;
	*deleted += n;
	if (n < c->count) {
		left = chunk_new(chunk_used(c) - bytes);
		left->count = c->count - n;
		copy_others(left, c, titulo);
	}
	free(c);
	return left;
}

uint32_t
tareas_state_eliminar(struct tareas_state *s, struct slice usuario,
    struct slice titulo)
{
	struct usuario *u = usuario_find(s, usuario);
	struct chunk **at, *c;
	uint32_t deleted = 0;

	if (u == NULL)
		return 0;
	for (at = &u->newest; (c = *at) != NULL;) {
		struct chunk *older = c->older;

		*at = chunk_without(c, titulo, &deleted);
		if (*at == NULL) {
			*at = older;
			continue;
		}
		(*at)->older = older;
		at = &(*at)->older;
	}
	u->count -= deleted;
	s->tareas -= deleted;
	if (u->count == 0) {
		table_take(&s->usuarios, usuario);
		usuario_free(u);
	}
	return deleted;
}

size_t
tareas_state_usuarios(const struct tareas_state *s)
{
	return s->usuarios.count;
}

uint64_t
tareas_state_tareas(const struct tareas_state *s)
{
	return s->tareas;
}

bool
tareas_state_next(const struct tareas_state *s, size_t *place,
    struct slice *usuario)
{
	while (*place < s->usuarios.size) {
		const struct usuario *u = table_at(&s->usuarios, (*place)++);

		if (u == NULL)
			continue;
		*usuario = usuario_key(u);
		return true;
	}
	return false;
}

uint32_t
tareas_state_count(const struct tareas_state *s, struct slice usuario)
{
	const struct usuario *u = usuario_find(s, usuario);

	return u != NULL ? u->count : 0;
}

/* -- listings -- */

/* A place in a user's tasks. */
struct cursor {
	const struct chunk *chunk; /* NULL: the end */
	uint32_t at;
	uint32_t left; /* tasks in the chunk from here on */
};

static void
cursor_enter(struct cursor *c, const struct chunk *chunk)
{
	c->chunk = chunk;
	if (chunk == NULL)
		return;
	c->at = chunk->start;
	c->left = chunk->count;
}

static struct entry
cursor_next(struct cursor *c)
{
	struct entry e = entry_at(c->chunk, c->at);

	c->at += entry_bytes(&e);
	if (--c->left == 0)
		cursor_enter(c, c->chunk->older);
	return e;
}

/* The task at place desde, newest first; whole chunks are stepped over. */
static struct cursor
cursor_to(const struct usuario *u, uint64_t desde)
{
	struct cursor c;

	cursor_enter(&c, u->newest);
	while (c.chunk != NULL && desde >= c.left) {
		desde -= c.left;
		cursor_enter(&c, c.chunk->older);
	}
	for (; c.chunk != NULL && desde > 0; desde--)
		cursor_next(&c);
	return c;
}

/* How many tasks from c on, at most cuantas, a frame can hold. */
static uint32_t
count_fitting(struct cursor c, uint64_t cuantas, size_t bytes_max)
{
	size_t bytes = ARRAY_HEAD_MAX;
	uint32_t n = 0;

	while (c.chunk != NULL && n < cuantas && n < LISTING_MAX) {
		struct entry e = cursor_next(&c);

		bytes += KEYS + entry_bytes(&e);
		if (n > 0 && bytes > bytes_max)
			break;
		n++;
	}
	return n;
}

static void
write_entry(struct buf *out, const struct entry *e)
{
	uint8_t *p = buf_room(out, KEYS + entry_bytes(e));

	memcpy(p, key_titulo, KEY_TITULO);
	p += KEY_TITULO;
	memcpy(p, e->titulo.bytes, e->titulo.len);
	p += e->titulo.len;
	memcpy(p, key_descripcion, KEY_DESCRIPCION);
	p += KEY_DESCRIPCION;
	memcpy(p, e->descripcion.bytes, e->descripcion.len);
	buf_grew(out, KEYS + entry_bytes(e));
}

uint32_t
tareas_state_listar(const struct tareas_state *s, struct slice usuario,
    uint64_t desde, uint64_t cuantas, size_t bytes_max, struct buf *out)
{
	const struct usuario *u = usuario_find(s, usuario);
	struct cursor c = { .chunk = NULL };
	uint32_t n;

	if (u != NULL)
		c = cursor_to(u, desde);
	n = count_fitting(c, cuantas, bytes_max);
	term_write_array(out, n);
	for (uint32_t i = 0; i < n; i++) {
		struct entry e = cursor_next(&c);

		write_entry(out, &e);
	}
	return n;
}
