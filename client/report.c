#include "client/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cookie.h"
#include "common/lang.h"
#include "common/text.h"

/* The sentence of an error in the person's language, and what to do. */
static const char *
advice(enum err e, bool is_write)
{
	switch (e) {
	case E_TIMEOUT:
		return is_write ? _("no answer in time: whether it was done "
				    "is not known; list to see") :
				  _("no answer in time; try again");
	case E_NOCONNECTION:
		return is_write ? _("the link broke, and no answer came in "
				    "time: whether it was done is not known; "
				    "list to see") :
				  _("the link broke; try again");
	case E_UNREACHABLE:
		return _("there was no link to the server in time; nothing "
			 "was done");
	case E_DIED:
		return is_write ? _("the server's process ended: whether it "
				    "was done is not known; list to see") :
				  _("the server's process ended; try again");
	case E_OVERLOAD:
		return _("the server is too busy and did nothing; try again "
			 "later");
	case E_STORAGE:
		return _("the server cannot store it now; nothing was done");
	case E_NOPROC:
		return _("the server has no tasks process; is it another "
			 "program?");
	case E_UNDEF:
		return _("the server does not know this operation; is it "
			 "older than the client?");
	case E_MALFORMED:
		return is_write ? _("the server's answer makes no sense: "
				    "whether it was done is not known; list "
				    "to see") :
				  _("the server's answer makes no sense");
	case E_DENIED:
		return _("not allowed");
	default:
		return gettext(err_text(e));
	}
}

/* The server's own sentence says more where arguments are wrong. */
static bool
server_says_more(enum err e)
{
	return e == E_BADARG || e == E_TOOBIG || e == E_EXISTS;
}

/* What to say; the caller frees it. */
static char *
sentence(enum err e, struct slice text, bool is_write)
{
	char *clean = text_clean(text);
	bool theirs = server_says_more(e) && clean[0] != '\0';
	char *say = strdup(theirs ? gettext(clean) : advice(e, is_write));

	if (say == NULL)
		abort();
	free(clean);
	return say;
}

int
report_error(enum err e, struct slice text, bool is_write)
{
	char *say = sentence(e, text, is_write);

	fprintf(stderr, "tareas_client: %s\n", say);
	free(say);
	return err_exit_status(e);
}

void
report_line(uint64_t line, enum err e, struct slice text)
{
	char *say = sentence(e, text, true);

	fprintf(stderr, _("tareas_client: line %llu: %s\n"),
	    (unsigned long long)line, say);
	free(say);
}

void
report_lines(uint64_t count, uint64_t first, uint64_t last, enum err e)
{
	fprintf(stderr,
	    _("tareas_client: %llu of the lines %llu to %llu: %s\n"),
	    (unsigned long long)count, (unsigned long long)first,
	    (unsigned long long)last, advice(e, true));
}

/* What to do about it; the caller frees it. */
static char *
remedy(enum err e, const struct settings *s)
{
	char *path = cookie_path(s->cookie_file), *text = NULL;
	int n;

	if (e == E_DENIED)
		n = asprintf(&text,
		    _("; both need the same cookie, here in %s: copy the "
		      "server's, or choose another file with --cookie-file"),
		    path != NULL ? path : "-");
	else
		n = asprintf(&text, "%s",
		    e == E_UNREACHABLE ?
			_("; is tareas_server running there? --server "
			  "chooses another address") :
			"");
	if (n < 0)
		abort();
	free(path);
	return text;
}

char *
report_no_link_text(enum err e, const struct settings *s, const char *why)
{
	char server[ADDRESS_TEXT_BYTES];
	char *what = remedy(e, s), *text;

	if (asprintf(&text,
		_("Could not connect to the task server %s: %s%s\n"),
		address_format(&s->server, server), gettext(why), what) < 0)
		abort();
	free(what);
	return text;
}

int
report_no_link(enum err e, const struct settings *s, const char *why)
{
	char *text = report_no_link_text(e, s, why);

	fputs(text, stderr);
	free(text);
	return err_exit_status(e == E_NOCONNECTION ? E_UNREACHABLE : e);
}
