#include "client/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/text.h"

const struct command *const commands[] = {
	&command_agregar,
	&command_eliminar,
	&command_listar,
	&command_chat,
	&command_usuario,
	&command_salir,
	&command_sys,
	&command_ayuda,
	NULL,
};

static bool
is_called(const struct command *c, struct slice name)
{
	return slice_is(name, c->name) ||
	    (c->alias != NULL && slice_is(name, c->alias));
}

const struct command *
command_find(struct slice name)
{
	for (size_t i = 0; commands[i] != NULL; i++)
		if (commands[i]->run != NULL && is_called(commands[i], name))
			return commands[i];
	return NULL;
}

const struct command *
command_find_menu(struct slice word)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct command *c = commands[i];

		if (c->ask == NULL)
			continue;
		if (is_called(c, word) ||
		    (c->key != NULL && slice_is(word, c->key)))
			return c;
	}
	return NULL;
}

static void
print_commands(void)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		const struct command *c = commands[i];

		if (c->run == NULL)
			continue;
		printf("  %s", c->name);
		if (c->alias != NULL)
			printf(", %s", c->alias);
		if (c->arguments[0] != '\0')
			printf(" %s", _(c->arguments));
		printf("\n      %s\n", _(c->help));
	}
}

void
command_print_help(void)
{
	printf("%s\n",
	    _("Usage: tareas_client [OPTION]... [COMMAND [ARGUMENT...]]\n"
	      "Adds, deletes and lists tasks on a task server; without "
	      "COMMAND, a menu."));
	print_commands();
	printf("\n%s",
	    _("  -s, --server ADDRESS  host, host:port or [v6]:port\n"
	      "                        (default: localhost:18800; or "
	      "TAREAS_SERVER)\n"
	      "  -u, --user USER       whose tasks (default: the login; or "
	      "TAREAS_USER)\n"
	      "  --cookie-file FILE    the server's secret (default: "
	      "~/.tareas.cookie;\n"
	      "                        or TAREAS_COOKIE_FILE)\n"
	      "  --timeout MS          how long to wait for an answer "
	      "(default: 5000)\n"
	      "  --cast                agregar, eliminar: send without "
	      "waiting\n"
	      "  -y, --yes             eliminar: do not ask\n"
	      "  --textos              sys estado: people's texts too\n"
	      "  --say, --decir TEXT   chat: say it and leave; -: each line "
	      "of stdin\n"
	      "  --follow, --seguir    chat: print what is said\n"
	      "  --count, --cuenta N   --follow: until N messages\n"
	      "  --seconds, --plazo S  --follow: for S seconds at most\n"
	      "  --create, --crear     chat: make the room if there is none\n"
	      "  --json                print JSON\n"
	      "  --color WHEN          auto, always or never\n"
	      "  --lang es|en          language of the messages\n"
	      "  --help, --version\n"
	      "  --                    ends the options: agregar -- -5kg\n"
	      "\n"
	      "Exit status: 0 done, 1 nothing to delete or no such room, 64 "
	      "usage,\n"
	      "65 bad data, 69 no server, 71 no event loop, 74 output not "
	      "written,\n"
	      "75 not now or not known, 76 protocol, 77 cookie.\n"));
}

int
command_usage(const struct command *command, const char *what)
{
	const char *arguments = command->arguments;

	fprintf(stderr, _("tareas_client: %s; usage: tareas_client %s"), what,
	    command->name);
	if (arguments[0] != '\0')
		fprintf(stderr, " %s", _(arguments));
	fputs("\n", stderr);
	return STATUS_USAGE;
}

int
command_too_many(const struct command *command, int argc, char *argv[])
{
	struct buf words;
	char *shorter;

	buf_init(&words);
	for (int i = 0; i < argc; i++) {
		if (i > 0)
			buf_add(&words, slice_of(" "));
		buf_add(&words, slice_of(argv[i]));
	}
	shorter = view_short(buf_bytes(&words));
	fprintf(stderr,
	    _("tareas_client: too many words; quote what belongs together: "
	      "tareas_client %s '%s'\n"),
	    command->name, shorter);
	free(shorter);
	buf_release(&words);
	return STATUS_USAGE;
}

struct tareas_cliente
client_server(const struct client *c)
{
	return (struct tareas_cliente){
		.node = c->node,
		.conn = c->conn,
		.timeout_ms = c->settings->timeout_ms,
	};
}

bool
client_is_linked(const struct client *c, int *status)
{
	if (conn_is_up(c->node, c->conn))
		return true;
	fputs(_("There is no link to the server now; it is being tried "
		"again. Nothing was done.\n"),
	    stderr);
	*status = err_exit_status(E_UNREACHABLE);
	return false;
}

bool
client_wait_link(const struct client *c, int *status)
{
	if (conn_is_up(c->node, c->conn))
		return true;
	fputs(_("waiting for the server...\n"), stderr);
	conn_wait_up(c->node, c->conn, c->settings->timeout_ms);
	return client_is_linked(c, status);
}

void
client_show_typed(const struct client *c, struct slice title, struct slice text)
{
	char *clean, *more;

	if (!prompt_is_terminal(c->prompt))
		return;
	clean = text_clean(title);
	more = text_clean(text);
	fprintf(stderr, _("You wrote: «%s»"), clean);
	if (text.len > 0)
		fprintf(stderr, " - %s", more);
	fputs("\n", stderr);
	free(clean);
	free(more);
}
