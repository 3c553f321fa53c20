#include "server/tareas_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/term.h"

enum {
	CHUNK_FIRST = 128, /* bytes of a user's first chunk */
	CHUNK_FEW = 384, /* of one that has a user's first few tasks */
	CHUNK_LARGEST = 16 * 1024, /* unless one task needs more */
	/* Deletions join neighbours that have no more together. */
	CHUNK_JOINED = CHUNK_LARGEST / 2,
	/* Of a chunk's bytes one in so many may be lost. */
	CHUNK_LOST_MAX = 8,
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
	/* Short strings are copied so many bytes at once. */
	MOVED = 64,
	/* A task is five objects; the frame around a listing has a few. */
	LISTING_MAX = (LIMIT_OBJECTS - 16) / 5,
};

/*
 * Slots grow up from its front, the oldest task first; tasks grow down from
 * its end. A deletion takes the slot alone, and what holes there are goes
 * when the chunk is copied.
 */
struct chunk {
	struct chunk *older;
	uint16_t count; /* tasks in it */
	uint16_t start; /* tasks are in [start, size) of its bytes */
	uint16_t size; /* of slots and tasks */
	uint16_t gone; /* bytes of deleted tasks among them */
	uint32_t slots[];
};

struct usuario {
	struct chunk *newest;
	uint64_t seq; /* of the last change */
	uint64_t bytes; /* of all strings */
	uint32_t count;
	uint32_t len;
	char name[];
};

struct tareas_state {
	struct table usuarios;
	uint64_t tareas; /* of all of them */
	uint64_t gone_seq; /* when a user's last task went, the latest */
	uint64_t seed; /* of the tags */
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
	memcpy(&s->seed, seed, sizeof(s->seed));
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

/* -- tasks -- */

/* Bytes of a number behind each task: 7 bits in each, the lowest first. */
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

/* The number at a place; *at is behind it then. */
static uint64_t
number_read(const uint8_t **at)
{
	uint64_t number = 0;
	unsigned shift = 0;

	for (; **at & 0x80; shift += 7)
		number |= (uint64_t)(*(*at)++ & 0x7f) << shift;
	return number | (uint64_t) * (*at)++ << shift;
}

/* A task in a chunk: two whole MessagePack strings, and its number. */
struct entry {
	const uint8_t *titulo;
	const uint8_t *descripcion;
	const uint8_t *number;
};

/* Bytes before those of a string. */
static inline size_t
head_bytes(size_t len)
{
	return len < 32 ? 1 : len < 256 ? 2 : 3;
}

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

static inline struct entry
entry_at(const uint8_t *at)
{
	struct entry e = { .titulo = at };

	e.descripcion = string_end(e.titulo);
	e.number = string_end(e.descripcion);
	return e;
}

static bool
has_titulo(const struct entry *e, struct slice titulo)
{
	const uint8_t *text = e->titulo + string_head(e->titulo);

	return slice_equal(slice_bytes(text, (size_t)(e->descripcion - text)),
	    titulo);
}

/* Copies so many bytes. Returns the end of the copy. */
static inline uint8_t *
put(uint8_t *to, const uint8_t *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static uint8_t *
put_string(uint8_t *p, struct slice v)
{
	if (v.len < 32) {
		*p++ = (uint8_t)(0xa0 | v.len);
	} else if (v.len < 256) {
		*p++ = 0xd9;
		*p++ = (uint8_t)v.len;
	} else {
		*p++ = 0xda;
		*p++ = (uint8_t)(v.len >> 8);
		*p++ = (uint8_t)v.len;
	}
	return v.len > 0 ? put(p, v.bytes, v.len) : p;
}

/* -- slots: a tag, which is a hash of the title, and where the task is -- */

enum { SLOT = sizeof(uint32_t), TAG_MASK = 0xffff };

static inline uint32_t
slot_of(uint32_t tag, size_t at)
{
	return (uint32_t)at << 16 | tag;
}

static inline uint32_t
slot_tag(uint32_t slot)
{
	return slot & TAG_MASK;
}

static inline size_t
slot_at(uint32_t slot)
{
	return slot >> 16;
}

static const uint64_t tag_factor = UINT64_C(0x9e3779b97f4a7c15);

static inline uint64_t
tag_mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * tag_factor;
	return h ^ h >> 32;
}

/*
 * Quick rather than strong: titles made to have one tag cost their
 * comparison, which each title would cost without tags.
 */
static uint32_t
tag_of(const struct tareas_state *s, struct slice titulo)
{
	const uint8_t *at = titulo.bytes;
	uint64_t h = s->seed ^ titulo.len, word = 0;
	size_t left = titulo.len;

	if (titulo.len < sizeof(word)) {
		memcpy(&word, at, titulo.len);
	} else {
		for (; left > sizeof(word); left -= sizeof(word)) {
			memcpy(&word, at, sizeof(word));
			h = tag_mix(h, word);
			at += sizeof(word);
		}
		memcpy(&word, at + left - sizeof(word), sizeof(word));
	}
	/* The top bits depend on all. */
	return (uint32_t)(tag_mix(h, word) * tag_factor >> 48);
}

/* -- chunks -- */

static inline uint8_t *
chunk_bytes(struct chunk *c)
{
	return (uint8_t *)c->slots;
}

/* Where its slot number i says. */
static inline const uint8_t *
chunk_at(const struct chunk *c, uint32_t i)
{
	return (const uint8_t *)c->slots + slot_at(c->slots[i]);
}

static inline const uint8_t *
chunk_end(const struct chunk *c)
{
	return (const uint8_t *)c->slots + c->size;
}

static bool
chunk_has_room(const struct chunk *c, size_t len)
{
	return c->start >= ((size_t)c->count + 1) * SLOT + len;
}

static struct chunk *
chunk_new(size_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		abort();
	*c = (struct chunk){ .start = (uint16_t)size, .size = (uint16_t)size };
	return c;
}

/* Bytes of its tasks and their slots. */
static size_t
chunk_used(const struct chunk *c)
{
	return (size_t)c->size - c->start - c->gone + (size_t)c->count * SLOT;
}

/* Makes room for a task of len bytes. Returns where it goes. */
static uint8_t *
chunk_push(struct chunk *c, uint32_t tag, size_t len)
{
	c->start = (uint16_t)(c->start - len);
	c->slots[c->count++] = slot_of(tag, c->start);
	return chunk_bytes(c) + c->start;
}

static void
copy_tasks(struct chunk *to, const struct chunk *from)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct entry e = entry_at(chunk_at(from, i));
		const uint8_t *end = e.number;
		size_t len;

		number_read(&end);
		len = (size_t)(end - e.titulo);
		put(chunk_push(to, slot_tag(from->slots[i]), len), e.titulo,
		    len);
	}
}

/* Most users have few tasks: these are beside each other. */
static bool
chunk_may_grow(const struct chunk *c, size_t len)
{
	return c->older == NULL && c->size < CHUNK_FEW &&
	    chunk_used(c) + SLOT + len <= CHUNK_FEW;
}

/* Takes a chunk; gives one that has its tasks, and more room. */
static struct chunk *
chunk_grown(struct chunk *c)
{
	struct chunk *grown = chunk_new(CHUNK_FEW);

	copy_tasks(grown, c);
	free(c);
	return grown;
}

/* A chunk in front that has room for len bytes. */
static struct chunk *
chunk_with_room(struct usuario *u, size_t len)
{
	size_t size = CHUNK_FIRST;
	struct chunk *c = u->newest;

	if (c != NULL && chunk_has_room(c, len))
		return c;
	if (c != NULL && chunk_may_grow(c, len))
		return u->newest = chunk_grown(c);
	if (c != NULL)
		while (size <= c->size && size < CHUNK_LARGEST)
			size *= 2;
	c = chunk_new(size > len + SLOT ? size : len + SLOT);
	c->older = u->newest;
	u->newest = c;
	return c;
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

static void
usuario_add(struct usuario *u, uint32_t tag, uint64_t seq,
    const struct tarea *t)
{
	uint8_t number[NUMBER_MAX], *at;
	unsigned digits = number_write(number, seq);
	size_t strings = head_bytes(t->titulo.len) + t->titulo.len +
	    head_bytes(t->descripcion.len) + t->descripcion.len;
	struct chunk *c = chunk_with_room(u, strings + digits);

	at = chunk_push(c, tag, strings + digits);
	at = put_string(at, t->titulo);
	at = put_string(at, t->descripcion);
	put(at, number, digits);
	u->count++;
	u->bytes += strings;
	u->seq = seq;
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
	usuario_add(u, tag_of(s, t->titulo), seq, t);
	s->tareas++;
	return E_OK;
}

/* Who asked for a title's end, and what is told of it. */
struct deletion {
	struct slice titulo;
	uint32_t tag; /* of the title */
	void (*gone)(void *arg, uint64_t number);
	void *arg;
	uint32_t tasks;
	uint64_t bytes; /* of their strings */
};

/* Not 0 if one of two neighbouring slots has the tag that both halves have. */
static inline uint64_t
pair_has_tag(const uint32_t *slots, uint64_t both)
{
	uint64_t pair;

	memcpy(&pair, slots, sizeof(pair));
	pair = (pair ^ both) & UINT64_C(0x0000ffff0000ffff);
	/* A half of 0 borrows. */
	return (pair - UINT64_C(0x0000000100000001)) &
	    UINT64_C(0x8000000080000000);
}

/* This is where the time of a deletion in a long list goes. */
static bool
chunk_has_tag(const struct chunk *c, uint32_t tag)
{
	const uint64_t both = (uint64_t)tag << 32 | tag;
	const uint32_t *at = c->slots, *end = c->slots + c->count;

	for (; end - at >= 8; at += 8)
		if ((pair_has_tag(at, both) | pair_has_tag(at + 2, both) |
			pair_has_tag(at + 4, both) |
			pair_has_tag(at + 6, both)) != 0)
			return true;
	for (; at < end; at++)
		if (slot_tag(*at) == tag)
			return true;
	return false;
}

/* Tells of a task and takes its bytes away; the slot stays. */
static void
entry_delete(struct chunk *c, const struct entry *e, struct deletion *d)
{
	const uint8_t *end = e->number;

	d->gone(d->arg, number_read(&end));
	d->tasks++;
	d->bytes += (uint64_t)(e->number - e->titulo);
	c->gone = (uint16_t)(c->gone + (end - e->titulo));
}

/* No task is where the slots are: a slot of 0 is none. */
static void
chunk_close_slots(struct chunk *c, uint32_t first)
{
	uint32_t n = first;

	for (uint32_t i = first; i < c->count; i++)
		if (c->slots[i] != 0)
			c->slots[n++] = c->slots[i];
	c->count = (uint16_t)n;
}

/* Newest first. */
static void
chunk_delete(struct chunk *c, struct deletion *d)
{
	uint32_t first = c->count;

	if (!chunk_has_tag(c, d->tag))
		return;
	for (uint32_t i = c->count; i-- > 0;) {
		struct entry e;

		if (slot_tag(c->slots[i]) != d->tag)
			continue;
		e = entry_at(chunk_at(c, i));
		if (!has_titulo(&e, d->titulo))
			continue;
		entry_delete(c, &e, d);
		c->slots[i] = 0;
		first = i;
	}
	chunk_close_slots(c, first);
}

/* Whether it and the next older one make a small chunk. */
static bool
chunk_joins(const struct chunk *c)
{
	return c->older != NULL &&
	    chunk_used(c) + chunk_used(c->older) <= CHUNK_JOINED;
}

/*
 * Takes a chunk, and the next older one if they join; gives one that has
 * their tasks and no room but what is kept for more tasks.
 */
static struct chunk *
chunk_copied(struct chunk *c, bool keep_room)
{
	struct chunk *older = chunk_joins(c) ? c->older : NULL, *copy;
	size_t used = chunk_used(c) + (older != NULL ? chunk_used(older) : 0);
	size_t room = keep_room ? 2 * used : used;

	room = room < c->size ? room : c->size;
	copy = chunk_new(used > room ? used : room);
	copy->older = c->older;
	if (older != NULL) {
		copy->older = older->older;
		copy_tasks(copy, older);
		free(older);
	}
	copy_tasks(copy, c);
	free(c);
	return copy;
}

/* Whether its holes are too large; room is lost too behind the newest. */
static bool
chunk_wastes(const struct chunk *c, bool newest)
{
	size_t lost = newest ? c->gone : c->size - chunk_used(c);

	return lost > c->size / CHUNK_LOST_MAX;
}

/* Holes and small chunks do not pile up. */
static void
usuario_tidy(struct usuario *u)
{
	struct chunk **at = &u->newest, *c;

	while ((c = *at) != NULL)
		if (chunk_wastes(c, c == u->newest) || chunk_joins(c))
			*at = chunk_copied(c, c == u->newest);
		else
			at = &c->older;
}

static void
usuario_delete(struct usuario *u, struct deletion *d)
{
	struct chunk **at = &u->newest, *c;

	while ((c = *at) != NULL) {
		chunk_delete(c, d);
		if (c->count > 0) {
			at = &c->older;
			continue;
		}
		*at = c->older;
		free(c);
	}
	if (d->tasks == 0)
		return;
	u->count -= d->tasks;
	u->bytes -= d->bytes;
	usuario_tidy(u);
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
	d.tag = tag_of(s, titulo);
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

/* Who asks how long a listing is will want it soon, and its first lines. */
static void
usuario_prefetch(const struct usuario *u)
{
	enum { LINE = 64 };
	const uint8_t *at = (const uint8_t *)u->newest;

	for (size_t i = 0; i < sizeof(*u->newest) + CHUNK_FEW; i += LINE)
		__builtin_prefetch(at + i);
}

size_t
tareas_state_bytes(const struct tareas_state *s, struct slice usuario)
{
	const struct usuario *u = usuario_find(s, usuario);

	if (u == NULL)
		return ARRAY_HEAD_MAX;
	usuario_prefetch(u);
	return ARRAY_HEAD_MAX + u->bytes + (size_t)u->count * KEYS;
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
	uint32_t left; /* tasks in the chunk from here on */
};

static inline void
cursor_enter(struct cursor *c, const struct chunk *chunk)
{
	c->chunk = chunk;
	c->left = chunk != NULL ? chunk->count : 0;
}

static inline struct entry
cursor_next(struct cursor *c)
{
	struct entry e = entry_at(chunk_at(c->chunk, --c->left));

	if (c->left == 0)
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
	c.left -= c.chunk != NULL ? (uint32_t)desde : 0;
	return c;
}

/* What a listing needs for it. */
static inline size_t
entry_listed(const struct entry *e)
{
	return KEYS + (size_t)(e->number - e->titulo);
}

/*
 * Copies a string with few moves of a fixed length, which may copy what is
 * behind it too: so many bytes are there to read and to write.
 */
static inline uint8_t *
put_short(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len <= MOVED / 2)
		memcpy(to, from, MOVED / 2);
	else if (len <= MOVED)
		memcpy(to, from, MOVED);
	else
		memcpy(to, from, len);
	return to + len;
}

/* end is behind what may be read. */
static inline uint8_t *
put_entry(uint8_t *p, const struct entry *e, const uint8_t *end)
{
	size_t titulo = (size_t)(e->descripcion - e->titulo);
	size_t descripcion = (size_t)(e->number - e->descripcion);
	bool moves = end - e->descripcion >= MOVED;

	p = put(p, key_titulo, KEY_TITULO);
	p = moves ? put_short(p, e->titulo, titulo) : put(p, e->titulo, titulo);
	p = put(p, key_descripcion, KEY_DESCRIPCION);
	return moves ? put_short(p, e->descripcion, descripcion) :
		       put(p, e->descripcion, descripcion);
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

/*
 * The tasks of many users are not in the nearest cache, nor is the room for
 * a listing. What is asked for may lie outside of both: nothing is read.
 */
static inline void
ahead(const uint8_t *from, const uint8_t *to)
{
	enum { AHEAD = 1536, LINE = 64 };

	__builtin_prefetch(from + AHEAD);
	__builtin_prefetch(from + AHEAD + LINE);
	__builtin_prefetch(to + AHEAD, 1);
	__builtin_prefetch(to + AHEAD + LINE, 1);
}

/* From c on, at most n, as many as fit. Returns how many. */
static uint32_t
write_entries(struct cursor c, uint32_t n, size_t bytes_max, size_t room,
    struct buf *out)
{
	uint8_t *start = buf_room(out, room + MOVED), *p = start;
	uint32_t i = 0;

	while (i < n && i < LISTING_MAX) {
		const uint8_t *end = chunk_end(c.chunk);
		struct entry e = cursor_next(&c);

		ahead(e.titulo, p);
		if (i > 0 && (size_t)(p - start) + entry_listed(&e) > bytes_max)
			break;
		p = put_entry(p, &e, end);
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
    const struct tareas_page *page, struct buf *out, uint32_t *there)
{
	const struct usuario *u = usuario_find(s, usuario);
	size_t head = buf_len(out), bytes_max = page->bytes_max;
	uint32_t left = 0, n;

	if (u != NULL && page->desde < u->count)
		left = u->count - (uint32_t)page->desde;
	*there = left;
	left = page->cuantas < left ? (uint32_t)page->cuantas : left;
	/* The head has to be there first, and is right, mostly. */
	term_write_array(out, left);
	if (left == 0)
		return 0;
	bytes_max -= bytes_max < ARRAY_HEAD_MAX ? bytes_max : ARRAY_HEAD_MAX;
	n = write_entries(cursor_to(u, page->desde), left, bytes_max,
	    room_for(u, left, bytes_max), out);
	if (n < left)
		correct_head(out, head, left, n);
	return n;
}
