#include "tests/sim/rooms.h"

#include <stdio.h>
#include <string.h>

#include "client/chat_past.h"
#include "tests/sim/check.h"
#include "tests/sim/trace.h"

/* -- texts -- */

static unsigned
room_number(struct slice name)
{
	unsigned i = 0;

	while (i < MODEL_ROOMS && !slice_is(name, model_room(i)))
		i++;
	check(i < MODEL_ROOMS, "told of a room that there never was");
	return i;
}

/* "u3" is 3. */
static unsigned
user_number(struct slice name)
{
	check(name.len == 2 && name.bytes[0] == 'u',
	    "told of a user that there never was");
	return name.bytes[1] - (unsigned)'0';
}

/* Who said this. */
static struct op *
said_by(const struct model *m, struct slice text)
{
	unsigned number = 0;
	char copy[16];

	snprintf(copy, sizeof(copy), "%.*s", (int)text.len,
	    (const char *)text.bytes);
	check(sscanf(copy, "say %u", &number) == 1 && number < model_ops(m),
	    "told what nobody said");
	return model_number(m, number);
}

/* A message as it came back: the very one that was said, for good. */
static struct op *
check_message(const struct model *m, unsigned room, uint64_t n,
    struct slice user, struct slice text)
{
	struct op *op = said_by(m, text);

	check(op->kind == OP_SAY && op->room == room &&
		op->client == user_number(user),
	    "line %u came back changed", op->number);
	model_told(m, op);
	check(op->n == n, "line %u has two numbers", op->number);
	return op;
}

/* -- views -- */

void
views_init(struct views *v, struct model *m, unsigned client)
{
	*v = (struct views){ .model = m, .client = client };
}

void
views_leave(struct views *v, unsigned room)
{
	v->rooms[room].leaving = true;
}

/* Who leaves and joins again before the answer is not told that it left. */
static void
begin_anew(struct view *view)
{
	if (view->leaving)
		*view = (struct view){ .in = false };
}

static void
said(struct views *v, struct view *view, unsigned room,
    const struct chat_event *e)
{
	const struct op *op =
	    check_message(v->model, room, e->n, e->user, e->text);

	if (e->old)
		begin_anew(view);
	/* One that was deleted and made again counts anew. */
	if (view->made_by == op->made_by)
		check(e->n == view->last + 1,
		    "u%u heard %s's message %u after %u", v->client,
		    model_room(room), (unsigned)e->n, (unsigned)view->last);
	else if (view->made_by == NULL && view->in)
		check(e->n == 1, "u%u never heard the first of %s", v->client,
		    model_room(room));
	view->made_by = op->made_by;
	view->last = e->n;
}

static void
moved(const struct views *v, struct view *view, const struct chat_event *e)
{
	enum presence now =
	    e->kind == CHAT_JOINED ? PRESENCE_HERE : PRESENCE_AWAY;
	unsigned user = user_number(e->user);

	check(view->users[user] != now, "u%u was told twice that u%u %s",
	    v->client, user, now == PRESENCE_HERE ? "joined" : "is gone");
	view->users[user] = now;
}

static void
joined(struct view *view)
{
	begin_anew(view);
	view->in = true;
}

/* Another link: what was missed about others, nobody tells. */
static void
forget_users(struct views *v)
{
	for (unsigned i = 0; i < MODEL_ROOMS; i++)
		memset(v->rooms[i].users, 0, sizeof(v->rooms[i].users));
}

static void
accepted(struct views *v, const struct chat_event *e)
{
	struct op *op = said_by(v->model, e->text);

	v->saying--;
	check(op->answers++ == 0, "line %u ended twice", op->number);
	model_told(v->model, op);
	check(op->n == e->n, "line %u: the wrong number", op->number);
}

static bool
has_excuse(const struct model *m, const struct op *op, enum err e)
{
	switch (e) {
	case E_STORAGE:
		return model_was_full(m, op->sent_ms);
	case E_DENIED:
	case E_NOPROC:
	case E_OVERLOAD:
		return true; /* rooms come and go; too many lines */
	case E_TIMEOUT:
	case E_NOCONNECTION:
	case E_DIED:
	case E_UNREACHABLE:
		return op->line == NULL || op->line->down ||
		    model_was_disturbed(m, op->sent_ms) ||
		    model_is_slow(m, op->sent_ms);
	default:
		return false;
	}
}

static void
failed(struct views *v, const struct chat_event *e)
{
	struct op *op = said_by(v->model, e->text);

	v->saying--;
	check(op->answers++ == 0, "line %u ended twice", op->number);
	check(has_excuse(v->model, op, e->e),
	    "line %u ended with %s, and nothing had happened", op->number,
	    err_word(e->e));
	if (!err_safe_to_retry(e->e))
		return;
	check(!op->applied, "line %u ended with %s, but was said", op->number,
	    err_word(e->e));
	op->closed = true;
}

static void
in_room(struct views *v, const struct chat_event *e)
{
	unsigned room = room_number(e->room);
	struct view *view = &v->rooms[room];

	if (e->kind == CHAT_SAID)
		said(v, view, room, e);
	else if (e->kind == CHAT_JOINED && e->mine)
		joined(view);
	else if (e->kind == CHAT_CLOSED || e->kind == CHAT_FAILED || e->mine)
		*view = (struct view){ .in = false };
	else
		moved(v, view, e);
}

static void
trace(const struct views *v, const struct chat_event *e)
{
	static const char *const words[] = {
		[CHAT_SAID] = "hears",
		[CHAT_JOINED] = "sees come",
		[CHAT_LEFT] = "sees leave",
		[CHAT_GONE] = "sees gone",
		[CHAT_CLOSED] = "sees closed",
		[CHAT_ACCEPTED] = "has said",
		[CHAT_FAILED] = "fails",
		[CHAT_LINK] = "has another link",
	};

	trace_say("u%u %s: %.*s %u %.*s %.*s", v->client, words[e->kind],
	    (int)e->room.len, (const char *)e->room.bytes, (unsigned)e->n,
	    (int)e->user.len, (const char *)e->user.bytes, (int)e->text.len,
	    (const char *)e->text.bytes);
}

void
views_sink(void *arg, const struct chat_event *e)
{
	struct views *v = arg;

	trace(v, e);
	if (e->kind == CHAT_LINK)
		forget_users(v);
	else if (e->kind == CHAT_ACCEPTED)
		accepted(v, e);
	else if (e->kind == CHAT_FAILED && e->wish == CHAT_SAY)
		failed(v, e);
	else if (e->kind != CHAT_FAILED || e->wish == CHAT_JOIN)
		in_room(v, e);
}

/* -- the end -- */

static bool
is_member(const struct chat_rooms *rooms, unsigned room, unsigned client)
{
	const struct members *m =
	    members_find(rooms, slice_of(model_room(room)));
	char user[16];

	snprintf(user, sizeof(user), "u%u", client);
	return m != NULL && table_find(&m->by_user, slice_of(user)) != NULL;
}

static void
check_view(const struct views *v, unsigned room, const struct chat_rooms *rooms)
{
	const struct view *view = &v->rooms[room];
	const struct history *h = model_history(v->model);
	uint32_t count;

	(void)history_said(h, room, &count);
	check(is_member(rooms, room, v->client), "u%u is not in %s any more",
	    v->client, model_room(room));
	check(count == 0 || view->last == count,
	    "u%u has heard %s up to %u, not %u", v->client, model_room(room),
	    (unsigned)view->last, (unsigned)count);
	for (unsigned i = 1; i < ROOMS_USERS; i++)
		check(view->users[i] == PRESENCE_UNKNOWN ||
			(view->users[i] == PRESENCE_HERE) ==
			    is_member(rooms, room, i),
		    "u%u was not told how u%u is in %s", v->client, i,
		    model_room(room));
}

void
views_check(const struct views *v, const struct chat_rooms *rooms)
{
	check(v->saying == 0, "u%u: %u lines never ended", v->client,
	    (unsigned)v->saying);
	for (unsigned i = 0; i < MODEL_ROOMS; i++)
		if (v->rooms[i].in)
			check_view(v, i, rooms);
		else
			check(!is_member(rooms, i, v->client),
			    "u%u is in %s and does not know", v->client,
			    model_room(i));
}

void
rooms_check_past(struct model *m, struct op *op, struct slice answer)
{
	uint64_t last = 0;
	struct chat_past p;
	struct chat_said s = { .n = 0 };

	check(chat_past_read(&p, answer) == E_OK, "past %u: no past",
	    op->number);
	while (p.count > 0) {
		check(chat_past_next(&p, &s) == E_OK &&
			(last == 0 || s.n == last + 1),
		    "past %u has a gap", op->number);
		last = s.n;
		(void)check_message(m, op->room, s.n, s.user, s.text);
	}
	check(last == p.n, "past %u ends too early", op->number);
}
