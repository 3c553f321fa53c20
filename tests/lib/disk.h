/*
 * A store whose batches are saved when the test says so.
 */
#ifndef TESTS_LIB_DISK_H
#define TESTS_LIB_DISK_H

#include "server/store.h"

struct disk {
	struct store store;
	struct buf rows; /* all of them, as written */
	struct buf kept; /* of them, what a load gives */
	uint64_t written, saved;
	size_t backlog;
	bool full;
	bool broken;
};

static inline struct disk *
disk_of(struct store *s)
{
	return (struct disk *)(void *)s;
}

static inline enum err
disk_load(struct store *s, void (*each)(void *arg, const struct row *r),
    void *arg, uint64_t *seq)
{
	struct disk *d = disk_of(s);
	struct slice rows = buf_bytes(&d->kept);
	struct row r;

	while (row_read(&rows, &r))
		each(arg, &r);
	*seq = d->saved;
	return d->broken ? E_STORAGE : E_OK;
}

static inline void
disk_write(struct store *s, uint64_t seq, struct slice batch)
{
	struct disk *d = disk_of(s);

	buf_add(&d->rows, batch);
	d->backlog += batch.len;
	d->written = seq;
}

static inline bool
disk_has_room(struct store *s)
{
	return !disk_of(s)->full;
}

static inline size_t
disk_backlog(struct store *s)
{
	return disk_of(s)->backlog;
}

/* An empty one. */
static inline void
disk_init(struct disk *d)
{
	static const struct store_ops ops = {
		.load = disk_load,
		.write = disk_write,
		.has_room = disk_has_room,
		.backlog = disk_backlog,
	};

	*d = (struct disk){ .store.ops = &ops };
	buf_init(&d->rows);
	buf_init(&d->kept);
}

static inline void
disk_release(struct disk *d)
{
	buf_release(&d->rows);
	buf_release(&d->kept);
}

/* The commit of all that was written. */
static inline void
disk_save(struct disk *d)
{
	buf_clear(&d->kept);
	buf_add(&d->kept, buf_bytes(&d->rows));
	d->saved = d->written;
	d->backlog = 0;
	if (d->store.events != NULL)
		d->store.events->saved(d->store.arg, d->saved);
}

#endif
