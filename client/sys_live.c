/*
 * The commands that go on: a process of our own on the client's node asks
 * the server and prints, while the top level runs the loop until it is over.
 *
 * The happy path is: asked, shown, ended by a person (q, Ctrl-C) or by
 * SIGTERM, status 0. Failure modes are: an error from the server, a link
 * that breaks, a traced process that ends, an output that is closed.
 */
#include <signal.h>
#include <stdlib.h>

#include <jansson.h>

#include "client/screen.h"
#include "client/show_term.h"
#include "client/sys_call.h"
#include "client/sys_rows.h"
#include "common/lang.h"
#include "common/text.h"
#include "proto/term.h"

enum { REFRESH_MS = 1000, STOP_MS = 1000 };

struct live {
	struct client *client;
	const char *name; /* of the traced process */
	bool over;
	enum err e; /* why, unless a person wanted it */
	struct buf text; /* the error's */
	/* top */
	struct screen *screen; /* NULL: one table and end */
	struct sys_rows rows;
	uint64_t asked_ms; /* when rows were */
};

/* -- until it is over -- */

static bool
is_over(void *arg)
{
	const struct live *l = arg;

	return l->over;
}

static void
on_signal(void *arg)
{
	struct live *l = arg;

	l->over = true;
}

static void
fail(struct live *l, enum err e, struct slice text)
{
	l->over = true;
	l->e = e;
	buf_clear(&l->text);
	buf_add(&l->text, text);
}

static void
live_init(struct live *l, struct client *c, const char *name)
{
	*l = (struct live){ .client = c, .name = name };
	buf_init(&l->text);
	sys_rows_init(&l->rows);
}

static void
live_release(struct live *l)
{
	buf_release(&l->text);
	sys_rows_release(&l->rows);
}

/*
 * Runs the loop while a process of that module does the work; it goes on
 * with it until live_stop().
 */
static struct pid
live_run(struct live *l, const struct gen_server *module)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };
	struct watch *watches[SIGNALS];
	struct node *n = l->client->node;
	struct pid pid;

	for (int i = 0; i < SIGNALS; i++)
		watches[i] =
		    loop_signal(l->client->loop, signals[i], on_signal, l);
	if (gs_start(n, module, module->module, l, &pid) != E_OK)
		abort(); /* nobody else has its name here */
	if (node_run_until(n, is_over, l, TIMER_NEVER) != E_OK && !l->over)
		fail(l, E_NOCONNECTION, slice_of(""));
	for (int i = 0; i < SIGNALS; i++)
		watch_free(watches[i]);
	return pid;
}

/* The process has nobody to work for any more. */
static void
live_stop(const struct live *l, struct pid pid)
{
	(void)gs_stop_wait(l->client->node, pid, "normal", STOP_MS);
}

/* -- traza: the server casts to the process sys.mensaje -- */

#define LINE_HEAD "%-9s  %-24s  %s\n"
#define LINE "%-9s  %-24s  %llu\n"
#define LINE_IN_PIPE "%s\t%s\t%llu\n"

struct passing {
	struct slice name, kind, operation;
	uint64_t bytes, lost;
};

static enum err
read_passing(struct slice params, struct passing *p)
{
	struct term_reader r;
	uint32_t n;

	term_reader_init(&r, params);
	if (term_read_array(&r, &n) != E_OK || n != 5 ||
	    term_read_str(&r, &p->name) != E_OK ||
	    term_read_str(&r, &p->kind) != E_OK ||
	    term_read_str(&r, &p->operation) != E_OK ||
	    term_read_uint(&r, &p->bytes) != E_OK)
		return E_MALFORMED;
	return term_read_uint(&r, &p->lost);
}

static void
print_json(const struct view *v, json_t *value)
{
	view_json(v, value, stdout);
	putchar('\n');
}

static void
set_text(json_t *o, const char *key, struct slice s)
{
	json_object_set_new(o, key, json_stringn((const char *)s.bytes, s.len));
}

static void
print_passing_json(const struct view *v, const struct passing *p)
{
	json_t *o = json_object();

	set_text(o, "nombre", p->name);
	set_text(o, "tipo", p->kind);
	set_text(o, "operacion", p->operation);
	json_object_set_new(o, "bytes", json_integer((json_int_t)p->bytes));
	json_object_set_new(o, "perdidos", json_integer((json_int_t)p->lost));
	print_json(v, o);
}

static void
print_lost(uint64_t lost)
{
	if (lost > 0)
		printf(_("%llu lost\n"), (unsigned long long)lost);
}

static void
print_passing(const struct view *v, const struct passing *p)
{
	char *kind = text_clean(p->kind);
	char *operation = text_clean(p->operation);

	print_lost(p->lost);
	printf(v->terminal ? LINE : LINE_IN_PIPE, kind, operation,
	    (unsigned long long)p->bytes);
	free(kind);
	free(operation);
}

static void
show_passing(struct live *l, const struct passing *p)
{
	const struct view *v = &l->client->view;

	if (v->json)
		print_passing_json(v, p);
	else
		print_passing(v, p);
	if (fflush(stdout) != 0)
		l->over = true; /* main says so */
	if (slice_is(p->kind, "end"))
		fail(l, E_DIED, slice_of(""));
}

static struct gs_next
traza_cast(struct proc *self, const struct message *m)
{
	struct live **l = gs_state(self);
	struct passing p;

	if (!slice_is(m->op, "mensaje"))
		return gs_error(E_UNDEF, NULL);
	if (read_passing(m->body, &p) != E_OK)
		return gs_error(E_BADARG, NULL);
	show_passing(*l, &p);
	return gs_noreply();
}

static struct gs_next
traza_begun(struct proc *self, const struct answer *a, void *arg)
{
	struct live *l = arg;
	const struct view *v = &l->client->view;

	(void)self;
	if (a->e != E_OK)
		fail(l, a->e, a->body);
	else if (v->terminal && !v->json)
		printf(LINE_HEAD, _("KIND"), _("OPERATION"), _("BYTES"));
	return gs_noreply();
}

static struct gs_next
traza_init(struct proc *self, void *arg)
{
	struct live **l = gs_state(self);

	*l = arg;
	proc_monitor(self, conn_peer((*l)->client->node, (*l)->client->conn));
	sys_call_then((*l)->client, self, "traza", (*l)->name, traza_begun, *l);
	return gs_noreply();
}

/* The link has ended. */
static struct gs_next
traza_down(struct proc *self, const struct message *m)
{
	struct live **l = gs_state(self);

	if (m->kind == MESSAGE_DOWN)
		fail(*l, E_NOCONNECTION, slice_of(""));
	return gs_noreply();
}

/* The only one with a name that the server knows: see conn.c. */
static const struct gen_server traza = {
	.module = "sys",
	.state_bytes = sizeof(struct live *),
	.init = traza_init,
	.handle_cast = traza_cast,
	.handle_info = traza_down,
};

/* Ends it over there, and says what nobody has said yet. */
static void
end_traza(struct live *l)
{
	struct term_reader r;
	struct buf answer;
	uint64_t lost = 0;

	buf_init(&answer);
	if (sys_call(l->client, "destrazar", l->name, &answer) == E_OK) {
		term_reader_init(&r, buf_bytes(&answer));
		(void)term_read_uint(&r, &lost);
	}
	if (!l->client->view.json)
		print_lost(lost);
	else if (lost > 0)
		print_json(&l->client->view,
		    json_pack("{s:I}", "perdidos", (json_int_t)lost));
	buf_release(&answer);
}

int
sys_traza(struct client *c, const char *name)
{
	struct live l;
	struct pid pid;
	int status = 0;

	live_init(&l, c, name);
	pid = live_run(&l, &traza);
	if (l.e == E_OK)
		end_traza(&l);
	live_stop(&l, pid);
	if (l.e != E_OK)
		status = sys_report(l.e, buf_bytes(&l.text), name);
	live_release(&l);
	return status;
}

/* -- top: what each process does in a second -- */

static void
print_rows_json(const struct live *l)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->rows.count; i++) {
		const struct sys_row *row = &l->rows.rows[i];
		json_t *o = json_object();

		set_text(o, "nombre", row->name);
		set_text(o, "id", row->id);
		set_text(o, "pid", row->pid);
		set_text(o, "tipo", row->kind);
		json_object_set_new(o, "por_segundo",
		    json_integer((json_int_t)row->rate));
		json_object_set_new(o, "buzon",
		    json_integer((json_int_t)row->mailbox));
		json_object_set_new(o, "atendidos",
		    json_integer((json_int_t)row->handled));
		json_object_set_new(o, "edad_ms",
		    json_integer((json_int_t)row->age_ms));
		json_array_append_new(all, o);
	}
	print_json(&l->client->view, all);
}

static void
draw(struct live *l)
{
	const struct client *c = l->client;
	char *node = text_clean(slice_of(conn_node(c->node, c->conn)));
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	fprintf(out, _("%s: %zu processes; q leaves\n\n"), node, l->rows.count);
	sys_rows_print(&l->rows, SYS_TOP, &c->view, out);
	fclose(out);
	screen_draw(l->screen, text);
	free(text);
	free(node);
}

/* The first answer has no rates: what is shown begins with the second. */
static void
show_rows(struct live *l, bool first)
{
	if (l->screen != NULL) {
		draw(l);
	} else if (!first) {
		if (l->client->view.json)
			print_rows_json(l);
		else
			sys_rows_print(&l->rows, SYS_TOP, &l->client->view,
			    stdout);
		l->over = true;
	}
}

static struct gs_next
top_answered(struct proc *self, const struct answer *a, void *arg)
{
	struct live *l = arg;
	uint64_t now_ms = node_now_ms(proc_node(self));
	bool first = l->asked_ms == 0;
	struct sys_rows rows;
	enum err e = a->e;

	if (l->over)
		return gs_noreply();
	sys_rows_init(&rows);
	if (e == E_OK)
		e = sys_rows_read(&rows, a->body);
	if (e == E_NOPROC && !conn_is_up(proc_node(self), l->client->conn))
		e = E_NOCONNECTION;
	if (e != E_OK) {
		fail(l, e, a->body);
		return gs_noreply();
	}
	sys_rows_rate(&rows, &l->rows, first ? 0 : now_ms - l->asked_ms);
	sys_rows_release(&l->rows);
	l->rows = rows;
	l->asked_ms = now_ms;
	show_rows(l, first);
	proc_send_after(self, REFRESH_MS, slice_of("again"));
	return gs_noreply();
}

static void
top_ask(struct proc *self, struct live *l)
{
	sys_call_then(l->client, self, "ps", NULL, top_answered, l);
}

static struct gs_next
top_init(struct proc *self, void *arg)
{
	struct live **l = gs_state(self);

	*l = arg;
	top_ask(self, *l);
	return gs_noreply();
}

static struct gs_next
top_again(struct proc *self, const struct message *m)
{
	struct live **l = gs_state(self);

	(void)m;
	if (!(*l)->over)
		top_ask(self, *l);
	return gs_noreply();
}

static const struct gen_server top = {
	.module = "top",
	.state_bytes = sizeof(struct live *),
	.init = top_init,
	.handle_info = top_again,
};

static void
on_key(void *arg, char c)
{
	struct live *l = arg;

	if (c == 'q' || c == 'Q')
		l->over = true;
}

int
sys_top(struct client *c, const char *name)
{
	struct live l;
	struct pid pid;
	int status = 0;

	live_init(&l, c, name);
	if (screen_can() && !c->view.json)
		l.screen = screen_new(c->loop, on_key, &l);
	pid = live_run(&l, &top);
	if (l.screen != NULL)
		screen_free(l.screen);
	live_stop(&l, pid);
	if (l.e != E_OK)
		status = sys_report(l.e, buf_bytes(&l.text), NULL);
	live_release(&l);
	return status;
}
