/*
 * The engine: it owns the map, puts commands into an order and applies
 * them; `tareas` proposes, reads and answers. The map outlives the process
 * that uses it, as an ETS table does.
 *
 * engine_local has one machine's order: commands are applied as they come.
 */
#ifndef SERVER_ENGINE_H
#define SERVER_ENGINE_H

#include "common/message.h"
#include "server/tareas_state.h"

struct engine;

enum command_kind {
	COMMAND_AGREGAR,
	COMMAND_ELIMINAR,
};

/* A change, complete in itself; its rules have been checked. Borrowed. */
struct command {
	enum command_kind kind;
	struct slice usuario;
	struct tarea tarea; /* eliminar: its titulo alone */
};

/* What a command led to. */
struct outcome {
	enum err e;
	uint32_t deleted; /* COMMAND_ELIMINAR */
};

struct engine_events {
	/*
	 * A command was applied: as number seq, for whom propose named.
	 * Comes in the order of seq, each once; from inside propose, or
	 * later.
	 */
	void (*applied)(void *arg, uint64_t seq, struct from from,
	    const struct command *c, const struct outcome *o);
};

/* An engine of one machine, its map empty. Gives the engine. */
struct engine *engine_local_new(const uint8_t seed[TABLE_SEED_BYTES]);

/* Takes the engine and its map. */
void engine_close(struct engine *e);

/* Who hears of what is applied, from now on; NULL: nobody. Borrowed. */
void engine_attach(struct engine *e, const struct engine_events *events,
    void *arg);

/*
 * Puts a command into the order. from comes back with the applied event;
 * pid 0: nobody waits for it.
 */
void engine_propose(struct engine *e, const struct command *c,
    struct from from);

/* The map, to be read. Borrowed for as long as nothing is proposed. */
const struct tareas_state *engine_state(const struct engine *e);

/* The number of the last command that was applied; 0: none. */
uint64_t engine_seq(const struct engine *e);

#endif
