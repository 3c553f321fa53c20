#include "common/slots.h"

#include <assert.h>
#include <stdlib.h>

#define SLOTS_NONE UINT32_MAX
#define SLOTS_INDEX_BITS 32

struct slot {
	void *thing; /* NULL: free */
	uint32_t generation; /* of the thing in it, or of the last one */
	uint32_t next_free;
};

void
slots_init(struct slots *s)
{
	*s = (struct slots){ .free = SLOTS_NONE };
}

void
slots_release(struct slots *s)
{
	free(s->slots);
	slots_init(s);
}

static void
grow(struct slots *s)
{
	uint32_t size = s->size > 0 ? 2 * s->size : 8;

	assert(size > s->size);
	s->slots = realloc(s->slots, size * sizeof(*s->slots));
	if (s->slots == NULL)
		abort();
	s->size = size;
}

static uint32_t
take_free(struct slots *s)
{
	uint32_t i = s->free;

	if (i != SLOTS_NONE) {
		s->free = s->slots[i].next_free;
		return i;
	}
	if (s->used == s->size)
		grow(s);
	i = s->used++;
	s->slots[i].generation = 0;
	return i;
}

static uint64_t
key_of(uint32_t i, uint32_t generation)
{
	return (uint64_t)generation << SLOTS_INDEX_BITS | i;
}

uint64_t
slots_add(struct slots *s, void *thing)
{
	uint32_t i = take_free(s);

	assert(thing != NULL);
	s->slots[i].thing = thing;
	s->slots[i].generation++;
	s->count++;
	return key_of(i, s->slots[i].generation);
}

static struct slot *
find(const struct slots *s, uint64_t key)
{
	uint32_t i = (uint32_t)key;

	if (i >= s->used || s->slots[i].thing == NULL ||
	    s->slots[i].generation != key >> SLOTS_INDEX_BITS)
		return NULL;
	return &s->slots[i];
}

void *
slots_find(const struct slots *s, uint64_t key)
{
	struct slot *slot = find(s, key);

	return slot == NULL ? NULL : slot->thing;
}

void *
slots_take(struct slots *s, uint64_t key)
{
	struct slot *slot = find(s, key);
	void *thing;

	if (slot == NULL)
		return NULL;
	thing = slot->thing;
	slot->thing = NULL;
	s->count--;
	/* A place whose generations are used up is never used again. */
	if (slot->generation < UINT32_MAX) {
		slot->next_free = s->free;
		s->free = (uint32_t)key;
	}
	return thing;
}

void *
slots_at(const struct slots *s, uint32_t i, uint64_t *key)
{
	assert(i < s->used);
	if (key != NULL)
		*key = key_of(i, s->slots[i].generation);
	return s->slots[i].thing;
}
