/* sys: looking inside a live server. Its process `sys` answers. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/show_term.h"
#include "client/sys_call.h"
#include "client/sys_rows.h"
#include "common/lang.h"
#include "common/text.h"
#include "proto/term.h"

/* -- asking -- */

static void
write_params(struct buf *b, const struct client *c, const char *name)
{
	term_write_array(b, name != NULL ? 2 : 1);
	if (name != NULL)
		term_write_cstr(b, name);
	term_write_map(b, 2);
	term_write_cstr(b, "plazo");
	term_write_uint(b, c->settings->timeout_ms);
	term_write_cstr(b, "textos");
	term_write_bool(b, c->settings->texts);
}

/* The wire's whole name of an operation. */
struct method {
	char text[64];
};

static struct method
method_of(const char *operation)
{
	struct method m;

	snprintf(m.text, sizeof(m.text), "sys.%s", operation);
	return m;
}

enum err
sys_call(const struct client *c, const char *operation, const char *name,
    struct buf *answer)
{
	struct method method = method_of(operation);
	struct buf params;
	enum err e;

	buf_init(&params);
	write_params(&params, c, name);
	e = gs_call_wait(c->node, conn_peer(c->node, c->conn),
	    slice_of(method.text), buf_bytes(&params), c->settings->timeout_ms,
	    answer);
	buf_release(&params);
	return e;
}

void
sys_call_then(const struct client *c, struct proc *self, const char *operation,
    const char *name, gs_then_fn *then, void *arg)
{
	struct method method = method_of(operation);
	struct buf params;

	buf_init(&params);
	write_params(&params, c, name);
	gs_call(self, conn_peer(c->node, c->conn), slice_of(method.text),
	    buf_bytes(&params), c->settings->timeout_ms, then, arg);
	buf_release(&params);
}

int
sys_report(enum err e, struct slice text, const char *name)
{
	char *clean;

	if (e != E_NOPROC)
		return report_error(e, text, false);
	if (name == NULL) {
		fputs(_("tareas_client: the server has no process sys; is it "
			"older than the client?\n"),
		    stderr);
		return err_exit_status(e);
	}
	clean = text_clean(slice_of(name));
	fprintf(stderr, _("tareas_client: the server has no process %s\n"),
	    clean);
	free(clean);
	return err_exit_status(e);
}

/* -- what is shown -- */

static enum err
print_json(const struct client *c, struct slice answer)
{
	json_t *value = show_term_json(answer);

	if (value == NULL)
		return E_MALFORMED;
	view_json(&c->view, value, stdout);
	putchar('\n');
	return E_OK;
}

static enum err
print_rows(const struct client *c, struct slice answer, enum sys_table table)
{
	struct sys_rows rows;
	unsigned long long hidden;
	enum err e;

	sys_rows_init(&rows);
	e = sys_rows_read(&rows, answer);
	if (e != E_OK)
		return e;
	sys_rows_print(&rows, table, &c->view, stdout);
	hidden = table == SYS_ARBOL ? sys_rows_hidden(&rows) : 0;
	if (hidden > 0)
		fprintf(stderr,
		    ngettext("tareas_client: %llu process more is not shown\n",
			"tareas_client: %llu processes more are not shown\n",
			hidden),
		    hidden);
	sys_rows_release(&rows);
	return E_OK;
}

static int
show_rows(struct client *c, const char *operation, enum sys_table table)
{
	struct buf answer;
	enum err e;
	int status = 0;

	buf_init(&answer);
	e = sys_call(c, operation, NULL, &answer);
	if (e == E_OK)
		e = c->view.json ? print_json(c, buf_bytes(&answer)) :
				   print_rows(c, buf_bytes(&answer), table);
	if (e != E_OK)
		status = sys_report(e, buf_bytes(&answer), NULL);
	buf_release(&answer);
	return status;
}

static int
arbol(struct client *c, const char *name)
{
	(void)name;
	return show_rows(c, "arbol", SYS_ARBOL);
}

static int
ps(struct client *c, const char *name)
{
	(void)name;
	return show_rows(c, "ps", SYS_PS);
}

static int
estado(struct client *c, const char *name)
{
	struct buf answer;
	enum err e;
	int status = 0;

	buf_init(&answer);
	e = sys_call(c, "estado", name, &answer);
	if (e == E_OK)
		e = c->view.json ?
		    print_json(c, buf_bytes(&answer)) :
		    show_term_outline(buf_bytes(&answer), stdout);
	if (e != E_OK)
		status = sys_report(e, buf_bytes(&answer), name);
	buf_release(&answer);
	return status;
}

static void
say_restarted(const struct client *c, const char *name)
{
	char *clean = text_clean(slice_of(name));
	json_t *o;

	if (c->view.json) {
		o = json_pack("{s:s}", "reiniciado", clean);
		view_json(&c->view, o, stdout);
		putchar('\n');
	} else {
		printf(_("Restarted: %s\n"), clean);
	}
	free(clean);
}

static int
reiniciar(struct client *c, const char *name)
{
	struct buf answer;
	enum err e;
	int status = 0;

	buf_init(&answer);
	e = sys_call(c, "reiniciar", name, &answer);
	if (e == E_OK)
		say_restarted(c, name);
	else
		status = sys_report(e, buf_bytes(&answer), name);
	buf_release(&answer);
	return status;
}

/* -- the words -- */

static const struct word {
	const char *name;
	const char *alias;
	bool takes_name;
	bool takes_texts; /* --textos */
	int (*run)(struct client *c, const char *name);
} words[] = {
	{ "arbol", "tree", false, false, arbol },
	{ "ps", "ps", false, false, ps },
	{ "top", "top", false, false, sys_top },
	{ "estado", "state", true, true, estado },
	{ "traza", "trace", true, false, sys_traza },
	{ "reiniciar", "restart", true, false, reiniciar },
};

static const struct word *
find_word(const char *text)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (slice_is(slice_of(text), words[i].name) ||
		    slice_is(slice_of(text), words[i].alias))
			return &words[i];
	return NULL;
}

/* What is wrong with the words behind sys; NULL: nothing. */
static const char *
check(const struct settings *s, int argc, char *argv[])
{
	const struct word *w = find_word(argv[0]);

	if (w == NULL)
		return N_("it does not know that word");
	if (argc < 2 && w->takes_name)
		return N_("the name of a process is missing");
	if (argc > (w->takes_name ? 2 : 1))
		return N_("too many words");
	if (s->texts && !w->takes_texts)
		return N_("only estado takes --textos");
	return NULL;
}

static int
run(struct client *c, int argc, char *argv[])
{
	return find_word(argv[0])->run(c, argc > 1 ? argv[1] : NULL);
}

const struct command command_sys = {
	.name = "sys",
	.arguments = N_("arbol | ps | top | estado NAME [--textos] | "
			"traza NAME | reiniciar NAME"),
	.arguments_min = 1,
	.arguments_max = 1000, /* it counts them itself */
	.flags = COMMAND_TEXTS,
	.help = N_("look inside the server: its processes as a tree, as a "
		   "list, by what\n      they do; the state of one, the "
		   "messages it gets, another start of it"),
	.check = check,
	.run = run,
};
