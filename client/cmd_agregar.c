/* agregar: one task from the arguments or the menu, or many from stdin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/input.h"
#include "common/lang.h"

enum {
	/* Casts that may wait in the mailbox before the loop has its turn. */
	CASTS_WAITING = 1024,
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
	uint64_t line;
	uint64_t sent;
	bool progress; /* stderr is a terminal */
	enum err e; /* of the last line that was refused */
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

/* Lets the link take what waits. False when it broke. */
static bool
bulk_breathe(struct bulk *b)
{
	struct client *c = b->client;
	struct proc *peer = node_find(c->node, b->server.server);

	while (peer != NULL && proc_mailbox(peer) >= CASTS_WAITING) {
		if (world_step(loop_world(c->loop)) != E_OK)
			return false;
		peer = node_find(c->node, b->server.server);
	}
	return peer != NULL;
}

static void
bulk_line(struct bulk *b, struct slice line)
{
	struct tarea t = parse_line(line);
	const char *why = NULL;
	enum err e = tarea_check(&t, &why);

	b->line++;
	if (e != E_OK) {
		fprintf(stderr, _("tareas_client: line %llu: %s\n"),
		    (unsigned long long)b->line, gettext(why));
		b->e = e;
		return;
	}
	tareas_cliente_agregar(&b->server, slice_of(b->client->usuario), &t);
	if (++b->sent % PROGRESS_EACH == 0)
		bulk_progress(b, "");
}

static int
add_many(struct client *c)
{
	struct bulk b = { .client = c,
		.server = client_server(c),
		.progress = isatty(STDERR_FILENO) };
	struct input *in = input_new(c->loop, STDIN_FILENO);
	struct slice line;
	struct buf text;
	enum err e;

	while (bulk_breathe(&b) && input_line(in, &line))
		bulk_line(&b, line);
	input_free(in);
	if (b.sent >= PROGRESS_EACH)
		bulk_progress(&b, "\n");
	buf_init(&text);
	e = tareas_cliente_sync(&b.server, slice_of(c->usuario), &text);
	if (e == E_OK)
		view_enviadas(&c->view, b.sent);
	else
		report_error(e, buf_bytes(&text), true);
	buf_release(&text);
	return err_exit_status(e != E_OK ? e : b.e);
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
	return client_is_linked(c, &status) ? add(c, &t) : status;
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
