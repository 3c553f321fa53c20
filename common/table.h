/*
 * A hash table from bytes to things, for keys that other people choose:
 * SipHash with a random key, so that nobody can aim at one bucket. Open
 * addressing; a lookup that misses costs one cache line, mostly.
 */
#ifndef COMMON_TABLE_H
#define COMMON_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/blob.h"

enum { TABLE_SEED_BYTES = 16 };

struct table_entry;

struct table {
	/* The key inside a thing; borrowed for as long as it is kept. */
	struct slice (*key)(const void *thing);
	struct table_entry *entries;
	size_t size; /* allocated places, a power of two or 0 */
	size_t count; /* things in it */
	uint8_t seed[TABLE_SEED_BYTES];
};

/* An empty table. key tells the key of a thing; seed are random bytes. */
void table_init(struct table *t, struct slice (*key)(const void *thing),
    const uint8_t seed[TABLE_SEED_BYTES]);

/* Frees the table's own memory; the things are the caller's. */
void table_release(struct table *t);

/* The thing with that key, or NULL. */
void *table_find(const struct table *t, struct slice key);

/* Adds a thing (borrowed) whose key is not in the table. */
void table_add(struct table *t, void *thing);

/* Takes out the thing with that key; NULL when there is none. */
void *table_take(struct table *t, struct slice key);

/* Walks: the thing at place i < t->size, or NULL. */
void *table_at(const struct table *t, size_t i);

#endif
