/*
 * The store: where state survives. The engine says what changes as rows,
 * a batch at the end of each turn; the store makes batches durable in
 * their order and says which. It is a seam, as world.h is: sqlite_store.h
 * is the real one, the simulation has another that loses and tears.
 *
 * A batch is all or nothing. What was not said to be saved may be there
 * after a crash or not, whole batches from the first on.
 */
#ifndef SERVER_STORE_H
#define SERVER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/blob.h"
#include "proto/buf.h"
#include "proto/err.h"

/* A row is put, or others go. Behind each: its numbers; its texts. */
enum row_kind {
	ROW_TAREA, /* id; usuario, titulo, descripcion */
	ROW_TAREA_GONE, /* id */
	ROW_CLAVE, /* seq, n; usuario, clave, huella, word */
	ROW_CLAVES_GONE, /* seq: all up to it */
	ROW_SALA, /* id; name, creator */
	ROW_SALA_GONE, /* id: it and its messages */
	ROW_MENSAJE, /* sala's id, n, at_ms; usuario, texto */
	ROW_MENSAJES_GONE, /* sala's id, n: all up to it */
	ROW_KINDS,
};

enum { ROW_NUMBERS = 3, ROW_TEXTS = 4 };

/* What a kind does not have is 0 or empty. */
struct row {
	enum row_kind kind;
	uint64_t number[ROW_NUMBERS];
	struct slice text[ROW_TEXTS];
};

/* The form of a kind: n a number, t a text, b bytes that are no text. */
const char *row_form(enum row_kind kind);

/*
 * True when a row that is put keeps the rules that the engine relies on:
 * sizes of limits.h, texts without control characters. What comes off a
 * disk may have been changed by hand.
 */
bool row_is_sound(const struct row *r);

/* Appends a row to a batch. */
void row_write(struct buf *batch, const struct row *r);

/*
 * Takes the next row off a batch that row_write() wrote; false at its end.
 * The texts are borrowed from the batch.
 */
bool row_read(struct slice *batch, struct row *r);

/* Told from the top, never from inside a call. */
struct store_events {
	/* Every batch up to the one of seq is durable. */
	void (*saved)(void *arg, uint64_t seq);
	/* Whether there is room for more, when that changes. */
	void (*room)(void *arg, bool enough);
};

struct store;

struct store_ops {
	enum err (*load)(struct store *s,
	    void (*each)(void *arg, const struct row *r), void *arg,
	    uint64_t *seq);
	void (*write)(struct store *s, uint64_t seq, struct slice batch);
	bool (*has_room)(struct store *s);
	size_t (*backlog)(struct store *s);
	void (*close)(struct store *s);
};

/* What all stores begin with. */
struct store {
	const struct store_ops *ops;
	const struct store_events *events; /* NULL: nobody listens */
	void *arg;
};

/* Who hears of it from now on; NULL: nobody. Borrowed. */
void store_attach(struct store *s, const struct store_events *events,
    void *arg);

/*
 * Waits until all that was written is durable, then tells every row, each
 * kind's in the order in which they were put; and the seq of the last
 * batch. E_STORAGE: it cannot be read; what was told is not to be used.
 */
enum err store_load(struct store *s,
    void (*each)(void *arg, const struct row *r), void *arg, uint64_t *seq);

/*
 * Writes a batch: rows and the seq that they lead to. Never waits; copies.
 */
void store_write(struct store *s, uint64_t seq, struct slice batch);

/* False while writes should not be begun. */
bool store_has_room(struct store *s);

/* Bytes of batches that were written and are not durable yet. */
size_t store_backlog(struct store *s);

/* Takes the store; all that was written is durable then. */
void store_close(struct store *s);

#endif
