#include "client/menu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/text.h"

/* Who and where, as the prompt says it. */
struct who {
	char text[LIMIT_USUARIO + LIMIT_NODE_NAME + 32];
};

/* ana@servidor_tareas> , or (no link)> */
static struct who
who_text(const struct client *c)
{
	char node[LIMIT_NODE_NAME + 1];
	struct who w;

	text_clean_into(node, sizeof(node),
	    slice_of(conn_node(c->node, c->conn)));
	node[strcspn(node, "@")] = '\0';
	if (conn_is_up(c->node, c->conn))
		snprintf(w.text, sizeof(w.text), "%s@%s> ", c->usuario, node);
	else
		snprintf(w.text, sizeof(w.text), "%s> ", _("(no link)"));
	return w;
}

/* What trying again does not mend by itself, a person has to know: once. */
static void
tell_refusal(struct client *c)
{
	const char *why = NULL;
	char *text;
	enum err e = conn_failure(c->node, c->conn, &why);

	if (e == E_OK)
		c->refusal = NULL;
	if (e == E_OK || e == E_UNREACHABLE || e == E_NOCONNECTION ||
	    e == E_TIMEOUT ||
	    (c->refusal != NULL && strcmp(c->refusal, why) == 0))
		return;
	c->refusal = why;
	text = report_no_link_text(e, c->settings, why);
	prompt_print(c->prompt, text);
	free(text);
}

void
menu_link_changed(void *arg)
{
	struct client *c = arg;

	if (c->prompt == NULL || !prompt_is_terminal(c->prompt))
		return;
	/* A first try that fails ends it: whoever starts it says so. */
	if (c->conn.id == 0 || conn_node(c->node, c->conn)[0] == '\0')
		return;
	tell_refusal(c);
	if (c->choosing)
		prompt_change(c->prompt, who_text(c).text);
}

static void
show(void)
{
	putchar('\n');
	for (size_t i = 0; commands[i] != NULL; i++)
		if (commands[i]->key != NULL)
			printf("  %s  %-10s%s\n", commands[i]->key,
			    commands[i]->name, _(commands[i]->label));
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && (s.bytes[0] == ' ' || s.bytes[0] == '\t')) {
		s.bytes++;
		s.len--;
	}
	while (s.len > 0 &&
	    (s.bytes[s.len - 1] == ' ' || s.bytes[s.len - 1] == '\t' ||
		s.bytes[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static void
say_unknown(struct slice word)
{
	char *quoted = view_short_quoted(word);

	fprintf(stderr, _("%s is not in the menu\n"), quoted);
	free(quoted);
}

/* The first thing that goes wrong decides the exit status. */
static void
note(int *first, int status)
{
	if (*first == 0)
		*first = status;
}

/* Asks for a command. NULL at the end of input; an empty line asks again. */
static const struct command *
choose(struct client *c, int *first)
{
	const struct command *found = NULL;
	struct slice word;

	while (found == NULL) {
		bool said;

		c->choosing = true;
		said = prompt_line(c->prompt, who_text(c).text, true, &word);
		c->choosing = false;
		if (!said)
			return NULL;
		word = trim(word);
		found = command_find_menu(word);
		if (found == NULL && word.len > 0) {
			say_unknown(word);
			note(first, STATUS_USAGE);
		}
	}
	return found;
}

int
menu_run(struct client *c)
{
	bool person = prompt_is_terminal(c->prompt);
	const struct command *command;
	int first = 0;

	puts(_("Connected to the task server"));
	for (;;) {
		if (person)
			show();
		command = choose(c, &first);
		if (command == NULL || (command->flags & COMMAND_LEAVES))
			break;
		note(&first, command->ask(c));
		fflush(stdout);
	}
	return person ? 0 : first;
}
