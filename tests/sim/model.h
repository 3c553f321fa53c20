/*
 * What the server's answers are held against: a history of commands, and
 * everything that clients asked for.
 *
 * The order of commands is what the engine is told: each carries the number
 * of its request as an option, "n", or the clave of a request that may come
 * again. What of it survives a crash is what the disk has kept. So nothing
 * has to be guessed: the history is exact at any time, and a call that ended
 * without an answer was applied or was not. An answer has to be right at
 * some moment between its question and itself, and what it tells must be
 * on the disk.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/message.h"
#include "proto/limits.h"
#include "proto/buf.h"
#include "server/engine.h"
#include "tests/lib/sim.h"
#include "tests/sim/disk.h"
#include "tests/sim/history.h"

enum op_kind {
	OP_AGREGAR,
	OP_ELIMINAR,
	OP_LISTAR,
	OP_SYS,
	OP_CREATE, /* a room */
	OP_DELETE,
	OP_SAY, /* through a chat_client */
	OP_PAST, /* what was said */
	OP_REPEAT, /* another one again, with its clave */
	OP_FORGE, /* another one's clave for something else */
};

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
	unsigned room;
	uint32_t size; /* of the description */
	struct line *line; /* NULL: there was none; keyed ones alone */
	uint32_t owner; /* who asked */
	uint64_t sent_ms;
	uint64_t timeout_ms; /* of a call */
	uint32_t version; /* of the user's list when it was sent */
	uint64_t seq; /* its place in the history; 0: it has none */
	bool applied; /* once at least, and no crash has taken it back */
	bool closed; /* whatever comes: it must not be applied any more */
	bool acked; /* somebody was told that it is done */
	bool abandoned; /* who asked is gone */
	/* What it led to, when it was applied. */
	enum err outcome;
	uint64_t n; /* OP_ELIMINAR: how many; OP_SAY: the message's number */
	const struct op *made_by; /* OP_SAY: who made the room, the one then */
	uint32_t answers;
	unsigned client; /* of a keyed one, or in rooms */
	/* Keyed: it is sent until it is done, and its clave names it. */
	bool keyed;
	uint8_t clave[LIMIT_CLAVE_MAX];
	size_t clave_len; /* 0: the engine has not seen it yet */
	bool forged; /* its clave is used for something else, too */
	struct op *of; /* OP_REPEAT, OP_FORGE */
};

struct model;

/* Borrows both; disk NULL: the server forgets all with its engine. */
struct model *model_new(const struct sim *sim, const struct disk *disk);
void model_free(struct model *m);

/* The model that the engine of this program is held against. */
void model_watch_engine(struct model *m);

/* -- what clients do -- */

/* A new line; the model's. */
struct line *model_line(struct model *m, struct pid peer);

/* A request that is about to be sent. Fill in the rest, then model_sent(). */
struct op *model_op(struct model *m, struct line *line, enum op_kind kind);
void model_sent(struct model *m, struct op *op);

/* That of a number. */
struct op *model_number(const struct model *m, uint32_t number);

/*
 * Makes a request that is about to be sent one that client's outbox sends.
 * False: one like it is under way, and nobody could tell which is which.
 */
bool model_key(struct model *m, struct op *op, unsigned client);

/* One of a client that was answered, by chance; NULL: there is none. */
struct op *model_done_before(struct model *m, unsigned client, uint32_t chance);

/* Appends the parameters, with an option plazo if op has a timeout. */
void model_write(const struct op *op, struct buf *params);

/* What a keyed one has before its options. */
void model_write_fields(const struct op *op, struct buf *params);

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

/* Its machine has lost its power. */
void model_crashed(struct model *m);

/* A cable was out until now. */
void model_unplugged(struct model *m);

/* Before each step: looks how the disk is. */
void model_look(struct model *m);

/* -- the end -- */

/* Casts that had to arrive did; a list is what it should be. */
void model_check_lines(struct model *m);
void model_check_list(struct model *m, unsigned user, struct slice answer);

const char *model_user(unsigned user);
const char *model_room(unsigned room);
const struct history *model_history(const struct model *m);

/* Whether a crash can take back what is not durable. */
bool model_has_disk(const struct model *m);

/* An answer has told of an applied change: it has to be durable. */
void model_told(const struct model *m, struct op *op);

/* Whether answers may take longer than their time, or a disk was full. */
bool model_is_slow(const struct model *m, uint64_t since_ms);
bool model_was_full(const struct model *m, uint64_t since_ms);

size_t model_bytes(const struct model *m, unsigned user); /* of a list */
uint32_t model_ops(const struct model *m);
uint32_t model_applied(const struct model *m);

#endif
