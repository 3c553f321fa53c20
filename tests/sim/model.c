#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/tarea.h"
#include "proto/limits.h"
#include "proto/term.h"
#include "tests/sim/check.h"

/* A turn may come this late: a busy program's clock goes on by itself. */
enum { LATE_MS = 20 };

/* What a task in a list has besides its description. */
enum { TASK_BYTES = 40 };

#define LIST_BASIS UINT64_C(14695981039346656037)
#define LIST_PRIME UINT64_C(1099511628211)

/* A user's tasks, oldest first, and what each version of them was. */
struct user {
	const struct op **tasks;
	uint32_t count;
	size_t bytes; /* of them, nearly */
	uint64_t *versions; /* hash of each; the last one is now */
	uint32_t version; /* its place */
};

struct model {
	const struct sim *sim;
	struct user users[MODEL_USERS];
	struct op **ops; /* by number */
	uint32_t op_count;
	struct line **lines;
	uint32_t line_count;
	uint32_t applied;
	uint64_t disturbed_ms;
	uint64_t unplugged_ms;
};

static struct model *watching; /* the engine */

/* -- texts -- */

const char *
model_user(unsigned user)
{
	static const char *const names[] = { "ana", "beto", "caro", "dora" };

	return names[user];
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

/* -- the map: users, lists, versions -- */

static void *
grown(void *array, size_t count, size_t size)
{
	/* Doubles at powers of two. */
	if ((count & (count - 1)) == 0)
		array = reallocarray(array, count > 0 ? 2 * count : 1, size);
	if (array == NULL)
		abort();
	return array;
}

static uint64_t
hash_add(uint64_t hash, uint32_t number)
{
	return (hash ^ number) * LIST_PRIME;
}

static void
new_version(struct user *u)
{
	uint64_t hash = LIST_BASIS;

	for (uint32_t i = u->count; i > 0; i--)
		hash = hash_add(hash, u->tasks[i - 1]->number);
	u->version++;
	u->versions = grown(u->versions, u->version, sizeof(*u->versions));
	u->versions[u->version] = hash;
}

static size_t
bytes_of(const struct op *op)
{
	return op->size + TASK_BYTES;
}

static void
add_task(struct user *u, const struct op *op)
{
	u->tasks = grown(u->tasks, u->count, sizeof(*u->tasks));
	u->tasks[u->count++] = op;
	u->bytes += bytes_of(op);
	new_version(u);
}

static uint32_t
delete_tasks(struct user *u, unsigned title)
{
	uint32_t kept = 0, deleted;

	for (uint32_t i = 0; i < u->count; i++)
		if (u->tasks[i]->title != title)
			u->tasks[kept++] = u->tasks[i];
		else
			u->bytes -= bytes_of(u->tasks[i]);
	deleted = u->count - kept;
	u->count = kept;
	new_version(u);
	return deleted;
}

static void
clear(struct model *m)
{
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		m->users[i].count = 0;
		m->users[i].bytes = 0;
		new_version(&m->users[i]);
	}
}

/* -- life -- */

struct model *
model_new(const struct sim *sim)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->sim = sim;
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		m->users[i].versions = calloc(1, sizeof(uint64_t));
		new_version(&m->users[i]);
	}
	return m;
}

void
model_free(struct model *m)
{
	for (unsigned i = 0; i < MODEL_USERS; i++) {
		free(m->users[i].tasks);
		free(m->users[i].versions);
	}
	for (uint32_t i = 0; i < m->op_count; i++)
		free(m->ops[i]);
	for (uint32_t i = 0; i < m->line_count; i++)
		free(m->lines[i]);
	free(m->ops);
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

void
model_sent(struct model *m, struct op *op)
{
	op->version = m->users[op->user].version;
	op->closed = op->stale;
	if (op->stale || op->kind == OP_LISTAR || op->kind == OP_SYS)
		return;
	op->waits = true;
	TAILQ_INSERT_TAIL(&op->line->waiting, op, entry);
}

static void
write_options(const struct op *op, struct buf *b)
{
	term_write_map(b, op->timeout_ms > 0 ? 2 : 1);
	term_write_cstr(b, "n");
	term_write_uint(b, op->number);
	if (op->timeout_ms == 0)
		return;
	term_write_cstr(b, "plazo");
	term_write_uint(b, op->timeout_ms);
}

void
model_write(const struct op *op, struct buf *b)
{
	char title[16], text[LIMIT_DESCRIPCION + 16];
	struct tarea t;

	write_title(title, op->title);
	write_text(text, op);
	t = (struct tarea){ slice_of(title), slice_of(text) };
	term_write_array(b, op->kind < OP_LISTAR ? 3 : 2);
	term_write_cstr(b,
	    op->kind != OP_SYS ? model_user(op->user) :
		op->title == 0 ? "sys" :
				 "tareas");
	if (op->kind == OP_AGREGAR)
		tarea_write(b, &t);
	else if (op->kind == OP_ELIMINAR)
		term_write_cstr(b, title);
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

static void
check_command(const struct op *op, const struct command *c)
{
	char title[16], text[LIMIT_DESCRIPCION + 16];
	bool adds = c->kind == COMMAND_AGREGAR;

	write_title(title, op->title);
	write_text(text, op);
	check(adds == (op->kind == OP_AGREGAR) &&
		slice_is(c->usuario, model_user(op->user)) &&
		slice_is(c->tarea.titulo, title) &&
		(!adds || slice_is(c->tarea.descripcion, text)),
	    "request %u was changed on its way", op->number);
}

static void
apply(struct model *m, uint32_t number, const struct command *c)
{
	struct op *op = number < m->op_count ? m->ops[number] : NULL;
	struct user *u;

	check(op != NULL, "command %u: nobody asked for it", number);
	check(!op->applied, "request %u was applied twice", number);
	check(!op->closed, "request %u was applied too late", number);
	check_command(op, c);
	leave_waiting(m, op->line, number);
	check(op->waits, "request %u was applied out of order", number);
	TAILQ_REMOVE(&op->line->waiting, op, entry);
	op->waits = false;
	op->applied = true;
	m->applied++;
	u = &m->users[op->user];
	if (op->kind == OP_AGREGAR)
		add_task(u, op);
	else
		op->deleted = delete_tasks(u, op->title);
}

/*
 * The command's bytes lie in its request's parameters, where the options
 * follow them.
 */
static uint32_t
number_of(const struct command *c)
{
	const uint8_t *at = c->usuario.bytes + c->usuario.len;
	uint64_t number = UINT32_MAX;
	struct term_reader r;
	struct slice key;
	uint32_t n;

	term_reader_init(&r, slice_bytes(at, LIMIT_FRAME));
	if (term_skip(&r, NULL) != E_OK || term_read_map(&r, &n) != E_OK ||
	    term_read_str(&r, &key) != E_OK ||
	    term_read_uint(&r, &number) != E_OK || !slice_is(key, "n"))
		return UINT32_MAX;
	return (uint32_t)number;
}

void
model_watch_engine(struct model *m)
{
	watching = m;
}

/* The linker puts these between the server and its engine. */
void __real_engine_propose(struct engine *e, const struct command *c,
    struct from from);
void __wrap_engine_propose(struct engine *e, const struct command *c,
    struct from from);
struct engine *__real_engine_local_new(const uint8_t seed[TABLE_SEED_BYTES]);
struct engine *__wrap_engine_local_new(const uint8_t seed[TABLE_SEED_BYTES]);

void
__wrap_engine_propose(struct engine *e, const struct command *c,
    struct from from)
{
	apply(watching, number_of(c), c);
	__real_engine_propose(e, c, from);
}

struct engine *
__wrap_engine_local_new(const uint8_t seed[TABLE_SEED_BYTES])
{
	clear(watching);
	model_disturbed(watching);
	return __real_engine_local_new(seed);
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
	uint64_t hash = LIST_BASIS;
	struct term_reader r;
	struct tarea t;
	uint32_t n;

	term_reader_init(&r, answer);
	check(term_read_array(&r, &n) == E_OK, "a list is no array");
	for (; n > 0; n--) {
		check(tarea_read(&r, &t) == E_OK, "a list with no task in it");
		hash = hash_add(hash, check_task(m, user, &t));
	}
	return hash;
}

static void
check_listed(struct model *m, const struct op *op, struct slice answer)
{
	const struct user *u = &m->users[op->user];
	uint64_t hash = hash_list(m, op->user, answer);
	uint32_t v = u->version;

	leave_waiting(m, op->line, op->number);
	while (u->versions[v] != hash && v > op->version)
		v--;
	check(u->versions[v] == hash,
	    "list %u is of no moment since it was "
	    "asked for",
	    op->number);
}

static void
check_result(struct model *m, const struct op *op, struct slice body)
{
	struct term_reader r;
	uint64_t count;
	bool yes;

	term_reader_init(&r, body);
	if (op->kind == OP_LISTAR) {
		check_listed(m, op, body);
		return;
	}
	if (op->kind == OP_ELIMINAR) {
		check(op->applied, "delete %u was not applied", op->number);
		check(term_read_uint(&r, &count) == E_OK &&
			count == op->deleted,
		    "delete %u: the wrong number", op->number);
		return;
	}
	check(term_read_bool(&r, &yes) == E_OK && yes, "request %u: not true",
	    op->number);
	check(op->kind == OP_SYS || op->applied, "task %u was not applied",
	    op->number);
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
			m->unplugged_ms >= op->sent_ms);
	else if (e == E_NOCONNECTION)
		good = op->line->down;
	else if (e == E_NOPROC)
		good = op->stale || disturbed;
	else if (e == E_DIED)
		good = op->line->down || disturbed;
	else if (e == E_OVERLOAD)
		good = disturbed;
	check(good, "call %u ended with %s, and nothing had happened",
	    op->number, err_word(e));
}

void
model_answered(struct model *m, struct op *op, const struct answer *a)
{
	uint64_t now = sim_now(m->sim);

	check(op->answers++ == 0, "call %u was answered twice", op->number);
	check(!op->abandoned, "call %u: answered to a dead one", op->number);
	check(now <= op->sent_ms + op->timeout_ms + LATE_MS,
	    "call %u ended late", op->number);
	if (a->e == E_OK) {
		check(!op->stale, "call %u went to the dead", op->number);
		check_result(m, op, a->body);
		return;
	}
	check_excuse(m, op, a->e);
	check(!err_safe_to_retry(a->e) || !op->applied,
	    "call %u ended with %s, but was applied", op->number,
	    err_word(a->e));
	/* Under way still? The line's end is no word of the server. */
	op->closed |= a->e != E_TIMEOUT && a->e != E_NOCONNECTION &&
	    !(a->e == E_DIED && op->line->down);
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
	const struct user *u = &m->users[user];

	check(hash_list(m, user, answer) == u->versions[u->version],
	    "the last list of %s is wrong", model_user(user));
}

size_t
model_bytes(const struct model *m, unsigned user)
{
	return m->users[user].bytes;
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
