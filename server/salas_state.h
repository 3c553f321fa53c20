/*
 * The rooms and what was said in them, and nothing else: no clock, no
 * chance, no I/O. Only the engine calls what changes it. A room's messages
 * have numbers from 1 on, without gaps; the last LIMIT_HISTORY are kept, and
 * at most a hundredth more.
 */
#ifndef SERVER_SALAS_STATE_H
#define SERVER_SALAS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/table.h"
#include "proto/buf.h"
#include "proto/err.h"

struct salas_state;

struct sala {
	uint64_t id; /* the seq of the command that made it */
	struct slice name;
	struct slice creator;
	uint64_t first; /* the number of the oldest message that is kept */
	uint64_t last; /* of the newest; 0: nothing was said yet */
	uint64_t seq; /* of the last command that concerned it */
};

/* No rooms; seed keys the hash table. Gives the state. */
struct salas_state *salas_state_new(const uint8_t seed[TABLE_SEED_BYTES]);

/* Takes the state. */
void salas_state_free(struct salas_state *s);

/*
 * Makes a room; copies all. E_EXISTS: there is one of that name; E_TOOBIG:
 * there are LIMIT_ROOMS. Nothing changed then.
 */
enum err salas_state_create(struct salas_state *s, uint64_t seq,
    struct slice name, struct slice creator);

/* Ends a room with all that was said in it. E_NOPROC: there is none. */
enum err salas_state_delete(struct salas_state *s, uint64_t seq,
    struct slice name, uint64_t *id);

/*
 * Adds a message; its number is *n. *gone: all up to that number are kept
 * no more, 0: none went. E_NOPROC: there is no such room.
 */
enum err salas_state_send(struct salas_state *s, uint64_t seq,
    struct slice name, uint64_t at_ms, struct slice usuario, struct slice texto,
    uint64_t *n, uint64_t *gone);

/*
 * The same from a store: the message of that number, in a room of that id;
 * numbers rise. False: there is no such room.
 */
bool salas_state_restore(struct salas_state *s, uint64_t id, uint64_t n,
    uint64_t at_ms, struct slice usuario, struct slice texto);

/* Finds a room; slices are borrowed until the state changes. */
bool salas_state_find(const struct salas_state *s, struct slice name,
    struct sala *out);

/* The seq that reading a room depends on, whether it is there or not. */
uint64_t salas_state_seq(const struct salas_state *s, struct slice name);

/*
 * Walks the rooms, in no order to rely on: *place starts at 0; false at the
 * end.
 */
bool salas_state_next(const struct salas_state *s, size_t *place,
    struct sala *out);

/* How many rooms there are. */
size_t salas_state_count(const struct salas_state *s);

/*
 * Appends an array of messages [n, at, usuario, texto], oldest first: those
 * with numbers from `from` to `to`, at most cuantas, and as many as fit into
 * bytes_max and a frame's objects. Returns how many.
 */
uint32_t salas_state_messages(const struct salas_state *s, struct slice name,
    uint64_t from, uint64_t to, uint64_t cuantas, size_t bytes_max,
    struct buf *out);

/*
 * The number from which on the messages up to `to` are the newest ones, at
 * most cuantas and as many as fit: to + 1 when none do. See
 * salas_state_messages().
 */
uint64_t salas_state_newest(const struct salas_state *s, struct slice name,
    uint64_t to, uint64_t cuantas, size_t bytes_max);

#endif
