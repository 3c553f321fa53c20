/*
 * The happy path is: joined, lines said and heard, /menu. Failure modes
 * are: no such room (on a terminal that is a question), lines that were not
 * said, a link that breaks: the prompt says so, and it goes on by itself.
 *
 * A question takes the prompt's place, and the next line is its answer; one
 * that is neither yes nor no means no, and is a line as any other.
 */
#include "client/chat_talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/chat_call.h"
#include "client/chat_client.h"
#include "client/chat_names.h"
#include "client/chat_past.h"
#include "client/chat_view.h"
#include "common/lang.h"
#include "common/text.h"
#include "proto/term.h"

enum {
	LEAVE_MS = 1000,
	/* More pasted lines than this are not said without a question. */
	PASTE_LINES = 3,
	HISTORY_LINES = 20,
	HISTORY_LINES_MAX = 100000,
};

enum question { ASK_NOTHING, ASK_CREATE, ASK_PASTE };

struct name {
	char text[LIMIT_ROOM_NAME + 1];
};

struct talk {
	struct client *client;
	struct pid chat;
	struct name current; /* where lines are said; "": nowhere */
	enum question question;
	struct name asked; /* the room that could be made */
	struct slice wanted; /* on the command line; empty: none */
	char *pasted; /* what waits for a yes */
	struct chat_names rooms, people;
	uint32_t unanswered; /* lines */
	int status; /* of the first thing that failed */
	bool declined; /* to make the room that was wanted */
	bool over;
};

/* -- what is shown -- */

static bool
has_person(const struct talk *t)
{
	return prompt_is_terminal(t->client->prompt);
}

/* Gives the text. */
__attribute__((format(printf, 1, 2))) static char *
format(const char *how, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, how);
	n = vasprintf(&text, how, args);
	va_end(args);
	if (n < 0)
		abort();
	return text;
}

/* Takes the text. */
static void
show(struct talk *t, char *text)
{
	prompt_print(t->client->prompt, text);
	free(text);
}

/* Takes the sentence, which says what went wrong. */
static void
fail(struct talk *t, int status, char *sentence)
{
	if (has_person(t))
		show(t, format("%s\n", sentence));
	else
		fprintf(stderr, "%s\n", sentence);
	free(sentence);
	if (t->status == 0)
		t->status = status;
}

static void
fail_call(struct talk *t, enum err e, struct slice room, struct slice why)
{
	struct chat_event event = { .kind = CHAT_FAILED,
		.room = room,
		.wish = CHAT_JOIN,
		.e = e,
		.why = why };

	fail(t, chat_view_status(e), chat_view_failure(&event));
}

/* -- the prompt -- */

static char *
prompt_text(const struct talk *t)
{
	const struct client *c = t->client;
	char *room, *text;

	if (t->question == ASK_CREATE)
		return format("%s", _("Create it? [y/N] "));
	if (t->question == ASK_PASTE)
		return format("%s", _("Say all these lines? [y/N] "));
	if (!conn_is_up(c->node, c->conn))
		return format("%s> ", _("(no link)"));
	if (t->current.text[0] == '\0')
		return format("%s> ", c->usuario);
	room = text_clean(slice_of(t->current.text));
	text = format("%s@%s> ", c->usuario, room);
	free(room);
	return text;
}

static void
update_prompt(struct talk *t)
{
	char *text = prompt_text(t);

	prompt_change(t->client->prompt, text);
	free(text);
}

/* -- where we are -- */

static struct slice
current(const struct talk *t)
{
	return slice_of(t->current.text);
}

static void
set_name(struct name *n, struct slice name)
{
	n->text[0] = '\0';
	if (name.len < sizeof(n->text))
		snprintf(n->text, sizeof(n->text), "%.*s", (int)name.len,
		    (const char *)name.bytes);
}

/* The room is not ours any more: then it is the one joined last. */
static void
move_from(struct talk *t, struct slice room)
{
	struct node *n = t->client->node;
	struct slice other, last = slice_of("");
	size_t place = 0;

	if (!slice_equal(current(t), room))
		return;
	while (chat_client_next_room(n, t->chat, &place, &other))
		if (!slice_equal(other, room))
			last = other;
	set_name(&t->current, last);
}

/* -- what happens -- */

static void
on_failed(struct talk *t, const struct chat_event *e)
{
	if (e->wish == CHAT_SAY)
		t->unanswered--;
	fail(t, chat_view_status(e->e), chat_view_failure(e));
	if (e->wish != CHAT_JOIN)
		return;
	move_from(t, e->room);
	if (e->e != E_NOPROC || !has_person(t))
		return;
	t->question = ASK_CREATE;
	set_name(&t->asked, e->room);
}

/* Says what others and this client did; runs in the client's own turn. */
static void
on_event(void *arg, const struct chat_event *e)
{
	struct talk *t = arg;

	if (e->kind == CHAT_FAILED)
		on_failed(t, e);
	else if (e->kind == CHAT_ACCEPTED)
		t->unanswered--; /* it is heard, as all the others are */
	else if (e->kind != CHAT_LINK)
		show(t,
		    chat_view_event(&t->client->view, t->client->usuario, e));
	if (e->kind == CHAT_SAID || e->kind == CHAT_JOINED)
		chat_names_add(&t->people, e->user);
	if (e->kind == CHAT_CLOSED || (e->kind == CHAT_LEFT && e->mine))
		move_from(t, e->room);
	update_prompt(t);
}

/* -- waiting -- */

static bool
is_settled(void *arg)
{
	const struct talk *t = arg;

	return chat_client_is_idle(t->client->node, t->chat);
}

/* So that what is asked next comes after what was wished before. */
static void
settle(struct talk *t)
{
	(void)node_run_until(t->client->node, is_settled, t,
	    t->client->settings->timeout_ms);
}

static bool
is_answered(void *arg)
{
	const struct talk *t = arg;

	return t->unanswered == 0;
}

/* Asks, after all that was wished; says what went wrong. */
static enum err
ask(struct talk *t, const char *operation, const struct slice *room,
    struct buf *answer)
{
	enum err e;

	settle(t);
	buf_init(answer);
	e = chat_call(t->client, operation, room, 0, answer);
	if (e != E_OK)
		fail_call(t, e, room != NULL ? *room : slice_of("chat"),
		    buf_bytes(answer));
	return e;
}

/* -- saying -- */

static void
say_line(struct talk *t, struct slice line)
{
	char *text = strndup((const char *)line.bytes, line.len);

	if (text == NULL)
		abort();
	/* A server takes no control characters, and pasted lines have these. */
	for (char *at = text; *at != '\0'; at++)
		if (*at == '\t' || *at == '\r')
			*at = ' ';
	t->unanswered++;
	chat_client_say(t->client->node, t->chat, current(t), slice_of(text));
	free(text);
}

static bool
is_blank(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (strchr(" \t\r\n", line.bytes[i]) == NULL)
			return false;
	return true;
}

/* Takes the first line off *lines; false: there is none. */
static bool
next_line(struct slice *lines, struct slice *line)
{
	const uint8_t *end;

	if (lines->len == 0)
		return false;
	end = memchr(lines->bytes, '\n', lines->len);
	*line = *lines;
	if (end != NULL)
		line->len = (size_t)(end - lines->bytes);
	lines->bytes += line->len + (end != NULL);
	lines->len -= line->len + (end != NULL);
	return true;
}

static void
say_lines(struct talk *t, struct slice lines)
{
	struct slice line;

	while (next_line(&lines, &line))
		if (!is_blank(line))
			say_line(t, line);
}

static size_t
count_lines(struct slice lines)
{
	struct slice line;
	size_t n = 0;

	while (next_line(&lines, &line))
		n += !is_blank(line);
	return n;
}

static void
say(struct talk *t, struct slice lines)
{
	size_t n = count_lines(lines);

	if (current(t).len == 0) {
		fail(t, STATUS_NOTHING,
		    format("%s",
			_("You are in no room: /join ROOM joins one")));
		return;
	}
	if (n <= PASTE_LINES) {
		say_lines(t, lines);
		return;
	}
	t->question = ASK_PASTE;
	free(t->pasted);
	t->pasted = strndup((const char *)lines.bytes, lines.len);
	if (t->pasted == NULL)
		abort();
	show(t,
	    format(ngettext("%zu line was pasted\n", "%zu lines were pasted\n",
		       n),
		n));
}

/* -- commands -- */

static void
learn_names(struct chat_names *names, struct slice array)
{
	struct term_reader r;
	struct slice name;
	uint32_t n;

	term_reader_init(&r, array);
	if (term_read_array(&r, &n) != E_OK)
		return;
	for (; n > 0 && term_read_str(&r, &name) == E_OK; n--)
		chat_names_add(names, name);
}

/* Who is there, for Tab alone. */
static void
learn_people(struct talk *t)
{
	struct slice room = current(t);
	struct buf answer;

	buf_init(&answer);
	if (chat_call(t->client, "who", &room, 0, &answer) == E_OK)
		learn_names(&t->people, buf_bytes(&answer));
	buf_release(&answer);
}

/* {"sala": name, "miembros": how many} */
static bool
read_room(struct term_reader *r, struct slice *name, uint64_t *members)
{
	struct slice key;
	uint32_t n;

	*name = slice_of("");
	*members = 0;
	if (term_read_map(r, &n) != E_OK)
		return false;
	for (; n > 0; n--) {
		if (term_read_str(r, &key) != E_OK)
			return false;
		if (slice_is(key, "sala") ? term_read_str(r, name) != E_OK :
			slice_is(key, "miembros") ?
					    term_read_uint(r, members) != E_OK :
					    term_skip(r, NULL) != E_OK)
			return false;
	}
	return true;
}

/* For Tab: these rooms and no others. */
static void
set_rooms(struct talk *t, struct slice array)
{
	struct term_reader r;
	struct slice name;
	uint64_t members;
	uint32_t n = 0;

	chat_names_clear(&t->rooms);
	term_reader_init(&r, array);
	(void)term_read_array(&r, &n);
	for (; n > 0 && read_room(&r, &name, &members); n--)
		chat_names_add(&t->rooms, name);
}

/* Which rooms there are, for Tab alone. */
static void
learn_rooms(struct talk *t)
{
	struct buf answer;

	if (!has_person(t))
		return;
	buf_init(&answer);
	if (chat_call(t->client, "list_rooms", NULL, 0, &answer) == E_OK)
		set_rooms(t, buf_bytes(&answer));
	buf_release(&answer);
}

static void
join(struct talk *t, struct slice room)
{
	set_name(&t->current, room);
	chat_names_add(&t->rooms, room);
	chat_client_join(t->client->node, t->chat, room);
	settle(t);
	if (has_person(t) && slice_equal(current(t), room))
		learn_people(t);
}

static bool
create(struct talk *t, struct slice room, bool new)
{
	struct buf answer;
	enum err e;

	settle(t);
	buf_init(&answer);
	e = chat_call(t->client, "create_room", &room, 0, &answer);
	if (e == E_EXISTS && !new)
		e = E_OK;
	if (e != E_OK)
		fail_call(t, e, room, buf_bytes(&answer));
	buf_release(&answer);
	return e == E_OK;
}

static void
crear(struct talk *t, struct slice room)
{
	if (!create(t, room, true))
		return;
	join(t, room);
	learn_rooms(t);
}

static void
borrar(struct talk *t, struct slice room)
{
	struct buf answer;
	enum err e;
	char *clean;

	settle(t);
	buf_init(&answer);
	e = chat_call(t->client, "delete_room", &room, 0, &answer);
	clean = text_clean(room);
	if (e == E_OK)
		show(t, chat_view_deleted(&t->client->view, room));
	else if (e == E_DENIED)
		fail(t, STATUS_NOTHING,
		    format(_("Only who made %s may delete it while somebody "
			     "is there"),
			clean));
	else
		fail_call(t, e, room, buf_bytes(&answer));
	free(clean);
	buf_release(&answer);
	if (e == E_OK)
		learn_rooms(t);
}

static void
salir(struct talk *t, struct slice room)
{
	settle(t);
	chat_client_leave(t->client->node, t->chat,
	    room.len > 0 ? room : current(t));
	settle(t);
}

/* Switches to a room; one that is not joined yet is. */
static void
sala(struct talk *t, struct slice room)
{
	if (chat_client_is_in(t->client->node, t->chat, room))
		set_name(&t->current, room);
	else
		join(t, room);
}

static void
show_rooms(struct talk *t, struct slice array)
{
	struct node *node = t->client->node;
	const struct view *v = &t->client->view;
	struct term_reader r;
	struct slice name;
	uint64_t members;
	uint32_t n = 0;

	term_reader_init(&r, array);
	if (term_read_array(&r, &n) == E_OK && n == 0 && !v->json)
		show(t,
		    format("%s\n",
			_("There are no rooms; /create ROOM makes one")));
	for (; n > 0 && read_room(&r, &name, &members); n--)
		show(t,
		    chat_view_room(v, name, members,
			chat_client_is_in(node, t->chat, name)));
}

static void
salas(struct talk *t, struct slice none)
{
	struct buf answer;

	(void)none;
	if (ask(t, "list_rooms", NULL, &answer) == E_OK) {
		show_rooms(t, buf_bytes(&answer));
		set_rooms(t, buf_bytes(&answer));
	}
	buf_release(&answer);
}

static void
show_people_json(struct talk *t, struct slice array)
{
	struct term_reader r;
	struct slice name;
	uint32_t n = 0;

	term_reader_init(&r, array);
	(void)term_read_array(&r, &n);
	for (; n > 0 && term_read_str(&r, &name) == E_OK; n--)
		show(t, chat_view_person(&t->client->view, current(t), name));
}

static void
show_people(struct talk *t, struct slice array)
{
	char *room = text_clean(current(t)), *clean, *text;
	struct term_reader r;
	struct slice name;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	uint32_t n = 0;

	if (out == NULL)
		abort();
	term_reader_init(&r, array);
	(void)term_read_array(&r, &n);
	fprintf(out, _("In %s:"), room);
	for (; n > 0 && term_read_str(&r, &name) == E_OK; n--) {
		clean = text_clean(name);
		fprintf(out, " %s%s", clean, n > 1 ? "," : "");
		free(clean);
	}
	fputc('\n', out);
	fclose(out);
	show(t, text);
	free(room);
}

static void
quien(struct talk *t, struct slice none)
{
	struct slice room = current(t);
	struct buf answer;

	(void)none;
	if (ask(t, "who", &room, &answer) == E_OK) {
		if (t->client->view.json)
			show_people_json(t, buf_bytes(&answer));
		else
			show_people(t, buf_bytes(&answer));
		learn_names(&t->people, buf_bytes(&answer));
	}
	buf_release(&answer);
}

static void
show_past(struct talk *t, struct slice answer)
{
	struct chat_event e = { .kind = CHAT_SAID,
		.room = current(t),
		.old = true };
	struct chat_past past;
	struct chat_said s;

	if (chat_past_read(&past, answer) != E_OK)
		return;
	while (past.count > 0 && chat_past_next(&past, &s) == E_OK) {
		e.n = s.n;
		e.at_ms = s.at_ms;
		e.user = s.user;
		e.text = s.text;
		show(t,
		    chat_view_event(&t->client->view, t->client->usuario, &e));
	}
}

static void
historia(struct talk *t, struct slice number)
{
	struct slice room = current(t);
	char text[16], *end;
	unsigned long n = HISTORY_LINES;
	struct buf answer;
	enum err e;

	snprintf(text, sizeof(text), "%.*s", (int)number.len,
	    (const char *)number.bytes);
	if (number.len > 0)
		n = strtoul(text, &end, 10);
	if (number.len > 0 &&
	    (*end != '\0' || text[0] < '0' || text[0] > '9' || n == 0 ||
		n > HISTORY_LINES_MAX)) {
		fail(t, STATUS_USAGE,
		    format(_("/history: a number from 1 to %d"),
			HISTORY_LINES_MAX));
		return;
	}
	settle(t);
	buf_init(&answer);
	e = chat_call(t->client, "history", &room, n, &answer);
	if (e == E_OK)
		show_past(t, buf_bytes(&answer));
	else
		fail_call(t, e, room, buf_bytes(&answer));
	buf_release(&answer);
}

static void
tarea(struct talk *t, struct slice titulo)
{
	struct tareas_cliente server = client_server(t->client);
	struct tarea task = { .titulo = titulo, .descripcion = slice_of("") };
	const char *why = NULL;
	struct buf text;
	int status;
	enum err e = tarea_check(&task, &why);

	buf_init(&text);
	if (e == E_OK)
		e = tareas_cliente_agregar_call(&server,
		    slice_of(t->client->usuario), &task, &text);
	else
		buf_add(&text, slice_of(why));
	status = e != E_OK ? report_error(e, buf_bytes(&text), true) : 0;
	if (e == E_OK)
		view_agregada(&t->client->view, &task);
	if (t->status == 0)
		t->status = status;
	buf_release(&text);
}

static void
menu(struct talk *t, struct slice none)
{
	(void)none;
	t->over = true;
}

static void ayuda(struct talk *t, struct slice none);

enum argument {
	TAKES_NOTHING,
	TAKES_ROOM,
	TAKES_TEXT,
	MAY_TAKE_ROOM,
	MAY_TAKE
};

static const struct word {
	const char *name;
	const char *alias; /* may be NULL */
	enum argument takes;
	bool in_room; /* needs a current room */
	const char *arguments; /* N_() */
	const char *help; /* N_() */
	void (*run)(struct talk *t, struct slice argument);
} words[] = {
	{ "/unirse", "/join", TAKES_ROOM, false, N_("ROOM"), N_("join a room"),
	    join },
	{ "/salir", "/leave", MAY_TAKE_ROOM, false, N_("[ROOM]"),
	    N_("leave it"), salir },
	{ "/sala", "/room", TAKES_ROOM, false, N_("ROOM"),
	    N_("say what follows there"), sala },
	{ "/salas", "/rooms", TAKES_NOTHING, false, "",
	    N_("which rooms there are"), salas },
	{ "/crear", "/create", TAKES_ROOM, false, N_("ROOM"),
	    N_("make a room and join it"), crear },
	{ "/borrar", "/delete", TAKES_ROOM, false, N_("ROOM"),
	    N_("delete a room"), borrar },
	{ "/quien", "/who", TAKES_NOTHING, true, "", N_("who is here"), quien },
	{ "/historia", "/history", MAY_TAKE, true, N_("[N]"),
	    N_("the last lines, 20 or N"), historia },
	{ "/tarea", "/task", TAKES_TEXT, false, N_("TEXT"),
	    N_("make it a task of mine"), tarea },
	{ "/ayuda", "/help", TAKES_NOTHING, false, "", N_("this help"), ayuda },
	{ "/menu", NULL, TAKES_NOTHING, false, "", N_("leave the chat"), menu },
};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

static void
ayuda(struct talk *t, struct slice none)
{
	char head[64];

	(void)none;
	for (size_t i = 0; i < WORDS; i++) {
		const char *arguments = words[i].arguments;
		const char *alias = words[i].alias;

		snprintf(head, sizeof(head), "%s%s%s %s", words[i].name,
		    alias != NULL ? ", " : "", alias != NULL ? alias : "",
		    arguments[0] != '\0' ? _(arguments) : "");
		show(t, format("  %-30s %s\n", head, _(words[i].help)));
	}
	snprintf(head, sizeof(head), "//%s", _("TEXT"));
	show(t,
	    format("  %-30s %s\n", head, _("say a line that begins with /")));
}

static const struct word *
find_word(struct slice name)
{
	for (size_t i = 0; i < WORDS; i++)
		if (slice_is(name, words[i].name) ||
		    (words[i].alias != NULL && slice_is(name, words[i].alias)))
			return &words[i];
	return NULL;
}

static struct slice
trim(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.bytes[0]) != NULL) {
		s.bytes++;
		s.len--;
	}
	while (s.len > 0 && strchr(" \t\r\n", s.bytes[s.len - 1]) != NULL)
		s.len--;
	return s;
}

/* What is wrong with it; NULL: nothing. */
static const char *
wrong_argument(const struct talk *t, const struct word *w,
    struct slice argument)
{
	bool named = w->takes == TAKES_ROOM || w->takes == MAY_TAKE_ROOM;

	if (w->takes == TAKES_NOTHING && argument.len > 0)
		return _("it takes no arguments");
	if ((w->takes == TAKES_ROOM || w->takes == TAKES_TEXT) &&
	    argument.len == 0)
		return _("an argument is missing");
	if (named && argument.len > LIMIT_ROOM_NAME)
		return _("a room's name has 1 to 64 bytes of UTF-8 text");
	if ((w->in_room || (w->takes == MAY_TAKE_ROOM && argument.len == 0)) &&
	    current(t).len == 0)
		return _("you are in no room");
	return NULL;
}

static void
run_word(struct talk *t, struct slice line)
{
	const uint8_t *space = memchr(line.bytes, ' ', line.len);
	struct slice name = line, argument = slice_of("");
	const struct word *w;
	const char *why;
	char *shorter;

	if (space != NULL) {
		name.len = (size_t)(space - line.bytes);
		argument = trim(slice_bytes(space, line.len - name.len));
	}
	w = find_word(name);
	why = w != NULL ? wrong_argument(t, w, argument) :
			  _("there is no such command; /help shows them");
	if (why == NULL) {
		w->run(t, argument);
		return;
	}
	shorter = view_short(name);
	fail(t, STATUS_USAGE, format("%s: %s", shorter, why));
	free(shorter);
}

/* -- answers -- */

static bool
is_yes(struct slice line)
{
	static const char *const words_yes[] = { "s", "S", "sí", "Sí", "si",
		"Si", "y", "Y", "yes", "Yes" };

	for (size_t i = 0; i < sizeof(words_yes) / sizeof(words_yes[0]); i++)
		if (slice_is(line, words_yes[i]))
			return true;
	return false;
}

static bool
is_no(struct slice line)
{
	return line.len == 0 || slice_is(line, "n") || slice_is(line, "N") ||
	    slice_is(line, "no") || slice_is(line, "No");
}

/* Who asked for that room on the command line wants nothing else. */
static void
decline(struct talk *t, struct slice room)
{
	char *clean;

	if (t->wanted.len == 0 || !slice_equal(t->wanted, room))
		return;
	clean = text_clean(room);
	fail(t, STATUS_NOTHING, format(_("The room %s was not made"), clean));
	free(clean);
	t->declined = true;
	t->over = true;
}

/* True when the line was an answer. */
static bool
take_answer(struct talk *t, struct slice line)
{
	enum question question = t->question;
	struct name room = t->asked;
	bool yes = is_yes(line);

	t->question = ASK_NOTHING;
	if (yes && question == ASK_CREATE)
		crear(t, slice_of(room.text));
	if (yes && question == ASK_PASTE)
		say_lines(t, slice_of(t->pasted));
	if (question == ASK_CREATE && is_no(line))
		decline(t, slice_of(room.text));
	free(t->pasted);
	t->pasted = NULL;
	return yes || is_no(line);
}

/* A second / makes the line one that is said, without the first. */
static bool
is_command(struct slice line)
{
	return line.len > 0 && line.bytes[0] == '/' &&
	    (line.len == 1 || line.bytes[1] != '/');
}

static void
take_line(struct talk *t, struct slice line)
{
	if (t->question != ASK_NOTHING && take_answer(t, trim(line)))
		return;
	if (is_blank(line))
		return;
	if (is_command(line)) {
		run_word(t, trim(line));
		return;
	}
	if (line.bytes[0] == '/')
		line = slice_bytes(line.bytes + 1, line.len - 1);
	say(t, line);
}

/* -- Tab -- */

/* A line that is said comes back as a message: once is enough. */
static bool
vanishes(void *arg, struct slice line)
{
	const struct talk *t = arg;

	return t->question == ASK_NOTHING && current(t).len > 0 &&
	    !is_blank(line) && !is_command(line) &&
	    count_lines(line) <= PASTE_LINES;
}

static void
offer_words(struct prompt_offers *o)
{
	for (size_t i = 0; i < WORDS; i++) {
		prompt_offer(o, slice_of(words[i].name));
		if (words[i].alias != NULL)
			prompt_offer(o, slice_of(words[i].alias));
	}
}

static void
complete(void *arg, struct slice before, struct prompt_offers *o)
{
	const struct talk *t = arg;
	const uint8_t *space = NULL;
	const struct word *w;
	size_t from;

	if (before.len > 0)
		space = memchr(before.bytes, ' ', before.len);
	if (is_command(before)) {
		if (space == NULL) {
			offer_words(o);
			return;
		}
		from = (size_t)(space - before.bytes);
		w = find_word(slice_bytes(before.bytes, from));
		if (w != NULL &&
		    (w->takes == TAKES_ROOM || w->takes == MAY_TAKE_ROOM)) {
			prompt_offer_from(o, from + 1);
			chat_names_offer(&t->rooms, o);
			return;
		}
	}
	for (from = before.len; from > 0 && before.bytes[from - 1] != ' ';)
		from--;
	prompt_offer_from(o, from);
	chat_names_offer(&t->people, o);
}

/* -- from the beginning to the end -- */

static void
begin(struct talk *t, struct slice room, bool make)
{
	if (has_person(t))
		show(t,
		    format("%s\n",
			_("/join ROOM joins a room, /create ROOM makes one; "
			  "/help, /menu leaves")));
	if (make && room.len > 0 && !create(t, room, false))
		return;
	if (room.len > 0) {
		join(t, room);
		learn_rooms(t);
	} else if (has_person(t)) {
		salas(t, room);
	}
}

static void
converse(struct talk *t)
{
	struct client *c = t->client;
	struct slice line;
	bool said = true;

	while (said && !t->over) {
		char *text = prompt_text(t);

		said = prompt_line(c->prompt, text, t->question == ASK_NOTHING,
		    &line);
		free(text);
		if (said)
			take_line(t, line);
		/* Ctrl-D leaves the question alone: it means no. */
		if (!said && t->question != ASK_NOTHING)
			said = take_answer(t, slice_of(""));
	}
	/* Each line has its time: this comes to an end. */
	(void)node_run_until(c->node, is_answered, t, TIMER_NEVER);
	settle(t);
}

int
chat_talk(struct client *c, struct slice room, bool make)
{
	struct talk t = { .client = c, .wanted = room };
	struct chat_client_config config = { .conn = c->conn,
		.user = c->usuario,
		.timeout_ms = c->settings->timeout_ms,
		.sink = on_event,
		.arg = &t };
	struct prompt_talk hooks = { .vanishes = vanishes,
		.complete = complete,
		.arg = &t };

	t.chat = chat_client_start(c->node, &config);
	prompt_talk(c->prompt, &hooks);
	begin(&t, room, make);
	converse(&t);
	chat_client_stop(c->node, t.chat, LEAVE_MS);
	prompt_talk(c->prompt, NULL);
	chat_names_clear(&t.rooms);
	chat_names_clear(&t.people);
	free(t.pasted);
	if (has_person(&t))
		return t.declined ? STATUS_NOTHING : 0;
	return t.status;
}
