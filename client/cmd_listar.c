/* listar: the user's tasks, newest first. */
#include "client/command.h"
#include "common/lang.h"

static int
list(struct client *c)
{
	struct tareas_cliente server = client_server(c);
	struct lista l;
	struct buf text;
	int status = 0;
	enum err e;

	buf_init(&text);
	e = tareas_cliente_listar(&server, slice_of(c->usuario), &l, &text);
	if (e == E_OK) {
		view_lista(&c->view, &l);
		lista_release(&l);
	} else {
		status = report_error(e, buf_bytes(&text), false);
	}
	buf_release(&text);
	return status;
}

static int
run(struct client *c, int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	return list(c);
}

static int
ask(struct client *c)
{
	int status = 0;

	return client_is_linked(c, &status) ? list(c) : status;
}

const struct command command_listar = {
	.key = "3",
	.name = "listar",
	.alias = "ls",
	.arguments = "",
	.help = N_("list the tasks, newest first"),
	.label = N_("list my tasks"),
	.run = run,
	.ask = ask,
};
