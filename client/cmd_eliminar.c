/* eliminar: all tasks of a title. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/input.h"
#include "common/lang.h"

static int
remove_titulo(struct client *c, struct slice titulo)
{
	struct tareas_cliente server = client_server(c);
	struct slice usuario = slice_of(c->usuario);
	uint64_t deleted = 0;
	struct buf text;
	enum err e;
	int status = 0;

	if (c->settings->cast) {
		tareas_cliente_eliminar(&server, usuario, titulo);
		view_enviada(&c->view, titulo);
		return 0;
	}
	buf_init(&text);
	e = tareas_cliente_eliminar_call(&server, usuario, titulo, &deleted,
	    &text);
	if (e == E_OK)
		view_eliminadas(&c->view, deleted);
	if (e != E_OK)
		status = report_error(e, buf_bytes(&text), true);
	else if (deleted == 0)
		status = STATUS_NOTHING;
	buf_release(&text);
	return status;
}

/* How many tasks have that title. */
static enum err
count(struct client *c, struct slice titulo, size_t *n, struct buf *text)
{
	struct tareas_cliente server = client_server(c);
	struct lista l;
	enum err e =
	    tareas_cliente_listar(&server, slice_of(c->usuario), &l, text);

	*n = 0;
	if (e != E_OK)
		return e;
	for (size_t i = 0; i < l.count; i++)
		*n += slice_equal(l.tareas[i].titulo, titulo);
	lista_release(&l);
	return E_OK;
}

static bool
is_yes(struct slice answer)
{
	return answer.len > 0 &&
	    (answer.bytes[0] == 's' || answer.bytes[0] == 'S' ||
		answer.bytes[0] == 'y' || answer.bytes[0] == 'Y');
}

/* Without the menu: no history, and Ctrl-C ends the program as ever. */
static bool
read_answer(struct client *c, const char *question)
{
	struct input *in = input_new(c->loop, STDIN_FILENO);
	struct slice answer;
	bool yes;

	fputs(question, stdout);
	fflush(stdout);
	yes = input_line(in, &answer) && is_yes(answer);
	input_free(in);
	return yes;
}

/* Asks a person who is about to delete more than one task. */
static bool
is_sure(struct client *c, size_t n)
{
	struct slice answer;
	char *question;
	bool yes;

	if (asprintf(&question,
		ngettext("%zu task has this title. Delete it? [y/N] ",
		    "%zu tasks have this title. Delete them all? [y/N] ", n),
		n) < 0)
		abort();
	yes = c->prompt == NULL ?
	    read_answer(c, question) :
	    prompt_line(c->prompt, question, false, &answer) && is_yes(answer);
	free(question);
	return yes;
}

static int
delete_if_sure(struct client *c, struct slice titulo)
{
	struct buf text;
	size_t n;
	enum err e;
	int status;

	buf_init(&text);
	e = count(c, titulo, &n, &text);
	if (e != E_OK) {
		status = report_error(e, buf_bytes(&text), false);
	} else if (n > 1 && !is_sure(c, n)) {
		view_eliminadas(&c->view, 0);
		status = STATUS_NOTHING;
	} else {
		status = remove_titulo(c, titulo);
	}
	buf_release(&text);
	return status;
}

static int
delete_or_ask(struct client *c, struct slice titulo)
{
	bool person = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	const char *why = NULL;
	enum err e = tarea_check_titulo(titulo, &why);

	if (e != E_OK)
		return report_error(e, slice_of(why), true);
	if (person && !c->settings->yes && !c->settings->cast)
		return delete_if_sure(c, titulo);
	return remove_titulo(c, titulo);
}

static int
run(struct client *c, int argc, char *argv[])
{
	(void)argc;
	return delete_or_ask(c, slice_of(argv[0]));
}

static int
ask(struct client *c)
{
	struct slice line;
	char *titulo;
	int status = 0;

	if (!prompt_line(c->prompt, _("Title: "), true, &line))
		return 0;
	/* The question after it takes the line's place. */
	titulo = strndup((const char *)line.bytes, line.len);
	if (titulo == NULL)
		abort();
	if (client_wait_link(c, &status))
		status = delete_or_ask(c, slice_of(titulo));
	if (status != 0 && status != STATUS_NOTHING)
		client_show_typed(c, slice_of(titulo), slice_of(""));
	free(titulo);
	return status;
}

const struct command command_eliminar = {
	.key = "2",
	.name = "eliminar",
	.alias = "rm",
	.arguments = N_("[-y] TITLE"),
	.arguments_min = 1,
	.arguments_max = 1,
	.flags = COMMAND_CASTS | COMMAND_DELETES,
	.help = N_("delete all tasks of that title"),
	.label = N_("delete tasks by their title"),
	.run = run,
	.ask = ask,
};
