/*
 * Keys of writes: what makes a write safe to repeat. The last
 * LIMIT_CLAVES keyed commands are remembered with what they led to; counted
 * in commands, for the engine has no clock.
 */
#ifndef SERVER_CLAVES_H
#define SERVER_CLAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/table.h"
#include "proto/err.h"

enum { CLAVE_HUELLA_BYTES = 16 };

struct claves;

/* A keyed command. Slices are borrowed. */
struct clave {
	uint64_t seq;
	struct slice quien; /* the user of the hello */
	struct slice clave;
	struct slice huella; /* a fingerprint of the whole command */
	enum err e; /* what it led to */
	uint64_t n;
};

/* None yet; seed keys the hash table. Gives them. */
struct claves *claves_new(const uint8_t seed[TABLE_SEED_BYTES]);

/* Takes them. */
void claves_free(struct claves *c);

/* Finds a key; false: it was never used, or long ago. */
bool claves_find(const struct claves *c, struct slice quien, struct slice clave,
    struct clave *out);

/*
 * Adds one that is not there, with a higher seq than all others. Returns
 * the seq of the one that is forgotten for it, 0: none.
 */
uint64_t claves_add(struct claves *c, const struct clave *k);

/* How many there are. */
uint32_t claves_count(const struct claves *c);

#endif
