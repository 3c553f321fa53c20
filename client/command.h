/*
 * Commands: one file and one entry each. The menu, the command line and
 * --help all come from the table in command.c.
 */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "client/conn.h"
#include "client/prompt.h"
#include "client/report.h"
#include "client/settings.h"
#include "client/tareas_cliente.h"
#include "client/view.h"
#include "common/loop.h"

/* What a command works with; main owns all of it. */
struct client {
	const struct settings *settings;
	struct loop *loop;
	struct node *node;
	struct pid conn;
	struct cookie cookie; /* the link's */
	struct view view;
	struct prompt *prompt; /* the menu's; NULL on the command line */
	bool choosing; /* the menu's own line is being typed */
	const char *refusal; /* the one a person knows of; NULL: none */
	char usuario[LIMIT_USUARIO + 1];
};

enum command_flag {
	COMMAND_CASTS = 1, /* takes --cast */
	COMMAND_DELETES = 2, /* takes -y */
	COMMAND_OFFLINE = 4, /* needs no server */
	COMMAND_LEAVES = 8, /* ends the menu */
	COMMAND_TEXTS = 16, /* takes --textos */
	COMMAND_CHATS = 32, /* takes --decir and all that goes with it */
};

struct command {
	const char *key; /* in the menu; NULL: not there */
	const char *name;
	const char *alias; /* may be NULL */
	const char *arguments; /* as --help shows them; N_() */
	int arguments_min;
	int arguments_max;
	unsigned flags;
	const char *help; /* N_() */
	const char *label; /* its line in the menu; N_() */
	/*
	 * What is wrong with the arguments, if their number is right; N_().
	 * NULL: nothing. The function may be NULL.
	 */
	const char *(*check)(const struct settings *s, int argc, char *argv[]);
	/* From the command line; NULL: not there. Returns the exit status. */
	int (*run)(struct client *c, int argc, char *argv[]);
	/* From the menu: asks, does, says. Returns the exit status. */
	int (*ask)(struct client *c);
};

extern const struct command command_agregar, command_eliminar, command_listar,
    command_chat, command_usuario, command_salir, command_sys, command_ayuda;

/* All of them in the menu's order, ended by NULL. */
extern const struct command *const commands[];

/* By name or alias; NULL when there is none. */
const struct command *command_find(struct slice name);

/* By the menu's key, name or alias. */
const struct command *command_find_menu(struct slice word);

/* Says what --help says. */
void command_print_help(void);

/* Says on stderr how a command is used; returns STATUS_USAGE. */
int command_usage(const struct command *command, const char *what);

/*
 * The same for words too many, with the form that quotes them: what was
 * meant as one text came as several.
 */
int command_too_many(const struct command *command, int argc, char *argv[]);

/* The server as it is now, for tareas_cliente's functions. */
struct tareas_cliente client_server(const struct client *c);

/*
 * True while there is a link; else says on stderr that there is none and
 * sets *status.
 */
bool client_is_linked(const struct client *c, int *status);

/*
 * From the top level, before a write: the same, but while there is no link
 * says so and waits for one as long as for an answer.
 */
bool client_wait_link(const struct client *c, int *status);

/*
 * After a question whose answer came to nothing: shows a person the texts
 * again, so that they can be copied. text may be empty.
 */
void client_show_typed(const struct client *c, struct slice title,
    struct slice text);

#endif
