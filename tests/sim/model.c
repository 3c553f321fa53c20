#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tarea.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/sim/check.h"
#include "tests/sim/rooms.h"

/* A turn may come this late: a busy program's clock goes on by itself. */
enum { LATE_MS = 20 };

/* An outbox looks at what waits this often. */
enum { OUTBOX_MS = 100 };

struct model {
	const struct sim *sim;
	const struct disk *disk; /* NULL: memory alone */
	struct history *history;
	uint64_t shown[MODEL_USERS]; /* the last seq that an answer showed */
	struct op **ops; /* by number */
	uint32_t op_count;
	struct op **keyed;
	uint32_t keyed_count;
	struct line **lines;
	uint32_t line_count;
	uint32_t applied;
	uint64_t disturbed_ms;
	uint64_t unplugged_ms;
	uint64_t stalled_ms; /* when the disk was slow, the last time */
	uint64_t full_ms; /* ... or full */
	bool crashed; /* since the engine last started */
};

static struct model *watching; /* the engine */

/* -- texts -- */

const char *
model_user(unsigned user)
{
	static const char *const names[] = { "ana", "beto", "caro", "dora" };

	return names[user];
}

const char *
model_room(unsigned room)
{
	static const char *const names[] = { "r0", "r1", "r2" };

	return names[room];
}

static void
write_title(char text[16], unsigned title)
{
	snprintf(text, 16, "T%u", title);
}

static void
write_text(char *text, const struct op *op)
{
	int n = snprintf(text, 16, "op %u ", op->number);

	for (; n < (int)op->size; n++)
		text[n] = (char)('a' + n % 26);
	text[n] = '\0';
}

/* -- life -- */

struct model *
model_new(const struct sim *sim, const struct disk *disk)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->sim = sim;
	m->disk = disk;
	m->history = history_new();
	return m;
}

void
model_free(struct model *m)
{
	history_free(m->history);
	for (uint32_t i = 0; i < m->op_count; i++)
		free(m->ops[i]);
	for (uint32_t i = 0; i < m->line_count; i++)
		free(m->lines[i]);
	free(m->ops);
	free(m->keyed);
	free(m->lines);
	free(m);
	watching = NULL;
}

struct line *
model_line(struct model *m, struct pid peer)
{
	struct line *line = calloc(1, sizeof(*line));

	if (line == NULL)
		abort();
	line->peer = peer;
	TAILQ_INIT(&line->waiting);
	m->lines = grown(m->lines, m->line_count, sizeof(*m->lines));
	m->lines[m->line_count++] = line;
	return line;
}

struct op *
model_op(struct model *m, struct line *line, enum op_kind kind)
{
	struct op *op = calloc(1, sizeof(*op));

	if (op == NULL)
		abort();
	op->kind = kind;
	op->number = m->op_count;
	op->line = line;
	op->sent_ms = sim_now(m->sim);
	m->ops = grown(m->ops, m->op_count, sizeof(struct op *));
	m->ops[m->op_count++] = op;
	return op;
}

struct op *
model_number(const struct model *m, uint32_t number)
{
	return m->ops[number];
}

static bool
is_of_tasks(const struct op *op)
{
	return op->kind == OP_AGREGAR || op->kind == OP_ELIMINAR;
}

void
model_sent(struct model *m, struct op *op)
{
	op->version = history_version(m->history, op->user);
	op->closed = op->stale;
	if (op->stale || op->keyed || !is_of_tasks(op))
		return;
	op->waits = true;
	TAILQ_INSERT_TAIL(&op->line->waiting, op, entry);
}

/* -- keyed ones -- */

/* Deletions have nothing of their own but what they delete. */
static bool
is_same_deletion(const struct op *a, const struct op *b)
{
	return a->client == b->client && a->kind == OP_ELIMINAR &&
	    b->kind == OP_ELIMINAR && a->user == b->user &&
	    a->title == b->title;
}

bool
model_key(struct model *m, struct op *op, unsigned client)
{
	op->client = client;
	for (uint32_t i = 0; i < m->keyed_count; i++)
		if (is_same_deletion(m->keyed[i], op) &&
		    m->keyed[i]->clave_len == 0)
			return false;
	op->keyed = true;
	m->keyed = grown(m->keyed, m->keyed_count, sizeof(struct op *));
	m->keyed[m->keyed_count++] = op;
	return true;
}

struct op *
model_done_before(struct model *m, unsigned client, uint32_t chance)
{
	for (uint32_t i = 0; i < m->keyed_count; i++) {
		struct op *op = m->keyed[(i + chance) % m->keyed_count];

		if (op->client == client && op->acked && is_of_tasks(op))
			return op;
	}
	return NULL;
}

/* -- parameters -- */

static void
write_options(const struct op *op, struct buf *b)
{
	term_write_map(b, op->timeout_ms > 0 ? 2 : 1);
	if (op->of != NULL) {
		term_write_cstr(b, "clave");
		term_write_bin(b,
		    slice_bytes(op->of->clave, op->of->clave_len));
	} else {
		term_write_cstr(b, "n");
		term_write_uint(b, op->number);
	}
	if (op->timeout_ms == 0)
		return;
	term_write_cstr(b, "plazo");
	term_write_uint(b, op->timeout_ms);
}

static void
write_change(const struct op *op, unsigned title_number, struct buf *b)
{
	char title[16], text[LIMIT_DESCRIPCION + 16];
	struct tarea t;

	write_title(title, title_number);
	write_text(text, op);
	t = (struct tarea){ slice_of(title), slice_of(text) };
	term_write_array(b, 3);
	term_write_cstr(b, model_user(op->user));
	if (op->kind == OP_AGREGAR)
		tarea_write(b, &t);
	else
		term_write_cstr(b, title);
}

/* What is forged differs in its title. */
static unsigned
forged_title(const struct op *op)
{
	return op->title + MODEL_TITLES;
}

void
model_write_fields(const struct op *op, struct buf *b)
{
	write_change(op, op->title, b);
}

/* Params that begin with a text and have perhaps no more. */
static void
write_name(const struct op *op, struct buf *b)
{
	term_write_array(b, 2);
	if (op->kind == OP_LISTAR)
		term_write_cstr(b, model_user(op->user));
	else if (op->kind == OP_SYS)
		term_write_cstr(b, op->title == 0 ? "sys" : "tareas");
	else
		term_write_cstr(b, model_room(op->room));
}

void
model_write(const struct op *op, struct buf *b)
{
	if (op->kind == OP_FORGE)
		write_change(op->of, forged_title(op->of), b);
	else if (op->kind == OP_REPEAT)
		write_change(op->of, op->of->title, b);
	else if (is_of_tasks(op))
		write_change(op, op->title, b);
	else
		write_name(op, b);
	write_options(op, b);
}

/* -- what the engine applies -- */

/* Before it, on its line, nothing may be missing but what was excused. */
static void
leave_waiting(struct model *m, struct line *line, uint32_t number)
{
	struct op *op;

	while (
	    (op = TAILQ_FIRST(&line->waiting)) != NULL && op->number < number) {
		check(!op->cast || model_was_disturbed(m, op->sent_ms),
		    "cast %u was overtaken or lost", op->number);
		TAILQ_REMOVE(&line->waiting, op, entry);
		op->waits = false;
		op->closed = true; /* too late: another one is through */
	}
}

static bool
is_of_client(const struct op *op, struct slice user)
{
	char name[16];

	snprintf(name, sizeof(name), "u%u", op->client);
	return slice_is(user, name);
}

static bool
is_tasks_command(const struct op *op, unsigned title_number,
    const struct command *c)
{
	char title[16], text[LIMIT_DESCRIPCION + 16];
	bool adds = c->kind == COMMAND_AGREGAR;

	write_title(title, title_number);
	write_text(text, op);
	return adds == (op->kind == OP_AGREGAR) &&
	    slice_is(c->usuario, model_user(op->user)) &&
	    slice_is(c->tarea.titulo, title) &&
	    (!adds || slice_is(c->tarea.descripcion, text));
}

static bool
is_room_command(const struct op *op, const struct command *c)
{
	static const enum op_kind kinds[] = {
		[COMMAND_CREATE_ROOM] = OP_CREATE,
		[COMMAND_DELETE_ROOM] = OP_DELETE,
		[COMMAND_SEND] = OP_SAY,
	};
	char text[16];

	snprintf(text, sizeof(text), "say %u", op->number);
	return op->kind == kinds[c->kind] && is_of_client(op, c->usuario) &&
	    slice_is(c->sala, model_room(op->room)) &&
	    (op->kind != OP_SAY || slice_is(c->texto, text));
}

static bool
is_command(const struct op *op, unsigned title_number, const struct command *c)
{
	if (c->kind == COMMAND_AGREGAR || c->kind == COMMAND_ELIMINAR)
		return is_of_tasks(op) && is_tasks_command(op, title_number, c);
	return is_room_command(op, c);
}

/* From its line: what went before it is through. */
static void
take_from_line(struct model *m, struct op *op)
{
	leave_waiting(m, op->line, op->number);
	check(op->waits, "request %u was applied out of order", op->number);
	TAILQ_REMOVE(&op->line->waiting, op, entry);
	op->waits = false;
}

/*
 * An outbox keeps the order, unless the server did some and not others; a
 * chat_client says one line after the other.
 */
static void
check_keyed_order(const struct model *m, const struct op *op)
{
	bool said = op->kind == OP_SAY;
	bool excused = said ? op->answers > 0 :
			      model_was_disturbed(m, op->sent_ms) ||
		model_was_full(m, op->sent_ms);

	for (uint64_t seq = history_seq(m->history); seq > 0 && !excused;
	     seq--) {
		const struct op *before = history_op(m->history, seq);

		if (!before->keyed || before->client != op->client ||
		    said != (before->kind == OP_SAY))
			continue;
		check(before->number < op->number,
		    "write %u came after write %u", op->number, before->number);
		return;
	}
}

/* It is about to be applied, as the next command. */
static void
apply(struct model *m, struct op *op)
{
	check(!op->closed, "request %u was applied too late", op->number);
	check(op->keyed || !op->applied, "request %u was applied twice",
	    op->number);
	if (op->keyed)
		check_keyed_order(m, op);
	else if (is_of_tasks(op))
		take_from_line(m, op);
	op->applied = true;
	m->applied++;
	history_apply(m->history, op);
}

/* It is about to be refused: the disk is full. */
static void
refuse(struct model *m, struct op *op)
{
	if (op->keyed)
		return; /* another try may come */
	if (is_of_tasks(op))
		take_from_line(m, op);
	op->closed = true;
}

/* -- whose command it is -- */

/*
 * The command's bytes lie in its request's parameters, where the options
 * follow them.
 */
static uint32_t
number_of(const struct command *c)
{
	bool tasks = c->kind == COMMAND_AGREGAR || c->kind == COMMAND_ELIMINAR;
	struct slice name = tasks ? c->usuario : c->sala;
	const uint8_t *at = name.bytes + name.len;
	uint64_t number = UINT32_MAX;
	struct term_reader r;
	struct slice key;
	uint32_t n;

	term_reader_init(&r, slice_bytes(at, LIMIT_FRAME));
	if ((tasks && term_skip(&r, NULL) != E_OK) ||
	    term_read_map(&r, &n) != E_OK || term_read_str(&r, &key) != E_OK ||
	    term_read_uint(&r, &number) != E_OK || !slice_is(key, "n"))
		return UINT32_MAX;
	return (uint32_t)number;
}

/* The first that has this clave, or none yet and asks for just this. */
static struct op *
keyed_op(struct model *m, const struct command *c)
{
	struct op *fresh = NULL;

	for (uint32_t i = m->keyed_count; i > 0; i--) {
		struct op *op = m->keyed[i - 1];

		if (!is_of_client(op, c->quien))
			continue;
		if (op->clave_len > 0 &&
		    slice_equal(slice_bytes(op->clave, op->clave_len),
			c->clave))
			return op;
		if (op->clave_len == 0 && is_command(op, op->title, c))
			fresh = op;
	}
	if (fresh == NULL)
		return NULL;
	memcpy(fresh->clave, c->clave.bytes, c->clave.len);
	fresh->clave_len = c->clave.len;
	return fresh;
}

static struct op *
plain_op(const struct model *m, const struct command *c)
{
	uint32_t number = number_of(c);

	return number < m->op_count ? m->ops[number] : NULL;
}

static struct op *
op_of(struct model *m, const struct command *c)
{
	struct op *op = c->clave.len > 0 ? keyed_op(m, c) : plain_op(m, c);

	check(op != NULL, "a command of '%.*s' that nobody asked for",
	    (int)c->quien.len, (const char *)c->quien.bytes);
	check(is_command(op, op->title, c) ||
		(op->forged && op->seq > 0 &&
		    is_command(op, forged_title(op), c)),
	    "request %u was changed on its way", op->number);
	return op;
}

/* -- between the server and its engine, where the linker puts these -- */

void
model_watch_engine(struct model *m)
{
	watching = m;
}

void __real_engine_propose(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from);
void __wrap_engine_propose(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from);
struct engine *__real_engine_local_new(struct node *n, struct store *store);
struct engine *__wrap_engine_local_new(struct node *n, struct store *store);

void
__wrap_engine_propose(struct engine *e, struct engine_client *client,
    const struct command *c, struct from from)
{
	struct model *m = watching;
	struct op *op = op_of(m, c);
	bool again = op->keyed && op->seq > 0;

	if (!again && engine_has_room(e))
		apply(m, op);
	else if (!again)
		refuse(m, op);
	__real_engine_propose(e, client, c, from);
	check(engine_seq(e) == history_seq(m->history),
	    "request %u: the engine is at %llu, not %llu", op->number,
	    (unsigned long long)engine_seq(e),
	    (unsigned long long)history_seq(m->history));
}

/* What the crash took back was never to be seen. */
static void
take_back(struct model *m, uint64_t seq)
{
	for (uint64_t i = history_seq(m->history); i > seq; i--) {
		struct op *op = history_op(m->history, i);

		check(!op->acked, "request %u was done, and is lost",
		    op->number);
		op->applied = false;
		op->closed |= !op->keyed;
	}
	for (unsigned i = 0; i < MODEL_USERS; i++)
		check(m->shown[i] <= seq, "%s was shown what is lost",
		    model_user(i));
	history_take_back(m->history, seq, false);
}

static uint64_t hash_list(const struct model *m, unsigned user,
    struct slice answer);

static void
check_loaded_rooms(const struct model *m, const struct engine *e)
{
	for (unsigned i = 0; i < MODEL_ROOMS; i++) {
		struct slice name = slice_of(model_room(i));
		struct sala sala = { .last = 0 };
		uint32_t count;
		bool there = salas_state_find(engine_salas(e), name, &sala);

		(void)history_said(m->history, i, &count);
		check(there == (history_room(m->history, i) != NULL) &&
			sala.last == count,
		    "room %s was not loaded as it was", model_room(i));
	}
}

static void
check_loaded(const struct model *m, const struct engine *e)
{
	const struct tareas_page all = { .cuantas = UINT64_MAX,
		.bytes_max = SIZE_MAX };
	struct buf list;
	uint32_t there;

	buf_init(&list);
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		buf_clear(&list);
		tareas_state_listar(engine_state(e), slice_of(model_user(i)),
		    &all, &list, &there);
		check(hash_list(m, i, buf_bytes(&list)) ==
			history_list(m->history, i),
		    "the tasks of %s were not loaded as they were",
		    model_user(i));
	}
	buf_release(&list);
}

static void
loaded(struct model *m, const struct engine *e)
{
	uint64_t seq = engine_seq(e);

	if (m->disk == NULL) {
		history_take_back(m->history, 0, true);
		return;
	}
	check(seq == disk_seq(m->disk), "loaded %llu, but there is %llu",
	    (unsigned long long)seq, (unsigned long long)disk_seq(m->disk));
	check(m->crashed || seq == history_seq(m->history),
	    "%llu of %llu commands outlived the engine",
	    (unsigned long long)seq,
	    (unsigned long long)history_seq(m->history));
	take_back(m, seq);
	check_loaded(m, e);
	check_loaded_rooms(m, e);
	m->crashed = false;
}

struct engine *
__wrap_engine_local_new(struct node *n, struct store *store)
{
	struct engine *e = __real_engine_local_new(n, store);

	model_disturbed(watching);
	if (e != NULL)
		loaded(watching, e);
	return e;
}

/* -- answers -- */

/* The number of a listed task, which must be the very one that was added. */
static uint32_t
check_task(const struct model *m, unsigned user, const struct tarea *t)
{
	char title[16], text[LIMIT_DESCRIPCION + 16], start[16];
	size_t len = t->descripcion.len < 15 ? t->descripcion.len : 15;
	unsigned number = UINT32_MAX;
	const struct op *op;

	memcpy(start, t->descripcion.bytes, len);
	start[len] = '\0';
	check(sscanf(start, "op %u", &number) == 1 && number < m->op_count,
	    "a list has a task that nobody added");
	op = m->ops[number];
	write_title(title, op->title);
	write_text(text, op);
	check(op->kind == OP_AGREGAR && op->user == user &&
		slice_is(t->titulo, title) && slice_is(t->descripcion, text),
	    "task %u came back changed", number);
	return number;
}

static uint64_t
hash_list(const struct model *m, unsigned user, struct slice answer)
{
	uint64_t hash = list_hash();
	struct term_reader r;
	struct tarea t;
	uint32_t n;

	term_reader_init(&r, answer);
	check(term_read_array(&r, &n) == E_OK, "a list is no array");
	for (; n > 0; n--) {
		check(tarea_read(&r, &t) == E_OK, "a list with no task in it");
		hash = list_add(hash, check_task(m, user, &t));
	}
	return hash;
}

/* What is told is on the disk. */
static void
check_saved(const struct model *m, const struct op *op, uint64_t seq)
{
	check(m->disk == NULL || seq <= disk_seq(m->disk),
	    "call %u was answered before %llu was durable", op->number,
	    (unsigned long long)seq);
}

static void
check_listed(struct model *m, const struct op *op, struct slice answer)
{
	uint64_t hash = hash_list(m, op->user, answer), seq = 0;

	leave_waiting(m, op->line, op->number);
	check(history_find(m->history, op->user, op->version, hash, &seq),
	    "list %u is of no moment since it was "
	    "asked for",
	    op->number);
	check_saved(m, op, seq);
	if (m->disk != NULL && seq > m->shown[op->user])
		m->shown[op->user] = seq;
}

void
model_told(const struct model *m, struct op *op)
{
	check(op->applied, "change %u was not applied", op->number);
	check_saved(m, op, op->seq);
	op->acked = m->disk != NULL;
}

static void
check_changed(const struct model *m, struct op *op, struct slice body)
{
	struct term_reader r;
	uint64_t count;
	bool yes;

	term_reader_init(&r, body);
	model_told(m, op);
	if (op->kind == OP_ELIMINAR)
		check(term_read_uint(&r, &count) == E_OK && count == op->n,
		    "delete %u: the wrong number", op->number);
	else
		check(term_read_bool(&r, &yes) == E_OK && yes &&
			op->outcome == E_OK,
		    "change %u: not true", op->number);
}

static void
check_result(struct model *m, struct op *op, struct slice body)
{
	struct term_reader r;
	bool yes;

	check(op->kind != OP_FORGE, "call %u: a clave for two things",
	    op->number);
	if (op->kind == OP_LISTAR) {
		check_listed(m, op, body);
	} else if (op->kind == OP_SYS) {
		term_reader_init(&r, body);
		check(term_read_bool(&r, &yes) == E_OK && yes,
		    "request %u: not true", op->number);
	} else if (op->kind == OP_PAST) {
		rooms_check_past(m, op, body);
	} else {
		check_changed(m, op->of != NULL ? op->of : op, body);
	}
}

/* An outbox tries until its time is over: something must have happened. */
static void
check_keyed_excuse(const struct model *m, const struct op *op, enum err e)
{
	uint64_t end = op->sent_ms + op->timeout_ms;
	bool troubled = op->line == NULL || op->line->down ||
	    model_was_disturbed(m, op->sent_ms) ||
	    model_is_slow(m, op->sent_ms);
	bool good = false;

	if (e == E_STORAGE)
		good = model_was_full(m, op->sent_ms);
	else if (e == E_TIMEOUT || e == E_NOCONNECTION || e == E_DIED ||
	    e == E_NOPROC || e == E_OVERLOAD || e == E_UNREACHABLE)
		good = troubled && sim_now(m->sim) >= end;
	check(good, "write %u ended with %s, and nothing had happened",
	    op->number, err_word(e));
}

static bool
is_of_room(const struct op *op)
{
	return op->kind == OP_CREATE || op->kind == OP_DELETE ||
	    op->kind == OP_PAST;
}

/* What is right of a room that comes and goes. */
static bool
is_room_excuse(const struct op *op, enum err e)
{
	if (op->applied && op->outcome == e)
		return true;
	if (op->kind == OP_PAST)
		return e == E_NOPROC || e == E_OVERLOAD || e == E_DIED;
	return op->kind == OP_DELETE && e == E_DENIED;
}

/* A call has an excuse for each way to end without an answer. */
static void
check_excuse(const struct model *m, const struct op *op, enum err e)
{
	uint64_t now = sim_now(m->sim);
	bool disturbed = model_was_disturbed(m, op->sent_ms);
	bool good = false;

	if (e == E_TIMEOUT)
		good = now >= op->sent_ms + op->timeout_ms &&
		    (op->timeout_ms < LIMIT_CALL_MS ||
			model_is_slow(m, op->sent_ms));
	else if (e == E_NOCONNECTION)
		good = op->line->down;
	else if (e == E_NOPROC)
		good = op->stale || disturbed;
	else if (e == E_DIED)
		good = op->line->down || disturbed;
	else if (e == E_OVERLOAD)
		good = disturbed;
	else if (e == E_STORAGE)
		good = model_was_full(m, op->sent_ms) && op->of == NULL;
	else if (e == E_BADARG)
		good = op->kind == OP_FORGE;
	if (is_of_room(op))
		good |= is_room_excuse(op, e);
	check(good, "call %u ended with %s, and nothing had happened",
	    op->number, err_word(e));
}

void
model_answered(struct model *m, struct op *op, const struct answer *a)
{
	uint64_t now = sim_now(m->sim);

	check(op->answers++ == 0, "call %u was answered twice", op->number);
	check(!op->abandoned, "call %u: answered to a dead one", op->number);
	check(now <= op->sent_ms + op->timeout_ms + LATE_MS +
		    (op->keyed ? OUTBOX_MS : 0),
	    "call %u ended late", op->number);
	if (a->e == E_OK) {
		check(!op->stale, "call %u went to the dead", op->number);
		check_result(m, op, a->body);
		return;
	}
	if (op->keyed)
		check_keyed_excuse(m, op, a->e);
	else
		check_excuse(m, op, a->e);
	if (is_of_room(op) && op->applied && op->outcome == a->e) {
		model_told(m, op);
		return;
	}
	check(!err_safe_to_retry(a->e) || !op->applied,
	    "call %u ended with %s, but was applied", op->number,
	    err_word(a->e));
	/* Under way still? The line's end is no word of the server. */
	op->closed |= a->e != E_TIMEOUT && a->e != E_NOCONNECTION &&
	    !(a->e == E_DIED && (op->keyed || op->line->down));
}

static bool
is_open(const struct op *op)
{
	return !op->cast && !op->abandoned && op->answers == 0;
}

void
model_abandon(struct model *m, uint32_t owner)
{
	for (uint32_t i = 0; i < m->op_count; i++)
		if (is_open(m->ops[i]) && m->ops[i]->owner == owner)
			m->ops[i]->abandoned = true;
}

uint32_t
model_open(const struct model *m)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < m->op_count; i++)
		open += is_open(m->ops[i]);
	return open;
}

/* -- what happens to the server -- */

void
model_disturbed(struct model *m)
{
	m->disturbed_ms = sim_now(m->sim);
}

bool
model_was_disturbed(const struct model *m, uint64_t since_ms)
{
	return m->disturbed_ms >= since_ms;
}

void
model_unplugged(struct model *m)
{
	m->unplugged_ms = sim_now(m->sim);
}

void
model_crashed(struct model *m)
{
	model_disturbed(m);
	m->crashed = true;
}

bool
model_is_slow(const struct model *m, uint64_t since_ms)
{
	return m->unplugged_ms >= since_ms || m->stalled_ms >= since_ms;
}

bool
model_was_full(const struct model *m, uint64_t since_ms)
{
	return m->full_ms >= since_ms;
}

const struct history *
model_history(const struct model *m)
{
	return m->history;
}

bool
model_has_disk(const struct model *m)
{
	return m->disk != NULL;
}

void
model_look(struct model *m)
{
	if (m->disk != NULL && disk_stalls(m->disk))
		m->stalled_ms = sim_now(m->sim);
	if (m->disk != NULL && disk_is_full(m->disk))
		m->full_ms = sim_now(m->sim);
}

/* -- the end -- */

void
model_check_lines(struct model *m)
{
	for (uint32_t i = 0; i < m->line_count; i++)
		if (m->lines[i]->up)
			leave_waiting(m, m->lines[i], m->op_count);
}

void
model_check_list(struct model *m, unsigned user, struct slice answer)
{
	check(hash_list(m, user, answer) == history_list(m->history, user),
	    "the last list of %s is wrong", model_user(user));
}

size_t
model_bytes(const struct model *m, unsigned user)
{
	return history_bytes(m->history, user);
}

uint32_t
model_ops(const struct model *m)
{
	return m->op_count;
}

uint32_t
model_applied(const struct model *m)
{
	return m->applied;
}
