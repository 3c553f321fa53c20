/*
 * tareas_client: one command, or the menu, on a node of its own.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/command.h"
#include "client/menu.h"
#include "common/cookie.h"
#include "common/lang.h"
#include "common/loop.h"

enum {
	STATUS_OSERR = 71,
	STATUS_IOERR = 74,
	STATUS_NOPERM = 77,
	CLOSE_MS = 2000, /* for what is unsent at the end */
};

/* -- who -- */

struct login {
	char text[LIMIT_USUARIO + 1];
};

/* The login name of this user, or $USER where nobody has listed it. */
static struct login
find_login(void)
{
	struct passwd pw, *found = NULL;
	const char *user = getenv("USER");
	char strings[1024];
	struct login login;

	if (getpwuid_r(getuid(), &pw, strings, sizeof(strings), &found) == 0 &&
	    found != NULL)
		user = pw.pw_name;
	snprintf(login.text, sizeof(login.text), "%s",
	    user != NULL && user[0] != '\0' ? user : "usuario");
	return login;
}

static int
set_usuario(struct client *c, struct slice usuario)
{
	const char *why = NULL;
	enum err e = tarea_check_usuario(usuario, &why);

	if (e != E_OK)
		return report_error(e, slice_of(why), false);
	memcpy(c->usuario, usuario.bytes, usuario.len);
	c->usuario[usuario.len] = '\0';
	return 0;
}

/* The user of the settings; else a person is asked; else the login. */
static int
find_usuario(struct client *c)
{
	struct login login = find_login();
	struct slice said;
	char *text;
	int status;

	if (c->settings->user != NULL)
		return set_usuario(c, slice_of(c->settings->user));
	if (c->prompt == NULL || !prompt_is_terminal(c->prompt))
		return set_usuario(c, slice_of(login.text));
	if (asprintf(&text, _("User [%s]: "), login.text) < 0)
		abort();
	do {
		status = 0;
		if (!prompt_line(c->prompt, text, false, &said))
			break;
		status =
		    set_usuario(c, said.len > 0 ? said : slice_of(login.text));
	} while (status != 0);
	free(text);
	return status;
}

/* The machine to copy a cookie from; NULL when it would be this one. */
static const char *
other_machine(const struct address *server)
{
	const char *host = server->host;
	bool here = strcmp(host, "localhost") == 0 ||
	    strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;

	return here ? NULL : host;
}

static int
get_cookie(const struct settings *s, struct cookie *cookie)
{
	char *path = cookie_path(s->cookie_file);
	struct cookie_fault fault;
	char *text;
	int status = 0;

	if (path == NULL) {
		fputs(_("tareas_client: no home directory: say where the "
			"cookie is with --cookie-file\n"),
		    stderr);
		return STATUS_NOPERM;
	}
	if (cookie_read(path, cookie, &fault) != COOKIE_OK) {
		text = cookie_explain_client(&fault, path,
		    other_machine(&s->server));
		fprintf(stderr, "tareas_client: %s\n", text);
		free(text);
		status = STATUS_NOPERM;
	}
	free(path);
	return status;
}

/* -- what -- */

/* The command of the arguments; NULL: the menu. False: usage. */
static bool
find_command(const struct settings *s, const struct command **out)
{
	char *word;

	*out = NULL;
	if (s->argc == 0)
		return true;
	*out = command_find(slice_of(s->argv[0]));
	if (*out != NULL)
		return true;
	word = view_short(slice_of(s->argv[0]));
	fprintf(stderr,
	    _("tareas_client: there is no command %s; see --help\n"), word);
	free(word);
	return false;
}

static int
check_usage(const struct settings *s, const struct command *command)
{
	const char *why = NULL;
	int n = s->argc - 1;

	if (command == NULL)
		return 0;
	if (n > command->arguments_max && command->arguments_max > 0)
		return command_too_many(command, s->argc - 1, s->argv + 1);
	if (n > command->arguments_max)
		return command_usage(command, _("it takes no arguments"));
	if (n < command->arguments_min)
		return command_usage(command, _("an argument is missing"));
	if (s->cast && !(command->flags & COMMAND_CASTS))
		return command_usage(command, _("it does not take --cast"));
	if (s->yes && !(command->flags & COMMAND_DELETES))
		return command_usage(command, _("it does not take -y"));
	if (s->texts && !(command->flags & COMMAND_TEXTS))
		return command_usage(command, _("it does not take --textos"));
	if (settings_talk(s) && !(command->flags & COMMAND_CHATS))
		return command_usage(command,
		    _("it does not take the options of chat"));
	if (command->check != NULL)
		why = command->check(s, n, s->argv + 1);
	return why != NULL ? command_usage(command, _(why)) : 0;
}

/* -- how -- */

static int
run_linked(struct client *c, const struct command *command)
{
	const struct settings *s = c->settings;
	const char *why = NULL;
	enum err e = conn_wait(c->node, c->conn, s->timeout_ms, &why);

	if (e != E_OK)
		return report_no_link(e, s, why);
	if (command == NULL)
		return menu_run(c);
	return command->run(c, s->argc - 1, s->argv + 1);
}

/* The server may have a new one by now, and its file be here. */
static bool
read_cookie_again(void *arg)
{
	struct client *c = arg;
	char *path = cookie_path(c->settings->cookie_file);
	struct cookie_fault fault;
	struct cookie fresh;
	bool other = false;

	if (cookie_read(path, &fresh, &fault) == COOKIE_OK) {
		other = !slice_equal(cookie_bytes(&fresh),
		    cookie_bytes(&c->cookie));
		c->cookie = fresh;
		cookie_clear(&fresh);
	}
	free(path);
	return other;
}

static int
run_on_node(struct client *c, const struct command *command)
{
	struct conn_config config = { .server = &c->settings->server,
		.cookie = &c->cookie,
		.user = c->usuario,
		.again = true,
		.changed = menu_link_changed,
		.refused = read_cookie_again,
		.arg = c };
	int status;

	c->conn = conn_start(c->node, &config);
	status = run_linked(c, command);
	conn_close(c->node, c->conn, CLOSE_MS);
	return status;
}

static struct node *
make_node(struct loop *loop)
{
	char name[LIMIT_NODE_NAME + 1], host[LIMIT_NODE_NAME / 2];

	if (gethostname(host, sizeof(host)) < 0)
		strcpy(host, "localhost");
	host[sizeof(host) - 1] = '\0';
	snprintf(name, sizeof(name), "cliente_%ld@%s", (long)getpid(), host);
	return node_new(loop_world(loop), slice_of(name), NULL);
}

static int
run(struct loop *loop, const struct settings *s, const struct command *command)
{
	struct client c = { .settings = s, .loop = loop };
	int status = get_cookie(s, &c.cookie);

	/* Nobody is asked for a name that could not be used. */
	if (status != 0)
		return status;
	view_init(&c.view, s);
	c.view.menu = command == NULL;
	if (command == NULL)
		c.prompt = prompt_new(loop);
	status = find_usuario(&c);
	if (status == 0 && c.usuario[0] != '\0') {
		c.node = make_node(loop);
		status = run_on_node(&c, command);
		node_free(c.node);
	}
	if (c.prompt != NULL)
		prompt_free(c.prompt);
	cookie_clear(&c.cookie);
	return status;
}

/* What could not be written was not done. */
static int
flush_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fputs(_("tareas_client: the output could not be written\n"), stderr);
	return status != 0 ? status : STATUS_IOERR;
}

int
main(int argc, char *argv[])
{
	const struct command *command;
	struct settings s;
	struct loop *loop;
	int status;

	lang_start(lang_from_args(argc, argv), argv[0]);
	/* Whole lines, in order with those of stderr. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	switch (settings_read(&s, argc, argv)) {
	case SETTINGS_HELP:
		command_print_help();
		return flush_output(EXIT_SUCCESS);
	case SETTINGS_SHOWN:
		return flush_output(EXIT_SUCCESS);
	case SETTINGS_USAGE:
		return STATUS_USAGE;
	case SETTINGS_RUN:
		break;
	}
	if (!find_command(&s, &command) || check_usage(&s, command) != 0)
		return STATUS_USAGE;
	if (command != NULL && (command->flags & COMMAND_OFFLINE))
		return flush_output(command->run(NULL, 0, NULL));
	loop = loop_new(LOOP_FILES);
	if (loop == NULL) {
		fputs(_("tareas_client: the machine gives no event loop\n"),
		    stderr);
		return STATUS_OSERR;
	}
	status = flush_output(run(loop, &s, command));
	loop_free(loop);
	return status;
}
