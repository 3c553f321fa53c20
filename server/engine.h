/*
 * The engine: it owns the state, puts commands into an order and applies
 * them; the servers propose, read and answer. The state outlives the
 * processes that use it, as an ETS table does.
 *
 *	propose -> applied(seq) -> durable(seq)
 *
 * An answer leaves when durable has reached the seq that it depends on: a
 * write its own, a reading engine_barrier()'s. gate.h keeps it until then.
 *
 * This header is all that differs between one machine and many.
 * engine_local is one machine: seq is the order of arrival, a command is
 * applied at once, and it is durable after the store's commit; without a
 * store, at once.
 */
#ifndef SERVER_ENGINE_H
#define SERVER_ENGINE_H

#include <sys/queue.h>

#include "common/node.h"
#include "server/salas_state.h"
#include "server/store.h"
#include "server/tareas_state.h"

struct engine;

/* Their numbers are in the fingerprints of keys: new ones go last. */
enum command_kind {
	COMMAND_AGREGAR,
	COMMAND_ELIMINAR,
	COMMAND_CREATE_ROOM,
	COMMAND_DELETE_ROOM,
	COMMAND_SEND,
};

/* A change, complete in itself; its rules have been checked. Borrowed. */
struct command {
	enum command_kind kind;
	struct slice usuario; /* whose tasks; in a room, who speaks */
	struct tarea tarea; /* eliminar: its titulo alone */
	struct slice sala;
	struct slice texto; /* COMMAND_SEND */
	uint64_t at_ms; /* COMMAND_SEND: since 1970, UTC */
	/*
	 * A key that makes it safe to propose it again: the same clave of
	 * the same quien is answered as the first time, and not applied;
	 * with another command it is badarg. Empty: it has none.
	 */
	struct slice quien;
	struct slice clave;
};

/* What a command led to. */
struct outcome {
	enum err e;
	uint64_t n; /* eliminar: how many; send: the message's number */
};

struct engine_events {
	/*
	 * A command of this client was applied: as number seq, for whom
	 * propose named. In the order of seq, each once; from inside
	 * propose, or later. seq 0: it has no place in the order, because
	 * it was refused; a lower seq than before: it is the repetition of
	 * that one.
	 */
	void (*applied)(void *arg, uint64_t seq, struct from from,
	    const struct command *c, const struct outcome *o);
	/* All up to seq is durable; from the top. May be NULL. */
	void (*durable)(void *arg, uint64_t seq);
};

/*
 * Who proposes and hears of it. Embedded; fill in events, arg and proc.
 * While LIMIT_UNSAVED bytes of rows, or of answers, wait for the disk, proc
 * is suspended, so that its mailbox fills and the links stop being read.
 */
struct engine_client {
	LIST_ENTRY(engine_client) entry;
	const struct engine_events *events;
	void *arg;
	struct proc *proc; /* NULL: nobody has to wait */
	bool waits; /* the engine's: it has suspended proc */
};

/*
 * An engine on a node, which it borrows, with the state that the store has;
 * the store (NULL: memory alone) is borrowed too. Gives the engine. NULL:
 * what the store holds cannot be read, and the store knows why.
 */
struct engine *engine_local_new(struct node *n, struct store *store);

/* Takes the engine and its state; what was applied goes to the store. */
void engine_close(struct engine *e);

/* The client (borrowed) hears events from now on; and no more. */
void engine_attach(struct engine *e, struct engine_client *client);
void engine_detach(struct engine *e, struct engine_client *client);

/*
 * Puts a command into the order. from comes back with the applied event;
 * pid 0: nobody waits for it. What can be refused is refused by that event
 * too: E_STORAGE, when the disk has no room.
 */
void engine_propose(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from);

/* The seq that what is read of a user's tasks, or of a room, depends on. */
uint64_t engine_barrier(const struct engine *e, struct slice usuario);
uint64_t engine_barrier_sala(const struct engine *e, struct slice sala);

/* All up to this seq is durable. */
uint64_t engine_saved(const struct engine *e);

/* The state, to be read. Borrowed for as long as nothing is proposed. */
const struct tareas_state *engine_state(const struct engine *e);
const struct salas_state *engine_salas(const struct engine *e);

/* The number of the last command that was applied; 0: none. */
uint64_t engine_seq(const struct engine *e);

/* False while the disk has too little room and writes are refused. */
bool engine_has_room(const struct engine *e);

#endif
