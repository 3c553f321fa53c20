/*
 * What the server's answers are held against: a map of users to tasks, and
 * everything that clients asked for.
 *
 * The order of commands is what the engine is told: each carries the number
 * of its request as an option, "n". So nothing has to be guessed: the map
 * is exact at any time, and a call that ended without an answer was applied
 * or was not. An answer has to be right at some moment between its question
 * and itself.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/message.h"
#include "proto/buf.h"
#include "server/engine.h"
#include "tests/lib/sim.h"

enum {
	MODEL_USERS = 4,
	MODEL_BULK = 3, /* the user who is listed at the end alone */
	MODEL_TITLES = 4,
};

enum op_kind { OP_AGREGAR, OP_ELIMINAR, OP_LISTAR, OP_SYS };

TAILQ_HEAD(ops, op);

/* One connection of a client, or a try to have one. */
struct line {
	struct pid peer; /* at the client */
	bool up; /* now */
	bool down; /* for ever */
	struct ops waiting; /* changes that were not applied yet */
};

struct op {
	TAILQ_ENTRY(op) entry; /* in its line's waiting */
	uint32_t number;
	enum op_kind kind;
	bool cast;
	bool stale; /* sent to a peer that had ended */
	bool waits; /* in its line's waiting */
	unsigned user;
	unsigned title;
	uint32_t size; /* of the description */
	struct line *line;
	uint32_t owner; /* who asked */
	uint64_t sent_ms;
	uint64_t timeout_ms; /* of a call */
	uint32_t version; /* of the user's list when it was sent */
	bool applied;
	bool closed; /* whatever comes: it must not be applied any more */
	bool abandoned; /* who asked is gone */
	uint32_t deleted; /* applied OP_ELIMINAR: how many */
	uint32_t answers;
};

struct model;

struct model *model_new(const struct sim *sim);
void model_free(struct model *m);

/* The model that the engine of this program is held against. */
void model_watch_engine(struct model *m);

/* -- what clients do -- */

/* A new line; the model's. */
struct line *model_line(struct model *m, struct pid peer);

/* A request that is about to be sent. Fill in the rest, then model_sent(). */
struct op *model_op(struct model *m, struct line *line, enum op_kind kind);
void model_sent(struct model *m, struct op *op);

/* Appends the parameters, with an option plazo if op has a timeout. */
void model_write(const struct op *op, struct buf *params);

/* A call ended: checks whether it may have ended so. */
void model_answered(struct model *m, struct op *op, const struct answer *a);

/* Nobody waits any more for what this owner asked: it is gone. */
void model_abandon(struct model *m, uint32_t owner);

/* How many calls are open. */
uint32_t model_open(const struct model *m);

/* -- what happens to the server -- */

/* tareas has ended or started: what was in its mailbox may be lost. */
void model_disturbed(struct model *m);
bool model_was_disturbed(const struct model *m, uint64_t since_ms);

/* A cable was out until now. */
void model_unplugged(struct model *m);

/* -- the end -- */

/* Casts that had to arrive did; a list is what it should be. */
void model_check_lines(struct model *m);
void model_check_list(struct model *m, unsigned user, struct slice answer);

const char *model_user(unsigned user);
size_t model_bytes(const struct model *m, unsigned user); /* of a list */
uint32_t model_ops(const struct model *m);
uint32_t model_applied(const struct model *m);

#endif
