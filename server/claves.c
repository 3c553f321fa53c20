#include "server/claves.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "proto/limits.h"

/* A key and what it is looked up by: quien's length, quien, clave. */
struct kept {
	TAILQ_ENTRY(kept) entry;
	uint64_t seq;
	uint64_t n;
	enum err e;
	uint8_t huella[CLAVE_HUELLA_BYTES];
	uint8_t len; /* of name */
	uint8_t name[];
};

enum { NAME_MAX_BYTES = 1 + LIMIT_USUARIO + LIMIT_CLAVE_MAX };

struct claves {
	struct table by_name;
	TAILQ_HEAD(, kept) in_order; /* of seq */
};

static struct slice
kept_name(const void *thing)
{
	const struct kept *k = thing;

	return slice_bytes(k->name, k->len);
}

struct claves *
claves_new(const uint8_t seed[TABLE_SEED_BYTES])
{
	struct claves *c = malloc(sizeof(*c));

	if (c == NULL)
		abort();
	table_init(&c->by_name, kept_name, seed);
	TAILQ_INIT(&c->in_order);
	return c;
}

void
claves_free(struct claves *c)
{
	struct kept *k;

	while ((k = TAILQ_FIRST(&c->in_order)) != NULL) {
		TAILQ_REMOVE(&c->in_order, k, entry);
		free(k);
	}
	table_release(&c->by_name);
	free(c);
}

static uint8_t
write_name(uint8_t name[NAME_MAX_BYTES], struct slice quien, struct slice clave)
{
	assert(quien.len <= LIMIT_USUARIO && clave.len <= LIMIT_CLAVE_MAX);
	name[0] = (uint8_t)quien.len;
	if (quien.len > 0)
		memcpy(name + 1, quien.bytes, quien.len);
	memcpy(name + 1 + quien.len, clave.bytes, clave.len);
	return (uint8_t)(1 + quien.len + clave.len);
}

bool
claves_find(const struct claves *c, struct slice quien, struct slice clave,
    struct clave *out)
{
	uint8_t name[NAME_MAX_BYTES];
	uint8_t len = write_name(name, quien, clave);
	const struct kept *k = table_find(&c->by_name, slice_bytes(name, len));

	if (k == NULL)
		return false;
	*out = (struct clave){ .seq = k->seq,
		.quien = slice_bytes(k->name + 1, k->name[0]),
		.clave = slice_bytes(k->name + 1 + k->name[0],
		    k->len - 1 - (size_t)k->name[0]),
		.huella = slice_bytes(k->huella, CLAVE_HUELLA_BYTES),
		.e = k->e,
		.n = k->n };
	return true;
}

/* The oldest one goes; its seq. */
static uint64_t
forget(struct claves *c)
{
	struct kept *k = TAILQ_FIRST(&c->in_order);
	uint64_t seq = k->seq;

	TAILQ_REMOVE(&c->in_order, k, entry);
	table_take(&c->by_name, kept_name(k));
	free(k);
	return seq;
}

uint64_t
claves_add(struct claves *c, const struct clave *k)
{
	uint8_t name[NAME_MAX_BYTES];
	uint8_t len = write_name(name, k->quien, k->clave);
	struct kept *new = malloc(sizeof(*new) + len);

	if (new == NULL)
		abort();
	assert(k->huella.len == CLAVE_HUELLA_BYTES);
	*new = (struct kept){ .seq = k->seq, .n = k->n, .e = k->e, .len = len };
	memcpy(new->huella, k->huella.bytes, CLAVE_HUELLA_BYTES);
	memcpy(new->name, name, len);
	table_add(&c->by_name, new);
	TAILQ_INSERT_TAIL(&c->in_order, new, entry);
	return c->by_name.count > LIMIT_CLAVES ? forget(c) : 0;
}

uint32_t
claves_count(const struct claves *c)
{
	return (uint32_t)c->by_name.count;
}
