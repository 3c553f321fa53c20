/* ayuda: what there is. */
#include "client/command.h"
#include "common/lang.h"

static int
run(struct client *c, int argc, char *argv[])
{
	(void)c;
	(void)argc;
	(void)argv;
	command_print_help();
	return 0;
}

const struct command command_ayuda = {
	.name = "ayuda",
	.alias = "help",
	.arguments = "",
	.flags = COMMAND_OFFLINE,
	.help = N_("show this help"),
	.run = run,
};
