/* usuario: whose tasks, from now on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "common/lang.h"

static int
ask(struct client *c)
{
	const char *why = NULL;
	struct slice line;
	char *text;
	bool said;
	enum err e;

	if (asprintf(&text, _("User [%s]: "), c->usuario) < 0)
		abort();
	said = prompt_line(c->prompt, text, false, &line);
	free(text);
	if (!said || line.len == 0)
		return 0;
	e = tarea_check_usuario(line, &why);
	if (e != E_OK)
		return report_error(e, slice_of(why), false);
	memcpy(c->usuario, line.bytes, line.len);
	c->usuario[line.len] = '\0';
	e = conn_renew(c->node, c->conn, c->usuario, c->settings->timeout_ms,
	    &why);
	if (e != E_OK)
		return report_no_link(e, c->settings, why);
	printf(_("Now the tasks are those of %s\n"), c->usuario);
	return 0;
}

const struct command command_usuario = {
	.key = "5",
	.name = "usuario",
	.alias = "user",
	.label = N_("change the user"),
	.ask = ask,
};
