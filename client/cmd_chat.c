/*
 * chat: a conversation; or, for scripts, lines that are said (--decir) and
 * what is said (--seguir).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/chat_call.h"
#include "client/chat_client.h"
#include "client/chat_talk.h"
#include "client/chat_view.h"
#include "client/command.h"
#include "client/input.h"
#include "common/lang.h"
#include "common/text.h"

enum { LEAVE_MS = 1000 };

struct script {
	struct client *client;
	struct pid chat;
	struct slice room;
	bool joined;
	bool following; /* what is said is printed */
	bool over;
	uint64_t left; /* messages to print; 0: without end */
	uint32_t unanswered; /* lines */
	uint64_t line; /* of stdin, the last one read; 0: none */
	int status;
};

/* -- what happens -- */

static void
print_event(struct script *s, const struct chat_event *e)
{
	char *text = chat_view_event(&s->client->view, s->client->usuario, e);

	fputs(text, stdout);
	free(text);
	if (fflush(stdout) != 0)
		s->over = true; /* main says so */
}

static void
fail(struct script *s, const struct chat_event *e)
{
	char *text = chat_view_failure(e);

	if (e->wish == CHAT_SAY && s->line > 0)
		fprintf(stderr, _("tareas_client: line %llu: %s\n"),
		    (unsigned long long)s->line, text);
	else
		fprintf(stderr, "%s\n", text);
	free(text);
	if (e->wish == CHAT_JOIN && e->e == E_NOPROC)
		fputs(_("--create makes it\n"), stderr);
	s->over = true;
	s->status = chat_view_status(e->e);
}

static void
follow(struct script *s, const struct chat_event *e)
{
	if (e->old || s->over)
		return;
	print_event(s, e);
	if (e->kind == CHAT_SAID && s->left > 0 && --s->left == 0)
		s->over = true;
}

static void
on_event(void *arg, const struct chat_event *e)
{
	struct script *s = arg;

	if (e->kind == CHAT_ACCEPTED || e->kind == CHAT_FAILED)
		s->unanswered -= s->unanswered > 0;
	if (e->kind == CHAT_FAILED)
		fail(s, e);
	else if (s->following && e->kind != CHAT_ACCEPTED &&
	    e->kind != CHAT_LINK)
		follow(s, e);
	else if (!s->following && e->kind == CHAT_ACCEPTED)
		print_event(s, e);
	if (e->kind == CHAT_JOINED && e->mine)
		s->joined = true;
	if (e->kind == CHAT_CLOSED)
		s->over = true;
}

static bool
is_joined(void *arg)
{
	const struct script *s = arg;

	return s->joined || s->over;
}

static bool
is_answered(void *arg)
{
	const struct script *s = arg;

	return s->unanswered == 0;
}

static bool
is_over(void *arg)
{
	const struct script *s = arg;

	return s->over;
}

static void
on_signal(void *arg)
{
	struct script *s = arg;

	s->over = true;
}

/* -- the parts of it -- */

static void
fail_now(struct script *s, enum err e, struct slice why)
{
	struct chat_event event = { .kind = CHAT_FAILED,
		.room = s->room,
		.wish = CHAT_JOIN,
		.e = e,
		.why = why };

	fail(s, &event);
}

static void
create(struct script *s)
{
	struct buf text;
	enum err e;

	buf_init(&text);
	e = chat_call(s->client, "create_room", &s->room, 0, &text);
	if (e != E_OK && e != E_EXISTS)
		fail_now(s, e, buf_bytes(&text));
	buf_release(&text);
}

static void
join(struct script *s)
{
	chat_client_join(s->client->node, s->chat, s->room);
	(void)node_run_until(s->client->node, is_joined, s, TIMER_NEVER);
}

/* One line; the next is said after it. */
static void
say(struct script *s, struct slice text)
{
	s->unanswered++;
	chat_client_say(s->client->node, s->chat, s->room, text);
	(void)node_run_until(s->client->node, is_answered, s, TIMER_NEVER);
}

static void
say_all(struct script *s)
{
	struct input *in;
	struct slice line;

	if (strcmp(s->client->settings->say, "-") != 0) {
		say(s, slice_of(s->client->settings->say));
		return;
	}
	in = input_new(s->client->loop, STDIN_FILENO);
	while (!s->over && input_line(in, &line)) {
		s->line++;
		if (line.len > 0)
			say(s, line);
	}
	input_free(in);
}

/* Until there were enough, or the time is over, or somebody ends it. */
static void
run_follow(struct script *s)
{
	const struct settings *settings = s->client->settings;
	uint64_t ms =
	    settings->follow_ms != 0 ? settings->follow_ms : TIMER_NEVER;
	enum err e = node_run_until(s->client->node, is_over, s, ms);

	if (e == E_TIMEOUT && s->left > 0)
		s->status = err_exit_status(E_TIMEOUT);
}

static void
run_parts(struct script *s)
{
	const struct settings *settings = s->client->settings;

	s->following = settings->follow;
	s->left = settings->count;
	if (settings->create)
		create(s);
	if (!s->over)
		join(s);
	if (!s->over && settings->say != NULL)
		say_all(s);
	if (!s->over && settings->follow)
		run_follow(s);
}

static int
run_script(struct client *c, struct slice room)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };
	struct script s = { .client = c, .room = room };
	struct chat_client_config config = { .conn = c->conn,
		.user = c->usuario,
		.timeout_ms = c->settings->timeout_ms,
		.sink = on_event,
		.arg = &s };
	struct watch *watches[SIGNALS];

	for (int i = 0; i < SIGNALS; i++)
		watches[i] = loop_signal(c->loop, signals[i], on_signal, &s);
	s.chat = chat_client_start(c->node, &config);
	run_parts(&s);
	chat_client_stop(c->node, s.chat, LEAVE_MS);
	for (int i = 0; i < SIGNALS; i++)
		watch_free(watches[i]);
	return s.status;
}

/* -- all ways to get here -- */

static const char *
check(const struct settings *s, int argc, char *argv[])
{
	bool scripted = s->say != NULL || s->follow;

	(void)argv;
	if (argc == 0 && (scripted || s->create))
		return N_("the name of a room is missing");
	if ((s->count != 0 || s->follow_ms != 0) && !s->follow)
		return N_("--count and --seconds go with --follow");
	return NULL;
}

static int
run(struct client *c, int argc, char *argv[])
{
	const struct settings *s = c->settings;
	struct slice room = slice_of(argc > 0 ? argv[0] : "");
	int status;

	if (s->say != NULL || s->follow)
		return run_script(c, room);
	c->prompt = prompt_new(c->loop);
	status = chat_talk(c, room, s->create);
	prompt_free(c->prompt);
	c->prompt = NULL;
	return status;
}

static int
ask(struct client *c)
{
	return chat_talk(c, slice_of(""), false);
}

const struct command command_chat = {
	.key = "4",
	.name = "chat",
	.alias = "talk",
	.arguments = N_("[ROOM] [--say TEXT|-] [--follow]"),
	.arguments_min = 0,
	.arguments_max = 1,
	.flags = COMMAND_CHATS,
	.help = N_("talk in rooms; /ayuda there says how"),
	.label = N_("talk with the others"),
	.check = check,
	.run = run,
	.ask = ask,
};
