#include "server/gate.h"

#include <string.h>

/* What lies before the bytes of an answer. */
struct held {
	uint64_t seq;
	struct from to;
	enum err e;
	size_t len;
};

void
gate_init(struct gate *g)
{
	buf_init(&g->held);
}

void
gate_release(struct gate *g)
{
	buf_release(&g->held);
}

static void
hold(struct gate *g, const struct held *h, struct slice body)
{
	buf_add(&g->held, slice_bytes(h, sizeof(*h)));
	buf_add(&g->held, body);
}

void
gate_answer(struct gate *g, struct proc *self, const struct engine *e,
    uint64_t seq, struct from to, const struct answer *a)
{
	const struct held h = { .seq = seq,
		.to = to,
		.e = a->e,
		.len = a->body.len };

	if (seq <= engine_saved(e))
		gs_finish(self, to, a);
	else if (to.ref != 0 || a->e != E_OK)
		hold(g, &h, a->body);
}

/* A copy: what lies in the buffer is not aligned. */
static struct held
first(const struct gate *g)
{
	struct held h;

	memcpy(&h, buf_bytes(&g->held).bytes, sizeof(h));
	return h;
}

void
gate_open(struct gate *g, struct proc *self, uint64_t saved)
{
	while (buf_len(&g->held) > 0) {
		struct held h = first(g);
		struct answer a = { .e = h.e,
			.body =
			    slice_bytes(buf_bytes(&g->held).bytes + sizeof(h),
				h.len) };

		if (h.seq > saved)
			return;
		gs_finish(self, h.to, &a);
		buf_consume(&g->held, sizeof(h) + h.len);
	}
	buf_release(&g->held);
}
