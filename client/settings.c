#include "client/settings.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/view.h"
#include "common/lang.h"
#include "common/version.h"
#include "proto/limits.h"

#define OPTION_LETTERS ":s:u:y"

enum {
	OPTION_COOKIE_FILE = 256,
	OPTION_TIMEOUT,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_CAST,
	OPTION_TEXTOS,
	OPTION_DECIR,
	OPTION_SEGUIR,
	OPTION_CREAR,
	OPTION_CUENTA,
	OPTION_PLAZO,
	OPTION_LANG,
	OPTION_HELP,
	OPTION_VERSION,
	TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000,
	COUNT_MAX = 1000 * 1000 * 1000,
};

static const struct option options[] = {
	{ "server", required_argument, NULL, 's' },
	{ "user", required_argument, NULL, 'u' },
	{ "yes", no_argument, NULL, 'y' },
	{ "cookie-file", required_argument, NULL, OPTION_COOKIE_FILE },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "color", required_argument, NULL, OPTION_COLOR },
	{ "cast", no_argument, NULL, OPTION_CAST },
	{ "textos", no_argument, NULL, OPTION_TEXTOS },
	{ "decir", required_argument, NULL, OPTION_DECIR },
	{ "say", required_argument, NULL, OPTION_DECIR },
	{ "seguir", no_argument, NULL, OPTION_SEGUIR },
	{ "follow", no_argument, NULL, OPTION_SEGUIR },
	{ "crear", no_argument, NULL, OPTION_CREAR },
	{ "create", no_argument, NULL, OPTION_CREAR },
	{ "cuenta", required_argument, NULL, OPTION_CUENTA },
	{ "count", required_argument, NULL, OPTION_CUENTA },
	{ "plazo", required_argument, NULL, OPTION_PLAZO },
	{ "seconds", required_argument, NULL, OPTION_PLAZO },
	{ "lang", required_argument, NULL, OPTION_LANG },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static enum settings_verdict
wrong(const char *option, const char *value, const char *wants)
{
	char *shorter = view_short(slice_of(value));

	fprintf(stderr, _("tareas_client: %s %s: %s (see --help)\n"), option,
	    shorter, wants);
	free(shorter);
	return SETTINGS_USAGE;
}

static enum settings_verdict
set_server(struct settings *s, const char *option, const char *value)
{
	if (address_parse(value, &s->server) == E_OK)
		return SETTINGS_RUN;
	return wrong(option, value,
	    _("not an address: host, host:port or [v6]:port"));
}

/* A number from 1 to max. */
static bool
read_number(const char *value, unsigned long max, uint64_t *out)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || value[0] < '0' || value[0] > '9' ||
	    n == 0 || n > max)
		return false;
	*out = n;
	return true;
}

static enum settings_verdict
set_timeout(struct settings *s, const char *value)
{
	return read_number(value, TIMEOUT_MS_MAX, &s->timeout_ms) ?
	    SETTINGS_RUN :
	    wrong("--timeout", value, _("milliseconds, from 1 on"));
}

static enum settings_verdict
set_count(struct settings *s, const char *value)
{
	return read_number(value, COUNT_MAX, &s->count) ?
	    SETTINGS_RUN :
	    wrong(_("--count"), value, _("a number, from 1 on"));
}

static enum settings_verdict
set_plazo(struct settings *s, const char *value)
{
	if (!read_number(value, TIMEOUT_MS_MAX / 1000, &s->follow_ms))
		return wrong(_("--seconds"), value, _("seconds, from 1 on"));
	s->follow_ms *= 1000;
	return SETTINGS_RUN;
}

static enum settings_verdict
set_color(struct settings *s, const char *value)
{
	static const char *const names[] = { [COLOR_AUTO] = "auto",
		[COLOR_ALWAYS] = "always",
		[COLOR_NEVER] = "never" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(value, names[i]) == 0) {
			s->color = (enum color_mode)i;
			return SETTINGS_RUN;
		}
	return wrong("--color", value, _("auto, always or never"));
}

static enum settings_verdict
take_option(struct settings *s, int option)
{
	/* flat table */
	enum lang lang;

	switch (option) {
	case 's':
		return set_server(s, "--server", optarg);
	case 'u':
		s->user = optarg;
		return SETTINGS_RUN;
	case 'y':
		s->yes = true;
		return SETTINGS_RUN;
	case OPTION_COOKIE_FILE:
		s->cookie_file = optarg;
		return SETTINGS_RUN;
	case OPTION_TIMEOUT:
		return set_timeout(s, optarg);
	case OPTION_JSON:
		s->json = true;
		return SETTINGS_RUN;
	case OPTION_COLOR:
		return set_color(s, optarg);
	case OPTION_CAST:
		s->cast = true;
		return SETTINGS_RUN;
	case OPTION_TEXTOS:
		s->texts = true;
		return SETTINGS_RUN;
	case OPTION_DECIR:
		s->say = optarg;
		return SETTINGS_RUN;
	case OPTION_SEGUIR:
		s->follow = true;
		return SETTINGS_RUN;
	case OPTION_CREAR:
		s->create = true;
		return SETTINGS_RUN;
	case OPTION_CUENTA:
		return set_count(s, optarg);
	case OPTION_PLAZO:
		return set_plazo(s, optarg);
	case OPTION_LANG: /* main has looked at it already */
		return lang_parse(optarg, &lang) == E_OK ?
		    SETTINGS_RUN :
		    wrong("--lang", optarg, _("es or en"));
	case OPTION_HELP:
		return SETTINGS_HELP;
	case OPTION_VERSION:
		printf("tareas_client %s\n", TAREAS_VERSION);
		return SETTINGS_SHOWN;
	default:
		return SETTINGS_USAGE;
	}
}

/* What getopt would have said, in the language of the rest. */
static enum settings_verdict
bad_option(int found, char *argv[])
{
	char letter[] = { '-', (char)optopt, '\0' };
	bool unknown_letter = optopt > 0 && optopt < 256 &&
	    strchr(OPTION_LETTERS, optopt) == NULL;
	const char *option = unknown_letter ? letter : argv[optind - 1];

	fprintf(stderr,
	    found == ':' ? _("tareas_client: %s needs a value (see --help)\n") :
			   _("tareas_client: unknown option %s "
			     "(see --help)\n"),
	    option);
	return SETTINGS_USAGE;
}

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

enum settings_verdict
settings_read(struct settings *s, int argc, char *argv[])
{
	const char *server = environment("TAREAS_SERVER");
	enum settings_verdict v = SETTINGS_RUN;
	int option;

	*s = (struct settings){
		.server = { .host = "localhost", .port = ADDRESS_PORT },
		.user = environment("TAREAS_USER"),
		.timeout_ms = LIMIT_CALL_MS,
	};
	if (server != NULL)
		v = set_server(s, "TAREAS_SERVER", server);
	opterr = 0;
	while (v == SETTINGS_RUN &&
	    (option = getopt_long(argc, argv, OPTION_LETTERS, options, NULL)) !=
		-1)
		v = option == '?' || option == ':' ? bad_option(option, argv) :
						     take_option(s, option);
	s->argc = argc - optind;
	s->argv = argv + optind;
	return v;
}

bool
settings_talk(const struct settings *s)
{
	return s->say != NULL || s->follow || s->create || s->count != 0 ||
	    s->follow_ms != 0;
}
