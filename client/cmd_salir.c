/* salir: ends the menu. */
#include "client/command.h"
#include "common/lang.h"

static int
ask(struct client *c)
{
	(void)c;
	return 0;
}

const struct command command_salir = {
	.key = "0",
	.name = "salir",
	.alias = "quit",
	.flags = COMMAND_LEAVES,
	.label = N_("leave"),
	.ask = ask,
};
