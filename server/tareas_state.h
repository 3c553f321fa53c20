/*
 * The map user -> tasks, newest first, and nothing else: no clock, no
 * chance (but the seed it is made with), no I/O. Only the engine calls what
 * changes it.
 *
 * A task is its two MessagePack strings back to back and its number, in
 * chunks of a user that are filled from their end, so that reading forward
 * is newest first. A listing copies the strings and adds the constant keys
 * between. At a chunk's front are a hash of each title and where the task
 * is, so that a deletion reads few titles. A task's number is the seq of
 * the command that added it.
 */
#ifndef SERVER_TAREAS_STATE_H
#define SERVER_TAREAS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/table.h"
#include "common/tarea.h"

struct tareas_state;

/* An empty map; seed keys its hashes. Gives the map. */
struct tareas_state *tareas_state_new(const uint8_t seed[TABLE_SEED_BYTES]);

/* Takes the map. */
void tareas_state_free(struct tareas_state *s);

/*
 * Adds a task in front, as number seq, which is higher than all others;
 * copies all. Rules have been checked. E_TOOBIG, and nothing changed, when
 * the user has LIMIT_TAREAS_PER_USER.
 */
enum err tareas_state_agregar(struct tareas_state *s, uint64_t seq,
    struct slice usuario, const struct tarea *t);

/*
 * Deletes all tasks of that title, byte by byte, by the command seq; tells
 * the number of each, and returns how many.
 */
uint32_t tareas_state_eliminar(struct tareas_state *s, uint64_t seq,
    struct slice usuario, struct slice titulo,
    void (*gone)(void *arg, uint64_t number), void *arg);

/* The seq that reading a user's tasks depends on, whether any are there. */
uint64_t tareas_state_seq(const struct tareas_state *s, struct slice usuario);

/* At most so many bytes has the listing of all of a user's tasks. */
size_t tareas_state_bytes(const struct tareas_state *s, struct slice usuario);

/* How many users have tasks, and how many tasks there are in all. */
size_t tareas_state_usuarios(const struct tareas_state *s);
uint64_t tareas_state_tareas(const struct tareas_state *s);

/*
 * Walks the users, in no order to rely on: *place starts at 0; false at the
 * end. *usuario is borrowed until the map changes.
 */
bool tareas_state_next(const struct tareas_state *s, size_t *place,
    struct slice *usuario);

/* How many tasks a user has. */
uint32_t tareas_state_count(const struct tareas_state *s, struct slice usuario);

/* A part of a user's tasks, newest first. */
struct tareas_page {
	uint64_t desde; /* from this place on */
	uint64_t cuantas; /* at most */
	size_t bytes_max; /* of its listing */
};

/*
 * Appends an array of the tasks of a page, as many as fit into its bytes
 * and into the objects of a frame, but at least one if there is any.
 * Returns how many; *there is how many there are from desde on.
 */
uint32_t tareas_state_listar(const struct tareas_state *s, struct slice usuario,
    const struct tareas_page *page, struct buf *out, uint32_t *there);

#endif
