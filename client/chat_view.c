#include "client/chat_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "client/report.h"
#include "common/lang.h"
#include "common/text.h"

#define BELL "\a"
#define BOLD "\033[1m"
#define FAINT "\033[2m"
#define REVERSE "\033[7m"
#define PLAIN "\033[0m"

/* -- people -- */

/* Always the same for one person, whoever looks. */
static const char *
color_of(struct slice user)
{
	static const char *const colors[] = { "\033[32m", "\033[33m",
		"\033[34m", "\033[35m", "\033[36m", "\033[91m", "\033[92m",
		"\033[94m", "\033[95m", "\033[96m" };
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < user.len; i++)
		hash = (hash ^ user.bytes[i]) * 16777619u;
	return colors[hash % (sizeof(colors) / sizeof(colors[0]))];
}

static void
put_user(const struct view *v, const char *me, struct slice user, FILE *out)
{
	char *clean = text_clean(user);

	if (v->color)
		fprintf(out, "%s%s%s" PLAIN, slice_is(user, me) ? BOLD : "",
		    color_of(user), clean);
	else
		fputs(clean, out);
	free(clean);
}

/* A letter or digit, or a part of a character beyond ASCII. */
static bool
is_word(char c)
{
	return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') ||
	    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Where text has name as a word of its own; NULL: nowhere. */
static const char *
find_name(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at = text;

	while (len > 0 && (at = strstr(at, name)) != NULL) {
		if ((at == text || !is_word(at[-1])) && !is_word(at[len]))
			return at;
		at++;
	}
	return NULL;
}

/* The text, with the reader's own name made visible. */
static void
put_text(const struct view *v, const char *me, const char *text, FILE *out)
{
	const char *at;

	while (v->color && (at = find_name(text, me)) != NULL) {
		fprintf(out, "%.*s" REVERSE "%s" PLAIN, (int)(at - text), text,
		    me);
		text = at + strlen(me);
	}
	fputs(text, out);
}

/* -- time -- */

static bool
is_same_day(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_yday == b->tm_yday;
}

/* In local time; with the day, unless that is today. ms 0: now. */
static void
put_time(const struct view *v, uint64_t ms, FILE *out)
{
	time_t now = time(NULL), then = ms != 0 ? (time_t)(ms / 1000) : now;
	struct tm today, tm;
	char text[64];

	if (!v->terminal || localtime_r(&then, &tm) == NULL ||
	    localtime_r(&now, &today) == NULL)
		return;
	strftime(text, sizeof(text),
	    is_same_day(&tm, &today) ? "%H:%M" : "%Y-%m-%d %H:%M", &tm);
	if (v->color)
		fprintf(out, FAINT "%s" PLAIN " ", text);
	else
		fprintf(out, "%s ", text);
}

/* -- lines -- */

static void
put_said(const struct view *v, const char *me, const struct chat_event *e,
    FILE *out)
{
	char *room = text_clean(e->room), *text = text_clean(e->text);

	put_time(v, e->at_ms, out);
	fprintf(out, "[%s] ", room);
	put_user(v, me, e->user, out);
	fputs(": ", out);
	put_text(v, me, text, out);
	if (v->terminal && !e->mine && !e->old && find_name(text, me) != NULL)
		fputs(BELL, out);
	free(room);
	free(text);
}

/* A sentence about somebody and a room, or a room alone. */
static void
put_move(const struct view *v, const struct chat_event *e, const char *format,
    FILE *out)
{
	char *user = text_clean(e->user), *room = text_clean(e->room);

	put_time(v, 0, out);
	if (v->color)
		fputs(FAINT, out);
	fprintf(out, format, user, room);
	if (v->color)
		fputs(PLAIN, out);
	free(user);
	free(room);
}

static void
put_closed(const struct view *v, const struct chat_event *e, FILE *out)
{
	char *room = text_clean(e->room);

	put_time(v, 0, out);
	fprintf(out, _("The room %s was closed"), room);
	free(room);
}

static void
put_failure(const struct chat_event *e, FILE *out)
{
	char *text = chat_view_failure(e);

	fputs(text, out);
	free(text);
}

static void
put_line(const struct view *v, const char *me, const struct chat_event *e,
    FILE *out)
{
	switch (e->kind) {
	case CHAT_SAID:
	case CHAT_ACCEPTED:
		put_said(v, me, e, out);
		break;
	case CHAT_JOINED:
		put_move(v, e, _("%s joined %s"), out);
		break;
	case CHAT_LEFT:
		put_move(v, e, _("%s left %s"), out);
		break;
	case CHAT_GONE:
		put_move(v, e, _("%s disconnected from %s"), out);
		break;
	case CHAT_CLOSED:
		put_closed(v, e, out);
		break;
	case CHAT_FAILED:
		put_failure(e, out);
		break;
	case CHAT_LINK:
		break;
	}
}

/* -- JSON -- */

static const char *
json_kind(enum chat_kind kind)
{
	switch (kind) {
	case CHAT_JOINED:
		return "entra";
	case CHAT_LEFT:
		return "sale";
	case CHAT_GONE:
		return "se_desconecta";
	case CHAT_CLOSED:
		return "se_cierra";
	default:
		return "mensaje";
	}
}

static void
set_text(json_t *o, const char *key, struct slice s)
{
	json_object_set_new(o, key, json_stringn((const char *)s.bytes, s.len));
}

static void
set_number(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

static void
put_json(const struct view *v, const struct chat_event *e, FILE *out)
{
	json_t *o = json_object();

	json_object_set_new(o, "tipo", json_string(json_kind(e->kind)));
	set_text(o, "sala", e->room);
	if (e->kind == CHAT_SAID || e->kind == CHAT_ACCEPTED)
		set_number(o, "n", e->n);
	if (e->kind == CHAT_SAID)
		set_number(o, "utc_ms", e->at_ms);
	if (e->kind != CHAT_CLOSED)
		set_text(o, "usuario", e->user);
	if (e->kind == CHAT_SAID || e->kind == CHAT_ACCEPTED)
		set_text(o, "texto", e->text);
	view_json(v, o, out);
}

char *
chat_view_event(const struct view *v, const char *me,
    const struct chat_event *e)
{
	char *text;
	size_t len;
	FILE *out;

	if (e->kind == CHAT_LINK)
		return NULL;
	out = open_memstream(&text, &len);
	if (out == NULL)
		abort();
	if (v->json && e->kind != CHAT_FAILED)
		put_json(v, e, out);
	else
		put_line(v, me, e, out);
	fputc('\n', out);
	fclose(out);
	return text;
}

/* -- what was asked for -- */

static json_t *
json_line(const char *kind, struct slice room)
{
	json_t *o = json_object();

	json_object_set_new(o, "tipo", json_string(kind));
	set_text(o, "sala", room);
	return o;
}

/* The line of an object, which it drops; the caller frees the text. */
static char *
json_text_line(const struct view *v, json_t *o)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		abort();
	view_json(v, o, out);
	fputc('\n', out);
	fclose(out);
	return text;
}

char *
chat_view_room(const struct view *v, struct slice room, uint64_t members,
    bool in)
{
	char *clean, *text;
	json_t *o;

	if (v->json) {
		o = json_line("sala", room);
		set_number(o, "miembros", members);
		json_object_set_new(o, "dentro", json_boolean(in));
		return json_text_line(v, o);
	}
	clean = text_clean(room);
	if (asprintf(&text, "%c %s (%llu)\n", in ? '*' : ' ', clean,
		(unsigned long long)members) < 0)
		abort();
	free(clean);
	return text;
}

char *
chat_view_person(const struct view *v, struct slice room, struct slice user)
{
	json_t *o = json_line("persona", room);

	set_text(o, "usuario", user);
	return json_text_line(v, o);
}

char *
chat_view_deleted(const struct view *v, struct slice room)
{
	char *clean, *text;

	if (v->json)
		return json_text_line(v, json_line("borrada", room));
	clean = text_clean(room);
	if (asprintf(&text, _("Deleted: %s\n"), clean) < 0)
		abort();
	free(clean);
	return text;
}

/* -- what went wrong -- */

/* The sentence that has the room as its only word; NULL: there is none. */
static const char *
sentence(const struct chat_event *e)
{
	if (e->e == E_NOPROC)
		return _("The room %s does not exist");
	if (e->e != E_DENIED)
		return NULL;
	if (e->wish == CHAT_LEAVE)
		return _("You are not in %s");
	return e->wish == CHAT_SAY ? _("You are not in the room %s") : NULL;
}

/* The server's own sentence says more where arguments are wrong. */
static const char *
reason(enum err e, const char *why)
{
	if (why[0] != '\0' &&
	    (e == E_BADARG || e == E_TOOBIG || e == E_EXISTS || e == E_STORAGE))
		return gettext(why);
	return e == E_UNREACHABLE ? _("there is no link to the server now") :
				    gettext(err_text(e));
}

static char *
line_failure(const struct chat_event *e, const char *why)
{
	bool unknown = e->e == E_TIMEOUT || e->e == E_NOCONNECTION ||
	    e->e == E_DIED || e->e == E_MALFORMED;
	/* What was refused was never right; the rest can be said again. */
	bool refused = e->e == E_BADARG || e->e == E_TOOBIG;
	char *line =
	    refused ? view_short_quoted(e->text) : view_quoted(e->text);
	char *text;

	if (asprintf(&text,
		unknown ? _("Perhaps not said: %s: %s") : _("Not said: %s: %s"),
		line, reason(e->e, why)) < 0)
		abort();
	free(line);
	return text;
}

char *
chat_view_failure(const struct chat_event *e)
{
	char *room = text_clean(e->room), *why = text_clean(e->why), *text;
	const char *format = sentence(e);
	int n = 0;

	if (format != NULL)
		n = asprintf(&text, format, room);
	else if (e->wish == CHAT_SAY)
		text = line_failure(e, why);
	else
		n = asprintf(&text, "%s: %s", room, reason(e->e, why));
	if (n < 0)
		abort();
	free(room);
	free(why);
	return text;
}

int
chat_view_status(enum err e)
{
	return e == E_NOPROC || e == E_DENIED ? STATUS_NOTHING :
						err_exit_status(e);
}
