#include "common/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

struct table_entry {
	void *thing; /* NULL: empty */
	uint64_t hash;
};

static uint64_t
hash(const struct table *t, struct slice key)
{
	uint64_t h;

	crypto_shorthash((unsigned char *)&h, key.bytes, key.len, t->seed);
	return h;
}

void
table_init(struct table *t, struct slice (*key)(const void *thing),
    const uint8_t seed[TABLE_SEED_BYTES])
{
	*t = (struct table){ .key = key };
	memcpy(t->seed, seed, TABLE_SEED_BYTES);
}

void
table_release(struct table *t)
{
	free(t->entries);
	t->entries = NULL;
	t->size = t->count = 0;
}

/* Where the key is, or the empty place where it would go. */
static size_t
place(const struct table *t, struct slice key, uint64_t h)
{
	size_t i = h & (t->size - 1);

	while (t->entries[i].thing != NULL &&
	    (t->entries[i].hash != h ||
		!slice_equal(t->key(t->entries[i].thing), key)))
		i = (i + 1) & (t->size - 1);
	return i;
}

/* Behind the others: what was found last, which is often wanted again. */
static struct table_entry *
last_found(const struct table *t)
{
	return &t->entries[t->size];
}

void *
table_find(const struct table *t, struct slice key)
{
	struct table_entry *last;

	if (t->count == 0)
		return NULL;
	last = last_found(t);
	if (last->thing == NULL || !slice_equal(t->key(last->thing), key))
		last->thing = t->entries[place(t, key, hash(t, key))].thing;
	return last->thing;
}

/* All entries again, in a table of another size. */
static void
rehash(struct table *t, size_t size)
{
	struct table_entry *old = t->entries;
	size_t old_size = t->size;

	t->entries = calloc(size + 1, sizeof(*t->entries));
	if (t->entries == NULL)
		abort();
	t->size = size;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].thing != NULL)
			t->entries[place(t, t->key(old[i].thing),
			    old[i].hash)] = old[i];
	free(old);
}

void
table_add(struct table *t, void *thing)
{
	struct slice key = t->key(thing);
	uint64_t h = hash(t, key);
	size_t i;

	/* At most two thirds full. */
	if (3 * (t->count + 1) > 2 * t->size)
		rehash(t, t->size > 0 ? 2 * t->size : 8);
	i = place(t, key, h);
	assert(t->entries[i].thing == NULL);
	t->entries[i] = (struct table_entry){ .thing = thing, .hash = h };
	t->count++;
}

/* Closes the gap at i: later entries of the run move up to it. */
static void
close_gap(struct table *t, size_t i)
{
	size_t mask = t->size - 1;

	for (size_t j = (i + 1) & mask; t->entries[j].thing != NULL;
	     j = (j + 1) & mask) {
		size_t home = t->entries[j].hash & mask;

		/* It may move only if its home is not between i and j. */
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		t->entries[i] = t->entries[j];
		i = j;
	}
	t->entries[i].thing = NULL;
}

void *
table_take(struct table *t, struct slice key)
{
	void *thing;
	size_t i;

	if (t->count == 0)
		return NULL;
	i = place(t, key, hash(t, key));
	thing = t->entries[i].thing;
	if (thing == NULL)
		return NULL;
	last_found(t)->thing = NULL;
	close_gap(t, i);
	t->count--;
	return thing;
}

void *
table_at(const struct table *t, size_t i)
{
	assert(i < t->size);
	return t->entries[i].thing;
}
