#include "server/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/supervisor.h"
#include "proto/limits.h"
#include "proto/term.h"

/*
 * Rows stop where a frame would: a row has 21 objects, is hardly over 200
 * bytes and, with the longest names, under ROW_BYTES. The children of one
 * supervisor stop before, so that what stands behind them is still told.
 */
enum {
	ROW_KEYS = 10,
	ROW_BYTES = 4096,
	ROWS_MAX = (LIMIT_OBJECTS - 64) / (2 * ROW_KEYS + 1),
	ROWS_BYTES_MAX = LIMIT_FRAME - 2 * ROW_BYTES,
	CHILDREN_MAX = ROWS_MAX / 2,
};

#define TRACE_OP "sys.mensaje"
#define RESTART_WORD "reiniciar"

struct sys {
	const char *root;
};

/* -- pids, as people read and type them -- */

struct pid_text {
	char text[32];
};

/* Place and life, as <place.life>. */
static struct pid_text
pid_text(struct pid pid)
{
	struct pid_text t;

	snprintf(t.text, sizeof(t.text), "<%" PRIu32 ".%" PRIu32 ">",
	    (uint32_t)pid.id, (uint32_t)(pid.id >> 32));
	return t;
}

/* Only what pid_text() wrote, to the byte. */
static struct pid
pid_parse(struct slice text)
{
	struct pid pid, nobody = { 0 };
	struct pid_text copy;
	uint32_t place, life;

	if (text.len == 0 || text.len >= sizeof(copy.text))
		return nobody;
	memcpy(copy.text, text.bytes, text.len);
	copy.text[text.len] = '\0';
	if (sscanf(copy.text, "<%" SCNu32 ".%" SCNu32 ">", &place, &life) != 2)
		return nobody;
	pid.id = (uint64_t)life << 32 | place;
	return slice_is(text, pid_text(pid).text) ? pid : nobody;
}

static struct proc *
find(struct proc *self, struct slice name)
{
	struct node *n = proc_node(self);
	struct pid pid = node_whereis(n, name);

	if (pid.id == 0)
		pid = pid_parse(name);
	return node_find(n, pid);
}

/* -- rows -- */

struct rows {
	const struct node *node;
	struct buf bytes; /* the rows, without the array's head */
	uint32_t count;
	uint32_t level;
	uint32_t siblings; /* rows of the supervisor that is being told */
};

static void
rows_init(struct rows *r, const struct node *n)
{
	*r = (struct rows){ .node = n };
	buf_init(&r->bytes);
}

static void
write_text(struct buf *b, const char *key, const char *value)
{
	term_write_cstr(b, key);
	term_write_cstr(b, value);
}

static void
write_number(struct buf *b, const char *key, uint64_t value)
{
	term_write_cstr(b, key);
	term_write_uint(b, value);
}

static uint32_t
count_children(const struct proc *p)
{
	return sup_is(p) ? sup_count_children(p).specs : 0;
}

/* p NULL: a child that does not run now. */
static void
add_row(struct rows *r, const char *id, const struct proc *p, uint32_t restarts)
{
	struct buf *b = &r->bytes;

	if (r->count == ROWS_MAX || buf_len(b) > ROWS_BYTES_MAX)
		return;
	r->count++;
	term_write_map(b, ROW_KEYS);
	write_number(b, "nivel", r->level);
	write_text(b, "id", id);
	write_text(b, "pid", p != NULL ? pid_text(proc_pid(p)).text : "");
	write_text(b, "nombre", p != NULL ? proc_name(p) : "");
	write_text(b, "tipo", p != NULL ? proc_kind(p) : "");
	write_number(b, "hijos", p != NULL ? count_children(p) : 0);
	write_number(b, "edad_ms", p != NULL ? proc_age_ms(p) : 0);
	write_number(b, "reinicios", restarts);
	write_number(b, "buzon", p != NULL ? proc_mailbox(p) : 0);
	write_number(b, "atendidos", p != NULL ? proc_handled(p) : 0);
}

static void add_child(void *arg, const struct sup_which *child);

/* A tree of ours is a few levels deep: recursion is on no peer's data. */
static void
add_children(struct rows *r, const struct proc *sup)
{
	uint32_t siblings = r->siblings;

	r->siblings = 0;
	r->level++;
	sup_which_children(sup, add_child, r);
	r->level--;
	r->siblings = siblings;
}

static void
add_child(void *arg, const struct sup_which *child)
{
	struct rows *r = arg;
	const struct proc *p = node_find(r->node, child->pid);

	if (r->siblings == CHILDREN_MAX)
		return;
	r->siblings++;
	add_row(r, child->id, p, child->restarts);
	if (p != NULL && sup_is(p))
		add_children(r, p);
}

static struct gs_next
reply_rows(struct proc *self, struct rows *r)
{
	struct buf *answer = gs_answer(self);

	term_write_array(answer, r->count);
	buf_add(answer, buf_bytes(&r->bytes));
	buf_release(&r->bytes);
	return gs_reply(self);
}

static struct gs_next
arbol(struct proc *self, const struct message *m, struct proc *p)
{
	const struct sys *s = gs_state(self);
	struct rows r;

	(void)m;
	rows_init(&r, proc_node(self));
	p = find(self, slice_of(s->root));
	if (p != NULL) {
		add_row(&r, s->root, p, 0);
		add_children(&r, p);
	}
	return reply_rows(self, &r);
}

/* What only its supervisor knows of a process, by the place in its pid. */
struct childhood {
	const char *id;
	uint32_t restarts;
};

struct childhoods {
	struct childhood *at;
	uint32_t places;
};

static void
note_child(void *arg, const struct sup_which *child)
{
	struct childhoods *all = arg;
	uint32_t place = (uint32_t)child->pid.id;

	if (child->pid.id != 0 && place < all->places)
		all->at[place] =
		    (struct childhood){ child->id, child->restarts };
}

static void
note_children(struct childhoods *all, const struct node *n)
{
	const struct proc *p;
	uint32_t place = 0;

	while (node_next(n, &place) != NULL)
		continue;
	all->places = place;
	all->at = calloc(place, sizeof(*all->at)); /* sys itself is there */
	if (all->at == NULL)
		abort();
	for (place = 0; (p = node_next(n, &place)) != NULL;)
		if (sup_is(p))
			sup_which_children(p, note_child, all);
}

/* Those with a name, or those without. */
static void
add_all(struct rows *r, const struct childhoods *all, bool named)
{
	const struct proc *p;
	uint32_t place = 0;

	while ((p = node_next(r->node, &place)) != NULL) {
		const struct childhood *c = &all->at[place - 1];

		if ((proc_name(p)[0] != '\0') == named)
			add_row(r, c->id != NULL ? c->id : "", p, c->restarts);
	}
}

static struct gs_next
ps(struct proc *self, const struct message *m, struct proc *p)
{
	struct childhoods all;
	struct rows r;

	(void)m;
	(void)p;
	rows_init(&r, proc_node(self));
	note_children(&all, r.node);
	add_all(&r, &all, true);
	add_all(&r, &all, false);
	free(all.at);
	return reply_rows(self, &r);
}

/* -- one process -- */

/* The option "textos" of [name, options?]. */
static bool
wants_texts(const struct message *m)
{
	struct term_reader r;
	struct slice key;
	bool texts = false;
	uint32_t n;

	term_reader_init(&r, m->body);
	if (term_read_array(&r, &n) != E_OK || n < 2 ||
	    term_skip(&r, NULL) != E_OK || term_read_map(&r, &n) != E_OK)
		return false;
	for (; n > 0; n--) {
		if (term_read_str(&r, &key) != E_OK)
			return false;
		if (!slice_is(key, "textos") ||
		    term_read_bool(&r, &texts) != E_OK)
			if (term_skip(&r, NULL) != E_OK)
				return false;
	}
	return texts;
}

static struct gs_next
estado(struct proc *self, const struct message *m, struct proc *p)
{
	struct buf *answer = gs_answer(self);

	proc_format(p, wants_texts(m), answer);
	return gs_reply(self);
}

static struct gs_next
yes(struct proc *self)
{
	term_write_bool(gs_answer(self), true);
	return gs_reply(self);
}

/* The trace goes to whoever asked: a session, and so over its link. */
static struct gs_next
traza(struct proc *self, const struct message *m, struct proc *p)
{
	struct pid tracer = proc_tracer(p);

	if (m->kind != MESSAGE_CALL)
		return gs_error(E_BADARG, N_("a trace is asked for by call"));
	if (tracer.id != 0 && tracer.id != m->from.pid.id)
		return gs_error(E_EXISTS,
		    N_("somebody else traces that process"));
	proc_trace(p, m->from.pid, TRACE_OP);
	return yes(self);
}

/* Nobody ends the trace of another. */
static struct gs_next
destrazar(struct proc *self, const struct message *m, struct proc *p)
{
	uint64_t lost = 0;

	if (proc_tracer(p).id == m->from.pid.id)
		lost = proc_untrace(p);
	term_write_uint(gs_answer(self), lost);
	return gs_reply(self);
}

/* Whether a supervisor would start it again. */
struct question {
	struct pid pid;
	bool permanent;
};

static void
look_at(void *arg, const struct sup_which *child)
{
	struct question *q = arg;

	if (child->pid.id == q->pid.id && child->restart != SUP_TEMPORARY)
		q->permanent = true;
}

static bool
would_return(const struct node *n, struct pid pid)
{
	struct question q = { .pid = pid };
	const struct proc *p;
	uint32_t place = 0;

	while ((p = node_next(n, &place)) != NULL)
		if (sup_is(p))
			sup_which_children(p, look_at, &q);
	return q.permanent;
}

/*
 * The end comes in the next turn, when the answer has left: with the engine
 * goes the session that asked. The pid waits as the text of a timer.
 */
static struct gs_next
reiniciar(struct proc *self, const struct message *m, struct proc *p)
{
	(void)m;
	if (!would_return(proc_node(self), proc_pid(p)))
		return gs_error(E_BADARG,
		    N_("no supervisor would start that process again"));
	proc_send_after(self, 0, slice_of(pid_text(proc_pid(p)).text));
	return yes(self);
}

/* A supervisor stops its children first. */
static struct gs_next
end_now(struct proc *self, const struct message *m)
{
	struct node *n = proc_node(self);
	struct pid pid = { 0 };
	struct proc *p;

	if (m->kind == MESSAGE_INFO && m->from.ref != 0)
		pid = pid_parse(m->op);
	p = node_find(n, pid);
	if (p == NULL)
		return gs_noreply();
	if (sup_is(p))
		gs_stop_pid(n, pid, RESTART_WORD);
	else
		proc_exit(p, reason_of(RESTART_WORD));
	return gs_noreply();
}

/* -- dispatch -- */

static const struct {
	const char *name;
	bool takes_name; /* [name, options?], else [options?] */
	struct gs_next (
	    *run)(struct proc *self, const struct message *m, struct proc *p);
} operations[] = {
	{ "arbol", false, arbol },
	{ "ps", false, ps },
	{ "estado", true, estado },
	{ "traza", true, traza },
	{ "destrazar", true, destrazar },
	{ "reiniciar", true, reiniciar },
};

static struct gs_next
handle(struct proc *self, const struct message *m)
{
	struct proc *p = NULL;
	struct term_reader r;
	struct slice name;
	uint32_t n;
	size_t i = 0, count = sizeof(operations) / sizeof(operations[0]);

	while (i < count && !slice_is(m->op, operations[i].name))
		i++;
	if (i == count)
		return gs_error(E_UNDEF, NULL);
	if (!operations[i].takes_name)
		return operations[i].run(self, m, NULL);
	term_reader_init(&r, m->body);
	if (term_read_array(&r, &n) != E_OK || term_read_str(&r, &name) != E_OK)
		return gs_error(E_BADARG, NULL);
	p = find(self, name);
	if (p == NULL)
		return gs_error(E_NOPROC, NULL);
	return operations[i].run(self, m, p);
}

/* -- life -- */

static struct gs_next
init(struct proc *self, void *arg)
{
	struct sys *s = gs_state(self);

	s->root = *(const char **)arg;
	return gs_noreply();
}

static const struct gen_server module = {
	.module = SYS_NAME,
	.state_bytes = sizeof(struct sys),
	.init = init,
	.handle_call = handle,
	.handle_cast = handle,
	.handle_info = end_now,
};

enum err
sys_start_link(struct node *n, struct proc *parent, const char *root,
    struct pid *out)
{
	return gs_start_under(n, parent, &module, SYS_NAME, &root, out);
}
