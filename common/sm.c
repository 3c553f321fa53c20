#include "common/sm.h"

#include <assert.h>

void
sm_init(struct sm *sm, const struct sm_state *table, unsigned state)
{
	sm->table = table;
	sm->state = state;
}

void
sm_move(struct sm *sm, unsigned next)
{
	assert(sm->table[sm->state].next & SM_TO(next));
	sm->state = next;
}

uint32_t
sm_max_ms(const struct sm *sm)
{
	return sm->table[sm->state].max_ms;
}

const char *
sm_name(const struct sm *sm)
{
	return sm->table[sm->state].name;
}
