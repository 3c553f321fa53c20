/*
 * The happy path is: written, queued, taken into a commit with all that
 * came meanwhile, durable, told. Failure modes are: the power goes (some of
 * the commit is kept), the commit fails (all of it is kept or nothing, and
 * nobody is told), the disk is full, a load fails half-way.
 */
#include "tests/sim/disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/timer.h"
#include "tests/lib/bytes.h"
#include "tests/sim/check.h"
#include "tests/sim/trace.h"

enum {
	STALL_MIN_MS = 500,
	STALL_MAX_MS = 4000,
	CALM_PACE_MS = 10,
	/* Now and then a byte counts as many: LIMIT_UNSAVED is near then. */
	HEAVY = 2000,
};

struct batch {
	TAILQ_ENTRY(batch) entry;
	uint64_t seq;
	size_t len;
	uint8_t bytes[];
};

TAILQ_HEAD(batches, batch);

struct disk {
	struct store store; /* first, so that they are the same */
	struct sim *sim;
	uint64_t dice;
	struct batches kept; /* durable */
	struct batches flying; /* in the commit that goes on */
	struct batches queue; /* behind it */
	size_t backlog; /* bytes of flying and queue */
	size_t weight; /* of a byte */
	uint64_t written_seq; /* of the last batch that came */
	uint64_t kept_seq;
	struct timer commit;
	struct timer room;
	uint32_t pace_ms; /* a commit takes so long at most */
	bool on;
	bool full;
	bool stalls;
	bool stall_next;
	bool fail_commit;
	bool fail_load;
	bool failed;
};

static struct disk *
disk_of(struct store *s)
{
	return (struct disk *)(void *)s;
}

static uint32_t
dice(struct disk *d, uint32_t n)
{
	return random_below(&d->dice, n);
}

/* -- commits -- */

static uint64_t
commit_ms(struct disk *d)
{
	d->stalls = d->stall_next;
	d->stall_next = false;
	return d->stalls ? STALL_MIN_MS + dice(d, STALL_MAX_MS - STALL_MIN_MS) :
			   dice(d, d->pace_ms + 1);
}

static void
start_commit(struct disk *d)
{
	if (!TAILQ_EMPTY(&d->flying) || TAILQ_EMPTY(&d->queue))
		return;
	TAILQ_CONCAT(&d->flying, &d->queue, entry);
	sim_plan(d->sim, &d->commit, commit_ms(d));
}

static void
keep_first(struct disk *d, struct batches *from)
{
	struct batch *b = TAILQ_FIRST(from);

	TAILQ_REMOVE(from, b, entry);
	TAILQ_INSERT_TAIL(&d->kept, b, entry);
	d->backlog -= b->len;
	d->kept_seq = b->seq;
}

static void
keep_all(struct disk *d, struct batches *from)
{
	while (!TAILQ_EMPTY(from))
		keep_first(d, from);
}

static void
fail(struct disk *d)
{
	trace_say("a commit fails");
	if (dice(d, 2) == 0)
		keep_all(d, &d->flying);
	d->fail_commit = false;
	d->failed = true;
}

static void
commit_event(void *arg)
{
	struct disk *d = arg;

	d->stalls = false;
	if (d->fail_commit) {
		fail(d);
		return;
	}
	keep_all(d, &d->flying);
	start_commit(d);
	if (d->store.events != NULL)
		d->store.events->saved(d->store.arg, d->kept_seq);
}

static void
room_event(void *arg)
{
	struct disk *d = arg;

	if (d->store.events != NULL)
		d->store.events->room(d->store.arg, !d->full);
}

/* -- what the engine does -- */

static void
op_write(struct store *s, uint64_t seq, struct slice bytes)
{
	struct disk *d = disk_of(s);
	struct batch *b;

	if (!d->on)
		return; /* last words of a machine without power */
	check(seq > d->written_seq, "batch %llu after %llu",
	    (unsigned long long)seq, (unsigned long long)d->written_seq);
	b = malloc(sizeof(*b) + bytes.len);
	if (b == NULL)
		abort();
	*b = (struct batch){ .seq = seq, .len = bytes.len };
	if (bytes.len > 0)
		memcpy(b->bytes, bytes.bytes, bytes.len);
	TAILQ_INSERT_TAIL(&d->queue, b, entry);
	d->backlog += b->len;
	d->written_seq = seq;
	start_commit(d);
}

static bool
op_has_room(struct store *s)
{
	return !disk_of(s)->full;
}

static size_t
op_backlog(struct store *s)
{
	return disk_of(s)->backlog * disk_of(s)->weight;
}

/* -- rows: those that nothing has taken away again -- */

struct rows {
	struct row *row; /* kind ROW_KINDS: it is gone */
	size_t count;
	size_t *tarea; /* by id: its place, from 1 */
	uint64_t size; /* of that */
};

static void
grow_tareas(struct rows *rows, uint64_t id)
{
	uint64_t size = 2 * (id + 1);

	if (id < rows->size)
		return;
	rows->tarea = reallocarray(rows->tarea, size, sizeof(size_t));
	if (rows->tarea == NULL)
		abort();
	memset(rows->tarea + rows->size, 0,
	    (size - rows->size) * sizeof(size_t));
	rows->size = size;
}

static void
put(struct rows *rows, const struct row *r)
{
	if ((rows->count & (rows->count - 1)) == 0)
		rows->row = reallocarray(rows->row,
		    rows->count > 0 ? 2 * rows->count : 1, sizeof(*r));
	if (rows->row == NULL)
		abort();
	rows->row[rows->count++] = *r;
	if (r->kind != ROW_TAREA)
		return;
	grow_tareas(rows, r->number[0]);
	check(rows->tarea[r->number[0]] == 0, "two tasks of one id");
	rows->tarea[r->number[0]] = rows->count;
}

static void
take_tarea(struct rows *rows, uint64_t id)
{
	if (id < rows->size && rows->tarea[id] > 0)
		rows->row[rows->tarea[id] - 1].kind = ROW_KINDS;
}

/* Whether a row, which is no task's, goes with another one. */
static bool
goes_with(const struct row *r, const struct row *gone)
{
	bool same = r->number[0] == gone->number[0];

	switch (gone->kind) {
	case ROW_CLAVES_GONE:
		return r->kind == ROW_CLAVE && r->number[0] <= gone->number[0];
	case ROW_SALA_GONE:
		return same && (r->kind == ROW_SALA || r->kind == ROW_MENSAJE);
	case ROW_MENSAJES_GONE:
		return same && r->kind == ROW_MENSAJE &&
		    r->number[1] <= gone->number[1];
	default:
		return false;
	}
}

static void
run_row(struct rows *rows, const struct row *r)
{
	switch (r->kind) {
	case ROW_TAREA:
	case ROW_CLAVE:
	case ROW_SALA:
	case ROW_MENSAJE:
		put(rows, r);
		return;
	case ROW_TAREA_GONE:
		take_tarea(rows, r->number[0]);
		return;
	default:
		for (size_t i = 0; i < rows->count; i++)
			if (goes_with(&rows->row[i], r))
				rows->row[i].kind = ROW_KINDS;
	}
}

static void
run_batches(struct disk *d, struct rows *rows)
{
	const struct batch *b;
	struct row r;

	TAILQ_FOREACH(b, &d->kept, entry) {
		struct slice left = slice_bytes(b->bytes, b->len);

		while (row_read(&left, &r))
			run_row(rows, &r);
	}
}

static void
tell_rows(const struct rows *rows, size_t max,
    void (*each)(void *arg, const struct row *r), void *arg)
{
	for (unsigned kind = 0; kind < ROW_KINDS; kind++)
		for (size_t i = 0; i < rows->count && max > 0; i++)
			if (rows->row[i].kind == kind) {
				each(arg, &rows->row[i]);
				max--;
			}
}

static enum err
op_load(struct store *s, void (*each)(void *arg, const struct row *r),
    void *arg, uint64_t *seq)
{
	struct disk *d = disk_of(s);
	struct rows rows = { .count = 0 };
	bool fails = d->fail_load;

	d->on = true;
	d->fail_load = false;
	d->stalls = false;
	sim_unplan(d->sim, &d->commit);
	keep_all(d, &d->flying);
	keep_all(d, &d->queue);
	run_batches(d, &rows);
	tell_rows(&rows, fails ? rows.count / 2 : rows.count, each, arg);
	free(rows.row);
	free(rows.tarea);
	*seq = d->written_seq = d->kept_seq;
	return fails ? E_STORAGE : E_OK;
}

/* It outlives all who use it. */
static void
op_close(struct store *s)
{
	(void)s;
	abort();
}

static const struct store_ops ops = {
	.load = op_load,
	.write = op_write,
	.has_room = op_has_room,
	.backlog = op_backlog,
	.close = op_close,
};

/* -- life -- */

struct disk *
disk_new(struct sim *sim, uint64_t seed)
{
	static const uint32_t paces[] = { 0, 3, 30, 300 };
	struct disk *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->store.ops = &ops;
	d->sim = sim;
	d->dice = seed;
	d->pace_ms = paces[dice(d, 4)];
	d->weight = dice(d, 3) == 0 ? HEAVY : 1;
	TAILQ_INIT(&d->kept);
	TAILQ_INIT(&d->flying);
	TAILQ_INIT(&d->queue);
	timer_init(&d->commit, commit_event, d);
	timer_init(&d->room, room_event, d);
	return d;
}

static void
drop_all(struct disk *d, struct batches *from)
{
	struct batch *b;

	while ((b = TAILQ_FIRST(from)) != NULL) {
		TAILQ_REMOVE(from, b, entry);
		d->backlog -= b->len;
		free(b);
	}
}

void
disk_free(struct disk *d)
{
	struct batch *b;

	disk_power_off(d);
	while ((b = TAILQ_FIRST(&d->kept)) != NULL) {
		TAILQ_REMOVE(&d->kept, b, entry);
		free(b);
	}
	free(d);
}

struct store *
disk_store(struct disk *d)
{
	return &d->store;
}

void
disk_power_off(struct disk *d)
{
	d->on = false;
	d->failed = false;
	d->stalls = false;
	sim_unplan(d->sim, &d->commit);
	sim_unplan(d->sim, &d->room);
	while (!TAILQ_EMPTY(&d->flying) && dice(d, 3) > 0)
		keep_first(d, &d->flying);
	drop_all(d, &d->flying);
	drop_all(d, &d->queue);
}

bool
disk_has_failed(const struct disk *d)
{
	return d->failed;
}

uint64_t
disk_seq(const struct disk *d)
{
	return d->kept_seq;
}

bool
disk_stalls(const struct disk *d)
{
	return d->stalls;
}

bool
disk_is_full(const struct disk *d)
{
	return d->full;
}

/* -- faults -- */

void
disk_fill(struct disk *d, bool full)
{
	if (d->full == full)
		return;
	trace_say(full ? "the disk is full" : "the disk has room");
	d->full = full;
	if (d->on)
		sim_plan(d->sim, &d->room, 0);
}

void
disk_stall_next(struct disk *d)
{
	trace_say("the disk stalls");
	d->stall_next = true;
}

void
disk_fail_next_commit(struct disk *d)
{
	d->fail_commit = true;
}

void
disk_fail_next_load(struct disk *d)
{
	d->fail_load = true;
}

void
disk_calm(struct disk *d)
{
	disk_fill(d, false);
	d->stall_next = false;
	d->fail_commit = false;
	d->fail_load = false;
	if (d->pace_ms > CALM_PACE_MS)
		d->pace_ms = CALM_PACE_MS;
}
