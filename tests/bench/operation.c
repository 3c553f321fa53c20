#include "tests/bench/operation.h"

#include "common/tarea.h"
#include "tests/bench/resp.h"

/* Stands for what varies until it is known. */
#define MARK "#######"
#define MARK_PAGE UINT32_C(0x23232323)

enum { TITLE_MARK = 13, TITLE_BYTES = 20, PAGE_MARK_BYTES = 4 };

static const struct tarea example = {
	.titulo = { (const uint8_t *)"Comprar pan y leche.", TITLE_BYTES },
	.descripcion = { (const uint8_t *)"Ir al mercado antes de las ocho, "
					  "llevar bolsa y lista larga.",
	    60 },
};

static const struct tarea marked = {
	.titulo = { (const uint8_t *)"Comprar pan, " MARK, TITLE_BYTES },
	.descripcion = { (const uint8_t *)"Ir al mercado antes de las ocho, "
					  "llevar bolsa y lista larga.",
	    60 },
};

struct slice
operation_title(void)
{
	return example.titulo;
}

static void
put_digits(uint8_t *at, uint32_t number)
{
	for (int i = MARK_DIGITS; i-- > 0; number /= 10)
		at[i] = (uint8_t)('0' + number % 10);
}

void
operation_user(char out[USER_BYTES], uint32_t number)
{
	snprintf(out, USER_BYTES, "usuario %07u", number);
}

/* -- in our protocol -- */

static void
write_call(struct unit *u, const char *method, const struct buf *params)
{
	u->msgid_at = buf_len(&u->bytes) + ANSWER_MSGID;
	rpc_write_request(&u->bytes, MSGID_BASE, slice_of(method),
	    buf_bytes(params));
}

static void
write_task_params(struct buf *b, const char *user, const struct tarea *t)
{
	term_write_array(b, 2);
	term_write_cstr(b, user);
	tarea_write(b, t);
}

/* An answer is [1, msgid, nil, result]. */
static void
write_answer(struct buf *b, const struct buf *result)
{
	rpc_write_result(b, MSGID_BASE, buf_bytes(result));
}

static void
listar_write(const struct work *w, struct unit *u)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 1);
	term_write_cstr(&params, w->user);
	write_call(u, "tareas.listar_tareas", &params);
	buf_release(&params);
}

static void
answer_tasks(struct buf *b, uint32_t count)
{
	struct buf result;

	buf_init(&result);
	term_write_array(&result, count);
	for (uint32_t i = 0; i < count; i++)
		tarea_write(&result, &example);
	write_answer(b, &result);
	buf_release(&result);
}

static void
listar_answer(const struct work *w, struct buf *b)
{
	answer_tasks(b, w->tasks);
}

static void
pagina_write(const struct work *w, struct unit *u)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, w->user);
	term_write_map(&params, 2);
	term_write_cstr(&params, "desde");
	term_write_uint(&params, MARK_PAGE);
	term_write_cstr(&params, "cuantas");
	term_write_uint(&params, w->page);
	write_call(u, "tareas.listar_tareas", &params);
	buf_release(&params);
}

static void
pagina_answer(const struct work *w, struct buf *b)
{
	answer_tasks(b, w->page);
}

static void
agregar_write(const struct work *w, struct unit *u)
{
	struct buf params;

	buf_init(&params);
	write_task_params(&params, w->user, &example);
	write_call(u, "tareas.agregar_tarea", &params);
	buf_release(&params);
}

static void
agregar_answer(const struct work *w, struct buf *b)
{
	struct buf result;

	(void)w;
	buf_init(&result);
	term_write_bool(&result, true);
	write_answer(b, &result);
	buf_release(&result);
}

static void
add_cast(struct buf *b, const char *user, const struct tarea *t)
{
	struct buf params;

	buf_init(&params);
	write_task_params(&params, user, t);
	rpc_write_notify(b, slice_of("tareas.agregar_tarea"),
	    buf_bytes(&params));
	buf_release(&params);
}

/* The call at the end asks for none of the tasks: the cheapest there is. */
static void
cast_write(const struct work *w, struct unit *u)
{
	struct buf params;

	for (uint32_t i = 0; i < w->flight; i++)
		add_cast(&u->bytes, w->user, &example);
	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, w->user);
	term_write_map(&params, 1);
	term_write_cstr(&params, "cuantas");
	term_write_uint(&params, 0);
	write_call(u, "tareas.listar_tareas", &params);
	buf_release(&params);
}

static void
cast_answer(const struct work *w, struct buf *b)
{
	(void)w;
	answer_tasks(b, 0);
}

static void
eliminar_write(const struct work *w, struct unit *u)
{
	struct buf params;

	buf_init(&params);
	term_write_array(&params, 2);
	term_write_cstr(&params, w->user);
	term_write_str(&params, marked.titulo);
	write_call(u, "tareas.eliminar_tarea", &params);
	buf_release(&params);
	add_cast(&u->bytes, w->user, &marked);
}

static void
eliminar_answer(const struct work *w, struct buf *b)
{
	struct buf result;

	(void)w;
	buf_init(&result);
	term_write_uint(&result, 1);
	write_answer(b, &result);
	buf_release(&result);
}

/* -- in Redis': a list of tasks, each as it is in our listing -- */

static void
push_task(struct buf *b, const struct tarea *t)
{
	struct buf task;

	buf_init(&task);
	tarea_write(&task, t);
	resp_bulk(b, buf_bytes(&task));
	buf_release(&task);
}

static void
lrange_write(const struct work *w, struct unit *u)
{
	char last[16];

	snprintf(last, sizeof(last), "%u", w->tasks - 1);
	resp_command(&u->bytes, 4);
	resp_bulk(&u->bytes, slice_of("LRANGE"));
	resp_bulk(&u->bytes, slice_of(w->user));
	resp_bulk(&u->bytes, slice_of("0"));
	resp_bulk(&u->bytes, slice_of(last));
}

static void
lrange_answer(const struct work *w, struct buf *b)
{
	resp_command(b, w->tasks); /* an array's head is a command's */
	for (uint32_t i = 0; i < w->tasks; i++)
		push_task(b, &example);
}

static void
lpush(struct buf *b, const struct work *w, const struct tarea *t)
{
	resp_command(b, 3);
	resp_bulk(b, slice_of("LPUSH"));
	resp_bulk(b, slice_of(w->user));
	push_task(b, t);
}

static void
lpush_write(const struct work *w, struct unit *u)
{
	lpush(&u->bytes, w, &example);
}

static void
lrem_write(const struct work *w, struct unit *u)
{
	resp_command(&u->bytes, 4);
	resp_bulk(&u->bytes, slice_of("LREM"));
	resp_bulk(&u->bytes, slice_of(w->user));
	resp_bulk(&u->bytes, slice_of("0")); /* all that are equal, as we do */
	push_task(&u->bytes, &marked);
	lpush(&u->bytes, w, &marked);
}

static void
lrem_answer(const struct work *w, struct buf *b)
{
	char text[32];
	int len = snprintf(text, sizeof(text), ":1\r\n:%u\r\n", w->tasks);

	buf_add(b, slice_bytes(text, (size_t)len));
}

/* -- the table -- */

static const struct operation operations[] = {
	{ .name = "listar",
	    .tareas = { listar_write, listar_answer },
	    .redis = { lrange_write, lrange_answer } },
	{ .name = "pagina",
	    .vary = VARY_PAGE,
	    .tareas = { pagina_write, pagina_answer } },
	{ .name = "agregar",
	    .adds = true,
	    .tareas = { agregar_write, agregar_answer },
	    .redis = { lpush_write, NULL } },
	{ .name = "cast",
	    .adds = true,
	    .batch = true,
	    .tareas = { cast_write, cast_answer } },
	{ .name = "eliminar",
	    .vary = VARY_TASK,
	    .tareas = { eliminar_write, eliminar_answer },
	    .redis = { lrem_write, lrem_answer } },
};

const struct operation *
operation_find(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(name, operations[i].name) == 0)
			return &operations[i];
	die("--operation %s: listar, pagina, agregar, cast or eliminar", name);
}

enum vary
operation_varies(const struct operation *op, const struct work *w)
{
	return w->users > 0 ? VARY_USER : op->vary;
}

static void
find_marks(struct unit *u, const char *mark, size_t len)
{
	struct slice all = buf_bytes(&u->bytes);
	const uint8_t *end = all.bytes + all.len, *at = all.bytes;

	while ((at = memmem(at, (size_t)(end - at), mark, len)) != NULL) {
		if (u->mark_count == UNIT_MARKS)
			die("too much varies in a unit");
		u->marks[u->mark_count++] = (size_t)(at - all.bytes);
		at += len;
	}
}

void
operation_write(const struct operation *op, const struct work *w, bool redis,
    struct unit *u)
{
	const struct dialect *d = redis ? &op->redis : &op->tareas;
	enum vary vary = operation_varies(op, w);

	buf_clear(&u->bytes);
	u->mark_count = 0;
	d->write(w, u);
	if (vary != VARY_NOT)
		find_marks(u, MARK,
		    vary == VARY_PAGE ? PAGE_MARK_BYTES : MARK_DIGITS);
}

void
unit_vary(const struct unit *u, enum vary vary, uint8_t *copy, uint32_t number)
{
	uint32_t be = htonl(number);

	for (unsigned i = 0; i < u->mark_count; i++) {
		if (vary == VARY_PAGE)
			memcpy(copy + u->marks[i], &be, sizeof(be));
		else
			put_digits(copy + u->marks[i], number);
	}
}

/* The i-th of the tasks that a user has before the run. */
static struct tarea
nth_task(const struct operation *op, uint32_t i, uint8_t title[TITLE_BYTES])
{
	struct tarea t = op->vary == VARY_TASK ? marked : example;

	memcpy(title, t.titulo.bytes, TITLE_BYTES);
	if (op->vary == VARY_TASK)
		put_digits(title + TITLE_MARK, i);
	t.titulo.bytes = title;
	return t;
}

void
operation_add_tasks(const struct operation *op, const struct work *w,
    struct buf *out)
{
	uint8_t title[TITLE_BYTES];

	for (uint32_t i = 0; i < w->tasks; i++) {
		struct tarea t = nth_task(op, i, title);

		add_cast(out, w->user, &t);
	}
}

void
operation_push_tasks(const struct operation *op, const struct work *w,
    struct buf *out)
{
	uint8_t title[TITLE_BYTES];

	resp_command(out, 2 + w->tasks);
	resp_bulk(out, slice_of("LPUSH"));
	resp_bulk(out, slice_of(w->user));
	for (uint32_t i = 0; i < w->tasks; i++) {
		struct tarea t = nth_task(op, i, title);

		push_task(out, &t);
	}
}
