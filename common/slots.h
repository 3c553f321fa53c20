/*
 * Slots: things found by a key that is never given out twice. A key is a
 * place in an array and the generation of that place, so a stale key finds
 * nothing. Pids, refs and open calls are such keys.
 */
#ifndef COMMON_SLOTS_H
#define COMMON_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct slot;

struct slots {
	struct slot *slots;
	uint32_t size; /* allocated */
	uint32_t used; /* places ever used */
	uint32_t count; /* things in it now */
	uint32_t free; /* first of the free places, or UINT32_MAX */
};

/* An empty set that owns nothing yet. */
void slots_init(struct slots *s);

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

#endif
