#include "common/agent.h"

#include <stdlib.h>

#include "proto/limits.h"
#include "proto/term.h"

/* The server's state: all agents are one module. */
struct keeper {
	const struct agent *agent;
	void *state;
};

/* What start hands to init. */
struct start {
	const struct agent *agent;
	void *arg;
};

static struct gs_next
init(struct proc *self, void *arg)
{
	const struct start *s = arg;
	struct keeper *k = gs_state(self);

	k->agent = s->agent;
	k->state = calloc(1, k->agent->state_bytes);
	if (k->state == NULL)
		abort();
	if (k->agent->init != NULL)
		k->agent->init(k->state, s->arg);
	return gs_noreply();
}

static void
terminate(struct proc *self, const struct reason *why)
{
	struct keeper *k = gs_state(self);

	(void)why;
	if (k->agent->release != NULL)
		k->agent->release(k->state);
	free(k->state);
}

static struct gs_next
handle(struct proc *self, const struct message *m)
{
	struct keeper *k = gs_state(self);
	const struct agent_operation *o = k->agent->operations;
	struct buf *answer = gs_answer(self);
	enum err e;

	while (o->name != NULL && !slice_is(m->op, o->name))
		o++;
	if (o->name == NULL)
		return gs_error(E_UNDEF, NULL);
	e = o->run(k->state, m->body, answer);
	if (e != E_OK)
		return gs_error(e, NULL);
	if (o->kind == AGENT_UPDATE)
		term_write_bool(gs_answer(self), true);
	return gs_reply(self);
}

static const struct gen_server module = {
	.module = "agent",
	.state_bytes = sizeof(struct keeper),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.terminate = terminate,
};

enum err
agent_start_link(struct node *n, struct proc *parent, const struct agent *agent,
    void *arg, struct pid *out)
{
	struct start start = { .agent = agent, .arg = arg };

	return gs_start_under(n, parent, &module, agent->name, &start, out);
}

enum err
agent_call(struct node *n, struct pid agent, const char *operation,
    struct slice params, struct buf *answer)
{
	return gs_call_wait(n, agent, slice_of(operation), params,
	    LIMIT_CALL_MS, answer);
}

enum err
agent_cast(struct node *n, struct pid agent, const char *operation,
    struct slice params)
{
	return proc_cast(n, agent, slice_of(operation), params);
}

enum err
agent_stop(struct node *n, struct pid agent)
{
	return gs_stop_wait(n, agent, "normal", LIMIT_CALL_MS);
}
