/*
 * Rows of the server's `sys`: one process each, as `arbol` and `ps` answer
 * them, and the tables made of them.
 */
#ifndef CLIENT_SYS_ROWS_H
#define CLIENT_SYS_ROWS_H

#include <stdio.h>

#include "client/view.h"
#include "proto/buf.h"

struct sys_row {
	uint64_t level; /* in the tree; 0: its root */
	struct slice id; /* its supervisor's name for it; may be empty */
	struct slice pid; /* empty: it does not run now */
	struct slice name; /* may be empty */
	struct slice kind;
	uint64_t children;
	uint64_t age_ms;
	uint64_t restarts;
	uint64_t mailbox;
	uint64_t handled;
	uint64_t rate; /* messages handled per second; see sys_rows_rate() */
};

struct sys_rows {
	struct buf answer; /* what the slices point into */
	struct sys_row *rows;
	size_t count;
};

enum sys_table { SYS_ARBOL, SYS_PS, SYS_TOP };

/* None. */
void sys_rows_init(struct sys_rows *r);
void sys_rows_release(struct sys_rows *r);

/*
 * Copies an answer and reads it. E_MALFORMED, and r is empty, when it is
 * none of sys. r may hold another one before.
 */
enum err sys_rows_read(struct sys_rows *r, struct slice answer);

/*
 * Sets each rate by what the same process had handled ms before, and sorts
 * by it, the busiest first; a process that is new has handled all since.
 */
void sys_rows_rate(struct sys_rows *now, struct sys_rows *before, uint64_t ms);

/* Children that supervisors have and an answer of arbol did not show. */
uint64_t sys_rows_hidden(const struct sys_rows *r);

/* A table with heads, or for programs lines of TAB-separated cells. */
void sys_rows_print(const struct sys_rows *r, enum sys_table table,
    const struct view *v, FILE *out);

#endif
