#include "tests/sim/pair.h"

#include <stdlib.h>

#include "common/gen_server.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/sim/check.h"

enum {
	WORDS_MAX = 100, /* over a batch */
	TALK_MS = 50,
	PAUSE_MS = 300,
	RARELY = 200, /* words, of which one takes the monitor back */
};

/* How a talker ends. */
enum manner { MANNER_STOP, MANNER_KILLED, MANNER_COUNT };

struct talker {
	struct pid witness;
	uint32_t words;
	enum manner manner;
	struct from open; /* a request it has not answered; pid 0: none */
};

struct witness {
	uint64_t seed;
	struct pid talker;
	uint64_t monitor; /* 0: it was taken back */
	uint32_t words; /* that it will say */
	uint32_t heard;
	uint64_t asked_ms;
	uint64_t timeout_ms;
	bool asking;
	bool answers; /* of this talker's call: it came */
	bool down;
};

/* -- talker -- */

static struct gs_next
talk(struct proc *self)
{
	struct talker *t = gs_state(self);
	struct buf body;

	for (uint32_t i = 0; i < t->words; i++) {
		buf_init(&body);
		term_write_uint(&body, i);
		(void)proc_send(proc_node(self), t->witness, slice_of("word"),
		    buf_bytes(&body));
		buf_release(&body);
	}
	if (t->manner == MANNER_STOP)
		return gs_stop("normal");
	proc_signal(proc_node(self), proc_pid(self), proc_pid(self),
	    reason_of("kill"));
	return gs_noreply();
}

static struct gs_next
answer_late(struct proc *self)
{
	struct talker *t = gs_state(self);
	struct answer a;

	term_write_bool(gs_answer(self), true);
	a = (struct answer){ .e = E_OK, .body = gs_reply(self).body };
	proc_answer(proc_node(self), t->open, &a);
	proc_answer(proc_node(self), t->open, &a); /* the second is dropped */
	return gs_noreply();
}

static struct gs_next
talker_call(struct proc *self, const struct message *m)
{
	struct talker *t = gs_state(self);

	t->open = m->from;
	return gs_noreply();
}

static struct gs_next
talker_info(struct proc *self, const struct message *m)
{
	return slice_is(m->op, "answer") ? answer_late(self) : talk(self);
}

static struct gs_next
talker_init(struct proc *self, void *arg)
{
	struct talker *t = gs_state(self);

	*t = *(struct talker *)arg;
	return gs_noreply();
}

static const struct gen_server talker_module = {
	.module = "talker",
	.state_bytes = sizeof(struct talker),
	.init = talker_init,
	.handle_call = talker_call,
	.handle_info = talker_info,
};

/* -- witness -- */

static struct gs_next
called(struct proc *self, const struct answer *a, void *arg)
{
	struct witness *w = gs_state(self);
	uint64_t now = node_now_ms(proc_node(self));

	(void)arg;
	check(w->asking && !w->answers, "a talker's call ended twice");
	w->answers = true;
	check(a->e == E_OK || a->e == E_DIED ||
		(a->e == E_TIMEOUT && now >= w->asked_ms + w->timeout_ms),
	    "a talker's call ended with %s", err_word(a->e));
	return gs_noreply();
}

static void
ask(struct proc *self)
{
	struct witness *w = gs_state(self);
	struct proc *talker = node_find(proc_node(self), w->talker);

	w->asking = random_below(&w->seed, 2) == 0;
	if (!w->asking)
		return;
	w->asked_ms = node_now_ms(proc_node(self));
	w->timeout_ms = 1 + random_below(&w->seed, 2 * TALK_MS);
	gs_call(self, w->talker, slice_of("wait"), slice_of("\x90"),
	    w->timeout_ms, called, NULL);
	if (random_below(&w->seed, 2) == 0)
		proc_send_after(talker, random_below(&w->seed, TALK_MS),
		    slice_of("answer"));
}

static void
begin(struct proc *self)
{
	struct witness *w = gs_state(self);
	struct node *n = proc_node(self);
	struct talker t = { .witness = proc_pid(self),
		.words = random_below(&w->seed, WORDS_MAX),
		.manner = random_below(&w->seed, MANNER_COUNT) };
	enum err e = gs_start(n, &talker_module, "talker", &t, &w->talker);

	check(e == E_OK, "a name that was free is taken");
	w->words = t.words;
	w->heard = 0;
	w->down = w->answers = false;
	w->monitor = proc_monitor(self, w->talker);
	ask(self);
	proc_send_after(node_find(n, w->talker),
	    random_below(&w->seed, TALK_MS), slice_of("talk"));
}

static void
begin_later(struct proc *self)
{
	struct witness *w = gs_state(self);

	proc_send_after(self, 2 * TALK_MS + random_below(&w->seed, PAUSE_MS),
	    slice_of("begin"));
}

/* The DOWN waits behind the words already. */
static void
take_back(struct proc *self)
{
	struct witness *w = gs_state(self);

	proc_demonitor(self, w->monitor);
	w->monitor = 0;
	begin_later(self);
}

static void
hear(struct proc *self, const struct message *m)
{
	struct witness *w = gs_state(self);
	struct term_reader r;
	uint64_t number;

	term_reader_init(&r, m->body);
	check(!w->down, "a word after the DOWN");
	check(term_read_uint(&r, &number) == E_OK && number == w->heard,
	    "word %u came as %u", (unsigned)number, w->heard);
	w->heard++;
	if (w->monitor != 0 && random_below(&w->seed, RARELY) == 0)
		take_back(self);
}

static void
take_down(struct proc *self, const struct message *m)
{
	struct witness *w = gs_state(self);
	struct node *n = proc_node(self);

	check(w->monitor != 0 && m->from.ref == w->monitor && !w->down,
	    "a DOWN too many");
	check(w->heard == w->words, "DOWN before the last word");
	check(node_whereis(n, slice_of("talker")).id == 0,
	    "DOWN, and the name is not free");
	check(node_find(n, w->talker) == NULL, "DOWN of one that lives");
	w->down = true;
	begin_later(self);
}

static struct gs_next
witness_info(struct proc *self, const struct message *m)
{
	struct witness *w = gs_state(self);

	if (m->kind == MESSAGE_DOWN) {
		take_down(self, m);
	} else if (slice_is(m->op, "word")) {
		hear(self, m);
	} else {
		check(w->heard == w->words, "words are missing");
		check(!w->asking || w->answers, "a talker's call never ended");
		begin(self);
	}
	return gs_noreply();
}

static struct gs_next
witness_init(struct proc *self, void *arg)
{
	struct witness *w = gs_state(self);

	w->seed = *(uint64_t *)arg;
	begin(self);
	return gs_noreply();
}

static const struct gen_server witness_module = {
	.module = "witness",
	.state_bytes = sizeof(struct witness),
	.init = witness_init,
	.handle_info = witness_info,
};

void
pair_start(struct node *n, uint64_t seed)
{
	struct pid pid;

	if (gs_start(n, &witness_module, "witness", &seed, &pid) != E_OK)
		abort();
}

static void
stop_one(struct node *n, const char *name)
{
	proc_signal(n, node_whereis(n, slice_of(name)), (struct pid){ 0 },
	    reason_of("kill"));
}

void
pair_stop(struct node *n)
{
	stop_one(n, "witness");
	stop_one(n, "talker");
}
