/* agregar: one task from the arguments or the menu, or many from stdin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/input.h"
#include "client/outbox.h"
#include "common/lang.h"

enum {
	/* Lines on their way at once: the server is never idle. */
	WINDOW = 1024,
	/* A progress line each so many. */
	PROGRESS_EACH = 1000,
};

static int
add(struct client *c, const struct tarea *t)
{
	struct tareas_cliente server = client_server(c);
	struct slice usuario = slice_of(c->usuario);
	const char *why = NULL;
	struct buf text;
	int status = 0;
	enum err e = tarea_check(t, &why);

	if (e != E_OK)
		return report_error(e, slice_of(why), true);
	if (c->settings->cast) {
		tareas_cliente_agregar(&server, usuario, t);
		view_enviada(&c->view, t->titulo);
		return 0;
	}
	buf_init(&text);
	e = tareas_cliente_agregar_call(&server, usuario, t, &text);
	if (e == E_OK)
		view_agregada(&c->view, t);
	else
		status = report_error(e, buf_bytes(&text), true);
	buf_release(&text);
	return status;
}

/* -- many -- */

struct bulk {
	struct client *client;
	struct tareas_cliente server;
	struct pid outbox;
	uint64_t line;
	uint64_t sent; /* and answered: they are there */
	bool progress; /* stderr is a terminal */
	enum err refused; /* why the last line was that was */
	/* What ends the load: more than one line is wrong. */
	enum err e;
	uint64_t rest; /* the first line that was not sent; 0: none */
	uint64_t unknown; /* lines of which nobody knows, */
	uint64_t unknown_first, unknown_last; /* from here to there */
	enum err unknown_e;
};

static struct tarea
parse_line(struct slice line)
{
	struct tarea t = { .titulo = line, .descripcion = slice_of("") };
	const uint8_t *tab = NULL;

	if (line.len > 0)
		tab = memchr(line.bytes, '\t', line.len);
	if (tab == NULL)
		return t;
	t.titulo.len = (size_t)(tab - line.bytes);
	t.descripcion = slice_bytes(tab + 1, line.len - t.titulo.len - 1);
	return t;
}

static void
bulk_progress(const struct bulk *b, const char *end)
{
	if (!b->progress)
		return;
	fputs("\r", stderr);
	fprintf(stderr, _("Sent: %llu"), (unsigned long long)b->sent);
	fputs(end, stderr);
}

/* What is not known is said once, at the end. */
static void
bulk_unknown(struct bulk *b, uint64_t line, enum err e)
{
	if (b->unknown++ == 0 || line < b->unknown_first)
		b->unknown_first = line;
	if (line > b->unknown_last)
		b->unknown_last = line;
	b->unknown_e = e;
}

/* No line after this one would fare better. */
static void
bulk_end(struct bulk *b, enum err e)
{
	uint64_t rest = b->line + 1;

	(void)outbox_drop_unsent(b->client->node, b->outbox, &rest);
	if (b->rest == 0 || rest < b->rest)
		b->rest = rest;
	b->e = e;
}

static void
bulk_done(void *arg, const struct outbox_result *r)
{
	struct bulk *b = arg;

	switch (r->e) {
	case E_OK:
		if (++b->sent % PROGRESS_EACH == 0)
			bulk_progress(b, "");
		return;
	case E_BADARG:
	case E_TOOBIG:
	case E_EXISTS:
		b->refused = r->e;
		report_line(r->tag, r->e, r->body);
		return;
	case E_TIMEOUT:
	case E_NOCONNECTION:
	case E_DIED:
	case E_MALFORMED:
		bulk_unknown(b, r->tag, r->e);
		break;
	default:
		report_line(r->tag, r->e, r->body);
	}
	bulk_end(b, r->e);
}

/* Lets the server take what waits. False when the load has ended. */
static bool
bulk_breathe(struct bulk *b)
{
	struct client *c = b->client;

	while (b->e == E_OK && outbox_count(c->node, b->outbox) >= WINDOW)
		if (world_step(loop_world(c->loop)) != E_OK)
			b->e = E_NOCONNECTION;
	return b->e == E_OK;
}

static void
bulk_line(struct bulk *b, struct slice line)
{
	struct tarea t = parse_line(line);
	const char *why = NULL;
	enum err e = tarea_check(&t, &why);

	b->line++;
	if (e == E_OK) {
		tareas_cliente_agregar_in(&b->server, b->outbox,
		    slice_of(b->client->usuario), &t, b->line);
		return;
	}
	report_line(b->line, e, slice_of(why));
	b->refused = e;
}

/* Says what did not go well; returns the exit status. */
static int
bulk_report(const struct bulk *b, bool ended)
{
	if (b->unknown == 1)
		report_line(b->unknown_last, b->unknown_e, slice_of(""));
	else if (b->unknown > 1)
		report_lines(b->unknown, b->unknown_first, b->unknown_last,
		    b->unknown_e);
	if (b->rest != 0 && !(ended && b->rest > b->line))
		fprintf(stderr,
		    _("tareas_client: from line %llu on nothing was sent\n"),
		    (unsigned long long)b->rest);
	return err_exit_status(b->e != E_OK ? b->e : b->refused);
}

static int
add_many(struct client *c)
{
	struct bulk b = { .client = c,
		.server = client_server(c),
		.progress = isatty(STDERR_FILENO) };
	struct outbox_config config = { .conn = c->conn,
		.timeout_ms = c->settings->timeout_ms,
		.done = bulk_done,
		.arg = &b };
	struct input *in = input_new(c->loop, STDIN_FILENO);
	bool ended = false;
	struct slice line;

	b.outbox = outbox_start(c->node, &config);
	while (bulk_breathe(&b) && !ended) {
		ended = !input_line(in, &line);
		if (!ended && b.e == E_OK)
			bulk_line(&b, line);
	}
	input_free(in);
	if (outbox_run(c->node, b.outbox) != E_OK && b.e == E_OK)
		b.e = E_NOCONNECTION;
	outbox_stop(c->node, b.outbox);
	if (b.sent >= PROGRESS_EACH)
		bulk_progress(&b, "\n");
	view_enviadas(&c->view, b.sent);
	return bulk_report(&b, ended);
}

/* -- both ways to get here -- */

static int
run(struct client *c, int argc, char *argv[])
{
	struct tarea t = { .titulo = slice_of(argv[0]),
		.descripcion = slice_of(argc > 1 ? argv[1] : "") };

	if (argc == 1 && slice_is(t.titulo, "-"))
		return add_many(c);
	return add(c, &t);
}

/*
 * A person who leaves the question (Ctrl-D) wants no task; a file that ends
 * there has one without a description.
 */
static int
ask_descripcion(struct client *c, struct slice titulo)
{
	struct tarea t = { titulo, slice_of("") };
	struct slice line;
	int status = 0;

	if (prompt_line(c->prompt, _("Description: "), true, &line))
		t.descripcion = line;
	else if (prompt_is_terminal(c->prompt))
		return 0;
	if (client_wait_link(c, &status))
		status = add(c, &t);
	if (status != 0)
		client_show_typed(c, t.titulo, t.descripcion);
	return status;
}

static int
ask(struct client *c)
{
	const char *why = NULL;
	struct slice line;
	char *titulo;
	int status;
	enum err e;

	if (!prompt_line(c->prompt, _("Title: "), true, &line))
		return 0;
	e = tarea_check_titulo(line, &why);
	if (e != E_OK && prompt_is_terminal(c->prompt))
		return report_error(e, slice_of(why), false);
	/* The next question takes the line's place. */
	titulo = strndup((const char *)line.bytes, line.len);
	if (titulo == NULL)
		abort();
	status = ask_descripcion(c, slice_bytes(titulo, line.len));
	free(titulo);
	return status;
}

const struct command command_agregar = {
	.key = "1",
	.name = "agregar",
	.alias = "add",
	.arguments = N_("TITLE [DESCRIPTION] | -"),
	.arguments_min = 1,
	.arguments_max = 2,
	.flags = COMMAND_CASTS,
	.help = N_("add a task; -: many, a line each of title TAB description"),
	.label = N_("add a task"),
	.run = run,
	.ask = ask,
};
