#include "server/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/lang.h"
#include "common/version.h"
#include "proto/limits.h"
#include "proto/utf8.h"

enum {
	OPTION_LISTEN = 256,
	OPTION_PORT_FILE,
	OPTION_NAME,
	OPTION_COOKIE_FILE,
	OPTION_MEMORY,
	OPTION_LANG,
	OPTION_LOG_LEVEL,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "port-file", required_argument, NULL, OPTION_PORT_FILE },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "cookie-file", required_argument, NULL, OPTION_COOKIE_FILE },
	{ "memory", no_argument, NULL, OPTION_MEMORY },
	{ "lang", required_argument, NULL, OPTION_LANG },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void
print_help(void)
{
	printf("%s",
	    _("Usage: tareas_server [OPTION]...\n"
	      "The task server: keeps each user's tasks, for clients over "
	      "TCP.\n"
	      "\n"
	      "  --listen ADDRESS    host, host:port or [v6]:port; may be "
	      "given "
	      "again\n"
	      "                      (default: 127.0.0.1 and ::1, port 18800;\n"
	      "                      port 0 takes a free one)\n"
	      "  --port-file FILE    write the port there when ready, a line "
	      "for each\n"
	      "                      --listen\n"
	      "  --name NODE         this node's name (default: "
	      "servidor_tareas@localhost)\n"
	      "  --cookie-file FILE  the secret that clients must know\n"
	      "                      (default: ~/.tareas.cookie; made when "
	      "missing)\n"
	      "  --memory            keep the tasks in memory only\n"
	      "  --lang es|en        language of the messages\n"
	      "  --log-level LEVEL   error, warn, info or debug (default: "
	      "info)\n"
	      "  --help, --version\n"));
}

static enum config_verdict
wrong(const char *option, const char *value, const char *wants)
{
	fprintf(stderr, _("tareas_server: %s %s: %s (see --help)\n"), option,
	    value, wants);
	return CONFIG_USAGE;
}

static enum config_verdict
add_listen(struct config *c, const char *value)
{
	if (c->listen_count == CONFIG_LISTEN_MAX)
		return wrong("--listen", value, _("too many addresses"));
	if (address_parse(value, &c->listen[c->listen_count]) != E_OK)
		return wrong("--listen", value,
		    _("not an address: host, host:port or [v6]:port"));
	c->listen_count++;
	return CONFIG_RUN;
}

static enum config_verdict
set_name(struct config *c, const char *value)
{
	struct slice s = slice_of(value);

	if (s.len == 0 || s.len > LIMIT_NODE_NAME || !utf8_valid(s) ||
	    utf8_has_control(s))
		return wrong("--name", value,
		    _("a name has 1 to 128 bytes of UTF-8 text"));
	c->name = value;
	return CONFIG_RUN;
}

static enum config_verdict
take_option(struct config *c, int option)
{
	enum lang lang;

	switch (option) {
	case OPTION_LISTEN:
		return add_listen(c, optarg);
	case OPTION_PORT_FILE:
		c->port_file = optarg;
		return CONFIG_RUN;
	case OPTION_NAME:
		return set_name(c, optarg);
	case OPTION_COOKIE_FILE:
		c->cookie_file = optarg;
		return CONFIG_RUN;
	case OPTION_MEMORY:
		c->memory = true;
		return CONFIG_RUN;
	case OPTION_LANG: /* main has looked at it already */
		return lang_parse(optarg, &lang) == E_OK ?
		    CONFIG_RUN :
		    wrong("--lang", optarg, _("es or en"));
	case OPTION_LOG_LEVEL:
		return log_level_parse(optarg, &c->log_level) == E_OK ?
		    CONFIG_RUN :
		    wrong("--log-level", optarg,
			_("error, warn, info or debug"));
	case OPTION_HELP:
		print_help();
		return CONFIG_SHOWN;
	case OPTION_VERSION:
		printf("tareas_server %s\n", TAREAS_VERSION);
		return CONFIG_SHOWN;
	default:
		return CONFIG_USAGE;
	}
}

/* What getopt would have said, in the language of the rest. */
static enum config_verdict
bad_option(int found, char *argv[])
{
	char letter[] = { '-', (char)optopt, '\0' };
	bool is_letter = optopt > 0 && optopt < 256;

	fprintf(stderr,
	    found == ':' ? _("tareas_server: %s needs a value (see --help)\n") :
			   _("tareas_server: unknown option %s "
			     "(see --help)\n"),
	    is_letter ? letter : argv[optind - 1]);
	return CONFIG_USAGE;
}

enum config_verdict
config_read(struct config *c, int argc, char *argv[])
{
	int option;

	*c = (struct config){ .name = "servidor_tareas@localhost",
		.log_level = LOG_INFO };
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		enum config_verdict v = option == '?' || option == ':' ?
		    bad_option(option, argv) :
		    take_option(c, option);

		if (v != CONFIG_RUN)
			return v;
	}
	if (optind == argc)
		return CONFIG_RUN;
	fprintf(stderr,
	    _("tareas_server: it takes no argument %s (see --help)\n"),
	    argv[optind]);
	return CONFIG_USAGE;
}
