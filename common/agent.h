/*
 * Agents: a state behind a mailbox, and nothing else. Source: Elixir's
 * Agent. What Elixir gives as functions are here named operations in a
 * table, because a closure neither travels nor compiles in C: so an agent
 * can be asked from another node, too.
 */
#ifndef COMMON_AGENT_H
#define COMMON_AGENT_H

#include "common/gen_server.h"
#include "proto/api.h"

API_BEGIN

enum agent_kind {
	AGENT_GET, /* reads; answers what it wrote */
	AGENT_UPDATE, /* changes; answers true */
	AGENT_GET_AND_UPDATE, /* changes; answers what it wrote */
};

struct agent_operation {
	const char *name;
	enum agent_kind kind;
	/*
	 * params is a whole array, answer the buffer to write to (not used
	 * by AGENT_UPDATE). An error leaves the state as it was and is the
	 * answer.
	 */
	enum err (*run)(void *state, struct slice params, struct buf *answer);
};

struct agent {
	const char *name; /* registered under it; NULL: none */
	size_t state_bytes; /* zeroed, then init's */
	void (*init)(void *state, void *arg); /* may be NULL */
	void (*release)(void *state); /* frees what it owns; may be NULL */
	const struct agent_operation *operations; /* ended by name NULL */
};

/*
 * Starts an agent, linked to parent (NULL: to nobody). agent is borrowed
 * for as long as it lives, arg for the call. Errors as gs_start().
 */
enum err agent_start_link(struct node *n, struct proc *parent,
    const struct agent *agent, void *arg, struct pid *out);

/*
 * From a program's top level: get, update and get_and_update are one, the
 * operation knows which it is. What it answered is appended to answer,
 * which may be NULL. From a handler, gs_call() does the same.
 */
enum err agent_call(struct node *n, struct pid agent, const char *operation,
    struct slice params, struct buf *answer);

/* Sends an operation without waiting. */
enum err agent_cast(struct node *n, struct pid agent, const char *operation,
    struct slice params);

/* From a program's top level: ends it with normal and waits for that. */
enum err agent_stop(struct node *n, struct pid agent);

API_END

#endif
