/*
 * Slots: things found by a key that is never given out twice. A key is a
 * place in an array and the generation of that place, so a stale key finds
 * nothing. Pids, refs and open calls are such keys. A set is either of
 * things that live elsewhere, or of values that lie in it.
 */
#ifndef COMMON_SLOTS_H
#define COMMON_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slots {
	uint8_t *slots; /* each a value, then its state */
	uint32_t bytes; /* of a value */
	uint32_t size; /* allocated */
	uint32_t used; /* places ever used */
	uint32_t count; /* things in it now */
	uint32_t free; /* first of the free places, or UINT32_MAX */
};

/*
 * An empty set that owns nothing yet; of things, or of values of so many
 * bytes, a multiple of 8.
 */
void slots_init(struct slots *s);
void slots_init_values(struct slots *s, uint32_t bytes);

/* Frees the array; the things are the caller's. */
void slots_release(struct slots *s);

/* Keeps thing (borrowed, not NULL). Returns its key, which is never 0. */
uint64_t slots_add(struct slots *s, void *thing);

/* The thing of a key, NULL when it is gone or never was. */
void *slots_find(const struct slots *s, uint64_t key);

/* Takes the thing out; NULL when it is gone. The key finds nothing then. */
void *slots_take(struct slots *s, uint64_t key);

/* Walks: the thing at place i < s->used, or NULL. *key may be NULL. */
void *slots_at(const struct slots *s, uint32_t i, uint64_t *key);

/*
 * The same for a set of values: room for one more, to be filled in; the
 * value of a key, or NULL; the end of one, if it is there still; and a
 * walk. A value is borrowed until the next slots_new().
 */
void *slots_new(struct slots *s, uint64_t *key);
void *slots_value(const struct slots *s, uint64_t key);
void slots_drop(struct slots *s, uint64_t key);
void *slots_value_at(const struct slots *s, uint32_t i, uint64_t *key);

#endif
