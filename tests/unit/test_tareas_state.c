/*
 * server/tareas_state.h, against a model that is as simple as can be: one
 * list of tasks, newest first, walked from its start for everything.
 */
#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "proto/limits.h"
#include "server/tareas_state.h"
#include "tests/lib/bytes.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define ALL UINT64_MAX

enum { FRAME = LIMIT_FRAME - 64, TEXT_MAX = LIMIT_DESCRIPCION };

/* -- the model -- */

struct line {
	TAILQ_ENTRY(line) entry;
	char *usuario;
	char *titulo;
	char *descripcion;
};

static TAILQ_HEAD(lines, line) lines;
static struct tareas_state *state;
static uint64_t seed;

static void
line_free(struct line *l)
{
	TAILQ_REMOVE(&lines, l, entry);
	free(l->usuario);
	free(l->titulo);
	free(l->descripcion);
	free(l);
}

static uint32_t
model_count(const char *usuario)
{
	struct line *l;
	uint32_t n = 0;

	TAILQ_FOREACH(l, &lines, entry)
		n += strcmp(l->usuario, usuario) == 0;
	return n;
}

static void
model_agregar(const char *usuario, const char *titulo, const char *descripcion)
{
	struct line *l = calloc(1, sizeof(*l));

	ck_assert_ptr_nonnull(l);
	l->usuario = strdup(usuario);
	l->titulo = strdup(titulo);
	l->descripcion = strdup(descripcion);
	TAILQ_INSERT_HEAD(&lines, l, entry);
}

static uint32_t
model_eliminar(const char *usuario, const char *titulo)
{
	struct line *l, *next;
	uint32_t n = 0;

	for (l = TAILQ_FIRST(&lines); l != NULL; l = next) {
		next = TAILQ_NEXT(l, entry);
		if (strcmp(l->usuario, usuario) != 0 ||
		    strcmp(l->titulo, titulo) != 0)
			continue;
		line_free(l);
		n++;
	}
	return n;
}

/* The tasks a listing may hold at most, written the slow way. */
static uint32_t
model_listar(const char *usuario, uint64_t desde, uint64_t cuantas,
    size_t bytes_max, struct buf *out)
{
	struct buf tareas;
	struct line *l;
	uint32_t n = 0;

	buf_init(&tareas);
	TAILQ_FOREACH(l, &lines, entry) {
		struct tarea t = { .titulo = slice_of(l->titulo),
			.descripcion = slice_of(l->descripcion) };
		size_t before = buf_len(&tareas);

		if (strcmp(l->usuario, usuario) != 0)
			continue;
		if (desde > 0) {
			desde--;
			continue;
		}
		if (n >= cuantas)
			break;
		tarea_write(&tareas, &t);
		if (n > 0 && 5 + buf_len(&tareas) > bytes_max) {
			buf_truncate(&tareas, before);
			break;
		}
		n++;
	}
	term_write_array(out, n);
	buf_add(out, buf_bytes(&tareas));
	buf_release(&tareas);
	return n;
}

/* -- both -- */

static uint64_t seq; /* of the last command */
static uint64_t gone; /* numbers told by the last deletion, their sum */

static void
add_number(void *arg, uint64_t number)
{
	ck_assert_ptr_eq(arg, &gone);
	gone += number;
}

static uint32_t
eliminar_state(struct slice usuario, struct slice titulo)
{
	gone = 0;
	return tareas_state_eliminar(state, ++seq, usuario, titulo, add_number,
	    &gone);
}

static void
agregar(const char *usuario, const char *titulo, const char *descripcion)
{
	struct tarea t = { .titulo = slice_of(titulo),
		.descripcion = slice_of(descripcion) };

	model_agregar(usuario, titulo, descripcion);
	ck_assert_int_eq(tareas_state_agregar(state, ++seq, slice_of(usuario),
			     &t),
	    E_OK);
}

static uint32_t
eliminar(const char *usuario, const char *titulo)
{
	uint32_t n = model_eliminar(usuario, titulo);

	ck_assert_uint_eq(eliminar_state(slice_of(usuario), slice_of(titulo)),
	    n);
	return n;
}

static uint32_t
listar_state(const char *usuario, uint64_t desde, uint64_t cuantas,
    size_t bytes_max, struct buf *out)
{
	const struct tareas_page page = { .desde = desde,
		.cuantas = cuantas,
		.bytes_max = bytes_max };
	uint32_t all = tareas_state_count(state, slice_of(usuario)), there;
	uint32_t n =
	    tareas_state_listar(state, slice_of(usuario), &page, out, &there);

	ck_assert_uint_eq(there, desde < all ? all - desde : 0);
	return n;
}

static uint32_t
listar(const char *usuario, uint64_t desde, uint64_t cuantas, size_t bytes_max)
{
	struct buf ours, theirs;
	uint32_t n;

	buf_init(&ours);
	buf_init(&theirs);
	n = model_listar(usuario, desde, cuantas, bytes_max, &theirs);
	ck_assert_uint_eq(listar_state(usuario, desde, cuantas, bytes_max,
			      &ours),
	    n);
	ck_assert(slice_equal(buf_bytes(&ours), buf_bytes(&theirs)));
	ck_assert(term_is_sound(buf_bytes(&ours)));
	buf_release(&ours);
	buf_release(&theirs);
	return n;
}

static void
check_usuario(const char *usuario)
{
	ck_assert_uint_eq(tareas_state_count(state, slice_of(usuario)),
	    model_count(usuario));
	ck_assert_uint_eq(listar(usuario, 0, ALL, SIZE_MAX),
	    model_count(usuario));
}

static void
setup(void)
{
	static const uint8_t key[TABLE_SEED_BYTES] = { 1, 2, 3 };

	TAILQ_INIT(&lines);
	state = tareas_state_new(key);
	seed = 1;
}

static void
teardown(void)
{
	while (!TAILQ_EMPTY(&lines))
		line_free(TAILQ_FIRST(&lines));
	tareas_state_free(state);
}

static const char *
text(char letter, size_t len)
{
	static char bytes[2][TEXT_MAX + 1];
	static int turn;
	char *at = bytes[turn++ % 2];

	ck_assert_uint_le(len, TEXT_MAX);
	memset(at, letter, len);
	at[len] = '\0';
	return at;
}

/* -- adding, deleting, listing -- */

START_TEST(an_unknown_user_has_an_empty_list)
{
	check_usuario("ana");
	ck_assert_uint_eq(listar("ana", 0, ALL, FRAME), 0);
	ck_assert_uint_eq(listar("ana", 7, ALL, FRAME), 0);
	ck_assert_uint_eq(eliminar("ana", "x"), 0);
}
END_TEST

START_TEST(a_list_is_newest_first_and_each_user_has_its_own)
{
	agregar("ana", "uno", "1");
	agregar("luis", "dos", "2");
	agregar("ana", "tres", "");
	agregar("an", "cuatro", "4");
	check_usuario("ana");
	check_usuario("luis");
	check_usuario("an");
	check_usuario("a");
	ck_assert_uint_eq(model_count("ana"), 2);
}
END_TEST

START_TEST(all_tasks_of_that_very_title_are_deleted)
{
	agregar("ana", "x", "1");
	agregar("ana", "X", "2");
	agregar("ana", "x ", "3");
	agregar("ana", "x", "4");
	agregar("luis", "x", "5");
	ck_assert_uint_eq(eliminar("ana", "x"), 2);
	check_usuario("ana");
	check_usuario("luis");
	ck_assert_uint_eq(eliminar("ana", "x"), 0);
	ck_assert_uint_eq(eliminar("ana", "xx"), 0);
	ck_assert_uint_eq(eliminar("ana", "X"), 1);
	ck_assert_uint_eq(eliminar("ana", "x "), 1);
	check_usuario("ana");
	agregar("ana", "again", "");
	check_usuario("ana");
}
END_TEST

START_TEST(texts_of_every_length_of_head_are_kept)
{
	static const size_t lens[] = { 0, 1, 31, 32, 255, 256, 1023, 1024 };

	for (size_t i = 0; i < COUNT(lens); i++)
		for (size_t j = 1; j < COUNT(lens); j++)
			agregar("ana", text('t', lens[j]), text('d', lens[i]));
	agregar("ana", "largest", text('d', LIMIT_DESCRIPCION));
	check_usuario("ana");
	for (size_t j = 1; j < COUNT(lens); j++)
		ck_assert_uint_eq(eliminar("ana", text('t', lens[j])),
		    COUNT(lens));
	check_usuario("ana");
}
END_TEST

/* A task of each size around the edges of chunks, alone and in company. */
START_TEST(tasks_fill_chunks_to_their_very_edges)
{
	static const size_t edges[] = { 128, 256, 512, 1024, 2048, 4096, 8192,
		16384 };

	for (size_t i = 0; i < COUNT(edges); i++)
		for (size_t below = 0; below <= 20; below++) {
			size_t len = edges[i] + 2 - below;

			if (len > TEXT_MAX)
				continue;
			agregar("ana", "t", text('d', len));
			agregar("ana", "u", "");
			agregar("luis", "t", text('d', len));
			check_usuario("ana");
			check_usuario("luis");
			eliminar("luis", "t");
		}
	eliminar("ana", "u");
	check_usuario("ana");
	eliminar("ana", "t");
	check_usuario("ana");
}
END_TEST

/* A second and a third task of every size in a small chunk. */
START_TEST(few_tasks_fill_their_chunk_to_its_very_edge)
{
	for (size_t len = 0; len < 400; len++) {
		agregar("ana", "t", text('a', 50));
		agregar("ana", "t", text('b', len));
		check_usuario("ana");
		agregar("ana", "t", text('c', 400 - len));
		check_usuario("ana");
		ck_assert_uint_eq(eliminar("ana", "t"), 3);
	}
}
END_TEST

static const char *
numbered(int i)
{
	static char titulo[16];

	snprintf(titulo, sizeof(titulo), "t%d", i);
	return titulo;
}

/* The first and the last of each chunk are among them. */
START_TEST(any_one_of_a_list_is_deleted)
{
	enum { TASKS = 40 };

	for (int gone_one = 0; gone_one < TASKS; gone_one++) {
		uint64_t before = seq;

		for (int i = 0; i < TASKS; i++)
			agregar("ana", numbered(i), text('d', (size_t)i * 7));
		ck_assert_uint_eq(eliminar("ana", numbered(gone_one)), 1);
		ck_assert_uint_eq(gone, before + 1 + (uint64_t)gone_one);
		check_usuario("ana");
		agregar("ana", numbered(gone_one), "again");
		check_usuario("ana");
		for (int i = 0; i < TASKS; i++)
			ck_assert_uint_eq(eliminar("ana", numbered(i)), 1);
	}
}
END_TEST

/* Tags of 16 bits: of 4,000 titles over a hundred have that of another. */
START_TEST(titles_with_the_same_tag_are_told_apart)
{
	enum { TASKS = 4000 };
	uint64_t before = seq;

	for (int i = 0; i < TASKS; i++) {
		struct tarea t = { .titulo = slice_of(numbered(i)),
			.descripcion = slice_of("") };

		ck_assert_int_eq(tareas_state_agregar(state, ++seq,
				     slice_of("ana"), &t),
		    E_OK);
	}
	for (int i = 0; i < TASKS; i++) {
		ck_assert_uint_eq(eliminar_state(slice_of("ana"),
				      slice_of(numbered(i))),
		    1);
		ck_assert_uint_eq(gone, before + 1 + (uint64_t)i);
	}
	ck_assert_uint_eq(tareas_state_usuarios(state), 0);
}
END_TEST

START_TEST(every_page_has_the_tasks_of_its_bounds)
{
	static const uint64_t counts[] = { 0, 1, 2, 3, 49, 50, 51, ALL };
	char titulo[16];

	for (int i = 0; i < 50; i++) {
		snprintf(titulo, sizeof(titulo), "t%d", i);
		agregar("ana", titulo, text('d', (size_t)(i * 7)));
		agregar("luis", titulo, "");
	}
	for (uint64_t desde = 0; desde < 53; desde++)
		for (size_t i = 0; i < COUNT(counts); i++)
			listar("ana", desde, counts[i], FRAME);
	ck_assert_uint_eq(listar("ana", ALL, ALL, FRAME), 0);
	ck_assert_uint_eq(listar("ana", UINT32_MAX, 1, FRAME), 0);
	ck_assert_uint_eq(listar("ana", (uint64_t)UINT32_MAX + 1, 1, FRAME), 0);
}
END_TEST

/* For every limit: as many as fit, and one in any case. */
START_TEST(a_listing_holds_exactly_what_fits)
{
	for (int i = 0; i < 30; i++)
		agregar("ana", text('t', (size_t)(1 + i)),
		    text('d', (size_t)(40 - i)));
	for (size_t bytes = 0; bytes < 2500; bytes++) {
		listar("ana", 0, ALL, bytes);
		listar("ana", 13, 9, bytes);
	}
	ck_assert_uint_eq(listar("ana", 0, ALL, 0), 1);
	ck_assert_uint_eq(listar("ana", 0, 0, 0), 0);
}
END_TEST

START_TEST(a_full_frame_is_within_its_bytes)
{
	struct buf out;
	uint32_t n;

	for (int i = 0; i < 70; i++)
		agregar("ana", text('t', 1024), text('d', LIMIT_DESCRIPCION));
	n = listar("ana", 0, ALL, FRAME);
	ck_assert_uint_eq(n, FRAME / (20 + 3 + 1024 + 3 + LIMIT_DESCRIPCION));
	buf_init(&out);
	listar_state("ana", 0, ALL, FRAME, &out);
	ck_assert_uint_le(buf_len(&out), FRAME);
	buf_release(&out);
}
END_TEST

static void
agregar_many(const char *usuario, uint32_t n)
{
	struct tarea t = { .titulo = slice_of("t"),
		.descripcion = slice_of("") };

	for (uint32_t i = 0; i < n; i++)
		ck_assert_int_eq(tareas_state_agregar(state, ++seq,
				     slice_of(usuario), &t),
		    E_OK);
}

/* An answer around it: [1, msgid, nil, list]. */
static void
check_frame(struct slice list)
{
	struct term_check c;
	struct buf b;

	buf_init(&b);
	rpc_write_result(&b, UINT32_MAX, list);
	term_check_init(&c, LIMIT_FRAME);
	ck_assert_int_eq(term_check(&c, buf_bytes(&b)), TERM_WHOLE);
	buf_release(&b);
}

START_TEST(a_frame_has_at_most_its_objects)
{
	uint32_t n, left = 30000;
	struct buf out;

	agregar_many("ana", left);
	buf_init(&out);
	n = listar_state("ana", 0, ALL, SIZE_MAX, &out);
	ck_assert_uint_ge(n, 26000);
	ck_assert_uint_le(5 * n + 1 + 5, LIMIT_OBJECTS);
	ck_assert(term_is_sound(buf_bytes(&out)));
	check_frame(buf_bytes(&out));
	buf_clear(&out);
	left -= n;
	ck_assert_uint_eq(listar_state("ana", n, ALL, FRAME, &out), left);
	ck_assert(term_is_sound(buf_bytes(&out)));
	buf_release(&out);
}
END_TEST

START_TEST(a_user_has_a_hundred_thousand_tasks_at_most)
{
	struct tarea t = { .titulo = slice_of("más"),
		.descripcion = slice_of("") };
	struct buf out;

	agregar_many("ana", LIMIT_TAREAS_PER_USER);
	ck_assert_int_eq(tareas_state_agregar(state, ++seq, slice_of("ana"),
			     &t),
	    E_TOOBIG);
	ck_assert_uint_eq(tareas_state_count(state, slice_of("ana")),
	    LIMIT_TAREAS_PER_USER);
	agregar("luis", "x", "");
	buf_init(&out);
	ck_assert_uint_eq(listar_state("ana", LIMIT_TAREAS_PER_USER - 1, ALL,
			      FRAME, &out),
	    1);
	buf_release(&out);
	ck_assert_uint_eq(eliminar_state(slice_of("ana"), slice_of("t")),
	    LIMIT_TAREAS_PER_USER);
	check_usuario("ana");
	agregar("ana", "y", "");
	check_usuario("ana");
}
END_TEST

/* Bytes in use; a sanitizer's malloc does not count them, and says 0. */
static size_t
in_use(void)
{
	return mallinfo2().uordblks;
}

/* Of 200 users with 500 tasks each, every second task of all goes. */
START_TEST(what_is_deleted_gives_its_memory_back)
{
	size_t before = in_use(), full, half, payload = 0;
	struct tarea t = { .descripcion = slice_of(text('d', 100)) };
	char usuario[16];

	for (int task = 0; task < 500; task++)
		for (int u = 0; u < 200; u++) {
			snprintf(usuario, sizeof(usuario), "u%d", u);
			t.titulo = slice_of(task % 2 == 0 ? "even" : "odd");
			payload += 1 + t.titulo.len + 2 + 100;
			ck_assert_int_eq(tareas_state_agregar(state, ++seq,
					     slice_of(usuario), &t),
			    E_OK);
		}
	full = in_use() - before;
	for (int u = 0; u < 200; u++) {
		snprintf(usuario, sizeof(usuario), "u%d", u);
		ck_assert_uint_eq(eliminar_state(slice_of(usuario),
				      slice_of("odd")),
		    250);
	}
	half = in_use() - before;
	ck_assert_uint_le(full, payload + payload / 4);
	ck_assert_uint_le(half, payload / 2 + payload / 8);
	for (int u = 0; u < 200; u++) {
		snprintf(usuario, sizeof(usuario), "u%d", u);
		eliminar_state(slice_of(usuario), slice_of("even"));
	}
	/* The hash table keeps its places. */
	ck_assert_uint_le(in_use() - before, 64 * 1024);
}
END_TEST

static void
agregar_numbered(int i)
{
	struct tarea t = { .titulo = slice_of(numbered(i)),
		.descripcion = slice_of(text('d', 80)) };

	ck_assert_int_eq(tareas_state_agregar(state, ++seq, slice_of("ana"),
			     &t),
	    E_OK);
}

/* Any of 5,000 goes and comes back, many times. */
START_TEST(holes_do_not_pile_up)
{
	enum { TASKS = 5000, TASK_BYTES = 1 + 5 + 2 + 80 };
	size_t before = in_use();

	for (int i = 0; i < TASKS; i++)
		agregar_numbered(i);
	for (int i = 0; i < 8 * TASKS; i++) {
		int any = (int)random_below(&seed, TASKS);

		ck_assert_uint_eq(eliminar_state(slice_of("ana"),
				      slice_of(numbered(any))),
		    1);
		agregar_numbered(any);
	}
	ck_assert_uint_le(in_use() - before,
	    TASKS * TASK_BYTES + TASKS * TASK_BYTES / 4);
}
END_TEST

static void
agregar_filler(void)
{
	struct tarea t = { .titulo = slice_of("filler"),
		.descripcion = slice_of(text('d', 130)) };

	ck_assert_int_eq(tareas_state_agregar(state, ++seq, slice_of("ana"),
			     &t),
	    E_OK);
}

/* It has a chunk of its own: those before it are not filled any more. */
static void
agregar_large(void)
{
	struct tarea t = { .titulo = slice_of("large"),
		.descripcion = slice_of(text('d', LIMIT_DESCRIPCION)) };

	ck_assert_int_eq(tareas_state_agregar(state, ++seq, slice_of("ana"),
			     &t),
	    E_OK);
}

/* The last chunk before a large task has room that nobody will fill. */
START_TEST(room_for_more_goes_with_a_deletion)
{
	enum { TASKS = 180, TASK_BYTES = 1 + 3 + 2 + 80, OTHER = 2048 };
	size_t before = in_use();

	for (int i = 0; i < TASKS; i++)
		agregar_numbered(i);
	agregar_large();
	eliminar_state(slice_of("ana"), slice_of(numbered(TASKS - 1)));
	ck_assert_uint_le(in_use() - before,
	    LIMIT_DESCRIPCION + OTHER + TASKS * TASK_BYTES +
		TASKS * TASK_BYTES / 4);
}
END_TEST

/* Of many tasks, one of each chunk stays. Returns the memory that takes. */
static size_t
leave_small_chunks(int tasks, int each)
{
	size_t before = in_use(), left;

	for (int i = 0; i < tasks; i++)
		if (i % each == 0)
			agregar_numbered(i);
		else
			agregar_filler();
	agregar_large();
	eliminar_state(slice_of("ana"), slice_of("filler"));
	left = in_use() - before;
	for (int i = 0; i < tasks; i += each)
		eliminar_state(slice_of("ana"), slice_of(numbered(i)));
	eliminar_state(slice_of("ana"), slice_of("large"));
	return left;
}

/* The first time leaves malloc's own lists, which count as in use. */
START_TEST(small_chunks_do_not_pile_up)
{
	enum { TASKS = 99000, EACH = 110, TASK_BYTES = 1 + 6 + 2 + 80 };

	leave_small_chunks(TASKS, EACH);
	ck_assert_uint_le(leave_small_chunks(TASKS, EACH),
	    LIMIT_DESCRIPCION + 512 +
		TASKS / EACH * (TASK_BYTES + TASK_BYTES / 5));
	ck_assert_uint_eq(tareas_state_usuarios(state), 0);
}
END_TEST

START_TEST(a_user_without_tasks_is_forgotten)
{
	struct tarea t = { .titulo = slice_of("t"),
		.descripcion = slice_of("") };
	size_t before = in_use();
	char usuario[16];

	for (int u = 0; u < 10000; u++) {
		snprintf(usuario, sizeof(usuario), "u%d", u);
		ck_assert_int_eq(tareas_state_agregar(state, ++seq,
				     slice_of(usuario), &t),
		    E_OK);
		eliminar_state(slice_of(usuario), t.titulo);
	}
	ck_assert_uint_le(in_use() - before, 4096);
}
END_TEST

START_TEST(a_deletion_tells_the_numbers_of_its_tasks)
{
	uint64_t first = seq;

	agregar("ana", "a", "1");
	agregar("ana", "b", "2");
	agregar("luis", "a", "3");
	agregar("ana", "a", "4");
	ck_assert_uint_eq(eliminar("ana", "a"), 2);
	ck_assert_uint_eq(gone, first + 1 + first + 4);
	ck_assert_uint_eq(eliminar("ana", "a"), 0);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

/* Numbers of every length, and back. */
START_TEST(a_number_has_64_bits)
{
	struct tarea t = { .titulo = slice_of("t"),
		.descripcion = slice_of(text('d', 300)) };

	for (unsigned bits = 7; bits <= 64; bits++) {
		uint64_t number = UINT64_MAX >> (64 - bits);

		ck_assert_int_eq(tareas_state_agregar(state, number,
				     slice_of("ana"), &t),
		    E_OK);
		ck_assert_uint_eq(eliminar_state(slice_of("ana"),
				      slice_of("t")),
		    1);
		ck_assert_uint_eq(gone, number);
	}
}
END_TEST

static uint64_t
seq_of(const char *usuario)
{
	return tareas_state_seq(state, slice_of(usuario));
}

START_TEST(a_reading_depends_on_the_last_change_of_its_user)
{
	uint64_t luis;

	ck_assert_uint_eq(seq_of("ana"), 0);
	agregar("ana", "a", "");
	agregar("ana", "b", "");
	agregar("luis", "a", "");
	luis = seq;
	ck_assert_uint_eq(seq_of("ana"), luis - 1);
	eliminar("ana", "a");
	ck_assert_uint_eq(seq_of("ana"), luis + 1);
	eliminar("ana", "nothing"); /* changes nothing */
	ck_assert_uint_eq(seq_of("ana"), luis + 1);
	ck_assert_uint_eq(seq_of("luis"), luis);
	eliminar("ana", "b"); /* the last one: ana is forgotten */
	ck_assert_uint_eq(seq_of("ana"), luis + 3);
	ck_assert_uint_eq(seq_of("luis"), luis);
}
END_TEST

START_TEST(a_listing_is_as_long_as_was_said_at_most)
{
	struct buf out;

	buf_init(&out);
	for (int i = 0; i < 100; i++) {
		agregar("ana", text('t', (size_t)(1 + i * 10)),
		    text('d', (size_t)i * 100));
		buf_clear(&out);
		listar_state("ana", 0, ALL, SIZE_MAX, &out);
		ck_assert_uint_ge(tareas_state_bytes(state, slice_of("ana")),
		    buf_len(&out));
		ck_assert_uint_le(tareas_state_bytes(state, slice_of("ana")),
		    buf_len(&out) + 8 * (size_t)(i + 1));
	}
	eliminar("ana", text('t', 1));
	buf_clear(&out);
	listar_state("ana", 0, ALL, SIZE_MAX, &out);
	ck_assert_uint_le(tareas_state_bytes(state, slice_of("ana")),
	    buf_len(&out) + 8 * 99);
	ck_assert_uint_ge(tareas_state_bytes(state, slice_of("ana")),
	    buf_len(&out));
	buf_release(&out);
	ck_assert_uint_le(tareas_state_bytes(state, slice_of("nobody")), 5);
}
END_TEST

/* -- anything at all -- */

static const char *
any_of(const char *const *words, uint32_t n)
{
	return words[random_below(&seed, n)];
}

static const char *
any_usuario(void)
{
	static const char *const words[] = { "ana", "luis", "josé", "z" };

	return any_of(words, COUNT(words));
}

static const char *
any_titulo(void)
{
	static const char *const words[] = { "a", "b", "c", "comprar leche",
		"año", "0123456789012345678901234567890",
		"01234567890123456789012345678901" };

	return any_of(words, COUNT(words));
}

START_TEST(any_operations_lead_where_the_model_leads)
{
	seed = (uint64_t)_i + 1;
	for (int i = 0; i < 600; i++) {
		uint32_t dice = random_below(&seed, 100);
		size_t len = random_below(&seed, 8) == 0 ?
		    random_below(&seed, TEXT_MAX) :
		    random_below(&seed, 100);

		if (dice < 60)
			agregar(any_usuario(), any_titulo(), text('d', len));
		else if (dice < 70)
			eliminar(any_usuario(), any_titulo());
		else if (dice < 95)
			listar(any_usuario(), random_below(&seed, 40),
			    random_below(&seed, 40),
			    random_below(&seed, 20000));
		else
			check_usuario(any_usuario());
	}
}
END_TEST

/* Chunks of all sizes, with holes and joined again. */
START_TEST(a_long_list_leads_where_the_model_leads)
{
	seed = (uint64_t)_i + 100;
	for (int i = 0; i < 4000; i++) {
		int any = (int)random_below(&seed, 400);
		bool adds = random_below(&seed, 100) < (i < 1500 ? 80 : 45);

		if (adds)
			agregar("ana", numbered(any),
			    text('d', random_below(&seed, 120)));
		else
			eliminar("ana", numbered(any));
		if (i % 20 == 0)
			check_usuario("ana");
		listar("ana", random_below(&seed, 400), 3, FRAME);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tareas_state");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_unknown_user_has_an_empty_list);
	tcase_add_test(t, a_list_is_newest_first_and_each_user_has_its_own);
	tcase_add_test(t, all_tasks_of_that_very_title_are_deleted);
	tcase_add_test(t, texts_of_every_length_of_head_are_kept);
	tcase_add_test(t, tasks_fill_chunks_to_their_very_edges);
	tcase_add_test(t, few_tasks_fill_their_chunk_to_its_very_edge);
	tcase_add_test(t, any_one_of_a_list_is_deleted);
	tcase_add_test(t, titles_with_the_same_tag_are_told_apart);
	tcase_add_test(t, every_page_has_the_tasks_of_its_bounds);
	tcase_add_test(t, a_listing_holds_exactly_what_fits);
	tcase_add_test(t, a_full_frame_is_within_its_bytes);
	tcase_add_test(t, a_frame_has_at_most_its_objects);
	tcase_add_test(t, a_user_has_a_hundred_thousand_tasks_at_most);
	tcase_add_test(t, what_is_deleted_gives_its_memory_back);
	tcase_add_test(t, holes_do_not_pile_up);
	tcase_add_test(t, room_for_more_goes_with_a_deletion);
	tcase_add_test(t, small_chunks_do_not_pile_up);
	tcase_add_test(t, a_user_without_tasks_is_forgotten);
	tcase_add_test(t, a_deletion_tells_the_numbers_of_its_tasks);
	tcase_add_test(t, a_number_has_64_bits);
	tcase_add_test(t, a_reading_depends_on_the_last_change_of_its_user);
	tcase_add_test(t, a_listing_is_as_long_as_was_said_at_most);
	tcase_add_loop_test(t, any_operations_lead_where_the_model_leads, 0,
	    40);
	tcase_add_loop_test(t, a_long_list_leads_where_the_model_leads, 0, 4);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
