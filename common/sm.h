/*
 * State machines as tables: each state with its name, the states that may
 * follow, and how long it may last. One function writes the state.
 */
#ifndef COMMON_SM_H
#define COMMON_SM_H

#include <stdbool.h>
#include <stdint.h>

struct sm_state {
	const char *name;
	uint32_t next; /* a bit for each state that may follow */
	uint32_t max_ms; /* 0: it may last for ever */
};

#define SM_TO(state) (UINT32_C(1) << (state))

struct sm {
	const struct sm_state *table;
	unsigned state;
};

/* Starts in a state. table is borrowed for good. */
void sm_init(struct sm *sm, const struct sm_state *table, unsigned state);

/* Moves on; a step the table does not have is our bug, and aborts. */
void sm_move(struct sm *sm, unsigned next);

/* How long the present state may last, in ms; 0: for ever. */
uint32_t sm_max_ms(const struct sm *sm);

const char *sm_name(const struct sm *sm);

#endif
