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
	uint64_t seq; /* of the last change */
	uint64_t bytes; /* of all entries */
	uint32_t count;
	uint32_t len;
	char name[];
};

struct tareas_state {
	struct table usuarios;
	uint64_t tareas; /* of all of them */
	uint64_t gone_seq; /* when a user's last task went, the latest */
	struct buf task; /* that is being added */
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
	s->tareas = s->gone_seq = 0;
	buf_init(&s->task);
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
	buf_release(&s->task);
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

/* Bytes of a number before each task: 7 bits in each, the lowest first. */
enum { NUMBER_MAX = 10 };

static unsigned
number_write(uint8_t out[NUMBER_MAX], uint64_t number)
{
	unsigned n = 0;

	for (; number >= 0x80; number >>= 7)
		out[n++] = (uint8_t)(number | 0x80);
	out[n++] = (uint8_t)number;
	return n;
}

static uint64_t
number_read(const uint8_t *at)
{
	uint64_t number = 0;
	unsigned shift = 0;

	for (; *at & 0x80; shift += 7)
		number |= (uint64_t)(*at++ & 0x7f) << shift;
	return number | (uint64_t)*at << shift;
}

/* One task in a chunk: its number and two whole MessagePack strings. */
struct entry {
	const uint8_t *number;
	const uint8_t *titulo;
	const uint8_t *descripcion;
	const uint8_t *end;
};

static inline size_t
string_head(const uint8_t *at)
{
	return *at < 0xd9 ? 1 : *at == 0xd9 ? 2 : 3;
}

/* Behind a string of ours, which is well formed. */
static inline const uint8_t *
string_end(const uint8_t *at)
{
	if (*at < 0xd9)
		return at + 1 + (*at & 0x1f);
	if (*at == 0xd9)
		return at + 2 + at[1];
	return at + 3 + (at[1] << 8 | at[2]);
}

/* Pointers alone: this is where the time of a long listing goes. */
static inline struct entry
entry_at(const uint8_t *at)
{
	struct entry e = { .number = at };

	while (*at & 0x80)
		at++;
	e.titulo = at + 1;
	e.descripcion = string_end(e.titulo);
	e.end = string_end(e.descripcion);
	return e;
}

/* Copies what lies between two places. Returns its end. */
static inline uint8_t *
put(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
	size_t len = (size_t)(end - from);

	memcpy(to, from, len);
	return to + len;
}

/* The first task of a chunk, and what is behind its last one. */
static const uint8_t *
chunk_first(const struct chunk *c)
{
	return c->bytes + c->start;
}

static const uint8_t *
chunk_end(const struct chunk *c)
{
	return c->bytes + c->size;
}

static bool
has_titulo(const struct entry *e, struct slice titulo)
{
	const uint8_t *text = e->titulo + string_head(e->titulo);

	return slice_equal(slice_bytes(text, (size_t)(e->descripcion - text)),
	    titulo);
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

/* A task as it lies in a chunk. */
static void
write_task(struct buf *b, uint64_t number, const struct tarea *t)
{
	buf_grew(b, number_write(buf_room(b, NUMBER_MAX), number));
	term_write_str(b, t->titulo);
	term_write_str(b, t->descripcion);
}

static void
usuario_add(struct usuario *u, struct slice task)
{
	struct chunk *c = chunk_with_room(u, (uint32_t)task.len);

	c->start -= (uint32_t)task.len;
	c->count++;
	memcpy(c->bytes + c->start, task.bytes, task.len);
	u->count++;
	u->bytes += task.len;
}

enum err
tareas_state_agregar(struct tareas_state *s, uint64_t seq, struct slice usuario,
    const struct tarea *t)
{
	struct usuario *u = usuario_find(s, usuario);

	if (u != NULL && u->count >= LIMIT_TAREAS_PER_USER)
		return E_TOOBIG;
	if (u == NULL)
		u = usuario_new(s, usuario);
	buf_clear(&s->task);
	write_task(&s->task, seq, t);
	usuario_add(u, buf_bytes(&s->task));
	u->seq = seq;
	s->tareas++;
	return E_OK;
}

/* Who asked for a title's end, and what is told of it. */
struct deletion {
	struct slice titulo;
	void (*gone)(void *arg, uint64_t number);
	void *arg;
	uint32_t tasks;
	uint64_t bytes; /* of their entries */
};

/* Tells of the tasks of a chunk that have the title. */
static void
chunk_match(const struct chunk *c, struct deletion *d)
{
	struct entry e;

	for (const uint8_t *at = chunk_first(c); at < chunk_end(c);
	     at = e.end) {
		e = entry_at(at);
		if (!has_titulo(&e, d->titulo))
			continue;
		d->gone(d->arg, number_read(at));
		d->tasks++;
		d->bytes += (uint64_t)(e.end - at);
	}
}

static void
copy_others(struct chunk *to, const struct chunk *from, struct slice titulo)
{
	uint8_t *end = to->bytes;
	struct entry e;

	for (const uint8_t *at = chunk_first(from); at < chunk_end(from);
	     at = e.end) {
		e = entry_at(at);
		if (!has_titulo(&e, titulo))
			end = put(end, at, e.end);
	}
	to->start = 0;
}

/*
 * Takes a chunk; gives what is left of it without the tasks of that title,
 * as small as it can be, so that holes do not pile up. NULL: nothing is.
 */
static struct chunk *
chunk_without(struct chunk *c, struct deletion *d)
{
	struct deletion before = *d;
	struct chunk *left = NULL;

	chunk_match(c, d);
	if (d->tasks == before.tasks)
		return c;
	if (d->tasks - before.tasks < c->count) {
		left = chunk_new(
		    chunk_used(c) - (uint32_t)(d->bytes - before.bytes));
		left->count = c->count - (d->tasks - before.tasks);
		copy_others(left, c, d->titulo);
	}
	free(c);
	return left;
}

static void
usuario_delete(struct usuario *u, struct deletion *d)
{
	struct chunk **at = &u->newest, *c;

	while ((c = *at) != NULL) {
		struct chunk *older = c->older;

		*at = chunk_without(c, d);
		if (*at == NULL) {
			*at = older;
			continue;
		}
		(*at)->older = older;
		at = &(*at)->older;
	}
	u->count -= d->tasks;
	u->bytes -= d->bytes;
}

uint32_t
tareas_state_eliminar(struct tareas_state *s, uint64_t seq,
    struct slice usuario, struct slice titulo,
    void (*gone)(void *arg, uint64_t number), void *arg)
{
	struct usuario *u = usuario_find(s, usuario);
	struct deletion d = { .titulo = titulo, .gone = gone, .arg = arg };

	if (u == NULL)
		return 0;
	usuario_delete(u, &d);
	if (d.tasks == 0)
		return 0;
	u->seq = seq;
	s->tareas -= d.tasks;
	if (u->count == 0) {
		s->gone_seq = seq;
		table_take(&s->usuarios, usuario);
		usuario_free(u);
	}
	return d.tasks;
}

uint64_t
tareas_state_seq(const struct tareas_state *s, struct slice usuario)
{
	const struct usuario *u = usuario_find(s, usuario);

	return u != NULL ? u->seq : s->gone_seq;
}

size_t
tareas_state_bytes(const struct tareas_state *s, struct slice usuario)
{
	const struct usuario *u = usuario_find(s, usuario);

	return ARRAY_HEAD_MAX +
	    (u != NULL ? u->bytes + (size_t)u->count * KEYS : 0);
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
	const uint8_t *at;
	uint32_t left; /* tasks in the chunk from here on */
};

static void
cursor_enter(struct cursor *c, const struct chunk *chunk)
{
	c->chunk = chunk;
	if (chunk == NULL)
		return;
	c->at = chunk_first(chunk);
	c->left = chunk->count;
}

static inline struct entry
cursor_next(struct cursor *c)
{
	struct entry e = entry_at(c->at);

	c->at = e.end;
	if (--c->left == 0)
		cursor_enter(c, c->chunk->older);
	return e;
}

/* The task at place desde, newest first; whole chunks are stepped over. */
static struct cursor
cursor_to(const struct usuario *u, uint64_t desde)
{
	struct cursor c = { .chunk = NULL };

	cursor_enter(&c, u->newest);
	while (c.chunk != NULL && desde >= c.left) {
		desde -= c.left;
		cursor_enter(&c, c.chunk->older);
	}
	for (; c.chunk != NULL && desde > 0; desde--)
		cursor_next(&c);
	return c;
}

/* What a listing needs for it. */
static inline size_t
entry_listed(const struct entry *e)
{
	return KEYS + (size_t)(e->end - e->titulo);
}

static inline uint8_t *
put_entry(uint8_t *p, const struct entry *e)
{
	p = put(p, key_titulo, key_titulo + KEY_TITULO);
	p = put(p, e->titulo, e->descripcion);
	p = put(p, key_descripcion, key_descripcion + KEY_DESCRIPCION);
	return put(p, e->descripcion, e->end);
}

/* At least as many bytes as the entries of a listing can need. */
static size_t
room_for(const struct usuario *u, uint32_t n, size_t bytes_max)
{
	enum { LARGEST = KEYS + 3 + LIMIT_TITULO + 3 + LIMIT_DESCRIPCION };
	size_t room = (size_t)n * LARGEST;
	size_t whole = u->bytes + (size_t)u->count * KEYS;

	room = room < whole ? room : whole;
	return room < bytes_max ? room : bytes_max + LARGEST;
}

/* From c on, at most n, as many as fit. Returns how many. */
static uint32_t
write_entries(struct cursor c, uint32_t n, size_t bytes_max, size_t room,
    struct buf *out)
{
	uint8_t *start = buf_room(out, room), *p = start;
	uint32_t i = 0;

	while (i < n && i < LISTING_MAX) {
		struct entry e = cursor_next(&c);

		if (i > 0 && (size_t)(p - start) + entry_listed(&e) > bytes_max)
			break;
		p = put_entry(p, &e);
		i++;
	}
	buf_grew(out, (size_t)(p - start));
	return i;
}

/* Bytes of the head of an array. */
static size_t
array_head(uint32_t n)
{
	return n < 16 ? 1 : n < 65536 ? 3 : ARRAY_HEAD_MAX;
}

/* The head of the array at place `at` was written too high. */
static void
correct_head(struct buf *out, size_t at, uint32_t was, uint32_t is)
{
	uint8_t *head = out->bytes + out->start + at;
	size_t shorter = array_head(was) - array_head(is);
	struct buf b;

	memmove(head, head + shorter, buf_len(out) - at - shorter);
	buf_truncate(out, buf_len(out) - shorter);
	buf_init(&b);
	term_write_array(&b, is);
	memcpy(head, b.bytes + b.start, buf_len(&b));
	buf_release(&b);
}

uint32_t
tareas_state_listar(const struct tareas_state *s, struct slice usuario,
    uint64_t desde, uint64_t cuantas, size_t bytes_max, struct buf *out)
{
	const struct usuario *u = usuario_find(s, usuario);
	size_t head = buf_len(out);
	uint32_t left, n;

	left = u == NULL || desde >= u->count ? 0 : u->count - (uint32_t)desde;
	left = cuantas < left ? (uint32_t)cuantas : left;
	/* The head has to be there first, and is right, mostly. */
	term_write_array(out, left);
	if (left == 0)
		return 0;
	bytes_max -= bytes_max < ARRAY_HEAD_MAX ? bytes_max : ARRAY_HEAD_MAX;
	n = write_entries(cursor_to(u, desde), left, bytes_max,
	    room_for(u, left, bytes_max), out);
	if (n < left)
		correct_head(out, head, left, n);
	return n;
}
