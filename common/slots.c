#include "common/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_NONE UINT32_MAX
#define SLOTS_TAKEN (UINT32_MAX - 1) /* as next_free: it is not */
#define SLOTS_INDEX_BITS 32

/* What lies behind each value. */
struct slot {
	uint32_t generation; /* of the value, or of the last one */
	uint32_t next_free;
};

static struct slot *
slot_at(const struct slots *s, uint32_t i)
{
	size_t stride = s->bytes + sizeof(struct slot);

	return (struct slot *)(void *)(s->slots + i * stride + s->bytes);
}

static void *
value_of(const struct slots *s, struct slot *slot)
{
	return (uint8_t *)slot - s->bytes;
}

void
slots_init_values(struct slots *s, uint32_t bytes)
{
	assert(bytes % 8 == 0);
	*s = (struct slots){ .bytes = bytes, .free = SLOTS_NONE };
}

void
slots_init(struct slots *s)
{
	slots_init_values(s, 8); /* a pointer is not larger */
}

void
slots_release(struct slots *s)
{
	free(s->slots);
	slots_init_values(s, s->bytes);
}

static void
grow(struct slots *s)
{
	uint32_t size = s->size > 0 ? 2 * s->size : 8;

	assert(size > s->size && size <= SLOTS_TAKEN);
	s->slots = realloc(s->slots, size * (s->bytes + sizeof(struct slot)));
	if (s->slots == NULL)
		abort();
	s->size = size;
}

static uint32_t
take_free(struct slots *s)
{
	uint32_t i = s->free;

	if (i != SLOTS_NONE) {
		s->free = slot_at(s, i)->next_free;
		return i;
	}
	if (s->used == s->size)
		grow(s);
	i = s->used++;
	slot_at(s, i)->generation = 0;
	return i;
}

static uint64_t
key_of(uint32_t i, uint32_t generation)
{
	return (uint64_t)generation << SLOTS_INDEX_BITS | i;
}

void *
slots_new(struct slots *s, uint64_t *key)
{
	uint32_t i = take_free(s);
	struct slot *slot = slot_at(s, i);

	slot->next_free = SLOTS_TAKEN;
	slot->generation++;
	s->count++;
	*key = key_of(i, slot->generation);
	return value_of(s, slot);
}

static struct slot *
find(const struct slots *s, uint64_t key)
{
	uint32_t i = (uint32_t)key;
	struct slot *slot;

	if (i >= s->used)
		return NULL;
	slot = slot_at(s, i);
	return slot->next_free == SLOTS_TAKEN &&
		slot->generation == key >> SLOTS_INDEX_BITS ?
	    slot :
	    NULL;
}

void *
slots_value(const struct slots *s, uint64_t key)
{
	struct slot *slot = find(s, key);

	return slot == NULL ? NULL : value_of(s, slot);
}

void
slots_drop(struct slots *s, uint64_t key)
{
	struct slot *slot = find(s, key);

	if (slot == NULL)
		return;
	s->count--;
	slot->next_free = SLOTS_NONE;
	/* A place whose generations are used up is never used again. */
	if (slot->generation < UINT32_MAX) {
		slot->next_free = s->free;
		s->free = (uint32_t)key;
	}
}

void *
slots_value_at(const struct slots *s, uint32_t i, uint64_t *key)
{
	struct slot *slot;

	assert(i < s->used);
	slot = slot_at(s, i);
	if (key != NULL)
		*key = key_of(i, slot->generation);
	return slot->next_free == SLOTS_TAKEN ? value_of(s, slot) : NULL;
}

/* -- things: a value is a pointer to one -- */

uint64_t
slots_add(struct slots *s, void *thing)
{
	uint64_t key;

	assert(thing != NULL);
	memcpy(slots_new(s, &key), &thing, sizeof(thing));
	return key;
}

static void *
thing_of(const void *value)
{
	void *thing = NULL;

	if (value != NULL)
		memcpy(&thing, value, sizeof(thing));
	return thing;
}

void *
slots_find(const struct slots *s, uint64_t key)
{
	return thing_of(slots_value(s, key));
}

void *
slots_take(struct slots *s, uint64_t key)
{
	void *thing = slots_find(s, key);

	slots_drop(s, key);
	return thing;
}

void *
slots_at(const struct slots *s, uint32_t i, uint64_t *key)
{
	return thing_of(slots_value_at(s, i, key));
}
