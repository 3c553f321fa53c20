#include "server/sys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/lang.h"
#include "common/peer.h"
#include "common/supervisor.h"
#include "proto/limits.h"
#include "proto/term.h"

/* Rows of one answer: each is under 500 bytes, and a frame has 1 MiB. */
enum { ROWS_MAX = 2000 };

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

static struct pid
pid_parse(struct slice text)
{
	char copy[sizeof(struct pid_text)];
	uint32_t place, life;
	int end = 0;

	if (text.len >= sizeof(copy))
		return (struct pid){ 0 };
	memcpy(copy, text.bytes, text.len);
	copy[text.len] = '\0';
	if (sscanf(copy, "<%" SCNu32 ".%" SCNu32 ">%n", &place, &life, &end) !=
		2 ||
	    (size_t)end != text.len)
		return (struct pid){ 0 };
	return (struct pid){ (uint64_t)life << 32 | place };
}

static struct proc *
find(struct proc *self, struct slice name)
{
	struct node *n = proc_node(self);
	struct pid pid = node_whereis(n, name);

	if (pid.id == 0 && name.len > 0)
		pid = pid_parse(name);
	return node_find(n, pid);
}

/* -- rows -- */

struct rows {
	const struct node *node;
	struct buf bytes; /* the rows, without the array's head */
	uint32_t count;
	uint32_t level;
};

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

/* p NULL: a child that does not run now. */
static void
add_row(struct rows *r, const char *id, const struct proc *p, uint32_t restarts)
{
	struct pid nobody = { 0 };

	if (r->count == ROWS_MAX)
		return;
	r->count++;
	term_write_map(&r->bytes, 9);
	write_number(&r->bytes, "nivel", r->level);
	write_text(&r->bytes, "id", id);
	write_text(&r->bytes, "pid",
	    pid_text(p != NULL ? proc_pid(p) : nobody).text);
	write_text(&r->bytes, "nombre", p != NULL ? proc_name(p) : "");
	write_text(&r->bytes, "tipo", p != NULL ? proc_kind(p) : "");
	write_number(&r->bytes, "edad_ms", p != NULL ? proc_age_ms(p) : 0);
	write_number(&r->bytes, "reinicios", restarts);
	write_number(&r->bytes, "buzon", p != NULL ? proc_mailbox(p) : 0);
	write_number(&r->bytes, "atendidos", p != NULL ? proc_handled(p) : 0);
}

/* A tree of ours is a few levels deep: recursion is on no peer's data. */
static void
add_child(void *arg, const struct sup_which *child)
{
	struct rows *r = arg;
	const struct proc *p = node_find(r->node, child->pid);

	add_row(r, child->id, p, child->restarts);
	if (p == NULL || !sup_is(p))
		return;
	r->level++;
	sup_which_children(p, add_child, r);
	r->level--;
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
	struct rows r = { .node = proc_node(self) };
	struct proc *root = find(self, slice_of(s->root));

	(void)m;
	(void)p;
	buf_init(&r.bytes);
	if (root != NULL) {
		add_row(&r, s->root, root, 0);
		r.level++;
		sup_which_children(root, add_child, &r);
	}
	return reply_rows(self, &r);
}

static struct gs_next
ps(struct proc *self, const struct message *m, struct proc *p)
{
	struct rows r = { .node = proc_node(self) };
	uint32_t place = 0;

	(void)m;
	(void)p;
	buf_init(&r.bytes);
	while ((p = node_next(r.node, &place)) != NULL)
		add_row(&r, proc_name(p), p, 0);
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
	if (m->kind != MESSAGE_CALL)
		return gs_error(E_BADARG, N_("a trace is asked for by call"));
	proc_trace(p, m->from.pid, "sys.mensaje");
	return yes(self);
}

static struct gs_next
destrazar(struct proc *self, const struct message *m, struct proc *p)
{
	(void)m;
	proc_untrace(p);
	return yes(self);
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

static struct gs_next
reiniciar(struct proc *self, const struct message *m, struct proc *p)
{
	(void)m;
	if (!would_return(proc_node(self), proc_pid(p)))
		return gs_error(E_BADARG,
		    N_("no supervisor would start that process again"));
	/* Itself too: its caller is answered died. */
	proc_exit(p, reason_of("reiniciar"));
	return yes(self);
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
};

enum err
sys_start_link(struct node *n, struct proc *parent, const char *root,
    struct pid *out)
{
	return gs_start_under(n, parent, &module, SYS_NAME, &root, out);
}
