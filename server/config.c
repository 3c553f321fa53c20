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
	OPTION_DATA,
	OPTION_MEMORY,
	OPTION_BACKUP,
	OPTION_MIN_FREE,
	OPTION_CHAT_RATE,
	OPTION_SUPERVISED,
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
	{ "data", required_argument, NULL, OPTION_DATA },
	{ "memory", no_argument, NULL, OPTION_MEMORY },
	{ "backup", required_argument, NULL, OPTION_BACKUP },
	{ "min-free", required_argument, NULL, OPTION_MIN_FREE },
	{ "chat-rate", required_argument, NULL, OPTION_CHAT_RATE },
	{ "supervised", no_argument, NULL, OPTION_SUPERVISED },
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
	      "  --data DIRECTORY    where the tasks are kept (default: "
	      "$STATE_DIRECTORY,\n"
	      "                      $XDG_DATA_HOME/tareas or "
	      "~/.local/share/tareas)\n"
	      "  --memory            keep nothing: all ends with the server\n"
	      "  --backup FILE       copy the tasks to FILE, whether a server "
	      "runs or not\n"
	      "  --min-free MIB      refuse writes when the disk has less free "
	      "(default: 64)\n"
	      "  --chat-rate N:BURST chat messages a second and at once, for "
	      "each client\n"
	      "                      (default: 5:20; 0: no bound)\n"
	      "  --supervised        a parent process starts the server again "
	      "when it\n"
	      "                      dies, and keeps the port meanwhile\n"
	      "  --lang es|en        language of the messages\n"
	      "  --log-level LEVEL   error, warn, info or debug (default: "
	      "info)\n"
	      "  --help, --version\n"
	      "\n"
	      "Exit status: 0 ended in order, 64 usage, 65 database damaged, "
	      "newer or not\n"
	      "ours, 69 cannot listen, 70 its processes gave up, 71 no event "
	      "loop or\n"
	      "process, 73 cannot make a file, 74 database cannot be used, 75 "
	      "directory or\n"
	      "database in use, 77 cookie or access, 78 no home directory, 134 "
	      "a commit\n"
	      "failed.\n"));
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

	if (s.len == 0 || s.len > LIMIT_NODE_NAME || !utf8_is_text(s))
		return wrong("--name", value,
		    _("a name has 1 to 128 bytes of UTF-8 text"));
	c->name = value;
	return CONFIG_RUN;
}

static enum config_verdict
set_path(const char **path, const char *option, const char *value)
{
	if (*value == '\0')
		return wrong(option, value, _("it is empty"));
	*path = value;
	return CONFIG_RUN;
}

static enum config_verdict
set_min_free(struct config *c, const char *value)
{
	char *end;
	unsigned long mib = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != '\0' || mib > UINT32_MAX)
		return wrong("--min-free", value, _("a number of MiB"));
	c->free_min = (uint64_t)mib * 1024 * 1024;
	return CONFIG_RUN;
}

/* A number of at most 6 digits; what follows it, or NULL. */
static const char *
read_rate(const char *text, uint32_t *out)
{
	uint32_t n = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9' && at - text < 6; at++)
		n = n * 10 + (uint32_t)(*at - '0');
	*out = n;
	return at > text ? at : NULL;
}

static enum config_verdict
set_chat_rate(struct chat_rate *rate, const char *value)
{
	struct chat_rate r = { 0, 1 };
	const char *at = read_rate(value, &r.per_s);

	if (at != NULL && r.per_s > 0)
		at = *at == ':' ? read_rate(at + 1, &r.burst) : NULL;
	if (at == NULL || *at != '\0' || r.burst == 0)
		return wrong("--chat-rate", value,
		    _("messages a second and at once: 5:20, or 0"));
	*rate = r;
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
	case OPTION_DATA:
		return set_path(&c->data, "--data", optarg);
	case OPTION_BACKUP:
		return set_path(&c->backup, "--backup", optarg);
	case OPTION_MIN_FREE:
		return set_min_free(c, optarg);
	case OPTION_MEMORY:
		c->memory = true;
		return CONFIG_RUN;
	case OPTION_CHAT_RATE:
		return set_chat_rate(&c->chat_rate, optarg);
	case OPTION_SUPERVISED:
		c->supervised = true;
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

/* Options that contradict each other. */
static enum config_verdict
agree(const struct config *c)
{
	if (!c->memory || (c->data == NULL && c->backup == NULL))
		return CONFIG_RUN;
	fputs(_("tareas_server: --memory keeps nothing: it does not go with "
		"--data or --backup (see --help)\n"),
	    stderr);
	return CONFIG_USAGE;
}

enum config_verdict
config_read(struct config *c, int argc, char *argv[])
{
	int option;

	*c = (struct config){ .name = "servidor_tareas@localhost",
		.free_min = LIMIT_DISK_FREE,
		.chat_rate = { LIMIT_CHAT_PER_S, LIMIT_CHAT_BURST },
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
		return agree(c);
	fprintf(stderr,
	    _("tareas_server: it takes no argument %s (see --help)\n"),
	    argv[optind]);
	return CONFIG_USAGE;
}
