/*
 * A message is kept as what a listing shows: [n, at, usuario, texto], one
 * behind the other in chunks. So a listing is a copy, and memory little
 * more than the texts. A room has an array of its chunks, oldest first,
 * where a number is found by halving.
 */
#include "server/salas_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/term.h"

enum {
	CHUNK_FIRST = 128, /* bytes of a room's first chunk */
	CHUNK_LARGEST = 16 * 1024, /* unless one message needs more */
	/*
	 * A room that has so many more than LIMIT_HISTORY loses them at once:
	 * fewer words to the store, and the numbers alone decide when.
	 */
	HISTORY_SLACK = LIMIT_HISTORY / 100,
	ARRAY_HEAD_MAX = 5,
	/* A message is five objects; the frame around it has a few. */
	LISTING_MAX = (LIMIT_OBJECTS - 16) / 5,
};

struct chunk {
	uint64_t first; /* the number of its oldest message */
	uint32_t count; /* messages in it */
	uint32_t used; /* content is bytes[0, used) */
	uint32_t size;
	uint8_t bytes[];
};

struct room {
	uint64_t id;
	uint64_t first;
	uint64_t last;
	uint64_t seq;
	struct chunk **chunks; /* those in use are chunks[start, end) */
	size_t start;
	size_t end;
	size_t size; /* allocated */
	uint8_t name_len;
	uint8_t creator_len;
	char text[]; /* the name, then the creator */
};

struct salas_state {
	struct table by_name;
	struct table by_id;
	uint64_t deleted; /* the seq of the last deletion of any room */
};

static struct slice
room_name(const void *thing)
{
	const struct room *r = thing;

	return slice_bytes(r->text, r->name_len);
}

static struct slice
room_id(const void *thing)
{
	const struct room *r = thing;

	return slice_bytes(&r->id, sizeof(r->id));
}

struct salas_state *
salas_state_new(const uint8_t seed[TABLE_SEED_BYTES])
{
	struct salas_state *s = malloc(sizeof(*s));

	if (s == NULL)
		abort();
	s->deleted = 0;
	table_init(&s->by_name, room_name, seed);
	table_init(&s->by_id, room_id, seed);
	return s;
}

static void
room_free(struct room *r)
{
	for (size_t i = r->start; i < r->end; i++)
		free(r->chunks[i]);
	free(r->chunks);
	free(r);
}

void
salas_state_free(struct salas_state *s)
{
	for (size_t i = 0; i < s->by_name.size; i++) {
		struct room *r = table_at(&s->by_name, i);

		if (r != NULL)
			room_free(r);
	}
	table_release(&s->by_name);
	table_release(&s->by_id);
	free(s);
}

/* -- rooms -- */

static struct room *
room_find(const struct salas_state *s, struct slice name)
{
	return table_find(&s->by_name, name);
}

static struct room *
room_new(uint64_t id, struct slice name, struct slice creator)
{
	struct room *r = calloc(1, sizeof(*r) + name.len + creator.len);

	if (r == NULL)
		abort();
	assert(name.len <= UINT8_MAX && creator.len <= UINT8_MAX);
	r->id = r->seq = id;
	r->name_len = (uint8_t)name.len;
	r->creator_len = (uint8_t)creator.len;
	memcpy(r->text, name.bytes, name.len);
	if (creator.len > 0)
		memcpy(r->text + name.len, creator.bytes, creator.len);
	return r;
}

enum err
salas_state_create(struct salas_state *s, uint64_t seq, struct slice name,
    struct slice creator)
{
	struct room *r;

	if (room_find(s, name) != NULL)
		return E_EXISTS;
	if (s->by_name.count >= LIMIT_ROOMS)
		return E_TOOBIG;
	r = room_new(seq, name, creator);
	table_add(&s->by_name, r);
	table_add(&s->by_id, r);
	return E_OK;
}

enum err
salas_state_delete(struct salas_state *s, uint64_t seq, struct slice name,
    uint64_t *id)
{
	struct room *r = table_take(&s->by_name, name);

	if (r == NULL)
		return E_NOPROC;
	table_take(&s->by_id, room_id(r));
	*id = r->id;
	s->deleted = seq;
	room_free(r);
	return E_OK;
}

static void
show(const struct room *r, struct sala *out)
{
	*out = (struct sala){ .id = r->id,
		.name = room_name(r),
		.creator = slice_bytes(r->text + r->name_len, r->creator_len),
		.first = r->first,
		.last = r->last,
		.seq = r->seq };
}

bool
salas_state_find(const struct salas_state *s, struct slice name,
    struct sala *out)
{
	const struct room *r = room_find(s, name);

	if (r != NULL)
		show(r, out);
	return r != NULL;
}

uint64_t
salas_state_seq(const struct salas_state *s, struct slice name)
{
	const struct room *r = room_find(s, name);

	return r != NULL ? r->seq : s->deleted;
}

bool
salas_state_next(const struct salas_state *s, size_t *place, struct sala *out)
{
	while (*place < s->by_name.size) {
		const struct room *r = table_at(&s->by_name, (*place)++);

		if (r == NULL)
			continue;
		show(r, out);
		return true;
	}
	return false;
}

size_t
salas_state_count(const struct salas_state *s)
{
	return s->by_name.count;
}

/* -- chunks -- */

static struct chunk *
chunk_new(uint64_t first, uint32_t size)
{
	struct chunk *c = malloc(sizeof(*c) + size);

	if (c == NULL)
		abort();
	*c = (struct chunk){ .first = first, .size = size };
	return c;
}

/* Room for one more pointer: where old ones were, or in a larger array. */
static void
make_place(struct room *r)
{
	size_t count = r->end - r->start;

	if (r->end < r->size)
		return;
	if (2 * count > r->size || r->size == 0) {
		r->size = r->size > 0 ? 2 * r->size : 1;
		r->chunks = realloc(r->chunks, r->size * sizeof(*r->chunks));
		if (r->chunks == NULL)
			abort();
	}
	memmove(r->chunks, r->chunks + r->start, count * sizeof(*r->chunks));
	r->start = 0;
	r->end = count;
}

/* The newest chunk, which has room for len bytes. */
static struct chunk *
chunk_with_room(struct room *r, uint64_t n, uint32_t len)
{
	uint32_t size = CHUNK_FIRST;
	struct chunk *c = NULL;

	if (r->end > r->start)
		c = r->chunks[r->end - 1];
	if (c != NULL && c->size - c->used >= len)
		return c;
	if (c != NULL)
		while (size <= c->size && size < CHUNK_LARGEST)
			size *= 2;
	make_place(r);
	c = chunk_new(n, size > len ? size : len);
	r->chunks[r->end++] = c;
	return c;
}

/* Chunks that hold nothing from number first on go. */
static void
drop_before(struct room *r, uint64_t first)
{
	r->first = first;
	while (r->start < r->end &&
	    r->chunks[r->start]->first + r->chunks[r->start]->count <= first)
		free(r->chunks[r->start++]);
}

/* -- messages -- */

static void
add(struct room *r, uint64_t n, uint64_t at_ms, struct slice usuario,
    struct slice texto)
{
	struct chunk *c;
	struct buf b;
	uint32_t len;

	buf_init(&b);
	term_write_array(&b, 4);
	term_write_uint(&b, n);
	term_write_uint(&b, at_ms);
	term_write_str(&b, usuario);
	term_write_str(&b, texto);
	len = (uint32_t)buf_len(&b);
	c = chunk_with_room(r, n, len);
	memcpy(c->bytes + c->used, buf_bytes(&b).bytes, len);
	c->used += len;
	c->count++;
	r->last = n;
	if (r->first == 0)
		r->first = n;
	buf_release(&b);
}

/* The number up to which it lost what it had too much; 0: nothing. */
static uint64_t
trim(struct room *r)
{
	if (r->last - r->first < LIMIT_HISTORY + HISTORY_SLACK)
		return 0;
	drop_before(r, r->last - LIMIT_HISTORY + 1);
	return r->first - 1;
}

enum err
salas_state_send(struct salas_state *s, uint64_t seq, struct slice name,
    uint64_t at_ms, struct slice usuario, struct slice texto, uint64_t *n,
    uint64_t *gone)
{
	struct room *r = room_find(s, name);

	if (r == NULL)
		return E_NOPROC;
	add(r, r->last + 1, at_ms, usuario, texto);
	r->seq = seq;
	*n = r->last;
	*gone = trim(r);
	return E_OK;
}

bool
salas_state_restore(struct salas_state *s, uint64_t id, uint64_t n,
    uint64_t at_ms, struct slice usuario, struct slice texto)
{
	struct room *r = table_find(&s->by_id, slice_bytes(&id, sizeof(id)));

	if (r == NULL || n <= r->last)
		return false;
	/* Behind a gap nothing could be found by its number. */
	if (n > r->last + 1)
		drop_before(r, n);
	add(r, n, at_ms, usuario, texto);
	return true;
}

/* -- listings -- */

/* A message's place; the chunk at r->end: there is none. */
struct cursor {
	const struct room *room;
	size_t chunk;
	uint32_t at;
	uint64_t n;
};

/* The bytes of the message there. We wrote it: it is well formed. */
static uint32_t
length(const struct cursor *c)
{
	const struct chunk *chunk = c->room->chunks[c->chunk];
	struct term_reader r;
	struct slice whole;
	enum err e;

	term_reader_init(&r,
	    slice_bytes(chunk->bytes + c->at, chunk->used - c->at));
	e = term_skip(&r, &whole);
	assert(e == E_OK);
	return (uint32_t)whole.len;
}

static void
step(struct cursor *c)
{
	c->at += length(c);
	c->n++;
	if (c->at < c->room->chunks[c->chunk]->used)
		return;
	c->chunk++;
	c->at = 0;
}

/* The message of number n, which is kept, or the one after the last. */
static struct cursor
seek(const struct room *r, uint64_t n)
{
	struct cursor c = { .room = r, .chunk = r->start };
	size_t end = r->end;

	if (n > r->last || r->last == 0) {
		c.chunk = r->end;
		c.n = n;
		return c;
	}
	while (end - c.chunk > 1) {
		size_t middle = c.chunk + (end - c.chunk) / 2;

		if (r->chunks[middle]->first <= n)
			c.chunk = middle;
		else
			end = middle;
	}
	c.n = r->chunks[c.chunk]->first;
	while (c.n < n)
		step(&c);
	return c;
}

/* How many from c on, at most cuantas, up to number `to`, fit. */
static uint32_t
count_fitting(struct cursor c, uint64_t to, uint64_t cuantas, size_t bytes_max)
{
	size_t bytes = ARRAY_HEAD_MAX;
	uint32_t n = 0;

	while (c.chunk < c.room->end && c.n <= to && n < cuantas &&
	    n < LISTING_MAX) {
		bytes += length(&c);
		if (bytes > bytes_max)
			break;
		step(&c);
		n++;
	}
	return n;
}

static uint64_t
not_before(const struct room *r, uint64_t n)
{
	return n > r->first ? n : r->first;
}

uint32_t
salas_state_messages(const struct salas_state *s, struct slice name,
    uint64_t from, uint64_t to, uint64_t cuantas, size_t bytes_max,
    struct buf *out)
{
	const struct room *r = room_find(s, name);
	struct cursor c = { .room = NULL };
	uint32_t n = 0;

	if (r != NULL) {
		c = seek(r, not_before(r, from));
		n = count_fitting(c, to, cuantas, bytes_max);
	}
	term_write_array(out, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct chunk *chunk = r->chunks[c.chunk];

		buf_add(out, slice_bytes(chunk->bytes + c.at, length(&c)));
		step(&c);
	}
	return n;
}

/* The bytes of those from c on, up to number `to`. */
static size_t
bytes_up_to(struct cursor c, uint64_t to)
{
	size_t bytes = ARRAY_HEAD_MAX;

	while (c.chunk < c.room->end && c.n <= to) {
		bytes += length(&c);
		step(&c);
	}
	return bytes;
}

uint64_t
salas_state_newest(const struct salas_state *s, struct slice name, uint64_t to,
    uint64_t cuantas, size_t bytes_max)
{
	const struct room *r = room_find(s, name);
	uint64_t most = cuantas < LISTING_MAX ? cuantas : LISTING_MAX;
	struct cursor c;
	size_t bytes;

	if (r == NULL)
		return to + 1;
	c = seek(r, not_before(r, to > most ? to - most + 1 : 1));
	bytes = bytes_up_to(c, to);
	while (bytes > bytes_max && c.n <= to) {
		bytes -= length(&c);
		step(&c);
	}
	return c.n;
}
