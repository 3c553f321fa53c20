/*
 * The gate: answers wait here until what they depend on is durable. One
 * for each server that answers; it goes with its process, and whoever
 * waits is answered `died` then.
 */
#ifndef SERVER_GATE_H
#define SERVER_GATE_H

#include "common/gen_server.h"
#include "server/engine.h"

struct gate {
	struct buf held; /* answers, in the order in which they came */
};

void gate_init(struct gate *g);
void gate_release(struct gate *g);

/*
 * Answers as gs_finish() does, once seq is durable at the engine: now, or
 * by gate_open(). Borrows the answer's body. Errors that changed nothing
 * have seq 0.
 */
void gate_answer(struct gate *g, struct proc *self, const struct engine *e,
    uint64_t seq, struct from to, const struct answer *a);

/* All up to saved is durable: answers whom that concerns. */
void gate_open(struct gate *g, struct proc *self, uint64_t saved);

#endif
