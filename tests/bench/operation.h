/*
 * What a load asks for: the bytes of one unit and of its answer, in our
 * protocol and in Redis', with the same texts in both.
 *
 * A unit is what is sent at once and ended by an answer. For a call it is
 * the call. Casts have no answers: there it is a batch of casts and one call
 * behind them, which is answered when all of them have been applied (the
 * order of one connection is kept). `eliminar` deletes a task and adds it
 * again, so that the list keeps its length: a call and a cast, or two
 * commands.
 */
#ifndef TESTS_BENCH_OPERATION_H
#define TESTS_BENCH_OPERATION_H

#include "proto/buf.h"

/* All msgids have it, so all take five bytes: requests have one length. */
#define MSGID_BASE UINT32_C(0x80000000)

enum {
	/* Where the msgid is in an answer: [1, msgid in five bytes, ... */
	ANSWER_MSGID = 3,
	ANSWER_MSGID_END = ANSWER_MSGID + 4,
	/* A user's name of a load on many: "usuario " and MARK_DIGITS. */
	MARK_DIGITS = 7,
	USER_BYTES = 32,
	UNIT_MARKS = 4,
};

/* What differs from unit to unit, besides the msgid. */
enum vary {
	VARY_NOT,
	VARY_TASK, /* the number in a title, any of the user's tasks */
	VARY_USER, /* the number of a user, any */
	VARY_PAGE, /* where a page begins, one after the other */
};

/* How much of it there is. */
struct work {
	char user[USER_BYTES];
	uint32_t flight;
	uint32_t tasks; /* of a user, for what reads or deletes */
	uint32_t page; /* tasks of a page */
	uint32_t users; /* 0: each connection has its own */
};

struct unit {
	struct buf bytes;
	size_t msgid_at; /* place of its four bytes; not Redis' */
	size_t marks[UNIT_MARKS]; /* places of what varies */
	unsigned mark_count;
};

struct dialect {
	void (*write)(const struct work *w, struct unit *u);
	void (*answer)(const struct work *w, struct buf *b); /* NULL: counted */
};

struct operation {
	const char *name;
	enum vary vary;
	bool adds; /* every operation adds a task */
	bool batch; /* a unit has all that is in flight */
	struct dialect tareas;
	struct dialect redis; /* write NULL: it has no such thing */
};

/* Finds one by its name, or dies. */
const struct operation *operation_find(const char *name);

/* What varies in a unit of w's: a load on many users varies the user. */
enum vary operation_varies(const struct operation *op, const struct work *w);

/* Writes the unit of a work; the one before is forgotten. */
void operation_write(const struct operation *op, const struct work *w,
    bool redis, struct unit *u);

/* Puts a number where a unit's copy varies. */
void unit_vary(const struct unit *u, enum vary vary, uint8_t *copy,
    uint32_t number);

/* The name of a user of a load on many. */
void operation_user(char out[USER_BYTES], uint32_t number);

/* Appends casts that add a user's tasks, the last number first in the list. */
void operation_add_tasks(const struct operation *op, const struct work *w,
    struct buf *out);

/* The same for Redis, as one command, which answers how many there are. */
void operation_push_tasks(const struct operation *op, const struct work *w,
    struct buf *out);

/* The title of all tasks of operations that do not vary it. */
struct slice operation_title(void);

#endif
