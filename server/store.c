#include "server/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "server/claves.h"

/* A kind's form, and how many bytes its texts have, at least and at most. */
static const struct {
	const char *form;
	struct {
		size_t least;
		size_t most;
	} text[ROW_TEXTS];
} kinds[ROW_KINDS] = {
	[ROW_TAREA] = { "nttt",
	    { { 1, LIMIT_USUARIO }, { 1, LIMIT_TITULO },
		{ 0, LIMIT_DESCRIPCION } } },
	[ROW_TAREA_GONE] = { .form = "n" },
	[ROW_CLAVE] = { "nntbbt",
	    { { 0, LIMIT_USUARIO }, { LIMIT_CLAVE_MIN, LIMIT_CLAVE_MAX },
		{ CLAVE_HUELLA_BYTES, CLAVE_HUELLA_BYTES },
		{ 1, LIMIT_ERROR_TEXT } } },
	[ROW_CLAVES_GONE] = { .form = "n" },
	[ROW_SALA] = { "ntt",
	    { { 1, LIMIT_ROOM_NAME }, { 1, LIMIT_USUARIO } } },
	[ROW_SALA_GONE] = { .form = "n" },
	[ROW_MENSAJE] = { "nnntt",
	    { { 1, LIMIT_USUARIO }, { 1, LIMIT_TEXT } } },
	[ROW_MENSAJES_GONE] = { .form = "nn" },
};

const char *
row_form(enum row_kind kind)
{
	return kinds[kind].form;
}

static bool
is_sound_text(const struct row *r, unsigned text, char letter)
{
	struct slice t = r->text[text];

	if (t.len < kinds[r->kind].text[text].least ||
	    t.len > kinds[r->kind].text[text].most)
		return false;
	return letter == 'b' || utf8_is_text(t);
}

bool
row_is_sound(const struct row *r)
{
	unsigned number = 0, text = 0;

	for (const char *form = row_form(r->kind); *form != '\0'; form++) {
		if (*form == 'n' && r->number[number++] > INT64_MAX)
			return false;
		if (*form != 'n' && !is_sound_text(r, text++, *form))
			return false;
	}
	return r->number[0] > 0;
}

/* -- batches never leave the program: they are in the machine's own form -- */

static uint8_t *
put(uint8_t *at, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(at, bytes, len);
	return at + len;
}

static size_t
text_bytes(const struct row *r)
{
	size_t len = 0;

	for (unsigned i = 0; i < ROW_TEXTS; i++)
		len += r->text[i].len;
	return len;
}

void
row_write(struct buf *batch, const struct row *r)
{
	const char *form = row_form(r->kind);
	size_t len = 1 + strlen(form) * sizeof(uint64_t) + text_bytes(r);
	unsigned number = 0, text = 0;
	uint8_t kind = (uint8_t)r->kind, *at = buf_room(batch, len);

	at = put(at, &kind, 1);
	for (; *form != '\0'; form++) {
		const struct slice *t = &r->text[text];
		uint64_t n = *form == 'n' ? r->number[number++] : t->len;

		at = put(at, &n, sizeof(n));
		if (*form == 'n')
			continue;
		at = put(at, t->bytes, t->len);
		text++;
	}
	buf_grew(batch, len);
}

static const uint8_t *
take(struct slice *batch, size_t len)
{
	const uint8_t *at = batch->bytes;

	assert(batch->len >= len);
	*batch = slice_bytes(at + len, batch->len - len);
	return at;
}

bool
row_read(struct slice *batch, struct row *r)
{
	unsigned number = 0, text = 0;

	if (batch->len == 0)
		return false;
	*r = (struct row){ .kind = (enum row_kind) * take(batch, 1) };
	for (const char *form = row_form(r->kind); *form != '\0'; form++) {
		uint64_t n;

		memcpy(&n, take(batch, sizeof(n)), sizeof(n));
		if (*form == 'n')
			r->number[number++] = n;
		else
			r->text[text++] = slice_bytes(take(batch, n), n);
	}
	return true;
}

/* -- the seam -- */

void
store_attach(struct store *s, const struct store_events *events, void *arg)
{
	s->events = events;
	s->arg = arg;
}

enum err
store_load(struct store *s, void (*each)(void *arg, const struct row *r),
    void *arg, uint64_t *seq)
{
	return s->ops->load(s, each, arg, seq);
}

void
store_write(struct store *s, uint64_t seq, struct slice batch)
{
	s->ops->write(s, seq, batch);
}

bool
store_has_room(struct store *s)
{
	return s->ops->has_room(s);
}

size_t
store_backlog(struct store *s)
{
	return s->ops->backlog(s);
}

void
store_close(struct store *s)
{
	s->ops->close(s);
}
